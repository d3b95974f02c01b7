// What a person's page says: words of the study's language, which the server puts into the page.

import { $ } from "./common.js";

export const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;

const words = JSON.parse(meta("words"));

// A text by its key, with values in the place of names in braces.
export const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

export const announce = (text) => ($("live").textContent = text);

export const clicked = (id) =>
  new Promise((resolve) => $(id).addEventListener("click", resolve, { once: true }));

const SECTIONS = [
  ...["waiting", "consent", "questions", "intro", "task"],
  ...["ready", "paused", "thanks", "closed"],
];

export function show(section) {
  for (const id of SECTIONS) $(id).hidden = id !== section;
  $("brand").hidden = section === "task";
  const heading = $(section).querySelector("h1");
  if (heading?.tabIndex === -1) heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}
