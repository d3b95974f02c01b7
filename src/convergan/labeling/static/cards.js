// What a person is shown of an item: a picture, a text, or the cells of a row.

import { element } from "./common.js";

const TINY = 96, MOST = 448; // sides in pixels
const loading = new Map(); // address of a picture to what will be its image

// The image of a picture, decoded; asked for early so that it is there when it is shown.
export function prefetch(card) {
  if (card.kind !== "picture") return Promise.resolve(null);
  if (!loading.has(card.picture)) {
    loading.set(card.picture, load(card.picture));
    if (loading.size > 40) loading.delete(loading.keys().next().value);
  }
  return loading.get(card.picture);
}

async function load(address) {
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
    return image;
  } catch {
    loading.delete(address);
    const reply = await fetch(address, { cache: "no-store" }).catch(() => null);
    const said = reply && !reply.ok ? await reply.json().catch(() => ({})) : {};
    throw new Error(said.error ?? "The picture does not come; it is asked for again.");
  }
}

// Put a card into a place; resolves once it can be seen.
export async function show(card, place, words) {
  if (card.kind !== "picture") {
    place.replaceChildren(content(card));
    place.scrollTop = 0;
    return;
  }
  const image = (await prefetch(card)).cloneNode();
  image.alt = words;
  await image.decode().catch(() => {});
  place.replaceChildren(image);
  fit(place);
}

// As large as the place allows: photographs up to three times their size, tiny pictures by a whole
// factor, so that their pixels stay squares.
export function fit(place) {
  const image = place.querySelector("img");
  if (!image) return;
  const style = getComputedStyle(place);
  const width = place.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const height = place.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
  const room = Math.min(width / image.naturalWidth, height / image.naturalHeight);
  const tiny = Math.max(image.naturalWidth, image.naturalHeight) <= TINY;
  const factor = tiny ? Math.max(room < 1 ? room : 1, Math.floor(Math.min(room, MOST / image.naturalWidth))) : Math.min(room, 3);
  image.className = tiny ? "tiny" : "";
  image.style.width = `${Math.floor(factor * image.naturalWidth)}px`;
  image.style.height = `${Math.floor(factor * image.naturalHeight)}px`;
}

// A small picture of a card, for grids and the last answers.
export function miniature(card, words) {
  if (card.kind === "picture") {
    const image = element("img", "", { src: `${card.picture.split("?")[0]}?side=256`, alt: words });
    image.addEventListener("load", () => {
      if (Math.max(image.naturalWidth, image.naturalHeight) <= TINY) image.classList.add("tiny");
    });
    image.decoding = "async";
    return image;
  }
  const made = element("span", "", { class: "mini" });
  if (card.kind === "text") made.append(card.text);
  else
    for (const [name, value] of card.cells.slice(0, 4)) {
      const line = element("span");
      line.append(element("span", name, { class: "column" }), element("span", value));
      made.append(line);
    }
  return made;
}

function content(card) {
  const made = element("article", "", { class: card.kind });
  if (card.kind === "text") made.append(element("p", card.text, { class: "passage" }));
  if (card.cells.length) {
    const list = element("dl", "", { class: "cells" });
    for (const [name, value] of card.cells) {
      const row = document.createElement("div");
      row.append(element("dt", name), element("dd", value || "–"));
      list.append(row);
    }
    made.append(list);
  }
  return made;
}
