"""The policy's verdict on a call, as its record keeps it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from signoff.model.words import Frozen, Mode, Retry, Risk


class Stage(Frozen):
    """One step: so many of these people have to agree before the next is asked."""

    name: str
    approvers: tuple[str, ...]
    quorum: int = 1


class Escalation(Frozen):
    """One rung of the ladder: who is asked besides, and where, when nobody has decided by then."""

    after: int
    """Seconds since the version was asked."""
    to: tuple[str, ...] = ()
    show: tuple[str, ...] = ()


class GrantTerms(Frozen):
    """What "allow similar" may come to."""

    match: tuple[str, ...]
    """JSON pointers into the arguments: what has to be the same."""
    max_ttl: int
    """Seconds."""
    max_uses: int


class Spend(Frozen):
    """What one call takes out of a budget. Amounts are whole millionths, which Redis' numbers hold exactly."""

    budget: str
    """Its name in the store: the rule's and, if it counts apart for each, the key's, the tool's…"""
    calls: int | None = None
    """At most so many calls within the window."""
    amount: int = 0
    limit: int | None = None
    """At most so much within the window."""
    per: int
    """The window's length in seconds; it slides."""


class Terms(Frozen):
    """The policy's verdict on one version, kept with the request: later changes of the file do not touch it."""

    rule: str
    """The rule's name; `defaults` if none matched."""
    decide: Literal["ask", "approve", "reject", "notify"] = "ask"
    message: str | None = None
    """With `decide: reject`: what the agent reads."""
    risk: Risk | None = None
    approvers: tuple[str, ...] = ()
    """Who is asked now: people and groups by name; who belongs to a group is looked up when somebody decides (I19)."""
    stages: tuple[Stage, ...] = ()
    """All of them, in order. Empty: one stage of `approvers` with a quorum of 1."""
    show: tuple[str, ...] = ()
    editable: tuple[str, ...] | None = None
    secret: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    self_approval: bool = False
    expires_in: int
    """Seconds."""
    note: str | None = None
    """Why people are asked under this rule, when a condition could not be evaluated."""
    mode: Mode = "enforce"
    confirm: str | None = None
    """What has to be typed to approve."""
    retries: dict[str, Retry] = Field(default_factory=dict)
    """What a preset reason tells the agent."""
    remind: tuple[int, ...] = ()
    """Seconds since the version was asked, rising."""
    remind_by: Literal["thread", "direct"] = "thread"
    escalate: tuple[Escalation, ...] = ()
    """By rising time."""
    on_expire: Literal["expire", "reject"] = "expire"
    fallback: tuple[str, ...] = ()
    """Shown here when a place cannot be reached."""
    grants: GrantTerms | None = None
    fingerprint: str | None = None
    """Of the rule, where it offers grants."""
    spend: Spend | None = None
    """What an automatic decision takes out of its budget."""
    break_glass: tuple[str, ...] = ()
    """People and groups who may force a decision."""
    loop: int = 300
    """Seconds for which a rejection answers the same call again; 0: never."""
    loop_across: bool = False
    """Also when asked in another run."""

    @property
    def ladder(self) -> tuple[Stage, ...]:
        """The stages, also where the rule names none."""
        return self.stages or (Stage(name="", approvers=self.approvers),)
