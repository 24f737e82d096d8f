"""The capability: deferred calls are people's to decide, and so is every other call that is named."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.exceptions import ApprovalRequired, ModelRetry
from pydantic_ai.messages import ModelMessage, ToolCallPart
from pydantic_ai.output import OutputContext
from pydantic_ai.run import AgentRunResult
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, RunContext, ToolDefinition
from pydantic_core import to_jsonable_python

from signoff.errors import Unusable
from signoff_agents.gating import (
    Call,
    Ran,
    Tools,
    Verdict,
    checked,
    claim_all,
    decide,
    decide_all,
    fields_of,
    refused,
    report,
    running,
)
from signoff_agents.pydantic_ai.calls import Arguments, Describe, Validate, call_of, given, noted, told, validation
from signoff_agents.pydantic_ai.deferred import Known, Started, Waiting, known_by, results_of, waiting_of

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

KEPT = 1000
"""Approved calls that have not begun to run, of which no more are remembered: their runs were given up."""


def approvals(
    gate: Gate,
    tools: Tools | None = "all",
    *,
    pause: bool = False,
    title: str | None = None,
    run_id: str | None = None,
    outcome: Describe | None = None,
) -> Approvals:
    """`Agent(model, tools=[…], capabilities=[approvals(gate)])`: tools run when a person has approved their arguments.

    `tools`: `"all"`, every call of every toolset, MCP servers' too; or names, or name → what `Gate.ask` takes
    (`{"pay": {"risk": "high"}, "look": None, "*": {}}`; None: not asked about); or None: what is deferred by itself
    (`requires_approval=True`, `ApprovalRequired`, `CallDeferred`). The calls of a turn are asked about as one batch of
    which `title` is the title, and go on when all of them are decided. External calls are answered by people. A tool
    that raises `CallDeferred` would run to do so: name it with a `response_schema`, or leave it out with None as
    `tools`; then it is a question from the start.

    `pause=True`: nobody is waited for; the run ends with `DeferredToolRequests`, which must be among the agent's output
    types, and `Approvals.resume` goes on with it. `run_id`: the conversation's id without it. `outcome`: from a result
    to what the card shows of it. Edits are checked by the tool's own types; the model is told of them.

    Output functions, which the model's final answer is given to, wait like tools; a refusal is a retry for the model,
    and they can be approved and rejected only. Output that no function is given to asks nobody.
    """
    return Approvals(gate, None if tools is None else checked(tools), pause, title, run_id, outcome)


@dataclass
class Approvals(AbstractCapability[Any]):
    """See `approvals`."""

    gate: Gate
    tools: Tools | None = "all"
    pause: bool = False
    title: str | None = None
    run_id: str | None = None
    outcome: Describe | None = None
    _claimed: OrderedDict[tuple[str | None, str], tuple[Verdict, Arguments]] = field(
        default_factory=OrderedDict, init=False, repr=False
    )
    """By conversation and call: approved, the approval burnt, and not run yet; and what it is to come back with."""

    @classmethod
    def get_serialization_name(cls) -> str | None:
        return None  # a gate is nothing that a file could hold

    def get_ordering(self) -> CapabilityOrdering:
        return CapabilityOrdering(position="innermost")  # what changes arguments comes before people see them

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """Everything that is ours, decided; None where the run is to pause. Raises nothing."""
        if self.pause:
            return None
        run_id = self._run_id(ctx)
        try:
            waiting = waiting_of(requests, self.tools, run_id, _known_in(ctx))
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            waiting = Waiting(
                [Call(tool=one.tool_name, arguments={}) for one in (*requests.approvals, *requests.calls)],
                requests.approvals,
                external=requests.calls,
            )
            return results_of(waiting, [refused(call, error) for call in waiting.calls])
        verdicts = await decide_all(self.gate, waiting.calls, self.title) if waiting.calls else []
        self._keep(run_id, waiting, verdicts)
        return results_of(waiting, verdicts)

    async def resolve(
        self,
        requests: DeferredToolRequests,
        *,
        agent: AbstractAgent[Any, Any],
        run_id: str,
        started: Started = "raise",
    ) -> DeferredToolResults:
        """The same as the function `resolve`, for a run of an agent that has this capability.

        The model is told of edits, and outcomes are reported; both only when the run goes on in this process.
        """
        waiting = waiting_of(requests, self.tools, self.run_id or run_id, known_by(agent))
        if not waiting.calls:
            return DeferredToolResults()
        verdicts = await claim_all(self.gate, waiting.calls, self.title, started=started)
        self._keep(self.run_id or run_id, waiting, verdicts)
        return results_of(waiting, verdicts)

    async def resume(
        self,
        agent: AbstractAgent[Any, Any],
        requests: DeferredToolRequests,
        *,
        message_history: Sequence[ModelMessage],
        run_id: str,
        started: Started = "raise",
        **options: Any,
    ) -> AgentRunResult[Any]:
        """Ask about what a paused run waits for, and go on with it: `agent.run` to its end, or to its next pause.

        The model is told of edits, and outcomes are reported, for an agent with this capability and for one without any
        like it. Every call that waits must be among `tools`. `run_id`: the conversation's, the same in every process.
        `started`: see `resolve`. `options`: what else `agent.run` takes. With `pause=True` the `tools` wait in what
        follows, too, as they did where `agent.run` was given this capability for the paused run alone.

        Raises what `resolve` and `agent.run` raise. Before anybody is asked: TypeError for an agent or a run with other
        approvals and for options that `agent.run` does not take, ValueError for a call that is not among `tools`.
        """
        inspect.signature(agent.run).bind(message_history=message_history, deferred_tool_results=None, **options)
        parts = (*requests.approvals, *requests.calls)
        left = [
            one.tool_name for one in parts if self.tools is not None and fields_of(self.tools, one.tool_name) is None
        ]
        if left:
            raise ValueError(f"{', '.join(left)} waits as well and is not among `tools`; the run could not go on")
        has: list[AbstractCapability[Any]] = []
        for one in (agent.root_capability, *(options.get("capabilities") or ())):
            if isinstance(one, AbstractCapability):  # others are functions that make one
                one.apply(has.append)
        own = [one for one in has if isinstance(one, Approvals)]
        if own and not any(one is self for one in own):
            raise TypeError("this agent's own approvals would ask again; `resume` is theirs to call")
        answers = await self.resolve(requests, agent=agent, run_id=run_id, started=started)
        if not own:
            options["capabilities"] = [*(options.get("capabilities") or ()), self._telling(run_id)]
        return await agent.run(message_history=message_history, deferred_tool_results=answers, **options)

    def _telling(self, run_id: str) -> Approvals:
        """For a run of an agent without this capability: what has been approved here is told and reported.

        No more, unless it makes runs pause: then it was one of the paused run alone.
        """
        telling = replace(self, tools=self.tools if self.pause else None, pause=True, run_id=self.run_id or run_id)
        telling._claimed = self._claimed  # the same ones
        return telling

    async def wrap_tool_execute(
        self, ctx: RunContext[Any], *, call: ToolCallPart, tool_def: ToolDefinition, args: Arguments, handler: Any
    ) -> Any:
        """Before every run of a tool. Raises ApprovalRequired, which defers the call."""
        run_id = self._run_id(ctx)
        # Ids may come again: what was approved is no approval of a call that nobody has been asked about.
        verdict, approved = None, None
        if ctx.tool_call_approved:
            verdict, approved = self._claimed.pop((run_id, call.tool_call_id), (None, None))
        if verdict is not None and not _is(call, verdict, approved):
            fault = "other ones came back with the run."
            await report(self.gate, verdict, Ran("failed", f"Not run: {fault}"))
            return refused(verdict.call, Unusable(tool=call.tool_name, fault=fault), verdict.decision).said
        if verdict is None:
            fields = None if self.tools is None else fields_of(self.tools, call.tool_name)
            if fields is None:
                return await handler(args)
            if not ctx.tool_call_approved:
                raise ApprovalRequired
            # Approved by something else: for the same call people may have been asked, and else they are asked now.
            verdict = await self._decided(ctx, call, fields, run_id)
            if verdict.run is None:
                return verdict.said
            if verdict.edited:
                validate = _known_in(ctx)(call.tool_name)[1]
                args = verdict.run if validate is None else validate(verdict.run)
        async with running(self.gate, verdict) as ran:
            result = await handler(args)
            told(ran, self.outcome, result)
        return noted(result, verdict)

    async def wrap_output_process(
        self, ctx: RunContext[Any], *, output_context: OutputContext, output: Any, handler: Any
    ) -> Any:
        """Before every run of an output function. Raises ModelRetry, with what the model reads."""
        part = output_context.tool_call
        name = output_context.function_name or (part.tool_name if part is not None else "final_result")
        fields = None if self.tools is None or not output_context.has_function else fields_of(self.tools, name)
        if fields is None:
            return await handler(output)
        if ctx.partial_output:
            return output  # while it streams nothing is run
        verdict = await self._output(ctx, name, part, output, fields)
        if verdict.run is None:
            raise ModelRetry(verdict.said or "")
        async with running(self.gate, verdict) as ran:
            result = await handler(output)
            told(ran, self.outcome, result)
        return result

    async def _output(
        self, ctx: RunContext[Any], name: str, part: ToolCallPart | None, output: object, fields: Fields
    ) -> Verdict:
        """Raises nothing."""
        try:
            shown: object = to_jsonable_python(output)
            call = call_of(
                name,
                cast("Arguments", shown) if isinstance(shown, dict) else {"output": shown},
                definition=None,
                validate=None,
                call_id=part.tool_call_id if part is not None else None,
                run_id=self._run_id(ctx),
                fields=cast("Fields", {**fields, "allowed_decisions": ("approve", "reject")}),
            )
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=name, arguments={}), error)
        return await decide(self.gate, call)

    async def _decided(self, ctx: RunContext[Any], part: ToolCallPart, fields: Fields, run_id: str | None) -> Verdict:
        """Raises nothing."""
        try:
            definition, validate = _known_in(ctx)(part.tool_name)
            call = call_of(
                part.tool_name,
                given(part),
                definition=definition,
                validate=validate,
                call_id=part.tool_call_id,
                run_id=run_id,
                fields=fields,
            )
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=part.tool_name, arguments={}), error)
        return await decide(self.gate, call)

    def _run_id(self, ctx: RunContext[Any]) -> str | None:
        return self.run_id or ctx.conversation_id

    def _keep(self, run_id: str | None, waiting: Waiting, verdicts: Sequence[Verdict]) -> None:
        """Until they run. Who is refused does not."""
        for part, written, verdict in zip(waiting.approvals, waiting.written, verdicts, strict=False):
            if verdict.run is not None:
                approved = verdict.run if verdict.edited else written
                self._claimed[run_id, part.tool_call_id] = verdict, approved
        while len(self._claimed) > KEPT:
            self._claimed.popitem(last=False)


def _is(call: ToolCallPart, verdict: Verdict, approved: object) -> bool:
    """Is it the call that was approved? Its run may have gone on from a history that somebody else kept."""
    from signoff.model import same

    try:
        return call.tool_name == verdict.call.tool and same(given(call), approved)
    except ValueError:
        return False


def _known_in(ctx: RunContext[Any]) -> Known:
    """What the tools of this step of the run say of themselves."""
    manager = ctx.tool_manager
    tools = (manager.tools if manager is not None else None) or {}

    def known(name: str) -> tuple[ToolDefinition | None, Validate | None]:
        tool = tools.get(name)
        return (tool.tool_def if tool is not None else None), validation(tool, ctx)

    return known
