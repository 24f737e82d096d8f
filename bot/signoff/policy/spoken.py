"""The names that a policy's conditions spell out: what somebody may have meant who mistyped one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from signoff.policy.rules import Policy
from signoff.policy.spec import Rule, Stage

_LITERAL = re.compile(
    r"""(?P<part>\b(?:matches|startsWith|endsWith|contains)\s*\(\s*)?[rR]?(?:"([^"\\\n]*)"|'([^'\\\n]*)')"""
)
"""A text in quotes; where it is only part of a name, with the function before it."""


def spoken_of(policy: Policy) -> frozenset[str]:
    """Every whole text in quotes in a condition, such as the `issue_refund` of `tool == "issue_refund"`."""
    return frozenset(
        text
        for source in _sources(policy)
        for found in _LITERAL.finditer(source)
        if found["part"] is None and (text := found[2] or found[3])
    )


def _sources(policy: Policy) -> Iterator[str]:
    for rule in policy.spec.rules:
        parts: tuple[Rule | Stage, ...] = (rule, *(rule.stages or ()))
        for one in parts:
            if one.when is not None:
                yield one.when.source
