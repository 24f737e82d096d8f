"""Flood control: how many new cards of their own a place takes; what comes above that is counted on one (I30)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from signoff.model import Request
from signoff.ports import Flood, Idempotency, Memory

SPACE = "flood"
"""The store's counts of what has lately come to each place…"""
BATCHES = "flood of batches"
"""…and of batches, each of which is one card: a flood of single calls does not take that away from them."""
Crowded = dict[str, asyncio.Future[int]]
"""Place → how many have lately come there."""
REMEMBERED = 10_000
"""Calls that were taken up here, so that asking the same again counts once."""


class Floods:
    """What this process remembers is a convenience: without it a repeated call counts once more, and that is all."""

    def __init__(self, memory: Memory, flood: Flood | None) -> None:
        self._memory = memory
        self._flood = flood
        self._known: dict[tuple[str, str], None] = {}

    @property
    def seconds(self) -> float:
        """What comes within so many seconds belongs to one flood."""
        return 0.0 if self._flood is None else self._flood.seconds

    async def piled(self, request: Request, places: Iterable[str], crowded: Crowded, *, first: bool = False) -> Request:
        """The record without a card of its own at those of these places where too many came at once. What is risky
        always has one, and a batch's keep together on theirs (`first`: unless it is only now being taken up).

        `crowded`: what is known already of this request's places, or its batch's, so that it counts once however often
        it is tried. Raises StoreUnavailable.
        """
        flood = self._flood
        if flood is None or not request.open or request.risky or (request.batch is not None and not first):
            return request
        named = [place for place in places if place not in request.piled]
        for place in named:
            if place not in crowded:  # without a pause, for members of a batch are taken up together
                space = SPACE if request.batch is None else BATCHES
                crowded[place] = asyncio.ensure_future(self._memory.tally(space, place, flood.seconds))
        counts = await asyncio.gather(*(asyncio.shield(crowded[place]) for place in named))
        full = tuple(place for place, count in zip(named, counts, strict=True) if count > flood.requests)
        return request.model_copy(update={"piled": (*request.piled, *full)}) if full else request

    def taken(self, asked_by: str, idempotency: Idempotency | None) -> None:
        """This call has been taken up."""
        if idempotency is not None:
            while len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[asked_by, idempotency.key] = None

    def known(self, asked_by: str, idempotency: Idempotency | None) -> bool:
        """Whether this call has lately been taken up here: it is being asked again, and makes no card."""
        return idempotency is not None and (asked_by, idempotency.key) in self._known
