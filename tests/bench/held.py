"""A process in which many calls wait: it says how much memory they take, and how fast a decision reaches them."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import cast

from figures import p50, resident
from ground import commands, say
from sides import Ours, sample

from signoff.store import RedisStore


async def main() -> None:
    url, prefix = sys.argv[1:]
    store = RedisStore.from_url(url, prefix=prefix)
    await store.start()
    ours = Ours(store)
    inbox = commands()
    say(up=True)
    while (command := await inbox.get()) is not None:
        if command["do"] == "hold":
            wanted = [await store.load(request_id) for request_id in cast("list[str]", command["ids"])]
            gc.collect()
            before = resident()
            for request, _ in wanted:
                await ours.hold(request)
            gc.collect()
            say(bytes=resident() - before)
        else:
            say(p50=p50(await sample(ours, cast("int", command["count"]))))
    await ours.close()
    await store.close()


asyncio.run(main())
