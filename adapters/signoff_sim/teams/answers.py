"""Answers of the Bot Connector that are not successes, and reading what the bot sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from signoff_sim.teams.rules import Failure

Json = dict[str, Any]


@dataclass
class Fault(Exception):
    """An answer that is not a success."""

    status: int
    code: str
    message: str
    retry_after: int | None = None

    def response(self) -> web.Response:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        body = {"error": {"code": self.code, "message": self.message}}
        return web.json_response(body, status=self.status, headers=headers)


def refused_card(found: list[str]) -> Fault:
    if "bytes" in found[0]:
        return Fault(413, "MessageSizeTooBig", found[0])
    return Fault(400, "BadArgument", " ".join(found))


def injected(failure: Failure) -> Fault:
    code = failure.code or _CODES.get(failure.status, "ServiceError")
    return Fault(failure.status, code, "An injected fault.", failure.retry_after)


_CODES = {
    403: "BotNotInConversationRoster",
    404: "ConversationNotFound",
    412: "PreconditionFailed",
    429: "Throttled",
    502: "ServiceError",
    504: "GatewayTimeout",
}


def json_object(raw: bytes) -> Json:
    """Raises Fault."""
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        raise Fault(400, "BadSyntax", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Fault(400, "BadSyntax", "The body is not a JSON object.")
    return cast("Json", body)


def at(value: object, *path: str) -> object:
    for key in path:
        value = cast("Json", value).get(key) if isinstance(value, dict) else None
    return value


def tenant_of(body: Json) -> object:
    # The service reads names without regard to case, and botbuilder writes tenantID.
    return body.get("tenantId") or body.get("tenantID") or at(body, "channelData", "tenant", "id")


def service_url(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}/teams/"
