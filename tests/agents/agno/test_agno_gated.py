"""Tools that wait inside their own call, which nothing around them passes by."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from agno.agent import Agent
from agno.approval import approval
from agno.os import AgentOS
from agno.run import RunContext
from agno.run.base import RunStatus
from agno.run.cancel import get_cancellation_manager, set_cancellation_manager
from agno.run.cancellation_management.in_memory_cancellation_manager import InMemoryRunCancellationManager
from agno.tools import Toolkit
from agno_agent import Bank, agent, pays, said, sqlite

from signoff_agents.agno import gated

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its client's next version
    from fastapi.testclient import TestClient

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."
entries = pytest.mark.parametrize("entry", ["run", "arun", "arun, async tool"])


async def go(made: Agent, entry: str) -> Any:
    if entry == "run":
        return await asyncio.to_thread(made.run, "pay")
    return await made.arun("pay")


def tool(bank: Bank, entry: str) -> Any:
    return bank.async_tool() if "async" in entry else bank.tool()


@entries
async def test_approved_call_runs(desk: Desk, entry: str) -> None:
    """Edited arguments run, sync and async, and the model reads of it; the card had the tool's schema."""
    bank = Bank()
    desk.people(edit(amount=2))
    made = agent(pays(3), tools=[gated(desk.gate(), tool(bank, entry), outcome=str, risk="high")])
    run = await go(made, entry)
    assert bank.paid == ["p0 2"]
    assert said(run) == ["paid p0 2\n\nAda Okafor changed the arguments of pay before it ran: amount is now 2."]
    [asked] = desk.requests()
    assert (asked["description"], asked["risk"], asked["run_id"]) == ("Pay somebody.", "high", run.run_id)
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["tool_call_id"] == "c1-1"
    assert asked["outcome"]["detail"] == "paid p0 2"


@entries
async def test_rejection_and_answer(desk: Desk, entry: str) -> None:
    """Both are what the model reads, verbatim; nothing runs."""
    bank = Bank()
    desk.people(reject("no money", "ask"), respond("paid by hand"))
    one = gated(desk.gate(), tool(bank, entry), allowed_decisions=("approve", "reject", "respond"))
    made = agent(pays(3), pays(4), tools=[one])
    run = await go(made, entry)
    assert said(run) == ["Ada Okafor rejected this call of pay: no money. You may ask again later.", "paid by hand"]
    assert not bank.paid


@entries
async def test_service_away(desk: Desk, entry: str) -> None:
    """Nothing runs, and the model reads one fixed sentence."""
    bank = Bank()
    run = await go(agent(pays(3), tools=[gated(desk.away(), tool(bank, entry))]), entry)
    assert said(run) == [AWAY]
    assert not bank.paid


async def test_agno_alone_tells_the_model_what_failed() -> None:
    """The framework's own behaviour: what a hook raises, the model reads, with whatever is in it."""

    def hook(**_: object) -> object:
        raise RuntimeError("cannot reach http://signoff.internal with key so_secret")

    bank = Bank()
    run = await agent(pays(3), tools=[bank.tool()], tool_hooks=[hook]).arun("pay")
    assert "so_secret" in said(run)[0]
    assert not bank.paid


async def test_fault_of_our_own_tells_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: whatever is raised while the call is made out is a no, and the model reads nothing of it."""

    def broken(*_: object) -> object:
        raise RuntimeError("so_secret")

    bank = Bank()
    one = gated(desk.gate(), bank.tool())
    monkeypatch.setattr("signoff_agents.agno.tools.Shape.typed", broken)
    run = await agent(pays(3), tools=[one]).arun("pay")
    assert said(run) == [AWAY]
    assert not bank.paid


def test_agno_alone_leaves_an_async_hook_out_of_a_sync_run() -> None:
    """The framework's own behaviour: a hook that asks is skipped, and the tool runs."""
    asked: list[str] = []

    async def ask(function_name: str, **_: object) -> object:
        asked.append(function_name)
        return "rejected"

    bank = Bank()
    agent(pays(3), tools=[bank.tool()], tool_hooks=[ask]).run("pay")
    assert (asked, bank.paid) == ([], ["p0 3"])


async def test_agno_alone_runs_the_original_arguments_after_a_hook() -> None:
    """The framework's own behaviour: what a hook passes on is not what runs."""

    async def cap(function_name: str, function_call: Any, arguments: dict[str, Any]) -> object:
        return await function_call(**{**arguments, "amount": 1})

    bank = Bank()
    await agent(pays(20), tools=[bank.async_tool()], tool_hooks=[cap]).arun("pay")
    assert bank.paid == ["p0 20"]


@entries
async def test_hooks_around_it_change_nothing(desk: Desk, entry: str) -> None:
    """Ours: asked about what is left of the arguments after all hooks, and that runs."""

    def double(arguments: dict[str, Any], function_call: Any) -> object:
        arguments["amount"] *= 2
        return function_call(**arguments)

    async def double_later(arguments: dict[str, Any], function_call: Any) -> object:
        arguments["amount"] *= 2
        return await function_call(**arguments)

    bank = Bank()
    desk.people(approve)
    hook = double_later if "async" in entry else double
    await go(agent(pays(3), tools=[gated(desk.gate(), tool(bank, entry))], tool_hooks=[hook]), entry)
    assert bank.paid == ["p0 6"]
    assert desk.requests()[0]["arguments"]["amount"] == 6


def over_http(made: Agent) -> tuple[int, str]:
    """Pauses, and goes on with the call confirmed by whoever calls AgentOS; the status, and what the answer says."""
    with TestClient(AgentOS(agents=[made], telemetry=False).get_app()) as client:
        begun = client.post("/agents/payer/runs", data={"message": "pay", "session_id": "s", "stream": "false"}).json()
        assert begun["status"] == "PAUSED"
        begun["tools"][0]["confirmed"] = True
        said = {"tools": json.dumps(begun["tools"]), "session_id": "s", "stream": "false"}
        went = client.post(f"/agents/payer/runs/{begun['run_id']}/continue", data=said)
        return went.status_code, went.text


def test_agno_alone_lets_a_caller_of_agentos_approve(tmp_path: Path) -> None:
    """The framework's own behaviour, without its authorization: the call runs while its row is pending."""
    bank = Bank()
    tools = [approval(bank.tool(requires_confirmation=True))]
    assert over_http(agent(pays(3), tools=tools, db=sqlite(tmp_path), id="payer"))[0] == 200
    assert bank.paid == ["p0 3"]
    assert sqlite(tmp_path).get_approvals()[0][0]["status"] == "pending"


def test_a_caller_of_agentos_cannot_approve(desk: Desk, tmp_path: Path) -> None:
    """Ours: the tool itself asks."""
    bank = Bank()
    desk.people(reject("not you"))
    tools = [gated(desk.gate(), approval(bank.tool(requires_confirmation=True)))]
    status, text = over_http(agent(pays(3), tools=tools, db=sqlite(tmp_path), id="payer"))
    assert status == 200
    assert "Ada Okafor rejected this call of pay: not you" in text
    assert not bank.paid


async def test_cancelled_run(desk: Desk) -> None:
    """A time-out while people think runs nothing, and an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await agent(pays(3), tools=[gated(desk.gate(), bank.async_tool())]).arun("pay")
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_agno_alone_runs_what_was_cancelled() -> None:
    """The framework's own behaviour: a sync tool that waits in its thread goes on when the run is cancelled."""
    bank, waiting, waited = Bank(), threading.Event(), threading.Event()

    def pay(to: str, amount: float) -> str:
        waiting.set()
        waited.wait()
        return bank.note(to)

    going = asyncio.create_task(agent(pays(3), tools=[pay]).arun("pay"))
    await asyncio.to_thread(waiting.wait)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    waited.set()
    await asyncio.to_thread(eventually, lambda: bank.paid)


async def test_cancelled_run_of_a_sync_tool(desk: Desk) -> None:
    """Ours: the thread notices that its run is over, and an approval that comes later starts nothing."""
    bank = Bank()
    going = asyncio.create_task(agent(pays(3), tools=[gated(desk.gate(), bank.tool())]).arun("pay"))
    [asked] = await asyncio.to_thread(desk.waiting)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    desk.decide(asked, approve)
    await asyncio.to_thread(eventually, lambda: desk.requests()[0]["outcome"])
    assert desk.requests()[0]["outcome"]["detail"] == "Not run: the run was cancelled."
    assert not bank.paid


@entries
async def test_run_that_agno_cancels_runs_nothing(desk: Desk, entry: str) -> None:
    """`cancel_run` while people think ends the run without them; agno alone looks at it when the tool has run."""
    bank = Bank()
    made = agent(pays(3), tools=[gated(desk.gate(), tool(bank, entry))])
    started = (
        asyncio.to_thread(made.run, "pay", run_id=desk.run) if entry == "run" else made.arun("pay", run_id=desk.run)
    )
    going = asyncio.ensure_future(started)
    [asked] = await asyncio.to_thread(desk.waiting)
    made.cancel_run(desk.run)
    assert (await going).status == RunStatus.cancelled
    desk.decide(asked, approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_run_that_waits_longer_than_agno_lists_it(desk: Desk) -> None:
    """agno forgets after a day which runs go on; people may take longer."""
    bank, manager = Bank(), get_cancellation_manager()
    set_cancellation_manager(InMemoryRunCancellationManager(ttl_seconds=0.1))
    try:
        going = asyncio.create_task(agent(pays(3), tools=[gated(desk.gate(), bank.tool())]).arun("pay"))
        [asked] = await asyncio.to_thread(desk.waiting)
        await asyncio.to_thread(eventually, lambda: not get_cancellation_manager().get_active_runs())
        desk.decide(asked, approve)
        await going
    finally:
        set_cancellation_manager(manager)
    assert bank.paid == ["p0 3"]


async def test_same_run_again_runs_once(desk: Desk, tmp_path: Path) -> None:
    """A run that is made again under its ids reads since when the call was started."""
    bank = Bank()
    desk.people(approve)
    for _ in range(2):
        made = agent(pays(3), tools=[gated(desk.gate(), bank.tool())], db=sqlite(tmp_path))
        run = await made.arun("pay", session_id=desk.run, run_id=desk.run)
    assert "was started at" in said(run)[0]
    assert bank.paid == ["p0 3"]
    assert len(desk.requests()) == 1


async def test_what_agno_fills_in_is_not_asked_about(desk: Desk) -> None:
    """The agent, the run and their like reach the tool, and people do not see them."""
    seen: list[object] = []

    def pay(agent: Agent, to: str, context: RunContext) -> str:
        """Pay somebody."""
        seen.extend((agent.id, to, context.run_id))
        return "paid"

    desk.people(edit(to="lena"))
    made = agent([("pay", {"to": "a"})], tools=[gated(desk.gate(), pay)], id="payer")
    run = await made.arun("pay")
    assert seen == ["payer", "lena", run.run_id]
    [asked] = desk.requests()
    assert asked["decision"]["changes"] == [{"path": "/to", "from": "a", "to": "lena"}]
    assert asked["arguments"] == {"to": "lena"}
    assert list(asked["schema"]["properties"]) == ["to"]


async def test_toolkit(desk: Desk) -> None:
    """Its tools one by one."""
    paid: list[float] = []

    class Wallet(Toolkit):
        def __init__(self) -> None:
            super().__init__(name="wallet", tools=[self.spend])

        def spend(self, amount: float) -> str:
            """Spend."""
            paid.append(amount)
            return "spent"

    desk.people(edit(amount=1))
    made = agent(
        [("spend", {"amount": 5})], tools=[gated(desk.gate(), one) for one in Wallet().get_functions().values()]
    )
    await made.arun("x")
    assert paid == [1]
    assert desk.requests()[0]["schema"]["properties"]["amount"]["type"] == "number"


def test_what_cannot_wait_is_refused(desk: Desk) -> None:
    """Generators would be asked about when agno has them, not when they run."""

    def lines() -> Any:
        yield "a"

    with pytest.raises(TypeError, match="lines"):
        gated(desk.gate(), lines)
