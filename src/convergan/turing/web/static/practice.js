// How it works, and the practice with drawings.

import { $, element } from "./common.js";
import { judge, showFeedback } from "./judge.js";
import { SIDES, keys } from "./keys.js";
import { announce, say, show } from "./words.js";

// A drawing of a size, round for real and jagged for generated.
function drawing(size, jagged) {
  const canvas = element("canvas", "", {
    role: "img",
    "aria-label": jagged ? say("star") : say("disc"),
  });
  canvas.width = size.width * 8;
  canvas.height = size.height * 8;
  const context = canvas.getContext("2d");
  const [x, y] = [canvas.width / 2, canvas.height / 2];
  const radius = 0.4 * Math.min(canvas.width, canvas.height);
  context.fillStyle = "#e4e4e4";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#333333";
  context.beginPath();
  for (let corner = 0; corner < 16; corner++) {
    const reach = jagged && corner % 2 ? 0.5 * radius : radius;
    const angle = (corner * Math.PI) / 8;
    context.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  if (!jagged) context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
  return canvas;
}

export function rules(state) {
  const pair = state.protocol === "pair";
  const [left_key, right_key] = SIDES.map((side) => keys[side].toUpperCase());
  const [left, right] = judge.names;
  const values = { left_key, right_key, left, right };
  const touch = matchMedia("(hover: none) and (pointer: coarse)").matches;
  const by_keys = pair ? say("rule_keys_pair", values) : say("rule_keys", values);
  return [
    pair ? say("rule_pair") : say("rule_single"),
    touch ? say("rule_touch") : by_keys,
    state.protocol === "timed" ? say("rule_timed") : say("rule_time"),
    say("rule_first"),
    state.feedback ? say("rule_feedback") : say("rule_no_feedback"),
  ];
}

export async function practise(state) {
  const pair = state.protocol === "pair";
  const exposure = state.protocol === "timed" ? 500 : null;
  const steps = [
    [false, (answer) => say("practice_first", { answer })],
    [true, (answer) => say("practice_second", { answer })],
    [Math.random() < 0.5, () => say("practice_third")],
  ];
  show("task");
  for (const [place, [generated, help]] of steps.entries()) {
    // In a pair the left one is generated where a single image would be real, the left answer.
    const right = generated ? "right" : "left";
    const answer = judge.names[generated ? 1 : 0];
    $("progress").max = steps.length;
    $("progress").value = place;
    $("progress-label").textContent = say("practice_step", { step: place + 1, steps: steps.length });
    $("help").textContent = help(answer);
    announce(`${$("progress-label").textContent}. ${$("help").textContent}`);
    for (;;) {
      const shapes = pair ? [!generated, generated] : [generated];
      const { side } = await judge.ask(
        shapes.map((jagged) => drawing(state.image, jagged)),
        exposure,
      );
      const correct = side === right;
      await showFeedback(
        correct,
        correct ? say("practice_right") : say("practice_wrong", { answer }),
      );
      if (correct) break;
    }
  }
  $("help").textContent = "";
  judge.ignored = 0;
}
