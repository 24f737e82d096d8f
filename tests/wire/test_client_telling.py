"""What came of a run is sent before its result goes on, and the answer is not waited for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import cast

import pytest
from aiohttp import web

from signoff import Gate
from signoff.client.decision import Decision, read

APPROVED: dict[str, object] = {
    "id": "req_1",
    "tool": "pay",
    "version": 1,
    "digest": "sha256:1",
    "status": "approved",
    "consumed_at": "2026-11-20T08:01:00.000Z",
    "created_at": "2026-11-20T08:00:00.000Z",
    "expires_at": "2026-11-20T09:00:00.000Z",
    "decision": {
        "kind": "approve",
        "arguments": {},
        "version": 1,
        "digest": "sha256:1",
        "by": [{"principal": "ada", "name": "Ada Okafor", "chat": "slack"}],
        "decided_at": "2026-11-20T08:00:30.000Z",
    },
}


class Service:
    """Hears outcomes, and answers when it is let."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.refusals: list[int] = []
        """Statuses of its first answers."""
        self.answers = asyncio.Event()
        self.answers.set()
        self.answered = 0
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._news = asyncio.Condition()

    async def _outcome(self, request: web.Request) -> web.Response:
        self.heard.append(await request.json())
        async with self._news:
            self._news.notify_all()
        await self.answers.wait()
        self.answered += 1
        return web.json_response({}, status=self.refusals.pop(0) if self.refusals else 200)

    async def until(self, heard: int) -> None:
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: len(self.heard) >= heard)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/requests/req_1/outcome", self._outcome)
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
    service.answers.set()
    await service.stop()


@pytest.fixture
def decision() -> Decision:
    made = read(APPROVED, "req_1")
    assert made is not None
    return made


async def test_a_result_goes_on_before_the_service_has_answered(service: Service, decision: Decision) -> None:
    """The report is sent, and its answer is heard beside what follows; `aclose` waits for that."""
    gate = Gate(service.url, "so_x")
    service.answers.clear()
    await gate.tell(decision, "succeeded", "paid")
    await service.until(1)
    assert (service.heard, service.answered) == ([{"status": "succeeded", "detail": "paid"}], 0)
    closing = asyncio.create_task(gate.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    service.answers.set()
    await closing
    assert service.answered == 1


async def test_what_was_not_taken_is_said_again(service: Service, decision: Decision) -> None:
    """By the task that goes on beside what follows."""
    gate = Gate(service.url, "so_x")
    service.refusals = [503]
    await gate.tell(decision, "failed", "no money")
    await service.until(2)
    assert service.heard == [{"status": "failed", "detail": "no money"}] * 2
    await gate.aclose()


ENDS = {
    "killed": "asyncio.run(main(os._exit))",
    "asyncio.run": "asyncio.run(main(print))",
    "a loop that is left": "asyncio.new_event_loop().run_until_complete(main(print))",
    "a loop that is closed": "loop = asyncio.new_event_loop(); loop.run_until_complete(main(print)); loop.close()",
    "a thread of its own": "gate._background.run(main(print))",
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_program_that_ends_right_after_it_has_reported(service: Service, end: str) -> None:
    """However it ends, the service hears of it although it has not answered yet, and standard error stays empty."""
    service.answers.clear()
    ended = await _program(service.url, ENDS[end])
    assert (ended.returncode, ended.stderr) == (0, "")
    await service.until(1)
    assert service.heard == [{"status": "succeeded", "detail": None}]


async def test_a_program_that_ends_before_it_could_report_says_so(service: Service) -> None:
    """With a service that is away."""
    await service.stop()
    ended = await _program(service.url, ENDS["asyncio.run"])
    assert ended.returncode == 0
    assert "the outcome of req_1 could not be reported: the event loop has ended" in ended.stderr


async def _program(url: str, end: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import asyncio, os\n"
        "from signoff import Gate\n"
        "from signoff.client.decision import read\n"
        f"gate = Gate({url!r}, 'so_x')\n"
        "async def main(then):\n"
        f"    await gate.tell(read({APPROVED!r}, 'req_1'), 'succeeded')\n"
        "    then(0)\n"
        f"{end}\n"
    )
    words = [sys.executable, "-c", program]
    return await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, timeout=60)
