"""What OpenAPI documents are put together from."""

from __future__ import annotations

from collections.abc import Sequence

from signoff.api.problem import CONTENT_TYPE, STATUS

Schema = dict[str, object]
REF = "#/components/schemas/"
JSON = "application/json"


def ref(name: str) -> Schema:
    return {"$ref": REF + name}


def listed(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def nullable(kind: str, **more: object) -> Schema:
    return {"type": [kind, "null"], **more}


MOMENT: Schema = {"type": "string", "format": "date-time"}


def closed(optional: Sequence[str] = (), **properties: Schema) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def parameter(name: str, place: str, schema: Schema) -> Schema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


IDEMPOTENCY_KEY = parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
)
CLAIM = parameter(
    "Signoff-Claim", "header", {"type": "string", "minLength": 16, "maxLength": 128, "pattern": "^[A-Za-z0-9_-]+$"}
)
REPLAYED: Schema = {"Idempotent-Replayed": {"schema": {"type": "string", "const": "true"}}}
WORD: Schema = {"type": "string", "minLength": 1, "maxLength": 500}
THE_ID = parameter("id", "path", {"type": "string"})
LISTING = (400, 401, 403, 422, 503)
"""Statuses of problems that any list can answer with."""
READING = (400, 401, 403, 404, 422, 503)
WRITING = (400, 401, 403, 404, 409, 413, 415, 422, 503)


def operation(
    name: str,
    summary: str,
    *,
    answers: dict[int, tuple[str, str]],
    problems: tuple[int, ...],
    parameters: list[Schema] | None = None,
    body: str | None = None,
    body_required: bool = True,
    headers: dict[int, Schema] | None = None,
) -> Schema:
    """`answers`: status → what it is, and the name of its schema or a media type of plain text."""
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
    out: Schema = {"operationId": name, "summary": summary, "responses": responses}
    if parameters:
        out["parameters"] = parameters
    if body:
        out["requestBody"] = {"required": body_required, "content": {JSON: {"schema": ref(body)}}}
    return out


def public(name: str, summary: str, answers: dict[int, str | None]) -> Schema:
    """An address that needs no key."""
    responses = {
        str(status): {
            "description": summary,
            "content": {JSON: {"schema": ref(kind) if kind else {"type": "object"}}},
        }
        for status, kind in answers.items()
    }
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}
