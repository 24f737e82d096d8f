"""Signoff as an MCP server: a model asks for an approval, or asks a person; a host asks before it runs a tool.

`request_approval` and `ask_human` are advice: a model may leave them out. What a model must not get around belongs
behind the gateway, or a host that asks by itself: Claude Code's `--permission-prompt-tool mcp__signoff__decide`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, cast

from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

from signoff.errors import NotRun, Unavailable
from signoff.model import dumps
from signoff_agents import gating
from signoff_agents.claude.permission import Allowed, permission
from signoff_agents.mcp.line import EVERY, FIRST, STEP, WAITING

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

INSTRUCTIONS = """\
Before a step that people want to decide about, call request_approval with the tool and the arguments you mean to use,
and do only what the answer allows: with exactly these arguments, once. Call ask_human for what only people know.
"""


class Approval(BaseModel):
    """What a person decided."""

    approved: bool
    arguments: dict[str, Any] | None = None
    """Those to use, in place of what was asked about; only with an approval, which is used up by this answer."""
    said: str
    """What was decided, in a sentence."""


def server(gate: Gate, *, run_id: str | None = None) -> MCPServer:
    """An MCP server with `request_approval`, `ask_human`, `decide`. `run_id`: without it, each server is one."""
    run = run_id or f"mcp-{secrets.token_hex(6)}"
    made = MCPServer("signoff", title="Signoff", instructions=INSTRUCTIONS)

    @made.tool(title="Request approval")
    async def request_approval(
        ctx: Context,
        tool: str,
        arguments: dict[str, Any],
        title: str | None = None,
        reason: str | None = None,
        risk: Literal["low", "medium", "high", "critical"] | None = None,
    ) -> Approval:
        """Ask people to approve one call before you make it. Waits until they have decided.

        Args:
            tool: What you are about to do, as one name, such as send_email.
            arguments: All of what you are about to use.
            title: The call in a few words.
            reason: Why it is needed.
            risk: How bad a mistake would be.
        """
        said = {"title": title, "reason": reason, "risk": risk}
        fields = cast("Fields", {name: value for name, value in said.items() if value is not None})
        call = gating.Call(tool=tool, arguments=arguments, run_id=run, call_id=_call_id(ctx), fields=fields)
        async with _telling(ctx):
            verdict = await gating.decide(gate, call)
        if verdict.run is None:
            return Approval(approved=False, said=verdict.said or "")
        return Approval(approved=True, arguments=verdict.run, said=verdict.note or "Approved as asked.")

    @made.tool(title="Ask a person", structured_output=False)
    async def ask_human(ctx: Context, question: str, choices: list[str] | None = None) -> str:
        """Ask people a question and wait for the answer.

        Args:
            question: What you want to know, understandable by itself.
            choices: The possible answers; leave it out for any text.
        """
        if not question.strip():
            return "The question is empty, so nobody was asked."
        async with _telling(ctx):
            try:
                return await gate.question(question, choices or None, run_id=run, tool_call_id=_call_id(ctx))
            except Unavailable as error:
                return gating.refused(gating.Call(tool="ask_human", arguments={}), error).said or ""
            except NotRun as error:
                return error.sentence

    @made.tool(title="Permission prompt", structured_output=False)
    async def decide(ctx: Context, tool_name: str, input: dict[str, Any], tool_use_id: str | None = None) -> str:
        """For a host, not for a model: whether a tool may run, as Claude Code asks its permission prompt tool."""
        async with _telling(ctx):
            made = await permission(gate, tool_name, input, run_id=run, call_id=tool_use_id or _call_id(ctx))
        if isinstance(made, Allowed):
            return dumps({"behavior": "allow", "updatedInput": made.arguments})
        return dumps({"behavior": "deny", "message": made.message})

    return made


def _call_id(ctx: Context) -> str | None:
    """Only what a host itself names: ids of its requests begin anew with every connection."""
    meta = cast("dict[str, object]", ctx.request_context.meta or {})
    found = meta.get("claudecode/toolUseId")
    return found if isinstance(found, str) and found else None


@asynccontextmanager
async def _telling(ctx: Context) -> AsyncGenerator[None]:
    """Progress, for a host that wants it: people take longer than servers usually do."""

    async def tell() -> None:
        done = STEP
        await asyncio.sleep(FIRST)
        while True:
            await ctx.report_progress(done, message=WAITING)
            done += STEP
            await asyncio.sleep(EVERY)

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):  # a host that has gone hears nothing
            await task
