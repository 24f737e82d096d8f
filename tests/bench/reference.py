"""The reference row: the least that any Redis-backed approval does, with redis-py and no product code.

create = one Lua (record and index entries) · decide = one Lua compare-and-set, de-index, PUBLISH · wait = one pub/sub
connection a process with a dict of futures, registered before the record exists.
"""

from __future__ import annotations

import asyncio
import secrets

from redis.asyncio import Redis

CREATE = """
redis.call('HSET', KEYS[1], 'status', 'pending', 'doc', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], 0, ARGV[1])
return 1
"""
DECIDE = """
if redis.call('HGET', KEYS[1], 'status') ~= 'pending' then return 0 end
redis.call('HSET', KEYS[1], 'status', 'approved', 'decision', ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('PUBLISH', KEYS[4], ARGV[1])
return 1
"""
PAGE = """
local ids = redis.call('ZRANGE', KEYS[1], ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ARGV[2])
local out = {}
for i, id in ipairs(ids) do out[i] = redis.call('HGET', ARGV[3] .. id, 'doc') end
return out
"""
PAYLOAD = "x" * 1024
DECISION = "y" * 200


class Reference:
    def __init__(self, redis: Redis, prefix: str = "ref") -> None:
        self.redis = redis
        self.prefix = prefix
        self.create = redis.register_script(CREATE)
        self.decide_script = redis.register_script(DECIDE)
        self.page_script = redis.register_script(PAGE)
        self.waiting: dict[str, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        pubsub = self.redis.pubsub()
        await pubsub.subscribe(f"{self.prefix}:decided")
        await pubsub.get_message(timeout=5)

        async def read() -> None:
            async for message in pubsub.listen():
                if message["type"] == "message":
                    future = self.waiting.pop(message["data"].decode(), None)
                    if future is not None and not future.done():
                        future.set_result(None)

        self._task = asyncio.create_task(read())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def keys(self, name: str) -> list[str]:
        return [
            f"{self.prefix}:r:{name}",
            f"{self.prefix}:pending",
            f"{self.prefix}:pending:c",
            f"{self.prefix}:decided",
        ]

    async def ask(self) -> tuple[str, asyncio.Future[None]]:
        name = secrets.token_hex(12)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting[name] = future
        await self.create(keys=self.keys(name)[:3], args=[name, PAYLOAD])
        return name, future

    async def decide(self, name: str) -> bool:
        return bool(await self.decide_script(keys=self.keys(name), args=[name, DECISION]))

    async def page(self, limit: int) -> list[bytes]:
        found: list[bytes] = await self.page_script(
            keys=[f"{self.prefix}:pending:c"], args=["-", limit, f"{self.prefix}:r:"]
        )
        return found
