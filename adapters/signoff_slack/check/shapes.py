"""What every rule of the checker is made of: texts, strings, counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast

from signoff_slack.text import Json, units

ID = 255

Findings = Iterator[str]
Rule = Callable[[Json, str], Findings]


def text(value: object, at: str, most: int, *, plain: bool = False) -> Findings:
    """A text object."""
    given = object_of(value)
    kind = given.get("type")
    if kind not in ({"plain_text"} if plain else {"plain_text", "mrkdwn"}):
        yield f"{at}: not a {'plain_text' if plain else 'text'} object"
        return
    if "emoji" in given and kind != "plain_text":
        yield f"{at}: emoji belongs to plain_text"
    if "verbatim" in given and kind != "mrkdwn":
        yield f"{at}: verbatim belongs to mrkdwn"
    yield from string(given, "text", at, 1, most, required=True)


def string(
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


def count(found: list[object], at: str, most: int) -> Findings:
    if not 1 <= len(found) <= most:
        yield f"{at}: {len(found)} entries, 1 to {most} are allowed"


def object_of(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
