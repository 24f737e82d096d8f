"""The stages of a request as the HTTP answer shows them. A pure view of the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from signoff.model import DecidedBy, Request, Vote, iso

Document = dict[str, object]
State = Literal["done", "asked", "next"]
STATES: tuple[State, ...] = ("done", "asked", "next")


def stages(request: Request) -> list[Document]:
    """Every step in order, who is asked there, and who has agreed. Empty where nobody is asked at all.

    A step where the request ended is `done` when people decided there, and stays `asked` when it ended by itself.
    """
    terms = request.terms
    if terms.decide != "ask" or terms.mode != "enforce" or not request.allowed_decisions:
        return []
    last = _last(request)
    steps: list[Document] = []
    for index, stage in enumerate(terms.ladder):
        votes: list[Vote | DecidedBy] = [vote for vote in request.votes if vote.stage == index]
        steps.append(
            {
                "name": stage.name,
                # Those who were called in later are asked in the step that stands now.
                "approvers": list(terms.approvers if index == request.stage else stage.approvers),
                "quorum": stage.quorum,
                "state": _state(request, index),
                "votes": [_vote(vote) for vote in (*votes, *(last if index == request.stage else ()))],
            }
        )
    return steps


def _last(request: Request) -> Sequence[DecidedBy]:
    """The people whose agreement decided, as far as they do not stand among the votes: the last one may not."""
    made = request.decision
    if made is None or made.forced or made.kind not in {"approve", "edit", "respond"}:
        return ()
    voted = {vote.person for vote in request.votes}
    return [who for who in made.decided_by if who.person is not None and who.person not in voted]


def _state(request: Request, index: int) -> State:
    if index != request.stage:
        return "done" if index < request.stage else "next"
    made = request.decision
    by_people = made is not None and any(who.person is not None for who in made.decided_by)
    return "done" if by_people else "asked"


def _vote(vote: Vote | DecidedBy) -> Document:
    return {
        "person": vote.person,
        "name": vote.name,
        "acting_for": vote.acting_for,
        "via": vote.via,
        "at": iso(vote.at),
    }
