// The Slack half of the page: channels, messages with Block Kit, ephemerals, modals and the App Home.
//
// `mountSlack(el, api)`: `api` is described in shell.js. Everything a person does goes through `api.act(verb, body)`;
// everything they see comes from `api.subscribe(paint)`, so a reload shows the same.

import { drawBlocks } from "./slack/blocks.js";
import { h, newId } from "./slack/dom.js";
import { Modal } from "./slack/modal.js";
import { Shortcuts } from "./slack/shortcuts.js";
import { mrkdwn } from "./slack/mrkdwn.js";

const NARROW = 640; // pixels; below, the side becomes a strip on top

class Panel {
  constructor(el, api) {
    this.api = api;
    this.el = el;
    this.view = sessionStorage.getItem("slack-view") ?? ""; // a channel id, or "home"
    this.read = new Map(); // person and channel → ts of the newest message they have had on screen
    this.drawn = new Map(); // message key → {mark, node}
    this.toasted = new Set();
    this.build();
    api.subscribe((state) => this.paint(state));
  }

  build() {
    this.list = h("div", { class: "sl-list" });
    this.title = h("h2", { class: "sl-title", "data-testid": "slack-title" });
    this.about = h("span", { class: "sl-about" });
    this.tabs = h("div", { class: "sl-tabs", role: "tablist", "aria-label": "Signoff" });
    this.scroll = h("div", { class: "sl-scroll", role: "log", "aria-label": "Messages", tabindex: "0", "data-testid": "slack-messages" });
    this.home = h("div", { class: "sl-home", "data-testid": "slack-home" });
    this.alerts = h("div", { class: "sl-alerts", role: "alert", "data-testid": "slack-notices" });
    const inputId = newId("sl-say");
    this.say = h("textarea", { id: inputId, class: "sl-say", rows: 1, autocomplete: "off", "data-testid": "slack-composer", onkeydown: (event) => this.sayKey(event) });
    this.sendButton = h("button", { type: "submit", class: "sl-send", "aria-label": "Send", "data-testid": "slack-send" }, "➤");
    this.composer = h("form", { class: "sl-composer", onsubmit: (event) => this.send(event) }, h("label", { class: "sl-hidden", for: inputId }, "Message"), this.say, this.sendButton);
    this.main = h("section", { class: "sl-main" },
      h("header", { class: "sl-top" }, this.title, this.about, this.tabs), this.scroll, this.home, this.alerts, this.composer);
    this.teamName = h("b", {});
    this.link = h("span", { title: "How deliveries reach the bot" });
    this.team = h("div", { class: "sl-team" }, this.teamName, this.link);
    this.root = h("div", { class: "sl", "data-testid": "slack" }, h("nav", { class: "sl-side", "aria-label": "Slack channels" }, this.team, this.list), this.main);
    this.el.replaceChildren(this.root);
    this.modal = new Modal(this.root, (verb, body) => this.act(verb, body));
    this.shortcuts = new Shortcuts(this.root, (verb, body) => this.act(verb, body));
    this.team.append(this.shortcuts.button);
    // A container cannot restyle itself by its own width, so its class does.
    new ResizeObserver(([entry]) => this.root.classList.toggle("sl-narrow", entry.contentRect.width < NARROW)).observe(this.el);
  }

  async act(verb, body) {
    try {
      return await this.api.act(verb, body);
    } catch (error) {
      this.api.toast(error.message, "error");
      return null;
    }
  }

  paint(state) {
    const person = state.me.person;
    if (this.person !== person) {
      // Whoever sits down before an open Home opens it.
      if (this.view === "home") queueMicrotask(() => this.act("home", {}));
      this.person = person;
      this.drawn.clear();
      this.scroll.replaceChildren();
      if (this.modal.node) this.modal.remove();
    }
    this.state = state;
    this.context = { users: state.users, channels: Object.fromEntries(state.channels.map((channel) => [channel.id, channel.name])) };
    if (!state.channels.some((channel) => channel.id === this.view) && this.view !== "home") this.view = state.channels[0].id;
    this.paintSide();
    this.paintMain();
    this.paintNotices();
    this.modal.show(state.modal, this.context);
  }

  // ── the side ──

  paintSide() {
    this.teamName.textContent = this.state.team.name;
    this.link.className = `sl-link sl-link-${this.state.transport}`;
    this.link.textContent = { socket: "Socket Mode", http: "HTTP", none: "no bot" }[this.state.transport];
    this.shortcuts.offer(this.state.shortcuts);
    const direct = this.state.channels.filter((channel) => channel.kind === "dm");
    const channels = this.state.channels.filter((channel) => channel.kind !== "dm");
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
    this.list.replaceChildren(h("h3", {}, "Channels"), ...channels.map((channel) => this.sideItem(channel)),
      h("h3", {}, "Apps"), ...direct.map((channel) => this.sideItem(channel)));
    if (focused) this.list.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
  }

  sideItem(channel) {
    const open = this.view === channel.id || (this.view === "home" && channel.kind === "dm");
    const key = `${this.person} ${channel.id}`;
    const newest = channel.messages.at(-1)?.ts ?? "0";
    if (this.view === channel.id || !this.read.has(key)) this.read.set(key, newest);
    const unread = channel.messages.filter((message) => message.ts > this.read.get(key) && message.user !== this.state.me.id).length;
    return h("button", { type: "button", class: `sl-item${open ? " sl-item-open" : ""}${unread ? " sl-item-unread" : ""}`, "aria-current": open ? "page" : null,
      "data-testid": `slack-channel-${channel.id}`, onclick: () => this.go(channel.id) },
      channel.kind === "dm" ? h("span", { class: "sl-avatar sl-avatar-bot sl-avatar-tiny", "aria-hidden": "true" }, "✓") : h("span", { class: "sl-hash", "aria-hidden": "true" }, "#"),
      h("span", { class: "sl-item-name" }, channel.name), unread ? h("span", { class: "sl-badge", "aria-label": `${unread} new` }, String(unread)) : null);
  }

  go(view) {
    this.view = view;
    sessionStorage.setItem("slack-view", view);
    this.drawn.clear();
    this.scroll.replaceChildren();
    this.paint(this.state);
    this.scroll.scrollTop = this.scroll.scrollHeight;
    if (view === "home") this.act("home", {});
    else if (this.channel.kind === "dm") this.act("home", { tab: "messages" });
  }

  // ── the middle ──

  paintMain() {
    const home = this.view === "home";
    const channel = this.state.channels.find((one) => (home ? one.kind === "dm" : one.id === this.view));
    this.channel = channel;
    this.title.replaceChildren(channel.kind === "dm" ? h("span", { class: "sl-avatar sl-avatar-bot sl-avatar-small", "aria-hidden": "true" }, "✓") : h("span", { class: "sl-hash" }, "#"), channel.name);
    this.about.textContent = channel.kind === "dm" ? "app" : `${channel.members} members${channel.archived ? " · archived" : ""}`;
    this.tabs.hidden = channel.kind !== "dm";
    if (channel.kind === "dm") {
      this.tabs.replaceChildren(...[["home", "Home"], [channel.id, "Messages"]].map(([id, name]) => h("button", { type: "button", role: "tab", "aria-selected": String(this.view === id),
        "data-testid": `slack-tab-${name.toLowerCase()}`, onclick: () => this.go(id) }, name)));
    }
    this.home.hidden = !home;
    this.scroll.hidden = home;
    this.composer.hidden = home || channel.archived;
    this.say.placeholder = `Message ${channel.kind === "dm" ? "" : "#"}${channel.name}`;
    if (home) this.paintHome();
    else this.paintMessages(channel);
  }

  paintHome() {
    const view = this.state.home;
    const mark = view ? `${view.id} ${view.hash} ${this.person}` : "";
    if (this.homeMark === mark && mark) return;
    this.homeMark = mark;
    if (!view) {
      this.home.replaceChildren(h("p", { class: "sl-empty" }, "Signoff has not put anything here yet."));
      return;
    }
    const focused = this.home.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
    const press = (block, element, value) => this.act("press", { where: "home", block_id: block.block_id, action_id: element.action_id, value });
    const changed = (block, element, value, enter) => this.act("fill", { where: "home", enter, values: { [`${block.block_id}/${element.action_id}`]: value } });
    this.home.replaceChildren(...drawBlocks(view.blocks, this.context, { root: this.root, press, changed,
      state: (block, element) => view.values[block.block_id]?.[element.action_id] ?? null }));
    if (focused) this.home.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  paintMessages(channel) {
    const atEnd = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 80;
    const fresh = this.scroll.childElementCount > 0;
    const roots = channel.messages.filter((message) => !this.isReply(message, channel));
    const nodes = [];
    let day = "";
    let before = null;
    for (const message of [...roots, ...this.lines(channel)].sort((one, two) => (one.ts < two.ts ? -1 : 1))) {
      const date = new Date(Number(message.ts) * 1000);
      const today = date.toDateString();
      if (today !== day) {
        nodes.push(this.keep(`day ${today}`, today, () => h("div", { class: "sl-day", role: "separator" }, h("span", {}, dayName(date)))));
        before = null;
      }
      day = today;
      const replies = channel.messages.filter((one) => one.thread_ts === message.ts && one.ts !== message.ts);
      const joined = before && before.user === message.user && !message.ephemeral && !before.ephemeral && Number(message.ts) - Number(before.ts) < 300 && !message.blocks.length;
      nodes.push(this.messageNode(message, channel, joined, fresh));
      for (const reply of replies) nodes.push(this.messageNode(reply, channel, false, fresh, true));
      before = replies.length ? null : message;
    }
    if (!nodes.length) {
      nodes.push(this.keep("empty", channel.id, () => h("p", { class: "sl-empty" }, channel.kind === "dm" ? "This is where Signoff writes to you alone." : `This is the beginning of #${channel.name}.`)));
    }
    // What leaves goes first, so that what stays is not moved: moving a node would start its animation again.
    const staying = new Set(nodes);
    for (const old of [...this.scroll.children]) if (!staying.has(old)) old.remove();
    nodes.forEach((node, index) => {
      if (this.scroll.children[index] !== node) this.scroll.insertBefore(node, this.scroll.children[index] ?? null);
    });
    if (atEnd || !fresh) this.scroll.scrollTop = this.scroll.scrollHeight;
    // It answers something done further up, and nobody else can point it out.
    nodes.findLast((node) => node.classList.contains("sl-ephemeral") && node.classList.contains("sl-new"))?.scrollIntoView({ block: "nearest" });
  }

  isReply(message, channel) {
    return message.thread_ts && message.thread_ts !== message.ts && channel.messages.some((one) => one.ts === message.thread_ts);
  }

  // What Slack itself told this person in this channel, as lines among the messages.
  lines(channel) {
    return this.state.notices.filter((notice) => notice.channel === channel.id && !notice.ts).map((notice) => ({
      ts: String(notice.at), user: "slackbot", name: "Slackbot", bot: false, text: notice.text, plain: true, blocks: [], edited: null, thread_ts: null, ephemeral: true, values: {} }));
  }

  keep(key, mark, make) {
    const old = this.drawn.get(key);
    if (old && old.mark === mark) return old.node;
    const node = make();
    this.drawn.set(key, { mark, node });
    return node;
  }

  messageNode(message, channel, joined, fresh, reply = false) {
    const key = `${channel.id} ${message.ts}`;
    const failed = this.state.notices.filter((notice) => notice.channel === channel.id && notice.ts === message.ts).at(-1);
    const mark = JSON.stringify([message, joined, failed?.id ?? 0]);
    const known = this.drawn.has(key);
    return this.keep(key, mark, () => {
      const node = this.drawMessage(message, channel, joined, failed);
      if (reply) node.classList.add("sl-reply");
      if (fresh) {
        node.classList.add(known ? "sl-changed" : "sl-new");
        node.addEventListener("animationend", (event) => event.target === node && node.classList.remove("sl-changed", "sl-new"));
      }
      return node;
    });
  }

  drawMessage(message, channel, joined, failed) {
    const where = { channel: channel.id, ts: message.ts };
    const act = (block, element, value) => this.act("click", { ...where, block_id: block.block_id, action_id: element.action_id, value });
    const surface = { root: this.root, press: act, changed: act, state: (block, element) => message.values[block.block_id]?.[element.action_id] ?? null };
    const date = new Date(Number(message.ts) * 1000);
    const time = h("time", { class: "sl-time", datetime: date.toISOString(), title: date.toLocaleString() }, this.api.time(Number(message.ts)));
    const edited = message.edited ? h("span", { class: "sl-edited", title: new Date(Number(message.edited) * 1000).toLocaleString() }, "(edited)") : null;
    const body = message.blocks.length ? drawBlocks(message.blocks, this.context, surface) : h("div", { class: "sl-text" }, message.plain ? message.text : mrkdwn(message.text, this.context));
    return h("article", { class: `sl-message${message.ephemeral ? " sl-ephemeral" : ""}${joined ? " sl-joined" : ""}`, "data-testid": message.ephemeral ? "slack-ephemeral" : "slack-message", "data-ts": message.ts },
      h("div", { class: "sl-gutter" }, joined ? null : this.avatar(message)),
      h("div", { class: "sl-content" },
        message.ephemeral ? h("div", { class: "sl-only" }, "👁 Only visible to you") : null,
        joined ? null : h("div", { class: "sl-by" }, h("b", {}, message.name), message.bot ? h("span", { class: "sl-app" }, "APP") : null, time),
        body, edited,
        failed ? h("div", { class: "sl-failed", role: "alert", "data-testid": "slack-failed" }, "⚠ ", failed.text) : null));
  }

  avatar(message) {
    if (message.bot) return h("span", { class: "sl-avatar sl-avatar-bot", "aria-hidden": "true" }, "✓");
    const person = this.api.people.find((one) => one.slack === message.user);
    if (!person) return h("span", { class: "sl-avatar sl-avatar-slackbot", "aria-hidden": "true" }, "♥");
    const made = this.api.avatar(person);
    made.classList.add("sl-avatar");
    return made;
  }

  // Notices that belong to no channel, once each.
  paintNotices() {
    const now = Date.now() / 1000;
    const loose = this.state.notices.filter((notice) => !notice.channel && now - notice.at < 10);
    for (const notice of loose) {
      if (this.toasted.has(notice.id)) continue;
      this.toasted.add(notice.id);
      const line = h("div", { class: "sl-alert" }, "⚠ ", notice.text);
      this.alerts.append(line);
      setTimeout(() => line.remove(), 8000);
    }
  }

  // ── saying something ──

  sayKey(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.composer.requestSubmit();
    }
  }

  async send(event) {
    event.preventDefault();
    const text = this.say.value.trim();
    if (!text) return;
    this.say.value = "";
    const [command, ...rest] = text.split(" ");
    if (command.startsWith("/")) await this.act("command", { command, text: rest.join(" "), channel: this.channel.id });
    else await this.act("say", { text, channel: this.channel.id });
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }
}

function dayName(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return date.toLocaleDateString(undefined, { weekday: "long", month: "long", day: "numeric" });
}

export function mountSlack(el, api) {
  return new Panel(el, api);
}
