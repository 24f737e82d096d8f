"""The framework's own pauses, answered by people: yes or no."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import agent_framework_agent
from agent_framework import AgentSession, Content, FunctionTool, Message, tool
from agent_framework_agent import Bank, agent, pays, read, results, said

from signoff import AlreadyStarted, Unavailable
from signoff_agents.agent_framework import Pause, resume_with_approvals, run_with_approvals

REJECTED = "Error: Tool call invocation was rejected by user."


def session(desk: Desk) -> AgentSession:
    return AgentSession(session_id=desk.run)


async def paused(bank: Bank, desk: Desk, *turns: Any) -> dict[str, Any]:
    """A pause as it is kept, of a run that stood still."""
    kept: list[Any] = []

    async def save(pause: Pause) -> None:
        kept.append(json.loads(json.dumps(pause.to_dict())))

    made = agent(bank, *turns, pausing=["pay"])
    with pytest.raises(Unavailable):
        await run_with_approvals(made, "pay", session=session(desk), gate=desk.away(), save=save)
    [pause] = kept
    return pause


async def test_approved_calls_run(desk: Desk) -> None:
    """The run goes on to its end; the card had the tool's own description, and has the outcome."""
    bank = Bank()
    desk.people(approve)
    made = agent(bank, pays(1), pausing=["pay"])
    out = await run_with_approvals(made, "pay", session=session(desk), gate=desk.gate())
    assert (said(out), out.text) == (["paid p0 1"], "done")
    [asked] = desk.requests()
    assert asked["description"] == "Pay somebody."
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"]["status"] == "succeeded"


async def test_several_calls_are_one_batch(desk: Desk) -> None:
    """Approved and rejected ones of one turn: asked about together, each as it was decided."""
    bank = Bank()
    desk.people(lambda asked: approve if asked["arguments"]["amount"] == 1 else reject("not him", "ask"))
    made = agent(bank, [*pays(1, 2), ("look", {"what": "sky"})], pausing=["pay"])
    out = await run_with_approvals(made, "pay", session=session(desk), gate=desk.gate())
    assert sorted(bank.paid) == ["look sky", "p0 1"]
    assert sorted(said(out)) == [REJECTED, "paid p0 1", "sky is blue"]
    assert "Ada Okafor rejected this call of pay: not him. You may ask again later." in read(made)
    assert len(desk.requests()) == 2
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


async def test_framework_alone_loses_the_reason() -> None:
    """The framework's own behaviour: the model reads that the user rejected it, and there is no place to say why."""
    made = agent(Bank(), pays(1), pausing=["pay"])
    kept = made.create_session()
    [request] = (await made.run("pay", session=kept)).user_input_requests
    answer = Message(role="user", contents=[request.to_function_approval_response(False)])
    assert said(await made.run(answer, session=kept)) == [REJECTED]


async def test_edits_and_answers_are_not_offered(desk: Desk) -> None:
    """The framework would run the original arguments: the service refuses an edit, whatever the fields allow."""
    bank = Bank()
    desk.people(None)
    made = agent(bank, pays(20), pausing=["pay"])
    tools: Any = {"pay": {"allowed_decisions": ("approve", "edit", "respond"), "risk": "high"}}
    task = asyncio.create_task(run_with_approvals(made, "pay", session=session(desk), gate=desk.gate(), tools=tools))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert (sorted(asked["allowed_decisions"]), asked["risk"]) == (["approve", "reject"], "high")
    assert desk.decide(asked, edit(amount=5))[0] == 422
    desk.decide(asked, approve)
    await task
    assert bank.paid == ["p0 20"]


async def test_expired_is_no_rejection_by_a_person(desk: Desk) -> None:
    """The framework words every refusal as the user's; the text says that nobody was it."""
    bank = Bank()
    made = agent(bank, pays(1), pausing=["pay"])
    tools: Any = {"pay": {"expires_in": 1}}
    await run_with_approvals(made, "pay", session=session(desk), gate=desk.gate(), tools=tools)
    assert "No person has rejected it. Nobody decided about pay before it expired" in read(made)
    assert not bank.paid


async def test_rule_is_no_person(desk: Desk) -> None:
    """A rule's rejection is told as the rule's."""
    ran: list[str] = []
    drop = FunctionTool(name="drop_table", func=lambda name: ran.append(name), approval_mode="always_require")
    made = agent(Bank(), [("drop_table", {"name": "t"})], tools=[drop])
    await run_with_approvals(made, "drop", session=session(desk), gate=desk.gate())
    assert 'No person has rejected it. The rule "nothing drops tables" rejected this call' in read(made)
    assert not ran


async def test_arguments_that_do_not_fit_ask_nobody(desk: Desk) -> None:
    """The model is told what is wrong; no card is made."""
    bank = Bank()
    made = agent(bank, [("pay", {"to": "a", "amount": "a lot"})], pausing=["pay"])
    await run_with_approvals(made, "pay", session=session(desk), gate=desk.gate())
    assert "nobody was asked: its arguments do not fit. amount: " in read(made)
    assert not desk.requests()
    assert not bank.paid


async def test_service_away_leaves_the_pause(desk: Desk) -> None:
    """Nothing runs, nothing is answered; gone on with when the service is back."""
    bank = Bank()
    pause = await paused(bank, desk, pays(1, 2))
    assert not bank.paid
    desk.people(approve)
    out = await resume_with_approvals(agent(bank, pausing=["pay"]), Pause.from_dict(pause), gate=desk.gate())
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert out.text == "done"


async def test_framework_alone_runs_a_reloaded_session_twice(desk: Desk) -> None:
    """The framework's own behaviour: a kept session that is gone on with twice, one after the other, runs twice."""
    bank = Bank()
    kept = await paused(bank, desk, pays(1))
    for _ in range(2):
        pause = Pause.from_dict(kept)
        answer = Message(role="user", contents=[one.to_function_approval_response(True) for one in pause.requests])
        await agent(bank, pausing=["pay"]).run(answer, session=pause.session)
    assert bank.paid == ["p0 1", "p0 1"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_reloaded_twice_runs_once(desk: Desk, at_once: bool) -> None:
    """Ours: whoever burns the first approval goes on; the other one is told that it has been started."""
    bank = Bank()
    kept = await paused(bank, desk, pays(1, 2))
    desk.people(approve)

    async def resume() -> Any:
        made = agent(bank, pausing=["pay"])
        return await resume_with_approvals(made, Pause.from_dict(kept), gate=desk.gate())

    if at_once:
        ends = await asyncio.gather(resume(), resume(), return_exceptions=True)
    else:
        ends = [await resume(), (await asyncio.gather(resume(), return_exceptions=True))[0]]
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert sum(isinstance(end, AlreadyStarted) for end in ends) == 1
    assert len(desk.requests()) == 2


async def test_crashed_between_the_approval_and_its_run(desk: Desk) -> None:
    """Nobody can know what the crashed attempt did: raised at first, told to the model where that is wanted."""
    bank = Bank()
    kept = await paused(bank, desk, pays(1))
    desk.people(approve)

    class Crash(Exception):
        pass

    crashing = agent(bank, pausing=["pay"])

    async def crash(*_: object, **__: object) -> object:
        raise Crash

    crashing.run = crash  # type: ignore[assignment,method-assign]
    with pytest.raises(Crash):
        await resume_with_approvals(crashing, Pause.from_dict(kept), gate=desk.gate())
    made = agent(bank, pausing=["pay"])
    with pytest.raises(AlreadyStarted):
        await resume_with_approvals(made, Pause.from_dict(kept), gate=desk.gate())
    await resume_with_approvals(made, Pause.from_dict(kept), gate=desk.gate(), started="tell")
    assert "No person has rejected it. An earlier attempt of pay" in read(made)
    assert not bank.paid
    assert len(desk.requests()) == 1


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process takes the kept pause, and the decisions made meanwhile."""
    command = [sys.executable, agent_framework_agent.__file__, "pause", str(tmp_path), desk.run]
    first = subprocess.Popen(command, env=desk.environ)
    one, other = desk.waiting(2)
    first.kill()
    first.wait()
    desk.decide(one, approve)
    desk.decide(other, reject("no"))
    done = subprocess.run(command, env=desk.environ, capture_output=True, text=True, timeout=50)
    assert len(json.loads(done.stdout)) == 2, done.stderr
    assert len((tmp_path / "paid").read_text().splitlines()) == 1
    assert len(desk.requests()) == 2


async def test_cancelled_wait_leaves_the_pause(desk: Desk) -> None:
    """A time-out while people think: asked once, still paused, gone on with later."""
    bank = Bank()
    kept = await paused(bank, desk, pays(1))
    desk.people(None)
    made = agent(bank, pausing=["pay"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await resume_with_approvals(made, Pause.from_dict(kept), gate=desk.gate())
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    await resume_with_approvals(made, Pause.from_dict(kept), gate=desk.gate())
    assert bank.paid == ["p0 1"]
    assert len(desk.requests()) == 1


async def test_two_pauses_one_after_the_other(desk: Desk) -> None:
    """A run that pauses again is asked about again, and each pause is kept before that."""
    bank = Bank()
    desk.people(approve)
    kept: list[Pause] = []

    async def save(pause: Pause) -> None:
        kept.append(pause)
        assert len(desk.requests()) == len(kept) - 1

    made = agent(bank, pays(1), pays(2), pausing=["pay"])
    await run_with_approvals(made, "pay", session=session(desk), gate=desk.gate(), save=save)
    assert bank.paid == ["p0 1", "p0 2"]
    assert len(kept) == 2


async def test_tool_that_fails_is_reported(desk: Desk) -> None:
    """The card says that it failed, and why."""
    desk.people(approve)
    made = agent(Bank(), [("fails", {"why": "no money"})], pausing=["fails"])
    out = await run_with_approvals(made, "fail", session=session(desk), gate=desk.gate())
    assert results(out)[0].exception == "no money"
    outcome = desk.requests()[0]["outcome"]
    assert (outcome["status"], outcome["detail"]) == ("failed", "no money")


async def test_pauses_of_others_are_left_alone(desk: Desk) -> None:
    """A call that the program itself has to answer goes back to it, unasked."""
    host = FunctionTool(name="where_am_i", description="Where the user is.", func=None)
    made = agent(Bank(), [("where_am_i", {})], tools=[host])
    out = await run_with_approvals(made, "where", session=session(desk), gate=desk.gate())
    assert [one.type for one in out.user_input_requests] == ["function_call"]
    assert not desk.requests()


async def test_run_without_pauses(desk: Desk) -> None:
    """Nothing waits: the response is the agent's own, and nobody is asked."""

    @tool
    def look(what: str) -> str:
        """Look."""
        return "blue"

    made = agent(Bank(), [("look", {"what": "sky"})], tools=[look])
    out = await run_with_approvals(made, "look", session=session(desk), gate=desk.gate())
    assert (said(out), out.text) == (["blue"], "done")
    assert not desk.requests()


async def test_request_without_a_call_is_refused(desk: Desk) -> None:
    """What cannot be shown to a person is not answered."""
    pause = Pause(session(desk), [Content("function_approval_request", id="x", user_input_request=True)])
    with pytest.raises(ValueError, match="names no call"):
        await resume_with_approvals(agent(Bank()), pause, gate=desk.gate())
