"""P14: a budget under a crowd, and what it costs to have one."""

from __future__ import annotations

import asyncio
import time

from figures import Round, Row, compared, p50
from ground import Ground, redis_up
from made import CAPS, asked

from signoff.errors import BudgetSpent
from signoff.model import Spend, freezes_of
from signoff.ports import NOTHING, Conditions, Store
from signoff.store import MemoryStore, RedisStore

ASKS = 1000
BUDGET = 20
CONNECTIONS = 8
WIDE = Spend(budget="wide", calls=10**9, amount=50_000_000, limit=2**53, per=2)
"""Never spent: its window is short, so that entries lapse while others come."""


async def rows(ground: Ground) -> list[Row]:
    found = [await _crowd("memory", [MemoryStore()])]
    async with redis_up() as server:
        stores = [RedisStore.from_url(server.url) for _ in range(CONNECTIONS)]
        found.append(await _crowd(f"Redis, {CONNECTIONS} connections", stores))
        rounds: list[Round] = []
        for _ in range(ground.some(20)):
            bare = await _opened(stores[0], None)
            rounds.append((await _opened(stores[0], WIDE), bare))
        found.append(compared("P14", "opening under a budget and five freezes against opening, p50", rounds))
        for store in stores:
            await store.close()
    return found


async def _crowd(where: str, stores: list[Store] | list[MemoryStore] | list[RedisStore]) -> Row:
    conditions = Conditions(spend=Spend(budget="b", calls=BUDGET, per=3600))

    async def one(store: Store) -> bool:
        request, entry = asked()
        try:
            await store.open(request, entry, None, CAPS, conditions)
        except BudgetSpent:
            return False
        return True

    began = time.monotonic()
    took = await asyncio.gather(*(one(stores[number % len(stores)]) for number in range(ASKS)))
    seconds, passed = time.monotonic() - began, took.count(True)
    pending = (await stores[0].counts())["pending"]
    figures: dict[str, float] = {"asks": ASKS, "passed": passed, "pending": pending, "seconds": seconds}
    what = f"{ASKS} asks at once against a budget of {BUDGET}, {where}"
    holds = passed == pending == BUDGET
    return Row("P14", what, f"exactly {BUDGET}", f"{passed} passed", "–", holds, figures)


async def _opened(store: RedisStore, spend: Spend | None, count: int = 100) -> float:
    samples: list[float] = []
    for _ in range(count):
        request, entry = asked()
        conditions = NOTHING if spend is None else Conditions(thawed=freezes_of(request), spend=spend)
        began = time.perf_counter()
        await store.open(request, entry, None, CAPS, conditions)
        samples.append(time.perf_counter() - began)
    return p50(samples)
