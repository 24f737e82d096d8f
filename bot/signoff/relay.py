"""Events out: every card converges to its record.

Level-triggered. The atomic step that changes a record also marks the request as due; whichever worker claims it
compares what every place shows with what the record says and posts or repaints the difference. Claiming twice, dying
between any two steps or missing an event therefore changes nothing but the time it takes (I21, I24).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta

import structlog

from signoff.cards import Card
from signoff.desk import Desk
from signoff.errors import ChatBusy, ChatError, NotFound, SignoffError, StoreUnavailable, Undeliverable
from signoff.model import MessageRef, Placement, Request
from signoff.ports import Chat, Store, Work

WORKERS = 8
LEASE = 120.0
"""Seconds; longer than one request's calls to all of its places can take."""
CALL = 15.0
"""Seconds that one call to a chat may take."""
IDLE = 30.0
"""Seconds between looks at the outbox when no event arrives."""
SWEEP = 1.0
"""Seconds between looks for overdue requests."""
SWEEP_BATCH = 100
FIRST_RETRY = 1.0
LONGEST_RETRY = 60.0
"""Seconds; retries double in between, with jitter."""
GIVE_UP = timedelta(hours=24)
"""How long after its end a request's cards are still tried."""

log = structlog.get_logger("signoff.relay")


class Relay:
    """Runs on every replica; leases in the store make sure that exactly one does each piece of work."""

    def __init__(self, store: Store, desk: Desk, chats: Mapping[str, Chat]) -> None:
        self._store = store
        self._desk = desk
        self._chats = chats
        self._failures: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._worker()) for _ in range(WORKERS)]
        self._tasks.append(asyncio.create_task(self._sweeper()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _worker(self) -> None:
        while True:
            try:
                work = await self._store.claim(LEASE)
                if work is None:
                    await self._store.ripe(IDLE)
                    continue
                await self.converge(work)
            except StoreUnavailable:
                await asyncio.sleep(FIRST_RETRY)
            except Exception:  # a worker that dies would leave cards behind; the lease brings the work back
                log.exception("relay failed")
                await asyncio.sleep(FIRST_RETRY)

    async def _sweeper(self) -> None:
        while True:
            try:
                overdue = await self._store.overdue(SWEEP_BATCH)
                for request_id in overdue:
                    await self._desk.expire(request_id)
                if len(overdue) == SWEEP_BATCH:
                    continue
            except (StoreUnavailable, NotFound):
                pass
            except Exception:  # as in the workers
                log.exception("sweeper failed")
            await asyncio.sleep(SWEEP)

    async def converge(self, work: Work) -> None:
        """Bring every place of one request up to its record, or give the lease back with a delay."""
        try:
            request = await self._desk.get(work.request)
        except NotFound:
            await self._store.done(work, 0)
            return
        card = self._desk.card(request)
        at = {placement.place: placement for placement in await self._store.placements(work.request)}
        delays: list[float] = []
        for place in dict.fromkeys((*request.terms.show, *at)):
            placement = at.get(place) or Placement(place=place, state="posting")
            if placement.state == "undeliverable" or (placement.state == "live" and placement.shown >= request.rev):
                continue
            try:
                if not await self._bring(work, placement, request, card, known=place in at):
                    return  # the lease has passed to another worker, who does the rest
            except Undeliverable as error:
                await self._undeliverable(work, placement, str(error.data.get("reason", error.sentence)))
            except ChatBusy as error:
                delays.append(error.retry_after)
            except (ChatError, TimeoutError) as error:
                if not request.open and await self._store.now() > request.expires_at + GIVE_UP:
                    await self._undeliverable(work, placement, str(error))
                else:
                    delays.append(self._backoff(work.request))
                    log.warning("chat call failed", request=work.request, place=place, error=str(error))
        if delays:
            await self._store.again(work, min(delays))
        else:
            self._failures.pop(work.request, None)
            await self._store.done(work, request.rev)

    async def _bring(self, work: Work, placement: Placement, request: Request, card: Card, *, known: bool) -> bool:
        """Post or repaint one place; False when the lease is lost."""
        name = placement.place.partition(":")[0]
        chat = self._chats.get(name)
        if chat is None:
            raise Undeliverable(place=placement.place, reason=f"{name} is not configured on this server")
        message = placement.message
        if message is None:
            if known:  # somebody died after announcing the post: it may have arrived
                async with asyncio.timeout(CALL):
                    message = await chat.find(placement.place, request.id)
            elif not await self._store.place(work, placement):
                return False
        if message is not None:
            try:
                async with asyncio.timeout(CALL):
                    await chat.update(message, card)
                return await self._store.place(work, self._live(placement, message, request))
            except Undeliverable:
                if not request.open:
                    raise
                # Somebody deleted the card while the request is open: it has to be shown again.
        async with asyncio.timeout(CALL):
            message = await chat.post(placement.place, card)
        return await self._store.place(work, self._live(placement, message, request))

    @staticmethod
    def _live(placement: Placement, message: MessageRef, request: Request) -> Placement:
        return placement.model_copy(update={"state": "live", "message": message, "shown": request.rev, "detail": None})

    async def _undeliverable(self, work: Work, placement: Placement, reason: str) -> None:
        gone = placement.model_copy(update={"state": "undeliverable", "detail": reason})
        if await self._store.place(work, gone):
            try:
                await self._desk.undeliverable(work.request, placement.place, reason)
            except SignoffError as error:
                log.warning("could not record an undeliverable card", request=work.request, error=str(error))

    def _backoff(self, request_id: str) -> float:
        failures = self._failures.get(request_id, 0)
        self._failures[request_id] = failures + 1
        return min(LONGEST_RETRY, FIRST_RETRY * 2.0**failures) * random.uniform(0.8, 1.2)
