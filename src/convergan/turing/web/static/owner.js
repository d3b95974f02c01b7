// The owner's page: asks for the token, keeps it for this tab, and shows the state of the study.

import { $, Refused, banner, copy, element } from "./common.js";

const POLL_MS = 3000;
const UNREACHABLE = "The server cannot be reached. This page tries again by itself.";
const SVG = "http://www.w3.org/2000/svg";
const number = new Intl.NumberFormat("en-GB");
const percent = (share) => `${(100 * share).toFixed(1)} %`;

const KEPT = `owner-token ${location.pathname}`; // several studies may share a host
let token = sessionStorage.getItem(KEPT) ?? "";

async function call(path, method = "GET", body) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(`owner/api/${path}`, {
    method,
    headers,
    cache: "no-store",
    credentials: "omit",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.ok) return response;
  const reply = await response.json().catch(() => ({}));
  throw new Refused(response.status, reply.error ?? `The server says ${response.status}.`);
}

const get = (path) => call(path).then((response) => response.json());

// Run the action of a button or a poll; a refusal stays on the page until the next button.
async function attempt(action, polling = false) {
  try {
    await action();
    if (!polling || $("banner").textContent === UNREACHABLE) banner("");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) enter("The token is not that of this study.");
    else if (error instanceof Refused) banner(error.message);
    else banner(UNREACHABLE);
  }
}

// ---- The token

function enter(hint) {
  token = "";
  sessionStorage.removeItem(KEPT);
  $("dashboard").hidden = true;
  $("enter").hidden = false;
  $("token-hint").textContent = hint;
  $("token").focus();
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  attempt(async () => {
    await refresh();
    sessionStorage.setItem(KEPT, token);
  });
});
$("sign-out").addEventListener("click", () => enter(""));

// ---- State of the study

async function refresh() {
  const [summary, { people }] = await Promise.all([get("summary"), get("people")]);
  if (token === "") return;
  $("token-hint").textContent = "";
  $("enter").hidden = true;
  $("dashboard").hidden = false;
  showSummary(summary);
  showCurve(summary.curve);
  showPeople(people);
}

function showSummary(summary) {
  const running = summary.state === "running";
  document.title = summary.name;
  $("name").textContent = summary.name;
  $("state").textContent = running ? "takes people" : "stopped";
  $("state").className = `pill ${running ? "running" : "stopped"}`;
  $("start").hidden = running;
  $("stop").hidden = !running;
  const { error, people } = summary;
  const left = Object.entries(people).filter(([state, count]) => count && !/open|done/.test(state));
  $("figures").replaceChildren(
    figure("Finished", `${people.done ?? 0} of ${summary.wanted}`, `${people.open ?? 0} under way`),
    figure("Votes", number.format(summary.votes), left.map(([state, count]) => `${count} ${state}`).join(", ")),
    figure(
      "Error",
      error === null ? "–" : percent(error.rate),
      error === null ? whyNone(summary) : `95 % interval ${(100 * error.low).toFixed(1)} to ${percent(error.high)}, as in the results`,
    ),
    figure("Pictures not shown", number.format(summary.losses), "technical losses"),
  );
}

// Why no vote counts, and the errors of the votes that do not.
function whyNone({ votes, why_none, with_partial, without_exclusion }) {
  if (votes === 0) return "no votes yet";
  const others = [["with partial sessions", with_partial], ["without exclusion", without_exclusion]];
  const told = others.filter(([, error]) => error).map(([name, error]) => `${percent(error.rate)} ${name}`);
  return [why_none, told.join(", ")].filter(Boolean).join(" ");
}

function figure(name, value, more) {
  const made = document.createElement("div");
  made.append(element("dt", name), element("dd", value), element("dd", more, { class: "more" }));
  return made;
}

// ---- People

const shownPeople = new Map(); // alias to its row; rows are kept, so that the focus stays in them

function showPeople(people) {
  const aliases = new Set(people.map((person) => person.alias));
  for (const [alias, row] of shownPeople)
    if (!aliases.has(alias)) {
      row.remove();
      shownPeople.delete(alias);
    }
  for (const person of people) {
    if (!shownPeople.has(person.alias)) {
      shownPeople.set(person.alias, newRow(person.alias));
      $("people").append(shownPeople.get(person.alias));
    }
    const [, state, model, progress, votes, code, actions] = shownPeople.get(person.alias).cells;
    const [end, again] = actions.children;
    end.hidden = !["open", "timed out"].includes(person.state);
    again.hidden = ["done", "withdrawn"].includes(person.state) || person.consent_version === null;
    const marks = [
      person.pilot && "pilot",
      person.failed_attention && "failed attention",
      person.listed === false && "not in the panel's list",
    ].filter(Boolean);
    state.textContent = [person.state, ...marks].join(", ");
    model.textContent = person.feedback ? `${person.model}, with feedback` : person.model;
    code.textContent = person.completion_code ?? "";
    progress.firstChild.max = Math.max(person.total, 1);
    progress.firstChild.value = person.answered;
    votes.textContent = `${person.answered} of ${person.total}`;
  }
  $("nobody").hidden = people.length > 0;
}

function newRow(alias) {
  const row = element("tr");
  const place = `people/${encodeURIComponent(alias)}`;
  const end = element("button", "Close", { "aria-label": `Close the session of ${alias}` });
  end.addEventListener("click", () => closePerson(alias, place));
  const again = element("button", "Reopen", { "aria-label": `Reopen the session of ${alias}` });
  again.addEventListener("click", () => reopenPerson(alias, place));
  const remove = element("button", "Delete", { "aria-label": `Delete ${alias}`, class: "danger" });
  remove.addEventListener("click", () => deletePerson(alias, place));
  row.append(
    element("th", alias, { scope: "row" }),
    element("td"),
    element("td"),
    element("td"),
    element("td", "", { class: "number" }),
    element("td", "", { class: "letters" }),
    element("td", "", { class: "number" }),
  );
  row.cells[3].append(element("progress", "", { "aria-label": `Progress of ${alias}` }));
  row.cells[6].append(end, " ", again, " ", remove);
  return row;
}

async function change(path, method, body, announcement) {
  await call(path, method, body);
  $("live").textContent = announcement;
  await refresh();
}

function deletePerson(alias, place) {
  confirm(
    `Delete ${alias}?`,
    "Their votes and everything that is stored of them are removed. This cannot be undone.",
    [["Delete", () => change(place, "DELETE", undefined, `${alias} was deleted.`)]],
  );
}

function closePerson(alias, place) {
  const close = (state) => () =>
    change(`${place}/close`, "POST", { state }, `The session of ${alias} is closed.`);
  confirm(
    `Close the session of ${alias}?`,
    "They can answer no more, and somebody else may take their place. Their votes stay in the export.",
    [
      ["Returned", close("returned")],
      ["Screened out", close("screened out")],
    ],
  );
}

function reopenPerson(alias, place) {
  attempt(async () => {
    const { link } = await (await call(`${place}/reopen`, "POST", {})).json();
    await refresh();
    confirm(
      `${alias} can go on`,
      `They have a place again. Send this address to them and to nobody else: ${link}`,
      [],
    );
  });
}

function confirm(title, text, actions) {
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-no").textContent = actions.length > 0 ? "Keep" : "Close";
  $("confirm-actions").replaceChildren(
    ...actions.map(([name, action]) => {
      const button = element("button", name, { class: "danger" });
      button.addEventListener("click", () => {
        $("confirm").close();
        attempt(action);
      });
      return button;
    }),
  );
  $("confirm").showModal();
}
$("confirm-no").addEventListener("click", () => $("confirm").close());

// ---- Learning curve

const WIDTH = 800;
const HEIGHT = 260;
const EDGE = { left: 48, right: 12, top: 12, bottom: 34 };

function draw(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

// Join the points of several trials, so that the curve of few people is not all noise.
function bins(points, most = 12) {
  const size = Math.max(1, Math.ceil(points.length / most));
  const joined = [];
  for (let start = 0; start < points.length; start += size) {
    const part = points.slice(start, start + size);
    const votes = part.reduce((sum, point) => sum + point.votes, 0);
    const wrong = part.reduce((sum, point) => sum + point.votes * point.error, 0);
    const [first, last] = [part[0].trial + 1, part.at(-1).trial + 1];
    if (votes) joined.push({ first, last, votes, error: wrong / votes });
  }
  return joined;
}

function showCurve(points) {
  const arms = [false, true]
    .map((feedback) => ({ feedback, bins: bins(points.filter((point) => point.feedback === feedback)) }))
    .filter((arm) => arm.bins.length > 0);
  const last = Math.max(1, ...arms.flatMap((arm) => arm.bins.map((bin) => bin.last)));
  const x = (trial) => EDGE.left + ((trial - 1) / Math.max(1, last - 1)) * (WIDTH - EDGE.left - EDGE.right);
  const y = (error) => EDGE.top + (1 - error) * (HEIGHT - EDGE.top - EDGE.bottom);
  const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  svg.append(draw("title", {}, "Error by trial number; the table below has the same figures"));
  for (const error of [0, 0.25, 0.5, 0.75, 1]) {
    const kind = error === 0.5 ? "chance" : "grid";
    svg.append(draw("line", { class: kind, x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(error), y2: y(error) }));
    svg.append(draw("text", { x: EDGE.left - 8, y: y(error) + 4, "text-anchor": "end" }, `${100 * error} %`));
  }
  for (const trial of new Set([1, Math.ceil(last / 2), last]))
    svg.append(draw("text", { x: x(trial), y: HEIGHT - 10, "text-anchor": "middle" }, `${trial}`));
  for (const { feedback, bins: made } of arms) {
    const places = made.map((bin) => [x((bin.first + bin.last) / 2), y(bin.error)]);
    const line = places.map((place) => place.map((value) => value.toFixed(1)).join(",")).join(" ");
    svg.append(draw("polyline", { class: feedback ? "line second" : "line", points: line }));
    for (const [left, top] of places)
      svg.append(
        feedback
          ? draw("rect", { class: "square", x: left - 4, y: top - 4, width: 8, height: 8 })
          : draw("circle", { class: "dot", cx: left, cy: top, r: 4.5 }),
      );
  }
  $("curve").replaceChildren(svg);
  $("curve-key").replaceChildren(
    ...arms.map((arm) => element("span", arm.feedback ? "■ with feedback" : "● without feedback")),
    element("span", arms.length > 0 ? "- - chance" : "No votes yet."),
  );
  showTable(arms);
}

function showTable(arms) {
  const head = element("tr");
  for (const name of ["Trials", "Feedback", "Votes", "Error"]) head.append(element("th", name, { scope: "col" }));
  const rows = arms.flatMap(({ feedback, bins: made }) =>
    made.map((bin) => {
      const row = element("tr");
      const range = bin.first === bin.last ? `${bin.first}` : `${bin.first} to ${bin.last}`;
      for (const text of [range, feedback ? "yes" : "no", `${bin.votes}`, percent(bin.error)])
        row.append(element("td", text));
      return row;
    }),
  );
  $("curve-table").replaceChildren(head, ...rows);
}

// ---- Invitations, start and stop, files

$("invite").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const asked = {
      count: Number($("count").value),
      days: Number($("days").value),
      pilot: $("pilot").checked,
    };
    const response = await call("invitations", "POST", asked);
    const { links } = await response.json();
    $("link-list").replaceChildren(...links.map((link) => element("li", link)));
    $("links").hidden = false;
    $("copied").textContent = `${links.length} ${links.length === 1 ? "link" : "links"} made.`;
  });
});
$("copy-all").addEventListener("click", async () => {
  const links = [...$("link-list").children].map((item) => item.textContent).join("\n");
  $("copied").textContent = (await copy(links, $("link-list")))
    ? "Copied."
    : "Copying is not allowed here; the links are selected.";
});

for (const action of ["start", "stop"])
  $(action).addEventListener("click", () =>
    attempt(async () => {
      await call(action, "POST", {});
      await refresh();
    }),
  );

function save(path, name) {
  return attempt(async () => {
    const response = await call(path);
    const link = element("a", "", { download: name });
    link.href = URL.createObjectURL(await response.blob());
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}
$("export").addEventListener("click", () => save("export.csv", "votes.csv"));
$("responses").addEventListener("click", () => save("responses.csv", "responses.csv"));
$("results").addEventListener("click", () => save("results", "results.json"));

// ---- Begin

async function poll() {
  if (token !== "" && !document.hidden) await attempt(refresh, true);
  setTimeout(poll, POLL_MS);
}

if (token === "") enter("");
poll();
