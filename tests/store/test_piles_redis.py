"""Floods and agents' batches on real stores, with several replicas at work."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

# The scripted chats and the house of the relay's own tests.
sys.path.append(str(Path(__file__).parents[1] / "fast"))

from relaykit import AGENT, CrashError, House, Life, who

from signoff.cards import Card
from signoff.model import Answer, Ask, Request, pile_of
from signoff.ports import Filter, Flood, Store
from signoff.relay import pace

OpenStore = Callable[[], Awaitable[Store]]
PLACE = "slack:#one"
PILE = pile_of(PLACE)
REPLICAS = 3


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gathered, is gathered in less time."""
    monkeypatch.setattr(pace, "GATHER", 0.1)
    monkeypatch.setattr(pace, "REPAINT", 0.1)
    monkeypatch.setattr(pace, "LEASE", 2.0)


@pytest.fixture
async def house(store: Store) -> House:
    return House(store, flood=Flood(5, 60))


@contextlib.asynccontextmanager
async def served(house: House, another: OpenStore) -> AsyncIterator[None]:
    """By the relays of several replicas."""
    relays = [house.relay(store=await another()) for _ in range(REPLICAS)]
    for relay in relays:
        relay.start()
    try:
        yield
    finally:
        for relay in relays:
            await relay.close()


def asks(count: int, tool: str = "one") -> list[Ask]:
    return [Ask.model_validate({"tool": tool, "arguments": {"order": f"A-{one}"}}) for one in range(count)]


async def approve(house: House, request: Request) -> None:
    await house.desk.answer(request.id, Answer(kind="approve", version=1, message=None), who("ada"))


def cards(house: House, card_id: str) -> list[Card]:
    return [card for card in house.slack.messages.values() if card.request_id == card_id]


async def shows(house: House, card_id: str, waiting: int) -> Card:
    """Wait until the one card of several shows that so many wait, and nothing is left to draw. One on which nothing
    waits is left behind as it is, whatever is nudged after.
    """
    async with asyncio.timeout(20):
        while True:
            found = cards(house, card_id)
            rev = await house.store.nudged(card_id)
            open_ = sum(item.open for card in found for item in card.items) + sum(card.items_hidden for card in found)
            if len(found) == 1 and open_ == waiting and (found[0].rev == rev or not waiting):
                return found[0]
            await asyncio.sleep(0.02)


async def test_i30_a_flood_of_200_on_several_replicas(house: House, another: OpenStore) -> None:
    """Asked and served by three replicas at once: six messages, none of the requests lost, all decided, and the card
    says so in the end.
    """
    async with served(house, another):
        opened = await asyncio.gather(*(house.desk.ask(ask, AGENT) for ask in asks(200)))
        requests = [one.request for one in opened]
        await shows(house, PILE, 195)
        assert Counter(card.purpose for card in house.slack.messages.values()) == {"ask": 5, "pile": 1}
        assert await house.store.count(Filter(piled=PLACE)) == 195
        for request in requests:
            await approve(house, request)
        await shows(house, PILE, 0)
    assert [call.what for call in house.slack.calls].count("post") == 6
    assert {(await house.desk.get(one.id)).status for one in requests} == {"approved"}
    repaints = [call for call in house.slack.calls if call.what == "update" and call.request == PILE]
    assert len(repaints) < 60


async def test_i30_a_batch_of_500_is_taken_up_and_shown_as_one_card(house: House, another: OpenStore) -> None:
    """By one message, which follows the decisions."""
    batch_id, opened = await house.desk.batches.ask(asks(500), "All of them", AGENT, "t")
    assert await house.store.count(Filter(batch=batch_id)) == 500
    async with served(house, another):
        await shows(house, batch_id, 500)
        for one in opened[::2]:
            await approve(house, one.request)
        async with asyncio.timeout(20):
            while "250 approved" not in cards(house, batch_id)[0].status:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert [call.what for call in house.slack.calls].count("post") == 1


async def test_i22_a_batch_is_waited_for_on_another_replica(house: House, another: OpenStore) -> None:
    """Decided here, heard there: one end after the other, and none is missed."""
    elsewhere = house.desk_on(await another())
    batch_id, opened = await house.desk.batches.ask(asks(20), None, AGENT, "t")

    async def decides() -> None:
        for one in opened:
            await approve(house, one.request)

    deciding = asyncio.create_task(decides())
    ended = 0
    async with asyncio.timeout(20):
        while ended < len(opened):
            found = await elsewhere.batches.wait(batch_id, AGENT, 10, ended=ended)
            now = sum(not one.open for one in found)
            assert now > ended
            ended = now
    await deciding


async def test_a_batch_asked_twice_at_once_is_one(house: House, another: OpenStore) -> None:
    """Two attempts on two replicas that overlap: the same members, each once."""
    elsewhere = house.desk_on(await another())
    (one, first), (other, second) = await asyncio.gather(
        house.desk.batches.ask(asks(60), None, AGENT, "t"), elsewhere.batches.ask(asks(60), None, AGENT, "t")
    )
    assert one == other
    assert [member.request.id for member in first] == [member.request.id for member in second]
    assert (await house.store.counts())["pending"] == 60


@pytest.mark.parametrize("step", [2, 6, 11, 17, *range(20, 31)])
async def test_i21_a_pile_survives_the_death_of_its_worker(house: House, step: int, another: OpenStore) -> None:
    """Killed after one of its steps, another replica goes on when the lease has lapsed: one card, and nothing lost."""
    batch_id, opened = await house.desk.batches.ask(asks(3), None, AGENT, "t")
    life = Life(step)
    mortal = house.relay(life, await another())
    async with asyncio.timeout(20):
        with contextlib.suppress(CrashError):
            while not cards(house, batch_id):
                work = await life.of(house.store).claim(0.3)
                await (house.store.ripe(0.2) if work is None else mortal.converge(work))
    assert life.over
    async with served(house, another), asyncio.timeout(20):
        await approve(house, opened[0].request)
        while not (found := cards(house, batch_id)) or "1 approved" not in found[-1].status:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert len(cards(house, batch_id)) == 1
