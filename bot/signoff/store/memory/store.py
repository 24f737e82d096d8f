"""The store as one object."""

from __future__ import annotations

from signoff.store.memory.outbox import MemoryMemory, MemoryOutbox
from signoff.store.memory.records import MemoryRecords


class MemoryStore(MemoryRecords, MemoryOutbox, MemoryMemory):
    """`ports.Store` without Redis. Records are kept as text, so what comes out is what Redis would give back."""

    async def start(self) -> None:
        """Nothing to open."""
        self._closed = False

    async def close(self) -> None:
        """Let every waiter go, with StoreUnavailable."""
        self._closed = True
        for request_id in list(self._waiting):
            self._wake(request_id)

    async def ping(self) -> None:
        """Always there."""
