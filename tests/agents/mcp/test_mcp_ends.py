"""Servers that end, and hosts that leave, while a gateway over HTTP goes on."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from agents_harness import Desk, Service, approve, eventually
from aiohttp.test_utils import TestClient, TestServer
from mcp_harness import GATEWAY, PARROT, around, call, process

from signoff import Gate
from signoff_agents.mcp import hosting
from signoff_agents.mcp.gateway import Gateway
from signoff_agents.mcp.hosting import Hosting

Json = dict[str, Any]
VERSION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {}}


class Hosts:
    """Each request on a connection of its own, no sessions. `modern`: of the current protocol."""

    def __init__(self, address: str, *, modern: bool = True) -> None:
        self._parts = urlsplit(address)
        self._modern = modern
        self._open: list[HTTPConnection] = []

    def send(self, message: Json, **headers: str) -> HTTPConnection:
        params = message["params"]
        said = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
        if self._modern:
            params = {**params, "_meta": {**params.get("_meta", {}), **META}}
            said |= {"MCP-Protocol-Version": VERSION, "Mcp-Method": message["method"]}
            said |= {"Mcp-Name": params.get("name", "")}
        made = HTTPConnection(str(self._parts.hostname), self._parts.port, timeout=30)
        made.request("POST", self._parts.path, json.dumps({**message, "params": params}), said)
        self._open.append(made)
        return made

    def previous(self) -> Hosts:
        """Hosts of the previous protocol at the same address."""
        return Hosts(self._parts.geturl(), modern=False)

    def close(self) -> None:
        for connection in self._open:
            connection.close()


def answer(connection: HTTPConnection) -> Json:
    raw = connection.getresponse().read().decode()
    return json.loads(raw[raw.index("{") :])  # type: ignore[no-any-return]


@pytest.fixture
def hosts(service: Service, desk: Desk, tmp_path: Path) -> Iterator[Hosts]:
    words = [*GATEWAY, "--agent", desk.agent, "--http", "127.0.0.1:0", "--", sys.executable, str(PARROT)]
    started = subprocess.Popen([*words, str(tmp_path / "got")], env=around(service), stderr=subprocess.PIPE, text=True)
    assert started.stderr is not None
    found = re.search(r"listens on (http://\S+)", started.stderr.readline())
    assert found is not None
    made = Hosts(found[1])
    yield made
    made.close()
    started.terminate()
    started.wait(15)
    started.stderr.close()


def test_a_server_that_ends_during_a_call_is_reported_at_once(hosts: Hosts, desk: Desk) -> None:
    """People see that what they approved did not end well, although the gateway goes on with another process."""
    desk.people(approve)
    assert answer(hosts.send(call(name="die")))["error"]["message"] == "The server has ended."
    eventually(lambda: desk.requests()[0]["outcome"])
    assert desk.requests()[0]["outcome"]["status"] == "failed"


def test_what_was_held_for_a_server_that_ended_uses_no_approval(hosts: Hosts, desk: Desk) -> None:
    """The host makes the call again at the next process: that one runs when it is approved."""
    first = call(1, n=1)
    first["params"]["_meta"] = {"claudecode/toolUseId": "toolu_1"}
    held = hosts.send(first)
    (asked,) = desk.waiting()
    dying = hosts.send(call(2, "die"))
    (other,) = (one for one in desk.waiting(2) if one["id"] != asked["id"])
    desk.decide(other, approve)
    assert "ended" in answer(dying)["error"]["message"]
    assert "ended" in answer(held)["error"]["message"]
    desk.decide(asked, approve)
    again = hosts.send(first)
    assert json.loads(answer(again)["result"]["content"][0]["text"]) == {"n": 1}


def test_what_a_host_cancels_keeps_no_connection_open(hosts: Hosts, desk: Desk) -> None:
    """A server does not answer what is cancelled, so its stream ends without an answer, held or running."""
    previous = hosts.previous()
    begun = previous.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}}).getresponse()
    session = {"Mcp-Session-Id": begun.headers["Mcp-Session-Id"]}
    held = previous.send(call(1, n=1), **session)
    running = previous.send({"jsonrpc": "2.0", "id": 2, "method": "unheard of", "params": {}}, **session)
    desk.waiting()
    for number in (1, 2):
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
        assert previous.send(cancelled, **session).getresponse().status == 202
    assert [held.getresponse().read(), running.getresponse().read()] == [b"", b""]
    previous.close()


# ── processes ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    """A gateway that has room for one process of each kind; nobody is asked here."""
    monkeypatch.setattr(hosting, "MOST", 1)
    made = Gateway(Gate("http://127.0.0.1:1", "so_x"), command=[sys.executable, str(PARROT), str(tmp_path / "got")])
    async with TestClient(TestServer(made.app())) as client:
        yield client


async def listed(at: TestClient[Any, Any], credential: str) -> int:
    said = {"MCP-Protocol-Version": VERSION, "Mcp-Method": "tools/list", "Authorization": credential}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    async with at.post("/mcp", json=body, headers=said) as response:
        return response.status


async def test_no_credential_starts_more_processes_than_there_may_be(at: TestClient[Any, Any]) -> None:
    """The gateway does not know which credentials are good: a new one each time must not fill the machine."""
    assert [await listed(at, "one"), await listed(at, "two"), await listed(at, "one")] == [200, 503, 200]


class Ending:
    """A session that takes its time to end."""

    ended, used, posts, listener = True, 0.0, (), None

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def end(self) -> None:
        await self.go.wait()


async def test_sessions_that_end_at_the_same_time_are_put_away_side_by_side() -> None:
    """Two hosts begin while two sessions are over: neither is refused because the other one tidies as well."""
    tidied: Any = Hosting(Any, ["no"], "r")  # type: ignore[arg-type]
    over = {name: Ending() for name in "ab"}
    tidied._sessions.update(over)
    first, second = (asyncio.create_task(tidied._tidied()) for _ in range(2))
    await asyncio.sleep(0)
    for one in reversed(over.values()):
        one.go.set()
        await asyncio.sleep(0)
    await asyncio.gather(first, second)
    assert tidied._sessions == {}


# ── a server over HTTP that knows no sessions ────────────────────────────────────────────────────


@pytest.fixture
def stateless(service: Service, desk: Desk, tmp_path: Path) -> Iterator[tuple[Hosts, list[Json]]]:
    """Hosts of the previous protocol before it, and what it got."""
    got: list[Json] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append(message)
            result = {"tools": [{"name": "pay"}]} if message["method"] == "tools/list" else {"content": []}
            raw = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "result": result}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    behind = f"http://127.0.0.1:{server.server_port}/mcp"
    words = [*GATEWAY, "--agent", desk.agent, "--http", "127.0.0.1:0", "--url", behind]
    with process(words, r"listens on (http://\S+)", tmp_path / "gateway", around(service)) as said:
        assert said is not None
        made = Hosts(said[1], modern=False)
        yield made, got
        made.close()
    server.shutdown()
    server.server_close()


def test_a_host_without_a_session_takes_a_waiting_call_back(stateless: tuple[Hosts, list[Json]], desk: Desk) -> None:
    """An approval that comes later runs nothing. One with another credential and the same id is not meant."""
    hosts, got = stateless
    taken, stays = hosts.send(call(5, n=1)), hosts.send(call(5, n=2), Authorization="another")
    asked = {one["arguments"]["n"]: one for one in desk.waiting(2)}
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
    hosts.send(cancelled).getresponse().read()
    assert "was cancelled" in answer(taken)["error"]["message"]
    desk.decide(asked[1], approve)
    desk.decide(asked[2], approve)
    assert answer(stays)["result"] == {"content": []}
    assert [one["params"]["arguments"]["n"] for one in got if one["method"] == "tools/call"] == [2]
