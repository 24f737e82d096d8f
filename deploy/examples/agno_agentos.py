"""People decide in AgentOS or in Signoff, whoever is first: a refund that agno's `@approval` has made a row for.

pip install "signoff[agno]" "agno[os]" "sqlalchemy[asyncio]" anthropic
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name support
python agno_agentos.py                                             # serves AgentOS on port 7777
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

from agno.agent import Agent
from agno.approval import approval
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.tools import tool

from signoff import Gate
from signoff_agents.agno import ApprovalsBridge, gated


@approval
@tool(requires_user_input=True)
def issue_refund(order: str, amount: float) -> str:
    """Issue a refund to the customer's card."""
    return f"refunded {amount:g} for {order}"  # the payment service is called here


def close_account(customer: str) -> str:
    """Close a customer's account for good."""
    return f"closed {customer}"


def build(model: Any, gate: Gate, file: str = "support.db") -> AgentOS:
    db = SqliteDb(db_file=file)
    # A row can be passed by over AgentOS' HTTP where its authorization is off; what `gated` holds cannot.
    tools = [issue_refund, gated(gate, close_account, risk="critical", rollback="irreversible")]
    support = Agent(id="support", model=model, tools=tools, db=db, telemetry=False)
    bridge = ApprovalsBridge(db, gate, runners=[support], tools={"issue_refund": {"risk": "high"}})

    @contextlib.asynccontextmanager
    async def bridged(_: object) -> AsyncIterator[None]:
        running = asyncio.create_task(bridge.run())
        yield
        running.cancel()

    return AgentOS(agents=[support], lifespan=bridged, telemetry=False)


if __name__ == "__main__":
    served = build(os.environ.get("MODEL", "anthropic:claude-sonnet-4-5"), Gate(agent="support"))
    served.serve(app=served.get_app(), port=7777)
