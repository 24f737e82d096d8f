"""What happens to a request by the clock: reminders, the ladder of escalation, the end. Pure.

One timer at a time, in the order they are due: each becomes one compare-and-set, so each fires once whichever replica
is up, and after an outage they follow each other as they would have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from signoff.audit import Entry
from signoff.desk import entries as audit
from signoff.desk.verdict import settle
from signoff.digest import Signer
from signoff.model import DecidedBy, Notice, Request
from signoff.policy import Policy

DIRECT = 20
"""How many people one reminder writes to directly; the others are reached in the channel."""


def ended(request: Request, now: datetime, signer: Signer) -> Request:
    """The record of a request whose time has passed: expired, or rejected where the rule says so (I05)."""
    if request.terms.on_expire == "reject":
        by = (DecidedBy(rule=request.terms.rule, at=now),)
        message = f"Nobody decided in time, and the rule “{request.terms.rule}” rejects what nobody decides."
        return settle(request, "reject", by, now, signer, message=message, retry="ask")
    return settle(request, "expire", (), now, signer)


def is_escalation(request: Request) -> bool:
    """Whether the next timer is a rung of the ladder; else it is a reminder. Before either comes the end."""
    asked = request.versions[-1].at
    if request.escalated >= len(request.terms.escalate):
        return False
    due = asked + timedelta(seconds=request.terms.escalate[request.escalated].after)
    return due <= request.wakes_at


def escalated(request: Request, places: Sequence[str], now: datetime) -> tuple[Request, Entry]:
    """More people are asked, in more places: `places` are the rung's, direct messages one by one."""
    rung = request.terms.escalate[request.escalated]
    terms = request.terms.model_copy(
        update={
            "approvers": tuple(dict.fromkeys((*request.terms.approvers, *rung.to))),
            "show": tuple(dict.fromkeys((*request.terms.show, *places))),
        }
    )
    notice = Notice(kind="escalated", at=now, to=rung.to)
    after = request.model_copy(
        update={
            "terms": terms,
            "escalated": request.escalated + 1,
            "notices": (*request.notices, notice),
            "rev": request.rev + 1,
        }
    )
    return after, audit.timed(after, "escalated", to=list(rung.to), show=list(places))


def reminded(policy: Policy, request: Request, now: datetime, people: Sequence[str]) -> tuple[Request, Entry]:
    """Those still asked are told once more: below the card, or each by a card of their own."""
    after = request.model_copy(update={"reminded": _reached(request), "rev": request.rev + 1})
    places = direct_places(policy, request, people) if request.terms.remind_by == "direct" else {}
    # Who has a card of their own already is told below it.
    direct = {person: place for person, place in places.items() if place not in request.terms.show}
    if direct:
        show = tuple(dict.fromkeys((*request.terms.show, *direct.values())))
        after = after.model_copy(update={"terms": request.terms.model_copy(update={"show": show})})
    if len(direct) < len(people) or not people:
        notice = Notice(kind="reminded", at=now, to=tuple(name for name in people if name not in direct))
        after = after.model_copy(update={"notices": (*request.notices, notice)})
    return after, audit.timed(after, "reminded", people=list(people), direct=list(direct.values()))


def _reached(request: Request) -> int:
    """How many of the reminders are done with this one: those that a snooze held back come as one."""
    asked, moments = request.versions[-1].at, request.terms.remind
    held = request.snoozed_until or asked
    late = sum(asked + timedelta(seconds=after) <= held for after in moments)
    return max(request.reminded + 1, late)


def direct_places(policy: Policy, request: Request, people: Sequence[str]) -> Mapping[str, str]:
    """Person → where a direct message reaches them: in a chat where the request is shown, if they are there."""
    shown = [place.partition(":")[0] for place in request.terms.show]
    found: dict[str, str] = {}
    for person in people[:DIRECT]:
        chats = sorted(policy.people[person].identities, key=lambda chat: (chat not in shown, chat))
        if chats:
            found[person] = f"{chats[0]}:@{person}"
    return found
