"""A host that started us: its messages on our standard input, one a line, and its answers on our standard output."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import BinaryIO

CHUNK = 2**16
"""Bytes read at once."""


class Stdio:
    """Threads, because input and output may be pipes, files or consoles, and only threads read all of them."""

    def __init__(self) -> None:
        self._out: BinaryIO = sys.stdout.buffer
        # What prints by mistake must not write into the protocol.
        sys.stdout = sys.stderr
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="signoff-stdout")
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="signoff-stdin", daemon=True).start()

    def _read(self) -> None:
        # Not through sys.stdin: a thread that waits in its buffer aborts the interpreter's end.
        number, rest = sys.stdin.fileno(), b""
        with suppress(RuntimeError, OSError):  # the loop or the input was closed under it
            while chunk := os.read(number, CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                # At once: calls that were sent together are asked about together.
                self._loop.call_soon_threadsafe(self._put_all, lines)
            self._loop.call_soon_threadsafe(self._put_all, [rest, None])

    def _put_all(self, lines: Sequence[bytes | None]) -> None:
        for line in lines:
            self._lines.put_nowait(line)

    async def line(self) -> bytes | None:
        """The next message; None when the host is gone."""
        while (line := await self._lines.get()) is not None:
            if line.strip():
                return line.rstrip(b"\r\n")
        return None

    async def write(self, message: bytes) -> None:
        """A host that has gone hears nothing; that is no fault."""
        # A line break in JSON stands between its parts and means nothing; on this wire it would end the message.
        line = message.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        with suppress(OSError, ValueError):
            await self._loop.run_in_executor(self._writer, self._put, line)

    def _put(self, line: bytes) -> None:
        self._out.write(line)
        self._out.flush()
