"""The capability: calls that wait where they are about to run, all of a turn together."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject, respond
from pydantic import BaseModel, Field, SecretStr
from pydantic_ai import Agent, ToolReturn
from pydantic_ai.capabilities import HandleDeferredToolCalls
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, RunContext

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import pydantic_ai_agent
from pydantic_ai_agent import Bank, agent, model, pays, results, said, turn

from signoff_agents.pydantic_ai import approvals

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."


class Order(BaseModel):
    """It says not all of itself when it is written."""

    to: str
    amount: int = Field(5, exclude=True)


@pytest.mark.parametrize("needs", [True, False])
async def test_approved_call_runs(desk: Desk, needs: bool) -> None:
    """Whether the tool asks for approval itself or not: people see its words and schema, and that it succeeded."""
    bank = Bank()
    desk.people(approve)
    result = await agent(bank, pays(20), needs=needs, capabilities=[approvals(desk.gate(), outcome=str)]).run("pay")
    assert (said(result), result.output) == (["paid p0 20"], "done")
    [asked] = desk.requests()
    assert asked["description"].startswith("<summary>Pay somebody.") or asked["description"] == "Pay somebody."
    assert asked["schema"]["properties"]["amount"]["description"] == "In dollars."
    assert (asked["outcome"]["status"], asked["outcome"]["detail"]) == ("succeeded", "paid p0 20")
    assert asked["run_id"] == result.conversation_id


@pytest.mark.parametrize("needs", [True, False])
async def test_edit_is_told_to_the_model(desk: Desk, needs: bool) -> None:
    """The edited arguments run, and the result says who changed what."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    result = await agent(bank, pays(20), needs=needs, capabilities=[approvals(desk.gate())]).run("pay")
    assert bank.paid == ["p0 5"]
    assert said(result) == [
        "paid p0 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5. They said: cap is 5"
    ]


async def test_edit_is_told_beside_a_result_that_is_no_text(desk: Desk) -> None:
    """A list stays a list; the model is told in a message of its own, as where the tool says something itself."""
    desk.people(edit(what="b"))

    def both(what: str) -> ToolReturn[list[str]]:
        return ToolReturn(return_value=[what], content="by hand")

    made = agent(Bank(), turn(("count", {"what": "a"}), ("both", {"what": "a"})), capabilities=[approvals(desk.gate())])
    made.tool_plain(both)
    result = await made.run("count")
    assert said(result) == [["b"], ["b"]]
    told = [part.content for one in result.all_messages() for part in one.parts if isinstance(part, UserPromptPart)]
    assert told[1:] == [
        'Ada Okafor changed the arguments of count before it ran: what is now "b".',
        'by hand\n\nAda Okafor changed the arguments of both before it ran: what is now "b".',
    ]


async def test_edit_that_does_not_fit_is_refused(desk: Desk) -> None:
    """At the door, by the tool's own schema."""
    bank = Bank()
    desk.people(None)
    task = asyncio.create_task(agent(bank, pays(20), capabilities=[approvals(desk.gate())]).run("pay"))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    assert desk.decide(asked, approve)[0] == 200
    assert said(await task) == ["paid p0 20"]


async def test_edit_that_only_the_tool_refuses_runs_nothing(desk: Desk) -> None:
    """A looser schema lets a value through that the tool does not take: it is not burnt, and the model reads so."""
    bank = Bank()
    desk.people(edit(amount="a lot"))
    tools: Any = {"pay": {"schema": {"type": "object"}}}
    result = await agent(bank, pays(20), capabilities=[approvals(desk.gate(), tools)]).run("pay")
    assert said(result) == ["pay was not run: the arguments that were approved do not fit it."]
    assert not bank.paid
    assert desk.requests()[0]["consumed_at"] is None


async def test_rejection_with_its_retry_word(desk: Desk) -> None:
    """The model reads who said no, why, and what it may do next, as a denial."""
    bank = Bank()
    desk.people(reject("wrong account", "with_changes"))
    result = await agent(bank, pays(20), capabilities=[approvals(desk.gate())]).run("pay")
    [part] = results(result)
    assert part.content == "Ada Okafor rejected this call of pay. You may try again with changes: wrong account"
    assert part.outcome == "denied"
    assert not bank.paid


async def test_answer_in_place_of_an_approval(desk: Desk) -> None:
    """The model reads what a person answered, and the tool does not run."""
    bank = Bank()
    desk.people(respond("paid by hand"))
    tools: Any = {"pay": {"allowed_decisions": ("approve", "respond", "reject")}}
    result = await agent(bank, pays(20), capabilities=[approvals(desk.gate(), tools)]).run("pay")
    assert said(result) == ["paid by hand"]
    assert not bank.paid


async def test_external_call_is_answered(desk: Desk) -> None:
    """What runs elsewhere, or is a question, has a person's answer as its result; only that is offered."""
    desk.people(respond("blue"))
    made = agent(Bank(), turn(("ask_user", {"question": "?"})), capabilities=[approvals(desk.gate(), None)])
    [part] = results(await made.run("ask"))
    assert (part.content, part.outcome) == ("blue", "success")
    assert sorted(desk.requests()[0]["allowed_decisions"]) == ["reject", "respond"]


async def test_question_by_its_response_schema(desk: Desk) -> None:
    """A tool that is named with one is answered, and does not run; people are offered nothing else."""
    desk.people(respond("blue"))
    tools: Any = {"ask_user": {"response_schema": {"type": "string"}}, "*": {}}
    made = agent(Bank(), turn(("ask_user", {"question": "?"})), capabilities=[approvals(desk.gate(), tools)])
    assert said(await made.run("ask")) == ["blue"]
    assert sorted(desk.requests()[0]["allowed_decisions"]) == ["reject", "respond"]


async def test_external_call_is_rejected(desk: Desk) -> None:
    """A refused question is a failure with the refusal's text."""
    desk.people(reject("not now", "ask"))
    made = agent(Bank(), turn(("ask_user", {"question": "?"})), capabilities=[approvals(desk.gate(), None)])
    [part] = results(await made.run("ask"))
    assert part.content == "Ada Okafor rejected this call of ask_user: not now. You may ask again later."
    assert part.outcome == "failed"


async def test_calls_of_a_turn_are_one_batch(desk: Desk) -> None:
    """Three calls, one card; each is decided by itself, and what is not asked about runs."""
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
    result = await agent(bank, calls, capabilities=[approvals(desk.gate(), ["pay"], title="Three")]).run("pay")
    assert [text.split(".")[0].split("\n")[0] for text in said(result)] == [
        "paid a 1",
        "sky is blue",
        "Ada Okafor rejected this call of pay: no",
        "paid c 4",
    ]
    assert sorted(bank.paid) == ["a 1", "c 4", "look sky"]
    assert len(desk.requests()) == 3
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


def test_without_async(desk: Desk) -> None:
    """`run_sync` waits like `run`."""
    bank = Bank()
    desk.people(edit(amount=3))
    agent(bank, pays(1, 2), capabilities=[approvals(desk.gate())]).run_sync("pay")
    assert sorted(bank.paid) == ["p0 3", "p1 3"]


async def test_service_away(desk: Desk) -> None:
    """Nothing runs, and the model reads one fixed sentence."""
    bank = Bank()
    result = await agent(bank, pays(1, 2), capabilities=[approvals(desk.away())]).run("pay")
    assert said(result) == [AWAY, AWAY]
    assert not bank.paid


async def test_framework_alone_aborts_the_run_with_the_error() -> None:
    """Pydantic AI's own behaviour: a handler whose client raises ends the whole run."""

    async def handler(ctx: RunContext[None], requests: DeferredToolRequests) -> DeferredToolResults:
        raise ConnectionError("secret text")

    bank = Bank()
    with pytest.raises(ConnectionError):
        await agent(bank, pays(1), needs=True, capabilities=[HandleDeferredToolCalls(handler=handler)]).run("pay")
    assert not bank.paid


@pytest.mark.parametrize("place", ["deferred.call_of", "capability._known_in"])
async def test_fault_in_our_own_hook_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Whatever is raised while the call is made out is a no; the run goes on, and the model reads nothing of it."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("secret text")

    monkeypatch.setattr(f"signoff_agents.pydantic_ai.{place}", broken)
    bank = Bank()
    result = await agent(bank, pays(1), capabilities=[approvals(desk.gate())]).run("pay")
    assert (said(result), result.output) == ([AWAY], "done")
    assert not bank.paid


async def test_what_the_tool_converts_people_see_converted(desk: Desk) -> None:
    """A number that the model wrote as text is asked about as the number that will run."""
    bank = Bank()
    desk.people(approve)
    message = ModelResponse([ToolCallPart("pay", '{"to": "a", "amount": "7"}', tool_call_id="c1")])
    await agent(bank, message, capabilities=[approvals(desk.gate())]).run("pay")
    assert desk.requests()[0]["arguments"] == {"to": "a", "amount": 7}
    assert bank.paid == ["a 7"]


async def test_people_see_what_a_model_of_the_tool_leaves_out(desk: Desk) -> None:
    """A field that is left out of what is written is asked about as the language model wrote it."""
    seen: list[int] = []

    def order(order: Order, note: str) -> str:
        """Order it."""
        seen.append(order.amount)
        return "ok"

    desk.people(approve)
    call = turn(("order", {"order": {"to": "a", "amount": 999}, "note": "n"}))
    await Agent(model(call), tools=[order], capabilities=[approvals(desk.gate())]).run("order")
    assert desk.requests()[0]["arguments"] == {"order": {"to": "a", "amount": 999}, "note": "n"}
    assert seen == [999]


async def test_secret_outlives_an_edit(desk: Desk) -> None:
    """A secret is written as asterisks; these are not what runs when people change something else."""
    seen: list[str] = []

    def login(user: str, password: SecretStr) -> str:
        """Log in."""
        seen.append(f"{user} {password.get_secret_value()}")
        return "ok"

    desk.people(edit(user="b"))
    call = turn(("login", {"user": "a", "password": "hunter2"}))
    await Agent(model(call), tools=[login], capabilities=[approvals(desk.gate())]).run("log in")
    assert seen == ["b hunter2"]


async def test_arguments_that_do_not_fit_ask_nobody(desk: Desk) -> None:
    """Pydantic AI tells the model; no card is made."""
    bank = Bank()
    made = agent(bank, turn(("pay", {"to": "a", "amount": "a lot"})), capabilities=[approvals(desk.gate())])
    await made.run("pay")
    assert not desk.requests()
    assert not bank.paid


async def test_failing_tool_is_reported(desk: Desk) -> None:
    """A tool that raises is a failure on the card."""
    desk.people(approve)
    made = agent(Bank(), turn(("fails", {"why": "no money"})), capabilities=[approvals(desk.gate())])
    with pytest.raises(ValueError, match="no money"):
        await made.run("fail")
    assert desk.requests()[0]["outcome"]["detail"] == "ValueError: no money"


async def test_cancelled_run(desk: Desk) -> None:
    """A time-out while people think runs nothing, and an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await agent(bank, pays(1), capabilities=[approvals(desk.gate())]).run("pay")
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_tool_of_any_toolset_is_asked_about(desk: Desk) -> None:
    """`tools="all"` means every call, of whatever toolset, also one added for a single run."""
    from pydantic_ai.toolsets import FunctionToolset

    bank = Bank()
    desk.people(reject("no"))
    made: Agent[None, str] = Agent(model(pays(1)), capabilities=[approvals(desk.gate())])
    result = await made.run("pay", toolsets=[FunctionToolset(bank.tools())])
    assert "Ada Okafor rejected" in said(result)[0]
    assert not bank.paid


async def test_approved_by_something_else(desk: Desk) -> None:
    """An approval that is not a person's here counts for nothing: they are asked, and their edit runs."""
    bank = Bank()

    async def all_of_them(ctx: RunContext[None], requests: DeferredToolRequests) -> DeferredToolResults:
        return requests.build_results(approve_all=True)

    desk.people(edit(amount=2))
    first: Any = HandleDeferredToolCalls(handler=all_of_them)
    result = await agent(bank, pays(1), needs=True, capabilities=[first, approvals(desk.gate())]).run("pay")
    assert bank.paid == ["p0 2"]
    assert "amount is now 2" in said(result)[0]


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_output_functions_wait(desk: Desk, decision: str) -> None:
    """The model's final answer is given to a function when it is approved; rejected, the model is asked again."""
    bank = Bank()

    def send(to: str, text: str) -> str:
        """Send a letter."""
        return bank.note(f"{to}: {text}")

    desk.people(approve if decision == "approve" else reject("not her"), approve)
    letters = [turn(("final_result", {"to": to, "text": "hi"}), prefix=to) for to in ("lena", "max")]
    made: Agent[None, str] = Agent(model(*letters), output_type=send, capabilities=[approvals(desk.gate())])
    result = await made.run("write")
    assert bank.paid == ["lena: hi" if decision == "approve" else "max: hi"]
    assert result.output == f"paid {bank.paid[0]}"
    assert desk.requests()[0]["arguments"] == {"to": "lena", "text": "hi"}
    assert desk.requests()[-1]["outcome"]["status"] == "succeeded"
    assert ("Ada Okafor rejected this call of send: not her" in result.all_messages_json().decode()) == (
        decision == "reject"
    )


async def test_output_functions_do_not_run_while_they_stream(desk: Desk) -> None:
    """What has come of the answer so far is given to no function; the whole is, when it is approved."""
    bank = Bank()

    def send(text: str) -> str:
        """Send a letter."""
        return bank.note(text)

    async def stream(messages: Any, info: Any) -> Any:
        for text in ("he", "llo"):
            yield text

    from pydantic_ai import TextOutput
    from pydantic_ai.models.function import FunctionModel

    desk.people(approve)
    made: Agent[None, str] = Agent(
        FunctionModel(stream_function=stream), output_type=TextOutput(send), capabilities=[approvals(desk.gate())]
    )
    async with made.run_stream("write") as streamed:
        async for _ in streamed.stream_output(debounce_by=None):
            pass
        await streamed.get_output()
    assert bank.paid == ["hello"]
    assert [one["arguments"] for one in desk.requests()] == [{"output": "hello"}]


async def test_deferred_calls_alone(desk: Desk) -> None:
    """With None in place of names, only what asks for approval itself waits."""
    bank = Bank()
    desk.people(approve)
    made = agent(
        bank,
        turn(("look", {"what": "sky"}), ("pay", {"to": "a", "amount": 1})),
        needs=True,
        capabilities=[approvals(desk.gate(), None)],
    )
    await made.run("pay")
    assert [one["tool"] for one in desk.requests()] == ["pay"]
    with pytest.raises(TypeError, match="list of names"):
        approvals(desk.gate(), "pay")  # type: ignore[arg-type]


async def test_same_conversation_twice_at_once_runs_once(desk: Desk) -> None:
    """Two processes' worth of the same run: one runs the tool, the other is told since when it runs."""
    bank = Bank()
    desk.people(approve)
    two = [agent(bank, pays(1), capabilities=[approvals(desk.gate())]) for _ in range(2)]
    ended = await asyncio.gather(*(made.run("pay", conversation_id=desk.run) for made in two))
    assert bank.paid == ["p0 1"]
    assert sum("was started at" in said(result)[0] for result in ended) == 1
    assert len(desk.requests()) == 1


def history(result: Any) -> list[Any]:
    """Of a run that ended in a crash, up to the model's calls."""
    return list(result.all_messages()[:2])


async def test_framework_alone_runs_a_history_twice() -> None:
    """Pydantic AI's own behaviour: a history that ends with calls makes them again each time it is gone on with."""
    bank = Bank()
    kept = history(await agent(bank, pays(1)).run("pay"))
    await agent(bank).run(message_history=kept)
    assert bank.paid == ["p0 1", "p0 1"]


async def test_history_gone_on_with_twice_runs_once(desk: Desk) -> None:
    """Ours: the model reads since when the call was started, and that it succeeded."""
    bank = Bank()
    desk.people(approve)
    kept = history(await agent(bank, pays(1), capabilities=[approvals(desk.gate())]).run("pay"))
    for _ in range(2):
        result = await agent(bank, capabilities=[approvals(desk.gate())]).run(message_history=kept)
        assert "was started at" in said(result)[0]
        assert "succeeded" in said(result)[0]
    assert bank.paid == ["p0 1"]
    assert len(desk.requests()) == 1


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process finds the same requests, runs what was approved, each once."""
    command = [sys.executable, pydantic_ai_agent.__file__, "block", str(tmp_path), desk.run]
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


def test_text_of_the_model_is_left_alone() -> None:
    """A turn without calls is no business of anybody."""
    made = agent(Bank(), ModelResponse([TextPart("hello")]))
    assert made.run_sync("hi").output == "hello"
