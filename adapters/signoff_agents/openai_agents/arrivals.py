"""Calls of one turn, for tools that are held one by one: the SDK hands each its own call alone, and all at once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from signoff_agents.gating import Call, Turns, Verdict
from signoff_agents.openai_agents.calls import run_of

if TYPE_CHECKING:
    from agents.tool_context import ToolContext

    from signoff.client import Gate

TICKS = 10
"""Turns of the event loop that a call waits for its like. The SDK starts the calls of a turn in one of them; guardrails
and hooks that wait for nothing take a few more. No timer: a call that is alone is held up for microseconds."""


@dataclass(eq=False)
class _Turn:
    kept: tuple[object, ...]
    """What its key is the identity of, so that nothing else can have that."""
    calls: list[Call] = field(default_factory=list[Call])
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Arrivals:
    """Asks about the calls that one agent makes at the same moment of one run as a batch."""

    def __init__(self, gate: Gate) -> None:
        self._turns = Turns(gate)
        self._coming: dict[tuple[int, ...], _Turn] = {}

    async def decide(self, call: Call, context: ToolContext[Any]) -> Verdict:
        """`call`: without the id of a run. Raises nothing; cancelled, nothing is burnt."""
        return await self._turns.decide(*await self._joined(call, context))

    async def _joined(self, call: Call, context: ToolContext[Any]) -> tuple[Call, Sequence[Call]]:
        # A run's own, unless a program gives several the same context: then each still has its configuration.
        kept = (asyncio.get_running_loop(), run_of(context), context.agent, context.run_config)
        key = tuple(map(id, kept))
        turn = self._coming.get(key)
        if turn is None:
            turn = self._coming[key] = _Turn(kept)
            self._tick(key, TICKS)
        # An id that is good for this batch alone: nothing names the run beyond this process.
        own = replace(call, run_id=turn.id)
        turn.calls.append(own)
        try:
            await turn.closed.wait()
        except asyncio.CancelledError:
            turn.calls[:] = [one for one in turn.calls if one is not own]  # before anybody was asked
            raise
        return (own, turn.calls) if len(turn.calls) > 1 else (call, [call])

    def _tick(self, key: tuple[int, ...], left: int) -> None:
        if left:
            asyncio.get_running_loop().call_soon(self._tick, key, left - 1)
            return
        self._coming.pop(key).closed.set()


_arrivals: WeakValueDictionary[int, Arrivals] = WeakValueDictionary()
"""By the gate's `id`, which is not given to another one as long as these hold it."""


def arrivals_of(gate: Gate) -> Arrivals:
    """The same for all tools behind this gate: each is held by itself, and a turn may call several."""
    found = _arrivals.get(id(gate))
    if found is None:
        found = _arrivals[id(gate)] = Arrivals(gate)
    return found
