"""The two sides of every comparison: our store and the reference, each asking, deciding and waiting."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol

from made import CAPS, Opening, approved, asked
from reference import Reference

from signoff.model import Request
from signoff.ports import Store

PATIENCE = 60.0
"""Seconds that a waiter waits."""


class Side(Protocol):
    async def park(self) -> None:
        """One more request that somebody waits for."""
        ...

    async def once(self) -> float:
        """Decide one of those waited for: seconds from the decision being sent to its waiter having it."""
        ...

    async def cycles(self, count: int, in_flight: int) -> float:
        """Ask, settle and resume `count` requests: cycles a second."""
        ...


class Ours:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.parked: list[tuple[Request, asyncio.Task[float]]] = []

    async def park(self) -> None:
        request, entry = asked()
        await self._store.open(request, entry, None, CAPS)
        await self.hold(request)

    async def hold(self, request: Request) -> None:
        self.parked.append((request, asyncio.create_task(self._wait(request.id))))
        await asyncio.sleep(0)
        await self._store.ping()  # answered behind the waiter's own look at the record: from here on it is parked

    async def _wait(self, request_id: str) -> float:
        found = await self._store.wait(request_id, PATIENCE)
        resumed = time.perf_counter()
        assert found.status == "approved"
        return resumed

    async def once(self) -> float:
        before, waiter = self.parked.pop(random.randrange(len(self.parked)))
        after, entry = approved(before)
        began = time.perf_counter()
        moved = await self._store.move(before, after, "request.decided", entry)
        resumed = await waiter
        assert moved
        return resumed - began

    async def cycles(self, count: int, in_flight: int) -> float:
        work: list[tuple[Opening, Opening]] = []
        for _ in range(count):
            opening = asked()
            work.append((opening, approved(opening[0])))

        async def worker() -> None:
            while work:
                (request, entry), (after, decided) = work.pop()
                await self._store.open(request, entry, None, CAPS)
                waiter = asyncio.create_task(self._wait(request.id))
                await asyncio.sleep(0)  # the waiter is on its way to Redis before the decision
                assert await self._store.move(request, after, "request.decided", decided)
                await waiter

        return await _rate(worker, count, in_flight)

    async def close(self) -> None:
        for _, waiter in self.parked:
            waiter.cancel()
        await asyncio.gather(*(waiter for _, waiter in self.parked), return_exceptions=True)


class Theirs:
    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._parked: list[tuple[str, asyncio.Task[float]]] = []

    async def park(self) -> None:
        name, future = await self._reference.ask()
        self._parked.append((name, asyncio.create_task(_resumed(future))))
        await asyncio.sleep(0)

    async def once(self) -> float:
        name, waiter = self._parked.pop(random.randrange(len(self._parked)))
        began = time.perf_counter()
        moved = await self._reference.decide(name)
        resumed = await waiter
        assert moved
        return resumed - began

    async def cycles(self, count: int, in_flight: int) -> float:
        left = count

        async def worker() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                name, future = await self._reference.ask()
                waiter = asyncio.create_task(_resumed(future))
                await asyncio.sleep(0)
                assert await self._reference.decide(name)
                await waiter

        return await _rate(worker, count, in_flight)

    async def close(self) -> None:
        for _, waiter in self._parked:
            waiter.cancel()
        await asyncio.gather(*(waiter for _, waiter in self._parked), return_exceptions=True)


async def _resumed(future: asyncio.Future[None]) -> float:
    await future
    return time.perf_counter()


async def _rate(worker: object, count: int, in_flight: int) -> float:
    assert callable(worker)
    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return count / (time.perf_counter() - began)


async def sample(side: Side, count: int) -> list[float]:
    """`count` decisions, one at a time; each decided request is followed by a new one."""
    found: list[float] = []
    for _ in range(count):
        found.append(await side.once())
        await side.park()
    return found
