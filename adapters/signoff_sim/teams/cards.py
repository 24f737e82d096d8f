"""Adaptive Cards as far as the platform looks at them: what it refuses, and what a click on one submits. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from signoff_sim.simulated import Refused
from signoff_sim.teams.rules import Rules

Json = dict[str, Any]

CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
VERSION = (1, 5)
"""The newest card version that Teams renders for bot-sent cards ("Cards reference")."""
REFRESH_USERS = 60
"""Most entries in `refresh.userIds` ("Universal Actions: user-specific views")."""

ACTIONS = frozenset({"Action.Execute", "Action.Submit", "Action.OpenUrl", "Action.ShowCard", "Action.ToggleVisibility"})
INPUTS = frozenset({"Input.Text", "Input.Number", "Input.Date", "Input.Time", "Input.Toggle", "Input.ChoiceSet"})
ELEMENTS = INPUTS | {
    "ActionSet", "Column", "ColumnSet", "Container", "FactSet", "Image", "ImageSet", "Media",
    "RichTextBlock", "Table", "TableCell", "TableRow", "TextBlock", "TextRun", "Fact",
}  # fmt: skip

_REQUIRED: Mapping[str, tuple[tuple[str, type], ...]] = {
    "TextBlock": (("text", str),),
    "TextRun": (("text", str),),
    "RichTextBlock": (("inlines", list),),
    "Image": (("url", str),),
    "FactSet": (("facts", list),),
    "Input.Toggle": (("id", str), ("title", str)),
    "Action.OpenUrl": (("url", str),),
    "Action.ShowCard": (("card", dict),),
    "Action.ToggleVisibility": (("targetElements", list),),
    **dict.fromkeys(INPUTS - {"Input.Toggle"}, (("id", str),)),
}


def nodes(value: object) -> Iterator[Json]:
    """Every object inside a card's JSON, outermost first, without what actions carry as `data`."""
    if isinstance(value, dict):
        node = cast("Json", value)
        yield node
        for key, item in node.items():
            if key != "data":
                yield from nodes(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from nodes(item)


def faults(card: object, rules: Rules, *, dialog: bool = False) -> list[str]:
    """What is wrong with a card, one sentence each; empty when it may be shown."""
    if not isinstance(card, dict):
        return ["The card is not a JSON object."]
    card = cast("Json", card)
    found: list[str] = []
    size = len(json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode())
    if size > rules.card_bytes:
        found.append(f"The card has {size} bytes; {rules.card_bytes} are allowed.")
    if card.get("type") != "AdaptiveCard":
        found.append("The card's type is not AdaptiveCard.")
    if not isinstance(card.get("body", []), list) or not isinstance(card.get("actions", []), list):
        found.append("The card's body and actions are lists.")
    found += _version(card)
    if len(card.get("actions", [])) > rules.card_actions:
        found.append(f"The card has {len(card['actions'])} primary actions; {rules.card_actions} are allowed.")
    ids: set[str] = set()
    for node in nodes(card):
        found += _node(node, dialog=dialog)
        if node.get("type") in INPUTS and isinstance(name := node.get("id"), str):
            if name in ids:
                found.append(f"Two inputs have the id {name!r}.")
            ids.add(name)
    found += _refresh(card)
    return found


def _version(card: Json) -> list[str]:
    match = re.fullmatch(r"(\d+)\.(\d+)", str(card.get("version", "")))
    if not match:
        return ["The card has no version like 1.5."]
    if (int(match[1]), int(match[2])) > VERSION:
        return [f"The card's version {card['version']} is newer than {VERSION[0]}.{VERSION[1]}."]
    return []


def _node(node: Json, *, dialog: bool) -> list[str]:
    kind = node.get("type")
    # Objects without a type are parts: facts, choices, refresh.
    if not isinstance(kind, str) or kind == "AdaptiveCard":
        return []
    if kind not in ACTIONS and kind not in ELEMENTS:
        return [] if "fallback" in node else [f"The element type {kind} is not known and has no fallback."]
    found = [
        f"{kind} needs {name} ({wanted.__name__})."
        for name, wanted in _REQUIRED.get(kind, ())
        if not isinstance(node.get(name), wanted) or (node[name] == "" and name == "id")
    ]
    if kind == "Action.Execute":
        if dialog:
            found.append("A dialog's card takes Action.Submit, not Action.Execute.")
        if not isinstance(node.get("verb", ""), str):
            found.append("Action.Execute's verb is a string.")
        if not isinstance(node.get("data", {}), dict | str):
            found.append("Action.Execute's data is an object or a string.")
    if kind == "Input.ChoiceSet":
        choices: list[Json] = node.get("choices", [])
        if any(not isinstance(choice.get("value"), str) or not choice.get("title") for choice in choices):
            found.append("Every choice needs a title and a value, both strings.")
    if kind in INPUTS and not isinstance(node.get("value", ""), str | int | float):
        found.append(f"{kind}'s value is a string or a number.")
    if node.get("isRequired") and kind in INPUTS and not node.get("label"):
        found.append(f"The required input {node.get('id')!r} needs a label.")
    return found


def _refresh(card: Json) -> list[str]:
    refresh = card.get("refresh")
    if refresh is None:
        return []
    if not isinstance(refresh, dict) or refresh.get("action", {}).get("type") != "Action.Execute":
        return ["refresh needs an action of type Action.Execute."]
    if len(refresh.get("userIds", [])) > REFRESH_USERS:
        return [f"refresh.userIds has more than {REFRESH_USERS} entries."]
    return []


# ── what a click submits ─────────────────────────────────────────────────────────────────────────


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

    `given` is what the person typed, as strings by input id; other inputs submit their initial value.
    """
    if action.get("associatedInputs", "auto") == "none":
        return {}, {}
    inputs = {str(node["id"]): node for node in nodes(card) if node.get("type") in INPUTS}
    if unknown := sorted(set(given) - set(inputs)):
        raise Refused(f"The card has no input {unknown[0]!r}; it has {', '.join(sorted(inputs)) or 'none'}.")
    values: dict[str, str] = {}
    refused: dict[str, str] = {}
    for name, node in inputs.items():
        value = _text(given.get(name, _initial(node)))
        if fault := _input_fault(node, value):
            refused[name] = str(node.get("errorMessage") or fault)
        if value or rules.empty_inputs:
            values[name] = value
    return values, refused


def _initial(node: Json) -> object:
    if node["type"] == "Input.Toggle":
        return node.get("value", node.get("valueOff", "false"))
    return node.get("value", "")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _input_fault(node: Json, value: str) -> str | None:
    kind = node["type"]
    if value == "" or (kind == "Input.Toggle" and value == node.get("valueOff", "false")):
        return "This is required." if node.get("isRequired") else None
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
