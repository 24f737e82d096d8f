"""The SDK's tools and tool calls as calls at the gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from agents import FunctionTool, RunContextWrapper

from signoff_agents.gating import Call, Misfit, Tools, fields_of, fits_schema

if TYPE_CHECKING:
    from signoff.client.fields import Fields

Document = dict[str, Any]


def call_of(
    tool: FunctionTool, arguments: str | None, *, call_id: str | None, run_id: str | None, fields: Fields
) -> Call:
    """`fields` count over what the tool says. Raises Misfit for arguments that are no JSON object."""
    schema = tool.params_json_schema
    said = {
        "title": tool.name.replace("_", " ").strip().capitalize() or None,
        "description": tool.description or None,
        "schema": schema or None,
        **{key: value for key, value in fields.items() if value is not None and key not in {"run_id", "tool_call_id"}},
    }
    return Call(
        tool=tool.qualified_name,
        arguments=read(tool.qualified_name, arguments),
        call_id=call_id,
        run_id=fields.get("run_id") or run_id,
        fields=cast("Fields", said),
        fits=fits_schema(schema),
    )


def read(name: str, arguments: str | None) -> Document:
    """Raises Misfit."""
    try:
        given: object = json.loads(arguments or "{}", parse_constant=_no_number)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Misfit(tool=name, fault="They are no JSON object.")
    return cast("Document", given)


def _no_number(constant: str) -> None:
    raise ValueError(constant)


def run_of(context: RunContextWrapper[Any]) -> object:
    """What all contexts of a run share, and no other run: not even that of an agent which is a tool in it."""
    # Their approvals; the usage is shared with such agents' runs.
    found: object = getattr(context, "_approvals", None)
    return context.usage if found is None else found


def named(tools: Tools, tool: FunctionTool) -> Fields | None:
    """What is said about this tool, by its name or the name with its namespace; None when it runs unasked."""
    whole = tool.qualified_name
    if whole == tool.name or (isinstance(tools, Mapping) and whole not in tools):
        return fields_of(tools, tool.name)
    found = fields_of(tools, whole)
    return found if found is not None or isinstance(tools, Mapping) else fields_of(tools, tool.name)
