"""One connection to Redis: commands go out as they come, replies come back in the same order.

Ten thousand callers so need one connection, and nobody waits for a free one. redis-py reads the address, prepares TLS
and knows the cluster; its client, which gives every call a connection and three coroutines of its own, takes two to
three times as long (`make bench`). hiredis packs and parses for both.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import hiredis

Command = tuple[str | int, ...]
_MORE: Final = object()
_pack = cast("Callable[[Command], bytes]", hiredis.pack_command)  # its own type allows for one word only


class LostError(ConnectionError):
    """The connection broke; the answer may or may not have been on its way."""


class LateError(LostError):
    """Redis did not answer in time."""


class Wire(asyncio.Protocol):
    """Replies are values: what Redis refuses comes as `hiredis.ReplyError`, a broken connection as LostError."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds until a reply has to be there; later than that the connection counts as broken."""
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(encoding="utf-8", notEnoughData=_MORE)
        self._asked: deque[tuple[Callable[[object], None], float]] = deque()
        self._outgoing: list[bytes] = []
        """Packed and queued for this turn's end."""
        self._guard: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[LostError] = self._loop.create_future()
        """Done when the connection is gone."""

    # ── for those who call ───────────────────────────────────────────────────────────────────────

    def send(self, command: Command, then: Callable[[object], None]) -> None:
        """`then` gets the reply, without a turn of the event loop in between."""
        if self._transport is None:
            then(LostError("there is no connection"))
            return
        packed = _pack(command)  # before anybody is queued, see `ask`
        self._write(packed)
        self._expect(then)

    async def ask(self, *commands: Command) -> list[object]:
        """The replies to commands that are sent together. Raises ValueError for text that no encoding takes."""
        if self._transport is None:
            return [LostError("there is no connection")] * len(commands)
        # Whoever is queued for a command that is never sent would get the next caller's reply, and so would all after.
        packed = b"".join([_pack(command) for command in commands])
        self._write(packed)
        answers: list[asyncio.Future[object]] = []
        for _ in commands:
            answer: asyncio.Future[object] = self._loop.create_future()
            answers.append(answer)
            self._expect(_setter(answer))
        return [await answer for answer in answers]

    def close(self, why: LostError | None = None) -> None:
        """Everybody who waits for a reply gets `why`."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None
        why = why or LostError("the connection was closed")
        while self._asked:
            self._asked.popleft()[0](why)
        if not self.lost.done():
            self.lost.set_result(why)

    def _write(self, packed: bytes) -> None:
        """At once while nobody waits for a reply, else together with whatever comes in this turn of the event loop: a
        system call costs more than all else here.
        """
        if self._outgoing or self._asked:
            if not self._outgoing:
                self._loop.call_soon(self._flush)
            self._outgoing.append(packed)
        elif self._transport is not None:
            self._transport.write(packed)

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def _expect(self, then: Callable[[object], None]) -> None:
        now = self._loop.time()
        self._asked.append((then, now))
        if self._guard is None:
            self._guard = self._loop.call_at(now + self._patience, self._check)

    def _check(self) -> None:
        """One timer for all calls, armed while there are any."""
        self._guard = None
        if not self._asked:
            return
        due = self._asked[0][1] + self._patience
        if due > self._loop.time():
            self._guard = self._loop.call_at(due, self._check)
        else:
            self.close(LateError(f"no answer within {self._patience} s"))

    # ── for the event loop ───────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader, asked = self._reader, self._asked
        reader.feed(data)
        while (reply := reader.gets()) is not _MORE:
            if asked:
                asked.popleft()[0](reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self.close(LostError(str(exc or "Redis closed the connection")))


def _setter(answer: asyncio.Future[object]) -> Callable[[object], None]:
    def settle(reply: object) -> None:
        if not answer.done():  # the caller may have left
            answer.set_result(reply)

    return settle
