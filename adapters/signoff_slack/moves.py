"""Slack payloads of a review → what somebody did in it. Pure; None for whatever is not shaped as Slack shapes it.

Identity is the signed envelope's (I14). A modal of a review carries which review it shows; whose that is knows the
desk. What is ticked is read from the state that came with the payload, at every click.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from signoff.cards import Move
from signoff.model import Actor
from signoff_slack import ids, parse
from signoff_slack.parse import at, object_of, text_of
from signoff_slack.text import Json

HOME = (ids.REVIEW, ids.REFRESH)


@dataclass(frozen=True, slots=True)
class Gesture:
    """A click or a submission in a modal of a review."""

    actor: Actor
    stay: ids.Stay
    what: Literal["move", "tick", "leaf", "json", "stay", "form"]
    """`move`: `move` says which; `tick`: a checkbox; `leaf`: another page of one request, which `move.key` names;
    `json`: the arguments as JSON text; `stay`: the review as it stands; `form`: a form was sent.
    """
    move: Move
    page: int
    trigger_id: str
    view: str
    """The modal's id."""
    below: str
    """The id of the modal below it, or ""."""
    hash: str
    """Which drawing of the modal it was made in."""
    values: Mapping[str, Json]
    """block_id → the state of the input in it, of a form."""
    blocks: tuple[str, ...]
    """The block_ids that have a state."""


@dataclass(frozen=True, slots=True)
class AtHome:
    """A click in the App Home."""

    actor: Actor
    action: str
    trigger_id: str


@dataclass(frozen=True, slots=True)
class Call:
    """The global shortcut."""

    actor: Actor
    trigger_id: str


def shortcut(payload: Mapping[str, object]) -> Call | None:
    actor, trigger_id = _actor(payload), text_of(payload.get("trigger_id"))
    return None if actor is None or trigger_id is None else Call(actor, trigger_id)


def at_home(payload: Mapping[str, object]) -> AtHome | None:
    action, trigger_id = _action(payload), text_of(payload.get("trigger_id"))
    actor, pressed = _actor(payload), text_of(action.get("action_id"))
    if at(payload, "view", "type") != "home" or pressed not in HOME or actor is None or trigger_id is None:
        return None
    return AtHome(actor, pressed, trigger_id)


def is_ours(payload: Mapping[str, object]) -> bool:
    """Whether it comes from a modal of a review."""
    return ids.read_stay(at(payload, "view", "private_metadata")) is not None


def gesture(payload: Mapping[str, object]) -> Gesture | None:
    stay = ids.read_stay(at(payload, "view", "private_metadata"))
    view, actor = text_of(at(payload, "view", "id")), _actor(payload)
    if stay is None or view is None or actor is None or at(payload, "view", "type") != "modal":
        return None
    sent = payload.get("type") == "view_submission"
    trigger_id = text_of(payload.get("trigger_id")) or ""
    if not sent and not trigger_id:
        return None
    read = _sent(payload, stay) if sent else _clicked(payload, stay)
    if read is None or not parse.encodes([actor.model_dump(), stay.review, _plain(read[1]), trigger_id, view]):
        return None
    what, move, page = read[0], replace(read[1], mark=stay.mark), read[2]
    states = object_of(at(payload, "view", "state", "values"))
    if not parse.encodes(states):
        return None
    below, hash_ = (text_of(at(payload, "view", name)) or "" for name in ("previous_view_id", "hash"))
    values = parse.states_of(states)
    return Gesture(actor, stay, what, move, page, trigger_id, view, below, hash_, values, tuple(states))


_Read = tuple[Literal["move", "tick", "leaf", "json", "stay", "form"], Move, int]
_STILL = Move("look")
"""Stands where nothing is moved."""


def _sent(payload: Mapping[str, object], stay: ids.Stay) -> _Read | None:
    if stay.purpose is not None:
        return "form", _STILL, 0
    if stay.move is None:
        return None
    states = dict(_states(payload))
    text = states.get(f"{ids.SIFT}text")
    if stay.move == "approve" and text is not None and _typed(text) != _drawn_text(payload):
        # Words were typed and not looked for: what is approved has to be what they leave in the list.
        return "move", _move(payload, "narrow", "", _sieve(states)), 0
    values = _sieve(states) if stay.move == "narrow" else {}
    if (reason := states.get(ids.REASON)) is not None:
        values = {**values, "reason": _typed(reason)}
    return "move", _move(payload, stay.move, stay.key, values), 0


def _clicked(payload: Mapping[str, object], stay: ids.Stay) -> _Read | None:
    action = _action(payload)
    action_id = text_of(action.get("action_id")) or ""
    if action_id.startswith(ids.TICK):
        return "tick", _STILL, 0
    if action_id.startswith(ids.SIFT):
        # The click itself may be newer than the state beside it.
        states = {**dict(_states(payload)), action_id: action}
        return "move", _move(payload, "narrow", "", _sieve(states)), 0
    if action_id.startswith(ids.MOVE):
        name = action_id.removeprefix(ids.MOVE).partition(".")[0]
        key = text_of(at(action, "selected_option", "value"))
        carried = ids.read_key(action.get("value")) if key is None else (key, 0)
        if name not in ids.MOVES or carried is None:
            return None
        return "move", _move(payload, name, carried[0], {}), 0
    if action_id in {ids.STAY, ids.JSON}:
        return ("stay" if action_id == ids.STAY else "json"), _STILL, 0
    if action_id.startswith(ids.LEAF):
        carried = ids.read_key(action.get("value"))
        return None if carried is None else ("leaf", Move("look", carried[0]), carried[1])
    return None


def _move(payload: Mapping[str, object], name: str, key: str, values: Mapping[str, str]) -> Move:
    shown, ticked = _ticks(payload)
    return Move(ids.MOVES[name], key, dict(values), ticked, shown)


def _ticks(payload: Mapping[str, object]) -> tuple[frozenset[str], frozenset[str]]:
    """What could be ticked, by the blocks of the view as Slack returns them, and what was."""
    shown: set[str] = set()
    blocks = at(payload, "view", "blocks")
    for block in cast("list[object]", blocks) if isinstance(blocks, list) else ():
        elements = at(block, "elements")
        for element in cast("list[object]", elements) if isinstance(elements, list) else ():
            if (text_of(at(element, "action_id")) or "").startswith(ids.TICK):
                shown |= _keys(at(element, "options"))
    ticked: set[str] = set()
    for action_id, state in _states(payload):
        if action_id.startswith(ids.TICK):
            ticked |= _keys(state.get("selected_options"))
    return frozenset(shown), frozenset(ticked & shown)


def _keys(options: object) -> set[str]:
    found = cast("list[object]", options) if isinstance(options, list) else []
    return {key for one in found if (key := text_of(at(one, "value"))) is not None}


def _states(payload: Mapping[str, object]) -> list[tuple[str, Json]]:
    """Every action_id with its state."""
    blocks = object_of(at(payload, "view", "state", "values")).values()
    return [(action_id, object_of(state)) for block in blocks for action_id, state in object_of(block).items()]


def _sieve(states: Mapping[str, Json]) -> dict[str, str]:
    """What the list is to be narrowed down by: an option's value begins with `=`."""
    found: dict[str, str] = {}
    for action_id, state in states.items():
        name = action_id.removeprefix(ids.SIFT)
        if action_id == f"{ids.SIFT}text":
            found[name] = _typed(state)
        elif action_id.startswith(ids.SIFT):
            chosen = text_of(at(state, "selected_option", "value"))
            if chosen is not None:
                found[name] = chosen.removeprefix("=")
    return found


def _typed(state: Json) -> str:
    return text_of(state.get("value")) or ""


def _drawn_text(payload: Mapping[str, object]) -> str:
    blocks = at(payload, "view", "blocks")
    for block in cast("list[object]", blocks) if isinstance(blocks, list) else ():
        if at(block, "element", "action_id") == f"{ids.SIFT}text":
            return text_of(at(block, "element", "initial_value")) or ""
    return ""


def _plain(move: Move) -> list[object]:
    return [move.key, dict(move.values), sorted(move.ticked), sorted(move.shown)]


def _action(payload: Mapping[str, object]) -> Json:
    actions = payload.get("actions")
    return object_of(cast("list[object]", actions)[0]) if isinstance(actions, list) and actions else {}


def _actor(payload: Mapping[str, object]) -> Actor | None:
    principal = parse.principal(payload)
    return None if principal is None or parse.team(payload) is None else Actor(via="slack", principal=principal)
