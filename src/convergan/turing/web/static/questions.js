// The owner's own questions, before and after the trials.

import { $, Refused, element } from "./common.js";
import { send } from "./connection.js";
import { say, show } from "./words.js";

const BUTTONS = 12; // options up to which a choice is a list of buttons

function option(field, value, text, type = "radio") {
  const input = element("input", "", { type, name: field.name, value });
  input.required = field.required;
  const label = element("label", "", { class: "tick" });
  label.append(input, element("span", text));
  return label;
}

function choice(field) {
  if (field.options.length <= BUTTONS) return field.options.map((text) => option(field, text, text));
  const list = element("select", "", { name: field.name, "aria-label": field.label });
  list.required = field.required;
  list.append(element("option", say("choose"), { value: "" }));
  list.append(...field.options.map((text) => element("option", text, { value: text })));
  return [list];
}

function scale(field) {
  const count = field.to - field.from + 1;
  const steps = Array.from({ length: count }, (_, place) => `${field.from + place}`);
  const row = element("div", "", { class: "scale" });
  row.append(...steps.map((step) => option(field, step, step)));
  const ends = element("div", "", { class: "ends" });
  ends.append(...field.labels.map((text) => element("span", text)));
  return [row, ends];
}

function written(field) {
  const input =
    field.type === "number"
      ? element("input", "", { type: "number", inputmode: "decimal", step: "any" })
      : element("textarea", "", { rows: 3, maxlength: field.longest });
  for (const edge of ["min", "max"]) if (field[edge] !== undefined) input[edge] = field[edge];
  input.name = field.name;
  input.id = `field-${field.name}`;
  input.required = field.required;
  return input;
}

// A field of the form; what belongs together is a group with a name for screen readers.
function shown(field) {
  const note = field.required ? [] : [" ", element("span", say("optional"), { class: "fine" })];
  if (field.type === "text" || field.type === "number") {
    const group = element("p", "", { class: "field" });
    const label = element("label", field.label, { for: `field-${field.name}` });
    label.append(...note);
    group.append(label, written(field));
    return group;
  }
  const group = element("fieldset", "", { class: "field" });
  const legend = element("legend", field.label);
  legend.append(...note);
  group.append(legend, ...(field.type === "scale" ? scale(field) : choice(field)));
  return group;
}

// What is in the form, null for what was left out.
function valuesOf(form, fields) {
  const data = new FormData(form);
  return Object.fromEntries(
    fields.map(({ name, type }) => {
      const text = (data.get(name) ?? "").trim();
      if (text === "") return [name, null];
      return [name, type === "number" || type === "scale" ? Number(text) : text];
    }),
  );
}

export async function questions(state) {
  const form = $("questions-form");
  $("questions-title").textContent = state.stage === "before" ? say("before") : say("after");
  $("questions-fields").replaceChildren(...state.questions.map(shown));
  $("questions-hint").textContent = "";
  show("questions");
  for (;;) {
    await new Promise((resolve) => {
      form.onsubmit = (event) => {
        event.preventDefault();
        resolve();
      };
    });
    try {
      const values = valuesOf(form, state.questions);
      return await send("/responses", { stage: state.stage, values });
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 422) throw error;
      $("questions-hint").textContent = error.message;
    }
  }
}
