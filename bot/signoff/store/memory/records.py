"""Requests in memory."""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from signoff.audit import Entry, Line
from signoff.errors import BudgetSpent, IdempotencyConflict, Overtaken, RateLimited, StoreUnavailable, TooManyOpen
from signoff.model import Event, Request, Status
from signoff.ports import NOTHING, Caps, Conditions, Filter, Idempotency, Opened, Page
from signoff.store import queue, record
from signoff.store.memory.orders import MemoryOrders
from signoff.store.memory.queue import MemoryQueue

MINUTE = 60_000
"""Milliseconds."""


class MemoryRecords(MemoryQueue, MemoryOrders):
    """`ports.Records`."""

    async def open(
        self,
        request: Request,
        entry: Entry,
        idempotency: Idempotency | None,
        caps: Caps,
        conditions: Conditions = NOTHING,
    ) -> Opened:
        if request.id in self._docs:
            return Opened(request, replayed=False)
        if idempotency is not None:
            known = self._known.get((request.asked_by, idempotency.key))
            if known is not None:
                if known[1] != idempotency.body:
                    raise IdempotencyConflict
                return Opened(self._get(known[0]), replayed=True)
        now = self._ms()
        first = self._repeated(request, now)
        if first is not None:
            if idempotency is not None:
                self._known[request.asked_by, idempotency.key] = (first.id, idempotency.body)
            return Opened(first, replayed=False, folded=True)
        began, count = self._rates.get(request.asked_by, (now, 0))
        if now >= began + MINUTE:
            began, count = now, 0
        if count >= caps.per_minute:
            raise RateLimited(retry_after=-(-max(began + MINUTE - now, 1) // 1000))
        if request.open and len(self._indexes.get(f"key:pending:{request.asked_by}", ())) >= caps.open_requests:
            raise TooManyOpen(limit=caps.open_requests)
        self._take(conditions, now)
        self._rates[request.asked_by] = (began, count + 1)
        if idempotency is not None:
            self._known[request.asked_by, idempotency.key] = (request.id, idempotency.body)
        self._reindex(request.id, set(), set(record.indexes(request)))
        self._requeue(None, request)
        self._write(request, "request.created", entry, now)
        return Opened(request, replayed=False)

    def _repeated(self, request: Request, now: int) -> Request | None:
        """The pending request that asks the same, if it has not expired by now."""
        name = queue.repeats(request) if request.open else None
        first, end = self._folds.get(name, ("", 0)) if name is not None else ("", 0)
        return self._get(first) if now < end else None

    def _reindex(self, request_id: str, was: set[str], becomes: set[str]) -> None:
        for name in was - becomes:
            self._indexes[name].remove(request_id)
        for name in becomes - was:
            insort(self._indexes.setdefault(name, []), request_id)

    def _write(self, request: Request, event: str, entry: Entry, now: int) -> None:
        """As `lua/_write.lua`; nothing is awaited here, which makes it one step."""
        self._docs[request.id] = record.dump(request)
        self._set_timer(request)
        self._chain(entry, now)
        ms, count = record.position(self._events[-1].id) if self._events else (0, 0)
        event_id = f"{now}-0" if now > ms else f"{ms}-{count + 1}"
        self._events.append(
            Event(
                id=event_id,
                type=event,
                request=request.id,
                status=request.status,
                rev=request.rev,
                asked_by=request.asked_by,
                at=record.moment(max(now, ms)),
            )
        )
        if not record.is_quiet(request) and (request.id not in self._leases or request.id not in self._due):
            self._due[request.id] = now - (queue.AHEAD if request.open else 0)
        if not request.open:
            self._wake(request.id)
        self._news.set()
        self._news.clear()
        self._stir()

    def _set_timer(self, request: Request) -> None:
        """In order, so that looking for what is due costs nothing while many wait."""
        before = self._wakes.pop(request.id, None)
        if before is not None:
            del self._timers[bisect_left(self._timers, (before, request.id))]
        if request.open:
            self._wakes[request.id] = wakes = record.milliseconds(request.wakes_at)
            insort(self._timers, (wakes, request.id))

    def _wake(self, request_id: str) -> None:
        for future in self._waiting.pop(request_id, ()):
            if not future.done():
                future.set_result(None)

    async def load(self, request_id: str) -> tuple[Request, datetime]:
        return self._get(request_id), await self.now()

    async def move(
        self, before: Request, after: Request, event: str, entry: Entry, conditions: Conditions = NOTHING
    ) -> bool:
        standing = self._get(after.id) if after.id in self._docs else None
        if standing is None or standing.rev != before.rev:
            return False
        now = self._ms()
        overdue = standing.open and now >= record.milliseconds(standing.expires_at)
        if overdue and record.is_personal(before, after):
            return False
        try:
            self._take(conditions, now)
        except (Overtaken, BudgetSpent):
            return False
        self._reindex(after.id, set(record.indexes(before)), set(record.indexes(after)))
        self._requeue(before, after)
        self._write(after, event, entry, now)
        return True

    async def wait(self, request_id: str, timeout: float) -> Request:
        request = self._get(request_id)
        if not request.open:
            return request
        if self._closed:
            raise StoreUnavailable
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(request_id, []).append(future)
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(KeyError, ValueError):
                self._waiting[request_id].remove(future)
        if self._closed:
            raise StoreUnavailable
        return self._get(request_id)

    def events(self, after: str | None) -> AsyncIterator[Event]:
        return self._follow(len(self._events) if after is None else self._behind(after))

    def _behind(self, after: str) -> int:
        return bisect_right(self._events, record.position(after), key=lambda event: record.position(event.id))

    async def _follow(self, index: int) -> AsyncIterator[Event]:
        while True:
            while index < len(self._events):
                yield self._events[index]
                index += 1
            await self._news.wait()

    async def page(self, which: Filter, cursor: str | None, limit: int) -> Page:
        found: list[Request] = []
        choices = record.choices(which)
        group = min(choices, key=lambda names: len(self._indexes.get(names[0], ())), default=())
        ids = sorted({id_ for name in group for id_ in self._indexes.get(name, ())})
        for id_ in ids[bisect_right(ids, cursor) if cursor is not None else 0 :]:
            if len(found) == limit:
                return Page(tuple(found), found[-1].id)
            request = self._get(id_)
            if record.matches(request, which):
                found.append(request)
        return Page(tuple(found), None)

    async def counts(self, asked_by: str | None = None) -> Mapping[Status, int]:
        return {status: len(self._indexes.get(name, ())) for status, name in record.counted(asked_by)}

    async def overdue(self, limit: int) -> Sequence[str]:
        now = self._ms()
        late = bisect_left(self._timers, (now + 1, ""))
        return [request_id for _, request_id in self._timers[: min(late, limit)]]

    async def audit(self, after: int, limit: int) -> Sequence[Line]:
        start = max(after, 0)
        return self._lines[start : start + limit]
