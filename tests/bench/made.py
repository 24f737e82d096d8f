"""Requests, decisions and audit entries as the desk makes them."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta

from signoff import digest
from signoff.audit import Entry
from signoff.desk import entries
from signoff.desk.verdict import settle
from signoff.model import Actor, DecidedBy, MessageRef, Principal, Request, Risk, Terms, Version
from signoff.ports import Caps

CAPS = Caps(open_requests=10_000_000, per_minute=100_000_000)
ARGUMENTS: dict[str, object] = {"order": "A-1001", "amount": 500, "note": "x" * 980}
"""1 KB."""
LIFE = 3600
"""Seconds."""
_signer = digest.Signer.generate()
_digest = digest.digest("issue_refund", ARGUMENTS, "bench", None)
_actor = Actor(
    via="slack",
    principal=Principal(chat="slack", tenant="T0DEMO", user="U0ADA"),
    origin=MessageRef(chat="slack", tenant="T0DEMO", conversation="C0REFUNDS", message="1700000000.000100"),
)
_now = datetime.now(UTC).replace(microsecond=0)
_template = Request.model_validate(
    {
        "id": "req_",
        "tool": "issue_refund",
        "arguments": ARGUMENTS,
        "agent": "bench",
        "digest": _digest,
        "created_at": _now,
        "expires_at": _now + timedelta(seconds=LIFE),
        "terms": Terms(rule="refunds", approvers=("ada",), show=("slack:#refunds",), expires_in=LIFE),
        "versions": (Version(number=1, arguments=ARGUMENTS, digest=_digest, at=_now),),
        "asked_by": "bench",
    }
)

Opening = tuple[Request, Entry]


def asked(
    *,
    show: tuple[str, ...] = ("slack:#refunds",),
    approver: str = "ada",
    asked_by: str = "bench",
    remind: tuple[int, ...] = (),
) -> Opening:
    """A pending request with 1 KB of arguments."""
    request = _template.model_copy(
        update={
            "id": f"req_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}",
            "terms": _template.terms.model_copy(update={"show": show, "approvers": (approver,), "remind": remind}),
            "asked_by": asked_by,
        }
    )
    return request, entries.asked(request)


def small(
    number: int,
    *,
    show: tuple[str, ...] = ("slack:#refunds",),
    approver: str = "ada",
    tool: str = "issue_refund",
    agent: str = "bench",
    risk: Risk | None = "low",
) -> Opening:
    """A pending request with few arguments, which differ from number to number as its deadline does."""
    arguments: dict[str, object] = {"order": f"A-{number}", "amount": 20 + number % 79, "currency": "eur"}
    request, _ = asked(show=show, approver=approver)
    signed = digest.digest(tool, arguments, agent, None)
    request = request.model_copy(
        update={
            "tool": tool,
            "agent": agent,
            "risk": risk,
            "arguments": arguments,
            "digest": signed,
            "versions": (Version(number=1, arguments=arguments, digest=signed, at=_now),),
            "expires_at": request.expires_at + timedelta(seconds=number * 7919 % LIFE),
        }
    )
    return request, entries.asked(request)


def approved(before: Request, person: str = "ada") -> Opening:
    """The same, approved and signed for."""
    now = datetime.now(UTC).replace(microsecond=0)
    by = (DecidedBy(person=person, name=person.title(), via="slack", at=now),)
    after = settle(before, "approve", by, now, _signer)
    return after, entries.decided(after, _actor, person)
