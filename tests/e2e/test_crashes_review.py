"""The bot killed with -9 while it decides two hundred requests together: each is decided once, whoever looks again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from crew import Crew, comes_true
from office import messages, signoff

from signoff.store import RedisStore
from signoff_sim.demo.hands import Slack, Teams, shows

Json = dict[str, Any]

SIZE = 200
LAPSE = 100.0
"""Seconds: longer than the lease of a worker that was killed with work in hand."""


class Flooded(Crew):
    """One bot on a Redis server of its own, which so many requests come to that most have no card of their own."""

    def __init__(self) -> None:
        super().__init__(1)
        self.ids: list[str] = []

    def environment(self) -> dict[str, str]:
        return super().environment() | {"SIGNOFF_FLOOD": "5/10s"}

    async def ask(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        async with aiohttp.ClientSession(self.bot_address, headers=headers) as http:
            line = asyncio.Semaphore(16)

            async def one(number: int) -> str:
                body = {"tool": "restock", "arguments": {"sku": f"LAMP-{number}", "count": 3}, "risk": "low"}
                async with line, http.post("/v1/requests", json=body) as answer:
                    told: Json = await answer.json()
                    assert answer.status == 201, told
                    return str(told["id"])

            self.ids = list(await asyncio.gather(*map(one, range(SIZE))))

    async def killed_in_the_middle(self, confirm: Callable[[], Awaitable[object]]) -> int:
        """Confirm, and kill the bot as soon as some of it is written; how many decisions were."""
        store = RedisStore.from_url(self.redis.url)
        await store.start()
        try:
            confirming = asyncio.ensure_future(confirm())
            async with asyncio.timeout(30):
                while not await _decided(store):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0)
            await self.bots[0].kill()
            await asyncio.gather(confirming, return_exceptions=True)  # nobody answers it any more
            return len(await _decided(store))
        finally:
            await store.close()

    async def each_once(self, reviewed: str) -> None:
        """Every request has one decision in the trail, which is whole, and all have the same batch."""
        file = self.folder / "trail.jsonl"
        await signoff(self, "audit", "export", "--out", str(file))
        await signoff(self, "audit", "verify", str(file))
        lines = [json.loads(line).get("entry", {}) for line in file.read_text().splitlines()]
        decided = [line for line in lines if line.get("type") == "decided"]
        assert Counter(line["request"] for line in decided) == Counter(self.ids)
        assert {line["status"] for line in decided} == {reviewed}
        assert len({line["batch"] for line in decided}) == 1

    def settled(self) -> bool:
        """No card of a channel asks for anything any more."""
        return not any("Approve" in text and "Approved" not in text for text in messages(self))


async def _decided(store: RedisStore) -> list[str]:
    return [line.body for line in await store.audit(SIZE, 10_000) if '"decided"' in line.body]  # behind the asking


@pytest.fixture
async def flooded() -> AsyncIterator[Flooded]:
    async with Flooded() as crew:
        yield crew
        print(*(bot.last_words() for bot in crew.bots))  # shown beside a failure


@pytest.mark.timeout(300)
async def test_i21_killed_while_it_decides_two_hundred_in_slack(flooded: Flooded) -> None:
    """The window is still open; pressing its button again brings the results of all, and the cards follow."""
    await flooded.ask()
    ada = Slack(flooded, "ada")
    await ada.pending()
    await ada.reads_in_window(f"{SIZE} requests wait for you")
    await ada.press("Select all")
    await ada.reads_in_window("Select none")
    await ada.submit()
    page = await ada.reads_in_window(f"Approve {SIZE} requests?")
    while not shows(page["submit"], f"Approve {SIZE}"):  # a page of lines each
        await ada.submit()
        page = await ada.modal()
    written = await flooded.killed_in_the_middle(ada.submit)
    assert 0 < written < SIZE
    assert shows(await ada.modal(), f"Approve {SIZE} requests?")
    await flooded.start_bot()
    await ada.submit()
    assert shows(await ada.sees_it_through(), f"{SIZE} approved")
    await flooded.each_once("approved")
    await comes_true(flooded.settled, "no card asks for anything any more", within=LAPSE)


@pytest.mark.timeout(300)
async def test_i21_killed_while_it_decides_two_hundred_in_teams(flooded: Flooded) -> None:
    """Teams says that the app is away; the card is still there and its button, pressed again, brings the results."""
    await flooded.ask()
    ada = Teams(flooded, "ada")
    card = await ada.pending()
    assert shows(card, f"{SIZE} requests wait for you")
    card = await ada.click(card, "Select all")
    card = await ada.click(card, "Approve selected…")
    while not shows(card, f"Approve {SIZE}", "Back to the list") or shows(card, "Next"):
        card = await ada.click(card, "Next page" if shows(card, "Next page") else "Next part")
    written = await flooded.killed_in_the_middle(lambda: ada.click(card, f"Approve {SIZE}"))
    assert 0 < written < SIZE
    await flooded.start_bot()
    card = await ada.click(card, f"Approve {SIZE}")
    async with asyncio.timeout(30):
        while shows(card, "Look again"):
            card = await ada.click(card, "Look again")
    assert shows(card, f"{SIZE} approved")
    await flooded.each_once("approved")
    await comes_true(flooded.settled, "no card asks for anything any more", within=LAPSE)
