"""`/openapi.json`: OpenAPI 3.1, generated from the models that the handlers use."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from signoff.api.body import ConsumeBody, DecisionBody, Nothing, OutcomeBody
from signoff.api.problem import CONTENT_TYPE, STATUS
from signoff.api.requests import MAX_PAGE, MAX_WAIT, PAGE, RISKS, STATUSES
from signoff.api.streams import AUDIT_PAGE, MAX_AUDIT_PAGE
from signoff.model import INTERNAL, Ask, Request

Schema = dict[str, object]
REF = "#/components/schemas/"
JSON = "application/json"


def ref(name: str) -> Schema:
    return {"$ref": REF + name}


def document(body_bytes: int) -> Schema:
    """The whole document, for a server that takes bodies of `body_bytes`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Signoff",
            "version": version("signoff"),
            "summary": "A person approves what an AI agent is about to do.",
            "description": f"Bodies are JSON of at most {body_bytes} bytes. Numbers keep all their digits. "
            "Unknown fields are refused. No GET decides anything.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "`so_…`, made by `signoff keys create`."}
            },
            "schemas": _schemas(),
        },
    }


def _schemas() -> dict[str, object]:
    used: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (Ask, "validation"),
        (DecisionBody, "validation"),
        (ConsumeBody, "validation"),
        (OutcomeBody, "validation"),
        (Nothing, "validation"),
        (Request, "serialization"),
    ]
    _, generated = models_json_schema(used, ref_template=REF + "{model}")
    schemas: dict[str, object] = dict(generated["$defs"])
    record = schemas["Request"]
    assert isinstance(record, dict)
    properties = {name: kind for name, kind in record["properties"].items() if name not in INTERNAL}
    properties |= {
        "rule": {"type": "string", "description": "The policy rule that took the request up."},
        "approvers": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The people and groups of the rule that may decide; nobody when it is empty.",
        },
        "editable": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The arguments that may be changed: allowed by request and rule, not secret, not fixed.",
        },
        "risk": properties["risk"] | {"description": "The rule's; where it names none, the request's."},
        "allowed_decisions": properties["allowed_decisions"]
        | {"description": "What may be decided; without `edit` where nothing may be changed."},
    }
    schemas["Request"] = {
        "type": "object",
        "description": "A request: what was asked, where it stands, what was decided. Secrets are shown only to the "
        "key that asked; everybody else reads `••••••`.",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
    for internal in ("Terms", "Version"):
        schemas.pop(internal, None)
    # People and rules leave out what does not apply to them.
    decided_by = schemas["DecidedBy"]
    assert isinstance(decided_by, dict)
    decided_by["required"] = ["at"]
    decided_by["properties"] = {
        "person": {"type": "string"},
        "name": {"type": "string", "description": "The person's display name."},
        "rule": {"type": "string"},
        "via": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
    }
    decision = schemas["Decision"]
    assert isinstance(decision, dict)
    schemas |= {
        "Page": _object(
            optional=("counts",),
            requests={"type": "array", "items": ref("Request")},
            cursor={"type": ["string", "null"], "description": "Pass it on to get the next page; null at the end."},
            counts={
                "type": "object",
                "description": "By status, whatever the filter. Agent keys: their own. Left out for approvers.",
                "properties": {name: {"type": "integer", "minimum": 0} for name in STATUSES},
                "required": list(STATUSES),
                "additionalProperties": False,
            },
        ),
        "AuditPage": _object(
            lines={
                "type": "array",
                "items": _object(
                    seq={"type": "integer", "minimum": 1},
                    at={"type": "string", "format": "date-time"},
                    at_ms={"type": "integer"},
                    body={"type": "string", "description": "JSON text, exactly as it was hashed."},
                    link={"type": "string"},
                ),
            },
            after={"type": "integer", "minimum": 0, "description": "Pass it on to get the next lines."},
        ),
        "Problem": {
            "type": "object",
            "description": "RFC 9457. `type` ends in a stable code.",
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "One sentence that says what to do."},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "pointer": {"type": "string", "description": "JSON pointer into the body."},
                            "parameter": {"type": "string"},
                            "header": {"type": "string"},
                            "detail": {"type": "string"},
                        },
                        "required": ["detail"],
                        "additionalProperties": False,
                    },
                },
                "decision": {"anyOf": [ref("Decision"), {"type": "null"}]},
                "request": ref("Request"),
            },
            "required": ["type", "title", "status", "detail"],
        },
        "Health": _object(
            status={"type": "string"},
            parts={"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        ),
    }
    return schemas


def _object(optional: Sequence[str] = (), **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _paths() -> dict[str, object]:
    one = "/v1/requests/{id}"
    the_id = _parameter("id", "path", {"type": "string"})
    reading = (400, 401, 403, 404, 422, 503)
    writing = (400, 401, 403, 404, 409, 413, 415, 422, 503)
    return {
        "/v1/requests": {
            "post": _operation(
                "ask",
                "Ask for a decision about a tool call (agent keys).",
                body="Ask",
                parameters=[
                    _parameter(
                        "Idempotency-Key",
                        "header",
                        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
                    )
                ],
                answers={
                    201: ("The request.", "Request"),
                    200: ("The request of an earlier call with this key and body.", "Request"),
                },
                problems=(400, 401, 403, 409, 413, 415, 422, 429, 503),
                headers={200: {"Idempotent-Replayed": {"schema": {"type": "string", "const": "true"}}}},
            ),
            "get": _operation(
                "list",
                "A page of requests, oldest first: an agent key's own, what an approver may decide, all for an admin.",
                parameters=[
                    _parameter("status", "query", {"type": "string", "enum": list(STATUSES)}),
                    _parameter("agent", "query", {"type": "string", "minLength": 1, "maxLength": 500}),
                    _parameter("channel", "query", {"type": "string", "minLength": 1, "maxLength": 500}),
                    _parameter("risk", "query", {"type": "string", "enum": list(RISKS)}),
                    _parameter("cursor", "query", {"type": "string"}),
                    _parameter(
                        "limit", "query", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}
                    ),
                ],
                answers={200: ("A page.", "Page")},
                problems=(400, 401, 403, 422, 503),
            ),
        },
        one: {
            "get": _operation(
                "show",
                "One request; with `wait`, as soon as it is decided or still pending after so many seconds.",
                parameters=[
                    the_id,
                    _parameter("wait", "query", {"type": "integer", "minimum": 0, "maximum": MAX_WAIT, "default": 0}),
                ],
                answers={200: ("The request.", "Request")},
                problems=(*reading, 429),
            )
        },
        one + "/cancel": {
            "post": _operation(
                "cancel",
                "Take a pending request back (the agent key that asked).",
                body="Nothing",
                body_required=False,
                parameters=[the_id],
                answers={200: ("The cancelled request.", "Request")},
                problems=writing,
            )
        },
        one + "/consume": {
            "post": _operation(
                "consume",
                "Burn the approval, once, for exactly the approved arguments, right before running them.",
                body="ConsumeBody",
                parameters=[the_id],
                answers={200: ("The consumed request.", "Request")},
                problems=writing,
            )
        },
        one + "/outcome": {
            "post": _operation(
                "outcome",
                "Say what came of the run; shown on the card and in the audit.",
                body="OutcomeBody",
                parameters=[the_id],
                answers={200: ("The request.", "Request")},
                problems=writing,
            )
        },
        one + "/decisions": {
            "post": _operation(
                "decide",
                "Decide as the person of an approver key; same rules as a click in chat.",
                body="DecisionBody",
                parameters=[the_id],
                answers={200: ("The request.", "Request")},
                problems=writing,
            )
        },
        "/v1/events": {
            "get": _operation(
                "events",
                "Events of the key's own requests as server-sent events; resumable.",
                parameters=[_parameter("Last-Event-ID", "header", {"type": "string"})],
                answers={200: ("An endless stream.", "text/event-stream")},
                problems=(400, 401, 403, 422, 429, 503),
            )
        },
        "/v1/audit": {
            "get": _operation(
                "audit",
                "Audit lines after a number, in order (admin keys).",
                parameters=[
                    _parameter("after", "query", {"type": "integer", "minimum": 0, "maximum": 10**17, "default": 0}),
                    _parameter(
                        "limit",
                        "query",
                        {"type": "integer", "minimum": 1, "maximum": MAX_AUDIT_PAGE, "default": AUDIT_PAGE},
                    ),
                ],
                answers={200: ("Lines.", "AuditPage")},
                problems=(400, 401, 403, 422, 503),
            )
        },
        "/healthz": {"get": _open("healthz", "Is the process alive?", {200: "Health"})},
        "/readyz": {"get": _open("readyz", "Can it serve: Redis and chats.", {200: "Health", 503: "Health"})},
        "/openapi.json": {"get": _open("openapi", "This document.", {200: None})},
        "/.well-known/jwks.json": {"get": _open("jwks", "The keys that receipts are signed with.", {200: None})},
    }


def _parameter(name: str, place: str, schema: Schema) -> Schema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _operation(
    operation: str,
    summary: str,
    *,
    answers: dict[int, tuple[str, str]],
    problems: tuple[int, ...],
    parameters: list[Schema] | None = None,
    body: str | None = None,
    body_required: bool = True,
    headers: dict[int, Schema] | None = None,
) -> Schema:
    responses: dict[str, object] = {}
    for status, (text, kind) in answers.items():
        content = {kind: {"schema": {"type": "string"}}} if "/" in kind else {JSON: {"schema": ref(kind)}}
        responses[str(status)] = {"description": text, "content": content}
        if headers and status in headers:
            responses[str(status)] = {"description": text, "content": content, "headers": headers[status]}
    for status in problems:
        codes = ", ".join(sorted(code for code, number in STATUS.items() if number == status))
        responses[str(status)] = {
            "description": codes,
            "content": {CONTENT_TYPE: {"schema": ref("Problem")}},
        }
    out: Schema = {"operationId": operation, "summary": summary, "responses": responses}
    if parameters:
        out["parameters"] = parameters
    if body:
        out["requestBody"] = {"required": body_required, "content": {JSON: {"schema": ref(body)}}}
    return out


def _open(operation: str, summary: str, answers: dict[int, str | None]) -> Schema:
    """An address that needs no key."""
    responses = {
        str(status): {
            "description": summary,
            "content": {JSON: {"schema": ref(kind) if kind else {"type": "object"}}},
        }
        for status, kind in answers.items()
    }
    return {"operationId": operation, "summary": summary, "security": [], "responses": responses}
