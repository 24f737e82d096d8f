"""What one person sees of the workspace, as JSON for the page and for tests. Pure."""

from __future__ import annotations

from dataclasses import asdict

from signoff_sim import world
from signoff_sim.slack.fields import initial_values, state_values
from signoff_sim.slack.payloads import view_json
from signoff_sim.slack.records import Channel, Message, User, View
from signoff_sim.slack.shape import Json
from signoff_sim.slack.workspace import Workspace

NOTICES = 30  # the last ones


def what_is_seen(workspace: Workspace, user: User, archived: list[str]) -> Json:
    own = [
        channel
        for channel in workspace.channels.values()
        if user.id in channel.members and channel.with_user in (None, user.id)
    ]
    direct = workspace.direct(user.id)
    channels = [channel for channel in own if channel is not direct] + [direct]
    stack = workspace.modals.get(user.id, [])
    home = workspace.homes.get(user.id)
    return {
        "me": {"id": user.id, "person": user.person, "name": user.name},
        "team": {"id": world.SLACK_TEAM, "name": "Demo"},
        "bot": world.SLACK_BOT,
        "users": {
            one.id: {"name": one.name, "person": one.person, "title": one.title} for one in workspace.users.values()
        },
        "channels": [_channel(workspace, channel, user, archived) for channel in channels],
        "modal": _view(stack[-1]) | {"depth": len(stack)} if stack else None,
        "home": _view(home) if home else None,
        "notices": [asdict(notice) for notice in workspace.notices.get(user.id, [])[-NOTICES:]],
    }


def _channel(workspace: Workspace, channel: Channel, user: User, archived: list[str]) -> Json:
    return {
        "id": channel.id,
        "name": "Signoff" if channel.with_user else channel.name,
        "kind": "dm" if channel.with_user else "channel",
        "archived": channel.is_archived or channel.id in archived,
        "members": len(channel.members),
        "messages": [_message(workspace, message, user) for message in workspace.visible(channel, user.id)],
    }


def _message(workspace: Workspace, message: Message, user: User) -> Json:
    author = workspace.users.get(message.user)
    picked = workspace.chosen.get((user.id, message.channel, message.ts), {})
    return {
        "ts": message.ts,
        "user": message.user,
        "name": author.name if author else message.user,
        "bot": message.by_bot,
        "text": message.text,
        "blocks": message.blocks,
        "edited": message.edited,
        "thread_ts": message.thread_ts,
        "ephemeral": message.only_for is not None,
        "values": state_values(message.blocks, initial_values(message.blocks) | picked),
    }


def _view(view: View) -> Json:
    shown = view_json(view)
    return {**shown, "values": shown["state"]["values"], "errors": view.errors, "trouble": view.trouble}
