// The factors of a scalar line as rectangles that are dragged, turned and put beside or onto each
// other; it is said at once whether they fit, and at the end whether the numbers agree.

const NEAR = 18; // pixels beside a part that still belong to it
const EDGE = 0.3; // the share of a part's width on which a drop is beside it
const START = 6; // pixels after which a press is a drag
const HELP = "Drag a factor beside another one for a product, onto it for a product entry by entry; press \
it to turn it. With keys: Enter turns, the arrows move, * multiplies with the next one, . does so entry by \
entry, Backspace takes apart.";

/** @typedef {{dim: string, side: number}} Side of a matrix; that of a 1 has no number: -1
 * @typedef {"product" | "entries"} Way in which two parts are put together
 * @typedef {{factor: number, turned: boolean}} Leaf
 * @typedef {{way: Way, left: Tree, right: Tree}} Pair
 * @typedef {Leaf | Pair} Tree
 * @typedef {{tree: Tree, rows: Side, cols: Side, met: [number, number][]}} Part
 * @typedef {{name: string, rows: string, cols: string}} Factor
 * @typedef {{label: string, rows: string, cols: string, lengths: Record<string, number>,
 *   tried: Record<string, number>, said: string[]}} Line `tried` has for each way in which sides
 *   meet where in `said` stands what is wrong about it; the first says nothing */

// ------------------------------------------------------------------------------ what fits together

/** The factors as parts, their sides numbered in order.
 * @param {Factor[]} factors
 * @returns {Part[]} */
export function partsOf(factors) {
  let count = 0;
  const side = (/** @type {string} */ dim) => ({dim, side: dim === "1" ? -1 : count++});
  return factors.map(({rows, cols}, factor) =>
    ({tree: {factor, turned: false}, rows: side(rows), cols: side(cols), met: []}));
}

/** The transpose.
 * @param {Part} part
 * @returns {Part} */
export function turned({tree, rows, cols, met}) {
  return {tree: turnedTree(tree), rows: cols, cols: rows, met};
}

/** @param {Tree} tree
 * @returns {Tree} */
function turnedTree(tree) {
  if (!("way" in tree)) return {factor: tree.factor, turned: !tree.turned};
  const [left, right] = [turnedTree(tree.left), turnedTree(tree.right)];
  return tree.way === "product" ? {way: tree.way, left: right, right: left} : {...tree, left, right};
}

/** Two parts together, or null where they don't fit.
 * @param {Way} way
 * @param {Part} left
 * @param {Part} right
 * @returns {Part | null} */
export function together(way, left, right) {
  const met = [...left.met, ...right.met];
  const tree = {way, left: left.tree, right: right.tree};
  const meet = (/** @type {Side} */ a, /** @type {Side} */ b) => {
    if (a.side >= 0 && b.side >= 0) met.push([a.side, b.side]);
    return a.side >= 0 ? a : b;
  };
  const isScalar = (/** @type {Part} */ part) => part.rows.side < 0 && part.cols.side < 0;
  if (way === "product" && !isScalar(left) && !isScalar(right)) {
    if (left.cols.dim !== right.rows.dim) return null;
    meet(left.cols, right.rows);
    return {tree, rows: left.rows, cols: right.cols, met};
  }
  const fit = (/** @type {Side} */ a, /** @type {Side} */ b) =>
    a.dim === b.dim || a.side < 0 || b.side < 0;
  if (!fit(left.rows, right.rows) || !fit(left.cols, right.cols)) return null;
  return {tree, rows: meet(left.rows, right.rows), cols: meet(left.cols, right.cols), met};
}

/** What a part was put together of; a factor alone stays as it is.
 * @param {Part} part
 * @param {Factor[]} factors
 * @returns {Part[]} */
export function apart({tree}, factors) {
  const own = partsOf(factors);
  return "way" in tree ? [built(tree.left, own), built(tree.right, own)] : [built(tree, own)];
}

/** @param {Tree} tree
 * @param {Part[]} own
 * @returns {Part} */
function built(tree, own) {
  if ("way" in tree) {
    return /** @type {Part} */ (together(tree.way, built(tree.left, own), built(tree.right, own)));
  }
  const part = /** @type {Part} */ (own[tree.factor]);
  return tree.turned ? turned(part) : part;
}

/** How the sides meet if a part is the result, as a key of what was tried: the block of each side,
 * numbered as they first occur; null where the shape is another one.
 * @param {Part} part
 * @param {Line} line
 * @param {Factor[]} factors
 * @returns {string | null} */
export function meeting({rows, cols, met}, line, factors) {
  if (rows.dim !== line.rows || cols.dim !== line.cols) return null;
  const result = {rows: line.rows, cols: line.cols, name: line.label};
  const target = /** @type {Part} */ (partsOf([...factors, result]).at(-1));
  /** @type {number[]} */
  const block = [];
  const root = (/** @type {number} */ i) => {
    for (let up = block[i]; up !== undefined; up = block[i]) i = up;
    return i;
  };
  for (const [a, b] of [...met, [rows.side, target.rows.side], [cols.side, target.cols.side]]) {
    const [one, other] = [root(/** @type {number} */ (a)), root(/** @type {number} */ (b))];
    if (one !== other) block[one] = other;
  }
  const count = 1 + Math.max(target.rows.side, target.cols.side);
  /** @type {Map<number, number>} */
  const numbers = new Map();
  return Array.from({length: count}, (_, i) => {
    if (!numbers.has(root(i))) numbers.set(root(i), numbers.size);
    return /** @type {number} */ (numbers.get(root(i))).toString(36);
  }).join("");
}

/** A part as it is written.
 * @param {Tree} tree
 * @param {Factor[]} factors
 * @returns {string} */
export function text(tree, factors) {
  if (!("way" in tree)) return (factors[tree.factor]?.name ?? "") + (tree.turned ? "ᵀ" : "");
  const inner = (/** @type {Tree} */ part) =>
    "way" in part && part.way !== tree.way ? `(${text(part, factors)})` : text(part, factors);
  return `${inner(tree.left)}${tree.way === "product" ? " " : " ⊙ "}${inner(tree.right)}`;
}

// -------------------------------------------------------------------------------- on the screen

/** @param {Part} part */
const shape = ({rows, cols}) => `${rows.dim}×${cols.dim}`;

/** An element with a look and what it holds.
 * @param {string} name
 * @param {string} look
 * @param {(Node | string)[]} children */
function made(name, look, ...children) {
  const element = document.createElement(name);
  element.className = look;
  element.append(...children);
  return element;
}

/** A line's box while a person is at it. */
class Board {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.line = /** @type {Line} */ (JSON.parse(box.dataset["line"] ?? "{}"));
    const given = [.../** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll("[data-rows]"))];
    this.looks = given.map((e) => ({look: e.className, drawn: [...e.childNodes]}));
    /** @type {Factor[]} */
    this.factors = given.map(({dataset}) =>
      ({name: dataset["name"] ?? "", rows: dataset["rows"] ?? "1", cols: dataset["cols"] ?? "1"}));
    this.parts = partsOf(this.factors);
    this.current = 0;
    this.table = made("div", "table");
    this.table.setAttribute("role", "group");
    this.table.setAttribute("aria-label", `the factors of ${this.line.label}`);
    this.status = made("p", "said");
    this.status.setAttribute("role", "status");
    box.replaceChildren(made("p", "soft", HELP), this.table, this.tools(), this.status);
    this.draw();
    this.tell(`${this.line.label} is ${this.line.rows}×${this.line.cols}.`);
  }

  tools() {
    /** @type {[string, () => void][]} */
    const acts = [
      ["Turn", () => this.turn()],
      ["← Move", () => this.move(-1)],
      ["Move →", () => this.move(1)],
      ["Times the next", () => this.joinNext("product")],
      ["Entry by entry with the next", () => this.joinNext("entries")],
      ["Take apart", () => this.split()],
      ["Start again", () => this.restart()],
    ];
    return made("div", "acts", ...acts.map(([label, act]) => {
      const button = /** @type {HTMLButtonElement} */ (made("button", "", label));
      button.type = "button";
      button.addEventListener("click", act);
      return button;
    }));
  }

  /** @param {string} said
   * @param {"" | "good" | "bad"} look */
  tell(said, look = "") {
    this.status.className = `said ${look}`.trim();
    this.status.textContent = said;
  }

  /** @param {boolean} focus whether the current part has the focus afterwards */
  draw(focus = false) {
    this.table.replaceChildren(...this.parts.map((part, i) => this.drawn(part, i)));
    if (focus) this.element(this.current).focus();
  }

  /** @param {number} i */
  element(i) {
    return /** @type {HTMLElement} */ (this.table.children[i]);
  }

  /** @param {Part} part
   * @param {number} i */
  drawn(part, i) {
    const element = made("div", "part", this.tree(part.tree), made("span", "shape", shape(part)));
    element.tabIndex = 0;
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", `${text(part.tree, this.factors)}, ${shape(part)}: turn`);
    element.classList.toggle("current", i === this.current);
    element.addEventListener("focus", () => this.choose(i));
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("pointerdown", (event) => this.press(event, i));
    return element;
  }

  /** @param {Tree} tree
   * @returns {HTMLElement} */
  tree(tree) {
    if ("way" in tree) {
      const sign = made("span", "sign", tree.way === "product" ? "·" : "⊙");
      return made("div", `pair ${tree.way}`, this.tree(tree.left), sign, this.tree(tree.right));
    }
    const factor = /** @type {Factor} */ (this.factors[tree.factor]);
    const {look, drawn} = /** @type {{look: string, drawn: ChildNode[]}} */ (this.looks[tree.factor]);
    const rectangle = made("div", "rectangle");
    const sides = [factor.rows, factor.cols].map((dim) => `${this.line.lengths[dim] ?? 8}px`);
    if (tree.turned) sides.reverse();
    [rectangle.style.height, rectangle.style.width] = /** @type {[string, string]} */ (sides);
    const name = made("span", "name", ...drawn.map((node) => node.cloneNode(true)));
    if (tree.turned) name.append(made("sup", "", "⊤"));
    return made("div", `leaf ${look}`, rectangle, name);
  }

  /** @param {number} i */
  choose(i) {
    this.current = i;
    [...this.table.children].forEach((e, k) => e.classList.toggle("current", k === i));
  }

  // ------------------------------------------------------------------------------- what one does

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {Record<string, () => void>} */
    const acts = {
      Enter: () => this.turn(), " ": () => this.turn(), t: () => this.turn(),
      ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1),
      "*": () => this.joinNext("product"), ".": () => this.joinNext("entries"),
      Backspace: () => this.split(), Delete: () => this.split(),
    };
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  part() {
    return /** @type {Part} */ (this.parts[this.current]);
  }

  turn() {
    this.parts[this.current] = turned(this.part());
    this.draw(true);
    this.judge();
  }

  /** @param {-1 | 1} by */
  move(by) {
    const to = this.current + by;
    if (to < 0 || to >= this.parts.length) return;
    const [part] = this.parts.splice(this.current, 1);
    this.parts.splice(to, 0, /** @type {Part} */ (part));
    this.current = to;
    this.draw(true);
    this.tell(`${text(this.part().tree, this.factors)} is number ${to + 1} of ${this.parts.length}.`);
  }

  /** @param {Way} way */
  joinNext(way) {
    if (this.current + 1 < this.parts.length) this.join(way, this.current, this.current + 1);
    else this.tell("There is nothing at its right: move it to the left first.");
  }

  split() {
    const parts = apart(this.part(), this.factors);
    this.parts.splice(this.current, 1, ...parts);
    this.draw(true);
    this.judge();
  }

  restart() {
    this.parts = partsOf(this.factors);
    this.current = 0;
    this.draw(true);
    this.judge();
  }

  /** Put two parts together in the place of the second, if they fit.
   * @param {Way} way
   * @param {number} left
   * @param {number} right
   * @param {number} at the one of them in whose place they stand then */
  join(way, left, right, at = left) {
    const found = this.tryOut(way, left, right);
    if (!found) return;
    const place = left + right - at; // the other one, which goes
    this.parts[at] = found;
    this.parts.splice(place, 1);
    this.current = at - (place < at ? 1 : 0);
    this.draw(true);
    this.judge();
  }

  /** Two parts together, and whether they fit is told.
   * @param {Way} way
   * @param {number} left
   * @param {number} right */
  tryOut(way, left, right) {
    const [a, b] = /** @type {[Part, Part]} */ ([this.parts[left], this.parts[right]]);
    const found = together(way, a, b);
    const sign = way === "product" ? "·" : "⊙";
    const [one, other] = [a, b].map(({tree}) =>
      "way" in tree ? `(${text(tree, this.factors)})` : text(tree, this.factors));
    const said = `${one} ${sign} ${other}: ${shape(a)} ${sign} ${shape(b)}`;
    if (found) this.tell(`${said} fits and is ${shape(found)}.`);
    else this.tell(`${said} does not fit.`, "bad");
    return found;
  }

  /** Say what stands: how far it is, and at the end whether the shape and the numbers agree. */
  judge() {
    const {label, rows, cols, tried, said} = this.line;
    const part = this.part();
    const written = `${text(part.tree, this.factors)} is ${shape(part)}`;
    if (this.parts.length > 1) {
      this.tell(`${written}; ${this.parts.length} parts are left.`);
      return;
    }
    const key = meeting(part, this.line, this.factors);
    if (key === null) {
      this.tell(`${written}, and ${label} is ${rows}×${cols}: the shapes do not match.`, "bad");
      return;
    }
    const wrong = said[tried[key] ?? -1];
    if (wrong === "") this.tell(`${written}: the shapes match, and the numbers agree.`, "good");
    else this.tell(`${written}: the shapes match, and the numbers do not agree: ${wrong}.`, "bad");
  }

  // ---------------------------------------------------------------------------------- the pointer

  /** @param {PointerEvent} event
   * @param {number} from */
  press(event, from) {
    if (event.button !== 0) return;
    event.preventDefault(); // of selecting text; the focus is set below
    const element = this.element(from);
    element.focus();
    element.setPointerCapture(event.pointerId);
    let isDrag = false;
    const place = (/** @type {PointerEvent} */ e) => this.place(e.clientX, e.clientY, from);
    const moved = (/** @type {PointerEvent} */ e) => {
      const [x, y] = [e.clientX - event.clientX, e.clientY - event.clientY];
      isDrag ||= Math.hypot(x, y) > START;
      if (!isDrag) return;
      element.classList.add("dragged");
      element.style.transform = `translate(${x}px, ${y}px)`;
      this.show(place(e), from);
    };
    const ended = (/** @type {PointerEvent} */ e) => {
      element.removeEventListener("pointermove", moved);
      element.removeEventListener("pointerup", ended);
      element.removeEventListener("pointercancel", ended);
      element.classList.remove("dragged");
      element.style.transform = "";
      const found = isDrag && e.type === "pointerup" ? place(e) : null;
      this.show(null, from);
      if (found) this.join(found.way, found.left, found.right, found.at);
      else if (!isDrag && e.type === "pointerup") this.turn();
    };
    element.addEventListener("pointermove", moved);
    element.addEventListener("pointerup", ended);
    element.addEventListener("pointercancel", ended);
  }

  /** What a drop at a point puts together: beside a part a product, onto it entry by entry.
   * @param {number} x
   * @param {number} y
   * @param {number} from */
  place(x, y, from) {
    for (const [at, element] of [...this.table.children].entries()) {
      const box = element.getBoundingClientRect();
      const inside = x > box.left - NEAR && x < box.right + NEAR && y > box.top && y < box.bottom;
      if (at === from || !inside) continue;
      const share = (x - box.left) / box.width;
      if (share < EDGE) return {way: /** @type {Way} */ ("product"), left: from, right: at, at};
      const way = /** @type {Way} */ (share > 1 - EDGE ? "product" : "entries");
      return {way, left: at, right: from, at};
    }
    return null;
  }

  /** Show where a drop would lead, and whether it fits.
   * @param {{way: Way, left: number, right: number, at: number} | null} found
   * @param {number} from */
  show(found, from) {
    const look = !found ? "" : found.way === "entries" ? "onto" : found.left === from ? "before" : "after";
    for (const [i, element] of [...this.table.children].entries()) {
      element.classList.remove("onto", "before", "after", "misfit");
      if (!found || i !== found.at) continue;
      element.classList.add(look);
      if (!this.tryOut(found.way, found.left, found.right)) element.classList.add("misfit");
    }
  }
}

/** Let the boxes in a document, or in a part of one, be worked at.
 * @param {ParentNode} root */
export function makeArrangeable(root) {
  for (const box of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-line]"))) {
    const fold = box.closest("details");
    if (!fold) continue;
    fold.hidden = false;
    fold.addEventListener("toggle", () => new Board(box), {once: true});
  }
}
