"""Refunds that wait for a person; looking an order up asks nobody. For XuMing's agentica.

pip install "signoff[agentica]"
export OPENAI_API_KEY=…
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name support
python agentica_refund.py "Order A-1 arrived broken."
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from agentica import Agent, OpenAIChat

from signoff import Gate
from signoff_agents.agentica import gated


def look_up(order: str) -> str:
    """What was ordered, and for how much."""
    return f"{order}: a lamp, 60.00"


def issue_refund(order: str, amount: float) -> str:
    """Issue a refund to the customer's card.

    Args:
        amount: In US dollars.
    """
    return f"refunded {amount:.2f} for {order}"  # the payment provider is called here


def build(model: Any, gate: Gate) -> Agent:
    waiting = gated(gate, issue_refund, risk="high", editable=["amount"], rollback="irreversible")
    return Agent(model=model, tools=[look_up, *waiting])


if __name__ == "__main__":
    answer = asyncio.run(build(OpenAIChat(), Gate(agent="support")).run(sys.argv[1]))
    print(answer.content)
