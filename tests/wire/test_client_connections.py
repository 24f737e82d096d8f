"""The agent's connections: kept for the next call, closed soon, and with the loop; nobody has to close them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import cast

import pytest
from aiohttp import web

from signoff import Gate
from signoff.client import connections
from signoff.client.wire import Wire


class Service:
    """Answers every call, and knows who is connected."""

    def __init__(self) -> None:
        self.calls = 0
        self.met: set[asyncio.BaseTransport] = set()
        self.url = ""
        self.hold = asyncio.Event()
        self.hold.set()
        self._runner: web.AppRunner | None = None

    async def answer(self, request: web.Request) -> web.Response:
        self.calls += 1
        assert request.transport is not None
        self.met.add(request.transport)
        await self.hold.wait()
        return web.json_response({})

    @property
    def connected(self) -> int:
        assert self._runner is not None
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    async def until(self, connected: int) -> None:
        async with asyncio.timeout(10):
            while self.connected != connected:  # noqa: ASYNC110  # a socket that closes sends no event
                await asyncio.sleep(0.005)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{cast('tuple[str, int]', self._runner.addresses[0])[1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    await service.start()
    yield service
    await service.stop()


async def test_calls_that_follow_each_other_share_a_connection(service: Service) -> None:
    """Ten calls one after the other are one connection; five at once are as many as are needed."""
    wire = Wire(service.url, "so_x")
    for _ in range(10):
        await wire.send("GET", "/x")
    assert (service.calls, len(service.met)) == (10, 1)
    await asyncio.gather(*(wire.send("GET", "/x") for _ in range(5)))
    assert len(service.met) <= 6
    await wire.close()
    await service.until(0)


async def test_an_idle_connection_is_closed_soon(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody's doing; the next call makes a new one."""
    monkeypatch.setattr(connections, "IDLE", 0.05)
    wire = Wire(service.url, "so_x")
    await wire.send("GET", "/x")
    await service.until(0)
    await wire.send("GET", "/x")
    assert len(service.met) == 2
    await wire.close()


async def test_closing_leaves_calls_under_way_alone(service: Service) -> None:
    """What is in use stays open until its answer has come; then it can be closed, twice too, and used again."""
    wire = Wire(service.url, "so_x")
    service.hold.clear()
    call = asyncio.create_task(wire.send("GET", "/x"))
    await service.until(1)
    await wire.close()
    service.hold.set()
    assert (await call).status == 200
    await wire.close()
    await wire.close()
    await service.until(0)
    assert (await wire.send("GET", "/x")).status == 200
    await wire.close()


async def test_connections_end_with_their_loop(service: Service) -> None:
    """`asyncio.run` takes them along when it ends, on any thread, and forgets the loop; one wire serves all of them."""
    wire = Wire(service.url, "so_x")

    async def twice() -> None:
        await wire.send("GET", "/x")
        await wire.send("GET", "/x")

    for _ in range(2):
        await asyncio.gather(*(asyncio.to_thread(asyncio.run, twice()) for _ in range(2)))
    await service.until(0)
    assert (service.calls, len(service.met)) == (8, 4)
    assert not wire._connections._kept


async def test_a_loop_that_ends_lets_its_last_calls_go_out(service: Service) -> None:
    """What a task sends while it is cancelled, at the end of `asyncio.run`, still gets its answer."""
    wire = Wire(service.url, "so_x")
    told: list[int] = []

    async def reports() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append((await wire.send("POST", "/outcome", {})).status)

    async def main() -> None:
        await wire.send("GET", "/x")
        main.task = asyncio.create_task(reports())  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    await asyncio.to_thread(asyncio.run, main())
    assert told == [200]
    await service.until(0)


async def test_the_background_loop_closes_what_it_kept(service: Service) -> None:
    """`gate.blocking.close()` and, on any loop, `gate.aclose()`."""
    gate = Gate(service.url, "so_x")
    await asyncio.to_thread(gate.blocking.cancel, "req_1")
    assert service.connected == 1
    await asyncio.to_thread(gate.blocking.close)
    await service.until(0)
    await gate.cancel("req_1")
    assert service.connected == 1
    await gate.aclose()
    await service.until(0)


PROGRAMS = {
    "asyncio.run": "asyncio.run(main())",
    "a loop that is left": "loop = asyncio.new_event_loop(); loop.run_until_complete(main())",
    "a loop that is closed": "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close()",
    "another loop afterwards": "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close(); "
    "asyncio.run(main())",
    "a thread of its own": "gate.blocking.cancel('req_1')",
}


@pytest.mark.parametrize("end", PROGRAMS)
async def test_a_program_that_ends_says_nothing_about_connections(service: Service, end: str) -> None:
    """However its event loops end, with a connection that is still kept, its standard error stays empty."""
    program = (
        "import asyncio\n"
        "from signoff import Gate\n"
        f"gate = Gate({service.url!r}, 'so_x')\n"
        "async def main():\n"
        "    await gate.cancel('req_1')\n"
        f"{PROGRAMS[end]}\n"
    )
    run = asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    ended = await run
    assert (ended.returncode, ended.stderr) == (0, "")
    assert service.calls >= 1
    await service.until(0)
