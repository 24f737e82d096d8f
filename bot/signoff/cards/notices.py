"""What is said once below a card: one plain sentence, whose markup the chat takes care of."""

from __future__ import annotations

from collections.abc import Mapping

from signoff.cards.head import asks, nobody, title
from signoff.cards.plain import fit
from signoff.cards.words import called, either, moment, span
from signoff.model import Clean, Notice, Request, one_line

TEXT = 600
"""Characters of a reason, and of who may decide."""


def notice_text(request: Request, notice: Notice, who: str, names: Mapping[str, str]) -> str:
    """The sentence for a notice; never more than one line, safe to read, free of secrets.

    `who`: the people who may decide now, as a person reads it. `notice.text` is the reason for `forced`, the new moment
    for `extended` and `snoozed`, and for `granted` how far it goes: `20 November 2026, 09:00 UTC (5 uses)`.
    """
    clean = Clean(request)
    person = called(notice.person, names) if notice.person else "Somebody"
    text = notice.text or ""
    # Moments and counts are our own words: an agent that makes one a secret does not blank it out.
    said = _short(clean.line(text) if notice.kind == "forced" else one_line(text).strip())
    match notice.kind:
        case "reminded":
            return _reminder(request, title(request, clean)[0], who)
        case "escalated":
            return _escalation(request, notice, title(request, clean)[0], names)
        case "extended":
            return f"{person} extended the deadline: there is time until {said or moment(request.expires_at)}."
        case "snoozed":
            until = said or moment(request.snoozed_until or request.expires_at)
            return f"{person} snoozed the reminders until {until}."
        case "forced":
            rejected = request.decision is not None and request.decision.kind == "reject"
            what = "rejection" if rejected else "approval"
            return f"{person} forced the {what} (break glass): {said or 'no reason is recorded'}"
        case "granted":
            return f"{person} allowed similar calls{f' until {said}' if said else ''}."


def _reminder(request: Request, heading: str, who: str) -> str:
    if not request.open:
        return f"This has been settled meanwhile: {heading}"
    verb = "answer" if asks(request) else "decide"
    can = f"Nobody can {verb}" if nobody(who) else f"{_short(one_line(who))} can {verb}"
    return f"Still waiting: {heading}. {can}; it expires on {moment(request.expires_at)}."


def _escalation(request: Request, notice: Notice, heading: str, names: Mapping[str, str]) -> str:
    asked = max((version.at for version in request.versions if version.at <= notice.at), default=request.created_at)
    passed = span((notice.at - asked).total_seconds())
    some = any(vote.at <= notice.at for vote in request.votes)
    begin = f"Still not decided after {passed}" if some else f"Nobody has decided for {passed}"
    people = either(notice.to, names)
    return f"{begin}; now {people} may decide too." if people else f"{begin}: {heading}"


def _short(text: str) -> str:
    kept, left = fit(text, TEXT, 6 * TEXT)
    return kept + ("…" if left else "")
