"""P3, P9: from a signed click over HTTP to the answer, and to `gate.ask()` returning in the agent's process."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import cast

from figures import Round, Row, compared, duration, p50
from ground import Child, Ground, child, redis_up
from made import CAPS, approved, asked
from redis.asyncio import Redis
from reference import Reference
from serving import SLACK, TEAMS, Kept, Serving, slack_request
from sides import Theirs

from signoff.store import RedisStore
from signoff.store.redis.names import Names
from signoff.store.redis.store import PREFIX
from signoff_sim.demo.stage import SIGNING_SECRET

BATCH = 20
"""Clicks of one chat in one round."""
QUIET = 0.01
"""Seconds between looks whether all cards are repainted."""


@dataclass(slots=True)
class _Batch:
    """Seconds, one figure a click."""

    answered: list[float] = field(default_factory=list[float])
    """To the HTTP response."""
    returned: list[float] = field(default_factory=list[float])
    """To the agent's call returning."""
    bare: list[float] = field(default_factory=list[float])
    by_hand: list[float] = field(default_factory=list[float])
    settled: list[float] = field(default_factory=list[float])

    def whole(self) -> Round:
        return p50(self.returned), p50(self.bare)


async def rows(ground: Ground) -> list[Row]:
    async with (
        redis_up() as server,
        Redis.from_url(server.url) as redis,
        Serving(server.url) as bot,
        AsyncExitStack() as stack,
    ):
        reference, store = Reference(redis), RedisStore.from_url(server.url, prefix="settle")
        await reference.start()
        stack.push_async_callback(reference.close)
        stack.push_async_callback(store.close)
        theirs = Theirs(reference)
        stack.push_async_callback(theirs.close)
        for _ in range(100):
            await theirs.park()
        agent = await stack.enter_async_context(child("agent.py", environ=bot.agent_environment()))
        plain = await stack.enter_async_context(child("handwritten.py", SIGNING_SECRET))
        by_hand = await Kept.to(cast("int", (await plain.hear())["port"]))
        wire = await Kept.to(bot.bot_port)
        stack.push_async_callback(by_hand.close)
        stack.push_async_callback(wire.close)
        quiet = _quiet(redis)

        async def batch(chat: str, place: str) -> _Batch:
            """Clicks come one at a time and out of the quiet, as people's do; so does what they are compared with."""
            agent.tell(channel=place, count=BATCH)
            found = _Batch()
            for click in await bot.clicks(chat, BATCH):
                await quiet()
                found.bare.append(await theirs.once())
                await theirs.park()
                if chat == "slack":
                    began, ended = await by_hand.send(slack_request(click.raw))
                    found.by_hand.append((ended - began) / 1e9)
                    found.settled.append(await _settle(store))
                await asyncio.sleep(QUIET)
                began, ended = await wire.send(click.sent)
                told = await _returned(agent, click.request)
                found.answered.append((ended - began) / 1e9)
                found.returned.append((told - began) / 1e9)
            await quiet()
            return found

        for chat, place in (("slack", SLACK), ("teams", TEAMS)):
            await batch(chat, place)  # keys fetched, places found, paths warm
        slack: list[_Batch] = []
        teams: list[_Batch] = []
        for _ in range(ground.some(5)):
            slack.append(await batch("slack", SLACK))
            teams.append(await batch("teams", TEAMS))
    return [
        compared("P3", "signed Slack click → gate.ask() returns, p50", [one.whole() for one in slack], most=8),
        compared("P3", "signed Teams invoke → gate.ask() returns, p50", [one.whole() for one in teams], most=10),
        _acknowledged(slack),
    ]


def _acknowledged(batches: list[_Batch]) -> Row:
    ours, by_hand, settle = (
        statistics.median(p50(samples) for samples in side)
        for side in zip(*((one.answered, one.by_hand, one.settled) for one in batches), strict=True)
    )
    most = 3 * by_hand + settle
    what = "signed Slack click → HTTP response, p50"
    figures = {"ours": ours, "by hand": by_hand, "settle": settle, "ratio": (ours - settle) / by_hand}
    wants = f"≤ {duration(most)}"
    return Row(
        "P9", what, wants, duration(ours), f"3 × {duration(by_hand)} + {duration(settle)}", ours <= most, figures
    )


async def _returned(agent: Child, request_id: str) -> int:
    """When the agent's call about this request returned."""
    told = await agent.hear()
    if told["id"] != request_id or not told["approved"]:
        raise RuntimeError(f"the agent was told {told} about {request_id}")
    return cast("int", told["at"])


async def _settle(store: RedisStore) -> float:
    """The settling script alone."""
    request, entry = asked()
    await store.open(request, entry, None, CAPS)
    after, decided = approved(request)
    began = time.perf_counter()
    assert await store.move(request, after, "request.decided", decided)
    return time.perf_counter() - began


def _quiet(redis: Redis) -> Callable[[], Awaitable[None]]:
    """Wait until every card shows its record."""
    due = Names(PREFIX).due

    async def quiet() -> None:
        async with asyncio.timeout(60):
            while await redis.zcard(due):  # noqa: ASYNC110 - another process's work
                await asyncio.sleep(QUIET)

    return quiet
