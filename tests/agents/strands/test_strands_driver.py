"""Runs of Strands that pause for people, and go on once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject, respond
from strands import Agent
from strands.hooks import AfterToolCallEvent, BeforeInvocationEvent, BeforeToolCallEvent
from strands.multiagent import GraphBuilder, Swarm
from strands.session.file_session_manager import FileSessionManager
from strands.vended_tools.handoff_to_user import HANDOFF_INTERRUPT_NAME
from strands.vended_tools.handoff_to_user import handoff_to_user as sdk_handoff

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import strands_agent
from strands_agent import Bank, agent, asked_of, pays, results, said

from signoff import AlreadyStarted, Unavailable
from signoff_agents.strands import (
    ApprovalHooks,
    resume_interrupts,
    resume_interrupts_blocking,
    run_with_approvals,
    run_with_approvals_blocking,
)
from signoff_agents.strands.pauses import HANDOFF


def paused(desk: Desk, bank: Bank, *turns: Any, **options: Any) -> Agent:
    return agent(bank, *turns, hooks=[ApprovalHooks(desk.gate(), ["pay", "ask_user"], "interrupt")], **options)


def kept(desk: Desk, bank: Bank, folder: Path, *turns: Any) -> Agent:
    return paused(desk, bank, *turns, session_manager=FileSessionManager(desk.run, storage_dir=str(folder)))


def answers(result: Any, response: object) -> list[Any]:
    return [{"interruptResponse": {"interruptId": one.id, "response": response}} for one in result.interrupts]


async def test_approved_call_runs(desk: Desk) -> None:
    """The run goes on to its end; the outcome is on the card."""
    bank = Bank()
    desk.people(approve)
    made = paused(desk, bank, pays(1))
    result = await run_with_approvals(made, "pay them", desk.gate())
    assert (result.stop_reason, said(made)) == ("end_turn", ["paid p0 1"])
    [asked] = desk.requests()
    assert asked["description"] == "Pay somebody."
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"]["status"] == "succeeded"


def test_without_async(desk: Desk) -> None:
    """The same for sync code; the edit is told behind the result, and the model's own words stay."""
    bank = Bank()
    desk.people(edit(amount=1))
    made = paused(desk, bank, pays(9))
    run_with_approvals_blocking(made, "pay them", desk.gate())
    assert bank.paid == ["p0 1"]
    assert asked_of(made) == [{"to": "p0", "amount": 9}]
    assert "Ada Okafor changed the arguments of pay" in said(made)[0]


async def test_several_calls_are_one_batch(desk: Desk) -> None:
    """Approved, edited, rejected and answered ones of one turn: asked about together, each as it was decided."""
    bank = Bank()
    tools: Any = {"pay": {"allowed_decisions": ("approve", "edit", "reject", "respond")}}
    told: Any = {1: approve, 2: edit(amount=5), 3: reject("not him", "ask"), 4: respond("paid by hand")}

    def judge(asked: Any) -> Any:
        answer = told[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    made = agent(bank, pays(1, 2, 3, 4), hooks=[ApprovalHooks(desk.gate(), tools, "interrupt")])
    await run_with_approvals(made, "pay them", desk.gate())
    assert desk.refused == []
    assert sorted(bank.paid) == ["p0 1", "p1 5"]
    texts = said(made)
    assert texts[0] == "paid p0 1"
    assert texts[1].startswith("paid p1 5\n\nAda Okafor changed")
    assert texts[2] == "Ada Okafor rejected this call of pay: not him. You may ask again later."
    assert (texts[3], results(made)[3]["status"]) == ("paid by hand", "success")
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1
    outcomes = {one["arguments"]["to"]: one["outcome"] for one in desk.requests()}
    assert {to for to, outcome in outcomes.items() if outcome} == {"p0", "p1"}


async def test_edit_that_does_not_fit(desk: Desk) -> None:
    """Refused at the door by the tool's schema; where the schema is looser, the tool's own types refuse it unburnt."""
    bank = Bank()
    desk.people(edit(amount="a lot"))
    hooks = ApprovalHooks(desk.gate(), {"pay": {"schema": {"type": "object"}}}, "interrupt")
    made = agent(bank, pays(1), hooks=[hooks])
    await run_with_approvals(made, "go", desk.gate())
    assert said(made) == ["pay was not run: the arguments that were approved do not fit it."]
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_arguments_that_do_not_fit_pause_nothing(desk: Desk) -> None:
    """The model is told what is wrong, and nobody is asked."""
    made = paused(desk, Bank(), pays("a lot"))
    result = await made.invoke_async("go")
    assert result.stop_reason == "end_turn"
    assert said(made)[0].startswith("pay was not run, and nobody was asked: its arguments do not fit.")


async def test_service_away_leaves_the_pause(desk: Desk) -> None:
    """Nothing runs, nothing is answered; called again when the service is back, the run goes on."""
    bank = Bank()
    made = paused(desk, bank, pays(1, 2))
    with pytest.raises(Unavailable, match="could not be used"):
        await run_with_approvals(made, "go", desk.away())
    assert not bank.paid
    desk.people(approve)
    await resume_interrupts(made, desk.gate())
    assert sorted(bank.paid) == ["p0 1", "p1 2"]


async def test_word_of_whoever_resumes_decides_nothing(desk: Desk) -> None:
    """An application that resumes with a yes of its own has people asked nevertheless."""
    bank = Bank()
    desk.people(reject("I was not asked"))
    made = paused(desk, bank, pays(1))
    result = await made.invoke_async("go")
    await made.invoke_async(answers(result, {"kind": "approve", "approved": True}))
    assert said(made) == ["Ada Okafor rejected this call of pay: I was not asked. Do not try this again."]
    assert not bank.paid


class Yes:
    """A gate as Strands' own documents write it."""

    def register_hooks(self, registry: Any, **_: Any) -> None:
        registry.add_callback(BeforeToolCallEvent, self.gate)

    def gate(self, event: BeforeToolCallEvent) -> None:
        if event.interrupt("approval") != "y":
            event.cancel_tool = "no"


async def test_strands_alone_runs_twice(tmp_path: Path) -> None:
    """The framework's own behaviour: two agents on one session, both resumed, run the tool twice."""
    bank = Bank()

    def made(*turns: Any) -> Agent:
        manager = FileSessionManager("s", storage_dir=str(tmp_path))
        return agent(bank, *turns, hooks=[Yes()], session_manager=manager)

    result = await made(pays(1)).invoke_async("go")
    two = [made(), made()]
    await asyncio.gather(*(each.invoke_async(answers(result, "y")) for each in two))
    assert bank.paid == ["p0 1", "p0 1"]


async def test_resumed_twice_at_once_runs_once(desk: Desk, tmp_path: Path) -> None:
    """Ours: whoever burns the first approval goes on; the other one is told that it has been started."""
    bank = Bank()
    await kept(desk, bank, tmp_path, pays(1, 2)).invoke_async("go")
    two = [kept(desk, bank, tmp_path) for _ in range(2)]
    desk.people(approve)
    went = await asyncio.gather(*(resume_interrupts(each, desk.gate()) for each in two), return_exceptions=True)
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert len(desk.requests()) == 2
    assert sorted(type(one).__name__ for one in went) == ["AgentResult", "AlreadyStarted"]


async def test_resumed_twice_by_hand_runs_once(desk: Desk, tmp_path: Path) -> None:
    """Without the driver too: the approval is burnt right before the tool, and the second one reads so."""
    bank = Bank()
    result = await kept(desk, bank, tmp_path, pays(1)).invoke_async("go")
    two = [kept(desk, bank, tmp_path) for _ in range(2)]
    desk.people(approve)
    await asyncio.gather(*(each.invoke_async(answers(result, "go on")) for each in two))
    assert bank.paid == ["p0 1"]
    assert sum("was started at" in said(each)[0] for each in two) == 1
    assert len(desk.requests()) == 1


async def test_resumed_again_after_the_end(desk: Desk, tmp_path: Path) -> None:
    """Nothing waits any more; an agent that was made before the end is told so."""
    bank = Bank()
    await kept(desk, bank, tmp_path, pays(1)).invoke_async("go")
    late = kept(desk, bank, tmp_path)
    desk.people(approve)
    made = kept(desk, bank, tmp_path)
    await resume_interrupts(made, desk.gate())
    assert await resume_interrupts(made, desk.gate()) is None
    assert resume_interrupts_blocking(kept(desk, bank, tmp_path), desk.gate()) is None
    with pytest.raises(AlreadyStarted):
        await resume_interrupts(late, desk.gate())
    assert bank.paid == ["p0 1"]


@pytest.mark.parametrize("sync", [True, False])
async def test_crashed_between_the_approval_and_its_run(desk: Desk, tmp_path: Path, sync: bool) -> None:
    """Nobody can know what the crashed attempt did: raised at first, told to the model where that is wanted."""
    bank = Bank()
    desk.people(approve)
    await kept(desk, bank, tmp_path, pays(1)).invoke_async("go")
    first = kept(desk, bank, tmp_path)

    class Crash(Exception):
        pass

    def crash(event: BeforeInvocationEvent) -> None:
        raise Crash

    first.hooks.add_callback(BeforeInvocationEvent, crash)
    gate = desk.gate()
    with pytest.raises(Crash):
        await (asyncio.to_thread(resume_interrupts_blocking, first, gate) if sync else resume_interrupts(first, gate))
    with pytest.raises(AlreadyStarted):
        await resume_interrupts(kept(desk, bank, tmp_path), desk.gate())
    made = kept(desk, bank, tmp_path)
    await resume_interrupts(made, desk.gate(), started="tell")
    assert "An earlier attempt of pay" in said(made)[0]
    assert not bank.paid
    assert desk.requests()[0]["outcome"]["detail"] == "Crash"


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process knows the session alone, and takes the decisions made meanwhile."""
    script = [sys.executable, strands_agent.__file__]
    rest = [str(tmp_path), desk.run]
    first = subprocess.Popen([*script, "run", *rest], env=desk.environ)
    one, other = desk.waiting(2)
    first.kill()
    first.wait()
    desk.decide(one, approve)
    desk.decide(other, reject("no"))
    done = subprocess.run([*script, "resume", *rest], env=desk.environ, capture_output=True, text=True, timeout=50)
    texts = json.loads(done.stdout)
    assert len(texts) == 2, done.stderr
    assert len((tmp_path / "paid").read_text().splitlines()) == 1
    assert len(desk.requests()) == 2


async def test_cancelled_wait_leaves_the_pause(desk: Desk) -> None:
    """A time-out while people think: asked once, still paused, gone on with later."""
    bank = Bank()
    desk.people(None)
    made = paused(desk, bank, pays(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await run_with_approvals(made, "go", desk.gate())
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    await resume_interrupts(made, desk.gate())
    assert bank.paid == ["p0 1"]
    assert len(desk.requests()) == 1


async def test_strands_alone_takes_no_new_prompt_while_it_waits() -> None:
    """The framework's own behaviour: a paused agent raises on a new prompt."""
    made = agent(Bank(), pays(1), hooks=[Yes()])
    await made.invoke_async("go")
    with pytest.raises(TypeError, match="must resume from interrupt"):
        await made.invoke_async("something else")


async def test_new_prompt_does_not_leave_a_call_behind(desk: Desk) -> None:
    """Ours: what the agent waits for is answered before the new prompt goes in."""
    bank = Bank()
    made = paused(desk, bank, pays(1), "first done")
    await made.invoke_async("go")
    desk.people(approve)
    await run_with_approvals(made, "something else", desk.gate())
    assert bank.paid == ["p0 1"]
    texts = [message["content"][0].get("text") for message in made.messages[-3:]]
    assert texts == ["first done", "something else", "done"]


async def test_two_pauses_one_after_the_other(desk: Desk) -> None:
    """A run that pauses again is asked about again."""
    bank = Bank()
    desk.people(approve)
    await run_with_approvals(paused(desk, bank, pays(1), pays(2)), "go", desk.gate())
    assert bank.paid == ["p0 1", "p0 2"]


@pytest.mark.parametrize("sync", [True, False])
async def test_approval_that_no_tool_came_for_is_reported(desk: Desk, sync: bool) -> None:
    """A hook that cancels the call on the way back: the card says that it was not run."""
    bank = Bank()
    desk.people(approve)
    made = paused(desk, bank, pays(1))
    await made.invoke_async("go")

    def cancel(event: BeforeToolCallEvent) -> None:
        event.cancel_tool = "too late"

    made.hooks.add_callback(BeforeToolCallEvent, cancel)
    if sync:
        await asyncio.to_thread(resume_interrupts_blocking, made, desk.gate())
    else:
        await resume_interrupts(made, desk.gate())
    assert said(made) == ["too late"]
    assert not bank.paid
    assert desk.requests()[0]["outcome"]["detail"].startswith("Not run: ")


async def test_retried_call_runs_once(desk: Desk) -> None:
    """An approval that the driver burnt is for one run, also when a hook wants another."""
    bank = Bank()
    desk.people(approve)
    made = paused(desk, bank, pays(1))
    seen: list[object] = []

    def again(event: AfterToolCallEvent) -> None:
        event.retry = not seen
        seen.append(event)

    await made.invoke_async("go")
    made.hooks.add_callback(AfterToolCallEvent, again)
    await resume_interrupts(made, desk.gate())
    assert bank.paid == ["p0 1"]
    assert "was started at" in said(made)[0]


async def test_call_that_was_changed_meanwhile_is_asked_about_anew(desk: Desk) -> None:
    """An approval is for the arguments that people saw: others under the same ids are refused, and do not run."""
    bank = Bank()
    desk.people(approve)
    made = paused(desk, bank, pays(1))
    await made.invoke_async("go")

    def more(event: BeforeToolCallEvent) -> None:
        event.tool_use["input"] = {"to": "p0", "amount": 1000}

    made.hooks.add_callback(BeforeToolCallEvent, more)
    await resume_interrupts(made, desk.gate())
    assert not bank.paid
    assert results(made)[0]["status"] == "error"


async def test_question_of_strands_own_handoff(desk: Desk) -> None:
    """Its pause is a question, and what a person answers is the tool's result."""
    desk.people(respond("the blue one"))
    made = agent(Bank(), [("handoff_to_user", {"message": "Which one?"})], tools=[sdk_handoff])
    await run_with_approvals(made, "go", desk.gate())
    assert said(made) == ["the blue one"]
    assert desk.requests()[0]["arguments"] == {"question": "Which one?"}
    assert HANDOFF == HANDOFF_INTERRUPT_NAME


async def test_pauses_of_others_are_left_alone(desk: Desk) -> None:
    """What somebody else asks goes on waiting for whoever raised it; ours beside it are answered."""
    bank = Bank()
    desk.people(approve)
    hooks = ApprovalHooks(desk.gate(), ["pay"], "interrupt")
    made = agent(bank, [("pay", {"to": "a", "amount": 1}), ("look", {"what": "sky"})], hooks=[hooks])

    def other(event: BeforeToolCallEvent) -> None:
        if event.tool_use["name"] == "look":
            event.interrupt("look?")

    made.hooks.add_callback(BeforeToolCallEvent, other)
    result = await run_with_approvals(made, "go", desk.gate())
    assert bank.paid == ["a 1"]
    assert (result.stop_reason, [one.name for one in result.interrupts]) == ("interrupt", ["look?"])
    assert await resume_interrupts(made, desk.gate()) is None


async def test_graph_pauses_and_goes_on(desk: Desk) -> None:
    """A graph whose agents pause is driven like an agent."""
    bank = Bank()
    desk.people(approve)
    graph = GraphBuilder()
    graph.add_node(paused(desk, bank, pays(1), name="one"), "one")
    graph.add_node(paused(desk, bank, pays(2), name="two"), "two")
    graph.add_edge("one", "two")
    graph.set_execution_timeout(60)
    result = await run_with_approvals(graph.build(), "go", desk.gate())
    assert result.status.value == "completed"
    assert bank.paid == ["p0 1", "p0 2"]
    assert all(one["outcome"]["status"] == "succeeded" for one in desk.requests())


async def test_agent_as_a_tool_pauses_the_outer_run(desk: Desk) -> None:
    """The pause of an agent that another one uses as a tool is answered through the outer one."""
    bank = Bank()
    desk.people(approve)
    inner = paused(desk, bank, pays(1), name="clerk", description="Pays.")
    outer = agent(Bank(), [("clerk", {"input": "pay"})], tools=[inner.as_tool()])
    await run_with_approvals(outer, "go", desk.gate())
    assert bank.paid == ["p0 1"]
    assert len(desk.requests()) == 1


async def test_swarm_pauses_and_goes_on(desk: Desk) -> None:
    """So does a swarm."""
    bank = Bank()
    desk.people(approve)
    result = await run_with_approvals(Swarm([paused(desk, bank, pays(1), name="one")]), "go", desk.gate())
    assert result.status.value == "completed"
    assert bank.paid == ["p0 1"]


async def test_graph_is_taken_up_by_its_session(desk: Desk, tmp_path: Path) -> None:
    """A graph made anew with the same session asks nobody again, though its agents keep nothing themselves."""
    bank = Bank()

    def graph(*turns: Any) -> Any:
        made = GraphBuilder()
        made.add_node(paused(desk, bank, *turns, name="one"), "one")
        made.set_graph_id("g")
        made.set_session_manager(FileSessionManager(desk.run, storage_dir=str(tmp_path)))
        made.set_execution_timeout(60)
        return made.build()

    await taken_up(desk, graph(pays(1)), graph)
    assert bank.paid == ["p0 1"]


async def test_agent_as_a_tool_is_taken_up_by_the_outer_session(desk: Desk, tmp_path: Path) -> None:
    """An inner agent that keeps nothing itself goes on where it was, under the approval that people gave."""
    bank = Bank()

    def outer(*turns: Any) -> Agent:
        inner = paused(desk, bank, *([pays(1)] if turns else []), name="clerk", description="Pays.")
        manager = FileSessionManager(desk.run, storage_dir=str(tmp_path))
        return agent(Bank(), *turns, tools=[inner.as_tool()], session_manager=manager)

    await taken_up(desk, outer([("clerk", {"input": "pay"})]), outer)
    assert bank.paid == ["p0 1"]


async def taken_up(desk: Desk, first: Any, again: Any) -> None:
    """`first` is left while people think; what `again` makes goes on."""
    desk.people(None)
    task = asyncio.create_task(run_with_approvals(first, "go", desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    desk.decide(asked, approve)
    await resume_interrupts(again(), desk.gate())
    assert len(desk.requests()) == 1


def test_something_else_is_refused(desk: Desk) -> None:
    """What cannot wait is no agent."""
    with pytest.raises(TypeError, match="an agent, a graph or a swarm"):
        resume_interrupts_blocking(object(), desk.gate())  # type: ignore[arg-type]
