// One person's page. What to show comes from the server's state; this script shows it, times it
// and sends answers. It knows nothing about which image is which.

import { $, Refused, banner, copy, element } from "./common.js";

const RETRY_MS = [400, 800, 1600, 3200, 6400];
const REQUEST_MS = 20000;
const LOADS = 4; // tries of an image before it is reported as lost
const DOUBLE_MS = 250; // after an answer, within which another press counts as the same one
const REST_MS = 400; // before and after feedback, within which a press is the end of a double one
const COUNT_MS = 500;
const MASKS = 4;
const MASK_MS = 30;
const HALF_FRAME_MS = 4; // so that a clock a little late adds no frame
const SIDES = ["left", "right"];
const PNG_END = [0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82];
const RIFF = [0x52, 0x49, 0x46, 0x46];

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;
const base = location.pathname.replace(/\/+$/, "");
const root = base.replace(/\/s\/[^/]*$/, ""); // the study may lie below a path
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const frame = () => new Promise(requestAnimationFrame);
const clicked = (id) =>
  new Promise((resolve) => $(id).addEventListener("click", resolve, { once: true }));

// ---- Stored on this device: an answer on its way, and the keys

// In another site's frame the browser may refuse storage; then memory has to do.
function storage(kind) {
  const memory = new Map();
  let store = null;
  try {
    store = window[kind];
  } catch {
    /* refused */
  }
  return {
    get: (name) => (store ? store.getItem(name) : memory.get(name)) ?? null,
    set: (name, text) => (store ? store.setItem(name, text) : memory.set(name, text)),
    drop: (name) => (store ? store.removeItem(name) : memory.delete(name)),
  };
}
const tabStorage = storage("sessionStorage");
const deviceStorage = storage("localStorage");
const OUTBOX = `answer:${base}`;

// ---- Talking to the server

async function request(path, body) {
  const options = {
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.timeout(REQUEST_MS),
  };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json", "X-Form-Token": meta("form-token") };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(base + path, options);
  if (response.status >= 500 || response.status === 429)
    throw new Error(`status ${response.status}`);
  const reply = await response.json();
  if (!response.ok) throw new Refused(response.status, reply.error ?? "The server refused this.");
  return reply;
}

// Send until there is a reply. A refusal is a reply; a server error or silence is not.
async function send(path, body) {
  for (let tries = 0; ; tries++) {
    try {
      const reply = await request(path, body);
      banner("");
      return reply;
    } catch (error) {
      if (error instanceof Refused) {
        banner("");
        throw error;
      }
      banner(
        body === undefined
          ? "The connection is lost. This page goes on by itself when it is back."
          : "The connection is lost. Your answer is kept and will be sent when it is back.",
      );
      await Promise.race([
        wait(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]),
        new Promise((resolve) => addEventListener("online", resolve, { once: true })),
      ]);
    }
  }
}

const getState = () => send("/state");

// An answer is stored before it is sent, so neither a lost connection nor a reload loses it. The
// first answer to a trial counts, so sending twice does no harm.
async function deliver(answer) {
  tabStorage.set(OUTBOX, JSON.stringify(answer));
  try {
    return await send("/answers", answer);
  } finally {
    tabStorage.drop(OUTBOX);
  }
}

async function deliverKept() {
  const kept = tabStorage.get(OUTBOX);
  if (kept === null) return;
  try {
    await deliver(JSON.parse(kept));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

// ---- Pictures

// Fetch a file; a line that says nothing for REQUEST_MS is given up, one that is slow is not.
async function fetchFile(url, progressed) {
  const stop = new AbortController();
  let timer;
  const hears = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(new Error("no reply")), REQUEST_MS);
  };
  hears();
  try {
    const options = { cache: "no-store", credentials: "omit", signal: stop.signal };
    const response = await fetch(root + url, options);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const total = Number(response.headers.get("content-length"));
    const parts = [];
    let received = 0;
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      hears();
      parts.push(part.value);
      received += part.value.length;
      if (total > 0) progressed(received / total);
    }
    return new Blob(parts, { type: response.headers.get("content-type") });
  } finally {
    clearTimeout(timer);
  }
}

function isWhole(bytes) {
  if (RIFF.every((value, place) => bytes[place] === value))
    return new DataView(bytes.buffer).getUint32(4, true) + 8 === bytes.length;
  const end = bytes.subarray(-PNG_END.length);
  return PNG_END.every((value, place) => end[place] === value);
}

// The script fetches the bytes itself: an img element would also show a file that was cut off.
async function loadPicture(url, size, progressed) {
  const file = await fetchFile(url, progressed);
  if (!isWhole(new Uint8Array(await file.arrayBuffer()))) throw new Error("cut off");
  const image = new Image();
  image.alt = "image to judge";
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  if (image.naturalWidth !== size.width || image.naturalHeight !== size.height)
    throw new Error("wrong size");
  return image;
}

const early = new Map(); // trial to the promise of its pictures

function loadTrial(trial, size) {
  const found = early.get(trial.trial);
  early.delete(trial.trial);
  if (found) return found;
  const shares = trial.images.map(() => 0);
  const loads = trial.images.map((url, place) =>
    loadPicture(url, size, (share) => {
      shares[place] = share;
      judge.loaded(trial.trial, Math.min(...shares));
    }),
  );
  return Promise.all(loads);
}

function loadEarly(trial, size) {
  if (!trial || trial.exposure_ms !== null || early.has(trial.trial)) return;
  const pictures = loadTrial(trial, size);
  pictures.catch(() => {}); // a failure is tried again when its turn comes
  early.set(trial.trial, pictures);
}

// Return the pictures of a trial; null when it is no longer the one to show.
async function picturesOf(trial, size) {
  let what = "";
  for (let tries = 0; tries < LOADS; tries++) {
    try {
      return await loadTrial(trial, size);
    } catch (error) {
      what = String(error.message ?? error).slice(0, 100);
      await wait(RETRY_MS[tries]);
      const state = await getState(); // waits out a lost connection, which is no fault of the image
      if (state.trials[0]?.trial !== trial.trial) return null;
    }
  }
  try {
    await send("/technical", { trial: trial.trial, what });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const state = await getState();
    if (state.trials[0]?.trial === trial.trial) throw new Error(error.message); // the server takes no more losses
  }
  return null;
}

// ---- What people see

const SECTIONS = ["waiting", "consent", "intro", "task", "ready", "thanks", "closed"];

function show(section) {
  for (const id of SECTIONS) $(id).hidden = id !== section;
  const heading = $(section).querySelector("h1");
  if (heading?.tabIndex === -1) heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}

const announce = (text) => ($("live").textContent = text);

// ---- Keys

const FIRST_KEYS = { left: "f", right: "j" };
const keys = { ...FIRST_KEYS };

function readKeys() {
  try {
    const kept = JSON.parse(deviceStorage.get("keys"));
    for (const side of SIDES) if (/^[\p{L}\p{N}]$/u.test(kept[side])) keys[side] = kept[side];
  } catch {
    /* none, or not ours */
  }
  if (keys.left === keys.right) Object.assign(keys, FIRST_KEYS);
}

function sideOf(event, pair) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const pressed = event.key.toLowerCase();
  // On a keyboard of another script, people mean the place of the Latin letter.
  const place = /^[ -~]/.test(event.key) ? "" : event.code.replace(/^Key/, "").toLowerCase();
  for (const side of SIDES) {
    if (pressed === keys[side] || place === keys[side]) return side;
    if (pair && event.key === (side === "left" ? "ArrowLeft" : "ArrowRight")) return side;
  }
  return null;
}

function labelKeys() {
  for (const side of SIDES) {
    $(side).querySelector("kbd").textContent = keys[side].toUpperCase();
    $(`pick-${side}`).textContent = keys[side].toUpperCase();
    $(`${side}-label`).textContent = judge.names[side === "left" ? 0 : 1];
  }
}

function setUpSettings() {
  let picking = null;
  const stop = (hint) => {
    picking = null;
    labelKeys();
    $("settings-hint").textContent = hint;
  };
  $("open-settings").addEventListener("click", () => {
    stop("");
    $("settings").showModal();
  });
  $("close-settings").addEventListener("click", () => $("settings").close());
  $("reset-keys").addEventListener("click", () => {
    Object.assign(keys, FIRST_KEYS);
    deviceStorage.drop("keys");
    stop("");
  });
  for (const side of SIDES)
    $(`pick-${side}`).addEventListener("click", () => {
      stop("");
      picking = side;
      $(`pick-${side}`).textContent = "Press a key";
    });
  $("settings").addEventListener("keydown", (event) => {
    if (picking === null || ["Tab", "Escape", "Shift"].includes(event.key)) return;
    event.preventDefault();
    const key = event.key.toLowerCase();
    const other = keys[picking === "left" ? "right" : "left"];
    if (!/^[\p{L}\p{N}]$/u.test(key)) return stop("Only a letter or a digit can be a key.");
    if (key === other) return stop("The two keys must differ.");
    keys[picking] = key;
    deviceStorage.set("keys", JSON.stringify(keys));
    stop("");
  });
  $("settings").addEventListener("close", () => stop(""));
}

// ---- One judgment: pictures, clock, answer

const judge = {
  names: ["Real", "Generated"],
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
    this.names = this.pair ? ["A", "B"] : ["Real", "Generated"];
    $("question").textContent = this.pair
      ? "Which one is generated?"
      : "Real or generated?";
    SIDES.forEach((side, place) => ($(side).querySelector(".name").textContent = this.names[place]));
    labelKeys();
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
    const bar = element("progress", "", { "aria-label": "The image is being loaded" });
    const note = element("div", "", { class: "loading" });
    note.append(element("p", "Loading the image…"), bar);
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
  announce("Look at the grey area.");
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
async function showFeedback(right, text) {
  $("feedback").classList.toggle("wrong", !right);
  $("feedback-icon").textContent = right ? "✓" : "✕";
  $("feedback-text").textContent = `${right ? "Right" : "Wrong"}. ${text}`;
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

function truthText(truth, pair) {
  if (pair) return `${truth === "left" ? "A" : "B"} is generated.`;
  return truth === "real" ? "This image is real." : "This image is generated.";
}

// ---- Stages: each shows itself and resolves with the state after it

async function consent(state) {
  const paragraphs = state.consent.text.trim().split(/\n\s*\n/);
  $("consent-text").replaceChildren(...paragraphs.map((text) => element("p", text)));
  $("consent-version").textContent = state.consent.version;
  const flickers = state.protocol === "timed";
  $("flicker").hidden = !flickers;
  $("reduced").hidden = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  show("consent");
  for (;;) {
    const choice = await Promise.race([clicked("agree"), clicked("decline")]);
    if (choice.target.id === "decline") return withdraw();
    if (!flickers || $("flicker-read").checked) break;
    $("consent-hint").textContent = "Please read the note on flicker and tick it, or do not take part.";
    $("flicker-read").focus();
  }
  return send("/consent", { version: state.consent.version });
}

// A drawing of a size, round for real and jagged for generated.
function drawing(size, jagged) {
  const canvas = element("canvas", "", {
    role: "img",
    "aria-label": jagged ? "a star, drawn for practice" : "a disc, drawn for practice",
  });
  canvas.width = size.width * 8;
  canvas.height = size.height * 8;
  const context = canvas.getContext("2d");
  const [x, y] = [canvas.width / 2, canvas.height / 2];
  const radius = 0.4 * Math.min(canvas.width, canvas.height);
  context.fillStyle = "#e4e4e4";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#333333";
  context.beginPath();
  for (let corner = 0; corner < 16; corner++) {
    const reach = jagged && corner % 2 ? 0.5 * radius : radius;
    const angle = (corner * Math.PI) / 8;
    context.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  if (!jagged) context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
  return canvas;
}

function rules(state) {
  const pair = state.protocol === "pair";
  const [left, right] = SIDES.map((side) => keys[side].toUpperCase());
  return [
    pair
      ? "You see two images, A and B. One is real, the other was generated by a computer. Say which one is generated."
      : "You see one image at a time. Say whether it is real or was generated by a computer. About half are real.",
    matchMedia("(hover: none) and (pointer: coarse)").matches
      ? "Touch the button that is your answer."
      : `Press ${left} for “${judge.names[0]}” and ${right} for “${judge.names[1]}”` +
        `${pair ? ", or the arrow keys" : ""}; or use the buttons. Other keys can be chosen under “Keys”.`,
    state.protocol === "timed"
      ? "Each image follows a countdown and is shown for a moment only. Answer when the noise is over."
      : "There is no time limit, but the time you take is noted. Your first impression is fine.",
    "Your first answer counts and cannot be changed. Presses before an image is there are ignored.",
    state.feedback
      ? "After each answer you are told whether it was right."
      : "You are not told which answers were right.",
  ];
}

async function practise(state) {
  const pair = state.protocol === "pair";
  const exposure = state.protocol === "timed" ? 500 : null;
  const steps = [
    [false, "Practice: let a disc be real and a star be generated. Choose"],
    [true, "Practice: and now choose"],
    [Math.random() < 0.5, "Practice: disc for real, star for generated. No help this time."],
  ];
  show("task");
  for (const [place, [generated, help]] of steps.entries()) {
    // In a pair the left one is generated where a single image would be real, the left answer.
    const right = generated ? "right" : "left";
    const name = judge.names[generated ? 1 : 0];
    $("progress").max = steps.length;
    $("progress").value = place;
    $("progress-label").textContent = `Practice ${place + 1} of ${steps.length}`;
    $("help").textContent = place < 2 ? `${help} “${name}”.` : help;
    announce(`${$("progress-label").textContent}. ${$("help").textContent}`);
    for (;;) {
      const shapes = pair ? [!generated, generated] : [generated];
      const { side } = await judge.ask(
        shapes.map((jagged) => drawing(state.image, jagged)),
        exposure,
      );
      const correct = side === right;
      await showFeedback(correct, correct ? "That is how it works." : `It was “${name}”. Once more.`);
      if (correct) break;
    }
  }
  $("help").textContent = "";
  judge.ignored = 0;
}

async function tutorial(state) {
  $("rules").replaceChildren(...rules(state).map((text) => element("li", text)));
  show("intro");
  await clicked("practise");
  for (;;) {
    await practise(state);
    $("ready-text").textContent =
      `That is all. From now on it counts: ${state.total} ` +
      `${state.protocol === "pair" ? "pairs" : "images"}, in a random order.`;
    show("ready");
    const choice = await Promise.race([clicked("begin"), clicked("again")]);
    if (choice.target.id === "begin") return send("/tutorial", {});
  }
}

function progress(answered, total) {
  $("progress").max = total;
  $("progress").value = answered;
  $("progress-label").textContent = `${Math.min(answered + 1, total)} of ${total}`;
  announce($("progress-label").textContent);
}

let current = null; // identifier of the trial that waits for an answer

async function trials(state) {
  const pair = state.protocol === "pair";
  let { answered, trials: coming } = state;
  show("task");
  while (coming.length > 0) {
    const [trial, after] = coming;
    progress(answered, state.total);
    judge.awaits(trial.trial);
    const pictures = await picturesOf(trial, state.image);
    if (pictures === null) break;
    loadEarly(after, state.image);
    current = trial.trial;
    const { side, ...given } = await judge.ask(pictures, trial.exposure_ms);
    current = null;
    const answer = pair ? side : side === "left" ? "real" : "generated";
    const reply = await deliver({ trial: trial.trial, answer, ...given });
    answered = reply.answered;
    if (reply.feedback !== null) {
      if (trial.exposure_ms !== null) judge.place(pictures);
      await showFeedback(reply.feedback.correct, truthText(reply.feedback.truth, pair));
    }
    if (reply.stage !== "trials") break;
    coming = reply.next;
  }
  return getState();
}

// The person's own mistakes, as in the paper's second condition.
async function showMistakes(state) {
  const { mistakes } = await send("/mistakes");
  $("mistakes-count").textContent =
    mistakes.length === 0
      ? "None. All your answers were right."
      : `${mistakes.length} of your ${state.answered} answers` +
        "; below each image, what it is.";
  $("mistakes-list").hidden = mistakes.length === 0;
  $("mistakes-list").replaceChildren(
    ...mistakes.map(({ images, generated }) => {
      const item = element("li");
      images.forEach((url, place) => {
        const figure = element("figure");
        const image = element("img", "", { src: root + url, alt: "image you judged", loading: "lazy" });
        image.width = state.image.width * Math.max(1, Math.round(96 / state.image.width));
        const real = generated === (place === 1);
        figure.append(image, element("figcaption", real ? "real" : "generated"));
        item.append(figure);
      });
      return item;
    }),
  );
  $("mistakes").hidden = false;
}

function thanks(state) {
  const done = state.stage === "done";
  if (!done) {
    $("thanks-title").textContent = "This study is over for you";
    $("thanks-text").textContent = "Thank you for your time. Your code stays yours.";
  }
  $("withdraw-late").hidden = !done;
  show("thanks");
  if (done && state.feedback)
    showMistakes(state).catch((error) => {
      if (!(error instanceof Refused)) throw error;
    });
  const completion = state.completion;
  $("completion").hidden = completion === null;
  if (completion !== null) {
    $("code").textContent = completion.code;
    $("copy").addEventListener("click", async () => {
      $("copy").textContent = (await copy(completion.code, $("code"))) ? "Copied" : "Selected";
    });
    if (completion.return !== null) fillReturn(completion.return);
  }
}

function fillReturn({ method, url, fields }) {
  if (method === "GET") {
    const link = element("a", "Finish and go back", { class: "button primary" });
    const target = new URL(url);
    for (const [name, value] of Object.entries(fields ?? {})) target.searchParams.set(name, value);
    link.href = target.href;
    link.rel = "noreferrer";
    $("return").replaceChildren(link);
    return;
  }
  $("return").method = "post";
  $("return").action = url;
  const all = { assignmentId: location.hash.slice(1), ...fields }; // which the server does not store
  const hidden = Object.entries(all).map(([name, value]) =>
    element("input", "", { type: "hidden", name, value }),
  );
  $("return").replaceChildren(...hidden, element("button", "Finish and go back", { class: "primary" }));
}

function closed(title, text) {
  $("closed-title").textContent = title;
  $("closed-text").textContent = text;
  show("closed");
}

const withdraw = () => send("/withdraw", {}).then(getState);

function setUpWithdrawal() {
  for (const id of ["open-withdraw", "withdraw-done"])
    $(id).addEventListener("click", () => {
      $("withdraw-rest").hidden = id === "withdraw-done";
      $("withdraw").showModal();
    });
  $("stay").addEventListener("click", () => $("withdraw").close());
  $("leave").addEventListener("click", async () => {
    $("withdraw").close();
    if (meta("preview")) return;
    try {
      await send("/withdraw", {});
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
    location.reload();
  });
}

// Another tab may have answered meanwhile, or the back button may show an old page: then reload.
function setUpReturns() {
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  document.addEventListener("visibilitychange", async () => {
    const waitedFor = current;
    if (document.hidden || waitedFor === null) return;
    const state = await request("/state").catch(() => null);
    if (state !== null && current === waitedFor && state.trials[0]?.trial !== waitedFor)
      location.reload();
  });
}

// A panel's preview has no session, only the practice.
async function preview(protocol) {
  const state = { protocol, feedback: false, total: 0, image: judge.size };
  judge.prepare(state);
  $("open-withdraw").hidden = true;
  $("rules").replaceChildren(...rules(state).map((text) => element("li", text)));
  show("intro");
  await clicked("practise");
  await practise(state);
  closed("That was the preview", "Nothing was recorded. Accept the task to begin with the images.");
}

const STAGES = { consent, tutorial, trials };

async function main() {
  readKeys();
  setUpSettings();
  setUpWithdrawal();
  judge.listen();
  if (meta("preview")) return preview(meta("preview"));
  setUpReturns();
  await deliverKept();
  let state = await getState();
  judge.prepare(state);
  while (STAGES[state.stage]) {
    try {
      state = await STAGES[state.stage](state);
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 403) throw error;
      await wait(RETRY_MS[0]);
      state = await getState();
    }
  }
  if (state.completion !== null) thanks(state);
  else closed("This study is over for you", "You can close this page. Thank you for your time.");
}

main().catch((error) => closed("This page cannot go on", error.message));
