// The two keys that answer, which people may choose.

import { $ } from "./common.js";
import { deviceStorage } from "./connection.js";
import { say } from "./words.js";

export const SIDES = ["left", "right"];
const FIRST_KEYS = { left: "f", right: "j" };
export const keys = { ...FIRST_KEYS };

export function readKeys() {
  try {
    const kept = JSON.parse(deviceStorage.get("keys"));
    for (const side of SIDES) if (/^[\p{L}\p{N}]$/u.test(kept[side])) keys[side] = kept[side];
  } catch {
    /* none, or not ours */
  }
  if (keys.left === keys.right) Object.assign(keys, FIRST_KEYS);
}

export function sideOf(event, pair) {
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

export function labelKeys(names) {
  for (const side of SIDES) {
    $(side).querySelector("kbd").textContent = keys[side].toUpperCase();
    $(`pick-${side}`).textContent = keys[side].toUpperCase();
    $(`${side}-label`).textContent = names()[side === "left" ? 0 : 1];
  }
}

export function setUpSettings(names) {
  let picking = null;
  const stop = (hint) => {
    picking = null;
    labelKeys(names);
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
      $(`pick-${side}`).textContent = say("keys_press");
    });
  $("settings").addEventListener("keydown", (event) => {
    if (picking === null || ["Tab", "Escape", "Shift"].includes(event.key)) return;
    event.preventDefault();
    const key = event.key.toLowerCase();
    const other = keys[picking === "left" ? "right" : "left"];
    if (!/^[\p{L}\p{N}]$/u.test(key)) return stop(say("keys_only"));
    if (key === other) return stop(say("keys_differ"));
    keys[picking] = key;
    deviceStorage.set("keys", JSON.stringify(keys));
    stop("");
  });
  $("settings").addEventListener("close", () => stop(""));
}
