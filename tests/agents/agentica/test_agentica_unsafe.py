"""Where agentica lets a tool run although it should not, and what happens with a gated one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from agentica import Agent, OpenAIChat
from agentica.guardrails import tool_input_guardrail
from agents_harness import Desk, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from test_agentica_tools import ADA, Bank, scripted

from signoff_agents.agentica import gated


@tool_input_guardrail
async def away(_data: Any) -> Any:
    raise ConnectionError("the approval service is away")


async def run(model: Any, tools: list[Any]) -> None:
    chat = OpenAIChat(id="scripted", api_key="x", base_url=model.address)
    await Agent(model=chat, tools=tools, tool_input_guardrails=[away]).run("pay them")


async def test_agentica_alone_runs_what_a_guardrail_could_not_refuse() -> None:
    """The framework's own behaviour: a guardrail that raises lets the tool run."""
    bank = Bank()
    with scripted(("pay", ADA)) as model:
        await run(model, [bank.pay])
    assert bank.paid == [("ada", 20)]


async def test_gated_tools_ask_whatever_guardrails_do(desk: Desk) -> None:
    """Ours: the tool itself asks."""
    bank = Bank()
    desk.people(reject("no"))
    with scripted(("pay", ADA)) as model:
        await run(model, gated(desk.gate(), bank.pay))
    assert "rejected this call of pay: no" in model.read[0]
    assert not bank.paid


async def test_gated_tools_ask_whatever_approve_says(desk: Desk) -> None:
    """agentica's own `approve` may allow what it likes: people are asked all the same, and it cannot stand for them."""
    bank = Bank()
    desk.people(reject("no"))

    async def yes(_call: Any) -> str:
        return "allow"

    with scripted(("pay", ADA)) as model:
        chat = OpenAIChat(id="scripted", api_key="x", base_url=model.address)
        await Agent(model=chat, tools=gated(desk.gate(), bank.pay), approve=yes).run("pay them")
    assert len(desk.requests()) == 1
    assert not bank.paid
