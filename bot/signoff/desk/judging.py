"""Whether a request can be decided along with others by somebody, as things stand; if not, why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from signoff.cards.line import arguments_line
from signoff.cards.odd import is_odd
from signoff.cards.queue import Code
from signoff.desk.verdict import standing
from signoff.desk.voices import Asked, Voices, person_of, still_asked
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
from signoff.model import Actor, Delegation, Kind, Request
from signoff.policy import Policy

BulkKind = Literal["approve", "reject"]
OUTSIDE: frozenset[Code] = frozenset({"not_allowed", "already_voted", "already_decided", "expired"})
"""What makes a request no part of somebody's queue."""
APPROVING: frozenset[Code] = frozenset({"needs_answer", "too_long"})
"""What keeps a request from being approved along with others, but not from being rejected."""
BREATH = 10
"""Requests looked at before others get their turn: each may have ten thousand arguments."""
RUNS: frozenset[Kind] = frozenset({"approve", "edit", "respond"})
"""Decisions that are more than a no."""
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
        """A verdict on each. People and delegations are looked up once for all of them. Raises StoreUnavailable."""
        asked: dict[tuple[str, ...], Asked] = {}
        policy = self._policy()
        for request in requests:
            if request.terms.approvers not in asked:
                asked[request.terms.approvers] = await self._voices.asked(policy, request.terms.approvers)
        person = person_of(policy, actor)
        in_place = any(person not in found.members for found in asked.values())
        delegations = await self._voices.delegations() if in_place else ()
        found: list[Verdict] = []
        for n, one in enumerate(requests):
            if n % BREATH == BREATH - 1:
                await asyncio.sleep(0)
            found.append(await self._one(policy, one, kind, actor, asked[one.terms.approvers], delegations, now))
        return tuple(found)

    async def _one(
        self,
        policy: Policy,
        request: Request,
        kind: BulkKind,
        actor: Actor,
        asked: Asked,
        delegations: Sequence[Delegation],
        now: datetime,
    ) -> Verdict:
        if not request.open or now >= request.expires_at:
            if not await self._concerned(policy, request, actor, asked, now):
                return refused(NotAnApprover(who=policy.who(request.terms.approvers)))
            return Verdict("expired", "Its time has passed.") if request.open else ended(policy, request)
        # Also where it is to be rejected, which nobody is barred from: one's own is looked at by itself.
        speaks: Kind = "reject" if RUNS.isdisjoint(request.allowed_decisions) else "approve"
        try:
            voice = await self._voices.voice(policy, request, speaks, actor, now, asked, delegations)
            check_vote(request, voice, speaks, None, still_asked(policy, request))
        except SignoffError as error:
            return refused(error)
        return self._together(request, kind)

    async def _concerned(self, policy: Policy, request: Request, actor: Actor, asked: Asked, now: datetime) -> bool:
        """Whether what became of a request is this actor's to know."""
        person = person_of(policy, actor)
        if person is None:
            return False
        by = () if request.decision is None else request.decision.decided_by
        took_part = {*(vote.person for vote in request.votes), *(one.person for one in by)}
        return person in asked.members | took_part or await self._voices.may(policy, request, person, now)

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
