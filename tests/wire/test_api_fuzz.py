"""Schemathesis at the HTTP door: requests generated from the served OpenAPI document, valid and broken alike."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
import requests
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from signoff import digest, policy
from signoff.api import build_api, keys, openapi
from signoff.desk import Desk
from signoff.model import dumps
from signoff.ports import Caps, Limits
from signoff.store.memory import MemoryStore

RULES = """
version: 1
people:
  ada: {name: Ada}
  bob: {name: Bob}
defaults:
  show: [slack:#approvals]
  approvers: [ada]
  expires_in: 1h
  any_channel: true
"""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
ROLES = {
    "/audit": "admin",
    "/freezes": "admin",
    "/decisions": "approver",
    "/queue": "approver",
    "/extend": "approver",
    "/snooze": "approver",
    "/grants": "approver",
    "/delegations": "approver",
}
"""Part of an address → the key that is mostly used there; elsewhere an agent's."""
EXAMPLES = 25
"""Requests per operation and mode."""


@dataclass
class Fuzzed:
    """A server on a thread of its own, with a key of each role and a request in each state."""

    url: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    turns: Iterator[int] = field(default_factory=itertools.count)

    def call(self, method: str, path: str, key: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
        response = requests.request(
            method, self.url + path, json=body, headers={"Authorization": f"Bearer {self.keys[key]}"}, timeout=10
        )
        assert response.ok, response.text
        found: dict[str, object] = response.json()
        return found

    def thaw(self) -> None:
        """What one example froze must not stand in the way of the next."""
        for freeze in self.call("GET", "/v1/freezes", "admin")["freezes"]:  # type: ignore[attr-defined]
            self.call("POST", "/v1/freezes/thaw", "admin", {name: freeze[name] for name in ("agent", "tool")})

    def request(self) -> str:
        """The id of a fresh request, by turns open, approved, consumed, rejected and cancelled."""
        ask = {
            "tool": "refund",
            "arguments": {"amount": 5},
            "allowed_decisions": ["approve", "edit", "reject", "respond"],
        }
        one = str(self.call("POST", "/v1/requests", "agent", ask)["id"])
        turn = next(self.turns) % 5
        path = f"/v1/requests/{one}"
        if turn in {1, 2}:
            self.call("POST", path + "/decisions", "approver", {"kind": "approve", "version": 1})
        if turn == 2:
            self.call("POST", path + "/consume", "agent", {"arguments": {"amount": 5}})
        if turn == 3:
            self.call("POST", path + "/decisions", "approver", {"kind": "reject", "version": 1})
        if turn == 4:
            self.call("POST", path + "/cancel", "agent")
        return one

    def batch(self) -> str:
        """The id of a fresh batch."""
        ask = {"tool": "refund", "arguments": {"amount": 5}}
        return str(self.call("POST", "/v1/batches", "agent", {"requests": [ask, ask]})["id"])


async def _serve(found: Fuzzed) -> Callable[[], Awaitable[None]]:
    limits = Limits(caps=Caps(open_requests=10**6, per_minute=10**6))
    store = MemoryStore()
    signer = digest.Signer.generate()
    desk = Desk(store, policy.load(RULES, file="policy.yaml", chats=("slack", "teams")), signer, limits)

    async def health() -> Mapping[str, str | None]:
        return {"redis": None}

    runner = web.AppRunner(
        build_api(desk, store, jwks={"keys": [signer.jwk()]}, limits=limits, health=health), access_log=None
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    roles: tuple[tuple[keys.Role, str | None], ...] = (("agent", None), ("approver", "ada"), ("admin", None))
    for role, person in roles:
        found.keys[role], key = keys.make(role, role, await store.now(), person=person)
        await store.add_key(key)
    return runner.cleanup


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    found = Fuzzed()
    stop = asyncio.run_coroutine_threadsafe(_serve(found), loop).result(10)

    async def ended() -> None:
        await stop()

    yield found
    asyncio.run_coroutine_threadsafe(ended(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _operations() -> list[schemathesis.APIOperation]:
    """Every documented operation, without the endless stream and the long polls' `wait`, which take their time."""
    document = json.loads(dumps(openapi.document(Limits())))
    del document["paths"]["/v1/events"]
    for path in ("/v1/requests/{id}", "/v1/batches/{id}"):
        show = document["paths"][path]["get"]
        show["parameters"] = [one for one in show["parameters"] if one["name"] != "wait"]
    return [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]


@pytest.mark.parametrize("operation", _operations(), ids=lambda one: one.label)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda one: one.value)
def test_i30_generated_requests_get_documented_answers(
    operation: schemathesis.APIOperation, mode: GenerationMode, fuzzed: Fuzzed
) -> None:
    """Never a 5xx, and every answer has a status, a content type and a body that the document promises."""
    role = next((role for end, role in ROLES.items() if end in operation.path), "agent")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def hold(case: schemathesis.Case) -> None:
        turn = next(fuzzed.turns)
        if "{id}" in operation.path and turn % 4:
            case.path_parameters = {"id": fuzzed.batch() if "/batches" in operation.path else fuzzed.request()}
        headers = {"Authorization": f"Bearer {fuzzed.keys[role if turn % 8 else 'admin']}"}
        response = case.call(base_url=fuzzed.url, headers=headers)
        if "freezes" in operation.path:
            fuzzed.thaw()
        # What is no HTTP (a request line over 8 KiB, a header that is none) never reaches the door: aiohttp refuses it.
        assume(response.status_code != 400 or response.headers["content-type"] != ["text/plain; charset=utf-8"])
        case.validate_response(response, checks=CHECKS)

    try:
        hold()
    except Unsatisfiable:
        assert not operation.body  # nothing about it can be broken
