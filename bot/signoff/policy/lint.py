"""Behind `signoff policy check`: what looks wrong in a file that can be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from signoff.policy.plan import Plan
from signoff.policy.rules import Policy
from signoff.policy.source import shown
from signoff.policy.spec import DEFAULTS, Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a valid policy that is probably not meant."""

    level: Literal["warning", "note"]
    line: int
    subject: str
    """`the rule "refunds"`, `the group "finance"`, `the person "ada"`, `the defaults`, `the file`."""
    fault: str
    """What follows the subject in the sentence."""

    @property
    def sentence(self) -> str:
        """Whole, with the line."""
        return f"Line {self.line}: {self.subject} {self.fault}."


def lint(policy: Policy) -> list[Finding]:
    """What looks wrong, in the order of the file. An empty list means that nothing does."""
    out = [*_mode(policy), *_defaults(policy), *_people(policy)]
    for rule, plan in zip(policy.spec.rules, policy.plans, strict=True):
        out += _one_rule(policy, rule, plan)
    return sorted(out, key=lambda finding: finding.line)


def _mode(policy: Policy) -> list[Finding]:
    said = {"shadow": "approves every call and only records what would have happened", "off": "approves every call"}
    if policy.mode not in said:
        return []
    fault = f"says `mode: {policy.mode}`: it {said[policy.mode]}"
    return [Finding("warning", policy.lines.get("mode", 1), "the file", fault)]


def _one_rule(policy: Policy, rule: Rule, plan: Plan) -> list[Finding]:
    def about(fault: str, level: Literal["warning", "note"] = "warning") -> Finding:
        return Finding(level, policy.lines.get(f"rule:{rule.name}", 1), f'the rule "{shown(rule.name)}"', fault)

    out: list[Finding] = []
    if rule.when is not None and rule.when.constant is False:
        out.append(about("never matches, because its condition is always false"))
    if rule.mode == "shadow":
        out.append(about("is in shadow mode: what it matches is approved, and only recorded"))
    if rule.mode == "off":
        out.append(about("is off: it is not looked at"))
    if rule.decide == "approve":
        if rule.unconditional:
            out.append(about("approves every call; give it a condition"))
        elif rule.when is not None and "args" not in rule.when.names:
            out.append(about("approves whatever the arguments are; ask about `args` in its condition"))
        elif rule.budget is None:
            out.append(about("approves without a budget; `budget` would limit how often", "note"))
    asks = rule.decide is None or (plan.outside is not None and plan.outside.decide == "ask")
    if rule.decide in {"approve", "reject"} and rule.named:
        out.append(about(f"names approvers, but `decide: {rule.decide}` asks nobody"))
    if not asks and rule.grants is not None:
        out.append(about(f"offers grants, but `decide: {rule.decide}` asks nobody"))
    if rule.decide is None:
        if _nobody(policy, plan.approvers):
            out.append(about("asks, but nobody may approve; name approvers with at least one person"))
        if not plan.show:
            out.append(about("asks, but is shown nowhere unless the request names a place"))
    if rule.hours is not None and _idle(policy, plan):
        out.append(about("asks nobody outside of its hours; name approvers with at least one person"))
    return out


def _defaults(policy: Policy) -> list[Finding]:
    """The defaults ask, unless a rule always matches."""
    out: list[str] = []
    if _idle(policy, policy.default):
        out.append("ask nobody outside of their hours; name approvers with at least one person")
    always = any(rule.unconditional and rule.certain for rule in policy.spec.rules)
    if not always and _nobody(policy, policy.default.approvers):
        out.append("ask when no rule matches, but nobody may approve; name approvers")
    return [Finding("warning", policy.lines.get(DEFAULTS, 1), "the defaults", fault) for fault in out]


def _people(policy: Policy) -> list[Finding]:
    out: list[Finding] = []
    spec = policy.spec
    used = {*spec.asked, *(spec.operators or ()), *spec.defaults.break_glass}
    for rule in spec.rules:
        used |= set(rule.break_glass or ())
    for place in policy.named_places():
        used.add(place.rpartition("@")[2])
    for name, person in spec.people.items():
        if not any(person.identities.values()):
            line = policy.lines.get(f"person:{name}", 1)
            fault = "has no identity in any chat, so they can decide with an approver key only"
            out.append(Finding("note", line, f'the person "{name}"', fault))
    for name, group in spec.groups.items():
        line = policy.lines.get(f"group:{name}", 1)
        if not group.members and not group.live:
            out.append(Finding("warning", line, f'the group "{name}"', "has no members"))
        if name not in used:
            out.append(Finding("note", line, f'the group "{name}"', "is used by no rule"))
    return out


def _idle(policy: Policy, plan: Plan) -> bool:
    outside = plan.outside
    return outside is not None and outside.decide == "ask" and _nobody(policy, outside.approvers)


def _nobody(policy: Policy, approvers: Iterable[str]) -> bool:
    names = tuple(approvers)
    return not policy.members(names) and not policy.live(names)
