// One judgment: pictures of their size, the clock, the answer, and whether it was right.

import { $, element } from "./common.js";
import { wait } from "./connection.js";
import { SIDES, labelKeys, sideOf } from "./keys.js";
import { announce, clicked, say } from "./words.js";

const DOUBLE_MS = 250; // after an answer, within which another press counts as the same one
const REST_MS = 400; // before and after feedback, within which a press is the end of a double one
const COUNT_MS = 500;
const MASKS = 4;
const MASK_MS = 30;
const HALF_FRAME_MS = 4; // so that a clock a little late adds no frame

const frame = () => new Promise(requestAnimationFrame);

export const judge = {
  names: [say("real"), say("generated")],
  pair: false,
  size: { width: 28, height: 28, scale: 8 },
  ignored: 0, // presses since the last answer that did not count
  open: null, // resolves the promise of an answer while one is wanted
  since: Infinity, // when the pictures were first on the screen
  closed: -Infinity, // until when another press counts as the last one
  shown: 0, // their width in CSS pixels
  trial: null, // whose pictures are awaited

  // Show the question; the left answer comes first.
  prepare(state) {
    this.pair = state.protocol === "pair";
    this.size = state.image;
    this.names = this.pair ? ["A", "B"] : [say("real"), say("generated")];
    $("question").textContent = this.pair ? say("question_pair") : say("question_single");
    SIDES.forEach((side, place) => ($(side).querySelector(".name").textContent = this.names[place]));
    labelKeys(() => this.names);
  },

  // As large as the panel allows. Enlarged, a pixel is a whole number of device pixels, so that all
  // pixels of an image are of one size; images that are larger than the panel are shrunk to fit it.
  fit() {
    const area = $("surround");
    const { width, height } = this.size;
    const style = getComputedStyle(area);
    const wide = area.clientWidth - 2 * parseFloat(style.paddingLeft);
    const high = area.clientHeight - 2 * parseFloat(style.paddingTop);
    const gap = parseFloat(style.rowGap);
    const caption = area.querySelector("figcaption")?.clientWidth ?? 0;
    const room = (across, down) => Math.max(0, Math.min(across / width, down / height));
    const beside = room(this.pair ? (wide - gap) / 2 : wide, high - caption);
    const stacked = this.pair ? room(wide - caption, (high - gap) / 2) : 0;
    const ratio = devicePixelRatio || 1;
    const most = Math.min(this.size.scale, Math.max(beside, stacked)) * ratio + 1e-6;
    const scale = most >= 1 ? Math.floor(most) : Math.max(1, Math.floor(most * width)) / width;
    area.classList.toggle("stacked", stacked > beside);
    area.classList.toggle("smooth", most < 1);
    this.shown = (width * scale) / ratio;
    for (const picture of area.querySelectorAll("img, canvas")) {
      picture.style.width = `${this.shown}px`;
      picture.style.height = `${Math.max(1, Math.floor(height * scale)) / ratio}px`;
    }
  },

  // Until the pictures of a trial are here the panel says so: never the old ones under a new number.
  awaits(trial) {
    this.trial = trial;
    const bar = element("progress", "", { "aria-label": say("loading") });
    const note = element("div", "", { class: "loading" });
    note.append(element("p", say("loading")), bar);
    $("surround").replaceChildren(note);
  },

  // How much of a trial's pictures has come; that of a later trial is not shown.
  loaded(trial, share) {
    const bar = $("surround").querySelector(".loading progress");
    if (bar !== null && trial === this.trial) bar.value = share;
  },

  place(pictures) {
    $("surround").replaceChildren(
      ...pictures.map((picture, place) => {
        const figure = document.createElement("figure");
        if (this.pair) figure.append(element("figcaption", "AB"[place]));
        figure.append(picture);
        return figure;
      }),
    );
    this.fit();
  },

  // Show pictures and resolve with the answer to them.
  async ask(pictures, exposure) {
    for (const side of SIDES) $(side).classList.remove("given");
    const timed = exposure !== null;
    let shown = null;
    if (timed) {
      const masks = Array.from({ length: MASKS }, () => pictures.map(() => noise(this.size)));
      await countDown();
      this.place(pictures);
      [this.since, shown] = await showFor(exposure);
      for (const mask of masks) {
        this.place(mask);
        await showFor(MASK_MS);
      }
      $("surround").replaceChildren();
    } else {
      this.place(pictures);
      this.since = await frame();
    }
    await wait(this.closed - performance.now());
    this.enable(true);
    const { side, at } = await new Promise((resolve) => (this.open = resolve));
    this.enable(false);
    this.closed = at + DOUBLE_MS;
    $(side).classList.add("given");
    const reaction = Math.max(0, at - this.since);
    const given = {
      side,
      reaction_ms: Math.round(reaction * 10) / 10,
      shown_ms: Math.round((shown ?? reaction) * 10) / 10,
      ignored: this.ignored,
      screen: {
        width: innerWidth,
        height: innerHeight,
        ratio: devicePixelRatio || 1,
        shown_px: Math.round(this.shown * 100) / 100,
      },
    };
    this.ignored = 0;
    return given;
  },

  enable(wanted) {
    if (!wanted) this.open = null;
    for (const side of SIDES) $(side).setAttribute("aria-disabled", String(!wanted));
  },

  press(side, event) {
    if (this.open === null || event.timeStamp < this.since) this.ignored += 1;
    else {
      const take = this.open;
      this.open = null;
      take({ side, at: event.timeStamp });
    }
  },

  listen() {
    this.enable(false);
    for (const side of SIDES) $(side).addEventListener("click", (event) => this.press(side, event));
    addEventListener("keydown", (event) => {
      if ($("task").hidden || document.querySelector("dialog[open]")) return;
      const side = sideOf(event, this.pair);
      if (side === null) return;
      event.preventDefault();
      if (!event.repeat && $("feedback").hidden) this.press(side, event);
    });
    $("go-on").addEventListener("keydown", (event) => event.repeat && event.preventDefault());
    new ResizeObserver(() => this.fit()).observe($("surround"));
  },
};

// Wait while the placed images are on the screen for a time; resolve with when the first frame
// showed them and for how long they were shown.
async function showFor(milliseconds) {
  const begin = await frame();
  let now = await frame();
  while (now - begin < milliseconds - HALF_FRAME_MS) now = await frame();
  return [begin, now - begin];
}

async function countDown() {
  announce(say("look"));
  for (const count of ["3", "2", "1"]) {
    $("surround").replaceChildren(element("p", count, { class: "count" }));
    await showFor(COUNT_MS);
  }
  $("surround").replaceChildren();
  announce("");
}

function noise(size) {
  const canvas = element("canvas", "", { "aria-hidden": "true" });
  canvas.width = size.width;
  canvas.height = size.height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(size.width, size.height);
  for (let place = 0; place < pixels.data.length; place++)
    pixels.data[place] = place % 4 === 3 ? 255 : Math.random() * 256;
  context.putImageData(pixels, 0, 0);
  return canvas;
}

// Show right or wrong, and wait until the person goes on.
export async function showFeedback(right, text) {
  $("feedback").classList.toggle("wrong", !right);
  $("feedback-icon").textContent = right ? "✓" : "✕";
  $("feedback-text").textContent = right ? say("right", { truth: text }) : say("wrong", { truth: text });
  $("feedback").hidden = false;
  $("answers").hidden = true;
  announce($("feedback-text").textContent);
  $("go-on").setAttribute("aria-disabled", "true");
  $("go-on").focus({ preventScroll: true });
  await wait(REST_MS);
  $("go-on").setAttribute("aria-disabled", "false");
  await clicked("go-on");
  judge.closed = performance.now() + REST_MS;
  $("feedback").hidden = true;
  $("answers").hidden = false;
  announce("");
}

export function truthText(truth, pair) {
  if (pair) return say("truth_pair", { side: truth === "left" ? "A" : "B" });
  return truth === "real" ? say("truth_real") : say("truth_generated");
}
