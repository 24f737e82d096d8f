"""An order at the exchange, which whoever approves it has to type: a thumb on a phone is not enough.

pip install signoff
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name trader
python story_trade.py buy 200 ACME

The rule `orders` of policy.yaml asks for it. Its text is made from the very arguments that will run:

    confirm: "${args.side} ${args.quantity} ${args.symbol}"          # buy 200 ACME
"""

from __future__ import annotations

import sys
from typing import Annotated, Literal, cast

from pydantic import Field

from signoff import Gate, NotRun, Rejected, call
from signoff_agents.plain import requires_approval

Side = Literal["buy", "sell"]

gate = Gate(agent="trader")


def place_order(side: Side, quantity: Annotated[int, Field(gt=0)], symbol: str) -> str:
    """Place a market order, which is executed at once."""
    return f"{side} {quantity} {symbol}: executed"  # the broker is called here


order = requires_approval(
    gate,
    place_order,
    risk="high",
    editable=[],
    title=lambda given: f"{str(given['side']).capitalize()} {given['quantity']} {given['symbol']}",
    impact=lambda given: f"{given['quantity']} shares of {given['symbol']} change hands",
    rollback="irreversible",
)


if __name__ == "__main__":
    _, side, quantity, symbol = sys.argv
    try:
        with call(reason="The portfolio is three per cent off its target"):
            print(order(cast("Side", side), int(quantity), symbol))  # another word asks nobody and buys nothing
    except Rejected as no:
        print(no)
        sys.exit(10)
    except (NotRun, ValueError) as error:
        print(error)
        sys.exit(1)
