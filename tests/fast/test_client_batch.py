"""Several calls asked about at once: sent together, decided each by itself, nothing taken for granted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest
from batchkit import Crowd

import signoff
from signoff import AlreadyStarted, Doubtful, Gate, Rejected, Repeated, Unavailable, cli
from signoff.client import requests as verbs
from signoff.client import wire as wires

HITL: dict[str, list[dict[str, object]]] = {
    "action_requests": [
        {"name": "transfer", "args": {"to": "ada", "amount": 20}, "description": "Money leaves"},
        {"name": "transfer", "args": {"to": "bob", "amount": 30}},
        {"name": "ask_user", "args": {"question": "Which one?"}},
    ],
    "review_configs": [
        {"action_name": "transfer", "allowed_decisions": ["approve", "edit", "reject"]},
        {"action_name": "ask_user", "allowed_decisions": ["respond"]},
    ],
}


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def gate(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    monkeypatch.setattr(verbs, "Wire", lambda *_: crowd)
    monkeypatch.setattr(verbs, "LOOK", 0.001)
    monkeypatch.setattr(wires, "FIRST_PAUSE", 0.001)
    made = Gate("http://service.invalid", "so_test", agent="support-agent", patience=0.02)
    yield made
    made.blocking.close()


async def test_the_block_asks_about_all_of_it_at_once(gate: Gate, crowd: Crowd) -> None:
    """One call to the service, with the title, the batch's fields, and each call's own over them."""
    async with gate.batch("Month-end refunds", risk="low", reason="End of month") as batch:
        batch.add("issue_refund", {"order": "A-1"})
        batch.add("issue_refund", {"order": "A-2"}, risk="medium", title="Second")
        assert not crowd.calls
    ((_, path, body),) = crowd.calls
    assert (path, body["title"], len(batch)) == ("/v1/batches", "Month-end refunds", 2)
    shared = {"tool": "issue_refund", "agent": "support-agent", "reason": "End of month"}
    assert body["requests"] == [
        {**shared, "arguments": {"order": "A-1"}, "risk": "low"},
        {**shared, "arguments": {"order": "A-2"}, "risk": "medium", "title": "Second"},
    ]


async def test_an_error_in_the_block_asks_for_nothing(gate: Gate, crowd: Crowd) -> None:
    """What was meant as one thing is not asked about in part."""

    async def block() -> None:
        async with gate.batch() as batch:
            batch.add("issue_refund", {"order": "A-1"})
            raise LookupError

    with pytest.raises(LookupError):
        await block()
    assert crowd.calls == []


async def test_decisions_come_in_the_order_of_the_calls(gate: Gate, crowd: Crowd) -> None:
    """All together, refusals as decisions among them; none is consumed by that."""
    async with gate.batch() as batch:
        for order in ("A-1", "A-2", "A-3"):
            batch.add("issue_refund", {"order": order})
    waiting = asyncio.ensure_future(batch.decisions())
    await crowd.decide(3, "approve")
    await crowd.decide(1, "reject", message="no")
    await crowd.decide(2, "expire")
    found = await waiting
    assert [(one.index, one.kind, one.approved) for one in found] == [
        (0, "reject", False),
        (1, "expire", False),
        (2, "approve", True),
    ]
    assert crowd.posts("/consume") == []
    await gate.consume(found[2])
    with pytest.raises(AlreadyStarted):
        await gate.consume(found[2])


async def test_decisions_can_be_taken_as_they_come(gate: Gate, crowd: Crowd) -> None:
    """Each is there as soon as it is made, and says which call it is about; a second look begins from the start."""
    async with gate.batch() as batch:
        batch.add("issue_refund", {"order": "A-1"})
        batch.add("issue_refund", {"order": "A-2"})
    coming = aiter(batch)
    await crowd.decide(2, "approve")
    first = await anext(coming)
    assert (first.index, first.arguments) == (1, {"order": "A-2"})
    await crowd.decide(1, "approve")
    assert [one.index async for one in coming] == [0]
    assert [one.index async for one in batch] == [1, 0]


async def test_one_call_can_be_awaited_by_itself(gate: Gate, crowd: Crowd) -> None:
    """It is there before the others are decided, and its refusal is raised as `ask` raises it."""
    batch = gate.batch()
    one, two = batch.add("deploy", {"service": "api"}), batch.add("deploy", {"service": "web"})
    everything = asyncio.ensure_future(batch.decisions())
    single = asyncio.ensure_future(_of(two))
    await crowd.asked.wait()
    await crowd.decide(2, "reject", message="not today")
    with pytest.raises(Rejected, match="not today"):
        await single
    assert not everything.done()
    await crowd.decide(1, "approve")
    assert (await one).approved
    await everything


async def _of(asked: object) -> object:
    return await asked  # type: ignore[misc]


async def test_nothing_is_added_after_it_was_sent(gate: Gate, crowd: Crowd) -> None:
    """People have been shown what there was."""
    batch = gate.batch()
    batch.add("deploy", {"service": "api"})
    await batch.send()
    with pytest.raises(RuntimeError, match="has been sent"):
        batch.add("deploy", {"service": "web"})


async def test_an_empty_batch_asks_nobody(gate: Gate, crowd: Crowd) -> None:
    """There is nothing to decide, and that is decided at once."""
    async with gate.batch("Nothing") as batch:
        pass
    assert await batch.decisions() == []
    assert [one async for one in batch] == []
    assert crowd.calls == []


@pytest.mark.parametrize("how", ["away", "unheard"])
async def test_a_service_that_is_away_decides_nothing(gate: Gate, crowd: Crowd, how: str) -> None:
    """The block raises; sent again later, nobody is asked twice, also where only the answer was lost."""
    setattr(crowd, how, True)
    with pytest.raises(Unavailable, match='the batch "Refunds"'):
        async with gate.batch("Refunds") as batch:
            batch.add("issue_refund", {"order": "A-1"})
    setattr(crowd, how, False)
    await batch.send()
    await batch.send()
    assert len(crowd.batches) == 1


@pytest.mark.usefixtures("gate")
async def test_an_outage_is_waited_out_once_for_all_who_wait(crowd: Crowd) -> None:
    """Each hears of it, and none of them tries anew what another has just given up; later it can be sent again."""
    crowd.unheard = True
    batch = Gate("http://service.invalid", "so_test", patience=0).batch()
    for call in range(3):
        batch.add("issue_refund", {"order": call})
    told = await asyncio.gather(*map(batch.decision, range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [Unavailable] * 3
    assert [path for _, path, _ in crowd.calls] == ["/v1/batches"]
    crowd.unheard = False
    await batch.send()
    assert len(crowd.batches) == 1


async def test_who_stops_waiting_takes_the_batch_from_nobody(gate: Gate, crowd: Crowd) -> None:
    """It is sent as long as somebody waits for one of its calls, and given up with the last one."""
    crowd.away = True
    batch = gate.batch()
    for call in range(2):
        batch.add("issue_refund", {"order": call})
    first, second = (asyncio.ensure_future(batch.decision(index)) for index in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    crowd.away = False
    await crowd.asked.wait()
    await crowd.decide(2, "approve")
    assert (await second).kind == "approve"

    crowd.away = True
    batch = gate.batch()
    batch.add("issue_refund", {"order": "A-3"})
    waiting = asyncio.ensure_future(batch.decision(0))
    await asyncio.sleep(0)
    before = asyncio.all_tasks() - {waiting}
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.gather(*(before - {asyncio.current_task()}), return_exceptions=True)
    crowd.away = False
    assert len(crowd.batches) == 1


async def test_who_asks_again_while_a_send_is_given_up_is_not_cancelled_with_it(gate: Gate, crowd: Crowd) -> None:
    """As after a timeout that is too short: the same task sends it at once again."""
    crowd.away = True
    batch = gate.batch()
    batch.add("issue_refund", {"order": "A-1"})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await batch.send()
    crowd.away = False
    await batch.send()
    assert len(crowd.batches) == 1


async def test_a_restarted_agent_finds_its_batch_by_its_calls(gate: Gate, crowd: Crowd) -> None:
    """With run and tool call known for each; other calls of the run are another batch."""

    async def ask(*calls: str) -> list[signoff.Decision]:
        async with Gate(agent="support-agent", api_key="so_test", run_id="run-7").batch() as batch:
            for call in calls:
                batch.add("issue_refund", {"order": call}, tool_call_id=call)
        return await batch.decisions()

    first = asyncio.ensure_future(ask("c1", "c2"))
    await crowd.asked.wait()
    await crowd.decide(1, "approve")
    await crowd.decide(2, "reject")
    again = await ask("c1", "c2")
    assert [one.id for one in again] == [one.id for one in await first]
    other = asyncio.ensure_future(ask("c1", "c3"))
    await crowd.posted("/batches", 3)
    await asyncio.sleep(0)
    other.cancel()
    assert len(crowd.batches) == 2


async def test_a_restarted_agent_finds_its_batch_by_what_is_in_it(gate: Gate, crowd: Crowd) -> None:
    """With only the run known; the same again after its end is another, in the same process as after a restart."""

    async def ask(gate: Gate) -> str:
        batch = gate.batch("Refunds", run_id="run-7")
        batch.add("issue_refund", {"order": "A-1"})
        await batch.send()
        number = len(crowd.batches)
        if crowd.records[f"req_{number}"]["decision"] is None:
            await crowd.decide(number, "approve")
        return (await batch.decisions())[0].id

    def fresh() -> Gate:
        return Gate(api_key="so_test")

    one = fresh()
    assert [await ask(one), await ask(one)] == ["req_1", "req_2"]
    restarted = fresh()
    assert [await ask(restarted), await ask(restarted)] == ["req_1", "req_2"]


async def test_without_a_run_every_batch_is_new(gate: Gate, crowd: Crowd) -> None:
    """Nobody can tell two that are alike apart."""
    for _ in range(2):
        async with gate.batch() as batch:
            batch.add("issue_refund", {"order": "A-1"})
    assert len(crowd.batches) == 2


@pytest.mark.parametrize("fault", ["fewer", "other tool", "other arguments", "other id", "other tool later"])
async def test_an_answer_about_something_else_counts_for_nothing(gate: Gate, crowd: Crowd, fault: str) -> None:
    """Fewer calls, another tool, other arguments, other ids: no decision is taken from it."""
    batch = gate.batch()
    batch.add("issue_refund", {"order": "A-1"})
    batch.add("issue_refund", {"order": "A-2"})
    if fault == "other id":
        await batch.send()
        crowd.batches["bat_1"] = [crowd.record(dict(crowd.records["req_1"])), "req_2"]
        await crowd.decide(3, "approve")
        await crowd.decide(2, "approve")
    elif fault == "other tool later":
        await batch.send()
        crowd.records["req_2"]["tool"] = "drop_table"
        await crowd.decide(1, "approve")
        await crowd.decide(2, "approve")
    else:
        opened = crowd.opened

        def wrong(key: str, body: dict[str, object]) -> None:
            opened(key, body)
            if fault == "fewer":
                crowd.batches["bat_1"].pop()
            elif fault == "other tool":
                crowd.records["req_2"]["tool"] = "drop_table"
            else:
                crowd.records["req_2"]["arguments"] = {"order": "A-9"}

        crowd.opened = wrong  # type: ignore[method-assign]
    with pytest.raises(Doubtful):
        await batch.decisions()


def test_a_batch_works_without_async(gate: Gate, crowd: Crowd) -> None:
    """The same, over the background loop."""
    with gate.blocking.batch("Refunds") as batch:
        assert batch.add("issue_refund", {"order": "A-1"}) == 0
        assert batch.add("issue_refund", {"order": "A-2"}) == 1
    crowd.settle(2, "approve")
    crowd.settle(1, "reject", message="no")
    assert [one.kind for one in batch.decisions()] == ["reject", "approve"]
    assert sorted(str(one.index) for one in batch) == ["0", "1"]
    with pytest.raises(Rejected):
        batch.decision(0)


# ── LangChain ────────────────────────────────────────────────────────────────────────────────────


async def test_a_hitl_request_comes_back_as_its_response(gate: Gate, crowd: Crowd) -> None:
    """Sent as it is, with who asks beside it; answered by position, each approval consumed with what will run."""
    waiting = asyncio.ensure_future(gate.hitl(HITL, reason="Bills", run_id="run-7"))
    await crowd.asked.wait()
    await crowd.decide(1, "approve")
    await crowd.decide(2, "edit", arguments={"to": "bob", "amount": 25})
    await crowd.decide(3, "respond", response="the red one")
    assert (await waiting)["decisions"] == [
        {"type": "approve"},
        {"type": "edit", "edited_action": {"name": "transfer", "args": {"to": "bob", "amount": 25}}},
        {"type": "respond", "message": "the red one"},
    ]
    assert crowd.posts("/batches") == [{**HITL, "agent": "support-agent", "reason": "Bills", "run_id": "run-7"}]
    assert {str(one["arguments"]) for one in crowd.posts("/consume")} == {
        "{'to': 'ada', 'amount': 20}",
        "{'to': 'bob', 'amount': 25}",
    }


async def test_a_hitl_approval_that_was_used_is_not_given_twice(gate: Gate, crowd: Crowd) -> None:
    """A run that is resumed again is told that an earlier attempt started, not to start another."""

    async def ask() -> list[dict[str, object]]:
        return (await Gate(api_key="so_test").hitl(HITL, run_id="run-7", tool_call_id="c1"))["decisions"]

    first = asyncio.ensure_future(ask())
    await crowd.asked.wait()
    for number in (1, 2):
        await crowd.decide(number, "approve")
    await crowd.decide(3, "respond", response="x")
    assert [one["type"] for one in await first] == ["approve", "approve", "respond"]
    again = await ask()
    assert [one["type"] for one in again] == ["reject", "reject", "respond"]
    assert "was started at 2026-11-20T08:01:00.000Z" in str(again[0]["message"])


async def test_a_hitl_answer_that_is_not_what_was_decided_is_not_passed_on(gate: Gate, crowd: Crowd) -> None:
    """A rejection told as an approval runs nothing."""
    waiting = asyncio.ensure_future(gate.hitl({**HITL, "action_requests": HITL["action_requests"][:1]}))
    await crowd.asked.wait()
    told = crowd.batch
    crowd.batch = lambda batch_id: told(batch_id) | {"decisions": [{"type": "approve"}]}  # type: ignore[method-assign]
    await crowd.decide(1, "reject", message="no")
    with pytest.raises(Doubtful, match="not what was decided"):
        await waiting
    assert crowd.posts("/consume") == []


@pytest.mark.parametrize("request_", [{}, {"action_requests": []}, {**HITL, "action_requests": [{"name": "x"}]}])
async def test_what_is_no_hitl_request_is_a_mistake_of_the_code(gate: Gate, request_: dict[str, object]) -> None:
    """Said where it is, before anybody is asked."""
    with pytest.raises(ValueError, match="no HITLRequest"):
        await gate.hitl(request_)


# ── folded ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_repeated_call_runs_once_and_both_know(gate: Gate, crowd: Crowd) -> None:
    """The first of the run runs it; the other is told in one sentence that it was asked already and ran there."""
    ran: list[str] = []

    @gate.tool
    async def issue_refund(order: str) -> str:
        ran.append(order)
        return "refunded"

    first = asyncio.ensure_future(issue_refund("A-1"))
    await crowd.asked.wait()
    crowd.folded = True
    crowd.asked.clear()
    second = asyncio.ensure_future(issue_refund("A-1"))
    await crowd.asked.wait()
    await crowd.decide(1, "approve")
    assert await first == "refunded"
    with pytest.raises(Repeated) as caught:
        await second
    assert ran == ["A-1"]
    assert str(caught.value).startswith(
        "The same call of issue_refund was asked already in this run and was started there at 2026-11-20T08:01:00.000Z"
    )


async def test_a_repeated_call_is_rejected_like_the_first(gate: Gate, crowd: Crowd) -> None:
    """One person's no is the answer to both."""
    crowd.folded = True
    crowd.record({"tool": "deploy", "arguments": {"service": "api"}})
    waiting = asyncio.ensure_future(gate.ask("deploy", {"service": "api"}))
    await crowd.asked.wait()
    await crowd.decide(1, "reject", message="not today")
    with pytest.raises(Rejected, match="not today"):
        await waiting


async def test_a_repeated_call_runs_when_whoever_asked_first_is_gone(
    gate: Gate, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restarted agent without tool call ids is folded into its own first request, which nobody else will run."""
    monkeypatch.setattr(verbs, "HEAD_START", 0.005)
    crowd.folded = True
    crowd.record({"tool": "deploy", "arguments": {"service": "api"}})

    @gate.tool
    async def deploy(service: str) -> str:
        return f"deployed {service}"

    waiting = asyncio.ensure_future(deploy("api"))
    await crowd.asked.wait()
    await crowd.decide(1, "approve")
    assert await waiting == "deployed api"


def test_i10_one_approval_is_for_one_of_two_commands_that_ask_the_same(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`signoff ask` consumes nothing, so the one that was folded into another prints nothing to run."""
    monkeypatch.setattr(verbs, "Wire", lambda *_: crowd)
    monkeypatch.setenv("SIGNOFF_API_KEY", "so_test")
    monkeypatch.setattr(sys, "argv", ["signoff", "ask", "--tool", "deploy", "--arg", "service=api", "--run-id", "r"])
    crowd.folded = True
    crowd.record({"tool": "deploy", "arguments": {"service": "api"}})
    crowd.settle(1, "approve")
    with pytest.raises(SystemExit, match="20"):
        cli.main()
    told = capsys.readouterr()
    assert (told.out, "was asked already in this run" in told.err) == ("", True)
