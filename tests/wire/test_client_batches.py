"""Batches of the agent's side through a real server over HTTP: asked, decided by people, run once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
from harness_cli import Server, home

import signoff
from signoff import Gate, Rejected, Repeated, call

POLICY = """\
version: 1
people:
  ada: {name: Ada Okafor}
defaults:
  approvers: [ada]
"""
SINGLE = "/v1/requests?status=pending&limit=100"


@dataclass
class Shop:
    server: Server
    agent: str
    ada: str

    def gate(self, **options: str) -> Gate:
        return Gate(self.server.address, self.agent, agent="support-agent", **options)  # type: ignore[arg-type]

    async def decide(self, choose: Callable[[dict[str, object]], dict[str, object]], count: int) -> None:
        """Decide so many pending requests as Ada, each as `choose` says of its arguments."""
        found = await asyncio.to_thread(self.server.pending, self.ada, count)
        for one in found:
            said = {"version": one["version"], **choose(one["arguments"])}
            answer = await asyncio.to_thread(self.server.http, f"/v1/requests/{one['id']}/decisions", self.ada, said)
            assert answer[0] == 200, answer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with home(tmp_path_factory.mktemp("batches")) as made:
        (made.folder / "policy.yaml").write_text(POLICY)
        agent, ada = made.key("agent"), made.key("approver", "--person", "ada")
        with made.serving() as server:
            yield Shop(server, agent, ada)


@pytest.fixture
async def shop(served: Shop) -> AsyncIterator[Shop]:
    yield served
    _, left = await asyncio.to_thread(served.server.http, SINGLE, served.agent)
    for one in left["requests"]:
        await asyncio.to_thread(served.server.http, f"/v1/requests/{one['id']}/cancel", served.agent, {})


def by_amount(arguments: dict[str, object]) -> dict[str, object]:
    match arguments["amount"]:
        case 1:
            return {"kind": "approve"}
        case 2:
            return {"kind": "edit", "arguments": {**arguments, "amount": 20}}
        case _:
            return {"kind": "reject", "message": "too much"}


async def test_a_batch_is_decided_row_by_row(shop: Shop) -> None:
    """One id for all, each with its place; approved, edited and rejected ones come back in order and once."""
    gate = shop.gate()
    async with gate.batch("Month-end refunds", reason="End of month") as batch:
        rows = [batch.add("issue_refund", {"order": f"A-{amount}", "amount": amount}) for amount in (1, 2, 3)]
    _, page = await asyncio.to_thread(shop.server.http, SINGLE, shop.agent)
    assert sorted(one["batch"]["index"] for one in page["requests"]) == [0, 1, 2]
    assert {one["batch"]["title"] for one in page["requests"]} == {"Month-end refunds"}
    deciding = asyncio.ensure_future(shop.decide(by_amount, 3))
    decisions = await batch.decisions()
    await deciding
    assert [one.kind for one in decisions] == ["approve", "edit", "reject"]
    assert decisions[1].arguments == {"order": "A-2", "amount": 20}
    assert {one.index async for one in batch} == {0, 1, 2}
    await gate.consume(decisions[1])
    with pytest.raises(signoff.AlreadyStarted):
        await gate.consume(decisions[1])
    with pytest.raises(Rejected, match="too much"):
        await rows[2]


async def test_decisions_come_while_others_are_waited_for(shop: Shop) -> None:
    """The first is there although nobody has decided about the second."""
    gate = shop.gate()
    async with gate.batch() as batch:
        batch.add("issue_refund", {"amount": 1})
        batch.add("deploy", {"amount": 1})
    coming = aiter(batch)
    first = asyncio.ensure_future(anext(coming))
    found = await asyncio.to_thread(shop.server.pending, shop.ada, 2)
    one = next(one for one in found if one["tool"] == "deploy")
    path, said = f"/v1/requests/{one['id']}/decisions", {"kind": "approve", "version": 1}
    await asyncio.to_thread(shop.server.http, path, shop.ada, said)
    decision = await first
    assert (decision.index, decision.tool) == (1, "deploy")
    assert (await asyncio.to_thread(shop.server.pending, shop.ada, 1))[0]["tool"] == "issue_refund"


async def test_deferred_calls_run_what_was_decided(shop: Shop) -> None:
    """Placeholders at once; afterwards results and refusals by number; a restarted agent runs none of it again."""
    gate = shop.gate()
    ran: list[tuple[str, int]] = []

    @gate.tool
    async def issue_refund(order: str, amount: int) -> str:
        ran.append((order, amount))
        return f"refunded {amount}"

    @gate.tool
    def note(order: str, amount: int) -> str:
        ran.append((order, amount))
        return "noted"

    async def month_end() -> dict[int, object]:
        with call(run_id="month-end", tool_call_id="call_1"):
            async with gate.deferred("Month-end") as batch:
                assert await issue_refund("A-1", 1) == "PENDING_APPROVAL_1"
                await issue_refund("A-2", 2)
                await issue_refund("A-3", 3)
                note("A-4", 1)
        return await batch.wait_for_approvals()

    waiting = asyncio.ensure_future(month_end())
    await shop.decide(by_amount, 4)
    assert await waiting == {
        1: "refunded 1",
        2: "refunded 20",
        3: "REJECTED: Ada Okafor rejected this call of issue_refund: too much. Do not try this again.",
        4: "noted",
    }
    assert sorted(ran) == [("A-1", 1), ("A-2", 20), ("A-4", 1)]
    again = await month_end()
    assert [str(again[number]).partition(":")[0] for number in (1, 2, 4)] == ["ALREADY STARTED"] * 3
    assert len(ran) == 3


async def test_langchains_request_becomes_its_response(shop: Shop) -> None:
    """As it is in, as it is out; the second time its approvals are used up."""
    request = {
        "action_requests": [{"name": "transfer", "args": {"amount": amount}} for amount in (1, 2, 3)],
        "review_configs": [{"action_name": "transfer", "allowed_decisions": ["approve", "edit", "reject"]}],
    }
    waiting = asyncio.ensure_future(shop.gate().hitl(request, run_id="thread-1", tool_call_id="step-4"))
    await shop.decide(by_amount, 3)
    assert (await waiting)["decisions"] == [
        {"type": "approve"},
        {"type": "edit", "edited_action": {"name": "transfer", "args": {"amount": 20}}},
        {"type": "reject", "message": "too much"},
    ]
    again = await shop.gate().hitl(request, run_id="thread-1", tool_call_id="step-4")
    assert [one["type"] for one in again["decisions"]] == ["reject", "reject", "reject"]


async def test_the_same_call_twice_in_a_run_is_one_request(shop: Shop) -> None:
    """People are asked once; one of the two runs it, and the other is told so."""
    gate = shop.gate(run_id="run-7")
    ran: list[int] = []

    @gate.tool
    async def issue_refund(amount: int) -> str:
        ran.append(amount)
        return "refunded"

    first = asyncio.ensure_future(issue_refund(1))
    await asyncio.to_thread(shop.server.pending, shop.ada, 1)
    second = asyncio.ensure_future(issue_refund(1))
    async with gate.batch() as beside:  # so that the second has been asked when Ada decides
        beside.add("deploy", {"amount": 3})
    found = await asyncio.to_thread(shop.server.pending, shop.ada, 2)
    assert sorted(one["tool"] for one in found) == ["deploy", "issue_refund"]
    await shop.decide(by_amount, 2)
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert results[0] == "refunded"
    assert isinstance(results[1], Repeated)
    assert ran == [1]


async def test_fifty_refunds_are_one_batch(shop: Shop) -> None:
    """Asked with one call, each with its own decision."""
    async with shop.gate().batch("All of them") as batch:
        for number in range(50):
            batch.add("issue_refund", {"order": f"A-{number}", "amount": 1})
    _, page = await asyncio.to_thread(shop.server.http, "/v1/queue?limit=200", shop.ada)
    pins = [{name: one[name] for name in ("id", "version", "digest")} for one in page["requests"]]
    assert len(pins) == 50
    waiting = asyncio.ensure_future(batch.decisions())
    body = {"kind": "approve", "requests": pins}
    _, done = await asyncio.to_thread(shop.server.http, "/v1/decisions", shop.ada, body)
    assert {one["result"] for one in done["results"]} == {"approved"}
    assert [one.arguments["order"] for one in await waiting if one.arguments] == [f"A-{n}" for n in range(50)]


async def test_calls_of_a_batch_can_be_taken_back_by_their_ids(shop: Shop) -> None:
    """The ids are those of the requests, in the order of the calls; there are none before it is sent."""
    gate = shop.gate()
    batch = gate.batch()
    for order in ("A-1", "A-2"):
        batch.add("issue_refund", {"order": order})
    assert batch.request_ids == []
    await batch.send()
    assert await gate.cancel(batch.request_ids[1])
    await shop.decide(lambda _: {"kind": "approve"}, 1)
    assert [one.kind for one in await batch.decisions()] == ["approve", "cancel"]
