"""Connections that outlive a call by some seconds, on whatever event loops come and go. Nobody has to close them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

IDLE = 4.0
"""Seconds that a connection is kept for the next call: long enough from asking to reporting, and less than any usual
proxy keeps its side open (5 s and more).
"""


class _Quiet(aiohttp.TCPConnector):
    def __del__(self, *_: object) -> None:
        """A loop that is left as it stands takes its connections along; aiohttp would log an error about them."""


@dataclass(slots=True)
class _Kept:
    """Of one event loop."""

    connector: aiohttp.TCPConnector
    end: AsyncGenerator[None]
    session: aiohttp.ClientSession | None = None
    """While there are users."""
    users: int = 0


class Connections:
    """Shared by the calls that are open at the same time on one event loop, and by those that follow soon."""

    def __init__(self) -> None:
        self._kept: dict[asyncio.AbstractEventLoop, _Kept] = {}

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[aiohttp.ClientSession]:
        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop) or await self._new(loop)
        if kept.session is None:
            kept.session = aiohttp.ClientSession(
                connector=kept.connector, connector_owner=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        kept.users += 1
        try:
            yield kept.session
        finally:
            kept.users -= 1
            if not kept.users:
                kept.session.detach()
                kept.session = None

    async def close(self) -> None:
        """Close what is idle on this event loop."""
        kept = self._kept.get(asyncio.get_running_loop())
        if kept is not None and not kept.users:
            await kept.end.aclose()

    async def _new(self, loop: asyncio.AbstractEventLoop) -> _Kept:
        for other in [one for one in list(self._kept) if one.is_closed()]:
            self._kept.pop(other, None)
        # No limit: ten thousand waits are ten thousand connections, and each must be able to open.
        connector = _Quiet(limit=0, keepalive_timeout=IDLE)
        kept = self._kept[loop] = _Kept(connector, self._end(loop, connector))
        await anext(kept.end)
        return kept

    async def _end(self, loop: asyncio.AbstractEventLoop, connector: aiohttp.TCPConnector) -> AsyncGenerator[None]:
        """Closes them with the loop: what runs one (`asyncio.run`, say) closes its generators behind the last task."""
        try:
            yield
        finally:
            self._kept.pop(loop, None)
            await connector.close()
