// The page that a headless browser shows our cards on, drawn by other people's renderers.
import * as adaptive from "adaptivecards";
import MarkdownIt from "markdown-it";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { Message } from "slack-blocks-to-jsx";
import "slack-blocks-to-jsx/dist/style.css";

const place = document.getElementById("place");
let root = null;

const users = [{ id: "U0ADA", name: "Ada Okafor" }];
const channels = [{ id: "C0REFUNDS", name: "refunds" }];
const user_groups = [{ id: "S0FINANCE", name: "finance" }];

// This renderer reads markup in plain_text, and none in mrkdwn that is `verbatim`. Slack does the opposite in both
// ("Text object" in the Block Kit reference), so its switch is put where Slack's is: text is text, markup is markup.
const asSlack = (key, value) => {
  if (value?.type === "plain_text") return { ...value, verbatim: true };
  if (value?.type === "mrkdwn") return { ...value, verbatim: false };
  return value;
};

/** Draw Block Kit blocks, of a message or of a modal. */
window.drawSlack = (given) => {
  const blocks = JSON.parse(JSON.stringify(given, asSlack));
  root?.unmount();
  place.replaceChildren();
  root = createRoot(place);
  const data = { users, channels, user_groups };
  flushSync(() => root.render(<Message blocks={blocks} name="Signoff" logo="data:," time={new Date(0)} data={data} />));
};

// As permissive as a host can be: raw HTML and bare addresses in Markdown become live.
const markdown = new MarkdownIt({ html: true, linkify: true });
adaptive.AdaptiveCard.onProcessMarkdown = (text, result) => {
  result.outputHtml = markdown.render(text);
  result.didProcess = true;
};
const MOST_ACTIONS = 6; // Teams shows six

/** Draw an Adaptive Card; what its renderer finds wrong with it. `executed` then holds what was pressed. */
window.drawTeams = (payload) => {
  root?.unmount();
  root = null;
  window.executed = [];
  const card = new adaptive.AdaptiveCard();
  card.hostConfig = new adaptive.HostConfig({ actions: { maxActions: MOST_ACTIONS } });
  card.onExecuteAction = (action) =>
    window.executed.push({ type: action.getJsonTypeName(), verb: action.verb ?? null, data: action.data });
  const context = new adaptive.SerializationContext();
  card.parse(payload, context);
  const results = card.validateProperties();
  place.replaceChildren(card.render() ?? "nothing was rendered");
  const events = Array.from({ length: context.eventCount }, (_, index) => context.getEventAt(index).message);
  return [...events, ...results.validationEvents.map((event) => event.message)];
};
