// Files that come in by a drop, and those that go out.

const LARGEST = 4_000_000; // bytes

/** Take the text of a file that is dropped on the page.
 * @param {(text: string) => void} take
 * @param {(reason: string) => void} refuse */
export function takeDrops(take, refuse) {
  addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  addEventListener("drop", async (event) => {
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    if (file.size > LARGEST) {
      refuse(`${file.name} is too large: at most ${LARGEST / 1e6} MB are read.`);
      return;
    }
    try {
      const bytes = await file.arrayBuffer();
      take(new TextDecoder("utf-8", {fatal: true}).decode(bytes).replaceAll("\r\n", "\n"));
    } catch {
      refuse(`${file.name} is no text in UTF-8.`);
    }
  });
}

/** Hand a text out as a file.
 * @param {string} name
 * @param {string} text */
export function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], {type: "text/plain;charset=utf-8"}));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Copy a text, and say so on the button for a moment.
 * @param {HTMLButtonElement} button
 * @param {string} text */
export async function copy(button, text) {
  const named = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed here";
  }
  setTimeout(() => { button.textContent = named; }, 1500);
}
