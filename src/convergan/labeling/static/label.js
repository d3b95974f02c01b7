// The page: which view is shown, what keys do, and what becomes of an answer.

import { $, Refused, banner, element } from "./common.js";
import { fit, miniature, prefetch, show } from "./cards.js";
import { Grid } from "./grid.js";
import { hue, showProgress } from "./progress.js";
import { Outbox, call, identifier, person } from "./server.js";

const AHEAD = 5; // items that are here before they are shown
const POLL_MS = 2000;
const SHOWN = 7; // of the last answers
const LETTERS = "abdefhijklopqrtuvwxy"; // the others have a meaning of their own
const one = document.querySelector("meta[name=one]").content;
const many = document.querySelector("meta[name=many]").content;

const given = []; // answers of this person, the oldest first
let queue = []; // cards to ask; the first is shown
let state = null;
let looking = -1; // place in `given` of what is looked at again; -1 for none
let visible = ""; // name of the item that can be seen
let ended = false;
let filling = false;
let view = "one";
let showGuess = sessionStorage.getItem("guess") === "yes";

const outbox = new Outbox({
  told(waiting, trouble) {
    const lost = trouble !== undefined && waiting > 0;
    $("saved").textContent = waiting === 0 ? "All saved" : lost ? `${waiting} to save` : "Saving…";
    $("saved").classList.toggle("waiting", lost);
    if (lost)
      banner(
        `${trouble || "The server cannot be reached."} ${waiting === 1 ? "1 answer is" : `${waiting} answers are`} ` +
          "kept here and sent again by itself.",
      );
    else if (waiting === 0) banner(state?.warning ?? "");
  },
  replied(path, body, reply) {
    if (reply.kept !== undefined) {
      const answer = given.find((found) => found.request === body.request);
      if (answer) Object.assign(answer, { kind: reply.kind, label: reply.kept, other: true });
      say(`${body.item} has been answered by somebody else: ${reply.kept ?? "none of these"}.`, true);
      showRecent();
    }
    if (reply.others) say(`${reply.others} were answered by somebody else.`, true);
    refresh();
  },
  refused(path, body, message) {
    const place = given.findIndex((found) => found.request === body.request);
    if (place >= 0) given.splice(place, 1);
    showRecent();
    say(`Not stored: ${message}`, true);
    fill();
  },
});

const grid = new Grid({
  send(label, right, wrong, cards) {
    const request = identifier();
    given.push({ request, kind: "grid", label, count: right.length, wrong: wrong.length, card: cards[0] });
    outbox.push("confirm", { request, person, label, right, wrong });
    say(`${right.length} confirmed as ${label}.`);
    showRecent();
  },
  words: { one, many },
});

// ---- State

async function refresh() {
  try {
    const found = await call("state");
    const before = state;
    state = found;
    if (outbox.waiting.length === 0) banner(state.warning);
    if (JSON.stringify(before?.classes) !== JSON.stringify(state.classes)) showClasses();
    showProgress(state);
    const sure = Object.values(state.sure).reduce((sum, count) => sum + count, 0);
    $("sure-count").textContent = sure ? sure.toLocaleString("en-GB") : "";
    showNotes();
    grid.told(state);
    if (ended && queue.length === 0) fill();
  } catch (error) {
    if (error instanceof Refused) banner(error.message);
    else if (outbox.waiting.length === 0) banner("The server cannot be reached. This page tries again by itself.");
  }
}

function showNotes() {
  const notes = [...new Set([...state.notices, ...state.fit.notices])];
  $("notes").hidden = notes.length === 0;
  if ($("note-list").childElementCount === notes.length) return;
  $("note-list").replaceChildren(...notes.map((text) => element("li", text)));
}

// ---- What is asked

async function fill() {
  if (filling) return;
  filling = true;
  try {
    const sent = outbox.names();
    const held = [...new Set([...queue.map((card) => card.name), ...sent])];
    if (queue.length >= AHEAD) return;
    const { cards } = await call("next", { person, count: Math.min(50, AHEAD + sent.length), held });
    const known = new Set([...held, ...queue.map((card) => card.name), ...outbox.names()]);
    const fresh = cards.filter((card) => !known.has(card.name) && !answeredHere(card.name));
    const empty = queue.length === 0;
    queue.push(...fresh);
    ended = queue.length === 0;
    for (const card of queue) prefetch(card).catch(() => {});
    if (empty) present();
  } catch (error) {
    if (error instanceof Refused) banner(error.message);
    else setTimeout(fill, 1500);
  } finally {
    filling = false;
  }
}

const answeredHere = (name) => given.some((answer) => answer.card?.name === name && answer.unsent);
const current = () => (looking >= 0 ? given[looking].card : queue[0]);

async function present() {
  const card = current();
  $("finished").hidden = !(ended && !card) || view !== "one";
  $("one").hidden = view !== "one" || !$("finished").hidden;
  visible = "";
  if (!card) {
    $("stage").setAttribute("aria-busy", "true");
    if (ended) finish();
    return;
  }
  const before = looking >= 0 ? given[looking] : null;
  $("name").textContent = /^\d+$/.test(card.name) ? `${one} ${card.name}` : card.name;
  $("why").textContent = before ? `you said: ${words(before)}` : "";
  $("guess").textContent = "";
  if (showGuess) guess(card);
  mark(before);
  $("undo").disabled = given.length === 0;
  $("stage").setAttribute("aria-busy", "true");
  try {
    await show(card, $("stage"), `${one} ${card.name}`);
  } catch (error) {
    if (current() !== card) return;
    $("stage").replaceChildren(element("p", error.message, { class: "trouble" }), element("p", "Skip it with S.", { class: "fine" }));
  }
  if (current() !== card) return; // another came while it was decoded
  $("stage").setAttribute("aria-busy", "false");
  visible = card.name;
}

async function guess(card) {
  const { guess } = await call(`guess?number=${card.number}`).catch(() => ({ guess: null }));
  if (current() !== card || !showGuess) return;
  $("guess").textContent = guess ? `model: ${guess[0]}, ${Math.round(100 * guess[1])} %` : "no guess yet";
}

function finish() {
  const skipped = state?.skipped ?? 0;
  $("finished-title").textContent = `All ${many} are answered`;
  $("finished-text").textContent = skipped
    ? `${skipped} were skipped.`
    : `Every label is on disk. Stop the server with Ctrl-C in its terminal, and fit a model.`;
  $("again").hidden = skipped === 0;
  if (view === "one") $("finished-title").focus();
}

const words = (answer) =>
  answer.kind === "label" ? answer.label : answer.kind === "grid" ? `${answer.count} ${answer.label}` : answer.kind === "none" ? "none of these" : "skipped";

// ---- Answers

function answer(kind, label = null) {
  const card = current();
  if (view !== "one" || !card || visible !== card.name) return;
  const request = identifier();
  const made = { request, kind, label, card, count: 1 };
  stamp(words(made), kind === "label" ? hue(state.classes, label) : null);
  if (looking >= 0) looking = -1;
  else queue.shift();
  given.push(made);
  outbox.push("answer", { request, person, item: card.name, kind, label });
  if (kind === "label") count(label, 1);
  $("live").textContent = `${card.name}: ${words(made)}`;
  showRecent();
  present();
  fill();
}

function undo() {
  const last = given.pop();
  if (!last) return;
  outbox.push("undo", { request: identifier(), person, target: last.request });
  if (last.kind === "label") count(last.label, -1);
  if (last.kind === "grid") {
    say(`${last.count} ${last.label} taken back.`);
    if (view === "grid") grid.open(last.label);
  } else {
    queue = [last.card, ...queue.filter((card) => card.name !== last.card.name)];
    ended = false;
    if (view === "grid") toggleGrid();
    stamp("undone", null);
  }
  looking = -1;
  showRecent();
  present();
}

function look(step) {
  const from = looking < 0 ? given.length : looking;
  let place = from + step;
  while (place >= 0 && place < given.length && given[place].kind === "grid") place += step;
  if (place < 0) return;
  looking = place >= given.length ? -1 : place;
  present();
}

function count(name, more) {
  const found = state?.classes.find(([other]) => other === name);
  if (!found) return;
  found[1] = Math.max(0, found[1] + more);
  state.labelled += more;
  showProgress(state);
  const shown = document.querySelector(`#classes button[data-name="${CSS.escape(name)}"] .count`);
  if (shown) shown.textContent = found[1] || "";
}

// A word over the item that was answered, for a moment.
function stamp(text, color) {
  document.querySelector(".stamp")?.remove();
  const made = element("p", text, { class: `stamp ${color === null ? "" : `hue-${color}`}`, "aria-hidden": "true" });
  $("one").append(made);
  made.addEventListener("animationend", () => made.remove());
}

function say(text, important = false) {
  $("live").textContent = text;
  if (important) {
    const made = element("p", text, { class: "toast" });
    document.body.append(made);
    setTimeout(() => made.remove(), 5000);
  }
}

// ---- Classes

const keyOf = (place) => (place < 9 ? `${place + 1}` : (LETTERS[place - 9] ?? "")).toUpperCase();

function showClasses() {
  const focused = document.activeElement?.dataset?.name;
  $("classes").replaceChildren(
    ...state.classes.map(([name, found], place) => {
      const made = element("button", "", { "data-name": name, class: `class hue-${place % 10}` });
      if (keyOf(place)) made.append(element("kbd", keyOf(place)));
      made.append(element("span", name, { class: "name" }), element("span", found ? `${found}` : "", { class: "count" }));
      made.addEventListener("click", () => answer("label", name));
      if (name === focused) queueMicrotask(() => made.focus());
      return made;
    }),
  );
  mark(looking >= 0 ? given[looking] : null);
  $("rename").hidden = state.classes.length === 0;
  $("rename-old").replaceChildren(...state.classes.map(([name]) => element("option", name)));
  $("none").disabled = state.classes.length === 0;
  if (state.classes.length === 0 && view === "one") openNewClass();
}

function mark(before) {
  for (const button of document.querySelectorAll("#classes button"))
    button.classList.toggle("given", before?.kind === "label" && before.label === button.dataset.name);
}

function openNewClass() {
  const first = (state?.classes.length ?? 0) === 0;
  $("class-hint").textContent = first ? `What is this ${one}? Type the name of its class.` : "Class of this, a new one or one that is there";
  $("class-cancel").hidden = first;
  $("new-class").hidden = false;
  $("actions").hidden = true;
  $("class-alike").hidden = true;
  $("class-name").focus();
}

function closeNewClass() {
  $("class-name").value = "";
  $("class-alike").hidden = true;
  filterClasses("");
  if (state?.classes.length) {
    $("new-class").hidden = true;
    $("actions").hidden = false;
    $("class-name").blur();
  }
}

function filterClasses(text) {
  const wanted = text.trim().toLowerCase();
  for (const button of document.querySelectorAll("#classes button"))
    button.hidden = wanted !== "" && !button.dataset.name.toLowerCase().includes(wanted);
}

async function nameClass(text, alike = false) {
  const name = text.trim().replace(/\s+/g, " ");
  if (!name) return;
  const known = state.classes.map(([found]) => found);
  if (!alike && !known.includes(name)) {
    const begun = known.filter((found) => found.toLowerCase().startsWith(name.toLowerCase()));
    const shown = [...document.querySelectorAll("#classes button:not([hidden])")];
    if (begun.length === 1 && shown.length === 1 && begun[0].toLowerCase() !== name.toLowerCase() && known.length > 9)
      return used(begun[0]);
  }
  try {
    const reply = known.includes(name) ? { name } : await call("class", { name, alike });
    if (reply.similar !== undefined) return askAlike(name, reply.similar);
    await used(reply.name);
  } catch (error) {
    banner(error instanceof Refused ? error.message : "A new class needs the server, which cannot be reached.");
  }
}

async function used(name) {
  if (!state.classes.some(([found]) => found === name)) state.classes.push([name, 0]);
  showClasses();
  closeNewClass();
  banner("");
  answer("label", name);
}

function askAlike(name, similar) {
  $("alike-text").textContent = `There is a class ${similar}, which differs in capitals alone.`;
  $("alike-use").textContent = `Use ${similar}`;
  $("alike-new").textContent = `Make ${name} another class`;
  $("alike-use").onclick = () => used(similar);
  $("alike-new").onclick = () => nameClass(name, true);
  $("class-alike").hidden = false;
  $("alike-use").focus();
}

// ---- The last answers

function showRecent() {
  const last = given.slice(-SHOWN).reverse();
  $("recent-panel").hidden = last.length === 0;
  $("undo").disabled = given.length === 0;
  $("recent").replaceChildren(
    ...last.map((answer) => {
      const made = element("li");
      const color = answer.kind === "label" || answer.kind === "grid" ? `hue-${hue(state?.classes ?? [], answer.label)}` : "";
      const button = element("button", "", { class: `quiet ${color}` });
      if (answer.card) button.append(miniature(answer.card, ""));
      button.append(element("span", words(answer), { class: "said" }));
      button.setAttribute("aria-label", `${answer.card?.name ?? ""}: ${words(answer)}; look at it again`);
      button.disabled = answer.kind === "grid";
      button.addEventListener("click", () => {
        if (view === "grid") toggleGrid();
        looking = given.indexOf(answer);
        present();
      });
      made.append(button);
      return made;
    }),
  );
}

// ---- Views and windows

function toggleGrid() {
  view = view === "one" ? "grid" : "one";
  $("view-one").setAttribute("aria-pressed", `${view === "one"}`);
  $("view-grid").setAttribute("aria-pressed", `${view === "grid"}`);
  $("grid").hidden = view !== "grid";
  if (view === "grid") {
    looking = -1;
    $("one").hidden = $("finished").hidden = true;
    grid.open(null);
  } else {
    queue = []; // the grid gave them back
    ended = false;
    present();
    fill();
  }
}

function setGuess(on) {
  showGuess = on;
  $("show-guess").checked = on;
  sessionStorage.setItem("guess", on ? "yes" : "no");
  present();
}

const openMore = () => {
  $("filled").hidden = !document.querySelector("meta[name=filled]");
  $("more").showModal();
};

// ---- Keys

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
  const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape" && typing) return closeNewClass();
  if (typing) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = actionOf(key, event);
  if (!action) return;
  event.preventDefault();
  action();
}

function actionOf(key, event) {
  if (key === "z" || key === "Backspace") return undo;
  if (key === "g") return toggleGrid;
  if (key === "?") return openMore;
  if (key === "m") return () => setGuess(!showGuess);
  if (view === "grid") return grid.actionOf(key, event);
  if (key === "s") return () => answer("skip");
  if (key === " " && !event.target.matches("button, summary, a")) return () => answer("skip");
  if (key === "n") return $("none").disabled ? null : () => answer("none");
  if (key === "c") return openNewClass;
  if (key === "ArrowLeft") return () => look(-1);
  if (key === "ArrowRight") return () => look(1);
  if (key === "Escape" && looking >= 0) return () => look(given.length);
  const place = (state?.classes ?? []).findIndex((_, number) => keyOf(number).toLowerCase() === key);
  if (place < 0) return null;
  const [name] = state.classes[place];
  return () => answer("label", name);
}

document.addEventListener("keydown", pressed);
new ResizeObserver(() => fit($("stage"))).observe($("stage"));
$("undo").addEventListener("click", undo);
$("finished-undo").addEventListener("click", undo);
$("grid-undo").addEventListener("click", undo);
$("skip").addEventListener("click", () => answer("skip"));
$("none").addEventListener("click", () => answer("none"));
$("add").addEventListener("click", openNewClass);
$("class-cancel").addEventListener("click", closeNewClass);
$("class-name").addEventListener("input", () => filterClasses($("class-name").value));
$("new-class").addEventListener("submit", (event) => {
  event.preventDefault();
  nameClass($("class-name").value);
});
$("view-one").addEventListener("click", () => view === "grid" && toggleGrid());
$("view-grid").addEventListener("click", () => view === "one" && toggleGrid());
$("again").addEventListener("click", async () => {
  await call("again", {}).catch((error) => banner(error.message));
  ended = false;
  fill();
});
$("open-more").addEventListener("click", openMore);
$("close-more").addEventListener("click", () => $("more").close());
$("show-guess").addEventListener("change", () => setGuess($("show-guess").checked));
$("rename").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const [old, name] = [$("rename-old").value, $("rename-new").value];
    const reply = await call("rename", { old, new: name });
    for (const answer of given) if (answer.label === old) answer.label = reply.name;
    $("rename-new").value = "";
    $("more").close();
    await refresh();
    showRecent();
  } catch (error) {
    $("more").close();
    banner(error.message || "The server cannot be reached.");
  }
});

// ---- The beginning

async function begin() {
  $("show-guess").checked = showGuess;
  outbox.pump();
  await refresh();
  try {
    const { answers } = await call(`recent?person=${person}`);
    for (const { card, count: size, ...answer } of answers.reverse()) {
      const kind = size > 1 ? "grid" : answer.kind;
      if (kind !== "rejected") given.push({ ...answer, kind, count: size, card });
    }
  } catch {
    // without them, only undo is shorter
  }
  showRecent();
  fill();
  setInterval(() => document.hidden || refresh(), POLL_MS);
}

begin();
