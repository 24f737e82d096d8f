"""Tools that wait where they are about to run: single ones, and all of an agent."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, FunctionTool, RunConfig, Runner, ToolOutputText, WebSearchTool, function_tool, handoff
from agents.exceptions import UserError
from agents.testing import ScriptedModel, assistant_message
from agents_harness import Desk, approve, edit, eventually, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import openai_agents_agent
from openai_agents_agent import Bank, agent, model, pays, run, said, turn

from signoff_agents.openai_agents import gate_agent, gate_tools, gated

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."


async def test_approved_call_runs(desk: Desk) -> None:
    """It runs with its arguments; the card has the tool's words and schema, and that it succeeded."""
    bank = Bank()
    desk.people(approve)
    result = await run(gate_agent(agent(bank, pays(20)), desk.gate()))
    assert said(result) == ["paid p0 20"]
    assert result.final_output == "done"
    [asked] = desk.requests()
    assert asked["description"] == "Pay somebody."
    assert asked["schema"]["properties"]["amount"]["description"] == "In dollars."
    assert asked["outcome"]["status"] == "succeeded"


async def test_single_tool(desk: Desk) -> None:
    """`gated` takes the fields of a request, and says on the card what it was told to."""
    bank = Bank()
    desk.people(approve)
    [pay, look, *_] = bank.tools()
    tools = [gated(pay, desk.gate(), risk="high", reason="because", outcome=str), look]
    made: Agent[Any] = Agent(
        name="Bank", model=model(turn(("pay", {"to": "a", "amount": 1}), ("look", {"what": "sky"}))), tools=[*tools]
    )
    assert said(await run(made)) == ["paid a 1", "sky is blue"]
    [asked] = desk.requests()
    assert (asked["risk"], asked["reason"], asked["outcome"]["detail"]) == ("high", "because", "paid a 1")


async def test_edit_is_told_to_the_model(desk: Desk) -> None:
    """The edited arguments run, and the result says who changed what."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    result = await run(gate_agent(agent(bank, pays(20)), desk.gate()))
    assert bank.paid == ["p0 5"]
    assert said(result) == [
        "paid p0 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5. They said: cap is 5"
    ]


async def test_edit_reaches_what_reads_the_context(desk: Desk) -> None:
    """A tool that takes its arguments from the call's context gets the approved ones too."""
    seen: list[str] = []

    async def invoke(context: Any, arguments: str) -> Any:
        seen.extend([context.tool_arguments, arguments])
        return [ToolOutputText(text="ok")]

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tool = FunctionTool("raw", "", schema, invoke, strict_json_schema=False)
    desk.people(edit(n=2))
    made: Agent[Any] = Agent(name="Bank", model=model(turn(("raw", {"n": 1}))), tools=[gated(tool, desk.gate())])
    result = await run(made)
    assert seen == ['{"n":2}', '{"n":2}']
    parts: Any = said(result)[0]
    assert parts[0]["text"] == "ok"
    assert "n is now 2" in parts[1]["text"]


async def test_edit_that_does_not_fit_is_refused(desk: Desk) -> None:
    """At the door, by the tool's own schema."""
    bank = Bank()
    desk.people(None)
    task = asyncio.create_task(run(gate_agent(agent(bank, pays(20)), desk.gate())))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    assert desk.decide(asked, approve)[0] == 200
    assert said(await task) == ["paid p0 20"]


async def test_edit_that_only_the_tool_refuses_runs_nothing(desk: Desk) -> None:
    """A looser schema lets a value through that the tool does not take: it is not burnt, and the model reads so."""
    bank = Bank()
    desk.people(edit(amount="a lot"))
    tools: Any = {"pay": {"schema": {"type": "object"}}}
    result = await run(gate_agent(agent(bank, pays(20)), desk.gate(), tools))
    assert said(result) == ["pay was not run: the arguments that were approved do not fit it."]
    assert not bank.paid
    assert desk.requests()[0]["consumed_at"] is None


async def test_rejection_with_its_retry_word(desk: Desk) -> None:
    """The model reads who said no, why, and what it may do next."""
    bank = Bank()
    desk.people(reject("wrong account", "with_changes"))
    result = await run(gate_agent(agent(bank, pays(20)), desk.gate()))
    assert said(result) == ["Ada Okafor rejected this call of pay. You may try again with changes: wrong account"]
    assert not bank.paid


async def test_answer_is_the_result(desk: Desk) -> None:
    """A tool that people answer never runs."""
    desk.people(respond("the blue one"))
    tools: Any = {"ask_user": {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "string"}}}
    made = agent(Bank(), turn(("ask_user", {"question": "?"})))
    assert said(await run(gate_agent(made, desk.gate(), tools))) == ["the blue one"]


async def test_calls_of_a_turn_are_one_batch(desk: Desk) -> None:
    """Three calls, one card; each is decided by itself, and what is not asked about runs at once."""
    bank = Bank()
    calls = turn(
        ("pay", {"to": "a", "amount": 1}),
        ("look", {"what": "sky"}),
        ("pay", {"to": "b", "amount": 2}),
        ("pay", {"to": "c", "amount": 3}),
    )
    answers = {1.0: approve, 2.0: reject("no"), 3.0: edit(amount=4)}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    result = await run(gate_agent(agent(bank, calls), desk.gate(), ["pay"], title="Three payments"))
    assert [text.split(".")[0].split("\n")[0] for text in said(result)] == [
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
    task = asyncio.create_task(run(gate_agent(agent(bank, pays(1, 2)), desk.gate())))
    one, other = await asyncio.to_thread(desk.waiting, 2)
    desk.decide(one, approve)
    await asyncio.to_thread(eventually, lambda: bank.paid)
    assert not task.done()
    desk.decide(other, approve)
    await task
    assert sorted(bank.paid) == ["p0 1", "p1 2"]


def test_without_async(desk: Desk) -> None:
    """`Runner.run_sync` waits like `Runner.run`."""
    bank = Bank()
    desk.people(edit(amount=3))
    Runner.run_sync(
        gate_agent(agent(bank, pays(1, 2)), desk.gate()), "pay", run_config=RunConfig(tracing_disabled=True)
    )
    assert sorted(bank.paid) == ["p0 3", "p1 3"]


async def test_streamed(desk: Desk) -> None:
    """So does a streamed run, with one batch for the turn."""
    bank = Bank()
    desk.people(approve)
    result = Runner.run_streamed(
        gate_agent(agent(bank, pays(1, 2)), desk.gate()), "pay", run_config=RunConfig(tracing_disabled=True)
    )
    async for _ in result.stream_events():
        pass
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


async def test_service_away(desk: Desk) -> None:
    """Nothing runs, and the model reads one fixed sentence."""
    bank = Bank()
    assert said(await run(gate_agent(agent(bank, pays(1, 2)), desk.away()))) == [AWAY, AWAY]
    assert not bank.paid


async def test_sdk_alone_aborts_the_run_with_the_error() -> None:
    """The SDK's own behaviour: a wrapper whose client raises ends the whole run, with the error's text in it."""
    bank = Bank()
    [pay, *_] = bank.tools()

    async def invoke(context: Any, arguments: str) -> Any:
        raise ConnectionError("secret text")

    pay.on_invoke_tool = invoke
    with pytest.raises(UserError, match="secret text"):
        await run(Agent(name="Bank", model=model(pays(1)), tools=[pay]))


async def test_fault_in_our_own_hook_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised while the call is made out is a no; the run goes on, and the model reads nothing of it."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("secret text")

    monkeypatch.setattr("signoff_agents.openai_agents.tools.call_of", broken)
    bank = Bank()
    result = await run(gate_agent(agent(bank, pays(1)), desk.gate()))
    assert said(result) == [AWAY]
    assert result.final_output == "done"
    assert not bank.paid


@pytest.mark.parametrize("arguments", ['{"to": "a", "amount": "a lot"}', "[1]", "{", '{"to": "a"}'])
async def test_arguments_that_do_not_fit_ask_nobody(desk: Desk, arguments: str) -> None:
    """The model is told what is wrong; no card is made."""
    bank = Bank()
    [call] = pays(1)
    call.arguments = arguments
    result = await run(gate_agent(agent(bank, [call]), desk.gate()))
    assert said(result)[0].startswith("pay was not run, and nobody was asked: its arguments do not fit.")
    assert not desk.requests()
    assert not bank.paid


async def test_failing_tool_is_reported(desk: Desk) -> None:
    """The SDK makes a text of a tool's exception; on the card it is a failure."""
    desk.people(approve)
    result = await run(gate_agent(agent(Bank(), turn(("fails", {"why": "no money"}))), desk.gate()))
    assert said(result)[0].startswith("An error occurred while running the tool.")
    assert desk.requests()[0]["outcome"]["status"] == "failed"


@pytest.mark.parametrize("handled", [True, False])
async def test_failing_tool_with_its_own_error_function_is_reported(desk: Desk, handled: bool) -> None:
    """Also when the tool words its failures itself, and when it lets them through."""

    def fails() -> str:
        """Fail."""
        raise ValueError("no money")

    def word(context: Any, error: Exception) -> str:
        return "sorry"

    tool = function_tool(fails, failure_error_function=word if handled else None)
    desk.people(approve)
    made: Agent[Any] = Agent(name="Bank", model=model(turn(("fails", {}))), tools=[gated(tool, desk.gate())])
    if handled:
        assert said(await run(made)) == ["sorry"]
    else:
        with pytest.raises(UserError):
            await run(made)
    assert desk.requests()[0]["outcome"] | {"at": ""} == {
        "status": "failed",
        "detail": "ValueError: no money",
        "at": "",
    }


@pytest.mark.parametrize("decision", ["edit", "respond", "reject"])
async def test_tool_with_an_output_type(desk: Desk, decision: str) -> None:
    """An answer is a value of the type, and a result is left as it is; a refusal is no value of it and ends the run."""

    def weigh(n: int) -> dict[str, int]:
        """Weigh it."""
        return {"kg": n}

    schema = {"type": "object", "properties": {"kg": {"type": "integer"}}, "required": ["kg"]}
    tool = function_tool(weigh, output_json_schema=schema, failure_error_function=None)
    answers = {"edit": edit(n=2), "respond": respond({"kg": 3}), "reject": reject("no")}
    desk.people(answers[decision])
    held = gated(tool, desk.gate(), allowed_decisions=("approve", "edit", "reject", "respond"))
    made: Agent[Any] = Agent(name="Bank", model=model(turn(("weigh", {"n": 1}))), tools=[held])
    if decision == "reject":
        with pytest.raises(UserError, match="Ada Okafor rejected this call of weigh: no"):
            await run(made)
        return
    assert json.loads(said(await run(made))[0]) == {"kg": 2 if decision == "edit" else 3}


async def slow() -> str:
    """Take a while."""
    await asyncio.Event().wait()
    return ""


async def test_time_limit_is_for_the_run_alone(desk: Desk) -> None:
    """People may take longer than the tool may; the tool may not, and its time-out is a failure on the card."""
    tool = function_tool(slow, timeout=0.3)
    desk.people(None)
    made: Agent[Any] = Agent(name="Bank", model=model(turn(("slow", {}))), tools=[gated(tool, desk.gate())])
    task = asyncio.create_task(run(made))
    [asked] = await asyncio.to_thread(desk.waiting)
    done, _ = await asyncio.wait([task], timeout=0.6)
    assert not done
    desk.decide(asked, approve)
    assert said(await task) == ["Tool 'slow' timed out after 0.3 seconds."]
    assert desk.requests()[0]["outcome"]["status"] == "failed"


async def test_cancelled_run(desk: Desk) -> None:
    """A time-out while people think runs nothing, and an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await run(gate_agent(agent(bank, pays(1)), desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_same_group_twice_at_once_runs_once(desk: Desk) -> None:
    """Two processes' worth of the same run: one runs the tool, the other is told since when it runs."""
    bank = Bank()
    desk.people(approve)
    two = [gate_agent(agent(bank, pays(1)), desk.gate()) for _ in range(2)]
    results = await asyncio.gather(*(run(made, desk.run) for made in two))
    assert bank.paid == ["p0 1"]
    assert sum("was started at" in said(result)[0] for result in results) == 1
    assert len(desk.requests()) == 1


async def test_runs_whose_models_count_their_calls_anew(desk: Desk) -> None:
    """Two runs of one agent at the same time, with the same ids: each runs what was decided about its own call."""
    bank = Bank()
    desk.people(by={"pay": lambda asked: edit(to="x")(asked) if asked["arguments"]["amount"] == 2 else approve})
    turns = [pays(1), pays(2), [assistant_message("done")], [assistant_message("done")]]
    made = gate_agent(Agent(name="Bank", model=ScriptedModel(turns), tools=[*bank.tools()]), desk.gate())
    await asyncio.gather(run(made), run(made))
    assert sorted(bank.paid) == ["p0 1", "x 2"]
    assert len(desk.requests()) == 2


async def test_agent_as_a_tool_called_twice_at_once(desk: Desk) -> None:
    """Two runs of it within one run, with the same ids: a card each, and each runs its own calls."""
    bank = Bank()
    desk.people(approve)
    last = [assistant_message("done")]
    helper: Agent[Any] = Agent(
        name="Bank", model=ScriptedModel([pays(1, 2), pays(3, 4), last, last]), tools=[*bank.tools()]
    )
    tool = gate_agent(helper, desk.gate()).as_tool("help", "Help.")
    calls = turn(("help", {"input": "x"}), ("help", {"input": "x"}), prefix="h")
    await run(Agent(name="First", model=model(calls), tools=[tool]))
    assert sorted(bank.paid) == ["p0 1", "p0 3", "p1 2", "p1 4"]
    cards: dict[str, list[float]] = {}
    for one in desk.requests():
        cards.setdefault(one["batch"]["id"], []).append(one["arguments"]["amount"])
    assert sorted(map(sorted, cards.values())) == [[1, 2], [3, 4]]


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process finds the same requests, runs what was approved, each once."""
    command = [sys.executable, openai_agents_agent.__file__, "block", str(tmp_path), desk.run]
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


@pytest.mark.parametrize("wrapped", [True, False])
async def test_agents_handed_off_to_are_held(desk: Desk, wrapped: bool) -> None:
    """Handing off asks nobody; the other agent's tools do, also those of what it hands back to."""
    bank = Bank()
    desk.people(reject("no"))
    payer = agent(bank, pays(1))
    payer.name = "Payer"
    first: Agent[Any] = Agent(
        name="First",
        model=model(turn(("transfer_to_payer", {}), prefix="h")),
        handoffs=[handoff(payer) if wrapped else payer],
    )
    payer.handoffs.append(first)
    result = await run(gate_agent(first, desk.gate()))
    assert "Ada Okafor rejected" in said(result)[-1]
    assert result.last_agent.name == "Payer"
    assert not bank.paid


async def test_clones_of_a_held_agent_are_held(desk: Desk) -> None:
    """The SDK clones agents, and so do programs; tools put in later wait as well."""
    bank = Bank()
    desk.people(reject("no"))
    made = gate_agent(agent(bank, pays(1)), desk.gate()).clone(instructions="Be quick.")
    made.tools = bank.tools()
    assert "Ada Okafor rejected" in said(await run(made))[0]
    assert not bank.paid


async def test_tools_of_mcp_servers_are_held(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the SDK makes of an MCP server's tools waits too."""
    bank = Bank()
    [pay, *_] = bank.tools()

    async def found(*_: object) -> Any:
        return [pay]

    monkeypatch.setattr(Agent, "get_mcp_tools", found)
    desk.people(reject("no"))
    made: Agent[Any] = Agent(name="Bank", model=model(pays(1)))
    assert "Ada Okafor rejected" in said(await run(gate_agent(made, desk.gate())))[0]
    assert not bank.paid


def test_hosted_tools_are_refused(desk: Desk) -> None:
    """What runs at the provider cannot wait; "all" says so, and by name it may be let through."""
    made: Agent[Any] = Agent(name="Bank", tools=[WebSearchTool()])
    with pytest.raises(TypeError, match="web_search: a WebSearchTool cannot wait for a person"):
        gate_agent(made, desk.gate())
    assert gate_agent(made, desk.gate(), {"web_search": None, "*": {}}).tools == made.tools


def test_agent_as_a_tool_must_be_held_itself(desk: Desk) -> None:
    """Approving that a helper is asked is no approval of what the helper does."""
    helper = agent(Bank())
    made: Agent[Any] = Agent(name="First", tools=[helper.as_tool("help", "Help.")])
    with pytest.raises(TypeError, match="nobody would be asked about the tools of the agent in it"):
        gate_agent(made, desk.gate())
    gate = desk.gate()
    made.tools = [gate_agent(helper, gate).as_tool("help", "Help.")]
    gate_agent(made, gate)


def test_names_that_no_tool_has_are_refused(desk: Desk) -> None:
    """Whoever misspells a name believes that it is held."""
    with pytest.raises(ValueError, match="there is no tool named pya; there are ask_user, fails, look, pay"):
        gate_agent(agent(Bank()), desk.gate(), ["pya"])
    with pytest.raises(ValueError, match="there is no tool named pya"):
        gate_tools(Bank().tools(), desk.gate(), {"pya": {}})
    with pytest.raises(TypeError, match="WebSearchTool is no function tool"):
        gate_tools([WebSearchTool()], desk.gate())  # type: ignore[list-item]
    with pytest.raises(TypeError, match="list of names"):
        gate_agent(agent(Bank()), desk.gate(), "pay")  # type: ignore[arg-type]


async def test_own_hooks_go_on(desk: Desk) -> None:
    """An agent's own hooks hear what they heard before."""
    from agents import AgentHooks

    heard: list[str] = []

    class Own(AgentHooks[Any]):
        async def on_llm_end(self, *_: Any) -> None:
            heard.append("llm")

        async def on_tool_start(self, *_: Any) -> None:
            heard.append("tool")

    desk.people(approve)
    await run(gate_agent(agent(Bank(), pays(1), hooks=Own()), desk.gate()))
    assert heard == ["llm", "tool", "llm"]
