// The held-out error against the number of labels, with its interval and what is expected next.

import { element } from "./common.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 320, HEIGHT = 168, LEFT = 40, RIGHT = 8, TOP = 10, BOTTOM = 26;

function draw(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const nice = (value) => [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1].find((top) => value <= top) ?? 1;

export function curve(points, forecast) {
  const ahead = forecast?.curve ?? [];
  const labels = [...points.map((point) => point.labels), ...ahead.map(([count]) => count)];
  const first = Math.min(...labels), last = Math.max(...labels, first + 1);
  const top = nice(1.05 * Math.max(...points.map((p) => Math.min(p.high, 2.2 * p.error + 0.05))));
  const x = (count) => LEFT + ((count - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (share) => TOP + (1 - Math.min(share, top) / top) * (HEIGHT - TOP - BOTTOM);
  const at = (count, share) => `${x(count).toFixed(1)},${y(share).toFixed(1)}`;

  const final = points.at(-1);
  const svg = draw("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": `Held-out error, from ${percent(points[0].error)} at ${points[0].labels} labels to ` +
      `${percent(final.error)} at ${final.labels}`,
  });
  for (const share of [0, top / 2, top]) {
    svg.append(draw("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share) }));
    svg.append(draw("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, `${Math.round(100 * share)}%`));
  }
  for (const [count, anchor] of [[first, "start"], [last, "end"]])
    svg.append(draw("text", { x: x(count), y: HEIGHT - 8, "text-anchor": anchor }, `${count}`));
  svg.append(draw("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 8, "text-anchor": "middle" }, "labels"));
  if (points.length > 1) {
    const there = points.map((p) => at(p.labels, p.high));
    const back = points.map((p) => at(p.labels, p.low)).reverse();
    svg.append(draw("polygon", { class: "band", points: [...there, ...back].join(" ") }));
  }
  if (ahead.length)
    svg.append(draw("polyline", { class: "ahead", points: ahead.map(([n, e]) => at(n, e)).join(" ") }));
  svg.append(draw("polyline", { class: "line", points: points.map((p) => at(p.labels, p.error)).join(" ") }));
  svg.append(draw("line", { class: "whisker", x1: x(final.labels), x2: x(final.labels), y1: y(final.low), y2: y(final.high) }));
  svg.append(draw("circle", { class: "dot", cx: x(final.labels), cy: y(final.error), r: 4.5 }));
  return svg;
}

export const percent = (share) => `${(100 * share).toFixed(share && share < 0.1 ? 1 : 0)} %`;

// The curve as a table, for those who do not see it.
export function table(points) {
  const made = element("table", "", { class: "unseen" });
  made.append(element("caption", "Held-out error by number of labels"));
  for (const point of points) {
    const row = document.createElement("tr");
    row.append(element("td", `${point.labels}`), element("td", percent(point.error)));
    made.append(row);
  }
  return made;
}
