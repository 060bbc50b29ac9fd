// What answers the page's questions: one interface, and two that have it, a server and a worker.

/**
 * @typedef {{message: string, excerpt?: string, start?: number, end?: number}} Fault
 * @typedef {{asked: string, verdict: string, text: string, markup: string, latex?: string,
 *   requests?: number, figures?: string[], instead?: string, start?: number, end?: number}} Result
 * @typedef {[look: string, start: number, end: number]} Mark
 * @typedef {{name: string, rows: string, columns: string}} Named
 * @typedef {{name: string, sentence: string, text: string}} Example
 * @typedef {{errors: Fault[], marks?: Mark[], shapes?: string, names?: Named[],
 *   functions?: string[], remarks?: {label: string, text: string}[], requests?: string[],
 *   results?: Result[], code?: string, document?: string, examples?: Example[],
 *   words?: Record<string, string>, letters?: Record<string, string>, targets?: string[]}} Answer
 * @typedef {{ask: "reading" | "answers" | "code" | "document" | "words" | "examples",
 *   text?: string, target?: string, format?: string}} Question
 * @typedef {{ask: (question: Question, signal?: AbortSignal) => Promise<Answer>}} Engine
 */

/** The engine that the page names.
 * @param {(text: string) => void} tell what is told while it starts
 * @returns {Promise<Engine>} */
export async function connected(tell) {
  const named = document.querySelector("meta[name=engine]")?.getAttribute("content");
  if (named === "worker") return (await import("./worker_engine.js")).connect(tell);
  return (await import("./server_engine.js")).connect();
}
