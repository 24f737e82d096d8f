"""The middleware that asks where a tool is about to run, and waits there."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.types import Command

from signoff.errors import where
from signoff_agents.gating import (
    Call,
    Ran,
    Tools,
    Turns,
    Verdict,
    blocking,
    checked,
    fields_of,
    refused,
    running,
    running_blocking,
)
from signoff_agents.langchain.calls import UNKNOWN, Shape, call_of, shape_of

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from signoff.client import Gate
    from signoff.client.fields import Fields

Result = ToolMessage | Command[Any]
Describe = Callable[[ToolMessage], str | None]

log = logging.getLogger("signoff")


class ApprovalMiddleware(AgentMiddleware[Any, Any, Any]):
    """`create_agent(..., middleware=[ApprovalMiddleware(gate)])`: tools run when a person has approved their arguments.

    `tools`: `"all"`, names, or name → what `Gate.ask` takes (`{"pay": {"risk": "high"}, "look": None, "*": {}}`; None:
    not asked about, "*": the rest). Calls of one turn are asked about as one batch, and each goes on when it is
    decided. `outcome`: from a result to what the card shows of it; without it only that it succeeded.

    With a thread id, a run that is taken up again after a crash finds what it asked, and runs nothing twice. Put it
    last, nearest to the tools: middleware that changes calls comes before it. A tool that is asked about should not
    raise interrupts of its own: LangGraph would run it again from its beginning, and it runs once.
    """

    def __init__(
        self, gate: Gate, tools: Tools = "all", *, title: str | None = None, outcome: Describe | None = None
    ) -> None:
        super().__init__()
        self._gate = gate
        self._tools = checked(tools)
        self._turns = Turns(gate, title)
        self._outcome = outcome
        self._shapes: dict[str, tuple[BaseTool, Shape]] = {}

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        if self._fields(request) is None:
            return handler(request)
        verdict = self._unclear(request)
        if not isinstance(verdict, Verdict):
            verdict = blocking(self._turns.decide(*verdict))
        if verdict.run is None:
            return _message(request, verdict)
        with running_blocking(self._gate, verdict) as ran:
            result = handler(_approved(request, verdict.run))
            self._judge(ran, result)
        return _noted(result, verdict)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        if self._fields(request) is None:
            return await handler(request)
        verdict = self._unclear(request)
        if not isinstance(verdict, Verdict):
            verdict = await self._turns.decide(*verdict)
        if verdict.run is None:
            return _message(request, verdict)
        async with running(self._gate, verdict) as ran:
            result = await handler(_approved(request, verdict.run))
            self._judge(ran, result)
        return _noted(result, verdict)

    def _unclear(self, request: ToolCallRequest) -> tuple[Call, list[Call]] | Verdict:
        """The call and those of its turn; the verdict when they cannot be made out."""
        try:
            return self._calls(request)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=request.tool_call["name"], arguments={}), error)

    def _calls(self, request: ToolCallRequest) -> tuple[Call, list[Call]]:
        message, rest, before = _turn(request)
        run_id = _run_id(request, message)

        def made(one: Mapping[str, Any], tool: BaseTool | None, fields: Fields) -> Call:
            name = one["name"] if tool is None else tool.name
            return call_of(
                name,
                one["args"],
                shape=self._shape(name, tool),
                call_id=_call_id(one, before),
                run_id=run_id,
                fields=fields,
            )

        own = cast("Mapping[str, Any]", request.tool_call)
        call = made(own, request.tool, self._fields(request) or {})
        asked = [(one, its) for one in rest if (its := fields_of(self._tools, one["name"])) is not None]
        places = [
            index for index, (one, _) in enumerate(asked) if one["id"] == own["id"] and one["args"] == own["args"]
        ]
        if len(asked) < 2 or len(places) != 1 or call.tool != asked[places[0]][0]["name"]:
            return call, [call]  # alone, or changed on the way here: the others of the turn do not know it like this
        tools = {tool.name: tool for tool in request.runtime.tools}
        turn = [made(one, tools.get(one["name"]), its) for one, its in asked]
        turn[places[0]] = call
        return call, turn

    def _fields(self, request: ToolCallRequest) -> Fields | None:
        """What is said about the tool that will run, or about the one that the model called where that is another."""
        actual = None if request.tool is None else fields_of(self._tools, request.tool.name)
        return fields_of(self._tools, request.tool_call["name"]) if actual is None else actual

    def _shape(self, name: str, tool: BaseTool | None) -> Shape:
        if tool is None:
            return UNKNOWN
        known = self._shapes.get(name)
        if known is None or known[0] is not tool:
            known = self._shapes[name] = (tool, shape_of(tool))
        return known[1]

    def _judge(self, ran: Ran, result: Result) -> None:
        """What came of it. LangGraph makes messages of most errors."""
        for message in _messages(result):
            if message.status == "error":
                ran.failed(message.text)
            elif self._outcome is not None:
                try:
                    ran.detail = self._outcome(message)
                except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the model
                    log.warning("the outcome could not be described: %s", where(error))


def _turn(request: ToolCallRequest) -> tuple[AIMessage | None, list[Mapping[str, Any]], Sequence[Any]]:
    """The message that the call stands in, its calls that have no result yet, and the messages before it."""
    state: Any = request.state
    found: Any = state.get("messages") if isinstance(state, Mapping) else getattr(state, "messages", state)
    messages: Sequence[Any] = found if isinstance(found, Sequence) else ()
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if isinstance(message, AIMessage):
            ended = {one.tool_call_id for one in messages[index + 1 :] if isinstance(one, ToolMessage)}
            rest = [cast("Any", one) for one in message.tool_calls if one["id"] not in ended]
            return message, rest, messages[:index]
    return None, [], ()


def _run_id(request: ToolCallRequest, message: AIMessage | None) -> str | None:
    """The thread; where nothing is kept, the run or the model's message."""
    config = request.runtime.config
    thread = config.get("configurable", {}).get("thread_id")
    found = thread or config.get("run_id") or (message.id if message is not None else None)
    return None if found is None else str(found)


def _call_id(call: Mapping[str, Any], before: Sequence[Any]) -> str | None:
    """With how often it was there before: some models number their calls anew in every message."""
    given: str | None = call["id"]
    earlier = sum(
        one["id"] == given for message in before if isinstance(message, AIMessage) for one in message.tool_calls
    )
    return f"{given}/{earlier + 1}" if given and earlier else given


def _approved(request: ToolCallRequest, arguments: dict[str, object]) -> ToolCallRequest:
    return request.override(tool_call={**request.tool_call, "args": arguments})


def _message(request: ToolCallRequest, verdict: Verdict) -> ToolMessage:
    """What the model reads in the place of a result."""
    return ToolMessage(
        content=verdict.said or "",
        name=request.tool_call["name"],
        tool_call_id=request.tool_call["id"],
        status="success" if verdict.kind == "answer" else "error",
    )


def _messages(result: Result) -> list[ToolMessage]:
    if isinstance(result, ToolMessage):
        return [result]
    update: Any = result.update
    found: Any = cast("dict[str, Any]", update).get("messages") if isinstance(update, dict) else None
    return [one for one in found if isinstance(one, ToolMessage)] if isinstance(found, list) else []


def _noted(result: Result, verdict: Verdict) -> Result:
    """With the note about an edit behind the text: the model's own message keeps the arguments it wrote."""
    if verdict.note is None:
        return result
    if isinstance(result, ToolMessage):
        return _with_note(result, verdict)
    told = _messages(result)
    if not told:
        return result
    update = cast("dict[str, Any]", result.update)
    noted = [_with_note(one, verdict) if any(one is found for found in told) else one for one in update["messages"]]
    return replace(result, update={**update, "messages": noted})


def _with_note(message: ToolMessage, verdict: Verdict) -> ToolMessage:
    content: Any = message.content
    if isinstance(content, str):
        return message.model_copy(update={"content": verdict.noted(content)})
    blocks = cast("list[Any]", content)
    note = verdict.note if blocks and all(isinstance(one, str) for one in blocks) else _block(verdict.note)
    return message.model_copy(update={"content": [*blocks, note]})


def _block(text: str | None) -> dict[str, object]:
    return {"type": "text", "text": text}
