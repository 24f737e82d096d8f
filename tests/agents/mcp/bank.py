"""A real MCP server, in a process of its own: `python bank.py stdio LOG` or `python bank.py http LOG`.

Every run of a tool is a line in LOG: what ran is known by that, whatever anybody answers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, MCPServer, RequestStateSecurity, Resolve
from mcp.server.mcpserver.resolve import AcceptedElicitation
from pydantic import BaseModel, Field

LOG = Path(sys.argv[2])
bank = MCPServer("bank", version="1.0", request_state_security=RequestStateSecurity(keys=["k" * 32], ttl=600))


def ran(tool: str, **arguments: Any) -> None:
    with LOG.open("a") as log:
        log.write(json.dumps({"tool": tool, **arguments}) + "\n")


@bank.tool(title="Send money")
def transfer(to: str, amount: Annotated[float, Field(ge=0, le=1000)]) -> str:
    """Move money to somebody."""
    ran("transfer", to=to, amount=amount)
    return f"sent {amount:g} to {to}"


@bank.tool()
def region(zone: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Zone"})]) -> str:
    """Choose where the money is."""
    ran("region", zone=zone)
    return f"now in {zone}"


@bank.tool()
def broken() -> str:
    """Fail."""
    ran("broken")
    raise RuntimeError("the vault is shut")


@bank.tool()
async def slow(ctx: Context, steps: int) -> str:
    """Take some time, telling how far it is."""
    ran("slow", steps=steps)
    try:
        for step in range(steps):
            await ctx.report_progress(step + 1, steps, f"step {step + 1}")
            await anyio.sleep(0.1)
    except anyio.get_cancelled_exc_class():
        ran("cancelled")
        raise
    return "done"


class Sure(BaseModel):
    sure: bool


async def ask(to: str) -> Elicit[Sure]:
    return Elicit(f"Close the account of {to}?", Sure)


@bank.tool()
async def close(to: str, answer: Annotated[ElicitationResult[Sure], Resolve(ask)]) -> str:
    """Close an account, when the host's user is sure."""
    sure = isinstance(answer, AcceptedElicitation) and answer.data.sure
    ran("close", to=to, sure=sure)
    return f"closed {to}: {sure}"


@bank.resource("bank://rates")
def rates() -> str:
    """Interest rates."""
    return "2 %"


@bank.prompt()
def letter(to: str) -> str:
    """A letter."""
    return f"Dear {to}"


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        bank.run("stdio")
    else:
        import uvicorn

        app = bank.streamable_http_app()
        config = uvicorn.Config(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="warning")
        uvicorn.Server(config).run()
