"""Every card converges to what it stands for.

Level-triggered. The atomic step that changes a record also marks the request as due; whichever worker claims it
compares what every place shows with what the record says and posts or repaints the difference. Claiming twice, dying
between any two steps or missing an event therefore changes nothing but the time it takes (I21, I24).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping

import structlog

from signoff.desk import Desk
from signoff.errors import StoreUnavailable, where
from signoff.model import is_pile
from signoff.ports import Chat, Store, Work
from signoff.relay import pace
from signoff.relay.delivery import Delivery
from signoff.relay.hooks import Hooks
from signoff.relay.piles import Piles
from signoff.relay.requests import Requests
from signoff.relay.sweeper import sweep

log = structlog.get_logger("signoff.relay")


class Relay:
    """Runs on every replica; leases in the store make sure that exactly one does each piece of work."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        chats: Mapping[str, Chat],
        hooks: Hooks | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`hooks`: what sends webhooks; None: another process does. `clock`: seconds that only go forward; tests may
        move them.
        """
        self._store = store
        self._desk = desk
        self._clock = clock
        self._delivery = Delivery(store, chats, clock)
        self._requests = Requests(store, desk, self._delivery)
        self._piles = Piles(store, desk, self._delivery)
        self._hooks = hooks
        self._tasks: list[asyncio.Task[None]] = []
        self._held: dict[asyncio.Task[None], Work] = {}
        self._closing = False

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._worker()) for _ in range(pace.WORKERS)]
        self._tasks.append(asyncio.create_task(sweep(self._store, self._desk)))
        if self._hooks is not None:
            self._hooks.start()

    async def close(self) -> None:
        """Let calls under way finish, and give back what is not done, so that the next process need not wait for it."""
        self._closing = True
        await asyncio.gather(self._close(), *(() if self._hooks is None else (self._hooks.close(),)))

    async def _close(self) -> None:
        for task in self._tasks:
            if task not in self._held:
                task.cancel()
        if self._held:
            await asyncio.wait(self._held, timeout=pace.FINISH)
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
                work = await self._store.claim(pace.LEASE)
                if work is None:
                    await self._store.ripe(pace.IDLE)
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
                await asyncio.sleep(pace.FIRST_RETRY)
            except Exception as error:  # noqa: BLE001 - a worker that dies would leave cards behind
                log.error("relay failed", fault=where(error))
                await asyncio.sleep(pace.FIRST_RETRY)

    async def _give_back(self, work: Work) -> None:
        """Due again soon. Without the store it is due again when the lease has lapsed, so that is how long to try."""
        delay = self._delivery.backoff(work.request)
        end = self._clock() + pace.LEASE
        while self._clock() < end:
            try:
                await self._store.again(work, delay)
                return
            except StoreUnavailable:
                await asyncio.sleep(pace.STORE_RETRY)

    async def converge(self, work: Work) -> None:
        """Bring every place up to what it stands for, or give the lease back with a delay.

        Raises StoreUnavailable; the lease is then still held.
        """
        await (self._piles if is_pile(work.request) else self._requests).converge(work)
