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

// Returns {node, read, write, focus}: `read()` is the value now, `write(value)` shows another one; `changed(value, enter)`
// is called when the person has changed it, `enter` being whether they pressed Enter in a text.
export function control(element, state, context, { labelId, describedBy, changed, key, dispatches = false }) {
  const common = { id: newId("sl-in"), "aria-labelledby": labelId, "aria-describedby": describedBy, "data-testid": `slack-input-${key}`, "data-action": element.action_id };
  const placeholder = element.placeholder ? withEmoji(element.placeholder.text) : undefined;
  const kind = element.type;
  if (kind in TYPED) {
    const tag = element.multiline ? "textarea" : "input";
    const node = h(tag, { ...common, class: "sl-input", placeholder, value: state?.value ?? "", autocomplete: "off", spellcheck: element.multiline ? "true" : "false",
      type: element.multiline ? undefined : TYPED[kind], inputmode: kind === "number_input" ? "decimal" : undefined, maxlength: element.max_length, rows: element.multiline ? 4 : undefined });
    const tells = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
    node.addEventListener(tells.includes("on_character_entered") ? "input" : "change", () => changed(node.value, false));
    if (!element.multiline) {
      node.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.isComposing || !dispatches || event.metaKey || event.ctrlKey) return;
        event.preventDefault();
        changed(node.value, true);
      });
    }
    return single(node);
  }
  if (kind === "static_select") {
    const option = (one) => h("option", { value: one.value }, withEmoji(one.text.text));
    const node = h("select", { ...common, class: "sl-input sl-select" }, h("option", { value: "" }, placeholder ?? "Choose an option"),
      element.option_groups ? element.option_groups.map((group) => h("optgroup", { label: group.label.text }, group.options.map(option))) : element.options.map(option));
    node.value = state?.selected_option?.value ?? "";
    node.addEventListener("change", () => changed(node.value));
    return single(node);
  }
  if (kind === "users_select" || kind === "conversations_select") {
    const names = kind === "users_select" ? Object.entries(context.users).map(([id, user]) => [id, user.name]) : Object.entries(context.channels).map(([id, name]) => [id, `#${name}`]);
    const node = h("select", { ...common, class: "sl-input sl-select" }, h("option", { value: "" }, placeholder ?? "Choose…"), names.map(([id, name]) => h("option", { value: id }, name)));
    node.value = state?.selected_user ?? state?.selected_conversation ?? "";
    node.addEventListener("change", () => changed(node.value));
    return single(node);
  }
  const offered = choices(element, context);
  if (offered) {
    const several = kind !== "radio_buttons";
    const most = element.max_selected_items ?? Infinity;
    const chosen = several ? (state?.selected_options?.map((one) => one.value) ?? state?.selected_users ?? state?.selected_conversations ?? []) : [state?.selected_option?.value];
    const name = newId("sl-group");
    const boxes = [];
    const read = () => {
      const values = boxes.filter((box) => box.checked).map((box) => box.value);
      return several ? values : (values[0] ?? "");
    };
    const full = () => {
      const enough = several && boxes.filter((box) => box.checked).length >= most;
      for (const box of boxes) box.disabled = enough && !box.checked;
    };
    const node = h("div", { role: several ? "group" : "radiogroup", class: `sl-choices${kind.startsWith("multi_") ? " sl-multi" : ""}`, ...common },
      offered.map((one) => {
        const box = h("input", { type: several ? "checkbox" : "radio", name, value: one.value, checked: chosen.includes(one.value),
          "data-testid": `slack-option-${key}-${one.value}`, "data-action": element.action_id, "data-value": one.value });
        box.addEventListener("change", () => {
          full();
          changed(read());
        });
        boxes.push(box);
        return h("label", { class: "sl-choice" }, box, h("span", {}, one.label, one.description));
      }));
    full();
    const write = (value) => {
      for (const box of boxes) box.checked = several ? value.includes(box.value) : box.value === value;
      full();
    };
    return { node, read, write, focus: () => boxes[0]?.focus() };
  }
  if (kind === "datepicker" || kind === "timepicker" || kind === "datetimepicker") {
    const type = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" }[kind];
    const value = kind === "datetimepicker" ? localMoment(state?.selected_date_time) : (state?.selected_date ?? state?.selected_time ?? "");
    const node = h("input", { ...common, class: "sl-input sl-when", type, value });
    const read = () => (kind === "datetimepicker" && node.value ? Math.floor(new Date(node.value).getTime() / 1000) : node.value);
    node.addEventListener("change", () => changed(read()));
    return { ...single(node), read, write: (moment) => (node.value = kind === "datetimepicker" ? localMoment(moment) : moment) };
  }
  return { node: h("em", { class: "sl-unknown" }, `[${kind} is not drawn here]`), read: () => "", write: () => {}, focus: () => {} };
}

function single(node) {
  return { node, read: () => node.value, write: (value) => (node.value = value), focus: () => node.focus() };
}

// What is ticked one by one: {value, label, description}. Null for an element of another kind.
function choices(element, context) {
  const named = (entries) => entries.map(([value, label]) => ({ value, label, description: null }));
  if (element.type === "multi_users_select") return named(Object.entries(context.users).map(([id, user]) => [id, user.name]));
  if (element.type === "multi_conversations_select") return named(Object.entries(context.channels).map(([id, name]) => [id, `#${name}`]));
  if (!["radio_buttons", "checkboxes", "multi_static_select"].includes(element.type)) return null;
  return allOptions(element).map((one) => ({ value: one.value, label: textNode(one.text, context), description: one.description ? h("small", {}, textNode(one.description, context)) : null }));
}
