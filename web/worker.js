// The engine in the browser: Python in WebAssembly, which answers as the server does.

/** @typedef {{id: number, question?: unknown}} Request_ */
/** @typedef {{unpackArchive: (data: ArrayBuffer, kind: string, options: object) => void,
 *   runPython: (text: string) => (question: string) => string}} Python */

const START = `
import gc, json, sys
sys.path.insert(0, "/shapetrick")
gc.disable() # what is imported stays: it need not be looked through
from shapetrick.web_page.answers import answer
gc.freeze()
gc.enable()
lambda question: json.dumps(answer(json.loads(question), None), ensure_ascii=False)
`;
const FOLDER = new URL("./pyodide/", location.href).href;
const PACKED = /\.(js|wasm|whl|zip)$/; // what stands packed in the folder

const tell = (/** @type {string} */ told) => postMessage({told});
const fetched = globalThis.fetch;

/** @type {Map<string, Promise<Response>>} what is fetched before it is asked for */
const early = new Map();

/** What is at an address, as it was before it was packed.
 * @param {RequestInfo | URL} input
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} */
async function unpacked(input, options) {
  const address = String(input instanceof Request ? input.url : input);
  if (!address.startsWith(FOLDER) || !PACKED.test(address)) return fetched(input, options);
  const begun = early.get(address);
  early.delete(address); // a response is read once
  if (begun) return begun;
  const response = await fetched(`${address}.gz`);
  if (!response.ok || !response.body) throw new Error(`${address}.gz is missing`);
  const plain = response.body.pipeThrough(new DecompressionStream("gzip"));
  const kind = address.endsWith("wasm") ? "application/wasm" : "text/javascript";
  return new Response(plain, {headers: {"Content-Type": kind}});
}

globalThis.fetch = unpacked; // Pyodide fetches its parts by itself

/** Fetch at once what Pyodide asks for one after the other, and compile its program meanwhile. */
function begin() {
  const program = `${FOLDER}pyodide.asm.wasm`, plain = WebAssembly.instantiateStreaming;
  const compiled = WebAssembly.compileStreaming(unpacked(program));
  for (const name of ["pyodide.asm.js", "python_stdlib.zip", "shapetrick.zip"]) {
    early.set(FOLDER + name, unpacked(FOLDER + name));
  }
  early.set(program, Promise.resolve(new Response())); // it is compiled below, not read again
  WebAssembly.instantiateStreaming = async (_, imports) => {
    WebAssembly.instantiateStreaming = plain;
    const module = await compiled;
    return {module, instance: await WebAssembly.instantiate(module, imports)};
  };
}

/** @returns {Promise<(question: string) => string>} */
async function started() {
  tell("Loading Python…");
  begin();
  const own = unpacked(`${FOLDER}shapetrick.zip`).then((response) => response.arrayBuffer());
  const script = await (await unpacked(`${FOLDER}pyodide.asm.js`)).blob();
  await import(URL.createObjectURL(script));
  const {loadPyodide} = await import(`${FOLDER}pyodide.mjs`);
  /** @type {Python} */
  const python = await loadPyodide({indexURL: FOLDER, packages: ["numpy"]});
  python.unpackArchive(await own, "zip", {extractDir: "/shapetrick"});
  tell("Starting…");
  return python.runPython(START);
}

/** @type {Map<number, unknown>} */
const waiting = new Map();
let busy = false;

addEventListener("message", (/** @type {MessageEvent<Request_>} */ {data}) => {
  if (data.question === undefined) waiting.delete(data.id); // nobody waits for it any more
  else waiting.set(data.id, data.question);
  void work();
});

/** What an exception says, without the calls that led to it.
 * @param {unknown} reason */
function lastLine(reason) {
  return String(reason).trimEnd().split("\n").pop();
}

/** Answer what waits, the oldest first; between two answers it is heard what was given up. */
async function work() {
  if (busy) return;
  busy = true;
  try {
    const answer = await engine;
    while (waiting.size) {
      const [id, question] = /** @type {[number, unknown]} */ (waiting.entries().next().value);
      waiting.delete(id);
      postMessage({begun: id});
      try {
        postMessage({id, answer: JSON.parse(answer(JSON.stringify(question)))});
      } catch (reason) {
        postMessage({id, fault: lastLine(reason)});
      }
      await new Promise((heard) => setTimeout(heard));
    }
  } catch (reason) {
    for (const id of waiting.keys()) postMessage({id, fault: lastLine(reason)});
    waiting.clear();
  }
  busy = false;
}

const engine = started();
