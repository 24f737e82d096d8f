"""An agent of these tests: one tool call with a name that it keeps through restarts, and a ledger of what really ran.

python steady_agent.py LEDGER RUN_ID TOOL_CALL_ID ORDER AMOUNT
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from signoff import Gate, NotRun, call

gate = Gate(agent="support-agent")
ledger, run_id, tool_call_id, order, amount = sys.argv[1:]


@gate.tool(risk="high", editable=["amount"], title=lambda given: f"Refund order {given['order']}")
async def issue_refund(order: str, amount: float) -> str:
    """Issue a refund to the customer's card."""
    with Path(ledger).open("a") as lines:  # noqa: ASYNC230 - one short line
        lines.write(f"{order} {amount:g}\n")
    return f"refunded ${amount:g} for {order}"


async def main() -> None:
    try:
        with call(run_id=run_id, tool_call_id=tool_call_id):
            print("asking", flush=True)
            print("✓", await issue_refund(order, float(amount)), flush=True)
    except NotRun as error:
        print("✗", error, flush=True)


asyncio.run(main())
