"""One message in one place: posted, found again, repainted, written down. The same for every kind of card."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from signoff.cards import Card
from signoff.errors import ChatBusy, ChatError, StoreUnavailable, Undeliverable, where
from signoff.model import MessageRef, Placement
from signoff.ports import Chat, Store, Work
from signoff.relay import pace
from signoff.relay.traffic import Traffic

log = structlog.get_logger("signoff.relay")


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never be delivered there."""

    reason: str


@dataclass(frozen=True, slots=True)
class Face:
    """What a message has to show."""

    id: str
    """The request's, or the pile's."""
    rev: int
    open: bool
    """Somebody has to see it: a message that was deleted is posted again."""
    card: Callable[[], Card]
    latest: Callable[[], Awaitable[tuple[Card, Card]]]
    """The card as it is by then, and what a second copy of it becomes."""
    wanted: bool = True
    """Where there is no message yet, one is to be posted."""
    notices: int = 0
    """How many notices need not be said below a new card: it shows how things stand."""
    closed: str | None = None
    """Since when nothing waits on the card of several, which then is left behind."""


class Delivery:
    """Calls to chats, one at a time for each place. All times are `clock`'s seconds."""

    def __init__(self, store: Store, chats: Mapping[str, Chat], clock: Callable[[], float]) -> None:
        self._store = store
        self._chats = chats
        self._clock = clock
        self._traffic = Traffic(clock)
        self._failures: dict[str, int] = {}

    async def call(
        self,
        subject: str,
        what: str,
        place: str,
        doing: Callable[[Chat], Awaitable[None]],
        given_up: Callable[[], Awaitable[bool]],
        *,
        urgent: bool,
    ) -> Refused | float | None:
        """Do something with the chat of a place when it is its turn. None: done; a number: try again after so many
        seconds. `what`: the kind of call. `given_up`: whether it has been tried for long enough. `urgent`: whether
        somebody is to do something about it. Raises StoreUnavailable.
        """
        name = place.partition(":")[0]
        chat = self._chats.get(name)
        if chat is None:
            return Refused(f"{name} is not configured on this server")
        turn = f"{what} {place}"
        wait = self._traffic.turn(name, turn, subject, longest=pace.CALL, urgent=urgent)
        if wait > 0:
            return wait
        began = self._clock()
        try:
            await doing(chat)
        except Undeliverable as error:
            self._traffic.answered(name)
            return Refused(str(error.data.get("reason", error.sentence)))
        except ChatBusy as error:
            self._traffic.answered(name)
            return self._traffic.full(turn, subject, error.retry_after, urgent=urgent)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one chat's code must not hold up the other places
            self._traffic.failed(name, began)
            if not isinstance(error, ChatError | TimeoutError):
                log.error("chat failed", request=subject, place=place, fault=where(error))
            reason = error.sentence if isinstance(error, ChatError) else "The chat does not answer."
            if await given_up():
                return Refused(reason)
            log.warning("chat call failed", request=subject, place=place, error=reason)
            return self.backoff(subject)
        self._traffic.answered(name)
        return None

    async def bring(self, work: Work, chat: Chat, placement: Placement, face: Face, *, known: bool) -> None:
        """Post or repaint one place, and write it down. `known`: what the store says of this place is no guess."""
        posting = placement.state == "posting"
        message, before = (None, placement.message) if posting else (placement.message, None)
        if posting and known:  # somebody died after announcing the post: it may have arrived
            async with asyncio.timeout(pace.CALL):
                message = await chat.find(placement.place, face.id)
            message = None if message == before else message
        if message is not None:
            try:
                async with asyncio.timeout(pace.CALL):
                    await chat.update(message, face.card())
            except Undeliverable:
                if not face.open:
                    raise
                # Somebody deleted the card while it is needed: it has to be shown again.
            else:
                await self._record(work, chat, placement, message, face)
                return
        if not face.wanted:
            return
        # Announced right before each post, which also makes sure that the lease still holds.
        announced = Placement(place=placement.place, state="posting", message=before)
        if not await self._store.place(work, announced):
            return
        async with asyncio.timeout(pace.CALL):
            message = await chat.post(placement.place, face.card())
        await self._record(work, chat, announced, message, face)

    async def _record(self, work: Work, chat: Chat, placement: Placement, message: MessageRef, face: Face) -> None:
        told = face.notices if placement.state == "posting" else placement.told
        live = Placement(
            place=placement.place,
            state="live" if face.closed is None else "closed",
            message=message,
            shown=face.rev,
            told=told,
            detail=face.closed,
        )
        end = self._clock() + pace.RECORDING
        while True:
            try:
                held = await self._store.place(work, live)
                break
            except StoreUnavailable:
                if self._clock() >= end:
                    raise
                await asyncio.sleep(pace.STORE_RETRY)
        if not held:
            await self._overtaken(chat, live, message, face)

    async def _overtaken(self, chat: Chat, placement: Placement, message: MessageRef, face: Face) -> None:
        """The lease has passed on during a call: the message may be a second copy, or older than it should be."""
        recorded = {other.place: other for other in await self._store.placements(face.id)}
        standing = recorded.get(placement.place)
        if standing is None or standing.state == "posting" or standing.message is None:
            return  # the other worker is at it; a click on this one makes it a pointer
        card, pointer = await face.latest()
        try:
            async with asyncio.timeout(pace.CALL):
                await chat.update(message, card if standing.message == message else pointer)
        except (ChatError, TimeoutError) as error:
            log.warning("an old copy was not repainted", request=face.id, place=placement.place, error=str(error))

    def backoff(self, subject: str) -> float:
        """Seconds until the next attempt, after one more failure."""
        failures = self._failures.pop(subject, 0)
        while len(self._failures) >= pace.COUNTED:  # those that another replica finished
            del self._failures[next(iter(self._failures))]
        self._failures[subject] = failures + 1
        return min(pace.LONGEST_RETRY, pace.FIRST_RETRY * 2.0 ** min(failures, 10)) * random.uniform(0.8, 1.2)

    def went_well(self, subject: str) -> None:
        self._failures.pop(subject, None)
