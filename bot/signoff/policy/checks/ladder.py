"""The ladder of a rule: every step must bring somebody or some place that was not there before."""

from __future__ import annotations

from signoff.policy.checks.staff import people
from signoff.policy.source import Path, Source, shown
from signoff.policy.spec import Defaults, Rule, Spec
from signoff.policy.values import lasting


def check_ladder(spec: Spec, part: Defaults | Rule, where: Path, source: Source, expires_in: int) -> None:
    """Raises BadPolicy."""
    asked, humans = _asked(spec, part)
    show = spec.defaults.show if part.show is None else part.show
    # A request may name one of several places; the ladder may then go on to another.
    shown_in = set(show) if len(show) == 1 else set[str]()
    before = 0
    for index, rung in enumerate(part.escalate or ()):
        path = (*where, "escalate", index)
        if rung.after <= before:
            raise source.bad((*path, "after"), "is not later than the step before", "write the steps in order")
        if rung.after >= expires_in:
            fault = f"is {lasting(rung.after)}, but the request expires after {lasting(expires_in)}"
            raise source.bad((*path, "after"), fault, "escalate earlier, or let it expire later")
        if not rung.to and not rung.show:
            raise source.bad(path, "does nothing", "give it `to`, `show` or both")
        new = people(spec, [name for name in rung.to if name not in asked])
        if rung.to and new is not None and new <= humans:
            names = ", ".join(map(shown, rung.to))
            fault = f"escalates to {names}, who {'is' if len(rung.to) == 1 else 'are'} asked already"
            raise source.bad((*path, "to"), fault, "name somebody else")
        for place in rung.show:
            if place in shown_in:
                fault = f'names "{shown(place)}", where the card is shown already'
                raise source.bad((*path, "show"), fault, "name another place")
        before = rung.after
        asked |= set(rung.to)
        humans |= new or frozenset()
        shown_in |= set(rung.show)


def _asked(spec: Spec, part: Defaults | Rule) -> tuple[set[str], frozenset[str]]:
    """The names, and the humans among them, that are asked in every stage: asking them again asks nobody."""
    stages = part.stages if isinstance(part, Rule) else None
    approvers = spec.defaults.approvers if part.approvers is None else part.approvers
    each = [stage.approvers for stage in stages] if stages else [approvers]
    names = set(each[0]).intersection(*each[1:])
    known = [_static(spec, one) for one in each]
    return names, known[0].intersection(*known[1:])


def _static(spec: Spec, names: tuple[str, ...]) -> frozenset[str]:
    return (
        people(spec, [name for name in names if name not in spec.groups or not spec.groups[name].live]) or frozenset()
    )
