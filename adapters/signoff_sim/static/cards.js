// Adaptive Cards as Teams shows them: the real renderer (adaptivecards 3.0.6), Teams' looks, and a small markdown.
/* global AdaptiveCards */

const FONT = '"Segoe UI", system-ui, Roboto, "Helvetica Neue", Arial, sans-serif';

const PALETTES = {
  light: {
    text: "#242424", subtle: "#616161", accent: "#4f52b2", good: "#0e700e", warning: "#8a4b00", attention: "#b10e1c",
    paper: "#ffffff", emphasis: "#f5f5f5", goodFill: "#f1faf1", warningFill: "#fff9f0", attentionFill: "#fdf3f4", accentFill: "#ebebfa", line: "#e0e0e0",
  },
  dark: {
    text: "#ffffff", subtle: "#adadad", accent: "#9ea2ff", good: "#54b054", warning: "#feb154", attention: "#f58c94",
    paper: "#292929", emphasis: "#333333", goodFill: "#0b290f", warningFill: "#3d2a0d", attentionFill: "#3b1519", accentFill: "#2f2f4a", line: "#525252",
  },
};

export function hostConfig(dark) {
  const p = dark ? PALETTES.dark : PALETTES.light;
  const pair = (colour) => ({ default: colour, subtle: colour });
  const foregroundColors = {
    default: { default: p.text, subtle: p.subtle }, dark: { default: "#242424", subtle: "#616161" }, light: { default: "#ffffff", subtle: "#d6d6d6" },
    accent: pair(p.accent), good: pair(p.good), warning: pair(p.warning), attention: pair(p.attention),
  };
  const fill = (backgroundColor) => ({ backgroundColor, foregroundColors });
  return new AdaptiveCards.HostConfig({
    fontFamily: FONT,
    spacing: { none: 0, small: 8, default: 12, medium: 16, large: 20, extraLarge: 24, padding: 16 },
    separator: { lineThickness: 1, lineColor: p.line },
    fontSizes: { small: 12, default: 14, medium: 14, large: 18, extraLarge: 24 },
    fontWeights: { lighter: 300, default: 400, bolder: 600 },
    imageSizes: { small: 32, medium: 52, large: 100 },
    supportsInteractivity: true,
    containerStyles: {
      default: fill(p.paper), emphasis: fill(p.emphasis), accent: fill(p.accentFill), good: fill(p.goodFill),
      warning: fill(p.warningFill), attention: fill(p.attentionFill),
    },
    actions: {
      maxActions: 6, spacing: "default", buttonSpacing: 8, showCard: { actionMode: "inline", inlineTopMargin: 12, style: "emphasis" },
      preExpandSingleShowCardAction: false, actionsOrientation: "horizontal", actionAlignment: "left", allowTitleToWrap: true,
    },
    adaptiveCard: { allowCustomStyle: false },
    factSet: { title: { weight: "bolder", wrap: true, maxWidth: 150 }, value: { wrap: true }, spacing: 12 },
    inputs: {
      label: { requiredInputs: { suffix: " *", suffixColor: "attention" }, optionalInputs: {}, inputSpacing: "none" },
      errorMessage: { weight: "default", color: "attention", spacing: "small" },
    },
  });
}

// ── text ────────────────────────────────────────────────────────────────────────────────────────

const escape = (text) => text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);

// Teams' subset: bold, italic, links, lists. Everything else, HTML included, is text.
export function markdown(text) {
  const kept = [];
  // Escaped characters and finished links are set aside, so that later rules do not touch them.
  const keep = (html) => `\u0000${kept.push(html) - 1}\u0000`;
  const inline = (line) =>
    escape(line.replace(/\u0000/g, ""))
      .replace(/\\([\\`*_{}[\]()#+\-.!~|]|&gt;|&lt;|&amp;)/g, (_, character) => keep(character))
      .replace(/\[([^\]]+)\]\((https?:[^)\s]+|mailto:[^)\s]+)\)/g, (_, label, url) => keep(`<a href="${url}" target="_blank" rel="noopener noreferrer">${label}</a>`))
      .replace(/\*\*(\S(?:[^*]*\S)?)\*\*/g, "<strong>$1</strong>")
      .replace(/(^|[^\w*])[*](\S(?:[^*]*\S)?)[*](?![\w*])/g, "$1<em>$2</em>")
      .replace(/(^|[^\w])_(\S(?:[^_]*\S)?)_(?!\w)/g, "$1<em>$2</em>");
  const html = [];
  let list = null;
  for (const line of text.split(/\r?\n/)) {
    const item = /^\s*(?:([-*])|(\d+)\.)\s+(.*)$/.exec(line);
    const kind = item ? (item[1] ? "ul" : "ol") : null;
    if (kind !== list) {
      if (list) html.push(`</${list}>`);
      if (kind) html.push(`<${kind}>`);
      list = kind;
    }
    html.push(item ? `<li>${inline(item[3])}</li>` : `<p>${inline(line) || "<br>"}</p>`);
  }
  if (list) html.push(`</${list}>`);
  let out = html.join("");
  while (/\u0000\d+\u0000/.test(out)) out = out.replace(/\u0000(\d+)\u0000/g, (_, index) => kept[index]);
  return out;
}

// ── rendering ───────────────────────────────────────────────────────────────────────────────────

const dark = matchMedia("(prefers-color-scheme: dark)");

/** A card on the screen. `onAction(action, inputs)` gets the pressed action's JSON and every input as a string. */
export class CardView {
  constructor(onAction, { testid } = {}) {
    this.element = document.createElement("div");
    this.element.className = "card";
    this.element.tabIndex = -1;
    if (testid) this.element.dataset.testid = testid;
    this.onAction = onAction;
    this.json = "";
    this.card = null;
  }

  values() {
    return (this.card?.getAllInputs() ?? []).map((input) => [input.id, asText(input.value)]);
  }

  /**
   * Show this card. Another one starts from its own values: what was typed into the one before is gone, as in Teams.
   * `answered`: differs when a press was answered with a card, which is drawn anew even if it is the same.
   */
  show(content, answered = "") {
    const json = JSON.stringify(content) + dark.matches + answered;
    if (json === this.json) return;
    const inside = this.element.contains(document.activeElement);
    const focused = this.focusedInput();
    this.json = json;
    const card = new AdaptiveCards.AdaptiveCard();
    card.hostConfig = hostConfig(dark.matches);
    card.onExecuteAction = (action) => this.pressed(action);
    card.onInlineCardExpanded = () => this.name();
    card.parse(content);
    const rendered = card.render();
    this.card = card;
    this.element.replaceChildren(...(rendered ? [rendered] : []));
    this.name();
    const again = focused && card.getAllInputs().find((input) => input.id === focused);
    if (again) again.focus();
    else if (inside) this.element.focus({ preventScroll: true });
  }

  focusedInput() {
    const inside = this.element.contains(document.activeElement);
    return inside ? this.card?.getAllInputs().find((input) => input.renderedElement?.contains(document.activeElement))?.id : undefined;
  }

  // The renderer names nothing that a test could hold on to.
  name() {
    for (const action of this.card.getAllActions()) {
      const node = action.renderedElement;
      if (!node) continue;
      const json = action.toJSON();
      const name = json.verb ?? json.id ?? json.title;
      mark(node, { testid: `teams-action-${name}`, action: name, value: json.data === undefined ? undefined : JSON.stringify(json.data) });
    }
    for (const input of this.card.getAllInputs()) {
      const node = input.renderedElement;
      if (!node) continue;
      const controls = [...node.querySelectorAll("input, select, textarea")];
      const options = controls.filter((control) => ["checkbox", "radio"].includes(control.type) && input.getJsonTypeName() === "Input.ChoiceSet");
      for (const control of controls) mark(control, { testid: `teams-input-${input.id}`, input: input.id });
      for (const option of options) mark(option, { testid: `teams-option-${input.id}-${option.value}`, value: option.value });
    }
  }

  pressed(action) {
    const json = action.toJSON();
    if (json.type === "Action.OpenUrl") {
      window.open(json.url, "_blank", "noopener,noreferrer");
      return;
    }
    const inputs = json.associatedInputs?.toLowerCase() === "none" ? {} : Object.fromEntries(this.values());
    this.onAction(json, inputs);
  }

  /** Buttons wait while the bot has not answered. */
  busy(on) {
    if (on === this.element.hasAttribute("aria-busy")) return;
    // A button that is switched off loses the focus; the card itself keeps the reader's place.
    if (on && this.element.contains(document.activeElement)) this.element.focus({ preventScroll: true });
    this.element.toggleAttribute("aria-busy", on);
    for (const button of this.element.querySelectorAll("button")) {
      if (on) button.dataset.off = button.disabled;
      button.disabled = on || button.dataset.off === "true";
    }
  }
}

function mark(node, names) {
  for (const [name, value] of Object.entries(names)) if (value !== undefined) node.dataset[name] = value;
}

const asText = (value) => (value === undefined || value === null ? "" : String(value));

AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  result.outputHtml = markdown(text);
  result.didProcess = true;
};
// {{DATE()}} and {{TIME()}} speak the reader's language.
AdaptiveCards.GlobalSettings.useAdvancedTextBlockTruncation = false;
