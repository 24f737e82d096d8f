"""The memory twin and Redis, driven side by side by the same random story, give the same answers."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test
from storekit import entry, key, request, revised, settled

from signoff import audit
from signoff.errors import SignoffError
from signoff.model import RISKS, Batch, Escalation, Facet, Notice, Placement, Request, Risk, Spend, Terms, Vote
from signoff.ports import NOTHING, Caps, Conditions, Filter, Idempotency, Opened, Space, Store, Swap, Work
from signoff.store import MemoryStore, RedisStore

T = TypeVar("T")
KEYS = st.sampled_from(["key_a", "key_b"])
PLACES = st.sampled_from(["slack:#a", "teams:b/c", "slack:@d"])
TERMS = st.sampled_from(["finance", "ada", "managers"])
TEXTS = st.text(alphabet="ab:{}*\0é", max_size=4)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**30, 10**31)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=20).filter(lambda number: number != int(number))
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
RISK = st.sampled_from(RISKS)
BATCHES = st.sampled_from([None, None, Batch(id="bat_a", index=0, size=2), Batch(id="bat_{b}", index=1, size=2)])
PILED = st.sampled_from([(), (), ("slack:#a",), ("slack:#a", "teams:b/c")])
CARDS = st.sampled_from(["bat_a", "pile:slack:#a", "pile:"])
CAPS = Caps(open_requests=6, per_minute=20)
SPACES = st.sampled_from(["freezes", "grants", "delegations"])
ORDERS = st.sampled_from(["*", "a", "{b}"])
STANDING = st.sampled_from([None, None, "", '{"id": "*", "by": "ada", "at": "2026-11-20T08:09:10Z"}'])
SWAPS: st.SearchStrategy[Swap] = st.builds(Swap, SPACES, ORDERS, STANDING, STANDING)
SPENDS: st.SearchStrategy[Spend] = st.builds(
    Spend,
    budget=st.sampled_from(["b", "c"]),
    calls=st.none() | st.integers(0, 3),
    amount=st.integers(-1, 9) | st.integers(2**52, 2**54),
    limit=st.none() | st.integers(0, 20) | st.integers(2**52, 2**54),
    per=st.just(3600),  # the twins' clocks differ: what lapses within a story could differ too
)
CONDITIONS: st.SearchStrategy[Conditions] = st.just(NOTHING) | st.builds(
    Conditions,
    thawed=st.lists(ORDERS, max_size=2).map(tuple),
    swap=st.none() | SWAPS,
    spend=st.none() | SPENDS,
)
MINUTES = st.lists(st.sampled_from([60, 120, 7200]), max_size=3, unique=True).map(sorted)
"""Seconds after the asking, which lies 100 s back: some timers are due, none comes due within a story."""


class Twins(RuleBasedStateMachine):
    """Each rule asks both and compares."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.memory: Store = MemoryStore()
        self.redis: Store = RedisStore.from_url(self.url, prefix=f"test-{secrets.token_hex(4)}")
        self.run(self.redis.start())

    def run(self, coroutine: Coroutine[None, None, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    def answer(self, coroutine: Coroutine[None, None, T]) -> T | tuple[str, object]:
        """What it answers, or the error it raises."""
        try:
            return self.run(coroutine)
        except SignoffError as error:
            return type(error).__name__, {name: value for name, value in error.data.items() if name != "retry_after"}

    def same(self, memory: Coroutine[None, None, T], redis: Coroutine[None, None, T]) -> T | tuple[str, object]:
        one, other = self.answer(memory), self.answer(redis)
        assert one == other
        return one

    requests: Bundle[Request] = Bundle("requests")
    leases: Bundle[tuple[Work, Work]] = Bundle("leases")

    @rule(
        target=requests,
        arguments=st.dictionaries(st.text(max_size=3), JSON, max_size=3),
        asked_by=KEYS,
        show=st.lists(PLACES, max_size=2),
        channel=st.none() | PLACES,
        approvers=st.lists(TERMS, max_size=2),
        left=st.sampled_from([-5.0, 3600.0]),
        remind=MINUTES,
        escalate=MINUTES,
        decided=st.booleans(),
        idempotency=st.none() | st.tuples(TEXTS, st.sampled_from(["one body", "other"])),
        conditions=CONDITIONS,
        agent=st.sampled_from([None, "a", "b"]),
        risk=RISK,
        run=st.sampled_from([None, None, "r", "s"]),
        batch=BATCHES,
        piled=PILED,
    )
    def open(
        self,
        arguments: dict[str, object],
        asked_by: str,
        show: list[str],
        channel: str | None,
        approvers: list[str],
        left: float,
        remind: list[int],
        escalate: list[int],
        decided: bool,
        idempotency: tuple[str, str] | None,
        conditions: Conditions,
        agent: str | None,
        risk: Risk | None,
        run: str | None,
        batch: Batch | None,
        piled: tuple[str, ...],
    ) -> Request:
        terms = Terms(
            rule="r",
            show=tuple(show),
            approvers=tuple(approvers),
            expires_in=3600,
            remind=tuple(remind),
            escalate=tuple(Escalation(after=after, to=("ada",)) for after in escalate),
        )
        more: dict[str, Any] = {"agent": agent, "risk": risk, "run_id": run, "batch": batch, "piled": piled}
        made = request(arguments=arguments, asked_by=asked_by, channel=channel, left=left, terms=terms, **more)
        asked = made.versions[0].model_copy(update={"at": made.created_at - timedelta(seconds=100)})
        made = made.model_copy(update={"versions": (asked,)})
        if decided:
            made = settled(made, "reject", person=None, rule="r").model_copy(update={"rev": 1})
        once = Idempotency(*idempotency) if idempotency else None
        line = entry(id=made.id)
        found = self.same(
            self.memory.open(made, line, once, CAPS, conditions), self.redis.open(made, line, once, CAPS, conditions)
        )
        return found.request if isinstance(found, Opened) else made

    @rule(
        before=requests,
        kind=st.sampled_from(["approve", "reject", "expire", "cancel"]),
        person=st.booleans(),
        conditions=CONDITIONS,
    )
    def decide(self, before: Request, kind: str, person: bool, conditions: Conditions) -> None:
        if before.open:
            after = settled(before, kind, person="ada" if person else None)  # type: ignore[arg-type]
            line = entry(id=before.id, kind=kind)
            self.same(
                self.memory.move(before, after, "request.decided", line, conditions),
                self.redis.move(before, after, "request.decided", line, conditions),
            )

    def moved(self, before: Request, conditions: Conditions = NOTHING, **change: object) -> Request:
        after = revised(before).model_copy(update=change)
        moved = self.same(
            self.memory.move(before, after, "request.revised", entry(), conditions),
            self.redis.move(before, after, "request.revised", entry(), conditions),
        )
        return after if moved is True else before

    @rule(target=requests, before=requests, conditions=CONDITIONS)
    def revise(self, before: Request, conditions: Conditions) -> Request:
        return self.moved(before, conditions)

    @rule(target=requests, before=requests, person=TERMS, response=JSON, conditions=CONDITIONS)
    def vote(self, before: Request, person: str, response: object, conditions: Conditions) -> Request:
        vote = Vote(person=person, at=before.created_at, kind="respond", response=response)
        return self.moved(before, conditions, votes=(*before.votes, vote))

    @rule(target=requests, before=requests)
    def remind(self, before: Request) -> Request:
        """As a timer that fires, whether or not it is due."""
        notice = Notice(kind="reminded", at=before.created_at, to=("ada",))
        return self.moved(before, reminded=before.reminded + 1, notices=(*before.notices, notice))

    @rule(target=requests, before=requests)
    def escalate(self, before: Request) -> Request:
        terms = before.terms.model_copy(update={"approvers": (*before.terms.approvers, "cfo")})
        return self.moved(before, escalated=before.escalated + 1, terms=terms)

    @rule(target=requests, before=requests, place=PLACES, risk=RISK)
    def edit(self, before: Request, place: str, risk: Risk | None) -> Request:
        """Which brings another rule: other places, another risk, a card of its own."""
        terms = before.terms.model_copy(update={"show": (place,), "risk": risk})
        return self.moved(before, terms=terms, piled=())

    @rule(target=requests, before=requests, minutes=st.sampled_from([-10, 10]))
    def snooze(self, before: Request, minutes: int) -> Request:
        return self.moved(before, snoozed_until=before.created_at + timedelta(minutes=minutes))

    @rule(target=requests, before=requests, hours=st.sampled_from([-2, 2]))
    def extend(self, before: Request, hours: int) -> Request:
        return self.moved(before, expires_at=before.expires_at + timedelta(hours=hours))

    @rule(swap=SWAPS)
    def change(self, swap: Swap) -> None:
        line = entry(order=swap.id)
        self.same(self.memory.change(swap, line), self.redis.change(swap, line))

    @rule(space=SPACES)
    def orders(self, space: Space) -> None:
        self.same(self.memory.orders(space), self.redis.orders(space))

    @rule(made=requests)
    def look(self, made: Request) -> None:
        self.same(self.record(self.memory, made.id), self.record(self.redis, made.id))
        self.same(self.memory.wait(made.id, 0), self.redis.wait(made.id, 0))

    async def record(self, store: Store, request_id: str) -> Request:
        return (await store.load(request_id))[0]

    @rule(
        status=st.sampled_from([None, "pending", "rejected", "approved"]),
        asked_by=st.none() | KEYS,
        channel=st.none() | PLACES,
        approvers=st.none() | st.lists(TERMS, max_size=2),
        batch=st.none() | st.sampled_from(["bat_a", "bat_{b}"]),
        piled=st.none() | st.sampled_from(["slack:#a", "teams:b/c"]),
        limit=st.integers(1, 4),
    )
    def page(
        self,
        status: str | None,
        asked_by: str | None,
        channel: str | None,
        approvers: list[str] | None,
        batch: str | None,
        piled: str | None,
        limit: int,
    ) -> None:
        terms = None if approvers is None else tuple(approvers)
        which = Filter(
            status=status,  # type: ignore[arg-type]
            asked_by=asked_by,
            channel=channel,
            approvers=terms,
            batch=batch,
            piled=piled,
        )
        self.same(self.all_pages(self.memory, which, limit), self.all_pages(self.redis, which, limit))

    async def all_pages(self, store: Store, which: Filter, limit: int) -> list[Request]:
        found: list[Request] = []
        cursor: str | None = None
        while True:
            page = await store.page(which, cursor, limit)
            found += page.requests
            cursor = page.cursor
            if cursor is None:
                return found

    @rule(
        status=st.sampled_from([None, "pending", "rejected", "approved"]),
        one=st.sampled_from([{}, {"batch": "bat_a"}, {"batch": "bat_{b}"}, {"piled": "slack:#a"}]),
    )
    def count(self, status: str | None, one: dict[str, str]) -> None:
        which = Filter(status=status, **one)  # type: ignore[arg-type]
        found = self.same(self.memory.count(which), self.redis.count(which))
        assert found == len(self.run(self.all_pages(self.memory, which, 4)))

    @rule(limit=st.integers(1, 4), risk=RISK, some=st.booleans())
    def look_through(self, limit: int, risk: Risk | None, some: bool) -> None:
        facets = [one for one in self.run(self.memory.facets()) if not some or one.risk == risk]
        found = self.same(
            self.looked_through(self.memory, facets, limit), self.looked_through(self.redis, facets, limit)
        )
        waiting = self.run(self.all_pages(self.memory, Filter(status="pending"), 4))
        if some:
            waiting = [one for one in waiting if (one.terms.risk or one.risk) == risk]
        assert found == sorted(
            waiting, key=lambda one: (RISKS.index(one.terms.risk or one.risk), one.expires_at, one.id)
        )

    async def looked_through(self, store: Store, facets: list[Facet], limit: int) -> list[Request]:
        found: list[Request] = []
        cursor: str | None = None
        while True:
            page = await store.queue(facets, cursor, limit)
            found += page.requests
            cursor = page.cursor
            if cursor is None:
                return found

    @rule(person=st.sampled_from(["ada", "finance"]), limit=st.integers(1, 3))
    def decided(self, person: str, limit: int) -> None:
        since = datetime.now(UTC) - timedelta(hours=1)
        self.same(self.memory.decided_by(person, since, limit), self.redis.decided_by(person, since, limit))

    @rule(some=st.lists(requests, max_size=4))
    def several(self, some: list[Request]) -> None:
        ids = [one.id for one in some]
        self.same(self.memory.several(ids), self.redis.several(ids))

    @rule(card=CARDS, delay=st.sampled_from([0.0, 600.0]))
    def nudge(self, card: str, delay: float) -> None:
        self.same(self.memory.nudge(card, delay), self.redis.nudge(card, delay))
        self.same(self.memory.nudged(card), self.redis.nudged(card))

    @rule(space=TEXTS, name=TEXTS)
    def tally(self, space: str, name: str) -> None:
        self.same(self.memory.tally(space, name, 3600), self.redis.tally(space, name, 3600))

    @rule(target=leases)
    def claim(self) -> tuple[Work, Work]:
        """Requests marked within one millisecond may be claimed in either order: follow Redis until both agree."""
        one, other = self.run(self.memory.claim(600)), self.run(self.redis.claim(600))
        assert (one is None) == (other is None)
        nothing = Work("none", "none")
        return one or nothing, other or nothing

    @rule(lease=leases, place=PLACES, shown=st.integers(1, 3))
    def place(self, lease: tuple[Work, Work], place: str, shown: int) -> None:
        one, other = lease
        placement = Placement(place=place, state="live", shown=shown)
        assert self.run(self.memory.place(one, placement)) == self.run(self.redis.place(other, placement))

    @rule(lease=consumes(leases), rev=st.integers(1, 3), again=st.booleans())
    def give_back(self, lease: tuple[Work, Work], rev: int, again: bool) -> None:
        one, other = lease
        if one.request != other.request:
            return
        if again:
            self.run(self.memory.again(one, 600))
            self.run(self.redis.again(other, 600))
        else:
            self.run(self.memory.done(one, rev))
            self.run(self.redis.done(other, rev))
        self.same(self.memory.placements(one.request), self.redis.placements(other.request))

    @rule(space=TEXTS, name=TEXTS, value=TEXTS)
    def remember(self, space: str, name: str, value: str) -> None:
        self.same(self.memory.remember(space, name, value), self.redis.remember(space, name, value))
        self.same(self.memory.recall(name, space), self.redis.recall(name, space))

    @rule(space=TEXTS, name=TEXTS)
    def forget(self, space: str, name: str) -> None:
        self.same(self.memory.forget(space, name), self.redis.forget(space, name))
        self.same(self.memory.recall(space, name), self.redis.recall(space, name))

    @rule(name=TEXTS, revoke=st.booleans())
    def keys(self, name: str, revoke: bool) -> None:
        if revoke:
            self.same(self.memory.revoke_key(name), self.redis.revoke_key(name))
        else:
            self.same(self.memory.add_key(key(name)), self.redis.add_key(key(name)))
        assert [one.id for one in self.run(self.memory.keys())] == [one.id for one in self.run(self.redis.keys())]

    @invariant()
    def the_whole_is_the_same(self) -> None:
        self.same(self.memory.counts(), self.redis.counts())
        one, other = self.run(self.memory.audit(0, 1000)), self.run(self.redis.audit(0, 1000))
        assert [(line.seq, line.body) for line in one] == [(line.seq, line.body) for line in other]
        assert audit.verify(one) == audit.verify(other) == []
        self.same(self.memory.overdue(100), self.redis.overdue(100))
        self.same(self.memory.overdue(2), self.redis.overdue(2))
        facets, others = self.run(self.memory.facets()), self.run(self.redis.facets())
        assert sorted(map(str, facets)) == sorted(map(str, others))
        assert sum(one.size for one in facets) == self.run(self.memory.counts())["pending"]

    @invariant()
    def events_are_the_same(self) -> None:
        lines = self.run(self.memory.audit(0, 1000))
        count = sum('"order"' not in line.body for line in lines)  # a changed order has a line and no event
        one, other = self.run(self.history(self.memory, count)), self.run(self.history(self.redis, count))
        assert one == other

    async def history(self, store: Store, count: int) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        events = store.events("0-0")
        while len(found) < count:
            event = await anext(events)
            found.append((event.type, event.request, event.status, event.rev, event.asked_by))
        return found

    def teardown(self) -> None:
        self.run(self.redis.close())
        self.run(self.loop.shutdown_asyncgens())
        self.loop.close()


@pytest.mark.timeout(300)
def test_the_memory_twin_answers_as_redis_does(url: str) -> None:
    """Whatever is asked, in whatever order."""
    machine = type("TwinsHere", (Twins,), {"url": url})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
