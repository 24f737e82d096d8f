"""What of Slack is modelled here and what is not, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Row:
    area: str
    what: str
    state: Literal["modelled", "partly", "not modelled"]
    note: str = ""


def _yes(area: str, what: str, note: str = "") -> Row:
    return Row(area, what, "modelled", note)


def _partly(area: str, what: str, note: str) -> Row:
    return Row(area, what, "partly", note)


def _no(area: str, what: str, note: str = "") -> Row:
    return Row(area, what, "not modelled", note)


TABLE = (
    _yes("calls", "JSON, form, query string, and forms whose nested values are JSON text"),
    _no("calls", "multipart bodies", "only file uploads need them"),
    _yes("calls", "not_authed, invalid_auth, not_allowed_token_type, missing_scope, unknown_method, x-oauth-scopes"),
    _yes("calls", "429 with Retry-After", "about one message per second and channel, bursts of five; off by default"),
    _partly("calls", "413", "above 1 000 000 bytes; Slack names no number"),
    _yes("calls", "injected 429, 500, time-outs, lost answers, slowness, any error code"),
    _yes("methods", "chat.postMessage, update, delete, postEphemeral, getPermalink"),
    _partly("methods", "chat.postMessage: an unknown thread_ts", "answered thread_not_found, unconfirmed"),
    _no("methods", "chat.postMessage: attachments, unfurling, reply_broadcast, username and icon"),
    _yes("methods", "views.open, push, update, publish"),
    _yes("methods", "users.info, list, lookupByEmail; usergroups.list, users.list; bots.info"),
    _yes("people", "deactivated, bots, guests of one and of several channels, strangers of another workspace"),
    _yes("people", "user groups: members, disabled ones", "no pagination; Slack has none there either"),
    _no("people", "invitations, roles, Enterprise Grid users"),
    _yes("methods", "conversations.open, info, list, members, history, replies", "one-to-one direct messages"),
    _yes("methods", "api.test, auth.test, apps.connections.open"),
    _no("methods", "reactions, files, pins, reminders, search, admin, OAuth installation"),
    _yes("messages", "channel id, #name, user id; threads; metadata; not_in_channel, is_archived, user_disabled"),
    _yes("messages", "msg_too_long above 40 000 characters, no_text"),
    _partly("messages", "msg_blocks_too_long above 13 200 characters", "reported by users, not documented"),
    _yes(
        "blocks",
        "section, header, divider, context, actions, input, image, rich_text, table, markdown",
    ),
    _partly("blocks", "rich_text", "sections, lists, quotes, code; not every inline kind"),
    _no("blocks", "video, file, alert, card, task_card, plan, data_table, context_actions", "refused as unsupported"),
    _yes("elements", "button, overflow, radio buttons, checkboxes, date and time"),
    _yes("elements", "selects of options, users and conversations, of one and of several; max_selected_items"),
    _yes("elements", "dispatch_action: selects at once, text with Enter or with every character"),
    _yes("elements", "text, number, e-mail and URL inputs, with what Slack's client checks before it sends"),
    _no("elements", "external selects, rich text input, file input", "refused as unsupported"),
    _yes("elements", "duplicate action_id within a block, duplicate block_id, unknown properties"),
    _partly("elements", "option values", "limit 150; another source says 3000"),
    _yes("modals", "stack of three, hash_conflict, duplicate_external_id; 100 blocks, private_metadata 3000"),
    _yes("modals", "view_too_large above 250 000 bytes of compact JSON"),
    _yes("modals", "state.values of every stateful element in every payload, with what it held at the start"),
    _yes("modals", "values kept across updates where block_id and action_id stay; a new block_id starts afresh"),
    _partly("modals", "a chosen option that an update no longer offers", "dropped; no document says"),
    _yes("modals", "the App Home: drawn per person, opened and told (home, messages), block_actions of its elements"),
    _yes("modals", "answers errors, update, push, clear; an answer Slack refuses shows as trouble connecting"),
    _yes("interactions", "block_actions, view_submission, view_closed (notify_on_close, is_cleared), slash commands"),
    _yes("interactions", "three seconds to acknowledge; the person is told operation_timeout or dispatch_failed"),
    _yes("interactions", "trigger_id: three seconds, once; response_url: five times in thirty minutes"),
    _yes("interactions", "global shortcuts: callback_id and trigger_id, no channel and no response_url"),
    _no("interactions", "message shortcuts, options requests, workflow steps"),
    _yes("interactions", "slash commands: should_escape, ephemeral and shared answers, none in threads"),
    _yes("events", "app_home_opened, app_mention, message.im; any other one on demand"),
    _yes("events", "user_change, team_join, subteam_created, subteam_updated, subteam_members_changed"),
    _yes("events", "retries with x-slack-retry-num and -reason: at once, after one minute, after five"),
    _yes("transport", "signed HTTP (v0)"),
    _yes("transport", "Socket Mode: hello, envelopes, acks, warning and refresh, ten connections taking turns"),
    _no("workspaces", "several workspaces, Enterprise Grid, Slack Connect", "people of another team can be added"),
)
