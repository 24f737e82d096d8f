"""P7: ten thousand agents elsewhere, each with a long poll held by one server."""

from __future__ import annotations

import asyncio
import random
import resource
from contextlib import AsyncExitStack
from typing import cast

from figures import Row, bounded, kilobytes, resident
from ground import Ground, child, redis_up
from holding import fill
from made import approved
from serving import Serving

from signoff.store import RedisStore

POLLS = 10_000
SPARE = 500
"""Descriptors for everything else."""
EACH = 16_000
"""Bytes that a held poll may take in the server."""
WARM = 200
DECIDED = 100
LOOK = 0.5
"""Seconds between looks at the server's memory."""


async def rows(ground: Ground) -> list[Row]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # children inherit it
    most = POLLS if hard == resource.RLIM_INFINITY else min(POLLS, hard - SPARE)
    polls = min(most, ground.some(POLLS))
    async with redis_up() as server, Serving(server.url) as bot, AsyncExitStack() as stack:
        store = RedisStore.from_url(server.url)
        stack.push_async_callback(store.close)
        key_id = bot.key.split("_")[1]
        # No place to show them: the server has nothing to do but to hold the polls.
        warm, ids = (
            await fill(store, WARM, show=(), asked_by=key_id),
            await fill(store, polls, show=(), asked_by=key_id),
        )
        pollers = await stack.enter_async_context(child("pollers.py", str(bot.bot_port), bot.key))
        await pollers.ask(do="poll", ids=warm)
        before = await _settled_memory(bot.pid)
        await pollers.ask(do="poll", ids=ids)
        each = (await _settled_memory(bot.pid) - before) / polls
        early = cast("list[str]", (await pollers.ask(do="look"))["answered"])
        chosen = random.sample(ids, min(DECIDED, polls))
        for request_id in chosen:
            request, _ = await store.load(request_id)
            after, entry = approved(request)
            assert await store.move(request, after, "request.decided", entry)
        async with asyncio.timeout(20):
            while len(told := cast("list[str]", (await pollers.ask(do="look"))["answered"])) < len(chosen):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    right = not early and sorted(told) == sorted(f"{request_id} 200" for request_id in chosen)
    row = bounded("P7", f"{polls} long polls in one server, each", each, EACH, kilobytes)
    shown = f"{len(told)} of {len(chosen)}, {len(early)} early"
    return [row, Row("P7", f"of these, answered when {len(chosen)} are decided", "all, none else", shown, "–", right)]


async def _settled_memory(pid: int) -> int:
    """Bytes, once they no longer change."""
    seen = -1
    async with asyncio.timeout(40):
        while (now := resident(pid)) != seen:
            seen = now
            await asyncio.sleep(LOOK)
    return now
