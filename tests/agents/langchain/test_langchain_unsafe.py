"""What LangGraph runs again, or at once, when a run pauses inside a tool; and what a gated call makes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from langchain.agents import create_agent
from langchain_agent import SAY, Bank, Scripted, config, paused, said, turn
from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from signoff_agents.langchain import ApprovalMiddleware, run_with_approvals

BOTH = turn(("pay", {"to": "a", "amount": 1}), ("look", {"what": "sky"}))


def asking(ran: list[str]) -> BaseTool:
    @tool
    def transfer(to: str) -> str:
        """Reserve the money, ask, transfer."""
        ran.append(f"reserved for {to}")
        return f"transferred to {to}: {interrupt('Sure?')}"

    return transfer


def agent(ran: list[str], **options: Any) -> Any:
    model = Scripted(messages=iter([turn(("transfer", {"to": "ada"})), AIMessage("done")]))
    return create_agent(model, [asking(ran)], checkpointer=InMemorySaver(), **options)


async def test_langgraph_alone_runs_again_what_stands_before_an_interrupt() -> None:
    """The framework's own behaviour: a tool that pauses in its middle runs from its beginning when it goes on."""
    ran: list[str] = []
    made = agent(ran)
    await made.ainvoke(SAY, config("t"))
    await made.ainvoke(Command(resume="yes"), config("t"))
    assert ran == ["reserved for ada"] * 2


async def test_a_gated_tool_that_pauses_does_not_run_again(desk: Desk) -> None:
    """Ours: its approval is burnt, so the second time the model reads since when it was started."""
    desk.people(approve)
    ran: list[str] = []
    made = agent(ran, middleware=[ApprovalMiddleware(desk.gate())])
    await made.ainvoke(SAY, config(desk.run))
    out = await made.ainvoke(Command(resume="yes"), config(desk.run))
    assert ran == ["reserved for ada"]
    assert "was started at" in said(out)[0]
    assert len(desk.requests()) == 1


@pytest.mark.parametrize(("mode", "ran"), [("per_call", ["look sky"]), ("batched", [])])
async def test_what_runs_beside_a_call_that_waits(mode: str, ran: list[str]) -> None:
    """The framework's own behaviour: calls that need nobody run at once in one mode, and wait with it in the other."""
    bank = Bank()
    await paused(bank, mode, InMemorySaver(), BOTH).ainvoke(SAY, config("t"))
    assert bank.paid == ran


@pytest.mark.parametrize("mode", ["per_call", "batched"])
async def test_what_stands_beside_a_call_runs_once(desk: Desk, mode: str) -> None:
    """Ours, in both modes: whenever it runs, going on does not run it again."""
    bank = Bank()
    desk.people(approve)
    made = paused(bank, mode, InMemorySaver(), BOTH)
    await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert sorted(bank.paid) == ["a 1", "look sky"]
