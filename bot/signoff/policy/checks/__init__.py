"""What must fit together across a policy file, and no single value shows (I28)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from signoff.policy.checks.people import check_groups, check_people
from signoff.policy.checks.reach import check_reach
from signoff.policy.checks.rules import Checker
from signoff.policy.roll import GroupKey
from signoff.policy.source import Source
from signoff.policy.spec import Spec


def check(spec: Spec, source: Source, *, chats: Sequence[str], groups: Mapping[str, GroupKey]) -> None:
    """Raises BadPolicy."""
    check_people(spec, source)
    check_groups(spec, source, groups)
    checker = Checker(spec, source, chats)
    checker.defaults()
    checker.rules()
    check_reach(spec, source)
