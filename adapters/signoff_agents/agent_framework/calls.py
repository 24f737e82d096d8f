"""The framework's tools and tool calls as calls at the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from agent_framework import FunctionTool

from signoff_agents.gating import Call

if TYPE_CHECKING:
    from signoff.client.fields import Fields


def call_of(
    name: str,
    arguments: Mapping[str, Any],
    *,
    tool: FunctionTool | None,
    call_id: str | None,
    run_id: str | None,
    fields: Fields,
    allowed: tuple[str, ...] | None = None,
) -> Call:
    """`fields` count over what the tool says. `allowed`: nothing else can be done with a decision."""
    said: dict[str, Any] = {
        "title": name.replace("_", " ").strip().capitalize() or None,
        "description": tool.description or None if tool is not None else None,
        "schema": tool.parameters() if tool is not None else None,
        **{key: value for key, value in fields.items() if value is not None},
    }
    if allowed is not None:
        wanted = said.get("allowed_decisions") or allowed
        said["allowed_decisions"] = tuple(kind for kind in allowed if kind in wanted or kind == "reject")
    model = tool.input_model if tool is not None else None
    return Call(
        tool=name,
        arguments=arguments,
        call_id=call_id,
        run_id=run_id,
        fields=cast("Fields", said),
        fits=None if model is None else model.model_validate,
    )
