"""What comes too fast for a place has no card of its own there (I30)."""

from __future__ import annotations

import pytest
from relaykit import AGENT, BOARD, PLACES, RULES, Clock, House, who

from signoff.model import Answer, Ask, Request, loads
from signoff.ports import Filter, Flood
from signoff.store import MemoryStore

ESCALATING = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com, slack: T1/UADA}
  cfo: {name: Cleo, email: cleo@example.com, slack: T1/UCFO}
defaults: {approvers: [ada], expires_in: 1h}
rules:
  - name: ladder
    when: tool == "ladder"
    show: [slack:#one]
    escalate: [{after: 10m, to: [cfo], show: ["slack:#board"]}]
  - name: direct
    when: tool == "direct"
    show: [slack:#one]
    remind: {after: [10m], by: direct}
  - name: fallback
    when: tool == "fallback"
    show: [slack:#one]
    fallback: [slack:#two]
"""


@pytest.fixture
def house() -> House:
    clock = Clock()
    return House(MemoryStore(clock=clock), clock, flood=Flood(requests=5, seconds=10))


async def asked(house: House, count: int, tool: str = "refund", **fields: object) -> list[Request]:
    """So many at one moment, each another call."""
    return [await house.ask(100 + number, tool, **fields) for number in range(count)]


async def test_i30_what_exceeds_the_rate_of_a_place_is_counted_there(house: House) -> None:
    """Five have a card of their own in each place; the sixth has one in none of them."""
    requests = await asked(house, 7)
    assert [request.piled for request in requests] == [()] * 5 + [PLACES] * 2
    assert await house.store.count(Filter(piled=PLACES[0])) == 2


async def test_i30_places_are_counted_each_for_itself(house: House) -> None:
    """A place that is quiet shows a card while another one is full."""
    await asked(house, 5, tool="any", channel="slack:#refunds")
    request = await house.ask()
    assert request.piled == ("slack:#refunds",)


async def test_i30_a_quiet_while_ends_a_flood(house: House) -> None:
    """When the window has passed, requests have cards again."""
    assert house.clock is not None
    await asked(house, 8)
    house.clock.forward(10)
    assert (await house.ask()).piled == ()


@pytest.mark.parametrize("risk", ["high", "critical"])
async def test_i30_what_is_risky_always_has_its_own_card(house: House, risk: str) -> None:
    """However many come, and it is not hidden among the others."""
    requests = await asked(house, 12, risk=risk)
    assert {request.piled for request in requests} == {()}


async def test_i30_off_means_a_card_for_each() -> None:
    """Without flood control nothing is counted."""
    house = House(MemoryStore(clock=Clock()), flood=None)
    assert {request.piled for request in await asked(house, 30)} == {()}


async def test_i30_what_was_just_rejected_counts_to_no_flood(house: House) -> None:
    """It is answered with the rejection and shown nowhere, so it takes no card from others."""
    first = await house.ask(run_id="run-1")
    await house.desk.answer(first.id, Answer(kind="reject", version=first.version), who("ada"))
    assert {(await house.ask(run_id="run-1")).status for _ in range(8)} == {"rejected"}
    assert (await house.ask(501)).piled == ()


async def test_i30_asking_the_same_again_counts_once(house: House) -> None:
    """An agent that repeats a call under its idempotency key uses up nothing."""
    ask = Ask.model_validate({"tool": "refund", "arguments": {"order": "A-1", "amount": 500}})
    for _ in range(20):
        first = await house.desk.ask(ask, AGENT, "key-1")
    assert first.replayed
    assert (await house.ask()).piled == ()


async def test_i30_the_audit_says_where_it_was_counted(house: House) -> None:
    """The line of the ask names the places where there was no card of its own; others say nothing of it."""
    requests = await asked(house, 6)
    lines = [loads(line.body) for line in await house.store.audit(0, 100)]
    bodies = {body["request"]: body for body in lines if isinstance(body, dict)}
    assert bodies[requests[-1].id]["piled"] == list(PLACES)
    assert "piled" not in bodies[requests[0].id]


async def test_i30_an_edit_that_makes_it_risky_takes_it_out(house: House) -> None:
    """What an edit makes high risk is no longer one of many."""
    risky = "    show: [slack:#board]\n"
    house.use(RULES.replace(risky, risky + "    risk: high\n", 1))
    *_, last = await asked(house, 6)
    assert last.piled == PLACES
    after = await house.revise(last)
    assert (after.piled, after.terms.risk, after.open) == ((), "high", True)
    harmless = (await asked(house, 1))[0]
    answer = Answer(kind="edit", version=1, arguments={"order": "A-1", "amount": 90}, message=None)
    assert (await house.desk.answer(harmless.id, answer, who("ada"))).piled == PLACES


async def test_i30_an_escalation_of_many_is_no_flood_either(house: House) -> None:
    """Where all of them come to at once, five have cards and the others are counted."""
    assert house.clock is not None
    house.use(ESCALATING)
    requests: list[Request] = []
    for _ in range(8):
        requests += await asked(house, 1, tool="ladder")
        house.clock.forward(10)
    house.clock.forward(600)
    for request in requests:
        assert await house.desk.tick(request.id)
    records = [await house.desk.get(request.id) for request in requests]
    assert [record.piled for record in records] == [()] * 5 + [(BOARD,)] * 3
    assert all(record.terms.show == ("slack:#one", BOARD) for record in records)


async def test_i30_reminding_one_person_of_many_is_no_flood(house: House) -> None:
    """Direct reminders to one person are counted like any other place's cards."""
    assert house.clock is not None
    house.use(ESCALATING)
    requests: list[Request] = []
    for _ in range(7):
        requests += await asked(house, 1, tool="direct")
        house.clock.forward(10)
    house.clock.forward(600)
    for request in requests:
        assert await house.desk.tick(request.id)
    records = [await house.desk.get(request.id) for request in requests]
    assert [record.piled for record in records] == [()] * 5 + [("slack:@ada",)] * 2


async def test_i30_the_fallback_of_a_flood_is_no_flood(house: House) -> None:
    """What was counted in a place that is gone is counted in the fallback place, and not where it is gone."""
    house.use(ESCALATING)
    *_, last = await asked(house, 6, tool="fallback")
    await house.desk.undeliverable(last.id, "slack:#one", "archived")
    record = await house.desk.get(last.id)
    assert record.piled == ("slack:#two",)
    assert record.undelivered == {"slack:#one": "archived"}
    assert record.terms.show == ("slack:#one", "slack:#two")


async def test_i30_a_flood_of_single_calls_leaves_a_batch_its_card(house: House) -> None:
    """One batch is one card, with the title that its agent gave it; only batches themselves come too fast together."""
    await asked(house, 20)
    calls = [Ask.model_validate({"tool": "refund", "arguments": {"order": f"B-{n}", "amount": 50}}) for n in range(3)]
    for number in range(7):
        _, opened = await house.desk.batches.ask(calls, f"Batch {number}", AGENT, None)
        assert all(bool(one.request.piled) == (number >= 5) for one in opened)
