"""HumanInTheLoopMiddleware's pauses, in both of its modes, answered by people."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import langchain_agent
from langchain_agent import SAY, Bank, config, paused, pays, results, said, turn
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from signoff import AlreadyStarted, Rejected, Unavailable
from signoff_agents.langchain import (
    resolve_interrupts,
    resolve_interrupts_blocking,
    run_with_approvals,
    run_with_approvals_blocking,
)

modes = pytest.mark.parametrize("mode", ["batched", "per_call"])


@modes
async def test_approved_calls_run(desk: Desk, mode: str) -> None:
    """The run goes on to its end; the outcome is on the card."""
    bank = Bank()
    desk.people(approve)
    made = paused(bank, mode, InMemorySaver(), pays(1))
    out = await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert said(out) == ["paid p0 1"]
    assert out["messages"][-1].text == "done"
    [asked] = desk.requests()
    assert asked["description"] == "Pay somebody."
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"]["status"] == "succeeded"


@modes
def test_without_async(desk: Desk, mode: str) -> None:
    """The same for sync code and sync checkpointers."""
    bank = Bank()
    desk.people(edit(amount=1))
    made = paused(bank, mode, InMemorySaver(), pays(9))
    out = run_with_approvals_blocking(made, SAY, config(desk.run), gate=desk.gate())
    assert bank.paid == ["p0 1"]
    assert "a human reviewer replaced this tool call" in said(out)[0]


@modes
async def test_several_calls_are_one_batch(desk: Desk, mode: str) -> None:
    """Approved, edited, rejected and answered ones of one turn: asked about together, each as it was decided."""
    bank = Bank()
    answers = {1: approve, 2: edit(amount=5), 3: reject("not him", "ask"), 4: respond("paid by hand")}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    made = paused(bank, mode, InMemorySaver(), pays(1, 2, 3, 4))
    out = await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert desk.refused == []
    assert sorted(bank.paid) == ["p0 1", "p1 5"]
    by_id = {one.tool_call_id: one for one in results(out)}
    assert by_id["c1"].text == "paid p0 1"
    assert by_id["c2"].text.endswith("paid p1 5")
    assert by_id["c3"].text.endswith("Ada Okafor rejected this call of pay: not him. You may ask again later.")
    assert (by_id["c4"].text, by_id["c4"].status) == ("paid by hand", "success")
    assert len(desk.requests()) == 4
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1
    outcomes = {one["arguments"]["to"]: one["outcome"] for one in desk.requests()}
    assert {to for to, outcome in outcomes.items() if outcome} == {"p0", "p1"}


@modes
async def test_edit_that_does_not_fit_is_refused(desk: Desk, mode: str) -> None:
    """At the door, by the tool's schema, in the mode too in which LangChain checks nothing."""
    bank = Bank()
    desk.people(None)
    made = paused(bank, mode, InMemorySaver(), pays(1))
    task = asyncio.create_task(run_with_approvals(made, SAY, config(desk.run), gate=desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    desk.decide(asked, edit(amount=2))
    await task
    assert bank.paid == ["p0 2"]


@modes
async def test_only_what_the_pause_takes_is_offered(desk: Desk, mode: str) -> None:
    """`allowed_decisions` of LangChain's configuration are those of the card; saying no is always one."""
    desk.people(respond("blue"))
    made = paused(
        Bank(),
        mode,
        InMemorySaver(),
        turn(("ask_user", {"question": "?"})),
        tools={"ask_user": {"allowed_decisions": ["respond"]}},
    )
    out = await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert said(out) == ["blue"]
    assert sorted(desk.requests()[0]["allowed_decisions"]) == ["reject", "respond"]


@modes
async def test_rejection_where_the_pause_takes_only_answers(desk: Desk, mode: str) -> None:
    """A pause that takes no rejection is answered with the refusal's text."""
    desk.people(reject("go away"))
    answers_only = {"ask_user": {"allowed_decisions": ["respond"]}}
    made = paused(Bank(), mode, InMemorySaver(), turn(("ask_user", {"question": "?"})), tools=answers_only)
    out = await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert said(out) == ["Ada Okafor rejected this call of ask_user: go away. Do not try this again."]


@modes
async def test_pause_that_takes_no_refusal_at_all_stands(desk: Desk, mode: str) -> None:
    """Where LangChain can be told nothing but yes, the refusal is raised and nothing runs."""
    bank = Bank()
    desk.people(reject("no"))
    made = paused(bank, mode, InMemorySaver(), pays(1), tools={"pay": {"allowed_decisions": ["approve"]}})
    with pytest.raises(Rejected):
        await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert not bank.paid


@modes
async def test_rule_is_no_person(desk: Desk, mode: str) -> None:
    """A rule's rejection is told as the rule's."""
    made = paused(Bank(), mode, InMemorySaver(), turn(("drop_table", {"name": "t"})), tools=("drop_table",))
    out = await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert 'No person has rejected it. The rule "nothing drops tables" rejected this call' in said(out)[0]


@modes
async def test_expired_is_no_rejection_by_a_person(desk: Desk, mode: str) -> None:
    """LangChain words every refusal as the user's; the text says that nobody was it."""
    bank = Bank()
    made = paused(bank, mode, InMemorySaver(), pays(1))
    tools: Any = {"pay": {"expires_in": 1}}
    out = await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate(), tools=tools)
    assert "No person has rejected it. Nobody decided about pay before it expired" in said(out)[0]
    assert not bank.paid


@modes
async def test_service_away_leaves_the_pause(desk: Desk, mode: str) -> None:
    """Nothing runs, nothing is answered; called again when the service is back, the run goes on."""
    bank = Bank()
    made = paused(bank, mode, InMemorySaver(), pays(1, 2))
    with pytest.raises(Unavailable) as away:
        await run_with_approvals(made, SAY, config(desk.run), gate=desk.away())
    assert "could not be used" in str(away.value)
    assert not bank.paid
    desk.people(approve)
    await resolve_interrupts(made, config(desk.run), gate=desk.gate())
    assert sorted(bank.paid) == ["p0 1", "p1 2"]


@modes
async def test_call_that_a_new_message_has_dropped_did_not_succeed(desk: Desk, mode: str) -> None:
    """LangGraph forgets a paused call when a new message comes meanwhile: it does not run, and its card says so."""
    bank = Bank()
    made = paused(bank, mode, InMemorySaver(), pays(1))
    await made.ainvoke(SAY, config(desk.run))
    going = asyncio.create_task(resolve_interrupts(made, config(desk.run), gate=desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    await made.ainvoke({"messages": [("user", "never mind")]}, config(desk.run))
    desk.decide(asked, approve)
    await going
    assert not bank.paid
    [ended] = desk.requests()
    assert ended["outcome"]["status"] == "failed"
    assert ended["outcome"]["detail"] == "Not run: the run went on without this call."


@modes
async def test_langgraph_alone_runs_twice(mode: str) -> None:
    """The framework's own behaviour: the same pause resumed twice at the same moment runs the tool twice."""
    bank, saver = Bank(), InMemorySaver()
    made = [paused(bank, mode, saver, *([pays(1)] if first else [])) for first in (True, False)]
    await made[0].ainvoke(SAY, config("t"))
    [one] = (await made[0].aget_state(config("t"))).interrupts
    answer = {"type": "approve"} if mode == "per_call" else {"decisions": [{"type": "approve"}]}
    await asyncio.gather(*(each.ainvoke(Command(resume={one.id: answer}), config("t")) for each in made))
    assert bank.paid == ["p0 1", "p0 1"]


@modes
async def test_resumed_twice_at_once_runs_once(desk: Desk, mode: str) -> None:
    """Ours: whoever burns the first approval goes on; the other one is told that it has been started."""
    bank, saver = Bank(), InMemorySaver()
    made = [paused(bank, mode, saver, *([pays(1, 2)] if first else [])) for first in (True, False, False)]
    await made[0].ainvoke(SAY, config(desk.run))
    desk.people(approve)
    went = await asyncio.gather(
        *(resolve_interrupts(each, config(desk.run), gate=desk.gate()) for each in made), return_exceptions=True
    )
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert len(desk.requests()) == 2
    ended = [one for one in went if isinstance(one, dict)]
    assert ended
    assert all(isinstance(one, dict | AlreadyStarted) for one in went)
    assert all(said(one) == ["paid p0 1", "paid p1 2"] for one in ended)


@modes
async def test_resumed_again_after_the_end(desk: Desk, mode: str) -> None:
    """Nothing waits any more, so nothing is asked and nothing runs."""
    bank = Bank()
    desk.people(approve)
    made = paused(bank, mode, InMemorySaver(), pays(1))
    await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert await resolve_interrupts(made, config(desk.run), gate=desk.gate()) is None
    assert bank.paid == ["p0 1"]


@modes
async def test_crashed_between_the_approval_and_its_run(desk: Desk, mode: str) -> None:
    """Nobody can know what the crashed attempt did: raised at first, told to the model where that is wanted."""
    bank = Bank()
    desk.people(approve)
    made = paused(bank, mode, InMemorySaver(), pays(1))
    await made.ainvoke(SAY, config(desk.run))

    class Crash(Exception):
        pass

    invoke = made.ainvoke

    async def crash(*_: object, **__: object) -> object:
        raise Crash

    made.ainvoke = crash
    with pytest.raises(Crash):
        await resolve_interrupts(made, config(desk.run), gate=desk.gate())
    made.ainvoke = invoke
    with pytest.raises(AlreadyStarted):
        await resolve_interrupts(made, config(desk.run), gate=desk.gate())
    out = await resolve_interrupts(made, config(desk.run), gate=desk.gate(), started="tell")
    assert "No person has rejected it. An earlier attempt of pay" in said(out)[0]
    assert not bank.paid
    assert len(desk.requests()) == 1


@modes
def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path, mode: str) -> None:
    """Killed while people think; the next process knows the thread alone, and takes the decisions made meanwhile."""
    script = [sys.executable, langchain_agent.__file__]
    rest = [mode, str(tmp_path), desk.run]
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


@modes
async def test_cancelled_wait_leaves_the_pause(desk: Desk, mode: str) -> None:
    """A time-out while people think: asked once, still paused, gone on with later."""
    bank = Bank()
    desk.people(None)
    made = paused(bank, mode, InMemorySaver(), pays(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    await resolve_interrupts(made, config(desk.run), gate=desk.gate())
    assert bank.paid == ["p0 1"]
    assert len(desk.requests()) == 1


@modes
async def test_a_new_message_does_not_leave_a_call_behind(desk: Desk, mode: str) -> None:
    """What waits on the thread is answered before new input goes in."""
    bank = Bank()
    made = paused(bank, mode, InMemorySaver(), pays(1))
    await made.ainvoke(SAY, config(desk.run))
    desk.people(approve)
    again = paused(bank, mode, made.checkpointer, AIMessage("first done"))
    out = await run_with_approvals(again, SAY, config(desk.run), gate=desk.gate())
    assert bank.paid == ["p0 1"]
    assert [one.text for one in out["messages"][-3:]] == ["first done", "pay them", "done"]


@modes
async def test_two_pauses_one_after_the_other(desk: Desk, mode: str) -> None:
    """A run that pauses again is asked about again."""
    bank = Bank()
    desk.people(approve)
    made = paused(bank, mode, InMemorySaver(), pays(1, prefix="a"), pays(2, prefix="b"))
    await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert bank.paid == ["p0 1", "p0 2"]


@modes
async def test_tool_that_fails_is_reported(desk: Desk, mode: str) -> None:
    """What the tool raises comes through, and the card says that it failed."""
    desk.people(approve)
    made = paused(Bank(), mode, InMemorySaver(), turn(("fails", {"why": "no money"})), tools=("fails",))
    with pytest.raises(ValueError, match="no money"):
        await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    assert desk.requests()[0]["outcome"]["detail"].startswith("ValueError: no money")


@modes
async def test_broken_call_is_not_gone_on_with(desk: Desk, mode: str) -> None:
    """A run that broke inside a tool runs nothing when what waits is resolved again."""
    bank = Bank()
    desk.people(approve)
    made = paused(bank, mode, InMemorySaver(), turn(("breaks", {"to": "a"})), tools=("breaks",))
    with pytest.raises(ConnectionError):
        await run_with_approvals(made, SAY, config(desk.run), gate=desk.gate())
    if mode == "per_call":  # the interrupt still counts as unanswered
        with pytest.raises(AlreadyStarted, match="and failed"):
            await resolve_interrupts(made, config(desk.run), gate=desk.gate())
    else:
        assert await resolve_interrupts(made, config(desk.run), gate=desk.gate()) is None
    assert bank.paid == ["a"]


class State(TypedDict):
    got: list[Any]


def graph(value: object) -> Any:
    made = StateGraph(State)
    made.add_node("ask", lambda _: {"got": [interrupt(value)]})
    made.add_edge(START, "ask")
    made.add_edge("ask", END)
    return made.compile(checkpointer=InMemorySaver())


INBOX = {
    "action_request": {"action": "send", "args": {"text": "hi"}},
    "config": {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": True},
    "description": "Sends it.",
}


@pytest.mark.parametrize(
    ("decided", "answer"),
    [
        (approve, {"type": "accept", "args": None}),
        (edit(text="hello"), {"type": "edit", "args": {"action": "send", "args": {"text": "hello"}}}),
        (respond("later"), {"type": "response", "args": "later"}),
        (
            reject("no"),
            {"type": "response", "args": "Ada Okafor rejected this call of send: no. Do not try this again."},
        ),
    ],
)
async def test_agent_inbox(desk: Desk, decided: Any, answer: Any) -> None:
    """Agent Inbox' HumanInterrupt is asked about and answered in its own words."""
    desk.people(decided)
    out = await run_with_approvals(graph([INBOX]), {"got": []}, config(desk.run), gate=desk.gate())
    assert out["got"] == [[answer]]
    assert desk.requests()[0]["description"] == "Sends it."


async def test_interrupts_of_others_are_left_alone(desk: Desk) -> None:
    """What is no request for a decision goes on waiting for whoever raised it."""
    made = graph("What is your name?")
    out = await run_with_approvals(made, {"got": []}, config(desk.run), gate=desk.gate())
    assert out["__interrupt__"][0].value == "What is your name?"
    assert resolve_interrupts_blocking(made, config(desk.run), gate=desk.gate()) is None
    assert not desk.requests()
