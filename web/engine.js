// What answers the page's questions: their types, and the interface that an engine has.

/**
 * @typedef {{message: string, excerpt?: string, start?: number, end?: number}} Fault
 * @typedef {{asked: string, verdict: string, text: string, markup: string, latex?: string,
 *   figures?: string[], instead?: string, start?: number, end?: number}} Result
 * @typedef {[look: string, start: number, end: number]} Mark
 * @typedef {{name: string, rows: string, columns: string}} Named
 * @typedef {{name: string, sentence: string, text: string}} Example
 * @typedef {{errors: Fault[], marks?: Mark[], shapes?: string, names?: Named[],
 *   functions?: string[], remarks?: {label: string, text: string}[], requests?: string[],
 *   results?: Result[], code?: string, document?: string, examples?: Example[],
 *   words?: Record<string, string>, letters?: Record<string, string>, targets?: string[]}} Answer
 * @typedef {{ask: "reading" | "answers" | "code" | "document" | "words" | "examples",
 *   text?: string, target?: string, format?: string}} Question
 * @typedef {{ask: (question: Question, signal?: AbortSignal) => Promise<Answer>,
 *   progress?: (told: (text: string) => void) => void}} Engine
 */

export {};
