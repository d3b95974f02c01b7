// Requests to the server. Answers wait in a queue that outlives the page, are sent one after the
// other, and again until the server has them; it knows each by its identifier.

import { Refused } from "./common.js";

const RETRY_MS = 1500;

export const identifier = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(15));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
};

const remembered = (name, make) => {
  const key = `${location.pathname}${name}`;
  const found = sessionStorage.getItem(key) ?? make();
  sessionStorage.setItem(key, found);
  return found;
};

export const person = remembered("person", identifier);

export async function call(path, body) {
  const response = await fetch(`api/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    cache: "no-store",
    credentials: "omit",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const reply = await response.json().catch(() => ({}));
  if (response.ok) return reply;
  if (response.status >= 500) throw new Error(reply.error ?? "");
  throw new Refused(response.status, reply.error ?? `The server says ${response.status}.`);
}

export class Outbox {
  // told(waiting, trouble) hears how many answers wait; trouble is undefined where none is known.
  constructor({ told, replied, refused }) {
    this.key = `${location.pathname}outbox`;
    this.waiting = JSON.parse(sessionStorage.getItem(this.key) ?? "[]");
    Object.assign(this, { told, replied, refused, busy: false, trouble: undefined });
  }

  push(path, body) {
    this.waiting.push({ path, body });
    this.keep();
    this.pump();
  }

  names() {
    return this.waiting.map(({ body }) => body.item).filter(Boolean);
  }

  async pump() {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length) {
      const [{ path, body }] = this.waiting;
      this.told(this.waiting.length, this.trouble);
      try {
        const reply = await call(path, body);
        this.trouble = undefined;
        this.done();
        this.replied(path, body, reply);
      } catch (error) {
        if (error instanceof Refused) {
          this.done();
          this.refused(path, body, error.message);
        } else {
          this.trouble = error.message && !(error instanceof TypeError) ? error.message : "";
          this.told(this.waiting.length, this.trouble);
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    }
    this.busy = false;
    this.told(0, this.trouble);
  }

  done() {
    this.waiting.shift();
    this.keep();
  }

  keep() {
    sessionStorage.setItem(this.key, JSON.stringify(this.waiting));
  }
}
