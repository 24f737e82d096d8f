"""What is sent to `callback_url`, and the address of the secret it is signed with."""

from __future__ import annotations

from signoff.api.openapi.parts import JSON, MOMENT, Schema, closed, operation, ref
from signoff.api.requests import STATUSES

ENDS = tuple(status for status in STATUSES if status != "pending")


def paths() -> Schema:
    return {
        "/v1/webhooks/secret": {
            "get": operation(
                "webhookSecret",
                "What the webhooks of this agent key's requests are signed with.",
                answers={200: ("The secret, as libraries for Standard Webhooks take it.", "WebhookSecret")},
                problems=(401, 403, 503),
            )
        }
    }


def webhooks() -> Schema:
    """Every end of a request, one webhook each."""
    return {f"request.{status}": {"post": _sent(status)} for status in ENDS}


def _sent(status: str) -> Schema:
    return {
        "summary": f"A request with a callback_url is {status}.",
        "description": "Headers and signature are those of Standard Webhooks. At least once, always with the same "
        "`webhook-id`; tried for three days until it is answered with 2xx, or never again with 410.",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": ref("Webhook")}}},
        "responses": {"2XX": {"description": "Taken."}, "410": {"description": "Not to be sent again."}},
    }


def schemas() -> Schema:
    return {
        "WebhookSecret": closed(secret={"type": "string", "pattern": "^whsec_"}),
        "Webhook": closed(
            type={"type": "string", "enum": [f"request.{status}" for status in ENDS]},
            timestamp=MOMENT | {"description": "When it was decided."},
            data=ref("Request"),
        ),
    }
