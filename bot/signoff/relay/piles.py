"""The card that several requests share: one in every place where any of them is shown.

Level-triggered as those of single requests. Every change of a request nudges the cards on which it is counted, and
whichever worker claims one reads what is on it now. Changes that come together are drawn together.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

from signoff.cards import Card
from signoff.cards.card import OLD_COPY
from signoff.desk import Desk
from signoff.desk.piles import Pile
from signoff.errors import NotFound
from signoff.model import Placement, iso
from signoff.ports import Chat, Store, Work
from signoff.relay import pace
from signoff.relay.delivery import Delivery, Face, Refused


class Piles:
    """Brings every place of such a card up to what is on it."""

    def __init__(self, store: Store, desk: Desk, delivery: Delivery) -> None:
        self._store = store
        self._desk = desk
        self._delivery = delivery

    async def converge(self, work: Work) -> None:
        """As for a request. Raises StoreUnavailable; the lease is then still held."""
        rev = await self._store.nudged(work.request)  # first: what changes from now on makes another look due
        found = await self._desk.piles.read(work.request)
        at = {placement.place: placement for placement in await self._store.placements(work.request)}
        now = await self._store.now()
        outcomes = await asyncio.gather(
            *(self._reach(work, at.get(place), place, pile, now) for place, pile in found.items()),
            return_exceptions=True,
        )
        delays: list[float] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome is not None:
                delays.append(outcome)
        if not delays:
            self._delivery.went_well(work.request)
        if await self._store.nudged(work.request) != rev:
            delays.append(pace.REPAINT)  # not at once: while a flood lasts it changes all the time
        if delays:
            await self._store.again(work, min(delays))
        else:
            await self._store.done(work, rev)

    async def _reach(
        self, work: Work, placement: Placement | None, place: str, pile: Pile, now: datetime
    ) -> float | None:
        """Bring one place up to the pile; None, or the seconds after which to try again. Raises StoreUnavailable."""
        known = placement is not None
        placement = placement or Placement(place=place, state="posting")
        match placement.state:
            case "live" if placement.shown >= pile.rev:
                return None
            case "closed":
                if not pile.waiting:
                    return None
                if now - _moment(placement) >= timedelta(seconds=self._desk.piles.lull):
                    # Another flood: a message of its own, which people are told of.
                    placement, known = placement.model_copy(update={"state": "posting"}), False
            case "undeliverable":
                # Who was on it has been told, or is now; others have come since, and the chat may take them.
                if not pile.members:
                    return None
                placement, known = Placement(place=place, state="posting"), False
            case _:
                pass
        face = self._face(pile, place, now)

        async def doing(chat: Chat) -> None:
            await self._delivery.bring(work, chat, placement, face, known=known)

        what = "post" if placement.state == "posting" else "update"
        outcome = await self._delivery.call(
            pile.id, what, place, doing, lambda: self._given_up(pile), urgent=pile.waiting > 0
        )
        if isinstance(outcome, Refused):
            gone = placement.model_copy(update={"state": "undeliverable", "detail": outcome.reason})
            if await self._store.place(work, gone) and await self._desk.piles.lost(pile.id, place, outcome.reason):
                return 0.0
            return None
        return outcome

    def _face(self, pile: Pile, place: str, now: datetime) -> Face:
        async def latest() -> tuple[Card, Card]:
            card = pile.card
            with contextlib.suppress(NotFound):
                card = (await self._desk.piles.at(pile.id, place)).card
            return card, pointer(card)

        closed = None if pile.lasting or pile.waiting else iso(now)
        return Face(
            pile.id,
            pile.rev,
            pile.waiting > 0,
            lambda: pile.card,
            latest,
            wanted=pile.worth_posting,
            closed=closed,
        )

    async def _given_up(self, pile: Pile) -> bool:
        """As for a request that has ended."""
        return pile.last is not None and await self._store.now() > pile.last + pace.GIVE_UP


def pointer(card: Card) -> Card:
    """What a second copy becomes: where to look instead, nothing to click."""
    summary = f"Old copy: {card.title}"
    return replace(
        card, purpose="pointer", status=OLD_COPY, tone="neutral", summary=summary, buttons=(), items=(), items_hidden=0
    )


def _moment(placement: Placement) -> datetime:
    return datetime.fromisoformat(placement.detail or "")
