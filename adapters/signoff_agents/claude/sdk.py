"""The agent SDK's two doors: `can_use_tool`, and the PreToolUse hook that also stands before tools allowed in advance.

`can_use_tool` is never called for what `allowed_tools` names; the hook is. A hook that fails lets such a tool run,
unless it is registered with `on_failure="block"`, as `hooks` does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from signoff_agents import gating
from signoff_agents.claude.hook import said
from signoff_agents.claude.permission import Allowed, permission

try:
    from claude_agent_sdk import (
        HookContext,
        HookMatcher,
        PermissionResultAllow,
        PermissionResultDeny,
        ToolPermissionContext,
    )
except ImportError as error:
    raise gating.missing("signoff_agents.claude", "claude", error) from error

if TYPE_CHECKING:
    from claude_agent_sdk.types import HookEvent

    from signoff.client import Gate
    from signoff.client.fields import Fields

DAY = 86_400.0
"""Seconds that a hook may wait for people; the SDK's own 60 would deny what nobody has seen yet."""

KEPT = 1000
"""Calls that are remembered until they have run. What another hook stopped afterwards never does."""

CanUseTool = Callable[
    [str, dict[str, Any], ToolPermissionContext], Awaitable[PermissionResultAllow | PermissionResultDeny]
]
Hook = Callable[[Any, str | None, HookContext], Awaitable[Any]]


def can_use_tool(gate: Gate, tools: gating.Tools = "all", *, run_id: str | None = None) -> CanUseTool:
    """`ClaudeAgentOptions(can_use_tool=can_use_tool(gate))`: whatever Claude asks about, people decide.

    `tools`: which are asked about, and with which fields of `Gate.ask`; what is not among them is allowed. `run_id`:
    with one that survives a restart, the same call asked again finds its first request. What people make of an edit
    runs; only `hooks` can tell the model so.
    """
    wanted = gating.checked(tools)

    async def decide(
        name: str, given: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        fields = gating.fields_of(wanted, name)
        if fields is None:
            return PermissionResultAllow()
        made = await permission(
            gate, name, given, run_id=run_id, call_id=context.tool_use_id, fields=_described(fields, context)
        )
        if isinstance(made, Allowed):
            return PermissionResultAllow(updated_input=cast("dict[str, Any]", made.arguments) if made.changed else None)
        return PermissionResultDeny(message=made.message)

    return decide


def _described(fields: Fields, context: ToolPermissionContext) -> Fields:
    said = {"title": context.title, "description": context.description}
    return cast("Fields", {**{name: text for name, text in said.items() if text}, **fields})


def hooks(
    gate: Gate,
    tools: gating.Tools = "all",
    *,
    matcher: str | None = None,
    run_id: str | None = None,
    timeout: float = DAY,
) -> dict[HookEvent, list[HookMatcher]]:
    """`ClaudeAgentOptions(hooks=hooks(gate))`: every use of a tool is asked about, also what is allowed in advance.

    Fails closed, tells the model about edits, and reports how it went. `matcher`: as in the SDK, such as
    `"Bash|mcp__bank__.*"`. `timeout`: seconds; whoever has not been answered by then is denied.
    """
    asked = _Hooks(gate, gating.checked(tools), run_id)
    return {
        "PreToolUse": [HookMatcher(matcher=matcher, hooks=[asked.before], timeout=timeout, on_failure="block")],
        "PostToolUse": [HookMatcher(matcher=matcher, hooks=[asked.after])],
        "PostToolUseFailure": [HookMatcher(matcher=matcher, hooks=[asked.after])],
    }


def pre_tool_use(
    gate: Gate, tools: gating.Tools = "all", *, matcher: str | None = None, run_id: str | None = None
) -> HookMatcher:
    """The first of `hooks` alone."""
    return hooks(gate, tools, matcher=matcher, run_id=run_id)["PreToolUse"][0]


class _Hooks:
    def __init__(self, gate: Gate, tools: gating.Tools, run_id: str | None) -> None:
        self._gate = gate
        self._tools = tools
        self._run_id = run_id
        self._running: OrderedDict[str, gating.Verdict] = OrderedDict()

    async def before(self, given: Any, tool_use_id: str | None, context: HookContext) -> Any:
        name = cast("str", given["tool_name"])
        fields = gating.fields_of(self._tools, name)
        if fields is None:
            return {}
        call_id = given.get("tool_use_id") or tool_use_id
        run_id = self._run_id or given.get("session_id")
        made = await permission(self._gate, name, given["tool_input"], run_id=run_id, call_id=call_id, fields=fields)
        if isinstance(made, Allowed) and call_id:
            self._running[call_id] = made.verdict
            while len(self._running) > KEPT:
                self._running.popitem(last=False)
        return said(made)

    async def after(self, given: Any, tool_use_id: str | None, context: HookContext) -> Any:
        verdict = self._running.pop(given.get("tool_use_id") or tool_use_id or "", None)
        if verdict is not None:
            ran = gating.Ran()
            if given["hook_event_name"] == "PostToolUseFailure":
                ran.failed()
            await gating.report(self._gate, verdict, ran)
        return {}
