"""Rules under attack on both stores: two replicas, everybody at the same moment."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from signoff import audit, digest, policy
from signoff.desk import Desk
from signoff.errors import NotAllowed, SignoffError
from signoff.model import Actor, Answer, Ask, Delegation, Key, Principal, Request, loads
from signoff.ports import Caps, Limits, Store

RULES = """
version: 1
people:
  ada: {slack: T1/UADA, teams: tenant/ada}
  bob: {slack: T1/UBOB, teams: tenant/bob}
  cleo: {slack: T1/UCLEO}
  dan: {slack: T1/UDAN}
groups:
  finance: {members: [ada, bob]}
  managers: {members: [bob, cleo, dan]}
defaults: {approvers: [finance], show: ['slack:#a']}
rules:
  - name: small
    when: args.amount <= 50
    decide: approve
    budget: {calls: 3, sum: {of: args.amount, limit: 100}, per: 1h}
  - name: stages
    when: args.amount <= 1000
    expires_in: 2s
    remind: [1s]
    escalate: [{after: 1s, to: [managers]}]
    break_glass: [dan]
    stages: [{approvers: [finance]}, {approvers: [managers], quorum: 2}]
  - {name: huge, approvers: [managers], expires_in: 1s, on_expire: reject}
"""
LIMITS = Limits(caps=Caps(open_requests=10**6, per_minute=10**6))
AGENT = Key(id="agent", role="agent", name="a", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))
SPOKEN = frozenset({"voted", "revised", "consumed", "decided"})
ACTS = {
    "approve": 8.0,
    "edit": 2,
    "reject": 0.2,
    "force": 0.2,
    "tick": 6,
    "extend": 1,
    "freeze": 1,
    "thaw": 3,
    "consume": 2,
    "withdraw": 0.1,
    "ask": 2,
}
"""What somebody may do, and how often."""


@dataclass(frozen=True)
class Told:
    """A line of the audit trail."""

    at: datetime
    body: dict[str, Any]


@dataclass
class Town:
    """Two desks on one store, and the dice."""

    desks: Sequence[Desk]
    store: Store
    rng: random.Random

    async def act(self, request_id: str) -> None:
        """Somebody does something now; refusals are part of the game."""
        desk, name = self.rng.choice(self.desks), self.rng.choices(list(ACTS), list(ACTS.values()))[0]
        with contextlib.suppress(SignoffError):
            await self._act(name, desk, request_id, who(self.rng))

    async def _act(self, name: str, desk: Desk, request_id: str, actor: Actor) -> None:
        amount, replay = self.rng.choice([10, 40, 60, 500, 2000]), str(self.rng.randrange(8))
        stale = self.rng.random() < 0.2
        request = await desk.get(request_id)
        version = request.version - stale
        match name:
            case "approve" | "reject":
                await desk.answer(request_id, Answer(kind=name, version=version), actor)
            case "edit":
                await desk.answer(request_id, Answer(kind="edit", version=version, arguments={"amount": amount}), actor)
            case "force":
                await desk.answer(request_id, Answer(kind="approve", version=version, force=True, message="now"), actor)
            case "tick":
                await desk.tick(request_id)
            case "extend":
                await desk.extend(request_id, 1, actor)
            case "freeze":
                await desk.orders.freeze(None, None, None, by="dan", via="cli")
            case "thaw":
                await desk.orders.thaw(None, None, by="dan", via="cli")
            case "consume":
                await desk.consume(request_id, request.arguments, AGENT)
            case "withdraw":
                await desk.withdraw(request_id, AGENT)
            case _:
                await desk.ask(Ask(tool="refund", arguments={"amount": amount % 50}), AGENT, replay)

    async def told(self) -> list[Told]:
        found = await self.store.audit(0, 10**6)
        assert not audit.verify(found)
        moment = [datetime.fromtimestamp(line.at / 1000, UTC) for line in found]
        return [Told(at, cast("dict[str, Any]", loads(line.body))) for at, line in zip(moment, found, strict=True)]


def who(rng: random.Random) -> Actor:
    person, chat = rng.choice(["ada", "bob", "cleo", "dan"]), rng.choice(["slack", "teams", "api"])
    if chat == "api":
        return Actor(via="api", person=person)
    tenant, user = ("T1", f"U{person.upper()}") if chat == "slack" else ("tenant", person)
    return Actor(via=chat, principal=Principal(chat=chat, tenant=tenant, user=user))


@pytest.fixture
async def desks(another: Callable[[], Awaitable[Store]]) -> Sequence[Desk]:
    signer = digest.Signer.generate()
    rules = policy.load(RULES, file="rules.yaml", chats=("slack", "teams"))
    return [Desk(await another(), rules, signer, LIMITS) for _ in range(2)]


@pytest.mark.parametrize("seed", range(3))
async def test_i01_i06_i17_whatever_people_do_at_once_every_promise_holds(
    desks: Sequence[Desk], another: Callable[[], Awaitable[Store]], seed: int
) -> None:
    """Votes, edits, freezes, timers, ends and uses on two replicas: one decision, no quorum short, nothing under
    freeze, nothing after the end, no timer twice, no budget exceeded, a whole audit trail.
    """
    town = Town(desks, await another(), random.Random(seed))
    asks = [Ask(tool="refund", arguments={"amount": amount}) for amount in (500, 500, 500, 2000)]
    requests = [(await desk.ask(town.rng.choice(asks), AGENT)).request for desk in desks for _ in range(20)]
    # Some are looked at from the beginning, others when their timers are due or shortly before they end.
    waits = {one.id: timedelta(seconds=town.rng.choice([0, 0.95, 1.9])) for one in requests}
    end = requests[-1].created_at + timedelta(seconds=2.3)
    while (now := await town.store.now()) < end:
        ripe = [one for one in requests if now >= one.created_at + waits[one.id]]
        busy = town.rng.sample(ripe, min(len(ripe), 8))
        await asyncio.gather(*(town.act(one.id) for one in busy for _ in range(2)))
    told = await town.told()
    _check_orders(told)
    for one in requests:
        request, _ = await town.store.load(one.id)
        _check_record(request, [line for line in told if line.body.get("request") == one.id])
        _check_people(desks[0].policy, request)


def _check_orders(told: Sequence[Told]) -> None:
    """No person decides and nothing starts between a freeze and its end; the budget of 3 calls and 100 holds."""
    frozen, spent = False, list[int]()
    for line in told:
        kind = line.body["type"]
        if kind in {"froze", "thawed"}:
            assert frozen == (kind == "thawed")
            frozen = kind == "froze"
        elif kind in SPOKEN:
            deciders = line.body.get("decided_by", ())
            ended = kind == "decided" and all(name.startswith("rule:") for name in deciders)
            assert ended or not frozen
        elif kind == "asked" and line.body.get("decision"):
            assert not frozen
            spent.append(line.body["arguments"]["amount"])
    assert len(spent) <= 3
    assert sum(spent) <= 100


def _check_record(request: Request, told: Sequence[Told]) -> None:
    """One end, one use, each timer once, and no person's end after the deadline."""
    ends = [line for line in told if line.body["type"] == "decided"]
    assert len(ends) == (not request.open)
    assert sum(line.body["type"] == "consumed" for line in told) == (request.consumed_at is not None)
    timers = Counter(
        (line.body["type"], line.body["version"]) for line in told if line.body["type"] in {"reminded", "escalated"}
    )
    assert set(timers.values()) <= {1}
    if request.decision is not None and any(by.person for by in request.decision.decided_by):
        assert ends[0].at < request.expires_at


def _check_people(rules: policy.Policy, request: Request) -> None:
    """Enough different people of every stage agreed to the version that runs."""
    decision = request.decision
    if decision is None or decision.kind not in {"approve", "edit"} or decision.forced:
        return
    deciders = [by.person for by in decision.decided_by]
    assert len(set(deciders)) == len(deciders) == sum(stage.quorum for stage in request.terms.ladder)
    assert all(vote.at >= request.versions[-1].at for vote in request.votes)
    assert decision.digest == digest.digest("refund", request.arguments, None, None)
    for index, stage in enumerate(request.terms.ladder):
        members = rules.members((*stage.approvers, *(["managers"] if request.escalated else [])))
        assert sum(vote.stage == index and vote.person in members for vote in request.votes) == stage.quorum


async def test_two_delegations_that_close_a_circle_at_the_same_moment_do_not_both_stand(desks: Sequence[Desk]) -> None:
    """Each replica finds nothing in the way before it writes; what then makes a circle is taken back and said so."""
    end = datetime.now(UTC) + timedelta(days=1)
    done = await asyncio.gather(
        desks[0].orders.delegate("ada", "bob", end, None, via="slack"),
        desks[1].orders.delegate("bob", "ada", end, None, via="slack"),
        return_exceptions=True,
    )
    stand = await desks[0].orders.delegations()
    assert len(stand) < 2
    given = [one.id for one in done if isinstance(one, Delegation)]
    assert given == [one.id for one in stand]
    assert sum(isinstance(one, NotAllowed) for one in done) == 2 - len(stand)
