"""P12: firing one timer, with a thousand and with a hundred thousand that wait."""

from __future__ import annotations

import time
from datetime import timedelta

from figures import Round, Row, compared, p50
from ground import Ground, redis_up
from holding import fill
from made import CAPS, asked

from signoff.audit import Entry
from signoff.desk import entries
from signoff.model import Notice, Request
from signoff.store import RedisStore

FEW = 1000
MANY = 100_000
BATCH = 100
"""Ids that a sweeper asks for at once."""
REMIND = (1800, 3600)
"""Seconds. What waits has its first reminder before it; what fires has it behind it."""


async def rows(ground: Ground) -> list[Row]:
    few, many = ground.some(FEW), ground.some(MANY)
    async with redis_up() as server:
        # Not started: nobody waits here, and the reader would only slow the filling down.
        small, large = (RedisStore.from_url(server.url, prefix=prefix) for prefix in ("small", "large"))
        await fill(small, few, remind=REMIND)
        await fill(large, many, remind=REMIND)
        rounds: list[Round] = []
        for _ in range(ground.some(20)):
            little = await _fired(small)
            rounds.append((await _fired(large), little))
        for store in (small, large):
            await store.close()
    return [compared("P12", f"firing one timer, {many} pending against {few}, p50", rounds, most=1.2)]


async def _fired(store: RedisStore, count: int = 40) -> float:
    """Found, loaded, written: what a sweeper does for each."""
    samples: list[float] = []
    for _ in range(count):
        request, entry = _due()
        await store.open(request, entry, None, CAPS)
        began = time.perf_counter()
        (found,) = await store.overdue(BATCH)
        before, now = await store.load(found)
        after = before.model_copy(
            update={
                "reminded": 1,
                "notices": (Notice(kind="reminded", at=now, to=("ada",)),),
                "rev": before.rev + 1,
            }
        )
        fired = await store.move(before, after, "request.reminded", entries.asked(after))
        samples.append(time.perf_counter() - began)
        if not fired or found != request.id:
            raise RuntimeError("a timer did not fire")
    return p50(samples)


def _due() -> tuple[Request, Entry]:
    """A request asked so long ago that its first reminder is due."""
    request, _ = asked(remind=REMIND)
    version = request.versions[0].model_copy(update={"at": request.created_at - timedelta(seconds=REMIND[0] + 1)})
    request = request.model_copy(update={"versions": (version,)})
    return request, entries.asked(request)
