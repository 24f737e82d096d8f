"""P16: from a signed command to the first page of the queue, as it reaches the chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from figures import Round, Row, bounded, compared, duration, p50, p99
from ground import Ground, redis_up
from made import CAPS, small
from redis.asyncio import Redis
from serving import Heard, Kept, Serving

from signoff.model import RISKS
from signoff.store import RedisStore
from signoff.store.redis.names import Names
from signoff.store.redis.store import PREFIX

FEW = 1000
MANY = 100_000
CHANNELS, TOOLS, AGENTS = 5, 4, 3
"""Prime to each other, so that with the levels there are 180 kinds, however many wait."""
LEVELS = RISKS[RISKS.index("medium") :]
"""What can be decided along with others, which takes the most looking."""
AT_ONCE = 500
BATCH = 10
"""Commands in one round."""
CHATS = ("Slack", "Teams")
LONGEST = 0.3
"""Seconds: a tenth of what a trigger holds."""
QUIET = 0.03
"""Seconds between two people."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One bot with its queue."""

    bot: Serving
    wire: Kept

    async def asked(self, chat: str) -> tuple[float, int]:
        """Seconds from the command being sent to all of the page being there, and how many bytes it has."""
        self.bot.heard = []
        sent = self.bot.slack_command("/pending") if chat == "Slack" else self.bot.teams_message("pending")
        began, _ = await self.wire.send(sent)
        page = await self.bot.hears(_is_page)
        if b"wait for you" not in page.raw:
            raise RuntimeError(f"this is no page: {page.raw[:2000]!r}")
        await asyncio.sleep(QUIET)
        return (page.at - began) / 1e9, len(page.raw)


async def rows(ground: Ground) -> list[Row]:
    few, many = FEW, ground.some(MANY)
    async with _side(few) as small_, _side(many) as large:
        found: list[Row] = []
        for chat in CHATS:
            for side in (small_, large):
                await _sample(side, chat, 5)  # places found, paths warm
            rounds: list[Round] = []
            whole: list[float] = []
            size = 0
            for _ in range(ground.some(10)):
                little, _ = await _sample(small_, chat, BATCH)
                much, size = await _sample(large, chat, BATCH)
                rounds.append((p50(much), p50(little)))
                whole += much
            what = f"signed pending in {chat} → first page, {many} pending"
            found.append(compared("P16", f"{what} against {few}, p50", rounds, most=3))
            absolute = bounded("P16", f"{what}, p50", p50(whole), LONGEST, duration)
            absolute.figures.update(p99=p99(whole), bytes=size)
            found.append(absolute)
    return found


def _is_page(one: Heard) -> bool:
    return one.path.endswith("/views.open") or ("/v3/conversations/" in one.path and b"attachments" in one.raw)


async def _sample(side: _Side, chat: str, count: int) -> tuple[list[float], int]:
    told = [await side.asked(chat) for _ in range(count)]
    return [seconds for seconds, _ in told], max(size for _, size in told)


@asynccontextmanager
async def _side(count: int) -> AsyncIterator[_Side]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(redis_up())
        store = RedisStore.from_url(server.url)
        await _fill(store, count)
        await store.close()
        async with Redis.from_url(server.url) as redis:
            await redis.delete(Names(PREFIX).due)  # or the bot would first try to post all of these
        bot = await stack.enter_async_context(Serving(server.url))
        wire = await Kept.to(bot.bot_port)
        stack.push_async_callback(wire.close)
        yield _Side(bot, wire)


async def _fill(store: RedisStore, count: int) -> None:
    for start in range(0, count, AT_ONCE):
        made = [
            small(
                number,
                show=(f"slack:#c{number % CHANNELS}", f"teams:Finance/c{number % CHANNELS}"),
                tool=f"tool_{number % TOOLS}",
                agent=f"agent-{number % AGENTS}",
                risk=LEVELS[number // (CHANNELS * TOOLS * AGENTS) % len(LEVELS)],
            )
            for number in range(start, min(start + AT_ONCE, count))
        ]
        await asyncio.gather(*(store.open(request, entry, None, CAPS) for request, entry in made))
