"""The record → the card. One function for every state a request can be in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from signoff.cards.plain import fit, link, weight
from signoff.cards.rows import answer_text, choices_text, rows, text_of
from signoff.cards.types import Button, Card, Details, Fact, Tone
from signoff.model import (
    Clean,
    Decision,
    Request,
    Risk,
    changes,
    editable_names,
    mask,
    one_line,
    pretty,
    secret_pointers,
    steps,
    visible,
)

TITLE = 150
"""Characters."""
STATUS = 300
"""Characters."""
FACT = 600
"""Characters of one labelled text."""
FACTS_ROOM = 3500
"""Weight (see `plain.weight`) of the facts before the arguments, all together."""
FOOTER_ROOM = 3000
"""Weight of the facts after them."""
SUMMARY = 250
"""Characters of the notification."""
DIGEST = 12
"""Hexadecimal digits of the digest shown on a card."""

NOBODY = "Nobody can decide this: no approvers are configured. An operator must name them in the policy."
OLD_COPY = "This is an old copy; the live card is elsewhere in this conversation."
_LABELS = {"approve": "Approve", "respond": "Answer…", "edit": "Edit…", "reject": "Reject…"}
QUOTE = "│ "
_SPOKEN = {"api": "API", "cli": "command line"}


def card(request: Request, *, who: str, names: Mapping[str, str]) -> Card:
    """What one message shows about a request.

    `who`: the people who may decide, as a person reads it; "" when nobody is configured. `names`: display names by
    person id. Never raises, whatever the agent sent; secrets are masked, invisible characters made visible.
    """
    clean = Clean(request)
    title, more = fit(clean.line(request.heading) or request.id, TITLE, 6 * TITLE)
    title += "…" if more else ""
    said = _asks(request) and request.arguments.get("question") == title  # not once more, below itself
    first, last = (
        {name: item for name, item in arguments.items() if not (said and name == "question")}
        for arguments in (_first(request), request.arguments)
    )
    made, hidden = rows(first, last, clean)
    status = _status(request, who, names)
    return Card(
        purpose=_purpose(request),
        request_id=request.id,
        version=request.version,
        rev=request.rev,
        title=title,
        status=fit(status, STATUS, 6 * STATUS)[0],
        tone=_tone(request, who),
        risk=_risk(request),
        summary=_summary(request, title, status),
        facts=_within(_facts(request, clean), FACTS_ROOM),
        arguments=made,
        arguments_hidden=hidden,
        footer=_within(_footer(request, who, names, clean), FOOTER_ROOM),
        buttons=_buttons(request),
    )


def pointer(request: Request) -> Card:
    """What a second copy of a card becomes: where to look instead, nothing to click (I21)."""
    title, more = fit(Clean(request).line(request.heading) or request.id, TITLE, 6 * TITLE)
    title += "…" if more else ""
    return Card(
        purpose="pointer",
        request_id=request.id,
        version=request.version,
        rev=request.rev,
        title=title,
        status=OLD_COPY,
        tone="neutral",
        risk=None,
        summary=f"Old copy: {title}"[:SUMMARY],
    )


def details(request: Request, *, who: str, names: Mapping[str, str]) -> Details:
    """Everything in full, for one person (I11). Secrets stay masked."""
    clean = Clean(request)
    shown = mask(request.arguments, clean.hidden(request.arguments))
    title, more = fit(clean.line(request.heading) or request.id, TITLE, 6 * TITLE)
    full = [Fact("Title", clean.line(request.title))] if request.title and more else []
    full += [Fact("Status", _status(request, who, names)), *_facts(request, clean)]
    full += _changed(request, clean)
    full += [fact for fact in _footer(request, who, names, clean) if fact.label != "Digest"]
    full += [Fact("Version", str(request.version)), Fact("Digest", request.digest), Fact("Request", request.id)]
    return Details(request.id, request.version, title, tuple(full), pretty(shown))


# ── the head ─────────────────────────────────────────────────────────────────────────────────────


def _is_notice(request: Request) -> bool:
    return not request.allowed_decisions


def _asks(request: Request) -> bool:
    """Whether it is a question: an answer is wanted, not an approval."""
    return "respond" in request.allowed_decisions and not {"approve", "edit"} & set(request.allowed_decisions)


def _first(request: Request) -> dict[str, object]:
    return request.versions[0].arguments if request.versions else request.arguments


def _nobody(who: str) -> bool:
    return who.strip().lower() in {"", "nobody"}


def _risk(request: Request) -> Risk | None:
    return request.terms.risk or request.risk


def _purpose(request: Request) -> Literal["ask", "settled", "notice"]:
    if _is_notice(request):
        return "notice"
    return "ask" if request.open else "settled"


def _status(request: Request, who: str, names: Mapping[str, str]) -> str:
    decision = request.decision
    if _is_notice(request):
        return "For information: nothing to decide"
    if decision is None or request.open:
        if _nobody(who):
            return "Waiting, but nobody can decide this"
        if request.version > 1:
            return "Waiting for a decision on the edited arguments"
        return "Waiting for an answer" if _asks(request) else "Waiting for a decision"
    if decision.kind == "expire":
        return "Expired: nobody decided in time, so it was not run"
    if decision.kind == "cancel":
        return "Withdrawn by the agent before anybody decided"
    by = _by(decision, names)
    verb = {"approve": "Approved", "edit": "Approved with changes", "reject": "Rejected", "respond": "Answered"}
    return f"{verb[decision.kind]} by {by}"


def _by(decision: Decision, names: Mapping[str, str]) -> str:
    people = [
        one_line(names.get(by.person, by.person)) if by.person else f"the rule “{one_line(by.rule or '')}”"
        for by in decision.decided_by
    ]
    return " and ".join(people) or "somebody unknown"


def _tone(request: Request, who: str) -> Tone:
    if _is_notice(request):
        return "neutral"
    if request.open:
        return "warning" if _nobody(who) or _risk(request) in {"high", "critical"} else "neutral"
    if request.outcome is not None and request.outcome.status == "failed":
        return "warning"
    tones: dict[str, Tone] = {"approved": "good", "responded": "good", "rejected": "bad", "expired": "warning"}
    return tones.get(request.status, "neutral")


def _summary(request: Request, title: str, status: str) -> str:
    risk = _risk(request)
    if _is_notice(request):
        text = f"For information: {title}"
    elif not request.open:
        text = f"{status}: {title}"
    elif _asks(request):
        text = f"Answer needed: {title}"
    else:
        text = f"Approval needed: {title}" + (f" ({risk} risk)" if risk else "")
    return text if len(text) <= SUMMARY else text[: SUMMARY - 1] + "…"


def _buttons(request: Request) -> tuple[Button, ...]:
    details_button = Button("details", "Details")
    if not request.open or _is_notice(request):
        return (details_button,)
    found: list[Button] = []
    for action in ("approve", "respond", "edit", "reject"):
        if action in request.allowed_decisions and (action != "edit" or editable_names(request)):
            first = not found and action in {"approve", "respond"}
            found.append(
                Button(action, _LABELS[action], "danger" if action == "reject" else "primary" if first else "plain")
            )
    return (*found, details_button)


# ── facts ────────────────────────────────────────────────────────────────────────────────────────


def _facts(request: Request, clean: Clean) -> list[Fact]:
    """Before the arguments: what it is and what the agent says about it."""
    lines = (("Tool", request.tool), ("Agent", request.agent), ("On behalf of", request.on_behalf_of))
    texts = (
        ("Description", request.description),
        ("Why", request.reason),
        ("Impact", request.impact),
        ("Rollback", request.rollback),
    )
    # Tool, agent and person are what is decided about: they are shown as sent, even where they repeat a secret.
    found = [Fact(label, one_line(text)) for label, text in lines if text]
    found += [Fact(label, said) for label, text in texts if text and (said := _quoted(clean.text(text)))]
    if "respond" in request.allowed_decisions and (choices := choices_text(request.response_schema, clean)):
        found.append(Fact("Choices", choices))
    # What the policy says is never searched for secrets, or an agent could blank it out by making it one.
    return [*found, Fact("Note", visible(request.terms.note))] if request.terms.note else found


def _quoted(text: str) -> str:
    """Text of several lines with a bar before each, so that no line of it can pass for one of ours."""
    return QUOTE + text.replace("\n", f"\n{QUOTE}") if "\n" in text else text


def _footer(request: Request, who: str, names: Mapping[str, str], clean: Clean) -> list[Fact]:
    """After the arguments: who decides and until when, or who decided what; then where it comes from."""
    found: list[Fact] = []
    if request.open and not _is_notice(request):
        found.append(Fact("Who may decide", NOBODY if _nobody(who) else one_line(who)))
        if len(request.versions) > 1 and (editor := request.versions[-1].by):
            found.append(Fact("Edited by", one_line(names.get(editor, editor)), request.versions[-1].at))
        found.append(Fact("Expires", moment=request.expires_at))
    elif request.decision is not None and not _is_notice(request):
        found += _decided(request, request.decision, names, clean)
    if request.consumed_at is not None:
        found.append(Fact("Started", moment=request.consumed_at))
    if request.outcome is not None:
        text = "Succeeded" if request.outcome.status == "succeeded" else "Failed"
        detail = clean.text(request.outcome.detail or "")
        gap = "\n" if "\n" in detail else " "
        found.append(Fact("Outcome", f"{text}:{gap}{_quoted(detail)}" if detail else text, request.outcome.at))
    for place, reason in request.undelivered.items():
        found.append(Fact("Could not be delivered", f"{one_line(place)}: {one_line(reason)}"))
    found.append(Fact("Digest", request.digest.removeprefix("sha256:")[:DIGEST]))
    if request.run_id or request.thread_url:
        found.append(_run(request))
    return found


def _decided(request: Request, decision: Decision, names: Mapping[str, str], clean: Clean) -> list[Fact]:
    found: list[Fact] = []
    if decision.kind in {"expire", "cancel"}:
        found.append(Fact("Expired" if decision.kind == "expire" else "Withdrawn", moment=decision.decided_at))
    for by in decision.decided_by:
        who = one_line(names.get(by.person, by.person)) if by.person else f"the rule “{one_line(by.rule or '')}”"
        via = _SPOKEN.get(by.via, by.via.capitalize()) if by.via else ""
        found.append(Fact("Decided by", f"{who} ({one_line(via)})" if via else who, by.at))
    if decision.message and (message := clean.text(decision.message)):
        found.append(Fact("Reason" if decision.kind == "reject" else "Message", message))
    if decision.kind == "respond":
        secret = secret_pointers(decision.response, request.response_schema, request.terms.secret)
        found.append(Fact("Answer", answer_text(mask(decision.response, secret))))
    return found


def _run(request: Request) -> Fact:
    run = one_line(request.run_id or "")
    if request.thread_url is None:
        return Fact("Run", run)
    if (found := link(request.thread_url)) is None:
        return Fact("Run", " ".join(part for part in (run, one_line(request.thread_url)) if part))
    url, host = found
    # The host stands beside the agent's own words, so that they cannot pass for another place.
    return Fact("Run", f"{run} ({host})" if run else host, url=url)


def _changed(request: Request, clean: Clean) -> list[Fact]:
    """Every difference from what the agent first asked, for the details."""
    first = _first(request)
    hidden = clean.hidden(first) | clean.hidden(request.arguments)
    found: list[Fact] = []
    for change in changes(mask(first, hidden), mask(request.arguments, hidden)):
        before, after = text_of(change.from_), text_of(change.to)
        found.append(Fact(f"Changed {one_line('/'.join(steps(change.path)))}", f"{before} → {after}"))
    return found


def _within(facts: list[Fact], room: int) -> tuple[Fact, ...]:
    """The facts, shortened to what a card holds; short ones first, so that no long one pushes them out."""
    found: dict[int, Fact] = {}
    for index in sorted(range(len(facts)), key=lambda index: len(facts[index].text)):
        fact = facts[index]
        text, hidden = fit(fact.text, FACT, max(0, room))
        room -= weight(fact.label) + weight(text) + weight(fact.url or "")
        found[index] = replace(fact, text=text, hidden=hidden)
    return tuple(found[index] for index in range(len(facts)))
