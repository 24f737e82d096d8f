"""One form field as an Adaptive Card input. Pure.

An input is used only if it gives back exactly the text it was given; whatever it could not hold (a decimal that a
double would round, a time with seconds, a line break) is asked as plain text instead.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from signoff.forms import Field
from signoff_teams.render.text import Json, brief, label, line, size

CHOICES_ROOM = 8000
"""Bytes of JSON that the choices of one field may take."""
ERROR_ROOM = 1000
"""Bytes of JSON of the sentence at a field."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_MULTILINE = frozenset({"paragraph", "list", "json"})
_STYLES = {"email": "Email", "url": "Url"}


def element(name: str, field: Field, text: str, part: str = "") -> Json:
    """The input for a field that starts with `text`; `part` says which part of a long text it holds."""
    title = label(field.label) + part + ("" if field.required else " (optional)")
    base: Json = {"id": name, "label": title}
    number = exact(text) if field.kind in ("integer", "number") else None
    if number is not None:
        return {"type": "Input.Number", **base, "value": number}
    if field.kind in ("integer", "number") and not text:
        return {"type": "Input.Number", **base}
    if field.kind == "boolean" and text in ("true", "false"):
        return {"type": "Input.Toggle", **base, "title": "Yes", "value": text, "valueOn": "true", "valueOff": "false"}
    if field.kind == "boolean" and not text:
        return _choices(base, text, [("true", "Yes"), ("false", "No")])
    if field.kind == "choice" and (not text or any(option.value == text for option in field.options)):
        return _choices(base, text, [(option.value, option.label) for option in field.options])
    if field.kind == "date" and (not text or _is_date(text)):
        return {"type": "Input.Date", **base, **_value(text)}
    if field.kind == "time" and (not text or _TIME.fullmatch(text)):
        return {"type": "Input.Time", **base, **_value(text)}
    made: Json = {"type": "Input.Text", **base, **_value(text)}
    if field.kind in _MULTILINE or "\n" in text or "\r" in text or part:
        made["isMultiline"] = True
    elif field.kind in _STYLES:
        made["style"] = _STYLES[field.kind]
    if field.placeholder:
        made["placeholder"] = label(field.placeholder, 200)
    return made


def hint(field: Field) -> list[Json]:
    text = brief(field.hint, 1000, isSubtle=True, size="Small")
    return [line(text, spacing="None")] if text else []


def shown_error(text: str) -> list[Json]:
    """The sentence at a field."""
    return [line(brief(f"⚠ {text}", ERROR_ROOM, color="Attention"), spacing="None")] if text else []


def frame_size(field: Field) -> int:
    """Bytes of a field without its text: input, label, hint, choices."""
    return size(element("#" * 8 + field.key, field, "", " (part 10)")) + size(hint(field)) + 60


def exact(text: str) -> int | float | None:
    """The number, if a client that computes in doubles writes it back in the same way; else None."""
    if not _NUMBER.fullmatch(text) or text == "-0":
        return None
    if "." not in text:
        return int(text) if len(text) <= 16 and abs(int(text)) <= 2**53 else None
    if text.endswith("0") or len(text) > 17:
        return None
    value = float(text)
    written = repr(value)
    return value if written == text and Decimal(written) == Decimal(text) and abs(value) < 2**53 else None


def _value(text: str) -> Json:
    return {"value": text} if text else {}


def _choices(base: Json, text: str, options: list[tuple[str, str]]) -> Json:
    choices: list[Json] = [{"title": label(title, 300) or "(empty)", "value": value} for value, title in options]
    if text and size(choices) > CHOICES_ROOM:
        choices.sort(key=lambda choice: choice["value"] != text)  # what it starts with is there, whatever is cut
    room = CHOICES_ROOM
    shown: list[Json] = []
    for choice in choices:
        room -= size(choice) + 1
        if room < 0:
            break
        shown.append(choice)
    return {"type": "Input.ChoiceSet", **base, "style": "compact", "choices": shown, **_value(text)}


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
