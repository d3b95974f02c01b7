// The pictures of trials: fetched, checked, and fetched again where something went wrong.

import { Refused } from "./common.js";
import { REQUEST_MS, RETRY_MS, getState, root, send, wait } from "./connection.js";
import { judge } from "./judge.js";
import { say } from "./words.js";

const LOADS = 4; // tries of an image before it is reported as lost
const PNG_END = [0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82];
const RIFF = [0x52, 0x49, 0x46, 0x46];

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
  image.alt = say("image");
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

export function loadEarly(trial, size) {
  if (!trial || trial.exposure_ms !== null || early.has(trial.trial)) return;
  const pictures = loadTrial(trial, size);
  pictures.catch(() => {}); // a failure is tried again when its turn comes
  early.set(trial.trial, pictures);
}

// Return the pictures of a trial; null when it is no longer the one to show.
export async function picturesOf(trial, size) {
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
