"""The stages of a request: who is asked in which order, how many, and who has said so already."""

from __future__ import annotations

from collections.abc import Mapping

from signoff.cards.types import Fact
from signoff.cards.words import called, either, several, voter
from signoff.model import Request, Stage, Vote, same


def has_plan(request: Request) -> bool:
    """Whether there is more to say than that one of some people decides."""
    return sum(stage.quorum for stage in request.terms.ladder) > 1


def stages(request: Request, names: Mapping[str, str]) -> Fact:
    """All stages, one a line."""
    ladder = request.terms.ladder
    lines = [_line(request, index, stage, names) for index, stage in enumerate(ladder)]
    if len(ladder) == 1:
        return Fact("Approvals" if _approving(request) else "Answers", lines[0])
    return Fact("Stages", "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1)))


def waiting(request: Request, names: Mapping[str, str]) -> str:
    """The status while votes are missing: `Waiting for managers: 1 of 2 approved`."""
    index = min(request.stage, len(request.terms.ladder) - 1)
    stage = request.terms.ladder[index]
    subject = " on the edited arguments" if request.version > 1 else ""
    done = "approved" if _approving(request) else "gave the same answer"
    who = called(stage.name, {}) if stage.name else either(stage.approvers, names) or "somebody"
    return f"Waiting for {who}{subject}: {_count(request, index)} of {stage.quorum} {done}"


def voters(votes: tuple[Vote, ...], names: Mapping[str, str]) -> str:
    return several([voter(vote, names) for vote in votes])


def _approving(request: Request) -> bool:
    return not {"approve", "edit"}.isdisjoint(request.allowed_decisions)


def _line(request: Request, index: int, stage: Stage, names: Mapping[str, str]) -> str:
    who = either(stage.approvers, names)
    if stage.name and stage.name != who:
        who = f"{called(stage.name, {})} ({who})" if who else called(stage.name, {})
    ahead = index - request.stage
    state = "done" if ahead < 0 else "asked now" if ahead == 0 else "next" if ahead == 1 else "later"
    said = voters(tuple(vote for vote in request.votes if vote.stage == index), names)
    return f"{who or 'nobody'}: {state}, {_count(request, index)} of {stage.quorum}" + (f" ✓ {said}" if said else "")


def _count(request: Request, index: int) -> int:
    """How many votes of a stage go together: people who answer have to give the same answer."""
    votes = [vote for vote in request.votes if vote.stage == index]
    return max((sum(_agree(one, other) for other in votes) for one in votes), default=0)


def _agree(one: Vote, other: Vote) -> bool:
    return one.kind == other.kind and (one.kind == "approve" or same(one.response, other.response))
