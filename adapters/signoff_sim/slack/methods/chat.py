"""chat.postMessage, chat.update, chat.delete, chat.postEphemeral, chat.getPermalink."""

from __future__ import annotations

import json

from signoff_sim import world
from signoff_sim.slack.blocks import MESSAGE_TEXT, check_message
from signoff_sim.slack.methods.office import Method, Office, required
from signoff_sim.slack.payloads import message_json
from signoff_sim.slack.records import TEAM_DOMAIN, Channel, Message
from signoff_sim.slack.shape import Json, SlackError, as_dict, as_list, as_text

METADATA_BYTES = 16_384


def post_message(office: Office, args: Json) -> Json:
    channel = _destination(office, args)
    text, blocks = _content(office, args)
    metadata = _metadata(args)
    thread_ts = _thread(office, channel, args)
    message = office.workspace.add_message(
        channel, world.SLACK_BOT, text, blocks, thread_ts=thread_ts, metadata=metadata
    )
    return {"channel": channel.id, "ts": message.ts, "message": message_json(message)}


def post_ephemeral(office: Office, args: Json) -> Json:
    channel = office.channel(args)
    user = required(args, "user")
    _check_open(office, channel)
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = _content(office, args)
    thread_ts = _thread(office, channel, args)
    message = office.workspace.add_message(channel, world.SLACK_BOT, text, blocks, thread_ts=thread_ts, only_for=user)
    return {"message_ts": message.ts}


def update(office: Office, args: Json) -> Json:
    channel, message = _own_message(office, args, "cant_update_message")
    if office.is_archived(channel):
        raise SlackError("is_archived")
    metadata = _metadata(args)
    if "blocks" in args:
        text, blocks = _content(office, args, empty_ok=as_list(args["blocks"]) == [] and bool(args.get("text")))
        message.text, message.blocks = text or message.text, office.workspace.named(blocks)
    else:
        message.text = _content(office, args)[0]  # Slack keeps the blocks when none are sent
    if "metadata" in args:
        message.metadata = metadata or None
    message.edited = office.workspace.next_ts()
    shown = message_json(message)
    del shown["ts"]  # stands beside the message here, not in it (response types of @slack/web-api)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}


def delete(office: Office, args: Json) -> Json:
    channel, message = _own_message(office, args, "cant_delete_message")
    del channel.messages[message.ts]
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(office: Office, args: Json) -> Json:
    channel = office.channel(args)
    ts = required(args, "message_ts")
    if ts not in channel.messages:
        raise SlackError("message_not_found")
    return {
        "channel": channel.id,
        "permalink": f"https://{TEAM_DOMAIN}.slack.com/archives/{channel.id}/p{ts.replace('.', '')}",
    }


def _destination(office: Office, args: Json) -> Channel:
    """`channel`: a conversation id, `#name`, or a user id, which means the direct message with that person."""
    wanted = required(args, "channel")
    workspace = office.workspace
    user = workspace.users.get(wanted)
    if user is not None and not user.is_bot:
        if office.as_seen(user).deleted:
            raise SlackError("user_disabled")
        return workspace.direct(user.id)
    channel = workspace.channel(wanted)
    if channel is None:
        raise SlackError("channel_not_found")
    _check_open(office, channel)
    return channel


def _check_open(office: Office, channel: Channel) -> None:
    if office.is_archived(channel):
        raise SlackError("is_archived")
    if not office.is_member(channel):
        raise SlackError("channel_not_found" if channel.is_private else "not_in_channel")


def _content(office: Office, args: Json, empty_ok: bool = False) -> tuple[str, list[object]]:
    text, blocks = as_text(args.get("text")), args.get("blocks")
    if args.get("attachments") and not text and not blocks:
        raise SlackError("invalid_attachments", ["attachments are not modelled by this simulator"])
    if not text and not blocks:
        raise SlackError("no_text")
    if office.checks.text_length and len(text) > MESSAGE_TEXT:
        raise SlackError("msg_too_long")
    if blocks is not None and office.checks.blocks and not empty_ok:
        check_message(blocks)
    return text, as_list(blocks)


def _metadata(args: Json) -> Json | None:
    """Raises SlackError: `invalid_metadata_format`, `metadata_too_large`."""
    given = args.get("metadata")
    if given is None or given == "":
        return None
    metadata = as_dict(given)
    if metadata == {} and given == {}:
        return {}
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata)) > METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return metadata


def _thread(office: Office, channel: Channel, args: Json) -> str | None:
    """The thread's first message, also when a reply was named. Raises SlackError `thread_not_found`."""
    wanted = as_text(args.get("thread_ts"))
    if not wanted:
        return None
    parent = channel.messages.get(wanted)
    if parent is None or parent.only_for is not None:
        raise SlackError("thread_not_found")
    return parent.thread_ts or parent.ts


def _own_message(office: Office, args: Json, not_ours: str) -> tuple[Channel, Message]:
    channel = office.channel(args)
    message = channel.messages.get(required(args, "ts"))
    if message is None or message.only_for is not None:
        raise SlackError("message_not_found")
    if not message.by_bot:
        raise SlackError(not_ours)
    return channel, message


WRITE = ("chat:write",)
METHODS = {
    "chat.postMessage": Method(post_message, WRITE, per_channel=True),
    "chat.postEphemeral": Method(post_ephemeral, WRITE, per_channel=True),
    "chat.update": Method(update, WRITE),
    "chat.delete": Method(delete, WRITE),
    "chat.getPermalink": Method(get_permalink),
}
