"""Calls of one turn of tools that are held one by one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from agents import Agent, RunConfig, RunContextWrapper, Runner
from agents.testing import ScriptedModel, assistant_message
from agents.tool_context import ToolContext
from agents_harness import Desk, approve, edit, eventually, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from openai_agents_agent import Bank, model, pays, run, said, turn

from signoff_agents.gating import Call
from signoff_agents.openai_agents import gated
from signoff_agents.openai_agents.arrivals import arrivals_of


def held(bank: Bank, gate: Any, *turns: Any) -> Agent[Any]:
    """`pay` and `look`, each held by itself."""
    pay, look, *_ = bank.tools()
    return Agent(name="Bank", model=model(*turns), tools=[gated(pay, gate), gated(look, gate)])


def batches(desk: Desk) -> list[str | None]:
    return [one["batch"] and one["batch"]["id"] for one in desk.requests()]


async def test_calls_of_several_tools_are_one_card(desk: Desk) -> None:
    """A row each, decided by itself; the others of the turn are not kept from running by a rejection."""
    bank = Bank()
    answers = {1.0: approve, 2.0: reject("no"), None: edit(what="sea")}
    desk.people(
        lambda asked: answer(asked) if callable(answer := answers[asked["arguments"].get("amount")]) else answer
    )
    calls = turn(("pay", {"to": "a", "amount": 1}), ("look", {"what": "sky"}), ("pay", {"to": "b", "amount": 2}))
    result = await run(held(bank, desk.gate(), calls))
    assert [text.split(".")[0].split("\n")[0] for text in said(result)] == [
        "paid a 1",
        "sea is blue",
        "Ada Okafor rejected this call of pay: no",
    ]
    assert sorted(bank.paid) == ["a 1", "look sea"]
    assert len(batches(desk)) == 3
    assert len(set(batches(desk))) == 1
    assert batches(desk)[0] is not None


async def test_each_call_runs_when_it_is_decided(desk: Desk) -> None:
    """Whatever the other rows of the card do."""
    bank = Bank()
    desk.people(None)
    task = asyncio.create_task(run(held(bank, desk.gate(), pays(1, 2))))
    one, other = await asyncio.to_thread(desk.waiting, 2)
    desk.decide(one, approve)
    await asyncio.to_thread(eventually, lambda: bank.paid)
    assert not task.done()
    desk.decide(other, approve)
    await task
    assert sorted(bank.paid) == ["p0 1", "p1 2"]


async def test_runs_at_the_same_moment_share_no_card(desk: Desk) -> None:
    """Though they are of one agent, with the same tools behind the same gate."""
    bank = Bank()
    desk.people(approve)
    gate = desk.gate()
    made = held(bank, gate)
    made.model = ScriptedModel([pays(1, 2), pays(1, 2), [assistant_message("done")], [assistant_message("done")]])
    await asyncio.gather(run(made), run(made))
    assert len(bank.paid) == 4
    found = batches(desk)
    assert None not in found
    assert sorted(map(found.count, set(found))) == [2, 2]


async def test_a_call_that_is_alone_is_in_no_batch(desk: Desk) -> None:
    """Turn after turn."""
    bank = Bank()
    desk.people(approve)
    await run(held(bank, desk.gate(), pays(1), pays(2, prefix="d")))
    assert bank.paid == ["p0 1", "p0 2"]
    assert batches(desk) == [None, None]


async def test_one_that_does_not_fit_is_no_row(desk: Desk) -> None:
    """The model reads why; the others are asked about together."""
    bank = Bank()
    desk.people(approve)
    calls = turn(("pay", {"to": "a", "amount": 1}), ("pay", {"to": "b", "amount": "much"}), ("look", {"what": "sky"}))
    result = await run(held(bank, desk.gate(), calls))
    assert said(result)[0] == "paid a 1"
    assert "b" not in "".join(bank.paid)
    assert len(batches(desk)) == 2
    assert len(set(batches(desk))) == 1


async def test_calls_of_a_named_run_are_found_again(desk: Desk) -> None:
    """The same calls made again, one of them missing, are answered with what was decided: nobody is asked twice."""
    desk.people(approve)
    gate = desk.gate()
    for calls in (pays(1, 2), pays(1)):
        await run(held(Bank(), gate, calls), "order-7")
    assert len(desk.requests()) == 2


async def test_a_call_that_is_taken_back_at_once_is_no_row(desk: Desk) -> None:
    """It was cancelled before anybody was asked: the other one is alone."""
    desk.people(approve)
    gate, context = desk.gate(), ToolContext(None, tool_name="pay", tool_call_id="c", tool_arguments="{}")
    one, other = (
        asyncio.create_task(arrivals_of(gate).decide(Call(tool="pay", arguments={}, call_id=call_id), context))
        for call_id in ("c1", "c2")
    )
    await asyncio.sleep(0)
    one.cancel()
    assert (await other).kind == "run"
    assert one.cancelled()
    assert batches(desk) == [None]


async def test_an_agent_that_is_a_tool_called_twice_at_once(desk: Desk) -> None:
    """Its two runs are within one run, and share its usage: a card each."""
    bank = Bank()
    desk.people(approve)
    helper = held(bank, desk.gate())
    last = [assistant_message("done")]
    helper.model = ScriptedModel([pays(1, 2), pays(3, 4), last, last])
    calls = turn(("help", {"input": "x"}), ("help", {"input": "x"}), prefix="h")
    await run(Agent(name="First", model=model(calls), tools=[helper.as_tool("help", "Help.")]))
    assert sorted(bank.paid) == ["p0 1", "p0 3", "p1 2", "p1 4"]
    cards: dict[str, list[float]] = {}
    for one in desk.requests():
        cards.setdefault(one["batch"]["id"], []).append(one["arguments"]["amount"])
    assert sorted(map(sorted, cards.values())) == [[1, 2], [3, 4]]


async def test_runs_with_one_context_share_no_card(desk: Desk) -> None:
    """A program may hand the same context wrapper to runs at the same moment."""
    desk.people(approve)
    made = held(Bank(), desk.gate())
    last = [assistant_message("done")]
    made.model = ScriptedModel([pays(1, 2), pays(3, 4, prefix="d"), last, last])
    context: Any = RunContextWrapper(context=None)
    configs = [RunConfig(tracing_disabled=True) for _ in range(2)]
    await asyncio.gather(*(Runner.run(made, "pay", context=context, run_config=config) for config in configs))
    cards: dict[str, list[float]] = {}
    for one in desk.requests():
        cards.setdefault(one["batch"]["id"], []).append(one["arguments"]["amount"])
    assert sorted(map(sorted, cards.values())) == [[1, 2], [3, 4]]
