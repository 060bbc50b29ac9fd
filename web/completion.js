// What completes a word: the problem's names, the functions, and letters after a backslash.

import {element} from "./markup.js";

const BEGUN = /(\\[A-Za-z]*|[\p{L}_][\p{L}\p{N}_]*)$/u;
const MOST = 8; // words in the list
const SHORTEST = 2; // letters, unless they are asked for

/** @typedef {{word: string, said: string}} Word */

export class Completion {
  /** @param {import("./editor.js").Editor} editor
   * @param {HTMLElement} list */
  constructor(editor, list) {
    this.editor = editor;
    this.list = list;
    /** @type {Word[]} */
    this.known = [];
    /** @type {Record<string, string>} */
    this.letters = {};
    /** @type {Word[]} */
    this.own = [];
    this.chosen = -1;
    /** @type {Word[]} */
    this.shown = [];
    editor.area.addEventListener("input", () => this.offer());
    editor.area.addEventListener("keydown", (event) => this.key(event));
    editor.area.addEventListener("blur", () => this.close());
    editor.area.addEventListener("click", () => this.close());
    list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the box keeps the focus
      const row = event.target instanceof Element ? event.target.closest("li") : null;
      if (row) this.take([...list.children].indexOf(row));
    });
  }

  /** @param {import("./engine.js").Answer} answer */
  learn(answer) {
    this.known = Object.entries(answer.words ?? {}).map(([word, said]) => ({word, said}));
    this.letters = answer.letters ?? {};
  }

  get begun() {
    const {selectionStart, selectionEnd} = this.editor.area;
    if (selectionStart !== selectionEnd) return "";
    return BEGUN.exec(this.editor.text.slice(0, selectionStart))?.[0] ?? "";
  }

  /** Show what the word before the caret may become; `asked` also after a single letter. */
  offer(asked = false) {
    const begun = this.begun;
    if (!begun || (begun.length < SHORTEST && !asked)) {
      this.close();
      return;
    }
    const letters = Object.entries(this.letters).map(([word, said]) => ({word, said}));
    const words = begun.startsWith("\\") ? letters : [...this.own, ...this.known];
    const fitting = words.filter(({word}) => word.startsWith(begun));
    if (!asked && fitting.some(({word}) => word === begun) && !begun.startsWith("\\")) {
      this.close();
      return;
    }
    this.shown = fitting.filter(({word}) => word !== begun || begun.startsWith("\\")).slice(0, MOST);
    if (!this.shown.length) {
      this.close();
      return;
    }
    this.list.replaceChildren(...this.shown.map(({word, said}, i) => element("li",
      {role: "option", id: `word-${i}`}, element("b", {}, word), element("span", {}, said))));
    const place = this.editor.placeOf(this.editor.area.selectionStart);
    const room = this.editor.area.clientWidth - 260;
    this.list.style.left = `${Math.max(4, Math.min(place.left, room))}px`;
    this.list.style.top = `${place.top + 4}px`;
    this.list.hidden = false;
    this.editor.area.setAttribute("aria-expanded", "true");
    this.choose(-1);
  }

  close() {
    this.list.hidden = true;
    this.shown = [];
    this.editor.area.setAttribute("aria-expanded", "false");
    this.editor.area.removeAttribute("aria-activedescendant");
  }

  /** @param {number} place */
  choose(place) {
    this.chosen = place;
    [...this.list.children].forEach((row, i) =>
      row.setAttribute("aria-selected", String(i === place)));
    if (place >= 0) this.editor.area.setAttribute("aria-activedescendant", `word-${place}`);
    else this.editor.area.removeAttribute("aria-activedescendant");
  }

  /** @param {number} place */
  take(place) {
    const word = this.shown[place];
    if (!word) return;
    const begun = this.begun;
    const end = this.editor.area.selectionStart;
    const text = begun.startsWith("\\") ? this.letters[word.word] ?? word.word : word.word;
    this.close();
    this.editor.insert(text, end - begun.length, end);
    this.close();
  }

  /** Keys that the list takes while it is open; Tab always goes on to the next control.
   * @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey && event.key === " ") {
      event.preventDefault();
      this.offer(true);
      return;
    }
    if (!this.shown.length) return;
    const last = this.shown.length - 1;
    if (event.key === "ArrowDown") this.choose(this.chosen === last ? 0 : this.chosen + 1);
    else if (event.key === "ArrowUp" && this.chosen >= 0) this.choose(this.chosen - 1);
    else if (event.key === "Enter" && this.chosen >= 0) this.take(this.chosen);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }
}
