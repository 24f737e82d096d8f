// Slack's mrkdwn, the part approvals use, as DOM nodes: bold, italic, strike, code, quotes, links, mentions, dates, emoji.

import { h, safeUrl } from "./dom.js";

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", no_entry: "⛔", no_entry_sign: "🚫", warning: "⚠️", lock: "🔒",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", alarm_clock: "⏰", clock1: "🕐", pencil: "📝", pencil2: "✏️", memo: "📝",
  large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠", red_circle: "🔴", large_blue_circle: "🔵",
  white_circle: "⚪", black_circle: "⚫", rotating_light: "🚨", bell: "🔔", eyes: "👀", question: "❓", grey_question: "❔",
  exclamation: "❗", information_source: "ℹ️", bulb: "💡", link: "🔗", robot_face: "🤖", moneybag: "💰", tada: "🎉", wave: "👋",
  thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎", speech_balloon: "💬", mag: "🔍", gear: "⚙️", fire: "🔥",
  arrow_right: "➡️", leftwards_arrow_with_hook: "↩️", heavy_minus_sign: "➖", heavy_plus_sign: "➕", snowflake: "❄️",
  ballot_box_with_check: "☑️", negative_squared_cross_mark: "❎", stopwatch: "⏱️", inbox_tray: "📥", zzz: "💤",
};

const DATE_WORDS = {
  "{date_num}": { year: "numeric", month: "2-digit", day: "2-digit" },
  "{date_slash}": { year: "numeric", month: "2-digit", day: "2-digit" },
  "{date}": { year: "numeric", month: "long", day: "numeric" },
  "{date_short}": { year: "numeric", month: "short", day: "numeric" },
  "{date_long}": { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  "{time}": { hour: "2-digit", minute: "2-digit" },
  "{time_secs}": { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

function unescape(text) {
  return text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);
}

export function withEmoji(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);
}

// A moment in the reader's own time zone, by Slack's format words.
export function formatDate(seconds, format) {
  const date = new Date(seconds * 1000);
  const days = Math.round((new Date(date).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86_400_000);
  return format.replace(/\{[a-z_]+\}/g, (word) => {
    const pretty = word.endsWith("_pretty}");
    if (pretty && Math.abs(days) <= 1) return ["yesterday", "today", "tomorrow"][days + 1];
    if (word === "{ago}") {
      const minutes = Math.round((seconds * 1000 - Date.now()) / 60_000);
      return new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(minutes, "minute");
    }
    const options = DATE_WORDS[pretty ? word.replace("_pretty}", "}") : word];
    return options ? date.toLocaleString(undefined, options) : word;
  });
}

function timeNode(seconds, format, fallback, url) {
  const shown = Number.isFinite(seconds) ? formatDate(seconds, format) : fallback;
  const node = h("time", { class: "sl-date", datetime: Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString() : null,
    title: Number.isFinite(seconds) ? new Date(seconds * 1000).toLocaleString() : null }, shown);
  return safeUrl(url ?? "") ? linkNode(url, node) : node;
}

function linkNode(url, shown) {
  const safe = safeUrl(url);
  return safe ? h("a", { href: safe, target: "_blank", rel: "noreferrer noopener" }, shown) : document.createTextNode(url);
}

export function mention(id, context) {
  const user = context.users[id];
  return h("span", { class: "sl-mention" }, `@${user ? user.name : id}`);
}

function angle(inner, context) {
  const [target, ...rest] = inner.split("|");
  const label = rest.join("|");
  if (target.startsWith("!date^")) {
    const [, seconds, format, url] = target.split("^");
    return timeNode(Number(seconds), format ?? "{date}", label, url);
  }
  if (target.startsWith("@")) return mention(unescape(target.slice(1)), context);
  if (target.startsWith("#")) return h("span", { class: "sl-mention" }, `#${unescape(label || context.channels[target.slice(1)] || target.slice(1))}`);
  if (target.startsWith("!subteam^")) return h("span", { class: "sl-mention" }, unescape(label || "@group"));
  if (target.startsWith("!")) return h("span", { class: "sl-mention sl-mention-all" }, `@${unescape(target.slice(1))}`);
  return linkNode(unescape(target), unescape(label || target));
}

// One pattern for what may begin inline; a mark must stand at a word's edge, as at Slack.
const INLINE = /`([^`\n]+)`|<([^<>\n]+)>|(?<![\w*])\*(?!\s)([^*\n]+?)(?<!\s)\*(?![\w*])|(?<![\w_])_(?!\s)([^_\n]+?)(?<!\s)_(?![\w_])|(?<![\w~])~(?!\s)([^~\n]+?)(?<!\s)~(?![\w~])/g;

function inline(text, context) {
  const nodes = [];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > last) nodes.push(withEmoji(unescape(text.slice(last, match.index))));
    const [, code, inner, bold, italic, strike] = match;
    if (code !== undefined) nodes.push(h("code", {}, unescape(code)));
    else if (inner !== undefined) nodes.push(angle(inner, context));
    else if (bold !== undefined) nodes.push(h("strong", {}, inline(bold, context)));
    else if (italic !== undefined) nodes.push(h("em", {}, inline(italic, context)));
    else nodes.push(h("s", {}, inline(strike, context)));
    last = match.index + match[0].length;
  }
  if (last < text.length) nodes.push(withEmoji(unescape(text.slice(last))));
  return nodes;
}

function lines(text, context) {
  const nodes = [];
  let quote = [];
  const endQuote = () => {
    if (quote.length) nodes.push(h("blockquote", {}, inline(quote.join("\n"), context)));
    quote = [];
  };
  const plain = [];
  const endPlain = () => {
    if (plain.length) nodes.push(h("span", { class: "sl-lines" }, inline(plain.join("\n"), context)));
    plain.length = 0;
  };
  for (const line of text.split("\n")) {
    const quoted = line.match(/^(?:&gt;|>)\s?(.*)$/);
    if (quoted) {
      endPlain();
      quote.push(quoted[1]);
    } else {
      endQuote();
      plain.push(line);
    }
  }
  endQuote();
  endPlain();
  return nodes;
}

export function mrkdwn(text, context) {
  return text.split(/(```[\s\S]+?```)/).filter(Boolean).map((part) =>
    part.startsWith("```") && part.length > 6
      ? h("pre", {}, unescape(part.slice(3, -3).replace(/^\n/, "")))
      : lines(part, context));
}

// A text object: mrkdwn or plain text.
export function textNode(object, context) {
  if (!object) return null;
  if (object.type === "mrkdwn") return h("span", { class: "sl-text" }, mrkdwn(object.text, context));
  return h("span", { class: "sl-text" }, object.emoji === false ? object.text : withEmoji(object.text));
}
