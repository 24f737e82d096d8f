"""Month-end invoices: all of a turn on one card, each decided by itself; what the agent does not know it asks people.

pip install "signoff[pydantic-ai]" "pydantic-ai-slim[anthropic]"
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name billing
python pydantic_ai_invoices.py "Send the invoices of October."
"""

from __future__ import annotations

import os
import sys
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.exceptions import CallDeferred

from signoff import Gate
from signoff_agents.pydantic_ai import approvals


def open_orders(month: str) -> list[str]:
    """Orders of a month that have no invoice yet."""
    return ["A-1", "A-2"]


def send_invoice(order: str, amount: float) -> str:
    """Send an invoice to a customer.

    Args:
        order: The order's number.
        amount: In US dollars.
    """
    return f"invoice of {amount:g} sent for {order}"  # the accounting system is called here


def ask_billing(question: str) -> str:
    """Ask the people in billing something that only they know."""
    raise CallDeferred  # a person answers


def build(model: Any, gate: Gate) -> Agent[None, str]:
    asking = approvals(
        gate,
        {
            "open_orders": None,  # asks nobody
            "send_invoice": {"risk": "medium", "editable": ["amount"]},
            "ask_billing": {"response_schema": {"type": "string"}},
            "*": {},  # whatever tool is added later waits for a person
        },
        title="Invoices",
    )
    return Agent(model, tools=[open_orders, send_invoice, ask_billing], capabilities=[asking])


if __name__ == "__main__":
    model = os.environ.get("MODEL", "anthropic:claude-sonnet-4-5")
    print(build(model, Gate(agent="billing")).run_sync(sys.argv[1]).output)
