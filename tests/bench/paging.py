"""P8: the first twenty of many pending requests, by channel, by approver and by both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from figures import Round, Row, compared, p50
from ground import Ground, redis_up
from made import CAPS, asked
from redis.asyncio import Redis
from reference import Reference

from signoff.ports import Filter
from signoff.store import RedisStore

FEW = 10_000
MANY = 100_000
CHANNELS = 10
APPROVERS = 7
"""Prime to the channels, so that every pair comes up."""
LIMIT = 20
AT_ONCE = 500
FILTERS = {
    "channel": Filter(status="pending", channel="slack:#c3"),
    "approver": Filter(approvers=("p2",)),
    "both": Filter(channel="slack:#c3", approvers=("p2",)),
}

Page = Callable[[], Awaitable[object]]


async def rows(ground: Ground) -> list[Row]:
    few, many = ground.some(FEW), ground.some(MANY)
    async with redis_up() as server, Redis.from_url(server.url) as redis:
        # Not started: nobody waits here, and the reader would only slow the filling down.
        small, large = (RedisStore.from_url(server.url, prefix=prefix) for prefix in ("small", "large"))
        reference = Reference(redis)
        for _ in range(few):
            await reference.ask()
        await asyncio.gather(_fill(small, few), _fill(large, many))
        found: list[Row] = []
        for name, which in FILTERS.items():
            against: list[Round] = []
            grown: list[Round] = []
            for _ in range(ground.some(10)):
                bare = await _timed(lambda: reference.page(LIMIT))
                little = await _timed(lambda which=which: small.page(which, None, LIMIT))  # type: ignore[misc]
                much = await _timed(lambda which=which: large.page(which, None, LIMIT))  # type: ignore[misc]
                against.append((little, bare))
                grown.append((much, little))
            found.append(compared("P8", f"page of {LIMIT} by {name}, {few} pending, p50", against, most=3))
            found.append(compared("P8", f"the same, {many} pending against {few}", grown, most=1.2))
        for store in (small, large):
            await store.close()
    return found


async def _fill(store: RedisStore, count: int) -> None:
    for start in range(0, count, AT_ONCE):
        made = [
            asked(show=(f"slack:#c{number % CHANNELS}",), approver=f"p{number % APPROVERS}")
            for number in range(start, min(start + AT_ONCE, count))
        ]
        await asyncio.gather(*(store.open(request, entry, None, CAPS) for request, entry in made))


async def _timed(page: Page, count: int = 40) -> float:
    samples: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        await page()
        samples.append(time.perf_counter() - began)
    return p50(samples)
