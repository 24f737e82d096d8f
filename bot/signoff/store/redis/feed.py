"""One reader of the event stream per process; waiters, event followers and outbox workers all hang on it.

The stream keeps its entries, so a reader that was cut off goes on where it stopped and nobody misses a wake-up (I22).
Waiters register before they look at the record: what happens after the look is still to be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final, cast

from hiredis import ReplyError
from redis.exceptions import RedisError

from signoff.errors import StoreUnavailable
from signoff.model import Event, Request
from signoff.store import record
from signoff.store.redis.door import Door
from signoff.store.redis.line import Line
from signoff.store.redis.names import Names
from signoff.store.redis.wire import LostError, Wire

HEARTBEAT: Final = 5.0
"""Seconds that Redis holds a read without events. A reader that hears nothing for longer has lost its connection."""
READ: Final = ("XREAD", "COUNT", 500, "BLOCK", int(HEARTBEAT * 1000), "STREAMS")
GRACE: Final = 2.0
"""Seconds that the heartbeat may be late."""
BATCH: Final = 500
"""Events read at once."""
RECENT: Final = 4096
"""Events kept for followers, so that many of them cost one read."""
BACK_OFF: Final = (0.02, 2.0)
"""Seconds before the first new connection, and at most."""
CHECKED_AT_ONCE: Final = 500
"""Waiting requests looked up together after a reconnection."""

log = logging.getLogger("signoff.store")


class Feed:
    """Reads the stream and passes on what it finds."""

    def __init__(self, line: Line, door: Door, names: Names) -> None:
        self._line = line
        self._door = door
        self._names = names
        self.position = "0-0"
        """The last event read."""
        self._begun = False
        """Has the reader found the present yet?"""
        self.writing: dict[str, Request] = {}
        """What this process is just writing, by writer: its own waiters need no copy read from the event."""
        self._waiting: dict[str, list[asyncio.Future[Request | None]]] = {}
        self._idle: deque[asyncio.Future[None]] = deque()
        self._idle_hooks: deque[asyncio.Future[None]] = deque()
        """Those who wait for webhooks, which no event announces."""
        self._news = asyncio.Event()
        self._recent: deque[tuple[tuple[int, int], str, dict[str, str]]] = deque()
        self._floor = (0, 0)
        """Everything behind this position is in `_recent`."""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin at the present. Raises StoreUnavailable; the reader then begins when Redis comes."""
        try:
            self._begin(await self._last())
        finally:
            self._task = asyncio.create_task(self._run())

    def _begin(self, last: str) -> None:
        """Go on behind this event, with nothing read."""
        self.position = last
        self._recent.clear()
        self._floor = record.position(last)
        self._begun = True

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._wake_all()

    # ── those who wait ───────────────────────────────────────────────────────────────────────────

    def watch(self, request_id: str) -> asyncio.Future[Request | None]:
        """Done when the request has ended: with the record, or with None when it has to be loaded."""
        future: asyncio.Future[Request | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(request_id, []).append(future)
        return future

    def leave(self, request_id: str, future: asyncio.Future[Request | None]) -> None:
        futures = self._waiting.get(request_id)
        if futures is not None and future in futures:
            futures.remove(future)
            if not futures:
                del self._waiting[request_id]

    def idle(self, *, hooks: bool = False) -> asyncio.Future[None]:
        """Done at one of the next events. Each event wakes one who is idle: there is work for one."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._idle_hooks if hooks else self._idle).append(future)
        return future

    def busy(self, future: asyncio.Future[None]) -> None:
        for idlers in (self._idle, self._idle_hooks):
            with contextlib.suppress(ValueError):
                idlers.remove(future)

    def stir(self, *, hooks: bool = False) -> None:
        """Wake one who is idle."""
        idlers = self._idle_hooks if hooks else self._idle
        while idlers:
            idle = idlers.popleft()
            if not idle.done():
                idle.set_result(None)
                break

    @property
    def present(self) -> str:
        """Where followers begin that want what comes from now on. Raises StoreUnavailable before it is known."""
        if not self._begun:
            raise StoreUnavailable
        return self.position

    async def follow(self, after: str) -> AsyncIterator[Event]:
        """Events behind `after`, for ever. Raises StoreUnavailable."""
        order = record.position(after)
        while True:
            batch = self._since(order)
            if batch is None:
                batch = await self._stored(after)
                if not batch:  # trimmed away meanwhile: go on with what is kept
                    order = self._floor
                    continue
            if not batch:
                # Nothing was awaited since the look, so nothing can have slipped in between.
                await self._news.wait()
            for entry in batch:
                order, after, fields = entry
                yield record.event(after, fields)

    def _since(self, order: tuple[int, int]) -> Sequence[tuple[tuple[int, int], str, dict[str, str]]] | None:
        """Recent events behind a position; None when they do not reach back so far."""
        if order < self._floor:
            return None
        found: list[tuple[tuple[int, int], str, dict[str, str]]] = []
        for entry in reversed(self._recent):
            if entry[0] <= order:
                break
            found.append(entry)
        found.reverse()
        return found

    async def _stored(self, after: str) -> Sequence[tuple[tuple[int, int], str, dict[str, str]]]:
        """Events that this process has not read, or no longer keeps."""
        reply = await self._line.call("XRANGE", self._names.events, f"({after}", "+", "COUNT", BATCH)
        found = [_entry(event_id, flat) for event_id, flat in cast("list[tuple[str, list[str]]]", reply)]
        for _, _, fields in found:
            fields.pop("doc", None)
        return found

    # ── the reader ───────────────────────────────────────────────────────────────────────────────

    async def _last(self) -> str:
        reply = await self._line.call("XREVRANGE", self._names.events, "+", "-", "COUNT", 1)
        found = cast("list[tuple[str, list[str]]]", reply)
        return found[0][0] if found else "0-0"

    async def _run(self) -> None:
        pause, again = BACK_OFF[0], not self._begun
        while True:
            try:
                wire = await self._door.connect(HEARTBEAT + GRACE)
                try:
                    if again:
                        await self._resume()
                    if pause > BACK_OFF[0]:
                        log.info("the event reader has Redis again")
                    again, pause = True, BACK_OFF[0]
                    self._read(wire)
                    why: Exception = await wire.lost
                finally:
                    wire.close()
            except (OSError, RedisError, StoreUnavailable) as error:
                why = error
            again = True
            if pause == BACK_OFF[0]:  # once for each outage
                log.warning("the event reader lost Redis and goes on trying: %s", str(why) or type(why).__name__)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, BACK_OFF[1])
            with contextlib.suppress(OSError, RedisError):
                await self._door.moved()

    def _read(self, wire: Wire) -> None:
        """Ask for what is behind the position, and again when it has come."""

        def then(reply: object) -> None:
            if isinstance(reply, ReplyError):
                wire.close(LostError(str(reply)))
            elif not isinstance(reply, LostError):
                if reply is not None:
                    self._take(cast("list[tuple[str, list[tuple[str, list[str]]]]]", reply)[0][1])
                loop.call_soon(self._read, wire)  # those who were woken go first

        loop = asyncio.get_running_loop()
        wire.send((*READ, self._names.events, self.position), then)

    def _take(self, entries: Sequence[tuple[str, list[str]]]) -> None:
        for event_id, flat in entries:
            entry = _entry(event_id, flat)
            fields = entry[2]
            doc = fields.pop("doc", None)
            self.position = event_id
            if fields["status"] != "pending":
                futures = self._waiting.pop(fields["request"], ())
                if futures:
                    ended = self.writing.get(fields["writer"]) or record.load_or_none(doc)
                    for future in futures:
                        if not future.done():
                            future.set_result(ended)
            if len(self._recent) == RECENT:
                self._floor = self._recent.popleft()[0]
            self._recent.append(entry)
            if "quiet" not in fields:
                self.stir()
        self._news.set()
        self._news.clear()

    async def _resume(self) -> None:
        """After a reconnection. Redis may have come back without its last moments (a restart writes once a second, a
        fail-over loses what was not replicated): go back to what it knows, and look at every request waited for.
        """
        last = await self._last()
        if not self._begun or record.position(last) < record.position(self.position):
            self._begin(last)
        waiting = list(self._waiting)
        for start in range(0, len(waiting), CHECKED_AT_ONCE):
            ids = waiting[start : start + CHECKED_AT_ONCE]
            heads = cast("list[str | None]", await self._line.call("MGET", *map(self._names.head, ids)))
            for request_id, head in zip(ids, heads, strict=True):
                if head is None or " pending " not in head:
                    self._wake(request_id)
        self._wake_idle()

    def _wake(self, request_id: str) -> None:
        for future in self._waiting.pop(request_id, ()):
            if not future.done():
                future.set_result(None)

    def _wake_idle(self) -> None:
        for idlers in (self._idle, self._idle_hooks):
            while idlers:
                idle = idlers.popleft()
                if not idle.done():
                    idle.set_result(None)

    def _wake_all(self) -> None:
        for request_id in list(self._waiting):
            self._wake(request_id)
        self._wake_idle()


def _entry(event_id: str, flat: list[str]) -> tuple[tuple[int, int], str, dict[str, str]]:
    return record.position(event_id), event_id, dict(zip(flat[::2], flat[1::2], strict=True))
