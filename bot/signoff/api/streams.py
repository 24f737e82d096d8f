"""`/v1/events` as server-sent events, and `/v1/audit`."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

from aiohttp import web

from signoff.api import answers, parameters
from signoff.api.door import Waits, caller
from signoff.desk import Desk
from signoff.errors import Invalid, StoreUnavailable, Unauthorized
from signoff.model import Event, Key, dumps, iso
from signoff.ports import Store

KEEP_ALIVE = 15.0
"""Seconds between comments on a quiet stream, so that proxies keep it open and a dead client is noticed."""
RETRY = 1000
"""Milliseconds after which an EventSource connects again."""
RECHECK = 1.0
"""Seconds after which a key that still listens is looked up again: a revoked one hears nothing more (I29)."""
AUDIT_PAGE = 100
MAX_AUDIT_PAGE = 1000
_POSITION = re.compile(r"[0-9]{1,18}(?:-[0-9]{1,18})?", re.ASCII)


class Streams:
    """The handlers, with what they stand on."""

    def __init__(self, desk: Desk, store: Store, waits: Waits) -> None:
        self._desk = desk
        self._store = store
        self._waits = waits

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/events", self.events, allow_head=False),
            web.get("/v1/audit", self.audit, allow_head=False),
        ]

    async def events(self, http: web.Request) -> web.StreamResponse:
        key = await caller(http, self._store, "agent", "admin")
        after = http.headers.get("Last-Event-ID") or None
        if after is not None and not _POSITION.fullmatch(after):
            sentence = "This is not the id of an event of this stream."
            raise Invalid({":Last-Event-ID": sentence}, f"Last-Event-ID: {sentence}")
        self._waits.take(key.id, http)
        try:
            return await self._stream(http, key, after)
        finally:
            self._waits.leave(key.id)

    async def _stream(self, http: web.Request, key: Key, after: str | None) -> web.StreamResponse:
        # Reading starts before the answer does: what happens after the client sees the headers is in the stream.
        stream = self._desk.events(after)
        upcoming = asyncio.ensure_future(anext(stream))
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        try:
            await self._store.ping()  # Redis away is still a clean 503 here
            await response.prepare(http)
            await response.write(f"retry: {RETRY}\n\n".encode())
            clock = asyncio.get_running_loop().time
            checked = clock()
            while True:
                done, _ = await asyncio.wait({upcoming}, timeout=KEEP_ALIVE)
                if not done:
                    frame = b": still here\n\n"
                else:
                    event = upcoming.result()
                    upcoming = asyncio.ensure_future(anext(stream))
                    if key.role != "admin" and event.asked_by != key.id:
                        continue
                    frame = _frame(event)
                if clock() - checked >= RECHECK:
                    await caller(http, self._store, key.role)
                    checked = clock()
                await response.write(frame)
        except (ConnectionError, StoreUnavailable, StopAsyncIteration, Unauthorized):
            if not response.prepared:
                raise
            # Hung up, Redis went away or the key was revoked: the client comes back with Last-Event-ID.
        except asyncio.CancelledError:
            if not self._waits.stopped():
                raise
        finally:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)
        return response

    async def audit(self, http: web.Request) -> web.Response:
        await caller(http, self._store, "admin")
        after = parameters.whole(http, "after", 0, 0, 10**17)
        limit = parameters.whole(http, "limit", AUDIT_PAGE, 1, MAX_AUDIT_PAGE)
        lines = await self._desk.audit(after, limit)
        return answers.answer(
            {
                "lines": [
                    {"seq": line.seq, "at": iso_ms(line.at), "at_ms": line.at, "body": line.body, "link": line.link}
                    for line in lines
                ],
                "after": lines[-1].seq if lines else after,
            }
        )


def _frame(event: Event) -> bytes:
    return f"id: {event.id}\nevent: {event.type}\ndata: {dumps(answers.event(event))}\n\n".encode()


def iso_ms(milliseconds: int) -> str:
    """Milliseconds since the epoch as RFC 3339."""
    return iso(datetime.fromtimestamp(milliseconds / 1000, UTC))
