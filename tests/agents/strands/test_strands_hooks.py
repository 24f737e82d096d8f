"""Strands' agent with hooks that wait inside the call."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject, respond
from pydantic import BaseModel
from strands import Agent, ToolContext, tool
from strands.hooks import AfterToolCallEvent, BeforeToolCallEvent
from strands.middleware import ExecuteToolStage
from strands.multiagent import GraphBuilder, Swarm
from strands.session.file_session_manager import FileSessionManager
from strands.tools.executors import SequentialToolExecutor
from strands.tools.tools import PythonAgentTool

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import strands_agent
from strands_agent import Bank, Scripted, agent, asked_of, pays, results, said

from signoff_agents.strands import ApprovalHooks, ApprovalIntervention

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."


async def test_approved_call_runs(desk: Desk) -> None:
    """An approved call runs with its arguments; the card had the tool's own description and schema."""
    bank = Bank()
    desk.people(approve)
    made = agent(bank, pays(3), hooks=[ApprovalHooks(desk.gate(), outcome=lambda it: it["content"][0]["text"])])
    result = await made.invoke_async("pay them")
    assert (result.stop_reason, said(made)) == ("end_turn", ["paid p0 3"])
    assert bank.paid == ["p0 3"]
    [asked] = desk.requests()
    assert (asked["tool"], asked["description"]) == ("pay", "Pay somebody.")
    assert asked["tool_call_id"].startswith("c1-1/")
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"] | {"at": None} == {"status": "succeeded", "detail": "paid p0 3", "at": None}


def test_sync_entry_point_waits_too(desk: Desk) -> None:
    """`agent(...)` is gated like `invoke_async`."""
    bank = Bank()
    desk.people(edit(amount=1))
    made = agent(bank, pays(3), hooks=[ApprovalHooks(desk.gate())])
    made("pay them")
    assert bank.paid == ["p0 1"]
    assert said(made)[0].startswith(
        "paid p0 1\n\nAda Okafor changed the arguments of pay before it ran: amount is now 1"
    )


async def test_strands_alone_tells_the_model_nothing_of_an_edit() -> None:
    """The framework's own behaviour: a hook that edits in place rewrites what the model said, and no word is said."""
    bank = Bank()

    def halve(event: BeforeToolCallEvent) -> None:
        event.tool_use["input"] = {**event.tool_use["input"], "amount": 1}

    made = agent(bank, pays(20), hooks=[])
    made.hooks.add_callback(BeforeToolCallEvent, halve)
    await made.invoke_async("pay them")
    assert (asked_of(made), said(made)) == ([{"to": "p0", "amount": 1}], ["paid p0 1"])


async def test_edit_runs_and_the_model_is_told(desk: Desk) -> None:
    """The history keeps what the model wrote, and the result says what was changed, and by whom."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    made = agent(bank, pays(20), hooks=[ApprovalHooks(desk.gate())])
    await made.invoke_async("pay them")
    assert bank.paid == ["p0 5"]
    assert asked_of(made) == [{"to": "p0", "amount": 20}]
    assert said(made) == [
        "paid p0 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5. They said: cap is 5"
    ]


async def test_edit_that_does_not_fit_is_refused(desk: Desk) -> None:
    """At the door, by the tool's own schema."""
    bank = Bank()
    desk.people(None)
    made = agent(bank, pays(20), hooks=[ApprovalHooks(desk.gate())])
    task = asyncio.create_task(made.invoke_async("pay them"))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    assert desk.decide(asked, approve)[0] == 200
    await task
    assert said(made) == ["paid p0 20"]


async def test_edit_that_only_the_tool_refuses_runs_nothing(desk: Desk) -> None:
    """A looser schema lets a value through that the tool does not take: it is not burnt, and the model reads so."""
    bank = Bank()
    desk.people(edit(amount="a lot"))
    tools: Any = {"pay": {"schema": {"type": "object"}}}
    made = agent(bank, pays(20), hooks=[ApprovalHooks(desk.gate(), tools)])
    await made.invoke_async("pay them")
    assert said(made) == ["pay was not run: the arguments that were approved do not fit it."]
    assert not bank.paid
    assert desk.requests()[0]["consumed_at"] is None


async def test_rejection_with_its_retry_word(desk: Desk) -> None:
    """The model reads who said no, why, and what it may do next, verbatim, as an error."""
    bank = Bank()
    desk.people(reject("wrong account", "with_changes"))
    made = agent(bank, pays(20), hooks=[ApprovalHooks(desk.gate())])
    await made.invoke_async("pay them")
    assert said(made) == ["Ada Okafor rejected this call of pay. You may try again with changes: wrong account"]
    assert results(made)[0]["status"] == "error"
    assert not bank.paid


async def test_answer_is_the_result(desk: Desk) -> None:
    """A tool that people answer never runs; its result is a success."""
    desk.people(respond("the blue one"))
    tools: Any = {"ask_user": {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "string"}}}
    made = agent(Bank(), [("ask_user", {"question": "?"})], hooks=[ApprovalHooks(desk.gate(), tools)])
    await made.invoke_async("go")
    assert (said(made), results(made)[0]["status"]) == (["the blue one"], "success")


@pytest.mark.parametrize("sequential", [False, True])
async def test_calls_of_a_turn_are_one_batch(desk: Desk, sequential: bool) -> None:
    """Three calls, one card; each is decided by itself, also where Strands makes them one after the other."""
    bank = Bank()
    turn: Any = [
        ("pay", {"to": "a", "amount": 1}),
        ("look", {"what": "sky"}),
        ("pay", {"to": "b", "amount": 2}),
        ("pay", {"to": "c", "amount": 3}),
    ]
    answers: Any = {1: approve, 2: reject("no"), 3: edit(amount=4)}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    executor: Any = {"tool_executor": SequentialToolExecutor()} if sequential else {}
    made = agent(bank, turn, hooks=[ApprovalHooks(desk.gate(), ["pay"])], **executor)
    await made.invoke_async("pay them")
    assert [text.split(".")[0].split("\n")[0] for text in said(made)] == [
        "paid a 1",
        "sky is blue",
        "Ada Okafor rejected this call of pay: no",
        "paid c 4",
    ]
    assert sorted(bank.paid) == ["a 1", "c 4", "look sky"]
    assert len(desk.requests()) == 3
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


async def test_each_call_of_a_turn_runs_when_it_is_decided(desk: Desk) -> None:
    """One call of a batch runs while the other still waits."""
    bank = Bank()
    desk.people(None)
    task = asyncio.create_task(agent(bank, pays(1, 2), hooks=[ApprovalHooks(desk.gate())]).invoke_async("go"))
    one, other = await asyncio.to_thread(desk.waiting, 2)
    desk.decide(one, approve)
    await asyncio.to_thread(eventually, lambda: bank.paid)
    assert not task.done()
    desk.decide(other, approve)
    await task
    assert sorted(bank.paid) == ["p0 1", "p1 2"]


async def test_same_call_ids_in_two_turns_are_two_requests(desk: Desk) -> None:
    """Some models number their calls anew in every message; the second one is asked about by itself."""
    bank = Bank()
    desk.people(approve)
    model = Scripted(pays(1), pays(2))
    made = agent(bank, hooks=[ApprovalHooks(desk.gate())], model=model)
    model._said = 0
    await made.invoke_async("go")
    assert bank.paid == ["p0 1", "p0 2"]
    model._turns, model._said = [pays(3)], 0
    await made.invoke_async("again")
    assert bank.paid == ["p0 1", "p0 2", "p0 3"]
    assert len(desk.requests()) == 3


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("mode", ["block", "interrupt"])
async def test_service_away(desk: Desk, sync: bool, mode: Any) -> None:
    """Nothing runs, and the model reads one fixed sentence; in the mode that pauses the run just pauses."""
    bank = Bank()
    made = agent(bank, pays(1, 2), hooks=[ApprovalHooks(desk.away(), mode=mode)])
    result = await (asyncio.to_thread(made, "go") if sync else made.invoke_async("go"))
    assert not bank.paid
    assert said(made) == ([AWAY, AWAY] if mode == "block" else [])
    assert result.stop_reason == ("end_turn" if mode == "block" else "interrupt")


async def test_strands_alone_ends_the_run_when_a_hook_raises() -> None:
    """The framework's own behaviour: what a hook raises ends the whole run, with its text."""
    bank = Bank()

    def broken(event: BeforeToolCallEvent) -> None:
        raise RuntimeError("secret text")

    made = agent(bank, pays(1))
    made.hooks.add_callback(BeforeToolCallEvent, broken)
    with pytest.raises(Exception, match="secret text"):
        await made.invoke_async("go")
    assert not bank.paid


@pytest.mark.parametrize("where", ["call_of", "reason_of"])
async def test_fault_of_our_own_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Whatever is raised while the call is made out is a no; the model reads nothing of it."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("secret text")

    monkeypatch.setattr(f"signoff_agents.strands.hooks.{where}", broken)
    bank = Bank()
    made = agent(bank, pays(1), hooks=[ApprovalHooks(desk.gate(), mode="interrupt")])
    await made.invoke_async("go")
    assert said(made) == [AWAY]
    assert not bank.paid


async def test_agent_that_takes_no_middleware_is_refused(desk: Desk) -> None:
    """Where nothing can stand before the tool, it does not run."""
    bank = Bank()
    made = agent(bank, pays(1))
    made.hooks.add_hook(ApprovalHooks(desk.gate()))
    made.add_middleware = None  # type: ignore[assignment,method-assign]
    await made.invoke_async("go")
    assert said(made) == [AWAY]
    assert not bank.paid
    assert not desk.requests()


async def test_hooks_added_later_gate_too(desk: Desk) -> None:
    """An agent that exists already is gated from its next call on."""
    bank = Bank()
    desk.people(reject("no"))
    made = agent(bank, pays(1), pays(2))
    made.hooks.add_hook(ApprovalHooks(desk.gate()))
    await made.invoke_async("go")
    assert not bank.paid
    assert len(desk.requests()) == 2


async def test_people_see_what_other_hooks_made_of_the_call(desk: Desk) -> None:
    """A hook that changes the arguments, or takes another tool, has had its say before people are asked."""
    bank = Bank()
    desk.people(approve)
    made = agent(
        bank,
        [("look", {"what": "sky"})],
        [("pay", {"to": "a", "amount": 1})],
        hooks=[ApprovalHooks(desk.gate(), ["pay"])],
    )

    def redirect(event: BeforeToolCallEvent) -> None:
        if event.tool_use["name"] == "look":
            event.selected_tool = made.tool_registry.registry["pay"]
            event.tool_use["input"] = {"to": "thief", "amount": 99}
        else:
            event.tool_use["input"] = {"to": "a", "amount": 7}

    made.hooks.add_callback(BeforeToolCallEvent, redirect)
    await made.invoke_async("go")
    assert [(one["tool"], one["arguments"]) for one in desk.requests()] == [
        ("pay", {"to": "thief", "amount": 99}),
        ("pay", {"to": "a", "amount": 7}),
    ]


async def test_another_hook_cancels_before_people_are_asked(desk: Desk) -> None:
    """What will not run anyway bothers nobody."""

    def cancel(event: BeforeToolCallEvent) -> None:
        event.cancel_tool = "not today"

    made = agent(Bank(), pays(1), hooks=[ApprovalHooks(desk.gate())])
    made.hooks.add_callback(BeforeToolCallEvent, cancel)
    await made.invoke_async("go")
    assert said(made) == ["not today"]
    assert not desk.requests()


async def test_middleware_of_the_application_comes_first(desk: Desk) -> None:
    """Arguments that middleware has changed are what people see and what runs."""
    bank = Bank()
    desk.people(approve)
    made = agent(bank, pays(1, 2), hooks=[ApprovalHooks(desk.gate())])

    async def double(context: Any, next_fn: Any) -> Any:
        given = context.tool_use["input"]
        changed = {**context.tool_use, "input": {**given, "amount": given["amount"] * 2}}
        async for event in next_fn(context.replace(tool_use=changed)):
            yield event

    made.add_middleware(ExecuteToolStage, double)
    await made.invoke_async("go")
    assert sorted(one["arguments"]["amount"] for one in desk.requests()) == [2, 4]
    assert sorted(bank.paid) == ["p0 2", "p1 4"]


async def test_strands_alone_runs_a_retried_call_again() -> None:
    """The framework's own behaviour: a hook that wants a retry has the tool run again."""
    bank = Bank()
    made = agent(bank, pays(1))
    retry_once(made)
    await made.invoke_async("go")
    assert bank.paid == ["p0 1", "p0 1"]


async def test_retried_call_runs_once(desk: Desk) -> None:
    """Ours: an approval is for one run; the model reads since when it was started."""
    bank = Bank()
    desk.people(approve)
    made = agent(bank, pays(1), hooks=[ApprovalHooks(desk.gate())])
    retry_once(made)
    await made.invoke_async("go")
    assert bank.paid == ["p0 1"]
    assert "was started at" in said(made)[0]
    assert len(desk.requests()) == 1


def retry_once(made: Agent) -> None:
    seen: list[object] = []

    def again(event: AfterToolCallEvent) -> None:
        event.retry = not seen
        seen.append(event)

    made.hooks.add_callback(AfterToolCallEvent, again)


async def test_tool_that_the_agent_does_not_have(desk: Desk) -> None:
    """Nothing could run, so nobody is asked, and nothing runs."""
    made = agent(Bank(), [("format_disk", {"disk": 1})], hooks=[ApprovalHooks(desk.gate())])
    await made.invoke_async("go")
    assert said(made) == ["Unknown tool: format_disk"]
    assert not desk.requests()


async def test_arguments_that_do_not_fit_ask_nobody(desk: Desk) -> None:
    """The model is told what is wrong; no card is made."""
    made = agent(Bank(), pays("a lot"), hooks=[ApprovalHooks(desk.gate())])
    await made.invoke_async("go")
    assert said(made)[0].startswith("pay was not run, and nobody was asked: its arguments do not fit. amount: ")
    assert not desk.requests()


async def test_what_the_tool_converts_people_see_converted(desk: Desk) -> None:
    """A number that the model wrote as text is asked about as the number that will run."""
    bank = Bank()
    desk.people(approve)
    await agent(bank, pays("7"), hooks=[ApprovalHooks(desk.gate())]).invoke_async("go")
    assert desk.requests()[0]["arguments"] == {"to": "p0", "amount": 7}
    assert bank.paid == ["p0 7"]


async def test_failing_tool_is_reported(desk: Desk) -> None:
    """A tool that raises is a failure on the card, and Strands' error to the model."""
    desk.people(approve)
    made = agent(Bank(), [("fails", {"why": "no money"})], hooks=[ApprovalHooks(desk.gate())])
    await made.invoke_async("go")
    assert said(made) == ["Error: LookupError - no money"]
    assert desk.requests()[0]["outcome"] | {"at": None} == {
        "status": "failed",
        "detail": "Error: LookupError - no money",
        "at": None,
    }


async def test_cancelled_wait(desk: Desk) -> None:
    """A time-out while people think runs nothing, and an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await agent(bank, pays(1), hooks=[ApprovalHooks(desk.gate())]).invoke_async("go")
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_strands_alone_runs_what_was_cancelled() -> None:
    """The framework's own behaviour: a hook that waits is not told of a cancelled run, and the tool runs after it."""
    bank, waiting, decided = Bank(), asyncio.Event(), asyncio.Event()

    async def wait(_: BeforeToolCallEvent) -> None:
        waiting.set()
        await decided.wait()

    made = agent(bank, pays(1))
    made.hooks.add_callback(BeforeToolCallEvent, wait)
    task = asyncio.create_task(made.invoke_async("pay them"))
    await waiting.wait()
    made.cancel()
    decided.set()
    assert (await task).stop_reason == "cancelled"
    assert bank.paid == ["p0 1"]


async def test_run_that_strands_cancels_runs_nothing(desk: Desk) -> None:
    """`agent.cancel()` while people think ends the run without them; an approval that comes later starts nothing."""
    bank = Bank()
    made = agent(bank, pays(1, 2), hooks=[ApprovalHooks(desk.gate())])
    task = asyncio.create_task(made.invoke_async("pay them"))
    asked = await asyncio.to_thread(desk.waiting, 2)
    made.cancel()
    assert (await task).stop_reason == "cancelled"
    desk.decide(asked[0], approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert said(made) == ["pay was not run: the run was cancelled."] * 2
    assert not bank.paid


async def test_cancelled_run_is_reported(desk: Desk) -> None:
    """A tool that is cancelled while it runs is a failure on the card."""
    begun = asyncio.Event()

    @tool
    async def slow(what: str) -> str:
        """Take long."""
        begun.set()
        await asyncio.Event().wait()
        return what

    desk.people(approve)
    made = agent(Bank(), [("slow", {"what": "x"})], tools=[slow], hooks=[ApprovalHooks(desk.gate())])
    task = asyncio.create_task(made.invoke_async("go"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    outcome = desk.requests()[0]["outcome"]
    assert (outcome["status"], outcome["detail"]) == ("failed", "The run was cancelled.")


@pytest.mark.parametrize("mode", ["block", "interrupt"])
def test_direct_call_waits_too(desk: Desk, mode: Any) -> None:
    """`agent.tool.pay(...)` is gated, also where the mode is one in which direct calls cannot pause."""
    bank = Bank()
    desk.people(approve, reject("no"))
    made = agent(bank, hooks=[ApprovalHooks(desk.gate(), mode=mode)])
    assert made.tool.pay(to="a", amount=1)["status"] == "success"
    assert made.tool.pay(to="b", amount=2)["status"] == "error"
    assert bank.paid == ["a 1"]


async def test_structured_answer_asks_nobody(desk: Desk) -> None:
    """Strands carries the structured answer of a run in a call of a tool; that is no call of the agent's tools."""

    class Answer(BaseModel):
        total: int

    made = agent(Bank(), [("Answer", {"total": 3})], hooks=[ApprovalHooks(desk.gate())])
    result = await made.invoke_async("go", structured_output_model=Answer)
    assert result.structured_output == Answer(total=3)
    assert not desk.requests()


async def test_tool_that_pauses_by_itself_goes_on(desk: Desk) -> None:
    """Approved once, it may stop the run for an answer of its own and goes on when that has come."""

    @tool(context=True)
    def confirm(what: str, tool_context: ToolContext) -> str:
        """Confirm something."""
        return f"{what}: {tool_context.interrupt('sure?')}"

    desk.people(approve)
    made = agent(Bank(), [("confirm", {"what": "x"})], tools=[confirm], hooks=[ApprovalHooks(desk.gate())])
    result = await made.invoke_async("go")
    [waiting] = result.interrupts
    await made.invoke_async([{"interruptResponse": {"interruptId": waiting.id, "response": "yes"}}])
    assert said(made) == ["x: yes"]
    [asked] = desk.requests()
    assert asked["outcome"]["status"] == "succeeded"


async def test_unlisted_tools_are_not_asked_about(desk: Desk) -> None:
    """Names, and names with fields, say which tools wait; a bare word and an unknown mode are refused at once."""
    bank = Bank()
    tools: Any = {"look": None, "*": {"risk": "high", "reason": "because"}}
    desk.people(approve)
    turn: Any = [("look", {"what": "sky"}), ("pay", {"to": "a", "amount": 1})]
    await agent(bank, turn, hooks=[ApprovalHooks(desk.gate(), tools)]).invoke_async("go")
    [asked] = desk.requests()
    assert (asked["tool"], asked["risk"], asked["reason"]) == ("pay", "high", "because")
    with pytest.raises(TypeError, match="list of names"):
        ApprovalHooks(desk.gate(), "pay")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mode is"):
        ApprovalHooks(desk.gate(), mode="wait")  # type: ignore[arg-type]


async def test_intervention(desk: Desk) -> None:
    """As an intervention handler it does the same, and says no in the same words."""
    bank = Bank()
    desk.people(approve, reject("no"))
    made = agent(bank, pays(1), pays(2), interventions=[ApprovalIntervention(ApprovalHooks(desk.gate()))])
    await made.invoke_async("go")
    assert bank.paid == ["p0 1"]
    assert said(made)[1] == "Ada Okafor rejected this call of pay: no. Do not try this again."


async def test_strands_alone_loses_what_an_intervention_was_told() -> None:
    """The framework's own behaviour: a person's words of Strands' own handler do not reach the model."""
    from strands.vended_interventions.hitl import HumanInTheLoop

    async def ask(*_: object) -> str:
        return "no, wrong account"

    made = agent(Bank(), pays(1), interventions=[HumanInTheLoop(ask=ask)])
    await made.invoke_async("go")
    assert "wrong account" not in said(made)[0]


async def test_graph_and_swarm(desk: Desk) -> None:
    """Agents of a graph and of a swarm are gated by hooks of their own, which they may share."""
    bank = Bank()
    desk.people(approve)
    hooks = ApprovalHooks(desk.gate(), ["pay"])
    graph = GraphBuilder()
    graph.add_node(agent(bank, pays(1), hooks=[hooks], name="one"), "one")
    graph.add_node(agent(bank, pays(2), hooks=[hooks], name="two"), "two")
    graph.add_edge("one", "two")
    graph.set_execution_timeout(60)
    await graph.build().invoke_async("go")
    await Swarm([agent(bank, pays(3), hooks=[hooks], name="three")]).invoke_async("go")
    assert bank.paid == ["p0 1", "p0 2", "p0 3"]
    assert len(desk.requests()) == 3


@pytest.mark.parametrize("mode", ["block", "interrupt"])
async def test_calls_in_the_background_wait(desk: Desk, mode: Any) -> None:
    """What Strands runs beside the conversation runs when it is approved, in both modes, and is reported."""
    bank = Bank()
    desk.people(by={"pay": lambda asked: approve if asked["arguments"]["amount"] == 1 else reject("no")})
    hooks = ApprovalHooks(desk.gate(), ["pay"], mode)
    made = agent(bank, pays(1, 2), hooks=[hooks], background_tasks={"always": ["pay"]})
    await made.invoke_async("go")
    assert bank.paid == ["p0 1"]
    assert sorted(text.strip() for text in said(made)[-2:]) == [
        "Ada Okafor rejected this call of pay: no. Do not try this again.",
        "paid p0 1",
    ]
    outcomes = {one["arguments"]["to"]: one["outcome"] for one in desk.requests()}
    assert outcomes["p0"]["status"] == "succeeded"
    assert outcomes["p1"] is None


async def test_tool_that_has_a_schema_alone(desk: Desk) -> None:
    """Of a tool that is no decorated function too, arguments that do not fit ask nobody, and the model reads why."""

    def sign(tool: Any, **_: Any) -> Any:
        return {"toolUseId": tool["toolUseId"], "status": "success", "content": [{"text": tool["input"]["name"]}]}

    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    spec: Any = {"name": "sign", "description": "Sign.", "inputSchema": {"json": schema}}
    desk.people(approve)
    turns: Any = [[("sign", {"name": 5})], [("sign", {})], [("sign", {"name": "ada"})]]
    made = agent(Bank(), *turns, tools=[PythonAgentTool("sign", spec, sign)], hooks=[ApprovalHooks(desk.gate())])
    await made.invoke_async("go")
    no = "sign was not run, and nobody was asked: its arguments do not fit."
    assert said(made) == [
        f'{no} name: it does not fit the schema\'s type: "string".',
        f"{no} name is missing.",
        "ada",
    ]
    assert len(desk.requests()) == 1


async def test_agent_as_a_tool(desk: Desk) -> None:
    """The calls of an agent that another one uses as a tool are asked about where it has hooks itself."""
    bank = Bank()
    desk.people(approve)
    inner = agent(bank, pays(1), hooks=[ApprovalHooks(desk.gate())], name="clerk", description="Pays.")
    outer = agent(Bank(), [("clerk", {"input": "pay"})], tools=[inner.as_tool()])
    await outer.invoke_async("go")
    assert bank.paid == ["p0 1"]
    assert [one["tool"] for one in desk.requests()] == ["pay"]


async def test_same_session_twice_at_once_runs_once(desk: Desk, tmp_path: Path) -> None:
    """Two processes' worth of the same run: one runs the tool, the other is told since when it runs."""
    bank = Bank()
    first = paused(bank, desk, tmp_path)
    desk.people(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await first.invoke_async("go")
    two = [paused(bank, desk, tmp_path) for _ in range(2)]
    [asked] = await asyncio.to_thread(desk.waiting)
    tasks = [asyncio.create_task(made.invoke_async(None)) for made in two]
    desk.decide(asked, approve)
    await asyncio.gather(*tasks)
    assert bank.paid == ["p0 1"]
    assert sum("was started at" in said(made)[0] for made in two) == 1
    assert len(desk.requests()) == 1


def paused(bank: Bank, desk: Desk, folder: Path) -> Agent:
    begun = (folder / f"session_{desk.run}").exists()
    manager = FileSessionManager(desk.run, storage_dir=str(folder))
    return agent(bank, *([] if begun else [pays(1)]), hooks=[ApprovalHooks(desk.gate())], session_manager=manager)


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process finds the same requests, runs what was approved, each once."""
    command = [sys.executable, strands_agent.__file__, "block", str(tmp_path), desk.run]
    first = subprocess.Popen(command, env=desk.environ)
    asked = desk.waiting(2)
    first.kill()
    first.wait()
    for one in asked:
        assert desk.decide(one, approve)[0] == 200
    done = subprocess.run(command, env=desk.environ, capture_output=True, text=True, timeout=50)
    assert json.loads(done.stdout) == ["paid p0 1", "paid p1 2"], done.stderr
    assert sorted((tmp_path / "paid").read_text().splitlines()) == ["p0 1", "p1 2"]
    assert len(desk.requests()) == 2


async def test_tools_may_run_in_other_threads(desk: Desk) -> None:
    """A direct call made by a tool, in its own thread, waits for a person too."""
    bank = Bank()
    threads: list[str] = []

    @tool(context=True)
    def nested(tool_context: ToolContext) -> str:
        """Pay from inside."""
        threads.append(threading.current_thread().name)
        told = tool_context.agent.tool.pay(to="x", amount=1, record_direct_tool_call=False)
        return str(told["content"][0]["text"])

    desk.people(reject("no"))
    made = agent(bank, [("nested", {})], tools=[nested], hooks=[ApprovalHooks(desk.gate(), ["pay"])])
    await made.invoke_async("go")
    assert said(made) == ["Ada Okafor rejected this call of pay: no. Do not try this again."]
    assert threads != [threading.main_thread().name]
    assert not bank.paid
