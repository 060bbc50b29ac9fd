// The box: a plain text area that people and screen readers know, over a copy of its text in
// colours; what is wrong is underlined there.

import {element} from "./markup.js";

/** @typedef {import("./engine.js").Mark} Mark */
/** @typedef {{start: number, end: number}} Place */

const MOST_COLOURED = 20_000; // letters
const BORDERS = 3; // pixels, of both sides and what is lost by rounding

export class Editor {
  /** @param {HTMLTextAreaElement} area
   * @param {HTMLElement} overlay */
  constructor(area, overlay) {
    this.area = area;
    this.overlay = overlay;
    /** @type {Mark[]} */
    this.marks = [];
    /** @type {Place[]} */
    this.faults = [];
    this.drawn = "";
    area.addEventListener("scroll", () => this.follow());
    area.addEventListener("input", () => this.typed());
    this.draw();
  }

  get text() {
    return this.area.value;
  }

  /** Put another text into the box, so that undo brings the old one back.
   * @param {string} text */
  replace(text) {
    this.insert(text, 0, this.text.length);
    this.area.setSelectionRange(text.length, text.length);
    this.area.scrollTop = 0;
  }

  /** Put a text in the place of a part, as typing does.
   * @param {string} text
   * @param {number} start
   * @param {number} end */
  insert(text, start, end) {
    this.area.focus({preventScroll: true});
    this.area.setSelectionRange(start, end);
    const done = document.execCommand(text ? "insertText" : "delete", false, text);
    if (!done || this.text.slice(start, start + text.length) !== text) {
      this.area.setRangeText(text, start, this.area.selectionEnd, "end");
      this.area.dispatchEvent(new Event("input", {bubbles: true}));
    }
  }

  /** Move the marks with what is typed, so that colours stay until new ones come. */
  typed() {
    const [before, after] = [this.drawn, this.text];
    let same = 0;
    while (same < before.length && before[same] === after[same]) same += 1;
    const moved = after.length - before.length;
    const end = same + Math.max(0, -moved);
    this.marks = this.marks.flatMap((mark) => {
      const [look, start, stop] = mark;
      if (stop <= same) return [mark];
      return start >= end ? [/** @type {Mark} */ ([look, start + moved, stop + moved])] : [];
    });
    this.faults = [];
    this.draw();
  }

  /** Show how the parts of the text look, and underline what is wrong.
   * @param {Mark[]} marks
   * @param {Place[]} faults */
  show(marks, faults) {
    this.marks = marks;
    this.faults = faults;
    this.draw();
  }

  draw() {
    const text = this.text;
    this.drawn = text;
    if (text.length > MOST_COLOURED) {
      this.overlay.replaceChildren();
      this.overlay.parentElement?.classList.add("uncoloured");
      return;
    }
    this.overlay.parentElement?.classList.remove("uncoloured");
    const cuts = new Set([0, text.length]);
    for (const [, start, end] of this.marks) cuts.add(start).add(end);
    for (const {start, end} of this.faults) cuts.add(start).add(end);
    const places = [...cuts].filter((at) => at <= text.length).sort((a, b) => a - b);
    const parts = places.slice(1).map((end, i) => {
      const start = places[i] ?? 0;
      const looks = this.marks.filter(([, from, to]) => from <= start && end <= to)
        .map(([look]) => look);
      if (this.faults.some((fault) => fault.start <= start && end <= fault.end)) looks.push("fault");
      const part = text.slice(start, end);
      return looks.length ? element("span", {class: looks.join(" ")}, part) : part;
    });
    const behind = this.faults.some(({start}) => start >= text.length);
    this.overlay.replaceChildren(...parts,
      element("span", behind ? {class: "fault"} : {}, behind ? " " : ""), "\n");
    this.area.style.height = "auto";
    this.area.style.height = `${this.area.scrollHeight + BORDERS}px`;
    this.follow();
  }

  follow() {
    this.overlay.scrollTop = this.area.scrollTop;
    this.overlay.scrollLeft = this.area.scrollLeft;
  }

  /** Where a letter stands, in pixels within the box.
   * @param {number} at */
  placeOf(at) {
    const range = document.createRange();
    const walker = document.createTreeWalker(this.overlay, NodeFilter.SHOW_TEXT);
    let seen = 0;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const length = node.textContent?.length ?? 0;
      if (seen + length >= at) {
        range.setStart(node, at - seen);
        break;
      }
      seen += length;
    }
    range.collapse(true);
    const [box, letter] = [this.overlay.getBoundingClientRect(), range.getBoundingClientRect()];
    return {left: letter.left - box.left, top: letter.bottom - box.top};
  }
}
