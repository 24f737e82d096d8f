// A small app on Bolt for JavaScript. It tells on stdout, one JSON object a line, what reached it,
// and ends when its input ends.
import bolt from "@slack/bolt";

const { App, LogLevel } = bolt;
const socketMode = process.argv[2] === "socket";
const channel = process.env.CHANNEL;
const MOST = 400;

const tell = (what, body) => process.stdout.write(`${JSON.stringify({ what, body })}\n`);
const plain = (text) => ({ type: "plain_text", text });
const button = (action_id, text) => ({ type: "button", action_id, text: plain(text), value: "r1" });

const app = new App({
  token: process.env.SLACK_BOT_TOKEN,
  signingSecret: process.env.SLACK_SIGNING_SECRET,
  appToken: socketMode ? process.env.SLACK_APP_TOKEN : undefined,
  socketMode,
  clientOptions: { slackApiUrl: process.env.SLACK_API_URL },
  logLevel: LogLevel.ERROR,
});

const card = [
  { type: "section", block_id: "head", text: { type: "mrkdwn", text: "*Refund?*" } },
  {
    type: "actions",
    block_id: "buttons",
    elements: [button("approve", "Approve"), button("edit", "Edit…"), button("whisper", "Whisper")],
  },
];

const form = (ts) => ({
  type: "modal",
  callback_id: "form",
  private_metadata: ts,
  notify_on_close: true,
  title: plain("Edit"),
  submit: plain("Save"),
  blocks: [
    {
      type: "input",
      block_id: "amount",
      label: plain("Amount"),
      element: { type: "number_input", action_id: "v", is_decimal_allowed: true, initial_value: "500" },
    },
  ],
});

app.action("approve", async ({ ack, body, client }) => {
  await client.chat.update({ channel, ts: body.message.ts, text: "Approved", blocks: [] });
  await ack();
  tell("approve", body);
});

app.action("edit", async ({ ack, body, client }) => {
  const opened = await client.views.open({ trigger_id: body.trigger_id, view: form(body.message.ts) });
  await ack();
  tell("edit", { body, opened });
});

app.action("whisper", async ({ ack, body, respond }) => {
  await ack();
  await respond({ text: "between us", response_type: "ephemeral", replace_original: false });
  tell("whisper", body);
});

app.view("form", async ({ ack, body, view, client }) => {
  const amount = Number(view.state.values.amount.v.value);
  if (amount > MOST) {
    await ack({ response_action: "errors", errors: { amount: `At most ${MOST}.` } });
  } else {
    await client.chat.update({ channel, ts: view.private_metadata, text: `Approved with ${amount}`, blocks: [] });
    await ack();
  }
  tell("submitted", body);
});

app.view({ callback_id: "form", type: "view_closed" }, async ({ ack, body }) => {
  await ack();
  tell("closed", body);
});

app.command("/pending", async ({ ack, body }) => {
  await ack({ text: "Nothing is waiting." });
  tell("command", body);
});

app.event("app_home_opened", async ({ event, body, client }) => {
  const view = { type: "home", blocks: [{ type: "section", text: plain("Your queue") }] };
  await client.views.publish({ user_id: event.user, view });
  tell("home", body);
});

app.event("app_mention", async ({ event, say, body }) => {
  await say({ text: "Here.", thread_ts: event.ts });
  tell("mention", body);
});

app.error(async (error) => tell("error", { code: error.code, message: error.message }));

const server = await app.start({ port: 0, host: "127.0.0.1" });
const posted = await app.client.chat.postMessage({ channel, text: "Refund?", blocks: card });
tell("ready", { port: socketMode ? null : server.address().port, ts: posted.ts });

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
