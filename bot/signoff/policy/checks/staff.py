"""Whether there are enough people: one human counts once on a request, through all of its stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Stuck:
    """A stage for which votes in earlier ones may leave too few people."""

    stage: int
    staff: frozenset[str]
    left: int
    earlier: tuple[tuple[int, frozenset[str]], ...]
    """Earlier stages, and whom of this stage's people they may use up."""


def stuck(spec: Spec, stages: Sequence[Stage], ladder: Sequence[str] = ()) -> Stuck | None:
    """The first stage that may be left short by who votes before it. `short_of` finds what can never be completed;
    this, what depends on who is first. `ladder`: people who may decide too, later. As there, only stages that
    certainly come together are looked at."""
    later = people(spec, ladder)
    staff = [people(spec, stage.approvers) for stage in stages]
    for index, (stage, mine) in enumerate(zip(stages, staff, strict=True)):
        if mine is None or later is None:
            continue
        conditions = {one.when.source for one in stages[:index] if one.when} if stage.when is None else set[str]()
        for held in conditions or {stage.when.source if stage.when else ""}:
            shared = [
                (before, theirs & mine)
                for before, theirs in enumerate(staff[:index])
                if theirs is not None
                and theirs & mine
                and ((when := stages[before].when) is None or when.source == held)
            ]
            gone = sum(min(stages[before].quorum, len(both)) for before, both in shared)
            gone = min(gone, len(frozenset().union(*(both for _, both in shared))))
            if len(mine | later) - gone < stage.quorum:
                return Stuck(index, mine, len(mine | later) - gone, tuple(shared))
    return None
