// The grid of what the classifier is sure of: those that are wrong are clicked, the rest confirmed.

import { $, element } from "./common.js";
import { miniature } from "./cards.js";
import { call, person } from "./server.js";

const most = () => (matchMedia("(max-width: 48rem)").matches ? 48 : 100);

export class Grid {
  // send(label, right, wrong, cards) stores what a person says of a grid.
  constructor({ send, words }) {
    Object.assign(this, { send, words, label: null, cards: [], wrong: new Set(), asked: 0, sure: "" });
    $("confirm").addEventListener("click", () => this.confirm());
  }

  async open(label) {
    const asked = ++this.asked;
    this.fill(null, []);
    $("grid-title").textContent = "One moment…";
    try {
      const found = await call("sure", { person, label, count: most() });
      if (asked === this.asked) this.fill(found.label, found.cards);
    } catch (error) {
      $("grid-title").textContent = error.message || "The server cannot be reached.";
    }
  }

  fill(label, cards) {
    this.label = label;
    this.cards = cards;
    this.wrong.clear();
    $("grid-title").textContent = label === null ? "Nothing is sure yet" : `Which of these are not ${label}?`;
    $("grid-help").textContent =
      label === null
        ? `${this.words.many[0].toUpperCase()}${this.words.many.slice(1)} that the classifier is at least 95 % sure of come here. Label more of them one by one.`
        : "All are predicted so with at least 95 %. Click those that are wrong; the rest are confirmed together.";
    $("tiles").replaceChildren(...cards.map((card, place) => this.tile(card, place)));
    this.count();
    if (matchMedia("(hover: hover)").matches) $("tiles").firstElementChild?.focus({ preventScroll: true });
  }

  tile(card, place) {
    const made = element("button", "", { class: "tile", "aria-pressed": "false", "aria-label": `${card.name} is wrong` });
    made.append(miniature(card, ""));
    made.addEventListener("click", () => this.toggle(place));
    return made;
  }

  toggle(place) {
    const tile = $("tiles").children[place];
    if (!tile) return;
    const wrong = !this.wrong.has(place);
    if (wrong) this.wrong.add(place);
    else this.wrong.delete(place);
    tile.setAttribute("aria-pressed", `${wrong}`);
    this.count();
  }

  count() {
    const right = this.cards.length - this.wrong.size;
    $("confirm").disabled = this.cards.length === 0;
    $("confirm").textContent = this.cards.length === 0 ? "Confirm" : `Confirm ${right} as ${this.label}${this.wrong.size ? `, ${this.wrong.size} not` : ""}`;
    if (this.cards.length) $("confirm").append(element("kbd", "Enter"));
  }

  async confirm() {
    if (!this.cards.length) return;
    const names = (wanted) => this.cards.filter((_, place) => this.wrong.has(place) === wanted).map((card) => card.name);
    this.send(this.label, names(false), names(true), this.cards);
    await this.open(null);
  }

  told(state) {
    const sure = JSON.stringify([state.sure, this.label]);
    if (sure === this.sure) return;
    this.sure = sure;
    $("grid-classes").replaceChildren(
      ...Object.entries(state.sure).map(([name, count]) => {
        const made = element("button", name, { class: "pill", "aria-pressed": `${name === this.label}` });
        made.append(element("span", `${count}`, { class: "count" }));
        made.addEventListener("click", () => this.open(name).then(() => this.told(state)));
        return made;
      }),
    );
    if (this.label === null && Object.keys(state.sure).length && !$("grid").hidden) this.open(null);
  }

  actionOf(key, event) {
    if (key === "Escape") return () => $("view-one").click();
    if (key === "Enter" && !event.target.matches("button:not(.tile), summary, a")) return () => this.confirm();
    const place = [...$("tiles").children].indexOf(document.activeElement);
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns(), ArrowDown: this.columns() };
    if (!(key in steps)) return null;
    return () => $("tiles").children[Math.max(0, Math.min(this.cards.length - 1, place + steps[key]))]?.focus();
  }

  columns() {
    return getComputedStyle($("tiles")).gridTemplateColumns.split(" ").length;
  }
}
