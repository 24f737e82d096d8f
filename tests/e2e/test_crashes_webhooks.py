"""Webhooks of real processes that are killed with -9: each arrives, whatever moment it was, under one webhook-id."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from crew import Crew, comes_true
from standardwebhooks import Webhook

LAPSE = 100.0
"""Seconds: longer than the lease of a sender that was killed with a webhook in hand."""


class Called(Crew):
    """Two replicas that may send webhooks to this process."""

    def __init__(self) -> None:
        super().__init__(2)
        self.got: set[str] = set()
        """Ids of the requests whose webhooks came."""
        self.bodies: list[tuple[dict[str, str], bytes]] = []
        self.free = asyncio.Event()
        """Set: calls are answered at once."""
        self.free.set()

    def environment(self) -> dict[str, str]:
        return super().environment() | {"SIGNOFF_WEBHOOK_PRIVATE": "127.0.0.1"}

    async def listen(self) -> None:
        application = web.Application()
        application.router.add_post("/", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def leave(self) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append((dict(request.headers), body))
        said = await request.json()
        self.got.add(said["data"]["id"])
        await self.free.wait()
        return web.Response(status=204)

    async def ask(self, order: int) -> str:
        """Asked and taken back: the shortest way to an end."""
        headers = {"Authorization": f"Bearer {self.key}"}
        body = {"tool": "issue_refund", "arguments": {"order": f"A-{order}"}, "callback_url": self.url}
        async with aiohttp.ClientSession(self.bot_address, headers=headers) as http:
            async with http.post("/v1/requests", json=body) as answer:
                asked = await answer.json()
                assert answer.status == 201, asked
            async with http.post(f"/v1/requests/{asked['id']}/cancel") as answer:
                assert answer.status == 200
        return str(asked["id"])

    async def secret(self) -> str:
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(self.bot_address, headers=headers) as http,
            http.get("/v1/webhooks/secret") as answer,
        ):
            return str((await answer.json())["secret"])


@pytest.fixture
async def crew() -> AsyncIterator[Called]:
    crew = Called()
    await crew.listen()
    try:
        async with crew:
            yield crew
            for bot in crew.bots:
                print(bot.last_words())  # shown beside a failure
    finally:
        await crew.leave()


@pytest.mark.timeout(300)
async def test_i21_webhooks_survive_the_death_of_their_senders(crew: Called) -> None:
    """Both replicas are killed while calls are under way and others wait; whoever starts next sends what was not taken,
    each under the id it had, signed with the secret that every replica derives.
    """
    asked = [await crew.ask(0)]
    await comes_true(lambda: crew.got, "the first one is taken")
    crew.free.clear()
    asked += [await crew.ask(order) for order in range(1, 8)]
    await comes_true(lambda: len(crew.bodies) >= 4, "some are under way")
    await asyncio.gather(*(bot.kill() for bot in crew.bots))
    crew.free.set()  # their answers come too late for who asked
    crew.got.clear()
    await crew.start_bot()
    await crew.all_ready()
    await comes_true(lambda: crew.got == set(asked[1:]), "every webhook that was not taken arrives", LAPSE)
    webhook = Webhook(await crew.secret())
    ids: dict[str, set[str]] = defaultdict(set)
    for headers, body in crew.bodies:
        ids[webhook.verify(body, headers)["data"]["id"]].add(headers["webhook-id"])
    assert len(crew.bodies) > len(asked)
    assert {request: len(found) for request, found in ids.items()} == dict.fromkeys(asked, 1)
