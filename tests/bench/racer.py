"""A process whose racers all try to decide the same requests, each over a connection of its own."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

from ground import commands, say
from made import Opening, approved

from signoff.model import Request
from signoff.store import RedisStore

AT_ONCE = 20
"""Requests that a racer has on its way together."""


async def race(store: RedisStore, before: list[Request], attempts: list[Opening]) -> list[str]:
    """The ids of those won."""
    won: list[str] = []
    room = asyncio.Semaphore(AT_ONCE)

    async def attempt(seen: Request, after: Opening) -> None:
        async with room:
            if await store.move(seen, after[0], "request.decided", after[1]):
                won.append(seen.id)

    await asyncio.gather(*map(attempt, before, attempts))
    return won


async def main() -> None:
    url, *names = sys.argv[1:]
    stores = [RedisStore.from_url(url) for _ in names]
    for store in stores:
        await store.start()
    inbox = commands()
    command = await inbox.get()
    assert command is not None
    before = [(await stores[0].load(request_id))[0] for request_id in cast("list[str]", command["ids"])]
    attempts = [[approved(request, name) for request in before] for name in names]
    say(ready=True)
    await inbox.get()
    won = await asyncio.gather(*(race(store, before, made) for store, made in zip(stores, attempts, strict=True)))
    say(won=dict(zip(names, won, strict=True)))
    for store in stores:
        await store.close()


asyncio.run(main())
