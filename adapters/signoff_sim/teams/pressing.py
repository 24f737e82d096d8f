"""What a press on a card submits, and what the person's own client holds back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from signoff_sim.simulated import Refused
from signoff_sim.teams.cards import ACTIONS, INPUTS, nodes
from signoff_sim.teams.rules import Rules

Json = dict[str, Any]


def find_action(card: Json, wanted: Mapping[str, Any]) -> Json:
    """The one action that fits every named trait: `verb`, `id`, `text` (its title), `data`. Raises Refused."""
    traits = {key: wanted[name] for name, key in _TRAITS.items() if wanted.get(name) is not None}
    if not traits:
        raise Refused("Say which action: verb, id, text or data.")
    actions = [node for node in nodes(card) if node.get("type") in ACTIONS]
    fitting = [node for node in actions if all(_fits(node.get(key), value) for key, value in traits.items())]
    if not fitting:
        titles = ", ".join(str(node.get("title") or node.get("verb")) for node in actions) or "none"
        raise Refused(f"The card has no such action; it has: {titles}.")
    if fitting[0].get("isEnabled") is False:
        raise Refused(f"The button {fitting[0].get('title')!r} cannot be pressed: it is switched off.")
    return fitting[0]


_TRAITS = {"verb": "verb", "id": "id", "text": "title", "data": "data"}


def _fits(found: object, wanted: object) -> bool:
    if isinstance(found, str) and isinstance(wanted, str):
        # `Edit…`, `edit...` and `Edit` are the same button to a person.
        return found == wanted or _plain(found) == _plain(wanted)
    return found == wanted or (not found and not wanted)


def _plain(title: str) -> str:
    return title.strip().rstrip(".…").strip().casefold()


def gather(card: Json, action: Json, given: Mapping[str, Any], rules: Rules) -> tuple[dict[str, str], dict[str, str]]:
    """What the inputs submit with this action, and what the person's client refuses to send: id → sentence.

    `given` is what the person entered, by input id: a string; true or false for a toggle; a list of values where
    several may be chosen. Other inputs submit what they began with. Everything arrives as a string.
    """
    everywhere = {str(node["id"]) for node in nodes(card) if node.get("type") in INPUTS}
    if unknown := sorted(set(given) - everywhere):
        raise Refused(f"The card has no input {unknown[0]!r}; it has {', '.join(sorted(everywhere)) or 'none'}.")
    values: dict[str, str] = {}
    refused: dict[str, str] = {}
    for node in associated(card, action):
        name = str(node["id"])
        value = _sent(node, given.get(name, _initial(node)))
        if fault := _input_fault(node, value):
            refused[name] = str(node.get("errorMessage") or fault)
        if value or rules.empty_inputs:
            values[name] = value
    return values, refused


def associated(card: Json, action: Json) -> list[Json]:
    """The inputs an action sends: those of its own card and of the cards around it, not those behind other buttons.

    That is how adaptivecards 3.0.6 goes up from an action that Action.ShowCard has opened. Hidden inputs are sent, too.
    """
    if action.get("associatedInputs", "auto").lower() == "none":
        return []
    found: list[Json] = []
    for around in _way_to(card, action):
        found += [node for node in _own(around) if node.get("type") in INPUTS]
    return found


def _way_to(card: Json, action: Json) -> list[Json]:
    """The cards from the outermost to the one that holds the action."""
    for node in _own(card):
        if node is action:
            return [card]
        if node.get("type") == "Action.ShowCard" and (below := _way_to(cast("Json", node["card"]), action)):
            return [card, *below]
    return []


def _own(value: object) -> Iterator[Json]:
    """Every object of a card without the cards that its buttons show."""
    if isinstance(value, dict):
        node = cast("Json", value)
        yield node
        hidden = ("data", "card") if node.get("type") == "Action.ShowCard" else ("data",)
        for key, item in node.items():
            if key not in hidden:
                yield from _own(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _own(item)


def _initial(node: Json) -> object:
    if node["type"] == "Input.Toggle":
        return node.get("value", node.get("valueOff", "false"))
    return node.get("value", "")


def _sent(node: Json, value: object) -> str:
    if isinstance(value, bool):
        return str(node.get("valueOn", "true") if value else node.get("valueOff", "false"))
    if isinstance(value, list):
        chosen = [str(one) for one in cast("list[object]", value)]
        order = [str(choice["value"]) for choice in node.get("choices", [])]
        return ",".join(sorted(chosen, key=lambda one: order.index(one) if one in order else len(order)))
    return "" if value is None else str(value)


def _input_fault(node: Json, value: str) -> str | None:
    kind = node["type"]
    if value == "" or (kind == "Input.Toggle" and value == node.get("valueOff", "false")):
        return "This is required." if node.get("isRequired") else None
    if kind == "Input.Toggle" and value != node.get("valueOn", "true"):
        return f"{value!r} is neither on nor off."
    if kind == "Input.Text":
        if len(value) > node.get("maxLength", len(value)):
            return f"At most {node['maxLength']} characters."
        if "regex" in node and not re.search(node["regex"], value):
            return "This does not have the expected form."
    if kind == "Input.Number":
        try:
            number = float(value)
        except ValueError:
            return "This is not a number."
        if number < float(node.get("min", number)) or number > float(node.get("max", number)):
            return "The number is out of bounds."
    if kind in ("Input.Date", "Input.Time") and not node.get("min", value) <= value <= node.get("max", value):
        return "This is out of bounds."
    if kind == "Input.ChoiceSet" and node.get("style") != "filtered" and node.get("choices"):
        allowed = {choice["value"] for choice in node["choices"]}
        picked = value.split(",") if node.get("isMultiSelect") else [value]
        if not set(picked) <= allowed:
            return f"{value!r} is not one of the choices."
    return None
