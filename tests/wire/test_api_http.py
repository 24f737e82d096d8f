"""The HTTP door on a real socket, and the gate talking to it: streams, hang-ups, restarts, hostile bytes."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel

import signoff
from signoff import Gate, OnHold, Refused, Rejected, Unavailable, digest, policy
from signoff.api import build_api, door, keys, streams
from signoff.desk import Desk
from signoff.model import Actor, Answer, Request
from signoff.ports import Filter, Limits
from signoff.store.memory import MemoryStore

RULES = """
version: 1
people:
  ada: {name: Ada}
defaults:
  show: [slack:#approvals]
  approvers: [ada]
  expires_in: 1h
  any_channel: true
"""


class Server:
    """A served desk; `stop` and `start` again keep the store, as a restarted process keeps its Redis."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.store = MemoryStore()
        self.signer = digest.Signer.generate()
        rules = policy.load(RULES, file="policy.yaml", chats=("slack", "teams"))
        self.desk = Desk(self.store, rules, self.signer, self.limits)
        self.port = 0
        self.texts: dict[str, str] = {}
        self._runner: web.AppRunner | None = None

    async def _health(self) -> Mapping[str, str | None]:
        return {"redis": None}

    async def start(self) -> None:
        app = build_api(
            self.desk, self.store, jwks={"keys": [self.signer.jwk()]}, limits=self.limits, health=self._health
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def key(self, name: str, role: keys.Role, person: str | None = None) -> str:
        text, key = keys.make(role, name, await self.store.now(), person=person)
        await self.store.add_key(key)
        self.texts[name] = text
        return text

    def auth(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.texts[name]}"}

    async def pending(self) -> Request:
        """The one open request, as soon as there is one."""
        async with asyncio.timeout(10):
            async for _ in self.desk.events("0"):
                page = await self.store.page(Filter(status="pending"), None, 1)
                if page.requests:
                    return page.requests[0]
        raise AssertionError("unreachable")

    async def decide(self, kind: str, **fields: object) -> Request:
        request = await self.pending()
        answer = Answer.model_validate({"kind": kind, "version": request.version, **fields})
        return await self.desk.answer(request.id, answer, Actor(via="api", person="ada"))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    await server.key("agent", "agent")
    await server.key("other", "agent")
    await server.key("root", "admin")
    yield server
    await server.stop()
    await server.store.close()


@pytest.fixture
async def http(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        yield session


@pytest.fixture
def gate(server: Server) -> Gate:
    return Gate(server.url, server.texts["agent"], agent="support-agent")


async def ask(http: aiohttp.ClientSession, server: Server, key: str = "agent", **fields: object) -> dict[str, object]:
    body = {"tool": "refund", "arguments": {"amount": 500}} | fields
    async with http.post("/v1/requests", json=body, headers=server.auth(key)) as response:
        assert response.status == 201, await response.text()
        made: dict[str, object] = await response.json()
        return made


async def waited_for(http: aiohttp.ClientSession, server: Server, what: str) -> str:
    """The address of a new request, or of a new batch of two."""
    if what == "a request":
        return f"/v1/requests/{(await ask(http, server))['id']}"
    call = {"tool": "refund", "arguments": {"amount": 500}}
    async with http.post("/v1/batches", json={"requests": [call, call]}, headers=server.auth("agent")) as response:
        assert response.status == 201, await response.text()
        return response.headers["Location"]


# ── the event stream ─────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def stream(
    http: aiohttp.ClientSession, server: Server, key: str, last: str | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = server.auth(key) | ({"Last-Event-ID": last} if last is not None else {})
    async with http.get("/v1/events", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield response


async def frame(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The next event; comments and settings in between are passed over."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(5):
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            if not line and "data" in fields:
                return fields
            name, _, value = line.partition(": ")
            fields[name] = value
    raise AssertionError("the stream ended")


async def test_events_are_the_keys_own_and_resumable(server: Server, http: aiohttp.ClientSession) -> None:
    """An agent hears of its own requests only; Last-Event-ID continues behind what was heard; an admin hears all."""
    async with stream(http, server, "agent") as own, stream(http, server, "root") as every:
        await ask(http, server, "other")
        mine = await ask(http, server)
        first = await frame(own)
        assert first["event"] == "request.created"
        assert json.loads(first["data"])["request"] == mine["id"]
        assert json.loads((await frame(every))["data"])["request"] != mine["id"]
    await http.post(f"/v1/requests/{mine['id']}/cancel", headers=server.auth("agent"))
    async with stream(http, server, "agent", last=first["id"]) as again:
        second = await frame(again)
        assert (second["event"], json.loads(second["data"])["status"]) == ("request.decided", "cancelled")


async def test_quiet_streams_are_kept_alive(
    server: Server, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a quiet stream a comment passes from time to time."""
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.01)
    async with stream(http, server, "agent") as response, asyncio.timeout(5):
        async for line in response.content:
            if line.startswith(b":"):
                break


async def test_wrong_stream_position_is_refused(server: Server, http: aiohttp.ClientSession) -> None:
    """A Last-Event-ID that is none is 422, before the stream begins."""
    for last in ("x", "1-2-3", "-", "9" * 30, "1-%"):
        async with http.get("/v1/events", headers=server.auth("agent") | {"Last-Event-ID": last}) as response:
            assert response.status == 422


# ── waits ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", ["a request", "a batch"])
async def test_hung_up_clients_release_their_wait(
    server: Server, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A client that goes away in the middle of a long poll no longer counts against its key."""
    server.limits.waits_per_key = 1
    monkeypatch.setattr(door, "WATCH", 0.02)
    await server.stop()
    await server.start()
    path = await waited_for(http, server, what)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    auth = server.auth("agent")["Authorization"]
    writer.write(f"GET {path}?wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\n\r\n".encode())
    await writer.drain()

    async def is_full() -> bool:
        async with http.get(path + "?wait=1", headers=server.auth("agent")) as response:
            return response.status == 429

    async with asyncio.timeout(10):
        while not await is_full():
            pass
        writer.close()
        await writer.wait_closed()
        while await is_full():
            pass
    assert await reader.read() == b""


@pytest.mark.parametrize("what", ["a request", "a batch"])
async def test_stopping_answers_open_waits(server: Server, http: aiohttp.ClientSession, what: str) -> None:
    """A server that stops answers its long polls as they stand instead of holding up for a minute."""
    path = await waited_for(http, server, what)
    waiting = asyncio.create_task(http.get(path + "?wait=60", headers=server.auth("agent")))
    async with stream(http, server, "agent"):
        await asyncio.sleep(0.05)  # the poll has nothing to show for having begun
        async with asyncio.timeout(3):
            await server.stop()
            response = await waiting
    assert response.status == 200
    assert (await response.json())["status"] == "pending"


# ── hostile bytes ────────────────────────────────────────────────────────────────────────────────


async def raw(server: Server, text: bytes, *, cut: bool = False) -> bytes:
    """The first line of the answer to these bytes; `cut`: we stop sending and what comes back is passed over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(text)
        await writer.drain()
        if cut:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.readline()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n",
        b"GET /v1/requests/\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v1/requests?status=\xed\xa0\x80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nConnection: close\r\n\r\n",
        b"BREW /coffee HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello\r\n\r\n",
        b"GET /v1/requests HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\nConnection: close\r\n\r\n",
    ],
)
async def test_i30_broken_http_is_refused(server: Server, request_bytes: bytes) -> None:
    """Whatever comes over the socket, the answer is a 4xx, never a 5xx."""
    status = (await raw(server, request_bytes)).split(b" ", 2)[1]
    assert status.startswith(b"4"), status


async def test_i30_bodies_that_lie_about_themselves(server: Server) -> None:
    """Cut-short bodies, false encodings and small bodies that unpack to large ones record nothing."""
    auth = server.auth("agent")["Authorization"]

    async def post(body: bytes, headers: str, *, cut: bool = False) -> bytes:
        head = f"POST /v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\nConnection: close\r\n"
        return await raw(server, f"{head}Content-Type: application/json\r\n{headers}\r\n\r\n".encode() + body, cut=cut)

    bomb = gzip.compress(b'{"tool":"' + b"a" * 5_000_000 + b'"}')
    told = f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}"
    assert (await post(bomb, told)).startswith(b"HTTP/1.1 413 ")
    assert (await post(b"not gzip", "Content-Encoding: gzip\r\nContent-Length: 8")).startswith(b"HTTP/1.1 400 ")
    big = b"Content-Length: 99999999999"
    assert (await post(b"{}", big.decode())).startswith(b"HTTP/1.1 413 ")
    chunks = b"".join(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" for _ in range(6)) + b"0\r\n\r\n"
    assert (await post(chunks, "Transfer-Encoding: chunked")).startswith(b"HTTP/1.1 413 ")
    await post(b'{"tool":', "Content-Length: 100", cut=True)
    assert sum((await server.store.counts()).values()) == 0


async def test_squeezed_bodies_are_taken(server: Server, http: aiohttp.ClientSession) -> None:
    """A gzip body within the limit is a body like any other."""
    packed = gzip.compress(b'{"tool":"t","arguments":{}}')
    headers = server.auth("agent") | {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with http.post("/v1/requests", data=packed, headers=headers) as response:
        assert response.status == 201


# ── the gate ─────────────────────────────────────────────────────────────────────────────────────


async def test_whole_way_of_an_edited_call(server: Server, gate: Gate) -> None:
    """Asked by the decorator, edited by a person, consumed, run with the edited values, outcome on the record."""
    ran: list[Decimal] = []

    @gate.tool(risk="high", editable=["amount"], outcome=str)
    async def issue_refund(order: str, amount: Decimal) -> str:
        """Issue a refund."""
        ran.append(amount)
        return f"refunded {amount}"

    call = asyncio.create_task(issue_refund("A-1001", Decimal("500.00000000000000000001")))
    request = await server.pending()
    await server.decide("edit", arguments={"order": "A-1001", "amount": Decimal("400.00000000000000000001")})
    assert await call == "refunded 400.00000000000000000001"
    assert ran == [Decimal("400.00000000000000000001")]
    record = await server.desk.get(request.id)
    assert record.consumed_at is not None
    assert record.outcome is not None
    assert (record.outcome.status, record.outcome.detail) == ("succeeded", "refunded 400.00000000000000000001")


async def test_rejection_reaches_the_model(server: Server, gate: Gate) -> None:
    """What the person wrote is in the error's text."""
    call = asyncio.create_task(gate.ask("deploy", {"service": "api"}))
    await server.decide("reject", message="not on a Friday")
    with pytest.raises(Rejected, match="Ada rejected this call of deploy: not on a Friday"):
        await call


class Draft(BaseModel):
    to: str
    subject: str
    copies: int = 1


async def test_a_freeze_between_approval_and_run_stops_the_run(server: Server, gate: Gate) -> None:
    """The gate is told that it is on hold, and by whom; nothing is burnt, and after the thaw the same approval runs."""
    asking = asyncio.create_task(gate.ask("deploy", {"service": "api"}))
    await server.decide("approve")
    made = await asking
    await server.desk.orders.freeze(None, "deploy", "incident 7", by="rita", via="cli")
    with pytest.raises(OnHold, match=r"frozen by rita \(incident 7\)"):
        await gate.consume(made)
    await server.desk.orders.thaw(None, "deploy", by="rita", via="cli")
    await gate.consume(made)


async def test_a_rejection_reaches_the_agent_with_what_it_may_do(server: Server, gate: Gate) -> None:
    """What the person chose is in the words and in the error."""
    asking = asyncio.create_task(gate.ask("deploy", {"service": "api"}))
    await server.decide("reject", message="use the staging cluster", retry="with_changes")
    with pytest.raises(Rejected, match="You may try again with changes: use the staging cluster") as caught:
        await asking
    assert caught.value.retry == "with_changes"


async def test_question_and_review_over_the_real_door(server: Server, gate: Gate) -> None:
    """Answers and edited models come back typed, checked by the service's own schema rules."""
    asked = asyncio.create_task(gate.question("Which region?", choices=["eu", "us"]))
    await server.decide("respond", response="eu")
    assert await asked == "eu"
    reviewed = asyncio.create_task(gate.review(Draft(to="a", subject="Hi")))
    await server.decide("edit", arguments={"to": "a", "subject": "Hello", "copies": 2})
    assert await reviewed == Draft(to="a", subject="Hello", copies=2)
    assert (await gate.notify("Done", {"rows": 3})).startswith("req_")


async def test_i22_call_outlives_a_restart_of_the_service(server: Server, gate: Gate) -> None:
    """The service goes away while a call waits and comes back: the decision arrives, the function runs once."""
    ran: list[str] = []

    @gate.tool
    async def deploy(service: str) -> str:
        ran.append(service)
        return "deployed"

    call = asyncio.create_task(deploy("api"))
    await server.pending()
    await server.stop()
    await server.decide("approve")
    await server.start()
    assert await asyncio.wait_for(call, 20) == "deployed"
    assert ran == ["api"]


async def test_i22_restarted_agent_finds_its_request(server: Server, gate: Gate) -> None:
    """An agent that was killed while waiting asks again under the same run and call, and gets the first decision."""
    for attempt in range(2):
        with signoff.call(run_id="run-7", tool_call_id="call_9"):
            call = asyncio.create_task(gate.ask("deploy", {"service": "api"}))
            if attempt == 0:
                await server.pending()
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                await server.decide("approve")
    assert (await asyncio.wait_for(call, 10)).approved
    assert sum((await server.store.counts()).values()) == 1


async def test_wrong_key_and_no_service_run_nothing(server: Server) -> None:
    """A wrong key is refused at once; no service at all is given up after the gate's patience."""
    with pytest.raises(Refused, match="API key"):
        await Gate(server.url, "so_0123456789ab_" + "x" * 43).ask("deploy", {})
    await server.stop()
    with pytest.raises(Unavailable, match="cannot be reached"):
        await Gate(server.url, server.texts["agent"], patience=0.3).ask("deploy", {})


async def test_the_key_is_not_sent_elsewhere() -> None:
    """A service that redirects gets no second call, so the key goes nowhere else."""
    seen: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", redirect)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.raises(Refused):
            await Gate(f"http://127.0.0.1:{runner.addresses[0][1]}", "so_x").ask("deploy", {})
    finally:
        await runner.cleanup()
    assert seen == ["/v1/requests"]


def test_scripts_work_without_a_loop_of_their_own() -> None:
    """The blocking façade and sync tools do the whole way against a real server on another thread's loop."""

    async def story() -> tuple[str, object]:
        server = Server()
        await server.start()
        await server.key("agent", "agent")
        gate = Gate(server.url, server.texts["agent"])

        @gate.tool
        def delete(path: str) -> str:
            return f"deleted {path}"

        def script() -> tuple[str, object]:
            return delete("/tmp/a"), gate.blocking.question("Sure?")

        running = asyncio.create_task(asyncio.to_thread(script))
        await server.decide("approve")
        await server.decide("respond", response="yes")
        said = await asyncio.wait_for(running, 10)
        gate.blocking.close()
        await server.stop()
        return said

    assert asyncio.run(story()) == ("deleted /tmp/a", "yes")


async def test_i30_a_waiting_gate_shares_connections(server: Server) -> None:
    """Many calls waiting at once are all answered; with the gate closed nothing is left open."""
    gate = Gate(server.url, server.texts["agent"])
    calls = [asyncio.create_task(gate.ask("deploy", {"n": n})) for n in range(150)]
    for _ in calls:
        await server.decide("approve")
    decisions = await asyncio.wait_for(asyncio.gather(*calls), 20)
    assert {json.dumps(made.arguments) for made in decisions} == {json.dumps({"n": n}) for n in range(150)}
    await gate.aclose()
    assert not gate._requests.wire("x")._connections._kept
