"""Our own Block Kit checker: every limit of the blocks we use, also those that slack_sdk does not check. Pure.

Limits come from the Block Kit reference (docs.slack.dev/reference/block-kit); lengths are counted in UTF-16 code
units. A finding is one sentence with the path of the fault; nothing with a finding is ever sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from signoff_slack.text import Json, units

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_CHARACTERS = 12_000
"""All text in one message's blocks. Slack answers `msg_blocks_too_long` somewhere above 13 000; undocumented."""
VIEW_BYTES = 250_000
"""Of a view as JSON; above it Slack answers `view_too_large` (views.open reference)."""
METADATA_BYTES = 8000
TITLE = 24
ID = 255
OPTION_VALUE = 150
"""Sources disagree between 150 and 3000."""

_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

Findings = Iterator[str]
Rule = Callable[[Json, str], Findings]


def message(payload: Mapping[str, object]) -> list[str]:
    """What Slack would refuse in a message (`text`, `blocks`, `metadata`)."""
    found = list(_string(payload, "text", "", 1, 4000))
    blocks = _list(payload.get("blocks"))
    found += _blocks(blocks, MESSAGE_BLOCKS, _MESSAGE, "blocks")
    if weight(blocks) > MESSAGE_CHARACTERS:
        found.append(f"blocks: more than {MESSAGE_CHARACTERS} characters of text")
    if len(json.dumps(payload.get("metadata", {}))) > METADATA_BYTES:
        found.append(f"metadata: more than {METADATA_BYTES} bytes")
    return found


def view(payload: Mapping[str, object]) -> list[str]:
    """What Slack would refuse in a modal."""
    found: list[str] = []
    if payload.get("type") != "modal":
        found.append("type: not modal")
    for key in ("title", "submit", "close"):
        if key == "title" or key in payload:
            found += _text(payload.get(key), key, TITLE, plain=True)
    found += _string(payload, "private_metadata", "", 0, 3000)
    found += _string(payload, "callback_id", "", 0, ID)
    blocks = _list(payload.get("blocks"))
    found += _blocks(blocks, VIEW_BLOCKS, _MODAL, "blocks")
    if "submit" not in payload and any(_object(block).get("type") == "input" for block in blocks):
        found.append("submit: missing although there are inputs")
    if size(payload) > VIEW_BYTES:
        found.append(f"more than {VIEW_BYTES} bytes")
    return found


def size(payload: object) -> int:
    """Bytes as JSON with every non-ASCII character escaped, as slack_sdk sends it."""
    return len(json.dumps(payload))


def weight(value: object) -> int:
    """Code units of all text in these blocks."""
    if isinstance(value, list):
        return sum(weight(item) for item in cast("list[object]", value))
    if not isinstance(value, dict):
        return 0
    entries = cast("Json", value)
    return sum(
        units(item) if key == "text" and isinstance(item, str) else weight(item) for key, item in entries.items()
    )


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


def _blocks(blocks: list[object], most: int, kinds: Mapping[str, Rule], at: str) -> Findings:
    if not 1 <= len(blocks) <= most:
        yield f"{at}: {len(blocks)} blocks, 1 to {most} are allowed"
    seen: set[object] = set()
    for index, item in enumerate(blocks):
        block, here = _object(item), f"{at}[{index}]"
        rule = kinds.get(str(block.get("type")))
        if rule is None:
            yield f"{here}: {block.get('type')!r} is not allowed here"
            continue
        yield from rule(block, here)
        yield from _string(block, "block_id", here, 1, ID)
        block_id = block.get("block_id")
        if block_id is not None and block_id in seen:
            yield f"{here}.block_id: used twice"
        seen.add(block_id)


def _text(value: object, at: str, most: int, *, plain: bool = False) -> Findings:
    text = _object(value)
    kind = text.get("type")
    if kind not in ({"plain_text"} if plain else {"plain_text", "mrkdwn"}):
        yield f"{at}: not a {'plain_text' if plain else 'text'} object"
        return
    if "emoji" in text and kind != "plain_text":
        yield f"{at}: emoji belongs to plain_text"
    if "verbatim" in text and kind != "mrkdwn":
        yield f"{at}: verbatim belongs to mrkdwn"
    yield from _string(text, "text", at, 1, most, required=True)


def _string(
    holder: Mapping[str, object],
    key: str,
    at: str,
    least: int,
    most: int,
    *,
    required: bool = False,
    blank: bool = False,
) -> Findings:
    value, where = holder.get(key), f"{at}.{key}".strip(".")
    if value is None and not required:
        return
    if not isinstance(value, str):
        yield f"{where}: not a string"
    elif not least <= units(value) <= most:
        yield f"{where}: {units(value)} characters, {least} to {most} are allowed"
    elif least and not blank and not value.strip():
        yield f"{where}: blank"


def _header(block: Json, at: str) -> Findings:
    yield from _text(block.get("text"), f"{at}.text", 150, plain=True)


def _section(block: Json, at: str) -> Findings:
    if "text" not in block and "fields" not in block:
        yield f"{at}: neither text nor fields"
    if "text" in block:
        yield from _text(block["text"], f"{at}.text", 3000)
    if "fields" in block:
        fields = _list(block["fields"])
        yield from _count(fields, f"{at}.fields", 10)
        for index, field in enumerate(fields):
            yield from _text(field, f"{at}.fields[{index}]", 2000)


def _divider(_block: Json, _at: str) -> Findings:
    return iter(())


def _context(block: Json, at: str) -> Findings:
    elements = _list(block.get("elements"))
    yield from _count(elements, f"{at}.elements", 10)
    for index, element in enumerate(elements):
        yield from _text(element, f"{at}.elements[{index}]", 3000)


def _actions(block: Json, at: str) -> Findings:
    elements = _list(block.get("elements"))
    yield from _count(elements, f"{at}.elements", 25)
    seen: set[object] = set()
    for index, item in enumerate(elements):
        element, here = _object(item), f"{at}.elements[{index}]"
        if element.get("type") != "button":
            yield f"{here}: only buttons are used here"
            continue
        yield from _text(element.get("text"), f"{here}.text", 75, plain=True)
        yield from _string(element, "value", here, 1, 2000)
        yield from _string(element, "url", here, 1, 3000)
        yield from _string(element, "action_id", here, 1, ID, required=True)
        if element.get("style") not in {None, "primary", "danger"}:
            yield f"{here}.style: not primary or danger"
        if element.get("action_id") in seen:
            yield f"{here}.action_id: used twice"
        seen.add(element.get("action_id"))


def _rich_text(block: Json, at: str) -> Findings:
    parts = _list(block.get("elements"))
    if not parts:
        yield f"{at}.elements: none"
    for index, item in enumerate(parts):
        part, here = _object(item), f"{at}.elements[{index}]"
        if part.get("type") != "rich_text_preformatted":
            yield f"{here}: only preformatted text is used here"
        for inner, text in enumerate(_list(part.get("elements"))):
            element = _object(text)
            if element.get("type") != "text":
                yield f"{here}.elements[{inner}]: only text is used here"
            yield from _string(element, "text", f"{here}.elements[{inner}]", 1, 3000, required=True, blank=True)


def _input(block: Json, at: str) -> Findings:
    yield from _text(block.get("label"), f"{at}.label", 2000, plain=True)
    if "hint" in block:
        yield from _text(block["hint"], f"{at}.hint", 2000, plain=True)
    element = _object(block.get("element"))
    here = f"{at}.element"
    yield from _string(element, "action_id", here, 1, ID, required=True)
    if "placeholder" in element:
        yield from _text(element["placeholder"], f"{here}.placeholder", 150, plain=True)
    rule = _ELEMENTS.get(str(element.get("type")))
    if rule is None:
        yield f"{here}: {element.get('type')!r} is not an input we use"
    else:
        yield from rule(element, here)


def _typed(element: Json, at: str) -> Findings:
    longest = element.get("max_length", 3000)
    if not isinstance(longest, int) or not 1 <= longest <= 3000:
        yield f"{at}.max_length: not 1 to 3000"
        return
    yield from _string(element, "initial_value", at, 0, longest)


def _number(element: Json, at: str) -> Findings:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        yield f"{at}.is_decimal_allowed: missing"
    initial = element.get("initial_value")
    if initial is not None and not (isinstance(initial, str) and _NUMBER.fullmatch(initial)):
        yield f"{at}.initial_value: not a number"


def _pattern(key: str, pattern: re.Pattern[str]) -> Rule:
    def rule(element: Json, at: str) -> Findings:
        value = element.get(key)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            yield f"{at}.{key}: malformed"

    return rule


def _moment(element: Json, at: str) -> Findings:
    value = element.get("initial_date_time")
    if value is not None and not (isinstance(value, int) and 10**9 <= value < 10**10):
        yield f"{at}.initial_date_time: not ten digits"


def _radio(element: Json, at: str) -> Findings:
    yield from _options(_list(element.get("options")), f"{at}.options", 10)
    yield from _initial(element, _list(element.get("options")), at)


def _select(element: Json, at: str) -> Findings:
    if "option_groups" not in element:
        yield from _options(_list(element.get("options")), f"{at}.options", 100)
        yield from _initial(element, _list(element.get("options")), at)
        return
    groups = _list(element["option_groups"])
    yield from _count(groups, f"{at}.option_groups", 100)
    everything: list[object] = []
    for index, item in enumerate(groups):
        group, here = _object(item), f"{at}.option_groups[{index}]"
        yield from _text(group.get("label"), f"{here}.label", 75, plain=True)
        yield from _options(_list(group.get("options")), f"{here}.options", 100)
        everything += _list(group.get("options"))
    yield from _initial(element, everything, at)


def _options(options: list[object], at: str, most: int) -> Findings:
    yield from _count(options, at, most)
    for index, item in enumerate(options):
        option = _object(item)
        yield from _text(option.get("text"), f"{at}[{index}].text", 75, plain=True)
        yield from _string(option, "value", f"{at}[{index}]", 1, OPTION_VALUE, required=True)


def _initial(element: Json, options: list[object], at: str) -> Findings:
    if "initial_option" in element and element["initial_option"] not in options:
        yield f"{at}.initial_option: not one of the options"
    values = [_object(option).get("value") for option in options]
    if len(set(values)) != len(values):
        yield f"{at}.options: a value is used twice"


def _count(items: list[object], at: str, most: int) -> Findings:
    if not 1 <= len(items) <= most:
        yield f"{at}: {len(items)} entries, 1 to {most} are allowed"


def _object(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


_MESSAGE: dict[str, Rule] = {
    "header": _header,
    "section": _section,
    "divider": _divider,
    "context": _context,
    "actions": _actions,
}
_MODAL: dict[str, Rule] = {**_MESSAGE, "input": _input, "rich_text": _rich_text}
_ELEMENTS: dict[str, Rule] = {
    "plain_text_input": _typed,
    "email_text_input": _typed,
    "url_text_input": _typed,
    "number_input": _number,
    "datepicker": _pattern("initial_date", _DATE),
    "timepicker": _pattern("initial_time", _TIME),
    "datetimepicker": _moment,
    "radio_buttons": _radio,
    "static_select": _select,
}
