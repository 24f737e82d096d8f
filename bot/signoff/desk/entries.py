"""What the audit trail says about each step (I25). Secrets are masked before anything is written (I13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from signoff.audit import Entry
from signoff.model import (
    Actor,
    Change,
    Clean,
    Delegation,
    Delivery,
    Freeze,
    Grant,
    Request,
    Vote,
    iso,
    mask,
    origin,
    secret_pointers,
)


def shown(request: Request, arguments: Mapping[str, object]) -> dict[str, object]:
    """Arguments without their secrets."""
    hidden = secret_pointers(arguments, request.schema_, request.terms.secret)
    return cast("dict[str, object]", mask(arguments, hidden))


def shown_changes(request: Request, changes: tuple[Change, ...]) -> list[dict[str, object]]:
    """Changes without secret values: what changed is said, not from what to what."""
    arguments = request.versions[0].arguments, request.arguments
    hidden = {p for version in arguments for p in secret_pointers(version, request.schema_, request.terms.secret)}
    lines: list[dict[str, object]] = []
    for change in changes:
        secret = any(change.path == pointer or change.path.startswith(pointer + "/") for pointer in hidden)
        if secret:
            lines.append({"path": change.path, "secret": True})
        else:
            below = {p[len(change.path) :] for p in hidden if p.startswith(change.path + "/")}
            lines.append({"path": change.path, "from": mask(change.from_, below), "to": mask(change.to, below)})
    return lines


def asked(request: Request) -> Entry:
    """Somebody's agent asked; with the rule that took it up and, if a rule decided at once, its decision; and
    whether the agent has begun to run it with that.
    """
    return Entry.of(
        {
            "type": "asked",
            **_which(request),
            "agent": request.agent,
            "on_behalf_of": request.on_behalf_of,
            "run_id": request.run_id,
            "tool_call_id": request.tool_call_id,
            "asked_by": request.asked_by,
            "owner": request.owner,
            "title": request.title and Clean(request).told(request.title),
            "risk": request.terms.risk,
            "arguments": shown(request, request.arguments),
            "allowed_decisions": list(request.allowed_decisions),
            "rule": request.terms.rule,
            "note": request.terms.note,
            **({"mode": request.terms.mode} if request.terms.mode != "enforce" else {}),
            "decide": request.terms.decide,
            "approvers": list(request.terms.approvers),
            "stages": _stages(request),
            "show": list(request.terms.show),
            **_apart(request),
            "metadata": shown_metadata(request),
            "expires_at": iso(request.expires_at),
            **({"callback": origin(request.callback_url)} if request.callback_url else {}),
            **({"decision": _decision(request)} if request.decision else {}),
            **({"consumed": True} if request.consumed_at else {}),
        }
    )


def revised(request: Request, actor: Actor, person: str, changes: tuple[Change, ...]) -> Entry:
    """A person changed the arguments, and the policy asks others about the new ones."""
    return Entry.of(
        {
            "type": "revised",
            **_which(request),
            **_who(actor, person),
            "original": shown(request, request.versions[0].arguments),
            "arguments": shown(request, request.arguments),
            "changes": shown_changes(request, changes),
            "rule": request.terms.rule,
            "approvers": list(request.terms.approvers),
            "stages": _stages(request),
            "votes": _votes(request.votes),
        }
    )


def voted(request: Request, actor: Actor, person: str, void: Sequence[Vote], batch: str | None = None) -> Entry:
    """A person agreed, and others are asked still. `void`: earlier votes of people who may no longer decide."""
    return Entry.of(
        {
            "type": "voted",
            **_which(request),
            **_who(actor, person),
            **_along(batch),
            "rule": request.terms.rule,
            "stage": request.stage,
            "votes": _votes(request.votes),
            "void": _votes(void),
        }
    )


def marked(request: Request) -> Entry:
    """A freeze reaches a waiting request, or no freeze does any more: its card follows."""
    what = "request_thawed" if request.frozen is None else "request_frozen"
    return Entry.of({"type": what, **_which(request), "frozen": request.frozen})


def timed(request: Request, what: str, **facts: object) -> Entry:
    """Something that came by itself, by the clock: `reminded`, `escalated`."""
    return Entry.of({"type": what, **_which(request), "rule": request.terms.rule, **facts})


def put_off(request: Request, what: str, actor: Actor, person: str, until: datetime) -> Entry:
    """A person extended the deadline or snoozed the reminders."""
    return Entry.of({"type": what, **_which(request), **_who(actor, person), "until": iso(until)})


def froze(freeze: Freeze, via: str) -> Entry:
    return Entry.of({"type": "froze", "freeze": freeze.model_dump(mode="json"), "by": freeze.by, "via": via})


def thawed(freeze: Freeze, by: str, via: str) -> Entry:
    return Entry.of({"type": "thawed", "freeze": freeze.model_dump(mode="json"), "by": by, "via": via})


def revoked(grant: Grant, by: str, via: str) -> Entry:
    return Entry.of({"type": "grant_revoked", "grant": _grant(grant), "by": by, "via": via})


def lapsed(order: Grant | Delegation) -> Entry:
    """A grant or a delegation has run out by itself."""
    if isinstance(order, Grant):
        return Entry.of({"type": "grant_lapsed", "grant": _grant(order)})
    return Entry.of({"type": "delegation_lapsed", "delegation": order.model_dump(mode="json")})


def delegated(delegation: Delegation, via: str) -> Entry:
    return Entry.of({"type": "delegated", "delegation": delegation.model_dump(mode="json"), "via": via})


def undelegated(delegation: Delegation, by: str, via: str) -> Entry:
    facts = {"delegation": delegation.model_dump(mode="json"), "by": by, "via": via}
    return Entry.of({"type": "delegation_ended", **facts})


def decided(
    request: Request, actor: Actor | None, person: str | None, grant: Grant | None = None, batch: str | None = None
) -> Entry:
    """The decision, with the original and the final arguments, and the grant that came with it. `batch`: the review in
    which several were decided at once.
    """
    return Entry.of(
        {
            "type": "decided",
            **_which(request),
            **(_who(actor, person) if actor else {}),
            **_along(batch),
            "rule": request.terms.rule,
            "original": shown(request, request.versions[0].arguments),
            **({"grant": _grant(grant)} if grant else {}),
            **_decision(request),
        }
    )


def consumed(request: Request) -> Entry:
    return Entry.of({"type": "consumed", **_which(request)})


def reported(request: Request) -> Entry:
    assert request.outcome is not None
    detail = request.outcome.detail and Clean(request).told(request.outcome.detail)
    return Entry.of({"type": "reported", **_which(request), "outcome": request.outcome.status, "detail": detail})


def undeliverable(request: Request, place: str, reason: str) -> Entry:
    return Entry.of({"type": "undeliverable", **_which(request), "place": place, "reason": reason})


def webhook_dead(delivery: Delivery) -> Entry:
    """Nobody took a webhook for so long that it is not tried any more."""
    facts = {"attempts": delivery.attempts, "fault": delivery.fault}
    return Entry.of({"type": "webhook_dead", **_webhook(delivery), **facts})


def webhook_redelivered(delivery: Delivery, by: str, via: str) -> Entry:
    """Somebody has a webhook sent again; `delivery`: as it was."""
    return Entry.of({"type": "webhook_redelivered", **_webhook(delivery), "was": delivery.state, "by": by, "via": via})


def _webhook(delivery: Delivery) -> dict[str, object]:
    return {"request": delivery.request, "event": delivery.type, "target": delivery.target}


def _apart(request: Request) -> dict[str, object]:
    """Why it has no card of its own."""
    batch = request.batch
    return {
        **({"batch": batch.id, "index": batch.index} if batch else {}),
        **({"piled": list(request.piled)} if request.piled else {}),
    }


def shown_metadata(request: Request) -> dict[str, object]:
    """What conditions may speak of besides the arguments, without its secrets."""
    if not request.metadata:
        return {}
    hidden = secret_pointers(request.metadata, None, request.terms.secret)
    return cast("dict[str, object]", Clean(request).data(mask(request.metadata, hidden)))


def _stages(request: Request) -> list[dict[str, object]]:
    return [{"name": one.name, "approvers": list(one.approvers), "quorum": one.quorum} for one in request.terms.stages]


def _votes(votes: Sequence[Vote]) -> list[dict[str, object]]:
    return [
        {"person": one.person, "acting_for": one.acting_for, "via": one.via, "stage": one.stage, "at": iso(one.at)}
        for one in votes
    ]


def _grant(grant: Grant) -> dict[str, object]:
    """Without the values that have to match: they may be secret."""
    return {**grant.model_dump(mode="json", exclude={"match"}), "match": sorted(grant.match)}


def _which(request: Request) -> dict[str, object]:
    return {
        "request": request.id,
        "tool": request.tool,
        "version": request.version,
        "digest": request.digest,
        "status": request.status,
    }


def _who(actor: Actor, person: str | None) -> dict[str, object]:
    return {
        "person": person,
        "via": actor.via,
        "principal": actor.principal.key if actor.principal else None,
        "message": actor.origin.message if actor.origin else None,
    }


def _along(batch: str | None) -> dict[str, object]:
    return {} if batch is None else {"batch": batch}


def _decision(request: Request) -> dict[str, object]:
    decision = request.decision
    assert decision is not None
    response, message = decision.response, decision.message
    if response is not None:
        # Against the schema as it is: its references count from its own root.
        response = mask(response, secret_pointers(response, request.response_schema, request.terms.secret))
    return {
        "kind": decision.kind,
        "arguments": None if decision.arguments is None else shown(request, decision.arguments),
        "changes": shown_changes(request, decision.changes),
        "message": message and Clean(request).told(message),
        "retry": decision.retry,
        "forced": decision.forced,
        "under_grant": decision.grant,
        "response": response,
        "decided_by": [who.person or f"rule:{who.rule}" for who in decision.decided_by],
        "acting_for": {who.person: who.acting_for for who in decision.decided_by if who.person and who.acting_for},
        "decided_at": iso(decision.decided_at),
        "receipt": decision.receipt,
    }
