"""When a place or a chat may be called again, so that one that is slow or full does not hold up the others.

Each replica learns this by itself. What it knows costs nothing to lose: a call too many is refused once more.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

PACE = 1.0
"""Seconds between calls to one place after it has asked us to wait: about what chats take in the long run."""
SLOW = 2.0
"""Seconds after which a call that fails has held up a worker."""
LONGEST_PAUSE = 60.0
"""Seconds between the attempts to reach a chat that lets us wait in vain; they double from one second."""
TICK = 0.001
"""Seconds that stores count in: whoever comes this much too early is on time."""
SPREAD = 1.0
"""Seconds over which those who waited for a pause to end come back."""


@dataclass(slots=True)
class _Queue:
    """Those who wait for one place."""

    free: float = 0.0
    """Not before: what the place has asked for."""
    tail: float = 0.0
    """The last turn that was given out."""
    turns: dict[str, float] = field(default_factory=dict)
    """Request → its turn."""
    urgent: set[str] = field(default_factory=set)
    """Those of them that somebody waits for."""

    def following(self, request: str, now: float, *, urgent: bool) -> float:
        """The next turn for one that has none: behind all others, or, if it is urgent, behind the urgent ones."""
        turn = max(self.tail + PACE, self.free, now)
        if urgent:
            self.urgent.add(request)
            over = {other: at for other, at in self.turns.items() if at > now + TICK and other not in self.urgent}
            turn = min(turn, max(min(over.values(), default=turn), self.free))
            self.turns |= {other: at + PACE for other, at in over.items()}
        self.tail = max(turn, self.tail + PACE)
        return turn


@dataclass(slots=True)
class _Pause:
    """One chat that lets calls wait in vain."""

    since: float
    until: float
    failures: int = 1


class Traffic:
    """Knows which place is full and which chat hangs. All times are `clock`'s seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._queues: dict[str, _Queue] = {}
        self._pauses: dict[str, _Pause] = {}

    def turn(self, chat: str, what: str, request: str, *, longest: float, urgent: bool = False) -> float:
        """Seconds until this request's turn for `what` (one kind of call to one place of the chat); 0: now.

        `urgent`: it goes before all that are not, because somebody is to do something about it.
        Of those who wait for a chat that hangs, one at a time may try; its call takes `longest` seconds at most.
        """
        now = self._clock()
        queued = self._queued(what, request, now, urgent=urgent)
        if queued > 0:
            return queued
        pause = self._pauses.get(chat)
        if pause is None:
            return 0.0
        if now < pause.until:
            return pause.until - now + random.uniform(0, SPREAD)
        pause.until = now + longest
        return 0.0

    def _queued(self, what: str, request: str, now: float, *, urgent: bool) -> float:
        queue = self._queues.get(what)
        if queue is None:
            return 0.0
        if now > max(queue.tail, queue.free) + PACE:
            del self._queues[what]
            return 0.0
        turn = queue.turns.pop(request, None)
        sooner = urgent and request not in queue.urgent
        if turn is None or turn <= now + TICK < queue.free or (sooner and turn > now + TICK):
            turn = queue.following(request, now, urgent=urgent)
        if turn <= now + TICK:
            queue.urgent.discard(request)
            return 0.0
        queue.turns[request] = turn
        return turn - now

    def full(self, what: str, request: str, retry_after: float, *, urgent: bool = False) -> float:
        """The place has asked for `retry_after` seconds; how long this request waits then."""
        now = self._clock()
        queue = self._queues.setdefault(what, _Queue())
        queue.free = max(queue.free, now + retry_after)
        # It has had its turn already, so it is the next one, and all others move back and keep their order.
        queue.turns.pop(request, None)
        if urgent:
            queue.urgent.add(request)
        others = {other: max(turn, now) for other, turn in queue.turns.items()}
        back = max(0.0, queue.free + PACE - min(others.values(), default=queue.free + PACE))
        queue.turns = {request: queue.free} | {other: turn + back for other, turn in others.items()}
        queue.tail = max(queue.turns.values())
        return queue.free - now

    def answered(self, chat: str) -> None:
        """The chat has answered; whatever it said, it holds up nobody."""
        self._pauses.pop(chat, None)

    def failed(self, chat: str, began: float) -> None:
        """A call that began then got no answer."""
        now = self._clock()
        if now - began < SLOW:
            self.answered(chat)
            return
        pause = self._pauses.get(chat)
        if pause is None:
            self._pauses[chat] = _Pause(since=now, until=now + 1.0)
        elif began >= pause.since:  # not one of those that were under way when the pause began
            pause.failures += 1
            pause.since = now
            pause.until = now + min(LONGEST_PAUSE, 2.0 ** (pause.failures - 1))
