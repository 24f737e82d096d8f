"""How many webhooks go to one host at a time, so that one that is slow takes no more than its share.

Each replica learns this by itself; what it knows costs nothing to lose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

AT_ONCE = 4
"""Calls to one host from one process."""
FIRST_GUESS = 0.1
"""Seconds that a call to a host is thought to take before there was one."""
LONGEST = 600.0
"""Seconds until the turn of one that came when its host was full."""
EARLY = 0.001
"""Seconds that stores count in: whoever comes this much too early is on time."""


@dataclass(slots=True)
class _Host:
    running: int = 0
    took: float = FIRST_GUESS
    """Seconds, about, that its calls take."""
    tail: float = 0.0
    """The last turn that was given out."""


class Hosts:
    """All times are `clock`'s seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hosts: dict[str, _Host] = {}

    def enter(self, target: str) -> float:
        """0: a call may go there now, until `leave`; else seconds until there should be room."""
        host = self._hosts.setdefault(target, _Host())
        if host.running < AT_ONCE:
            host.running += 1
            return 0.0
        now = self._clock()
        # Turns as far from each other as the host has room again: those who wait come back one by one.
        host.tail = min(max(host.tail, now) + host.took / AT_ONCE, now + LONGEST)
        return max(host.tail - now, EARLY)

    def leave(self, target: str, took: float) -> None:
        """The call has ended; it took so many seconds."""
        host = self._hosts[target]
        host.running -= 1
        host.took += (max(took, EARLY) - host.took) / 4
        if not host.running and host.tail <= self._clock():
            del self._hosts[target]
