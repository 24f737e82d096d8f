"""What people at both chats have in common: they wait for what they see, and type values as text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar, cast

Json = dict[str, Any]
T = TypeVar("T")

PATIENCE = 15.0
"""Seconds that anything on a screen may take to appear."""
MOST_PAGES = 20
"""Of one form, or of the details of one request."""
MOST_STEPS = 100
"""Of one review."""
AS_JSON = "As JSON."
"""Ends the hint of a field that takes JSON."""
AGENT_MAY = {
    "never": "not try this again",
    "with_changes": "try again with changes",
    "ask": "ask the same again later",
}
"""Retry word → the choice on the form."""


class NoWay(Exception):
    """The chat has nothing to click or fill in for this; the text says what is missing."""


class Said(Exception):
    """The chat did not take it; the text is what it said at the field or on the screen."""


class Unseen(Exception):
    """Something that has to be on the screen is not."""


class Simulated(Protocol):
    on_change: Callable[[], None]


class Eyes:
    """Sees every change of both screens."""

    def __init__(self, *chats: Simulated) -> None:
        self._changed = asyncio.Event()
        for chat in chats:
            chat.on_change = self._hearing(chat.on_change)

    def _hearing(self, told: Callable[[], None]) -> Callable[[], None]:
        def changed() -> None:
            self._changed.set()
            self._changed = asyncio.Event()
            told()

        return changed

    async def until(self, look: Callable[[], T | None], what: str) -> T:
        """What `look` finds, as soon as it finds something. Raises Unseen, or whatever `look` raises."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    changed = self._changed
                    if (found := look()) is not None:
                        return found
                    await changed.wait()
        except TimeoutError:
            raise Unseen(f"{what} did not appear within {PATIENCE:.0f} s") from None


def texts(value: object) -> Iterator[str]:
    """Every string on a screen."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("Json", value).values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from texts(item)


def plain(label: object) -> str:
    """`Edit…` and `Edit` are the same button to a person."""
    return str(label).strip().strip("◀▶ ").rstrip("….").strip().casefold()


def typed(value: object, hint: str) -> str:
    """A value as a person types it: texts as they are, several of them one a line, all else as JSON. `hint`: what the
    form says below the field.
    """
    if AS_JSON in hint:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) for one in cast("list[object]", value)):
        return "\n".join(cast("list[str]", value))
    return json.dumps(value, ensure_ascii=False)


def chosen(value: object, options: Mapping[str, str]) -> str:
    """The option that stands for a value. `options`: label → option. Raises Said."""
    labels = {"Yes", "yes"} if value is True else {"No", "no"} if value is False else set[str]()
    labels |= {str(value), json.dumps(value, ensure_ascii=False)}
    for label, option in options.items():
        if label in labels or any(label.endswith(f" ({one})") for one in labels):
            return option
    raise Said(f"{value!r} is not one of {', '.join(options)}")


def is_label(label: str, name: str) -> bool:
    """Whether a field of this label is the argument of this name: `amount`, `Amount in dollars (amount)`."""
    label = label.removesuffix(" (optional)")
    return label == name or label.endswith(f"({name})")


def edited(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object] | None:
    """What has to be typed into which fields; None when it has to be done in the JSON text: what is no single value,
    is of another kind than before, or is taken away.
    """
    if not before.keys() <= after.keys():
        return None
    fresh = {name: value for name, value in after.items() if name not in before or before[name] != value}
    at_fields = all(
        _kind(value) is not None and (name not in before or _kind(before[name]) == _kind(value)) and value != ""
        for name, value in fresh.items()
    )
    return fresh if at_fields else None


def _kind(value: object) -> str | None:
    kinds: list[tuple[type | tuple[type, ...], str]] = [(bool, "yes or no"), ((int, float), "number"), (str, "text")]
    return next((name for types, name in kinds if isinstance(value, types)), None)


def rewritten(shown: str, before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """The JSON text of an edit, changed where the arguments are; secrets stay the dots that stand for them."""
    text = cast("Json", json.loads(shown))
    kept = {name: value for name, value in text.items() if name in after}
    changes = {name: value for name, value in after.items() if name not in before or before[name] != value}
    return json.dumps(kept | changes, ensure_ascii=False, indent=1)
