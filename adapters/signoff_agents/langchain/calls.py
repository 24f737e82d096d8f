"""LangChain's tools and tool calls as calls at the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from langchain_core.tools import BaseTool
from pydantic import BaseModel

from signoff_agents.gating import Call

if TYPE_CHECKING:
    from signoff.client.fields import Fields


def call_of(
    name: str,
    arguments: Mapping[str, Any],
    *,
    tool: BaseTool | None,
    call_id: str | None,
    run_id: str | None,
    fields: Fields,
) -> Call:
    """`tool`: None where it is not known; then anything may be in the arguments. `fields` count over what it says."""
    model, schema = (None, None) if tool is None else _schema(tool)
    said = {
        "title": name.replace("_", " ").strip().capitalize() or None,
        "description": tool.description if tool is not None else None,
        "schema": schema,
        **{key: value for key, value in fields.items() if value is not None},
    }
    return Call(
        tool=name,
        arguments=arguments if model is None else _typed(model, arguments),
        call_id=call_id,
        run_id=run_id,
        fields=cast("Fields", said),
        fits=None if model is None else model.model_validate,
    )


def _schema(tool: BaseTool) -> tuple[type[BaseModel] | None, dict[str, Any] | None]:
    """What the model is told of the arguments: without those that LangChain puts in by itself."""
    schema: Any = tool.tool_call_schema
    if isinstance(schema, dict):
        return None, cast("dict[str, Any]", schema)
    if issubclass(schema, BaseModel):
        return schema, schema.model_json_schema()
    return None, cast("dict[str, Any]", schema.schema())  # pydantic's first version


def _typed(model: type[BaseModel], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the tool will read them: what it would convert silently, people see converted ("5" → 5)."""
    from signoff.model import same

    given = dict(arguments)
    try:
        read = model.model_validate(given).model_dump(mode="json")
    except ValueError:
        return given  # the call's `fits` says why nobody is asked
    return {key: read[key] if key in read and not same(read[key], value) else value for key, value in given.items()}
