"""One form field → its input blocks. Pure.

Each kind of element is used only where it gives back exactly the string it started with; anything unusual becomes a
text input, so that submitting a form unchanged changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, timedelta, timezone

from signoff.forms import Field, Option, Purpose
from signoff_slack import ids
from signoff_slack.text import SECTION_TEXT, Json, cut, name, pieces, plain, units

SPARE = 2500
"""Characters of a text above which one empty input follows it, so that there is room to write on."""
GROUP = 100
"""Options of one select, or of one group."""
MOST_OPTIONS = 1000
"""Above this a choice is typed: the view would near Slack's 250 kB."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?")
_DATE = re.compile(r"(19|20|21)\d\d-\d\d-\d\d")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00(Z|[+-]\d\d:\d\d)")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_URL = re.compile(r"https?://[!-~]{1,2000}")
_DIGITS = 15
"""Digits that a double always holds."""
_TEN_DIGITS = (10**9, 10**10)
"""Unix seconds that Slack's datetimepicker takes."""
_TEXTS = {"text", "paragraph", "list", "json"}


def choices(field: Field) -> tuple[Option, ...]:
    """What a closed field offers."""
    return (Option("true", "Yes"), Option("false", "No")) if field.kind == "boolean" else field.options


def option_id(index: int, option: Option) -> str:
    """What Slack submits for an option: short whatever its value, and never that of another option of the same place,
    as there may be by the time the form is sent.
    """
    return f"{index}:{hashlib.sha256(option.value.encode(errors='surrogatepass')).hexdigest()[:16]}"


def chosen(field: Field, submitted: str) -> str:
    """The value of a submitted option; of one that is not offered any more its id, for the core to refuse."""
    mark = submitted.partition(":")[2]
    found = (option.value for option in choices(field) if option_id(0, option) == f"0:{mark}")
    return next(found, submitted or "?")


def moment(unix: int, like: str) -> str:
    """RFC 3339 with the offset that `like` has (UTC if it has none)."""
    match = _MOMENT.fullmatch(like)
    offset = match.group(1) if match else "Z"
    zone = UTC
    if offset != "Z":
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        shift = timedelta(hours=hours, minutes=minutes)
        zone = timezone(-shift if offset[0] == "-" else shift)
    text = datetime.fromtimestamp(unix, zone).isoformat(timespec="seconds")
    return text[:-6] + offset


def blocks(purpose: Purpose, index: int, field: Field, entry: str) -> list[Json]:
    """The inputs of one field, starting with `entry`; several when the text is longer than one input takes."""
    element = _element(field, entry)
    if element is not None:
        return [_block(purpose, index, field, element)]
    shown = _label_of(field, entry)
    texts = list(pieces(shown, SECTION_TEXT))
    if units(texts[-1]) > SPARE:
        texts.append("")
    many = len(texts) > 1
    wide = many or field.kind in {"paragraph", "list", "json"} or not shown.isprintable()
    out: list[Json] = []
    for part, text in enumerate(texts):
        typed: Json = {"type": "plain_text_input", "max_length": SECTION_TEXT}
        if wide:
            typed["multiline"] = True
        if text:
            typed["initial_value"] = text
        out.append(_block(purpose, index, field, typed, part, len(texts)))
    return out


def _block(purpose: Purpose, index: int, field: Field, element: Json, part: int = 0, parts: int = 1) -> Json:
    label = name(field.label, 150)
    if field.placeholder.strip() and element["type"] not in {"radio_buttons", "datetimepicker"}:
        element["placeholder"] = plain(name(field.placeholder, 150))
    block: Json = {
        "type": "input",
        "block_id": ids.block_id(purpose, index, part),
        "label": plain(f"{label} ({part + 1} of {parts})" if parts > 1 else label),
        "element": {**element, "action_id": ids.INPUT},
        "optional": not _must_fill(purpose, field) or part > 0,
    }
    if field.hint.strip() and part == 0:
        block["hint"] = plain(cut(field.hint, 1500))
    return block


def _must_fill(purpose: Purpose, field: Field) -> bool:
    # Slack refuses an empty required input; a text argument that is empty now may stay empty.
    may_stay_empty = purpose == "edit" and field.kind in _TEXTS and field.initial == ""
    return field.required and not may_stay_empty


def _element(field: Field, entry: str) -> Json | None:
    """The closed or typed element for this field; None: plain text."""
    kind = field.kind
    if kind in {"choice", "boolean"}:
        return _choice(field, entry)
    if kind in {"integer", "number"} and (not entry or _plain_number(entry, kind)):
        return _with({"type": "number_input", "is_decimal_allowed": kind == "number"}, "initial_value", entry)
    if kind == "date" and (not entry or (_DATE.fullmatch(entry) and _is_date(entry))):
        return _with({"type": "datepicker"}, "initial_date", entry)
    if kind == "time" and (not entry or _TIME.fullmatch(entry)):
        return _with({"type": "timepicker"}, "initial_time", entry)
    if kind == "datetime":
        return _moment(field, entry)
    if kind == "email" and (not entry or _EMAIL.fullmatch(entry)):
        return _with({"type": "email_text_input"}, "initial_value", entry)
    if kind == "url" and (not entry or _URL.fullmatch(entry)):
        return _with({"type": "url_text_input"}, "initial_value", entry)
    return None


def _with(element: Json, key: str, entry: str) -> Json:
    return {**element, key: entry} if entry else element


def _plain_number(entry: str, kind: str) -> bool:
    digits = sum(char.isdigit() for char in entry)
    whole = kind != "integer" or "." not in entry
    return bool(_NUMBER.fullmatch(entry)) and digits <= _DIGITS and entry != "-0" and whole


def _is_date(entry: str) -> bool:
    try:
        date.fromisoformat(entry)
    except ValueError:
        return False
    return True


def _moment(field: Field, entry: str) -> Json | None:
    if not entry:
        return {"type": "datetimepicker"}
    if not _MOMENT.fullmatch(entry):
        return None
    try:
        unix = int(datetime.fromisoformat(entry.replace("Z", "+00:00")).timestamp())
        same = moment(unix, field.initial) == entry
    except (ValueError, OverflowError):
        return None
    if not same or not _TEN_DIGITS[0] <= unix < _TEN_DIGITS[1]:
        return None
    return {"type": "datetimepicker", "initial_date_time": unix}


def _choice(field: Field, entry: str) -> Json | None:
    offered = choices(field)
    values = [option.value for option in offered]
    if not offered or len(offered) > MOST_OPTIONS or (entry and entry not in values):
        return None
    options: list[Json] = [
        {"text": plain(name(option.label, 75)), "value": option_id(index, option)}
        for index, option in enumerate(offered)
    ]
    radio = field.kind == "boolean" and field.required  # a select can be cleared, radio buttons cannot
    element: Json = {"type": "radio_buttons" if radio else "static_select"}
    if len(options) <= GROUP:
        element["options"] = options
    else:
        element["option_groups"] = [
            {
                "label": plain(f"{start + 1}–{min(start + GROUP, len(options))}"),
                "options": options[start : start + GROUP],
            }
            for start in range(0, len(options), GROUP)
        ]
    if entry:
        element["initial_option"] = options[values.index(entry)]
    return element


def _label_of(field: Field, entry: str) -> str:
    """What stands in a text input: of a choice that has to be typed, its label."""
    if field.kind == "choice":
        return next((option.label for option in field.options if option.value == entry), entry)
    return entry


def value_of(field: Field, typed: str) -> str:
    """The option whose label was typed, the one it started with first; else what was typed, for the core to refuse."""
    if typed == _label_of(field, field.initial):
        return field.initial
    return next((option.value for option in field.options if option.label == typed), typed)
