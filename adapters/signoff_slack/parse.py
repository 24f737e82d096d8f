"""Slack payloads → who, and what they want. Pure; None for whatever is not shaped as Slack shapes it.

Identity comes from the verified envelope alone: `user` with its own workspace (I14). A modal names its request and
the card it was opened from in `private_metadata`, which Slack returns as we set it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote_plus

from signoff.forms import Form, Purpose
from signoff.model import Actor, MessageRef, Principal
from signoff_slack import ids
from signoff_slack.render import inputs
from signoff_slack.text import Json

KINDS = frozenset({"block_actions", "view_submission", "view_closed", "url_verification", "event_callback", "shortcut"})
"""Payload types that have a listener; a command has no type."""
OPENED = "app_home_opened"
_STATE = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}


@dataclass(frozen=True, slots=True)
class Click:
    """A button on a card, or in a modal of ours."""

    actor: Actor
    action: str
    """What follows `signoff.` in the action_id."""
    request_id: str
    version: int
    page: int
    trigger_id: str
    thread: str | None
    view: str | None
    """The id of the modal that was clicked in; None: a card."""
    values: Mapping[str, Json]
    """block_id → the state of the input in it, of a modal."""
    item: str = ""
    """One request of the card of several."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitted form."""

    actor: Actor
    request_id: str
    version: int
    purpose: Purpose
    origin: MessageRef
    values: Mapping[str, Json]
    """block_id → the state of the input in it."""


def body(text: str) -> Json | None:
    """The payload in a request body: JSON, or a form with a `payload` of JSON."""
    try:
        if not text.startswith("{"):
            text = _field(text, "payload")
        data: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("Json", data) if isinstance(data, dict) else None


_COMMON = tuple((f"%{ord(char):02X}", char) for char in '"{}[]:,/=')
"""What JSON is full of, as a form escapes it."""


def _field(form: str, name: str) -> str:
    """A form's field, empty when there is none."""
    for part in form.split("&"):
        key, _, value = part.partition("=")
        if key == name:
            # urllib takes each escape by itself: ten times as long for a card's payload.
            for escaped, char in _COMMON:
                value = value.replace(escaped, char)
            return unquote_plus(value)
    return ""


def sound(payload: Json) -> Json | None:
    """The members that we and Bolt read, each shaped as Slack shapes it; None when one that is needed is not.

    Bolt looks into many members without checking them; a signed but malformed payload must not become a 500.
    """
    kind = payload.get("type")
    kept: Json = {key: payload[key] for key in ("team", "user", "container") if isinstance(payload.get(key), dict)}
    kept |= {key: payload[key] for key in ("type", "trigger_id", "challenge") if isinstance(payload.get(key), str)}
    view = object_of(payload.get("view"))
    if view.get("type") in ("modal", "home") and isinstance(view.get("callback_id"), str):
        kept["view"] = view
    if kind == "shortcut" and isinstance(payload.get("callback_id"), str):
        kept["callback_id"] = payload["callback_id"]
    actions = payload.get("actions")
    if isinstance(actions, list) and actions:
        first = object_of(cast("list[object]", actions)[0])
        if all(isinstance(first.get(key), str) for key in ("type", "action_id", "block_id")):
            kept["actions"] = [first]
    event = text_of(at(payload, "event", "type"))
    if kind == "event_callback" and event is not None:
        # Only that something or somebody has changed is read, never what the event says has changed.
        told = {"type": event, "user": {"id": whose(payload)}, "tab": at(payload, "event", "tab")}
        kept |= {"event": {**told, "team": payload.get("team_id")}, "team_id": team(payload)}
    needed = {
        "block_actions": "actions",
        "url_verification": "challenge",
        "event_callback": "event",
        "shortcut": "callback_id",
    }
    return kept if needed.get(str(kind), "view") in kept else None


def team(payload: Mapping[str, object]) -> str | None:
    """The workspace in which the app is installed; a user of another one (Slack Connect) carries their own.

    `view.app_installed_team_id` names it when a modal was opened from a shared channel (Slack: view payloads), the
    first of `authorizations` when an event comes from one (Slack: Events API).
    """
    if payload.get("type") == "event_callback":
        given = payload.get("authorizations")
        first = cast("list[object]", given)[0] if isinstance(given, list) and given else None
        return text_of(at(first, "team_id") or payload.get("team_id"))
    installed = at(payload, "view", "app_installed_team_id") or at(payload, "team", "id")
    return text_of(installed)


def event(payload: Mapping[str, object]) -> str | None:
    """Which event an `event_callback` brings."""
    return text_of(at(payload, "event", "type"))


def whose(payload: Mapping[str, object]) -> str | None:
    """The user that an event is about: an object, or the id alone."""
    return text_of(at(payload, "event", "user", "id")) or text_of(at(payload, "event", "user"))


def visitor(payload: Mapping[str, object]) -> Principal | None:
    """Who has opened the App Home; None: another tab of the app, or no such event."""
    if event(payload) != OPENED or at(payload, "event", "tab") != "home":
        return None
    user = whose(payload)
    own = text_of(at(payload, "event", "team")) or text_of(payload.get("team_id"))
    return None if user is None or own is None else Principal(chat="slack", tenant=own, user=user)


def click(payload: Mapping[str, object]) -> Click | None:
    """A `block_actions` payload."""
    actions = payload.get("actions")
    first = object_of(cast("list[object]", actions)[0]) if isinstance(actions, list) and actions else {}
    action_id, trigger_id = text_of(first.get("action_id")), text_of(payload.get("trigger_id"))
    carried = ids.read_value(first.get("value"))
    who, workspace = principal(payload), team(payload)
    if action_id is None or not action_id.startswith(ids.ACTION) or trigger_id is None:
        return None
    if carried is None or who is None or workspace is None:
        return None
    request_id, version, page = carried
    view, thread = None, None
    values: dict[str, Json] = {}
    if at(payload, "container", "type") == "view":
        target = ids.read_metadata(at(payload, "view", "private_metadata"))
        view = text_of(at(payload, "view", "id"))
        if target is None or view is None or (target.request_id, target.version) != (request_id, version):
            return None
        origin = target.origin
        values = states_of(at(payload, "view", "state", "values"))
    else:
        channel = text_of(at(payload, "container", "channel_id"))
        message = text_of(at(payload, "container", "message_ts"))
        if channel is None or message is None:
            return None
        thread = text_of(at(payload, "container", "thread_ts"))
        origin = MessageRef(chat="slack", tenant=workspace, conversation=channel, message=message)
    actor = Actor(via="slack", principal=who, origin=origin)
    item = ids.read_item(first.get("value"))
    if not encodes([actor.model_dump(), request_id, action_id, trigger_id, thread, view, values, item]):
        return None
    action = action_id.removeprefix(ids.ACTION)
    return Click(actor, action, request_id, version, page, trigger_id, thread, view, values, item)


def submission(payload: Mapping[str, object]) -> Submission | None:
    """A `view_submission` payload of one of our forms."""
    target = ids.read_metadata(at(payload, "view", "private_metadata"))
    who = principal(payload)
    states = at(payload, "view", "state", "values")
    if target is None or target.purpose is None or who is None or team(payload) is None:
        return None
    if not isinstance(states, dict):
        return None
    values = states_of(cast("Json", states))
    actor = Actor(via="slack", principal=who, origin=target.origin)
    if not encodes([actor.model_dump(), target.request_id, states]):
        return None
    return Submission(actor, target.request_id, target.version, target.purpose, target.origin, values)


def entries(form: Form, values: Mapping[str, Json]) -> dict[str, str]:
    """What was typed, by field key, for the fields on this page; texts in several inputs are joined."""
    parts: dict[int, dict[int, str]] = {}
    labels: set[int] = set()
    for block, state in values.items():
        where = ids.read_block_id(block)
        if where is None or where[0] != form.purpose or where[1] >= len(form.fields):
            continue
        _, index, part = where
        typed = _entry(form, index, state)
        if typed is not None:
            parts.setdefault(index, {})[part] = typed
            if form.fields[index].kind == "choice" and state.get("type") == "plain_text_input":
                labels.add(index)
    found: dict[str, str] = {}
    for index in sorted(parts):
        field = form.fields[index]
        text = "".join(parts[index][part] for part in sorted(parts[index]))
        if index in labels:
            text = inputs.value_of(field, text)
        if text == _newlines(field.initial):
            text = field.initial  # a text input turns \r\n into \n; nobody can type \r
        found[field.key] = text
    return found


def covered(form: Form, values: Mapping[str, Json]) -> tuple[int, int]:
    """The fields that stood on the submitted page: the first, and the one after the last."""
    places = [ids.read_block_id(block) for block in values]
    indexes = [place[1] for place in places if place is not None and place[0] == form.purpose]
    return (min(indexes), max(indexes) + 1) if indexes else (0, len(form.fields))


def _entry(form: Form, index: int, state: Json) -> str | None:
    """The string an input stands for; None when the state is not one of an input of ours."""
    field = form.fields[index]
    kind = state.get("type")
    if kind in {"radio_buttons", "static_select"}:
        chosen = state.get("selected_option")
        if chosen is None:
            return ""
        return inputs.chosen(field, text_of(object_of(chosen).get("value")) or "") if inputs.choices(field) else None
    value = state.get(_STATE.get(str(kind), "value"))
    if value is None:
        return ""
    if kind == "datetimepicker":
        if type(value) is not int or not 0 <= value < 10**10:
            return None
        return inputs.moment(value, field.initial)
    return value if isinstance(value, str) else None


def states_of(states: object) -> dict[str, Json]:
    """block_id → the state of the input in it."""
    return {block: object_of(object_of(state).get(ids.INPUT)) for block, state in object_of(states).items()}


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def principal(payload: Mapping[str, object]) -> Principal | None:
    """Whoever clicked, sent or called (I14)."""
    user = text_of(at(payload, "user", "id"))
    own = text_of(at(payload, "user", "team_id")) or text_of(at(payload, "team", "id"))
    return None if user is None or own is None else Principal(chat="slack", tenant=own, user=user)


def encodes(value: object) -> bool:
    """Half a surrogate pair, as JSON can spell it and half an emoji leaves it, can be stored and sent nowhere."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def at(value: object, *path: str) -> object:
    for key in path:
        value = object_of(value).get(key)
    return value


def object_of(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def text_of(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
