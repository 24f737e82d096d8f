"""What the tests of the HTTP door share: the real desk over the memory twin, handler by handler, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from unittest import mock

from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from signoff import digest, policy
from signoff.api import build_api, keys
from signoff.desk import Desk
from signoff.model import dumps, loads
from signoff.ports import Limits
from signoff.store.memory import MemoryStore

RULES = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com}
  bob: {name: Bob}
  mia: {name: Mia}
groups:
  finance: {members: [ada, bob]}
defaults:
  show: [slack:#approvals]
  approvers: [finance]
  expires_in: 1h
  any_channel: true
rules:
  - name: mias
    when: tool == "garden"
    approvers: [mia]
  - name: nobodys
    when: tool == "orphan"
    approvers: []
  - name: refunds
    when: tool == "refund"
    secret: [card_token]
"""
START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@dataclass
class Said:
    status: int
    headers: Mapping[str, str]
    body: dict[str, object]

    @property
    def code(self) -> str:
        assert self.headers["Content-Type"].startswith("application/problem+json")
        assert self.body["status"] == self.status
        return str(self.body["type"]).removeprefix("https://signoff.dev/problems/")


class House:
    """A server without a socket: requests go straight into the application."""

    def __init__(self, limits: Limits | None = None, rules: str = RULES) -> None:
        self.time = START
        self.store = MemoryStore(clock=lambda: self.time)
        self.limits = limits or Limits()
        self.signer = digest.Signer.generate()
        self.policy = policy.load(rules, file="policy.yaml", chats=("slack", "teams"))
        self.desk = Desk(self.store, self.policy, self.signer, self.limits)
        self.well: dict[str, str | None] = {"redis": None}
        self.app = build_api(
            self.desk, self.store, jwks={"keys": [self.signer.jwk()]}, limits=self.limits, health=self._health
        )
        self.app.freeze()
        self.texts: dict[str, str] = {}

    async def _health(self) -> Mapping[str, str | None]:
        return self.well

    async def key(self, name: str, role: keys.Role, person: str | None = None, owner: str | None = None) -> str:
        text, key = keys.make(role, name, START, person=person, owner=owner)
        await self.store.add_key(key)
        self.texts[name] = text
        return text

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        sent: CIMultiDict[str] = CIMultiDict({"Host": "signoff"})
        if key is not None:
            sent["Authorization"] = f"Bearer {self.texts.get(key, key)}"
        if body is not None:
            raw = dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
            sent["Content-Length"] = str(len(raw))
        sent.update(headers or {})
        stream = StreamReader(mock.Mock(_reading_paused=False), 2**16, loop=asyncio.get_running_loop())
        stream.feed_data(raw or b"")
        stream.feed_eof()
        request = make_mocked_request(method, path, sent, app=self.app, payload=stream)
        response = await self.app._handle(request)
        assert isinstance(response, web.Response)
        text = response.text or "{}"
        parsed = loads(text)
        assert isinstance(parsed, dict)
        return Said(response.status, response.headers, parsed)

    async def ask(self, key: str = "agent", **fields: object) -> dict[str, object]:
        said = await self.send("POST", "/v1/requests", {"tool": "refund", "arguments": {"a": 1}} | fields, key=key)
        assert said.status == 201, said.body
        return said.body
