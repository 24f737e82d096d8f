"""Gated functions that return placeholders at once, and run once each when they have been approved."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
from batchkit import Crowd

from signoff import Cancelled, Failure, Gate, Pending, Unavailable, call
from signoff.client import requests as verbs
from signoff.client import wire as wires
from signoff.client.context import Identity
from signoff.client.together import Member


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def gate(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    monkeypatch.setattr(verbs, "Wire", lambda *_: crowd)
    monkeypatch.setattr(verbs, "REPORT_PATIENCE", 0.005)
    monkeypatch.setattr(wires, "FIRST_PAUSE", 0.001)
    made = Gate("http://service.invalid", "so_test", agent="support-agent", patience=0.02)
    yield made
    made.blocking.close()


class Refunds:
    """An async and a sync tool that remember what they ran with."""

    def __init__(self, gate: Gate) -> None:
        self.ran: list[tuple[str, float]] = []
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

        @gate.tool
        async def issue_refund(order: str, amount: float) -> str:
            self.started.set()
            await self.go.wait()
            self.ran.append((order, amount))
            if amount < 0:
                raise ValueError("nothing to refund")
            return f"refunded {amount}"

        @gate.tool
        def note(order: str) -> int:
            self.ran.append((order, 0))
            return len(self.ran)

        self.issue_refund = issue_refund
        self.note = note


async def test_calls_return_numbered_placeholders_and_ask_when_the_block_ends(gate: Gate, crowd: Crowd) -> None:
    """Nothing is sent before; then all of it is one batch, in the order of the calls."""
    tools = Refunds(gate)
    async with gate.deferred("Month-end refunds"):
        one, two = await tools.issue_refund("A-1", 20), tools.note("A-2")
        assert crowd.calls == []
    assert [str(one), str(two)] == ["PENDING_APPROVAL_1", "PENDING_APPROVAL_2"]
    assert isinstance(one, Pending)
    assert one.number == 1
    assert json.dumps(one) == '"PENDING_APPROVAL_1"'
    (body,) = crowd.posts("/batches")
    assert body["title"] == "Month-end refunds"
    assert [asked["tool"] for asked in body["requests"]] == ["issue_refund", "note"]  # type: ignore[attr-defined]
    assert tools.ran == []


async def test_waiting_gives_results_by_number(gate: Gate, crowd: Crowd) -> None:
    """Approved ones ran, once each and with what was approved; the others say why not; outcomes are reported."""
    tools = Refunds(gate)
    async with gate.deferred() as batch:
        for amount in (20, 30, 40, -1, 50):
            await tools.issue_refund("A-1", amount)
        tools.note("A-2")
    waiting = asyncio.ensure_future(batch.wait_for_approvals())
    await crowd.decide(1, "approve")
    await crowd.decide(2, "edit", arguments={"order": "A-1", "amount": 25})
    await crowd.decide(3, "reject", message="not our customer", retry="never")
    await crowd.decide(4, "approve")
    await crowd.decide(5, "expire")
    await crowd.decide(6, "approve")
    results = await waiting
    assert results == {
        1: "refunded 20.0",
        2: "refunded 25.0",
        3: "REJECTED: Ada rejected this call of issue_refund: not our customer. Do not try this again.",
        4: "FAILED: ValueError: nothing to refund",
        5: f"EXPIRED: {results[5].error}",  # type: ignore[attr-defined]
        6: 4,
    }
    assert tools.ran == [("A-1", 20), ("A-1", 25), ("A-1", -1), ("A-2", 0)]
    assert [one["status"] for one in crowd.posts("/outcome")] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert len(crowd.posts("/consume")) == 4
    assert await batch.wait_for_approvals() == results
    assert len(tools.ran) == 4


async def test_a_result_can_be_told_from_a_text_that_looks_like_a_refusal(gate: Gate, crowd: Crowd) -> None:
    """What stands for an error carries it."""
    tools = Refunds(gate)
    async with gate.deferred() as batch:
        await tools.issue_refund("A-1", -1)
    await crowd.decide(1, "approve")
    failed = (await batch.wait_for_approvals())[1]
    assert isinstance(failed, Failure)
    assert isinstance(failed.error, ValueError)


async def test_without_waiting_they_run_when_approved(gate: Gate, crowd: Crowd) -> None:
    """In the background, kept alive by the gate alone."""
    tools = Refunds(gate)
    async with gate.deferred():
        await tools.issue_refund("A-1", 20)
    await crowd.decide(1, "approve")
    await tools.started.wait()
    await crowd.posted("/outcome")
    assert tools.ran == [("A-1", 20)]


async def test_waiting_inside_the_block_asks_and_goes_on(gate: Gate, crowd: Crowd) -> None:
    """What follows is another batch with the next numbers; results of both are told together."""
    tools = Refunds(gate)
    async with gate.deferred() as batch:
        await tools.issue_refund("A-1", 20)
        waiting = asyncio.ensure_future(batch.wait_for_approvals())
        await crowd.asked.wait()
        await crowd.decide(1, "approve")
        assert await waiting == {1: "refunded 20.0"}
        assert await tools.issue_refund("A-2", 30) == "PENDING_APPROVAL_2"
    await crowd.decide(2, "reject", message="no")
    assert list(await batch.wait_for_approvals()) == [1, 2]
    assert len(crowd.batches) == 2


async def test_an_error_in_the_block_asks_for_nothing(gate: Gate, crowd: Crowd) -> None:
    """Its calls are as if cancelled."""
    tools = Refunds(gate)
    batch = gate.deferred()

    async def block() -> None:
        async with batch:
            await tools.issue_refund("A-1", 20)
            raise LookupError

    with pytest.raises(LookupError):
        await block()
    assert crowd.calls == []
    (result,) = (await batch.wait_for_approvals()).values()
    assert str(result).startswith("CANCELLED: ")


async def test_with_the_service_away_nothing_runs(gate: Gate, crowd: Crowd) -> None:
    """The end of the block says so, and so does every call's result."""
    tools = Refunds(gate)
    crowd.away = True
    with pytest.raises(Unavailable):
        async with gate.deferred() as batch:
            await tools.issue_refund("A-1", 20)
    results = await batch.wait_for_approvals()
    assert str(results[1]).startswith("UNAVAILABLE: ")
    assert tools.ran == []


async def test_inside_the_block_waiting_tells_that_the_service_is_away(gate: Gate, crowd: Crowd) -> None:
    """As a value that a model can read; the block does not fail on top of that."""
    tools = Refunds(gate)
    crowd.away = True
    async with gate.deferred() as batch:
        await tools.issue_refund("A-1", 20)
        assert str((await batch.wait_for_approvals())[1]).startswith("UNAVAILABLE: ")
    assert tools.ran == []


async def test_a_gate_that_returns_refusals_does_not_raise_at_the_end_of_the_block(crowd: Crowd, gate: Gate) -> None:
    """Whoever wants texts gets texts."""
    quiet = Gate(api_key="so_test", on_reject="return", patience=0.01)
    tools = Refunds(quiet)
    crowd.away = True
    async with quiet.deferred() as batch:
        await tools.issue_refund("A-1", 20)
    assert str((await batch.wait_for_approvals())[1]).startswith("UNAVAILABLE: ")


async def test_an_approval_that_cannot_be_consumed_runs_nothing(gate: Gate, crowd: Crowd) -> None:
    """The service goes away between approval and run; or somebody used the approval already."""
    tools = Refunds(gate)
    async with gate.deferred() as batch:
        await tools.issue_refund("A-1", 20)
        await tools.issue_refund("A-2", 30)
    crowd.records["req_1"]["consumed_at"] = "2026-11-20T08:00:59.000Z"
    answer = crowd._consumed

    def lost(record: dict[str, object], body: dict[str, object]) -> wires.Reply:
        if record["id"] == "req_2":
            raise wires.Lost("Connection reset")
        return answer(record, body)

    crowd._consumed = lost  # type: ignore[method-assign]
    waiting = asyncio.ensure_future(batch.wait_for_approvals())
    await crowd.decide(1, "approve")
    await crowd.decide(2, "approve")
    results = await waiting
    assert str(results[1]).startswith("ALREADY STARTED: ")
    assert str(results[2]).startswith("UNAVAILABLE: ")
    assert tools.ran == []


async def test_blocks_do_not_nest(gate: Gate, crowd: Crowd) -> None:
    """Which of them a call belongs to would be a guess."""
    async with gate.deferred() as outer:
        with pytest.raises(RuntimeError, match="inside another"):
            async with gate.deferred():
                pass
    with pytest.raises(RuntimeError, match="entered once"):
        async with outer:
            pass
    async with gate.deferred():
        pass


async def test_blocks_of_tasks_beside_each_other_do_not_mix(gate: Gate, crowd: Crowd) -> None:
    """Each task's calls are its own block's; a task without one waits for its approval as ever."""
    tools = Refunds(gate)
    inside = asyncio.Event()
    leave = asyncio.Event()

    async def deferring(order: str) -> object:
        async with gate.deferred():
            inside.set()
            made = await tools.issue_refund(order, 20)
            await leave.wait()
            return made

    tasks = [asyncio.ensure_future(deferring(order)) for order in ("A-1", "A-2")]
    await inside.wait()
    plain = asyncio.ensure_future(tools.issue_refund("A-3", 30))
    await crowd.asked.wait()
    await crowd.decide(1, "approve")
    assert await plain == "refunded 30.0"
    leave.set()
    assert await asyncio.gather(*tasks) == ["PENDING_APPROVAL_1", "PENDING_APPROVAL_1"]
    assert [len(ids) for ids in crowd.batches.values()] == [1, 1]


async def test_tasks_of_the_block_belong_to_it(gate: Gate, crowd: Crowd) -> None:
    """Frameworks call tools in tasks and threads of their own."""
    tools = Refunds(gate)
    async with gate.deferred() as batch:
        await asyncio.gather(tools.issue_refund("A-1", 20), asyncio.to_thread(tools.note, "A-2"))
    for number in (1, 2):
        await crowd.decide(number, "approve")
    assert len(await batch.wait_for_approvals()) == 2


async def test_another_gates_functions_are_not_deferred(gate: Gate, crowd: Crowd) -> None:
    """The block is of one gate."""
    tools = Refunds(Gate(api_key="so_test"))
    async with gate.deferred():
        waiting = asyncio.ensure_future(tools.issue_refund("A-1", 20))
        await crowd.asked.wait()
        await crowd.decide(1, "approve")
        assert await waiting == "refunded 20.0"


async def test_what_a_deferred_function_calls_is_asked_about_by_itself(gate: Gate, crowd: Crowd) -> None:
    """It runs in the context of its call: the same run, outside of the block."""
    tools = Refunds(gate)

    @gate.tool
    async def close_order(order: str) -> str:
        return str(await tools.issue_refund(order, 20))

    with call(run_id="run-7", tool_call_id="c1"):
        async with gate.deferred() as batch:
            await close_order("A-1")
    waiting = asyncio.ensure_future(batch.wait_for_approvals())
    crowd.asked.clear()
    await crowd.decide(1, "approve")
    await crowd.asked.wait()
    assert (crowd.records["req_2"]["run_id"], crowd.records["req_2"]["tool_call_id"]) == ("run-7", "c1")
    await crowd.decide(2, "approve")
    assert await waiting == {1: "refunded 20.0"}


async def test_what_runs_while_the_block_is_open_is_outside_of_it(gate: Gate, crowd: Crowd) -> None:
    """A function that is waited for inside the block gets what it calls, not a placeholder."""
    tools = Refunds(gate)

    @gate.tool
    async def close_order(order: str) -> str:
        return str(await tools.issue_refund(order, 20))

    async with gate.deferred() as batch:
        await close_order("A-1")
        waiting = asyncio.ensure_future(batch.wait_for_approvals())
        await crowd.posted("/batches")
        await asyncio.sleep(0)
        await crowd.decide(1, "approve")
        await crowd.posted("/requests")
        await asyncio.sleep(0)
        await crowd.decide(2, "approve")
        assert await waiting == {1: "refunded 20.0"}


async def test_a_restarted_agent_runs_nothing_twice(gate: Gate, crowd: Crowd) -> None:
    """The same block of the same run finds its batch; what was started is not started again."""
    tools = Refunds(gate)

    async def block() -> dict[int, object]:
        with call(run_id="run-7", tool_call_id="c1"):
            async with gate.deferred() as batch:
                await tools.issue_refund("A-1", 20)
                await tools.issue_refund("A-2", 30)
        for number in (1, 2):
            if crowd.records[f"req_{number}"]["decision"] is None:
                await crowd.decide(number, "approve")
        return await batch.wait_for_approvals()

    assert await block() == {1: "refunded 20.0", 2: "refunded 30.0"}
    assert all(str(one).startswith("ALREADY STARTED: ") for one in (await block()).values())
    assert tools.ran == [("A-1", 20), ("A-2", 30)]
    assert len(crowd.batches) == 1


async def test_to_stop_waiting_does_not_stop_what_runs(gate: Gate, crowd: Crowd) -> None:
    """Somebody who loses patience may ask again later."""
    tools = Refunds(gate)
    async with gate.deferred() as batch:
        await tools.issue_refund("A-1", 20)
    waiting = asyncio.ensure_future(batch.wait_for_approvals())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await crowd.decide(1, "approve")
    assert await batch.wait_for_approvals() == {1: "refunded 20.0"}


async def test_a_closed_gate_runs_nothing_more(gate: Gate, crowd: Crowd, caplog: pytest.LogCaptureFixture) -> None:
    """What is not approved by then stays asked; that it will not run here is a warning in the log."""
    tools = Refunds(gate)
    async with gate.deferred() as batch:
        await tools.issue_refund("A-1", 20)
    with caplog.at_level(logging.WARNING, "signoff"):
        await gate.aclose()
    await crowd.decide(1, "approve")
    assert str((await batch.wait_for_approvals())[1]).startswith("UNAVAILABLE: ")
    assert tools.ran == []
    assert "PENDING_APPROVAL_1, a call of issue_refund, will not run" in caplog.text


async def test_a_function_that_is_stopped_while_it_runs_is_reported(gate: Gate, crowd: Crowd) -> None:
    """Closing the gate in the middle of a run says on the card that it failed."""
    tools = Refunds(gate)
    tools.go.clear()
    async with gate.deferred():
        await tools.issue_refund("A-1", 20)
    await crowd.decide(1, "approve")
    await tools.started.wait()
    await gate.aclose()
    assert [one["status"] for one in crowd.posts("/outcome")] == ["failed"]


async def test_what_fails_with_nobody_waiting_is_logged_without_its_text(
    gate: Gate, crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it arose, not what it says: it may quote a secret (I13)."""
    tools = Refunds(gate)
    with caplog.at_level(logging.WARNING, "signoff"):
        async with gate.deferred():
            await tools.issue_refund("A-1", -1)
        await crowd.decide(1, "approve")
        await crowd.posted("/outcome")
        await asyncio.wait(set(gate._running))
    assert "ValueError" in caplog.text
    assert "nothing to refund" not in caplog.text


async def test_after_the_block_a_call_waits_as_ever(gate: Gate, crowd: Crowd) -> None:
    """Also in a task that the block left behind."""
    tools = Refunds(gate)
    later = asyncio.Event()

    async def left_behind() -> object:
        await later.wait()
        return await tools.issue_refund("A-1", 20)

    async with gate.deferred():
        task = asyncio.ensure_future(left_behind())
    later.set()
    await crowd.asked.wait()
    await crowd.decide(1, "approve")
    assert await task == "refunded 20.0"


async def test_an_answer_takes_the_place_of_the_run(gate: Gate, crowd: Crowd) -> None:
    """`respond` is the result; the function does not run."""
    ran: list[str] = []

    @gate.tool(allowed_decisions=["respond", "reject"])
    async def ask_owner(question: str) -> str:
        ran.append(question)
        return "nobody"

    async with gate.deferred() as batch:
        await ask_owner("Which one?")
    await crowd.decide(1, "respond", response="the red one")
    assert await batch.wait_for_approvals() == {1: "the red one"}
    assert ran == []


def test_cancelled_is_what_a_call_gets_that_comes_too_late() -> None:
    """A thread whose block has ended at the same moment asks nobody."""
    gate = Gate(api_key="so_test")
    with pytest.raises(Cancelled):
        gate.deferred().take(Member("deploy", {}, Identity(None, None, "k", {})), _perform)


async def _perform(_: object) -> object: ...
