"""Refunds above a limit wait for a person; no framework, or one whose tools are plain functions.

    pip install signoff
    export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name refunds
    python plain_refund.py A-1001 500

The same functions are what Symbolica's Agentica takes: `spawn(scope=scope(gate, [issue_refund]))`.
"""

from __future__ import annotations

import sys

from signoff import Gate, NotRun, Rejected, call
from signoff_agents.plain import requires_approval

LIMIT = 50.0

gate = Gate(agent="refunds")


def issue_refund(order: str, amount: float) -> str:
    """Refund an order to the customer's card.

    Args:
        order: Its number.
        amount: In US dollars.
    """
    return f"refunded {amount:.2f} for {order}"  # the payment provider is called here


# People may lower the amount, not change the order. Code decides what a refusal means, so it is raised.
large_refund = requires_approval(
    gate, issue_refund, risk="high", editable=["amount"], title=lambda given: f"Refund order {given['order']}"
)


def refund(order: str, amount: float) -> str:
    if amount <= LIMIT:
        return issue_refund(order, amount)
    # With both ids a program that is started again finds its request, and never refunds twice.
    with call(run_id=f"refund-{order}", tool_call_id=f"{amount}", reason="The customer reports a broken item"):
        return large_refund(order, amount)


if __name__ == "__main__":
    try:
        print(refund(sys.argv[1], float(sys.argv[2])))
    except Rejected as no:
        print(no)  # who said no, why, and what may be done next
        sys.exit(10)
    except NotRun as error:
        print(error)
        sys.exit(1)
