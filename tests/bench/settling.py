"""P1, P4, P5: how fast a decision reaches its waiter, and how many cycles a second go through."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from figures import Round, Row, compared, p50, p99, rate
from ground import Ground, redis_up
from made import ARGUMENTS, CAPS
from redis.asyncio import Redis
from reference import Reference
from sides import Ours, Theirs, sample

from signoff import digest, policy
from signoff.desk import Desk
from signoff.model import Actor, Answer, Ask, Key
from signoff.ports import Limits
from signoff.store import RedisStore

WAITING = 100
IN_FLIGHT = 32
POLICY = """
version: 1
people:
  ada: {name: Ada Okafor, slack: T0DEMO/U0ADA}
defaults: {approvers: [ada], expires_in: 4h}
rules:
  - {name: refunds, when: 'tool == "issue_refund" && args.amount > 50.0', risk: high}
"""


async def rows(ground: Ground) -> list[Row]:
    async with (
        redis_up() as server,
        Redis.from_url(server.url) as redis,
        _sides(server.url, redis) as (ours, theirs, desk),
    ):
        for side in (ours, theirs):
            for _ in range(WAITING):
                await side.park()
            await sample(side, 50)  # scripts loaded, pools filled, paths warm
        found = [await _p1(ours, theirs, ground)]
        found += await _p4(ours, theirs, desk, ground)
        return [*found, *await _p5(ours, redis, ground)]


@asynccontextmanager
async def _sides(url: str, redis: Redis) -> AsyncIterator[tuple[Ours, Theirs, Desk]]:
    store, reference = RedisStore.from_url(url), Reference(redis)
    await store.start()
    await reference.start()
    ours, theirs = Ours(store), Theirs(reference)
    rules = policy.load(POLICY, file="bench.yaml", chats=("slack",))
    try:
        yield ours, theirs, Desk(store, rules, digest.Signer.generate(), Limits(caps=CAPS))
    finally:
        await ours.close()
        await theirs.close()
        await reference.close()
        await store.close()


async def _p1(ours: Ours, theirs: Theirs, ground: Ground) -> Row:
    rounds: list[Round] = []
    tails: list[Round] = []
    for _ in range(ground.some(10)):
        mine, others = await sample(ours, 150), await sample(theirs, 150)
        rounds.append((p50(mine), p50(others)))
        tails.append((p99(mine), p99(others)))
    row = compared("P1", f"decision → resume, {WAITING} waiting, p50", rounds, most=1.5)
    ours_p99, theirs_p99 = (statistics.median(side) for side in zip(*tails, strict=True))
    row.figures.update(ours_p99=ours_p99, reference_p99=theirs_p99)
    return row


async def _p4(ours: Ours, theirs: Theirs, desk: Desk, ground: Ground) -> list[Row]:
    rounds: list[Round] = []
    whole: list[Round] = []
    count = ground.some(2000)
    for _ in range(5):
        theirs_rate = await theirs.cycles(count, IN_FLIGHT)
        rounds.append((await ours.cycles(count, IN_FLIGHT), theirs_rate))
        whole.append((await _through_the_desk(desk, count // 2), theirs_rate))
    return [
        compared("P4", f"full cycles, {IN_FLIGHT} in flight, store", rounds, least=0.6, shown=rate),
        compared("P4", "the same through the desk: policy, schema, receipt", whole, shown=rate),
    ]


async def _through_the_desk(desk: Desk, count: int) -> float:
    loop = asyncio.get_running_loop()
    key = Key(id="bench", role="agent", name="bench", secret_hash="0" * 64, created_at=datetime.now(UTC))
    schema = {"type": "object", "required": ["order", "amount"]}
    ask = Ask.model_validate({"tool": "issue_refund", "arguments": ARGUMENTS, "schema": schema})
    actor = Actor(via="api", person="ada")
    left = count

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            request = (await desk.ask(ask, key)).request
            waiter = asyncio.create_task(desk.wait(request.id, 60))
            await asyncio.sleep(0)
            await desk.answer(request.id, Answer(kind="approve", version=1, message=None), actor)
            assert (await waiter).status == "approved"

    began = loop.time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return count / (loop.time() - began)


async def _p5(ours: Ours, redis: Redis, ground: Ground) -> list[Row]:
    rounds: list[Round] = []
    rates: list[Round] = []
    count = ground.some(2000)
    for _ in range(5):
        await redis.config_set("appendfsync", "everysec")
        usual = p50(await sample(ours, 100)), await ours.cycles(count, IN_FLIGHT)
        await redis.config_set("appendfsync", "always")
        synced = p50(await sample(ours, 100)), await ours.cycles(count, IN_FLIGHT)
        rounds.append((synced[0], usual[0]))
        rates.append((synced[1], usual[1]))
    await redis.config_set("appendfsync", "everysec")
    return [
        compared("P5", "appendfsync always, p50 against everysec", rounds, most=2.5),
        compared("P5", f"the same, cycles at {IN_FLIGHT} in flight", rates, least=0.75, shown=rate),
    ]
