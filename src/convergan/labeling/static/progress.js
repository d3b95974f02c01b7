// The panels beside the item: the error, the labels, and what the classifier does.

import { $, element } from "./common.js";
import { curve, percent, table } from "./curve.js";

const MOST_BARS = 6;
const number = new Intl.NumberFormat("en-GB");
const many = document.querySelector("meta[name=many]").content;

export function showProgress(state) {
  const { progress, fit } = state;
  const last = progress.points.at(-1);
  $("error").textContent = last ? percent(last.error) : "–";
  $("error-range").textContent = last ? `${percent(last.low)} to ${percent(last.high)}` : "";
  $("error-range").title = "95 % interval";
  $("advice").className = `advice ${progress.advice}`;
  $("advice").textContent = last ? progress.text : first(state);
  $("how").hidden = !last;
  $("sample").textContent = last ? measured(progress, last) : "";
  $("brief").textContent = `${number.format(state.labelled)} of ${number.format(state.total)}` + (last ? `, error ${percent(last.error)}` : "");
  $("curve").hidden = progress.points.length < 2;
  const drawn = JSON.stringify([progress.points, progress.forecast]);
  if (progress.points.length > 1 && $("curve").dataset.drawn !== drawn) {
    $("curve").dataset.drawn = drawn;
    $("curve").replaceChildren(curve(progress.points, progress.forecast), table(progress.points));
  }
  $("labelled").textContent = number.format(state.labelled);
  const more = [
    state.none && `${number.format(state.none)} none of these`,
    state.skipped && `${number.format(state.skipped)} skipped`,
  ].filter(Boolean);
  $("of").textContent = [`of ${number.format(state.total)}`, ...more].join(", ");
  $("done").max = state.total;
  $("done").value = state.labelled + state.none;
  $("fit").textContent = fitted(state);
  $("fit").classList.toggle("busy", fit.busy || fit.stage === "reading");
  $("fit").classList.toggle("wrong", fit.problem !== "");
  bars(state.classes);
}

function first({ classes, fit }) {
  if (classes.length < 2) return "Name two classes to begin.";
  return `The error shows after the first fit, at ${fit.batch} labels of two classes.`;
}

function measured(progress, last) {
  const left = [
    progress.none && `${progress.none} none of these`,
    progress.skipped && `${progress.skipped} skipped, which may be hard ones`,
  ].filter(Boolean);
  return (
    `95 % interval. ${last.wrong} of ${last.sample} ${many} drawn at random are wrong while their ` +
    `label is held out${left.length ? `; not counted: ${left.join(", ")}` : ""}. One in five is ` +
    "drawn so; chosen ones are hard and would tell a higher error."
  );
}

function fitted({ fit, labelled }) {
  if (fit.problem) return fit.problem[0].toUpperCase() + fit.problem.slice(1) + ".";
  if (fit.stage === "reading")
    return `Reading ${many}: ${number.format(fit.done)} of ${number.format(fit.total)}. You can label meanwhile.`;
  if (fit.busy) return "Fitting to the newest labels…";
  if (!fit.labels) return `The classifier is fitted at ${fit.batch} labels.`;
  return `Fitted to ${number.format(fit.labels)} labels in ${fit.seconds} s; again every ${fit.batch}.`;
}

function bars(classes) {
  const most = Math.max(1, ...classes.map(([, count]) => count));
  const shown = [...classes].sort((a, b) => b[1] - a[1]).slice(0, MOST_BARS);
  $("bars").replaceChildren(
    ...shown.map(([name, count]) => {
      const row = element("div", "", { class: "bar" });
      const track = element("span", "", { class: "track" });
      const fill = element("span", "", { class: `fill hue-${hue(classes, name)}` });
      fill.style.width = `${(100 * count) / most}%`;
      track.append(fill);
      row.append(element("span", name, { class: "bar-name" }), track, element("span", `${count}`, { class: "bar-count" }));
      return row;
    }),
  );
  if (classes.length > shown.length)
    $("bars").append(element("p", `and ${classes.length - shown.length} more`, { class: "fine" }));
}

export const hue = (classes, name) => Math.max(0, classes.findIndex(([other]) => other === name)) % 10;
