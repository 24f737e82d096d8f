"""Attempts to flood a place with messages in spite of flood control."""

from __future__ import annotations

from relaykit import AGENT, PLACES, RULES, Clock, House, who

from signoff.model import Actor, Answer, Ask, Request, pile_of
from signoff.ports import Flood
from signoff.store import MemoryStore


def flooding() -> House:
    clock = Clock()
    return House(MemoryStore(clock=clock), clock, flood=Flood(5, 10.0))


async def batches(house: House, count: int = 40) -> list[Request]:
    """Two calls each."""
    found: list[Request] = []
    for number in range(count):
        asks = [Ask(tool="refund", arguments={"order": f"{number}", "amount": 20 + row}) for row in range(2)]
        found += [one.request for one in (await house.desk.batches.ask(asks, "Refunds", AGENT, f"t{number}"))[1]]
    return found


async def test_i30_a_flood_of_small_batches_is_a_handful_of_messages() -> None:
    """Five have a card of their own in a place, and all others are counted on one; each call is decidable there."""
    house = flooding()
    requests = await batches(house)
    assert [len(one.piled) for one in requests] == [0] * 10 + [len(PLACES)] * 70
    relay = house.relay()
    await house.settle(relay, 0.01)
    for place in PLACES:
        cards = [card for message, card in house.chat(place).messages.items() if message.conversation == place]
        assert len(cards) == 6
        (pile,) = [card for card in cards if card.request_id == pile_of(place)]
        assert "70" in pile.title
    for one in requests:
        await house.desk.answer(one.id, Answer.model_validate({"kind": "approve", "version": 1}), who("ada"))
    await house.settle(relay, 0.01)
    (pile,) = [card for card in house.slack.messages.values() if card.request_id == pile_of(PLACES[0])]
    assert pile.buttons == ()


async def test_i30_a_batch_counts_once_however_large_and_however_often_it_is_asked() -> None:
    """Of six batches of many the sixth is one too many, and no row of the others is counted on another card."""
    house = flooding()
    for number in range(6):
        asks = [Ask(tool="refund", arguments={"order": f"{row}", "amount": 20}) for row in range(40)]
        for _ in range(2):
            opened = (await house.desk.batches.ask(asks, None, AGENT, f"t{number}"))[1]
        assert {bool(one.request.piled) for one in opened} == {number == 5}


async def test_i30_a_call_of_a_piled_batch_that_becomes_risky_gets_its_row_back() -> None:
    """On the card of its batch, posted for it; the flood's card counts it no more."""
    house = flooding()
    last = (await batches(house, 6))[-1]
    relay = house.relay()
    await house.settle(relay, 0.01)
    assert last.batch is not None
    assert not [card for card in house.slack.messages.values() if card.request_id == last.batch.id]
    house.use(RULES.replace("name: refunds\n", "name: refunds\n    risk: high\n"))
    arguments = {"order": "5", "amount": 77}
    edit = Answer.model_validate({"kind": "edit", "version": 1, "arguments": arguments})
    await house.desk.answer(last.id, edit, Actor(via="api", person="ada"))
    await house.settle(relay, 0.01)
    now = await house.desk.get(last.id)
    assert (now.piled, now.risky) == ((), True)
    rows = [card for card in house.slack.messages.values() if card.request_id == last.batch.id]
    assert [[item.request_id for item in card.items] for card in rows] == [[last.id]] * len(rows)
    piles = [card for card in house.slack.messages.values() if card.request_id == pile_of(PLACES[0])]
    assert [card.items[0].request_id == last.id for card in piles] == [False]
