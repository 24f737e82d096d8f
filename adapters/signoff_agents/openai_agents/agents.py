"""Agents whose every tool waits for a person."""

from __future__ import annotations

import copy
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from agents import Agent, AgentHooks, FunctionTool, Handoff, ModelResponse, RunContextWrapper, Tool
from agents.tool_context import ToolContext
from openai.types.responses import ResponseFunctionToolCall

from signoff_agents.gating import Call, Tools, fields_of
from signoff_agents.openai_agents.calls import named, run_of
from signoff_agents.openai_agents.tools import Asking, Describe, Held

if TYPE_CHECKING:
    from signoff.client import Gate

KEPT = 1000
"""Calls whose turn is remembered. Those that never come to run, as beside a handoff, are forgotten by this."""
OWN = "_signoff_graph"
"""Where an agent's class keeps what holds its tools."""

Hold = Callable[[Agent[Any], Tool], Tool]
Heard = Callable[[RunContextWrapper[Any], ModelResponse], None]


def gate_agent(
    agent: Agent[Any],
    gate: Gate,
    tools: Tools = "all",
    *,
    title: str | None = None,
    run_id: str | None = None,
    outcome: Describe | None = None,
) -> Agent[Any]:
    """A copy of the agent: tools, its MCP servers' too, run when a person has approved their arguments.

    So do those of the agents that it hands off to, at any depth. `tools`: `"all"`, names, or name → what `Gate.ask`
    takes (`{"pay": {"risk": "high"}, "look": None, "*": {}}`; None: runs unasked, "*": the rest). The calls of one turn
    are asked about as one batch, of which `title` is the title; each goes on when it is decided. `outcome`: from a
    result to what the card shows of it. With `run_id`, or `RunConfig(group_id=…)`, a run that is taken up again with
    the same calls finds what it asked.

    Only function tools and MCP servers' tools can be held. Raises TypeError for others that would be asked about:
    hosted ones run at the provider, shells, editors and computers by other ways; and for an agent as a tool that is
    not gated itself (`gate_agent(helper, gate).as_tool(…)`). What turns up only in a run raises then, and ends it.
    Raises ValueError for a name that no tool has, where no MCP server could have it.
    """
    asking = Turned(gate, tools, title=title, run_id=run_id, outcome=outcome)
    graph = Graph(asking.hold, asking.hooks)
    made = graph.gated(agent)
    if not any(one.mcp_servers for one in graph.agents) and not graph.open:
        names = {name for one in graph.agents for tool in one.tools for name in _names(tool)}
        asking.known(names)
    return made


def _names(tool: Tool) -> set[str]:
    return {tool.name, tool.qualified_name} if isinstance(tool, FunctionTool) else {tool.name}


@dataclass(eq=False)
class _Turn:
    """What a model has answered once."""

    calls: list[ResponseFunctionToolCall]
    run: object
    """What its contexts share: some models count their calls anew in each run. Kept, so that nothing else can have its
    identity."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Turned(Asking):
    """Asks about the calls of a turn together."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: dict[int, tuple[Agent[Any], dict[str, FunctionTool]]] = {}
        self._seen: OrderedDict[tuple[int, str], _Turn] = OrderedDict()

    def hold(self, agent: Agent[Any], tool: Tool) -> Tool:
        """Raises TypeError for what cannot be held and would have to be."""
        if isinstance(tool, FunctionTool):
            inner = tool.on_invoke_tool.tool if isinstance(tool.on_invoke_tool, Held) else tool
            helper = getattr(inner, "_agent_instance", None)
            if helper is not None and named(self.tools, inner) is not None and not hasattr(helper, OWN):
                raise TypeError(
                    f"{tool.name}: nobody would be asked about the tools of the agent in it; put it behind the gate "
                    f"before it is made a tool: gate_agent({tool.name}, gate).as_tool(…)"
                )
            self._held.setdefault(id(agent), (agent, {}))[1][inner.name] = inner
            return self.held(tool)
        if fields_of(self.tools, tool.name) is not None:
            raise TypeError(
                f"{tool.name}: a {type(tool).__name__} cannot wait for a person, because its calls do not go through "
                f"a function of this process; leave it out, or let it run unasked: "
                f'tools={{"{tool.name}": None, "*": {{}}}}'
            )
        return tool

    def hooks(self, agent: Agent[Any]) -> Any:
        return Hooks(agent.hooks, self.heard)

    def heard(self, context: RunContextWrapper[Any], response: ModelResponse) -> None:
        """What the model has answered: the calls of a turn, before the first of them is made."""
        run = run_of(context)
        turn = _Turn([one for one in response.output if isinstance(one, ResponseFunctionToolCall)], run)
        for call in turn.calls:
            key = (id(run), call.call_id)
            self._seen[key] = turn
            self._seen.move_to_end(key)
        while len(self._seen) > KEPT:
            self._seen.popitem(last=False)

    def run_id(self, context: ToolContext[Any]) -> str | None:
        # An id of the turn makes a batch of it, and is good for nothing after this process.
        turn = self._turn_of(context)
        return super().run_id(context) or (turn.id if turn is not None else None)

    def _turn_of(self, context: ToolContext[Any]) -> _Turn | None:
        return self._seen.get((id(run_of(context)), context.tool_call_id))

    def turn(self, own: Call, context: ToolContext[Any]) -> Sequence[Call]:
        known = self._held.get(id(context.agent), (None, cast("dict[str, FunctionTool]", {})))[1]
        found: list[Call] = []
        turn = self._turn_of(context)
        for one in turn.calls if turn is not None else ():
            tool = known.get(one.name)
            if one.call_id == own.call_id:
                found.append(own)
            elif tool is not None and named(self.tools, tool) is not None:
                try:
                    found.append(self.call(tool, one.arguments, one.call_id, self.run_id(context)))
                except Exception:  # noqa: BLE001, S112  # it is refused when it is made itself
                    continue
        return found or [own]


class Graph:
    """Agents and those they hand off to, copied with other tools."""

    def __init__(self, hold: Hold, hooks: Callable[[Agent[Any]], Any] | None = None) -> None:
        self._hold = hold
        self._hooks = hooks
        self._made: dict[int, tuple[Agent[Any], Agent[Any]]] = {}
        self._tools: dict[int, tuple[Tool, Tool]] = {}
        self.open = False
        """There are handoffs whose agent is known only when they are made."""

    @property
    def agents(self) -> list[Agent[Any]]:
        return [made for _, made in self._made.values()]

    def gated(self, agent: Agent[Any]) -> Agent[Any]:
        known = self._made.get(id(agent))
        if known is not None:
            return known[1]
        if getattr(agent, OWN, None) is self:
            return agent
        made = agent.clone(tools=[], handoffs=[])
        made.__class__ = self._class_of(type(made))
        self._made[id(agent)] = (agent, made)
        made.tools = [self.held(made, tool) for tool in agent.tools]
        if self._hooks is not None:
            made.hooks = self._hooks(agent)
        made.handoffs = [self._handoff(one) if isinstance(one, Handoff) else self.gated(one) for one in agent.handoffs]
        return made

    def held(self, agent: Agent[Any], tool: Tool) -> Tool:
        """The same each time: the SDK compares tools by identity."""
        known = self._tools.get(id(tool))
        if known is not None and known[0] is tool:
            return known[1]
        made = self._hold(agent, tool)
        if any(tool is one for one in agent.tools):
            self._tools[id(tool)] = (tool, made)
        return made

    def _handoff(self, handoff: Handoff[Any, Any]) -> Handoff[Any, Any]:
        made = copy.copy(handoff)
        reference = cast("Callable[[], object] | None", getattr(handoff, "_agent_ref", None))
        target = reference() if reference is not None else None
        kept = self.gated(target) if isinstance(target, Agent) else None
        if kept is None:
            self.open = True
        else:
            # By this the SDK finds the agents of a saved run; the one it was would be without the gate.
            made._agent_ref = weakref.ref(kept)  # pyright: ignore[reportPrivateUsage]

        async def invoke(context: RunContextWrapper[Any], arguments: str) -> Any:
            return self.gated(await handoff.on_invoke_handoff(context, arguments))

        made.on_invoke_handoff = invoke
        return made

    def _class_of(self, kind: type[Agent[Any]]) -> type[Agent[Any]]:
        """A class, not attributes of the object: the SDK clones agents, and a clone must be held too."""
        graph = self

        async def get_mcp_tools(agent: Any, run_context: RunContextWrapper[Any]) -> list[Tool]:
            found = await kind.get_mcp_tools(agent, run_context)
            return [graph.held(agent, tool) for tool in found]

        async def get_all_tools(agent: Any, run_context: RunContextWrapper[Any]) -> list[Tool]:
            found = await kind.get_all_tools(agent, run_context)
            return [graph.held(agent, tool) for tool in found]  # also what was put into `tools` later

        own = {"get_mcp_tools": get_mcp_tools, "get_all_tools": get_all_tools, OWN: self, "__module__": kind.__module__}
        return cast("type[Agent[Any]]", type(kind.__name__, (kind,), own))


class Hooks(AgentHooks[Any]):
    """The agent's own hooks, and the ear for what the model answers."""

    def __init__(self, own: AgentHooks[Any] | None, heard: Heard) -> None:
        self._own = own or AgentHooks[Any]()
        self._heard = heard
        for name in ("on_start", "on_end", "on_handoff", "on_tool_start", "on_tool_end", "on_llm_start"):
            setattr(self, name, getattr(self._own, name))

    async def on_llm_end(self, context: RunContextWrapper[Any], agent: Agent[Any], response: ModelResponse) -> None:
        self._heard(context, response)
        await self._own.on_llm_end(context, agent, response)
