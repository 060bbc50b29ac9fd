// How Python begins: in the build from nothing, in the worker from the memory that the build wrote.

/** @typedef {{global: boolean, nodelete: boolean, allowUndefined: boolean}} Flags */
/** @typedef {{HEAPU32: Uint32Array, preloadedWasm: Record<string, unknown>,
 *   addRunDependency: (name: string) => void, removeRunDependency: (name: string) => void,
 *   loadWebAssemblyModule: (program: WebAssembly.Module, flags: Flags, path: string,
 *     scope: object) => unknown,
 *   reportUndefinedSymbols: () => void}} Program */
/** @typedef {(settings: {preRun: ((program: Program) => Promise<void>)[]}) => unknown} Create */

const FLAGS = {global: false, nodelete: true, allowUndefined: true};

/** Have the next Python load its libraries before anything else, so that they stand at the same
 * places in each memory.
 * @param {Iterable<[path: string, program: WebAssembly.Module]>} libraries in the same order
 * @param {(memory: Uint32Array) => void} begun takes the memory before Python has written to it */
export function loadFirst(libraries, begun) {
  const pyodide = /** @type {{_createPyodideModule: Create}} */ (/** @type {unknown} */ (globalThis));
  const plain = pyodide._createPyodideModule;
  pyodide._createPyodideModule = (settings) => {
    settings.preRun.push(async (program) => {
      program.addRunDependency("libraries");
      for (const [path, library] of libraries) {
        program.preloadedWasm[path] = program.loadWebAssemblyModule(library, FLAGS, path, {});
      }
      program.reportUndefinedSymbols();
      begun(program.HEAPU32);
      program.removeRunDependency("libraries");
    });
    pyodide._createPyodideModule = plain;
    return plain(settings);
  };
}

/** Turn a snapshot into what differs from the memory at the beginning, which needs few bytes; and
 * that into the snapshot.
 * @param {Uint8Array} snapshot is written over
 * @param {Uint32Array} beginning */
export function toggle(snapshot, beginning) {
  const [, head = 0] = new Uint32Array(snapshot.buffer, 0, 2); // the bytes before the memory
  const words = new Uint32Array(snapshot.buffer, head);
  const length = Math.min(words.length, beginning.length);
  for (let i = 0; i < length; i++) words[i] = Number(words[i]) ^ Number(beginning[i]);
}

/** The files of an archive, which holds them as they are: Python would take longer to unpack it.
 * @param {ArrayBuffer} archive
 * @returns {Generator<[path: string, bytes: Uint8Array<ArrayBuffer>]>} */
export function* files(archive) {
  const view = new DataView(archive), decoder = new TextDecoder();
  const long = (/** @type {number} */ at) => view.getUint32(at, true);
  const short = (/** @type {number} */ at) => view.getUint16(at, true);
  for (let at = 0; long(at) === 0x04034b50;) { // a file's header
    const name = at + 30, data = name + short(at + 26) + short(at + 28);
    const path = decoder.decode(new Uint8Array(archive, name, short(at + 26)));
    yield [`/shapetrick/${path}`, new Uint8Array(archive, data, long(at + 18))];
    at = data + long(at + 18);
  }
}

/** Write the files of an archive where Python looks for them.
 * @param {{mkdirTree: (path: string) => void,
 *   writeFile: (path: string, data: Uint8Array, options: {canOwn: boolean}) => void}} system
 * @param {ArrayBuffer} archive */
export function unpack(system, archive) {
  for (const [path, bytes] of files(archive)) {
    system.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    system.writeFile(path, bytes, {canOwn: true});
  }
}

/** What is run in the beginning, in the build and in the worker: a function that answers. */
export const START = `
import gc, json, sys
if "/shapetrick" not in sys.path:
    sys.path.insert(0, "/shapetrick")
gc.disable() # what is imported stays: it need not be looked through
from shapetrick.web_page.answers import answer
gc.freeze()
gc.enable()
lambda question: json.dumps(answer(json.loads(question), None), ensure_ascii=False)
`;
