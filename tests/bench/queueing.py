"""P15: the first page of the queue, as a review opens with it: what there is of each kind, and the 200 most urgent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from figures import Round, Row, compared, p50
from ground import Ground, redis_up
from made import CAPS, Opening, asked

from signoff.model import RISKS, Facet
from signoff.store import RedisStore

FEW = 1200
"""A thousand, and so many more that every filter leaves a full page."""
MANY = 100_000
CHANNELS, TOOLS, AGENTS = 5, 4, 3
"""Prime to each other, so that with the risks there are three hundred kinds, however many wait."""
LIMIT = 200
SPREAD = 3600
"""Seconds over which deadlines lie."""
AT_ONCE = 500
FILTERS: dict[str, Callable[[Facet], bool]] = {
    "nothing": lambda _: True,
    "risk": lambda kind: kind.risk == "medium",
    "tool": lambda kind: kind.tool == "tool_1",
    "agent": lambda kind: kind.agent == "agent-1",
    "channel": lambda kind: "slack:#c1" in kind.places,
}


async def rows(ground: Ground) -> list[Row]:
    few, many = FEW, ground.some(MANY)
    async with redis_up() as server:
        # Not started: nobody waits here, and the reader would only slow the filling down.
        small, large = (RedisStore.from_url(server.url, prefix=prefix) for prefix in ("small", "large"))
        await _fill(small, few)
        await _fill(large, many)
        found: list[Row] = []
        for name, passes in FILTERS.items():
            rounds: list[Round] = []
            for _ in range(ground.some(10)):
                little = await _timed(small, passes)
                rounds.append((await _timed(large, passes), little))
            what = f"first {LIMIT} of the queue by {name}, {many} pending against {few}, p50"
            found.append(compared("P15", what, rounds, most=3))
        for store in (small, large):
            await store.close()
    return found


async def _fill(store: RedisStore, count: int) -> None:
    for start in range(0, count, AT_ONCE):
        made = map(_one, range(start, min(start + AT_ONCE, count)))
        await asyncio.gather(*(store.open(request, entry, None, CAPS) for request, entry in made))


def _one(number: int) -> Opening:
    request, entry = asked(show=(f"slack:#c{number % CHANNELS}",))
    kind = {
        "tool": f"tool_{number % TOOLS}",
        "agent": f"agent-{number % AGENTS}",
        "risk": RISKS[number // (CHANNELS * TOOLS * AGENTS) % len(RISKS)],
        "expires_at": request.expires_at + timedelta(seconds=number * 7919 % SPREAD),
    }
    return request.model_copy(update=kind), entry


async def _timed(store: RedisStore, passes: Callable[[Facet], bool], count: int = 10) -> float:
    samples: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        facets = await store.facets()
        page = await store.queue([kind for kind in facets if passes(kind)], None, LIMIT)
        samples.append(time.perf_counter() - began)
        if len(page.requests) != LIMIT:
            raise RuntimeError("the page is not full")
    return p50(samples)
