"""The addresses of events and audit, and those that need no key."""

from __future__ import annotations

from signoff.api.openapi.parts import LISTING, Schema, operation, parameter, public
from signoff.api.streams import AUDIT_PAGE, MAX_AUDIT_PAGE


def paths() -> Schema:
    return {
        "/v1/events": {
            "get": operation(
                "events",
                "Events of the key's own requests as server-sent events; resumable.",
                parameters=[parameter("Last-Event-ID", "header", {"type": "string"})],
                answers={200: ("An endless stream.", "text/event-stream")},
                problems=(400, 401, 403, 422, 429, 503),
            )
        },
        "/v1/audit": {
            "get": operation(
                "audit",
                "Audit lines after a number, in order (admin keys).",
                parameters=[
                    parameter("after", "query", {"type": "integer", "minimum": 0, "maximum": 10**17, "default": 0}),
                    parameter(
                        "limit",
                        "query",
                        {"type": "integer", "minimum": 1, "maximum": MAX_AUDIT_PAGE, "default": AUDIT_PAGE},
                    ),
                ],
                answers={200: ("Lines.", "AuditPage")},
                problems=LISTING,
            )
        },
        "/healthz": {"get": public("healthz", "Is the process alive?", {200: "Health"})},
        "/readyz": {"get": public("readyz", "Can it serve: Redis and chats.", {200: "Health", 503: "Health"})},
        "/openapi.json": {"get": public("openapi", "This document.", {200: None})},
        "/.well-known/jwks.json": {"get": public("jwks", "The keys that receipts are signed with.", {200: None})},
    }
