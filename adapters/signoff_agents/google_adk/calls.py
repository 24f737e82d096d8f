"""ADK's tools and tool calls as calls at the gate."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from google.adk.tools.base_tool import BaseTool
from google.adk.tools.function_tool import FunctionTool

from signoff_agents.gating import Call

if TYPE_CHECKING:
    from google.genai import types

    from signoff.client.fields import Fields

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a tool says of itself."""

    description: str | None = None
    schema: Document | None = None
    """Of the arguments that the model gives: without the context that ADK puts in by itself."""
    fits: Callable[[Mapping[str, object]], object] | None = None


UNKNOWN = Shape()
"""Of a tool that cannot be looked up: anything may be in the arguments."""


def shape_of(tool: BaseTool) -> Shape:
    declaration = _declaration(tool)
    schema = _schema(declaration)
    if isinstance(tool, FunctionTool) and schema is not None:
        known = _function(tool.func, schema)
        if known is not None:
            return known
    return Shape(tool.description or None, schema, None if schema is None else _names(schema))


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
        tool=name, arguments=arguments, call_id=call_id, run_id=run_id, fields=cast("Fields", said), fits=shape.fits
    )


def _declaration(tool: BaseTool) -> types.FunctionDeclaration | None:
    # What tools override to say their parameters; ADK has no other name for it.
    return tool._get_declaration()  # pyright: ignore[reportPrivateUsage]


def _schema(declaration: types.FunctionDeclaration | None) -> Document | None:
    """JSON Schema, also of a tool that declares its parameters in Gemini's own form."""
    if declaration is None:
        return None
    given: Any = declaration.parameters_json_schema
    if isinstance(given, dict):
        return {"type": "object", **cast("Document", given)}
    if declaration.parameters is None:
        return None
    return declaration.parameters.json_schema.model_dump(mode="json", exclude_none=True, by_alias=True)


def _function(function: Callable[..., Any], declared: Document) -> Shape | None:
    """By the function's own types and docstring, which say more than ADK's declaration; None when they say nothing."""
    from signoff.client.signature import Parameters, docstring

    seen = declared.get("properties", {})
    unseen = [name for name in inspect.signature(function).parameters if name not in seen]
    try:
        parameters = Parameters(function, unseen=unseen)
        description, of_parameters = docstring(function)
        schema = cast("Document", parameters.schema(of_parameters))
    except (TypeError, ValueError):  # it takes any name, or a type that has no JSON form
        return None
    names = _names(schema)

    def fits(arguments: Mapping[str, object]) -> None:
        names(arguments)
        parameters.rebuilt(arguments)

    return Shape(description, schema, fits)


def _names(schema: Document) -> Callable[[Mapping[str, object]], None]:
    """Whether all that must be there is there. The rest of a schema is checked where people are asked."""
    required = cast("list[str]", schema.get("required") or [])

    def fits(arguments: Mapping[str, object]) -> None:
        for name in required:
            if name not in arguments:
                raise ValueError(f"{name}: it is missing")

    return fits
