"""Records as the HTTP answer shows them: RFC 3339 times, exact numbers, secrets only to the key that asked (I13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from signoff.api.stages import stages
from signoff.model import (
    INTERNAL,
    Batch,
    Change,
    Clean,
    DecidedBy,
    Decision,
    Event,
    Key,
    Outcome,
    Request,
    dumps,
    editable_names,
    iso,
    mask,
    origin,
    secret_pointers,
)

Document = dict[str, object]


def answer(body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer with exact numbers."""
    return web.Response(status=status, text=dumps(body), content_type="application/json", headers=headers)


def shown(request: Request, key: Key) -> Document:
    """The record as this key may see it."""
    return record(request, masked=request.asked_by != key.id)


def record(request: Request, *, masked: bool) -> Document:
    """What was asked, under the terms of the rule that took it up, where it stands and what was decided.

    Without the record's own bookkeeping.
    """
    body: Document = {name: getattr(request, name) for name in Request.model_fields if name not in _APART}
    arguments: object = request.arguments
    clean = Clean(request) if masked else None
    hide = clean.told if clean else str
    if clean:
        arguments = _mask(arguments, request.schema_, request)
        body["metadata"] = clean.data(_mask(request.metadata, None, request))
        body |= {name: hide(value) for name, value in body.items() if name in _TOLD and isinstance(value, str)}
        body["callback_url"] = request.callback_url and origin(request.callback_url)
    consumed = request.consumed_at
    outcome = request.outcome
    editable = editable_names(request)
    return body | {
        # As the card shows it, after the rule had its say.
        "risk": request.terms.risk or request.risk,
        "editable": list(editable),
        "allowed_decisions": [kind for kind in request.allowed_decisions if kind != "edit" or editable],
        "approvers": list(request.terms.approvers),
        "schema": request.schema_,
        "arguments": arguments,
        "created_at": iso(request.created_at),
        "expires_at": iso(request.expires_at),
        "consumed_at": iso(consumed) if consumed else None,
        "rule": request.terms.rule,
        "mode": request.terms.mode,
        "batch": request.batch and batch(request.batch, hide),
        "confirm": request.terms.confirm and hide(request.terms.confirm),
        "stages": stages(request),
        "outcome": None if outcome is None else _outcome(outcome, hide),
        "decision": decision(request, masked=masked),
    }


def as_asked(request: Request) -> Document:
    """The record as the key that asked reads it."""
    return record(request, masked=False)


_TOLD = ("title", "description", "reason", "impact", "rollback")
"""Texts in which an agent may have quoted a secret."""
_APART = INTERNAL | {"schema_", "arguments", "created_at", "expires_at", "consumed_at", "outcome", "decision", "batch"}


def batch(of: Batch, hide: Callable[[str], str]) -> Document:
    """The agent's batch that a request was asked in, and its place there."""
    return {"id": of.id, "index": of.index, "size": of.size, "title": of.title and hide(of.title)}


def decision(request: Request, *, masked: bool) -> Document | None:
    """The decision, or None while there is none."""
    made = request.decision
    if made is None:
        return None
    arguments: object = made.arguments
    response = made.response
    message = made.message
    if masked:
        arguments = _mask(arguments, request.schema_, request)
        response = _mask(response, request.response_schema, request)
        message = message and Clean(request).told(message)
    return {
        "kind": made.kind,
        "arguments": arguments,
        "changes": _changes(request, made, masked=masked),
        "message": message,
        "retry": made.retry,
        "forced": made.forced,
        "grant": made.grant,
        "response": response,
        "decided_by": [_by(who) for who in made.decided_by],
        "decided_at": iso(made.decided_at),
        "digest": made.digest,
        "receipt": made.receipt,
    }


def _outcome(outcome: Outcome, hide: Callable[[str], str]) -> Document:
    detail = hide(outcome.detail) if outcome.detail else outcome.detail
    return {"status": outcome.status, "detail": detail, "at": iso(outcome.at) if outcome.at else None}


def _by(who: DecidedBy) -> Document:
    named = {
        "person": who.person,
        "name": who.name,
        "acting_for": who.acting_for,
        "rule": who.rule,
        "via": who.via,
        "batch": who.batch,
    }
    return {**{key: value for key, value in named.items() if value is not None}, "at": iso(who.at)}


def _changes(request: Request, made: Decision, *, masked: bool) -> list[Document]:
    hidden = secrets(request) if masked else frozenset[str]()
    return [_change(change, hidden) for change in made.changes]


def _change(change: Change, hidden: frozenset[str]) -> Document:
    old, new = (part(value, change.path, hidden) for value in (change.from_, change.to))
    return {"path": change.path, "from": old, "to": new}


def secrets(request: Request) -> frozenset[str]:
    """Where secrets are or were, in any version of the arguments."""
    return frozenset(
        pointer
        for version in request.versions
        for pointer in secret_pointers(version.arguments, request.schema_, request.terms.secret)
    )


def part(value: object, path: str, hidden: frozenset[str]) -> object:
    """What stands at `path` in the arguments, without secrets."""
    # Pointers below the part count from its own place; the part itself being (in) a secret hides all of it.
    if any(path == secret or path.startswith(secret + "/") for secret in hidden):
        return mask(value, {""})
    return mask(value, {secret[len(path) :] for secret in hidden if secret.startswith(path + "/")})


def _mask(value: object, schema: dict[str, object] | None, request: Request) -> object:
    return mask(value, secret_pointers(value, schema, request.terms.secret))


def event(one: Event) -> Document:
    """An event as the stream shows it; what it is about is read from the request itself."""
    return {"id": one.id, "type": one.type, "request": one.request, "status": one.status, "at": iso(one.at)}
