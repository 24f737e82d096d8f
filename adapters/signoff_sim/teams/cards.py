"""Adaptive Cards as far as the platform looks at them: what it refuses. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

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
    ids: set[str] = set()
    everything = {node["id"] for node in nodes(card) if isinstance(node.get("id"), str)}
    for node in nodes(card):
        found += _actions(node, rules)
        found += _targets(node, everything)
        found += _node(node, dialog=dialog)
        if node.get("type") in INPUTS and isinstance(name := node.get("id"), str):
            if name in ids:
                found.append(f"Two inputs have the id {name!r}.")
            ids.add(name)
    found += _refresh(card)
    return found


def _actions(node: Json, rules: Rules) -> list[str]:
    """A card and every ActionSet in it show so many primary actions; what is more is cut off without a word."""
    if node.get("type") not in ("AdaptiveCard", "ActionSet"):
        return []
    primary = [one for one in cast("list[Json]", node.get("actions", [])) if one.get("mode") != "secondary"]
    if len(primary) > rules.card_actions:
        what = "card" if node["type"] == "AdaptiveCard" else "ActionSet"
        return [f"The {what} has {len(primary)} primary actions; {rules.card_actions} are allowed."]
    return []


def _targets(node: Json, known: set[Any]) -> list[str]:
    """What Action.ToggleVisibility shows and hides has to be there; a client says nothing of what is not."""
    if node.get("type") != "Action.ToggleVisibility":
        return []
    targets = cast("list[Any]", node.get("targetElements") or [])
    names = [cast("Json", one).get("elementId") if isinstance(one, dict) else one for one in targets]
    return [f"Action.ToggleVisibility names {name!r}, which is not in the card." for name in names if name not in known]


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
        found += _choices(node)
    chosen = node.get("selectAction")
    if isinstance(chosen, dict) and cast("Json", chosen).get("type") == "Action.ShowCard":
        found.append("selectAction cannot be Action.ShowCard.")
    if kind in INPUTS and not isinstance(node.get("value", ""), str | int | float):
        found.append(f"{kind}'s value is a string or a number.")
    if node.get("isRequired") and kind in INPUTS and not node.get("label"):
        found.append(f"The required input {node.get('id')!r} needs a label.")
    return found


def _choices(node: Json) -> list[str]:
    choices: list[Json] = node.get("choices", [])
    if any(not isinstance(choice.get("value"), str) or not choice.get("title") for choice in choices):
        return ["Every choice needs a title and a value, both strings."]
    values = [str(choice["value"]) for choice in choices]
    found: list[str] = []
    if len(set(values)) != len(values):
        found.append(f"Two choices of {node.get('id')!r} have the same value.")
    if node.get("isMultiSelect") and any("," in value for value in values):
        found.append("Several chosen values are sent with commas between them; a value cannot hold one.")
    if node.get("style", "compact") not in ("compact", "expanded", "filtered"):
        found.append(f"Input.ChoiceSet has no style {node['style']!r}.")
    begun = node.get("value")
    picked = str(begun).split(",") if node.get("isMultiSelect") else [begun]
    if begun and choices and not set(picked) <= set(values):
        found.append(f"{node.get('id')!r} begins with a value that is not among its choices.")
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
