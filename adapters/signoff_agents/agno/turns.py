"""The other calls of a turn, for a tool that is about to run: agno hands it its own call alone.

They stand in the run's messages; what agno does with them is said by the tools of whoever makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from agno.tools import Toolkit
from agno.utils.callables import get_resolved_tools
from agno.utils.tools import get_function_call_for_tool_call

from signoff_agents.agno.tools import listed
from signoff_agents.gating import Turns

if TYPE_CHECKING:
    from agno.agent import Agent
    from agno.models.message import Message
    from agno.run import RunContext
    from agno.team import Team
    from agno.tools import Function
    from agno.tools.function import FunctionCall

    from signoff.client import Gate

_turns: WeakValueDictionary[int, Turns] = WeakValueDictionary()
"""By the gate's `id`, which is not given to another one as long as these hold it."""


def turns_of(gate: Gate) -> Turns:
    """The same for all tools behind this gate: each is wrapped by itself, and a turn may call several."""
    turns = _turns.get(id(gate))
    if turns is None:
        turns = _turns[id(gate)] = Turns(gate)
    return turns


def turn(owner: Agent | Team | None, context: RunContext | None) -> Iterator[FunctionCall]:
    """The calls of the latest turn, with their arguments, where agno makes several and is sure to make them.

    Not among them are calls that agno pauses for or has no room for, those of tools with hooks, which may keep the call
    from running or run it with other arguments, and those of tools that a toolkit has twice, for sync and async runs.
    """
    messages = (context.messages if context is not None else None) or []
    place = next((index for index in reversed(range(len(messages))) if messages[index].tool_calls), 0)
    calls = messages[place].tool_calls or [] if messages else []
    if owner is None or len(calls) < 2 or owner.tool_hooks:
        return
    tools = get_resolved_tools(owner, context) or []
    known: dict[str, Function] = {}
    for function in listed(tools):
        known.setdefault(function.name, function)
    twofold = _twofold(tools)
    room = _room(owner, messages[:place])
    for call in calls:
        # agno's way to read a call complains of tools that it does not find.
        is_known = cast("Mapping[str, object]", call.get("function") or {}).get("name") in known
        made = get_function_call_for_tool_call(call, known) if is_known else None
        if made is not None and made.error is not None:
            continue  # agno cannot read it
        if room is not None:
            room -= 1
            if room < 0:
                return
        if made is not None and made.function.name not in twofold and not _left(made.function):
            yield made


def _twofold(tools: Sequence[object]) -> set[str]:
    """Names for which a toolkit has a tool for sync runs and another for async ones: nothing here says which it is."""
    kits = [one for one in tools if isinstance(one, Toolkit)]
    return {name for kit in kits for name in kit.async_functions if name in kit.functions}


def _room(owner: Any, before: Sequence[Message]) -> int | None:
    """How many calls `tool_call_limit` leaves at least; None: any number. A run that goes on has its full limit again,
    which nothing says here: then calls are asked about by themselves that could have been asked about together.
    """
    if owner.tool_call_limit is None:
        return None
    return int(owner.tool_call_limit) - sum(one.tool_call_id is not None and not one.from_history for one in before)


def _left(function: Function) -> bool:
    """Is it left out?"""
    pauses = function.requires_confirmation or function.requires_user_input or function.external_execution
    return bool(pauses or function.tool_hooks or function.pre_hook)
