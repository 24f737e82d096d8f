"""What has to hold in the step that writes: freezes, swaps, budgets; standing orders; timers. Every store alike."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from storekit import CAPS, entry, request, revised, settled, timed

from signoff import audit
from signoff.errors import (
    BudgetSpent,
    CallFrozen,
    IdempotencyConflict,
    NotFound,
    Overtaken,
    RateLimited,
    Remembered,
    TooManyOpen,
)
from signoff.model import Freeze, Request, Spend, Version, Vote, freeze_id, freezes_of
from signoff.ports import NOTHING, Caps, Conditions, Idempotency, Space, Store, Swap
from signoff.store import MemoryStore

OpenStore = Callable[[], Awaitable[Store]]
AT = datetime(2026, 11, 20, 8, 9, 10, 123_000, tzinfo=UTC)
SPACES: tuple[Space, ...] = ("freezes", "grants", "delegations")


async def opened(store: Store, made: Request | None = None, conditions: Conditions = NOTHING) -> Request:
    made = made or request()
    return (await store.open(made, entry(id=made.id), None, CAPS, conditions)).request


async def decide(store: Store, before: Request, conditions: Conditions = NOTHING) -> bool:
    return await store.move(before, settled(before), "request.decided", entry(id=before.id), conditions)


async def freeze(store: Store, agent: str | None = None, tool: str | None = None, reason: str | None = None) -> Swap:
    """Stands from here on; answers what would thaw it."""
    made = Freeze(id=freeze_id(agent, tool), agent=agent, tool=tool, by="ada", reason=reason, at=AT)
    text = made.model_dump_json()
    assert await store.change(Swap("freezes", made.id, None, text), entry(freeze=made.id))
    return Swap("freezes", made.id, text, None)


async def untouched(store: Store, lines: int = 0, pending: int = 0) -> bool:
    """Nothing but so many requests and lines is there."""
    return len(await store.audit(0, 100)) == lines and (await store.counts())["pending"] == pending


# ── timers ───────────────────────────────────────────────────────────────────────────────────────


async def test_requests_wake_by_their_next_timer_longest_overdue_first(store: Store) -> None:
    """Reminder, escalation or expiry, whichever comes first; those that sleep are not listed."""
    ladder = ({"after": 100, "to": ["ada"]}, {"after": 7000})
    reminder = await opened(store, timed(130, remind=(120, 7000)))
    escalation = await opened(store, timed(120, remind=(7000,), escalate=ladder))
    expiry = await opened(store, timed(50, left=-30, remind=(7000,)))
    for _ in range(3):
        await opened(store, timed(50, remind=(120,), escalate=ladder))
    assert await store.overdue(10) == [expiry.id, escalation.id, reminder.id]
    assert await store.overdue(2) == [expiry.id, escalation.id]


async def test_a_timer_that_has_fired_makes_room_for_the_next(store: Store) -> None:
    """A request is listed until it sleeps until a later time, and again when that has come."""
    made = await opened(store, timed(130, remind=(10, 120, 7000)))
    for reminded in (1, 2):
        assert await store.overdue(10) == [made.id]
        after = revised(made).model_copy(update={"reminded": reminded})
        assert await store.move(made, after, "request.reminded", entry())
        made = after
    assert await store.overdue(10) == []
    snoozed = revised(made).model_copy(update={"reminded": 0, "snoozed_until": made.created_at + timedelta(hours=1)})
    assert await store.move(made, snoozed, "request.snoozed", entry())
    assert await store.overdue(10) == []
    woken = revised(snoozed).model_copy(update={"snoozed_until": made.created_at - timedelta(seconds=1)})
    assert await store.move(snoozed, woken, "request.snoozed", entry())
    assert await store.overdue(10) == [made.id]
    assert await decide(store, woken)
    assert await store.overdue(10) == []


async def test_of_many_who_fire_one_timer_one_does(another: OpenStore) -> None:
    """Two replicas sweep at once; the record counts one reminder."""
    stores = [await another(), await another()]
    made = await opened(stores[0], timed(130, remind=(120,)))
    after = revised(made).model_copy(update={"reminded": 1})
    fired = await asyncio.gather(*(stores[i % 2].move(made, after, "request.reminded", entry()) for i in range(20)))
    assert fired.count(True) == 1


def vote(before: Request) -> Request:
    return revised(before).model_copy(update={"votes": (*before.votes, Vote(person="ada", at=AT))})


def edit(before: Request) -> Request:
    second = Version(number=2, arguments={"amount": 5}, digest=before.digest, by="ada", at=AT)
    change = {"version": 2, "arguments": {"amount": 5}, "versions": (*before.versions, second)}
    return revised(before).model_copy(update=change)


def extension(before: Request) -> Request:
    return revised(before).model_copy(update={"expires_at": before.expires_at + timedelta(hours=1)})


@pytest.mark.parametrize("doing", [vote, edit, extension])
async def test_i06_what_a_person_does_after_expiry_is_refused(
    store: Store, doing: Callable[[Request], Request]
) -> None:
    """A vote, an edit or more time does not bring an expired request back; before expiry each goes through."""
    late, early = await opened(store, request(left=-1)), await opened(store)
    assert not await store.move(late, doing(late), "request.changed", entry())
    assert (await store.load(late.id))[0] == late
    assert await store.move(early, doing(early), "request.changed", entry())
    assert (await store.load(early.id))[0] == doing(early)


async def test_i06_what_is_due_by_itself_happens_after_expiry(store: Store) -> None:
    """An outage may have swallowed reminders; they do not stand in the way of each other or of the end."""
    late = await opened(store, timed(130, left=-1, remind=(120,)))
    assert await store.move(late, revised(late).model_copy(update={"reminded": 1}), "request.reminded", entry())


# ── freezes ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("agent", "tool", "reason", "sentence"),
    [
        (None, None, None, "Everything is frozen by ada, so"),
        (None, "issue_refund", "incident 42", 'The tool "issue_refund" is frozen by ada (incident 42), so'),
        ("bot", None, None, 'The agent "bot" is frozen by ada, so'),
        ("bot", "issue_refund", "", 'The tool "issue_refund" for the agent "bot" is frozen by ada, so'),
        ("key_a", None, None, 'The agent "key_a" is frozen by ada, so'),
    ],
)
async def test_a_freeze_refuses_and_says_what_is_frozen(
    store: Store, agent: str | None, tool: str | None, reason: str | None, sentence: str
) -> None:
    """Opening and moving alike; nothing is written, and nothing is refused once it has gone."""
    before, asked = await opened(store, request(agent="bot")), request(agent="bot")
    thaw = await freeze(store, agent, tool, reason)
    conditions = Conditions(thawed=freezes_of(asked))
    with pytest.raises(CallFrozen) as refused:
        await opened(store, asked, conditions)
    assert str(refused.value).startswith(sentence)
    with pytest.raises(CallFrozen) as refused:
        await decide(store, before, conditions)
    assert str(refused.value).startswith(sentence)
    assert (await store.load(before.id))[0] == before
    assert await untouched(store, lines=2, pending=1)
    assert await store.change(thaw, entry())
    await opened(store, asked, conditions)
    assert await decide(store, before, conditions)


async def test_a_freeze_of_others_does_not_hold(store: Store) -> None:
    """Nor one that is not asked about."""
    await freeze(store, "other")
    await freeze(store, None, "other_tool")
    await freeze(store, "bot", "other_tool")
    made = request(agent="bot")
    await opened(store, made, Conditions(thawed=freezes_of(made)))
    await freeze(store)
    assert await decide(store, made)


async def test_of_several_freezes_the_widest_is_named(store: Store) -> None:
    """They are looked up in the order in which they are given."""
    await freeze(store, None, "issue_refund")
    await freeze(store)
    made = request()
    with pytest.raises(CallFrozen, match="Everything"):
        await opened(store, made, Conditions(thawed=freezes_of(made)))


async def test_a_freeze_set_after_the_record_was_read_refuses_its_move(another: OpenStore) -> None:
    """In any replica, at once."""
    here, there = await another(), await another()
    made = await opened(here)
    loaded, _ = await here.load(made.id)
    await freeze(there)
    with pytest.raises(CallFrozen):
        await decide(here, loaded, Conditions(thawed=freezes_of(loaded)))


async def test_a_freeze_that_cannot_be_read_holds(store: Store) -> None:
    """One written by a later version, perhaps."""
    assert await store.change(Swap("freezes", "*", None, '{"v": 2}'), entry())
    with pytest.raises(CallFrozen, match=r"This call is frozen by an order that .* cannot read, so"):
        await opened(store, None, Conditions(thawed=("*",)))


async def test_a_move_that_would_fail_anyway_is_not_called_frozen(store: Store) -> None:
    """Somebody was first, or the time has passed: that is what people are told."""
    made, late = await opened(store), await opened(store, request(left=-1))
    assert await decide(store, made)
    await freeze(store)
    frozen = Conditions(thawed=("*",))
    assert not await decide(store, made, frozen)
    assert not await decide(store, late, frozen)


# ── swaps ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("space", SPACES)
async def test_an_order_is_swapped_along_with_the_record(store: Store, space: Space) -> None:
    """Made, changed and taken away; one that is no longer as it was stops the write, and nothing is written."""
    made = await opened(store, None, Conditions(swap=Swap(space, "a", None, "1")))
    assert await store.orders(space) == {"a": "1"}
    with pytest.raises(Overtaken):
        await opened(store, None, Conditions(swap=Swap(space, "a", None, "2")))
    with pytest.raises(Overtaken):
        await opened(store, None, Conditions(swap=Swap(space, "b", "1", "2")))
    assert not await decide(store, made, Conditions(swap=Swap(space, "a", "2", "3")))
    assert await untouched(store, lines=1, pending=1)
    assert await store.orders(space) == {"a": "1"}
    newer = revised(made)
    conditions = Conditions(swap=Swap(space, "a", "1", ""))
    assert await store.move(made, newer, "request.revised", entry(), conditions)
    assert await store.orders(space) == {"a": ""}, "an empty text is a text"
    assert await decide(store, newer, Conditions(swap=Swap(space, "a", "", None)))
    assert await store.orders(space) == {}


async def test_a_freeze_may_be_looked_at_and_swapped_in_one_step(store: Store) -> None:
    """The ids asked about are looked at before the swap."""
    await opened(store, None, Conditions(thawed=("*",), swap=Swap("freezes", "*", None, "{}")))
    assert await store.orders("freezes") == {"*": "{}"}


async def test_a_grant_of_five_uses_is_used_five_times(another: OpenStore) -> None:
    """By fifty who try at once through two replicas, each again when it was overtaken."""
    stores = [await another(), await another()]
    assert await stores[0].change(Swap("grants", "g", None, "0"), entry())

    async def use(store: Store) -> bool:
        while (used := int((await store.orders("grants"))["g"])) < 5:
            try:
                await opened(store, None, Conditions(swap=Swap("grants", "g", str(used), str(used + 1))))
            except Overtaken:
                continue
            return True
        return False

    used = await asyncio.gather(*(use(stores[i % 2]) for i in range(50)))
    assert used.count(True) == 5
    assert (await stores[0].counts())["pending"] == 5


# ── what is remembered ───────────────────────────────────────────────────────────────────────────


async def test_what_is_remembered_stops_the_write_as_long_as_it_is(store: Store) -> None:
    """Nothing is written then; what is forgotten, or remembered under another key, stops nothing."""
    conditions = Conditions(absent=("space", "key"))
    await store.remember("space", "key", "something")
    await store.remember("space", "other", "something")
    with pytest.raises(Remembered):
        await opened(store, None, conditions)
    assert await untouched(store)
    await store.forget("space", "key")
    assert (await opened(store, None, conditions)).open


# ── budgets ──────────────────────────────────────────────────────────────────────────────────────


def spending(amount: int = 0, *, budget: str = "b", per: int = 3600, **limits: int) -> Conditions:
    return Conditions(spend=Spend(budget=budget, amount=amount, per=per, **limits))


async def fits(store: Store, conditions: Conditions, made: Request | None = None) -> bool:
    try:
        await opened(store, made, conditions)
    except BudgetSpent:
        return False
    return True


async def test_calls_are_counted(store: Store) -> None:
    """Each budget by itself; what does not fit is not written."""
    assert [await fits(store, spending(calls=3)) for _ in range(5)] == [True] * 3 + [False] * 2
    assert await fits(store, spending(calls=3, budget="b:c"))
    assert await fits(store, spending(calls=4))
    assert not await fits(store, spending(calls=4))
    assert await untouched(store, lines=5, pending=5)


async def test_amounts_are_summed(store: Store) -> None:
    """To the last unit; a smaller one may still fit after one that did not."""
    amounts = [60, 41, 39, 1, 1, 0]
    fitted = [await fits(store, spending(amount, limit=100)) for amount in amounts]
    assert fitted == [True, False, True, True, False, True]


async def test_calls_and_amounts_bound_together(store: Store) -> None:
    """Whichever is used up first."""
    assert await fits(store, spending(1, calls=2, limit=100))
    assert not await fits(store, spending(100, calls=2, limit=100))
    assert await fits(store, spending(99, calls=2, limit=100))
    assert not await fits(store, spending(0, calls=2, limit=100))
    assert not await fits(store, spending(0, calls=0))


async def test_amounts_are_exact_up_to_what_a_double_holds(store: Store) -> None:
    """2**53: beyond it nothing fits, however large the limit; an amount below zero never does."""
    most = 2**53
    assert not await fits(store, spending(most + 1, limit=most * 4))
    assert not await fits(store, spending(-1, limit=most))
    assert await fits(store, spending(most - 1, limit=most * 4))
    assert not await fits(store, spending(2, limit=most * 4))
    assert await fits(store, spending(1, limit=most))
    assert not await fits(store, spending(1, limit=most))
    assert await fits(store, spending(0, limit=most))


async def test_a_lower_limit_counts_from_the_next_call_on(store: Store) -> None:
    """The policy may have changed; what was spent stays spent, also while only calls are counted."""
    assert await fits(store, spending(80, limit=100))
    assert not await fits(store, spending(1, limit=50))
    assert not await fits(store, spending(0, limit=50))
    assert await fits(store, spending(5, calls=9))
    assert await fits(store, spending(20, limit=100))
    assert not await fits(store, spending(1, limit=100))


async def test_what_opens_no_request_spends_nothing(store: Store) -> None:
    """Not a replay, a conflict, a key over its limits, a freeze, or an order that was changed."""
    one, first = spending(calls=2), request()
    await store.open(first, entry(), Idempotency("k", "body"), CAPS, one)
    assert (await store.open(request(), entry(), Idempotency("k", "body"), CAPS, one)).replayed
    assert not (await store.open(first, entry(), None, CAPS, one)).replayed, "the same call, sent again"
    await freeze(store)
    await store.remember("space", "key", "")
    for refusal, idempotency, caps, conditions in (
        (IdempotencyConflict, Idempotency("k", "other"), CAPS, one),
        (RateLimited, None, Caps(open_requests=9, per_minute=1), one),
        (TooManyOpen, None, Caps(open_requests=1, per_minute=9), one),
        (CallFrozen, None, CAPS, Conditions(thawed=("*",), spend=one.spend)),
        (Overtaken, None, CAPS, Conditions(swap=Swap("grants", "g", "1", "2"), spend=one.spend)),
        (Remembered, None, CAPS, Conditions(absent=("space", "key"), spend=one.spend)),
    ):
        with pytest.raises(refusal):
            await store.open(request(), entry(), idempotency, caps, conditions)
    assert await fits(store, one)
    assert not await fits(store, one)


async def test_a_budget_that_is_spent_writes_nothing(store: Store) -> None:
    """Neither the order that would be swapped, nor the idempotency key, nor a place in the minute."""
    caps = Caps(open_requests=9, per_minute=1)
    conditions = Conditions(swap=Swap("grants", "g", None, "1"), spend=Spend(budget="b", calls=0, per=60))
    with pytest.raises(BudgetSpent):
        await store.open(request(), entry(), Idempotency("k", "body"), caps, conditions)
    assert await store.orders("grants") == {}
    assert await untouched(store)
    assert not (await store.open(request(), entry(), Idempotency("k", "other"), caps)).replayed


async def test_refusals_come_in_one_order(store: Store) -> None:
    """Known, over the rate, over the cap, remembered, frozen, overtaken, spent: each only when none before it holds."""
    await store.open(request(), entry(), Idempotency("k", "body"), CAPS)
    await freeze(store)
    await store.remember("space", "key", "")
    kept = ("space", "key")
    frozen, lost, empty = ("*",), Swap("grants", "g", "1", "2"), Spend(budget="b", calls=0, per=60)
    full, slow = Caps(open_requests=0, per_minute=9), Caps(open_requests=0, per_minute=1)
    known, wide = Idempotency("k", "other"), Caps(open_requests=9, per_minute=9)
    for refusal, idempotency, caps, conditions in (
        (IdempotencyConflict, known, slow, Conditions(frozen, lost, empty, kept)),
        (RateLimited, None, slow, Conditions(frozen, lost, empty, kept)),
        (TooManyOpen, None, full, Conditions(frozen, lost, empty, kept)),
        (Remembered, None, wide, Conditions(frozen, lost, empty, kept)),
        (CallFrozen, None, wide, Conditions(frozen, lost, empty, ("space", "other"))),
        (Overtaken, None, wide, Conditions((), lost, empty)),
        (BudgetSpent, None, wide, Conditions((), None, empty)),
    ):
        with pytest.raises(refusal):
            await store.open(request(), entry(), idempotency, caps, conditions)


async def test_a_window_slides(store: Store) -> None:
    """Room comes back as entries lapse, one after the other, and no window ever holds more than the limit."""
    spent: list[tuple[int, int]] = []
    async with asyncio.timeout(20):
        for amount in (40, 35, 25, 30, 60):
            while not await fits(store, spending(amount, per=1, limit=100)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # nothing announces that an entry has lapsed
            spent.append(((await store.audit(0, 100))[-1].at, amount))
    assert spent[3][0] >= spent[0][0] + 1000
    for until, _ in spent:
        assert sum(amount for at, amount in spent if until - 1000 < at <= until) <= 100


async def test_a_window_slides_by_the_stores_clock_to_the_millisecond() -> None:
    """An entry counts until the window has passed since it."""
    now = AT
    store = MemoryStore(clock=lambda: now)
    assert await fits(store, spending(calls=1, per=60))
    now = AT + timedelta(milliseconds=59_999)
    assert not await fits(store, spending(calls=1, per=60))
    now = AT + timedelta(seconds=60)
    assert await fits(store, spending(calls=1, per=60))


async def test_a_thousand_asks_at_once_against_a_budget_of_twenty_give_twenty(another: OpenStore) -> None:
    """Through three replicas."""
    stores = [await another() for _ in range(3)]
    fitted = await asyncio.gather(*(fits(stores[i % 3], spending(calls=20)) for i in range(1000)))
    assert fitted.count(True) == 20
    assert await untouched(stores[0], lines=20, pending=20)


async def test_a_thousand_amounts_at_once_never_exceed_their_budget(another: OpenStore) -> None:
    """What was let through is at most the limit, and leaves less than the smallest that was refused."""
    stores = [await another() for _ in range(3)]
    amounts: Sequence[int] = [1_000_003 * (i % 97 + 1) for i in range(1000)]
    limit = 200 * 1_000_003 + 7
    taken = await asyncio.gather(*(fits(stores[i % 3], spending(n, limit=limit)) for i, n in enumerate(amounts)))
    total = sum(itertools.compress(amounts, taken))
    refused = [amount for amount, fitted in zip(amounts, taken, strict=True) if not fitted]
    assert limit - min(refused) < total <= limit


# ── standing orders ──────────────────────────────────────────────────────────────────────────────


async def test_orders_are_changed_if_they_are_as_they_were(store: Store) -> None:
    """Each space by itself; every change has its line, and a refused one leaves none."""
    for space in SPACES:
        assert await store.orders(space) == {}
        assert await store.change(Swap(space, "a", None, "1"), entry(n=1))
        assert not await store.change(Swap(space, "a", None, "1"), entry(n=0)), "the same text, but another's doing"
        assert await store.change(Swap(space, "b*", None, '{"é": "\\n"}'), entry(n=2))
        assert await store.change(Swap(space, "a", "1", "2"), entry(n=3))
        assert not await store.change(Swap(space, "a", "1", None), entry(n=0))
        assert await store.orders(space) == {"a": "2", "b*": '{"é": "\\n"}'}
        assert await store.change(Swap(space, "a", "2", None), entry(n=4))
        assert not await store.change(Swap(space, "a", "2", None), entry(n=0))
        assert await store.orders(space) == {"b*": '{"é": "\\n"}'}
    lines = await store.audit(0, 100)
    assert audit.verify(lines) == []
    assert [line.body for line in lines] == [entry(n=n).body for n in (1, 2, 3, 4)] * 3


async def test_i25_lines_of_orders_and_of_requests_are_one_chain(another: OpenStore) -> None:
    """Numbered without gaps, whoever writes."""
    stores = [await another(), await another()]
    await asyncio.gather(
        *(stores[i % 2].change(Swap("grants", str(i), None, "1"), entry(i=i)) for i in range(20)),
        *(opened(stores[i % 2]) for i in range(20)),
    )
    lines = await stores[0].audit(0, 100)
    assert [line.seq for line in lines] == list(range(1, 41))
    assert audit.verify(lines) == []


async def test_of_many_who_change_one_order_one_does(another: OpenStore) -> None:
    """Freezing twice at once is freezing once."""
    stores = [await another(), await another()]
    changes = [stores[i % 2].change(Swap("freezes", "*", None, str(i)), entry(i=i)) for i in range(20)]
    made = await asyncio.gather(*changes)
    assert made.count(True) == 1
    assert await stores[1].orders("freezes") == {"*": str(made.index(True))}
    assert len(await stores[0].audit(0, 100)) == 1


async def test_what_is_refused_cannot_be_found(store: Store) -> None:
    """Not by its id either."""
    made = request()
    await freeze(store)
    with pytest.raises(CallFrozen):
        await opened(store, made, Conditions(thawed=("*",)))
    with pytest.raises(NotFound):
        await store.load(made.id)
