"""Which values are secret, and hiding them (I13)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import cast

from signoff.model.exact import dumps
from signoff.model.pointer import escape
from signoff.model.schema import Node, marked

MASK = "••••••"
SCRUBBED = 6
"""Characters from which on a secret value is also taken out of running text; shorter ones occur by chance."""


def secret_pointers(value: object, schema: Node | None, patterns: Iterable[str]) -> frozenset[str]:
    """Pointers of secret places of `value`: `writeOnly`, `format: password`, or a property name that fits a pattern.

    Patterns are shell-style (`*_token`), at any depth, upper and lower case alike. Declared properties that are absent
    from an object that is there are listed too, so that nobody can add one unseen. "" means the whole value.
    """
    named = _names(tuple(patterns))
    return frozenset(marked(value, schema, is_secret, named.match if named else None))


def is_secret(schema: Node) -> bool:
    return schema.get("writeOnly") is True or schema.get("format") == "password"


@lru_cache(maxsize=256)
def _names(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(fnmatch.translate(p) for p in patterns), re.IGNORECASE) if patterns else None


def mask(value: object, pointers: Collection[str]) -> object:
    """The same value with `••••••` in every secret place; the value itself is not touched."""
    return _mask(value, "", pointers) if pointers else value


def _mask(value: object, pointer: str, pointers: Collection[str]) -> object:
    if pointer in pointers:
        return MASK
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {key: _mask(item, f"{pointer}/{escape(key)}", pointers) for key, item in members.items()}
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return [_mask(item, f"{pointer}/{index}", pointers) for index, item in enumerate(items)]
    return value


def secret_texts(value: object, pointers: Collection[str]) -> frozenset[str]:
    """The secret strings and numbers as text, where long enough to be looked for in running text (see `scrub`)."""
    found: set[str] = set()
    _collect(value, "", pointers, False, found)
    return frozenset(found)


def _collect(value: object, pointer: str, pointers: Collection[str], hidden: bool, found: set[str]) -> None:
    hidden = hidden or pointer in pointers
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            _collect(item, f"{pointer}/{escape(key)}", pointers, hidden, found)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[object]", value)):
            _collect(item, f"{pointer}/{index}", pointers, hidden, found)
    elif hidden and isinstance(value, str | int | float | Decimal):
        text = value if isinstance(value, str) else dumps(value)
        if len(text) >= SCRUBBED:
            found.add(text)


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Running text without the secret values that an agent may have quoted in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
