"""CrewAI's agents with gated tools."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject, respond
from crewai import Agent, Task
from crewai.tools import BaseTool, tool
from crewai.tools.tool_failure import ToolFailure, ToolFailurePolicy
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import crewai_agent
from crewai_agent import Bank, crew, kickoff, pays, scripted

from signoff_agents.crewai import gated, requires_approval, run, with_approvals
from signoff_agents.crewai.waiting import Gated

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."

ways = pytest.mark.parametrize("way", ["kickoff", "akickoff", "kickoff_async"])
kinds = pytest.mark.parametrize("native", [True, False], ids=["native", "react"])


def started(made: Any) -> tuple[threading.Thread, list[str]]:
    """A crew in a thread of its own, and how it ended."""
    ended: list[str] = []

    def work() -> None:
        try:
            ended.append(str(made.kickoff()))
        except Exception as error:  # noqa: BLE001  # the test looks at it
            ended.append(repr(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, ended


# ── decisions ────────────────────────────────────────────────────────────────────────────────────


@ways
@kinds
def test_approved_and_edited(desk: Desk, way: str, native: bool) -> None:
    """What was approved runs, whichever way the crew is started and the model calls; it reads of the edit."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    model = scripted(pays(20), native=native)
    kickoff(crew(model, bank.gated(desk.gate(), "pay", outcome=str)), way)
    assert bank.paid == ["p0 5"]
    note = "paid p0 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5"
    assert sum(note in text for text in model.read) == 1
    [asked] = desk.requests()
    assert (asked["tool"], asked["description"]) == ("pay", "Pay somebody.")
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"] | {"at": None} == {"status": "succeeded", "detail": "paid p0 5", "at": None}


@kinds
def test_rejection_with_its_retry_word(desk: Desk, native: bool) -> None:
    """The model reads who said no, why, and what it may do next, word for word."""
    bank = Bank()
    desk.people(reject("wrong account", "with_changes"))
    model = scripted(pays(20), native=native)
    kickoff(crew(model, bank.gated(desk.gate(), "pay")))
    said = "Ada Okafor rejected this call of pay. You may try again with changes: wrong account"
    assert any(text.removeprefix("Observation: ").endswith(said) for text in model.read)
    assert not bank.paid


@kinds
def test_answer_is_the_result(desk: Desk, native: bool) -> None:
    """A tool that people answer never runs."""
    desk.people(respond("the blue one"))
    fields: Any = {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "string"}}
    model = scripted([("ask_user", {"question": "Which?"})], native=native)
    kickoff(crew(model, Bank().gated(desk.gate(), "ask_user", **fields)))
    assert any("the blue one" in text for text in model.read)


def test_edit_that_does_not_fit_is_refused(desk: Desk) -> None:
    """At the door, by the tool's own schema; an edit that only the tool refuses is not burnt and runs nothing."""
    bank = Bank()
    desk.people(None)
    model = scripted(pays(20))
    thread, _ = started(crew(model, bank.gated(desk.gate(), "pay")))
    [asked] = desk.waiting()
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    assert desk.decide(asked, approve)[0] == 200
    thread.join(20)
    assert bank.paid == ["p0 20"]


def test_edit_that_only_the_tool_refuses_runs_nothing(desk: Desk) -> None:
    """A looser schema lets a value through that the tool does not take: not burnt, and the model reads so."""
    bank = Bank()
    desk.people(edit(amount="a lot"))
    model = scripted(pays(20))
    kickoff(crew(model, bank.gated(desk.gate(), "pay", schema={"type": "object"})))
    assert "pay was not run: the arguments that were approved do not fit it." in model.read
    assert not bank.paid
    assert desk.requests()[0]["consumed_at"] is None


# ── several calls ────────────────────────────────────────────────────────────────────────────────


@ways
def test_calls_of_a_turn_are_one_batch(desk: Desk, way: str) -> None:
    """Three calls, one card; each is decided by itself, and what is not asked about runs at once."""
    bank = Bank()
    answers: dict[float, Any] = {1.0: approve, 2.0: reject("no"), 3.0: edit(amount=4)}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    model = scripted([*pays(1, 2, 3), ("look", {"what": "sky"})])
    kickoff(crew(model, bank.gated(desk.gate(), "pay")), way)
    assert sorted(bank.paid) == ["look sky", "p0 1", "p2 4"]
    assert sum(text.startswith("Ada Okafor rejected this call of pay: no") for text in model.read) == 1
    assert len(desk.requests()) == 3
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


def test_different_tools_of_one_gate_are_one_batch(desk: Desk) -> None:
    """Async tools and classes with schemas of their own among them."""
    bank = Bank()
    desk.people(approve)
    later = ("pay_later", {"to": "a", "amount": 1})
    greet = ("greet_somebody", {"toWhom": {"name": "Ada", "born": "1815-12-10"}})
    model = scripted([*pays(2), later, greet])
    kickoff(crew(model, bank.gated(desk.gate(), "pay", "pay_later", "Greet Somebody")))
    assert sorted(bank.paid) == ["a 1", "hello Ada datetime.date(1815, 12, 10)", "p0 2"]
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


def test_each_call_of_a_turn_runs_when_it_is_decided(desk: Desk) -> None:
    """One call of a batch runs while the other still waits."""
    bank = Bank()
    desk.people(None)
    thread, ended = started(crew(scripted(pays(1, 2)), bank.gated(desk.gate(), "pay")))
    one, other = desk.waiting(2)
    desk.decide(one, approve)
    eventually(lambda: bank.paid)
    assert not ended
    desk.decide(other, approve)
    thread.join(20)
    assert sorted(bank.paid) == ["p0 1", "p1 2"]


def test_the_same_call_several_times_is_asked_about_each_time(desk: Desk) -> None:
    """In one turn, and turn after turn: an approval is for one run."""
    bank = Bank()
    desk.people(approve)
    same = ("pay", {"to": "a", "amount": 1})
    kickoff(crew(scripted([same, same], [same], [same]), bank.gated(desk.gate(), "pay"), cache=True))
    assert bank.paid == ["a 1"] * 4
    assert len(desk.requests()) == 4


# ── nothing runs unasked ─────────────────────────────────────────────────────────────────────────


@ways
@kinds
def test_service_away(desk: Desk, way: str, native: bool) -> None:
    """Nothing runs, and the model reads one fixed sentence."""
    bank = Bank()
    model = scripted(pays(1), native=native)
    kickoff(crew(model, bank.gated(desk.away(), "pay")), way)
    assert any(text.removeprefix("Observation: ").endswith(AWAY) for text in model.read)
    assert not bank.paid


def test_fault_in_our_own_code_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised while the call is made out is a no; the model reads nothing of it."""

    def broken(*_: object) -> object:
        raise RuntimeError("secret text")

    monkeypatch.setattr("signoff_agents.crewai.waiting.placed", broken)
    bank = Bank()
    model = scripted(pays(1))
    kickoff(crew(model, bank.gated(desk.gate(), "pay")))
    assert AWAY in model.read
    assert not bank.paid


def test_a_refused_tool_is_no_final_answer(desk: Desk) -> None:
    """A tool whose result is the agent's answer gives none when it was rejected, and CrewAI counts it as failed."""
    desk.people(reject("no"))

    @tool("pay", result_as_answer=True)
    def pay(to: str, amount: float) -> str:
        """Pay somebody."""
        raise AssertionError

    made = crew(scripted(pays(1)), gated(desk.gate(), pay))
    result = made.kickoff()
    assert "rejected" not in str(result)
    assert [one.failure.message for one in result.tasks_output[0].tool_failures] == [
        "Ada Okafor rejected this call of pay: no. Do not try this again."
    ]


def test_a_refusal_stops_a_crew_that_wants_no_failures(desk: Desk) -> None:
    """CrewAI's own policy for tools that fail holds for refusals."""
    desk.people(reject("no"))
    made = crew(scripted(pays(1)), Bank().gated(desk.gate(), "pay"))
    made.agents[0].tool_failure_policy = ToolFailurePolicy.RAISE
    with pytest.raises(Exception, match="rejected this call of pay: no"):
        made.kickoff()


def test_stopped_by_ctrl_c(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt while people think runs nothing, and an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    [pay] = [one for one in bank.gated(desk.gate(), "pay") if one.name == "pay"]

    def interrupted(work: Any) -> Any:
        from signoff_agents.gating import blocking

        async def stopped() -> Any:
            task = asyncio.ensure_future(work)
            await asyncio.to_thread(desk.waiting)
            task.cancel()
            return await task

        return blocking(stopped())

    monkeypatch.setattr("signoff_agents.crewai.waiting.blocking", interrupted)
    with pytest.raises((asyncio.CancelledError, Exception)):
        pay.run(to="a", amount=1)
    [asked] = desk.waiting()
    desk.decide(asked, approve)
    assert not bank.paid
    assert desk.requests()[0]["consumed_at"] is None


def test_a_tool_read_back_from_a_checkpoint_is_refused(desk: Desk) -> None:
    """What is written down has neither gate nor tool in it: reading it raises, it does not run unasked."""
    [made] = gated(desk.gate(), crewai_agent.Greet(bank=Bank()))
    kept = json.loads(made.model_dump_json())
    assert not {"inner", "asking"} & set(kept)
    with pytest.raises(ValidationError, match="inner"):
        type(made).model_validate(kept)


def test_copies_ask_too(desk: Desk) -> None:
    """CrewAI copies a crew for each input, and so may anybody."""
    bank = Bank()
    desk.people(reject("no"))
    made = crew(scripted(pays(1)), bank.gated(desk.gate(), "pay"))
    made.kickoff_for_each(inputs=[{"a": 1}])
    copy.deepcopy((made.agents[0].tools or [])[0]).run(to="a", amount=2)
    assert len(desk.requests()) == 2
    assert not bank.paid


# ── a run made again ─────────────────────────────────────────────────────────────────────────────


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process finds the same requests, runs what was approved, each once."""
    command = [sys.executable, crewai_agent.__file__, str(tmp_path), desk.run]
    first = subprocess.Popen(command, env=desk.environ)
    asked = desk.waiting(2)
    first.kill()
    first.wait()
    for one in asked:
        assert desk.decide(one, approve)[0] == 200
    done = subprocess.run(command, env=desk.environ, capture_output=True, text=True, timeout=50)
    assert {"paid p0 1", "paid p1 2"} <= set(json.loads(done.stdout.splitlines()[-1])), done.stderr
    assert sorted((tmp_path / "paid").read_text().splitlines()) == ["p0 1", "p1 2"]
    assert len(desk.requests()) == 2


def test_a_run_made_again_runs_nothing_twice(desk: Desk) -> None:
    """The model reads since when each call was started, and what came of it; asked is nobody."""
    bank = Bank()
    desk.people(approve)
    for _ in range(2):
        model = scripted(pays(1), pays(1))
        with run(desk.run):
            kickoff(crew(model, bank.gated(desk.gate(), "pay")))
    assert bank.paid == ["p0 1", "p0 1"]
    assert len(desk.requests()) == 2
    assert sum("so it was not run again" in text for text in model.read) == 2


def test_the_same_run_twice_at_once_runs_once(desk: Desk) -> None:
    """Two processes' worth of the same run: one runs the tool, the other is told since when it runs."""
    bank = Bank()
    desk.people(approve)
    models = [scripted(pays(1)) for _ in range(2)]

    def one(model: Any) -> None:
        with run(desk.run):
            kickoff(crew(model, bank.gated(desk.gate(), "pay")))

    threads = [threading.Thread(target=one, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert bank.paid == ["p0 1"]
    assert sum("was started at" in " ".join(model.read) for model in models) == 1


# ── ways to say it ───────────────────────────────────────────────────────────────────────────────


def test_all_tools_of_a_crew(desk: Desk) -> None:
    """Of its agents, its tasks and its manager, the same tool in two places once; names say which."""
    bank, gate = Bank(), desk.gate()
    tools = bank.tools()
    agent = Agent(role="r", goal="g", backstory="b", llm=scripted(), tools=tools)
    task = Task(description="d", expected_output="e", agent=agent, tools=tools[:1])
    from crewai import Crew

    made = with_approvals(gate, Crew(agents=[agent], tasks=[task]), {"look": None, "*": {"risk": "high"}})
    assert agent.tools is not None
    assert task.tools is not None
    names = [one.name for one in agent.tools]
    assert names == [one.name for one in tools]
    assert agent.tools[names.index("look")] is tools[names.index("look")]
    assert task.tools[0] is agent.tools[0]
    assert task.tools[0] is not tools[0]
    with_approvals(gate, made)
    assert task.tools[0].inner is tools[0]  # not around it twice
    with pytest.raises(TypeError, match="list of names"):
        with_approvals(gate, agent, "pay")  # type: ignore[arg-type]


def test_all_tools_of_a_crew_are_asked_about(desk: Desk) -> None:
    """With `tools="all"` every tool of the crew waits."""
    bank = Bank()
    desk.people(reject("no"))
    made = crew(scripted([*pays(1), ("look", {"what": "sky"})]), bank.tools())
    kickoff(with_approvals(desk.gate(), made))
    assert {one["tool"] for one in desk.requests()} == {"pay", "look"}
    assert not bank.paid


def test_names_of_both_kinds(desk: Desk) -> None:
    """A tool is named as its author or as CrewAI names it; a name that no tool has would leave one unasked."""
    bank = Bank()

    def made() -> Agent:
        return Agent(role="r", goal="g", backstory="b", llm=scripted(), tools=bank.tools())

    some: list[Any] = [["Greet Somebody"], ["greet_somebody"], {"Greet Somebody": {"risk": "high"}, "look": None}]
    for tools in some:
        agent = with_approvals(desk.gate(), made(), tools)
        assert [one.name for one in agent.tools or [] if isinstance(one, Gated)] == ["Greet Somebody"]
    for tools in (["pay", "Greet"], {"pays": {}}):
        agent = made()
        with pytest.raises(ValueError, match="no tool has the name"):
            with_approvals(desk.gate(), agent, tools)
        assert not any(isinstance(one, Gated) for one in agent.tools or [])


def test_agents_whose_tools_come_later_are_refused(desk: Desk) -> None:
    """Those of MCP servers are made when the agent runs: they would run unasked, so it is said at once."""
    agent = Agent(role="r", goal="g", backstory="b", llm=scripted(), mcps=["https://example.com/mcp"])
    with pytest.raises(ValueError, match="would not be asked about"):
        with_approvals(desk.gate(), agent)


def test_decorator(desk: Desk) -> None:
    """Above `@tool`, or above a function alone; a tool is not gated twice."""
    desk.people(approve)
    gate = desk.gate()

    @requires_approval(gate, risk="high", title=lambda given: f"Pay {given['to']}")
    @tool("Send money")
    def send(to: str) -> str:
        """Send money."""
        return f"sent to {to}"

    @requires_approval(gate)
    def pay(to: str) -> str:
        """Pay somebody."""
        return f"paid {to}"

    assert isinstance(pay, BaseTool)
    assert send.run(to="ada") == "sent to ada"
    assert pay.run("bob") == "paid bob"
    first, second = desk.requests()
    assert (first["tool"], first["title"], first["risk"]) == ("send_money", "Pay ada", "high")
    assert (second["tool"], second["arguments"]) == ("pay", {"to": "bob"})
    with pytest.raises(TypeError, match="already"):
        gated(gate, pay)


@pytest.mark.parametrize("name", ["pay", "pay_later"])
async def test_arun(desk: Desk, name: str) -> None:
    """Async code that calls a tool itself, also one that is not async: CrewAI would run that and then raise."""
    bank = Bank()
    desk.people(edit(amount=2))
    [made] = [one for one in bank.gated(desk.gate(), "pay", "pay_later") if one.name == name]
    assert str(await made.arun(to="a", amount=1)).startswith("paid a 2\n\nAda Okafor changed")
    assert bank.paid == ["a 2"]


async def test_arun_of_a_tool_that_fails(desk: Desk) -> None:
    """What it raises is its failure, and on the card."""
    desk.people(approve)
    [made] = [one for one in Bank().gated(desk.gate(), "fails") if one.name == "fails"]
    failure = await made.arun(why="no money")
    assert isinstance(failure, ToolFailure)
    assert failure.message == "no money"
    assert desk.requests()[0]["outcome"]["detail"] == "ValueError: no money"
