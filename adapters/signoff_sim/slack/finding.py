"""Finds what a person means: the channel, the message, the button or field that carries a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from signoff_sim.simulated import Refused
from signoff_sim.slack.fields import elements
from signoff_sim.slack.records import Channel, Message, User, View
from signoff_sim.slack.shape import Json, as_dict, as_text
from signoff_sim.slack.workspace import Workspace

Body = Mapping[str, Any]


def the_user(workspace: Workspace, body: Body) -> User:
    user = workspace.user(as_text(body.get("as")))
    if user is None:
        raise Refused(f'Nobody here is called "{as_text(body.get("as"))}"; say who acts in `as`.')
    return user


def the_channel(workspace: Workspace, user: User, body: Body) -> Channel:
    """`channel`: an id, `#name`, a name, or `dm` for the person's direct message with the app."""
    wanted = as_text(body.get("channel")) or "dm"
    channel = workspace.direct(user.id) if wanted == "dm" else workspace.channel(wanted)
    if channel is None:
        raise Refused(f'There is no channel "{wanted}".')
    return channel


def the_element(workspace: Workspace, user: User, body: Body) -> tuple[Message, Json, Json]:
    """(message, block, element) by `action_id`, `block_id`, `text`; without `ts` the newest message that has it."""
    channel = the_channel(workspace, user, body)
    ts = as_text(body.get("ts"))
    seen = list(workspace.visible(channel, user.id))
    if ts and not any(message.ts == ts for message in seen):
        raise Refused(f"There is no message {ts} that {user.person} can see in {channel.name or 'the direct message'}.")
    labels: list[str] = []
    for message in reversed(seen):
        if ts in ("", message.ts):
            found = match(message.blocks, body)
            if found is not None:
                return (message, *found)
            labels += [label(element) for _, element in elements(message.blocks)]
    raise Refused(f"There is nothing to click like that; there is: {', '.join(labels) or 'nothing'}.")


def match(blocks: list[Any], body: Body) -> tuple[Json, Json] | None:
    wanted = {name: as_text(body.get(name)) for name in ("action_id", "block_id", "text")}
    if not wanted["action_id"] and not wanted["text"]:
        raise Refused("Say what to click, in `action_id` or `text`.")
    for block, element in elements(blocks):
        if wanted["action_id"] and element.get("action_id") != wanted["action_id"]:
            continue
        if wanted["block_id"] and block.get("block_id") != wanted["block_id"]:
            continue
        if wanted["text"] and _plain(label(element)) != _plain(wanted["text"]):
            continue
        return block, element
    return None


def label(element: Json) -> str:
    return as_text(as_dict(element.get("text")).get("text")) or as_text(as_dict(element.get("placeholder")).get("text"))


def _plain(text: str) -> str:
    """`Edit…`, `edit...` and `Edit` are the same button to a person."""
    return text.strip().rstrip(".…").strip().casefold()


def the_view(workspace: Workspace, user: User, body: Body) -> View:
    """The open modal, or with `"where": "home"` the person's App Home."""
    if body.get("where") == "home":
        home = workspace.homes.get(user.id)
        if home is None:
            raise Refused(f"The App Home of {user.person} is empty.")
        return home
    stack = workspace.modals.get(user.id, [])
    if not stack:
        raise Refused(f"{user.person} has no modal open.")
    return stack[-1]


def the_field(view: View, name: str) -> tuple[Json, Json]:
    """By `block_id/action_id`, block_id, action_id or label."""
    inputs = list(elements(view.blocks))
    for block, element in inputs:
        if name == f"{block.get('block_id')}/{element.get('action_id')}":
            return block, element
    for block, element in inputs:
        if name and name in (block.get("block_id"), element.get("action_id")):
            return block, element
    for block, element in inputs:
        if _plain(field_label(block)) == _plain(name):
            return block, element
    raise Refused(f'There is no field "{name}"; there are: {", ".join(_names(inputs))}.')


def field_label(block: Json) -> str:
    return as_text(as_dict(block.get("label") or block.get("text")).get("text"))


def _names(inputs: Iterable[tuple[Json, Json]]) -> list[str]:
    return [field_label(block) or as_text(block.get("block_id")) for block, _ in inputs]
