// How a person's page talks to the server, and what it keeps on the device meanwhile.

import { Refused, banner } from "./common.js";
import { meta, say } from "./words.js";

export const REQUEST_MS = 20000;
export const RETRY_MS = [400, 800, 1600, 3200, 6400];

const base = location.pathname.replace(/\/+$/, "");
export const root = base.replace(/\/s\/[^/]*$/, ""); // the study may lie below a path
export const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

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
export const deviceStorage = storage("localStorage");
const OUTBOX = `answer:${base}`;

export async function request(path, body) {
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
  if (!response.ok) throw new Refused(response.status, reply.error ?? say("refused"));
  return reply;
}

// Send until there is a reply. A refusal is a reply; a server error or silence is not.
export async function send(path, body) {
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
      banner(body === undefined ? say("connection_lost") : say("answer_kept"));
      await Promise.race([
        wait(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]),
        new Promise((resolve) => addEventListener("online", resolve, { once: true })),
      ]);
    }
  }
}

export const getState = () => send("/state");

// An answer is stored before it is sent, so neither a lost connection nor a reload loses it. The
// first answer to a trial counts, so sending twice does no harm.
export async function deliver(answer) {
  tabStorage.set(OUTBOX, JSON.stringify(answer));
  try {
    return await send("/answers", answer);
  } finally {
    tabStorage.drop(OUTBOX);
  }
}

export async function deliverKept() {
  const kept = tabStorage.get(OUTBOX);
  if (kept === null) return;
  try {
    await deliver(JSON.parse(kept));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}
