"""Parameters of the query: checked, and named where they are wrong (I30)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp import web

from signoff.api.reading import ID
from signoff.errors import Invalid


def whole(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number from the query. Raises Invalid."""
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII) or not low <= int(text) <= high:
        raise Invalid({f"?{name}": f"This must be a whole number from {low} to {high}."}, f"{name}: out of range.")
    return int(text)


def one_of(request: web.Request, name: str, allowed: Sequence[str]) -> str | None:
    """One of a few words from the query. Raises Invalid."""
    text = request.query.get(name)
    if text is not None and text not in allowed:
        raise Invalid({f"?{name}": f"This must be one of {', '.join(allowed)}."}, f"{name}: there is no such value.")
    return text


def plain(request: web.Request, name: str, limit: int = 500) -> str | None:
    """Text from the query. Raises Invalid."""
    text = request.query.get(name)
    if text is not None and (not 0 < len(text) <= limit or not _encodes(text)):
        raise Invalid({f"?{name}": f"This must be text of 1 to {limit} characters."}, f"{name}: not usable.")
    return text


def cursor(request: web.Request, known: re.Pattern[str] = ID) -> str | None:
    """Where an earlier page ended. Raises Invalid."""
    text = request.query.get("cursor")
    if text is not None and not known.fullmatch(text):
        raise Invalid({"?cursor": "This is not a cursor of an earlier page."}, "cursor: not usable.")
    return text


def _encodes(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
