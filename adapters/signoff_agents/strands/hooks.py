"""The hooks that ask where a tool is about to run, and wait or pause there."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast
from weakref import WeakKeyDictionary, WeakSet

from strands.hooks import BeforeToolCallEvent, HookOrder, HookProvider, HookRegistry
from strands.interrupt import InterruptException
from strands.interventions import InterventionHandler, Proceed
from strands.middleware import ExecuteToolStage, ToolResultEvent, TypedEvent

from signoff.errors import where
from signoff_agents.gating import (
    Call,
    Ran,
    Tools,
    Turns,
    Verdict,
    broken,
    checked,
    fields_of,
    misfit,
    refused,
    report,
    unless,
)
from signoff_agents.strands.calls import APPROVED, asks_itself, call_id_of, call_of, run_of, shape_of, turn_of
from signoff_agents.strands.pauses import APPROVAL, reason_of, taken

if TYPE_CHECKING:
    from strands import Agent
    from strands.interventions import OnError
    from strands.middleware import ExecuteToolContext, MiddlewareNext
    from strands.types.tools import AgentTool, ToolResult, ToolUse

    from signoff.client import Gate
    from signoff.client.fields import Fields

Mode = Literal["block", "interrupt"]
Describe = Callable[["ToolResult"], str | None]

PAUSED = "tool_interrupt_event"
"""What Strands' event for a tool that pauses the run says, after which it asks for no more events."""

log = logging.getLogger("signoff")


class ApprovalHooks(HookProvider):
    """`Agent(..., hooks=[ApprovalHooks(gate)])`: tools run when a person has approved their arguments.

    `tools`: `"all"`, names, or name → what `Gate.ask` takes (`{"pay": {"risk": "high"}, "look": None, "*": {}}`; None:
    not asked about, "*": the rest). `mode="block"` waits inside the call, and needs no session; calls of one turn are
    asked about as one batch, and each goes on when it is decided. `mode="interrupt"` stops the run with
    `stop_reason == "interrupt"`; `run_with_approvals` and `resume_interrupts` ask people and go on. Whatever else a
    paused run is resumed with decides nothing: the hook then asks people itself.

    People see what runs: it is asked right before the tool, when all other hooks have had their say. Middleware that
    is added to the agent after its first tool call comes behind it, and should not change calls. The model's own
    message keeps the arguments that it wrote, in memory and in the session; the result says what a person changed.

    `run_id`: what names the run; without it the session's and the agent's id, and where there is no session a name
    for as long as the agent lives. With a session a run that is taken up again finds what it asked, and runs nothing
    twice. `outcome`: from a result to what the card shows of it; without it only that it succeeded.

    Direct calls (`agent.tool.pay(...)`), and calls that Strands makes in the background, wait in both modes. A tool
    that pauses the run by itself goes on under the same approval in the same process; in a new one it is not run again.
    Agents of a graph or swarm, agents used as tools, and those that a tool makes by itself (`use_agent`) need hooks of
    their own; they may share these. An agent that takes no middleware, such as one for speech, is refused its gated
    calls.
    """

    def __init__(
        self,
        gate: Gate,
        tools: Tools = "all",
        mode: Mode = "block",
        *,
        title: str | None = None,
        run_id: str | None = None,
        outcome: Describe | None = None,
    ) -> None:
        if mode not in ("block", "interrupt"):
            raise ValueError(f'mode is "block" or "interrupt", not {mode!r}')
        self._gate = gate
        self._tools = checked(tools)
        self._mode = mode
        self._turns = Turns(gate, title)
        self._run_id = run_id
        self._outcome = outcome
        self._agents: WeakSet[Agent] = WeakSet()
        self._adding = threading.Lock()
        # Of calls whose tool has paused the run itself: answered, it runs on under the same approval.
        self._halted: WeakKeyDictionary[Agent, dict[str, Verdict]] = WeakKeyDictionary()

    def register_hooks(self, registry: HookRegistry, **kwargs: Any) -> None:
        """Called by Strands."""
        registry.add_callback(BeforeToolCallEvent, self.attend, order=HookOrder.SDK_LAST)

    def attend(self, event: BeforeToolCallEvent) -> None:
        """Stands between this agent and its tools from its first call on, which is this one or was an earlier one."""
        agent = event.agent
        try:
            with self._adding:
                if agent not in self._agents:
                    agent.add_middleware(ExecuteToolStage, self._around)
                    self._agents.add(agent)
        except Exception as error:  # noqa: BLE001  # an agent that takes no middleware: whatever went wrong, it is a no
            if self._fields(event.selected_tool, event.tool_use["name"]) is not None:
                event.cancel_tool = refused(Call(tool=event.tool_use["name"], arguments={}), error).said or True

    async def _around(
        self, context: ExecuteToolContext, next_fn: MiddlewareNext[ExecuteToolContext, TypedEvent]
    ) -> AsyncGenerator[TypedEvent]:
        tool = context.tool
        fields = self._fields(tool, context.tool_use["name"])
        if fields is None or (tool is not None and asks_itself(tool)):
            async for event in next_fn(context):
                yield event
            return
        if tool is None:  # nothing could run, so nobody is asked
            yield _told(context, "error", f"Unknown tool: {context.tool_use['name']}")
            return
        verdict = await self._verdict(context, tool, fields)
        if verdict.run is None:
            yield _told(context, "success" if verdict.kind == "answer" else "error", verdict.said or "")
            return
        running = self._running(context, verdict, next_fn)
        try:
            async for event in running:
                yield event
        finally:
            await running.aclose()

    async def _running(
        self,
        context: ExecuteToolContext,
        verdict: Verdict,
        next_fn: MiddlewareNext[ExecuteToolContext, TypedEvent],
    ) -> AsyncGenerator[TypedEvent]:
        ran: Ran | None = None
        halted = False
        before = APPROVED.get()
        APPROVED.set(Call(tool=verdict.call.tool, arguments=verdict.run or {}))
        try:
            async for event in next_fn(context.replace(tool_use={**context.tool_use, "input": verdict.run})):
                if isinstance(event, ToolResultEvent):
                    ran = self._judged(event)
                    yield ToolResultEvent(_noted(event.tool_result, verdict), event.exception)
                else:
                    halted = halted or PAUSED in event
                    yield event
        except BaseException as error:
            halted = halted or isinstance(error, InterruptException)
            if ran is None and not halted:
                await broken(self._gate, [verdict], error)
            raise
        finally:
            APPROVED.set(before)
            if ran is not None:
                await report(self._gate, verdict, ran)
            elif halted:
                self._keep(context, verdict)

    async def _verdict(self, context: ExecuteToolContext, tool: AgentTool, fields: Fields) -> Verdict:
        """Raises nothing but InterruptException, in the mode that pauses."""
        try:
            call, turn = self._calls(context, tool, fields)
            known = self._kept(context, call) or taken(call)
            if (verdict := known or misfit(call)) is not None:
                return verdict
            if self._mode == "interrupt" and _pauses(context):
                context.interrupt(APPROVAL, reason=reason_of(call))
        except InterruptException:
            raise
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=tool.tool_name, arguments={}), error)
        verdict = await unless(self._gate, lambda: _cancelled(context), self._turns.decide(call, turn))
        return verdict or Verdict(kind="away", call=call, said=f"{call.tool} was not run: the run was cancelled.")

    def _calls(self, context: ExecuteToolContext, tool: AgentTool, fields: Fields) -> tuple[Call, list[Call]]:
        """The call and those of its turn."""
        agent, own = context.agent, context.tool_use
        run_id = self._run_id or run_of(agent)
        turn_id, uses = turn_of(agent, own)

        def made(use: ToolUse, tool: AgentTool, fields: Fields) -> Call:
            call_id, shape = call_id_of(use, turn_id), shape_of(tool)
            return call_of(tool.tool_name, use["input"], shape=shape, call_id=call_id, run_id=run_id, fields=fields)

        call = made(own, tool, fields)
        turn: list[Call] = []
        for use in uses:
            if use["toolUseId"] == own["toolUseId"]:
                if use["name"] != tool.tool_name or use["input"] != own["input"]:
                    return call, [call]  # changed on the way here: the others of the turn do not know it like this
                turn.append(call)
                continue
            registry = agent.tool_registry
            other = registry.dynamic_tools.get(use["name"]) or registry.registry.get(use["name"])
            its = self._fields(other, use["name"])
            if other is not None and its is not None and not asks_itself(other):
                turn.append(made(use, other, its))
        return call, turn or [call]

    def _fields(self, tool: AgentTool | None, name: str) -> Fields | None:
        """What is said about the tool that will run, or about the one that the model called where that is another."""
        actual = None if tool is None else fields_of(self._tools, tool.tool_name)
        return fields_of(self._tools, name) if actual is None else actual

    def _keep(self, context: ExecuteToolContext, verdict: Verdict) -> None:
        self._halted.setdefault(cast("Agent", context.agent), {})[context.tool_use["toolUseId"]] = verdict

    def _kept(self, context: ExecuteToolContext, call: Call) -> Verdict | None:
        verdict = self._halted.get(cast("Agent", context.agent), {}).pop(context.tool_use["toolUseId"], None)
        return verdict if verdict is not None and _same(verdict.call, call) else None

    def _judged(self, event: ToolResultEvent) -> Ran:
        """What came of it. Strands makes results of errors."""
        ran, result = Ran(), event.tool_result
        if result["status"] == "error":
            ran.failed(_text(result) or None)
        elif self._outcome is not None:
            try:
                ran.detail = self._outcome(result)
            except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the model
                log.warning("the outcome could not be described: %s", where(error))
        return ran


class ApprovalIntervention(InterventionHandler):
    """The same for `Agent(..., interventions=[ApprovalIntervention(ApprovalHooks(gate))])`, in order with others.

    Handlers after it still see the call before people do: it is asked about right before its tool runs.
    """

    def __init__(self, hooks: ApprovalHooks) -> None:
        self._hooks = hooks

    @property
    def name(self) -> str:
        """Strands tells handlers apart by it."""
        return "signoff"

    @property
    def on_error(self) -> OnError:
        """What fails here is a no."""
        return "deny"

    def before_tool_call(self, event: BeforeToolCallEvent, **kwargs: Any) -> Proceed:
        """Called by Strands."""
        self._hooks.attend(event)
        return Proceed()


def _pauses(context: ExecuteToolContext) -> bool:
    """Whether the call can stop the run: not a direct call, which carries no cycle's id, and not one in the background,
    which would wait for the model to take it up.
    """
    return "event_loop_cycle_id" in context.invocation_state and not hasattr(context, "_background_interrupt")


async def _cancelled(context: ExecuteToolContext) -> bool:
    """By `agent.cancel()`, which Strands looks at when the tools of a turn have ended."""
    return context.cancel_signal.is_set()


def _same(one: Call, other: Call) -> bool:
    return (one.tool, one.call_id, one.arguments) == (other.tool, other.call_id, other.arguments)


def _told(context: ExecuteToolContext, status: Literal["success", "error"], text: str) -> ToolResultEvent:
    """What the model reads in the place of a result."""
    return ToolResultEvent({"toolUseId": context.tool_use["toolUseId"], "status": status, "content": [{"text": text}]})


def _noted(result: ToolResult, verdict: Verdict) -> ToolResult:
    """With the note about an edit behind it: the model's own message keeps the arguments that it wrote."""
    if verdict.note is None:
        return result
    return cast("ToolResult", {**result, "content": [*result["content"], {"text": verdict.note}]})


def _text(result: Mapping[str, Any]) -> str:
    return "\n".join(str(one["text"]) for one in result["content"] if "text" in one)
