"""What a rule says about a call, with what it leaves to the defaults: worked out once, when the file is read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeVar

from signoff.model import Mode, Risk, dumps, shorten, visible
from signoff.policy.clauses import Budget, Grants, Hours, LoopBreaker, Reason, Remind, Rung
from signoff.policy.spec import DEFAULTS, Defaults, Rule, Stage
from signoff.policy.template import Template

T = TypeVar("T")
Decide = Literal["ask", "approve", "reject", "notify"]

RISKS: tuple[Risk, ...] = ("low", "medium", "high", "critical")
"""In rising order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One rule, or the defaults."""

    name: str
    decide: Decide
    mode: Mode
    risk: Risk | None
    message: str | None
    own_show: tuple[str, ...]
    """What the rule itself lists."""
    show: tuple[str, ...]
    any_channel: bool
    approvers: tuple[str, ...]
    """Everybody whom it ever asks, without the ladder."""
    stages: tuple[Stage, ...]
    """Empty: `approvers`, any one of whom decides."""
    self_approval: bool
    editable: tuple[str, ...] | None
    secret: tuple[str, ...]
    expires_in: int
    confirm: Template | None
    reasons: tuple[Reason, ...]
    remind: Remind
    escalate: tuple[Rung, ...]
    on_expire: Literal["expire", "reject"]
    fallback: tuple[str, ...]
    hours: Hours | None
    grants: Grants | None
    break_glass: tuple[str, ...]
    loop: LoopBreaker
    budget: Budget | None
    fingerprint: str
    outside: Plan | None = None
    """What holds instead outside of its hours."""

    def at(self, now: datetime) -> Plan | None:
        """What holds at a moment; None: it does not match then."""
        return self if self.hours is None or self.hours.open(now) else self.outside

    @property
    def votes(self) -> int:
        """How many have to agree if every stage is asked."""
        return sum(stage.quorum for stage in self.stages) or 1


def planned(rule: Rule | None, defaults: Defaults, mode: Mode, secret: tuple[str, ...]) -> Plan:
    """`rule`: None for the defaults themselves. `secret`: what is masked whatever rule holds."""
    name = rule.name if rule else DEFAULTS
    rule = rule or Rule(name=name)
    decide: Decide = rule.decide or "ask"
    hours = rule.hours
    if hours is None and decide == "ask" and "hours" not in rule.off:
        hours = defaults.hours
    show = _or(rule.show, defaults.show)
    message = rule.message
    if decide == "reject" and message is None:
        message = f'The rule "{shown(name)}" does not allow this call.'
    plan = Plan(
        name=name,
        decide=decide,
        mode=rule.mode or mode,
        risk=rule.risk,
        message=message,
        own_show=rule.show or (),
        show=show,
        any_channel=_or(rule.any_channel, defaults.any_channel),
        approvers=_or(rule.named, defaults.approvers),
        stages=rule.stages or (),
        self_approval=_or(rule.self_approval, defaults.self_approval),
        editable=_or(rule.editable, defaults.editable),
        secret=tuple(dict.fromkeys((*secret, *rule.secret))),
        expires_in=_or(rule.expires_in, defaults.expires_in),
        confirm=None if "confirm" in rule.off else _or(rule.confirm, defaults.confirm),
        reasons=_or(rule.reasons, defaults.reasons),
        remind=_or(rule.remind, defaults.remind),
        escalate=_or(rule.escalate, defaults.escalate),
        on_expire=_or(rule.on_expire, defaults.on_expire),
        fallback=tuple(place for place in _or(rule.fallback, defaults.fallback) if place not in show),
        hours=hours,
        grants=None if "grants" in rule.off else _or(rule.grants, defaults.grants),
        break_glass=_or(rule.break_glass, defaults.break_glass),
        loop=_or(rule.loop_breaker, defaults.loop_breaker),
        budget=rule.budget,
        fingerprint=_fingerprint(rule, defaults),
    )
    return replace(plan, outside=_outside(plan, hours)) if hours and hours.outside else plan


def _outside(plan: Plan, hours: Hours) -> Plan | None:
    outside = hours.outside
    if outside is None:
        return None
    rest = replace(plan, hours=None, budget=None, stages=())
    if outside.decide == "reject":
        said = outside.message or f'The rule "{shown(plan.name)}" allows this call at {hours.words} only.'
        return replace(rest, decide="reject", message=said)
    return replace(rest, decide="ask", message=None, approvers=outside.approvers or ())


def _fingerprint(rule: Rule, defaults: Defaults) -> str:
    """Changes with anything that the rule or the defaults say; the order of keys and the layout are no matter."""
    said = [one.model_dump(mode="json", exclude_defaults=True) for one in (rule, defaults)]
    return hashlib.sha256(dumps(said).encode()).hexdigest()


def rank(risk: Risk | None) -> int:
    return -1 if risk is None else RISKS.index(risk)


def shown(text: str) -> str:
    """A name as a sentence quotes it."""
    return shorten(visible(text), 200)[0]


def _or(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value
