"""Taking up a tool call: what the body must satisfy, and the record it becomes. Pure."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from signoff import digest, forms
from signoff.desk.verdict import settle
from signoff.errors import Invalid
from signoff.model import Ask, Batch, DecidedBy, Decision, Key, Request, Terms, Version
from signoff.ports import Targets

NOTICE_RULE = "notice"


def check(ask: Ask, targets: Targets) -> str:
    """Everything about a body that its types do not say; answers its digest, which tells whether a replayed body is the
    same. Raises Invalid with a pointer a fault.

    `targets`: where webhooks may go.
    """
    faults: dict[str, str] = {}
    if ask.callback_url is not None and (refused := targets.refusal(ask.callback_url)) is not None:
        faults["/callback_url"] = refused
    if len(set(ask.allowed_decisions)) != len(ask.allowed_decisions):
        faults["/allowed_decisions"] = "Name each decision once."
    for name, schema in (("/schema", ask.schema_), ("/response_schema", ask.response_schema)):
        if schema is not None:
            faults |= {name + pointer: text for pointer, text in forms.check_schema(schema).items()}
    if not faults and ask.schema_ is not None:
        wrong = forms.validate(ask.schema_, ask.arguments, ())
        faults |= {"/arguments" + pointer: text for pointer, text in wrong.items()}
    known = set(ask.arguments) | set(forms.properties(ask.schema_)) if not faults else set()
    for index, name in enumerate(ask.editable or ()):
        if not faults and name not in known:
            faults[f"/editable/{index}"] = f'"{name}" is not an argument of this call.'
            break
    if faults:
        raise Invalid(faults)
    try:
        return digest.body_digest(ask.model_dump(mode="python"))
    except ValueError as error:
        raise Invalid({"": f"The body is not JSON that can be signed: {error}."}) from error


def record(ask: Ask, terms: Terms, key: Key, now: datetime, batch: Batch | None = None) -> Request:
    """The record of a new request; nothing is decided yet. `batch`: of which it is one."""
    first = digest.digest(ask.tool, ask.arguments, ask.agent, ask.on_behalf_of)
    # Ids are in the order of time, and those of a batch, which share their moment, in the order of its rows.
    tail = secrets.token_hex(8) if batch is None else f"{batch.index:04x}{secrets.token_hex(6)}"
    return Request.model_construct(
        **dict(ask),
        id=f"req_{int(now.timestamp() * 1000):012x}{tail}",
        status="pending",
        version=1,
        digest=first,
        created_at=now,
        expires_at=now + timedelta(seconds=terms.expires_in),
        decision=None,
        terms=terms,
        versions=(Version(number=1, arguments=ask.arguments, digest=first, at=now),),
        asked_by=key.id,
        owner=key.owner,
        consumed_at=None,
        claim=None,
        outcome=None,
        undelivered={},
        stage=0,
        votes=(),
        reminded=0,
        escalated=0,
        snoozed_until=None,
        notices=(),
        frozen=None,
        batch=batch,
        piled=(),
        rev=1,
    )


def by_rule(request: Request, who: str, now: datetime, signer: digest.Signer) -> Request:
    """The record, already decided where a rule decides or nothing is asked. `who`: who would have been asked."""
    terms = request.terms
    by = (DecidedBy(rule=terms.rule, at=now),)
    if not request.allowed_decisions:
        # Told, not asked. Never `approved`: an agent must not get an approval by offering no decision.
        told = (DecidedBy(rule=NOTICE_RULE, at=now),)
        decision = Decision(kind="respond", decided_by=told, decided_at=now, digest=request.digest)
        return request.model_copy(update={"status": "responded", "decision": decision})
    if terms.mode != "enforce" and "approve" in request.allowed_decisions:
        return settle(request, "approve", by, now, signer, message=_unenforced(terms, who), rev=1)
    if terms.decide in {"approve", "notify"} and "approve" in request.allowed_decisions:
        return settle(request, "approve", by, now, signer, rev=1)
    if terms.decide == "reject" and terms.mode == "enforce":
        return settle(request, "reject", by, now, signer, message=terms.message, rev=1)
    return request


def _unenforced(terms: Terms, who: str) -> str:
    if terms.mode == "off":
        return "Signoff is switched off here: nobody was asked, and no rule was looked at."
    would = {
        "approve": "have approved this by itself",
        "notify": "have told people about this and let it run",
        "reject": f"have rejected this: {terms.message}",
        "ask": f"have asked {who}",
    }[terms.decide]
    return f"Shadow mode: nobody was asked. The rule “{terms.rule}” would {would}."


def again(request: Request, arguments: dict[str, object]) -> Ask:
    """The same call with other arguments, for the policy; places already shown stay, so no channel is asked for."""
    fields: dict[str, Any] = {name: getattr(request, name) for name in Ask.model_fields}
    return Ask.model_construct(None, **(fields | {"arguments": arguments, "channel": None}))
