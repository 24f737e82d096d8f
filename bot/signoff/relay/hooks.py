"""Webhooks: each is tried until its receiver takes it, for three days; then it is a dead letter.

Level-triggered as cards are: whichever process claims one looks at how far it has come. They wait in a line of their
own and have no worker of the cards', so a receiver that is slow or away holds up nobody but itself. Who dies between
the answer and writing it down leads to another attempt: at least once, always with the same webhook-id.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from signoff.desk import Desk
from signoff.errors import NotFound, StoreUnavailable, where
from signoff.model import HOOK, Delivery, Request
from signoff.ports import Store, Work
from signoff.relay import pace
from signoff.relay.hosts import Hosts
from signoff.webhooks import Deliveries, Sender, Sent, message
from signoff.webhooks.deliveries import failed, taken
from signoff.webhooks.messages import Shown

AT_ONCE = 32
"""Webhooks under way in one process."""
IDLE = 5.0
"""Seconds between looks at their line: what another process has made due, no event announces."""
RETRIES = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0)
"""Seconds after each failed attempt; the last one repeats. Those of Standard Webhooks' own example, and two days on."""
JITTER = 0.1
"""Part of such a delay by which it may be shorter or longer."""
GIVE_UP = timedelta(days=3)
"""After the first attempt. The last one falls on this moment."""
PATIENCE = 12 * 3600.0
"""Seconds that a receiver may ask to be left alone at most."""
GONE = 410
"""The status by which a receiver says never again."""
UNREADABLE = 300.0
"""Seconds until the next look at one that this process cannot read, of a later version perhaps."""

log = structlog.get_logger("signoff.relay")


class Hooks:
    """Runs on every replica; leases in the store make sure that one of them sends each webhook."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        send: Sender,
        shown: Shown,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`shown`: a record as its own key reads it. `clock`: seconds that only go forward; tests may move them."""
        self._store = store
        self._desk = desk
        self._send = send
        self._shown = shown
        self._clock = clock
        self._deliveries = Deliveries(store)
        self._hosts = Hosts(clock)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._task: asyncio.Task[None] | None = None
        self._held: dict[asyncio.Task[None], Work] = {}

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Let calls under way finish, and give back what is not done."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._held:
            await asyncio.wait(self._held, timeout=pace.FINISH)
        left = dict(self._held)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for work in left.values():
            with contextlib.suppress(StoreUnavailable):
                await self._store.again(work, 0)

    async def _run(self) -> None:
        while True:
            await self._room.acquire()
            work: Work | None = None
            try:
                work = await self._store.claim(pace.LEASE, hooks=True)
                if work is None:
                    await self._store.ripe(IDLE, hooks=True)
            except StoreUnavailable:
                await asyncio.sleep(pace.FIRST_RETRY)
            except Exception as error:  # noqa: BLE001 - it is the only one that looks at the line
                log.error("webhooks failed", fault=where(error))
                await asyncio.sleep(pace.FIRST_RETRY)
            finally:
                if work is None:
                    self._room.release()
            if work is not None:
                task = asyncio.create_task(self._one(work))
                self._held[task] = work
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._held[task]
        self._room.release()

    async def _one(self, work: Work) -> None:
        delay = pace.FIRST_RETRY
        try:
            await self.deliver(work)
            return
        except StoreUnavailable:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the work has to come back
            log.error("webhook failed", request=work.request.removeprefix(HOOK), fault=where(error))
            delay = UNREADABLE
        end = self._clock() + pace.LEASE  # then the lease has lapsed, and it comes back by itself
        while self._clock() < end:
            try:
                await self._store.again(work, delay)
                return
            except StoreUnavailable:
                await asyncio.sleep(pace.STORE_RETRY)

    async def deliver(self, work: Work) -> None:
        """Try it once, if it is to be tried and there is room for it. Raises StoreUnavailable; the lease is then still
        held.
        """
        rev = await self._store.nudged(work.request)  # first: who wants it sent again from now on makes it due
        try:
            request = await self._desk.get(work.request.removeprefix(HOOK))
        except NotFound:
            await self._store.done(work, rev)
            return
        if request.open or request.callback_url is None:
            await self._store.done(work, rev)
            return
        standing = await self._deliveries.of(request)
        if standing.state != "waiting":
            await self._store.done(work, rev)
            return
        full = self._hosts.enter(standing.target, request.asked_by)
        if full:
            await self._store.again(work, full, rev)
            return
        began = self._clock()
        try:
            sent = await self._attempt(request)
        finally:
            self._hosts.leave(standing.target, request.asked_by, self._clock() - began)
        # Who was held up for longer than the lease finds that somebody else has been at it.
        if await self._deliveries.of(request) == standing:
            await self._settle(work, rev, standing, sent)

    async def _attempt(self, request: Request) -> Sent:
        """Raises StoreUnavailable."""
        key = await self._store.key(request.asked_by)
        if key is None or key.revoked_at is not None:  # which could not read it either (I29)
            return Sent(GONE, "nothing was sent: the key that asked has been revoked")
        said = message(request, self._shown)
        headers = said.headers(self._desk.webhook_secret(key.id), await self._store.now())
        return await self._send(request.callback_url or "", headers, said.body.encode())

    async def _settle(self, work: Work, rev: int, standing: Delivery, sent: Sent) -> None:
        """Write down what came of it, then let go of it. Raises StoreUnavailable."""
        now = await self._store.now()
        facts = {"request": standing.request, "target": standing.target, "attempt": standing.attempts + 1}
        if sent.fault is None:
            await self._deliveries.keep(taken(standing, now))
            await self._store.done(work, rev)
            log.info("webhook delivered", **facts)
            return
        again = None if sent.status == GONE else following(standing, now, sent.retry_after)
        await self._deliveries.keep(failed(standing, now, sent.fault, again))
        if again is None:
            await self._store.done(work, rev)
            log.error("webhook given up; `signoff webhooks` lists it", **facts, fault=sent.fault)
        else:
            await self._store.again(work, (again - now).total_seconds(), rev)
            log.warning("webhook not delivered", **facts, fault=sent.fault, again=again.isoformat())


def following(standing: Delivery, now: datetime, retry_after: float | None) -> datetime | None:
    """When it is tried after one more failed attempt; None: it has been tried for long enough."""
    end = (standing.first_at or now) + GIVE_UP
    if now >= end:
        return None
    delay = RETRIES[min(standing.attempts, len(RETRIES) - 1)] * random.uniform(1 - JITTER, 1 + JITTER)
    if retry_after is not None:
        delay = max(delay, min(retry_after, PATIENCE))
    return min(now + timedelta(seconds=delay), end)
