"""Agent Framework's agents with the blocking middleware. The framework is async alone: `run` has no other form."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import agent_framework_agent
from agent_framework import SKIP_PARSING, AgentSession, Content, FunctionMiddleware, Message, tool
from agent_framework_agent import Bank, agent, pays, said

from signoff_agents.agent_framework import ApprovalMiddleware

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."


def session(desk: Desk) -> AgentSession:
    return AgentSession(session_id=desk.run)


async def test_approved_call_runs(desk: Desk) -> None:
    """An approved call runs with its arguments; the card had the tool's own description and schema."""
    bank = Bank()
    desk.people(approve)
    made = agent(bank, pays(3), middleware=[ApprovalMiddleware(desk.gate(), outcome=str)])
    assert said(await made.run("pay", session=session(desk))) == ["paid p0 3"]
    assert bank.paid == ["p0 3"]
    [asked] = desk.requests()
    assert (asked["tool"], asked["description"]) == ("pay", "Pay somebody.")
    assert (asked["run_id"], asked["tool_call_id"]) == (desk.run, "c0-0")
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"] | {"at": None} == {"status": "succeeded", "detail": "paid p0 3", "at": None}


async def test_streamed_run_waits_too(desk: Desk) -> None:
    """`run(stream=True)` is gated like `run`."""
    bank = Bank()
    desk.people(reject("no"))
    stream = agent(bank, pays(3), middleware=[ApprovalMiddleware(desk.gate())]).run("pay", stream=True)
    texts = [str(one.result) async for update in stream for one in update.contents if one.type == "function_result"]
    assert texts == ["Ada Okafor rejected this call of pay: no. Do not try this again."]
    assert not bank.paid


async def test_edit_runs_in_place_of_what_the_model_wrote(desk: Desk) -> None:
    """The tool gets the edited arguments, and the model reads behind the result what was changed, and by whom."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    made = agent(bank, pays(20), middleware=[ApprovalMiddleware(desk.gate())])
    note = "Ada Okafor changed the arguments of pay before it ran: amount is now 5. They said: cap is 5"
    assert said(await made.run("pay")) == [f"paid p0 5\n{note}"]
    assert bank.paid == ["p0 5"]


async def test_edit_is_read_by_the_tools_types(desk: Desk) -> None:
    """What people write as text arrives as the type that the function declares; so does what they left alone."""
    seen: list[object] = []

    @tool
    def book(day: date, until: date) -> str:
        """Book a room."""
        seen.extend([day, until])
        return "booked"

    desk.people(edit(until="2026-12-02"))
    arguments = {"day": "2026-11-30", "until": "2026-12-01"}
    made = agent(Bank(), [("book", arguments)], tools=[book], middleware=[ApprovalMiddleware(desk.gate())])
    await made.run("book")
    assert seen == [date(2026, 11, 30), date(2026, 12, 2)]


async def test_note_about_an_edit_of_a_tool_with_a_result_of_its_own(desk: Desk) -> None:
    """A tool that hands its result on as it is: the model reads it, and the note behind it."""

    @tool(result_parser=SKIP_PARSING)
    def pay(to: str, amount: float) -> dict[str, Any]:
        """Pay somebody."""
        return {"paid": amount}

    desk.people(edit(amount=5))
    made = agent(Bank(), pays(20), tools=[pay], middleware=[ApprovalMiddleware(desk.gate())])
    [text] = said(await made.run("pay"))
    assert text.startswith('{"paid": 5.0}\nAda Okafor changed the arguments of pay')


async def test_edit_that_does_not_fit_is_refused(desk: Desk) -> None:
    """At the door, by the tool's own schema."""
    bank = Bank()
    desk.people(None)
    made = agent(bank, pays(20), middleware=[ApprovalMiddleware(desk.gate())])
    task = asyncio.ensure_future(made.run("pay"))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    assert desk.decide(asked, edit(account="b"))[0] == 422
    assert desk.decide(asked, approve)[0] == 200
    assert said(await task) == ["paid p0 20"]


async def test_edit_that_only_the_tool_refuses_runs_nothing(desk: Desk) -> None:
    """A looser schema lets a value through that the tool does not take: it is not burnt, and the model reads so."""
    bank = Bank()
    desk.people(edit(amount="a lot"))
    tools: Any = {"pay": {"schema": {"type": "object"}}}
    made = agent(bank, pays(20), middleware=[ApprovalMiddleware(desk.gate(), tools)])
    assert said(await made.run("pay")) == ["pay was not run: the arguments that were approved do not fit it."]
    assert not bank.paid
    assert desk.requests()[0]["consumed_at"] is None


async def test_rejection_with_its_retry_word(desk: Desk) -> None:
    """The model reads who said no, why, and what it may do next."""
    bank = Bank()
    desk.people(reject("wrong account", "with_changes"))
    made = agent(bank, pays(20), middleware=[ApprovalMiddleware(desk.gate())])
    text = "Ada Okafor rejected this call of pay. You may try again with changes: wrong account"
    assert said(await made.run("pay")) == [text]
    assert not bank.paid


async def test_answer_is_the_result(desk: Desk) -> None:
    """A tool that people answer never runs."""
    desk.people(respond("the blue one"))
    tools: Any = {"ask_user": {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "string"}}}
    made = agent(Bank(), [("ask_user", {"question": "?"})], middleware=[ApprovalMiddleware(desk.gate(), tools)])
    assert said(await made.run("ask")) == ["the blue one"]


@pytest.mark.parametrize("kept", [True, False])
async def test_calls_of_a_turn_are_one_batch(desk: Desk, kept: bool) -> None:
    """Three calls, one card; each is decided by itself, and what is not asked about runs at once."""
    bank = Bank()
    turn = [*pays(1, 2), ("look", {"what": "sky"}), ("pay", {"to": "p2", "amount": 3})]
    answers = {1: approve, 2: reject("no"), 3: edit(amount=4)}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    made = agent(bank, turn, middleware=[ApprovalMiddleware(desk.gate(), ["pay"])])
    texts = said(await made.run("pay", session=session(desk) if kept else None))
    assert [text.split(".")[0].split("\n")[0] for text in texts] == [
        "paid p0 1",
        "Ada Okafor rejected this call of pay: no",
        "sky is blue",
        "paid p2 4",
    ]
    assert sorted(bank.paid) == ["look sky", "p0 1", "p2 4"]
    assert len(desk.requests()) == 3
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


async def test_runs_at_the_same_moment_are_not_one_batch(desk: Desk) -> None:
    """Calls of two runs of one agent are asked about apart."""
    bank = Bank()
    desk.people(approve)
    made = agent(bank, pays(1, 2), middleware=[ApprovalMiddleware(desk.gate())])
    await asyncio.gather(*(made.run("pay", session=AgentSession()) for _ in range(2)))
    assert sorted(bank.paid) == ["p0 1", "p0 1", "p1 2", "p1 2"]
    assert sorted(one["batch"]["size"] for one in desk.requests()) == [2, 2, 2, 2]
    assert len({one["batch"]["id"] for one in desk.requests()}) == 2


async def test_each_call_of_a_turn_runs_when_it_is_decided(desk: Desk) -> None:
    """One call of a batch runs while the other still waits."""
    bank = Bank()
    desk.people(None)
    made = agent(bank, pays(1, 2), middleware=[ApprovalMiddleware(desk.gate())])
    task = asyncio.ensure_future(made.run("pay", session=session(desk)))
    one, other = await asyncio.to_thread(desk.waiting, 2)
    desk.decide(one, approve)
    await asyncio.to_thread(eventually, lambda: bank.paid)
    assert not task.done()
    desk.decide(other, approve)
    await task
    assert sorted(bank.paid) == ["p0 1", "p1 2"]


async def test_calls_that_are_made_one_after_the_other(desk: Desk) -> None:
    """A client that is told to make them so asks about each in its time."""
    bank = Bank()
    desk.people(approve)
    made = agent(bank, pays(1, 2), middleware=[ApprovalMiddleware(desk.gate())])
    made.client.function_invocation_configuration["allow_concurrent_invocation"] = False  # type: ignore[attr-defined]
    assert said(await made.run("pay", session=session(desk))) == ["paid p0 1", "paid p1 2"]
    assert [one["batch"] for one in desk.requests()] == [None, None]


async def test_service_away(desk: Desk) -> None:
    """Nothing runs, and the model reads one fixed sentence."""
    bank = Bank()
    made = agent(bank, pays(1, 2), middleware=[ApprovalMiddleware(desk.away())])
    assert said(await made.run("pay", session=session(desk))) == [AWAY, AWAY]
    assert not bank.paid


class Failing(FunctionMiddleware):
    async def process(self, context: Any, call_next: Any) -> None:
        raise ConnectionError("secret text")


async def test_framework_alone_tells_nothing_when_a_hook_fails() -> None:
    """The framework's own behaviour: nothing runs, and the model does not read why."""
    bank = Bank()
    assert said(await agent(bank, pays(1), middleware=[Failing()]).run("pay")) == ["Error: Function failed."]
    assert not bank.paid


async def test_fault_in_our_own_hook_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: whatever is raised while the call is made out is a no, in the one sentence that says so."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("secret text")

    monkeypatch.setattr("signoff_agents.agent_framework.middleware.call_of", broken)
    bank = Bank()
    made = agent(bank, pays(1), middleware=[ApprovalMiddleware(desk.gate())])
    assert said(await made.run("pay")) == [AWAY]
    assert not bank.paid


async def test_tool_that_nobody_named_is_asked_about(desk: Desk) -> None:
    """`tools="all"` means every tool, also one that was handed to a single run."""

    @tool
    def format_disk(disk: int) -> str:
        """Format a disk."""
        raise AssertionError

    desk.people(reject("no such thing"))
    made = agent(Bank(), [("format_disk", {"disk": 1})], middleware=[ApprovalMiddleware(desk.gate())])
    assert "no such thing" in said(await made.run("format", tools=[format_disk]))[0]


async def test_arguments_that_do_not_fit_ask_nobody(desk: Desk) -> None:
    """The model is told what is wrong; no card is made."""
    bank = Bank()
    turn = [("pay", {"to": "a", "amount": "a lot"})]
    texts = said(await agent(bank, turn, middleware=[ApprovalMiddleware(desk.gate())]).run("pay"))
    assert texts[0].startswith("pay was not run, and nobody was asked: its arguments do not fit. amount: ")
    assert not desk.requests()
    assert not bank.paid


async def test_what_the_tool_converts_people_see_converted(desk: Desk) -> None:
    """A number that the model wrote as text is asked about as the number that will run."""
    bank = Bank()
    desk.people(approve)
    turn = [("pay", {"to": "a", "amount": "7"})]
    await agent(bank, turn, middleware=[ApprovalMiddleware(desk.gate())]).run("pay")
    assert desk.requests()[0]["arguments"] == {"to": "a", "amount": 7}
    assert bank.paid == ["a 7"]


async def test_failing_tool_is_reported(desk: Desk) -> None:
    """A tool that raises is a failure on the card; the model reads what it reads without the middleware."""
    desk.people(approve)
    made = agent(Bank(), [("fails", {"why": "no money"})], middleware=[ApprovalMiddleware(desk.gate())])
    assert said(await made.run("fail")) == ["Error: Function failed."]
    assert desk.requests()[0]["outcome"]["detail"] == "ValueError: no money"


async def test_cancelled_run(desk: Desk) -> None:
    """A time-out while people think runs nothing, and an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await agent(bank, pays(1), middleware=[ApprovalMiddleware(desk.gate())]).run("pay")
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_same_session_twice_at_once_runs_once(desk: Desk) -> None:
    """Two processes' worth of the same run: one runs the tool, the other is told since when it runs."""
    bank = Bank()
    desk.people(approve)
    two = [agent(bank, pays(1), middleware=[ApprovalMiddleware(desk.gate())]) for _ in range(2)]
    outs = await asyncio.gather(*(made.run("pay", session=session(desk)) for made in two))
    assert bank.paid == ["p0 1"]
    assert sum("was started at" in said(out)[0] for out in outs) == 1
    assert len(desk.requests()) == 1


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process finds the same requests, runs what was approved, each once."""
    command = [sys.executable, agent_framework_agent.__file__, "block", str(tmp_path), desk.run]
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


async def test_unlisted_tools_are_not_asked_about(desk: Desk) -> None:
    """Names, and names with fields, say which tools wait; a bare word is refused at once."""
    bank = Bank()
    tools: Any = {"look": None, "*": {"risk": "high", "reason": "because"}}
    desk.people(approve)
    turn = [("look", {"what": "sky"}), *pays(1)]
    await agent(bank, turn, middleware=[ApprovalMiddleware(desk.gate(), tools)]).run("pay")
    [asked] = desk.requests()
    assert (asked["tool"], asked["risk"], asked["reason"]) == ("pay", "high", "because")
    with pytest.raises(TypeError, match="list of names"):
        ApprovalMiddleware(desk.gate(), "pay")  # type: ignore[arg-type]


# ── tools that the framework has approved as well ────────────────────────────────────────────────


def yes(pausing: Any) -> Message:
    return Message(role="user", contents=[one.to_function_approval_response(True) for one in pausing])


async def test_framework_alone_has_changed_arguments_approved_again() -> None:
    """The framework's own behaviour: other arguments than its own approval was about are asked about anew."""

    class Changing(FunctionMiddleware):
        async def process(self, context: Any, call_next: Any) -> None:
            context.arguments = {**context.arguments, "amount": 5.0}
            await call_next()

    bank = Bank()
    made = agent(bank, pays(20), pausing=["pay"], middleware=[Changing()])
    kept = made.create_session()
    first = await made.run("pay", session=kept)
    second = await made.run(yes(first.user_input_requests), session=kept)
    assert not bank.paid
    assert [one.function_call.arguments["amount"] for one in second.user_input_requests] == [5]
    await made.run(yes(second.user_input_requests), session=kept)
    assert bank.paid == ["p0 5"]


async def test_what_the_framework_has_approved_is_not_edited(desk: Desk) -> None:
    """Ours: the card of it offers no edit, which would spend the approval on a call that is asked about again."""
    bank = Bank()
    desk.people(None)
    made = agent(bank, pays(20), pausing=["pay"], middleware=[ApprovalMiddleware(desk.gate())])
    kept = made.create_session()
    first = await made.run("pay", session=kept)
    task = asyncio.ensure_future(made.run(yes(first.user_input_requests), session=kept))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount=5))[0] == 422
    assert desk.decide(asked, approve)[0] == 200
    assert (await task).text == "done"
    assert bank.paid == ["p0 20"]


async def test_what_the_framework_has_approved_runs_as_it_is(desk: Desk) -> None:
    """An approval that changes nothing leaves the typed arguments alone: nothing is asked about anew."""
    seen: list[date] = []

    @tool(approval_mode="always_require")
    def book(day: date) -> str:
        """Book a room."""
        seen.append(day)
        return "booked"

    desk.people(approve)
    turn = [("book", {"day": "2026-11-30"})]
    made = agent(Bank(), turn, tools=[book], middleware=[ApprovalMiddleware(desk.gate())])
    kept = made.create_session()
    first = await made.run("book", session=kept)
    second = await made.run(yes(first.user_input_requests), session=kept)
    assert (second.text, seen) == ("done", [date(2026, 11, 30)])


async def test_framework_alone_ignores_an_edited_approval() -> None:
    """The framework's own behaviour: arguments rewritten in the answer to its own request are ignored."""
    bank = Bank()
    made = agent(bank, pays(20), pausing=["pay"])
    kept = made.create_session()
    [request] = (await made.run("pay", session=kept)).user_input_requests
    call = Content.from_function_call(
        call_id=request.function_call.call_id, id=request.id, name="pay", arguments={"to": "p0", "amount": 5}
    )
    answer = Content.from_function_approval_response(approved=True, id=request.id, function_call=call)
    await made.run(Message(role="user", contents=[answer]), session=kept)
    assert bank.paid == ["p0 20"]
