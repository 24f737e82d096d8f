"""What a paused run waits for, as calls at the gate, and the answers it goes on with.

Three shapes of an interrupt's value: HumanInTheLoopMiddleware's `HITLRequest` (mode `batched`) and
`ToolApprovalRequest` (mode `per_call`), and Agent Inbox' `HumanInterrupt`, one or a list. Others are somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage
from langgraph.types import Interrupt, StateSnapshot

from signoff.errors import Rejected
from signoff_agents.gating import Call, Verdict, fields_of
from signoff_agents.langchain.calls import UNKNOWN, call_of, shape_of

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from signoff.client.fields import Fields
    from signoff_agents.gating import Tools

Document = dict[str, Any]
KINDS = ("approve", "edit", "reject", "respond")
INBOX = {"allow_accept": "approve", "allow_edit": "edit", "allow_respond": "respond"}
"""Agent Inbox' words for what may be decided."""


@dataclass(frozen=True)
class Asked:
    """One call that a pause waits for."""

    call: Call
    allowed: tuple[str, ...]
    """What the pause takes as an answer."""
    tool_call_id: str | None
    """The model's id of it, by which its result is found."""


@dataclass(frozen=True)
class Pause:
    """One interrupt of ours."""

    id: str
    asked: tuple[Asked, ...]
    shape: Callable[[Sequence[Document]], object]
    """From the answers to its calls to what LangGraph resumes it with."""


def pauses(state: StateSnapshot, agent: object, run_id: str | None, tools: Tools) -> list[Pause]:
    """Those that wait. Raises ValueError for one that looks like ours and makes no sense."""
    found = [_pause(one, state, _tools(agent), run_id, tools) for one in state.interrupts]
    return [one for one in found if one is not None]


def _pause(
    interrupt: Interrupt[Any], state: StateSnapshot, known: Mapping[str, BaseTool], run_id: str | None, tools: Tools
) -> Pause | None:
    value = interrupt.value

    def asked(index: int, action: Document, allowed: Sequence[str], tool_call_id: str | None) -> Asked:
        name, arguments = action["name"], action["args"]
        said: dict[str, Any] = {
            "description": _description(action),
            "allowed_decisions": tuple(dict.fromkeys((*allowed, "reject"))),
            **(fields_of(tools, name) or {}),
        }
        call = call_of(
            name,
            arguments,
            shape=shape_of(known[name]) if name in known else UNKNOWN,
            call_id=f"{interrupt.id}/{index}",
            run_id=run_id,
            fields=cast("Fields", said),
        )
        return Asked(call, tuple(allowed), tool_call_id)

    if isinstance(value, dict) and cast("Document", value).get("type") == "tool_approval":
        one = cast("Document", value)
        allowed = _allowed(interrupt.response_schema)
        return Pause(interrupt.id, (asked(0, one, allowed, one["tool_call_id"]),), lambda answers: answers[0])
    if isinstance(value, dict) and "action_requests" in value:
        many = cast("Document", value)
        actions, configs = many["action_requests"], many["review_configs"]
        if len(actions) != len(configs):
            raise ValueError("an interrupt has other calls than configurations; it cannot be answered")
        ids = _ids(state, actions)
        calls = (
            asked(index, action, config["allowed_decisions"], tool_call_id)
            for index, (action, config, tool_call_id) in enumerate(zip(actions, configs, ids, strict=True))
        )
        return Pause(interrupt.id, tuple(calls), lambda answers: {"decisions": list(answers)})
    inbox = [value] if isinstance(value, dict) else value
    if isinstance(inbox, list) and inbox and all(map(_is_inbox, inbox)):
        calls = (
            asked(
                index,
                {
                    **one["action_request"],
                    "name": one["action_request"]["action"],
                    "description": one.get("description"),
                },
                [kind for word, kind in INBOX.items() if one["config"].get(word)],
                None,
            )
            for index, one in enumerate(cast("list[Document]", inbox))
        )
        return Pause(interrupt.id, tuple(calls), lambda answers: [_inbox_answer(one) for one in answers])
    return None


def answer(asked: Asked, verdict: Verdict) -> Document:
    """LangChain's decision. Raises the verdict's error where the pause takes no answer that says no."""
    if verdict.run is not None:
        if not verdict.edited:
            return {"type": "approve"}
        return {"type": "edit", "edited_action": {"name": asked.call.tool, "args": verdict.run}}
    said = verdict.said or ""
    if verdict.kind == "answer":
        return {"type": "respond", "message": said}
    if "reject" in asked.allowed:
        # LangChain tells the model that the user rejected it, whatever is said here (I05).
        by_person = isinstance(verdict.error, Rejected) and not str(verdict.error.data["who"]).startswith("The rule ")
        return {"type": "reject", "message": said if by_person else f"No person has rejected it. {said}"}
    if "respond" in asked.allowed:
        return {"type": "respond", "message": said}
    assert verdict.error is not None
    raise verdict.error


def _description(action: Document) -> str | None:
    """LangChain's own says nothing but the call again, with all that is in it."""
    given = str(action.get("description") or "")
    return (
        given.removesuffix(f"\n\nTool: {action['name']}\nArgs: {action['args']}").removeprefix(
            "Tool execution requires approval"
        )
        or None
    )


def _allowed(schema: object) -> list[str]:
    """The decisions that a `response_schema` lists: one object each, told apart by the word in `type`."""
    whole = cast("Document", schema) if isinstance(schema, dict) else {}
    kinds = [
        one.get("properties", {}).get("type", {}).get("const") for one in (whole, *whole.get("$defs", {}).values())
    ]
    return [kind for kind in KINDS if kind in kinds] or list(KINDS)


def _ids(state: StateSnapshot, actions: Sequence[Document]) -> list[str | None]:
    """The model's ids of these calls: a `HITLRequest` does not say them."""
    values: Any = state.values
    messages: Any = values.get("messages") if isinstance(values, dict) else None
    last = next((one for one in reversed(messages or []) if isinstance(one, AIMessage)), None)
    calls = iter(last.tool_calls if last is not None else [])
    return [
        next((call["id"] for call in calls if call["name"] == one["name"] and call["args"] == one["args"]), None)
        for one in actions
    ]


def _is_inbox(value: object) -> bool:
    one = cast("Document", value) if isinstance(value, dict) else {}
    action = one.get("action_request")
    return isinstance(action, dict) and {"action", "args"} <= set(cast("Document", action)) and "config" in one


def _inbox_answer(given: Document) -> Document:
    match given["type"]:
        case "approve":
            return {"type": "accept", "args": None}
        case "edit":
            edited = given["edited_action"]
            return {"type": "edit", "args": {"action": edited["name"], "args": edited["args"]}}
        case _:
            return {"type": "response", "args": given["message"]}


def _tools(agent: object) -> Mapping[str, BaseTool]:
    """The tools of an agent that `create_agent` made; none where they cannot be found."""
    node: Any = cast("dict[str, Any]", getattr(agent, "nodes", {})).get("tools")
    found: Any = getattr(getattr(node, "bound", None), "tools_by_name", {})
    return cast("Mapping[str, BaseTool]", found)
