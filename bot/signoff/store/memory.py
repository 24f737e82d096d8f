"""The store in memory, for tests and try-outs: the same answers as Redis, for one process and until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from bisect import bisect_right, insort
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime

from signoff import audit
from signoff.audit import Entry, Line
from signoff.errors import IdempotencyConflict, NotFound, RateLimited, StoreUnavailable, TooManyOpen
from signoff.model import Event, Key, Placement, Request, Status
from signoff.ports import Caps, Filter, Idempotency, Opened, Page, Work
from signoff.store import record

MINUTE = 60_000
"""Milliseconds."""


def _system() -> datetime:
    return datetime.now(UTC)


class MemoryStore:
    """`ports.Store` without Redis. Records are kept as text, so what comes out is what Redis would give back."""

    def __init__(self, *, clock: Callable[[], datetime] = _system) -> None:
        """`clock`: the store's own clock; tests may move it."""
        self._clock = clock
        self._docs: dict[str, str] = {}
        self._indexes: dict[str, list[str]] = {}
        self._known: dict[tuple[str, str], tuple[str, str]] = {}
        self._rates: dict[str, tuple[int, int]] = {}
        self._lines: list[Line] = []
        self._events: list[Event] = []
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._news = asyncio.Event()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._due: dict[str, int] = {}
        self._leases: dict[str, str] = {}
        self._cards: dict[str, dict[str, Placement]] = {}
        self._memory: dict[tuple[str, str], tuple[str, int | None]] = {}
        self._keys: dict[str, Key] = {}
        self._closed = False

    async def start(self) -> None:
        """Nothing to open."""
        self._closed = False

    async def close(self) -> None:
        """Let every waiter go, with StoreUnavailable."""
        self._closed = True
        for request_id in list(self._waiting):
            self._wake(request_id)

    async def ping(self) -> None:
        """Always there."""

    def _ms(self) -> int:
        return record.milliseconds(self._clock())

    def _get(self, request_id: str) -> Request:
        doc = self._docs.get(request_id)
        if doc is None:
            raise NotFound
        return record.load(doc)

    # ── records ──────────────────────────────────────────────────────────────────────────────────

    async def now(self) -> datetime:
        return record.moment(self._ms())

    async def open(self, request: Request, entry: Entry, idempotency: Idempotency | None, caps: Caps) -> Opened:
        if request.id in self._docs:
            return Opened(request, replayed=False)
        if idempotency is not None:
            known = self._known.get((request.asked_by, idempotency.key))
            if known is not None:
                if known[1] != idempotency.body:
                    raise IdempotencyConflict
                return Opened(self._get(known[0]), replayed=True)
        now = self._ms()
        began, count = self._rates.get(request.asked_by, (now, 0))
        if now >= began + MINUTE:
            began, count = now, 0
        if count >= caps.per_minute:
            raise RateLimited(retry_after=-(-max(began + MINUTE - now, 1) // 1000))
        if request.open and len(self._indexes.get(f"key:pending:{request.asked_by}", ())) >= caps.open_requests:
            raise TooManyOpen(limit=caps.open_requests)
        self._rates[request.asked_by] = (began, count + 1)
        if idempotency is not None:
            self._known[request.asked_by, idempotency.key] = (request.id, idempotency.body)
        self._reindex(request.id, set(), set(record.indexes(request)))
        self._write(request, "request.created", entry, now)
        return Opened(request, replayed=False)

    def _reindex(self, request_id: str, was: set[str], becomes: set[str]) -> None:
        for name in was - becomes:
            self._indexes[name].remove(request_id)
        for name in becomes - was:
            insort(self._indexes.setdefault(name, []), request_id)

    def _write(self, request: Request, event: str, entry: Entry, now: int) -> None:
        """As `lua/_write.lua`; nothing is awaited here, which makes it one step."""
        self._docs[request.id] = record.dump(request)
        seq, previous = len(self._lines) + 1, self._lines[-1].link if self._lines else audit.GENESIS
        self._lines.append(Line(seq, now, entry.body, audit.link(previous, seq, now, entry.body_hash)))
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
        if request.id not in self._leases or request.id not in self._due:
            self._due[request.id] = now
        if not request.open:
            self._wake(request.id)
        self._news.set()
        self._news.clear()
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
                break

    def _wake(self, request_id: str) -> None:
        for future in self._waiting.pop(request_id, ()):
            if not future.done():
                future.set_result(None)

    async def load(self, request_id: str) -> tuple[Request, datetime]:
        return self._get(request_id), await self.now()

    async def move(self, before: Request, after: Request, event: str, entry: Entry) -> bool:
        standing = self._get(after.id) if after.id in self._docs else None
        if standing is None or standing.rev != before.rev:
            return False
        now = self._ms()
        overdue = standing.open and now >= record.milliseconds(standing.expires_at)
        if overdue and record.is_persons_decision(after):
            return False
        self._reindex(after.id, set(record.indexes(before)), set(record.indexes(after)))
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
        pending = [self._get(id_) for id_ in self._indexes.get("status:pending", ())]
        late = [(record.milliseconds(r.expires_at), r.id) for r in pending if record.milliseconds(r.expires_at) <= now]
        return [request_id for _, request_id in sorted(late)[:limit]]

    async def audit(self, after: int, limit: int) -> Sequence[Line]:
        start = max(after, 0)
        return self._lines[start : start + limit]

    # ── outbox ───────────────────────────────────────────────────────────────────────────────────

    async def claim(self, lease: float) -> Work | None:
        now = self._ms()
        due, request_id = min(((due, id_) for id_, due in self._due.items()), default=(now + 1, ""))
        if due > now:
            return None
        work = Work(request_id, secrets.token_hex(8))
        self._due[request_id] = now + int(lease * 1000)
        self._leases[request_id] = work.token
        return work

    async def placements(self, request_id: str) -> Sequence[Placement]:
        cards = self._cards.get(request_id, {})
        return [cards[place] for place in sorted(cards)]

    async def place(self, work: Work, placement: Placement) -> bool:
        if self._leases.get(work.request) != work.token:
            return False
        self._cards.setdefault(work.request, {})[placement.place] = placement
        return True

    async def done(self, work: Work, rev: int) -> None:
        if self._leases.get(work.request) != work.token:
            return
        del self._leases[work.request]
        if work.request in self._docs and self._get(work.request).rev != rev:
            self._due[work.request] = self._ms()
        else:
            self._due.pop(work.request, None)

    async def again(self, work: Work, delay: float, rev: int | None = None) -> None:
        if self._leases.get(work.request) == work.token:
            del self._leases[work.request]
            if rev is not None and work.request in self._docs and self._get(work.request).rev != rev:
                delay = 0
            self._due[work.request] = self._ms() + max(int(delay * 1000), 0)

    async def ripe(self, timeout: float) -> None:
        first = min(self._due.values(), default=None)
        left = timeout if first is None else min(timeout, max(first - self._ms(), 0) / 1000)
        idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(idle)
        try:
            async with asyncio.timeout(left):
                await idle
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(ValueError):
                self._idle.remove(idle)

    # ── memory and keys ──────────────────────────────────────────────────────────────────────────

    async def remember(self, space: str, key: str, value: str, ttl: float | None = None) -> None:
        self._memory[space, key] = (value, None if ttl is None else self._ms() + max(int(ttl * 1000), 1))

    async def recall(self, space: str, key: str) -> str | None:
        value, end = self._memory.get((space, key), (None, None))
        if end is not None and self._ms() >= end:
            del self._memory[space, key]
            return None
        return value

    async def forget(self, space: str, key: str) -> None:
        self._memory.pop((space, key), None)

    async def add_key(self, key: Key) -> None:
        self._keys[key.id] = Key.model_validate_json(key.model_dump_json())

    async def key(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)

    async def keys(self) -> Sequence[Key]:
        return [self._keys[key_id] for key_id in sorted(self._keys)]

    async def revoke_key(self, key_id: str) -> bool:
        key = self._keys.get(key_id)
        if key is None or key.revoked_at is not None:
            return False
        self._keys[key_id] = key.model_copy(update={"revoked_at": await self.now()})
        return True
