"""What waits, as somebody looks through it: which part of it, how much there is, what exactly was listed."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field

from signoff.model.words import Frozen, Risk

RISKS: tuple[Risk | None, ...] = ("critical", "high", "medium", "low", None)
"""From the most urgent to the least."""
PILE = "pile:"
"""Opens the id of the card that stands for all requests which a flood left without a card of their own in a place."""
BATCH = "bat_"
"""Opens the id of an agent's batch, which is the id of its card too."""


class Sieve(Frozen):
    """Which part of what waits somebody wants to see; None means any."""

    risk: Risk | None = None
    tool: str | None = None
    agent: str | None = None
    channel: str | None = None
    """A place, as the policy writes it."""
    text: str | None = None
    """Looked for in what a card shows, whatever its case."""
    batch: str | None = None
    """Only the requests of this agent's batch."""
    piled: str | None = None
    """Only the requests without a card of their own in this place."""

    @property
    def narrowed(self) -> bool:
        """Whether it leaves anything out of what it is about."""
        return any(one is not None for one in (self.risk, self.tool, self.agent, self.channel, self.text))

    @property
    def card(self) -> bool:
        """Whether it is what one card stands for."""
        return self.batch is not None or self.piled is not None


class Facet(NamedTuple):
    """So many pending requests that are alike in all of this."""

    approvers: tuple[str, ...]
    """Who is asked now: people and groups by name."""
    places: tuple[str, ...]
    """Where they are shown."""
    tool: str
    agent: str | None
    risk: Risk | None
    size: int = 0


class Pin(Frozen):
    """One request exactly as somebody saw it in a list."""

    id: str
    version: int = Field(ge=1)
    digest: str


class Batch(Frozen):
    """What a request of an agent's batch knows of it."""

    id: str
    index: int
    """Its place in the batch, from 0."""
    size: int
    title: str | None = None


def pile_of(place: str) -> str:
    """The id of the card for everything that a flood left without one in this place."""
    return PILE + place


def is_pile(card: str) -> bool:
    """Whether this is the id of a card that stands for several requests."""
    return card.startswith((PILE, BATCH))
