"""The rows that agno's `@approval` makes: decided by whoever is first, and nothing runs against it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from agno.approval import approval
from agno_agent import Bank, agent, async_sqlite, delegate, errors, pays, said, sqlite, team

from signoff_agents.agno import ApprovalsBridge, gated, resume, run_with_approvals

KINDS = ("requires_confirmation", "requires_user_input", "external_execution")
DATABASES = pytest.mark.parametrize("database", [sqlite, async_sqlite])


def tool(bank: Bank, kind: str) -> Any:
    return approval(bank.tool(**{kind: True}))


def pause(bank: Bank, kind: str, folder: Path, session: str, *amounts: float) -> Any:
    """A run that waits for its row, in a database."""
    run = agent(pays(*amounts or (3,)), tools=[tool(bank, kind)], db=sqlite(folder)).run("pay", session_id=session)
    assert run.is_paused
    return run


async def go_on(bank: Bank, kind: str, folder: Path, run: Any) -> Any:
    """As AgentOS does: by the run's ids alone."""
    made = agent(tools=[tool(bank, kind)], db=async_sqlite(folder))
    return await made.acontinue_run(run_id=run.run_id, session_id=run.session_id)


def row(folder: Path) -> dict[str, Any]:
    rows, _ = sqlite(folder).get_approvals()
    assert len(rows) == 1
    return rows[0]  # type: ignore[no-any-return]


@contextlib.asynccontextmanager
async def bridge(desk: Desk, db: Any, **options: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(ApprovalsBridge(db, desk.gate(), poll=0.05, **options).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def decided(folder: Path) -> dict[str, Any]:
    await asyncio.to_thread(eventually, lambda: row(folder)["status"] != "pending")
    return row(folder)


# ── agno alone ───────────────────────────────────────────────────────────────────────────────────


async def test_agno_alone_loses_the_reason(tmp_path: Path) -> None:
    """The framework's own behaviour: what is said with a rejection does not reach the model."""
    bank = Bank()
    run = pause(bank, "requires_confirmation", tmp_path, "s")
    data = {"note": "wrong account"}
    sqlite(tmp_path).update_approval(row(tmp_path)["id"], status="rejected", resolution_data=data)
    assert said(await go_on(bank, "requires_confirmation", tmp_path, run)) == ["Function call was rejected by the user"]


async def test_agno_alone_runs_while_the_row_is_pending(tmp_path: Path) -> None:
    """The framework's own behaviour: requirements that somebody confirms in the process pass by the row."""
    bank = Bank()
    run = pause(bank, "requires_confirmation", tmp_path, "s")
    run.requirements[0].confirm()
    made = agent(tools=[tool(bank, "requires_confirmation")], db=sqlite(tmp_path))
    made.continue_run(run_id=run.run_id, session_id="s", requirements=run.requirements)
    assert (bank.paid, row(tmp_path)["status"]) == (["p0 3"], "pending")


@pytest.mark.parametrize("status", ["rejected", "cancelled", "expired"])
async def test_agno_alone_runs_rejected_user_input(status: str, tmp_path: Path) -> None:
    """The framework's own behaviour: whatever the row says but `pending`, the call runs with the model's values."""
    bank = Bank()
    run = pause(bank, "requires_user_input", tmp_path, "s")
    sqlite(tmp_path).update_approval(row(tmp_path)["id"], expected_status="pending", status=status)
    await go_on(bank, "requires_user_input", tmp_path, run)
    assert bank.paid == ["p0 3"]


async def test_agno_alone_is_stuck_with_a_rejected_external_execution(tmp_path: Path) -> None:
    """The framework's own behaviour: the run cannot go on."""
    run = pause(Bank(), "external_execution", tmp_path, "s")
    sqlite(tmp_path).update_approval(row(tmp_path)["id"], status="rejected")
    with pytest.raises(ValueError, match="requires external execution"):
        await go_on(Bank(), "external_execution", tmp_path, run)


# ── the bridge ───────────────────────────────────────────────────────────────────────────────────


@DATABASES
@pytest.mark.parametrize("kind", KINDS)
async def test_bridge_rejects(desk: Desk, kind: str, database: Any, tmp_path: Path) -> None:
    """Ours: a rejected row of any kind lets nothing run, and the model reads why, whoever goes on with the run."""
    bank = Bank()
    run = pause(bank, kind, tmp_path, desk.run)
    desk.people(reject("wrong account"))
    async with bridge(desk, database(tmp_path)):
        told = await decided(tmp_path)
    assert (told["status"], told["resolved_by"]) == ("rejected", "signoff: Ada Okafor")
    assert "wrong account" in told["resolution_data"]["note"]
    ended = await go_on(bank, kind, tmp_path, run)
    assert said(ended) == ["Ada Okafor rejected this call of pay: wrong account. Do not try this again."]
    assert errors(ended) == [True]
    assert not bank.paid


@DATABASES
@pytest.mark.parametrize("kind", KINDS[:2])
async def test_bridge_approves(desk: Desk, kind: str, database: Any, tmp_path: Path) -> None:
    """The run waits for the row until then, and goes on with the arguments that people made of it."""
    bank = Bank()
    run = pause(bank, kind, tmp_path, desk.run)
    with pytest.raises(ValueError, match="unresolved"):
        await go_on(bank, kind, tmp_path, run)
    desk.people(edit(amount=4))
    made = agent(tools=[tool(bank, kind)])
    made.set_id()
    async with bridge(desk, database(tmp_path)):
        assert (await decided(tmp_path))["status"] == "approved"
    assert (await go_on(bank, kind, tmp_path, run)).content == "done"
    assert bank.paid == ["p0 4"]


async def test_bridge_answers(desk: Desk, tmp_path: Path) -> None:
    """What a person answers is the result of a call that is executed elsewhere."""
    run = pause(Bank(), "external_execution", tmp_path, desk.run)
    desk.people(respond("paid by cheque"))
    async with bridge(desk, sqlite(tmp_path)):
        assert (await decided(tmp_path))["resolution_data"]["result"] == "paid by cheque"
    assert said(await go_on(Bank(), "external_execution", tmp_path, run)) == ["paid by cheque"]


@pytest.mark.parametrize("kind", KINDS[:2])
async def test_calls_of_one_row_are_decided_one_by_one(desk: Desk, kind: str, tmp_path: Path) -> None:
    """agno has one row for all calls of a pause; one that is rejected does not run because another one is approved."""
    bank = Bank()
    run = pause(bank, kind, tmp_path, desk.run, 1, 2, 3)
    desk.people(lambda asked: reject("not this") if asked["arguments"]["amount"] == 2 else approve)
    async with bridge(desk, sqlite(tmp_path)):
        assert (await decided(tmp_path))["status"] == "approved"
    ended = await go_on(bank, kind, tmp_path, run)
    assert sorted(bank.paid) == ["p0 1", "p2 3"]
    assert any("not this" in one for one in said(ended))
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


@pytest.mark.parametrize("status", ["approved", "rejected"])
async def test_agentos_is_first(desk: Desk, status: str, tmp_path: Path) -> None:
    """The request is taken back, so that nobody decides what is decided."""
    run = pause(Bank(), "requires_confirmation", tmp_path, desk.run)
    desk.people(None)
    async with bridge(desk, sqlite(tmp_path)):
        await asyncio.to_thread(desk.waiting)
        sqlite(tmp_path).update_approval(row(tmp_path)["id"], expected_status="pending", status=status)
        await asyncio.to_thread(eventually, lambda: desk.requests()[0]["status"] == "cancelled")
    assert row(tmp_path)["status"] == status
    bank = Bank()
    await go_on(bank, "requires_confirmation", tmp_path, run)
    assert bank.paid == (["p0 3"] if status == "approved" else [])


async def test_user_input_that_is_rejected_in_agentos(desk: Desk, tmp_path: Path) -> None:
    """What agno would run all the same does not run, and the model reads who rejected it, and why."""
    bank = Bank()
    run = pause(bank, "requires_user_input", tmp_path, desk.run)
    desk.people(None)
    db = sqlite(tmp_path)
    async with bridge(desk, db):
        await asyncio.to_thread(desk.waiting)
        data = {"note": "no money"}
        db.update_approval(row(tmp_path)["id"], status="rejected", resolved_by="Max", resolution_data=data)
        await asyncio.to_thread(eventually, lambda: not db.get_run(run.run_id).active_requirements)  # type: ignore[union-attr]
    ended = await go_on(bank, "requires_user_input", tmp_path, run)
    assert said(ended) == ["Max rejected this call of pay in AgentOS: no money"]
    assert not bank.paid


@pytest.mark.parametrize("status", ["rejected", "cancelled", "expired"])
async def test_user_input_that_is_rejected_while_no_bridge_looks(desk: Desk, status: str, tmp_path: Path) -> None:
    """A bridge that starts later finds it, and writes into its run, which still waits, that it does not run."""
    bank = Bank()
    run = pause(bank, "requires_user_input", tmp_path, desk.run)
    db = sqlite(tmp_path)
    db.update_approval(row(tmp_path)["id"], status=status, resolved_by="Max")
    async with bridge(desk, db):
        await asyncio.to_thread(eventually, lambda: not db.get_run(run.run_id).active_requirements)  # type: ignore[union-attr]
    ended = await go_on(bank, "requires_user_input", tmp_path, run)
    assert "in AgentOS" in said(ended)[0]
    assert not bank.paid
    assert not desk.requests()


async def test_agno_alone_does_not_wait_for_the_bridge(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The framework's own behaviour: rejected in AgentOS and gone on with before the bridge looks, the call runs. The
    bridge has said so by then, once for all rows of the tool.
    """
    monkeypatch.setattr("signoff_agents.agno.rows.POLL", 60)
    bank = Bank()
    run = pause(bank, "requires_user_input", tmp_path, desk.run)
    desk.people(None)
    db = sqlite(tmp_path)
    async with bridge(desk, db):
        await asyncio.to_thread(desk.waiting)
        db.update_approval(row(tmp_path)["id"], expected_status="pending", status="rejected")
        await go_on(bank, "requires_user_input", tmp_path, run)
        assert bank.paid == ["p0 3"]
        pause(bank, "requires_user_input", tmp_path, desk.run)
        await asyncio.to_thread(desk.waiting, 2)
    assert caplog.text.count("pay waits for user input in AgentOS") == 1
    assert "gated(gate, pay) keeps it from that; if it is gated, say so with `runners`." in caplog.text


async def test_gated_tool_needs_no_bridge_to_hear_of_a_rejection(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Ours: however soon the run goes on, the tool itself asks; and the bridge warns of nothing."""
    monkeypatch.setattr("signoff_agents.agno.rows.POLL", 60)
    bank = Bank()
    held = approval(gated(desk.gate(), bank.tool(requires_user_input=True), title="Asked by the tool"))
    made = agent(pays(3), tools=[held], db=sqlite(tmp_path), id="payer")
    run = made.run("pay", session_id=desk.run)
    desk.people(None)
    db = sqlite(tmp_path)
    async with bridge(desk, db, runners=[made]):
        await asyncio.to_thread(desk.waiting)
        db.update_approval(row(tmp_path)["id"], expected_status="pending", status="rejected")
        going = asyncio.create_task(made.acontinue_run(run_id=run.run_id, session_id=desk.run))  # type: ignore[arg-type]
        asked = await asyncio.to_thread(desk.waiting, 2)
        desk.decide(next(one for one in asked if one["title"] == "Asked by the tool"), reject("not this"))
        ended = await going
    assert said(ended) == ["Ada Okafor rejected this call of pay: not this. Do not try this again."]
    assert not bank.paid
    assert "waits for user input in AgentOS" not in caplog.text


async def test_tool_of_a_known_runner_that_is_not_gated(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The bridge sees that it is not; a confirmation that is rejected in AgentOS does not run, and needs no warning."""
    bank = Bank()
    desk.people(approve)
    for kind, warned in (("requires_confirmation", False), ("requires_user_input", True)):
        made = agent(pays(3), tools=[tool(bank, kind)], db=sqlite(tmp_path), id="payer")
        made.run("pay", session_id=desk.run)
        told = sqlite(tmp_path).get_approvals(status="pending")[0][0]
        await ApprovalsBridge(sqlite(tmp_path), desk.gate(), runners=[made]).decide(told)
        assert ("gated(gate, pay) keeps it from that." in caplog.text) is warned


async def test_two_bridges(desk: Desk, tmp_path: Path) -> None:
    """Both write the same; the second one does not undo what the first one wrote."""
    bank = Bank()
    run = pause(bank, "requires_user_input", tmp_path, desk.run)
    desk.people(reject("no"))
    two = [ApprovalsBridge(sqlite(tmp_path), desk.gate()) for _ in range(2)]
    went = await asyncio.gather(*(one.decide(row(tmp_path)) for one in two))
    assert went == [True, True]
    await go_on(bank, "requires_user_input", tmp_path, run)
    assert not bank.paid
    assert len(desk.requests()) == 1


async def test_signoff_is_first(desk: Desk, tmp_path: Path) -> None:
    """A row that is decided here cannot be decided in AgentOS any more."""
    pause(Bank(), "requires_confirmation", tmp_path, desk.run)
    desk.people(approve)
    async with bridge(desk, sqlite(tmp_path)):
        told = await decided(tmp_path)
    assert sqlite(tmp_path).update_approval(told["id"], expected_status="pending", status="rejected") is None


async def test_agentos_decides_at_the_last_moment(desk: Desk, tmp_path: Path) -> None:
    """Rejected here, approved there just before it is written: the run is as it was, and goes on as AgentOS said."""
    bank = Bank()
    run = pause(bank, "requires_user_input", tmp_path, desk.run)
    desk.people(reject("no"))
    db = sqlite(tmp_path)
    write = db.update_approval

    def late(approval_id: str, expected_status: str | None = None, **values: Any) -> Any:
        write(approval_id, expected_status="pending", status="approved")
        return write(approval_id, expected_status=expected_status, **values)

    db.update_approval = late  # type: ignore[method-assign]
    made = ApprovalsBridge(db, desk.gate())
    assert await made.decide(row(tmp_path)) is False
    assert row(tmp_path)["status"] == "approved"
    await go_on(bank, "requires_user_input", tmp_path, run)
    assert bank.paid == ["p0 3"]


async def test_bridge_that_died_before_it_wrote(desk: Desk, tmp_path: Path) -> None:
    """Its approval is burnt and the row pending, so nothing has run: the next one writes what was decided, unasked."""
    bank = Bank()
    run = pause(bank, "requires_confirmation", tmp_path, desk.run)
    desk.people(approve)
    db = sqlite(tmp_path)

    def dies(*_: object, **__: object) -> None:
        raise ConnectionError

    db.update_approval = dies  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await ApprovalsBridge(db, desk.gate()).decide(row(tmp_path))
    assert await ApprovalsBridge(sqlite(tmp_path), desk.gate()).decide(row(tmp_path)) is True
    await go_on(bank, "requires_confirmation", tmp_path, run)
    assert bank.paid == ["p0 3"]
    assert len(desk.requests()) == 1


async def test_run_that_cannot_be_written(desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In a database that keeps no runs of its own, a rejection that agno would run stays pending, and says so."""
    pause(Bank(), "requires_user_input", tmp_path, desk.run)
    desk.people(reject("no"))
    db = sqlite(tmp_path)
    db.get_runs = lambda **_: []  # type: ignore[method-assign]
    assert await ApprovalsBridge(db, desk.gate()).decide(row(tmp_path)) is False
    assert row(tmp_path)["status"] == "pending"
    assert "cannot be written" in caplog.text


async def test_service_away(desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The row stays pending, and is asked about again."""
    pause(Bank(), "requires_confirmation", tmp_path, desk.run)
    task = asyncio.create_task(ApprovalsBridge(sqlite(tmp_path), desk.away(), poll=0.01).run())
    await asyncio.to_thread(eventually, lambda: caplog.text.count("could not be decided here") > 1)
    assert not task.done()
    task.cancel()
    assert row(tmp_path)["status"] == "pending"


async def test_tools_of_known_runners(desk: Desk, tmp_path: Path) -> None:
    """With the agent at hand people see what the tool takes, and cannot edit anything else into it."""
    bank = Bank()
    made = agent(pays(3), tools=[tool(bank, "requires_confirmation")], db=sqlite(tmp_path), id="payer")
    made.run("pay", session_id=desk.run)
    desk.people(None)
    async with bridge(desk, sqlite(tmp_path), runners=[made], tools={"pay": {"risk": "high"}}):
        [asked] = await asyncio.to_thread(desk.waiting)
        assert desk.decide(asked, edit(amount="a lot"))[0] == 422
    assert (asked["risk"], asked["schema"]["properties"]["to"]["type"]) == ("high", "string")


@pytest.mark.parametrize("decision", [approve, reject("no")])
async def test_member_of_a_team(desk: Desk, decision: Any, tmp_path: Path) -> None:
    """A row of a team's member: what was decided holds when the team goes on, made anew."""
    bank = Bank()

    def made(*turns: Any) -> Any:
        payer = agent(*turns, tools=[tool(bank, "requires_user_input")], name="payer", id="payer", db=sqlite(tmp_path))
        return team(*([delegate("payer")] if turns else []), members=[payer], db=sqlite(tmp_path))

    run = made(pays(3)).run("pay", session_id=desk.run)
    assert run.is_paused
    desk.people(decision)
    db = sqlite(tmp_path)
    async with bridge(desk, db):
        await asyncio.to_thread(eventually, lambda: db.get_approvals(status="pending")[1] == 0)
    ended = await asyncio.to_thread(made().continue_run, run_id=run.run_id, session_id=desk.run)
    assert bank.paid == (["p0 3"] if decision == approve else [])
    assert not ended.is_paused


# ── the driver ───────────────────────────────────────────────────────────────────────────────────


@DATABASES
@pytest.mark.parametrize("kind", KINDS[:2])
async def test_driver_decides_the_row(desk: Desk, kind: str, database: Any, tmp_path: Path) -> None:
    """A run that is driven here leaves no pending row behind."""
    bank = Bank()
    desk.people(edit(amount=4))
    made = agent(pays(3), tools=[tool(bank, kind)], db=database(tmp_path))
    run = await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run)
    assert (bank.paid, run.content) == (["p0 4"], "done")
    assert (row(tmp_path)["status"], row(tmp_path)["resolved_by"]) == ("approved", "signoff: Ada Okafor")


@pytest.mark.parametrize("in_team", [True, False])
@pytest.mark.parametrize("kind", KINDS[:2])
async def test_driver_keeps_a_rejected_call_from_an_approved_row(
    desk: Desk, kind: str, in_team: bool, tmp_path: Path
) -> None:
    """One row for two calls, one of them rejected: it does not run, in a team that reads the row again neither."""
    bank = Bank()
    desk.people(lambda asked: reject("not this") if asked["arguments"]["amount"] == 2 else approve)
    options: Any = {"tools": [tool(bank, kind)], "db": sqlite(tmp_path)}
    made = (
        team(pays(1, 2), members=[agent(tools=[], name="idle")], **options) if in_team else agent(pays(1, 2), **options)
    )
    run = await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run)
    assert bank.paid == ["p0 1"]
    assert any("not this" in one for one in said(run))
    assert row(tmp_path)["status"] == "approved"


@pytest.mark.parametrize(
    ("values", "paid", "text"),
    [
        ({"status": "approved"}, ["p0 3"], "paid p0 3"),
        ({"status": "approved", "resolution_data": {"values": {"amount": 2}}}, ["p0 2"], "paid p0 2"),
        ({"status": "approved", "resolution_data": {"values": {"amount": "x"}}}, [], "do not fit it"),
        (
            {"status": "rejected", "resolved_by": "Max", "resolution_data": {"note": "no money"}},
            [],
            "Max rejected this call of pay in AgentOS: no money",
        ),
        ({"status": "expired"}, [], "This call of pay ended as expired in AgentOS"),
    ],
)
async def test_driver_follows_agentos(
    desk: Desk, values: dict[str, Any], paid: list[str], text: str, tmp_path: Path
) -> None:
    """Decided in AgentOS while people think here: the request is taken back, and the run goes on as was said there."""
    bank = Bank()
    desk.people(None)
    made = agent(pays(3), tools=[tool(bank, "requires_user_input")], db=sqlite(tmp_path))
    task = asyncio.create_task(run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run))
    await asyncio.to_thread(desk.waiting)
    sqlite(tmp_path).update_approval(row(tmp_path)["id"], expected_status="pending", **values)
    run = await task
    assert bank.paid == paid
    assert text in said(run)[0]
    assert desk.requests()[0]["status"] == "cancelled"


async def test_driver_is_overruled_at_the_last_moment(desk: Desk, tmp_path: Path) -> None:
    """Approved here, rejected there just before it is written: it does not run, and the card says why."""
    bank = Bank()
    desk.people(approve)
    db = sqlite(tmp_path)
    write = db.update_approval

    def late(approval_id: str, expected_status: str | None = None, **values: Any) -> Any:
        write(approval_id, expected_status="pending", status="rejected", resolved_by="Max")
        return write(approval_id, expected_status=expected_status, **values)

    db.update_approval = late  # type: ignore[method-assign]
    made = agent(pays(3), tools=[tool(bank, "requires_user_input")], db=db)
    run = await run_with_approvals(made, "pay", gate=desk.gate(), session_id=desk.run)
    assert said(run) == ["Max rejected this call of pay in AgentOS: no reason was given."]
    assert not bank.paid
    assert desk.requests()[0]["outcome"]["detail"] == "Not run: AgentOS had decided before."


async def test_driver_asks_nobody_about_what_is_decided(desk: Desk, tmp_path: Path) -> None:
    """Decided in AgentOS before the run is taken up: it goes on as was said there, and no card is made."""
    bank = Bank()
    run = pause(bank, "requires_confirmation", tmp_path, desk.run)
    sqlite(tmp_path).update_approval(row(tmp_path)["id"], status="approved", resolved_by="Max")
    made = agent(tools=[tool(bank, "requires_confirmation")], db=sqlite(tmp_path))
    ended = await resume(made, session_id=desk.run, run_id=run.run_id, gate=desk.gate())
    assert (bank.paid, ended.content) == (["p0 3"], "done")
    assert not desk.requests()
