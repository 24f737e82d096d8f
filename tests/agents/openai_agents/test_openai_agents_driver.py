"""Runs that pause for tools with `needs_approval`, answered by people and gone on with once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunConfig, RunContextWrapper, Runner, RunState, ShellTool, function_tool, handoff
from agents.exceptions import UserError
from agents_harness import Desk, approve, edit, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import openai_agents_agent
from openai.types.responses import ResponseFunctionShellToolCall
from openai_agents_agent import CONFIG, Bank, agent, model, pausing, pays, said, turn

from signoff import AlreadyStarted, Unavailable
from signoff_agents.openai_agents import resume, run_with_approvals

PLAIN = RunConfig(tracing_disabled=True)


async def drive(made: Agent[Any], gate: Any, **options: Any) -> Any:
    return await run_with_approvals(made, "pay", gate=gate, run_config=CONFIG, **options)


async def kept(made: Agent[Any], desk: Desk, **options: Any) -> str:
    """What a run that nobody could be asked about leaves behind."""
    texts: list[str] = []
    with pytest.raises(Unavailable):
        await drive(made, desk.away(), on_pause=texts.append, **options)
    [text] = texts
    return text


async def test_approved_call_runs(desk: Desk) -> None:
    """The run goes on to its end; the outcome is on the card."""
    bank = Bank()
    desk.people(approve)
    result = await drive(pausing(bank, pays(1)), desk.gate())
    assert (said(result), result.final_output) == (["paid p0 1"], "done")
    [asked] = desk.requests()
    assert asked["description"] == "Pay somebody."
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"]["status"] == "succeeded"


async def test_several_calls_are_one_batch(desk: Desk) -> None:
    """Approved, edited, rejected and answered ones of one turn: asked about together, each as it was decided."""
    bank = Bank()
    answers = {1: approve, 2: edit(amount=5), 3: reject("not him", "ask"), 4: respond("paid by hand")}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    tools: Any = {"*": {"allowed_decisions": ("approve", "edit", "reject", "respond")}}
    result = await drive(pausing(bank, pays(1, 2, 3, 4)), desk.gate(), tools=tools)
    assert desk.refused == []
    assert sorted(bank.paid) == ["p0 1", "p1 5"]
    first, second, third, fourth = said(result)
    assert first == "paid p0 1"
    assert second == "paid p1 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5."
    assert third == "Ada Okafor rejected this call of pay: not him. You may ask again later."
    assert fourth == "paid by hand"
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1
    assert {one["arguments"]["to"] for one in desk.requests() if one["outcome"]} == {"p0", "p1"}


async def test_one_pause_after_the_other(desk: Desk) -> None:
    """Every pause is answered until the run has ended; what need not wait does not."""
    bank = Bank()
    desk.people(approve)
    result = await drive(
        pausing(bank, turn(("look", {"what": "sky"}), prefix="l"), pays(1), pays(2, prefix="d")),
        desk.gate(),
        run_id=desk.run,
    )
    assert bank.paid == ["look sky", "p0 1", "p0 2"]
    assert len(desk.requests()) == 2
    assert said(result)[0] == "sky is blue"


async def test_edit_that_does_not_fit_is_refused(desk: Desk) -> None:
    """At the door, by the tool's schema."""
    bank = Bank()
    desk.people(None)
    task = asyncio.create_task(drive(pausing(bank, pays(1)), desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    desk.decide(asked, edit(amount=2))
    await task
    assert bank.paid == ["p0 2"]


async def test_policy_of_the_tool_says_which_calls_wait(desk: Desk) -> None:
    """`needs_approval` as a function goes on deciding, and what it cannot judge waits, as in the SDK alone."""

    async def costly(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        return bool(arguments["amount"] > 10)

    bank = Bank()
    desk.people(approve)
    calls = [
        ("pay", {"to": "a", "amount": 1.0}),
        ("pay", {"to": "b", "amount": 20.0}),
        ("pay", {"to": "c", "amount": "2"}),
    ]
    await drive(pausing(bank, turn(*calls), needs=costly), desk.gate())
    assert sorted(bank.paid) == ["a 1", "b 20"]
    assert [one["arguments"]["to"] for one in desk.requests()] == ["b"]


async def test_sdk_alone_runs_a_kept_state_twice() -> None:
    """The SDK's own behaviour: the same state gone on with twice runs the tool twice."""
    bank = Bank()
    made = pausing(bank, pays(1))
    text = (await Runner.run(made, "pay", run_config=PLAIN)).to_state().to_string()
    for _ in range(2):
        again = pausing(bank)
        state: RunState[Any] = await RunState.from_string(again, text)
        state.approve(state.get_interruptions()[0])
        await Runner.run(again, state, run_config=PLAIN)
    assert bank.paid == ["p0 1", "p0 1"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_kept_run_resumed_twice_runs_once(desk: Desk, at_once: bool) -> None:
    """Ours: whoever burns the first approval goes on; the other one is told that it has been started."""
    bank = Bank()
    text = await kept(pausing(bank, pays(1, 2)), desk)
    desk.people(approve)

    async def again() -> Any:
        return await resume(pausing(bank), text, gate=desk.gate(), run_config=CONFIG)

    went: list[Any] = []
    if at_once:
        went += await asyncio.gather(again(), again(), return_exceptions=True)
    else:
        went += [await again(), *await asyncio.gather(again(), return_exceptions=True)]
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert len(desk.requests()) == 2
    assert sorted(type(one).__name__ for one in went) in [["AlreadyStarted", "RunResult"], ["Repeated", "RunResult"]]
    assert [said(one) for one in went if not isinstance(one, Exception)] == [["paid p0 1", "paid p1 2"]]


async def test_text_of_the_sdk_itself_can_be_gone_on_with(desk: Desk) -> None:
    """A `RunState` kept without this driver: asked about, and run once."""
    bank = Bank()
    text = (await Runner.run(pausing(bank, pays(1)), "pay", run_config=PLAIN)).to_state().to_string()
    desk.people(edit(amount=3))
    result = await resume(pausing(bank), text, gate=desk.gate(), run_config=CONFIG)
    assert said(result)[0].startswith("paid p0 3\n\nAda Okafor changed")
    with pytest.raises(AlreadyStarted):
        await resume(pausing(bank), text, gate=desk.gate(), run_config=CONFIG)
    assert bank.paid == ["p0 3"]


async def test_altered_text_is_refused(desk: Desk) -> None:
    """People were asked about what was kept; what somebody made of it since then does not run."""
    bank, texts = Bank(), list[str]()
    desk.people(None)
    task = asyncio.create_task(drive(pausing(bank, pays(1)), desk.gate(), on_pause=texts.append))
    [asked] = await asyncio.to_thread(desk.waiting)
    task.cancel()
    desk.decide(asked, approve)
    whole = json.loads(texts[0])
    state = json.loads(whole["state"])
    other_input = json.dumps({**state, "original_input": "pay nobody"})
    other_call = whole["state"].replace('amount\\":1', 'amount\\":9')
    assert other_call != whole["state"]
    for altered in (other_input, other_call):
        with pytest.raises(Unavailable, match="could not be used"):
            await resume(pausing(bank), json.dumps({**whole, "state": altered}), gate=desk.gate(), run_config=CONFIG)
    assert not bank.paid
    await resume(pausing(bank), texts[0], gate=desk.gate(), run_config=CONFIG)
    assert bank.paid == ["p0 1"]


async def test_service_away_leaves_what_was_kept(desk: Desk) -> None:
    """Nothing runs; gone on with when the service is back, the run ends."""
    bank = Bank()
    text = await kept(pausing(bank, pays(1)), desk)
    assert not bank.paid
    desk.people(approve)
    await resume(pausing(bank), text, gate=desk.gate(), run_config=CONFIG)
    assert bank.paid == ["p0 1"]


async def test_crashed_between_the_approval_and_its_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can know what the crashed attempt did: raised at first, told to the model where that is wanted."""
    bank = Bank()
    text = await kept(pausing(bank, pays(1)), desk)
    desk.people(approve)

    async def crash(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("signoff_agents.openai_agents.driver.Runner.run", crash)
    with pytest.raises(KeyboardInterrupt):
        await resume(pausing(bank), text, gate=desk.gate(), run_config=CONFIG)
    monkeypatch.undo()
    with pytest.raises(AlreadyStarted):
        await resume(pausing(bank), text, gate=desk.gate(), run_config=CONFIG)
    result = await resume(pausing(bank), text, gate=desk.gate(), run_config=CONFIG, started="tell")
    assert "was started at" in said(result)[0]
    assert not bank.paid
    assert desk.requests()[0]["outcome"]["status"] == "failed"


async def test_context_of_the_run_is_given_again(desk: Desk) -> None:
    """What a text cannot hold is given to `resume`, and reaches the tool."""
    seen: list[object] = []

    @function_tool(needs_approval=True, name_override="use")
    def uses(context: RunContextWrapper[Any], what: str) -> str:
        """Use it."""
        seen.append(context.context)
        return "used"

    thing = object()

    def made(*turns: Any) -> Agent[Any]:
        return Agent(name="Bank", model=model(*turns), tools=[uses])

    text = await kept(made(turn(("use", {"what": "it"}))), desk, context=thing)
    desk.people(approve)
    await resume(made(), text, gate=desk.gate(), context=thing, run_config=CONFIG)
    assert seen == [thing]


async def test_what_is_not_held_can_be_approved_and_rejected(desk: Desk) -> None:
    """A shell's command pauses like any other call; nothing could put other commands in its place."""
    ran: list[Any] = []

    async def execute(request: Any) -> str:
        ran.append(request.data.action.commands)
        return "ok"

    def call(index: int) -> Any:
        action = {"commands": [f"ls {index}"], "timeout_ms": 1000, "max_output_length": 100}
        return ResponseFunctionShellToolCall.model_validate(
            {
                "id": f"s{index}",
                "call_id": f"c{index}",
                "type": "shell_call",
                "status": "completed",
                "action": action,
                "environment": {"type": "local"},
            }
        )

    made: Agent[Any] = Agent(
        name="Shell", model=model([call(1), call(2)]), tools=[ShellTool(executor=execute, needs_approval=True)]
    )

    def judge(asked: Any) -> Any:
        assert sorted(asked["allowed_decisions"]) == ["approve", "reject"]
        return approve if "ls 1" in json.dumps(asked["arguments"]) else reject("no")

    desk.people(judge)
    await drive(made, desk.gate())
    assert ran == [["ls 1"]]


async def test_calls_of_an_agent_that_is_a_tool(desk: Desk) -> None:
    """They pause the outer run, and go on when they are approved."""
    bank = Bank()
    helper = pausing(bank, pays(1))
    made: Agent[Any] = Agent(
        name="First",
        model=model(turn(("help", {"input": "pay"}), prefix="h")),
        tools=[helper.as_tool("help", "Help.")],
    )
    desk.people(approve)
    await drive(made, desk.gate())
    assert bank.paid == ["p0 1"]
    assert sorted(desk.requests()[0]["allowed_decisions"]) == ["approve", "reject"]


@pytest.mark.parametrize("wrapped", [True, False])
async def test_kept_run_of_an_agent_handed_off_to(desk: Desk, wrapped: bool) -> None:
    """The agent in whose turn the run paused is found again, with its tools held: what people edit runs."""
    bank = Bank()

    def team(*turns: Any, first: Any = ()) -> Agent[Any]:
        payer = pausing(bank, *turns)
        payer.name = "Payer"
        return Agent(name="First", model=model(*first), handoffs=[handoff(payer) if wrapped else payer])

    text = await kept(team(pays(1), first=[turn(("transfer_to_payer", {}), prefix="h")]), desk)
    desk.people(edit(amount=4))
    result = await resume(team(), text, gate=desk.gate(), run_config=CONFIG)
    assert bank.paid == ["p0 4"]
    assert "amount is now 4" in said(result)[-1]
    assert result.last_agent.name == "Payer"


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process goes on from what was kept, and runs each call once."""
    program = [sys.executable, openai_agents_agent.__file__]
    first = subprocess.Popen([*program, "run", str(tmp_path), "-"], env=desk.environ)
    asked = desk.waiting(2)
    first.kill()
    first.wait()
    desk.decide(asked[0], approve)
    desk.decide(asked[1], edit(amount=7))
    again = [*program, "resume", str(tmp_path), "-"]
    done = subprocess.run(again, env=desk.environ, capture_output=True, text=True, timeout=50)
    amounts = sorted((tmp_path / "paid").read_text().split()[1::2])
    assert len(json.loads(done.stdout)) == 2, done.stderr
    assert "7" in amounts
    assert len(amounts) == 2
    assert len(desk.requests()) == 2
    third = subprocess.run(again, env=desk.environ, capture_output=True, text=True, timeout=50)
    assert "was started at" in third.stderr
    assert len((tmp_path / "paid").read_text().splitlines()) == 2


async def test_run_without_a_pause(desk: Desk) -> None:
    """Nobody is asked, and the result is the run's."""
    bank = Bank()
    result = await drive(agent(bank, pays(1)), desk.away())
    assert (bank.paid, result.final_output) == (["p0 1"], "done")


@pytest.mark.parametrize("text", ["[]", "nothing", '{"a": 1}'])
async def test_text_that_is_no_run(desk: Desk, text: str) -> None:
    """It is refused before anything else."""
    with pytest.raises((ValueError, UserError)):
        await resume(pausing(Bank()), text, gate=desk.gate())
