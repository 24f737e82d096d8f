"""The desk over the memory twin and over Redis, driven side by side by the same random story and checked by a model."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule, run_state_machine_as_test
from storekit import entry

from signoff import audit, digest, policy
from signoff.desk import Desk
from signoff.errors import (
    AlreadyConsumed,
    AlreadyDecided,
    DigestMismatch,
    IdempotencyConflict,
    Invalid,
    NotAnApprover,
    NotApproved,
    NotFound,
    NotOffered,
    PolicyRefused,
    SelfApproval,
    SignoffError,
    StaleVersion,
)
from signoff.model import Actor, Answer, Ask, Event, Key, Kind, Outcome, Principal, Request, loads
from signoff.ports import Caps, Limits, Store
from signoff.store import MemoryStore, RedisStore

T = TypeVar("T")
RULES = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com, slack: T1/UADA}
  bob: {name: Bob, email: bob@example.com, slack: T1/UBOB}
  cfo: {name: Cleo, email: cleo@example.com, slack: T1/UCFO}
  mia: {name: Mia, slack: T1/UMIA}
groups:
  finance: {members: [ada, bob]}
  board: {members: [cfo, bob]}
defaults: {show: [slack:#approvals], approvers: [finance], expires_in: 24h}
rules:
  - {name: never, when: tool == "refund" && args.amount > 9000.0, decide: reject, message: Never.}
  - {name: large, when: tool == "refund" && args.amount > 1000.0, approvers: [board], show: [slack:#board]}
  - {name: tiny, when: tool == "refund" && args.amount < 10.0, decide: approve}
  - {name: refunds, when: tool == "refund", approvers: [finance], editable: [amount]}
"""
FINANCE, BOARD = frozenset({"ada", "bob"}), frozenset({"cfo", "bob"})
KINDS: tuple[Kind, ...] = ("approve", "edit", "reject", "respond")
AMOUNTS = st.sampled_from([5, 50, 500, 5000, 9500])
ORDERS = st.sampled_from(["A-1", "A-2"])
WHO = st.sampled_from(["ada", "bob", "cfo", "mia", "nobody"])
SOME = st.integers(0, 7)
NAMES = st.sampled_from(["agent", "other"])
LIMITS = Limits(caps=Caps(open_requests=1_000_000, per_minute=1_000_000))
KEYS = {
    name: Key(
        id=name, role="agent", name=name, owner=owner, secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    for name, owner in (("agent", None), ("other", "ada"))
}


@dataclass
class Case:
    """One request, as both desks must have it; `ids`: what it is called in each."""

    ids: tuple[str, str]
    key: str
    allowed: tuple[Kind, ...]
    group: frozenset[str]
    """Who may decide it by the policy…"""
    barred: frozenset[str]
    """…and who may not let it run all the same."""
    arguments: dict[str, object]
    narrow: bool
    """Only the amount may be edited."""
    versions: int = 1
    status: str = "pending"
    overdue: bool = False
    by_rule: bool = False
    consumed: bool = False
    reported: bool | None = None
    """That it went well, if anything."""
    rev: int = 1
    decision: object = None
    original: dict[str, object] = field(default_factory=dict)

    @property
    def approval(self) -> Kind:
        """What it is called when the arguments, as they are now, may run."""
        return "approve" if self.arguments == self.original and "approve" in self.allowed else "edit"

    @property
    def live(self) -> bool:
        return self.status == "pending" and not self.overdue


def group_of(amount: int) -> frozenset[str]:
    return BOARD if amount > 1000 else FINANCE


def slack(person: str) -> Principal:
    return Principal(chat="slack", tenant="T1", user=f"U{person.upper()}")


def is_narrow(amount: int) -> bool:
    """The rule "refunds" has it."""
    return 10 <= amount <= 1000


class Desks(RuleBasedStateMachine):
    """Each rule asks both desks, compares, and holds the answer to the model."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.signer = digest.Signer.generate()
        self.stores: list[Store] = [
            MemoryStore(),
            RedisStore.from_url(self.url, prefix=f"test-{secrets.token_hex(4)}"),
        ]
        rules = policy.load(RULES, file="rules.yaml", chats=("slack",))
        self.desks = [Desk(store, rules, self.signer, LIMITS) for store in self.stores]
        self.cases: list[Case] = []
        self.known: dict[tuple[str, str], tuple[object, Case]] = {}
        self.run(self.stores[1].start())

    def run(self, coroutine: Coroutine[None, None, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    def both(self, *calls: Coroutine[None, None, Request]) -> list[Request] | SignoffError:
        """What both answer, or the error that both raise, with the same words."""
        answers = [self.answer(call) for call in calls]
        one, other = answers
        if isinstance(one, SignoffError) or isinstance(other, SignoffError):
            assert type(one) is type(other), answers
            assert set(one.data) == set(other.data)
            return one
        assert self.essence(one) == self.essence(other)
        return [one, other]

    def answer(self, call: Coroutine[None, None, Request]) -> Request | SignoffError:
        try:
            return self.run(call)
        except SignoffError as error:
            return error

    def essence(self, request: Request) -> dict[str, object]:
        """The record without what differs by nature: its id, the moments, and the receipt that holds both."""
        found = request.model_dump(mode="json", exclude={"id", "created_at", "expires_at", "consumed_at"})
        found["consumed"] = request.consumed_at is not None
        for dated in (*found["versions"], *found["votes"], *found["notices"]):
            del dated["at"]
        if found["outcome"]:
            del found["outcome"]["at"]
        if found["decision"]:
            del found["decision"]["decided_at"], found["decision"]["receipt"]
            for by in found["decision"]["decided_by"]:
                del by["at"]
        return found

    cases_: Bundle[Case] = Bundle("cases_")

    # ── what people and agents do ────────────────────────────────────────────────────────────────

    @rule(
        target=cases_,
        amount=AMOUNTS,
        order=ORDERS,
        allowed=st.just(["approve", "edit", "reject"]) | st.lists(st.sampled_from(KINDS), unique=True, max_size=4),
        key=NAMES,
        person=st.sampled_from([None, None, "bob@example.com"]),
        idempotency=st.sampled_from([None, None, "k1", "k2"]),
    )
    def ask(
        self, amount: int, order: str, allowed: list[Kind], key: str, person: str | None, idempotency: str | None
    ) -> Case:
        arguments: dict[str, object] = {"order": order, "amount": amount}
        body = {"tool": "refund", "arguments": arguments, "allowed_decisions": allowed, "on_behalf_of": person}
        ask = Ask.model_validate(body)

        async def opened(desk: Desk) -> Request:
            return (await desk.ask(ask, KEYS[key], idempotency)).request

        known = self.known.get((key, idempotency)) if idempotency else None
        found = self.both(*(opened(desk) for desk in self.desks))
        if known is not None and known[0] != ask:
            assert isinstance(found, IdempotencyConflict)
            return known[1]
        assert isinstance(found, list)
        if known is not None:
            assert tuple(one.id for one in found) == known[1].ids
            return known[1]
        case = Case(
            ids=(found[0].id, found[1].id),
            key=key,
            allowed=tuple(allowed),
            group=group_of(amount),
            barred=frozenset(({"bob"} if person else set()) | ({"ada"} if key == "other" else set())),
            arguments=arguments,
            narrow=is_narrow(amount),
            original=arguments,
        )
        if not allowed:
            case.status = "responded"
        elif amount > 9000:
            case.status = "rejected"
        elif amount < 10 and "approve" in allowed:
            case.status = "approved"
        case.by_rule = case.status != "pending"
        case.decision = found[0].decision and found[0].decision.kind
        self.cases.append(case)
        if idempotency:
            self.known[key, idempotency] = (ask, case)
        self.holds(case)
        return case

    @rule(
        case=cases_,
        kind=st.sampled_from(KINDS),
        off=st.sampled_from([0, 0, 0, 0, -1, 1]),
        person=WHO,
        amount=AMOUNTS,
        order=st.sampled_from([None, None, None, "A-9"]),
    )
    def decide_somehow(self, case: Case, kind: Kind, off: int, person: str, amount: int, order: str | None) -> None:
        self.decide(case, kind, off, person, amount, order)

    def open_case(self, which: int, kind: Kind | None = None) -> tuple[Case, list[str]] | None:
        """A case that somebody may decide, and those who may."""
        found = [
            (case, sorted(case.group - case.barred))
            for case in self.cases
            if case.live and case.group - case.barred and (case.allowed if kind is None else kind in case.allowed)
        ]
        return found[which % len(found)] if found else None

    @rule(which=SOME, kind=SOME, person=SOME, off=st.sampled_from([0, 0, 0, -1]), amount=AMOUNTS)
    def decide_as_one_may(self, which: int, kind: int, person: int, off: int, amount: int) -> None:
        if found := self.open_case(which):
            case, people = found
            kinds = case.allowed
            self.decide(case, kinds[kind % len(kinds)], off, people[person % len(people)], amount, None)

    @rule(which=SOME, person=SOME, amount=AMOUNTS, off=st.sampled_from([0, 0, 0, -1]))
    def edit_as_one_may(self, which: int, person: int, amount: int, off: int) -> None:
        if found := self.open_case(which, "edit"):
            case, people = found
            self.decide(case, "edit", off, people[person % len(people)], amount, None)

    @rule(which=SOME, person=SOME)
    def click_twice(self, which: int, person: int) -> None:
        """Both clicks arrive at once: one decides, the other is told so."""
        found = self.open_case(which, "approve")
        if found is None:
            return
        case, people = found
        answer = Answer(kind="approve", version=case.versions)
        actor = Actor(via="slack", principal=slack(people[person % len(people)]))

        async def clicks(desk: Desk, id_: str) -> Request:
            results = await asyncio.gather(*(desk.answer(id_, answer, actor) for _ in range(3)), return_exceptions=True)
            (done,) = [result for result in results if isinstance(result, Request)]
            assert sum(isinstance(result, AlreadyDecided) for result in results) == 2
            return done

        assert isinstance(self.both(*(clicks(desk, id_) for desk, id_ in self.each(case))), list)
        case.status, case.decision, case.rev = "approved", case.approval, case.rev + 1
        self.holds(case)

    def decide(self, case: Case, kind: Kind, off: int, person: str, amount: int, order: str | None) -> None:
        arguments = {**case.arguments, "amount": amount, **({"order": order} if order else {})}
        answer = Answer(
            kind=kind,
            version=case.versions + off,
            arguments=arguments if kind == "edit" else None,
            message="because" if kind != "approve" else None,
            response="yes" if kind == "respond" else None,
        )
        actor = Actor(via="slack", principal=slack(person))
        found = self.both(*(desk.answer(id_, answer, actor) for desk, id_ in self.each(case)))
        runs = kind in {"approve", "edit"} or (kind == "respond" and "approve" in case.allowed)
        if not case.live:
            self.expire(case)
            assert isinstance(found, AlreadyDecided)
        elif person not in case.group:
            assert isinstance(found, NotAnApprover)
        elif person in case.barred and runs:
            assert isinstance(found, SelfApproval)
        elif kind not in case.allowed:
            assert isinstance(found, NotOffered)
        elif off:
            assert isinstance(found, StaleVersion)
        elif kind == "edit":
            self.edited(case, person, arguments, found)
        else:
            assert isinstance(found, list)
            case.status = {"approve": "approved", "reject": "rejected", "respond": "responded"}[kind]
            case.decision = case.approval if kind == "approve" else kind
            case.rev += 1
        self.holds(case)

    def edited(self, case: Case, person: str, arguments: dict[str, object], found: object) -> None:
        amount = cast("int", arguments["amount"])
        if arguments == case.arguments:
            case.status, case.decision = "approved", case.approval
        elif case.narrow and arguments["order"] != case.arguments["order"]:
            assert isinstance(found, Invalid)
            return
        elif amount > 9000:
            assert isinstance(found, PolicyRefused)
            return
        else:
            case.versions += 1
            case.arguments = arguments
            if amount >= 10:  # a rule that asks nobody leaves the people as they were
                case.group, case.narrow = group_of(amount), is_narrow(amount)
            if person in case.group:
                case.status, case.decision = "approved", case.approval
        assert isinstance(found, list)
        case.rev += 1

    @rule(case=cases_, key=NAMES)
    def withdraw(self, case: Case, key: str) -> None:
        found = self.both(*(desk.withdraw(id_, KEYS[key]) for desk, id_ in self.each(case)))
        self.expire(case)
        if key != case.key:
            assert isinstance(found, NotFound)
        elif case.status != "pending":
            assert isinstance(found, AlreadyDecided)
        else:
            assert isinstance(found, list)
            case.status, case.decision, case.rev = "cancelled", "cancel", case.rev + 1
        self.holds(case)

    @rule(
        case=cases_, key=st.sampled_from(["agent", "agent", "other"]), which=st.sampled_from(["now", "first", "else"])
    )
    def consume(self, case: Case, key: str, which: str) -> None:
        arguments = {"now": case.arguments, "first": case.original, "else": {**case.arguments, "more": 1}}[which]
        found = self.both(*(desk.consume(id_, arguments, KEYS[key]) for desk, id_ in self.each(case)))
        self.expire(case)
        if key != case.key:
            assert isinstance(found, NotFound)
        elif case.status != "approved":
            assert isinstance(found, NotApproved)
        elif case.consumed:
            assert isinstance(found, AlreadyConsumed)
        elif arguments != case.arguments:
            assert isinstance(found, DigestMismatch)
        else:
            assert isinstance(found, list)
            case.consumed, case.rev = True, case.rev + 1
        self.holds(case)

    @rule(which=SOME)
    def consume_as_one_may(self, which: int) -> None:
        if approved := [case for case in self.cases if case.status == "approved"]:
            case = approved[which % len(approved)]
            self.consume(case, case.key, "now")

    @rule(case=cases_, key=NAMES, well=st.booleans())
    def report(self, case: Case, key: str, well: bool) -> None:
        outcome = Outcome(status="succeeded" if well else "failed", detail="so")
        found = self.both(*(desk.report(id_, outcome, KEYS[key]) for desk, id_ in self.each(case)))
        self.expire(case)
        if key != case.key:
            assert isinstance(found, NotFound)
        elif case.status not in {"approved", "responded"}:
            assert isinstance(found, NotApproved)
        else:
            assert isinstance(found, list)
            case.rev += case.reported is not well  # said twice is said once
            case.reported = well
        self.holds(case)

    @rule(case=cases_, place=st.sampled_from(["slack:#approvals", "slack:#board"]))
    def deliver_in_vain(self, case: Case, place: str) -> None:
        before = self.run(self.desks[0].get(case.ids[0]))
        self.run(self.desks[1].get(case.ids[1]))
        self.expire(case)
        for desk, id_ in self.each(case):
            self.run(desk.undeliverable(id_, place, "gone"))
        case.rev += place not in before.undelivered
        self.holds(case)

    @rule(case=cases_)
    def wait(self, case: Case) -> None:
        found = self.both(*(desk.wait(id_, 0 if case.live else 5) for desk, id_ in self.each(case)))
        assert isinstance(found, list)
        self.expire(case)
        self.holds(case)

    @rule(case=cases_)
    def let_time_pass(self, case: Case) -> None:
        """Its expiry is in the past now; nobody has noticed yet."""
        if not case.live:
            return
        for store, id_ in zip(self.stores, case.ids, strict=True):
            before = self.run(store.load(id_))[0]
            past = before.created_at - timedelta(seconds=1)
            after = before.model_copy(update={"expires_at": past, "rev": before.rev + 1})
            assert self.run(store.move(before, after, "test.aged", entry(type="aged", request=id_)))
        case.overdue, case.rev = True, case.rev + 1

    @rule()
    def sweep(self) -> None:
        for store, desk in zip(self.stores, self.desks, strict=True):
            for id_ in self.run(store.overdue(1000)):
                self.run(desk.tick(id_))
            assert self.run(store.overdue(1000)) == []
        for case in self.cases:
            self.expire(case)

    # ── what must hold ───────────────────────────────────────────────────────────────────────────

    def each(self, case: Case) -> list[tuple[Desk, str]]:
        return list(zip(self.desks, case.ids, strict=True))

    def expire(self, case: Case) -> None:
        """Whoever looks at an overdue request ends it."""
        if case.status == "pending" and case.overdue:
            case.status, case.decision, case.rev = "expired", "expire", case.rev + 1

    def holds(self, case: Case) -> None:
        for store, id_ in zip(self.stores, case.ids, strict=True):
            record = self.run(store.load(id_))[0]
            assert (record.status, record.version, record.rev) == (case.status, case.versions, case.rev)
            assert record.arguments == case.arguments
            assert (record.consumed_at is not None) == case.consumed
            assert [version.number for version in record.versions] == list(range(1, case.versions + 1))
            assert record.versions[0].arguments == case.original
            for version in record.versions:
                bound = digest.digest(record.tool, version.arguments, record.agent, record.on_behalf_of)
                assert version.digest == bound
            assert record.digest == record.versions[-1].digest
            decision = record.decision
            assert (decision and decision.kind) == case.decision
            assert record.open == (decision is None)
            if decision is not None:
                assert decision.digest == record.digest
                assert decision.arguments == (case.arguments if case.status == "approved" else None)
            if decision is not None and decision.receipt is not None:
                claims = digest.verify(decision.receipt, {"keys": [self.signer.jwk()]})
                assert (claims["sub"], claims["digest"], claims["kind"]) == (id_, record.digest, decision.kind)

    def teardown(self) -> None:
        self.run(self.history())
        self.run(self.stores[1].close())
        self.run(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def history(self) -> None:
        """The audit trail verifies and has one decision for each that fell; events come in order and agree with it."""
        stories: list[list[tuple[object, ...]]] = []
        for store, at in zip(self.stores, (0, 1), strict=True):
            lines = await store.audit(0, 100_000)
            assert audit.verify(lines) == []
            names = {case.ids[at]: index for index, case in enumerate(self.cases)}
            decided = dict.fromkeys(names, 0)
            for line in lines:
                body = cast("dict[str, object]", loads(line.body))
                if body["type"] == "decided" or body.get("decision"):
                    decided[str(body["request"])] += 1
            for case in self.cases:
                assert decided[case.ids[at]] == (case.status != "pending")
            events: list[Event] = []
            following = store.events("0-0")
            while len(events) < len(lines):
                events.append(await anext(following))
            for case in self.cases:
                own = [event for event in events if event.request == case.ids[at]]
                assert [event.rev for event in own] == list(range(1, case.rev + 1))
                ends = [event.status for event in own if event.status != "pending"]
                assert set(ends) <= {case.status}, "terminal is terminal"
                assert own[-1].status == case.status
                decisions = [event for event in own if event.type == "request.decided"]
                assert len(decisions) == (case.status != "pending" and not case.by_rule)
            stories.append([(event.type, names[event.request], event.status, event.rev) for event in events])
            assert await store.counts() == {
                status: sum(case.status == status for case in self.cases) for status in await store.counts()
            }
        assert stories[0] == stories[1]


@pytest.mark.timeout(120)
def test_i01_i10_i25_whatever_is_done_the_first_decision_stands_and_is_used_once(embedded_url: str) -> None:
    """Any story of asking, answering, editing, withdrawing, consuming, reporting and expiring, on both stores: terminal
    is terminal, one decision line each, one use for exactly the approved arguments, versions and digests that agree.
    """
    machine = type("DesksHere", (Desks,), {"url": embedded_url})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=80,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
