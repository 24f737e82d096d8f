"""agno's tools, as what people are shown of them and what their arguments are held to."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from agno.tools import Function, Toolkit

if TYPE_CHECKING:
    from agno.agent import Agent
    from agno.team import Team

    from signoff.client.signature import Parameters

MISREAD = frozenset({"none", "null", "true", "false"})
"""Texts that agno passes to a tool as something else than text (`get_function_call` in agno/utils/functions.py)."""


class Shape:
    """What a tool says of itself. Of a tool that cannot be found: nothing, and its arguments may be anything."""

    def __init__(self, function: Function | None = None) -> None:
        self.description: str | None = None
        self.schema: dict[str, Any] | None = None
        self._parameters: Parameters | None = None
        self.unseen: dict[str, None] = {}
        """Parameters that are nobody's arguments."""
        if function is not None:
            self._read(function)

    def _read(self, function: Function) -> None:
        from signoff.client.signature import Parameters, docstring

        shown = function.model_copy()
        if function.entrypoint is not None and not function.skip_entrypoint_processing:
            # What people fill in is kept from the model, but not from people.
            shown.requires_user_input = shown.user_input_fields = None
            shown.parameters = {"type": "object", "properties": {}, "required": []}
            shown.process_entrypoint()
        self.description = shown.description or None
        self.schema = shown.parameters
        if function.entrypoint is None:
            return
        try:
            names = inspect.signature(function.entrypoint).parameters
            known = cast("Mapping[str, object]", shown.parameters.get("properties") or {})
            filled = function.user_input_fields or ()
            # agno puts these in by itself.
            self.unseen = {name: None for name in names if name not in known and name not in filled}
            self._parameters = Parameters(function.entrypoint, unseen=tuple(self.unseen))
            self.schema = self._parameters.schema(docstring(function.entrypoint)[1])
        except (TypeError, ValueError):
            # No signature that says anything, as of a tool from an MCP server: its own schema stands.
            self._parameters = None

    def typed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the tool will read them: what it would convert silently, people see converted ("5" → 5)."""
        if self._parameters is None:
            return dict(arguments)
        try:
            return self._parameters.arguments((), {**self.unseen, **arguments})[0]
        except (TypeError, ValueError):
            return dict(arguments)  # `fits` says what is wrong

    def fits(self, arguments: Mapping[str, object]) -> None:
        """Raises ValueError for what the tool would not take, or what would not reach it as it is."""
        self.fits_so_far(arguments)
        if self._parameters is not None:
            missing = [one for one in cast("dict[str, Any]", self.schema)["required"] if one not in arguments]
            if missing:
                raise ValueError(f"{missing[0]}: it is missing")

    def fits_so_far(self, arguments: Mapping[str, object]) -> None:
        """The same, where some are still to be filled in."""
        for name, value in arguments.items():
            if isinstance(value, str) and value.strip().lower() in MISREAD:
                raise ValueError(f"{name}: agno does not pass this text on as text")
            if _too_exact(value):
                raise ValueError(f"{name}: agno does not pass on as many digits")
        if self._parameters is not None:
            self._parameters.rebuilt(arguments)


def ready(arguments: Mapping[str, object]) -> dict[str, Any]:
    """Approved arguments as agno keeps and passes them: JSON data of Python's own types."""
    from json import loads

    from signoff.model import dumps

    return cast("dict[str, Any]", loads(dumps(arguments)))


def _too_exact(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_too_exact, cast("dict[str, object]", value).values()))
    if isinstance(value, list):
        return any(map(_too_exact, cast("list[object]", value)))
    return isinstance(value, Decimal)


# ── where they are ───────────────────────────────────────────────────────────────────────────────


def function(runner: object, name: str, member: str | None = None) -> Function | None:
    """The tool of this name, of an agent or team, or of its member; None where it cannot be known beforehand."""
    for one in _runners(runner):
        if member is None or _member_id(one) == member:
            for found in functions(one):
                if found.name == name:
                    return found
    return None


def functions(runner: Agent | Team) -> Iterator[Function]:
    """Those that are listed; not those that a function makes for each run."""
    return listed(runner.tools)


def listed(tools: object) -> Iterator[Function]:
    """The same of what stands in a runner's `tools`."""
    for tool in cast("list[object]", tools) if isinstance(tools, list) else ():
        if isinstance(tool, Function):
            yield tool
        elif isinstance(tool, Toolkit):
            yield from {**tool.get_functions(), **tool.get_async_functions()}.values()


def _runners(runner: object) -> Iterator[Agent | Team]:
    """It and its members, and theirs; of a workflow, those of its steps; of a list, those of each."""
    if isinstance(runner, list):
        for one in cast("list[object]", runner):
            yield from _runners(one)
        return
    # By what they have: importing teams and workflows takes longer than all the rest of agno.
    names: tuple[str, ...] = ("agent", "team", "workflow", "steps", "else_steps", "choices")
    if hasattr(runner, "model") and hasattr(runner, "tools"):
        yield cast("Agent | Team", runner)
        names = ("members",)
    for name in names:
        inner: object = getattr(runner, name, None)
        if inner is not None:
            yield from _runners(inner)


def _member_id(runner: Agent | Team) -> str | None:
    from agno.utils.team import get_member_id

    return get_member_id(runner)


def models(runner: object) -> list[Any]:
    """The models that read the results of its tools."""
    return [one.model for one in _runners(runner) if one.model is not None]


def databases(runner: object) -> list[Any]:
    """Its own first."""
    found = [getattr(runner, "db", None), *(one.db for one in _runners(runner))]
    return [one for index, one in enumerate(found) if one is not None and one not in found[:index]]
