// The open modal: drawn anew when its view changes, while what the person has typed stays.

import { drawBlocks } from "./blocks.js";
import { h, newId } from "./dom.js";
import { withEmoji } from "./mrkdwn.js";

const FOCUSABLE = "button, input, select, textarea, a[href], [tabindex='0']";

export class Modal {
  constructor(root, act) {
    this.root = root;
    this.act = act; // (verb, body) → what comes next
    this.shown = null; // view id and hash of what is drawn
    this.fields = new Map();
    this.drafts = new Map(); // view id → Map(field → value): typed, perhaps not yet sent
    this.pending = new Map(); // field → value that is on its way: newer than what the server has told of it
  }

  show(view, context) {
    if (!view) {
      if (this.node) this.remove();
      return;
    }
    const mark = `${view.id} ${view.hash}`;
    if (this.shown !== mark) this.draw(view, context);
    this.shown = mark;
    this.complain(view);
  }

  remove() {
    const { node } = this;
    this.node = null; // first: to leave the page is a change for the field that is being typed into
    node.remove();
    for (const behind of this.root.children) behind.inert = false;
    this.shown = null;
    this.drafts.clear();
    this.pending.clear();
    this.before?.isConnected && this.before.focus();
  }

  draw(view, context) {
    const focused = this.node?.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
    const scrolled = this.node?.querySelector(".sl-modal-body")?.scrollTop ?? 0;
    const same = this.shown?.startsWith(`${view.id} `);
    if (!this.node) this.before = document.activeElement;
    if (same) this.remember(view.id);
    this.node?.remove();
    this.fields = new Map();
    const titleId = newId("sl-title");
    const draft = this.drafts.get(view.id) ?? new Map();
    const surface = {
      root: this.root,
      fields: this.fields,
      state: (block, element) => view.values[block.block_id]?.[element.action_id] ?? null,
      changed: (block, element, value, enter) => this.node && this.fill(view.id, `${block.block_id}/${element.action_id}`, value, enter),
      press: (block, element, value) => this.act("press", { block_id: block.block_id, action_id: element.action_id, value, values: this.values() }),
    };
    const body = h("div", { class: "sl-modal-body" }, drawBlocks(view.blocks, context, surface));
    this.trouble = h("div", { class: "sl-trouble", role: "alert", "data-testid": "slack-modal-trouble" });
    this.send = view.submit ? h("button", { type: "submit", class: "sl-button sl-button-primary", "data-testid": "slack-modal-submit" }, withEmoji(view.submit.text)) : null;
    const back = view.depth > 1 ? "Back" : "Cancel";
    this.form = h("form", { class: "sl-modal", novalidate: true, role: "dialog", "aria-modal": "true", "aria-labelledby": titleId, "data-testid": "slack-modal", "data-view": view.id, "data-callback": view.callback_id, tabindex: "-1",
      onsubmit: (event) => this.submit(event), onkeydown: (event) => this.key(event) },
      h("header", { class: "sl-modal-head" },
        h("span", { class: "sl-avatar sl-avatar-bot sl-avatar-small", "aria-hidden": "true" }, "✓"),
        h("h2", { id: titleId }, withEmoji(view.title.text)),
        view.depth > 1 ? h("span", { class: "sl-depth" }, `${view.depth} of 3`) : null,
        h("button", { type: "button", class: "sl-close", "aria-label": "Close", "data-testid": "slack-modal-x", onclick: () => this.act("close", { all: true }) }, "×")),
      this.trouble, body,
      h("footer", { class: "sl-modal-foot" },
        h("button", { type: "button", class: "sl-button", "data-testid": "slack-modal-close", onclick: () => this.act("close", {}) }, view.close ? withEmoji(view.close.text) : back), this.send));
    this.node = h("div", { class: "sl-shade" }, this.form);
    for (const behind of this.root.children) behind.inert = true;
    this.root.append(this.node);
    for (const field of this.fields.values()) field.drawn = field.read();
    if (same) this.restore(draft);
    for (const [key, field] of this.fields) if (this.pending.has(`${view.id} ${key}`)) field.write(this.pending.get(`${view.id} ${key}`));
    // What begins differently is another page of the same window, and is read from its beginning.
    const beginning = JSON.stringify(view.blocks[0] ?? null);
    body.scrollTop = same && this.beginning === beginning ? scrolled : 0;
    this.beginning = beginning;
    const again = focused && this.node.querySelector(`[data-testid="${CSS.escape(focused)}"]`);
    const first = [...this.fields.values()][0];
    if (again) again.focus({ preventScroll: true });
    // Something else has taken its place: whoever reads on must not be thrown back to the top.
    else if (same) this.form.focus({ preventScroll: true });
    else if (first) first.focus();
    else (this.send ?? this.form.querySelector(".sl-close")).focus();
  }

  async fill(viewId, key, value, enter) {
    this.pending.set(`${viewId} ${key}`, value);
    await this.act("fill", { values: { [key]: value }, enter });
    if (this.pending.get(`${viewId} ${key}`) === value) this.pending.delete(`${viewId} ${key}`);
  }

  values() {
    return Object.fromEntries([...this.fields].map(([key, field]) => [key, field.read()]));
  }

  remember(viewId) {
    const touched = [...this.fields].filter(([, field]) => field.read() !== field.drawn);
    this.drafts.set(viewId, new Map(touched.map(([key, field]) => [key, field.read()])));
  }

  // The server keeps what was sent; text typed since the view was drawn is newer.
  restore(draft) {
    for (const [key, field] of this.fields) {
      const typed = draft.get(key);
      if (typeof typed === "string" && "value" in field.node) field.write(typed);
    }
  }

  complain(view) {
    let first = null;
    for (const field of this.fields.values()) {
      if (!field.complain) continue;
      const said = view.errors[field.block.block_id];
      field.complain(said);
      if (said && !first) first = field;
    }
    this.trouble.textContent = view.trouble ?? "";
    const mark = JSON.stringify(view.errors);
    if (first && mark !== this.complained) first.focus();
    this.complained = mark;
  }

  async submit(event) {
    event.preventDefault();
    if (this.send?.getAttribute("aria-busy") === "true") return;
    this.complained = null;
    this.send?.setAttribute("aria-busy", "true");
    const send = this.send;
    try {
      await this.act("submit", { values: this.values() });
    } finally {
      send?.removeAttribute("aria-busy");
    }
  }

  key(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      this.act("close", {});
    } else if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      this.form.requestSubmit();
    } else if (event.key === "Tab") {
      const stops = [...this.form.querySelectorAll(FOCUSABLE)].filter((one) => !one.disabled);
      const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
      if (document.activeElement === edge) {
        event.preventDefault();
        (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
      }
    }
  }
}
