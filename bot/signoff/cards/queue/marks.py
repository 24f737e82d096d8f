"""Why a request cannot be decided along with others, and what came of it, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from signoff.cards.head import decided_by, risk
from signoff.cards.types import Tone
from signoff.model import Request

Code = Literal[
    "ok",
    "high_risk",
    "confirm",
    "own",
    "changed",
    "expired",
    "already_decided",
    "not_allowed",
    "needs_answer",
    "frozen",
    "hidden_text",
    "too_long",
    "not_found",
    "already_voted",
    "away",
    "unavailable",
    "approved",
    "rejected",
    "voted",
]
"""`ok`: nothing is in the way. `approved`, `rejected` and `voted` are what came of it."""

WORDS: dict[Code, str] = {
    "ok": "",
    "high_risk": "high risk: open it by itself",
    "confirm": "has to be confirmed by typing",
    "own": "your own",
    "changed": "was edited since you saw it",
    "expired": "expired",
    "already_decided": "already decided",
    "not_allowed": "not yours to decide",
    "needs_answer": "needs an answer",
    "frozen": "frozen",
    "hidden_text": "contains invisible characters",
    "too_long": "too long to be shown whole",
    "not_found": "no longer there",
    "already_voted": "you have voted already",
    "away": "nobody can say now whether you may decide it",
    "unavailable": "could not be decided now; try again",
    "approved": "approved",
    "rejected": "rejected",
    "voted": "your vote counts; others are still asked",
}
DONE: frozenset[Code] = frozenset({"approved", "rejected", "voted"})
TONES: dict[Code, Tone] = {"approved": "good", "rejected": "bad", "voted": "good"}
PAST = {
    "approve": "approved",
    "edit": "approved",
    "reject": "rejected",
    "respond": "answered",
    "expire": "expired",
    "cancel": "withdrawn",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A request and what is said of it."""

    request: Request | None
    """None: there is none any more."""
    code: Code
    text: str = ""
    """In place of the usual words."""


def words(code: Code, request: Request | None, names: Mapping[str, str]) -> str:
    """`already approved by Bob`, `high risk: open it by itself`… "" for `ok`. `names`: display names by person id."""
    if request is None:
        return WORDS[code]
    if code == "high_risk" and (level := risk(request)):
        return f"{level} risk: open it by itself"
    if code == "already_decided" and (decision := request.decision):
        by = f" by {decided_by(decision, names)}" if decision.decided_by else ""
        return f"already {PAST[decision.kind]}{by}"
    return WORDS[code]


def tone(code: Code) -> Tone:
    return TONES.get(code, "warning")
