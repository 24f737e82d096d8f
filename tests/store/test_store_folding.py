"""What the same run asks twice is one request; and how often something was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from storekit import CAPS, DIGEST, entry, request, revised, settled

from signoff.errors import IdempotencyConflict, NotFound
from signoff.model import Batch, Request
from signoff.ports import Caps, Idempotency, Opened, Store

OpenStore = Callable[[], Awaitable[Store]]


async def ask(store: Store, idempotency: str | None = None, **fields: object) -> Opened:
    made = request(**{"run_id": "run-7", **fields})  # type: ignore[arg-type]
    return await store.open(made, entry(id=made.id), Idempotency(idempotency, "body") if idempotency else None, CAPS)


async def test_the_same_call_of_a_run_is_folded_into_the_first(store: Store) -> None:
    """One request, one audit line; the answer says what happened."""
    first = await ask(store)
    again = await ask(store)
    assert (first.folded, first.replayed) == (False, False)
    assert (again.folded, again.replayed, again.request) == (True, False, first.request)
    assert (await store.counts())["pending"] == 1
    assert len(await store.audit(0, 10)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"run_id": "run-8"},
        {"asked_by": "key_b"},
        {"digest": DIGEST.replace("0", "1")},
        {"risk": "high"},
        {"channel": "slack:#other"},
        {"allowed_decisions": ("approve", "reject")},
        {"editable": ("order",)},
        {"schema": {"properties": {"amount": {"maximum": 500.1}}}},
        {"response_schema": {"enum": ["eu", "us"]}},
        {"run_id": None},
        {"batch": Batch(id="bat_1", index=0, size=2)},
    ],
)
async def test_what_differs_is_a_request_of_its_own(store: Store, other: dict[str, Any]) -> None:
    """In run, key, digest, risk, channel, decisions or schemas; and what is in a batch is a row of it."""
    if "digest" in other:
        made = request(run_id="run-7")
        version = made.versions[0].model_copy(update=other)
        other |= {"versions": (version,)}
    first, second = await ask(store), await ask(store, **other)
    assert not second.folded
    assert second.request.id != first.request.id
    third = await ask(store, **other)
    assert third.folded == (other.get("run_id", "") is not None and "batch" not in other)


async def test_the_order_of_the_decisions_does_not_matter(store: Store) -> None:
    """The same ones are the same."""
    await ask(store, allowed_decisions=("approve", "reject"))
    assert (await ask(store, allowed_decisions=("reject", "approve"))).folded


async def test_what_has_ended_takes_nothing_up(store: Store) -> None:
    """The next ask opens anew, and is what repeats are folded into from then on."""
    first = (await ask(store)).request
    assert await store.move(first, settled(first), "request.decided", entry())
    second = await ask(store)
    assert not second.folded
    assert (await ask(store)).request == second.request


async def test_what_is_decided_from_the_start_is_not_folded(store: Store) -> None:
    """Neither into what waits, nor is what waits folded into it."""
    decided = settled(request(run_id="run-7")).model_copy(update={"rev": 1})
    assert not (await store.open(decided, entry(), None, CAPS)).folded
    assert not (await ask(store)).folded
    assert not (await store.open(decided.model_copy(update={"id": decided.id + "x"}), entry(), None, CAPS)).folded


async def test_what_has_expired_takes_nothing_up(store: Store) -> None:
    """By the store's clock, before anybody ended it; its late end leaves its successor alone."""
    first = (await ask(store, left=-1)).request
    second = await ask(store)
    assert not second.folded
    assert await store.move(first, revised(first), "request.reminded", entry())
    late = revised(first)
    assert await store.move(late, settled(late, "expire", person=None), "request.decided", entry())
    assert (await ask(store)).request == second.request


async def test_an_edit_or_an_extension_goes_on_taking_up_what_repeats_the_first_ask(store: Store) -> None:
    """The arguments are others now, and the time is longer: it is the same call."""
    first = (await ask(store, expires_at=await store.now() + timedelta(seconds=0.5))).request
    longer = revised(first).model_copy(
        update={
            "expires_at": first.expires_at + timedelta(hours=1),
            "version": 2,
            "digest": DIGEST.replace("0", "2"),
            "versions": (*first.versions, first.versions[0].model_copy(update={"number": 2})),
        }
    )
    assert await store.move(first, longer, "request.revised", entry())
    async with asyncio.timeout(5):
        while await store.now() < first.expires_at:  # noqa: ASYNC110 - a clock announces nothing
            await asyncio.sleep(0.02)
    again = await ask(store)
    assert (again.folded, again.request) == (True, longer)


async def test_an_idempotency_key_means_what_it_was_folded_into(store: Store) -> None:
    """Also when that is long decided; and it still stands for one body."""
    first = (await ask(store, "one")).request
    assert (await ask(store, "two")).folded
    done = settled(first)
    assert await store.move(first, done, "request.decided", entry())
    again = await ask(store, "two")
    assert (again.replayed, again.folded, again.request) == (True, False, done)
    with pytest.raises(IdempotencyConflict):
        await store.open(request(run_id="run-7"), entry(), Idempotency("two", "other"), CAPS)


async def test_a_repetition_is_no_new_request(store: Store) -> None:
    """The caps count requests: it has the answer also when there is room for no other."""
    caps = Caps(open_requests=1, per_minute=1)
    first = await store.open(request(run_id="run-7"), entry(), None, caps)
    assert (await store.open(request(run_id="run-7"), entry(), None, caps)).request == first.request


async def test_of_many_same_asks_at_once_one_waits(another: OpenStore) -> None:
    """Through two replicas, with keys of their own; all hear of the same request."""
    stores = [await another(), await another()]
    found = await asyncio.gather(*(ask(stores[i % 2], f"key {i}") for i in range(20)))
    assert [one.folded for one in found].count(False) == 1
    assert len({one.request.id for one in found}) == 1
    assert (await stores[0].counts())["pending"] == 1


async def test_repeats_race_with_the_end(another: OpenStore) -> None:
    """Whatever comes first: nobody is folded into what had ended before, and one at most waits anew."""
    stores = [await another(), await another()]

    async def end(one: Request) -> None:
        assert await stores[0].move(one, settled(one), "request.decided", entry())

    for round_ in range(10):
        first = (await ask(stores[0], run_id=f"run-{round_}")).request
        asks = [ask(stores[i % 2], run_id=f"run-{round_}") for i in range(6)]
        found = await asyncio.gather(*asks[:3], end(first), *asks[3:])
        others = [one for one in found if one is not None and one.request.id != first.id]
        assert len({one.request.id for one in others}) <= 1
        assert sum(not one.folded for one in others) == min(len(others), 1)


async def test_what_was_folded_was_never_a_request(store: Store) -> None:
    """Its own id is known nowhere."""
    await ask(store)
    made = request(run_id="run-7")
    assert (await store.open(made, entry(), None, CAPS)).folded
    with pytest.raises(NotFound):
        await store.load(made.id)


# ── how often ────────────────────────────────────────────────────────────────────────────────────


async def test_a_tally_counts_every_call_once(another: OpenStore) -> None:
    """Thirty at once through two replicas hear every number from one to thirty; others have tallies of their own."""
    stores = [await another(), await another()]
    counts = await asyncio.gather(*(stores[i % 2].tally("flood", "slack:#a", 60.0) for i in range(30)))
    assert sorted(counts) == list(range(1, 31))
    assert await stores[0].tally("flood", "slack:#b", 60.0) == 1
    assert await stores[0].tally("other", "slack:#a", 60.0) == 1


async def test_a_tally_forgets_what_lies_behind_its_window(store: Store) -> None:
    """Which slides: each call leaves it a window after it came."""
    assert await store.tally("s", "k", 0.3) == 1
    began = await store.now()
    async with asyncio.timeout(5):
        while await store.now() < began + timedelta(seconds=0.2):  # noqa: ASYNC110 - a clock announces nothing
            await asyncio.sleep(0.01)
        assert await store.tally("s", "k", 60.0) == 2
        while await store.now() < began + timedelta(seconds=0.35):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await store.tally("s", "k", 0.3) == 2
