"""agno's pauses of an agent's run, answered by people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from agno_agent import Bank, agent, async_sqlite, errors, pays, said, sqlite

from signoff_agents.agno import (
    resume,
    resume_blocking,
    run_with_approvals,
    run_with_approvals_blocking,
)


async def test_approved_call_runs(desk: Desk) -> None:
    """The run goes on to its end; the card had the tool's own description and schema, and gets the outcome."""
    bank = Bank()
    desk.people(approve)
    made = agent(pays(3), tools=[bank.tool(requires_confirmation=True)])
    run = await run_with_approvals(made, "pay", gate=desk.gate())
    assert (bank.paid, said(run), run.content) == (["p0 3"], ["paid p0 3"], "done")
    [asked] = desk.requests()
    assert asked["description"] == "Pay somebody."
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["schema"]["properties"]["amount"]["description"] == "In US dollars."
    assert asked["tool_call_id"].startswith("c1-1/")
    assert asked["outcome"]["status"] == "succeeded"


def test_without_async(desk: Desk) -> None:
    """The same for sync code; the model reads behind the result what was changed, and by whom."""
    bank = Bank()
    desk.people(edit("cap is 1", amount=1))
    made = agent(pays(9), tools=[bank.tool(requires_confirmation=True)])
    run = run_with_approvals_blocking(made, "pay", gate=desk.gate())
    assert bank.paid == ["p0 1"]
    assert said(run) == [
        "paid p0 1\n\nAda Okafor changed the arguments of pay before it ran: amount is now 1. They said: cap is 1"
    ]
