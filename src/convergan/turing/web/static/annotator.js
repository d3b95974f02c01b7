// One person's page. What to show comes from the server's state; this script shows it, times it
// and sends answers. It knows nothing about which image is which.

import { $, Refused, copy, element } from "./common.js";
import { RETRY_MS, deliver, deliverKept, getState, request, root, send, wait } from "./connection.js";
import { judge, showFeedback, truthText } from "./judge.js";
import { readKeys, setUpSettings } from "./keys.js";
import { loadEarly, picturesOf } from "./pictures.js";
import { practise, rules } from "./practice.js";
import { questions } from "./questions.js";
import { announce, clicked, meta, say, show } from "./words.js";

// Stages: each shows itself and resolves with the state after it.

const paragraphs = (text) =>
  text
    .trim()
    .split(/\n\s*\n/)
    .filter((part) => part !== "")
    .map((part) => element("p", part));

// Whom to ask, and pages to read: links open in a window of their own, so that this one stays.
function showContact({ contact, links }) {
  $("contact").hidden = !contact;
  $("contact-text").textContent = contact ?? "";
  $("links").hidden = !links?.length;
  $("links-list").replaceChildren(
    ...(links ?? []).map((url) => {
      const item = element("li");
      item.append(element("a", url, { href: url, target: "_blank", rel: "noopener noreferrer" }));
      return item;
    }),
  );
}

async function consent(state) {
  $("consent-text").replaceChildren(...paragraphs(state.consent.text));
  showContact(state.consent);
  $("consent-version").textContent = state.consent.version;
  const flickers = state.protocol === "timed";
  $("flicker").hidden = !flickers;
  $("reduced").hidden = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  show("consent");
  for (;;) {
    const choice = await Promise.race([clicked("agree"), clicked("decline")]);
    if (choice.target.id === "decline") return withdraw();
    if (!flickers || $("flicker-read").checked) break;
    $("consent-hint").textContent = say("flicker_hint");
    $("flicker-read").focus();
  }
  return send("/consent", { version: state.consent.version });
}

// Somebody else has the place meanwhile: going on needs another one.
async function paused(state) {
  $("paused-text").textContent = say("paused_text", { ...spans(state), answers: state.answered });
  show("paused");
  for (;;) {
    await clicked("resume");
    try {
      return await send("/resume", {});
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 403) throw error;
      $("paused-hint").textContent = `${error.message} ${say("paused_hint")}${ask(state)}`;
    }
  }
}

const spans = ({ away: { minutes, days } }) => ({
  minutes: minutes === 1 ? say("minute") : say("minutes", { count: minutes }),
  days: days === 1 ? say("day") : say("days", { count: days }),
});
const ask = ({ contact }) => (contact === null ? "" : ` ${say("ask", { contact })}`);

async function tutorial(state) {
  $("instructions").replaceChildren(...paragraphs(state.instructions));
  $("rules").replaceChildren(...rules(state).map((text) => element("li", text)));
  show("intro");
  await clicked("practise");
  for (;;) {
    await practise(state);
    const { total } = state;
    $("ready-text").textContent =
      state.protocol === "pair" ? say("ready_pair", { total }) : say("ready_single", { total });
    show("ready");
    const choice = await Promise.race([clicked("begin"), clicked("again")]);
    if (choice.target.id === "begin") return send("/tutorial", {});
  }
}

function progress(answered, total) {
  $("progress").max = total;
  $("progress").value = answered;
  $("progress-label").textContent = say("progress", {
    number: Math.min(answered + 1, total),
    total,
  });
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
      ? say("mistakes_none")
      : say("mistakes_count", { count: mistakes.length, answers: state.answered });
  $("mistakes-list").hidden = mistakes.length === 0;
  $("mistakes-list").replaceChildren(
    ...mistakes.map(({ images, generated }) => {
      const item = element("li");
      images.forEach((url, place) => {
        const figure = element("figure");
        const image = element("img", "", { src: root + url, alt: say("mistake"), loading: "lazy" });
        image.width = state.image.width * Math.max(1, Math.round(96 / state.image.width));
        const real = generated === (place === 1);
        figure.append(image, element("figcaption", real ? say("mistake_real") : say("mistake_generated")));
        item.append(figure);
      });
      return item;
    }),
  );
  $("mistakes").hidden = false;
}

// What became of a session that cannot go on.
const ENDS = {
  declined: /* say */ "end_declined",
  withdrawn: /* say */ "end_withdrawn",
  returned: /* say */ "end_returned",
  "screened out": /* say */ "end_screened_out",
  late: /* say */ "end_late",
};

function thanks(state) {
  const done = state.stage === "done";
  if (!done) {
    $("thanks-title").textContent = say("over");
    $("thanks-text").textContent = `${say(ENDS[state.outcome])} ${say("over_code")}`;
  } else if (state.outcome === "missed checks") {
    $("thanks-text").textContent = say("thanks_checks");
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
      $("copy").textContent = (await copy(completion.code, $("code"))) ? say("copied") : say("selected");
    });
    if (completion.return !== null) fillReturn(completion.return);
  }
}

function fillReturn({ method, url, fields }) {
  if (method === "GET") {
    const link = element("a", say("finish"), { class: "button primary" });
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
  $("return").replaceChildren(...hidden, element("button", say("finish"), { class: "primary" }));
}

function closed(title, text) {
  $("closed-title").textContent = title;
  $("closed-text").textContent = text;
  show("closed");
}

const withdraw = () => send("/withdraw", {}).then(getState);

function setUpWithdrawal() {
  for (const id of ["open-withdraw", "questions-withdraw", "withdraw-done"])
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
  closed(say("preview"), say("preview_text"));
}

const STAGES = { consent, before: questions, tutorial, trials, paused, after: questions };

async function main() {
  readKeys();
  setUpSettings(() => judge.names);
  setUpWithdrawal();
  judge.listen();
  if (meta("preview")) return preview(meta("preview"));
  setUpReturns();
  await deliverKept();
  let state = await getState();
  judge.prepare(state);
  $("withdraw-rest").textContent = say("withdraw_rest", spans(state));
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
  else closed(say("over"), `${say(ENDS[state.outcome])} ${say("over_text")}${ask(state)}`);
}

main().catch((error) => closed(say("cannot_go_on"), error.message));
