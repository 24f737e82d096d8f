"""From a verdict to the settled record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from signoff.digest import Signer
from signoff.model import STATUS_OF, Change, DecidedBy, Decision, End, Request, Retry

_SPOKEN = {"api": "through the API", "cli": "on the command line"}
"""Where somebody decided who was in no chat."""


def settle(
    request: Request,
    kind: End,
    by: tuple[DecidedBy, ...],
    at: datetime,
    signer: Signer,
    *,
    message: str | None = None,
    response: object = None,
    changes: tuple[Change, ...] = (),
    retry: Retry | None = None,
    forced: bool = False,
    grant: str | None = None,
    rev: int | None = None,
) -> Request:
    """The record with its decision. Decisions that somebody or a rule made carry a signed receipt."""
    runs = kind in {"approve", "edit"}
    made = kind not in {"expire", "cancel"}
    decision = Decision(
        kind=kind,
        arguments=request.arguments if runs else None,
        changes=changes,
        message=message,
        retry=retry or "never" if kind == "reject" else None,
        forced=forced,
        grant=grant,
        response=response,
        decided_by=by,
        decided_at=at,
        digest=request.digest,
        receipt=signer.receipt(request.id, request.digest, kind, by, request.terms.rule, at) if made else None,
    )
    return request.model_copy(
        update={"status": STATUS_OF[kind], "decision": decision, "rev": request.rev + 1 if rev is None else rev}
    )


def standing(request: Request, names: Mapping[str, str]) -> str:
    """The decision that stands, as the beginning of a sentence: `Ada approved this at 08:15 UTC in Slack`."""
    decision = request.decision
    if decision is None:
        return "This is still open"
    when = f"{decision.decided_at:%H:%M} UTC on {decision.decided_at:%Y-%m-%d}"
    if decision.kind == "expire":
        return f"This expired at {when}"
    if decision.kind == "cancel":
        return f"The agent withdrew this at {when}"
    verb = {"approve": "approved", "edit": "edited and approved", "reject": "rejected", "respond": "answered"}[
        decision.kind
    ]
    by = decision.decided_by[-1]
    who = names.get(by.person, by.person) if by.person else f'The rule "{by.rule}"'
    return f"{who} already {verb} this at {when}" + (
        f" {_SPOKEN.get(by.via, f'in {by.via.capitalize()}')}" if by.via else ""
    )
