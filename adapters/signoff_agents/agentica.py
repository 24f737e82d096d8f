"""XuMing's agentica (on PyPI: agentica): tools that wait for people, with all the time that people take.

Not Symbolica's Agentica, which imports under the same name: for its `scope` see `signoff_agents.plain`.
Written for agentica 1.5.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from signoff_agents.gating import missing
from signoff_agents.plain import requires_approval

try:
    from agentica.tools.base import Function
except ImportError as error:
    raise missing(__name__, "agentica", error) from error

if TYPE_CHECKING:
    from signoff.client import Gate

INJECTED = ("agent", "fc")
"""Parameters that agentica fills in by their names: the agent, and its record of the call."""


def gated(gate: Gate, *functions: Callable[..., object], **options: Any) -> list[Function]:
    """`Agent(tools=gated(gate, pay, send))`: what the model calls runs when a person has approved its arguments.

    `options` are those of `requires_approval`; what keeps a call from running is its result, for the model to read.
    agentica gives a tool 120 seconds and then tells the model that it failed, while a function that is not async goes
    on waiting in its thread, and would run on an approval that comes later, as it would when the run is cancelled;
    these have no such limit, and wait where they can be cancelled. What agentica puts in by itself (`agent`, `fc`) is
    passed on and not shown.
    """
    return [_gated(gate, one, options) for one in functions]


def _gated(gate: Gate, function: Callable[..., object], options: Mapping[str, Any]) -> Function:
    injected = [name for name in INJECTED if name in inspect.signature(function).parameters]
    unseen = (*options.get("unseen", ()), *injected)
    asking: dict[str, Any] = {**options, "unseen": unseen, "on_reject": "return", "in_thread": True}
    made = Function.from_callable(requires_approval(gate, function, **asking))
    made.manages_own_timeout = True

    def own(arguments: Mapping[str, object]) -> str | None:
        given = [name for name in injected if name in arguments]
        return f"{given[0]} is no argument of it" if given else None

    made.validate_input = own  # agentica would pass on what a model gives for them, and nobody would see it
    return made
