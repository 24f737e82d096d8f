"""Behind `signoff policy check`: what looks wrong in a file that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from signoff.policy.checks.staff import stuck
from signoff.policy.facts import NAMES
from signoff.policy.plan import Plan
from signoff.policy.roll import either
from signoff.policy.rules import Policy
from signoff.policy.source import shown
from signoff.policy.spec import DEFAULTS, Rule
from signoff.policy.template import Template

_SHOWN_RULES = 3
"""How many rules one finding names."""
_ASKING = ("confirm", "reasons", "remind", "escalate", "on_expire", "fallback", "grants", "break_glass")
"""What a rule says besides about how people are asked."""
_BARE = re.compile(rf"\$\(?((?:{'|'.join(NAMES)})\b(?:\.\w+)*)\)?|\{{?\b(args\.\w+(?:\.\w+)*)\}}?")


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
    line = policy.lines.get("mode")
    if policy.mode not in said or line is None:  # or the server is set to it: that is not the file's matter
        return []
    return [Finding("warning", line, "the file", f"says `mode: {policy.mode}`: it {said[policy.mode]}")]


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
    if idle := _unread(rule, asks=asks):
        which = ", ".join(f"`{key}`" for key in idle)
        fault = f"has {which}, but `decide: {rule.decide}` asks nobody; remove {'it' if len(idle) == 1 else 'them'}"
        out.append(about(fault))
    if rule.decide is None:
        if _nobody(policy, plan.approvers):
            out.append(about("asks, but nobody may approve; name approvers with at least one person"))
        if not plan.show and rule.show is not None:
            out.append(about("asks, but is shown nowhere unless the request names a place"))
        if held := _stuck(policy, plan):
            out.append(about(held))
    if rule.confirm is not None and (slip := _unfilled(rule.confirm)):
        out.append(about(slip))
    if rule.hours is not None and _idle(policy, plan):
        out.append(about("asks nobody outside of its hours; name approvers with at least one person"))
    return out


def _unread(rule: Rule, *, asks: bool) -> list[str]:
    """Keys that say how people are asked, in a rule that asks nobody."""
    if rule.decide is None:
        return []
    found = ["stages" if rule.stages else "approvers"] if rule.named and rule.decide != "notify" else []
    if asks:  # outside of its hours
        return found
    given: dict[str, object] = {key: getattr(rule, key) for key in _ASKING}
    given["remind"] = rule.remind and rule.remind.moments
    return [*found, *(key for key, value in given.items() if value not in (None, ()))]


def _stuck(policy: Policy, plan: Plan) -> str | None:
    ladder = [name for rung in plan.escalate for name in rung.to]
    if (found := stuck(policy.spec, plan.stages, ladder)) is None:
        return None
    stage = plan.stages[found.stage]
    spoken = " and ".join(
        f'{either(sorted(shown(one) for one in people))} has approved in "{shown(plan.stages[before].called)}"'
        for before, people in found.earlier
    )
    return (
        f'may get stuck: the stage "{shown(stage.called)}" needs {stage.quorum} of '
        f"{', '.join(sorted(shown(one) for one in found.staff))}, but nobody counts twice on a request, and once "
        f"{spoken}, only {found.left} {'is' if found.left == 1 else 'are'} left; "
        "name more approvers there, or keep them out of one of the stages"
    )


def _unfilled(template: Template) -> str | None:
    """Text that looks like an expression without its `${…}`."""
    for part in template.parts:
        if isinstance(part, str) and (found := _BARE.search(part)):
            meant = f"${{{found[1] or found[2]}}}"
            return f"wants `{shown(found[0])}` typed letter by letter; `{shown(meant)}` was probably meant"
    return None


def _defaults(policy: Policy) -> list[Finding]:
    """The defaults ask, unless a rule always matches."""
    out: list[str] = []
    if _idle(policy, policy.default):
        out.append("ask nobody outside of their hours; name approvers with at least one person")
    always = any(rule.unconditional and rule.certain for rule in policy.spec.rules)
    if not always and _nobody(policy, policy.default.approvers):
        out.append("ask when no rule matches, but nobody may approve; name approvers")
    rules = [rule for rule in policy.spec.rules if rule.decide is None and rule.show is None]
    if rules and not policy.default.show:
        named = ", ".join(f'"{shown(rule.name)}"' for rule in rules[:_SHOWN_RULES])
        named += f" and {len(rules) - _SHOWN_RULES} more" if len(rules) > _SHOWN_RULES else ""
        out.append(f"have no `show`, nor has {named}: such a request is shown nowhere unless it names a place")
    if policy.spec.defaults.confirm is not None and (fault := _unfilled(policy.spec.defaults.confirm)):
        out.append(fault)
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
