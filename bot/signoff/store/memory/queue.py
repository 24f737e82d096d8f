"""Looking through what waits, and what has been decided, in memory."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from signoff.model import Facet, Request
from signoff.ports import Filter, Page
from signoff.store import queue, record
from signoff.store.memory.shelf import Shelf


class MemoryQueue(Shelf):
    """The part of `ports.Records` that looks at many."""

    async def count(self, which: Filter) -> int:
        return sum(len(self._indexes.get(name, ())) for name in record.sizes(which))

    async def several(self, ids: Sequence[str]) -> Sequence[Request]:
        return [self._get(id_) for id_ in ids if id_ in self._docs]

    async def facets(self) -> Sequence[Facet]:
        return [queue.sized(text, len(members)) for text, members in self._queues.items()]

    async def queue(self, facets: Sequence[Facet], cursor: str | None, limit: int) -> Page:
        place, last = queue.behind(cursor)
        found: list[Request] = []
        end = cursor
        for at, texts in queue.by_risk(facets):
            if at < place:
                continue
            start = last if at == place else ""
            buckets = [self._queues.get(text, []) for text in texts]
            merged = heapq.merge(*(islice(members, bisect_right(members, start), None) for members in buckets))
            for member in merged:
                if len(found) == limit:
                    return Page(tuple(found), end)
                found.append(self._get(member[queue.DIGITS :]))
                end = queue.cursor(at, member)
        return Page(tuple(found), None)

    async def decided_by(self, person: str, since: datetime, limit: int) -> Sequence[Request]:
        ended = self._ended.get(person, [])
        late = ended[bisect_left(ended, (record.milliseconds(since), "")) :]
        return [self._get(id_) for _, id_ in reversed(late[-limit:])]

    def _requeue(self, before: Request | None, after: Request) -> None:
        """As `lua/_queue.lua`."""
        if before is not None and before.open:
            text = queue.bucket(queue.facet(before))
            members = self._queues[text]
            del members[bisect_left(members, queue.member(before))]
            if not members:
                del self._queues[text]
        if after.open:
            insort(self._queues.setdefault(queue.bucket(queue.facet(after)), []), queue.member(after))
        self._refold(before, after)
        if before is not None and before.open and not after.open and after.decision is not None:
            at = record.milliseconds(after.decision.decided_at)
            for person in queue.deciders(after):
                insort(self._ended.setdefault(person, []), (at, after.id))

    def _refold(self, before: Request | None, after: Request) -> None:
        name = queue.repeats(after)
        if name is None or (before is not None and self._folds.get(name, ("", 0))[0] != after.id):
            return
        if after.open:
            self._folds[name] = (after.id, record.milliseconds(after.expires_at))
        elif before is not None:
            del self._folds[name]
