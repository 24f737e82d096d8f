"""One connection for every call of a process.

Commands go out as they come and replies come back in the same order, so ten thousand callers need one connection and
nobody waits for a free one. redis-py makes the connection (addresses, TLS, sign-in, packing, parsing); its own client
gives every call a connection of its own, which costs two to three times the time (see `make bench`).

Every command sent through here may be sent twice: when a connection breaks, calls whose answer was on its way are sent
again on the next one. Scripts recognise their own repetition.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from signoff.errors import StoreUnavailable
from signoff.store.redis.door import Door, Wire
from signoff.store.redis.scripts import Script

PATIENCE: Final = 1.5
"""Seconds until a call gives up: a click has to be answered within 3 s, failures too."""
PAUSE: Final = 0.05
"""Seconds between attempts while Redis starts, fails over or moves our slot."""
ELSEWHERE = (MovedError, AskError, ReadOnlyError)
"""Replies that say that another node has become ours."""
SOON = (*ELSEWHERE, ClusterDownError, TryAgainError)
"""Replies that pass by themselves."""


class _LostError(Exception):
    """The connection broke; the answer may or may not have been on its way."""


class _LateError(Exception):
    """Redis did not answer in time."""


class _Live:
    """One connection while it lasts."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._asked: deque[tuple[asyncio.Future[object], float]] = deque()
        self._guard: asyncio.TimerHandle | None = None
        self.lost = False
        self._reader = asyncio.create_task(self._read())

    async def ask(self, *commands: Sequence[str | int]) -> list[object]:
        """The replies; an error as a value. Never raises for what Redis says."""
        # redis-py would connect anew by itself, in the middle of the queue: so look first, without a pause between.
        if self.lost or not self._wire.is_connected:
            return [_LostError()] * len(commands)
        pack, new = self._wire.pack_command, self._loop.create_future
        packed = [part for command in commands for part in pack(*command)]
        now = self._loop.time()
        answers: list[asyncio.Future[object]] = [new() for _ in commands]
        self._asked.extend([(answer, now) for answer in answers])
        if self._guard is None:
            self._guard = self._loop.call_at(now + PATIENCE, self._check)
        try:
            await self._wire.send_packed_command(packed, check_health=False)
        except (RedisError, OSError):
            self._break(_LostError())
        return [await answer for answer in answers]

    async def _read(self) -> None:
        read, asked = self._wire.read_response, self._asked
        try:
            while True:
                try:
                    reply = await read()
                except ResponseError as error:
                    reply = error
                answer = asked.popleft()[0]
                if not answer.done():  # the caller may have left
                    answer.set_result(reply)
        except (RedisError, OSError):
            self._break(_LostError())

    def _check(self) -> None:
        """One timer for all calls, armed while there are any."""
        self._guard = None
        if not self._asked:
            return
        due = self._asked[0][1] + PATIENCE
        if due > self._loop.time():
            self._guard = self._loop.call_at(due, self._check)
        else:
            self._break(_LateError())

    def _break(self, why: Exception) -> None:
        self.lost = True
        self._reader.cancel()
        for answer, _ in self._asked:
            if not answer.done():
                answer.set_result(why)
        self._asked.clear()

    async def close(self) -> None:
        self._break(_LostError())
        if self._guard is not None:
            self._guard.cancel()
        with contextlib.suppress(asyncio.CancelledError, RedisError, OSError):
            await self._reader
        with contextlib.suppress(RedisError, OSError):
            await self._wire.disconnect(nowait=True)


class Line:
    """Calls to Redis. Every method raises StoreUnavailable when there is no answer in time."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._live: _Live | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def call(self, *command: str | int) -> object:
        """One command's reply."""
        reply = await self._ask(command)
        if isinstance(reply, Exception):
            raise StoreUnavailable from reply
        return reply

    async def calls(self, *commands: Sequence[str | int]) -> list[object]:
        """The replies of several commands that change nothing, sent together."""
        live = self._live
        if live is not None and not live.lost:
            replies = await live.ask(*commands)
            if not any(isinstance(reply, Exception) for reply in replies):
                return replies
        return [await self.call(*command) for command in commands]

    async def run(self, script: Script, keys: Sequence[str], *args: str | int) -> object:
        """One script's answer; every key it touches is in `keys`."""
        reply = await self._ask(("EVALSHA", script.sha, len(keys), *keys, *args))
        if isinstance(reply, NoScriptError):  # first use since Redis started
            reply = await self._ask(("EVAL", script.source, len(keys), *keys, *args))
        if isinstance(reply, Exception):
            raise StoreUnavailable from reply
        return reply

    async def _ask(self, command: Sequence[str | int]) -> object:
        began = time.monotonic()
        live = self._live
        if live is not None and not live.lost:  # nearly always
            (reply,) = await live.ask(command)
            if not isinstance(reply, (_LostError, *SOON)):
                return reply
            if isinstance(reply, ELSEWHERE):
                await self._turn(live)
        return await self._insist(command, PATIENCE - (time.monotonic() - began))

    async def _insist(self, command: Sequence[str | int], patience: float) -> object:
        """Try until an answer comes or the caller's time is up."""
        reply: object = _LostError()
        try:
            async with asyncio.timeout(patience):
                while not self._closed:
                    try:
                        live = await self._connected()
                    except (RedisError, OSError) as error:
                        reply = error
                    else:
                        (reply,) = await live.ask(command)
                        if not isinstance(reply, (_LostError, *SOON)):
                            return reply
                        if isinstance(reply, ELSEWHERE):
                            await self._turn(live)
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            pass
        return reply if isinstance(reply, Exception) else _LateError()

    async def _connected(self) -> _Live:
        async with self._connecting:
            if self._live is not None and not self._live.lost:
                return self._live
            if self._live is not None:
                await self._live.close()
                self._live = None
            try:
                self._live = _Live(await self._door.connect())
            except (RedisError, OSError):
                await self._door.moved()
                raise
            return self._live

    async def _turn(self, live: _Live) -> None:
        """Leave a node that is no longer ours."""
        if live is self._live:
            self._live = None
            await live.close()
            await self._door.moved()

    async def close(self) -> None:
        self._closed = True
        async with self._connecting:
            if self._live is not None:
                await self._live.close()
                self._live = None
