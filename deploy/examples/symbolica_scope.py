"""Functions in the scope of Symbolica's Agentica: a model writes code that calls them, and each call waits for people.

pip install signoff symbolica-agentica
export AGENTICA_API_KEY=…
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name bills
python symbolica_scope.py "Pay ada 20 and bob 30."
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from signoff import Gate
from signoff_agents.plain import scope


async def balance(account: str) -> float:
    """What an account holds, in US dollars."""
    return 100.0


async def pay(to: str, amount: float) -> float:
    """Pay somebody, in US dollars; returns what was paid. Raises when a person says no."""
    return amount  # the bank is called here


def build(gate: Gate) -> dict[str, Any]:
    """The model's code may `await asyncio.gather(pay("ada", 20), pay("bob", 30))`: both wait at the same time."""
    return {"balance": balance, **scope(gate, [pay], risk="high", editable=["amount"])}


async def main(task: str) -> None:
    from agentica import spawn

    agent = await spawn("You pay bills.", scope=build(Gate(agent="bills")))
    print(await agent.call(str, task))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
