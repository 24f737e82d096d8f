"""What was decided, by whom, on which version, and what came of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from signoff.model.words import End, Frozen, Moment, Retry


class DecidedBy(Frozen):
    person: str | None = None
    name: str | None = None
    """The person's display name, for people and models to read."""
    acting_for: str | None = None
    """The person in whose place this one decided, by a delegation."""
    rule: str | None = None
    via: str | None = None
    batch: str | None = None
    """The review in which this was decided along with others."""
    at: Moment


class Change(Frozen):
    path: str
    from_: object = Field(None, alias="from")
    to: object = None


class Decision(Frozen):
    kind: End
    arguments: dict[str, object] | None = None
    """The arguments that may run: set for approve and edit."""
    changes: tuple[Change, ...] = ()
    message: str | None = None
    retry: Retry | None = None
    """Set for every rejection."""
    forced: bool = False
    """Break glass: one person decided against the rule."""
    grant: str | None = None
    """The id of the grant under which nobody was asked."""
    response: object = None
    decided_by: tuple[DecidedBy, ...] = ()
    decided_at: Moment
    digest: str
    receipt: str | None = None


class Version(Frozen):
    """One version of the arguments; an edit makes the next."""

    number: int
    arguments: dict[str, object]
    digest: str
    by: str | None = None
    at: Moment


class Outcome(Frozen):
    status: Literal["succeeded", "failed"]
    detail: str | None = Field(None, max_length=10_000)
    at: Moment | None = None
