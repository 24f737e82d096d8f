"""What the doors hold (I30)."""

from __future__ import annotations

from dataclasses import dataclass, field

from signoff.ports.store import Caps
from signoff.ports.targets import Targets


@dataclass(frozen=True, slots=True)
class Flood:
    """How many new requests a place takes as cards of their own; what comes above that is counted on one card."""

    requests: int = 5
    seconds: float = 10.0


@dataclass(slots=True)
class Limits:
    body_bytes: int = 256 * 1024
    depth: int = 32
    nodes: int = 10_000
    """Values in one body, nested ones counted."""
    caps: Caps = field(default_factory=lambda: Caps(open_requests=1000, per_minute=600))
    waits_per_key: int = 20_000
    batch: int = 500
    """Requests in one agent's batch."""
    batch_bytes: int = 4 * 1024 * 1024
    """Of the body of one."""
    flood: Flood | None = field(default_factory=Flood)
    """None: every request has a card of its own."""
    webhooks: Targets = field(default_factory=Targets)
    """Where they may go beside public addresses."""
