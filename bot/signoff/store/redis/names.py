"""Every key's name. Scripts get them from here and make none of their own, as a cluster demands."""

from __future__ import annotations

from signoff.model import is_hook
from signoff.ports import Space
from signoff.store.record import pair


class Names:
    """All names carry one hash tag, so everything of a partition stands in one slot and one script may touch it."""

    def __init__(self, prefix: str) -> None:
        self._stem = stem = f"{prefix}:{{p0}}:"
        self.chain = stem + "chain"
        self.audit = stem + "audit"
        self.events = stem + "events"
        self.due = stem + "due"
        self.hooks = stem + "hooks"
        self.leases = stem + "leases"
        self.expiring = stem + "expiring"
        self.keys = stem + "keys"
        self.queue = stem + "queue"

    def line(self, card: str) -> str:
        """The line that a card or a webhook waits in."""
        return self.hooks if is_hook(card) else self.due

    def doc(self, request_id: str) -> str:
        return f"{self._stem}doc:{request_id}"

    def head(self, request_id: str) -> str:
        return f"{self._stem}head:{request_id}"

    def cards(self, request_id: str) -> str:
        return f"{self._stem}cards:{request_id}"

    def index(self, name: str) -> str:
        return f"{self._stem}ix:{name}"

    def bucket(self, kind: str) -> str:
        return f"{self.queue}:{kind}"

    def fold(self, repeats: str) -> str:
        return f"{self._stem}fold:{repeats}"

    def ended(self, day: str, person: str) -> str:
        return f"{self._stem}ended:{day}:{person}"

    def tally(self, space: str, key: str) -> str:
        return f"{self._stem}tally:{pair(space, key)}"

    def idempotency(self, asked_by: str, key: str) -> str:
        return f"{self._stem}idem:{pair(asked_by, key)}"

    def rate(self, asked_by: str) -> str:
        return f"{self._stem}rate:{asked_by}"

    def orders(self, space: Space) -> str:
        return self._stem + space

    def budget(self, budget: str) -> str:
        return f"{self._stem}spent:{budget}"

    def made(self, writer: str) -> str:
        return f"{self._stem}made:{writer}"

    def memory(self, space: str, key: str) -> str:
        return f"{self._stem}memory:{pair(space, key)}"

    def written(self, request_id: str) -> tuple[str, ...]:
        """KEYS[1..8] of `lua/_write.lua`."""
        return (
            self.doc(request_id),
            self.head(request_id),
            self.chain,
            self.audit,
            self.events,
            self.due,
            self.leases,
            self.expiring,
        )
