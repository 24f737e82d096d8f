"""The hooks around a tool call: asked before it, reported after it; in a plugin for a whole app, or for one agent."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, cast
from weakref import WeakKeyDictionary

from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_confirmation import ToolConfirmation
from google.adk.tools.tool_context import ToolContext

from signoff.errors import where
from signoff_agents.gating import (
    Call,
    Ran,
    Reports,
    Tools,
    Turns,
    Verdict,
    broken,
    checked,
    fields_of,
    refused,
    report,
)
from signoff_agents.google_adk.calls import UNKNOWN, Shape, call_of, shape_of

if TYPE_CHECKING:
    from google.adk.agents.callback_context import CallbackContext
    from google.adk.agents.invocation_context import InvocationContext
    from google.adk.events.event import Event
    from google.adk.models.llm_request import LlmRequest
    from google.genai import types

    from signoff.client import Gate

Result = dict[str, Any]
Describe = Callable[[Any], str | None]

NOTE = "note"
"""Where in a result the model reads that a person changed the arguments."""

RETRIED = "ERROR_HANDLED_BY_REFLECT_AND_RETRY_PLUGIN"
"""ADK's own word in what its ReflectAndRetryToolPlugin says in the place of an error."""

log = logging.getLogger("signoff")


class ApprovalPlugin(BasePlugin):
    """`App(..., plugins=[ApprovalPlugin(gate)])`: tools run when a person has approved their arguments.

    `tools`: `"all"`, names, or name → what `Gate.ask` takes (`{"pay": {"risk": "high"}, "look": None, "*": {}}`; None:
    not asked about, "*": the rest). `"all"` means ADK's own tools too, such as `transfer_to_agent`. Calls of one turn
    are asked about as one batch, and each goes on when it is decided. `outcome`: from a result to what the card shows
    of it; without it only that it succeeded.

    Put it last: what other plugins and an agent's own `before_tool_callback` change afterwards nobody has seen. The
    approval counts as the confirmation of a tool with `require_confirmation`. A tool that pauses by itself, for a
    confirmation or a sign-in, should not be asked about: it would have to run again, and it runs once.

    What came of a tool is on record before the model reads its result (of a live run: by its end).
    """

    def __init__(
        self,
        gate: Gate,
        tools: Tools = "all",
        *,
        title: str | None = None,
        outcome: Describe | None = None,
        name: str = "signoff",
    ) -> None:
        super().__init__(name)
        self._asking = _Asking(gate, tools, title, outcome)
        self._reports = Reports(gate)
        self._contexts: dict[tuple[str, str | None], ToolContext] = {}
        """Of calls that run: what a plugin before this one answers in our place comes without it."""
        self._notes: dict[tuple[str, str | None], str] = {}

    async def before_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext
    ) -> Result | None:
        instead = await self._asking.before(tool, tool_args, tool_context)
        if instead is None:
            self._contexts[tool_context.invocation_id, tool_context.function_call_id] = tool_context
        return instead

    async def after_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext, result: Result
    ) -> Result | None:
        self._ended(tool_context, result)
        return None  # a result from here would keep the agent's own callbacks from seeing theirs

    async def on_tool_error_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext, error: Exception
    ) -> Result | None:
        self._contexts.pop((tool_context.invocation_id, tool_context.function_call_id), None)
        await self._asking.failed(tool_context, error)
        return None

    def _ended(self, tool_context: ToolContext, result: object) -> None:
        self._contexts.pop((tool_context.invocation_id, tool_context.function_call_id), None)
        ended = self._asking.ended(tool_context, result)
        if ended is not None:
            verdict, ran = ended
            self._reports.send(tool_context.invocation_id, verdict, ran)
            if verdict.note is not None:
                self._notes[tool_context.invocation_id, tool_context.function_call_id] = verdict.note

    async def on_event_callback(self, *, invocation_context: InvocationContext, event: Event) -> Event | None:
        """Adds what was changed to the results, before they are kept and the model reads them."""
        for response in event.get_function_responses():
            # An earlier plugin that answers for a tool keeps the later ones' callbacks from being called.
            context = self._contexts.get((event.invocation_id, response.id))
            if context is not None:
                self._ended(context, response.response)
            note = self._notes.pop((event.invocation_id, response.id), None)
            if note is not None:
                response.response = _noted(response.response, note)
        return None

    async def before_model_callback(self, *, callback_context: CallbackContext, llm_request: LlmRequest) -> None:
        await self._reports.arrived(callback_context.invocation_id)

    async def after_run_callback(self, *, invocation_context: InvocationContext) -> None:
        """Also where whoever reads the events has left before the last one."""
        await self._reports.arrived(invocation_context.invocation_id)
        for left in (self._contexts, self._notes):
            for key in [key for key in left if key[0] == invocation_context.invocation_id]:
                del left[key]  # its result became no event


class Callbacks(TypedDict):
    """By the names that `LlmAgent` gives them."""

    before_tool_callback: Callable[[BaseTool, dict[str, Any], ToolContext], Awaitable[Result | None]]
    after_tool_callback: Callable[[BaseTool, dict[str, Any], ToolContext, Any], Awaitable[Result | None]]
    on_tool_error_callback: Callable[[BaseTool, dict[str, Any], ToolContext, Exception], Awaitable[Result | None]]


def callbacks(
    gate: Gate, tools: Tools = "all", *, title: str | None = None, outcome: Describe | None = None
) -> Callbacks:
    """`LlmAgent(..., **callbacks(gate))`: the same for the tools of one agent. See `ApprovalPlugin`."""
    asking = _Asking(gate, tools, title, outcome)

    async def after(tool: BaseTool, args: dict[str, Any], tool_context: ToolContext, tool_response: Any) -> Any:
        ended = asking.ended(tool_context, tool_response)
        if ended is None:
            return None
        verdict, ran = ended
        await report(gate, verdict, ran)
        return None if verdict.note is None else _noted(tool_response, verdict.note)

    async def failed(tool: BaseTool, args: dict[str, Any], tool_context: ToolContext, error: Exception) -> None:
        await asking.failed(tool_context, error)

    return {
        "before_tool_callback": asking.before,
        "after_tool_callback": after,
        "on_tool_error_callback": failed,
    }


class _Asking:
    """What plugin and callbacks have in common."""

    def __init__(self, gate: Gate, tools: Tools, title: str | None, outcome: Describe | None) -> None:
        self._gate = gate
        self._tools = checked(tools)
        self._turns = Turns(gate, title)
        self._outcome = outcome
        self._shapes: dict[str, tuple[object, Shape]] = {}
        # The context is one call's own, and the same one before and after it.
        self._running: WeakKeyDictionary[ToolContext, Verdict] = WeakKeyDictionary()

    async def before(self, tool: BaseTool, args: dict[str, Any], tool_context: ToolContext) -> Result | None:
        """None: it runs, with what is in `args` now. Otherwise what the model reads in the place of its result."""
        if fields_of(self._tools, tool.name) is None:
            return None
        verdict = await self._verdict(tool, args, tool_context)
        if verdict.run is None:
            return _said(verdict)
        args.clear()
        args.update(verdict.run)
        try:
            await _confirm(tool, args, tool_context)
        except Exception as error:  # noqa: BLE001  # ADK asks the same of the tool again, and it would run nothing
            await report(self._gate, verdict, _failed("Not run: whether it needs a confirmation could not be found."))
            return _said(refused(verdict.call, error))
        self._running[tool_context] = verdict
        return None

    def ended(self, tool_context: ToolContext, result: object) -> tuple[Verdict, Ran] | None:
        """What ran, if it was asked about, and what came of it."""
        verdict = self._running.pop(tool_context, None)
        return None if verdict is None else (verdict, self._judged(result))

    async def failed(self, tool_context: ToolContext, error: BaseException) -> None:
        verdict = self._running.pop(tool_context, None)
        if verdict is not None:
            await broken(self._gate, [verdict], error)

    async def _verdict(self, tool: BaseTool, args: Mapping[str, Any], tool_context: ToolContext) -> Verdict:
        try:
            calls = await self._calls(tool, args, tool_context)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=tool.name, arguments={}), error)
        return await self._turns.decide(*calls)

    async def _calls(
        self, tool: BaseTool, args: Mapping[str, Any], tool_context: ToolContext
    ) -> tuple[Call, list[Call]]:
        """The call and those of its turn, the same ones also when only some of them are made again."""
        run_id = tool_context.session.id

        def made(name: str, arguments: Mapping[str, Any], call_id: str | None, one: BaseTool | None) -> Call:
            shape = UNKNOWN if one is None else self._shape(one)
            fields = fields_of(self._tools, name) or {}
            return call_of(name, dict(arguments), shape=shape, call_id=call_id, run_id=run_id, fields=fields)

        own = tool_context.function_call_id
        asked = [one for one in _turn(tool_context) if fields_of(self._tools, one.name or "") is not None]
        places = [index for index, one in enumerate(asked) if one.id == own and (one.args or {}) == args]
        if len(asked) < 2 or len(places) != 1:
            call = made(tool.name, args, own, tool)
            return call, [call]  # alone, or changed on the way here: the others of the turn do not know it like this
        known = await _known(tool_context)
        turn = [made(one.name or "", one.args or {}, one.id, known.get(one.name or "")) for one in asked]
        return turn[places[0]], turn

    def _shape(self, tool: BaseTool) -> Shape:
        # ADK wraps a plain function anew for every turn.
        source: object = getattr(tool, "func", tool)
        known = self._shapes.get(tool.name)
        if known is None or known[0] is not source:
            known = self._shapes[tool.name] = (source, shape_of(tool))
        return known[1]

    def _judged(self, result: object) -> Ran:
        """What came of it: ADK's tools return their errors, and so do MCP's."""
        said = cast("Mapping[str, Any]", result) if isinstance(result, Mapping) else {}
        if said.get("response_type") == RETRIED:
            return _failed(": ".join(str(said[key]) for key in ("error_type", "error_details") if said.get(key)))
        if said.get("isError") is True or said.get("error"):
            return _failed(str(said["error"]) if said.get("error") else None)
        if self._outcome is None:
            return Ran()
        try:
            return Ran(detail=self._outcome(result))
        except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the model
            log.warning("the outcome could not be described: %s", where(error))
            return Ran()


def _turn(tool_context: ToolContext) -> list[types.FunctionCall]:
    """All calls of the model's turn in which this one stands."""
    own = tool_context.function_call_id
    for event in reversed(tool_context.session.events):
        calls = event.get_function_calls()
        if own and any(one.id == own for one in calls):
            return calls
    return []


async def _known(tool_context: ToolContext) -> dict[str, BaseTool]:
    """The tools of the agent that makes the call, by name."""
    find: Any = getattr(tool_context.get_invocation_context().agent, "canonical_tools", None)
    tools: list[BaseTool] = [] if find is None else await find(tool_context)
    return {one.name: one for one in tools}


async def _confirm(tool: BaseTool, args: dict[str, Any], tool_context: ToolContext) -> None:
    """The approval is the confirmation that a tool with `require_confirmation` would pause for."""
    if tool_context.tool_confirmation is None and await tool.check_require_confirmation(args, tool_context):
        tool_context.tool_confirmation = ToolConfirmation(confirmed=True)


def _said(verdict: Verdict) -> Result:
    """What the model reads in the place of a result."""
    if verdict.kind != "answer":
        return {"error": verdict.said or ""}
    answer = verdict.answer
    return cast("Result", answer) if isinstance(answer, dict) and answer else {"result": answer}


def _failed(detail: str | None) -> Ran:
    return Ran("failed", detail)


def _noted(result: object, note: str) -> Result:
    """With the note about an edit: the model's own message keeps the arguments it wrote."""
    given = cast("Result", result) if isinstance(result, dict) else {"result": result}
    return {**given, NOTE: f"{given[NOTE]}\n\n{note}" if NOTE in given else note}
