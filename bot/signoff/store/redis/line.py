"""Every call of a process, over one connection that is made anew when it breaks.

Every command sent through here may be sent twice: when a connection breaks, calls whose answer was on its way are sent
again on the next one. Scripts recognise their own repetition.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

from hiredis import ReplyError
from redis.exceptions import RedisError

from signoff.errors import StoreUnavailable
from signoff.store.record import moment
from signoff.store.redis.door import Door
from signoff.store.redis.scripts import Script
from signoff.store.redis.wire import Command, LateError, LostError, Wire

PATIENCE: Final = 1.5
"""Seconds until a call gives up: a click has to be answered within 3 s, failures too."""
PAUSE: Final = 0.05
"""Seconds between attempts while Redis starts, fails over or moves our slot."""
ELSEWHERE: Final = frozenset({"MOVED", "ASK", "READONLY"})
"""Redis's words for: another node has become yours."""
SOON: Final = frozenset({"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"}) | ELSEWHERE
"""Redis's words for what passes by itself."""


_PROCESS: Final = secrets.token_hex(6)
_writers = itertools.count()


def writer() -> str:
    """A name for one write, by which its script recognises it when it is sent again."""
    return f"{_PROCESS}{next(_writers):x}"


def _word(reply: object) -> str:
    """What opens an error; empty for everything else."""
    return str(reply).partition(" ")[0] if isinstance(reply, ReplyError) else ""


def clock(reply: object) -> datetime:
    """What TIME answers."""
    seconds, microseconds = cast("list[str]", reply)
    return moment(int(seconds) * 1000 + int(microseconds) // 1000)


class Line:
    """Calls to Redis. Every method raises StoreUnavailable when there is no answer in time."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._wire: Wire | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def call(self, *command: str | int) -> object:
        """One command's reply."""
        return (await self.calls(command))[0]

    async def calls(self, *commands: Command) -> list[object]:
        """The replies of several commands, sent together but not as one step."""
        replies = await self._ask(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise StoreUnavailable from reply
        return replies

    async def run(self, script: Script, keys: Sequence[str], *args: str | int) -> object:
        """One script's answer; every key it touches is in `keys`."""
        (reply,) = await self._ask((("EVALSHA", script.sha, len(keys), *keys, *args),))
        if _word(reply) == "NOSCRIPT":  # first use since Redis started
            (reply,) = await self._ask((("EVAL", script.source, len(keys), *keys, *args),))
        if isinstance(reply, Exception):
            raise StoreUnavailable from reply
        return reply

    async def _ask(self, commands: Sequence[Command]) -> list[object]:
        wire = self._wire
        if wire is None:
            return await self._insist(commands, PATIENCE)
        began = time.monotonic()
        replies = await wire.ask(*commands)
        for reply in replies:
            if isinstance(reply, Exception) and self._passes(reply, wire):
                return await self._insist(commands, PATIENCE - (time.monotonic() - began))
        return replies

    def _passes(self, reply: object, wire: Wire) -> bool:
        """Is it worth another attempt? Leaves a connection that is of no more use."""
        word = _word(reply)
        if word in ELSEWHERE:
            wire.close()
        if (word in ELSEWHERE or isinstance(reply, LostError)) and self._wire is wire:
            self._wire = None
        return word in SOON or (isinstance(reply, LostError) and not isinstance(reply, LateError))

    async def _insist(self, commands: Sequence[Command], patience: float) -> list[object]:
        """Try until an answer comes or the caller's time is up."""
        last: Exception = LateError()
        try:
            async with asyncio.timeout(patience):
                while not self._closed:
                    try:
                        wire = await self._connected()
                    except (OSError, RedisError) as error:
                        last = error
                    else:
                        replies = await wire.ask(*commands)
                        passing = [reply for reply in replies if self._passes(reply, wire)]
                        if not passing:
                            return replies
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            pass
        return [last] * len(commands)

    async def _connected(self) -> Wire:
        async with self._connecting:
            if self._wire is None:
                try:
                    self._wire = await self._door.connect(PATIENCE)
                except (OSError, RedisError):
                    await self._door.moved()
                    raise
            return self._wire

    async def close(self) -> None:
        self._closed = True
        async with self._connecting:
            if self._wire is not None:
                self._wire.close()
                self._wire = None
