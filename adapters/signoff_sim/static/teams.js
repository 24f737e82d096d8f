// The Teams panel: teams, channels and the chat with the app; posts, cards, dialogs.
import { CardView } from "/static/cards.js";

function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const DIALOG = { small: "360px", medium: "560px", large: "780px" }; // widths; real dialogs are as wide as the window lets them

/** Make `parent` hold exactly these children in this order, moving only what is out of place: focus and scroll stay. */
function arrange(parent, children) {
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
}

export function mountTeams(el, api) {
  el.classList.add("teams");
  const list = h("nav", { class: "t-list", "aria-label": "Teams and chats" });
  const heading = h("header", { class: "t-head" });
  const feed = h("div", { class: "t-feed", tabindex: "0", role: "log", "aria-label": "Messages" });
  const box = h("textarea", { rows: "1", "data-testid": "teams-composer", "aria-label": "Message" });
  const send = h("button", { type: "submit", class: "t-send", "aria-label": "Send", "data-testid": "teams-send" });
  send.innerHTML = '<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><path d="M2.7 3.1 17.6 10 2.7 16.9 5 10.6 12 10 5 9.4z" fill="currentColor"/></svg>';
  const composer = h("form", { class: "t-composer" }, box, send);
  const main = h("div", { class: "t-main" }, heading, feed, composer);
  const shade = h("div", { class: "t-shade", hidden: true });
  el.replaceChildren(list, main, shade);

  let state = null;
  let place = null; // {kind: "chat"} or {kind: "channel", id}
  const messages = new Map(); // person|message id → MessageView
  const threads = new Map(); // thread id → element
  const seen = new Map(); // person|place → number of messages seen

  // ── places ────────────────────────────────────────────────────────────────────────────────────

  const channels = () => state.teams.flatMap((team) => team.channels.map((channel) => ({ ...channel, team: team.name })));
  const channelNow = () => channels().find((channel) => channel.id === place.id);
  const threadsNow = () => (place.kind === "chat" ? [state.chats[0]] : channelNow().threads);
  const count = (found) => found.reduce((sum, thread) => sum + thread.messages.filter((m) => m.from.person !== api.me.id && !m.deleted).length, 0);
  const keyOf = (id) => `${api.me.id}|${id}`;

  function unread(id, found) {
    if (!seen.has(keyOf(id))) seen.set(keyOf(id), 0);
    const here = place.kind === "chat" ? id === "chat" : id === place.id;
    if (here) seen.set(keyOf(id), count(found));
    return Math.max(0, count(found) - seen.get(keyOf(id)));
  }

  function go(next) {
    place = next;
    paint();
    toEnd();
    look();
  }

  // A client that shows a card with `refresh` asks for this person's version of it.
  const looked = new Map();
  function look() {
    const wanted = threadsNow().flatMap((thread) => thread.messages).filter((m) => !m.deleted && m.card?.refresh && looked.get(keyOf(m.id)) !== m.revision);
    if (!wanted.length) return;
    for (const message of wanted) looked.set(keyOf(message.id), message.revision);
    api.act("view", { conversation: place.kind === "chat" ? state.chats[0].id : place.id }).catch(() => {});
  }

  function entry(label, here, badge, testid, onclick, icon) {
    return h("button", { type: "button", class: here ? "t-entry here" : "t-entry", "aria-current": here ? "page" : null, "data-testid": testid, onclick },
      icon, h("span", { class: "t-label" }, label), badge ? h("b", { class: "t-badge", "aria-label": `${badge} new` }, String(badge)) : null);
  }

  function paintList() {
    const inChat = place.kind === "chat";
    const focused = document.activeElement?.dataset?.testid;
    list.replaceChildren(
      h("div", { class: "t-title" }, "Chat"),
      entry(state.app.name, inChat, unread("chat", [state.chats[0]]), "teams-chat", () => go({ kind: "chat" }), bot("small")),
      h("div", { class: "t-title" }, "Teams"),
      ...state.teams.flatMap((team) => [
        h("div", { class: "t-team" }, h("span", { class: "t-square", "aria-hidden": "true" }, team.name[0]), team.name),
        ...team.channels.map((channel) =>
          entry(channel.name, !inChat && channel.id === place.id, unread(channel.id, channel.threads), `teams-channel-${team.name}/${channel.name}`, () => go({ kind: "channel", id: channel.id }))),
      ]));
    if (focused && list.querySelector(`[data-testid="${CSS.escape(focused)}"]`) && document.activeElement === document.body) list.querySelector(`[data-testid="${CSS.escape(focused)}"]`).focus();
  }

  function paintHead() {
    const channel = place.kind === "channel" ? channelNow() : null;
    heading.replaceChildren(...(channel
      ? [h("span", { class: "t-square", "aria-hidden": "true" }, channel.team[0]), h("h3", {}, channel.name), h("span", { class: "t-sub" }, channel.archived ? `${channel.team}, archived` : channel.team)]
      : [bot("small"), h("h3", {}, state.app.name), h("span", { class: "t-sub" }, "Your chat with the app")]));
    box.placeholder = channel ? `Start a post in ${channel.name}` : "Type a message";
    composer.hidden = Boolean(channel?.archived);
  }

  // ── messages ──────────────────────────────────────────────────────────────────────────────────

  function bot(size) {
    const made = h("span", { class: `t-bot ${size ?? ""}`, "aria-hidden": "true" });
    made.innerHTML = '<svg viewBox="0 0 32 32" width="100%" height="100%"><path d="M16 1.5 28.6 8.7v14.6L16 30.5 3.4 23.3V8.7z" fill="#1f6f54"/><path d="M10 16.6l4.2 4L22 12" fill="none" stroke="#fff" stroke-width="2.8" stroke-linecap="round" stroke-linejoin="round"/></svg>';
    return made;
  }

  class MessageView {
    constructor(message) {
      this.id = message.id;
      this.conversation = message.conversation;
      this.card = null;
      this.face = message.from.bot ? bot() : api.avatar(api.person(message.from.person));
      this.head = h("div", { class: "t-from" });
      this.text = h("div", { class: "t-text" });
      this.slot = h("div", { class: "t-slot" });
      this.notice = h("div", { class: "t-notice", role: "alert", "data-testid": "teams-notice", hidden: true });
      this.element = h("article", { class: "t-message", "data-testid": `teams-message-${message.id}` }, this.face, h("div", { class: "t-body" }, this.head, this.text, this.slot, this.notice));
    }

    paint(message) {
      this.element.classList.toggle("mine", message.from.person === api.me.id);
      this.head.replaceChildren(h("b", {}, message.from.name), message.from.bot ? h("span", { class: "t-tag" }, "App") : "", h("time", {}, api.time(message.at)),
        message.edited && !message.deleted ? h("span", { class: "t-edited" }, "Edited") : "",
        message.only_you ? h("span", { class: "t-only", "data-testid": "teams-only-you" }, "Only you see this view") : "");
      this.text.replaceChildren(...(message.deleted ? [h("i", {}, "This message has been deleted.")] : [mentioning(message.text, message.mentions)]));
      this.text.hidden = !message.text && !message.deleted;
      if (message.card && !message.deleted) {
        this.card ??= new CardView((action, inputs) => this.press(action, inputs), { testid: `teams-card-${message.id}` });
        this.card.show(message.card, message.answered);
        arrange(this.slot, [this.card.element]);
      } else this.slot.replaceChildren();
      this.notice.hidden = !message.notice;
      this.notice.className = `t-notice ${message.notice?.tone ?? ""}`;
      if (this.notice.textContent !== (message.notice?.text ?? "")) this.notice.textContent = message.notice?.text ?? "";
    }

    async press(action, inputs) {
      this.card.busy(true);
      try {
        await api.act("click", { conversation: this.conversation, activity: this.id, verb: action.verb, id: action.id, text: action.title, data: action.data, inputs });
      } catch (error) {
        api.toast(error.message, "error");
      } finally {
        this.card.busy(false);
      }
      const above = this.element.getBoundingClientRect().top - feed.getBoundingClientRect().top;
      if (above < 0) feed.scrollTop += above - 10;
    }
  }

  function mentioning(text, names) {
    const made = h("span", {});
    const known = [...new Set(names)].sort((a, b) => b.length - a.length).map((name) => `@${name}`.replace(/[^\w@ ]/g, "\\$&"));
    const parts = known.length ? text.split(new RegExp(`(${known.join("|")})`, "i")) : [text];
    for (const [index, part] of parts.entries()) made.append(index % 2 ? h("span", { class: "t-mention" }, part.slice(1)) : part);
    return made;
  }

  function viewOf(message) {
    const key = keyOf(message.id);
    if (!messages.has(key)) messages.set(key, new MessageView(message));
    const view = messages.get(key);
    view.paint(message);
    return view.element;
  }

  function threadOf(thread) {
    const key = keyOf(thread.id);
    if (!threads.has(key)) {
      const items = h("div", { class: "t-items" });
      const input = h("input", { type: "text", placeholder: "Reply", "aria-label": "Reply in this thread", "data-testid": `teams-reply-${thread.id}` });
      const form = h("form", { class: "t-reply", onsubmit: async (event) => {
        event.preventDefault();
        if (await say(thread.id, input.value)) input.value = "";
      } }, input);
      threads.set(key, { element: h("section", { class: "t-thread" }, items, form), items });
    }
    const { element, items } = threads.get(key);
    arrange(items, thread.messages.map(viewOf));
    return element;
  }

  function paintFeed() {
    const atEnd = feed.scrollHeight - feed.scrollTop - feed.clientHeight < 60;
    const found = threadsNow();
    feed.classList.toggle("chat", place.kind === "chat");
    const children = place.kind === "chat" ? found[0].messages.map(viewOf) : found.map(threadOf);
    if (!children.length) children.push(empty);
    empty.textContent = place.kind === "chat" ? "Nothing here yet. Try “help”." : "No posts yet. When the agent asks for an approval here, its card appears.";
    arrange(feed, children);
    if (atEnd) toEnd();
  }
  const empty = h("p", { class: "t-empty" });

  // To the newest message; when that is taller than the screen, to where it begins.
  function toEnd(message = [...feed.querySelectorAll(".t-message")].at(-1)) {
    feed.scrollTop = feed.scrollHeight;
    if (!message) return;
    const above = message.getBoundingClientRect().top - feed.getBoundingClientRect().top;
    if (above < 10) feed.scrollTop += above - 10;
  }

  async function say(conversation, text) {
    if (!text.trim()) return false;
    try {
      await api.act("say", { conversation, text });
      return true;
    } catch (error) {
      api.toast(error.message, "error");
      return false;
    }
  }

  composer.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = box.value;
    box.value = "";
    if (!(await say(place.kind === "chat" ? state.chats[0].id : place.id, text))) box.value = text;
    toEnd();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      composer.requestSubmit();
    }
  });

  // ── the dialog ────────────────────────────────────────────────────────────────────────────────

  let dialog = null; // {person, key, card, element, note}

  async function press(verb, body) {
    dialog?.card.busy(true);
    try {
      await api.act(verb, body);
    } catch (error) {
      api.toast(error.message, "error");
    } finally {
      dialog?.card.busy(false);
    }
  }

  function paintDialog() {
    const wanted = state.dialog;
    if (!wanted) {
      const from = dialog?.from;
      dialog = null;
      shade.hidden = true;
      shade.replaceChildren();
      if (from?.isConnected) from.focus();
      return;
    }
    const key = `${api.me.id}|${wanted.activity}`;
    if (dialog?.key !== key) {
      const card = new CardView((action, inputs) => press("submit", { verb: action.verb, id: action.id, text: action.title, data: action.data, inputs }), { testid: "teams-dialog-card" });
      const title = h("h3", { id: "t-dialog-title" });
      const note = h("div", { class: "t-notice error", role: "alert", hidden: true });
      const close = h("button", { type: "button", class: "t-close", "aria-label": "Close", "data-testid": "teams-dialog-close", onclick: () => press("close", {}) }, "✕");
      const element = h("div", { class: "t-dialog", role: "dialog", "aria-modal": "true", "aria-labelledby": "t-dialog-title", "data-testid": "teams-dialog", tabindex: "-1" },
        h("header", {}, bot("small"), title, close), note, h("div", { class: "t-dialog-body" }, card.element));
      element.addEventListener("keydown", (event) => {
        if (event.key === "Escape") press("close", {});
        if (event.key === "Tab") trap(event, element);
      });
      dialog = { key, card, element, title, note, from: document.activeElement };
      shade.replaceChildren(element);
      shade.hidden = false;
      dialog.title.textContent = wanted.title;
      card.show(wanted.card, wanted.answered);
      (element.querySelector("input, textarea, select") ?? element).focus();
    }
    dialog.title.textContent = wanted.title;
    dialog.element.style.setProperty("--t-width", DIALOG[wanted.width] ?? (Number(wanted.width) ? `${wanted.width}px` : DIALOG.medium));
    const before = dialog.card.json;
    dialog.card.show(wanted.card, wanted.answered);
    if (dialog.card.json !== before) dialog.element.querySelector(".t-dialog-body").scrollTop = 0;
    dialog.note.hidden = !wanted.notice;
    dialog.note.textContent = wanted.notice?.text ?? "";
  }

  // While the dialog is open, Tab stays inside it.
  function trap(event, element) {
    const stops = [...element.querySelectorAll("button, input, textarea, select, a[href], [tabindex='0']")].filter((stop) => !stop.disabled && stop.offsetParent);
    const [first, last] = [stops[0], stops[stops.length - 1]];
    if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
    else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
  }

  // ── painting ──────────────────────────────────────────────────────────────────────────────────

  function paint() {
    paintList();
    paintHead();
    paintFeed();
    paintDialog();
  }

  api.subscribe((next) => {
    state = next;
    place ??= { kind: "channel", id: channels()[0].id };
    paint();
    look();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state && paint());
}
