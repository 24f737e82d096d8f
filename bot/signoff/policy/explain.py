"""Behind `signoff policy explain`: which rule and why, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from signoff.errors import ChannelNotAllowed
from signoff.model import Ask, Terms
from signoff.policy.amount import written
from signoff.policy.facts import Failure
from signoff.policy.plan import Plan
from signoff.policy.rules import Policy
from signoff.policy.values import lasting


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was looked at."""

    rule: str
    result: Literal["match", "no match", "failed"]
    why: str = ""
    """Why it failed, or does not match though its condition holds."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a policy does with one call."""

    rule: str
    """The rule that holds; `defaults` if none matched; "" when the call is refused."""
    terms: Terms | None
    steps: tuple[Step, ...]
    """Rules in the order of the file, up to the first match."""
    who: str
    """Who may decide, in words."""
    details: tuple[str, ...] = ()
    """What the rule says besides, a line each."""
    refused: str | None = None
    """The sentence with which the call is refused at the door, for its channel."""

    @property
    def lines(self) -> tuple[str, ...]:
        """As text, the rule's name first."""
        out = [self.rule or "refused", *([self.refused] if self.refused else []), *self.details]
        for number, step in enumerate(self.steps, 1):
            out.append(f"{number}. {step.rule}: {step.result}{', because ' + step.why if step.why else ''}")
        return tuple(out)


def explain(policy: Policy, ask: Ask, now: datetime) -> Explanation:
    """Which rule holds for this call at that moment, and what became of each rule on the way. Raises nothing."""
    considered = policy.consider(ask, ask.arguments, now)
    steps = tuple(
        Step(one.rule.name, "failed", one.result.why)
        if isinstance(one.result, Failure)
        else Step(one.rule.name, "match" if one.result else "no match", one.why)
        for one in considered
    )
    try:
        terms = policy.terms(ask, ask.arguments, now)
    except ChannelNotAllowed as error:
        return Explanation(rule="", terms=None, steps=steps, who="", refused=error.sentence)
    details = _details(policy, policy.decision(considered, now), terms, now)
    return Explanation(terms.rule, terms, steps, policy.who(terms.approvers), tuple(details))


def _details(policy: Policy, plan: Plan, terms: Terms, now: datetime) -> list[str]:
    if terms.mode == "off":
        return ["mode: off, every call is approved without looking at the rules"]
    out = _verdict(policy, terms)
    if terms.mode == "shadow":
        out.append("mode: shadow, so nobody is asked: the call is approved, and what would have happened is recorded")
    if (hours := policy.plan(terms.rule).hours) is not None:
        out.append(f"hours: {hours.words}; {'within' if hours.open(now) else 'outside of'} them now")
        if (outside := policy.plan(terms.rule).outside) is None:
            out.append("outside of its hours: the rule does not match")
        elif outside.decide == "reject":
            out.append(f"outside of its hours: rejected: {outside.message}")
        else:
            out.append(f"outside of its hours: asked, {policy.who(outside.approvers)} may decide")
    if plan.budget is not None:
        out.append(f"budget: {_budget(plan)}; used up, the rule does not match")
    return [*out, terms.note] if terms.note else out


def _verdict(policy: Policy, terms: Terms) -> list[str]:
    places = ", ".join(terms.show) or "nowhere"
    match terms.decide:
        case "approve":
            return ["decision: approved by the rule", f"told in: {places}"]
        case "reject":
            return [f"decision: rejected by the rule: {terms.message}", f"told in: {places}"]
        case "notify":
            return ["decision: none, people are only told", f"shown in: {places}"]
        case "ask":
            return [*_asked(policy, terms), *_later(policy, terms), *_extras(policy, terms)]


def _asked(policy: Policy, terms: Terms) -> list[str]:
    editable = "everything" if terms.editable is None else ", ".join(terms.editable) or "nothing"
    out = [f"decision: asked, {policy.who(terms.approvers)} may decide"]
    for number, stage in enumerate(terms.stages, 1):
        count = f"{stage.quorum} of " if stage.quorum > 1 else ""
        out.append(f"stage {number}, {stage.name}: {count}{policy.who(stage.approvers)}")
    return [
        *out,
        f"shown in: {', '.join(terms.show) or 'nowhere'}",
        f"risk: {terms.risk or 'not given'}",
        f"may be edited: {editable}",
        f"expires in: {lasting(terms.expires_in)}{', and is then rejected' if terms.on_expire == 'reject' else ''}",
    ]


def _later(policy: Policy, terms: Terms) -> list[str]:
    out: list[str] = []
    if terms.remind:
        how = "by direct message" if terms.remind_by == "direct" else "below the card"
        out.append(f"reminders: after {', '.join(map(lasting, terms.remind))}, {how}")
    for rung in terms.escalate:
        parts = [f"{policy.who(rung.to)} may decide too"] if rung.to else []
        parts += [f"shown in {', '.join(rung.show)}"] if rung.show else []
        out.append(f"escalation after {lasting(rung.after)}: {'; '.join(parts)}")
    if terms.fallback:
        out.append(f"if a place cannot be reached: {', '.join(terms.fallback)}")
    return out


def _extras(policy: Policy, terms: Terms) -> list[str]:
    out: list[str] = []
    if terms.confirm is not None:
        out.append(f"to be typed: {terms.confirm}")
    if terms.grants is not None:
        same = ", ".join(pointer or "all arguments" for pointer in terms.grants.match)
        most = f"{lasting(terms.grants.max_ttl)} and {terms.grants.max_uses} uses"
        out.append(f"grants: the same {same}, for up to {most}")
    if terms.break_glass:
        out.append(f"break glass: {policy.who(terms.break_glass)}")
    return out


def _budget(plan: Plan) -> str:
    budget = plan.budget
    if budget is None:
        return ""
    parts = [f"{budget.calls} calls"] if budget.calls else []
    if budget.sum:
        parts.append(f"{written(budget.sum.limit)} of {budget.sum.of.source}")
    apart = f", counted apart for each {' and '.join(budget.by)}" if budget.by else ""
    return f"{' and '.join(parts)} per {lasting(budget.per)}{apart}"
