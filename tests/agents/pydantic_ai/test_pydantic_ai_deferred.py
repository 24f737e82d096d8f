"""Runs that pause with `DeferredToolRequests`, answered by people and gone on with once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject, respond
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelMessagesTypeAdapter, ToolCallPart
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import pydantic_ai_agent
from pydantic_ai_agent import Bank, agent, pausing, pays, results, said, turn

from signoff import AlreadyStarted, Unavailable
from signoff_agents.pydantic_ai import approvals, resolve


async def go_on(made: Any, paused: Any, answers: DeferredToolResults) -> Any:
    return await made.run(message_history=paused.all_messages(), deferred_tool_results=answers)


async def test_every_decision(desk: Desk) -> None:
    """Approved, edited, rejected and answered ones of one turn: one batch, each as it was decided."""
    bank = Bank()
    decisions = {1: approve, 2: edit(amount=5), 3: reject("not him", "ask"), 4: respond("paid by hand")}

    def judge(asked: Any) -> Any:
        answer = decisions[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    made = pausing(bank, pays(1, 2, 3, 4))
    paused = await made.run("pay")
    tools: Any = {"*": {"allowed_decisions": ("approve", "edit", "reject", "respond")}}
    answers = await resolve(paused.output, desk.gate(), run_id=paused.conversation_id, tools=tools, agent=made)
    result = await go_on(made, paused, answers)
    assert desk.refused == []
    assert said(result) == [
        "paid p0 1",
        "paid p1 5",
        "Ada Okafor rejected this call of pay: not him. You may ask again later.",
        "paid by hand",
    ]
    assert sorted(bank.paid) == ["p0 1", "p1 5"]
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1
    assert desk.requests()[0]["schema"]["properties"]["amount"]["type"] == "number"


async def test_with_the_capability_the_model_is_told_of_edits(desk: Desk) -> None:
    """The agent that has it pauses for every call; what `resolve` decided is noted and reported."""
    bank = Bank()
    asking = approvals(desk.gate(), pause=True)
    made = pausing(bank, turn(("look", {"what": "sky"}), ("pay", {"to": "a", "amount": 1})), capabilities=[asking])
    paused = await made.run("pay")
    assert isinstance(paused.output, DeferredToolRequests)
    assert not bank.paid
    desk.people(by={"look": approve, "pay": edit(amount=5)})
    answers = await asking.resolve(paused.output, run_id=paused.conversation_id, agent=made)
    result = await go_on(made, paused, answers)
    assert said(result) == [
        "sky is blue",
        "paid a 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5.",
    ]
    assert [one["outcome"]["status"] for one in desk.requests()] == ["succeeded", "succeeded"]


@pytest.mark.parametrize("has", [True, False])
async def test_resume_tells_of_edits_whether_the_agent_has_the_capability_or_not(desk: Desk, has: bool) -> None:
    """What runs once people have decided is noted and reported; what waits later makes the run pause again."""
    bank = Bank()
    asking = approvals(desk.gate(), None, pause=True)
    turns = [turn(("pay", {"to": "a", "amount": 1}), ("look", {"what": "sky"})), pays(2, prefix="d")]
    made = pausing(bank, *turns, capabilities=[asking] if has else [])
    desk.people(edit(amount=5), approve)

    async def on(paused: Any) -> Any:
        history, run_id = paused.all_messages(), paused.conversation_id
        return await asking.resume(made, paused.output, message_history=history, run_id=run_id)

    again = await on(await made.run("pay"))
    note = "Ada Okafor changed the arguments of pay before it ran: amount is now 5."
    assert said(again)[:2] == [f"paid a 5\n\n{note}", "sky is blue"]
    assert isinstance(again.output, DeferredToolRequests)
    assert said(await on(again))[2] == "paid p0 2"
    assert [one["outcome"]["status"] for one in desk.requests()] == ["succeeded", "succeeded"]
    assert sorted(bank.paid) == ["a 5", "look sky", "p0 2"]


async def test_resume_leaves_other_capabilities_of_the_run(desk: Desk) -> None:
    """What else `agent.run` is given gets there; the run's own tools wait for nobody."""
    bank, seen = Bank(), list[str]()

    @dataclass
    class Watching(AbstractCapability[None]):
        async def before_tool_execute(self, ctx: Any, *, call: Any, tool_def: Any, args: Any) -> Any:
            seen.append(call.tool_name)
            return args

    made = pausing(bank, pays(1), turn(("look", {"what": "sky"}), prefix="d"))
    paused = await made.run("pay")
    desk.people(approve)
    asking = approvals(desk.gate())
    more: Any = {"message_history": paused.all_messages(), "run_id": paused.conversation_id}
    await asking.resume(made, paused.output, **more, capabilities=[Watching()])
    assert seen == ["pay", "look"]
    assert [one["tool"] for one in desk.requests()] == ["pay"]


async def test_resume_by_other_approvals_than_the_agents_own(desk: Desk) -> None:
    """The agent's own would take it for a second attempt, so nobody is asked and nothing burnt."""
    made = pausing(Bank(), pays(1), capabilities=[approvals(desk.gate(), pause=True)])
    paused = await made.run("pay")
    more: Any = {"message_history": paused.all_messages(), "run_id": paused.conversation_id}
    with pytest.raises(TypeError, match="this agent's own approvals"):
        await approvals(desk.gate(), pause=True).resume(made, paused.output, **more)
    assert desk.requests() == []


@pytest.mark.parametrize("again", [True, False])
async def test_approvals_of_the_paused_run_alone_hold_when_it_goes_on(desk: Desk, again: bool) -> None:
    """A later call waits, whether or not `resume` is given them again; the first one's edit is told once."""
    bank = Bank()
    asking = approvals(desk.gate(), pause=True)
    made = agent(bank, pays(1), pays(999, prefix="d"), output_type=[str, DeferredToolRequests])
    paused = await made.run("pay", capabilities=[asking])
    desk.people(edit(amount=5))
    more: Any = {"message_history": paused.all_messages(), "run_id": paused.conversation_id}
    options: Any = {"capabilities": [asking]} if again else {}
    result = await asking.resume(made, paused.output, **more, **options)
    assert isinstance(result.output, DeferredToolRequests)
    assert bank.paid == ["p0 5"]
    assert said(result) == ["paid p0 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5."]
    with pytest.raises(TypeError, match="own approvals"):
        await asking.resume(made, paused.output, **more, capabilities=[approvals(desk.gate())])


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_i10_a_history_with_other_arguments_runs_nothing(desk: Desk, when: str) -> None:
    """What was approved is compared with what comes back: a history may have been kept by somebody else."""
    bank = Bank()
    asking = approvals(desk.gate(), None, pause=True)
    made = pausing(bank, pays(1))
    paused = await made.run("pay")
    history = ModelMessagesTypeAdapter.validate_json(ModelMessagesTypeAdapter.dump_json(paused.all_messages()))
    [kept], [shown] = history[-1].parts, paused.output.approvals
    assert isinstance(kept, ToolCallPart)

    def judge(asked: Any) -> Any:
        shown.args["amount"] = kept.args["amount"] = 1000  # type: ignore[index]
        return approve

    if when == "before":
        kept.args["amount"] = 1000  # type: ignore[index]
    desk.people(approve if when == "before" else judge)
    result = await asking.resume(made, paused.output, message_history=history, run_id=paused.conversation_id)
    assert said(result) == ["pay was not run: the arguments that were approved do not fit it."]
    assert not bank.paid
    [asked] = desk.requests()
    assert asked["outcome"]["detail"] == "Not run: other ones came back with the run."


async def test_approval_of_a_run_given_up_is_none_of_another_call(desk: Desk) -> None:
    """Under the same ids, and approved by something else: its arguments are not those that people approved."""
    bank = Bank()
    asking = approvals(desk.gate(), pause=True)
    paused = await pausing(bank, pays(1), capabilities=[asking]).run("pay", conversation_id=desk.run)
    desk.people(approve)
    made = agent(bank, pays(999), output_type=[str, DeferredToolRequests], capabilities=[asking])
    await asking.resolve(paused.output, agent=made, run_id=desk.run)
    other = await made.run("pay", conversation_id=desk.run)
    answers = DeferredToolResults(approvals={one.tool_call_id: True for one in other.output.approvals})
    options: Any = {"deferred_tool_results": answers, "conversation_id": desk.run}
    await made.run(message_history=other.all_messages(), **options)
    assert not bank.paid


@pytest.mark.parametrize("options", [{}, {"deferred_tool_results": DeferredToolResults()}, {"no_such": 1}])
async def test_resume_that_cannot_go_on_asks_nobody(desk: Desk, options: Any) -> None:
    """A call that is somebody else's, or an option that a run does not take: nothing is asked or burnt."""
    made = pausing(Bank(), turn(("pay", {"to": "a", "amount": 1}), ("count", {"what": "x"})))
    paused = await made.run("pay")
    more: Any = {"message_history": paused.all_messages(), "run_id": paused.conversation_id, **options}
    with pytest.raises(TypeError if options else ValueError):
        await approvals(desk.gate(), None if options else ["pay"]).resume(made, paused.output, **more)
    assert desk.requests() == []


async def test_ids_that_come_again_are_no_approval(desk: Desk) -> None:
    """An approved call whose run was given up: another one under its ids waits for people like any other."""
    bank = Bank()
    asking = approvals(desk.gate(), pause=True)
    paused = await pausing(bank, pays(1), capabilities=[asking]).run("pay", conversation_id=desk.run)
    desk.people(approve)
    made = agent(bank, pays(999), output_type=[str, DeferredToolRequests], capabilities=[asking])
    await asking.resolve(paused.output, agent=made, run_id=desk.run)
    result = await made.run("pay", conversation_id=desk.run)
    assert isinstance(result.output, DeferredToolRequests)
    assert not bank.paid


async def test_edit_that_does_not_fit(desk: Desk) -> None:
    """Refused at the door by the tool's schema; by the tool's types where the schema is looser."""
    bank = Bank()
    made = pausing(bank, pays(1))
    paused = await made.run("pay")
    desk.people(edit(amount="a lot"))
    tools: Any = {"pay": {"schema": {"type": "object"}}}
    answers = await resolve(paused.output, desk.gate(), run_id=desk.run, tools=tools, agent=made)
    result = await go_on(made, paused, answers)
    assert said(result) == ["pay was not run: the arguments that were approved do not fit it."]
    assert not bank.paid


async def test_external_call(desk: Desk) -> None:
    """Its result is what a person answers."""
    made = pausing(Bank(), turn(("ask_user", {"question": "?"})))
    paused = await made.run("ask")
    desk.people(respond("blue"))
    answers = await resolve(paused.output, desk.gate(), run_id=desk.run)
    [part] = results(await go_on(made, paused, answers))
    assert (part.content, part.outcome) == ("blue", "success")


async def test_framework_alone_runs_a_paused_history_twice() -> None:
    """Pydantic AI's own behaviour: the same history and results, given twice, run the tool twice."""
    bank = Bank()
    paused = await pausing(bank, pays(1)).run("pay")
    for _ in range(2):
        await go_on(pausing(bank), paused, paused.output.build_results(approve_all=True))
    assert bank.paid == ["p0 1", "p0 1"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_paused_history_gone_on_with_twice_runs_once(desk: Desk, at_once: bool) -> None:
    """Ours: whoever burns the first approval has them all; the other one is told that it has been started."""
    bank = Bank()
    paused = await pausing(bank, pays(1, 2)).run("pay")
    desk.people(approve)

    async def again() -> Any:
        answers = await resolve(paused.output, desk.gate(), run_id=paused.conversation_id)
        return await go_on(pausing(bank), paused, answers)

    went: list[Any] = []
    if at_once:
        went += await asyncio.gather(again(), again(), return_exceptions=True)
    else:
        went += [await again(), *await asyncio.gather(again(), return_exceptions=True)]
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert sum(isinstance(one, AlreadyStarted) for one in went) == 1
    assert len(desk.requests()) == 2


async def test_results_given_twice_run_once_with_the_capability(desk: Desk) -> None:
    """Even the same results: what was approved has run, so the model reads since when."""
    bank = Bank()
    asking = approvals(desk.gate(), pause=True)
    made = pausing(bank, pays(1), capabilities=[asking])
    paused = await made.run("pay")
    desk.people(approve)
    answers = await asking.resolve(paused.output, agent=made, run_id=paused.conversation_id)
    await go_on(pausing(bank, capabilities=[asking]), paused, answers)
    result = await go_on(pausing(bank, capabilities=[asking]), paused, answers)
    assert "was started at" in said(result)[0]
    assert bank.paid == ["p0 1"]


async def test_crashed_between_the_approval_and_its_run(desk: Desk) -> None:
    """Nobody can know what the crashed attempt did: raised at first, told to the model where that is wanted."""
    bank = Bank()
    made = pausing(bank, pays(1))
    paused = await made.run("pay")
    desk.people(approve)
    await resolve(paused.output, desk.gate(), run_id=desk.run)
    with pytest.raises(AlreadyStarted):
        await resolve(paused.output, desk.gate(), run_id=desk.run)
    answers = await resolve(paused.output, desk.gate(), run_id=desk.run, started="tell")
    assert "was started at" in said(await go_on(made, paused, answers))[0]
    assert not bank.paid


async def test_service_away_leaves_the_pause(desk: Desk) -> None:
    """Nothing is burnt and nothing runs; asked again when the service is back, the run goes on."""
    bank = Bank()
    made = pausing(bank, pays(1))
    paused = await made.run("pay")
    with pytest.raises(Unavailable) as away:
        await resolve(paused.output, desk.away(), run_id=desk.run)
    assert "could not be used" in str(away.value)
    desk.people(approve)
    await go_on(made, paused, await resolve(paused.output, desk.gate(), run_id=desk.run))
    assert bank.paid == ["p0 1"]


async def test_what_is_not_asked_about_is_left_out(desk: Desk) -> None:
    """Its result is somebody else's to give; without it Pydantic AI does not go on."""
    bank = Bank()
    made = pausing(bank, turn(("pay", {"to": "a", "amount": 1}), ("count", {"what": "b"})))
    paused = await made.run("pay")
    desk.people(approve)
    answers = await resolve(paused.output, desk.gate(), run_id=desk.run, tools=["pay"])
    with pytest.raises(UserError):
        await go_on(made, paused, answers)
    assert not bank.paid
    nothing = await resolve(paused.output, desk.gate(), run_id=desk.run, tools=["look"])
    assert nothing == DeferredToolResults()


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process goes on from the kept messages, and runs each call once."""
    program = [sys.executable, pydantic_ai_agent.__file__]
    first = subprocess.Popen([*program, "run", str(tmp_path), desk.run], env=desk.environ)
    asked = desk.waiting(2)
    first.kill()
    first.wait()
    desk.decide(asked[0], approve)
    desk.decide(asked[1], edit(amount=7))
    again = [*program, "resume", str(tmp_path), desk.run]
    done = subprocess.run(again, env=desk.environ, capture_output=True, text=True, timeout=50)
    assert any("amount is now 7" in text for text in json.loads(done.stdout)), done.stderr
    assert len(desk.requests()) == 2
    third = subprocess.run(again, env=desk.environ, capture_output=True, text=True, timeout=50)
    assert "was started at" in third.stderr
    assert len((tmp_path / "paid").read_text().splitlines()) == 2
