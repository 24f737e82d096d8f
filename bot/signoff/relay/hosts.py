"""How many webhooks go to one host at a time, and how many of one key: nobody who is slow takes more than a share.

Each replica learns this by itself; what it knows costs nothing to lose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

AT_ONCE = 4
"""Calls to one host from one process."""
OF_A_KEY = 16
"""Calls about one key's requests from one process, half of all: who names ever new hosts leaves the others room."""
FIRST_GUESS = 0.1
"""Seconds that a call is thought to take before there was one."""
LONGEST = 600.0
"""Seconds until the turn of one that came when there was no room for it."""
EARLY = 0.001
"""Seconds that stores count in: whoever comes this much too early is on time."""


@dataclass(slots=True)
class _Share:
    most: int
    running: int = 0
    took: float = FIRST_GUESS
    """Seconds, about, that its calls take."""
    tail: float = 0.0
    """The last turn that was given out."""


class Hosts:
    """All times are `clock`'s seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shares: dict[tuple[str, str], _Share] = {}

    def enter(self, target: str, key: str) -> float:
        """0: a call about a request of that key may go there now, until `leave`; else seconds until there should be
        room.
        """
        shares = [self._share("host", target, AT_ONCE), self._share("key", key, OF_A_KEY)]
        now, turn = self._clock(), 0.0
        for one in shares:
            if one.running < one.most:
                continue
            # Turns as far from each other as there is room again: those who wait come back one by one.
            one.tail = min(max(one.tail, now) + one.took / one.most, now + LONGEST)
            turn = max(turn, one.tail - now, EARLY)
        if not turn:
            for one in shares:
                one.running += 1
        self._forget(target, key)
        return turn

    def leave(self, target: str, key: str, took: float) -> None:
        """The call has ended; it took so many seconds."""
        for of in (("host", target), ("key", key)):
            one = self._shares[of]
            one.running -= 1
            one.took += (max(took, EARLY) - one.took) / 4
        self._forget(target, key)

    def _share(self, kind: str, name: str, most: int) -> _Share:
        return self._shares.setdefault((kind, name), _Share(most))

    def _forget(self, target: str, key: str) -> None:
        """What is idle again."""
        for of in (("host", target), ("key", key)):
            one = self._shares[of]
            if not one.running and one.tail <= self._clock():
                del self._shares[of]
