// The problem in the address, behind `#text=`: a link reproduces it, and no server is told.

const BEGIN = "#text=";
const LONGEST = 30_000; // letters: browsers and mail cut what is longer

/** The problem that the address holds; null if none.
 * @returns {string | null} */
export function linkedText() {
  if (!location.hash.startsWith(BEGIN)) return null;
  try {
    return decodeURIComponent(location.hash.slice(BEGIN.length));
  } catch {
    return null; // it was cut in the middle of a letter
  }
}

/** Put a problem into the address.
 * @param {string} text */
export function keepInAddress(text) {
  const linked = text && text.length <= LONGEST ? BEGIN + encodeURIComponent(text) : "";
  if (linked !== location.hash) {
    history.replaceState(null, "", linked || location.pathname + location.search);
  }
}
