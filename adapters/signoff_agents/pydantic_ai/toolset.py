"""A toolset that waits for a person before each call, wherever it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.tools import RunContext
from pydantic_ai.toolsets import AbstractToolset, WrapperToolset
from pydantic_ai.toolsets.abstract import ToolsetTool

from signoff_agents.gating import Call, Tools, Turns, Verdict, checked, fields_of, refused, running
from signoff_agents.pydantic_ai.calls import Arguments, Describe, call_of, given, noted, told, validation, written

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields


@dataclass(init=False)
class GatedToolset(WrapperToolset[Any]):
    """`Agent(toolsets=[GatedToolset(MCPServerStdio(…), gate)])`: a toolset's calls run when a person has approved them.

    For toolsets that know nothing of approvals, and where not every tool of the agent is to wait; for all of them
    `approvals` is simpler. `tools`: `"all"`, names, or name → what `Gate.ask` takes (None: not asked about, "*": the
    rest). Calls of one turn to this toolset are asked about as one batch; each goes on when it is decided. Edited
    arguments are checked by the tool's own types. The conversation's id and the call's find again what was asked.
    A refusal's text, or a person's answer, is the call's result.
    """

    gate: Gate
    tools: Tools
    outcome: Describe | None
    _turns: Turns = field(repr=False)
    _known: dict[str, ToolsetTool[Any]] = field(repr=False)

    def __init__(
        self,
        wrapped: AbstractToolset[Any],
        gate: Gate,
        tools: Tools = "all",
        *,
        title: str | None = None,
        outcome: Describe | None = None,
        _turns: Turns | None = None,
        _known: dict[str, ToolsetTool[Any]] | None = None,
    ) -> None:
        """The last two belong to copies that Pydantic AI makes for a run."""
        self.wrapped = wrapped
        self.gate = gate
        self.tools = checked(tools)
        self.outcome = outcome
        self._turns = _turns or Turns(gate, title)
        self._known = {} if _known is None else _known

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        found = await super().get_tools(ctx)
        self._known.update(found)
        return found

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        if fields_of(self.tools, name) is None:
            return await super().call_tool(name, tool_args, ctx, tool)
        verdict = await self._decided(name, tool_args, ctx, tool)
        if verdict.run is None:
            return verdict.answer if verdict.kind == "answer" else verdict.said
        if verdict.edited:
            validate = validation(tool, ctx)
            tool_args = verdict.run if validate is None else validate(verdict.run)
        async with running(self.gate, verdict) as ran:
            result = await super().call_tool(name, tool_args, ctx, tool)
            told(ran, self.outcome, result)
        return noted(result, verdict)

    async def _decided(self, name: str, arguments: Arguments, ctx: RunContext[Any], tool: ToolsetTool[Any]) -> Verdict:
        """Raises nothing."""
        try:
            calls = _last(ctx)
            part = next((one for one in calls if (one.tool_call_id, one.tool_name) == (ctx.tool_call_id, name)), None)
            own = self._call(name, written(arguments, part, validation(tool, ctx)), ctx, tool, ctx.tool_call_id)
            turn = self._turn(own, calls, ctx)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=name, arguments={}), error)
        return await self._turns.decide(own, turn)

    def _call(
        self, name: str, arguments: Arguments, ctx: RunContext[Any], tool: ToolsetTool[Any], call_id: str | None
    ) -> Call:
        return call_of(
            name,
            arguments,
            definition=tool.tool_def,
            validate=validation(tool, ctx),
            call_id=call_id,
            run_id=ctx.conversation_id,
            fields=fields_of(self.tools, name) or cast("Fields", {}),
        )

    def _turn(self, own: Call, calls: Sequence[ToolCallPart], ctx: RunContext[Any]) -> Sequence[Call]:
        """Those of the model's last message that come here too."""
        found: list[Call] = []
        for part in calls:
            tool = self._known.get(part.tool_name)
            if part.tool_call_id == own.call_id:
                found.append(own)
            elif tool is not None and fields_of(self.tools, part.tool_name) is not None:
                try:
                    found.append(self._call(part.tool_name, given(part), ctx, tool, part.tool_call_id))
                except ValueError:
                    continue  # Pydantic AI does not make a call of it either
        return found or [own]


def _last(ctx: RunContext[Any]) -> list[ToolCallPart]:
    """The calls of the model's last message."""
    last = next((one for one in reversed(ctx.messages) if isinstance(one, ModelResponse)), None)
    return [one for one in last.parts if isinstance(one, ToolCallPart)] if last is not None else []
