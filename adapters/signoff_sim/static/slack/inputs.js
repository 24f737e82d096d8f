// Inputs: an element drawn as a control, and what the control holds in the form the control API takes.

import { h, newId } from "./dom.js";
import { textNode, withEmoji } from "./mrkdwn.js";

const TYPED = { plain_text_input: "text", number_input: "text", email_text_input: "email", url_text_input: "url" };
const two = (number) => String(number).padStart(2, "0");

function localMoment(seconds) {
  if (!seconds) return "";
  const at = new Date(seconds * 1000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

function allOptions(element) {
  return [...(element.options ?? []), ...(element.option_groups ?? []).flatMap((group) => group.options)];
}

// Returns {node, read, focus}: `read()` is the value now; `changed` is called when the person has changed it.
export function control(element, state, context, { labelId, describedBy, changed, key }) {
  const common = { id: newId("sl-in"), "aria-labelledby": labelId, "aria-describedby": describedBy, "data-testid": `slack-input-${key}` };
  const placeholder = element.placeholder ? withEmoji(element.placeholder.text) : undefined;
  const kind = element.type;
  if (kind in TYPED) {
    const tag = element.multiline ? "textarea" : "input";
    const node = h(tag, { ...common, class: "sl-input", placeholder, value: state?.value ?? "", autocomplete: "off", spellcheck: element.multiline ? "true" : "false",
      type: element.multiline ? undefined : TYPED[kind], inputmode: kind === "number_input" ? "decimal" : undefined, maxlength: element.max_length, rows: element.multiline ? 4 : undefined });
    node.addEventListener("change", () => changed(node.value));
    return { node, read: () => node.value, focus: () => node.focus() };
  }
  if (kind === "static_select") {
    const option = (one) => h("option", { value: one.value }, withEmoji(one.text.text));
    const node = h("select", { ...common, class: "sl-input sl-select" }, h("option", { value: "" }, placeholder ?? "Choose an option"),
      element.option_groups ? element.option_groups.map((group) => h("optgroup", { label: group.label.text }, group.options.map(option))) : element.options.map(option));
    node.value = state?.selected_option?.value ?? "";
    node.addEventListener("change", () => changed(node.value));
    return { node, read: () => node.value, focus: () => node.focus() };
  }
  if (kind === "users_select" || kind === "conversations_select") {
    const names = kind === "users_select" ? Object.entries(context.users).map(([id, user]) => [id, user.name]) : Object.entries(context.channels).map(([id, name]) => [id, `#${name}`]);
    const node = h("select", { ...common, class: "sl-input sl-select" }, h("option", { value: "" }, placeholder ?? "Choose…"), names.map(([id, name]) => h("option", { value: id }, name)));
    node.value = state?.selected_user ?? state?.selected_conversation ?? "";
    node.addEventListener("change", () => changed(node.value));
    return { node, read: () => node.value, focus: () => node.focus() };
  }
  if (kind === "radio_buttons" || kind === "checkboxes" || kind === "multi_static_select") {
    const several = kind !== "radio_buttons";
    const chosen = several ? (state?.selected_options ?? []).map((one) => one.value) : [state?.selected_option?.value];
    const name = newId("sl-group");
    const boxes = [];
    const read = () => {
      const values = boxes.filter((box) => box.checked).map((box) => box.value);
      return several ? values : (values[0] ?? "");
    };
    const node = h("div", { role: several ? "group" : "radiogroup", class: "sl-choices", ...common },
      allOptions(element).map((one) => {
        const box = h("input", { type: several ? "checkbox" : "radio", name, value: one.value, checked: chosen.includes(one.value) });
        box.addEventListener("change", () => changed(read()));
        boxes.push(box);
        return h("label", { class: "sl-choice" }, box, h("span", {}, textNode(one.text, context), one.description ? h("small", {}, textNode(one.description, context)) : null));
      }));
    return { node, read, focus: () => boxes[0]?.focus() };
  }
  if (kind === "datepicker" || kind === "timepicker" || kind === "datetimepicker") {
    const type = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" }[kind];
    const value = kind === "datetimepicker" ? localMoment(state?.selected_date_time) : (state?.selected_date ?? state?.selected_time ?? "");
    const node = h("input", { ...common, class: "sl-input sl-when", type, value });
    const read = () => (kind === "datetimepicker" && node.value ? Math.floor(new Date(node.value).getTime() / 1000) : node.value);
    node.addEventListener("change", () => changed(read()));
    return { node, read, focus: () => node.focus() };
  }
  return { node: h("em", { class: "sl-unknown" }, `[${kind} is not drawn here]`), read: () => "", focus: () => {} };
}
