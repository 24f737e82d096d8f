"""Small rules that Block Kit tables are made of: each checks one value at one JSON pointer. Pure.

Limits are from Slack's reference pages for blocks, elements and composition objects, as kept by slack_sdk's models
where both agree, and the stricter one where they do not (option values: 150).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from signoff_sim.slack.shape import Json, as_dict, as_list


@dataclass(slots=True)
class Findings:
    """What is wrong so far, and the names already taken."""

    problems: list[str] = field(default_factory=list[str])
    block_ids: set[str] = field(default_factory=set[str])
    action_ids: set[str] = field(default_factory=set[str])
    """Of the block being checked: Slack wants them unique within one block."""
    focused: int = 0
    tables: int = 0

    def add(self, sentence: str, pointer: str) -> None:
        self.problems.append(f"{sentence} [json-pointer:{pointer}]")


Rule = Callable[[Any, str, Findings], None]


def string(most: int, least: int = 0) -> Rule:
    def rule(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, str):
            found.add("must be a string", at)
        elif len(value) > most:
            found.add(f"must be less than {most + 1} characters", at)
        elif len(value) < least:
            found.add(f"must be more than {least - 1} characters", at)

    return rule


def pattern(expression: str, said: str) -> Rule:
    def rule(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, str) or not re.fullmatch(expression, value):
            found.add(said, at)

    return rule


def number_text(value: Any, at: str, found: Findings) -> None:
    """Slack takes numbers of a number_input as strings."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d+)?", value):
        found.add("must be a string that holds a number", at)


def boolean(value: Any, at: str, found: Findings) -> None:
    if not isinstance(value, bool):
        found.add("must be a boolean", at)


def integer(least: int, most: int) -> Rule:
    def rule(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            found.add("must be an integer", at)
        elif not least <= value <= most:
            found.add(f"must be between {least} and {most}", at)

    return rule


def anything(value: Any, at: str, found: Findings) -> None:
    """Taken as it is; the coverage table says so."""


def one_of(*allowed: str) -> Rule:
    def rule(value: Any, at: str, found: Findings) -> None:
        if value not in allowed:
            found.add(f"must be one of: {', '.join(allowed)}", at)

    return rule


def array(item: Rule, least: int, most: int) -> Rule:
    def rule(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, list):
            found.add("must be an array", at)
            return
        items = as_list(value)
        if len(items) > most:
            found.add(f"no more than {most} items allowed", at)
        if len(items) < least:
            found.add(f"must provide at least {least} items", at)
        for index, entry in enumerate(items):
            item(entry, f"{at}/{index}", found)

    return rule


def record(fields: Mapping[str, Rule], required: tuple[str, ...] = ()) -> Rule:
    """An object with these fields and no others."""

    def rule(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.add("must be an object", at)
            return
        entries = as_dict(value)
        for name in required:
            if name not in entries:
                found.add(f"missing required field: {name}", at)
        for name, entry in entries.items():
            if name in fields:
                fields[name](entry, f"{at}/{name}", found)
            else:
                found.add(f"invalid additional property: {name}", at)

    return rule


def text(most: int, plain: bool = False) -> Rule:
    """A text object; `plain`: mrkdwn is not taken here."""
    plain_rule = record(
        {"type": one_of("plain_text"), "text": string(most, 1), "emoji": boolean}, required=("type", "text")
    )
    marked_rule = record(
        {"type": one_of("mrkdwn"), "text": string(most, 1), "verbatim": boolean}, required=("type", "text")
    )

    def rule(value: Any, at: str, found: Findings) -> None:
        kind = as_dict(value).get("type")
        if kind == "mrkdwn" and not plain:
            marked_rule(value, at, found)
        elif kind == "plain_text" or not isinstance(value, dict):
            plain_rule(value, at, found)
        else:
            found.add(f"unsupported type: {kind}", f"{at}/type")

    return rule


def kinds(table: Mapping[str, Rule], allowed: tuple[str, ...] | None = None) -> Rule:
    """An object whose `type` picks the rule."""

    def rule(value: Any, at: str, found: Findings) -> None:
        kind = str(as_dict(value).get("type"))
        if kind not in table or (allowed is not None and kind not in allowed):
            found.add(f"unsupported type: {kind}", f"{at}/type" if isinstance(value, dict) else at)
        else:
            table[kind](value, at, found)

    return rule


def element(fields: Mapping[str, Rule], required: tuple[str, ...] = (), then: Rule = anything) -> Rule:
    """An interactive element: `action_id` unique within its block, at most one `focus_on_load` in a view."""
    whole = record({"type": anything, "action_id": string(255), "focus_on_load": boolean, **fields}, required)

    def rule(value: Any, at: str, found: Findings) -> None:
        whole(value, at, found)
        entries = as_dict(value)
        action_id = entries.get("action_id")
        if isinstance(action_id, str) and action_id:
            if action_id in found.action_ids:
                found.add(f"`action_id` '{action_id}' already exists", f"{at}/action_id")
            found.action_ids.add(action_id)
        if entries.get("focus_on_load") is True:
            found.focused += 1
            if found.focused > 1:
                found.add("`focus_on_load` may be true on one element only", f"{at}/focus_on_load")
        then(value, at, found)

    return rule


def option(most_text: int, plain: bool, with_url: bool = False) -> Rule:
    fields: dict[str, Rule] = {
        "text": text(most_text, plain),
        "value": string(150),
        "description": text(75, plain),
    }
    if with_url:
        fields["url"] = string(3000)
    return record(fields, required=("text", "value"))


def initial_among_options(value: Any, at: str, found: Findings) -> None:
    """`initial_option(s)` must be exactly one (some) of `options`."""
    entries: Json = as_dict(value)
    offered = as_list(entries.get("options"))
    for group in as_list(entries.get("option_groups")):
        offered = [*offered, *as_list(as_dict(group).get("options"))]
    if "initial_option" in entries and entries["initial_option"] not in offered:
        found.add("initial_option must be one of the options", f"{at}/initial_option")
    for index, chosen in enumerate(as_list(entries.get("initial_options"))):
        if chosen not in offered:
            found.add("initial_options must be among the options", f"{at}/initial_options/{index}")
    if "options" in entries and "option_groups" in entries:
        found.add("only one of options and option_groups is allowed", at)
    values = [as_dict(one).get("value") for one in offered]
    if len(set(map(str, values))) != len(values):
        found.add("option values must be unique", f"{at}/options")
