"""Pydantic AI's tools and tool calls as calls at the gate, and results with what the model has to know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pydantic_ai.messages import ToolCallPart, ToolReturn
from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.toolsets.abstract import ToolsetTool
from pydantic_core import to_jsonable_python

from signoff.errors import where
from signoff_agents.gating import Call, Ran, Verdict

if TYPE_CHECKING:
    from signoff.client.fields import Fields

Arguments = dict[str, Any]
Validate = Callable[[Arguments], Any]
Describe = Callable[[object], str | None]

WRITTEN = {str, int, float, bool, date, datetime, time, timedelta, Decimal, UUID}
"""Types whose JSON form is the whole value."""

log = logging.getLogger("signoff")


def call_of(
    name: str,
    arguments: Arguments,
    *,
    definition: ToolDefinition | None,
    validate: Validate | None,
    call_id: str | None,
    run_id: str | None,
    fields: Fields,
) -> Call:
    """`fields` count over what the tool says. People see the arguments as the tool will read them."""
    said: dict[str, Any] = {"title": name.replace("_", " ").strip().capitalize() or None}
    if definition is not None:
        said |= {"description": definition.description, "schema": definition.parameters_json_schema or None}
    said |= {key: value for key, value in fields.items() if value is not None and key not in {"run_id", "tool_call_id"}}
    return Call(
        tool=name,
        arguments=arguments if validate is None else _typed(validate, arguments),
        call_id=call_id,
        run_id=fields.get("run_id") or run_id,
        fields=cast("Fields", said),
        fits=None if validate is None else lambda given: validate(dict(given)),
    )


def given(call: ToolCallPart) -> Arguments:
    """The model's arguments. Raises ValueError for what is no object."""
    return call.args_as_dict(raise_if_invalid=True)


def validation(tool: ToolsetTool[Any] | None, ctx: RunContext[Any] | None) -> Validate | None:
    """The tool's own check by its types; what it makes of the arguments is what it runs with."""
    if tool is None:
        return None
    context = ctx.validation_context if ctx is not None else None
    return lambda arguments: tool.args_validator.validate_python(arguments, context=context)


def _typed(validate: Validate, arguments: Arguments) -> Arguments:
    """What the tool would convert silently, people see converted ("5" → 5)."""
    from signoff.model import same

    try:
        read: object = validate(dict(arguments))
    except ValueError:
        return arguments  # the call's `fits` says why nobody is asked
    known = {key: to_jsonable_python(value) for key, value in _items(read) if _plain(value)}
    return {
        key: known[key] if key in known and not same(known[key], value) else value for key, value in arguments.items()
    }


def _items(read: object) -> Iterable[tuple[str, object]]:
    return cast("Arguments", read).items() if isinstance(read, dict) else ()


def _plain(value: object) -> bool:
    """It says all of itself when it is written. Models may leave fields out, and a secret is written as asterisks."""
    if isinstance(value, list):
        return all(map(_plain, cast("list[object]", value)))
    if isinstance(value, dict):
        return all(map(_plain, cast("Arguments", value).values()))
    return value is None or isinstance(value, Enum) or type(value) in WRITTEN


def written(arguments: Arguments, part: ToolCallPart | None, validate: Validate | None) -> Arguments:
    """A call's arguments, read already, as JSON data: what the model wrote, unless other ones came here since.

    Raises ValueError for what has no JSON form.
    """
    read: Arguments = to_jsonable_python(arguments)
    if part is None:
        return read
    try:
        said = given(part)
        same = to_jsonable_python(said if validate is None else validate(dict(said))) == read
    except ValueError:
        return read
    return said if same else read


def noted(result: Any, verdict: Verdict) -> Any:
    """With the note about an edit: behind a text, else as a message of its own."""
    if verdict.note is None:
        return result
    if isinstance(result, str):
        return verdict.noted(result)
    if not isinstance(result, ToolReturn):
        return ToolReturn[Any](return_value=result, content=verdict.note)
    whole: ToolReturn[Any] = result
    content: Any = whole.content
    if content is None:
        content = verdict.note
    else:
        content = verdict.noted(content) if isinstance(content, str) else [*content, verdict.note]
    return replace(whole, content=content)


def told(ran: Ran, outcome: Describe | None, result: object) -> None:
    """What the card shows of the result."""
    if outcome is None:
        return
    try:
        ran.detail = outcome(result)
    except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the model
        log.warning("the outcome could not be described: %s", where(error))
