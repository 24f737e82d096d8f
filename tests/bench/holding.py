"""P2, P6: ten thousand calls wait in one process. What they cost, and whether the next decision is any slower."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import cast

from figures import Round, Row, bounded, compared, kilobytes
from ground import Child, Ground, child, redis_up
from made import CAPS, asked
from redis.asyncio import Redis

from signoff.store import RedisStore

MANY = 10_000
AT_ONCE = 200
"""Requests opened together."""
CLIENT = 3000
REDIS = 5000
"""Bytes that a waiting call may take in the client and in Redis, 1 KB of arguments included."""


async def fill(store: RedisStore, count: int, **more: object) -> list[str]:
    """Open pending requests; their ids."""
    ids: list[str] = []
    for start in range(0, count, AT_ONCE):
        made = [asked(**more) for _ in range(min(AT_ONCE, count - start))]  # type: ignore[arg-type]
        await asyncio.gather(*(store.open(request, entry, None, CAPS) for request, entry in made))
        ids += [request.id for request, _ in made]
    return ids


async def rows(ground: Ground) -> list[Row]:
    many = ground.some(MANY)
    async with redis_up() as server, Redis.from_url(server.url) as redis, AsyncExitStack() as stack:
        held: list[Child] = []
        connections: list[int] = []
        client = kept = 0.0
        for prefix, count in (("one", 1), ("many", many)):
            store = RedisStore.from_url(server.url, prefix=prefix)
            stack.push_async_callback(store.close)
            before = await _used(redis)
            ids = await fill(store, count)
            kept = (await _used(redis) - before) / count
            names = await _connections(redis)
            one = await stack.enter_async_context(child("held.py", server.url, prefix))
            await one.hear()
            client = cast("int", (await one.ask(do="hold", ids=ids))["bytes"]) / count
            connections.append(await _connections(redis) - names)
            held.append(one)
        rounds: list[Round] = []
        for one in held:
            await one.ask(do="sample", count=50)
        for _ in range(ground.some(10)):
            single, crowd = [cast("float", (await one.ask(do="sample", count=100))["p50"]) for one in held]
            rounds.append((crowd, single))
    few, all_ = connections
    steady = Row(
        "P6", f"connections of the process, 1 and {many} waiting", "constant", f"{all_}", f"{few}", few == all_
    )
    steady.figures.update(one=few, many=all_)
    return [
        compared("P2", f"decision → resume, {many} waiting against 1, p50", rounds, most=1.25),
        bounded("P6", "a waiting call in the client", client, CLIENT, kilobytes),
        bounded("P6", "a waiting call in Redis", kept, REDIS, kilobytes),
        steady,
    ]


async def _used(redis: Redis) -> int:
    return int(cast("dict[str, int]", await redis.info("memory"))["used_memory"])


async def _connections(redis: Redis) -> int:
    return sum(client["name"] == "signoff" for client in await redis.client_list())
