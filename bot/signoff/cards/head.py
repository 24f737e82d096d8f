"""The first lines of a card: what it is, how it stands, how loud it says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from signoff.cards.plain import fit
from signoff.cards.plan import has_plan, waiting
from signoff.cards.types import Tone
from signoff.cards.words import called, several, speaker
from signoff.model import Clean, Decision, Request, Risk, one_line

TITLE = 150
"""Characters."""
SUMMARY = 250
"""Characters of the notification."""
FREEZER = 200
"""Characters of who froze a request and why; their weight is at most six times as much."""
OFF = "Rules are off: nobody was asked; approved"
WAITS = "Waiting for a decision"


def is_notice(request: Request) -> bool:
    return not request.allowed_decisions


def asks(request: Request) -> bool:
    """Whether it is a question: an answer is wanted, not an approval."""
    return "respond" in request.allowed_decisions and not {"approve", "edit"} & set(request.allowed_decisions)


def nobody(who: str) -> bool:
    return who.strip().lower() in {"", "nobody"}


def risk(request: Request) -> Risk | None:
    return request.terms.risk or request.risk


def unasked(request: Request) -> bool:
    """Whether the mode let it through, so that nobody was asked."""
    decision = request.decision
    by_rule = decision is not None and decision.kind == "approve" and not any(by.person for by in decision.decided_by)
    return request.terms.mode != "enforce" and by_rule


def title(request: Request, clean: Clean) -> tuple[str, bool]:
    """The heading within its room, and whether that is all of it."""
    text, left = fit(clean.line(request.heading) or request.id, TITLE, 6 * TITLE)
    return text + ("…" if left else ""), not left


def purpose(request: Request) -> Literal["ask", "settled", "notice"]:
    if is_notice(request):
        return "notice"
    return "ask" if request.open else "settled"


def status(request: Request, who: str, names: Mapping[str, str]) -> str:
    decision = request.decision
    if is_notice(request):
        return "For information: nothing to decide"
    if decision is None or request.open:
        if request.frozen is not None:
            said, left = fit(one_line(request.frozen).rstrip(" ."), FREEZER, 6 * FREEZER)
            return f"Frozen by {said}{'…' if left else ''}. Nothing can be decided until it is thawed"
        if nobody(who):
            return "Waiting, but nobody can decide this"
        if has_plan(request):
            return waiting(request, names)
        if request.version > 1:
            return "Waiting for a decision on the edited arguments"
        return "Waiting for an answer" if asks(request) else WAITS
    if decision.kind == "expire":
        some = "not everybody who had to decided in time" if request.votes else "nobody decided in time"
        return f"Expired: {some}, so it was not run"
    if decision.kind == "cancel":
        return f"Withdrawn by the agent before {'it was decided' if request.votes else 'anybody decided'}"
    by = decided_by(decision, names)
    if unasked(request):
        return f"Shadow mode: nobody was asked; approved by {by}" if request.terms.mode == "shadow" else OFF
    verb = {"approve": "Approved", "edit": "Approved with changes", "reject": "Rejected", "respond": "Answered"}
    if decision.forced:
        return f"Forced by {by} (break glass): {verb[decision.kind].lower()}"
    if decision.grant is not None:
        giver = next((one.acting_for for one in decision.decided_by if one.acting_for), None)
        return f"Approved under a grant by {called(giver, names)}" if giver else "Approved under a grant"
    return f"{verb[decision.kind]} by {by}"


def decided_by(decision: Decision, names: Mapping[str, str]) -> str:
    return several([speaker(by, names) for by in decision.decided_by]) or "somebody unknown"


def tone(request: Request, who: str) -> Tone:
    if is_notice(request):
        return "neutral"
    if request.open:
        loud = request.frozen is not None or nobody(who) or risk(request) in {"high", "critical"}
        return "warning" if loud else "neutral"
    if request.outcome is not None and request.outcome.status == "failed":
        return "warning"
    if request.status == "approved" and (unasked(request) or (request.decision and request.decision.forced)):
        return "warning"
    tones: dict[str, Tone] = {"approved": "good", "responded": "good", "rejected": "bad", "expired": "warning"}
    return tones.get(request.status, "neutral")


def summary(request: Request, heading: str, state: str) -> str:
    level = risk(request)
    if is_notice(request):
        text = f"For information: {heading}"
    elif not request.open:
        text = f"{state}: {heading}"
    elif request.frozen is not None:
        text = f"Frozen, nothing to decide now: {heading}"
    elif asks(request):
        text = f"Answer needed: {heading}"
    else:
        text = f"Approval needed: {heading}" + (f" ({level} risk)" if level else "")
    return text if len(text) <= SUMMARY else text[: SUMMARY - 1] + "…"
