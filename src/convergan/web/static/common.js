// What both pages need.

export const $ = (id) => document.getElementById(id);

// A reply with a sentence that says why not; nothing is gained by asking again.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// An element with text, which is never read as HTML.
export function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function banner(text) {
  if ($("banner").textContent !== text) $("banner").textContent = text; // else it is read aloud again
  $("banner").hidden = text === "";
}

// Copy a text, or select the element that shows it where copying is not allowed.
export async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(shown);
    return false;
  }
}
