"""agno's pauses of an agent's run, answered by people."""

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
import agno_agent
from agno.tools import Toolkit, tool
from agno.tools.user_control_flow import UserControlFlowTools
from agno.tools.user_feedback import UserFeedbackTools
from agno_agent import Bank, agent, async_sqlite, errors, pays, said, sqlite

from signoff import AlreadyStarted, Unavailable
from signoff_agents.agno import resume, run_with_approvals, run_with_approvals_blocking


async def test_approved_call_runs(desk: Desk) -> None:
    """The run goes on to its end; the card had the tool's own description and schema, and gets the outcome."""
    bank = Bank()
    desk.people(approve)
    made = agent(pays(3), tools=[bank.tool(requires_confirmation=True)])
    run = await run_with_approvals(made, "pay", gate=desk.gate())
    assert (bank.paid, said(run), run.content) == (["p0 3"], ["paid p0 3"], "done")
    [asked] = desk.requests()
    assert asked["description"] == "Pay somebody."
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["schema"]["properties"]["amount"]["description"] == "In US dollars."
    assert asked["tool_call_id"].startswith("c1-1/")
    assert asked["outcome"]["status"] == "succeeded"


def test_without_async(desk: Desk) -> None:
    """The same for sync code; the model reads behind the result what was changed, and by whom."""
    bank = Bank()
    desk.people(edit("cap is 1", amount=1))
    made = agent(pays(9), tools=[bank.tool(requires_confirmation=True)])
    run = run_with_approvals_blocking(made, "pay", gate=desk.gate())
    assert bank.paid == ["p0 1"]
    assert said(run) == [
        "paid p0 1\n\nAda Okafor changed the arguments of pay before it ran: amount is now 1. They said: cap is 1"
    ]


async def test_agno_alone_takes_no_answer_for_a_rejection() -> None:
    """The framework's own behaviour: a run that goes on with one of two calls answered rejects the other."""
    bank = Bank()
    made = agent(pays(1, 2), tools=[bank.tool(requires_confirmation=True)])
    run: Any = await made.arun("pay")
    run.active_requirements[0].confirm()
    run = await made.acontinue_run(run_response=run)
    assert not run.is_paused
    assert said(run) == ["paid p0 1", "Function call was rejected by the user"]


async def test_several_calls_are_one_batch(desk: Desk) -> None:
    """Ours: the run goes on when all are answered: approved, edited, rejected with what may be done next, answered."""
    bank = Bank()
    answers = {1: approve, 2: edit(amount=5), 3: reject("not him", "with_changes"), 4: respond("paid by hand")}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    tools: Any = {"pay": {"allowed_decisions": ("approve", "edit", "reject", "respond")}}
    made = agent(pays(1, 2, 3, 4), tools=[bank.tool(requires_confirmation=True)])
    run = await run_with_approvals(made, "pay", gate=desk.gate(), tools=tools)
    assert desk.refused == []
    assert bank.paid == ["p0 1", "p1 5"]
    assert said(run) == [
        "paid p0 1",
        "paid p1 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5.",
        "Ada Okafor rejected this call of pay. You may try again with changes: not him",
        "paid by hand",
    ]
    assert errors(run) == [False, False, True, False]
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1
    outcomes = {one["arguments"]["to"]: one["outcome"] for one in desk.requests()}
    assert {to for to, outcome in outcomes.items() if outcome} == {"p0", "p1"}


async def test_edit_that_does_not_fit_is_refused_at_the_door(desk: Desk) -> None:
    """By the tool's own schema: agno itself would run whatever comes."""
    bank = Bank()
    desk.people(None)
    made = agent(pays(1), tools=[bank.tool(requires_confirmation=True)])
    task = asyncio.create_task(run_with_approvals(made, "pay", gate=desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    desk.decide(asked, edit(amount=2))
    await task
    assert bank.paid == ["p0 2"]


@pytest.mark.parametrize(("to", "fault"), [("None", "to: agno does not pass this text on as text."), (3, "to: ")])
async def test_what_would_not_reach_the_tool_is_not_run(desk: Desk, to: object, fault: str) -> None:
    """agno makes None of the text "None": an edit that would arrive as something else runs nothing."""
    bank = Bank()
    desk.people(edit(to=to))
    made = agent(pays(1), tools=[bank.tool(requires_confirmation=True)])
    run = await run_with_approvals(made, "x", gate=desk.gate(), tools={"pay": {"schema": {"type": "object"}}})
    assert said(run) == ["pay was not run: the arguments that were approved do not fit it."]
    assert not bank.paid
    [asked] = desk.requests()
    assert asked["consumed_at"] is None
    assert fault in asked["outcome"]["detail"]


async def test_arguments_that_do_not_fit_ask_nobody(desk: Desk) -> None:
    """The model is told what is wrong with the call; no card is made."""
    bank = Bank()
    made = agent([("pay", {"to": "lena", "amount": "a lot"})], tools=[bank.tool(requires_confirmation=True)])
    run = await run_with_approvals(made, "pay", gate=desk.gate())
    assert said(run)[0].startswith("pay was not run, and nobody was asked: its arguments do not fit. amount: ")
    assert not desk.requests()


async def test_service_away_leaves_the_pause(desk: Desk, tmp_path: Path) -> None:
    """Nothing runs, nothing is answered, one fixed sentence; called again when the service is back, it goes on."""
    bank = Bank()
    pay = bank.tool(requires_confirmation=True)
    made = agent(pays(1, 2), tools=[pay], db=sqlite(tmp_path))
    with pytest.raises(Unavailable) as away:
        await run_with_approvals(made, "pay", gate=desk.away(), session_id=desk.run)
    assert str(away.value) == (
        "pay was not run: it needs a person's approval, and the approval service could not be used."
    )
    assert not bank.paid
    desk.people(approve)
    again = agent(tools=[pay], db=sqlite(tmp_path))
    run = await resume(again, session_id=desk.run, gate=desk.gate())
    assert (run.content, bank.paid) == ("done", ["p0 1", "p1 2"])


async def test_cancelled_wait_leaves_the_pause(desk: Desk, tmp_path: Path) -> None:
    """A time-out while people think: asked once, still paused, gone on with later."""
    bank = Bank()
    desk.people(None)
    made = agent(pays(1), tools=[bank.tool(requires_confirmation=True)], db=sqlite(tmp_path))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run)
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    await resume(made, session_id=desk.run, gate=desk.gate())
    assert bank.paid == ["p0 1"]
    assert len(desk.requests()) == 1


async def test_expired_is_no_rejection_by_a_person(desk: Desk) -> None:
    """The model reads that nobody decided."""
    bank = Bank()
    made = agent(pays(1), tools=[bank.tool(requires_confirmation=True)])
    run = await run_with_approvals(made, "x", gate=desk.gate(), tools={"pay": {"expires_in": 1}})
    assert "Nobody decided about pay before it expired" in said(run)[0]
    assert not bank.paid


async def test_failing_tool_is_reported(desk: Desk) -> None:
    """agno makes a result of what the tool raises; the card says that it failed."""
    desk.people(approve)
    made = agent([("fails", {"why": "no money"})], tools=[Bank().fails(requires_confirmation=True)])
    run = await run_with_approvals(made, "x", gate=desk.gate())
    assert said(run) == ["no money"]
    assert desk.requests()[0]["outcome"] | {"at": None} == {"status": "failed", "detail": "no money", "at": None}


# ── user input ───────────────────────────────────────────────────────────────────────────────────


async def test_agno_alone_mixes_up_user_input(tmp_path: Path) -> None:
    """The framework's own behaviour: two calls of one turn share their fields, so both run with the last one's."""
    bank = Bank()
    made = agent(pays(1, 2), tools=[bank.tool(requires_user_input=True)], db=sqlite(tmp_path))
    run: Any = await made.arun("pay")
    for requirement in run.active_requirements:
        requirement.tool_execution.answered = True
    await made.acontinue_run(run_response=run)
    assert bank.paid == ["p1 2", "p1 2"]


async def test_user_input_is_a_form_of_the_call(desk: Desk) -> None:
    """Ours: each call is asked about with what the model filled in; people change it, and each runs with its own."""
    bank = Bank()
    desk.people(lambda asked: edit(amount=9)(asked) if asked["arguments"]["amount"] == 2 else approve)
    made = agent(pays(1, 2), tools=[bank.tool(requires_user_input=True)])
    run = await run_with_approvals(made, "pay", gate=desk.gate())
    assert bank.paid == ["p0 1", "p1 9"]
    assert said(run)[1].endswith("amount is now 9.")


async def test_fields_that_only_people_fill_in(desk: Desk) -> None:
    """The model does not see them: the card offers to fill in, not to approve, and refuses half a form."""
    bank = Bank()
    desk.people(None)
    pay = bank.tool(requires_user_input=True, user_input_fields=["to"])
    made = agent([("pay", {"amount": 3})], tools=[pay])
    task = asyncio.create_task(run_with_approvals(made, "pay", gate=desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert asked["allowed_decisions"] == ["edit", "reject"]
    assert asked["editable"] == ["to"]
    assert asked["schema"]["properties"]["to"]["description"] == "The account."
    assert desk.decide(asked, approve)[0] == 422
    assert desk.decide(asked, edit(to="lena"))[0] == 200
    assert said(await task)[0].startswith("paid lena 3")
    assert bank.paid == ["lena 3"]


async def test_fields_of_a_toolkit(desk: Desk) -> None:
    """agno hides them from the model's schema of the tool; people fill them in all the same."""
    paid: list[str] = []

    class Wallet(Toolkit):
        def __init__(self) -> None:
            super().__init__(name="wallet", tools=[self.spend])

        @tool(requires_user_input=True, user_input_fields=["to"])
        def spend(self, amount: float, to: str) -> str:
            """Spend."""
            paid.append(f"{to} {amount:g}")
            return "spent"

    desk.people(edit(to="lena"))
    run = await run_with_approvals(agent([("spend", {"amount": 5})], tools=[Wallet()]), "x", gate=desk.gate())
    assert desk.refused == []
    assert (paid, run.content) == (["lena 5"], "done")


async def test_half_a_form_is_refused(desk: Desk) -> None:
    """Whoever fills in one field that the model left open fills in all."""
    bank = Bank()
    desk.people(None)
    made = agent([("pay", {})], tools=[bank.tool(requires_user_input=True)])
    task = asyncio.create_task(run_with_approvals(made, "pay", gate=desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, edit(to="lena"))[0] == 422
    assert desk.decide(asked, edit(to="lena", amount=7))[0] == 200
    await task
    assert bank.paid == ["lena 7"]


@pytest.mark.parametrize("kind", ["requires_confirmation", "requires_user_input"])
async def test_rejected_call_does_not_run(desk: Desk, kind: str, tmp_path: Path) -> None:
    """agno has no rejection of user input; ours takes the way of a confirmation's, and the note reaches the model."""
    bank = Bank()
    desk.people(reject("not today", "ask"))
    made = agent(pays(3), tools=[bank.tool(**{kind: True})], db=async_sqlite(tmp_path))
    run = await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run)
    assert said(run) == ["Ada Okafor rejected this call of pay: not today. You may ask again later."]
    assert errors(run) == [True]
    assert not bank.paid


async def test_model_asks_for_fields(desk: Desk) -> None:
    """`get_user_input`: the fields that the model names are the form of an answer."""
    desk.people(respond({"city": "Bern", "nights": 2}))
    fields = [
        {"field_name": "city", "field_type": "str", "field_description": "Where to"},
        {"field_name": "nights", "field_type": "int", "field_description": "How long"},
    ]
    made = agent([("get_user_input", {"user_input_fields": fields})], tools=[UserControlFlowTools()])
    run = await run_with_approvals(made, "trip", gate=desk.gate())
    assert "Bern" in said(run)[0]
    [asked] = desk.requests()
    assert asked["response_schema"]["properties"]["nights"] == {"type": "integer", "description": "How long"}
    assert asked["allowed_decisions"] == ["respond", "reject"]


# ── user feedback ────────────────────────────────────────────────────────────────────────────────

QUESTIONS = [
    {"question": "Which region?", "header": "Region", "options": [{"label": "eu"}, {"label": "us"}]},
    {
        "question": "Which days?",
        "header": "Days",
        "multi_select": True,
        "options": [{"label": "Monday", "description": "After lunch"}, {"label": "Friday"}],
    },
]


async def test_questions_with_options(desk: Desk) -> None:
    """Each question is a field with its options; what is no option is refused at the door."""
    desk.people(None)
    made = agent([("ask_user", {"questions": QUESTIONS})], tools=[UserFeedbackTools()])
    task = asyncio.create_task(run_with_approvals(made, "x", gate=desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, respond({"1": "mars", "2": ["Friday"]}))[0] == 422
    assert desk.decide(asked, respond({"1": "eu", "2": ["Monday", "Friday"]}))[0] == 200
    run = await task
    assert json.loads(said(run)[0].partition(": ")[2]) == [
        {"question": "Which region?", "selected": ["eu"]},
        {"question": "Which days?", "selected": ["Monday", "Friday"]},
    ]


async def test_rejected_question(desk: Desk) -> None:
    """The model reads the rejection in the place of an answer."""
    desk.people(reject("decide yourself"))
    made = agent([("ask_user", {"questions": QUESTIONS[:1]})], tools=[UserFeedbackTools()])
    run = await run_with_approvals(made, "x", gate=desk.gate())
    assert said(run) == ["Ada Okafor rejected this call of ask_user: decide yourself. Do not try this again."]
    assert desk.requests()[0]["title"] == "Which region?"


# ── external execution ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("decided", "text", "error"),
    [
        (respond("paid by cheque"), "paid by cheque", False),
        (reject("no"), "Ada Okafor rejected this call of pay: no. Do not try this again.", True),
    ],
)
async def test_external_execution_by_people(desk: Desk, decided: Any, text: str, error: bool) -> None:
    """What a person answers is the result; a rejection is one too, as an error."""
    bank = Bank()
    desk.people(decided)
    made = agent(pays(3), tools=[bank.tool(external_execution=True)])
    run = await run_with_approvals(made, "pay", gate=desk.gate())
    assert (said(run), errors(run)) == ([text], [error])
    assert not bank.paid


@pytest.mark.parametrize("sync", [True, False])
async def test_external_execution_by_a_function(desk: Desk, sync: bool) -> None:
    """`external` runs what was approved, outside of agno, and the model reads its result."""

    def elsewhere(to: str, amount: float) -> dict[str, object]:
        return {"sent": amount, "to": to}

    async def slowly(to: str, amount: float) -> dict[str, object]:
        return elsewhere(to, amount)

    desk.people(edit(amount=4))
    made = agent(pays(3), tools=[Bank().tool(external_execution=True)])
    if sync:
        options: Any = {"gate": desk.gate(), "external": {"pay": slowly}}
        run = await asyncio.to_thread(run_with_approvals_blocking, made, "pay", **options)
    else:
        run = await run_with_approvals(made, "pay", gate=desk.gate(), external={"pay": elsewhere})
    assert said(run)[0].startswith('{"sent":4,"to":"p0"}\n\nAda Okafor changed the arguments')
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


# ── again, and at the same time ──────────────────────────────────────────────────────────────────


async def test_resumed_twice_at_once_runs_once(desk: Desk, tmp_path: Path) -> None:
    """Whoever burns the first approval goes on; the other one is told that it has been started."""
    bank = Bank()
    pay = bank.tool(requires_confirmation=True)
    begun: Any = await agent(pays(1, 2), tools=[pay], db=sqlite(tmp_path)).arun("pay", session_id=desk.run)
    desk.people(approve)
    two = [agent(tools=[pay], db=sqlite(tmp_path)) for _ in range(2)]
    went = await asyncio.gather(
        *(resume(one, session_id=desk.run, run_id=begun.run_id, gate=desk.gate()) for one in two),
        return_exceptions=True,
    )
    assert bank.paid == ["p0 1", "p1 2"]
    assert len(desk.requests()) == 2
    assert [one.content for one in went if not isinstance(one, AlreadyStarted)] != []
    assert all(isinstance(one, AlreadyStarted) or one.content == "done" for one in went)


async def test_resumed_again_after_the_end(desk: Desk, tmp_path: Path) -> None:
    """The run as it ended; agno itself would begin another one from its end. Nothing is asked, nothing runs."""
    bank = Bank()
    desk.people(approve)
    made = agent(pays(1), tools=[bank.tool(requires_confirmation=True)], db=sqlite(tmp_path))
    first = await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run, run_id="mine")
    again = await resume(made, session_id=desk.run, run_id="mine", gate=desk.gate())
    assert (again.run_id, again.content) == (first.run_id, "done")
    assert await resume(made, session_id=desk.run, gate=desk.gate()) is None
    whole = await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run, run_id="mine")
    assert whole.run_id == "mine"
    assert bank.paid == ["p0 1"]
    assert len(desk.requests()) == 1


async def test_crashed_between_the_approval_and_its_run(desk: Desk, tmp_path: Path) -> None:
    """Nobody can know what the crashed attempt did: raised at first, told to the model where that is wanted."""
    bank = Bank()
    desk.people(approve)
    made = agent(pays(1), tools=[bank.tool(requires_confirmation=True)], db=sqlite(tmp_path))

    class Crash(Exception):
        pass

    async def crash(**_: object) -> object:
        raise Crash

    made.acontinue_run = crash  # type: ignore[method-assign,assignment]
    with pytest.raises(Crash):
        await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run)
    del made.acontinue_run
    with pytest.raises(AlreadyStarted):
        await resume(made, session_id=desk.run, gate=desk.gate())
    run = await resume(made, session_id=desk.run, gate=desk.gate(), started="tell")
    assert said(run)[0].startswith("An earlier attempt of pay")
    assert not bank.paid
    assert len(desk.requests()) == 1


def test_restart_in_a_new_process_asks_once(desk: Desk, tmp_path: Path) -> None:
    """Killed while people think; the next process makes the same call, and takes the decisions made meanwhile."""
    command = [sys.executable, agno_agent.__file__, str(tmp_path), desk.run]
    first = subprocess.Popen(command, env=desk.environ)
    one, other = desk.waiting(2)
    first.kill()
    first.wait()
    desk.decide(one, approve)
    desk.decide(other, reject("no"))
    done = subprocess.run(command, env=desk.environ, capture_output=True, text=True, timeout=50)
    texts = json.loads(done.stdout.splitlines()[-1])
    assert len(texts) == 2, done.stderr
    assert (tmp_path / "paid").read_text().splitlines() == ["{to} {amount:g}".format(**one["arguments"])]
    assert len(desk.requests()) == 2


async def test_two_pauses_one_after_the_other(desk: Desk) -> None:
    """A run that pauses again is asked about again, also where the model numbers its calls alike."""
    bank = Bank()
    desk.people(approve)
    made = agent(pays(1), pays(2), tools=[bank.tool(requires_confirmation=True)])
    model: Any = made.model
    model.said = 0
    original = model.invoke

    def alike(*args: Any, **options: Any) -> Any:
        model.said = 0
        return original(*args, **options)

    model.invoke = alike
    run = await run_with_approvals(made, "pay", gate=desk.gate())
    assert bank.paid == ["p0 1", "p0 2"]
    assert said(run) == ["paid p0 1", "paid p0 2"]


@pytest.mark.parametrize("option", ["stream", "background"])
def test_what_nobody_could_wait_for_is_refused(desk: Desk, option: str) -> None:
    """A stream has no end to wait for, and a run in the background would pause with nobody to ask: said at once."""
    given: Any = {option: True}
    with pytest.raises(TypeError, match=f"`{option}` cannot be waited for"):
        run_with_approvals_blocking(agent(tools=[]), "x", gate=desk.gate(), **given)
