"""Teams and workflows of agno: whoever pauses in them, people are asked, and it goes on there."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from agno.run.base import RunStatus
from agno.team import Team
from agno.workflow import HumanReview, OnReject, Router, Step, StepInput, StepOutput, Workflow
from agno_agent import Bank, agent, delegate, pays, said, sqlite, team

from signoff_agents.agno import resume, resume_blocking, run_with_approvals, run_with_approvals_blocking

# ── teams ────────────────────────────────────────────────────────────────────────────────────────


def treasury(bank: Bank, *turns: Any, begun: bool = False, **options: Any) -> Team:
    """A team whose member pays."""
    member = agent(*(() if begun else turns), tools=[bank.tool(requires_confirmation=True)], name="payer", id="payer")
    return team(*(() if begun else (delegate("payer"),)), members=[member], **options)


@pytest.mark.parametrize("sync", [True, False])
async def test_member_of_a_team(desk: Desk, sync: bool) -> None:
    """Approved, edited and rejected calls of a member; the member's model reads of the edit."""
    bank = Bank()
    answers = {1: approve, 2: edit(amount=5), 3: reject("no")}

    def judge(asked: Any) -> Any:
        answer = answers[asked["arguments"]["amount"]]
        return answer(asked) if callable(answer) else answer

    desk.people(judge)
    made = treasury(bank, pays(1, 2, 3))
    if sync:
        run = await asyncio.to_thread(run_with_approvals_blocking, made, "pay", gate=desk.gate())
    else:
        run = await run_with_approvals(made, "pay", gate=desk.gate())
    assert run.content == "done"
    assert bank.paid == ["p0 1", "p1 5"]
    model: Any = made.members[0].model  # type: ignore[index,union-attr]
    texts = [str(one.content) for one in model.seen[-1] if one.role == "tool"]
    assert texts[1].endswith("amount is now 5.")
    assert texts[2] == "Ada Okafor rejected this call of pay: no. Do not try this again."
    assert desk.requests()[0]["schema"]["properties"]["amount"]["type"] == "number"


async def test_agno_alone_drops_an_edit_of_a_team(tmp_path: Path) -> None:
    """The framework's own behaviour: requirements that are passed in lose their arguments; the original ones run."""
    bank = Bank()
    made = treasury(bank, pays(20), db=sqlite(tmp_path))
    paused: Any = await made.arun("pay", session_id="s")
    again = treasury(bank, begun=True, db=sqlite(tmp_path))
    stored: Any = await again.aget_run_output(paused.run_id, session_id="s")
    wire = [type(one).from_dict(one.to_dict()) for one in stored.requirements]
    wire[0].tool_execution.tool_args = {"to": "p0", "amount": 5}
    wire[0].confirm()
    await again.acontinue_run(run_id=paused.run_id, session_id="s", requirements=wire)
    assert bank.paid == ["p0 20"]


@pytest.mark.parametrize("sync", [True, False])
async def test_edit_of_a_team_after_a_restart(desk: Desk, sync: bool, tmp_path: Path) -> None:
    """Ours: a team that is made anew finds the run by its session, and the edited arguments run."""
    bank = Bank()
    paused: Any = await asyncio.to_thread(treasury(bank, pays(20), db=sqlite(tmp_path)).run, "pay", session_id=desk.run)
    assert paused.is_paused
    desk.people(edit(amount=5))
    again = treasury(bank, begun=True, db=sqlite(tmp_path))
    if sync:
        run = await asyncio.to_thread(resume_blocking, again, session_id=desk.run, gate=desk.gate())
    else:
        run = await resume(again, session_id=desk.run, gate=desk.gate())
    assert (run.run_id, run.content, bank.paid) == (paused.run_id, "done", ["p0 5"])


async def test_tool_of_the_team_itself(desk: Desk, tmp_path: Path) -> None:
    """A call of the leader, rejected user input among it: it does not run."""
    bank = Bank()
    desk.people(by={"pay": reject("no"), "give": approve})
    made = team(
        [("pay", {"to": "a", "amount": 1}), ("give", {"to": "b", "amount": 2})],
        members=[agent(tools=[], name="idle")],
        tools=[bank.tool(requires_user_input=True), bank.tool("give", requires_confirmation=True)],
        db=sqlite(tmp_path),
    )
    run = await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run)
    assert bank.paid == ["b 2"]
    assert "Ada Okafor rejected this call of pay: no. Do not try this again." in said(run)


# ── workflows ────────────────────────────────────────────────────────────────────────────────────


def write(content: str, bank: Bank | None = None) -> Any:
    def step(given: StepInput) -> StepOutput:
        if bank is not None:
            bank.note(f"{content} {given.additional_data and given.additional_data.get('user_input')}")
        return StepOutput(content=content)

    return step


def workflow(folder: Path, *steps: Any) -> Workflow:
    return Workflow(name="flow", steps=list(steps), db=sqlite(folder), telemetry=False)


@pytest.mark.parametrize("sync", [True, False])
async def test_agent_in_a_workflow(desk: Desk, sync: bool, tmp_path: Path) -> None:
    """A tool of a step's agent: asked about with the tool's own schema, edited, and gone on with."""
    bank = Bank()
    desk.people(edit(amount=5))
    payer = agent(pays(20), tools=[bank.tool(requires_confirmation=True)], name="payer")
    made = workflow(tmp_path, Step(name="pay", agent=payer), Step(name="end", executor=write("the end")))  # type: ignore[arg-type]
    if sync:
        options: Any = {"gate": desk.gate(), "session_id": desk.run}
        run = await asyncio.to_thread(run_with_approvals_blocking, made, "pay", **options)
    else:
        run = await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run)
    assert (run.content, bank.paid) == ("the end", ["p0 5"])
    [asked] = desk.requests()
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"]["status"] == "succeeded"


async def test_workflow_after_a_restart(desk: Desk, tmp_path: Path) -> None:
    """A workflow that is made anew finds the run by its session."""
    bank = Bank()
    review = HumanReview(requires_confirmation=True, confirmation_message="Really?")

    def made() -> Workflow:
        return workflow(tmp_path, Step(name="deploy", executor=write("deployed", bank), human_review=review))

    paused: Any = await made().arun("go", session_id=desk.run)
    assert paused.is_paused
    desk.people(approve)
    run = await resume(made(), session_id=desk.run, gate=desk.gate())
    assert (run.content, bank.paid) == ("deployed", ["deployed None"])
    [asked] = desk.requests()
    assert (asked["tool"], asked["description"], asked["allowed_decisions"]) == (
        "deploy",
        "Really?",
        ["approve", "reject"],
    )


@pytest.mark.parametrize(("on_reject", "status"), [("skip", "COMPLETED"), ("cancel", "CANCELLED")])
async def test_rejected_step(desk: Desk, on_reject: str, status: str, tmp_path: Path) -> None:
    """By the step's own `on_reject`."""
    bank = Bank()
    desk.people(reject("no"))
    review = HumanReview(requires_confirmation=True, on_reject=OnReject(on_reject))
    made = workflow(tmp_path, Step(name="deploy", executor=write("deployed", bank), human_review=review))
    run = await run_with_approvals(made, "go", gate=desk.gate(), session_id=desk.run)
    assert (run.status.value, bank.paid) == (status, [])


async def test_output_is_reviewed(desk: Desk, tmp_path: Path) -> None:
    """Rejected with what should change, the step runs again and reads that; then its output is edited."""
    texts = iter(["rough draft", "better draft"])
    read: list[str] = []

    def draft(given: StepInput) -> StepOutput:
        read.append(str(given.additional_data))
        return StepOutput(content=next(texts))

    desk.people(reject("too rough", "with_changes"), edit(output="final text"))
    review = HumanReview(requires_output_review=True, on_reject=OnReject.retry)
    made = workflow(tmp_path, Step(name="draft", executor=draft, human_review=review))
    run = await run_with_approvals(made, "write", gate=desk.gate(), session_id=desk.run)
    assert desk.refused == []
    assert [one["arguments"]["output"] for one in desk.requests()] == ["rough draft", "final text"]
    assert desk.requests()[1]["decision"]["changes"][0]["from"] == "better draft"
    assert run.content == "final text"
    assert "too rough" in read[1]


async def test_values_for_a_step(desk: Desk, tmp_path: Path) -> None:
    """A step's fields are the form of an answer, with its types and choices."""
    fields = [{"name": "size", "field_type": "int", "required": True}, {"name": "city", "allowed_values": ["Bern"]}]
    review = HumanReview(requires_user_input=True, user_input_schema=fields)  # type: ignore[arg-type]
    bank = Bank()
    made = workflow(tmp_path, Step(name="order", executor=write("ordered", bank), human_review=review))
    desk.people(respond({"size": 3, "city": "Bern"}))
    await run_with_approvals(made, "go", gate=desk.gate(), session_id=desk.run)
    assert desk.refused == []
    assert bank.paid == ["ordered {'size': 3, 'city': 'Bern'}"]
    assert desk.requests()[0]["response_schema"]["properties"]["city"]["enum"] == ["Bern"]


async def test_rejected_values_for_a_step(desk: Desk, tmp_path: Path) -> None:
    """agno knows no rejection of them; ours is one of the step."""
    review = HumanReview(requires_user_input=True, on_reject=OnReject.cancel)
    bank = Bank()
    made = workflow(tmp_path, Step(name="order", executor=write("ordered", bank), human_review=review))
    desk.people(reject("no"))
    run = await run_with_approvals(made, "go", gate=desk.gate(), session_id=desk.run)
    assert (run.status, bank.paid) == (RunStatus.cancelled, [])


async def test_route_is_chosen(desk: Desk, tmp_path: Path) -> None:
    """A router's routes are the choices of an answer."""
    bank = Bank()
    routes = [Step(name=one, executor=write(one, bank)) for one in ("north", "south")]
    review = HumanReview(requires_user_input=True)
    made = workflow(tmp_path, Router(name="where", choices=list(routes), human_review=review))
    desk.people(respond("south"))
    await run_with_approvals(made, "go", gate=desk.gate(), session_id=desk.run)
    assert desk.refused == []
    assert [one.split()[0] for one in bank.paid] == ["south"]


async def test_agno_alone_approves_what_was_rejected_after_its_time(tmp_path: Path) -> None:
    """The framework's own behaviour: a step that timed out to `approve` runs, though it was rejected."""
    bank = Bank()
    made, paused = late(tmp_path, bank)
    paused.step_requirements[-1].reject("no")
    await made.acontinue_run(paused)
    assert bank.paid == ["deployed None"]


async def test_what_was_rejected_after_its_time_stays_rejected(desk: Desk, tmp_path: Path) -> None:
    """Ours: what people said counts."""
    bank = Bank()
    made, paused = late(tmp_path, bank, desk.run)
    sqlite(tmp_path).upsert_run(paused, session_id=desk.run)
    desk.people(reject("no"))
    await asyncio.to_thread(resume_blocking, made, session_id=desk.run, gate=desk.gate())
    assert not bank.paid


def late(folder: Path, bank: Bank, session: str = "s") -> tuple[Workflow, Any]:
    """A workflow that pauses, and its run, whose time is over."""
    review = HumanReview(requires_confirmation=True, timeout=1, on_timeout="approve", on_reject=OnReject.cancel)
    made = workflow(folder, Step(name="deploy", executor=write("deployed", bank), human_review=review))
    run: Any = made.run("go", session_id=session)
    run.step_requirements[-1].timeout_at = datetime.now(UTC) - timedelta(seconds=1)
    return made, run


async def test_failed_step_is_tried_again(desk: Desk, tmp_path: Path) -> None:
    """`on_error="pause"`: people choose to try again or to leave the step out."""
    tries: list[int] = []

    def shaky(_: StepInput) -> StepOutput:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("lost")
        return StepOutput(content="sent")

    desk.people(respond("retry"))
    review = HumanReview(on_error="pause")
    made = workflow(tmp_path, Step(name="send", executor=shaky, human_review=review, max_retries=0))
    run = await run_with_approvals(made, "go", gate=desk.gate(), session_id=desk.run)
    assert (run.content, len(tries)) == ("sent", 2)
    assert "lost" in desk.requests()[0]["description"]
