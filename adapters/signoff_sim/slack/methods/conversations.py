"""conversations.open, info, list, members, history, replies."""

from __future__ import annotations

from signoff_sim.slack.methods.office import Method, Office, page, required
from signoff_sim.slack.payloads import channel_json, message_json
from signoff_sim.slack.records import Channel, Message
from signoff_sim.slack.shape import Json, SlackError, as_text, is_true


def open_direct(office: Office, args: Json) -> Json:
    if as_text(args.get("channel")):
        channel = office.channel(args)
        if channel.with_user is None:
            raise SlackError("channel_not_found")
    else:
        users = [one for one in required(args, "users").split(",") if one]
        if len(users) != 1:
            raise SlackError("not_enough_users" if not users else "method_not_supported_for_channel_type")
        user = office.workspace.users.get(users[0])
        if user is None:
            raise SlackError("user_not_found")
        if office.as_seen(user).deleted:
            raise SlackError("user_disabled")
        if user.is_bot:
            raise SlackError("cannot_dm_bot")
        channel = office.workspace.direct(user.id)
    whole = channel_json(channel) if is_true(args.get("return_im")) else {"id": channel.id}
    return {"channel": whole}


def info(office: Office, args: Json) -> Json:
    channel = _readable(office, args, member=False)
    whole = channel_json(channel) | {"is_archived": office.is_archived(channel)}
    if channel.with_user is None:
        whole["is_member"] = office.is_member(channel)
    return {"channel": whole}


def list_all(office: Office, args: Json) -> Json:
    wanted = (as_text(args.get("types")) or "public_channel").split(",")
    rows = [
        channel_json(channel) | {"is_archived": office.is_archived(channel)}
        for channel in office.workspace.channels.values()
        if _kind(channel) in wanted and not (is_true(args.get("exclude_archived")) and office.is_archived(channel))
    ]
    return page(rows, args, "channels")


def members(office: Office, args: Json) -> Json:
    channel = _readable(office, args, member=False)
    return page(sorted(channel.members), args, "members")


def history(office: Office, args: Json) -> Json:
    channel = _readable(office, args)
    whole = [one for one in channel.messages.values() if one.only_for is None and one.thread_ts in (None, one.ts)]
    newest_first = sorted(_between(whole, args), key=lambda one: one.ts, reverse=True)
    return _messages(newest_first, args, channel)


def replies(office: Office, args: Json) -> Json:
    channel = _readable(office, args)
    parent = channel.messages.get(required(args, "ts"))
    if parent is None or parent.only_for is not None:
        raise SlackError("thread_not_found")
    root = parent.thread_ts or parent.ts
    thread = [one for one in channel.messages.values() if one.only_for is None and root in (one.ts, one.thread_ts)]
    within = [one for one in _between(thread, args) if one.ts != root]
    return _messages([channel.messages[root], *within] if root in channel.messages else within, args, channel)


def _messages(messages: list[Message], args: Json, channel: Channel) -> Json:
    with_metadata = is_true(args.get("include_all_metadata"))
    answer = page([_with_replies(one, channel, with_metadata) for one in messages], args, "messages")
    return {**answer, "has_more": bool(answer["response_metadata"]["next_cursor"])}


def _with_replies(message: Message, channel: Channel, with_metadata: bool) -> Json:
    whole = message_json(message, with_metadata)
    below = [one for one in channel.messages.values() if one.thread_ts == message.ts and one.only_for is None]
    if below:
        whole |= {"thread_ts": message.ts, "reply_count": len(below), "latest_reply": below[-1].ts}
    return whole


def _between(messages: list[Message], args: Json) -> list[Message]:
    oldest, latest = as_text(args.get("oldest")) or "0", as_text(args.get("latest")) or "9999999999"
    try:
        low, high = float(oldest), float(latest)
    except ValueError as error:
        raise SlackError("invalid_ts_oldest") from error
    inclusive = is_true(args.get("inclusive"))
    return [one for one in messages if low < float(one.ts) < high or (inclusive and float(one.ts) in (low, high))]


def _readable(office: Office, args: Json, member: bool = True) -> Channel:
    channel = office.channel(args)
    if member and not office.is_member(channel):
        raise SlackError("channel_not_found" if channel.is_private else "not_in_channel")
    return channel


def _kind(channel: Channel) -> str:
    if channel.with_user is not None:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


READ = ("channels:read", "groups:read", "im:read")
HISTORY = ("channels:history", "groups:history", "im:history")
METHODS = {
    "conversations.open": Method(open_direct, ("im:write", "channels:manage")),
    "conversations.info": Method(info, READ),
    "conversations.list": Method(list_all, READ),
    "conversations.members": Method(members, READ),
    "conversations.history": Method(history, HISTORY),
    "conversations.replies": Method(replies, HISTORY),
}
