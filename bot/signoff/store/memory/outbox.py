"""The outbox, the small memory and the API keys in memory."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from signoff.model import HOOK, Key, Placement, Request, is_hook
from signoff.ports import Work
from signoff.store import queue, record
from signoff.store.memory.shelf import Shelf


class MemoryOutbox(Shelf):
    """`ports.Outbox`."""

    async def claim(self, lease: float, *, hooks: bool = False) -> Work | None:
        now, line = self._ms(), self._hooks if hooks else self._due
        due, request_id = min(((due, id_) for id_, due in line.items()), default=(now + 1, ""))
        if due > now:
            return None
        work = Work(request_id, secrets.token_hex(8))
        line[request_id] = now + int(lease * 1000)
        self._leases[request_id] = work.token
        return work

    async def placements(self, request_id: str) -> Sequence[Placement]:
        cards = self._cards.get(request_id, {})
        return [cards[place] for place in sorted(cards)]

    async def place(self, work: Work, placement: Placement) -> bool:
        if self._leases.get(work.request) != work.token:
            return False
        self._cards.setdefault(work.request, {})[placement.place] = placement
        return True

    async def done(self, work: Work, rev: int) -> None:
        if self._leases.get(work.request) != work.token:
            return
        del self._leases[work.request]
        if self._moved_on(work.request, rev):
            self._line(work.request)[work.request] = self._ms() - self._ahead(work.request)
        else:
            self._line(work.request).pop(work.request, None)

    async def again(self, work: Work, delay: float, rev: int | None = None) -> None:
        if self._leases.get(work.request) == work.token:
            del self._leases[work.request]
            wait = max(int(delay * 1000), 0)
            if rev is not None and self._moved_on(work.request, rev):
                wait = -self._ahead(work.request)
            self._line(work.request)[work.request] = self._ms() + wait

    def _moved_on(self, card: str, rev: int) -> bool:
        if card in self._docs:
            return self._get(card).rev != rev
        return self._nudges.get(card, rev) != rev

    def _ahead(self, card: str) -> int:
        return queue.AHEAD if card in self._docs and self._get(card).open else 0

    async def nudge(self, pile: str, delay: float = 0.0) -> None:
        self._nudges[pile] = self._nudges.get(pile, 0) + 1
        soon, line = self._ms() + max(int(delay * 1000), 0), self._line(pile)
        if pile not in line or (pile not in self._leases and soon < line[pile]):
            line[pile] = soon
        self._stir(hooks=is_hook(pile))

    async def nudged(self, pile: str) -> int:
        return self._nudges.get(pile, 0)

    async def hooks(self, limit: int) -> Sequence[tuple[str, datetime]]:
        soonest = sorted(self._hooks.items(), key=lambda one: (one[1], one[0]))[:limit]
        return [(hook.removeprefix(HOOK), record.moment(due)) for hook, due in soonest]

    async def ripe(self, timeout: float, *, hooks: bool = False) -> None:
        idlers = self._idle_hooks if hooks else self._idle
        first = min((self._hooks if hooks else self._due).values(), default=None)
        left = timeout if first is None else min(timeout, max(first - self._ms(), 0) / 1000)
        idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        idlers.append(idle)
        try:
            async with asyncio.timeout(left):
                await idle
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(ValueError):
                idlers.remove(idle)


class MemoryMemory(Shelf):
    """`ports.Memory` and `ports.Keys`."""

    async def remember(self, space: str, key: str, value: str, ttl: float | None = None) -> None:
        self._memory[space, key] = (value, None if ttl is None else self._ms() + max(int(ttl * 1000), 1))

    async def recall(self, space: str, key: str) -> str | None:
        return self._remembered(space, key)

    async def first(self, space: str, key: str, ttl: float) -> bool:
        if await self.recall(space, key) is not None:
            return False
        await self.remember(space, key, "first", ttl)
        return True

    async def forget(self, space: str, key: str) -> None:
        self._memory.pop((space, key), None)

    async def tally(self, space: str, key: str, window: float) -> int:
        now, moments = self._ms(), self._tallies.setdefault((space, key), deque())
        while moments and moments[0] <= now - int(window * 1000):
            moments.popleft()
        moments.append(now)
        return len(moments)

    async def add_key(self, key: Key) -> None:
        self._keys[key.id] = Key.model_validate_json(key.model_dump_json())

    async def key(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)

    async def key_and(self, key_id: str, request_id: str | None = None) -> tuple[Key | None, Request | None, datetime]:
        request = record.load_or_none(None if request_id is None else self._docs.get(request_id))
        return await self.key(key_id), request, await self.now()

    async def keys(self) -> Sequence[Key]:
        return [self._keys[key_id] for key_id in sorted(self._keys)]

    async def revoke_key(self, key_id: str) -> bool:
        key = self._keys.get(key_id)
        if key is None or key.revoked_at is not None:
            return False
        self._keys[key_id] = key.model_copy(update={"revoked_at": await self.now()})
        return True
