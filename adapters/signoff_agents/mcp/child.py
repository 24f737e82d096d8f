"""A server as a process of ours, one message a line."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from signoff_agents.mcp.line import Gone
from signoff_agents.mcp.messages import Document, written

LONGEST = 64 * 1024 * 1024
"""Bytes of one message."""
STOP = 2.0
"""Seconds that a server has to end by itself when its input ends, and again when it is told to."""


class NotStarted(Exception):
    """The server's command cannot be run; the text says why."""


class Child:
    """A running server."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._writing = asyncio.Lock()

    @classmethod
    async def start(cls, command: Sequence[str]) -> Child:
        """Raises NotStarted. Its messages for people go where ours go."""
        # The key to the approvals is not for what is held by them.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIGNOFF_")}
        try:
            return cls(
                await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment, limit=LONGEST)
            )
        except (OSError, ValueError) as error:
            raise NotStarted(f"{command[0]} cannot be started: {error}") from error

    async def send(self, message: Document) -> None:
        """Raises Gone."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            async with self._writing:
                pipe.write(written(message) + b"\n")
                await pipe.drain()
        except (OSError, RuntimeError) as error:  # uvloop and asyncio name a closed pipe differently
            raise Gone from error

    async def listen(self, heard: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand on each message, until there are no more."""
        pipe = self._process.stdout
        assert pipe is not None
        with suppress(ValueError):  # a line of more than LONGEST: not a server that can be listened to
            while line := await pipe.readline():
                if line.strip():
                    await heard(line.rstrip(b"\r\n"))

    async def end(self) -> int:
        """End it as the protocol says: close its input, ask, insist. Its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        for insist in (self._process.terminate, self._process.kill):
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP):
                    return await self._process.wait()
            with suppress(ProcessLookupError):
                insist()
        return await self._process.wait()
