"""The gateway as hosts meet it: its own process, before a server in another process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from agents_harness import Desk, Service, closed_port, eventually
from mcp import Client, StdioServerParameters
from mcp.types import Implementation

BANK = Path(__file__).parent / "mcp" / "bank.py"
GATEWAY = [sys.executable, "-m", "signoff_agents.mcp", "gateway"]
ERAS = {"previous": "legacy", "current": "2026-07-28"}
To = StdioServerParameters | str
ROUTES = ("stdio-stdio", "stdio-http", "http-http", "http-stdio")


class Bank:
    """What the server's tools really did, from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._before = len(self._lines)

    @property
    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def ran(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines[self._before :]]


def around(service: Service, **env: str) -> dict[str, str]:
    return {**os.environ, "SIGNOFF_URL": service.address, "SIGNOFF_API_KEY": service.agent_key, **env}


@contextmanager
def process(words: list[str], ready: str | None, log: Path, env: dict[str, str]) -> Iterator[re.Match[str] | None]:
    """A process until the end of the block; `ready`: what it has to write on its standard error before."""
    with log.open("wb") as out:
        started = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        if ready is None:
            yield None
        else:
            eventually(lambda: re.search(ready, log.read_text()) or started.poll() is not None)
            found = re.search(ready, log.read_text())
            assert found is not None, log.read_text()
            yield found
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def bank_over_http(log: Path) -> Iterator[str]:
    port = closed_port()
    words = [sys.executable, str(BANK), "http", str(log), str(port)]
    with process(words, None, log.with_suffix(f".{port}"), dict(os.environ)):
        eventually(lambda: _open(port))
        yield f"http://127.0.0.1:{port}/mcp"


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def gateway(service: Service, route: str, log: Path, *options: str, **env: str) -> Iterator[To]:
    """What a host connects to: a command, or an address."""
    host, _, server = route.partition("-")
    with contextlib.ExitStack() as stack:
        if server == "http":
            behind = ["--url", stack.enter_context(bank_over_http(log))]
        else:
            behind = ["--", sys.executable, str(BANK), "stdio", str(log)]
        if host == "stdio":
            words = [*GATEWAY, *options, *behind]
            yield StdioServerParameters(command=words[0], args=words[1:], env=around(service, **env))
            return
        words = [*GATEWAY, *options, "--http", "127.0.0.1:0", *behind]
        said = stack.enter_context(
            process(words, r"listens on (http://\S+)", log.with_suffix(".gateway"), around(service, **env))
        )
        assert said is not None
        yield said[1]


@asynccontextmanager
async def host(to: To, era: str, desk: Desk, **options: Any) -> AsyncIterator[Client]:
    """A host that calls itself what tells this test's requests apart."""
    info = Implementation(name=desk.agent, version="1")
    async with Client(to, mode=ERAS[era], client_info=info, **options) as client:
        yield client


def said(result: Any) -> str:
    return "\n".join(block.text for block in result.content)
