"""Attacks on the HTTP door, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from aiohttp import web

from signoff import digest, policy
from signoff.api import build_api, keys, requests, streams
from signoff.desk import Desk
from signoff.model import Actor, Answer, Request
from signoff.ports import Limits
from signoff.store.memory import MemoryStore

RULES = """
version: 1
people:
  ada: {name: Ada}
defaults:
  approvers: [ada]
"""


class Store(MemoryStore):
    """Says when somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.held = asyncio.Event()

    async def wait(self, request_id: str, timeout: float) -> Request:
        self.held.set()
        return await super().wait(request_id, timeout)


class Served:
    """A served desk with one agent's key."""

    def __init__(self) -> None:
        self.store = Store()
        self.signer = digest.Signer.generate()
        self.desk = Desk(self.store, policy.load(RULES, file="policy.yaml", chats=()), self.signer)
        self.url, self.key_id = "", ""
        self.headers: dict[str, str] = {}

    async def start(self) -> web.AppRunner:
        async def health() -> Mapping[str, str | None]:
            return {"redis": None}

        app = build_api(self.desk, self.store, jwks={"keys": [self.signer.jwk()]}, limits=Limits(), health=health)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        text, key = keys.make("agent", "agent", await self.store.now())
        await self.store.add_key(key)
        self.key_id, self.headers = key.id, {"Authorization": f"Bearer {text}"}
        return runner

    async def approve(self, request_id: str) -> None:
        await self.desk.answer(
            request_id, Answer(kind="approve", version=1, message=None), Actor(via="api", person="ada")
        )


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    runner = await served.start()
    yield served
    await runner.cleanup()
    await served.store.close()


@pytest.fixture
async def http(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(served.url, headers=served.headers) as session:
        yield session


async def asked(http: aiohttp.ClientSession) -> str:
    async with http.post("/v1/requests", json={"tool": "refund", "arguments": {"amount": 500}}) as response:
        return str((await response.json())["id"])


async def test_i29_a_revoked_key_hears_no_more_events(
    served: Served, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is open when its key is revoked ends before the next event."""
    monkeypatch.setattr(streams, "RECHECK", 0.0)
    request_id = await asked(http)
    async with http.get("/v1/events") as stream:
        assert await stream.content.readuntil(b"\n\n") == b"retry: 1000\n\n"
        await served.store.revoke_key(served.key_id)
        await served.approve(request_id)
        async with asyncio.timeout(10):
            assert await stream.content.read() == b""


async def test_i29_a_revoked_key_is_not_told_the_decision_it_waited_for(
    served: Served, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait that is open when its key is revoked ends in 401."""
    monkeypatch.setattr(requests, "RECHECK", 0.0)
    request_id = await asked(http)
    waiting = asyncio.create_task(http.get(f"/v1/requests/{request_id}", params={"wait": 30}).__aenter__())
    await served.store.held.wait()
    await served.store.revoke_key(served.key_id)
    await served.approve(request_id)
    async with await waiting as response:
        assert response.status == 401
