// The one place where text becomes markup. The engine's writers escape all names and texts; what
// could act is taken out here once more, and the page's policy allows no inline script at all.

const UNWANTED = "script, style, link, meta, base, form, iframe, object, embed, template";

/** @typedef {{createHTML: (text: string) => string, createScriptURL: (url: string) => string}} Policy */

/** @type {Policy} */
const plain = {
  createHTML: (text) => text,
  createScriptURL: (url) => {
    if (url !== "./worker.js" && url !== "./service_worker.js") throw new TypeError(`no script: ${url}`);
    return url;
  },
};
const factory = /** @type {{trustedTypes?: {createPolicy(name: string, rules: Policy): Policy}}} */ (
  /** @type {unknown} */ (globalThis)).trustedTypes;
const policy = factory ? factory.createPolicy("shapetrick", plain) : plain;

/** The markup that the engine wrote, as nodes.
 * @param {string} text
 * @returns {DocumentFragment} */
export function markup(text) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(text);
  for (const unwanted of template.content.querySelectorAll(UNWANTED)) unwanted.remove();
  for (const element of template.content.querySelectorAll("*")) {
    for (const {name, value} of [...element.attributes]) {
      const leads = name === "href" && !value.startsWith("#");
      if (name.startsWith("on") || name === "src" || name === "style" || leads) {
        element.removeAttribute(name);
      }
    }
  }
  return template.content;
}

/** A script of this page, for a worker.
 * @param {"./worker.js" | "./service_worker.js"} name */
export function scriptAddress(name) {
  return policy.createScriptURL(name);
}

/** An element with its attributes and children, of which strings are text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]} */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A message, with what stands between backticks as code.
 * @param {string} message
 * @returns {(string | HTMLElement)[]} */
export function withCode(message) {
  return message.split("`").map((part, i) => i % 2 ? element("code", {}, part) : part);
}

/** The element of the page with that id and kind.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T} */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}
