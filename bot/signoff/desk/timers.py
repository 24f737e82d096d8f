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


def escalated(request: Request, now: datetime) -> tuple[Request, Entry]:
    """More people are asked, in more places."""
    rung = request.terms.escalate[request.escalated]
    terms = request.terms.model_copy(
        update={
            "approvers": tuple(dict.fromkeys((*request.terms.approvers, *rung.to))),
            "show": tuple(dict.fromkeys((*request.terms.show, *rung.show))),
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
    return after, audit.timed(after, "escalated", to=list(rung.to), show=list(rung.show))


def reminded(policy: Policy, request: Request, now: datetime, people: Sequence[str]) -> tuple[Request, Entry]:
    """Those still asked are told once more: below the card, or each by a card of their own."""
    after = request.model_copy(update={"reminded": request.reminded + 1, "rev": request.rev + 1})
    direct = direct_places(policy, request, people) if request.terms.remind_by == "direct" else {}
    if direct:
        show = tuple(dict.fromkeys((*request.terms.show, *direct.values())))
        after = after.model_copy(update={"terms": request.terms.model_copy(update={"show": show})})
    if len(direct) < len(people) or not people:
        notice = Notice(kind="reminded", at=now, to=tuple(name for name in people if name not in direct))
        after = after.model_copy(update={"notices": (*request.notices, notice)})
    return after, audit.timed(after, "reminded", people=list(people), direct=list(direct.values()))


def direct_places(policy: Policy, request: Request, people: Sequence[str]) -> Mapping[str, str]:
    """Person → where a direct message reaches them: in a chat where the request is shown, if they are there."""
    shown = [place.partition(":")[0] for place in request.terms.show]
    found: dict[str, str] = {}
    for person in people[:DIRECT]:
        chats = sorted(policy.people[person].identities, key=lambda chat: (chat not in shown, chat))
        if chats:
            found[person] = f"{chats[0]}:@{person}"
    return found
