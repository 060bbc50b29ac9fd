// The engine that is a worker of this page, for a site without a server.

import {scriptAddress} from "./markup.js";

const LONGEST = 30_000; // milliseconds that an answer may take, before the worker is given up

/** @typedef {import("./engine.js").Answer} Answer */
/** @typedef {import("./engine.js").Question} Question */
/** @typedef {{told?: string, begun?: number, id?: number, answer?: Answer, fault?: string}} Message */
/** @typedef {{resolve: (answer: Answer) => void, reject: (reason: Error) => void,
 *   question: Question}} Asker */

/** @param {(text: string) => void} tell
 * @returns {import("./engine.js").Engine} */
export function connect(tell) {
  /** @type {Map<number, Asker>} */
  const waiting = new Map();
  let asked = 0;
  let worker = started();
  let watch = 0;

  function started() {
    const made = new Worker(scriptAddress("./worker.js"), {type: "module"});
    made.addEventListener("message", (/** @type {MessageEvent<Message>} */ {data}) => hear(data));
    made.addEventListener("error", () => fail("Python could not be started: load the page again."));
    return made;
  }

  /** @param {Message} message */
  function hear({told, begun, id, answer, fault}) {
    if (told !== undefined) tell(told);
    if (begun !== undefined) watch = window.setTimeout(giveUp, LONGEST, begun);
    if (id === undefined) return;
    clearTimeout(watch);
    const asker = waiting.get(id);
    waiting.delete(id);
    if (answer) asker?.resolve(answer);
    else asker?.reject(new Error(fault ?? "The worker has no answer."));
  }

  /** End a worker that takes too long; another one takes the questions that wait.
   * @param {number} id */
  function giveUp(id) {
    worker.terminate();
    const seconds = LONGEST / 1000;
    hear({id, fault: `there was no answer within ${seconds} s, the time limit: ask for less at a time.`});
    worker = started();
    for (const [other, {question}] of waiting) worker.postMessage({id: other, question});
  }

  /** @param {string} reason */
  function fail(reason) {
    for (const {reject} of waiting.values()) reject(new Error(reason));
    waiting.clear();
  }

  if ("serviceWorker" in navigator) {
    const script = scriptAddress("./service_worker.js");
    navigator.serviceWorker.register(script).catch(() => {}); // the page works without it
  }
  return {
    ask: (question, signal) => new Promise((resolve, reject) => {
      const id = asked += 1;
      waiting.set(id, {resolve, reject, question});
      worker.postMessage({id, question});
      signal?.addEventListener("abort", () => {
        worker.postMessage({id});
        if (waiting.delete(id)) reject(new Error("given up"));
      });
    }),
  };
}
