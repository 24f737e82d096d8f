"""What every store does: the memory twin, the embedded Redis, a Redis server and a cluster alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from storekit import CAPS, entry, key, request, revised, settled

from signoff import audit
from signoff.audit import Line
from signoff.errors import IdempotencyConflict, Invalid, NotFound, RateLimited, StoreUnavailable, TooManyOpen
from signoff.model import Event, MessageRef, Outcome, Placement, Request
from signoff.ports import Caps, Filter, Idempotency, Store, Work
from signoff.store.record import STATUSES

OpenStore = Callable[[], Awaitable[Store]]


async def opened(store: Store, **fields: object) -> Request:
    made = request(**fields)  # type: ignore[arg-type]
    return (await store.open(made, entry(id=made.id), None, CAPS)).request


async def decide(store: Store, before: Request, after: Request | None = None) -> bool:
    after = after or settled(before)
    return await store.move(before, after, "request.decided", entry(id=before.id, by=str(after.decision)))


# ── opening ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_record_reads_back_exactly(store: Store) -> None:
    """Numbers keep every digit, text every character, moments their milliseconds."""
    arguments: dict[str, object] = {
        "price": Decimal("0.1000000000000000000000000001"),
        "big": 10**40,
        "small": -(2**63),
        "float": 1e300,
        "zero": -0.0,
        "whole": 5.0,
        "none": None,
        "nested": [{"exact": Decimal("12345678901234567890.5")}, True, "ü‮\u0001 \n{p0}"],
    }
    made = await opened(store, arguments=arguments, metadata={"arguments": arguments}, reason="weil…")
    loaded, _ = await store.load(made.id)
    assert loaded == made
    assert [type(value) for value in loaded.arguments.values()] == [type(value) for value in arguments.values()]
    assert loaded.created_at.microsecond == 123_000


async def test_the_clock_comes_with_the_record(store: Store) -> None:
    """`load` answers the record and the store's time, in whole milliseconds."""
    made = await opened(store)
    before = await store.now()
    _, at = await store.load(made.id)
    assert timedelta(0) <= at - before < timedelta(seconds=5)
    assert at.microsecond % 1000 == 0


async def test_an_unknown_request_is_not_found(store: Store) -> None:
    """Loading and waiting both say so."""
    with pytest.raises(NotFound):
        await store.load("req_unknown")
    with pytest.raises(NotFound):
        await store.wait("req_unknown", 1)


async def test_the_same_key_and_body_answer_the_first_request(store: Store) -> None:
    """Also when it is long decided: then with the decision."""
    first, again = request(), request()
    idempotency = Idempotency("run-7/call_9", "body")
    assert not (await store.open(first, entry(), idempotency, CAPS)).replayed
    replay = await store.open(again, entry(), idempotency, CAPS)
    assert (replay.replayed, replay.request) == (True, first)
    assert await decide(store, first)
    replay = await store.open(again, entry(), idempotency, CAPS)
    assert (replay.replayed, replay.request.status) == (True, "approved")
    with pytest.raises(NotFound):
        await store.load(again.id)


async def test_the_same_key_with_another_body_is_a_conflict(store: Store) -> None:
    """And nothing is written."""
    await store.open(request(), entry(), Idempotency("k", "body"), CAPS)
    with pytest.raises(IdempotencyConflict):
        await store.open(request(), entry(), Idempotency("k", "other"), CAPS)
    assert (await store.counts())["pending"] == 1
    assert len(await store.audit(0, 10)) == 1


async def test_an_idempotency_key_belongs_to_one_api_key(store: Store) -> None:
    """Two agents may choose the same text, whatever it holds."""
    for asked_by, text in (("a", "1:b"), ("b", "1:b"), ("a:1", "b"), ("a", ":1b")):
        opened_now = await store.open(request(asked_by=asked_by), entry(), Idempotency(text, "body"), CAPS)
        assert not opened_now.replayed


async def test_of_many_same_asks_at_once_one_opens(another: OpenStore) -> None:
    """An agent that retries through two replicas gets one request."""
    stores = [await another(), await another()]
    answers = await asyncio.gather(
        *(stores[i % 2].open(request(), entry(), Idempotency("k", "body"), CAPS) for i in range(20))
    )
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len({answer.request.id for answer in answers}) == 1


async def test_i30_open_requests_are_capped_per_key(store: Store) -> None:
    """A decision makes room; other keys, requests that are already decided, and replays are not concerned."""
    caps = Caps(open_requests=2, per_minute=1000)
    first = request()
    await store.open(first, entry(), Idempotency("k", "body"), caps)
    await store.open(request(), entry(), None, caps)
    with pytest.raises(TooManyOpen) as refused:
        await store.open(request(), entry(), None, caps)
    assert refused.value.data["limit"] == 2
    assert (await store.open(request(), entry(), Idempotency("k", "body"), caps)).replayed
    await store.open(request(asked_by="key_b"), entry(), None, caps)
    await store.open(settled(request()).model_copy(update={"rev": 1}), entry(), None, caps)
    assert await decide(store, first)
    await store.open(request(), entry(), None, caps)


async def test_i30_new_requests_are_capped_per_key_and_minute(store: Store) -> None:
    """The refusal says how many seconds to wait; a refused one leaves no trace."""
    caps = Caps(open_requests=1000, per_minute=3)
    for _ in range(3):
        await store.open(request(), entry(), None, caps)
    with pytest.raises(RateLimited) as refused:
        await store.open(request(), entry(), None, caps)
    assert 50 <= float(str(refused.value.data["retry_after"])) <= 60
    await store.open(request(asked_by="key_b"), entry(), None, caps)
    assert (await store.counts())["pending"] == 4
    assert len(await store.audit(0, 10)) == 4


# ── moving ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_move_needs_the_revision_it_saw(store: Store) -> None:
    """A stale one writes nothing: no record, line, event or index."""
    made = await opened(store)
    seen = revised(made)
    assert await store.move(made, seen, "request.revised", entry())
    assert not await decide(store, made)
    assert (await store.load(made.id))[0] == seen
    assert len(await store.audit(0, 10)) == 2
    assert (await store.counts())["pending"] == 1
    assert await decide(store, seen)
    assert not await decide(store, seen, settled(seen, "reject"))


async def test_what_does_not_exist_cannot_move(store: Store) -> None:
    """And does not come into being by it."""
    made = request()
    assert not await decide(store, made)
    with pytest.raises(NotFound):
        await store.load(made.id)


async def test_i01_of_fifty_deciders_exactly_one_wins(another: OpenStore) -> None:
    """Through two replicas; the record, the line and the event are the winner's."""
    stores = [await another(), await another()]
    for _ in range(10):
        made = await opened(stores[0])
        after = [settled(made, "approve" if i % 2 else "reject", person=f"person-{i}") for i in range(50)]
        won = await asyncio.gather(*(decide(stores[i % 2], made, one) for i, one in enumerate(after)))
        assert won.count(True) == 1
        assert (await stores[1].load(made.id))[0] == after[won.index(True)]
    assert len(await stores[0].audit(0, 1000)) == 20


async def test_i01_a_decision_expiry_and_cancel_race_for_one_end(another: OpenStore) -> None:
    """Whichever comes first stands."""
    stores = [await another(), await another()]
    for _ in range(20):
        made = await opened(stores[0])
        ends = [settled(made), settled(made, "expire", person=None), settled(made, "cancel", person=None)]
        won = await asyncio.gather(*(decide(stores[i % 2], made, end) for i, end in enumerate(ends)))
        assert won.count(True) == 1
    counts = await stores[0].counts()
    assert sum(counts.values()) == 20
    assert counts["pending"] == 0


@pytest.mark.parametrize("kind_of_end", ["approve", "edit", "reject", "respond"])
async def test_i06_a_persons_decision_after_expiry_is_refused(store: Store, kind_of_end: str) -> None:
    """By the store's clock, even if no sweeper has been there; expiry itself goes through."""
    made = await opened(store, left=-1)
    assert not await decide(store, made, settled(made, kind_of_end))  # type: ignore[arg-type]
    assert (await store.load(made.id))[0].open
    assert await decide(store, made, settled(made, "expire", person=None))


async def test_i06_a_rule_may_end_an_overdue_request(store: Store) -> None:
    """Only people come too late."""
    made = await opened(store, left=-1)
    assert await decide(store, made, settled(made, "reject", person=None, rule="sweeper"))


async def test_what_follows_a_decision_is_not_bound_by_expiry(store: Store) -> None:
    """An approved request is consumed and reported after its expiry as before."""
    made = await opened(store, left=-1)
    made = (await store.load(made.id))[0]
    approved = settled(made, "approve", person=None, rule="r")
    assert await decide(store, made, approved)
    consumed = approved.model_copy(update={"rev": approved.rev + 1, "consumed_at": approved.created_at})
    assert await store.move(approved, consumed, "request.consumed", entry())
    reported = consumed.model_copy(
        update={"rev": consumed.rev + 1, "outcome": Outcome(status="succeeded", detail="done", at=made.created_at)}
    )
    assert await store.move(consumed, reported, "request.reported", entry())
    assert (await store.load(made.id))[0] == reported


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_waiter_gets_the_decision_made_in_another_replica(another: OpenStore) -> None:
    """Any replica serves any wait."""
    here, there = await another(), await another()
    made = await opened(here)
    waits = [asyncio.create_task(here.wait(made.id, 30)) for _ in range(3)]
    assert await decide(there, made)
    assert [(await wait).status for wait in waits] == ["approved"] * 3


async def test_a_wait_for_a_decided_request_returns_at_once(store: Store) -> None:
    """With the record as it stands."""
    made = await opened(store)
    after = settled(made)
    assert await decide(store, made, after)
    assert await store.wait(made.id, 30) == after


async def test_a_wait_that_times_out_answers_the_pending_record(store: Store) -> None:
    """In its newest revision; a change that decides nothing does not end it."""
    made = await opened(store)
    waiting = asyncio.create_task(store.wait(made.id, 0.3))
    newer = revised(made)
    assert await store.move(made, newer, "request.revised", entry())
    assert await waiting == newer
    assert await store.wait(made.id, 0) == newer


async def test_a_cancelled_wait_leaves_the_others(store: Store) -> None:
    """One agent that hangs up does not wake or drop its neighbour."""
    made = await opened(store)
    gone, stays = (asyncio.create_task(store.wait(made.id, 30)) for _ in range(2))
    await store.load(made.id)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert await decide(store, made)
    assert (await stays).status == "approved"


async def test_i22_no_wake_up_is_lost_between_look_and_wait(another: OpenStore) -> None:
    """Decisions that fall anywhere between the start of a wait and its end are all seen."""
    here, there = await another(), await another()

    async def one() -> Request:
        made = await opened(here)
        wait, moved = await asyncio.gather(here.wait(made.id, 30), decide(there, made))
        assert moved
        return wait

    began = time.monotonic()
    for _ in range(10):
        assert all(not request.open for request in await asyncio.gather(*(one() for _ in range(30))))
    assert time.monotonic() - began < 25, "some came only when their time was up"


async def test_a_closed_store_lets_its_waiters_go(store: Store) -> None:
    """With StoreUnavailable, not after their time."""
    made = await opened(store)
    waiting = asyncio.create_task(store.wait(made.id, 60))
    await store.ping()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await waiting


# ── events ───────────────────────────────────────────────────────────────────────────────────────


async def collect(store: Store, after: str | None, count: int) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(20):
        async for event in store.events(after):
            found.append(event)
            if len(found) == count:
                break
    return found


async def test_events_come_in_order_and_can_be_resumed(another: OpenStore) -> None:
    """From the beginning, from any event, in any replica."""
    here, there = await another(), await another()
    made = [await opened(here, asked_by=f"key_{i}") for i in range(3)]
    assert await decide(here, made[1])
    events = await collect(there, "0-0", 4)
    assert [(event.type, event.request, event.rev) for event in events] == [
        *(("request.created", one.id, 1) for one in made),
        ("request.decided", made[1].id, 2),
    ]
    assert events[3].status == "approved"
    assert events[2].asked_by == "key_2"
    assert abs(events[3].at - await here.now()) < timedelta(seconds=5)
    assert await collect(here, events[1].id, 2) == events[2:]


async def test_events_from_now_on_begin_at_the_call(store: Store) -> None:
    """What happened before is left out, what happens before the first look is not."""
    await opened(store)
    await collect(store, "0-0", 1)  # the reader has passed it
    present = store.events(None)
    made = await opened(store)
    async with asyncio.timeout(20):
        assert (await anext(present)).request == made.id
        later = asyncio.ensure_future(anext(present))
        assert await decide(store, made)
        assert (await later).type == "request.decided"


async def test_many_follow_the_events(store: Store) -> None:
    """Each gets every one, however they overlap with what happens."""
    followers = [asyncio.create_task(collect(store, "0-0", 50)) for _ in range(10)]
    made = [await opened(store) for _ in range(50)]
    for follower in followers:
        assert [event.request for event in await follower] == [one.id for one in made]


@pytest.mark.parametrize("position", ["", "x", "1-", "1-x", "-1", "9" * 30, "1-2-3", "²-0"])
async def test_a_wrong_position_is_refused(store: Store, position: str) -> None:
    """A Last-Event-ID is what a stranger sends."""
    if position == "1-":
        return  # the same as 1-0
    with pytest.raises(Invalid):
        store.events(position)


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


async def pages(store: Store, which: Filter, limit: int = 3) -> list[str]:
    """All ids, page by page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.page(which, cursor, limit)
        assert len(page.requests) <= limit
        found += [one.id for one in page.requests]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_pages_hold_what_the_filter_says(store: Store) -> None:
    """Every combination of filters, oldest first, each request once."""
    made: list[Request] = []
    for i in range(24):
        one = await opened(
            store,
            show=("slack:#refunds",) if i % 2 else ("slack:#refunds", "teams:Finance/General"),
            approvers=("finance",) if i % 3 else ("finance", "ada"),
            asked_by=f"key_{i % 2}",
            agent=f"agent-{i % 4}",
            risk="high" if i % 5 == 0 else None,
            channel="slack:#extra" if i % 6 == 0 else None,
        )
        if i % 4 == 3:
            assert await decide(store, one, settled(one, "reject"))
            one = (await store.load(one.id))[0]
        made.append(one)

    def expected(which: Filter) -> list[str]:
        return [
            one.id
            for one in made
            if (which.status is None or one.status == which.status)
            and (which.agent is None or one.agent == which.agent)
            and (which.risk is None or one.risk == which.risk)
            and (which.asked_by is None or one.asked_by == which.asked_by)
            and (which.channel is None or which.channel in (*one.terms.show, one.channel))
            and (which.approvers is None or (one.open and set(which.approvers) & set(one.terms.approvers)))
        ]

    for status in (None, "pending", "rejected", "approved"):
        for channel in (None, "slack:#refunds", "teams:Finance/General", "slack:#extra", "slack:#none"):
            for more in (
                {},
                {"agent": "agent-1"},
                {"risk": "high"},
                {"asked_by": "key_1"},
                {"approvers": ("ada",)},
                {"approvers": ("ada", "finance", "nobody")},
                {"approvers": ("ada",), "asked_by": "key_0"},
                {"approvers": ()},
            ):
                which = Filter(status=status, channel=channel, **more)  # type: ignore[arg-type]
                assert await pages(store, which) == expected(which), which


async def test_a_page_is_full_when_there_is_enough(store: Store) -> None:
    """And the last one says that it is the last."""
    for _ in range(6):
        await opened(store)
    first = await store.page(Filter(status="pending"), None, 3)
    assert (len(first.requests), first.cursor) == (3, first.requests[-1].id)
    second = await store.page(Filter(status="pending"), first.cursor, 3)
    assert (len(second.requests), second.cursor) == (3, None)


async def test_paging_is_stable_while_requests_come_and_go(store: Store) -> None:
    """What was there all the time is seen exactly once."""
    made = [await opened(store) for _ in range(12)]
    found: list[str] = []
    cursor: str | None = None
    for i in range(20):
        page = await store.page(Filter(status="pending"), cursor, 3)
        found += [one.id for one in page.requests]
        cursor = page.cursor
        if cursor is None:
            break
        await opened(store)
        if i < 3:
            assert await decide(store, made[i])  # behind the cursor
    assert [id_ for id_ in found if id_ in {one.id for one in made}] == [one.id for one in made]
    assert len(found) == len(set(found))


async def test_counts_follow_every_move(store: Store) -> None:
    """By status, zeros included."""
    made = [await opened(store) for _ in range(4)]
    assert await decide(store, made[0])
    assert await decide(store, made[1], settled(made[1], "expire", person=None))
    assert await store.counts() == {
        "pending": 2,
        "approved": 1,
        "rejected": 0,
        "responded": 0,
        "expired": 1,
        "cancelled": 0,
    }


async def test_counts_of_one_key_leave_out_all_others(store: Store) -> None:
    """What one key asked, by status; a key that asked nothing has zeros."""
    await opened(store, asked_by="mine")
    ended = await opened(store, asked_by="mine")
    await opened(store, asked_by="theirs")
    assert await decide(store, ended)
    none = dict.fromkeys(STATUSES, 0)
    assert await store.counts("mine") == none | {"pending": 1, "approved": 1}
    assert await store.counts("theirs") == none | {"pending": 1}
    assert await store.counts("nobody") == none


async def test_overdue_requests_are_listed_longest_first(store: Store) -> None:
    """Pending ones only."""
    late, later, _ = await opened(store, left=-20), await opened(store, left=-30), await opened(store)
    assert await store.overdue(10) == [later.id, late.id]
    assert await store.overdue(1) == [later.id]
    assert await decide(store, later, settled(later, "expire", person=None))
    assert await store.overdue(10) == [late.id]


# ── audit ────────────────────────────────────────────────────────────────────────────────────────


async def test_i25_every_change_has_its_line_and_the_chain_verifies(another: OpenStore) -> None:
    """Numbered without gaps, also when two replicas write at once."""
    stores = [await another(), await another()]
    made = await asyncio.gather(*(opened(stores[i % 2]) for i in range(10)))
    await asyncio.gather(*(decide(stores[i % 2], one) for i, one in enumerate(made)))
    lines = list(await stores[0].audit(0, 1000))
    assert [line.seq for line in lines] == list(range(1, 21))
    assert audit.verify(lines) == []
    assert sorted(line.at for line in lines) == [line.at for line in lines]
    tail = await stores[1].audit(15, 3)
    assert tail == lines[15:18]
    assert audit.verify(tail, lines[14].link, 16) == []


async def test_i25_a_changed_removed_or_moved_line_is_detected(store: Store) -> None:
    """Whichever line it is."""
    for i in range(5):
        await opened(store, arguments={"amount": i})
    lines = list(await store.audit(0, 10))
    for i, line in enumerate(lines):
        changed = Line(line.seq, line.at, line.body.replace("test", "tets"), line.link)
        assert audit.verify([*lines[:i], changed, *lines[i + 1 :]])
        assert audit.verify([*lines[:i], Line(line.seq, line.at + 1, line.body, line.link), *lines[i + 1 :]])
        if i < len(lines) - 1:
            assert audit.verify([*lines[:i], *lines[i + 1 :]])
            assert audit.verify([*lines[:i], lines[i + 1], line, *lines[i + 2 :]])


# ── outbox ───────────────────────────────────────────────────────────────────────────────────────


def card(place: str = "slack:#refunds", shown: int = 1) -> Placement:
    message = MessageRef(chat="slack", tenant="T0", conversation="C0", message="1.0")
    return Placement(place=place, state="live", message=message, shown=shown)


async def claimed(store: Store, lease: float = 60) -> Work:
    async with asyncio.timeout(20):
        while (work := await store.claim(lease)) is None:
            await store.ripe(5)
    return work


async def test_a_change_makes_the_request_due_and_one_worker_gets_it(another: OpenStore) -> None:
    """Of many workers in two replicas."""
    stores = [await another(), await another()]
    made = await opened(stores[0])
    found = [work for work in await asyncio.gather(*(stores[i % 2].claim(60) for i in range(10))) if work]
    assert [work.request for work in found] == [made.id]


async def test_done_ends_it_until_the_next_change(store: Store) -> None:
    """Cards that show an older revision leave the request due."""
    made = await opened(store)
    work = await claimed(store)
    assert await decide(store, made)
    assert await store.claim(60) is None, "a leased request is not handed out twice, even if it changes"
    await store.done(work, 1)
    work = await claimed(store)
    await store.done(work, 2)
    assert await store.claim(60) is None


async def test_a_lapsed_lease_passes_to_another_worker(store: Store) -> None:
    """Whose token alone counts from then on."""
    made = await opened(store)
    late = await claimed(store, lease=0.05)
    work = await claimed(store)
    assert work.request == late.request == made.id
    assert await store.place(work, card())
    assert not await store.place(late, card(shown=9))
    await store.done(late, 1)
    await store.again(late, 0)
    assert await store.claim(60) is None
    assert await store.placements(made.id) == [card()]
    await store.done(work, 1)
    assert await store.claim(60) is None


async def test_a_lease_given_back_is_due_after_its_delay(store: Store) -> None:
    """`ripe` returns when it is."""
    await opened(store)
    work = await claimed(store)
    await store.again(work, 0.2)
    assert await store.claim(60) is None
    began = time.monotonic()
    await claimed(store)
    assert 0.1 < time.monotonic() - began < 4


async def test_a_lease_given_back_for_an_older_revision_is_due_at_once(store: Store) -> None:
    """A decision that fell into the lease does not wait for the delay of one busy place."""
    made = await opened(store)
    work = await claimed(store)
    assert await decide(store, made)
    await store.again(work, 600, 1)
    work = await claimed(store)
    await store.again(work, 600, 2)
    assert await store.claim(60) is None


async def test_what_still_waits_comes_before_what_has_ended(store: Store) -> None:
    """Its card goes out first, though it came last; also when it changed under a worker."""
    ended = [await opened(store) for _ in range(3)]
    for one in ended:
        assert await decide(store, one)
    waits = [await opened(store), await opened(store)]
    work = await claimed(store)
    assert work.request in {one.id for one in waits}
    changed = next(one for one in waits if one.id == work.request)
    assert await store.move(changed, revised(changed), "request.revised", entry())
    await store.done(work, 1)
    first = {(await claimed(store)).request for _ in range(2)}
    assert first == {one.id for one in waits}
    assert {(await claimed(store)).request for _ in range(3)} == {one.id for one in ended}
    assert await store.claim(60) is None


async def test_a_card_of_several_is_due_when_it_is_nudged(store: Store) -> None:
    """Once for many nudges; each counts its revision up, and one that comes meanwhile makes it due again."""
    assert await store.nudged("bat_1") == 0
    for _ in range(3):
        await store.nudge("bat_1")
    assert (await store.nudged("bat_1"), await store.nudged("bat_2")) == (3, 0)
    work = await claimed(store)
    assert work.request == "bat_1"
    assert await store.claim(60) is None
    await store.nudge("bat_1")
    assert await store.claim(60) is None, "a leased card is not handed out twice"
    await store.done(work, 3)
    work = await claimed(store)
    assert await store.place(work, card())
    assert await store.placements("bat_1") == [card()]
    await store.done(work, 4)
    assert await store.claim(60) is None


async def test_a_nudge_waits_its_delay_and_puts_nothing_off(store: Store) -> None:
    """What is due sooner stays so; what is due later comes sooner; a busy place makes a nudged card wait no longer."""
    await store.nudge("pile:slack:#a", 600)
    assert await store.claim(60) is None
    began = time.monotonic()
    await store.nudge("pile:slack:#a", 0.2)
    await store.nudge("pile:slack:#a", 600)
    work = await claimed(store)
    assert 0.1 < time.monotonic() - began < 4
    await store.nudge("pile:slack:#a", 600)
    await store.again(work, 600, 3)
    work = await claimed(store)
    await store.again(work, 600, 4)
    assert await store.claim(60) is None


async def test_many_nudges_at_once_all_count(another: OpenStore) -> None:
    """Of those from two replicas none is lost, and one worker gets the card."""
    stores = [await another(), await another()]
    await asyncio.gather(*(stores[i % 2].nudge("bat_1") for i in range(20)))
    assert await stores[0].nudged("bat_1") == 20
    found = [work for work in await asyncio.gather(*(stores[i % 2].claim(60) for i in range(10))) if work]
    assert [work.request for work in found] == ["bat_1"]


async def test_a_nudge_wakes_a_worker_that_rests(store: Store) -> None:
    """Long before its time is up."""
    ripe = asyncio.create_task(store.ripe(60))
    await store.now()
    await store.nudge("bat_1")
    async with asyncio.timeout(5):
        await ripe


async def test_a_worker_is_woken_by_what_happens_in_another_replica(another: OpenStore) -> None:
    """Long before its time is up."""
    here, there = await another(), await another()
    ripe = asyncio.create_task(here.ripe(60))
    await here.now()
    made = await opened(there)
    async with asyncio.timeout(5):
        await ripe
    assert (await claimed(here)).request == made.id


async def test_nothing_due_lets_a_worker_rest(store: Store) -> None:
    """For as long as it said."""
    began = time.monotonic()
    await store.ripe(0.1)
    assert 0.08 < time.monotonic() - began < 3


async def test_placements_are_kept_by_place(store: Store) -> None:
    """The last word for a place stands; places come in order."""
    made = await opened(store)
    work = await claimed(store)
    assert await store.placements(made.id) == []
    for placement in (card("teams:x"), card("slack:y"), card("teams:x", shown=2)):
        assert await store.place(work, placement)
    assert await store.placements(made.id) == [card("slack:y"), card("teams:x", shown=2)]


async def test_a_request_that_does_not_exist_is_done(store: Store) -> None:
    """A lease on it can be given back without harm."""
    await store.done(Work("req_unknown", "token"), 0)
    await store.again(Work("req_unknown", "token"), 0)
    assert await store.claim(60) is None


# ── memory and keys ──────────────────────────────────────────────────────────────────────────────


async def test_small_things_are_remembered_by_space_and_key(store: Store) -> None:
    """Until they are overwritten or forgotten."""
    await store.remember("a", "b:c", "1")
    await store.remember("a:b", "c", "2")
    await store.remember("a", "b:c", "3")
    assert [await store.recall("a", "b:c"), await store.recall("a:b", "c")] == ["3", "2"]
    await store.forget("a", "b:c")
    await store.forget("a", "unknown")
    assert [await store.recall("a", "b:c"), await store.recall("a:b", "c")] == [None, "2"]


async def test_what_has_a_life_is_forgotten_by_itself(store: Store) -> None:
    """And a new value has a life of its own."""
    await store.remember("s", "k", "v", ttl=0.05)
    async with asyncio.timeout(5):
        while await store.recall("s", "k") is not None:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
    await store.remember("s", "k", "v", ttl=60)
    await store.remember("s", "k", "for ever")
    assert await store.recall("s", "k") == "for ever"


async def test_keys_are_kept_listed_and_revoked_once(store: Store) -> None:
    """A revoked key stays listed, with the time."""
    one, two = key("key_1", owner="rita"), key("key_2", role="approver", person="ada")
    await store.add_key(two)
    await store.add_key(one)
    assert await store.keys() == [one, two]
    assert await store.key("key_1") == one
    assert await store.key("unknown") is None
    assert await store.revoke_key("key_1")
    assert not await store.revoke_key("key_1")
    assert not await store.revoke_key("unknown")
    revoked = await store.key("key_1")
    assert revoked is not None
    assert revoked.revoked_at is not None
    assert abs(revoked.revoked_at - await store.now()) < timedelta(seconds=5)


async def test_a_key_is_read_along_with_a_request_and_the_clock(store: Store) -> None:
    """Each is there or not, whatever the others are."""
    one, asked = key("key_1"), await opened(store)
    await store.add_key(one)
    before = await store.now()
    found, seen, now = await store.key_and("key_1", asked.id)
    assert (found, seen) == (one, asked)
    assert before <= now <= await store.now()
    assert (await store.key_and("unknown", asked.id))[:2] == (None, asked)
    assert (await store.key_and("key_1", "req_unknown"))[:2] == (one, None)
    assert (await store.key_and("key_1"))[:2] == (one, None)


async def test_a_store_that_is_there_answers(store: Store) -> None:
    """`ping` raises nothing."""
    await store.ping()
