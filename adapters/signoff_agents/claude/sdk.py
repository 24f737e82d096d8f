"""The agent SDK's two doors: `can_use_tool`, and the PreToolUse hook that also stands before tools allowed in advance.

`can_use_tool` is never called for what `allowed_tools` names; the hook is. A hook that fails lets such a tool run,
unless it is registered with `on_failure="block"`, as `hooks` does.
"""

from __future__ import annotations

import logging
import os.path
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
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

OTHERWISE = "It ran with other arguments than those that were approved."
"""What people and the model read of a call that another hook changed: no hook can keep the others from that."""

log = logging.getLogger("signoff")


def can_use_tool(gate: Gate, tools: gating.Tools = "all", *, run_id: str | None = None) -> CanUseTool:
    """`ClaudeAgentOptions(can_use_tool=decide, hooks=decide.hooks)`, where `decide = can_use_tool(gate)`.

    Whatever Claude asks about, people decide. `tools`: which are asked about, and with which fields of `Gate.ask`; what
    is not among them is allowed. `run_id`: with one that survives a restart, the same call asked again finds its first
    request.

    A permission hands on what people edited, and has no place for a word about it. `decide.hooks` tell the model of the
    edit, and people what came of the run; without them nobody is told.
    """
    return CanUseTool(gate, gating.checked(tools), run_id)


class CanUseTool:
    """See `can_use_tool`."""

    hooks: dict[HookEvent, list[HookMatcher]]
    """PostToolUse and PostToolUseFailure; beside hooks of your own, these go into the same lists."""

    def __init__(self, gate: Gate, tools: gating.Tools, run_id: str | None) -> None:
        self._gate = gate
        self._tools = tools
        self._run_id = run_id
        self._running = _Running(gate)
        self.hooks = self._running.hooks()

    async def __call__(
        self, name: str, given: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        fields = gating.fields_of(self._tools, name)
        if fields is None:
            return PermissionResultAllow()
        call_id = context.tool_use_id
        made = await permission(
            self._gate, name, given, run_id=self._run_id, call_id=call_id, fields=_described(fields, context)
        )
        if not isinstance(made, Allowed):
            return PermissionResultDeny(message=made.message)
        self._running.began(call_id, made.verdict)
        return PermissionResultAllow(updated_input=cast("dict[str, Any]", made.arguments) if made.changed else None)


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
    before = HookMatcher(matcher=matcher, hooks=[asked.before], timeout=timeout, on_failure="block")
    return {"PreToolUse": [before], **asked.running.hooks(matcher)}


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
        self.running = _Running(gate)

    async def before(self, given: Any, tool_use_id: str | None, context: HookContext) -> Any:
        name = cast("str", given["tool_name"])
        fields = gating.fields_of(self._tools, name)
        if fields is None:
            return {}
        call_id = given.get("tool_use_id") or tool_use_id
        run_id = self._run_id or given.get("session_id")
        made = await permission(self._gate, name, given["tool_input"], run_id=run_id, call_id=call_id, fields=fields)
        if isinstance(made, Allowed):
            self.running.began(call_id, replace(made.verdict, note=None))  # `said` tells it here
        return said(made)


class _Running:
    """Allowed calls until they have run: then people learn how it went, and the model what it was not told before."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._verdicts: OrderedDict[str, gating.Verdict] = OrderedDict()

    def began(self, call_id: str | None, verdict: gating.Verdict) -> None:
        if call_id:
            self._verdicts[call_id] = verdict
            while len(self._verdicts) > KEPT:
                self._verdicts.popitem(last=False)

    def hooks(self, matcher: str | None = None) -> dict[HookEvent, list[HookMatcher]]:
        return {
            "PostToolUse": [HookMatcher(matcher=matcher, hooks=[self.after])],
            "PostToolUseFailure": [HookMatcher(matcher=matcher, hooks=[self.after])],
        }

    async def after(self, given: Any, tool_use_id: str | None, context: HookContext) -> Any:
        call_id = given.get("tool_use_id") or tool_use_id or ""
        verdict = self._verdicts.get(call_id)
        # Ids may come again where other models stand behind Claude's: another tool is not what people decided about.
        if verdict is None or verdict.call.tool != given["tool_name"]:
            return {}
        del self._verdicts[call_id]
        event, ran, note = given["hook_event_name"], gating.Ran(), verdict.note
        if event == "PostToolUseFailure":
            ran.failed()
        if not _as_approved(verdict, given):
            asked = verdict.decision.id if verdict.decision is not None else ""
            log.warning("%s ran with other arguments than those that were approved in %s", verdict.call.tool, asked)
            ran.failed(OTHERWISE)
            note = OTHERWISE  # an edit's own note says what did not run
        await gating.report(self._gate, verdict, ran)
        if note is None:
            return {}
        return {"hookSpecificOutput": {"hookEventName": event, "additionalContext": note}}


def _as_approved(verdict: gating.Verdict, given: Any) -> bool:
    """Whether a call that has run was the approved one; Claude says in `given` what it ran with."""
    from signoff.client.decision import same

    approved = verdict.run
    if approved is None:  # a question of Claude's own, which went on with people's answers
        return True
    ran, cwd = cast("dict[str, object]", given["tool_input"]), cast("str", given.get("cwd", ""))
    if verdict.call.tool.startswith("mcp__"):
        return same(ran, approved)
    # Some of Claude's own tools have more arguments before the run than after (ExitPlanMode's plan), and of an edit it
    # drops what they do not know.
    return all(
        name in approved and same(_placed(name, value, cwd), _placed(name, approved[name], cwd))
        for name, value in ran.items()
    )


def _placed(name: str, value: object, cwd: str) -> object:
    """An argument of Claude's own tools: a path is as absolute as Claude makes one that people wrote."""
    if not isinstance(value, str) or not name.lower().endswith("path"):
        return value
    return os.path.normpath(Path(cwd, os.path.expanduser(value.strip())))  # noqa: PTH111  # pathlib's raises
