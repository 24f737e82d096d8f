"""The card that several requests share converges to what is on it, whatever fails on the way."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import pytest
from relaykit import AGENT, BOARD, PLACES, RULES, Call, Clock, CrashError, House, Life, failing, who

from signoff.cards import Card
from signoff.errors import ChatBusy, ChatError, Undeliverable
from signoff.model import Answer, Ask, Placement, Request, pile_of
from signoff.ports import Filter, Flood
from signoff.store import MemoryStore

PLACE = PLACES[0]
PILE = pile_of(PLACE)
WINDOW = 10.0
When = Literal["before", "after"]


@pytest.fixture
def house() -> House:
    return quiet()


def quiet(*, searchable: bool = True) -> House:
    clock = Clock()
    return House(MemoryStore(clock=clock), clock, searchable=searchable, flood=Flood(5, WINDOW))


async def flooded(house: House, count: int = 200, tool: str = "refund", **fields: object) -> list[Request]:
    return [await house.ask(20 + number, tool, **fields) for number in range(count)]


async def batch(house: House, count: int = 3, tool: str = "refund", **fields: object) -> tuple[str, list[Request]]:
    asks = [
        Ask.model_validate({"tool": tool, "arguments": {"order": "A", "amount": 20 + number}, **fields})
        for number in range(count)
    ]
    batch_id, opened = await house.desk.batches.ask(asks, "Month's end", AGENT, "t")
    return batch_id, [one.request for one in opened]


async def decide(house: House, requests: Sequence[Request], kind: str = "approve") -> None:
    for one in requests:
        answer = Answer.model_validate({"kind": kind, "version": one.version})
        await house.desk.answer(one.id, answer, who("ada"))


def messages(house: House, place: str, card_id: str | None = None) -> list[Card]:
    """What stands in a place, the oldest first."""
    found = house.chat(place).messages.items()
    return [card for message, card in found if message.conversation == place and card_id in (None, card.request_id)]


def posts(house: House) -> int:
    return sum(call.what == "post" for chat in (house.slack, house.teams) for call in chat.calls)


async def placed(house: House, card_id: str, place: str) -> Placement:
    return next(one for one in await house.store.placements(card_id) if one.place == place)


# ── floods ───────────────────────────────────────────────────────────────────────────────────────


async def test_i30_a_flood_of_200_is_a_handful_of_messages(house: House) -> None:
    """Six messages in each place: five requests and one card for the others, which says how many wait. None of them is
    lost, and each can be decided.
    """
    requests = await flooded(house)
    await house.settle(house.relay(), 0.01)
    assert posts(house) == 6 * len(PLACES)
    for place in PLACES:
        cards = messages(house, place)
        assert len(cards) == 6
        (pile,) = [card for card in cards if card.purpose == "pile"]
        assert pile.request_id == pile_of(place)
        assert 0 < len(pile.items) <= 20
        assert len(pile.items) + pile.items_hidden == 195
        assert "195" in pile.title
        assert [button.action for button in pile.buttons] == ["review", "approve_all", "reject_all"]
    for request in requests:
        assert [one.place for one in await house.store.placements(request.id)] == sorted(PLACES)
    await decide(house, requests)
    await house.settle(house.relay(), 0.01)
    assert {(await house.desk.get(one.id)).status for one in requests} == {"approved"}
    assert posts(house) == 6 * len(PLACES)
    assert messages(house, PLACE, PILE)[0].buttons == ()


async def test_i30_many_changes_make_few_repaints(house: House) -> None:
    """What comes within a second is drawn together, and afterwards the card is drawn once for all that came since."""
    relay = house.relay()
    await flooded(house, 200)
    await house.settle(relay, 0.01)
    before = len(house.slack.made("update", PLACE))
    requests = (await house.store.page(Filter(piled=PLACE), None, 500)).requests
    for one in requests[:100]:
        await decide(house, [one])
        await house.now(relay)
    await house.settle(relay, 0.01)
    repaints = house.slack.made("update", PLACE)[before:]
    assert len([call for call in repaints if call.request == PILE]) <= 2
    assert "95" in messages(house, PLACE, PILE)[0].title


async def test_i30_a_card_that_goes_on_changing_is_drawn_at_a_measured_pace(house: House) -> None:
    """While a flood lasts, at most every two seconds, however long the chat takes and whatever comes meanwhile."""
    relay = house.relay()
    assert house.clock is not None
    for _ in range(100):
        await house.ask()
        await house.now(relay)
        house.clock.forward(0.1)
    await house.settle(relay, 0.01)
    times = [call.at for call in house.slack.calls if call.place == PLACE and call.request == PILE]
    assert len(times) <= 2 + 10 / 1
    assert all(later - earlier >= 0.99 for earlier, later in itertools.pairwise(times))


async def test_i30_what_changes_during_a_repaint_waits_for_the_next(house: House) -> None:
    """More comes with every call to the chat: it is drawn two seconds later, not at once and for ever."""
    relay, other = house.relay(), house.relay()
    await flooded(house, 8, "one")
    calls: list[float] = []

    async def more(call: Call, when: When) -> None:
        if call.request == pile_of("slack:#one") and when == "after":
            calls.append(call.at)
            if len(calls) < 4:
                await house.ask(tool="one")
                await house.now(other)

    house.slack.script = more
    await house.settle(relay, 0.01)
    assert [later - earlier for earlier, later in itertools.pairwise(calls)] == [2.0] * 3
    (card,) = messages(house, "slack:#one", pile_of("slack:#one"))
    assert "6" in card.title


async def test_i30_what_is_risky_stands_beside_the_pile(house: House) -> None:
    """In the middle of a flood each of them has its own message."""
    await flooded(house, 20)
    risky = [await house.ask(amount=700 + number, risk="critical") for number in range(8)]
    await house.settle(house.relay(), 0.01)
    for one in risky:
        assert house.shown(PLACE, one).risk == "critical"
    assert messages(house, PLACE, PILE)[0].items_hidden + len(messages(house, PLACE, PILE)[0].items) == 15


async def test_i30_what_becomes_risky_gets_its_own_card(house: House) -> None:
    """Edited into high risk it leaves the pile for a message of its own; the pile counts one less."""
    board = "    show: [slack:#board]\n"
    house.use(RULES.replace(board, board + "    risk: high\n", 1))
    *_, last = await flooded(house, 7)
    relay = house.relay()
    await house.settle(relay, 0.01)
    assert "2" in messages(house, PLACE, PILE)[0].title
    await house.revise(last)
    await house.settle(relay, 0.01)
    assert not await house.faults(last)
    assert house.shown(PLACE, last).risk == "high"
    assert house.shown(BOARD, last).purpose == "ask"
    assert "1 call" in messages(house, PLACE, PILE)[0].title


async def test_the_next_flood_gets_a_message_of_its_own(house: House) -> None:
    """An empty card is drawn a last time and left; what comes much later is told of by a new message."""
    relay = house.relay()
    first = await flooded(house, 8)
    await house.settle(relay, 0.01)
    await decide(house, first)
    await house.settle(relay, 0.01)
    assert (await placed(house, PILE, PLACE)).state == "closed"
    await flooded(house, 9)
    await house.settle(relay, 0.01)
    old, new = messages(house, PLACE, PILE)
    assert (old.items, old.buttons) == ((), ())
    assert len(new.items) == 4


async def test_i30_a_flood_that_is_answered_at_once_makes_one_message(house: House) -> None:
    """Somebody keeps up with it, so its card runs empty again and again: that is one flood, and one message."""
    relay = house.relay()
    assert house.clock is not None
    for _ in range(8):
        requests = await flooded(house, 8)
        await house.now(relay)
        house.clock.forward(1)
        await house.now(relay)
        assert messages(house, PLACE, PILE)[-1].items
        await decide(house, requests)
        await house.now(relay)
        house.clock.forward(1)
        await house.now(relay)
        assert not messages(house, PLACE, PILE)[-1].items
    assert len(messages(house, PLACE, PILE)) == 1


async def test_nothing_is_posted_for_what_is_over_before(house: House) -> None:
    """All decided before the card could be posted: there is nothing to say."""
    requests = await flooded(house, 8)
    await decide(house, requests)
    await house.settle(house.relay(), 0.01)
    assert not messages(house, PLACE, PILE)


async def test_nothing_is_said_below_a_pile(house: House) -> None:
    """Reminders and escalations of its requests are on the record, not in the channel."""
    house.use(
        RULES.replace(
            "    approvers: [finance]\n    show: [slack:#ref",
            "    remind: {after: [10m]}\n    approvers: [finance]\n    show: [slack:#ref",
        )
    )
    *_, last = await flooded(house, 6)
    relay = house.relay()
    await house.settle(relay, 0.01)
    assert house.clock is not None
    house.clock.forward(601)
    assert await house.desk.tick(last.id)
    await house.settle(relay, 0.01)
    assert (await house.desk.get(last.id)).notices
    counted = await placed(house, last.id, PLACE)
    assert (counted.state, counted.told) == ("piled", 1)


# ── agents' batches ──────────────────────────────────────────────────────────────────────────────


async def test_i30_a_batch_of_500_is_one_card(house: House) -> None:
    """One message in each place, risky ones among them; it is drawn at most a few times while it is taken up."""
    batch_id, requests = await batch(house, 500, risk="high")
    relay = house.relay()
    await house.settle(relay, 0.01)
    assert posts(house) == len(PLACES)
    card = messages(house, PLACE, batch_id)[0]
    assert (card.title, len(card.items), card.items_hidden) == ("Month's end", 20, 480)
    assert len(house.slack.calls) <= 6
    await decide(house, requests)
    await house.settle(relay, 0.01)
    assert posts(house) == len(PLACES)
    assert "500 approved" in messages(house, PLACE, batch_id)[0].status


async def test_a_batch_has_one_card_in_each_place(house: House) -> None:
    """Members that different people are asked about: each place shows its own, and only those."""
    batch_id, opened = await house.desk.batches.ask(
        [
            Ask.model_validate({"tool": "refund", "arguments": {"order": "A", "amount": amount}})
            for amount in (500, 5000, 600, 6000)
        ],
        None,
        AGENT,
        None,
    )
    await house.settle(house.relay(), 0.01)
    ids = [one.request.id for one in opened]
    for place, shown in ((PLACE, ids[::2]), (BOARD, ids[1::2])):
        (card,) = messages(house, place, batch_id)
        assert [item.request_id for item in card.items] == shown
        assert card == await house.desk.pile(batch_id, place)


async def test_a_card_of_many_follows_each_of_them(house: House) -> None:
    """Every decision is drawn, and the last one takes the buttons away."""
    batch_id, requests = await batch(house)
    relay = house.relay()
    await house.settle(relay, 0.01)
    for number, one in enumerate(requests):
        assert [item.open for item in messages(house, PLACE, batch_id)[0].items].count(True) == 3 - number
        await decide(house, [one], "reject")
        await house.settle(relay, 0.01)
    assert messages(house, PLACE, batch_id)[0].buttons == ()
    assert len(messages(house, PLACE)) == 1


async def test_a_batch_withdrawn_before_it_was_posted_is_not_posted(house: House) -> None:
    """Its agent was told that it was not taken up."""
    _, requests = await batch(house)
    for one in requests:
        await house.desk.withdraw(one.id, AGENT)
    await house.settle(house.relay(), 0.01)
    assert posts(house) == 0


async def test_i13_a_batchs_title_quotes_no_secret(house: House) -> None:
    """A title that repeats a member's secret argument is shown without it."""
    house.use(RULES.replace("  - name: refunds\n", "  - name: refunds\n    secret: [order]\n"))
    ask = Ask.model_validate({"tool": "refund", "arguments": {"order": "hunter22", "amount": 50}})
    batch_id, _ = await house.desk.batches.ask([ask], "With hunter22", AGENT, None)
    await house.settle(house.relay(), 0.01)
    (card,) = messages(house, PLACE, batch_id)
    assert "hunter22" not in str(card)
    assert card.title.startswith("With ")


# ── trouble ──────────────────────────────────────────────────────────────────────────────────────


async def flood_story(house: House) -> tuple[str, list[Request]]:
    return PILE, await flooded(house, 8, tool="one")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("searchable", [True, False])
@pytest.mark.parametrize("kind", ["flood", "batch"])
async def test_i21_dying_at_any_step_loses_nothing(kind: str, searchable: bool, when: When) -> None:
    """Killed at every single step: afterwards one card says what waits, and no second one stands where the chat can be
    searched.
    """
    step = 0
    while True:
        step += 1
        house = quiet(searchable=searchable)
        place = "slack:#one"
        if kind == "flood":
            card_id, requests = pile_of(place), await flooded(house, 8, tool="one")
            waiting = requests[5:]
        else:
            card_id, requests = await batch(house, 3, "one")
            waiting = requests
        life = Life(step, when)
        died = await lives(house, life)
        await decide(house, waiting[:1])
        await house.settle(house.relay(), 0.1)
        cards = messages(house, place, card_id)
        if searchable:
            assert len(cards) == 1
        standing = await placed(house, card_id, place)
        assert standing.message is not None
        live = house.slack.messages[standing.message]
        assert {item.request_id for item in live.items if item.open} == {one.id for one in waiting[1:]}
        assert live.rev == await house.store.nudged(card_id)
        if not died:
            break
    assert step > 10


@pytest.mark.parametrize("when", ["before", "after"])
async def test_i21_dying_between_two_floods_posts_one_card_for_the_second(when: When) -> None:
    """Killed at every step around the new message: the old one is never taken for it."""
    step = 0
    while True:
        step += 1
        house = quiet()
        place, card_id = "slack:#one", pile_of("slack:#one")
        first = await flooded(house, 8, tool="one")
        await house.settle(house.relay(), 0.01)
        await decide(house, first)
        await house.settle(house.relay(), 0.01)
        second = await flooded(house, 7, tool="one")
        died = await lives(house, Life(step, when))
        await house.settle(house.relay(), 0.1)
        old, new = messages(house, place, card_id)
        assert old.items == ()
        assert {item.request_id for item in new.items} == {one.id for one in second[5:]}
        if not died:
            break
    assert step > 10


async def lives(house: House, life: Life) -> bool:
    """A process that serves until it dies; whether it did."""
    try:
        await house.settle(house.relay(life), 0.01)
    except CrashError:
        return True
    return False


async def test_i23_an_undeliverable_pile_is_told_to_all_of_its_requests() -> None:
    """An archived channel: each request says so, and their fallback shows one card for them, not one each."""
    house = quiet()
    house.use(
        RULES + '  - name: fallback\n    when: tool == "fallback"\n    show: [slack:#one]\n    fallback: [slack:#two]\n'
    )
    house.slack.script = failing(*[Undeliverable(place="slack:#one", reason="archived")] * 100, place="slack:#one")
    requests = await flooded(house, 30, tool="fallback")
    await house.settle(house.relay(), 0.1)
    for one in requests:
        record = await house.desk.get(one.id)
        assert record.undelivered == {"slack:#one": "archived"}
        assert record.terms.show == ("slack:#one", "slack:#two")
    assert len(messages(house, "slack:#two")) == 6
    (pile,) = messages(house, "slack:#two", pile_of("slack:#two"))
    assert len(pile.items) + pile.items_hidden == 25
    assert len(house.slack.made("post", "slack:#one")) == 6


async def test_i23_a_batch_that_cannot_be_delivered_is_told_to_its_members() -> None:
    """And stands in the fallback place as one card."""
    house = quiet()
    house.use(
        RULES + '  - name: fallback\n    when: tool == "fallback"\n    show: [slack:#one]\n    fallback: [slack:#two]\n'
    )
    house.slack.script = failing(*[Undeliverable(place="slack:#one", reason="archived")] * 100, place="slack:#one")
    batch_id, requests = await batch(house, 40, "fallback")
    await house.settle(house.relay(), 0.1)
    for one in requests:
        assert (await house.desk.get(one.id)).undelivered == {"slack:#one": "archived"}
    assert len(house.slack.made("post", "slack:#one")) == 1
    assert len(house.slack.made("post", "slack:#two")) == 1
    (card,) = messages(house, "slack:#two", batch_id)
    assert len(card.items) + card.items_hidden == 40


@pytest.mark.parametrize("when", ["before", "after"])
async def test_i21_dying_while_telling_tells_all_the_same(when: When) -> None:
    """Killed at any step of telling that a card cannot be delivered, everybody learns it."""
    step = 0
    while True:
        step += 1
        house = quiet()
        house.slack.script = failing(*[Undeliverable(place="slack:#one", reason="archived")] * 100, place="slack:#one")
        requests = await flooded(house, 8, tool="one")
        died = await lives(house, Life(step, when))
        await house.settle(house.relay(), 0.1)
        for one in requests:
            assert (await house.desk.get(one.id)).undelivered == {"slack:#one": "archived"}
            assert (await placed(house, one.id, "slack:#one")).state == "undeliverable"
        if not died:
            break
    assert step > 10


async def test_i23_a_place_that_comes_back_takes_the_next_flood(house: House) -> None:
    """What could not be delivered does not keep later requests from being tried there."""
    gone = Undeliverable(place="slack:#one", reason="archived")
    house.slack.script = failing(*[gone] * 6, place="slack:#one")
    relay = house.relay()
    await flooded(house, 8, tool="one")
    await house.settle(relay, 0.01)
    assert not messages(house, "slack:#one")
    later = await flooded(house, 8, tool="one")
    await house.settle(relay, 0.01)
    (card,) = messages(house, "slack:#one", pile_of("slack:#one"))
    assert {item.request_id for item in card.items} == {one.id for one in later[5:]}


async def test_i23_a_busy_chat_gets_the_card_when_it_says_so(house: House) -> None:
    """It is asked again after the time that it named, and shows how things stand by then."""
    relay = house.relay()
    house.slack.script = failing(ChatBusy(retry_after=30, reason="ratelimited"), ChatError(reason="500"), place=PLACE)
    batch_id, requests = await batch(house)
    await house.now(relay)
    assert house.clock is not None
    began = house.clock.seconds()
    await house.settle(relay, 0.005)
    await decide(house, requests[:1])
    await house.settle(relay, 0.1)
    calls = [call.at - began for call in house.slack.made("post", PLACE)]
    assert calls[0] <= 2
    assert calls[1] >= 30
    assert [item.open for item in messages(house, PLACE, batch_id)[0].items] == [True, True, False]
    assert len(messages(house, PLACE, batch_id)) == 1


async def test_i24_a_deleted_card_of_many_is_posted_again(house: House) -> None:
    """While somebody has to see it."""
    batch_id, requests = await batch(house)
    relay = house.relay()
    await house.settle(relay, 0.01)
    house.slack.messages.clear()
    await decide(house, requests[:1])
    await house.settle(relay, 0.01)
    assert len(messages(house, PLACE, batch_id)) == 1


async def test_i21_a_copy_made_by_a_late_worker_points_to_the_live_one(house: House) -> None:
    """A lease that lapsed during the post: the second message says where to look, and offers nothing."""
    batch_id, _ = await batch(house, 3, "one")
    relay, other = house.relay(), house.relay()
    assert house.clock is not None
    house.slack.searchable = False

    async def slow(call: Call, when: When) -> None:
        house.slack.script = None
        assert house.clock is not None
        house.clock.forward(61)
        await house.now(other)

    house.slack.script = slow
    await house.settle(relay, 0.1)
    cards = messages(house, "slack:#one", batch_id)
    assert sorted(card.purpose for card in cards) == ["pile", "pointer"]
    (copy,) = [card for card in cards if card.purpose == "pointer"]
    assert (copy.buttons, copy.items) == ((), ())
