"""Webhooks: one for each request that asked for it, sent when the request has ended, until somebody takes it."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from signoff.model.words import Frozen, Moment

HOOK = "hook:"
"""Opens the id under which a request's webhook waits in the outbox."""


class Delivery(Frozen):
    """How far a webhook has come. Nothing of its address but where that is: the rest may be a secret (I29)."""

    request: str
    type: str
    """`request.approved` and so on."""
    target: str
    """Scheme, host and port."""
    state: Literal["waiting", "delivered", "dead"] = "waiting"
    attempts: int = 0
    first_at: Moment | None = None
    last_at: Moment | None = None
    next_at: Moment | None = None
    """While it waits for another attempt."""
    fault: str | None = None
    """Why the last attempt did not count: one sentence without its full stop."""


def hook_of(request_id: str) -> str:
    return HOOK + request_id


def is_hook(card: str) -> bool:
    """Whether the outbox means a webhook, not a card."""
    return card.startswith(HOOK)


def origin(url: str) -> str:
    """What may be shown of an address: scheme, host and port. The path may be a secret as well as the query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
