"""Every card converges to its record.

Level-triggered. The atomic step that changes a record also marks the request as due; whichever worker claims it
compares what every place shows with what the record says and posts or repaints the difference. Claiming twice, dying
between any two steps or missing an event therefore changes nothing but the time it takes (I21, I24).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from signoff import cards
from signoff.cards import Card
from signoff.desk import Desk
from signoff.errors import ChatBusy, ChatError, NotFound, SignoffError, StoreUnavailable, Undeliverable, where
from signoff.model import MessageRef, Placement, Request
from signoff.ports import Chat, Store, Work
from signoff.relay.sweeper import sweep
from signoff.relay.traffic import Traffic

WORKERS = 8
CALL = 15.0
"""Seconds that one call to a chat may take."""
LEASE = 60.0
"""Seconds; longer than a request can take: its places are served together, each with three calls at most. After a
kill -9 somebody else goes on when it has lapsed."""
RECORDING = 20.0
"""Seconds to try to write down where a card is. Giving up costs a second card where a chat cannot be searched."""
IDLE = 30.0
"""Seconds between looks at the outbox when no event arrives."""
FIRST_RETRY = 1.0
LONGEST_RETRY = 60.0
"""Seconds; retries double in between, with jitter."""
STORE_RETRY = 0.5
"""Seconds between attempts to reach the store with something in hand."""
GIVE_UP = timedelta(hours=24)
"""How long after its last change the cards of a request that has ended are still tried."""
COUNTED = 10_000
"""Requests whose failures are counted. A forgotten one begins again with short delays."""
WHILE_OPEN = frozenset({"reminded", "escalated", "extended", "snoozed"})
"""Notices that mean nothing once the request has been decided."""
FINISH = 2.0
"""Seconds that calls under way get when the process stops."""

log = structlog.get_logger("signoff.relay")


class Relay:
    """Runs on every replica; leases in the store make sure that exactly one does each piece of work."""

    def __init__(
        self, store: Store, desk: Desk, chats: Mapping[str, Chat], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: seconds that only go forward; tests may move them."""
        self._store = store
        self._desk = desk
        self._chats = chats
        self._clock = clock
        self._traffic = Traffic(clock)
        self._failures: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._held: dict[asyncio.Task[None], Work] = {}
        self._closing = False

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._worker()) for _ in range(WORKERS)]
        self._tasks.append(asyncio.create_task(sweep(self._store, self._desk)))

    async def close(self) -> None:
        """Let calls under way finish, and give back what is not done, so that the next process need not wait for it."""
        self._closing = True
        for task in self._tasks:
            if task not in self._held:
                task.cancel()
        if self._held:
            await asyncio.wait(self._held, timeout=FINISH)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for work in self._held.values():
            with contextlib.suppress(StoreUnavailable):
                await self._store.again(work, 0)

    async def _worker(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while not self._closing:
            try:
                work = await self._store.claim(LEASE)
                if work is None:
                    await self._store.ripe(IDLE)
                    continue
                self._held[task] = work
                try:
                    await self.converge(work)
                except Exception as error:  # noqa: BLE001 - whatever it is, the work has to come back
                    if not isinstance(error, StoreUnavailable):
                        log.error("relay failed", request=work.request, fault=where(error))
                    await self._give_back(work)
                del self._held[task]
            except StoreUnavailable:
                await asyncio.sleep(FIRST_RETRY)
            except Exception as error:  # noqa: BLE001 - a worker that dies would leave cards behind
                log.error("relay failed", fault=where(error))
                await asyncio.sleep(FIRST_RETRY)

    async def _give_back(self, work: Work) -> None:
        """Due again soon. Without the store it is due again when the lease has lapsed, so that is how long to try."""
        delay = self._backoff(work.request)
        end = self._clock() + LEASE
        while self._clock() < end:
            try:
                await self._store.again(work, delay)
                return
            except StoreUnavailable:
                await asyncio.sleep(STORE_RETRY)

    # ── one request ──────────────────────────────────────────────────────────────────────────────

    async def converge(self, work: Work) -> None:
        """Bring every place of one request up to its record, or give the lease back with a delay.

        Raises StoreUnavailable; the lease is then still held.
        """
        try:
            request = await self._desk.get(work.request)
        except NotFound:
            await self._store.done(work, 0)
            return
        card = functools.cache(lambda: self._desk.card(request))  # drawn once, and only if a place takes it now
        at = {placement.place: placement for placement in await self._store.placements(work.request)}
        places = dict.fromkeys((*request.terms.show, *at))
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
            self._failures.pop(work.request, None)
            await self._store.done(work, request.rev)

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
        telling = placement.state == "live" and placement.shown >= request.rev
        if telling and placement.told >= len(request.notices):
            return None
        name = place.partition(":")[0]
        chat = self._chats.get(name)
        if chat is None:
            await self._undeliverable(work, placement, f"{name} is not configured on this server")
            return None
        what = f"{'tell' if telling else 'post' if placement.message is None else 'update'} {place}"
        wait = self._traffic.turn(name, what, request.id, longest=CALL)
        if wait > 0:
            return wait
        began = self._clock()
        try:
            if telling:
                await self._say(work, chat, placement, request)
            else:
                await self._bring(work, chat, placement, request, card(), known=known)
        except Undeliverable as error:
            self._traffic.answered(name)
            await self._undeliverable(work, placement, str(error.data.get("reason", error.sentence)))
        except ChatBusy as error:
            self._traffic.answered(name)
            return self._traffic.full(what, request.id, error.retry_after)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one chat's code must not hold up the other places
            self._traffic.failed(name, began)
            if not isinstance(error, ChatError | TimeoutError):
                log.error("chat failed", request=request.id, place=place, fault=where(error))
            reason = error.sentence if isinstance(error, ChatError) else "The chat does not answer."
            if await self._given_up(request):
                await self._undeliverable(work, placement, reason)
                return None
            log.warning("chat call failed", request=request.id, place=place, error=reason)
            return self._backoff(request.id)
        else:
            self._traffic.answered(name)
            if placement.message is not None and placement.told + telling < len(request.notices):
                return 0.0  # one call to a chat at a time: what is to be said below the card comes next
        return None

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
            async with asyncio.timeout(CALL):
                await chat.tell(message, text, people)
        except Undeliverable as error:
            log.warning("nothing can be said below a card", request=request.id, place=placement.place, error=str(error))
        except (ChatError, TimeoutError):
            await self._store.place(work, placement)
            raise

    async def _bring(
        self, work: Work, chat: Chat, placement: Placement, request: Request, card: Card, *, known: bool
    ) -> None:
        """Post or repaint one place."""
        message = placement.message
        if message is None and known:  # somebody died after announcing the post: it may have arrived
            async with asyncio.timeout(CALL):
                message = await chat.find(placement.place, request.id)
        if message is not None:
            try:
                async with asyncio.timeout(CALL):
                    await chat.update(message, card)
            except Undeliverable:
                if not request.open:
                    raise
                # Somebody deleted the card while the request is open: it has to be shown again.
            else:
                await self._record(work, chat, placement, message, request)
                return
        # Announced right before each post, which also makes sure that the lease still holds.
        if not await self._store.place(work, Placement(place=placement.place, state="posting")):
            return
        async with asyncio.timeout(CALL):
            message = await chat.post(placement.place, card)
        await self._record(work, chat, placement, message, request)

    async def _record(
        self, work: Work, chat: Chat, placement: Placement, message: MessageRef, request: Request
    ) -> None:
        # What was said before a card came is not said below it: the card itself shows how things stand.
        told = placement.told if placement.message is not None else len(request.notices)
        live = Placement(place=placement.place, state="live", message=message, shown=request.rev, told=told)
        end = self._clock() + RECORDING
        while True:
            try:
                held = await self._store.place(work, live)
                break
            except StoreUnavailable:
                if self._clock() >= end:
                    raise
                await asyncio.sleep(STORE_RETRY)
        if not held:
            await self._overtaken(chat, live, request.id)

    async def _overtaken(self, chat: Chat, placement: Placement, request_id: str) -> None:
        """The lease has passed on during a call: the message may be a second copy, or older than it should be."""
        message = placement.message
        assert message is not None
        recorded = {other.place: other.message for other in await self._store.placements(request_id)}
        standing = recorded.get(placement.place)
        if standing is None:
            return  # the other worker is at it; a click on this one makes it a pointer
        request = await self._desk.get(request_id)
        card = self._desk.card(request) if standing == message else cards.pointer(request)
        try:
            async with asyncio.timeout(CALL):
                await chat.update(message, card)
        except (ChatError, TimeoutError) as error:
            log.warning("an old copy was not repainted", request=request_id, place=placement.place, error=str(error))

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
        return await self._store.now() > last + GIVE_UP

    def _backoff(self, request_id: str) -> float:
        failures = self._failures.pop(request_id, 0)
        while len(self._failures) >= COUNTED:  # those that another replica finished
            del self._failures[next(iter(self._failures))]
        self._failures[request_id] = failures + 1
        return min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** min(failures, 10)) * random.uniform(0.8, 1.2)
