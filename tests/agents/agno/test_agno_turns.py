"""Several calls of tools that wait by themselves, in one turn: one batch, decided one by one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from agno.agent import Agent
from agno.models.message import Message
from agno.run.base import RunStatus
from agno.tools import Toolkit
from agno.workflow import Step, Workflow
from agno_agent import Bank, Scripted, Turn, agent, delegate, pays, said, sqlite, team

from signoff import Gate
from signoff_agents.agno import gated

ENTRIES = ["run", "arun", "arun, async tool"]
entries = pytest.mark.parametrize("entry", ENTRIES)


async def go(made: Any, entry: str = "arun", **options: Any) -> Any:
    if entry == "run":
        return await asyncio.to_thread(made.run, "pay", **options)
    return await made.arun("pay", **options)


def tools(gate: Gate, bank: Bank, entry: str = "arun", *names: str) -> list[Any]:
    make = bank.async_tool if "async" in entry else bank.tool
    return [gated(gate, make(name)) for name in names or ["pay"]]


def batches(desk: Desk) -> list[int]:
    """How many requests each one has; those without one by themselves."""
    of = [one["batch"]["id"] if one["batch"] else one["id"] for one in desk.requests()]
    return sorted(of.count(one) for one in set(of))


def by_amount(answers: dict[float, Any]) -> Any:
    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    return judge


# ── agno alone ───────────────────────────────────────────────────────────────────────────────────


async def test_agno_alone_tells_a_tool_its_own_call_only(desk: Desk) -> None:
    """Without the run around it a call knows no others: those that come without one are asked about by themselves."""
    bank = Bank()
    desk.people(approve)
    [one] = tools(desk.gate(), bank)
    assert one.entrypoint is not None
    await asyncio.gather(*(asyncio.to_thread(one.entrypoint, to=to, amount=1) for to in ("a", "b")))
    assert sorted(bank.paid) == ["a 1", "b 1"]
    assert batches(desk) == [1, 1]


# ── one batch ────────────────────────────────────────────────────────────────────────────────────


@entries
async def test_calls_of_a_turn_are_one_batch(desk: Desk, entry: str) -> None:
    """Of two tools, beside one that asks nobody: one card, each call as it was decided."""
    bank = Bank()

    def look(what: str) -> str:
        return f"{what} is blue"

    turn: Turn = [*pays(1, 2), ("look", {"what": "sky"}), *pays(3, name="refund")]  # type: ignore[misc]
    desk.people(by_amount({1: approve, 2: reject("no"), 3: edit(amount=4)}))
    run = await go(agent(turn, tools=[look, *tools(desk.gate(), bank, entry, "pay", "refund")]), entry)
    assert [text.split(".")[0].split("\n")[0] for text in said(run)] == [
        "paid p0 1",
        "Ada Okafor rejected this call of pay: no",
        "sky is blue",
        "paid p0 4",
    ]
    assert sorted(bank.paid) == ["p0 1", "p0 4"]
    assert batches(desk) == [3]
    assert {one["run_id"] for one in desk.requests()} == {run.run_id}
    assert sum(one["consumed_at"] is not None for one in desk.requests()) == 2


async def test_calls_of_a_streamed_turn_are_one_batch(desk: Desk) -> None:
    """Whoever reads the run as it comes gets the same."""
    bank = Bank()
    desk.people(approve)
    made = agent(pays(1, 2), tools=tools(desk.gate(), bank))
    async for _ in made.arun("pay", stream=True):
        pass
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert batches(desk) == [2]


async def test_sync_and_async_tools_of_a_turn_are_one_batch(desk: Desk) -> None:
    """They wait on different loops, for the same card."""
    bank = Bank()
    desk.people(approve)
    gate = desk.gate()
    both = [gated(gate, bank.tool("pay")), gated(gate, bank.async_tool("refund"))]
    turn: Turn = [*pays(1), *pays(2, name="refund")]  # type: ignore[misc]
    await go(agent(turn, tools=both))
    assert sorted(bank.paid) == ["p0 1", "p0 2"]
    assert batches(desk) == [2]


async def test_each_turn_has_its_own_batch(desk: Desk) -> None:
    """What was decided in one turn says nothing about the next one, whose calls look alike."""
    bank = Bank()
    desk.people(approve, approve, reject("enough"), reject("enough"))
    await go(agent(pays(1, 2), pays(1, 2), tools=tools(desk.gate(), bank)))
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert batches(desk) == [2, 2]


@pytest.mark.parametrize("entry", ENTRIES[1:])
async def test_first_to_be_decided_runs_first(desk: Desk, entry: str) -> None:
    """agno makes the calls of an async run at the same time: none waits for the other's verdict."""
    bank = Bank()
    desk.people(None)
    going = asyncio.create_task(go(agent(pays(1, 2), tools=tools(desk.gate(), bank, entry)), entry))
    one, other = sorted(await asyncio.to_thread(desk.waiting, 2), key=lambda asked: asked["arguments"]["amount"])
    desk.decide(other, approve)
    await asyncio.to_thread(eventually, lambda: bank.paid == ["p1 2"])
    assert (await asyncio.to_thread(desk.waiting))[0]["id"] == one["id"]
    desk.decide(one, approve)
    assert said(await going) == ["paid p0 1", "paid p1 2"]


async def test_sync_run_asks_at_once_and_runs_in_order(desk: Desk) -> None:
    """The first call to come asks for those behind it, which find what was decided meanwhile."""
    bank = Bank()
    desk.people(None)
    going = asyncio.create_task(go(agent(pays(1, 2), tools=tools(desk.gate(), bank)), "run"))
    one, other = sorted(await asyncio.to_thread(desk.waiting, 2), key=lambda asked: asked["arguments"]["amount"])
    desk.decide(other, reject("no"))
    assert desk.decide(one, approve)[0] == 200
    run = await going
    assert (said(run)[0], bank.paid) == ("paid p0 1", ["p0 1"])
    assert said(run)[1].startswith("Ada Okafor rejected this call of pay: no")
    assert batches(desk) == [2]


@entries
async def test_same_call_twice_in_a_turn(desk: Desk, entry: str) -> None:
    """Two calls with the same arguments are two rows: one approved, one rejected, one runs."""
    bank = Bank()
    desk.people(None)
    twice: Turn = [("pay", {"to": "a", "amount": 1})] * 2
    going = asyncio.create_task(go(agent(twice, tools=tools(desk.gate(), bank, entry)), entry))
    one, other = await asyncio.to_thread(desk.waiting, 2)
    desk.decide(one, approve)
    desk.decide(other, reject("once is enough"))
    run = await going
    assert bank.paid == ["a 1"]
    assert sorted(text.split(":")[0] for text in said(run)) == ["Ada Okafor rejected this call of pay", "paid a 1"]
    assert batches(desk) == [2]


async def test_ids_that_a_model_gives_twice(desk: Desk) -> None:
    """Two calls under one id cannot be told apart: at most one of them runs, and it is one that was approved."""

    class Same(Scripted):
        def invoke(self, *args: Any, messages: list[Message], **options: Any) -> Any:
            response = super().invoke(*args, messages=messages, **options)
            for call in response.tool_calls or []:
                call["id"] = "same"
            return response

    bank = Bank()
    desk.people(approve)
    made = Agent(model=Same(pays(1, 2)), tools=tools(desk.gate(), bank), telemetry=False)
    await go(made)
    asked = {f"{one['arguments']['to']} {one['arguments']['amount']:g}" for one in desk.requests()}
    assert len(bank.paid) <= 1
    assert set(bank.paid) <= asked


async def test_gates_ask_for_their_own_tools(desk: Desk) -> None:
    """Tools behind different gates share no card: each gate has its own agent, run and policy."""
    bank = Bank()
    desk.people(approve)
    two = [gated(desk.gate(), bank.tool("pay")), gated(desk.gate(), bank.tool("refund"))]
    turn: Turn = [*pays(1), *pays(2, name="refund")]  # type: ignore[misc]
    await go(agent(turn, tools=two))
    assert sorted(bank.paid) == ["p0 1", "p0 2"]
    assert batches(desk) == [1, 1]


async def test_call_that_does_not_fit_is_no_row(desk: Desk) -> None:
    """The model reads what is wrong; people see the others together."""
    bank = Bank()
    desk.people(approve)
    turn: Turn = [*pays(1, 2), ("pay", {"to": "a", "amount": "a lot"})]  # type: ignore[misc]
    run = await go(agent(turn, tools=tools(desk.gate(), bank)))
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert "its arguments do not fit" in said(run)[2]
    assert batches(desk) == [2]


async def test_service_away(desk: Desk) -> None:
    """No call of the turn runs, and each reads the fixed sentence."""
    bank = Bank()
    run = await go(agent(pays(1, 2), tools=tools(desk.away(), bank)))
    assert [text.partition(":")[0] for text in said(run)] == ["pay was not run"] * 2
    assert not bank.paid


@entries
async def test_same_run_again_runs_no_call_twice(desk: Desk, entry: str, tmp_path: Path) -> None:
    """A run that is made again under its ids finds its batch, and reads since when each call was started."""
    bank = Bank()
    desk.people(approve)
    for _ in range(2):
        made = agent(pays(1, 2), tools=tools(desk.gate(), bank, entry), db=sqlite(tmp_path))
        run = await go(made, entry, session_id=desk.run, run_id=desk.run)
    assert ["was started at" in text for text in said(run)[-2:]] == [True, True]
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert batches(desk) == [2]


# ── who makes the calls ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("entry", ["run", "arun"])
async def test_toolkit_and_tools_made_for_each_run(desk: Desk, entry: str) -> None:
    """The tools of a turn are found in toolkits, and where a function gives them."""
    bank = Bank()
    desk.people(approve)
    gate = desk.gate()

    def given() -> list[Any]:
        return [Toolkit(name="bank", tools=tools(gate, bank, entry, "pay")), *tools(gate, bank, entry, "refund")]

    turn: Turn = [*pays(1), *pays(2, name="refund")]  # type: ignore[misc]
    await go(agent(turn, tools=given), entry)  # type: ignore[arg-type]
    assert sorted(bank.paid) == ["p0 1", "p0 2"]
    assert batches(desk) == [2]


@pytest.mark.parametrize("entry", ["run", "arun"])
async def test_tool_that_a_toolkit_has_for_sync_and_async_runs(desk: Desk, entry: str) -> None:
    """Which of both agno takes is not known to the others: people are asked about its call by itself, and once."""
    bank = Bank()
    desk.people(approve)
    gate = desk.gate()
    kit = Toolkit(name="bank", tools=tools(gate, bank, "run"))
    [kit.async_functions["pay"]] = tools(gate, bank, "async")
    turn: Turn = [*pays(1), *pays(2, 3, name="refund")]  # type: ignore[misc]
    await go(agent(turn, tools=[kit, *tools(gate, bank, entry, "refund")]), entry)
    assert sorted(bank.paid) == ["p0 1", "p0 2", "p1 3"]
    assert batches(desk) == [1, 2]


@pytest.mark.parametrize("entry", ["run", "arun"])
async def test_team(desk: Desk, entry: str) -> None:
    """The team's own calls are one batch, and its member's are another."""
    bank = Bank()
    desk.people(approve)
    gate = desk.gate()
    payer = agent(pays(3, 4), tools=tools(gate, bank, entry), name="payer", id="payer")
    made = team(pays(1, 2, name="refund"), delegate("payer"), members=[payer], tools=tools(gate, bank, entry, "refund"))
    await go(made, entry)
    assert sorted(bank.paid) == ["p0 1", "p0 3", "p1 2", "p1 4"]
    assert batches(desk) == [2, 2]


@pytest.mark.parametrize("entry", ["run", "arun"])
async def test_workflow(desk: Desk, entry: str, tmp_path: Path) -> None:
    """The calls of a step's agent are one batch, in the workflow's run."""
    bank = Bank()
    desk.people(approve)
    payer = agent(pays(1, 2), tools=tools(desk.gate(), bank, entry), name="payer")
    made = Workflow(name="flow", steps=[Step(name="pay", agent=payer)], db=sqlite(tmp_path), telemetry=False)
    await go(made, entry)
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert batches(desk) == [2]


# ── calls that agno does not make ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("entry", ["run", "arun"])
async def test_calls_beyond_the_limit_are_not_asked_about(desk: Desk, entry: str) -> None:
    """Of three calls agno makes one in this turn: it is the only one that people see."""
    bank = Bank()
    desk.people(approve)
    made = agent(pays(1), pays(2, 3, 4), tools=tools(desk.gate(), bank, entry), tool_call_limit=2)
    run = await go(made, entry)
    assert bank.paid == ["p0 1", "p0 2"]
    assert [asked["arguments"]["amount"] for asked in desk.requests()] == [1, 2]
    assert "Tool call limit reached" in said(run)[2]


async def test_calls_of_earlier_runs_take_no_room(desk: Desk, tmp_path: Path) -> None:
    """The limit holds for a run: what the history tells of is not counted."""
    bank = Bank()
    desk.people(approve)
    options: dict[str, Any] = {"tool_call_limit": 2, "db": sqlite(tmp_path), "add_history_to_context": True}
    made = agent(pays(1), "done", pays(2, 3), tools=tools(desk.gate(), bank), **options)
    for _ in range(2):
        await go(made, session_id=desk.run)
    assert sorted(bank.paid) == ["p0 1", "p0 2", "p1 3"]
    assert batches(desk) == [1, 2]


async def test_calls_that_agno_pauses_for_are_no_rows(desk: Desk) -> None:
    """They may never be made: people are asked about the other two alone."""
    bank = Bank()
    desk.people(approve)
    gate = desk.gate()
    turn: Turn = [*pays(1, 2), *pays(3, name="refund")]  # type: ignore[misc]
    made = agent(
        turn, tools=[gated(gate, bank.tool("pay")), gated(gate, bank.tool("refund", requires_confirmation=True))]
    )
    run = await go(made)
    assert run.is_paused
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert [asked["tool"] for asked in desk.requests()] == ["pay", "pay"]


@pytest.mark.parametrize("whose", ["agent", "tool"])
@pytest.mark.parametrize("entry", ["run", "arun"])
async def test_hooks_have_the_last_word_about_each_call(desk: Desk, entry: str, whose: str) -> None:
    """One that changes a call and keeps another one from running: people see what is left, as it will run."""
    bank = Bank()
    desk.people(approve)

    def careful(arguments: dict[str, Any], function_call: Any) -> object:
        if arguments["amount"] > 2:
            return "too much"
        if arguments["amount"] == 2:
            arguments["to"] = "somebody else"
        return function_call(**arguments)

    [pay] = tools(desk.gate(), bank, entry)
    options: dict[str, Any] = {"tool_hooks": [careful]} if whose == "agent" else {}
    pay.tool_hooks = [careful] if whose == "tool" else None
    run = await go(agent(pays(1, 2, 3), tools=[pay], **options), entry)
    assert said(run) == ["paid p0 1", "paid somebody else 2", "too much"]
    assert sorted(bank.paid) == ["p0 1", "somebody else 2"]
    told = [asked["arguments"] for asked in desk.requests()]
    assert sorted(told, key=lambda one: one["amount"]) == [
        {"to": "p0", "amount": 1},
        {"to": "somebody else", "amount": 2},
    ]


@entries
async def test_cancelled_run_makes_none_of_its_calls(desk: Desk, entry: str) -> None:
    """Cancelled while people think: approvals that come later burn nothing, also of calls that were not reached."""
    bank = Bank()
    made = agent(pays(1, 2), tools=tools(desk.gate(), bank, entry))
    going = asyncio.ensure_future(go(made, entry, run_id=desk.run))
    asked = await asyncio.to_thread(desk.waiting, 2)
    made.cancel_run(desk.run)
    assert (await going).status == RunStatus.cancelled
    for one in asked:
        desk.decide(one, approve)
    assert [one["consumed_at"] for one in desk.requests()] == [None, None]
    assert not bank.paid


async def test_run_that_ends_between_two_calls(desk: Desk) -> None:
    """A sync run that is cancelled by its first call: the second one was approved, does not run, and is not burnt."""
    bank = Bank()
    desk.people(approve)
    gate = desk.gate()
    made: Agent

    def stop(to: str, amount: float) -> str:
        made.cancel_run(desk.run)
        return bank.note(to)

    turn: Turn = [*pays(1, name="stop"), *pays(2)]  # type: ignore[misc]
    made = agent(turn, tools=[gated(gate, stop), gated(gate, bank.tool())])
    assert (await go(made, "run", run_id=desk.run)).status == RunStatus.cancelled
    assert bank.paid == ["p0"]
    assert {one["tool"]: one["consumed_at"] is not None for one in desk.requests()} == {"stop": True, "pay": False}
