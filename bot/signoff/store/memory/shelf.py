"""What the parts of the store in memory share: everything it holds, and its clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from signoff.audit import Line
from signoff.errors import NotFound
from signoff.model import Event, Key, Placement, Request, is_hook
from signoff.store import record


def _system() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Purse:
    """What has been spent of one budget within its window."""

    entries: deque[tuple[int, int]] = field(default_factory=deque[tuple[int, int]])
    """When (ms) and how much."""
    sum: int = 0


class Shelf:
    def __init__(self, *, clock: Callable[[], datetime] = _system) -> None:
        """`clock`: the store's own clock; tests may move it."""
        self._clock = clock
        self._docs: dict[str, str] = {}
        self._indexes: dict[str, list[str]] = {}
        self._timers: list[tuple[int, str]] = []
        """When (ms) each pending request wakes, in order…"""
        self._wakes: dict[str, int] = {}
        """…and by request."""
        self._queues: dict[str, list[str]] = {}
        """Bucket → what stands in it, in order."""
        self._folds: dict[str, tuple[str, int]] = {}
        """What is asked → the pending request that asks it, and until when (ms)."""
        self._ended: dict[str, list[tuple[int, str]]] = {}
        """Person → when (ms) and which request this person ended, in order."""
        self._known: dict[tuple[str, str], tuple[str, str]] = {}
        self._rates: dict[str, tuple[int, int]] = {}
        self._lines: list[Line] = []
        self._events: list[Event] = []
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._news = asyncio.Event()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._idle_hooks: deque[asyncio.Future[None]] = deque()
        self._due: dict[str, int] = {}
        self._hooks: dict[str, int] = {}
        """As `_due`, of webhooks."""
        self._leases: dict[str, str] = {}
        self._nudges: dict[str, int] = {}
        self._cards: dict[str, dict[str, Placement]] = {}
        self._orders: dict[str, dict[str, str]] = {}
        self._purses: dict[str, Purse] = {}
        self._memory: dict[tuple[str, str], tuple[str, int | None]] = {}
        self._tallies: dict[tuple[str, str], deque[int]] = {}
        self._keys: dict[str, Key] = {}
        self._closed = False

    def _remembered(self, space: str, key: str) -> str | None:
        value, end = self._memory.get((space, key), (None, None))
        if end is not None and self._ms() >= end:
            del self._memory[space, key]
            return None
        return value

    def _ms(self) -> int:
        return record.milliseconds(self._clock())

    async def now(self) -> datetime:
        return record.moment(self._ms())

    def _get(self, request_id: str) -> Request:
        doc = self._docs.get(request_id)
        if doc is None:
            raise NotFound
        return record.load(doc)

    def _line(self, card: str) -> dict[str, int]:
        """The line that a card or a webhook waits in: when (ms) a worker may take it."""
        return self._hooks if is_hook(card) else self._due

    def _stir(self, *, hooks: bool = False) -> None:
        """Wake one who is idle: there is work for one."""
        idlers = self._idle_hooks if hooks else self._idle
        while idlers:
            idle = idlers.popleft()
            if not idle.done():
                idle.set_result(None)
                break
