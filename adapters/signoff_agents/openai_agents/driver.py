"""Runs that pause for tools with `needs_approval`: asked about, waited for, and gone on with, once."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, cast

from agents import Agent, FunctionTool, RunContextWrapper, Runner, RunResult, RunState, Tool, ToolCallOutputItem
from agents.items import ToolApprovalItem
from agents.tool_context import ToolContext

from signoff_agents.gating import Call, Misfit, Ran, Tools, Verdict, broken, checked, claim_all, fields_of, report
from signoff_agents.openai_agents.agents import OWN, Graph
from signoff_agents.openai_agents.calls import call_of, named, read
from signoff_agents.openai_agents.tools import Describe, Held, holding

if TYPE_CHECKING:
    from agents._function_tool_arguments import FunctionToolApproval

    from signoff.client import Gate
    from signoff.client.fields import Fields

Started = Literal["raise", "tell"]
Keep = Callable[[str], Awaitable[None] | None]

UNSAID = {"id", "call_id", "type", "status"}
"""Of a call, what people need not read."""
FORMAT = "signoff-run-state"
"""The key by which a kept text is told from the SDK's own."""


async def run_with_approvals(
    agent: Agent[Any],
    input: Any,  # the SDK's own word
    *,
    gate: Gate,
    tools: Tools = "all",
    on_pause: Keep | None = None,
    run_id: str | None = None,
    title: str | None = None,
    outcome: Describe | None = None,
    started: Started = "raise",
    **options: Any,
) -> RunResult:
    """`Runner.run(agent, input, **options)`, with every pause answered until the run has ended.

    Which calls pause is the business of the tools' `needs_approval`; `tools` says with which fields of `Gate.ask` they
    are asked about. All calls of a pause are asked about as one batch; each approval is burnt before the run goes on.
    People may edit arguments, and answer in a tool's place where `allowed_decisions` has `respond`. Calls of hosted
    tools, shells and editors, and those of an agent that is a tool, can be approved and rejected only.

    `on_pause` gets a text to keep before anyone is asked, with which `resume` goes on in another process. Keep it where
    only you can write: it holds the conversation. What differs from what people were asked about is refused.

    Raises AlreadyStarted when another attempt has the approvals: it runs, or it has crashed; with `started="tell"` the
    model is told so and the run goes on without these calls. Raises Unavailable when nobody can be asked; nothing has
    run, and the kept text is still good.
    """
    pausing = _Pausing(gate, tools, title, outcome, started, on_pause)
    result = await Runner.run(pausing.graph.gated(agent), input, **options)
    if not result.interruptions:
        return result
    return await pausing.answer(agent, result.to_state(), run_id or uuid.uuid4().hex, None, options)


async def resume(
    agent: Agent[Any],
    saved: str,
    *,
    gate: Gate,
    tools: Tools = "all",
    on_pause: Keep | None = None,
    run_id: str | None = None,
    title: str | None = None,
    outcome: Describe | None = None,
    started: Started = "raise",
    context: Any = None,
    **options: Any,
) -> RunResult:
    """Go on with a run from what `on_pause` got, or from the text of a `RunState`; see `run_with_approvals`.

    Asked about already, people are not asked again. `context`: the run's context, which the text may not hold whole.
    Use the same `tools` as before: other fields are another request. Raises ValueError for a text that is neither.
    """
    pausing = _Pausing(gate, tools, title, outcome, started, on_pause)
    kept, text = _opened(saved)
    override = None if context is None else RunContextWrapper[Any](context=context)
    state = await RunState.from_string(pausing.graph.gated(agent), text, context_override=override)
    return await pausing.answer(agent, state, run_id or kept or _digest(text), text, options)


class _Pausing:
    def __init__(
        self,
        gate: Gate,
        tools: Tools,
        title: str | None,
        outcome: Describe | None,
        started: Started,
        on_pause: Keep | None,
    ) -> None:
        self._gate = gate
        self._tools = checked(tools)
        self._title = title
        self._outcome = outcome
        self._started: Started = started
        self._on_pause = on_pause
        self._claimed: dict[str, Verdict] = {}
        """By call id: decided, its approval burnt, and not run yet."""
        self.graph = Graph(self._hold)

    async def answer(
        self, agent: Agent[Any], state: RunState[Any], run_id: str, text: str | None, options: dict[str, Any]
    ) -> RunResult:
        """`text`: what the state was made from."""
        going = {name: value for name, value in options.items() if name != "context"}  # it is in the state
        while True:
            if text is None and self._on_pause is not None:
                text = state.to_string()
                kept = self._on_pause(json.dumps({FORMAT: 1, "run_id": run_id, "state": text}))
                if inspect.isawaitable(kept):
                    await kept
            waiting = state.get_interruptions()
            if waiting:
                await self._claim(state, waiting, run_id, text)
            verdicts = list(self._claimed.values())
            try:
                result = await Runner.run(self.graph.gated(agent), state, **going)
            except BaseException as error:
                await broken(self._gate, self._claimed.values(), error)
                raise
            await self._outcomes(result, verdicts)
            if not result.interruptions:
                return result
            state, text = result.to_state(), None

    async def _claim(
        self, state: RunState[Any], waiting: list[ToolApprovalItem], run_id: str, text: str | None
    ) -> None:
        calls = [await self._call(item, state, run_id, text) for item in waiting]
        verdicts = await claim_all(self._gate, calls, self._title, started=self._started)
        for item, verdict in zip(waiting, verdicts, strict=True):
            if verdict.run is None and (verdict.kind != "answer" or not self._is_ours(item)):
                state.reject(item, rejection_message=verdict.said)
                continue
            state.approve(item)
            self._claimed[item.call_id or ""] = verdict

    async def _call(self, item: ToolApprovalItem, state: RunState[Any], run_id: str, text: str | None) -> Call:
        name = item.qualified_name or str(_part(item.raw_item, "type") or "tool")
        tool = await self._tool(item, state)
        fields = named(self._tools, tool) if tool is not None else fields_of(self._tools, name)
        said = dict(cast("dict[str, Any]", fields or {}))
        if text is not None:
            # The service refuses the same call with another text than it was asked about with.
            said["metadata"] = {**said.get("metadata", {}), "run_state": _digest(text)}
        if tool is None or not self._is_ours(item):
            said["allowed_decisions"] = ("approve", "reject")
        fields = cast("Fields", said)
        if tool is not None:
            return call_of(tool, item.arguments, call_id=item.call_id, run_id=run_id, fields=fields)
        arguments = _arguments(item)
        return Call(tool=name, arguments=arguments, call_id=item.call_id, run_id=run_id, fields=fields)

    async def _tool(self, item: ToolApprovalItem, state: RunState[Any]) -> FunctionTool | None:
        if _part(item.raw_item, "type") != "function_call":
            return None
        context = RunContextWrapper[Any](context=None)
        for tool in await item.agent.get_all_tools(context):
            if isinstance(tool, FunctionTool) and item.qualified_name in {tool.qualified_name, tool.name}:
                return tool.on_invoke_tool.tool if isinstance(tool.on_invoke_tool, Held) else tool
        return None

    def _is_ours(self, item: ToolApprovalItem) -> bool:
        """The call goes through what this driver holds, so that other arguments can be put in."""
        return getattr(item.agent, OWN, None) is self.graph and _part(item.raw_item, "type") == "function_call"

    def _hold(self, agent: Agent[Any], tool: Tool) -> Tool:
        if not isinstance(tool, FunctionTool) or isinstance(tool.on_invoke_tool, Held):
            return tool
        made = holding(tool, self._decided, self._gate, self._outcome)
        if callable(tool.needs_approval):
            made.needs_approval = _needs_approval(tool)
        return made

    async def _decided(self, tool: FunctionTool, context: ToolContext[Any], arguments: str) -> Verdict | None:
        """Once for each; None for a call that did not have to wait."""
        return self._claimed.pop(context.tool_call_id, None)

    async def _outcomes(self, result: RunResult, verdicts: list[Verdict]) -> None:
        """What came of calls that do not go through what this driver holds: only that they ran."""
        outputs = [one.raw_item for one in result.new_items if isinstance(one, ToolCallOutputItem)]
        ran = {_part(one, "call_id") for one in outputs}
        for verdict in verdicts:
            if self._claimed.pop(verdict.call.call_id or "", None) is not None and verdict.call.call_id in ran:
                await report(self._gate, verdict, Ran())


def _needs_approval(tool: FunctionTool) -> Callable[[RunContextWrapper[Any], dict[str, Any], str], Awaitable[bool]]:
    """The tool's own policy, asked as the SDK asks it: arguments that it would change on the way always wait."""
    from agents.util._approvals import evaluate_function_tool_approval

    async def needed(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
        made: FunctionToolApproval = await evaluate_function_tool_approval(
            copy.copy(tool), context, json.dumps(arguments), call_id
        )
        return made.outcome != "invoke"

    return needed


def _arguments(item: ToolApprovalItem) -> dict[str, Any]:
    """What people see of a call that has no arguments as a function has: all that it says."""
    if item.arguments is not None:
        with suppress(Misfit):
            return read("", item.arguments)
    whole: Any = item.raw_item
    said = cast("dict[str, Any]", whole if isinstance(whole, dict) else whole.model_dump(mode="json"))
    return {name: value for name, value in said.items() if value is not None and name not in UNSAID}


def _part(item: Any, name: str) -> object:
    return cast("dict[str, object]", item).get(name) if isinstance(item, dict) else getattr(item, name, None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _opened(saved: str) -> tuple[str | None, str]:
    """The run's id, and the SDK's text. Raises ValueError."""
    found: object = json.loads(saved)
    if not isinstance(found, dict):
        raise ValueError("this is no saved run")
    parts = cast("dict[str, Any]", found)
    return (parts["run_id"], parts["state"]) if FORMAT in parts else (None, saved)
