"""The cards of one request: one in every place where it has one of its own, and what is said below it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

import structlog

from signoff import cards
from signoff.cards import Card
from signoff.desk import Desk
from signoff.errors import ChatError, NotFound, SignoffError, StoreUnavailable, Undeliverable
from signoff.model import Placement, Request, hook_of, pile_of
from signoff.ports import Chat, Store, Work
from signoff.relay import pace
from signoff.relay.delivery import Delivery, Face, Refused

WHILE_OPEN = frozenset({"reminded", "escalated", "extended", "snoozed"})
"""Notices that mean nothing once the request has been decided."""

log = structlog.get_logger("signoff.relay")


class Requests:
    """Brings every place of a request up to its record."""

    def __init__(self, store: Store, desk: Desk, delivery: Delivery) -> None:
        self._store = store
        self._desk = desk
        self._delivery = delivery

    async def converge(self, work: Work) -> None:
        """Bring every place up to the record, or give the lease back with a delay.

        Raises StoreUnavailable; the lease is then still held.
        """
        try:
            request = await self._desk.get(work.request)
        except NotFound:
            await self._store.done(work, 0)
            return
        if not request.open and request.callback_url is not None:
            await self._call_back(request)
        card = functools.cache(lambda: self._desk.card(request))  # drawn once, and only if a place takes it now
        at = {placement.place: placement for placement in await self._store.placements(work.request)}
        places = dict.fromkeys((*request.terms.show, *at))
        await self._count(request, [at.get(place) or Placement(place=place, state="posting") for place in places])
        # Together: one slow place must not make the others wait, nor outlast the lease.
        found = await asyncio.gather(
            *(self._reach(work, at.get(place), place, request, card) for place in places), return_exceptions=True
        )
        delays: list[float] = []
        for outcome in found:
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome is not None:
                delays.append(outcome)
        if delays:
            # A change meanwhile makes it due at once: other places must not wait for the slow one.
            await self._store.again(work, min(delays), request.rev)
        else:
            self._delivery.went_well(work.request)
            await self._store.done(work, request.rev)

    async def _call_back(self, request: Request) -> None:
        """Make its webhook due, once. It stays due until somebody has taken it or it is given up, so whoever dies here
        or is a second one at it changes nothing.
        """
        hook = hook_of(request.id)
        if not await self._store.nudged(hook):
            await self._store.nudge(hook)

    async def _count(self, request: Request, placements: list[Placement]) -> None:
        """Make the cards due on which this request is counted, or was. Before that is written down: whoever dies in
        between does it once more.
        """
        piles: dict[str, None] = {}
        for one in placements:
            counted = one.state == "piled" or (is_counted(request, one.place) and one.state != "undeliverable")
            if not counted or one.shown >= request.rev:
                continue
            if request.batch is not None:
                piles[request.batch.id] = None
            if request.batch is None or one.place in request.piled or request.risky:  # which may have been piled before
                piles[pile_of(one.place)] = None
        for pile in piles:
            await self._store.nudge(pile, pace.GATHER)

    async def _reach(
        self, work: Work, placement: Placement | None, place: str, request: Request, card: Callable[[], Card]
    ) -> float | None:
        """Bring one place up to the record; None, or the seconds after which to try again. Raises StoreUnavailable."""
        known = placement is not None
        placement = placement or Placement(place=place, state="posting")
        if placement.state == "undeliverable":
            if place not in request.undelivered:  # somebody died before telling
                await self._tell(request.id, placement)
            return None
        if place in request.undelivered and placement.message is None:  # the card it was counted on was not delivered
            why = request.undelivered[place]
            await self._store.place(work, Placement(place=place, state="undeliverable", detail=why))
            return None
        if is_counted(request, place):
            if placement.state != "piled" or placement.shown < request.rev:
                # Nothing is said for each of many: the card they share shows how things stand.
                told = len(request.notices)
                await self._store.place(work, Placement(place=place, state="piled", shown=request.rev, told=told))
            return None
        if placement.state == "piled":  # not any more
            placement, known = Placement(place=place, state="posting"), False
        telling = placement.state == "live" and placement.shown >= request.rev
        if telling and placement.told >= len(request.notices):
            return None

        async def doing(chat: Chat) -> None:
            if telling:
                await self._say(work, chat, placement, request)
            else:
                await self._delivery.bring(work, chat, placement, self._face(request, card), known=known)

        what = "tell" if telling else "post" if placement.message is None else "update"
        outcome = await self._delivery.call(
            request.id, what, place, doing, lambda: self._given_up(request), urgent=request.open
        )
        if isinstance(outcome, Refused):
            await self._undeliverable(work, placement, outcome.reason)
            return None
        if outcome is None and placement.message is not None and placement.told + telling < len(request.notices):
            return 0.0  # one call to a chat at a time: what is to be said below the card comes next
        return outcome

    def _face(self, request: Request, card: Callable[[], Card]) -> Face:
        async def latest() -> tuple[Card, Card]:
            now = await self._desk.get(request.id)
            return self._desk.card(now), cards.pointer(now)

        return Face(request.id, request.rev, request.open, card, latest, notices=len(request.notices))

    async def _say(self, work: Work, chat: Chat, placement: Placement, request: Request) -> None:
        """Say the next notice below a card. Written down before it is said: a crash in between loses a reminder rather
        than saying it twice."""
        message = placement.message
        assert message is not None
        notice = request.notices[placement.told]
        said = placement.model_copy(update={"told": placement.told + 1})
        if not await self._store.place(work, said) or (notice.kind in WHILE_OPEN and not request.open):
            return
        text, people = await self._desk.said_below(request, notice, chat.name)
        try:
            async with asyncio.timeout(pace.CALL):
                await chat.tell(message, text, people)
        except Undeliverable as error:
            log.warning("nothing can be said below a card", request=request.id, place=placement.place, error=str(error))
        except (ChatError, TimeoutError):
            await self._store.place(work, placement)
            raise

    async def _undeliverable(self, work: Work, placement: Placement, reason: str) -> None:
        gone = placement.model_copy(update={"state": "undeliverable", "detail": reason})
        if await self._store.place(work, gone):
            await self._tell(work.request, gone)

    async def _tell(self, request_id: str, placement: Placement) -> None:
        """On the record and so on all other cards. Raises StoreUnavailable; the next worker then tells."""
        try:
            await self._desk.undeliverable(request_id, placement.place, placement.detail or "")
        except StoreUnavailable:
            raise
        except SignoffError as error:
            log.warning("could not record an undeliverable card", request=request_id, error=str(error))

    async def _given_up(self, request: Request) -> bool:
        """The request has ended, nobody can decide it any more, and the chat has been away for long."""
        decision = request.decision
        if decision is None:
            return False
        outcome = request.outcome.at if request.outcome else None
        last = max(filter(None, (decision.decided_at, request.consumed_at, outcome)))
        return await self._store.now() > last + pace.GIVE_UP


def is_counted(request: Request, place: str) -> bool:
    """Whether it has no card of its own there, but is counted on one."""
    return request.batch is not None or place in request.piled
