"""Rules that no call can ever reach."""

from __future__ import annotations

from signoff.policy.source import Source, shown
from signoff.policy.spec import Spec


def check_reach(spec: Spec, source: Source) -> None:
    """A rule behind one that always matches, or that matches the same calls. Only what is certain is refused: a rule
    with a budget or with hours lets calls through to the next. Raises BadPolicy."""
    ends: str | None = None
    conditions: dict[str, str] = {}
    for index, rule in enumerate(spec.rules):
        if ends is not None:
            raise source.bad(
                ("rules", index),
                f'is never reached, because the rule "{shown(ends)}" before it always matches',
                f'give "{shown(ends)}" a condition, or move this rule before it',
            )
        text = rule.when.source.strip() if rule.when else ""
        if text in conditions:
            raise source.bad(
                ("rules", index, "when"),
                f'is the condition of the rule "{shown(conditions[text])}" too, so this rule is never reached',
                "change one of the two, or remove a rule",
            )
        if not rule.certain:
            continue
        if rule.unconditional:
            ends = rule.name
        elif text:
            conditions[text] = rule.name
