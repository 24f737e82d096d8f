"""Function tools that wait for a person where they are about to run."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Unpack, cast

from agents import FunctionTool, ToolOutputFileContent, ToolOutputImage, ToolOutputText, ToolTimeoutError
from agents.tool import (
    default_tool_error_function,
    default_tool_timeout_error_message,
    resolve_function_tool_failure_error_function,
    set_function_tool_failure_error_function,
)
from agents.tool_context import ToolContext

from signoff.errors import NotRun, where
from signoff_agents.gating import Call, Ran, Tools, Turns, Verdict, checked, refused, running, text
from signoff_agents.openai_agents.arrivals import arrivals_of
from signoff_agents.openai_agents.calls import call_of, named

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

Describe = Callable[[object], str | None]
Decide = Callable[[FunctionTool, ToolContext[Any], str], Awaitable[Verdict | None]]
"""None: the call runs as it is."""

DEFAULT_FAILURE = "_function_tool_default_failure_handled"
"""What the SDK leaves on a call's context when its own text stands for an exception of the tool."""

log = logging.getLogger("signoff")
_now: ContextVar[Ran | None] = ContextVar("signoff_openai_agents_ran", default=None)


def gated(tool: FunctionTool, gate: Gate, *, outcome: Describe | None = None, **fields: Unpack[Fields]) -> FunctionTool:
    """`Agent(tools=[gated(pay, gate, risk="high")])`: it runs when a person has approved its arguments.

    `fields`: what `Gate.ask` takes. `outcome`: from a result to what the card shows of it; without it only that it
    succeeded. Those calls of a turn that the SDK makes at the same moment are one card with a row each. With `run_id`,
    or `RunConfig(group_id=…)`, the same call made again finds its first request; each is a card of its own then, since
    a tool does not know its turn. `gate_agent` does, and has both.

    People's time does not count for the tool's `timeout_seconds`, which holds for its run. `needs_approval` of the tool
    is not looked at any more: the service's policy says who is asked. A tool with an `output_type` for programs gets a
    person's answer in that type; a refusal is no value of it, and ends the run.
    """
    return gate_tools([tool], gate, {"*": fields}, outcome=outcome)[0]


def gate_tools(
    tools: Iterable[FunctionTool], gate: Gate, which: Tools = "all", *, outcome: Describe | None = None
) -> list[FunctionTool]:
    """Several at once; see `gated`. `which`: `"all"`, names, or name → what `Gate.ask` takes (None: runs unasked).

    Raises ValueError for a name that none of them has, TypeError for what is no function tool.
    """
    given, asking = list(tools), Asking(gate, which, outcome=outcome)
    for tool in cast("list[object]", given):
        if not isinstance(tool, FunctionTool):
            raise TypeError(f"{type(tool).__name__} is no function tool; only these can be held")
    asking.known({name for tool in given for name in (tool.name, tool.qualified_name)})
    return [asking.held(tool) for tool in given]


class Asking:
    """Which tools are asked about, and how."""

    def __init__(
        self,
        gate: Gate,
        tools: Tools,
        *,
        title: str | None = None,
        run_id: str | None = None,
        outcome: Describe | None = None,
    ) -> None:
        self.gate = gate
        self.tools = checked(tools)
        self.outcome = outcome
        self._run_id = run_id
        self._turns = Turns(gate, title)
        self._arrivals = arrivals_of(gate)

    def known(self, names: set[str]) -> None:
        """Raises ValueError where a name is said that no tool has: whoever misspells one believes it to be held."""
        said = [] if isinstance(self.tools, str) else [name for name in self.tools if name != "*"]
        if unknown := [name for name in said if name not in names]:
            raise ValueError(f"there is no tool named {', '.join(unknown)}; there are {', '.join(sorted(names))}")

    def held(self, tool: FunctionTool) -> FunctionTool:
        """The tool behind the gate, or as it is where nobody is asked about it."""
        if named(self.tools, tool) is None or isinstance(tool.on_invoke_tool, Held):
            return tool
        made = holding(tool, self.decide, self.gate, self.outcome)
        made.needs_approval = False
        return made

    async def decide(self, tool: FunctionTool, context: ToolContext[Any], arguments: str) -> Verdict:
        """Raises nothing."""
        try:
            calls = self._calls(tool, context, arguments)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=tool.qualified_name, arguments={}), error)
        own, turn = calls
        if own.run_id is None:
            return await self._arrivals.decide(own, context)
        return await self._turns.decide(own, turn)

    def _calls(self, tool: FunctionTool, context: ToolContext[Any], arguments: str) -> tuple[Call, Sequence[Call]]:
        own = self.call(tool, arguments, context.tool_call_id, self.run_id(context))
        return own, self.turn(own, context)

    def turn(self, own: Call, context: ToolContext[Any]) -> Sequence[Call]:
        """The calls of its turn that are asked about, as far as its run names them; a tool by itself knows its own."""
        return [own]

    def run_id(self, context: ToolContext[Any]) -> str | None:
        config = context.run_config
        return self._run_id or (config.group_id if config is not None else None)

    def call(self, tool: FunctionTool, arguments: str | None, call_id: str | None, run_id: str | None) -> Call:
        fields = named(self.tools, tool)
        return call_of(tool, arguments, call_id=call_id, run_id=run_id, fields=fields or cast("Fields", {}))


def holding(tool: FunctionTool, decide: Decide, gate: Gate, outcome: Describe | None) -> FunctionTool:
    """A copy that decides before it runs; the tool's own time limit holds for its run alone."""
    made = copy.copy(tool)
    made.on_invoke_tool = Held(tool, decide, gate, outcome)
    made.timeout_seconds = None
    return made


class Held:
    """What stands in a held tool's `on_invoke_tool`."""

    def __init__(self, tool: FunctionTool, decide: Decide, gate: Gate, outcome: Describe | None) -> None:
        self.tool = tool
        self._watched = _watched(tool)
        self._decide = decide
        self._gate = gate
        self._outcome = outcome

    async def __call__(self, context: ToolContext[Any], arguments: str) -> Any:
        verdict = await self._decide(self.tool, context, arguments)
        if verdict is None:
            return await _run(self.tool, context, arguments)
        if verdict.run is None:
            return self._not_run(verdict)
        if not _same(arguments, verdict.run):
            # What reads the arguments from the context must not see others than those that run.
            context.tool_arguments = arguments = text(verdict.run)
        async with running(self._gate, verdict) as ran:
            token = _now.set(ran)
            try:
                result = await _run(self._watched, context, arguments)
            finally:
                _now.reset(token)
            if getattr(context, DEFAULT_FAILURE, False):
                ran.failed()
            elif ran.status == "succeeded":
                ran.detail = self._told(result)
        return result if self.tool.output_json_schema is not None else noted(result, verdict)

    def _not_run(self, verdict: Verdict) -> Any:
        if self.tool.output_json_schema is None:
            return verdict.said
        if verdict.kind == "answer":
            return verdict.answer
        raise cast("NotRun", verdict.error) from None

    def _told(self, result: object) -> str | None:
        if self._outcome is None:
            return None
        try:
            return self._outcome(result)
        except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the model
            log.warning("the outcome could not be described: %s", where(error))
            return None


def _watched(tool: FunctionTool) -> FunctionTool:
    """A copy that says when its own `failure_error_function` made a text of an exception."""
    made = copy.copy(tool)
    handle = resolve_function_tool_failure_error_function(tool)
    if handle is None or handle is default_tool_error_function:
        return made  # it raises, or the SDK says so itself

    async def failed(context: Any, error: Exception) -> str:
        ran = _now.get()
        if ran is not None:
            ran.failed(f"{type(error).__name__}: {error}".removesuffix(": "))
        said = handle(context, error)
        return await said if inspect.isawaitable(said) else said

    return set_function_tool_failure_error_function(made, failed)


async def _run(tool: FunctionTool, context: ToolContext[Any], arguments: str) -> Any:
    """As the SDK would, its time limit included. Raises what the tool raises, ToolTimeoutError."""
    work = tool.on_invoke_tool(context, arguments)
    if tool.timeout_seconds is None:
        return await work
    try:
        return await asyncio.wait_for(work, tool.timeout_seconds)
    except TimeoutError as error:
        late = ToolTimeoutError(tool_name=tool.name, timeout_seconds=tool.timeout_seconds)
        if tool.timeout_behavior == "raise_exception":
            raise late from error
        if (ran := _now.get()) is not None:
            ran.failed(str(late))
        if tool.timeout_error_function is None:
            return default_tool_timeout_error_message(tool_name=tool.name, timeout_seconds=tool.timeout_seconds)
        said = tool.timeout_error_function(context, late)
        return await said if inspect.isawaitable(said) else said


def noted(result: Any, verdict: Verdict) -> Any:
    """With the note about an edit behind it: the model's own message keeps the arguments it wrote."""
    if verdict.note is None:
        return result
    if _is_part(result):
        return [result, ToolOutputText(text=verdict.note)]
    parts: list[Any] = result if isinstance(result, list) else []
    if parts and all(map(_is_part, parts)):
        return [*parts, ToolOutputText(text=verdict.note)]
    return verdict.noted(str(result))


def _same(arguments: str, approved: dict[str, object]) -> bool:
    from signoff.model import same

    return same(json.loads(arguments or "{}"), approved)


def _is_part(one: object) -> bool:
    if isinstance(one, Mapping):
        return cast("Mapping[str, object]", one).get("type") in {"text", "image", "file"}
    return isinstance(one, ToolOutputText | ToolOutputImage | ToolOutputFileContent)
