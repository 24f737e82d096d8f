// The page around both chats: who acts, the two panels, the agent's terminal, what to try, and the traffic.
//
// A panel is `mountSlack(el, api)` or `mountTeams(el, api)`. What `api` offers:
//   api.me               who is acting now: {id, name, title, slack, teams, …}
//   api.people           everybody
//   api.person(id)       one of them
//   api.avatar(person)   a fresh element with that person's initials and colour
//   api.subscribe(paint) paint(state): this chat's part of /control/state, now and after every change or switch of person
//   api.act(verb, body)  POST /control/<chat>/<verb> as `me`; resolves to the answer, rejects with an Error to show
//   api.time(seconds)    "14:32", in the reader's zone
//   api.toast(text, tone) a passing line at the edge of the page; tone: "info" or "error"
//
// What a test may hold on to; everything else about the page may change:
//   who and where     person-<id> · acting-as · tab-<slack|teams|agent> · terminal · traffic · tries, try-<id>
//   Slack             slack-channel-<id> · slack-tab-<home|messages> · slack-title · slack-messages · slack-composer, slack-send
//                     slack-shortcuts (the menu's button), slack-shortcut-<callback_id>
//                     slack-message (data-ts), slack-ephemeral · slack-home · slack-notices, slack-failed
//                     slack-modal (data-view, data-callback), slack-modal-submit, -close, -x, -trouble · slack-confirm-<yes|no>
//     inside blocks   every block has data-block; slack-button-<action_id> has data-action, data-value and data-block;
//                     slack-field-<block_id>, slack-error-<block_id>, slack-input-<block_id>/<action_id> (data-action),
//                     slack-option-<block_id>/<action_id>-<value> for each box of checkboxes, radio buttons and
//                     multi-selects (data-action, data-value)
//   Teams             teams-chat · teams-channel-<team>/<channel> · teams-composer, teams-send, teams-reply-<thread>
//                     teams-message-<id>, teams-card-<id>, teams-notice, teams-only-you
//                     teams-dialog, teams-dialog-card, teams-dialog-close
//     inside cards    teams-action-<verb, else id, else title> has data-action (the same) and data-value (its data as JSON);
//                     teams-input-<id> has data-input; each box of a choice set is teams-option-<id>-<value> with
//                     data-input and data-value
const CHATS = {
  slack: async () => (await import("/static/slack.js")).mountSlack,
  teams: async () => (await import("/static/teams.js")).mountTeams,
};
const COLOURS = { ada: "#6d4aff", bob: "#0b7f74", mia: "#b4570b", rita: "#b3316f" };

// What a press was for: a button's name, or for a form that is sent, the button that opened it; of a command its words.
const opened = {};

function meaning(chat, verb, body) {
  const names = [body.verb, body.action_id, body.text].filter((name) => typeof name === "string").join(" ").toLowerCase();
  if (verb === "command") return String(body.text ?? "").trim();
  if (verb === "say") return String(body.text ?? "").replace(/^@signoff\s*/i, "").trim();
  if (verb === "submit" || /\bsubmit\b/.test(names)) return opened[chat] ?? "";
  const found = /approve|confirm|edit|reject|respond|answer|details|more/.exec(names)?.[0] ?? "";
  const form = { confirm: "confirm", edit: "edit", reject: "reject", respond: "respond", answer: "respond", more: "more" }[found];
  if (!form) return found;
  opened[chat] = form;
  return `open ${form}`;
}

// A form that came back with an error, or asks for its next page, is not sent yet.
function sent(chat, answer) {
  if (chat === "slack") return answer.ok === true;
  return !answer.invalid && !answer.dialog && !JSON.stringify(answer.message?.card ?? null).includes('"Input.');
}

const FINANCE = new Set(["ada", "bob"]); // who may decide, by the demo's policy

const TRIES = [
  { id: "approve", text: "Approve a call in Slack", did: ({ chat, what, person }) => chat === "slack" && what === "approve" && FINANCE.has(person) },
  { id: "edit", text: "Edit the amount before it runs", did: ({ what, sent }) => what === "edit" && sent },
  { id: "reject", text: "Reject one in Teams, with a reason", did: ({ chat, what, sent }) => chat === "teams" && what === "reject" && sent },
  { id: "stranger", text: "Be Mia and try to approve", did: ({ what, person }) => person === "mia" && what === "approve" },
  { id: "answer", text: "Answer the agent’s question", did: ({ what, sent }) => what === "respond" && sent },
  { id: "details", text: "Open the full details", did: ({ what }) => what === "details" },
  { id: "vote", text: "Approve the large refund A-1004: as Ada, Bob and Rita", did: ({ what, sent, person }) => what === "confirm" && sent && person === "rita" },
  { id: "similar", text: "Allow similar refunds, or break the glass: More…", did: ({ what, sent }) => what === "more" && sent },
  { id: "pending", text: "In Slack, type /pending or press ⚡", did: ({ chat, verb, command, sent }) => chat === "slack" && sent && (verb === "shortcut" || command === "/pending") },
  { id: "list", text: "In Teams, say @Signoff pending", did: ({ chat, what }) => chat === "teams" && /^pending\b/.test(what) },
  { id: "freeze", text: "As Rita, type /signoff freeze, and thaw as well", did: ({ what, person }) => person === "rita" && /^(freeze|thaw)\b/.test(what) },
];

const $ = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

async function fetchJson(url, options) {
  const response = await fetch(url, options);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `The simulator answered ${response.status}.`);
  return body;
}

const post = (url, body) =>
  fetchJson(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

// ── the page's own state ────────────────────────────────────────────────────────────────────────

let people = [];
let me = null;
let latest = {};
const painters = { slack: [], teams: [] };
const done = new Set(JSON.parse(sessionStorage.getItem("done") ?? "[]"));

function avatar(person) {
  const initials = person.name.split(" ").map((word) => word[0]).join("").slice(0, 2);
  const made = element("span", { class: "avatar", "aria-hidden": "true" }, initials);
  made.style.background = COLOURS[person.id] ?? "#56606e";
  return made;
}

function time(seconds) {
  return new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }).format(new Date(seconds * 1000));
}

function toast(text, tone = "info") {
  const line = element("div", { class: `toast ${tone}` }, text);
  $("toasts").append(line);
  setTimeout(() => line.remove(), 6000);
}

let loading = false;
let again = false;

// One fetch at a time; a change during it means one more.
async function load() {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  try {
    do {
      again = false;
      const asked = me.id;
      const state = await fetchJson(`/control/state?as=${encodeURIComponent(asked)}`);
      if (asked !== me.id) again = true;
      else {
        latest = state;
        for (const chat of Object.keys(CHATS)) paint(chat);
      }
    } while (again);
  } catch (error) {
    toast(error.message, "error");
  } finally {
    loading = false;
  }
}

function paint(chat) {
  if (latest[chat] === undefined) return;
  for (const painter of painters[chat]) painter(latest[chat]);
}

function apiFor(chat) {
  return {
    get me() { return me; },
    get people() { return people; },
    person: (id) => people.find((person) => person.id === id),
    avatar,
    time,
    toast,
    subscribe(painter) {
      painters[chat].push(painter);
      if (latest[chat] !== undefined) painter(latest[chat]);
      return () => painters[chat].splice(painters[chat].indexOf(painter), 1);
    },
    async act(verb, body = {}) {
      const person = me.id;
      const answer = await post(`/control/${chat}/${verb}`, { as: person, ...body });
      tick(chat, verb, body, person, answer);
      await load();
      return answer;
    },
  };
}

// ── people ──────────────────────────────────────────────────────────────────────────────────────

function showPeople() {
  const focused = $("people").contains(document.activeElement);
  $("people").replaceChildren(...people.map((person) => {
    const chosen = person.id === me.id;
    const button = element("button", {
      type: "button", role: "radio", class: "person", "aria-checked": String(chosen), tabindex: chosen ? "0" : "-1",
      "data-testid": `person-${person.id}`, title: `${person.name}, ${person.title}`, onclick: () => become(person.id),
    }, avatar(person), element("span", { class: "who" }, element("b", {}, person.name.split(" ")[0]), element("small", {}, person.title)));
    return button;
  }));
  if (focused) $("people").querySelector("[aria-checked='true']").focus();
  $("acting").replaceChildren("Acting as ", element("b", {}, me.name), `, ${me.title}`);
}

function become(id) {
  me = people.find((person) => person.id === id) ?? people[0];
  sessionStorage.setItem("me", me.id);
  showPeople();
  return load();
}

$("people").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const next = people[(people.indexOf(me) + step + people.length) % people.length];
  become(next.id);
});

// ── what to try ─────────────────────────────────────────────────────────────────────────────────

function tick(chat, verb, body, person, answer) {
  const deed = { chat, person, verb, command: body.command, what: meaning(chat, verb, body), sent: sent(chat, answer) };
  for (const item of TRIES) if (!done.has(item.id) && item.did(deed)) done.add(item.id);
  sessionStorage.setItem("done", JSON.stringify([...done]));
  showTries();
}

function showTries() {
  $("tries-count").textContent = `${done.size} of ${TRIES.length}`;
  $("tries").replaceChildren(...TRIES.map((item) =>
    element("li", { class: done.has(item.id) ? "done" : "", "data-testid": `try-${item.id}` },
      element("span", { class: "box", role: "img", "aria-label": done.has(item.id) ? "done" : "to do" }, done.has(item.id) ? "✓" : ""),
      element("span", {}, item.text))));
}

// ── the agent's terminal ────────────────────────────────────────────────────────────────────────

const SGR = { 1: "bold", 2: "dim", 31: "red", 32: "green", 33: "yellow", 34: "blue", 35: "magenta", 36: "cyan", 90: "dim", 91: "red", 92: "green", 93: "yellow", 94: "blue", 95: "magenta", 96: "cyan" };

// Colours as the process printed them; every other escape sequence is dropped.
function ansi(line) {
  const made = element("div", { class: "line" });
  let classes = [];
  for (const part of line.split(/(\x1b\[[0-9;]*[A-Za-z])/)) {
    const code = /^\x1b\[([0-9;]*)([A-Za-z])$/.exec(part);
    if (!code) {
      if (part) made.append(element("span", { class: classes.join(" ") }, part));
    } else if (code[2] === "m") {
      for (const number of (code[1] || "0").split(";").map(Number)) {
        if (number === 0 || number === 39) classes = [];
        else if (SGR[number]) classes = [...classes, SGR[number]];
      }
    }
  }
  if (!made.childNodes.length) made.append("\u00a0");
  return made;
}

async function showTerminal() {
  const { lines } = await fetchJson("/control/terminal");
  const screen = $("terminal");
  const atEnd = screen.scrollHeight - screen.scrollTop - screen.clientHeight < 40;
  screen.replaceChildren(...lines.map(ansi));
  if (!lines.length) screen.append(element("div", { class: "line dim" }, "Waiting for the agent to start…"));
  if (atEnd) screen.scrollTop = screen.scrollHeight;
  $("terminal-state").textContent = lines.length ? "live" : "";
}

// ── traffic ─────────────────────────────────────────────────────────────────────────────────────

const unfolded = new Set();

async function showTraffic() {
  if ($("traffic").hidden) return;
  const { entries } = await fetchJson("/control/log");
  $("traffic-list").replaceChildren(...entries.slice(-200).reverse().map((entry) => {
    const key = `${entry.at}${entry.path}`;
    const good = entry.status >= 200 && entry.status < 300;
    const line = element("details", { class: good ? "" : "bad" },
      element("summary", {},
        element("time", {}, new Date(entry.at * 1000).toLocaleTimeString()),
        element("span", { class: `of-${entry.chat}` }, entry.chat),
        element("span", { class: "way", title: entry.direction === "to_bot" ? "to the bot" : "from the bot" }, entry.direction === "to_bot" ? "→ bot" : "bot →"),
        element("code", {}, `${entry.method} ${entry.path.replace(/^\/(teams|slack\/api)/, "")}`),
        element("b", {}, entry.status === 0 ? "no answer" : String(entry.status))),
      element("pre", {}, pretty(entry.body)));
    line.open = unfolded.has(key);
    line.addEventListener("toggle", () => (line.open ? unfolded.add(key) : unfolded.delete(key)));
    return element("li", {}, line);
  }));
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function toggleTraffic() {
  $("traffic").hidden = !$("traffic").hidden;
  $("traffic-toggle").setAttribute("aria-expanded", String(!$("traffic").hidden));
  showTraffic();
}

// ── narrow screens ──────────────────────────────────────────────────────────────────────────────

function showTabs() {
  const current = $("stage").dataset.tab;
  $("tabs").replaceChildren(...[["slack", "Slack"], ["teams", "Teams"], ["agent", "Agent"]].map(([id, name]) =>
    element("button", { type: "button", role: "tab", "aria-selected": String(current === id), "data-testid": `tab-${id}`, onclick: () => {
      $("stage").dataset.tab = id;
      showTabs();
    } }, name)));
}

// ── start ───────────────────────────────────────────────────────────────────────────────────────

function listen() {
  const events = new EventSource("/control/events");
  events.onmessage = (event) => {
    if (event.data === "terminal" || event.data === "hello") showTerminal().catch(() => {});
    if (event.data !== "terminal") load();
    showTraffic().catch(() => {});
  };
  events.onerror = () => { $("terminal-state").textContent = "reconnecting…"; };
}

// A panel that fails must not take the other one with it.
async function mountPanel(chat) {
  try {
    (await CHATS[chat]())($(chat), apiFor(chat));
  } catch (error) {
    console.error(error);
    $(chat).replaceChildren(element("p", { class: "broken" }, `This panel could not be shown: ${error.message}`));
  }
}

async function start() {
  ({ people } = await fetchJson("/control/people"));
  me = people.find((person) => person.id === sessionStorage.getItem("me")) ?? people[0];
  showPeople();
  showTries();
  showTabs();
  $("traffic-toggle").addEventListener("click", toggleTraffic);
  $("traffic-close").addEventListener("click", toggleTraffic);
  await Promise.all(Object.keys(CHATS).map(mountPanel));
  await load();
  listen();
}

start();
