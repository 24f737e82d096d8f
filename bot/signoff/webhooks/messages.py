"""What a webhook says, and its signature: Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from standardwebhooks import Webhook

from signoff.model import Request, dumps, iso

Shown = Callable[[Request], Mapping[str, object]]
"""A record as its own key reads it with GET /v1/requests/{id}."""


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook, the same in all its attempts but for what has been done with the request since."""

    id: str
    type: str
    body: str
    """JSON."""

    def headers(self, secret: str, now: datetime) -> dict[str, str]:
        """The signature of this attempt. `now`: UTC."""
        return {
            "Content-Type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(self.id, now, self.body),
        }


def message(request: Request, shown: Shown) -> Message:
    """What is said of a request that has ended."""
    assert request.decision is not None
    kind = type_of(request)
    body = {"type": kind, "timestamp": iso(request.decision.decided_at), "data": shown(request)}
    return Message(f"msg_{request.id}", kind, dumps(body))


def type_of(request: Request) -> str:
    """`request.approved`, `.rejected`, `.responded`, `.expired`, `.cancelled`."""
    return f"request.{request.status}"
