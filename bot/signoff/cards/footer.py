"""The labelled lines after the arguments: who decides and until when, or who decided what; then where it comes from."""

from __future__ import annotations

from collections.abc import Mapping

from signoff.cards.facts import quoted
from signoff.cards.head import is_notice, nobody, unasked
from signoff.cards.plain import link
from signoff.cards.plan import has_plan, stages, voters
from signoff.cards.rows import answer_text
from signoff.cards.types import Fact
from signoff.cards.words import called, either, speaker
from signoff.model import Clean, DecidedBy, Decision, Request, Retry, mask, one_line, secret_pointers, visible

DIGEST = 12
"""Hexadecimal digits of the digest shown on a card."""
DECIDERS = 8
"""People with a line of their own; more share one."""
NOBODY = "Nobody can decide this: no approvers are configured. An operator must name them in the policy."
SHORTENED = Fact("Shortened", "Open Details to see everything; approve there.")
"""Stands where the approval would be (I11)."""
AGENT_MAY: dict[Retry, str] = {
    "never": "not try again",
    "with_changes": "try again with changes",
    "ask": "ask again later",
}
_SPOKEN = {"api": "API", "cli": "command line"}


def footer(request: Request, who: str, names: Mapping[str, str], clean: Clean, *, withheld: bool) -> list[Fact]:
    """`withheld`: the approval is not on the card."""
    found: list[Fact] = []
    if request.open and not is_notice(request):
        found += [SHORTENED] if withheld else []
        found += _awaited(request, who, names)
    elif request.decision is not None and not is_notice(request):
        found += _decided(request, request.decision, names, clean)
    if request.consumed_at is not None:
        found.append(Fact("Started", moment=request.consumed_at))
    if request.outcome is not None:
        text = "Succeeded" if request.outcome.status == "succeeded" else "Failed"
        detail = clean.text(request.outcome.detail or "")
        gap = "\n" if "\n" in detail else " "
        found.append(Fact("Outcome", f"{text}:{gap}{quoted(detail)}" if detail else text, request.outcome.at))
    for place, reason in request.undelivered.items():
        found.append(Fact("Could not be delivered", f"{one_line(place)}: {one_line(reason)}"))
    found.append(Fact("Digest", request.digest.removeprefix("sha256:")[:DIGEST]))
    if request.run_id or request.thread_url:
        found.append(_run(request))
    return found


def _awaited(request: Request, who: str, names: Mapping[str, str]) -> list[Fact]:
    found = [Fact("Who may decide", NOBODY if nobody(who) else one_line(who))]
    if has_plan(request):
        found.append(stages(request, names))
    if len(request.versions) > 1 and (editor := request.versions[-1].by):
        found.append(Fact("Edited by", called(editor, names), request.versions[-1].at))
    found.append(Fact("Expires", moment=request.expires_at))
    rungs = request.terms.escalate[: request.escalated]
    if people := either(dict.fromkeys(name for rung in rungs for name in (rung.to or rung.show)), names):
        found.append(Fact("Escalated to", people))
    if request.reminded:
        found.append(Fact("Reminders sent", f"{request.reminded} of {len(request.terms.remind)}"))
    if request.snoozed_until is not None and not _awake(request):
        found.append(Fact("Reminders snoozed until", moment=request.snoozed_until))
    return found


def _awake(request: Request) -> bool:
    """Whether a snooze is over, as far as the record tells, or there is nothing left to be reminded of."""
    until = request.snoozed_until
    late = any(notice.kind == "reminded" and until is not None and notice.at >= until for notice in request.notices)
    return late or request.reminded >= len(request.terms.remind)


def _decided(request: Request, decision: Decision, names: Mapping[str, str], clean: Clean) -> list[Fact]:
    found: list[Fact] = []
    if decision.kind in {"expire", "cancel"}:
        found.append(Fact("Expired" if decision.kind == "expire" else "Withdrawn", moment=decision.decided_at))
    for by in decision.decided_by[:DECIDERS]:
        found.append(Fact("Decided by", _spoken(by, names), by.at))
    if more := decision.decided_by[DECIDERS:]:
        found.append(Fact("Decided by", f"and {', '.join(speaker(by, names) for by in more)}"))
    if (decision.forced or decision.kind in {"reject", "expire", "cancel"}) and request.votes:
        label = "Had answered" if request.votes[-1].kind == "respond" else "Had approved"
        found.append(Fact(label, voters(request.votes, names)))
    found += _said(request, decision, clean)
    if decision.kind == "reject" and decision.retry is not None:
        found.append(Fact("Agent may", AGENT_MAY[decision.retry]))
    if decision.kind == "respond":
        secret = secret_pointers(decision.response, request.response_schema, request.terms.secret)
        found.append(Fact("Answer", answer_text(mask(decision.response, secret))))
    return found


def _said(request: Request, decision: Decision, clean: Clean) -> list[Fact]:
    """The decision's message, under the label that says what it is."""
    message = clean.text(decision.message or "")
    if decision.forced:
        return [Fact("Break glass", quoted(message) or "Decided by one person, against the rule.")]
    if decision.grant is not None or unasked(request):
        # Our own words: an agent that makes a name in them a secret does not blank it out.
        message = visible(decision.message or "").strip()
    if decision.grant is not None:
        grant = one_line(decision.grant)
        return [Fact("Grant", f"{message} ({grant})" if message else grant)]
    if not message:
        return []
    if unasked(request) and request.terms.mode == "shadow":
        return [Fact("What would have happened", message)]
    return [Fact("Reason" if decision.kind == "reject" else "Message", message)]


def _spoken(by: DecidedBy, names: Mapping[str, str]) -> str:
    via = _SPOKEN.get(by.via, by.via.capitalize()) if by.via else ""
    return f"{speaker(by, names)} ({one_line(via)})" if via else speaker(by, names)


def _run(request: Request) -> Fact:
    run = one_line(request.run_id or "")
    if request.thread_url is None:
        return Fact("Run", run)
    if (found := link(request.thread_url)) is None:
        return Fact("Run", " ".join(part for part in (run, one_line(request.thread_url)) if part))
    url, host = found
    # The host stands beside the agent's own words, so that they cannot pass for another place.
    return Fact("Run", f"{run} ({host})" if run else host, url=url)
