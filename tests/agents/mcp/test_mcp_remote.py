"""A server at an address that does not answer as it should."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from signoff_agents.mcp import remote as remotes
from signoff_agents.mcp.catalogue import Catalogue


async def test_a_server_that_takes_no_notification_does_not_stop_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The POST of one is given up after a while, and the next message is sent."""
    monkeypatch.setattr(remotes, "TAKEN", 0.05)
    came: asyncio.Queue[str] = asyncio.Queue()
    over = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        came.put_nowait((await request.json())["method"])
        await over.wait()
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/mcp", take)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def heard(message: bytes) -> None:
        raise AssertionError(message)

    remote = remotes.Remote(f"http://127.0.0.1:{runner.addresses[0][1]}/mcp", {}, Catalogue(), heard)
    try:
        for method in ("notifications/progress", "notifications/roots/list_changed"):
            await remote.send({"jsonrpc": "2.0", "method": method})
        assert [came.get_nowait() for _ in range(came.qsize())] == [
            "notifications/progress",
            "notifications/roots/list_changed",
        ]
    finally:
        over.set()
        await remote.end()
        await runner.cleanup()
