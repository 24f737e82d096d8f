"""How an input starts, and what the text that comes back means. Exact in both directions."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import cast

from signoff.forms.shape import ABSENT, Shape, shape
from signoff.model import dumps, loads, pretty, same, seen, unwritten, visible
from signoff.model.exact import MAX_DIGITS, NameTwice, number
from signoff.model.schema import Node, resolve, several

MAX_NESTING = 32
"""Depth of JSON that a person may type; the door's own limit."""

_TYPED_TIME = re.compile(r"(\d\d?:\d\d)(:\d\d(?:\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"([+-]?\d+)(\.0*)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}([ ,.'’_  ]\d{3})+([.,]\d+)?", re.ASCII)

# ── out: how an input starts ─────────────────────────────────────────────────────────────────────


def initial(of: Shape, value: object) -> str:
    """The text an input starts with; "" when there is no value."""
    if value is ABSENT or value is None:
        return ""
    if of.kind == "choice":
        return next((str(index) for index, item in enumerate(of.values) if same(item, value)), "")
    if of.kind == "json":
        return pretty(value)
    if of.kind == "list":
        return "\n".join(visible(str(item)) for item in several(value))
    if isinstance(value, str):
        return value[:5] if of.kind == "time" else visible(value)
    return seen(value)


def default(of: Shape, schema: object, root: Node) -> str:
    """The text for an absent value: the schema's default, if an input of this kind can hold it."""
    value = resolve(schema, root).get("default", ABSENT)
    if value is ABSENT or value is None:
        return ""
    return initial(of, value) if shape(schema, root, value).kind == of.kind else ""


# ── in: what an entry means ──────────────────────────────────────────────────────────────────────


def normal(entry: str) -> str:
    """An entry as it is compared: one kind of line end, without the trailing blanks that chats strip."""
    return entry.replace("\r\n", "\n").replace("\r", "\n").rstrip()


def parse(of: Shape, entry: str, original: object) -> object:
    """The value of a changed, non-blank entry. Raises ValueError with the sentence for the person."""
    text = entry.strip()
    match of.kind:
        case "integer":
            return _whole(text)
        case "number":
            return _number(text)
        case "boolean":
            if text.lower() not in {"true", "false"}:
                raise ValueError("Choose yes or no.")
            return text.lower() == "true"
        case "choice":
            if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < len(of.values)):
                raise ValueError("Choose one of the offered values.")
            return of.values[int(text)]
        case "json":
            return typed_json(text)
        case "list":
            held = "\n".join(str(item) for item in several(original))
            lines = [line.strip() for line in entry.split("\n")]
            return [unwritten(line, held) for line in lines if line]
        case "time":
            return _time(text, original if isinstance(original, str) else "")
        case "date" | "datetime" | "email" | "url":
            return text
        case "text" | "paragraph":
            return _text(entry, original if isinstance(original, str) else "")


def _text(entry: str, original: str) -> str:
    text = unwritten(entry, original)
    if "\r\n" in original and "\n" not in original.replace("\r\n", ""):
        text = text.replace("\n", "\r\n")  # chats know one kind of line end; keep the one the agent uses
    return text


def _whole(text: str) -> int:
    found = _WHOLE.fullmatch(text)
    if found is None or len(text) > MAX_DIGITS:
        raise ValueError(_number_help(text) or "Write a whole number, like 12.")
    return int(found.group(1))


def _number(text: str) -> int | float | Decimal:
    if len(text) > MAX_DIGITS or _NUMBER.fullmatch(text) is None:
        raise ValueError(_number_help(text) or "Write a number, like 12.5.")
    if not any(char in text for char in ".eE"):
        return int(text)
    try:
        return number(text)
    except ValueError as error:
        raise ValueError("This number is out of range.") from error


def _number_help(text: str) -> str:
    if _GROUPED.fullmatch(text):
        return "Write the number without separators, like 1000.5."
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return "Write decimals with a point, like 1.5."
    return ""


def _time(text: str, original: str) -> str:
    """`14:30` with the seconds and offset that JSON Schema's `time` needs; the offset is the old value's, or UTC."""
    found = _TYPED_TIME.fullmatch(text)
    if found is None:
        raise ValueError("Write a time like 14:30.")
    clock, seconds, offset = found.groups()
    before = _TYPED_TIME.fullmatch(original)
    return clock.zfill(5) + (seconds or ":00") + (offset or (before and before.group(3)) or "Z")


def typed_json(text: str) -> object:
    """JSON that a person typed, exact. Raises ValueError with a sentence."""
    try:
        value = loads(text, unique=True)
        dumps(value).encode()
    except NameTwice as error:
        raise ValueError(f"Write each name once: {error}.") from error
    except ValueError as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line}, column {getattr(error, 'colno', 1)})" if line else ""
        raise ValueError(f"This is not valid JSON{where}.") from error
    if _depth(value) > MAX_NESTING:
        raise ValueError(f"This is nested more than {MAX_NESTING} deep.")
    return value


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (cast("Node", item).values() if isinstance(item, dict) else cast("list[object]", item))
        ]
    return depth
