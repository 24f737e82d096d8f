"""ADK's agents with the plugin before their tools."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import google_adk_agent
from google.adk.agents import LlmAgent
from google.adk.errors import StaleSessionError
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.plugins.reflect_retry_tool_plugin import ReflectAndRetryToolPlugin
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.adk.tools import BaseTool, FunctionTool
from google.adk.tools.agent_tool import AgentTool
from google.genai import types
from google_adk_agent import USER, Bank, Run, Scripted, app, confirmed, pays, run

from signoff import Gate
from signoff_agents.google_adk import ApprovalPlugin, callbacks

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."
WITH_NOTE = "Ada Okafor changed the arguments of pay before it ran: amount is now 5. They said: cap is 5"


async def test_approved_call_runs(desk: Desk) -> None:
    """An approved call runs with its arguments; the card had the function's own description and types."""
    bank = Bank()
    desk.people(approve)
    plugin = ApprovalPlugin(desk.gate(), outcome=str)
    assert (await run(bank, pays(3), plugin, session=desk.run)).said == [{"result": "paid p0 3"}]
    assert bank.paid == ["p0 3"]
    [asked] = desk.requests()
    assert (asked["tool"], asked["description"]) == ("pay", "Pay somebody.")
    assert (asked["run_id"], asked["tool_call_id"]) == (desk.run, "c0-0")
    assert asked["schema"]["properties"]["amount"] == {"type": "number", "description": "In US dollars."}
    assert list(asked["schema"]["properties"]) == ["to", "amount"]
    assert asked["outcome"] | {"at": None} == {"status": "succeeded", "detail": "paid p0 3", "at": None}


def test_sync_entry_point_waits_too(desk: Desk) -> None:
    """`Runner.run` is gated like `run_async`."""
    bank = Bank()
    desk.people(reject("no"))
    made = Run(app(bank, [pays(3)], ApprovalPlugin(desk.gate())), desk.run)
    message = types.Content(role="user", parts=[types.Part(text="pay")])
    made.events = list(made.runner.run(user_id=USER, session_id=desk.run, new_message=message))
    assert made.said[0]["error"].startswith("Ada Okafor rejected")
    assert not bank.paid


async def test_edit_runs_in_place_of_what_the_model_wrote(desk: Desk) -> None:
    """The tool gets the edited arguments; the model, whose own call stays as it was, reads who changed what."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    out = await run(bank, pays(20), ApprovalPlugin(desk.gate()))
    assert bank.paid == ["p0 5"]
    assert out.said == [{"result": "paid p0 5", "note": WITH_NOTE}]
    last = out.app.root_agent.model.seen[-1]  # type: ignore[union-attr]
    parts = [part for content in last for part in content.parts]
    assert [part.function_call.args["amount"] for part in parts if part.function_call] == [20]
    assert [part.function_response.response for part in parts if part.function_response] == out.said


async def test_edit_leaves_the_agents_own_callback_its_result(desk: Desk) -> None:
    """What an agent does with results, such as taking something out, it does with those of edited calls too."""
    desk.people(edit("cap is 5", amount=5))

    def after(tool: Any, args: Any, tool_context: Any, tool_response: Any) -> Any:
        return {"result": tool_response.replace("paid", "gave")}

    out = await run(Bank(), pays(20), ApprovalPlugin(desk.gate()), after_tool_callback=after)
    assert out.said == [{"result": "gave p0 5", "note": WITH_NOTE}]


async def test_edit_that_does_not_fit_is_refused(desk: Desk) -> None:
    """At the door, by the function's own types."""
    bank = Bank()
    desk.people(None)
    task = asyncio.create_task(run(bank, pays(20), ApprovalPlugin(desk.gate())))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    assert desk.decide(asked, approve)[0] == 200
    assert (await task).said == [{"result": "paid p0 20"}]


async def test_edit_that_only_the_tool_refuses_runs_nothing(desk: Desk) -> None:
    """A looser schema lets a value through that the tool does not take: it is not burnt, and the model reads so."""
    bank = Bank()
    desk.people(edit(amount="a lot"))
    tools: Any = {"pay": {"schema": {"type": "object"}}}
    out = await run(bank, pays(20), ApprovalPlugin(desk.gate(), tools))
    assert out.said == [{"error": "pay was not run: the arguments that were approved do not fit it."}]
    assert not bank.paid
    assert desk.requests()[0]["consumed_at"] is None


async def test_rejection_with_its_retry_word(desk: Desk) -> None:
    """The model reads who said no, why, and what it may do next, as an error."""
    bank = Bank()
    desk.people(reject("wrong account", "with_changes"))
    out = await run(bank, pays(20), ApprovalPlugin(desk.gate()))
    assert out.said == [
        {"error": "Ada Okafor rejected this call of pay. You may try again with changes: wrong account"}
    ]
    assert not bank.paid


@pytest.mark.parametrize("answer", ["the blue one", {"colour": "blue"}])
async def test_answer_is_the_result(desk: Desk, answer: Any) -> None:
    """A tool that people answer never runs."""
    desk.people(respond(answer))
    tools: Any = {"ask_user": {"allowed_decisions": ("respond", "reject"), "response_schema": {}}}
    out = await run(Bank(), [("ask_user", {"question": "?"})], ApprovalPlugin(desk.gate(), tools))
    assert out.said == [answer if isinstance(answer, dict) else {"result": answer}]


async def test_calls_of_a_turn_are_one_batch(desk: Desk) -> None:
    """Three calls, one card; each is decided by itself, and what is not asked about runs at once."""
    bank = Bank()
    turn = [*pays(1, 2), ("look", {"what": "sky"}), ("pay", {"to": "p2", "amount": 3})]
    answers = {1: approve, 2: reject("no"), 3: edit(amount=4)}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    out = await run(bank, turn, ApprovalPlugin(desk.gate(), ["pay"]), session=desk.run)
    assert out.said[0] == {"result": "paid p0 1"}
    assert out.said[1]["error"].startswith("Ada Okafor rejected this call of pay: no")
    assert out.said[2] == {"colour": "blue"}
    assert out.said[3]["result"] == "paid p2 4"
    assert sorted(bank.paid) == ["look sky", "p0 1", "p2 4"]
    assert len(desk.requests()) == 3
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1
    assert {one["description"] for one in desk.requests()} == {"Pay somebody."}


async def test_each_call_of_a_turn_runs_when_it_is_decided(desk: Desk) -> None:
    """One call of a batch runs while the other still waits."""
    bank = Bank()
    desk.people(None)
    task = asyncio.create_task(run(bank, pays(1, 2), ApprovalPlugin(desk.gate()), session=desk.run))
    one, other = await asyncio.to_thread(desk.waiting, 2)
    desk.decide(one, approve)
    await asyncio.to_thread(eventually, lambda: bank.paid)
    assert not task.done()
    desk.decide(other, approve)
    await task
    assert sorted(bank.paid) == ["p0 1", "p1 2"]


async def test_service_away(desk: Desk) -> None:
    """Nothing runs, and the model reads one fixed sentence."""
    bank = Bank()
    out = await run(bank, pays(1, 2), ApprovalPlugin(desk.away()))
    assert out.said == [{"error": AWAY}, {"error": AWAY}]
    assert not bank.paid


async def test_adk_alone_ends_the_run_when_a_hook_fails() -> None:
    """The framework's own behaviour: nothing runs, and the whole run ends with the hook's error."""

    class Hook(BasePlugin):
        async def before_tool_callback(self, **_: Any) -> Any:
            raise ConnectionError("secret text")

    bank = Bank()
    with pytest.raises(RuntimeError, match="secret text"):
        await run(bank, pays(1), Hook("hook"))
    assert not bank.paid


@pytest.mark.parametrize("part", ["call_of", "_confirm"])
async def test_fault_in_our_own_hook_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Ours: whatever is raised, before asking or after the approval, is a no; the model reads nothing of it."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("secret text")

    monkeypatch.setattr(f"signoff_agents.google_adk.plugin.{part}", broken)
    bank = Bank()
    desk.people(approve)
    assert (await run(bank, pays(1), ApprovalPlugin(desk.gate()))).said == [{"error": AWAY}]
    assert not bank.paid


async def test_tool_that_nobody_named_is_asked_about(desk: Desk) -> None:
    """`tools="all"` means every call, also one of a tool that the agent does not have."""
    desk.people(reject("no such thing"))
    out = await run(Bank(), [("format_disk", {"disk": 1})], ApprovalPlugin(desk.gate()))
    assert "no such thing" in out.said[0]["error"]
    assert desk.requests()[0]["tool"] == "format_disk"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"to": "lena", "amount": "a lot"}, "amount: "),
        ({"to": "lena"}, "amount: "),
        ({"to": "lena", "amount": 1, "x": 1}, "x: "),
    ],
)
async def test_arguments_that_do_not_fit_ask_nobody(desk: Desk, arguments: Any, fault: str) -> None:
    """The model is told what is wrong; no card is made."""
    bank = Bank()
    out = await run(bank, [("pay", arguments)], ApprovalPlugin(desk.gate()))
    begin = f"pay was not run, and nobody was asked: its arguments do not fit. {fault}"
    assert out.said[0]["error"].startswith(begin)
    assert not desk.requests()
    assert not bank.paid


class Held(BasePlugin):
    """Holds reports back until ADK comes to the model's next turn, or to the run's end. Stands before ours."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("held")
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        told = Gate.report

        async def report(gate: Gate, *said: Any) -> bool:
            self.begun.set()
            await self.go.wait()
            return await told(gate, *said)

        monkeypatch.setattr(Gate, "report", report)

    async def before_model_callback(self, **_: Any) -> None:
        if self.begun.is_set():
            self.go.set()

    async def after_run_callback(self, **_: Any) -> None:
        self.go.set()


async def test_outcome_is_on_record_before_the_model_reads_the_result(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told while ADK goes on, and there before the next turn."""
    known: list[Any] = []

    class Looking(Scripted):
        async def generate_content_async(self, llm_request: Any, stream: bool = False) -> Any:
            known.append([one["outcome"] for one in desk.requests()])
            async for said in super().generate_content_async(llm_request, stream):
                yield said

    desk.people(approve)
    made = app(Bank(), [pays(1)], Held(monkeypatch), ApprovalPlugin(desk.gate()))
    made.root_agent.model = Looking(turns=[pays(1, 2)])
    await Run(made, desk.run).say()
    assert known[0] == []
    assert [one["status"] for one in known[1]] == ["succeeded", "succeeded"]


async def test_outcome_is_on_record_when_the_events_are_left_early(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has seen the tool's result may go; the run's end waits for the report."""
    desk.people(approve)
    one = Run(app(Bank(), [pays(1)], Held(monkeypatch), ApprovalPlugin(desk.gate())), desk.run)
    message = types.Content(role="user", parts=[types.Part(text="pay")])
    async with aclosing(one.runner.run_async(user_id=USER, session_id=desk.run, new_message=message)) as events:
        async for event in events:
            if event.get_function_responses():
                break
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


def test_outcome_is_on_record_when_the_event_loop_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that ends while a report is under way tells it with its last breath."""
    desk.people(approve)

    async def main() -> None:
        held = Held(monkeypatch)
        running = asyncio.create_task(run(Bank(), pays(1), held, ApprovalPlugin(desk.gate()), session=desk.run))
        await held.begun.wait()
        assert not running.done()
        # From here all that runs is cancelled, and the first try with it.
        monkeypatch.undo()

    asyncio.run(main())
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


async def test_failing_tool_is_reported(desk: Desk) -> None:
    """A tool that raises is a failure on the card, and ends the run as it does without the plugin."""
    desk.people(approve)
    with pytest.raises(ValueError, match="no money"):
        await run(Bank(), [("fails", {"why": "no money"})], ApprovalPlugin(desk.gate()))
    assert desk.requests()[0]["outcome"]["detail"] == "ValueError: no money"


@pytest.mark.parametrize("asked", [True, False])
async def test_a_run_that_fails_leaves_nothing_behind(desk: Desk, asked: bool) -> None:
    """The plugin lasts as long as its program and keeps no call of a run that is over, asked about or not."""
    desk.people(approve)
    plugin = ApprovalPlugin(desk.gate(), {"fails": {} if asked else None})
    with pytest.raises(ValueError, match="no money"):
        await run(Bank(), [("fails", {"why": "no money"})], plugin)
    assert not [kept for kept in vars(plugin).values() if isinstance(kept, dict) and kept]


async def test_error_that_another_plugin_answers_is_reported(desk: Desk) -> None:
    """ADK's own plugin for retries turns an error into advice; people still read what went wrong."""
    desk.people(approve)
    plugins = (ReflectAndRetryToolPlugin(), ApprovalPlugin(desk.gate()))
    await run(Bank(), [("fails", {"why": "no money"})], *plugins)
    outcome = desk.requests()[0]["outcome"]
    assert (outcome["status"], outcome["detail"]) == ("failed", "ValueError: no money")


async def test_result_that_another_plugin_changes_is_reported(desk: Desk) -> None:
    """ADK asks no further plugin then; the outcome is told all the same, and the model of the edit."""

    class Changing(BasePlugin):
        async def after_tool_callback(self, **_: Any) -> Any:
            return {"changed": True}

    bank = Bank()
    desk.people(edit(amount=5, message="cap is 5"))
    out = await run(bank, pays(30), Changing("changing"), ApprovalPlugin(desk.gate()))
    assert bank.paid == ["p0 5"]
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"
    assert out.said == [{"changed": True, "note": WITH_NOTE}]


async def test_error_as_a_result_is_reported(desk: Desk) -> None:
    """ADK's tools return what went wrong under `error`: that is a failure too."""

    def pay(to: str) -> dict[str, str]:
        """Pay somebody."""
        return {"error": f"no account of {to}"}

    desk.people(approve)
    await run(Bank(), [("pay", {"to": "a"})], ApprovalPlugin(desk.gate()), tools=[pay])
    outcome = desk.requests()[0]["outcome"]
    assert (outcome["status"], outcome["detail"]) == ("failed", "no account of a")


async def test_cancelled_run(desk: Desk) -> None:
    """A time-out while people think runs nothing, and an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await run(bank, pays(1), ApprovalPlugin(desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_cancelled_while_the_tool_runs_is_reported(desk: Desk) -> None:
    """The card says that the run was cancelled."""
    started = asyncio.Event()

    async def pay(to: str) -> str:
        """Pay somebody."""
        started.set()
        await asyncio.Event().wait()
        return to

    desk.people(approve)
    task = asyncio.create_task(run(Bank(), [("pay", {"to": "a"})], ApprovalPlugin(desk.gate()), tools=[pay]))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.requests()[0]["outcome"]["detail"] == "The run was cancelled."


async def test_unlisted_tools_are_not_asked_about(desk: Desk) -> None:
    """Names, and names with fields, say which tools wait; a bare word is refused at once."""
    bank = Bank()
    tools: Any = {"look": None, "*": {"risk": "high", "reason": "because"}}
    desk.people(approve)
    await run(bank, [("look", {"what": "sky"}), *pays(1)], ApprovalPlugin(desk.gate(), tools))
    [asked] = desk.requests()
    assert (asked["tool"], asked["risk"], asked["reason"]) == ("pay", "high", "because")
    with pytest.raises(TypeError, match="list of names"):
        ApprovalPlugin(desk.gate(), "pay")  # type: ignore[arg-type]


async def test_tools_of_an_agent_that_is_a_tool(desk: Desk) -> None:
    """The plugin stands before the tools of inner agents as well."""
    bank = Bank()
    inner = LlmAgent(
        name="clerk",
        description="Pays.",
        model=Scripted(turns=[pays(1)]),
        tools=[bank.tools()[0]],
    )
    desk.people(reject("no"))
    tools: Any = {"clerk": None, "*": {}}
    out = await run(bank, [("clerk", {"request": "pay"})], ApprovalPlugin(desk.gate(), tools), tools=[AgentTool(inner)])
    assert [one["tool"] for one in desk.requests()] == ["pay"]
    assert not bank.paid
    assert out.said == [{"result": "done"}]


class Lamp(BaseTool):
    """A tool that declares its parameters in Gemini's own form."""

    def __init__(self) -> None:
        super().__init__(name="lamp", description="Light it.")
        self.lit: list[Any] = []

    def _get_declaration(self) -> types.FunctionDeclaration:
        colour = types.Schema(type=types.Type.STRING, enum=["red", "blue"])
        level = types.Schema(type=types.Type.INTEGER, nullable=True, maximum=10)
        parameters = types.Schema(
            type=types.Type.OBJECT, properties={"colour": colour, "level": level}, required=["colour"]
        )
        return types.FunctionDeclaration(name=self.name, description=self.description, parameters=parameters)

    async def run_async(self, *, args: dict[str, Any], tool_context: Any) -> Any:
        self.lit.append(dict(args))
        return "lit"


async def test_parameters_in_geminis_own_form(desk: Desk) -> None:
    """They are the card's form, and hold edits to them."""
    lamp = Lamp()
    desk.people(None)
    turn = [("lamp", {"colour": "red"})]
    task = asyncio.create_task(run(Bank(), turn, ApprovalPlugin(desk.gate()), tools=[lamp]))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert asked["schema"]["properties"]["colour"] == {"type": "string", "enum": ["red", "blue"]}
    assert desk.decide(asked, edit(colour="green"))[0] == 422
    assert desk.decide(asked, edit(colour="blue"))[0] == 200
    assert (await task).said[0]["result"] == "lit"
    assert lamp.lit == [{"colour": "blue"}]


# ── exactly once ─────────────────────────────────────────────────────────────────────────────────


def payer(bank: Bank) -> FunctionTool:
    """The tool that pays, as ADK asks for confirmations by itself."""
    return FunctionTool(bank.tools()[0], require_confirmation=True)


async def at_once(made: list[Any]) -> list[Any]:
    return await asyncio.gather(*made, return_exceptions=True)


async def test_adk_alone_runs_twice(tmp_path: Path) -> None:
    """The framework's own behaviour: confirmed again while it runs, it runs twice; one learns of it afterwards."""
    ran: list[str] = []
    first, second = asyncio.Event(), asyncio.Event()

    async def pay(to: str, amount: float) -> str:
        """Pay somebody."""
        ran.append(to)
        (second if first.is_set() else first).set()
        await second.wait()
        return "paid"

    def begun() -> Run:
        made = app(Bank(), [pays(1)], tools=[FunctionTool(pay, require_confirmation=True)])
        return Run(made, "s", SqliteSessionService(str(tmp_path / "sessions.db")))

    [asked] = (await begun().say()).confirmations()
    one = asyncio.create_task(begun().say(confirmed(asked.id)))
    await first.wait()
    ends = await at_once([one, begun().say(confirmed(asked.id))])
    assert ran == ["p0", "p0"]
    assert isinstance(ends[0], StaleSessionError)


async def test_confirmed_twice_runs_once(desk: Desk, tmp_path: Path) -> None:
    """Ours: a pause of ADK's own, gone on with twice at once with the plugin in place, runs the tool once."""
    bank, file = Bank(), str(tmp_path / "sessions.db")
    first = await Run(app(bank, [pays(1)], tools=[payer(bank)]), desk.run, SqliteSessionService(file)).say()
    [asked] = first.confirmations()
    desk.people(approve)
    made = [app(bank, [pays(1)], ApprovalPlugin(desk.gate()), tools=[payer(bank)]) for _ in range(2)]
    await at_once([Run(each, desk.run, SqliteSessionService(file)).say(confirmed(asked.id)) for each in made])
    assert bank.paid == ["p0 1"]
    assert len(desk.requests()) == 1


async def test_same_session_twice_at_once_runs_once(desk: Desk) -> None:
    """Two processes' worth of the same run: one runs the tool, the other is told since when it runs."""
    bank = Bank()
    desk.people(approve)
    outs = await asyncio.gather(*(run(bank, pays(1), ApprovalPlugin(desk.gate()), session=desk.run) for _ in range(2)))
    assert bank.paid == ["p0 1"]
    assert sum("was started at" in str(out.said[0]) for out in outs) == 1
    assert len(desk.requests()) == 1


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process finds the same requests, runs what was approved, each once."""
    command = [sys.executable, google_adk_agent.__file__, str(tmp_path), desk.run]
    first = subprocess.Popen(command, env=desk.environ)
    asked = desk.waiting(2)
    first.kill()
    first.wait()
    for one in asked:
        assert desk.decide(one, approve)[0] == 200
    done = subprocess.run(command, env=desk.environ, capture_output=True, text=True, timeout=50)
    assert json.loads(done.stdout) == [{"result": "paid p0 1"}, {"result": "paid p1 2"}], done.stderr
    assert sorted((tmp_path / "paid").read_text().splitlines()) == ["p0 1", "p1 2"]
    assert len(desk.requests()) == 2


def hanging(bank: Bank, both: asyncio.Event) -> list[Any]:
    """A tool that pays, and does not come back when it is called for the first time."""

    async def pay(to: str, amount: float) -> str:
        """Pay somebody."""
        bank.note(f"{to} {amount:g}")
        if len(bank.paid) == 2:
            both.set()
        if len(bank.paid) <= 2:
            await asyncio.Event().wait()
        return "paid"

    return [pay]


async def broken_off(made: Run, both: asyncio.Event) -> None:
    """Cancelled while its tools run, and then taken up again."""
    task = asyncio.create_task(made.say())
    await both.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await made.say(invocation_id=await made.invocation())


async def test_adk_alone_runs_broken_off_calls_again() -> None:
    """The framework's own behaviour: a run that was broken off inside its tools runs them again when it is taken up."""
    bank, both = Bank(), asyncio.Event()
    await broken_off(Run(app(bank, [pays(1, 2)], tools=hanging(bank, both)), "s"), both)
    assert sorted(bank.paid) == ["p0 1", "p0 1", "p1 2", "p1 2"]


async def test_broken_off_calls_do_not_run_again(desk: Desk) -> None:
    """Ours: their approvals are burnt, so the model reads since when they were started, and how they ended."""
    bank, both = Bank(), asyncio.Event()
    desk.people(approve)
    made = Run(app(bank, [pays(1, 2)], ApprovalPlugin(desk.gate()), tools=hanging(bank, both)), desk.run)
    await broken_off(made, both)
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert len(made.said) == 2
    for said in made.said:
        assert "and failed (The run was cancelled.), so it was not run again" in said["error"]
    assert len(desk.requests()) == 2


# ── ADK's own confirmations ──────────────────────────────────────────────────────────────────────


async def test_adk_alone_ignores_edits_and_reasons() -> None:
    """The framework's own behaviour: what a person put in place of the arguments is ignored, and so is why they said
    no.
    """
    bank = Bank()
    made = [await Run(app(bank, [pays(20)], tools=[payer(bank)]), name).say() for name in ("yes", "no")]
    asked = [each.confirmations()[0] for each in made]
    await made[0].say(confirmed(asked[0].id, {"to": "p0", "amount": 5}))
    await made[1].say(confirmed(asked[1].id, "wrong account", yes=False))
    assert bank.paid == ["p0 20"]
    assert made[1].said == [{"error": "This tool call is rejected."}]


async def test_approval_is_the_confirmation(desk: Desk) -> None:
    """Ours: a tool that would pause for a confirmation runs at once, with what the person made of the arguments."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    out = await run(bank, pays(20), ApprovalPlugin(desk.gate()), tools=[payer(bank)])
    assert out.confirmations() == []
    assert bank.paid == ["p0 5"]
    assert out.said == [{"result": "paid p0 5", "note": WITH_NOTE}]


async def test_rejection_of_a_tool_that_wants_a_confirmation(desk: Desk) -> None:
    """The model reads the person's own words."""
    bank = Bank()
    desk.people(reject("wrong account"))
    out = await run(bank, pays(20), ApprovalPlugin(desk.gate()), tools=[payer(bank)])
    assert out.said[0]["error"].startswith("Ada Okafor rejected this call of pay: wrong account.")
    assert not bank.paid


# ── one agent's callbacks ────────────────────────────────────────────────────────────────────────


async def test_callbacks_of_one_agent(desk: Desk) -> None:
    """The same without a plugin: asked, edited, noted, reported."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    out = await run(bank, pays(20), **callbacks(desk.gate(), ["pay"]))
    assert bank.paid == ["p0 5"]
    assert out.said == [{"result": "paid p0 5", "note": WITH_NOTE}]
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


async def test_callbacks_report_what_fails(desk: Desk) -> None:
    """What a tool raises is on the card."""
    desk.people(approve)
    with pytest.raises(ValueError, match="no money"):
        await run(Bank(), [("fails", {"why": "no money"})], **callbacks(desk.gate()))
    assert desk.requests()[0]["outcome"]["detail"] == "ValueError: no money"


async def test_callbacks_with_the_service_away(desk: Desk) -> None:
    """Nothing runs, and the model reads one fixed sentence."""
    bank = Bank()
    assert (await run(bank, pays(1), **callbacks(desk.away()))).said == [{"error": AWAY}]
    assert not bank.paid
