// The page: what is typed is read at once and answered when the typing rests; all that is shown
// comes from the engine.

import {makeArrangeable} from "./arranging.js";
import {Completion} from "./completion.js";
import {Editor} from "./editor.js";
import {connected} from "./engine.js";
import {copy, save, takeDrops} from "./files.js";
import {keepInAddress, linkedText} from "./link.js";
import {byId, element, markup, withCode} from "./markup.js";

/** @typedef {import("./engine.js").Answer} Answer */
/** @typedef {import("./engine.js").Result} Result */
/** @typedef {import("./engine.js").Question} Question */

const REST = 250; // milliseconds without a key, until an answer is asked for
const FIRST = "X : m x d\nw : d\ny : m\nJ = norm(X w - y)^2 / (2 m)\ngrad J wrt w\n";
const EXPORTS = /** @type {Record<string, string>} */ (
  {html: "derivation.html", latex: "derivation.tex", markdown: "derivation.md"});

const area = byId("problem", HTMLTextAreaElement);
const overlay = /** @type {HTMLElement} */ (document.querySelector(".overlay"));
const editor = new Editor(area, overlay);
const completion = new Completion(editor, byId("words", HTMLElement));
const faults = byId("fault", HTMLElement);
const remarks = byId("remarks", HTMLElement);
const shapes = byId("shapes", HTMLElement);
const answers = byId("answers", HTMLElement);
const state = byId("status", HTMLElement);
const code = byId("code", HTMLDetailsElement);
const target = byId("target", HTMLSelectElement);
const module = byId("module", HTMLElement);
const gallery = byId("gallery", HTMLDialogElement);

state.textContent = "Starting…";
const engine = await connected((told) => { state.textContent = told; });

// ------------------------------------------------------------------------------ asking and showing

let wanted = 0; // grows with each key: what is older is not shown
let pressed = 0; // when the last key was
let busy = false;
let current = new AbortController();

/** The answer to a question; what keeps the engine from answering is told as a fault.
 * @param {Question} question
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer | null>} null where it was given up */
async function ask(question, signal) {
  try {
    return await engine.ask(question, signal);
  } catch (reason) {
    if (signal?.aborted) return null;
    return {errors: [{message: reason instanceof Error ? reason.message : String(reason)}]};
  }
}

/** Read the text that stands, then answer it, until nothing newer stands. */
async function update() {
  wanted += 1;
  pressed = performance.now();
  current.abort();
  answers.classList.add("old");
  if (busy) return;
  busy = true;
  let seen = 0;
  while (seen !== wanted) {
    seen = wanted;
    current = new AbortController();
    await answered(editor.text, () => seen === wanted, current.signal);
  }
  busy = false;
}

/** @param {string} text
 * @param {() => boolean} stands whether nothing newer is wanted
 * @param {AbortSignal} signal */
async function answered(text, stands, signal) {
  keepInAddress(text);
  const reading = await ask({ask: "reading", text}, signal);
  if (!reading || !stands()) return;
  showReading(reading);
  if (!text.trim()) {
    showResults({errors: [], results: []});
    return;
  }
  if (reading.errors.length) {
    state.textContent = "";
    return;
  }
  state.textContent = "Deriving…";
  await new Promise((rested) => setTimeout(rested, pressed + REST - performance.now()));
  if (!stands()) return;
  const answer = await ask({ask: "answers", text}, signal);
  if (!answer || !stands()) return;
  if (answer.errors.length) showReading({...reading, ...answer});
  showResults(answer);
}

/** @param {Answer} answer */
function showReading(answer) {
  const places = answer.errors.flatMap(({start, end}) =>
    start === undefined || end === undefined ? [] : [{start, end}]);
  editor.show(answer.marks ?? [], places);
  area.setAttribute("aria-invalid", String(answer.errors.length > 0));
  faults.replaceChildren(...answer.errors.map(({message, excerpt}) => element("div", {},
    ...(excerpt ? [element("pre", {}, excerpt.trimEnd())] : []), element("p", {}, ...withCode(message)))));
  if (answer.errors.length && !answer.names?.length) return; // the last ones stay
  remarks.replaceChildren(...(answer.remarks ?? []).map(({label, text}) =>
    element("p", {class: "soft"}, `${label}: ${text}`)));
  shapes.replaceChildren(markup(answer.shapes ?? ""));
  completion.own = [
    ...(answer.names ?? []).map(({name, rows, columns}) =>
      ({word: name, said: `${rows}×${columns}`})),
    ...(answer.functions ?? []).map((word) => ({word, said: "element-wise function"})),
  ];
}

/** @param {Answer} answer */
function showResults(answer) {
  const results = answer.results ?? [];
  answers.classList.remove("old");
  answers.replaceChildren(...results.map(shownResult));
  const count = (/** @type {Result[]} */ some) =>
    some.reduce((all, {requests}) => all + (requests ?? 1), 0);
  const good = count(results.filter(({verdict}) => verdict === "verified" || verdict === "right"));
  state.textContent = results.length ? `${good} of ${count(results)} held against the numbers.` : "";
  state.classList.toggle("doubt", good < count(results));
  code.hidden = !results.some(({latex}) => latex);
  module.textContent = "";
  if (code.open && !code.hidden) void showCode();
}

/** @param {Result} result */
function shownResult(result) {
  const tools = element("div", {class: "tools"});
  const button = (/** @type {string} */ label, /** @type {() => void} */ act) => {
    const made = element("button", {type: "button"}, label);
    made.addEventListener("click", act);
    tools.append(made);
    return made;
  };
  const {instead, start, end, latex, text} = result;
  if (instead !== undefined && start !== undefined && end !== undefined) {
    button(`Write ${instead}`, () => editor.insert(instead, start, end)).classList.add("mend");
  }
  if (latex) {
    const copyText = button("Copy", () => void copy(copyText, text));
    const copyLatex = button("Copy LaTeX", () => void copy(copyLatex, latex));
  }
  const shown = element("div", {class: `result ${result.verdict}`}, tools, markup(result.markup));
  makeArrangeable(shown);
  return shown;
}

async function showCode() {
  const asked = wanted;
  module.textContent = "…";
  const found = await ask({ask: "code", text: editor.text, target: target.value});
  if (asked !== wanted) return;
  module.textContent = found?.code ?? found?.errors.map(({message}) => message).join("\n") ?? "";
}

// ----------------------------------------------------------------------------------- what one does

area.addEventListener("input", () => void update());
code.addEventListener("toggle", () => { if (code.open && !module.textContent) void showCode(); });
target.addEventListener("change", () => void showCode());

const copyCode = byId("copy-code", HTMLButtonElement);
copyCode.addEventListener("click", () => void copy(copyCode, module.textContent ?? ""));
const link = byId("link", HTMLButtonElement);
link.addEventListener("click", () => {
  keepInAddress(editor.text);
  void copy(link, location.href);
});

const exported = byId("export", HTMLSelectElement);
exported.addEventListener("change", async () => {
  const format = exported.value;
  const text = editor.text;
  exported.value = "";
  if (format === "problem") {
    save("problem.st", text);
    return;
  }
  const python = format === "python";
  const question = /** @type {Question} */ (python
    ? {ask: "code", text, target: "numpy"} : {ask: "document", text, format});
  const found = await ask(question);
  const written = found?.code ?? found?.document;
  if (written !== undefined) save(python ? "gradients.py" : EXPORTS[format] ?? "derivation.txt", written);
  else if (found) showReading(found);
});

takeDrops((text) => editor.replace(text), (message) => showReading({errors: [{message}]}));

// A link within a derivation leads to its place, and leaves the problem in the address.
answers.addEventListener("click", (event) => {
  const anchor = event.target instanceof Element ? event.target.closest("a") : null;
  const place = anchor?.getAttribute("href")?.slice(1);
  if (!place) return;
  event.preventDefault();
  const found = answers.querySelector(`[id="${CSS.escape(place)}"]`);
  if (found instanceof HTMLDetailsElement) found.open = true;
  found?.scrollIntoView({block: "start"});
});

addEventListener("hashchange", () => {
  const text = linkedText();
  if (text !== null && text !== editor.text) editor.replace(text);
});

// ------------------------------------------------------------------------------------- the examples

byId("examples", HTMLButtonElement).addEventListener("click", async () => {
  gallery.showModal();
  const list = /** @type {HTMLElement} */ (gallery.querySelector("ul"));
  if (list.childElementCount) return;
  const found = await ask({ask: "examples"});
  list.replaceChildren(...(found?.examples ?? []).map(({name, sentence, text}) => {
    const button = element("button", {type: "button"}, element("b", {}, sentence),
      element("span", {}, name));
    button.addEventListener("click", () => {
      gallery.close();
      editor.replace(text);
    });
    return element("li", {}, button);
  }));
});
byId("close-gallery", HTMLButtonElement).addEventListener("click", () => gallery.close());

// ---------------------------------------------------------------------------------------- the start

area.value = linkedText() ?? FIRST;
editor.draw();
await update();
const words = await ask({ask: "words"});
completion.learn(words ?? {errors: []});
target.replaceChildren(...(words?.targets ?? []).map((name) =>
  element("option", {value: name}, name)));
