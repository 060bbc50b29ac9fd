// The engine in the browser: Python in WebAssembly, which answers as the server does.

/** @typedef {{id: number, question?: unknown}} Request_ */
/** @typedef {{FS: Parameters<typeof unpack>[0],
 *   runPython: (text: string) => (question: string) => string}} Python */

import {files, loadFirst, START, toggle, unpack} from "./interpreter.js";

const FOLDER = new URL("./pyodide/", location.href).href;
const PACKED = /\.(bin|js|wasm|whl|zip)$/; // what stands packed in the folder
const REMEMBERED = false; // whether the build has written the memory of a Python that has begun

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
  const names = ["pyodide.asm.js", "python_stdlib.zip", "shapetrick.zip"];
  for (const name of REMEMBERED ? [...names, "memory.bin", "libraries.zip"] : names) {
    early.set(FOLDER + name, unpacked(FOLDER + name));
  }
  early.set(program, Promise.resolve(new Response())); // it is compiled below, not read again
  WebAssembly.instantiateStreaming = async (_, imports) => {
    WebAssembly.instantiateStreaming = plain;
    const module = await compiled;
    return {module, instance: await WebAssembly.instantiate(module, imports)};
  };
}

/** @param {string} name of a file in the folder */
async function bytes(name) {
  return (await unpacked(FOLDER + name)).arrayBuffer();
}

/** What Python needs to go on from the memory that the build wrote. */
async function remembered() {
  const [archive, memory] = await Promise.all([bytes("libraries.zip"), bytes("memory.bin")]);
  const libraries = [...files(archive)].map(async ([path, program]) => (
    /** @type {[string, WebAssembly.Module]} */ ([path, await WebAssembly.compile(program)])
  ));
  const snapshot = new Uint8Array(memory);
  loadFirst(await Promise.all(libraries), (beginning) => toggle(snapshot, beginning));
  return {_loadSnapshot: snapshot};
}

/** @returns {Promise<(question: string) => string>} */
async function started() {
  tell("Loading Python…");
  begin();
  const own = bytes("shapetrick.zip");
  const script = await (await unpacked(`${FOLDER}pyodide.asm.js`)).blob();
  await import(URL.createObjectURL(script));
  const {loadPyodide} = await import(`${FOLDER}pyodide.mjs`);
  const options = REMEMBERED ? await remembered() : {packages: ["numpy"]};
  /** @type {Python} */
  const python = await loadPyodide({indexURL: FOLDER, ...options});
  unpack(python.FS, await own);
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
    const advice = "load the page again, or open it in another browser";
    const fault = `Python could not be started (${lastLine(reason)}): ${advice}.`;
    for (const id of waiting.keys()) postMessage({id, fault});
    waiting.clear();
  }
  busy = false;
}

const engine = started();
