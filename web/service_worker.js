// Keeps the site in the browser: the second visit loads nothing, and needs no network.

/** @typedef {{version: string, files: string[]}} Contents */
/** @typedef {Event & {waitUntil: (done: Promise<unknown>) => void}} LifeEvent */
/** @typedef {Event & {request: Request, respondWith: (answer: Promise<Response>) => void}} Asked */

const PREFIX = "shapetrick-";

/** @type {Contents} what the site consists of: the build writes it here */
const CONTENTS = {"version": "", "files": []};
const NAME = PREFIX + CONTENTS.version;

async function install() {
  const cache = await caches.open(NAME);
  await cache.addAll(CONTENTS.files);
}

async function forgetOlder() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name);
  }
}

addEventListener("install", (event) => /** @type {LifeEvent} */ (event).waitUntil(install()));
addEventListener("activate", (event) => /** @type {LifeEvent} */ (event).waitUntil(forgetOlder()));
addEventListener("fetch", (event) => {
  const asked = /** @type {Asked} */ (event);
  if (asked.request.method !== "GET") return;
  asked.respondWith((async () => {
    const kept = await caches.match(asked.request, {cacheName: NAME});
    return kept ?? fetch(asked.request);
  })());
});
