"""Several calls asked at once: all of them or none, each with an id and a decision of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Literal

import pytest
from relaykit import AGENT, Clock, CrashError, House, Life, who

from signoff.audit import Entry
from signoff.desk import Desk
from signoff.errors import (
    IdempotencyConflict,
    Invalid,
    NotFound,
    RateLimited,
    SignoffError,
    StoreUnavailable,
    TooManyOpen,
)
from signoff.model import Answer, Ask, Key, Request, loads
from signoff.ports import NOTHING, Caps, Conditions, Filter, Idempotency, Limits, Opened
from signoff.store import MemoryStore

SCHEMA = {"type": "object", "properties": {"amount": {"type": "number"}}}


class Faulty(MemoryStore):
    """Fails when some records are opened."""

    failing: int | None = None
    """At how many openings from now."""
    error: SignoffError | None = None

    async def open(
        self,
        request: Request,
        entry: Entry,
        idempotency: Idempotency | None,
        caps: Caps,
        conditions: Conditions = NOTHING,
    ) -> Opened:
        if self.failing is not None:
            self.failing -= 1
            if self.failing < 0:
                raise self.error or StoreUnavailable()
        return await super().open(request, entry, idempotency, caps, conditions)


@pytest.fixture
def house() -> House:
    clock = Clock()
    return House(Faulty(clock=clock), clock)


def asks(count: int, **fields: object) -> list[Ask]:
    return [
        Ask.model_validate({"tool": "refund", "arguments": {"order": f"A-{number}", "amount": 100 + number}, **fields})
        for number in range(count)
    ]


def limited(house: House, **caps: int) -> Desk:
    limits = Limits(caps=Caps(**{"open_requests": 1000, "per_minute": 600, **caps}))
    return Desk(house.store, house.rules, house.signer, limits)


async def statuses(house: House) -> dict[str, int]:
    return {status: count for status, count in (await house.store.counts()).items() if count}


async def test_a_batch_keeps_its_order_and_says_its_place(house: House) -> None:
    """Members come back in the order asked, know their place, share their moment, and their ids sort like the rows."""
    batch_id, opened = await house.desk.batches.ask(asks(70), "Month's end", AGENT, None)
    requests = [one.request for one in opened]
    assert [one.arguments["order"] for one in requests] == [f"A-{number}" for number in range(70)]
    assert [(one.batch.index, one.batch.size, one.batch.id, one.batch.title) for one in requests if one.batch] == [
        (number, 70, batch_id, "Month's end") for number in range(70)
    ]
    assert batch_id.startswith("bat_")
    assert sorted(one.id for one in requests) == [one.id for one in requests]
    assert len({(one.created_at, one.expires_at) for one in requests}) == 1
    assert [one.id for one in await house.desk.batches.get(batch_id, AGENT)] == [one.id for one in requests]


async def test_five_hundred_are_taken_up_quickly(house: House) -> None:
    """Within two seconds on one core, and all of them wait."""
    began = time.perf_counter()
    batch_id, opened = await house.desk.batches.ask(asks(500, schema=SCHEMA), None, AGENT, "t")
    assert time.perf_counter() - began < 2
    assert len(opened) == 500
    assert await house.store.count(Filter(batch=batch_id, status="pending")) == 500


async def test_each_member_is_judged_by_the_rules(house: House) -> None:
    """A rule decides one at once, others ask different people; none of them is piled."""
    amounts = (5, 500, 5000)
    batch = [Ask.model_validate({"tool": "refund", "arguments": {"order": "A", "amount": one}}) for one in amounts]
    _, opened = await house.desk.batches.ask(batch, None, AGENT, None)
    assert [(one.request.status, one.request.terms.rule) for one in opened] == [
        ("approved", "tiny refunds"),
        ("pending", "refunds"),
        ("pending", "large refunds"),
    ]
    assert {one.request.piled for one in opened} == {()}


async def test_the_audit_names_the_batch_and_the_place_in_it(house: House) -> None:
    """Each member has its own line."""
    batch_id, _ = await house.desk.batches.ask(asks(3), None, AGENT, None)
    bodies = [loads(line.body) for line in await house.store.audit(0, 10)]
    found = sorted((str(body["batch"]), body["index"]) for body in bodies if isinstance(body, dict))
    assert found == [(batch_id, number) for number in range(3)]


async def test_i30_nothing_is_opened_when_a_member_is_wrong(house: House) -> None:
    """All faults are named at once, by pointers into the body, and nobody is asked anything."""
    batch = asks(5, schema=SCHEMA)
    batch[3] = batch[3].model_copy(update={"arguments": {"amount": "much"}})
    batch[4] = batch[4].model_copy(update={"channel": "slack:#elsewhere"})
    with pytest.raises(Invalid) as caught:
        await house.desk.batches.ask(batch, None, AGENT, "t")
    assert set(caught.value.fields) == {"/requests/3/arguments/amount", "/requests/4/channel"}
    assert not await statuses(house)
    assert not await house.store.audit(0, 10)


@pytest.mark.parametrize("count", [0, 501])
async def test_i30_a_batch_has_a_size(house: House, count: int) -> None:
    """Neither empty nor endless."""
    with pytest.raises(Invalid) as caught:
        await house.desk.batches.ask(asks(1) * count, None, AGENT, None)
    assert caught.value.fields == {"/requests": "A batch holds 1 to 500 requests; ask for the others in another one."}


async def test_i30_a_title_that_cannot_be_written_down_is_refused(house: House) -> None:
    """Half a character is a fault of the title, not of the service."""
    with pytest.raises(Invalid) as caught:
        await house.desk.batches.ask(asks(1), "\ud800", AGENT, None)
    assert set(caught.value.fields) == {"/title"}


@pytest.mark.parametrize(("caps", "error"), [({"open_requests": 12}, TooManyOpen), ({"per_minute": 12}, RateLimited)])
async def test_i30_a_batch_that_does_not_fit_is_refused_whole(
    house: House, caps: dict[str, int], error: type[SignoffError]
) -> None:
    """With room for seven, eight are not taken up, not even the first; seven are."""
    desk = limited(house, **caps)
    for ask in asks(5):
        await desk.ask(ask, AGENT)
    with pytest.raises(error) as caught:
        await desk.batches.ask(asks(8), None, AGENT, "t")
    assert caught.value.data.get("limit", 12) == 12
    assert await statuses(house) == {"pending": 5}
    await desk.batches.ask(asks(7), None, AGENT, "t")
    assert await statuses(house) == {"pending": 12}


async def test_i30_what_a_rule_decides_needs_no_room(house: House) -> None:
    """Only those that wait for people count as open, wherever they stand in the batch."""
    desk = limited(house, open_requests=2)
    batch = [*asks(3), *asks(2)]
    batch[:3] = [one.model_copy(update={"arguments": {"order": "A", "amount": 5}}) for one in batch[:3]]
    await desk.batches.ask(batch, None, AGENT, None)
    assert await statuses(house) == {"pending": 2, "approved": 3}
    with pytest.raises(TooManyOpen):
        await desk.batches.ask(batch[2:4], None, AGENT, None)
    assert await statuses(house) == {"pending": 2, "approved": 3}


async def test_the_same_batch_again_is_the_same_batch(house: House) -> None:
    """Under one idempotency key, also when the key's room is used up; no member is opened twice."""
    desk = limited(house, open_requests=10, per_minute=10)
    batch_id, first = await desk.batches.ask(asks(10), "T", AGENT, "t")
    again_id, again = await desk.batches.ask(asks(10), "T", AGENT, "t")
    assert again_id == batch_id
    assert all(one.replayed for one in again)
    assert [one.request.id for one in again] == [one.request.id for one in first]
    assert await statuses(house) == {"pending": 10}


async def test_batches_submitted_twice_at_once_are_one(house: House) -> None:
    """Two attempts that overlap get the same members."""
    (one, first), (other, second) = await asyncio.gather(
        *(house.desk.batches.ask(asks(40), None, AGENT, "t") for _ in range(2))
    )
    assert one == other
    assert [member.request.id for member in first] == [member.request.id for member in second]
    assert await statuses(house) == {"pending": 40}


@pytest.mark.parametrize(("count", "title"), [(4, "T"), (6, "T"), (5, "another"), (5, None)])
async def test_another_batch_under_the_same_key_is_refused(house: House, count: int, title: str | None) -> None:
    """Fewer, more or differently named: an idempotency key means one body, and what stands stays."""
    await house.desk.batches.ask(asks(5), "T", AGENT, "t")
    with pytest.raises(IdempotencyConflict):
        await house.desk.batches.ask(asks(count), title, AGENT, "t")
    assert await statuses(house) == {"pending": 5}


async def test_keys_of_two_agents_are_two(house: House) -> None:
    """The same idempotency key of another agent is another batch."""
    other = AGENT.model_copy(update={"id": "other"})
    first, _ = await house.desk.batches.ask(asks(2), None, AGENT, "t")
    second, _ = await house.desk.batches.ask(asks(2), None, other, "t")
    assert first != second


@pytest.mark.parametrize("token", ["t", None])
async def test_a_failure_in_the_middle_takes_all_of_it_back(house: House, token: str | None) -> None:
    """What had been opened is withdrawn; asked again it is a new batch, whole and open."""
    store = faulty(house)
    store.failing, store.error = 40, RateLimited(retry_after=3)
    with pytest.raises(RateLimited):
        await house.desk.batches.ask(asks(60), None, AGENT, token)
    store.failing = None
    assert set(await statuses(house)) == {"cancelled"}
    _, opened = await house.desk.batches.ask(asks(60), None, AGENT, token)
    assert not any(one.replayed for one in opened)
    assert {one.request.status for one in opened} == {"pending"}
    _, repeated = await house.desk.batches.ask(asks(60), None, AGENT, token)
    assert all(one.replayed for one in repeated) == (token is not None)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_i21_a_batch_goes_on_where_its_process_died(when: Literal["before", "after"]) -> None:
    """Killed at any step, the same batch asked again is completed under the same id, and no member is there twice."""
    step = 0
    while True:
        step += 1
        house = House(MemoryStore(), Clock())
        life = Life(step, when)
        try:
            await house.desk_on(life.of(house.store)).batches.ask(asks(4), None, AGENT, "t")
        except CrashError:
            batch_id, members = await house.desk.batches.ask(asks(4), None, AGENT, "t")
            assert {one.request.batch.id for one in members if one.request.batch} == {batch_id}
            assert await statuses(house) == {"pending": 4}
        else:
            break
    assert step > 8


async def test_what_cannot_be_taken_back_is_gone_on_with(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the store away in the middle nothing can be withdrawn; asked again, the batch is completed."""
    store = faulty(house)
    store.failing = 4
    with monkeypatch.context() as away:
        away.setattr(store, "remember", unavailable)
        with pytest.raises(StoreUnavailable):
            await house.desk.batches.ask(asks(10), None, AGENT, "t")
    assert await statuses(house) == {"pending": 4}
    store.failing = None
    _, members = await house.desk.batches.ask(asks(10), None, AGENT, "t")
    assert sum(one.replayed for one in members) == 4
    assert await statuses(house) == {"pending": 10}


async def unavailable(*_: object, **__: object) -> None:
    raise StoreUnavailable


def faulty(house: House) -> Faulty:
    assert isinstance(house.store, Faulty)
    return house.store


# ── looking and waiting ──────────────────────────────────────────────────────────────────────────


async def decide(house: House, requests: Sequence[Request], kind: str = "approve") -> None:
    for one in requests:
        answer = Answer.model_validate({"kind": kind, "version": one.version})
        await house.desk.answer(one.id, answer, who("ada"))


async def test_i29_a_batch_concerns_its_own_agent(house: House) -> None:
    """To another key it does not exist, nor does what is no batch; an admin sees it."""
    batch_id, opened = await house.desk.batches.ask(asks(2), None, AGENT, None)
    stranger = AGENT.model_copy(update={"id": "stranger"})
    for key, name in ((stranger, batch_id), (AGENT, "bat_0"), (AGENT, opened[0].request.id), (AGENT, "")):
        with pytest.raises(NotFound):
            await house.desk.batches.get(name, key)
    admin = Key(id="admin", role="admin", name="a", secret_hash="-", created_at=AGENT.created_at)
    assert len(await house.desk.batches.get(batch_id, admin)) == 2


async def test_i06_looking_at_a_batch_ends_what_has_expired(house: House) -> None:
    """Whether or not a sweeper was there first."""
    assert house.clock is not None
    batch_id, _ = await house.desk.batches.ask(asks(2, expires_in=60), None, AGENT, None)
    house.clock.forward(61)
    assert {one.status for one in await house.desk.batches.get(batch_id, AGENT)} == {"expired"}


async def test_i22_a_wait_returns_with_the_next_end(house: House) -> None:
    """More than those that have ended already; then the one after that, until all have."""
    batch_id, opened = await house.desk.batches.ask(asks(3), None, AGENT, None)
    requests = [one.request for one in opened]
    for ended in range(3):
        waiting = asyncio.ensure_future(house.desk.batches.wait(batch_id, AGENT, 30, ended=ended))
        await settled(waiting)
        assert not waiting.done()
        await decide(house, [requests[ended]])
        async with asyncio.timeout(5):
            found = await waiting
        assert [one.status for one in found] == ["approved"] * (ended + 1) + ["pending"] * (2 - ended)
    assert len(await house.desk.batches.wait(batch_id, AGENT, 30, ended=99)) == 3, "all have ended: at once"


async def test_i22_a_wait_for_all_is_not_woken_for_one(house: House) -> None:
    """Asked to be told when all have ended, it stays until then."""
    batch_id, opened = await house.desk.batches.ask(asks(3), None, AGENT, None)
    waiting = asyncio.ensure_future(house.desk.batches.wait(batch_id, AGENT, 30, ended=2))
    await settled(waiting)
    await decide(house, [one.request for one in opened[:2]])
    await settled(waiting)
    assert not waiting.done()
    await decide(house, [opened[2].request], "reject")
    assert [one.status for one in await waiting] == ["approved", "approved", "rejected"]


async def test_i22_no_end_between_the_look_and_the_wait_is_lost(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided right after the wait has read the records and before it listens."""
    batch_id, opened = await house.desk.batches.ask(asks(2), None, AGENT, None)
    wait = house.store.wait

    async def late(request_id: str, timeout: float) -> Request:
        if (await house.store.load(opened[0].request.id))[0].open:
            await decide(house, [opened[0].request])
        return await wait(request_id, timeout)

    monkeypatch.setattr(house.store, "wait", late)
    async with asyncio.timeout(5):
        found = await house.desk.batches.wait(batch_id, AGENT, 30)
    assert [one.status for one in found] == ["approved", "pending"]


async def test_a_wait_ends_with_its_time(house: House) -> None:
    """Nothing has happened: the batch as it stands, and nothing waits on."""
    batch_id, _ = await house.desk.batches.ask(asks(2), None, AGENT, None)
    found = await house.desk.batches.wait(batch_id, AGENT, 0.01)
    assert [one.status for one in found] == ["pending", "pending"]
    assert not any(faulty(house)._waiting.values())


async def settled(task: asyncio.Future[list[Request]]) -> None:
    """Let it come to where it waits."""
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done() or task.exception() is None
