"""Random policies, people, votes, edits, delegations, freezes and clock jumps: what must hold, holds.

The desk is only looked at from outside: records, the audit trail, and what the test itself arranged.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from signoff import audit, digest, policy
from signoff.desk import Desk
from signoff.errors import DirectoryAway, NotAllowed, SignoffError
from signoff.model import Actor, Answer, Ask, GrantWish, Key, MessageRef, Principal, Request, loads
from signoff.ports import Caps, Limits
from signoff.store import MemoryStore

PEOPLE = ("ada", "bob", "cleo", "dan", "eve")
FIXED = {"finance": ("ada", "bob"), "managers": ("cleo", "dan")}
LIVE = "oncall"
"""A group whose members the directory tells."""
LIMITS = Limits(caps=Caps(open_requests=10**6, per_minute=10**6))
BUDGET_CALLS, BUDGET_SUM, BUDGET_PER = 3, 50, 3600
KEYS = {
    name: Key(
        id=name, role="agent", name=name, owner=owner, secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    for name, owner in (("plain", None), ("adas", "ada"))
}
AMOUNTS = (20, 25, 200, 200, 300, 5000, 5000)
STAGES = (("finance", 1), ("finance", 2), ("managers", 1), ("managers", 2), (LIVE, 1), (LIVE, 2))
EXTRA = (None, ("bob", 1), (LIVE, 1), ("managers", 1))
STEPS = 400
STORIES = 24


class Directory:
    """Knows one group and who has left; may be away."""

    def __init__(self) -> None:
        self.members_now: set[str] = {"eve"}
        self.gone: set[str] = set()
        self.away = False

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        if self.away:
            raise DirectoryAway(what="the directory is away")
        return frozenset(self.members_now)

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        if self.away:
            raise DirectoryAway(what="the directory is away")
        return "are deactivated" if who.user.removeprefix("U").lower() in self.gone else None


@dataclass
class Plan:
    """The drawn policy, as the test knows it."""

    stages: list[tuple[str, int]] = field(default_factory=list)
    extra: tuple[str, int] | None = None
    """A stage for amounts above 1000."""
    remind: list[int] = field(default_factory=list)
    escalate: list[tuple[int, str]] = field(default_factory=list)

    def ladder(self, amount: int) -> list[tuple[str, int]]:
        return [*self.stages, *([self.extra] if self.extra and amount > 1000 else [])]

    def text(self) -> str:
        stages = "".join(
            f"      - {{name: s{index}, approvers: [{group}], quorum: {quorum}}}\n"
            for index, (group, quorum) in enumerate(self.stages)
        )
        if self.extra:
            group, quorum = self.extra
            stages += f"      - {{name: extra, approvers: [{group}], quorum: {quorum}, when: args.amount > 1000}}\n"
        lines = [
            "version: 1",
            "people:",
            *(f"  {name}: {{name: {name.title()}, slack: T1/U{name.upper()}}}" for name in PEOPLE),
            "groups:",
            *(f"  {name}: {{members: [{', '.join(members)}]}}" for name, members in FIXED.items()),
            f"  {LIVE}: {{roster: all}}",
            "defaults: {show: ['slack:#a'], approvers: [finance], expires_in: 4h}",
            "rules:",
            "  - name: small",
            '    when: tool == "refund" && args.amount <= 25',
            "    decide: approve",
            f"    budget: {{calls: {BUDGET_CALLS}, sum: {{of: args.amount, limit: {BUDGET_SUM}}}, per: 1h}}",
            "  - name: refunds",
            "    stages:",
            stages.rstrip("\n"),
            "    grants: {match: [args.order], max_ttl: 2h, max_uses: 3}",
            "    break_glass: [dan]",
        ]
        if self.remind:
            lines.append(f"    remind: [{', '.join(f'{s}s' for s in self.remind)}]")
        if self.escalate:
            rungs = ", ".join(f"{{after: {after}s, to: [{to}]}}" for after, to in self.escalate)
            lines.append(f"    escalate: [{rungs}]")
        return "\n".join(lines) + "\n"


def principal(person: str) -> Principal:
    return Principal(chat="slack", tenant="T1", user=f"U{person.upper()}")


class Story:
    """One drawn policy, and what happens under it. Every choice comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
        self.store = MemoryStore(clock=lambda: self.now)
        self.directory = Directory()
        self.ids: list[str] = []
        self.decided: set[str] = set()
        self.line = 0
        self.lines: list[dict[str, Any]] = []
        self.frozen = False
        self.plan = self._drawn()
        keys = {"roster": policy.GroupKey("slack", r"\w+", "all")}
        rules = policy.load(self.plan.text(), file="drawn.yaml", chats=["slack"], groups=keys)
        self.desk = Desk(self.store, rules, digest.Signer.generate(), LIMITS)
        self.desk.people.add("slack", self.directory)

    def _drawn(self) -> Plan:
        dice = self.dice
        stages = [dice.choice(STAGES)]
        if dice.random() < 0.6:
            stages += [one for one in [dice.choice(STAGES)] if one[0] != stages[0][0]]
        names = [group for group, _ in stages]
        extra = dice.choice(EXTRA)
        if extra and (extra[0] in names or (extra[0] == "bob" and "finance" in names)):
            extra = None
        asked = {member for group in (*names, *([extra[0]] if extra else [])) for member in FIXED.get(group, (group,))}
        to = [name for name in ("dan", "eve", "ada") if name not in asked]
        rungs = list(zip(dice.choice([[], [1200], [900, 3600]]), to, strict=False))
        return Plan(stages, extra, dice.choice([[], [600], [600, 1800, 5400]]), rungs)

    async def play(self) -> None:
        for _ in range(STEPS):
            await self.dice.choices(
                [self.ask, self.vote, self.edit, self.force, self.delegate, self.change, self.pass_time, self.sweep],
                [6, 30, 3, 0.5, 2, 3, 2, 2],
            )[0]()
            await self.what_was_decided_was_allowed()
            await self.no_budget_is_exceeded_and_no_timer_fires_twice()
        assert not audit.verify(await self.store.audit(0, 10**6))
        await self.desk.people.close()

    # ── what happens ─────────────────────────────────────────────────────────────────────────────

    async def ask(self) -> None:
        arguments = {"order": self.dice.choice(["A-1", "A-2"]), "amount": self.dice.choice(AMOUNTS)}
        body = Ask.model_validate({"tool": "refund", "arguments": arguments})
        opened = await self.desk.ask(body, self.dice.choice(list(KEYS.values())))
        self.ids.append(opened.request.id)

    async def _one(self) -> Request | None:
        """One of the latest, so that several people meet at the same."""
        return await self.desk.get(self.dice.choice(self.ids[-4:])) if self.ids else None

    def _actor(self) -> Actor:
        person = self.dice.choice(PEOPLE)
        if self.dice.random() < 0.3:
            return Actor(via="api", person=person)
        return Actor(via="slack", principal=principal(person))

    async def _answer(self, request: Request, **said: Any) -> Request | SignoffError:
        answer = Answer.model_validate({"version": request.version, "message": "because", **said})
        try:
            return await self.desk.answer(request.id, answer, self._actor())
        except SignoffError as error:
            return error

    async def vote(self) -> None:
        request = await self._one()
        if request is None:
            return
        if request.version > 1 and self.dice.random() < 0.3:
            after = await self._answer(request, kind="approve", version=request.version - 1)
            assert isinstance(after, SignoffError), "a vote names the version it saw (I07)"
            return
        wish = GrantWish(ttl=3600, uses=2) if self.dice.random() < 0.2 else None
        kind = "reject" if self.dice.random() < 0.05 else "approve"
        await self._answer(request, kind=kind, grant=wish if kind == "approve" else None)

    async def edit(self) -> None:
        request = await self._one()
        if request is None:
            return
        arguments = {**request.arguments, "amount": self.dice.choice(AMOUNTS)}
        after = await self._answer(request, kind="edit", arguments=arguments)
        if isinstance(after, Request) and after.version > request.version:
            assert len(after.votes) <= 1, "earlier votes are void (I08)"

    async def force(self) -> None:
        if (request := await self._one()) is not None:
            await self._answer(request, kind=self.dice.choice(["approve", "reject"]), force=True)

    async def delegate(self) -> None:
        giver, to = self.dice.choice(PEOPLE), self.dice.choice(PEOPLE)
        standing = await self.desk.orders.delegations()
        if standing and self.dice.random() < 0.3:
            await self.desk.orders.undelegate(self.dice.choice(standing).id, by="ada", via="test")
            return
        with contextlib.suppress(NotAllowed):
            end = self.now + timedelta(hours=self.dice.randint(1, 30))
            await self.desk.orders.delegate(giver, to, end, None, via="test")

    async def change(self) -> None:
        """Somebody joins, leaves, is deactivated or comes back; the directory goes or comes; freeze or thaw."""
        what = self.dice.choices(["member", "gone", "away", "freeze"], [6, 2, 2, 1])[0]
        if what == "member":
            self.directory.members_now ^= {self.dice.choice(PEOPLE)}
        elif what == "gone":
            self.directory.gone ^= {self.dice.choice(PEOPLE)} if not self.directory.gone else {*self.directory.gone}
        elif what == "away":
            self.directory.away = not self.directory.away
        elif self.frozen:
            await self.desk.orders.thaw(None, "refund", by="ada", via="test")
        else:
            await self.desk.orders.freeze(None, "refund", None, by="ada", via="test")
        self.frozen ^= what == "freeze"
        self.desk.people.forget("slack")
        if (self.directory.away or self.frozen) and self.dice.random() < 0.7:
            await self.change()  # neither for long: nothing is decided meanwhile

    async def pass_time(self) -> None:
        self.now += timedelta(minutes=self.dice.choice([1, 9, 11, 31, 59, 61, 200]))

    async def sweep(self) -> None:
        """As the relay's sweeper does, until nothing is due."""
        while due := await self.store.overdue(100):
            fired = [await self.desk.tick(request_id) for request_id in due]
            assert True in fired

    # ── what holds ───────────────────────────────────────────────────────────────────────────────

    async def what_was_decided_was_allowed(self) -> None:
        for request_id in self.ids:
            if request_id in self.decided:
                continue
            request, _ = await self.store.load(request_id)
            if request.decision is None:
                continue
            self.decided.add(request_id)
            self._judge(request)

    def _judge(self, request: Request) -> None:
        made = request.decision
        assert made is not None
        if made.kind in {"expire", "cancel"}:
            assert made.kind == "cancel" or made.decided_at >= request.expires_at
            return
        people = [by for by in made.decided_by if by.person is not None]
        if not people:
            assert made.kind == "reject" or made.grant or request.terms.rule == "small"
            return
        assert not self.frozen, "nothing is decided under freeze"
        voices = [name for by in people for name in (by.person, by.acting_for) if name]
        assert len(voices) == len(set(voices)), "one human counts once (I17)"
        for by in people:
            assert by.person is not None
            if made.kind != "reject":
                assert not self.directory.away, "doubt means no"
                assert by.person not in self.directory.gone, "the deactivated cannot decide (I18)"
                assert not (request.owner == by.person and made.kind != "reject"), "not one's own (I17)"
        if made.forced:
            assert [by.person for by in people] == ["dan"]
            return
        if made.kind == "reject":
            return
        amount = int(str(request.arguments["amount"]))
        by_stage = Counter(vote.stage for vote in request.votes)
        ladder = self.plan.ladder(amount) if request.terms.rule == "refunds" else None
        if ladder is not None:
            assert [(one.approvers[0], one.quorum) for one in request.terms.ladder][: len(ladder)] == [
                (group, quorum) for group, quorum in ladder
            ] or len(ladder) == 1
            for index, (group, quorum) in enumerate(ladder):
                assert by_stage[index] >= quorum, "no quorum short"
                allowed = self._members(group) | {to for rung, to in self.plan.escalate[: request.escalated]}
                for vote in (vote for vote in request.votes if vote.stage == index):
                    assert (vote.acting_for or vote.person) in allowed, "who decided, might (I19)"

    def _members(self, group: str) -> set[str]:
        if group == LIVE:
            return set(self.directory.members_now)
        return set(FIXED.get(group, (group,)))

    async def no_budget_is_exceeded_and_no_timer_fires_twice(self) -> None:
        more = await self.store.audit(self.line, 1000)
        for line in more:
            body: Any = loads(line.body)
            self.lines.append({**body, "ms": line.at})
        self.line += len(more)
        spent = [
            (one["ms"], one["arguments"]["amount"])
            for one in self.lines
            if one["type"] == "asked" and one["rule"] == "small" and one.get("decision")
        ]
        for at, _ in spent:
            window = [amount for ms, amount in spent if at - BUDGET_PER * 1000 < ms <= at]
            assert len(window) <= BUDGET_CALLS
            assert sum(window) <= BUDGET_SUM
        for what, most in (("reminded", len(self.plan.remind)), ("escalated", len(self.plan.escalate))):
            fired = Counter((one["request"], one["version"]) for one in self.lines if one["type"] == what)
            assert all(count <= most for count in fired.values()), f"{what} too often"


@pytest.mark.parametrize("seed", range(STORIES))
async def test_i17_i18_i19_random_stories_leave_no_rule_broken(seed: int) -> None:
    """Nobody decides who may not, no quorum is short, no budget is exceeded, no timer fires twice, whatever happens."""
    await Story(seed).play()
