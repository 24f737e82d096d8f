"""The outbox, the small memory and the API keys in Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from signoff.errors import StoreUnavailable
from signoff.model import HOOK, Key, Placement, Request, is_hook
from signoff.ports import Work
from signoff.store import ids, record
from signoff.store.redis import scripts
from signoff.store.redis.feed import Feed
from signoff.store.redis.line import Line, clock, writer
from signoff.store.redis.names import Names
from signoff.store.redis.wire import Command


class RedisOutbox:
    """`ports.Outbox`."""

    _line: Line
    _names: Names
    _feed: Feed

    async def claim(self, lease: float, *, hooks: bool = False) -> Work | None:
        token = secrets.token_hex(8)
        keys = (self._names.hooks if hooks else self._names.due, self._names.leases)
        found = await self._line.run(scripts.CLAIM, keys, token, _ms(lease))
        return None if found is None else Work(ids.whole(cast("str", found)), token)

    async def placements(self, request_id: str) -> Sequence[Placement]:
        reply = cast("list[str]", await self._line.call("HVALS", self._names.cards(request_id)))
        return sorted(map(Placement.model_validate_json, reply), key=lambda placement: placement.place)

    async def place(self, work: Work, placement: Placement) -> bool:
        keys = (self._names.leases, self._names.cards(work.request))
        args = (ids.short(work.request), work.token, placement.place, placement.model_dump_json())
        return await self._line.run(scripts.PLACE, keys, *args) == 1

    async def done(self, work: Work, rev: int) -> None:
        keys = (self._names.line(work.request), self._names.leases, self._names.head(work.request))
        await self._line.run(scripts.DONE, keys, ids.short(work.request), work.token, rev)

    async def again(self, work: Work, delay: float, rev: int | None = None) -> None:
        keys = (self._names.line(work.request), self._names.leases, self._names.head(work.request))
        card = ids.short(work.request)
        await self._line.run(scripts.AGAIN, keys, card, work.token, _ms(delay), "" if rev is None else rev)

    async def nudge(self, pile: str, delay: float = 0.0) -> None:
        keys = (self._names.line(pile), self._names.leases, self._names.head(pile))
        await self._line.run(scripts.NUDGE, keys, ids.short(pile), _ms(delay))
        self._feed.stir(hooks=is_hook(pile))

    async def nudged(self, pile: str) -> int:
        return int(cast("str | None", await self._line.call("GET", self._names.head(pile))) or 0)

    async def hooks(self, limit: int) -> Sequence[tuple[str, datetime]]:
        reply = await self._line.call("ZRANGE", self._names.hooks, 0, limit - 1, "WITHSCORES")
        flat = cast("list[str]", reply)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [(ids.whole(hook).removeprefix(HOOK), record.moment(int(float(due)))) for hook, due in pairs]

    async def ripe(self, timeout: float, *, hooks: bool = False) -> None:
        stirred = self._feed.idle(hooks=hooks)
        try:
            async with asyncio.timeout(timeout), asyncio.timeout(await self._until_due(hooks=hooks)):
                await stirred
        except TimeoutError:
            pass
        finally:
            self._feed.busy(stirred)

    async def _until_due(self, *, hooks: bool) -> float:
        """Seconds until the first of that line is due; for ever when there is none, or when Redis is away: the reader
        stirs everybody when it is back.
        """
        try:
            line = self._names.hooks if hooks else self._names.due
            first, now = await self._line.calls(("ZRANGE", line, 0, 0, "WITHSCORES"), ("TIME",))
        except StoreUnavailable:
            return float("inf")
        due = cast("list[str]", first)
        seconds, microseconds = cast("list[str]", now)
        if not due:
            return float("inf")
        return max(float(due[1]) / 1000 - int(seconds) - int(microseconds) / 1e6, 0.0)


class RedisMemory:
    """`ports.Memory` and `ports.Keys`."""

    _line: Line
    _names: Names

    async def remember(self, space: str, key: str, value: str, ttl: float | None = None) -> None:
        life: tuple[str | int, ...] = () if ttl is None else ("PX", max(_ms(ttl), 1))
        await self._line.call("SET", self._names.memory(space, key), value, *life)

    async def recall(self, space: str, key: str) -> str | None:
        return cast("str | None", await self._line.call("GET", self._names.memory(space, key)))

    async def first(self, space: str, key: str, ttl: float) -> bool:
        name, token = self._names.memory(space, key), secrets.token_hex(8)
        # A command whose answer was lost is sent again: then it is this very call that was first.
        await self._line.call("SET", name, token, "PX", max(_ms(ttl), 1), "NX")
        return await self._line.call("GET", name) == token

    async def forget(self, space: str, key: str) -> None:
        await self._line.call("DEL", self._names.memory(space, key))

    async def tally(self, space: str, key: str, window: float) -> int:
        name = self._names.tally(space, key)
        return cast("int", await self._line.run(scripts.TALLY, (name,), writer(), max(_ms(window), 1)))

    async def add_key(self, key: Key) -> None:
        await self._line.call("HSET", self._names.keys, key.id, key.model_dump_json())

    async def key(self, key_id: str) -> Key | None:
        return _key(await self._line.call("HGET", self._names.keys, key_id))

    async def key_and(self, key_id: str, request_id: str | None = None) -> tuple[Key | None, Request | None, datetime]:
        reading: list[Command] = [("HGET", self._names.keys, key_id)]
        if request_id is not None:
            reading.append(("GET", self._names.doc(request_id)))
        # The clock last, as in `load`.
        key, *doc, time = await self._line.calls(*reading, ("TIME",))
        request = record.load_or_none(cast("str | None", doc[0])) if doc else None
        return _key(key), request, clock(time)

    async def keys(self) -> Sequence[Key]:
        reply = cast("list[str]", await self._line.call("HVALS", self._names.keys))
        return sorted(map(Key.model_validate_json, reply), key=lambda key: key.id)

    async def revoke_key(self, key_id: str) -> bool:
        """True when it was live. Nothing else about a key ever changes, so no script is needed."""
        key, _, now = await self.key_and(key_id)
        if key is None or key.revoked_at is not None:
            return False
        await self.add_key(key.model_copy(update={"revoked_at": now}))
        return True


def _key(reply: object) -> Key | None:
    return None if reply is None else Key.model_validate_json(cast("str", reply))


def _ms(seconds: float) -> int:
    return max(int(seconds * 1000), 0)
