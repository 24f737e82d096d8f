"""P11: the gates. Races over many connections have one winner each, and no waiter stays behind when readers die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import cast

from figures import Row
from ground import Ground, child, redis_up
from holding import fill
from made import approved
from redis.asyncio import Redis

from signoff import audit
from signoff.errors import StoreUnavailable
from signoff.model import Request
from signoff.store import RedisStore

REQUESTS = 1250
PROCESSES = (("ada", "bob", "cleo", "dan"), ("eve", "finn", "gus", "hal"))
"""Each racer has a store, and so connections, of its own; eight for every request make 10 000 decisions."""
WAITERS = 2000
KILL = 0.05
"""Seconds between two rounds of killing."""
PATIENCE = 30.0
"""Seconds after the last decision in which everybody must have resumed."""
PAGE = 1000


async def rows(ground: Ground) -> list[Row]:
    return [await _races(ground), await _kills(ground)]


async def _races(ground: Ground) -> Row:
    count = ground.some(REQUESTS)
    async with redis_up() as server, AsyncExitStack() as stack:
        store = RedisStore.from_url(server.url)
        await store.start()
        stack.push_async_callback(store.close)
        ids = await fill(store, count)
        waiters = [asyncio.create_task(store.wait(request_id, PATIENCE)) for request_id in ids]
        racers = [await stack.enter_async_context(child("racer.py", server.url, *names)) for names in PROCESSES]
        await asyncio.gather(*(racer.ask(ids=ids) for racer in racers))
        began = time.monotonic()
        told = await asyncio.gather(*(racer.ask(go=True) for racer in racers))
        took = time.monotonic() - began
        winners: dict[str, list[str]] = {request_id: [] for request_id in ids}
        for answer in told:
            for name, won in cast("dict[str, list[str]]", answer["won"]).items():
                for request_id in won:
                    winners[request_id].append(name)
        resumed = await asyncio.gather(*waiters)
        lines: Counter[str] = Counter()
        chain: list[audit.Line] = []
        while page := await store.audit(chain[-1].seq if chain else 0, PAGE):
            chain += page
        for line in chain:
            body = cast("dict[str, str]", json.loads(line.body))
            lines[body["request"]] += body["type"] == "decided"
        lost = sum(not names for names in winners.values())
        doubled = sum(len(names) > 1 for names in winners.values())
        # What the waiter holds, what the record says and who was told "yours" must be one and the same person.
        wrong = sum(_decider(request) not in winners[request.id] for request in resumed)
        wrong += sum(lines[request_id] != 1 for request_id in ids) + len(audit.verify(chain))
    decisions = count * sum(map(len, PROCESSES))
    figures: dict[str, float] = {
        "decisions": decisions,
        "lost": lost,
        "twice": doubled,
        "wrong": wrong,
        "seconds": took,
    }
    shown = f"{lost} lost · {doubled} twice won · {wrong} wrongly told"
    what = f"{decisions} decisions race for {count} requests"
    return Row("P11", what, "0 · 0 · 0", shown, "–", not (lost or doubled or wrong), figures)


def _decider(request: Request) -> str | None:
    return request.decision.decided_by[0].person if request.decision else None


async def _kills(ground: Ground) -> Row:
    count, kills = ground.some(WAITERS), 0
    logging.getLogger("signoff.store").setLevel(logging.ERROR)  # every killed reader says so
    async with redis_up() as server, Redis.from_url(server.url) as redis, AsyncExitStack() as stack:
        store, other = RedisStore.from_url(server.url), RedisStore.from_url(server.url)
        for one in (store, other):
            await one.start()
            stack.push_async_callback(one.close)
        ids = await fill(other, count)
        records = [(await other.load(request_id))[0] for request_id in ids]
        waiters = [asyncio.create_task(_patient(store, request_id)) for request_id in ids]
        deciding = asyncio.create_task(_decide_all(other, records))
        while not deciding.done():
            # Readers and writers alike: all that Signoff has open.
            for client in await redis.client_list():
                if client["name"] == "signoff":
                    kills += int(await redis.client_kill_filter(_id=client["id"]))
            await asyncio.wait({deciding}, timeout=KILL)
        await deciding
        _, late = await asyncio.wait(waiters, timeout=PATIENCE)
        for waiter in late:
            waiter.cancel()
        unresumed = len(late) + sum(not waiter.result() for waiter in waiters if waiter not in late)
    figures: dict[str, float] = {"waiting": count, "kills": kills, "unresumed": unresumed}
    what = f"{count} waiting, {kills} connections killed meanwhile"
    return Row("P11", what, "0 unresumed", f"{unresumed} unresumed", "–", unresumed == 0 and kills > 0, figures)


async def _patient(store: RedisStore, request_id: str) -> bool:
    """Waits as an agent does: what Redis's absence interrupts is asked again."""
    while True:
        try:
            return (await store.wait(request_id, 2 * PATIENCE)).status == "approved"
        except StoreUnavailable:
            continue


async def _decide_all(store: RedisStore, records: list[Request]) -> None:
    room = asyncio.Semaphore(4)

    async def decide(request: Request) -> None:
        after, entry = approved(request)
        async with room:
            decided = False
            while not decided:
                with contextlib.suppress(StoreUnavailable):
                    await store.move(request, after, "request.decided", entry)
                    decided = (await store.load(request.id))[0].decision is not None

    await asyncio.gather(*map(decide, records))
