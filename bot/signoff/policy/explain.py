"""Behind `signoff policy explain` and `signoff policy check`: which rule and why, and what looks wrong in a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from signoff.errors import ChannelNotAllowed
from signoff.model import Ask, Terms
from signoff.policy.condition import Failure
from signoff.policy.rules import Policy
from signoff.policy.source import shown
from signoff.policy.spec import DEFAULTS, Rule


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was looked at."""

    rule: str
    result: Literal["match", "no match", "failed"]
    why: str = ""
    """Why it failed."""


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
    refused: str | None = None
    """The sentence with which the call is refused at the door, for its channel."""

    @property
    def lines(self) -> tuple[str, ...]:
        """As text, the rule's name first."""
        out = [self.rule or "refused"]
        if self.refused:
            out.append(self.refused)
        if self.terms is not None:
            out += _verdict(self.terms, self.who)
        for number, step in enumerate(self.steps, 1):
            out.append(f"{number}. {step.rule}: {step.result}{', because ' + step.why if step.why else ''}")
        return tuple(out)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a valid policy that is probably not meant."""

    level: Literal["warning", "note"]
    line: int
    subject: str
    """`the rule "refunds"`, `the group "finance"`, `the person "ada"`, `the defaults`."""
    fault: str
    """What follows the subject in the sentence."""

    @property
    def sentence(self) -> str:
        """Whole, with the line."""
        return f"Line {self.line}: {self.subject} {self.fault}."


def explain(policy: Policy, ask: Ask, now: datetime) -> Explanation:
    """Which rule holds for this call, and what became of each rule on the way. Raises nothing."""
    steps = tuple(
        Step(one.rule.name, "failed", one.result.why)
        if isinstance(one.result, Failure)
        else Step(one.rule.name, "match" if one.result else "no match")
        for one in policy.consider(ask, ask.arguments, now)
    )
    try:
        terms = policy.terms(ask, ask.arguments, now)
    except ChannelNotAllowed as error:
        return Explanation(rule="", terms=None, steps=steps, who="", refused=error.sentence)
    return Explanation(rule=terms.rule, terms=terms, steps=steps, who=policy.who(terms.approvers))


def lint(policy: Policy) -> list[Finding]:
    """What looks wrong, in the order of the file. An empty list means that nothing does."""
    return sorted([*_rules(policy), *_defaults(policy), *_people(policy)], key=lambda finding: finding.line)


def _verdict(terms: Terms, who: str) -> list[str]:
    places = ", ".join(terms.show) or "nowhere"
    match terms.decide:
        case "approve":
            out = ["decision: approved by the rule", f"told in: {places}"]
        case "reject":
            out = [f"decision: rejected by the rule: {terms.message}", f"told in: {places}"]
        case "notify":
            out = ["decision: none, people are only told", f"shown in: {places}"]
        case "ask":
            editable = "everything" if terms.editable is None else ", ".join(terms.editable) or "nothing"
            out = [
                f"decision: asked, {who} may decide",
                f"shown in: {places}",
                f"risk: {terms.risk or 'not given'}",
                f"may be edited: {editable}",
                f"expires in: {terms.expires_in} s",
            ]
    return [*out, terms.note] if terms.note else out


def _rules(policy: Policy) -> list[Finding]:
    out: list[Finding] = []
    ends: str | None = None
    conditions: dict[str, str] = {}
    for rule in policy.spec.rules:
        if ends is not None:
            out.append(
                _about(policy, rule, f'is never reached, because the rule "{shown(ends)}" before it always matches')
            )
        elif rule.when is not None and rule.when.constant is False:
            out.append(_about(policy, rule, "never matches, because its condition is always false"))
        elif rule.when is not None and (same := conditions.get(rule.when.source)):
            out.append(
                _about(policy, rule, f'is never reached, because the rule "{shown(same)}" has the same condition')
            )
        if rule.when is not None:
            conditions.setdefault(rule.when.source, rule.name)
        if rule.unconditional and ends is None:
            ends = rule.name
        out += _one_rule(policy, rule)
    return out


def _one_rule(policy: Policy, rule: Rule) -> list[Finding]:
    out: list[Finding] = []
    defaults = policy.spec.defaults
    if rule.decide == "approve":
        if rule.unconditional:
            out.append(_about(policy, rule, "approves every call; give it a condition"))
        elif rule.when is not None and "args" not in rule.when.names:
            out.append(_about(policy, rule, "approves whatever the arguments are; ask about `args` in its condition"))
    if rule.decide in {"approve", "reject"} and rule.named:
        out.append(_about(policy, rule, f"names approvers, but `decide: {rule.decide}` asks nobody"))
    if rule.decide is None:
        if not policy.members(defaults.approvers if rule.named is None else rule.named):
            out.append(_about(policy, rule, "asks, but nobody may approve; name approvers with at least one person"))
        if not (defaults.show if rule.show is None else rule.show):
            out.append(_about(policy, rule, "asks, but is shown nowhere unless the request names a place"))
    return out


def _defaults(policy: Policy) -> list[Finding]:
    """The defaults ask, unless a rule always matches."""
    if any(rule.unconditional for rule in policy.spec.rules) or policy.members(policy.spec.defaults.approvers):
        return []
    fault = "ask when no rule matches, but nobody may approve; name approvers"
    return [Finding("warning", policy.lines.get(DEFAULTS, 1), "the defaults", fault)]


def _people(policy: Policy) -> list[Finding]:
    out: list[Finding] = []
    spec = policy.spec
    used = {*spec.defaults.approvers, *(name for rule in spec.rules for name in rule.named or ())}
    for name, person in spec.people.items():
        if not any(person.identities.values()):
            line = policy.lines.get(f"person:{name}", 1)
            fault = "has no identity in any chat, so they can decide with an approver key only"
            out.append(Finding("note", line, f'the person "{name}"', fault))
    for name, group in spec.groups.items():
        line = policy.lines.get(f"group:{name}", 1)
        if not group.members:
            out.append(Finding("warning", line, f'the group "{name}"', "has no members"))
        if name not in used:
            out.append(Finding("note", line, f'the group "{name}"', "is used by no rule"))
    return out


def _about(policy: Policy, rule: Rule, fault: str) -> Finding:
    return Finding("warning", policy.lines.get(f"rule:{rule.name}", 1), f'the rule "{shown(rule.name)}"', fault)
