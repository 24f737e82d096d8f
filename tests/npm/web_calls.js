// Calls the Web API with Slack's own client and tells every answer: method → body.
import { WebClient, LogLevel } from "@slack/web-api";

const options = { slackApiUrl: process.env.SLACK_API_URL, logLevel: LogLevel.ERROR };
const client = new WebClient(process.env.SLACK_BOT_TOKEN, options);
const answers = {};

async function call(method, args) {
  try {
    answers[method] = await client.apiCall(method, args);
  } catch (error) {
    answers[method] = { ok: false, error: error.data?.error ?? String(error) };
  }
  return answers[method];
}

const channel = process.env.CHANNEL;
const blocks = [{ type: "section", text: { type: "mrkdwn", text: "*Refund?*" } }];
const metadata = { event_type: "signoff_card", event_payload: { request_id: "req_1", rev: 1 } };
const home = { type: "home", blocks };

await call("api.test", {});
await call("auth.test", {});
const { ts } = await call("chat.postMessage", { channel, text: "Refund?", blocks, metadata });
await call("chat.postMessage", { channel, text: "More", thread_ts: ts });
await call("chat.update", { channel, ts, text: "Refunded", blocks, metadata });
await call("chat.postEphemeral", { channel, user: "U0ADA", text: "Only you", blocks });
await call("chat.getPermalink", { channel, message_ts: ts });
await call("conversations.open", { users: "U0ADA" });
await call("conversations.info", { channel, include_num_members: true });
await call("conversations.list", { types: "public_channel,private_channel", limit: 100 });
await call("conversations.members", { channel, limit: 2 });
await call("conversations.history", { channel, limit: 5, include_all_metadata: true });
await call("conversations.replies", { channel, ts });
await call("users.info", { user: "U0ADA" });
await call("users.list", { limit: 2 });
await call("users.lookupByEmail", { email: "ada@example.com" });
await call("usergroups.list", { include_users: true });
await call("usergroups.users.list", { usergroup: "S0FINANCE" });
await call("bots.info", { bot: "B0SIGNOFF" });
await call("views.publish", { user_id: "U0ADA", view: home });
await call("chat.delete", { channel, ts });
const sockets = new WebClient(process.env.SLACK_APP_TOKEN, options);
answers["apps.connections.open"] = await sockets.apps.connections.open();

process.stdout.write(`${JSON.stringify({ what: "answers", body: answers })}\n`);
