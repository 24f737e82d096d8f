"""Behind `signoff policy simulate`: what a policy would have made of the calls in an audit trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast

from pydantic import ValidationError

from signoff.errors import ChannelNotAllowed
from signoff.model import MASK, Ask, Spend, Terms, freezing
from signoff.policy.facts import Facts, Failure
from signoff.policy.rules import Considered, Policy
from signoff.policy.spec import Rule

Made = Literal["asked", "approved", "rejected", "told", "shadowed", "refused", "not known"]
"""What became of a call at once. `told`: nobody was asked and nothing was offered; `shadowed`: let through by a rule in
shadow mode; `refused`: at the door."""

_NOT_KEPT = "the audit trail does not hold what it asks for"
LOOP_BREAKER = "loop breaker"
"""What the trail names as the rule that answered a call with an earlier rejection of it."""
GRANTED = "it was let through under a grant"
LOOP = "the loop breaker answered it with an earlier rejection"
FROZEN = "it waited, because it was asked under a freeze"
_THEN: Mapping[object, Made] = {"approve": "approved", "edit": "approved", "reject": "rejected", "respond": "told"}


@dataclass(frozen=True, slots=True)
class Past:
    """A line of the audit trail."""

    seq: int
    at: datetime
    entry: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One call, then and now."""

    seq: int
    at: datetime
    tool: str
    rule_then: str
    rule_now: str | None
    """None: not known."""
    then: Made
    now: Made
    why: str = ""
    """Why it is not known, or refused."""
    beside: str = ""
    """What decided it then beside the rules, so that it cannot be compared; "" for nothing."""
    request: str = ""
    agent: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    """As the trail has them, without secrets."""

    @property
    def changed(self) -> bool:
        comparable = self.now != "not known" and not self.beside
        return comparable and (self.rule_then, self.then) != (self.rule_now, self.now)


@dataclass(frozen=True, slots=True)
class Simulation:
    calls: tuple[Replayed, ...]
    then: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many calls came to what, then and now; and how many each rule takes up now."""
    now: Mapping[str, int] = field(default_factory=dict[str, int])
    rules: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def changed(self) -> int:
        return sum(call.changed for call in self.calls)

    @property
    def incomparable(self) -> int:
        """Calls that something beside the rules decided, or of which it is not known what the policy makes."""
        return sum(bool(call.beside) or call.now == "not known" for call in self.calls)


def simulate(policy: Policy, lines: Iterable[Past]) -> Simulation:
    """Every call that was asked, in the order of time, with budgets counted anew. Raises nothing.

    The trail hides secrets, and holds neither a call's metadata nor the risk that the agent itself gave where a rule
    named one; where a condition that matters asks for these, the outcome is `not known`. Grants, freezes, repeated
    rejections and channels that requests name are left out; calls that were decided by one of these are not compared.
    """
    spendings: dict[str, list[tuple[datetime, int]]] = {}
    freezes: set[object] = set()
    calls: list[Replayed] = []
    for line in sorted(lines, key=lambda line: (line.at, line.seq)):
        match line.entry.get("type"):
            case "froze":
                freezes.add(_mapping(line.entry.get("freeze")).get("id"))
            case "thawed":
                freezes.discard(_mapping(line.entry.get("freeze")).get("id"))
            case "asked":
                calls.append(_replayed(policy, line, spendings, freezes))
            case _:
                pass
    return Simulation(
        tuple(calls),
        then=Counter(call.then for call in calls),
        now=Counter(call.now for call in calls),
        rules=Counter(call.rule_now for call in calls if call.rule_now is not None),
    )


def _replayed(
    policy: Policy, line: Past, spendings: dict[str, list[tuple[datetime, int]]], freezes: Container[object]
) -> Replayed:
    entry = line.entry
    decision = _mapping(entry.get("decision"))
    then: Made = _THEN.get(decision.get("kind"), "asked")
    if entry.get("mode") == "shadow" and then == "approved":
        then = "shadowed"
    beside = _beside(entry, decision, freezes)
    tool, rule_then, agent = str(entry.get("tool")), str(entry.get("rule")), entry.get("agent")

    def came_to(rule: str | None, now: Made, why: str = "") -> Replayed:
        return Replayed(
            seq=line.seq,
            at=line.at,
            tool=tool,
            rule_then=rule_then,
            rule_now=rule,
            then=then,
            now=now,
            why=why,
            beside=beside,
            request=str(entry.get("request") or ""),
            agent=agent if isinstance(agent, str) else None,
            arguments=_mapping(entry.get("arguments")),
        )

    names = ("tool", "agent", "on_behalf_of", "run_id", "risk", "arguments", "allowed_decisions")
    given: dict[str, object] = {name: entry[name] for name in names if entry.get(name) is not None}
    if isinstance(offered := given.get("allowed_decisions"), list):
        given["allowed_decisions"] = tuple(cast("list[object]", offered))
    try:
        ask = Ask.model_validate(given)
    except ValidationError:
        return came_to(None, "not known", "the line does not hold a call")
    sight = _Sight(ask, line.at)
    spent: set[str] = set()
    while True:
        considered = policy.consider(ask, ask.arguments, line.at, spent=spent, facts_for=sight.facts)
        if (unknown := _unknown(considered)) is not None:
            return came_to(None, "not known", f'the rule "{unknown}" asks for something that the audit trail hides')
        try:
            terms = policy.terms(ask, ask.arguments, line.at, spent=spent, asked_by=str(entry.get("asked_by")))
        except ChannelNotAllowed as error:
            return came_to(None, "refused", error.sentence)
        made = _made(terms, ask)
        # What nobody let through by itself took nothing out of a budget.
        spend = terms.spend if made == "approved" and beside not in {LOOP, FROZEN} else None
        if spend is None or _take(spendings.setdefault(spend.budget, []), spend, line.at):
            return came_to(terms.rule, made)
        spent.add(terms.rule)


def _beside(entry: Mapping[str, object], decision: Mapping[str, object], freezes: Container[object]) -> str:
    """What decided a call beside the rules."""
    if decision.get("under_grant"):
        return GRANTED
    by = decision.get("decided_by")
    if isinstance(by, list | tuple) and f"rule:{LOOP_BREAKER}" in cast("list[object]", by):
        return LOOP
    agent = entry.get("agent")
    ids = freezing(str(entry.get("tool")), agent if isinstance(agent, str) else None, str(entry.get("asked_by")))
    return FROZEN if not decision and any(one in freezes for one in ids) else ""


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _made(terms: Terms, ask: Ask) -> Made:
    if not ask.allowed_decisions:
        return "told"
    if terms.mode != "enforce" and "approve" in ask.allowed_decisions:
        return "shadowed" if terms.mode == "shadow" else "approved"
    if terms.decide == "reject" and terms.mode == "enforce":
        return "rejected"
    return "approved" if terms.decide in {"approve", "notify"} and "approve" in ask.allowed_decisions else "asked"


def _take(taken: list[tuple[datetime, int]], spend: Spend, now: datetime) -> bool:
    """Take a call out of a budget, as the store does: what is older than the window counts no longer."""
    begin = now - timedelta(seconds=spend.per)
    taken[:] = [(at, amount) for at, amount in taken if at > begin]
    if spend.calls is not None and len(taken) + 1 > spend.calls:
        return False
    if spend.limit is not None and sum(amount for _, amount in taken) + spend.amount > spend.limit:
        return False
    taken.append((now, spend.amount))
    return True


def _unknown(considered: Iterable[Considered]) -> str | None:
    """The first rule of which nobody can tell whether it matched."""
    return next(
        (one.rule.name for one in considered if isinstance(one.result, Failure) and one.result.why == _NOT_KEPT), None
    )


class _Sight:
    """What a rule may see of a call whose secrets are masked."""

    def __init__(self, ask: Ask, now: datetime) -> None:
        self._masked = _masked(ask.arguments)
        unknown = {"metadata": _NOT_KEPT}
        if ask.risk is not None:  # the higher of the rule's and the agent's own
            unknown["risk"] = _NOT_KEPT
        self._open = Facts.of(ask, ask.arguments, now, unknown=unknown)
        self._shut = Facts.of(ask, ask.arguments, now, unknown=unknown | {"args": _NOT_KEPT})

    def facts(self, rule: Rule) -> Facts:
        """All of it where the rule cannot come across a masked value; else without the arguments, so that it can only
        be told where it does not get as far as them."""
        if not self._masked:
            return self._open
        sources = [
            rule.when.source if rule.when else "",
            rule.budget.sum.of.source if rule.budget and rule.budget.sum else "",
        ]
        reads = any(name in source for name in self._masked for source in sources)
        whole = any(_uses_whole(source) for source in sources)
        return self._shut if reads or whole else self._open


def _uses_whole(source: str) -> bool:
    """Whether it takes the arguments otherwise than by a member's name."""
    rest = source.split("args")[1:]
    return any(not part.startswith(".") for part in rest)


def _masked(value: object) -> set[str]:
    """The names on the way to masked values: whoever speaks of none of them comes across none."""
    if value == MASK:
        return {MASK}  # no name, but it makes the names above count
    found: set[str] = set()
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, object]", value).items():
            if below := _masked(inner):
                found |= {key, *below}
    elif isinstance(value, list | tuple):
        for inner in cast("list[object]", value):
            found |= _masked(inner)
    return found
