"""strands-agents-tools' `handoff_to_user`, asking people through Signoff in the place of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

from strands import tool
from strands.types.tools import ToolContext

from signoff.errors import NotRun
from signoff_agents.gating import Call, decide, refused
from signoff_agents.strands.calls import call_id_of, marked_asking, run_of, turn_of
from signoff_agents.strands.pauses import question

if TYPE_CHECKING:
    from strands.tools.decorator import DecoratedFunctionTool

    from signoff.client import Gate
    from signoff.client.fields import Titled

DESCRIPTION = "Hand off control from agent to user for confirmation, input, or complete task handoff"
SCHEMA = {
    "type": "object",
    "properties": {
        "message": {
            "type": "string",
            "description": "Message to display to the user with context and instructions",
        },
        "breakout_of_loop": {
            "type": "boolean",
            "description": "Whether to stop the event loop (True) or wait for user input (False)",
            "default": False,
        },
    },
    "required": ["message"],
}
"""The model reads the same as from strands-agents-tools 0.8.10."""


def handoff_to_user(gate: Gate, **fields: Unpack[Titled]) -> DecoratedFunctionTool[Any, Any]:
    """`Agent(tools=[handoff_to_user(gate)])`: the model asks people, and reads what they answer.

    The contract of strands-agents-tools 0.8: arguments `message` and `breakout_of_loop`; the result is `status`,
    `toolUseId` and `content`, whose text is `User response received: …`, and here also `userInput`, the answer alone,
    for programs. With `breakout_of_loop` people are told and nobody is waited for: the loop stops after this turn, by
    the same `request_state["stop_event_loop"]`, whether or not they could be told.

    A question that is refused, or that nobody answers in time, is an error with a sentence that says so, and so is
    one that could not be asked. `fields`: what `Gate.question` takes, such as `channel`. `ApprovalHooks` ask for no
    approval of it.
    """
    said = {name: value for name, value in fields.items() if value is not None}

    @tool(name="handoff_to_user", description=DESCRIPTION, inputSchema={"json": SCHEMA}, context=True)
    async def handoff(message: str, tool_context: ToolContext, breakout_of_loop: bool = False) -> dict[str, Any]:
        agent: Any = tool_context.agent
        tool_use = tool_context.tool_use
        turn_id, _ = turn_of(agent, tool_use)
        asked = question(message, run_of(agent), call_id_of(tool_use, turn_id))
        if breakout_of_loop:
            tool_context.invocation_state.setdefault("request_state", {})["stop_event_loop"] = True
            ids = {"run_id": asked.run_id, "tool_call_id": asked.call_id}
            return await _told(gate, message, cast("Titled", {**said, **ids}))
        verdict = await decide(
            gate,
            Call(
                tool=asked.tool,
                arguments=asked.arguments,
                run_id=asked.run_id,
                call_id=asked.call_id,
                fields=cast("Any", {**asked.fields, **said}),
            ),
        )
        if verdict.kind != "answer":
            return _result("error", verdict.said or "")
        return _result("success", f"User response received: {verdict.said}") | {"userInput": verdict.said}

    marked_asking(handoff)
    return handoff


async def _told(gate: Gate, message: str, fields: Titled) -> dict[str, Any]:
    title = fields.get("title") or message
    rest = cast("Any", {name: value for name, value in fields.items() if name != "title"})
    try:
        await gate.notify(title, {"message": message}, **rest)
    except (NotRun, ValueError) as error:
        no = refused(Call(tool="handoff_to_user", arguments={}), error)
        return _result("error", f"Agent handoff completed, but nobody was told. {no.said}")
    return _result("success", f"Agent handoff completed. Message displayed to user: {message}")


def _result(status: str, text: str) -> dict[str, Any]:
    return {"status": status, "content": [{"text": text}]}
