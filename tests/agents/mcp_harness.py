"""The gateway as hosts meet it: its own process, before a server in another process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents_harness import Service, closed_port, eventually
from mcp import Client, StdioServerParameters
from mcp.types import ElicitRequestParams, ElicitResult, Implementation

BANK = Path(__file__).parent / "mcp" / "bank.py"
PARROT = BANK.with_name("parrot.py")
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


def said(result: Any) -> str:
    return "\n".join(block.text for block in result.content)


# ── hosts that stay connected: most facts need a connection, few a new one ───────────────────────

Elicited = Callable[[Any, ElicitRequestParams], Awaitable[ElicitResult]]


class Lasting:
    """Connections over many tests. Each has a task of its own, because it must be left where it was entered."""

    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def entered(self, connection: AbstractAsyncContextManager[Client]) -> Client:
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

        async def hold() -> None:
            async with connection as client:
                ready.set_result(client)
                await self._stop.wait()

        task = asyncio.create_task(hold())
        self._tasks.append(task)
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await task  # raises why
        return ready.result()

    async def leave(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


@dataclass
class Host:
    """A host of one generation on one route, calling itself what tells its requests apart."""

    agent: str
    log: Path
    client: Client = field(init=False)
    elicit: Elicited | None = None
    """Answers what the server asks the host's user."""

    async def elicited(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        assert self.elicit is not None
        return await self.elicit(context, params)


class Hosts:
    """One for each route and generation, connected when first wanted."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder
        self._connections = Lasting()
        self._gateways = contextlib.ExitStack()
        self._routes: dict[str, tuple[To, Path]] = {}
        self._hosts: dict[tuple[str, str], Host] = {}

    async def get(self, route: str, era: str) -> Host:
        if (route, era) not in self._hosts:
            if route not in self._routes:
                log = self._folder / f"{route}.jsonl"
                made = gateway(self._service, route, log, "--decisions", "approve,edit,reject,respond")
                self._routes[route] = (self._gateways.enter_context(made), log)
            to, log = self._routes[route]
            host = Host(self._service.agent(), log)
            info = Implementation(name=host.agent, version="1")
            connection = Client(to, mode=ERAS[era], client_info=info, elicitation_callback=host.elicited)
            host.client = await self._connections.entered(connection)
            self._hosts[route, era] = host
        return self._hosts[route, era]

    async def leave(self) -> None:
        await self._connections.leave()
        await asyncio.to_thread(self._gateways.close)


# ── hosts without an SDK, before a server without one ────────────────────────────────────────────


class Wire:
    """A gateway on standard input and output, before the parrot."""

    def __init__(self, service: Service, agent: str, log: Path, *options: str, **env: str) -> None:
        self.agent = agent
        self._log = log
        self._before = 0
        words = [*GATEWAY, "--agent", agent, *options, "--", sys.executable, str(PARROT), str(log)]
        self.process = subprocess.Popen(
            words,
            env=around(service, **env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def forget(self) -> None:
        """What was sent until now is another test's."""
        self.send({"jsonrpc": "2.0", "id": "forget", "method": "environment"})
        while self.answer().get("id") != "forget":
            pass
        self._before = len(self._log.read_text())

    @property
    def sent(self) -> str:
        """What the server was sent, as it came."""
        return self._log.read_text()[self._before :] if self._log.exists() else ""

    def send(self, *lines: str | dict[str, Any]) -> None:
        """Several of them at once, in one write."""
        assert self.process.stdin is not None
        said = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        self.process.stdin.write("".join(f"{line}\n" for line in said).encode())
        self.process.stdin.flush()

    def line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def answer(self) -> dict[str, Any]:
        return json.loads(self.line())  # type: ignore[no-any-return]

    @property
    def got(self) -> list[dict[str, Any]]:
        """What the server was sent, but for the gateway's own look at its tools."""
        return [one for one in map(json.loads, self.sent.splitlines()) if not str(one.get("id")).startswith("signoff-")]

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(15)


def call(number: object = 1, name: str = "pay", **arguments: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
