"""LangChain's tools and tool calls as calls at the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from langchain_core.tools import BaseTool
from pydantic import BaseModel

from signoff_agents.gating import Call, fits_schema

if TYPE_CHECKING:
    from signoff.client.fields import Fields


@dataclass(frozen=True, slots=True)
class Shape:
    """What a tool says of itself. Made once for each tool: LangChain makes the schema anew whenever it is asked."""

    description: str | None = None
    model: type[BaseModel] | None = None
    """Of the arguments that the model gives: without those that LangChain puts in by itself."""
    schema: dict[str, Any] | None = None
    fits: Callable[[Mapping[str, object]], object] | None = None
    """Raises ValueError for arguments that it does not take."""


UNKNOWN = Shape()
"""Of a tool that the agent does not have: anything may be in the arguments."""


def shape_of(tool: BaseTool) -> Shape:
    schema: Any = tool.tool_call_schema
    if not isinstance(schema, dict) and issubclass(schema, BaseModel):
        return Shape(tool.description, schema, schema.model_json_schema(), schema.model_validate)
    # A tool of an MCP server has nothing but JSON Schema; the other one is pydantic's first version.
    plain = cast("dict[str, Any]", schema if isinstance(schema, dict) else schema.schema())
    return Shape(tool.description, None, plain, fits_schema(plain))


def call_of(
    name: str, arguments: Mapping[str, Any], *, shape: Shape, call_id: str | None, run_id: str | None, fields: Fields
) -> Call:
    """`fields` count over what the tool says."""
    said = {
        "title": name.replace("_", " ").strip().capitalize() or None,
        "description": shape.description,
        "schema": shape.schema,
        **{key: value for key, value in fields.items() if value is not None},
    }
    return Call(
        tool=name,
        arguments=arguments if shape.model is None else _typed(shape.model, arguments),
        call_id=call_id,
        run_id=run_id,
        fields=cast("Fields", said),
        fits=shape.fits,
    )


def _typed(model: type[BaseModel], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the tool will read them: what it would convert silently, people see converted ("5" → 5)."""
    from signoff.model import same

    given = dict(arguments)
    try:
        read = model.model_validate(given).model_dump(mode="json")
    except ValueError:
        return given  # the call's `fits` says why nobody is asked
    return {key: read[key] if key in read and not same(read[key], value) else value for key, value in given.items()}
