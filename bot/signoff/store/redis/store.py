"""The store as one object."""

from __future__ import annotations

from typing import Final, Self

from signoff.store.redis.door import Door, door
from signoff.store.redis.feed import Feed
from signoff.store.redis.line import Line
from signoff.store.redis.names import Names
from signoff.store.redis.orders import RedisOrders
from signoff.store.redis.outbox import RedisMemory, RedisOutbox
from signoff.store.redis.records import RedisRecords

PREFIX: Final = "signoff"


class RedisStore(RedisRecords, RedisOutbox, RedisOrders, RedisMemory):
    """`ports.Store` on Redis 6.2 or newer, or Valkey. Two connections, however many calls and waits there are.

    Every method raises StoreUnavailable when Redis gives no answer within 1.5 s.
    """

    def __init__(self, door: Door, names: Names) -> None:
        self._door = door
        self._names = names
        self._line = Line(door)
        self._feed = Feed(self._line, door, names)

    @classmethod
    def from_url(cls, url: str, *, prefix: str = PREFIX) -> Self:
        """`redis://`, `rediss://`, `unix://`, `redis+cluster://` or `rediss+cluster://`; no connection is made yet.

        `prefix` opens every key. Raises BadConfig.
        """
        names = Names(prefix)
        return cls(door(url, names.events), names)

    async def start(self) -> None:
        """Raises StoreUnavailable. The store can be used all the same: it works from when Redis comes."""
        await self._feed.start()

    async def close(self) -> None:
        await self._feed.close()
        await self._line.close()
        await self._door.close()

    async def ping(self) -> None:
        await self._line.call("PING")
