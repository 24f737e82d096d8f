"""A toolset that waits before each call, wherever it is used."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject, respond
from pydantic import BaseModel, Field, SecretStr
from pydantic_ai import Agent
from pydantic_ai.toolsets import FunctionToolset

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from pydantic_ai_agent import Bank, model, pays, said, turn

from signoff_agents.pydantic_ai import GatedToolset

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."


def agent(bank: Bank, gate: Any, *turns: Any, tools: Any = "all") -> Agent[None, str]:
    return Agent(model(*turns), toolsets=[GatedToolset(FunctionToolset(bank.tools()), gate, tools)])


class Order(BaseModel):
    """It says not all of itself when it is written."""

    to: str
    amount: int = Field(5, exclude=True)


async def test_edit_is_checked_and_told(desk: Desk) -> None:
    """Edited arguments are converted by the tool's own types, and the model is told."""
    bank = Bank()
    desk.people(edit(amount=5))
    result = await agent(bank, desk.gate(), pays(1)).run("pay")
    assert bank.paid == ["p0 5"]
    assert said(result) == ["paid p0 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5."]
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


async def test_edit_that_only_the_tool_refuses_runs_nothing(desk: Desk) -> None:
    """A looser schema lets a value through that the tool does not take."""
    bank = Bank()
    desk.people(edit(amount="a lot"))
    result = await agent(bank, desk.gate(), pays(1), tools={"pay": {"schema": {"type": "object"}}}).run("pay")
    assert said(result) == ["pay was not run: the arguments that were approved do not fit it."]
    assert not bank.paid


async def test_people_see_what_a_model_of_the_tool_leaves_out(desk: Desk) -> None:
    """A field that is left out of what is written is asked about as the language model wrote it."""
    seen: list[int] = []

    def order(order: Order, note: str) -> str:
        """Order it."""
        seen.append(order.amount)
        return "ok"

    desk.people(approve)
    call = turn(("order", {"order": {"to": "a", "amount": 999}, "note": "n"}))
    await Agent(model(call), toolsets=[GatedToolset(FunctionToolset([order]), desk.gate())]).run("order")
    assert desk.requests()[0]["arguments"] == {"order": {"to": "a", "amount": 999}, "note": "n"}
    assert seen == [999]


async def test_secret_outlives_an_edit(desk: Desk) -> None:
    """A secret is written as asterisks; these are not what runs when people change something else."""
    seen: list[str] = []

    def login(user: str, password: SecretStr) -> str:
        """Log in."""
        seen.append(f"{user} {password.get_secret_value()}")
        return "ok"

    desk.people(edit(user="b"))
    call = turn(("login", {"user": "a", "password": "hunter2"}))
    await Agent(model(call), toolsets=[GatedToolset(FunctionToolset([login]), desk.gate())]).run("log in")
    assert seen == ["b hunter2"]


async def test_framework_alone_runs_what_a_wrapper_puts_in() -> None:
    """Pydantic AI's own behaviour: arguments changed in `call_tool` are checked by nobody."""
    from pydantic_ai.toolsets import WrapperToolset

    seen: list[object] = []

    def take(amount: float) -> str:
        """Take it."""
        seen.append(amount)
        return "ok"

    class Changing(WrapperToolset[Any]):
        async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: Any, tool: Any) -> Any:
            return await super().call_tool(name, {"amount": "a lot"}, ctx, tool)

    made: Agent[None, str] = Agent(model(turn(("take", {"amount": 1}))), toolsets=[Changing(FunctionToolset([take]))])
    await made.run("take")
    assert seen == ["a lot"]


async def test_calls_of_a_turn_are_one_batch(desk: Desk) -> None:
    """Asked about together; each runs as soon as it is decided, whatever the others do."""
    bank = Bank()
    desk.people(None)
    calls = turn(("pay", {"to": "a", "amount": 1}), ("look", {"what": "sky"}), ("pay", {"to": "b", "amount": 2}))
    task = asyncio.create_task(agent(bank, desk.gate(), calls, tools=["pay"]).run("pay"))
    one, other = await asyncio.to_thread(desk.waiting, 2)
    assert one["batch"]["id"] == other["batch"]["id"]
    desk.decide(one, approve)
    await asyncio.to_thread(eventually, lambda: len(bank.paid) == 2)
    assert not task.done()
    desk.decide(other, reject("no"))
    result = await task
    assert "look sky" in bank.paid
    assert sum("Ada Okafor rejected" in text for text in said(result)) == 1


async def test_answer_is_the_result(desk: Desk) -> None:
    """As it is, and the tool does not run."""
    bank = Bank()
    desk.people(respond(7))
    tools: Any = {"*": {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "integer"}}}
    result = await agent(bank, desk.gate(), pays(1), tools=tools).run("pay")
    assert said(result) == [7]
    assert not bank.paid


async def test_service_away(desk: Desk) -> None:
    """Nothing runs, and the model reads one fixed sentence."""
    bank = Bank()
    assert said(await agent(bank, desk.away(), pays(1, 2)).run("pay")) == [AWAY, AWAY]
    assert not bank.paid


async def test_fault_in_our_own_hook_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised while the call is made out is a no; the model reads nothing of it."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("secret text")

    monkeypatch.setattr("signoff_agents.pydantic_ai.toolset.call_of", broken)
    bank = Bank()
    assert said(await agent(bank, desk.gate(), pays(1)).run("pay")) == [AWAY]
    assert not bank.paid


async def test_history_gone_on_with_twice_runs_once(desk: Desk) -> None:
    """The model reads since when the call was started."""
    bank = Bank()
    desk.people(approve)
    result = await agent(bank, desk.gate(), pays(1)).run("pay")
    again = await agent(bank, desk.gate()).run(message_history=result.all_messages()[:2])
    assert "was started at" in said(again)[0]
    assert bank.paid == ["p0 1"]
