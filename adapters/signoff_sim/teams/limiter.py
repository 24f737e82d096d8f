"""Sliding windows per conversation and for the whole app."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from signoff_sim.teams.rules import Rules


class Limiter:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._threads: dict[str, deque[float]] = {}
        self._app: deque[float] = deque()

    def wait(self, conversation: str, rules: Rules) -> int:
        """0: the call may go on, and counts. Else the seconds to wait, for Retry-After; the call does not count."""
        if not rules.rate_limits:
            return 0
        now = self._clock()
        thread = self._threads.setdefault(conversation, deque())
        longest = max((seconds for seconds, _ in rules.thread_limits), default=0.0)
        _forget(thread, now - longest)
        _forget(self._app, now - 1.0)
        waits = [_until(thread, now, seconds, calls) for seconds, calls in rules.thread_limits]
        waits.append(_until(self._app, now, 1.0, rules.app_per_second))
        if (wait := max(waits)) > 0:
            return max(1, math.ceil(wait))
        thread.append(now)
        self._app.append(now)
        return 0


def _forget(calls: deque[float], before: float) -> None:
    while calls and calls[0] <= before:
        calls.popleft()


def _until(made: deque[float], now: float, seconds: float, calls: int) -> float:
    inside = [at for at in made if at > now - seconds]
    if len(inside) < calls:
        return 0.0
    return inside[len(inside) - calls] + seconds - now if calls else seconds
