"""Refunds above a limit wait for a person, who may lower them or do them by hand; the run outlives the program.

pip install "signoff[openai-agents]"
export OPENAI_API_KEY=…
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name support
python openai_agents_refund.py "Order A-1001 arrived broken; refund all of its 500 dollars."
python openai_agents_refund.py                                 # after a restart: goes on where it was
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from agents import Agent, RunConfig, RunContextWrapper, function_tool

from signoff import Gate
from signoff_agents.openai_agents import resume, run_with_approvals

LIMIT = 100.0
"""US dollars that are refunded without asking."""


async def above_the_limit(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
    return bool(arguments["amount"] > LIMIT)


@function_tool(needs_approval=above_the_limit)
def issue_refund(order: str, amount: float) -> str:
    """Issue a refund to the customer's card.

    Args:
        order: The order's number.
        amount: In US dollars.
    """
    return f"refunded {amount:g} for {order}"  # the payment provider is called here


def build(model: Any = None) -> Agent[Any]:
    return Agent(name="Support", instructions="You settle complaints.", model=model, tools=[issue_refund])


async def main(task: str | None, gate: Gate, model: Any = None, kept: Path = Path("refund.json")) -> str:
    """`task`: None to go on with the run that was kept."""
    text = kept.read_text() if task is None else ""  # noqa: ASYNC240  # a small file of one program
    said: dict[str, Any] = {
        "tools": {
            "issue_refund": {"editable": ["amount"], "allowed_decisions": ("approve", "edit", "reject", "respond")}
        },
        "on_pause": kept.write_text,
        "run_config": RunConfig(tracing_disabled=True),
        "gate": gate,
    }
    if task is None:
        result = await resume(build(model), text, **said)
    else:
        result = await run_with_approvals(build(model), task, **said)
    kept.unlink(missing_ok=True)  # noqa: ASYNC240
    return str(result.final_output)


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None, Gate(agent="support"))))
