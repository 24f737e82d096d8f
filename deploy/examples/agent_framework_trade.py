"""Trades that wait for a person, who may lower the quantity and types the symbol to confirm; quotes ask nobody.

pip install "signoff[agent-framework]" agent-framework-openai
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name trader
export OPENAI_API_KEY=… OPENAI_CHAT_MODEL=…
python agent_framework_trade.py "Buy 200 ACME if it is below 42."

What has to be typed is a matter of the server's policy:

    rules:
      - name: trades
        when: tool == "trade"
        risk: critical
        confirm: "${args.symbol}"
"""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any, Literal

from agent_framework import Agent, tool
from pydantic import Field

from signoff import Gate
from signoff_agents.agent_framework import ApprovalMiddleware


@tool
def quote(symbol: str) -> str:
    """What a share costs."""
    return f"{symbol} costs 41.20"


@tool
def trade(side: Literal["buy", "sell"], symbol: str, quantity: Annotated[int, Field(gt=0)]) -> str:
    """Send an order to the exchange."""
    return f"{side} {quantity} {symbol}: filled"  # the broker is called here


def build(client: Any, gate: Gate) -> Agent[Any]:
    asking = ApprovalMiddleware(
        gate,
        {
            "quote": None,  # asks nobody
            "trade": {"editable": ["quantity"], "expires_in": 300, "rollback": "irreversible"},
            "*": {},  # whatever tool is added later waits for a person
        },
    )
    return Agent(client=client, name="trader", tools=[quote, trade], middleware=[asking])


async def main(task: str, client: Any, gate: Gate) -> str:
    response = await build(client, gate).run(task)
    return response.text


if __name__ == "__main__":
    from agent_framework.openai import OpenAIChatClient

    print(asyncio.run(main(sys.argv[1], OpenAIChatClient(), Gate(agent="trader"))))
