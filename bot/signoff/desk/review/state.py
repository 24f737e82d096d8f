"""Where somebody is in looking through their queue; kept in the store, so that any replica serves the next click."""

from __future__ import annotations

import secrets
from typing import Literal

from pydantic import Field, TypeAdapter

from signoff.cards import Line
from signoff.cards.queue import Code
from signoff.errors import ReviewGone
from signoff.model import Actor, Pin, Sieve
from signoff.model.words import Frozen, Moment
from signoff.ports import Memory

SPACE = "review"
LIFE = 3600.0
"""Seconds that a review is remembered after the last click."""


class Preflight(Frozen):
    """What somebody is asked to confirm, exactly as it was drawn."""

    key: str
    """The id of the batch that comes of it."""
    kind: Literal["approve", "reject"]
    pins: tuple[Pin, ...]
    lines: tuple[Line, ...]
    """Of the pins, in their order."""
    excluded: tuple[Line, ...]
    page: int = 0
    seen: int = 0
    """The last page that was drawn."""
    reason: str = ""
    begun: Moment | None = None
    """When it was confirmed."""


class Outcome(Frozen):
    """What came of a batch."""

    batch: str
    kind: Literal["approve", "reject"]
    codes: tuple[Code, ...]
    """Of the lines."""
    lines: tuple[Line, ...]
    page: int = 0


class State(Frozen):
    id: str
    who: str
    """The principal it belongs to."""
    sieve: Sieve = Sieve()
    start: str | None = None
    """The cursor that this window begins behind."""
    ahead: str | None = None
    """The cursor of the next window; None: this is the last one."""
    before: int = 0
    """How many requests the windows before this one held."""
    pins: tuple[Pin, ...] = ()
    """The window: what was listed, by the numbers of the entries' keys."""
    groups: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """The groups that the list showed last, as numbers of pins."""
    barred: tuple[int, ...] = ()
    """Pins that could not be ticked on it."""
    selected: tuple[Pin, ...] = ()
    """Of this window and of others."""
    page: int = 0
    """Of the groups."""
    opened: str = ""
    """The key of the last `open` move."""
    screen: Literal["listing", "preflight", "working", "results", "single"] = "listing"
    single: int = 0
    """The pin that is shown by itself."""
    mark: str = ""
    """Of its drawing: what is pressed in any other does not count."""
    notice: str | None = None
    preflight: Preflight | None = None
    outcome: Outcome | None = None


_STATE = TypeAdapter(State)


def new_id() -> str:
    """What a chat carries around: nothing in it to read or to guess."""
    return secrets.token_urlsafe(24)


def owner(actor: Actor) -> str:
    """Whose review it is: a verified identity, not a person, so that no other chat goes on with it."""
    return f"{actor.via}:{actor.principal.key if actor.principal else actor.person}"


async def keep(memory: Memory, state: State) -> None:
    await memory.remember(SPACE, state.id, _STATE.dump_json(state, exclude_defaults=True).decode(), LIFE)


async def recall(memory: Memory, review: str, actor: Actor) -> State:
    """Raises ReviewGone, for somebody else's too."""
    kept = await memory.recall(SPACE, review) if 0 < len(review) <= 100 else None
    if kept is None:
        raise ReviewGone
    try:
        state = _STATE.validate_json(kept)
    except ValueError:  # of another version of this program
        raise ReviewGone from None
    if state.who != owner(actor):
        raise ReviewGone
    return state
