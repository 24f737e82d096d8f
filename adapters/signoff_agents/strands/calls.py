"""Strands' tools and tool calls as calls at the gate."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from pydantic import BaseModel
from strands.tools.structured_output.structured_output_tool import StructuredOutputTool

from signoff_agents.gating import Call, fits_schema

if TYPE_CHECKING:
    from strands.types.agent import LocalAgent
    from strands.types.tools import AgentTool, ToolUse

    from signoff.client.fields import Fields

Document = dict[str, Any]

APPROVED: ContextVar[Call | None] = ContextVar("signoff_strands_approved", default=None)
"""The call whose tool is running, with the arguments that were approved."""

_runs: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_schemas: WeakKeyDictionary[type[BaseModel], Document] = WeakKeyDictionary()
"""Made once for each tool, which takes longer than asking about a call."""
_asking: WeakKeyDictionary[AgentTool, bool] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Shape:
    """What a tool says of itself."""

    description: str | None = None
    model: type[BaseModel] | None = None
    """Of the arguments that the model gives, where the tool is a decorated function."""
    schema: Document | None = None


def shape_of(tool: AgentTool) -> Shape:
    spec = tool.tool_spec
    # Strands keeps no public way to it; what it says of itself in `tool_spec` has lost references and titles.
    model: Any = getattr(getattr(tool, "_metadata", None), "input_model", None)
    if isinstance(model, type) and issubclass(model, BaseModel):
        if model not in _schemas:
            _schemas[model] = model.model_json_schema()
        return Shape(spec["description"], model, _schemas[model])
    said: Any = spec["inputSchema"]
    schema = said.get("json", said) if isinstance(said, dict) else None
    return Shape(spec["description"], None, cast("Document", schema) or None)


def call_of(
    tool: str, arguments: Mapping[str, Any], *, shape: Shape, call_id: str, run_id: str, fields: Mapping[str, object]
) -> Call:
    """`fields` count over what the tool says."""
    said = {
        "title": tool.replace("_", " ").strip().capitalize() or None,
        "description": shape.description,
        "schema": shape.schema,
        **{key: value for key, value in fields.items() if value is not None},
    }
    return Call(
        tool=tool,
        arguments=dict(arguments) if shape.model is None else _typed(shape.model, arguments),
        call_id=call_id,
        run_id=run_id,
        fields=cast("Fields", said),
        fits=fits_of(shape),
    )


def fits_of(shape: Shape) -> Callable[[Mapping[str, object]], object] | None:
    """A check of arguments: by the function's own types, or by the schema of a tool that has nothing else."""
    if shape.model is not None:
        return shape.model.model_validate
    return None if shape.schema is None else fits_schema(shape.schema)


def run_of(agent: object) -> str:
    """The session and the agent in it; where nothing is kept, a name for as long as the agent lives."""
    session: Any = getattr(getattr(agent, "_session_manager", None), "session_id", None)
    if isinstance(session, str):
        return f"{session}/{getattr(agent, 'agent_id', '')}"
    return _runs.setdefault(agent, uuid.uuid4().hex)


def turn_of(agent: LocalAgent, tool_use: ToolUse) -> tuple[str | None, list[ToolUse]]:
    """The id of the message that the call stands in, and all calls of it; none for direct calls."""
    for message in reversed(agent.messages):
        uses = [content["toolUse"] for content in message["content"] if "toolUse" in content]
        if any(use["toolUseId"] == tool_use["toolUseId"] for use in uses):
            return message.get("tracking_id"), uses
    return None, []


def call_id_of(tool_use: ToolUse, turn_id: str | None) -> str:
    """With the message's own id: some models number their calls anew in every message."""
    return tool_use["toolUseId"] if turn_id is None else f"{tool_use['toolUseId']}/{turn_id}"


def asks_itself(tool: AgentTool) -> bool:
    """Tools of ours that ask people, and the one that only carries the structured answer of a run."""
    return tool in _asking or isinstance(tool, StructuredOutputTool)


def marked_asking(tool: AgentTool) -> None:
    _asking[tool] = True


def _typed(model: type[BaseModel], arguments: Mapping[str, Any]) -> Document:
    """The arguments as the tool will read them: what it would convert silently, people see converted ("5" → 5)."""
    from signoff.model import same

    given = dict(arguments)
    try:
        read = model.model_validate(given).model_dump(mode="json")
    except ValueError:
        return given  # the call's `fits` says why nobody is asked
    return {key: read[key] if key in read and not same(read[key], value) else value for key, value in given.items()}
