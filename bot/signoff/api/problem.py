"""Errors at the HTTP door: RFC 9457 problem documents. One table from code to status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from signoff.errors import Invalid, SignoffError
from signoff.model import dumps

TYPE = "https://signoff.dev/problems/"
CONTENT_TYPE = "application/problem+json"
MAX_FAULTS = 100
"""Faults listed in one answer."""
BUSY_AFTER = 1
"""Seconds in Retry-After when the error names none: Redis is away, or a cap is full."""
AFTER: Mapping[str, float] = {"directory_away": 5}
"""Code → seconds in Retry-After, where one more second is too soon: a chat's own limits count these looks."""


class BadJson(SignoffError):
    """The body is not JSON: {reason}."""

    code = "bad_json"


class BadRequest(SignoffError):
    """The request cannot be read: {reason}."""

    code = "bad_request"


class UnsupportedMediaType(SignoffError):
    """Send the body as `Content-Type: application/json`."""

    code = "unsupported_media_type"


class NoSuchPath(SignoffError):
    """There is nothing at this address; `/openapi.json` lists what there is."""

    code = "not_found"


class MethodNotAllowed(SignoffError):
    """This address takes {allowed}."""

    code = "method_not_allowed"


class NoSuch(SignoffError):
    """There is no such {what}; `GET {where}` lists those there are."""

    code = "not_found"


class NoSuchBatch(SignoffError):
    """There is no such batch, or another key asked it."""

    code = "not_found"


class Fault(SignoffError):
    """Something went wrong on our side; nothing is known to be recorded, so try again."""

    code = "internal"


STATUS: Mapping[str, int] = {
    "bad_json": 400,
    "bad_request": 400,
    "unauthorized": 401,
    "wrong_role": 403,
    "not_an_approver": 403,
    "nobody_may_approve": 403,
    "self_approval": 403,
    "wrong_place": 403,
    "cannot_decide": 403,
    "not_seen": 403,
    "not_an_operator": 403,
    "not_allowed": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "idempotency_conflict": 409,
    "duplicate_card": 409,
    "stale_version": 409,
    "already_decided": 409,
    "already_consumed": 409,
    "digest_mismatch": 409,
    "not_approved": 409,
    "already_voted": 409,
    "frozen": 409,
    "overtaken": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid": 422,
    "not_offered": 422,
    "channel_not_allowed": 422,
    "policy_refused": 422,
    "bad_command": 422,
    "rate_limited": 429,
    "too_many_open": 429,
    "too_many_waits": 429,
    "internal": 500,
    "store_unavailable": 503,
    "directory_away": 503,
}


def pointer(*path: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def status_of(error: SignoffError) -> int:
    return STATUS.get(error.code, 500)


def document(error: SignoffError, extra: Mapping[str, object] | None = None) -> dict[str, object]:
    """The problem document of an error, as data."""
    status = status_of(error)
    body: dict[str, object] = {
        "type": TYPE + error.code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.sentence,
    }
    if isinstance(error, Invalid):
        body["errors"] = [_fault(where, text) for where, text in list(error.fields.items())[:MAX_FAULTS]]
    return body | dict(extra or {})


def _fault(where: str, text: str) -> dict[str, object]:
    if where.startswith("?"):
        return {"parameter": where[1:], "detail": text}
    if where.startswith(":"):
        return {"header": where[1:], "detail": text}
    return {"pointer": where if where.startswith("/") or not where else pointer(where), "detail": text}


def answer(error: SignoffError, extra: Mapping[str, object] | None = None) -> web.Response:
    """The HTTP answer to an error."""
    body = document(error, extra)
    response = web.Response(status=status_of(error), text=text_of(body), content_type=CONTENT_TYPE)
    if response.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="signoff"'
    if response.status in {429, 503}:
        usual = AFTER.get(error.code, BUSY_AFTER)
        after = error.data.get("retry_after", usual)
        seconds = float(after) if isinstance(after, int | float) and math.isfinite(after) else usual
        response.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return response


def text_of(body: Mapping[str, object]) -> str:
    """JSON text that can always be sent: text with unpaired surrogates, which no encoding takes, is replaced."""
    return dumps(body).encode("utf-8", "replace").decode()
