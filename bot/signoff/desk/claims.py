"""Who consumed an approval: so that whoever did, and lost the answer, may go on, and nobody else. Pure."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from signoff.model import Request


def consumed(request: Request, claim: str | None, now: datetime) -> Request:
    """The record of an approval that is used at this moment. The same revision: a write follows.

    `claim`: a random text that only the caller knows. Of it the record keeps a hash.
    """
    return request.model_copy(update={"consumed_at": now, "claim": None if claim is None else _sealed(claim)})


def consumed_at_once(request: Request, claim: str | None, now: datetime) -> Request:
    """What is opened for a caller who runs it right away: where it is approved already, it is consumed as well.

    Only what nobody changed: what runs is what was asked about.
    """
    made = request.decision
    if claim is None or made is None or made.kind != "approve" or made.digest != request.versions[0].digest:
        return request
    return consumed(request, claim, now)


def holds(request: Request, claim: str | None) -> bool:
    """Is it this caller who consumed it?"""
    if claim is None or request.claim is None or request.consumed_at is None:
        return False
    return secrets.compare_digest(request.claim, _sealed(claim))


def _sealed(claim: str) -> str:
    return hashlib.sha256(claim.encode()).hexdigest()
