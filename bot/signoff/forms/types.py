"""Neutral form fields. What a person types comes back as strings keyed by field key (`entries`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FieldKind = Literal[
    "text",
    "paragraph",
    "integer",
    "number",
    "boolean",
    "choice",
    "date",
    "time",
    "datetime",
    "email",
    "url",
    "list",
    "json",
]
Purpose = Literal["edit", "edit_json", "reject", "respond", "confirm", "more"]
"""`confirm`: approve, after typing what the rule asks for. `more`: extend, snooze, allow similar, break glass."""


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    """What is submitted: short (at most 75 characters) and unique within the field."""
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One input.

    `key` is a JSON pointer into the arguments or the response (`/amount`, `/customer/name`; `` for the whole), or
    `message` / `preset` / `retry` on a reject form, `confirm` on a confirm form, `what` / `time` / `uses` / `match` /
    `reason` on a more form. `initial` is the string the input starts with; submitting exactly it
    leaves the value untouched, digit for digit.

    Entries by kind: boolean `true` / `false`; choice an `Option.value`; date `2026-11-20`; time `14:30`;
    datetime RFC 3339; list one item a line; json JSON text; the rest as typed.
    """

    key: str
    label: str
    kind: FieldKind
    required: bool = False
    hint: str = ""
    initial: str = ""
    options: tuple[Option, ...] = ()
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A form for one person about one version of one request."""

    request_id: str
    version: int
    purpose: Purpose
    title: str
    submit: str
    fields: tuple[Field, ...]
    notes: tuple[str, ...] = ()
    """Plain lines above the fields: what is fixed and not asked."""
