"""Votes → stages → a decision. Pure.

A vote is one person's verdict on one version. A stage is passed when enough people agree; when the last one is, the
request is decided. One human has one voice in a request: across stages, chats and keys (I17).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from signoff import digest, forms
from signoff.desk.verdict import settle
from signoff.errors import AlreadyVoted, NotAllowed
from signoff.model import Actor, DecidedBy, Kind, Request, Vote, iso

AGREE = "Several people have to agree on this call, so it can be approved, edited or rejected, but not answered."


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and in whose place."""

    person: str
    acting_for: str | None = None

    @property
    def people(self) -> frozenset[str]:
        """Whose voices are used up by it: one who delegates does not speak a second time."""
        return frozenset(filter(None, (self.person, self.acting_for)))


def voices(votes: Sequence[Vote]) -> frozenset[str]:
    """Everybody whose voice is used up."""
    return frozenset(name for vote in votes for name in (vote.person, vote.acting_for) if name)


def alone(request: Request) -> bool:
    """Whether one person's word decides."""
    return sum(stage.quorum for stage in request.terms.ladder) == 1


def check_vote(request: Request, voice: Voice, kind: Kind, response: object, who: str) -> None:
    """Raises AlreadyVoted for somebody whose voice counts already, NotAllowed for an answer among approvals."""
    if kind == "respond" and "approve" in request.allowed_decisions and not alone(request):
        raise NotAllowed(why=AGREE)
    for vote in request.votes:
        # Who answers a question may change their mind while others are asked.
        another = kind == "respond" and vote.person == voice.person and _key(vote) != _said(kind, response)
        if not another and voice.people & {vote.person, vote.acting_for}:
            raise AlreadyVoted(when=f"{vote.at:%H:%M} UTC", at=iso(vote.at), who=who)


def cast(
    request: Request,
    voice: Voice,
    kind: Kind,
    name: str | None,
    actor: Actor,
    at: datetime,
    response: object,
    batch: str | None = None,
) -> Vote:
    """The vote of somebody who may. `batch`: the review in which several were decided at once."""
    return Vote(
        person=voice.person,
        name=name,
        acting_for=voice.acting_for,
        via=actor.via,
        principal=actor.principal,
        origin=actor.origin,
        at=at,
        stage=request.stage,
        kind="respond" if kind == "respond" else "approve",
        response=response if kind == "respond" else None,
        batch=batch,
    )


def tally(
    request: Request, votes: Sequence[Vote], at: datetime, signer: digest.Signer, message: str | None
) -> tuple[Request, str]:
    """The record with these votes, the newest last: decided when every stage has enough of them that agree with it."""
    newest = votes[-1]
    agreeing = [vote for vote in votes if _key(vote) == _key(newest)]
    for index, stage in enumerate(request.terms.ladder):
        if sum(vote.stage == index for vote in agreeing) < stage.quorum:
            return at_stage(request, index, tuple(votes)), "request.voted"
    record = request.model_copy(update={"votes": tuple(votes), "stage": len(request.terms.ladder) - 1})
    by = tuple(map(decided_by, agreeing))
    if newest.kind == "respond":
        after = settle(record, "respond", by, at, signer, message=message, response=newest.response)
        return after, "request.decided"
    changes = forms.changes(record.versions[0].arguments, record.arguments)
    kind: Kind = "edit" if changes or "approve" not in record.allowed_decisions else "approve"
    return settle(record, kind, by, at, signer, message=message, changes=changes), "request.decided"


def at_stage(request: Request, index: int, votes: tuple[Vote, ...]) -> Request:
    """The record with its next revision at a stage: the stage's people are asked, and those it was escalated to."""
    escalated = (name for rung in request.terms.escalate[: request.escalated] for name in rung.to)
    approvers = tuple(dict.fromkeys((*request.terms.ladder[index].approvers, *escalated)))
    terms = request.terms
    if terms.stages:
        terms = terms.model_copy(update={"approvers": approvers})
    return request.model_copy(update={"votes": votes, "stage": index, "terms": terms, "rev": request.rev + 1})


def decided_by(vote: Vote) -> DecidedBy:
    return DecidedBy(
        person=vote.person, name=vote.name, acting_for=vote.acting_for, via=vote.via, batch=vote.batch, at=vote.at
    )


def _key(vote: Vote) -> str:
    return _said(vote.kind, vote.response)


def _said(kind: str, response: object) -> str:
    """Equal for those who agree."""
    return digest.body_digest({"response": response}) if kind == "respond" else "approve"
