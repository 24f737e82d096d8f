"""Looking through what waits, and what has been decided, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

from signoff.model import Facet, Request
from signoff.ports import Filter, Page
from signoff.store import ids, queue, record
from signoff.store.redis import scripts
from signoff.store.redis.line import Line
from signoff.store.redis.names import Names

BREATH: Final = 256 * 1024
"""Characters of records read before others get their turn."""


class RedisQueue:
    """The part of `ports.Records` that looks at many."""

    _line: Line
    _names: Names

    async def count(self, which: Filter) -> int:
        sizes = await self._line.calls(*(("ZCARD", self._names.index(name)) for name in record.sizes(which)))
        return sum(cast("list[int]", sizes))

    async def several(self, ids: Sequence[str]) -> Sequence[Request]:
        if not ids:
            return []
        docs = cast("list[str | None]", await self._line.call("MGET", *map(self._names.doc, ids)))
        found: list[Request] = []
        read = 0
        for doc in docs:
            if (request := record.load_or_none(doc)) is not None:
                found.append(request)
            read += len(doc or "")
            if read >= BREATH:  # some are large, and others wait for their turn
                read = 0
                await asyncio.sleep(0)
        return found

    async def facets(self) -> Sequence[Facet]:
        flat = cast("list[str]", await self._line.call("HGETALL", self._names.queue))
        return [queue.sized(text, int(size)) for text, size in zip(flat[::2], flat[1::2], strict=True)]

    async def queue(self, facets: Sequence[Facet], cursor: str | None, limit: int) -> Page:
        place, last = queue.behind(cursor)
        risks = [(at, buckets) for at, buckets in queue.by_risk(facets) if at >= place]
        if not risks:
            return Page((), None)
        keys = [self._names.bucket(bucket) for _, buckets in risks for bucket in buckets]
        start = last if risks[0][0] == place else ""
        reply = await self._line.run(scripts.QUEUE, keys, limit + 1, start, *(len(buckets) for _, buckets in risks))
        found = [
            (queue.cursor(at, member), ids.whole(member[queue.DIGITS :]))
            for (at, _), members in zip(risks, cast("list[list[str]]", reply), strict=False)
            for member in members
        ]
        shown = found[:limit]
        wanted = {bucket for _, buckets in risks for bucket in buckets}
        # Between the two reads one may have ended, or gone to another kind.
        requests = [
            request
            for request in await self.several([request_id for _, request_id in shown])
            if request.open and queue.bucket(queue.facet(request)) in wanted
        ]
        return Page(tuple(requests), shown[-1][0] if len(found) > limit else None)

    async def decided_by(self, person: str, since: datetime, limit: int) -> Sequence[Request]:
        start = record.milliseconds(since)
        names = [self._names.ended(day, person) for day in queue.days(since)]
        lists = await self._line.calls(
            *(("ZREVRANGEBYSCORE", name, "+inf", start, "LIMIT", 0, limit) for name in names)
        )
        found = [member for members in cast("list[list[str]]", lists) for member in members]
        return await self.several([ids.whole(member) for member in found[:limit]])


def standing(names: Names, request: Request) -> tuple[str, ...]:
    """The keys of `lua/_queue.lua` for a new request: its bucket, and what repeats of it are known by."""
    if not request.open:
        return ()
    fold = queue.repeats(request)
    keys = (names.queue, names.bucket(queue.bucket(queue.facet(request))))
    return keys if fold is None else (*keys, names.fold(fold))


def moving(names: Names, before: Request, after: Request) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The same for a change: KEYS, and ARGV[19..23] of `lua/move.lua`."""
    was, becomes = queue.facet(before) if before.open else None, queue.facet(after) if after.open else None
    extended = after.expires_at != before.expires_at
    if was == becomes and not extended:
        was = becomes = None
    keys = [names.bucket(queue.bucket(kind)) for kind in (was, becomes) if kind is not None]
    if keys:
        keys.insert(0, names.queue)
    ends = before.open and not after.open
    fold = queue.repeats(after) if ends or (after.open and extended) else None
    if fold is not None:
        keys.append(names.fold(fold))
    at, people = 0, tuple[str, ...]()
    if ends and after.decision is not None:
        at, people = record.milliseconds(after.decision.decided_at), queue.deciders(after)
        day = queue.day(after.decision.decided_at)
        keys += [names.ended(day, person) for person in people]
    return tuple(keys), (int(was is not None), int(becomes is not None), int(fold is not None), len(people), at)
