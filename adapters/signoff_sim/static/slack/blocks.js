// Block Kit drawn as DOM. `surface` says what happens: {press(block, element, value), changed(block, element, value, enter),
// state(block, element), fields}.

import { h, newId, safeUrl } from "./dom.js";
import { control } from "./inputs.js";
import { formatDate, mention, mrkdwn, textNode, withEmoji } from "./mrkdwn.js";

function button(block, element, context, surface) {
  const style = element.style ? ` sl-button-${element.style}` : "";
  const node = h("button", { type: "button", class: `sl-button${style}`, "data-testid": `slack-button-${element.action_id}`,
    "data-action": element.action_id, "data-value": element.value, "data-block": block.block_id, "aria-label": element.accessibility_label }, withEmoji(element.text.text));
  node.addEventListener("click", async () => {
    if (node.getAttribute("aria-busy") === "true") return;
    if (element.confirm && !(await confirm(element.confirm, context, surface))) return;
    if (safeUrl(element.url ?? "")) window.open(safeUrl(element.url), "_blank", "noopener,noreferrer");
    node.setAttribute("aria-busy", "true");
    try {
      await surface.press(block, element);
    } finally {
      node.removeAttribute("aria-busy");
    }
  });
  return node;
}

function confirm(object, context, surface) {
  return new Promise((resolve) => {
    const titleId = newId("sl-confirm");
    const behind = [...surface.root.children].filter((one) => !one.inert);
    const answer = (yes) => {
      shade.remove();
      for (const one of behind) one.inert = false;
      resolve(yes);
    };
    const yes = h("button", { type: "button", class: `sl-button sl-button-${object.style === "danger" ? "danger" : "primary"}`, "data-testid": "slack-confirm-yes", onclick: () => answer(true) }, object.confirm.text);
    const shade = h("div", { class: "sl-shade sl-shade-top" },
      h("div", { class: "sl-modal sl-modal-small", role: "alertdialog", "aria-modal": "true", "aria-labelledby": titleId, "data-testid": "slack-confirm",
        onkeydown: (event) => event.key === "Escape" && (event.stopPropagation(), answer(false)) },
        h("header", { class: "sl-modal-head" }, h("h2", { id: titleId }, object.title.text)),
        h("div", { class: "sl-modal-body" }, textNode(object.text, context)),
        h("footer", { class: "sl-modal-foot" }, h("button", { type: "button", class: "sl-button", "data-testid": "slack-confirm-no", onclick: () => answer(false) }, object.deny.text), yes)));
    for (const one of behind) one.inert = true;
    surface.root.append(shade);
    yes.focus();
  });
}

function interactive(block, element, context, surface) {
  if (element.type === "button") return button(block, element, context, surface);
  if (element.type === "image") return h("span", { class: "sl-image", role: "img", "aria-label": element.alt_text }, element.alt_text);
  const key = `${block.block_id}/${element.action_id}`;
  if (element.type === "overflow") {
    const node = h("select", { class: "sl-button sl-overflow", "aria-label": "More actions", "data-testid": `slack-input-${key}`, "data-action": element.action_id }, h("option", { value: "" }, "⋯"),
      element.options.map((one) => h("option", { value: one.value }, withEmoji(one.text.text))));
    node.addEventListener("change", () => node.value && surface.press(block, element, node.value));
    return node;
  }
  const drawn = control(element, surface.state(block, element), context, { key, changed: (value) => surface.changed(block, element, value, true) });
  drawn.node.setAttribute("aria-label", element.placeholder?.text ?? block.text?.text ?? "Choose");
  surface.fields?.set(key, drawn);
  return drawn.node;
}

function input(block, context, surface) {
  const key = `${block.block_id}/${block.element.action_id}`;
  const labelId = newId("sl-label");
  const errorId = newId("sl-error");
  const hintId = block.hint ? newId("sl-hint") : null;
  const drawn = control(block.element, surface.state(block, block.element), context, {
    labelId, key, describedBy: [hintId, errorId].filter(Boolean).join(" "), dispatches: block.dispatch_action === true,
    changed: (value, enter = true) => surface.changed(block, block.element, value, enter) });
  if (!block.optional) drawn.node.setAttribute("aria-required", "true");
  const error = h("div", { class: "sl-error", id: errorId, role: "alert", "data-testid": `slack-error-${block.block_id}` });
  const node = h("div", { class: "sl-field", "data-testid": `slack-field-${block.block_id}` },
    h("div", { class: "sl-label", id: labelId }, withEmoji(block.label.text), block.optional ? h("span", { class: "sl-optional" }, " (optional)") : null),
    drawn.node, error, block.hint ? h("div", { class: "sl-hint", id: hintId }, withEmoji(block.hint.text)) : null);
  const complain = (said) => {
    error.textContent = said ?? "";
    node.classList.toggle("sl-field-wrong", Boolean(said));
    if (said) drawn.node.setAttribute("aria-invalid", "true");
    else drawn.node.removeAttribute("aria-invalid");
  };
  surface.fields?.set(key, { ...drawn, block, complain });
  return node;
}

function richInline(part, context) {
  const style = part.style ?? {};
  let node;
  if (part.type === "text") node = withEmoji(part.text);
  else if (part.type === "link") node = safeUrl(part.url) ? h("a", { href: safeUrl(part.url), target: "_blank", rel: "noreferrer noopener" }, part.text ?? part.url) : (part.text ?? part.url);
  else if (part.type === "user") node = mention(part.user_id, context);
  else if (part.type === "channel") node = h("span", { class: "sl-mention" }, `#${context.channels[part.channel_id] ?? part.channel_id}`);
  else if (part.type === "emoji") node = withEmoji(`:${part.name}:`);
  else if (part.type === "date") node = h("time", { class: "sl-date" }, formatDate(part.timestamp, part.format));
  else node = "";
  for (const [name, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"], ["underline", "u"]]) {
    if (style[name]) node = h(tag, {}, node);
  }
  return node;
}

function richText(block, context) {
  return h("div", { class: "sl-rich" }, block.elements.map((part) => {
    const inner = () => part.elements.map((one) => richInline(one, context));
    if (part.type === "rich_text_preformatted") return h("pre", {}, inner());
    if (part.type === "rich_text_quote") return h("blockquote", {}, inner());
    if (part.type === "rich_text_list") {
      return h(part.style === "ordered" ? "ol" : "ul", {}, part.elements.map((item) => h("li", {}, item.elements.map((one) => richInline(one, context)))));
    }
    return h("div", { class: "sl-lines" }, inner());
  }));
}

function table(block, context) {
  const cell = (one) => (one.type === "rich_text" ? richText(one, context) : withEmoji(one.text ?? String(one.value)));
  const align = (index) => block.column_settings?.[index]?.align ?? "left";
  const row = (cells, tag) => h("tr", {}, cells.map((one, index) => h(tag, { class: `sl-cell sl-cell-${align(index)}` }, cell(one))));
  const [head, ...rest] = block.rows;
  return h("div", { class: "sl-table", tabindex: "0", role: "region", "aria-label": "Table" },
    h("table", {}, h("thead", {}, row(head, "th")), h("tbody", {}, rest.map((cells) => row(cells, "td")))));
}

const DRAW = {
  section: (block, context, surface) => h("div", { class: "sl-section" },
    h("div", { class: "sl-section-text" }, block.text ? h("div", {}, textNode(block.text, context)) : null,
      block.fields ? h("div", { class: "sl-fields" }, block.fields.map((field) => h("div", { class: "sl-fields-item" }, textNode(field, context)))) : null),
    block.accessory ? h("div", { class: "sl-accessory" }, interactive(block, block.accessory, context, surface)) : null),
  header: (block) => h("h3", { class: "sl-header" }, withEmoji(block.text.text)),
  divider: () => h("hr", { class: "sl-divider" }),
  context: (block, context) => h("div", { class: "sl-context" }, block.elements.map((one) => (one.type === "image" ? h("span", {}, one.alt_text) : textNode(one, context)))),
  actions: (block, context, surface) => h("div", { class: "sl-actions", role: "group", "aria-label": "Actions" }, block.elements.map((one) => interactive(block, one, context, surface))),
  input,
  image: (block) => h("div", { class: "sl-image", role: "img", "aria-label": block.alt_text }, block.alt_text),
  rich_text: richText,
  table,
  markdown: (block, context) => h("div", { class: "sl-text" }, mrkdwn(block.text, context)),
};

export function drawBlocks(blocks, context, surface) {
  return blocks.map((block) => {
    const draw = DRAW[block.type];
    const node = draw ? draw(block, context, surface) : h("em", { class: "sl-unknown" }, `[${block.type} is not drawn here]`);
    node.classList.add("sl-block");
    node.dataset.block = block.block_id;
    return node;
  });
}
