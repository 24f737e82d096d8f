"""Tools that people are asked about: one, several, or all of a crew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar, Unpack, cast, overload

from crewai import Agent, Crew, Task
from crewai.tools import BaseTool, tool
from crewai.utilities.string_utils import sanitize_tool_name

from signoff_agents.crewai.turns import listen
from signoff_agents.crewai.waiting import Asking, Describe, Gated
from signoff_agents.gating import (
    Tools,
    Turns,
    checked,
    fields_of,
)

if TYPE_CHECKING:
    from crewai.agents.agent_builder.base_agent import BaseAgent

    from signoff.client import Gate
    from signoff.client.fields import ToolFields

Whole = TypeVar("Whole", Crew, Agent, Task)


@overload
def requires_approval(
    gate: Gate, given: None = None, /, *, outcome: Describe | None = None, **fields: Unpack[ToolFields]
) -> Callable[[BaseTool | Callable[..., object]], BaseTool]: ...


@overload
def requires_approval(
    gate: Gate,
    given: BaseTool | Callable[..., object],
    /,
    *,
    outcome: Describe | None = None,
    **fields: Unpack[ToolFields],
) -> BaseTool: ...


def requires_approval(
    gate: Gate,
    given: BaseTool | Callable[..., object] | None = None,
    /,
    *,
    outcome: Describe | None = None,
    **fields: Unpack[ToolFields],
) -> BaseTool | Callable[[BaseTool | Callable[..., object]], BaseTool]:
    """`@requires_approval(gate)` above `@tool` or a function, or `requires_approval(gate, SearchTool())`.

    The tool that comes out has the same name, description and arguments, and is never answered from a cache: each call
    is asked about. What keeps a call from running is a tool's failure that the model reads, word for word; so is what
    the tool itself raises: CrewAI would run it again in ReAct. `fields`: those of `Gate.tool`, texts or functions of
    the arguments. `outcome`: from the result to what the card shows of it.

    A cancelled `akickoff` runs nothing more; a crew that `kickoff_async` has put into a thread goes on there, whatever
    becomes of the task.

    Another agent of a caching crew must not have the same tool without this: what that one put into the crew's cache
    under the tool's name would be the answer here, without a run and without anybody being asked.
    """
    if given is None:
        return lambda one: _gated(Asking(gate, Turns(gate), dict(fields), outcome), one)
    return _gated(Asking(gate, Turns(gate), dict(fields), outcome), given)


def gated(
    gate: Gate,
    *given: BaseTool | Callable[..., object],
    outcome: Describe | None = None,
    **fields: Unpack[ToolFields],
) -> list[BaseTool]:
    """`Agent(tools=gated(gate, pay, send))`; see `requires_approval`. Calls of one turn are asked about together."""
    turns = Turns(gate)
    return [_gated(Asking(gate, turns, dict(fields), outcome), one) for one in given]


def with_approvals(gate: Gate, whole: Whole, tools: Tools = "all", *, outcome: Describe | None = None) -> Whole:
    """The same crew, agent or task, its tools and those of its parts replaced: the named ones are asked about.

    `tools`: `"all"`, names, theirs or those that CrewAI shows to models, or name → what `Gate.ask` takes (None: not
    asked about, "*": the rest). Call it when all tools are in place. What CrewAI itself adds when it runs, such as
    delegating to another agent of the crew or remembering, is not asked about. Raises ValueError for a name that no
    tool has, and for an agent with `mcps` or `apps`, whose tools CrewAI makes only when it runs.
    """
    turns, wanted = Turns(gate), _as_shown(checked(tools))
    known: dict[int, BaseTool] = {}

    def wrapped(one: BaseTool) -> BaseTool:
        said = fields_of(wanted, sanitize_tool_name(one.name)) if not isinstance(one, Gated) else None
        if said is None:
            return one
        if id(one) not in known:
            known[id(one)] = _gated(Asking(gate, turns, cast("dict[str, object]", said), outcome), one)
        return known[id(one)]

    for part in _parts(whole):
        if getattr(part, "mcps", None) or getattr(part, "apps", None):
            raise ValueError(
                f"{getattr(part, 'role', 'an agent')}: the tools of mcps and apps are made when the agent runs, and "
                "would not be asked about; put them into `tools` yourself, as with agent.get_mcp_tools(agent.mcps)"
            )
    names = {sanitize_tool_name(one.name) for part in _parts(whole) for one in part.tools or []}
    asked = (
        ()
        if isinstance(wanted, str) or "*" in wanted
        else {one for one in wanted if fields_of(wanted, one) is not None}
    )
    if unknown := sorted(set(asked) - names):
        raise ValueError(f"no tool has the name {unknown[0]}; the tools are {', '.join(sorted(names)) or 'none'}")
    for part in _parts(whole):
        part.tools = [wrapped(one) for one in part.tools or []]
    return whole


def _as_shown(tools: Tools) -> Tools:
    """With the names that models call: a tool named "Pay Bill" is called pay_bill, and would run unasked."""
    if isinstance(tools, str):
        return tools
    if isinstance(tools, Mapping):
        return {name if name == "*" else sanitize_tool_name(name): said for name, said in tools.items()}
    return {sanitize_tool_name(name) for name in tools}


def _parts(whole: Crew | Agent | Task) -> Iterable[BaseAgent | Task]:
    if isinstance(whole, Crew):
        managers = [whole.manager_agent] if whole.manager_agent is not None else []
        return [*whole.agents, *managers, *whole.tasks, *(one.agent for one in whole.tasks if one.agent is not None)]
    return [whole, whole.agent] if isinstance(whole, Task) and whole.agent is not None else [whole]


def _gated(asking: Asking, given: BaseTool | Callable[..., object]) -> BaseTool:
    inner = given if isinstance(given, BaseTool) else tool(given)
    if isinstance(inner, Gated):
        raise TypeError(f"{inner.name} is asked about already")
    listen()
    return Gated(
        inner=inner,
        asking=asking,
        name=inner.name,
        description=inner.description,
        args_schema=inner.args_schema,
        result_schema=inner.result_schema,
        env_vars=inner.env_vars,
        result_as_answer=inner.result_as_answer,
        max_usage_count=inner.max_usage_count,
        tool_failure_policy=inner.tool_failure_policy,
        cache_function=_never,
    )


def _never(_arguments: object = None, _result: object = None) -> bool:
    """An approval is for one run; CrewAI's cache must not give its result for another call."""
    return False
