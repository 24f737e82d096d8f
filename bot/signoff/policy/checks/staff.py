"""Whether there are enough people: one human counts once on a request, through all of its stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from signoff.policy.spec import Spec, Stage

MAX_STAGES = 8
"""Of one rule. All their combinations are looked at, and a card has to show them."""


def people(spec: Spec, names: Iterable[str]) -> frozenset[str] | None:
    """The humans behind names; None when somebody is looked up only later, so that nobody can tell."""
    found: set[str] = set()
    for name in names:
        group = spec.groups.get(name)
        if group is None:
            found.add(name)
        elif group.live:
            return None
        else:
            found.update(group.members)
    return frozenset(found)


def short_of(spec: Spec, stages: Sequence[Stage]) -> tuple[tuple[int, ...], int, int] | None:
    """The first stages (by index) that together need more people than they have, with both numbers; None: enough.

    By Hall's condition every set of stages needs as many distinct people as its quorums add up to. Stages with
    different conditions may exclude each other, so only sets are looked at that certainly come together.
    """
    staff = [people(spec, stage.approvers) for stage in stages]
    for size in range(1, len(stages) + 1):
        for chosen in combinations(range(len(stages)), size):
            if len({stages[one].when.source for one in chosen if stages[one].when}) > 1:  # type: ignore[union-attr]
                continue
            sets = [staff[one] for one in chosen]
            known = [some for some in sets if some is not None]
            needed = sum(stages[one].quorum for one in chosen)
            if len(known) == len(sets) and len(frozenset().union(*known)) < needed:
                return chosen, needed, len(frozenset().union(*known))
    return None
