// The app's global shortcuts: a button that is always there, and the list it opens.

import { h, newId } from "./dom.js";

export class Shortcuts {
  constructor(root, act) {
    this.root = root;
    this.act = act;
    this.offered = [];
    this.menuId = newId("sl-shortcuts");
    this.button = h("button", { type: "button", class: "sl-bolt", "aria-label": "Shortcuts", "aria-haspopup": "menu", "aria-expanded": "false", "data-testid": "slack-shortcuts",
      onclick: () => (this.menu ? this.close() : this.open()) }, "⚡");
  }

  offer(shortcuts) {
    this.offered = shortcuts;
    this.button.hidden = shortcuts.length === 0;
  }

  open() {
    this.menu = h("div", { class: "sl-menu", role: "menu", id: this.menuId, "aria-label": "Shortcuts", "data-testid": "slack-shortcuts-menu", onkeydown: (event) => this.key(event) },
      this.offered.map((one) => h("button", { type: "button", role: "menuitem", class: "sl-menu-item", tabindex: "-1", "data-testid": `slack-shortcut-${one.callback_id}`, "data-callback": one.callback_id,
        onclick: () => this.run(one) }, h("b", {}, one.name), h("small", {}, one.description))));
    this.root.append(this.menu);
    this.button.setAttribute("aria-expanded", "true");
    this.menu.firstElementChild.focus();
    this.outside = (event) => this.menu.contains(event.target) || this.button.contains(event.target) || this.close();
    document.addEventListener("pointerdown", this.outside);
  }

  close() {
    document.removeEventListener("pointerdown", this.outside);
    this.menu.remove();
    this.menu = null;
    this.button.setAttribute("aria-expanded", "false");
    this.button.focus();
  }

  run(shortcut) {
    this.close();
    this.act("shortcut", { callback_id: shortcut.callback_id });
  }

  key(event) {
    const items = [...this.menu.children];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
    else if (event.key === "Escape" || event.key === "Tab") this.close();
    else return;
    event.preventDefault();
  }
}
