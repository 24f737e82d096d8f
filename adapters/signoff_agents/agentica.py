"""XuMing's agentica (on PyPI: agentica): tools that wait for people, with all the time that people take.

Not Symbolica's Agentica, which imports under the same name: for its `scope` see `signoff_agents.plain`.
Written for agentica 1.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from signoff_agents.gating import missing
from signoff_agents.plain import requires_approval

try:
    from agentica.tools.base import Function
except ImportError as error:
    raise missing(__name__, "agentica", error) from error

if TYPE_CHECKING:
    from signoff.client import Gate


def gated(gate: Gate, *functions: Callable[..., object], **options: Any) -> list[Function]:
    """`Agent(tools=gated(gate, pay, send))`: what the model calls runs when a person has approved its arguments.

    `options` are those of `requires_approval`; what keeps a call from running is its result, for the model to read.
    agentica gives a tool 120 seconds and then tells the model that it failed, while a function that is not async goes
    on waiting in its thread, and would run on an approval that comes later; these have no such limit.
    """
    made = [Function.from_callable(requires_approval(gate, one, on_reject="return", **options)) for one in functions]
    for function in made:
        function.manages_own_timeout = True
    return made
