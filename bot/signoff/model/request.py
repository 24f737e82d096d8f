"""The record of a request and what is in it; placements, events, keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from signoff.model.decision import Decision, Outcome, Version
from signoff.model.queue import Batch
from signoff.model.said import Ask, MessageRef, Principal
from signoff.model.terms import Terms
from signoff.model.words import Frozen, Moment, Status


class Vote(Frozen):
    """One person's verdict on the current version; a rejection needs no vote, it decides."""

    person: str
    name: str | None = None
    acting_for: str | None = None
    via: str | None = None
    principal: Principal | None = None
    origin: MessageRef | None = None
    """Where it was clicked, to be asked once more when the decision is made."""
    at: Moment
    batch: str | None = None
    """The review in which this was said along with others."""
    stage: int = 0
    kind: Literal["approve", "respond"] = "approve"
    response: object = None
    """Of `respond`: those who answer a question have to agree."""


class Notice(Frozen):
    """Something said once below the card, wherever it stands: a reminder, an escalation, a forced decision…"""

    kind: Literal["reminded", "escalated", "extended", "snoozed", "forced", "granted"]
    at: Moment
    person: str | None = None
    """Whose doing it is."""
    text: str | None = None
    to: tuple[str, ...] = ()
    """People and groups who are called by name."""


class Request(Ask):
    """The record: what was asked, where it stands, what was decided."""

    id: str
    status: Status = "pending"
    version: int = 1
    digest: str
    created_at: Moment
    expires_at: Moment
    decision: Decision | None = None
    terms: Terms
    versions: tuple[Version, ...]
    asked_by: str
    """The id of the key that asked."""
    owner: str | None = None
    """The person behind that key."""
    consumed_at: Moment | None = None
    claim: str | None = None
    """Of whoever consumed it, if they named themselves: see `desk.claims`."""
    outcome: Outcome | None = None
    undelivered: dict[str, str] = Field(default_factory=dict)
    """Place → why its card could not be delivered there."""
    stage: int = 0
    """Index of the stage that is asked now."""
    votes: tuple[Vote, ...] = ()
    """On the current version."""
    reminded: int = 0
    """How many of the version's reminders have been sent."""
    escalated: int = 0
    """How many rungs of the version's ladder have been taken."""
    snoozed_until: Moment | None = None
    """No reminders until then."""
    notices: tuple[Notice, ...] = ()
    frozen: str | None = None
    """By whom and why it is frozen, one line, for its card alone: whether it may be decided the store itself checks."""
    batch: Batch | None = None
    """The agent's batch that it was asked in: it has no card of its own, but a row on the batch's."""
    piled: tuple[str, ...] = ()
    """Places where it has no card of its own, because too many came at once."""
    rev: int = 1
    """Counts every change of the record; a card shows one revision, a transition names the one it saw."""

    @property
    def open(self) -> bool:
        return self.status == "pending"

    @property
    def wakes_at(self) -> datetime:
        """When something is to be done about it by itself: remind, escalate or expire."""
        asked, moments = self.versions[-1].at, [self.expires_at]
        if self.escalated < len(self.terms.escalate):
            moments.append(asked + timedelta(seconds=self.terms.escalate[self.escalated].after))
        if self.reminded < len(self.terms.remind):
            due = asked + timedelta(seconds=self.terms.remind[self.reminded])
            moments.append(max(due, self.snoozed_until or due))
        return min(moments)

    @property
    def heading(self) -> str:
        return self.title or self.tool

    @property
    def risky(self) -> bool:
        """High or critical: it has a card of its own, and is decided by itself."""
        return (self.terms.risk or self.risk) in {"high", "critical"}


INTERNAL = frozenset(
    {
        "terms",
        "versions",
        "asked_by",
        "owner",
        "claim",
        "rev",
        "stage",
        "votes",
        "reminded",
        "escalated",
        "snoozed_until",
        "notices",
        "frozen",
        "piled",
    }
)
"""Fields of the record that the HTTP answer leaves out."""


class Placement(Frozen):
    """One place where a card is, or should be."""

    place: str
    state: Literal["posting", "live", "undeliverable", "piled", "closed"]
    """`piled`: no card of its own, it is counted on another. `closed`: a card of several on which nothing waits any
    more; the next ones get a new message.
    """
    message: MessageRef | None = None
    """While `posting`: the closed one before it."""
    shown: int = 0
    """The revision the message shows."""
    told: int = 0
    """How many of the request's notices stand below it."""
    detail: str | None = None
    """Why it is undeliverable, or when it was closed."""


class Event(Frozen):
    """What happened, appended in the same atomic step as the change itself."""

    id: str
    """Position in the stream; resumable."""
    type: str
    """`request.created`, `.voted`, `.revised`, `.decided`, `.consumed`, `.reported`, `.undeliverable`, `.reminded`,
    `.escalated`, `.extended`, `.snoozed`, `.frozen`, `.thawed`."""
    request: str
    status: Status
    rev: int
    asked_by: str
    at: Moment


class Key(Frozen):
    """An API key as stored: only the SHA-256 of its secret (I29)."""

    id: str
    role: Literal["agent", "approver", "admin"]
    name: str
    person: str | None = None
    owner: str | None = None
    secret_hash: str = Field(repr=False)
    created_at: Moment
    revoked_at: Moment | None = None
