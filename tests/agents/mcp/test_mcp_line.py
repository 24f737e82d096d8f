"""Moments between a decision and its call, which no process can be made to meet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from signoff_agents.gating import Call, Verdict
from signoff_agents.mcp.calls import Approved, Calls
from signoff_agents.mcp.catalogue import Page
from signoff_agents.mcp.line import Line, Write

CANCEL: dict[str, Any] = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
Decided = Callable[[], Awaitable[None]]


def call(**meta: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "pay", "_meta": meta}}


class Deciding:
    """Approves each call as soon as the next of `decided` has returned."""

    def __init__(self, *decided: Decided) -> None:
        self._decided = list(decided)
        self.reports: list[str] = []
        self.page: Page | None = None

    async def decide(self, message: dict[str, Any], caller: object, page: Page) -> Approved:
        self.page = page
        await self._decided.pop(0)()
        return Approved(message, Verdict(kind="run", call=Call(tool="pay", arguments={}), run={}), {}, "")

    def returned(self, approved: Approved, response: object) -> None:
        return None

    def lost(self, approved: Approved, why: str) -> None:
        self.reports.append(why)


class Upstream:
    def __init__(self, ready: asyncio.Event) -> None:
        self.sent: list[Any] = []
        self.last: Any = None
        self._ready = ready

    async def send(self, message: Any) -> None:
        self.sent.append(message.get("method"))
        self.last = message
        await self._ready.wait()


async def ignored(raw: bytes) -> None: ...


def line(calls: Deciding, upstream: Upstream, write: Write = ignored) -> Line:
    return Line(cast("Calls", calls), upstream, write, run_id="r", number="n")


async def test_a_call_cancelled_at_the_moment_of_its_approval_does_not_run() -> None:
    """The cancellation comes while the last word about waiting is taken back: it is not swallowed with that."""

    async def cancelled() -> None:
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(made.take(CANCEL)))

    ready = asyncio.Event()
    ready.set()
    upstream = Upstream(ready)
    made = line(Deciding(cancelled), upstream)
    await made.take(call(progressToken=1))
    for _ in range(20):
        await asyncio.sleep(0)
    assert upstream.sent == []


async def test_a_later_call_with_an_id_that_was_used_is_held_like_any_other() -> None:
    """The end of the first call's task does not let go of the second one, which is still waited for."""
    waits = asyncio.Event()

    async def at_once() -> None: ...

    ready = asyncio.Event()
    upstream = Upstream(ready)
    made = line(Deciding(at_once, lambda: waits.wait()), upstream)  # type: ignore[arg-type]
    await made.take(call())
    await asyncio.sleep(0)
    await made.server(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode())
    await made.take(call())
    ready.set()  # the first message has gone out only now
    for _ in range(5):
        await asyncio.sleep(0)
    await made.take(CANCEL)
    waits.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert upstream.sent == ["tools/call"]


async def test_a_running_call_that_its_host_cancels_has_an_end() -> None:
    """Servers do not answer what is cancelled: people read of it at once, not when the connection ends, and once."""

    async def at_once() -> None: ...

    ready = asyncio.Event()
    ready.set()
    upstream, calls = Upstream(ready), Deciding(at_once)
    made = line(calls, upstream)
    await made.take(call())
    for _ in range(5):
        await asyncio.sleep(0)
    await made.take(CANCEL)
    assert upstream.sent == ["tools/call", "notifications/cancelled"]
    assert calls.reports == ["The host cancelled the call."]
    await made.close()
    assert len(calls.reports) == 1


async def test_a_list_of_tools_that_comes_too_late_is_not_the_hosts_business() -> None:
    """The host did not ask for it: an answer with an id that it never gave could be taken for a fault."""
    written: list[bytes] = []

    async def write(raw: bytes) -> None:
        written.append(raw)

    async def at_once() -> None: ...

    ready = asyncio.Event()
    ready.set()
    upstream, calls = Upstream(ready), Deciding(at_once)
    made = line(calls, upstream, write)
    await made.take(call())
    await asyncio.sleep(0)
    assert calls.page is not None
    asking = asyncio.ensure_future(calls.page(None))
    await asyncio.sleep(0)
    assert upstream.last["method"] == "tools/list"
    asking.cancel()
    await asyncio.wait({asking})
    await made.server(json.dumps({"jsonrpc": "2.0", "id": upstream.last["id"], "result": {"tools": []}}).encode())
    await made.server(b'{"jsonrpc":"2.0","id":"signoff-1","result":{}}')
    assert written == [b'{"jsonrpc":"2.0","id":"signoff-1","result":{}}']
