"""Whether a request can be decided along with others by somebody, as things stand; if not, why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from signoff.cards.line import arguments_line
from signoff.cards.odd import is_odd
from signoff.cards.queue import Code
from signoff.desk.verdict import standing
from signoff.desk.voices import Asked, Voices, still_asked
from signoff.desk.voting import check_vote
from signoff.errors import (
    AlreadyVoted,
    CannotDecide,
    DirectoryAway,
    NobodyMayApprove,
    NotAllowed,
    NotAnApprover,
    SelfApproval,
    SignoffError,
)
from signoff.model import Actor, Kind, Request
from signoff.policy import Policy

BulkKind = Literal["approve", "reject"]
OUTSIDE: frozenset[Code] = frozenset({"not_allowed", "already_voted", "already_decided", "expired"})
"""What makes a request no part of somebody's queue."""
APPROVING: frozenset[Code] = frozenset({"needs_answer", "too_long"})
"""What keeps a request from being approved along with others, but not from being rejected."""
WHY: dict[Code, str] = {
    "high_risk": "It is {risk} risk, so it is decided by itself; open it.",
    "confirm": "Its approval has to be confirmed by typing, so it is decided by itself; open it.",
    "needs_answer": "It cannot simply be approved; open it.",
    "hidden_text": "It contains invisible characters, so it is decided by itself; open it.",
    "too_long": "Its arguments are too long to be shown whole here; open it.",
    "frozen": "Calls like this are frozen, so nothing is decided until they are thawed.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    code: Code
    sentence: str = ""
    """Why not, for people to read."""


OK = Verdict("ok")


class Judge:
    def __init__(self, voices: Voices, policy: Callable[[], Policy]) -> None:
        self._voices = voices
        self._policy = policy

    async def all(
        self, requests: Sequence[Request], kind: BulkKind, actor: Actor, now: datetime
    ) -> tuple[Verdict, ...]:
        """A verdict on each. People are looked up once for all that are asked of the same. Raises StoreUnavailable."""
        asked: dict[tuple[str, ...], Asked] = {}
        policy = self._policy()
        for request in requests:
            if request.terms.approvers not in asked:
                asked[request.terms.approvers] = await self._voices.asked(policy, request.terms.approvers)
        return tuple([await self._one(policy, one, kind, actor, asked[one.terms.approvers], now) for one in requests])

    async def _one(
        self, policy: Policy, request: Request, kind: BulkKind, actor: Actor, asked: Asked, now: datetime
    ) -> Verdict:
        if not request.open:
            return ended(policy, request)
        if now >= request.expires_at:
            return Verdict("expired", "Its time has passed.")
        # Also where it is to be rejected, which nobody is barred from: one's own is looked at by itself.
        speaks: Kind = "approve" if "approve" in request.allowed_decisions else "reject"
        try:
            voice = await self._voices.voice(policy, request, speaks, actor, now, asked)
            check_vote(request, voice, speaks, None, still_asked(policy, request))
        except SignoffError as error:
            return refused(error)
        return self._together(request, kind)

    @staticmethod
    def _together(request: Request, kind: BulkKind) -> Verdict:
        """What a request itself has against being decided along with others."""
        code: Code = "ok"
        if request.frozen is not None:
            code = "frozen"
        elif request.risky:
            code = "high_risk"
        elif request.terms.confirm is not None:
            code = "confirm"
        elif is_odd(request):
            code = "hidden_text"
        elif kind not in request.allowed_decisions:
            code = "needs_answer"
        elif kind == "approve" and arguments_line(request)[1]:
            code = "too_long"
        return OK if code == "ok" else Verdict(code, WHY[code].format(risk=request.terms.risk or request.risk))


def ended(policy: Policy, request: Request) -> Verdict:
    """What a request that has ended is called."""
    code: Code = "expired" if request.status == "expired" else "already_decided"
    return Verdict(code, f"{standing(request, policy.names)}.")


CODES: dict[type[SignoffError], Code] = {
    NotAnApprover: "not_allowed",
    NobodyMayApprove: "not_allowed",
    CannotDecide: "not_allowed",
    NotAllowed: "not_allowed",
    SelfApproval: "own",
    AlreadyVoted: "already_voted",
    DirectoryAway: "away",
}


def refused(error: SignoffError) -> Verdict:
    """What a refusal is called. Raises it again where it is about no single request."""
    code = CODES.get(type(error))
    if code is None:
        raise error
    return Verdict(code, error.sentence)
