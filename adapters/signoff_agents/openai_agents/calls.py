"""The SDK's tools and tool calls as calls at the gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from agents import FunctionTool

from signoff_agents.gating import Call, Misfit, Tools, fields_of

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
        fits=fits(schema),
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


def named(tools: Tools, tool: FunctionTool) -> Fields | None:
    """What is said about this tool, by its name or the name with its namespace; None when it runs unasked."""
    whole = tool.qualified_name
    if whole == tool.name or (isinstance(tools, Mapping) and whole not in tools):
        return fields_of(tools, tool.name)
    found = fields_of(tools, whole)
    return found if found is not None or isinstance(tools, Mapping) else fields_of(tools, tool.name)


def fits(schema: Document) -> Callable[[Mapping[str, object]], object] | None:
    """A check of arguments by the tool's own schema; it raises ValueError, without the values."""
    # jsonschema is there with the SDK, which needs mcp, which needs it. Loading it takes its time.
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for
    from referencing import Registry

    if not schema:
        return None
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError:
        return None
    # A registry of its own: the library's own one fetches what a schema refers to from the network.
    validator = kind(schema, registry=Registry())

    def check(arguments: Mapping[str, object]) -> None:
        error = best_match(validator.iter_errors(cast("Any", dict(arguments))))
        if error is None:
            return
        place = ".".join(map(str, error.absolute_path))
        if error.validator == "required":
            missing = [name for name in cast("list[str]", error.validator_value) if name not in error.instance]
            raise ValueError(f"{place + ': ' if place else ''}{' and '.join(missing)} is missing")
        rule = json.dumps(error.validator_value, default=str)[:200]
        raise ValueError(f"{place or 'arguments'}: it does not fit the schema's {error.validator}: {rule}")

    return check
