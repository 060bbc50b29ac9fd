// The engine in the browser: Python in WebAssembly, which answers as the server does.

/** @typedef {{id: number, question?: unknown}} Request_ */
/** @typedef {{unpackArchive: (data: ArrayBuffer, kind: string, options: object) => void,
 *   loadPackage: (name: string, options: object) => Promise<unknown>,
 *   runPython: (text: string) => (question: string) => string}} Python */

const START = `
import json, os, sys
sys.path.insert(0, "/shapetrick")
os.environ["XDG_CACHE_HOME"] = "/shapetrick/cache"  # the parser's tables, if they come along
os.makedirs("/shapetrick/cache/shapetrick", exist_ok=True)
os.chmod("/shapetrick/cache/shapetrick", 0o700)
from shapetrick.web_page.answers import answer
lambda question: json.dumps(answer(json.loads(question), None), ensure_ascii=False)
`;
const PROGRAM = "pyodide.asm.wasm"; // it and its script stand packed on the site
const SCRIPT = "pyodide.asm.js";

const tell = (/** @type {string} */ told) => postMessage({told});
const fetched = globalThis.fetch;

/** What stands packed at an address, as it was.
 * @param {string} address
 * @param {string} kind */
async function unpacked(address, kind) {
  const response = await fetched(`${address}.gz`);
  if (!response.ok || !response.body) throw new Error(`${address}.gz is missing`);
  const plain = response.body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain, {headers: {"Content-Type": kind}});
}

// The program is fetched by Pyodide itself: it gets it unpacked.
globalThis.fetch = async (
  /** @type {RequestInfo | URL} */ input, /** @type {RequestInit | undefined} */ options) => {
  const address = String(input instanceof Request ? input.url : input);
  return address.endsWith(PROGRAM)
    ? unpacked(address, "application/wasm") : fetched(input, options);
};

/** @returns {Promise<(question: string) => string>} */
async function started() {
  tell("Loading Python…");
  const own = fetched("./shapetrick.zip").then((response) => response.arrayBuffer());
  const script = await (await unpacked(`./pyodide/${SCRIPT}`, "text/javascript")).blob();
  await import(URL.createObjectURL(script));
  const address = new URL("./pyodide/pyodide.mjs", location.href).href;
  const {loadPyodide} = await import(address);
  /** @type {Python} */
  const python = await loadPyodide({indexURL: "./pyodide/"});
  tell("Loading NumPy…");
  const quiet = {messageCallback: () => {}};
  await python.loadPackage("numpy", quiet);
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
