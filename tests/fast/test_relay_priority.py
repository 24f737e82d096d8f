"""A place that takes one call a second: what still waits for somebody is drawn before what is over."""

from __future__ import annotations

from typing import Literal

import pytest
from relaykit import RULES, Call, Clock, House, who

from signoff.errors import ChatBusy
from signoff.model import Pin, Request
from signoff.relay import Relay
from signoff.relay.traffic import Traffic
from signoff.store import MemoryStore

PLACE = "slack:#one"
TWO = """
  - name: two people
    when: tool == "two"
    stages: [{approvers: [finance], quorum: 2}]
    show: [slack:#one]
"""
MANY = 200
FEW = 5
When = Literal["before", "after"]


class Channel(House):
    """A house whose channel takes one call a second, of whatever kind, and refuses any other as Slack does."""

    def __init__(self) -> None:
        self.moved = Clock()
        super().__init__(MemoryStore(clock=self.moved), self.moved)
        self.use(RULES + TWO)
        self.refused = 0
        self.drawn: list[str] = []
        """The requests whose cards were repainted, in their order."""
        self._free = 0.0

    def narrow(self) -> None:
        self.slack.script = self._one_a_second

    async def _one_a_second(self, call: Call, when: When) -> None:
        if call.place != PLACE:
            return
        if when == "after":
            self.drawn.append(call.request)
        elif call.at < self._free:
            self.refused += 1
            raise ChatBusy(retry_after=1, reason="429")
        else:
            self._free = call.at + 1

    async def asked(self, count: int, tool: str = "one") -> list[Request]:
        return [await self.ask(tool=tool) for _ in range(count)]

    async def decided(self, requests: list[Request]) -> None:
        """All of them at once, in one review."""
        pins = [Pin(id=one.id, version=one.version, digest=one.digest) for one in requests]
        done = await self.desk.bulk.decide(pins, "approve", None, who("ada"))
        assert {one.result for one in done.results} == {"approved"}

    async def until(self, relay: Relay, seconds: float) -> None:
        """Let the relay work for so long."""
        end = self.moved.seconds() + seconds
        while self.moved.seconds() < end:
            await self.now(relay)
            self.moved.forward(0.25)

    async def settled(self, relay: Relay, most: float) -> None:
        """Let the relay work until nothing is due any more, which takes so many seconds at most."""
        assert isinstance(self.store, MemoryStore)
        end = self.moved.seconds() + most
        while self.store._due:
            assert self.moved.seconds() < end, "some cards are still not as they have to be"
            await self.until(relay, 1)


@pytest.fixture
def channel() -> Channel:
    return Channel()


async def test_i30_cards_of_what_waits_go_before_200_repaints(channel: Channel) -> None:
    """Two hundred are decided at once, then somebody votes on a few others: those are drawn first, and in the end
    every card shows its record, with hardly a call that is refused.
    """
    relay = channel.relay()
    over, live = await channel.asked(MANY), await channel.asked(FEW, "two")
    await channel.now(relay)
    channel.narrow()
    await channel.decided(over)
    for one in live:
        assert (await channel.approve(one)).open, "another one has to agree"
    await channel.until(relay, FEW + 2)
    assert set(channel.drawn[:FEW]) == {one.id for one in live}
    await channel.settled(relay, 1.2 * MANY)
    for one in (*over, *live):
        assert await channel.faults(one) == []
    assert len(channel.drawn) == MANY + FEW
    assert channel.refused <= FEW


async def test_i30_what_changes_in_the_middle_of_200_repaints_does_not_wait_for_them(channel: Channel) -> None:
    """While they go out one a second, somebody votes on others: their cards are the next to be drawn, and the rest
    follows, none of it left out.
    """
    relay = channel.relay()
    over, live = await channel.asked(MANY), await channel.asked(FEW, "two")
    await channel.now(relay)
    channel.narrow()
    await channel.decided(over)
    await channel.until(relay, 10)
    for one in live:
        before = len(channel.drawn)
        assert (await channel.approve(one)).open, "another one has to agree"
        await channel.until(relay, 3)
        assert one.id in channel.drawn[before : before + 2]
    await channel.settled(relay, 1.2 * MANY)
    for one in (*over, *live):
        assert await channel.faults(one) == []
    assert len(channel.drawn) == MANY + FEW
    assert channel.refused <= FEW


async def test_i30_a_new_card_is_posted_in_the_middle_of_200_repaints(channel: Channel) -> None:
    """Posting has a limit of its own in the chats; here even one that is shared lets it through within seconds."""
    relay = channel.relay()
    requests = await channel.asked(MANY)
    await channel.now(relay)
    channel.narrow()
    await channel.decided(requests)
    await channel.until(relay, 10)
    (new,) = await channel.asked(1)
    await channel.until(relay, 10)
    assert channel.slack.copies(PLACE, new.id)
    await channel.settled(relay, 1.5 * MANY)
    for one in (*requests, new):
        assert await channel.faults(one) == []


def test_what_waits_for_somebody_gets_the_next_turn() -> None:
    """Before everything that is over, in the order of asking among its like; the others keep theirs."""
    now = [0.0]
    traffic = Traffic(lambda: now[0])

    def turn(name: str, *, urgent: bool = False) -> float:
        return now[0] + traffic.turn("chat", "update here", name, longest=1, urgent=urgent)

    assert traffic.full("update here", "a", 5) == 5
    assert [turn(name) for name in "bcd"] == [6, 7, 8]
    assert [turn(name, urgent=True) for name in "xy"] == [5, 6]
    assert [turn(name) for name in "abcd"] == [7, 8, 9, 10]
    assert [turn(name, urgent=True) for name in "xy"] == [5, 6], "asking again changes nothing"
    assert turn("e") == 11
    assert turn("b", urgent=True) == 7, "one of which more has come to wait"
    assert [turn(name) for name in "acde"] == [8, 10, 11, 12]
