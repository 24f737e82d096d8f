"""Requests in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from signoff.audit import Entry
from signoff.audit import Line as AuditLine
from signoff.errors import BudgetSpent, IdempotencyConflict, NotFound, Overtaken, RateLimited, Remembered, TooManyOpen
from signoff.model import Event, Request, Status
from signoff.ports import NOTHING, Caps, Conditions, Filter, Idempotency, Opened, Page
from signoff.store import ids, record
from signoff.store.redis import scripts
from signoff.store.redis.feed import Feed
from signoff.store.redis.line import Line, clock, writer
from signoff.store.redis.names import Names
from signoff.store.redis.orders import conditioned
from signoff.store.redis.queue import RedisQueue, moving, standing

EVENTS_KEPT: Final = timedelta(days=7)
"""How long an event stays readable for those who resume."""
DOC_IN_EVENT: Final = 16 * 1024
"""Characters up to which the event of an end carries the record, which spares its waiters a read."""
LOOKED_AT: Final = 1000
"""Records that one page looks at for a filter without an index of its own."""
AT_ONCE: Final = 200
"""Of these, how many in one read."""


class RedisRecords(RedisQueue):
    """`ports.Records`."""

    _line: Line
    _names: Names
    _feed: Feed

    async def now(self) -> datetime:
        return clock(await self._line.call("TIME"))

    async def open(
        self,
        request: Request,
        entry: Entry,
        idempotency: Idempotency | None,
        caps: Caps,
        conditions: Conditions = NOTHING,
    ) -> Opened:
        names = self._names
        indexes = tuple(map(names.index, record.indexes(request)))
        waits = standing(names, request)
        held, holds = conditioned(names, conditions)
        keys = (
            *names.written(request.id),
            names.idempotency(request.asked_by, idempotency.key if idempotency else ""),
            names.rate(request.asked_by),
            names.index(f"key:pending:{request.asked_by}"),
            *indexes,
            *waits,
            *held,
        )
        reply = await self._line.run(
            scripts.OPEN,
            keys,
            *_written(request, "request.created", entry, writer(), end=False),
            idempotency.body if idempotency else "",
            caps.open_requests,
            caps.per_minute,
            len(indexes),
            int(len(waits) == 3),
            *holds,
        )
        answer = cast("list[str]", reply)
        match answer[0]:
            case "opened":
                return Opened(request, replayed=False)
            case "known":
                return Opened((await self.load(answer[1]))[0], replayed=True)
            case "folded":
                return Opened((await self.load(answer[1]))[0], replayed=False, folded=True)
            case "conflict":
                raise IdempotencyConflict
            case "rate":
                raise RateLimited(retry_after=-(-int(answer[1]) // 1000))
            case "frozen":
                raise record.frozen(answer[1])
            case "overtaken":
                raise Overtaken
            case "spent":
                raise BudgetSpent
            case "remembered":
                raise Remembered
            case _:
                raise TooManyOpen(limit=caps.open_requests)

    async def load(self, request_id: str) -> tuple[Request, datetime]:
        # The clock after the record, on one connection: the record is never younger than the time it comes with.
        doc, time = await self._line.calls(("GET", self._names.doc(request_id)), ("TIME",))
        if doc is None:
            raise NotFound
        return record.load(cast("str", doc)), clock(time)

    async def move(
        self, before: Request, after: Request, event: str, entry: Entry, conditions: Conditions = NOTHING
    ) -> bool:
        was, becomes = tuple(record.indexes(before)), tuple(record.indexes(after))
        leaves = [name for name in was if name not in becomes]
        enters = [name for name in becomes if name not in was]
        stands, moves = moving(self._names, before, after)
        held, holds = conditioned(self._names, conditions)
        index = self._names.index
        keys = (*self._names.written(after.id), *map(index, leaves), *map(index, enters), *stands, *held)
        name = writer()
        written = _written(after, event, entry, name, end=before.open and not after.open)
        personal = int(record.is_personal(before, after))
        self._feed.writing[name] = after
        try:
            reply = await self._line.run(
                scripts.MOVE, keys, *written, before.rev, personal, len(leaves), len(enters), *moves, *holds
            )
        finally:
            del self._feed.writing[name]
        if isinstance(reply, str):
            raise record.frozen(reply)
        return reply == 1

    async def wait(self, request_id: str, timeout: float) -> Request:
        ended = self._feed.watch(request_id)
        try:
            head = cast("str | None", await self._line.call("GET", self._names.head(request_id)))
            if head is None:
                raise NotFound
            if head.split(" ")[1] == "pending":
                async with asyncio.timeout(timeout):
                    found = await ended
                if found is not None:
                    return found
        except TimeoutError:
            pass
        finally:
            self._feed.leave(request_id, ended)
        return (await self.load(request_id))[0]

    def events(self, after: str | None) -> AsyncIterator[Event]:
        if after is not None:
            record.position(after)  # a wrong one is refused here, not at the first event
        return self._feed.follow(self._feed.present if after is None else after)

    async def page(self, which: Filter, cursor: str | None, limit: int) -> Page:
        choices = record.choices(which)
        if not choices:
            return Page((), None)
        group = choices[0] if len(choices) == 1 else await self._smallest(choices)
        exact = record.is_exact(which, group)
        found: list[Request] = []
        looked_at = 0
        while True:
            next_, more = await self._ids(group, cursor, limit if exact else AT_ONCE)
            docs = (
                cast("list[str | None]", await self._line.call("MGET", *map(self._names.doc, next_))) if next_ else []
            )
            for index, (cursor, doc) in enumerate(zip(next_, docs, strict=True)):
                # One that cannot be read is left out: it must not keep all others from being listed.
                request = record.load_or_none(doc)
                # Also what an exact index holds is looked at: between the two reads it may have moved on.
                if request is not None and record.matches(request, which):
                    found.append(request)
                    if len(found) == limit:
                        return Page(tuple(found), cursor if more or index + 1 < len(next_) else None)
            looked_at += len(next_)
            if not more:
                return Page(tuple(found), None)
            if exact or looked_at >= LOOKED_AT:
                return Page(tuple(found), cursor)

    async def _smallest(self, choices: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        sizes = await self._line.calls(*(("ZCARD", self._names.index(group[0])) for group in choices))
        return choices[min(range(len(choices)), key=lambda i: cast("int", sizes[i]))]

    async def _ids(self, group: tuple[str, ...], cursor: str | None, count: int) -> tuple[list[str], bool]:
        """The next ids of the merged indexes, and whether there are more behind them."""
        start = "-" if cursor is None else f"({ids.short(cursor)}"
        reply = await self._line.calls(
            *(("ZRANGEBYLEX", self._names.index(name), start, "+", "LIMIT", 0, count + 1) for name in group)
        )
        lists = cast("list[list[str]]", reply)
        found = lists[0] if len(lists) == 1 else sorted({member for members in lists for member in members})
        return [ids.whole(member) for member in found[:count]], len(found) > count

    async def counts(self, asked_by: str | None = None) -> Mapping[Status, int]:
        sizes = await self._line.calls(*(("ZCARD", self._names.index(name)) for _, name in record.counted(asked_by)))
        return dict(zip(record.STATUSES, cast("list[int]", sizes), strict=True))

    async def overdue(self, limit: int) -> Sequence[str]:
        now = record.milliseconds(await self.now())
        reply = await self._line.call("ZRANGEBYSCORE", self._names.expiring, "-inf", now, "LIMIT", 0, limit)
        return [ids.whole(member) for member in cast("list[str]", reply)]

    async def audit(self, after: int, limit: int) -> Sequence[AuditLine]:
        reply = await self._line.call("XRANGE", self._names.audit, f"{max(after, 0) + 1}-0", "+", "COUNT", limit)
        lines: list[AuditLine] = []
        for line_id, flat in cast("list[tuple[str, list[str]]]", reply):
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            lines.append(AuditLine(int(line_id.partition("-")[0]), int(fields["at"]), fields["body"], fields["link"]))
        return lines


def _written(request: Request, event: str, entry: Entry, writer: str, *, end: bool) -> tuple[str | int, ...]:
    """ARGV[1..14] of `lua/_write.lua`."""
    doc = record.dump(request)
    return (
        request.id,
        doc,
        request.status,
        request.rev,
        record.milliseconds(request.expires_at),
        writer,
        entry.body,
        entry.body_hash,
        event,
        request.asked_by,
        int(EVENTS_KEPT.total_seconds() * 1000),
        int(end and len(doc) <= DOC_IN_EVENT),
        record.milliseconds(request.wakes_at) if request.open else int(not record.is_quiet(request)),
        ids.short(request.id),
    )
