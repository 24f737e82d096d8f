"""Every card converges to its record, whatever fails on the way, over the memory twin and two scripted chats."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import pytest
from relaykit import AGENT, BOARD, PLACES, Call, Clock, CrashError, House, Life, failing, who
from structlog.testing import capture_logs

from signoff.cards import Card
from signoff.errors import ChatBusy, ChatError, DuplicateCard, StoreUnavailable, Undeliverable
from signoff.model import Answer, Outcome, Placement, Request
from signoff.ports import Work
from signoff.relay import Relay, pace
from signoff.relay import sweeper as sweeper_room
from signoff.relay import traffic as traffic_room
from signoff.relay.traffic import Traffic
from signoff.store import MemoryStore

PLACE = PLACES[0]
When = Literal["before", "after"]


@pytest.fixture
def house() -> House:
    clock = Clock()
    return House(MemoryStore(clock=clock), clock)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the relay waits for by the real clock comes soon."""
    monkeypatch.setattr(pace, "STORE_RETRY", 0.001)
    monkeypatch.setattr(sweeper_room, "SWEEP", 0.001)


async def eventually(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait until it holds; for what no event announces."""
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def offered(card: Card) -> set[str]:
    """The decisions that a card offers."""
    return {button.action for button in card.buttons} - {"details"}


def calls_of(house: House, place: str) -> list[Call]:
    return [call for call in house.chat(place).calls if call.place == place]


async def all_true(house: House, *requests: Request) -> None:
    """Wait until every card shows its record and nothing is left to do."""
    assert isinstance(house.store, MemoryStore)
    due = house.store._due

    async def shown() -> bool:
        return not due.keys() & {request.id for request in requests} and not [
            fault for request in requests for fault in await house.faults(request)
        ]

    await eventually(shown)


async def claimed(house: House, lease: float = 60) -> Work:
    work = await house.store.claim(lease)
    assert work is not None
    return work


# ── the work itself ──────────────────────────────────────────────────────────────────────────────


async def test_each_place_of_a_rule_gets_its_card_and_every_change(house: House) -> None:
    """Posted once, repainted at every revision, in both chats and in a direct message."""
    relay = house.relay()
    request = await house.ask()
    await house.now(relay)
    assert await house.faults(request) == []
    await house.approve(request)
    await house.now(relay)
    await house.desk.consume(request.id, request.arguments, AGENT)
    await house.desk.report(request.id, Outcome(status="succeeded"), AGENT)
    await house.now(relay)
    assert await house.faults(request) == []
    for place in PLACES:
        assert [call.what for call in house.chat(place).calls if call.place == place] == ["post", "update", "update"]
        assert offered(house.shown(place, request)) == set()


async def test_a_revised_request_is_posted_to_its_new_places_and_repainted_at_the_old(house: House) -> None:
    """An edit that brings others in is shown where they are, and everywhere it was."""
    relay = house.relay()
    request = await house.ask()
    await house.now(relay)
    revised = await house.revise(request)
    assert revised.open
    await house.now(relay)
    assert await house.faults(request) == []
    assert len(house.slack.made("post", BOARD)) == 1
    assert {house.shown(place, request).version for place in (*PLACES, BOARD)} == {2}
    await house.approve(revised, "cfo")
    await house.now(relay)
    assert await house.faults(request) == []


@pytest.mark.parametrize("fields", [{"amount": 5}, {"allowed_decisions": ()}], ids=["a rule decided", "a notice"])
async def test_people_are_told_what_needs_no_decision(house: House, fields: dict[str, object]) -> None:
    """A call that a rule decided, and a notice: posted once where the rule says, with nothing to click."""
    request = await house.ask(**fields)  # type: ignore[arg-type]
    assert not request.open
    await house.now(house.relay())
    assert request.terms.show
    for place in request.terms.show:
        assert offered(house.shown(place, request)) == set()
    assert await house.faults(request) == []


async def test_a_rule_without_a_place_tells_nobody(house: House) -> None:
    """Nothing is posted, and the work is done for good."""
    request = await house.ask(tool="quiet")
    assert request.terms.show == ()
    await house.settle(house.relay())
    assert house.slack.calls == house.teams.calls == []


async def test_a_request_that_ended_before_it_was_posted_is_shown_as_it_ended(house: House) -> None:
    """One card, settled, without buttons that would come too late."""
    request = await house.ask()
    await house.desk.withdraw(request.id, AGENT)
    await house.now(house.relay())
    assert await house.faults(request) == []
    assert house.shown(PLACE, request).purpose == "settled"
    assert offered(house.shown(PLACE, request)) == set()


# ── I21: nothing is lost by dying ────────────────────────────────────────────────────────────────


async def asked(house: House) -> Request:
    return await house.ask()


async def decided(house: House) -> Request:
    request = await house.ask()
    await house.now(house.relay())
    await house.approve(request)
    return request


async def revised(house: House) -> Request:
    request = await house.ask()
    await house.now(house.relay())
    await house.revise(request)
    return request


async def gone(house: House) -> Request:
    """Teams' channel does not exist."""
    house.teams.script = failing(*[Undeliverable(place=PLACES[1], reason="gone")] * 9, what="post")
    return await house.ask()


async def deleted(house: House) -> Request:
    """Somebody deleted the open card before a change."""
    request = await house.ask()
    await house.now(house.relay())
    for message in house.slack.copies(PLACE, request.id):
        del house.slack.messages[message]
    await house.revise(request)
    return request


async def overdue(house: House) -> Request:
    """Its time passes before anybody has looked."""
    request = await house.ask()
    await house.now(house.relay())
    assert house.clock is not None
    house.clock.forward(3601)
    await house.desk.tick(request.id)
    return request


async def refused(house: House) -> Request:
    """The first post is asked to wait."""
    house.slack.script = failing(ChatBusy(retry_after=3, reason="429"), place=PLACE)
    return await house.ask()


SCENES = [asked, decided, revised, gone, deleted, overdue, refused]


async def die_at(scene: Callable[[House], Awaitable[Request]], step: int, when: When, *, searchable: bool) -> bool:
    """Play a scene, die at a step, let a fresh process go on; False when the scene has fewer steps."""
    clock = Clock()
    house = House(MemoryStore(clock=clock), clock, searchable=searchable)
    request = await scene(house)
    life = Life(step, when)
    with contextlib.suppress(CrashError):
        await house.relay(life).converge(await claimed(house))
    await house.settle(house.relay(), hours=0.2)
    assert await house.faults(request) == [], f"after dying {when} step {step}"
    record = await house.desk.get(request.id)
    decisions = await house.lines(request, "decided")
    assert decisions == (not record.open)
    assert await house.lines(request, "undeliverable") == len(record.undelivered)
    assert list(record.undelivered) == ([PLACES[1]] if scene is gone else [])
    if record.open:  # what stands there can still be decided, and only there
        await only_the_live_cards_count(house, record)
    return life.over


async def only_the_live_cards_count(house: House, record: Request) -> None:
    placements = await house.placements(record)
    for place, placement in placements.items():
        for message in house.chat(place).copies(place, record.id):
            if message == placement.message:
                continue
            answer = Answer(kind="approve", version=record.version)
            with pytest.raises(DuplicateCard):
                await house.desk.answer(record.id, answer, who("ada", message))
    live = placements[PLACE].message
    person = "cfo" if "board" in record.terms.approvers else "ada"
    answer = Answer(kind="approve", version=record.version)
    settled = await house.desk.answer(record.id, answer, who(person, live))
    assert settled.status == "approved"


@pytest.mark.parametrize("searchable", [True, False], ids=["searchable", "not searchable"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_i21_a_worker_may_die_at_any_step(scene: Callable[[House], Awaitable[Request]], searchable: bool) -> None:
    """kill -9 before or after the effect of any call to the store or a chat: the next process brings every place up
    to the record, nothing is lost, nothing stands twice where it can be found, and old copies decide nothing.
    """
    step = 1
    while await die_at(scene, step, "before", searchable=searchable):
        assert await die_at(scene, step, "after", searchable=searchable)
        step += 1
    assert step > 4


async def test_i21_the_next_worker_may_die_too() -> None:
    """Two deaths, at any two steps: still one card at each place."""
    first = 1
    while True:
        second = 1
        while True:
            clock = Clock()
            house = House(MemoryStore(clock=clock), clock)
            request = await house.ask(tool="one")
            lives = Life(first), Life(second)
            for life in lives:
                if (work := await house.store.claim(60)) is not None:
                    with contextlib.suppress(CrashError):
                        await house.relay(life).converge(work)
                clock.forward(61)
            await house.settle(house.relay(), hours=0.1)
            assert await house.faults(request) == [], f"after dying at {first}, then at {second}"
            if not lives[1].over:
                break
            second += 1
        if not lives[0].over:
            break
        first += 1
    assert first > 4


async def test_i21_several_relays_post_each_card_once() -> None:
    """Three replicas at work on one store; every card is posted once and repainted to the end."""
    house = House(MemoryStore())

    async def takes_a_while(_: Call, when: When) -> None:
        await asyncio.sleep(0.001)

    house.slack.script = house.teams.script = takes_a_while
    relays = [house.relay() for _ in range(3)]
    for relay in relays:
        relay.start()
    requests = [await house.ask() for _ in range(30)]
    for request in requests[::2]:
        await house.approve(request)

    try:
        await all_true(house, *requests)
        assert len(house.slack.messages) == 60
        assert len(house.teams.messages) == 30
    finally:
        for relay in relays:
            await relay.close()


async def test_i21_a_worker_that_lost_its_lease_posts_nothing(house: House) -> None:
    """It notices when it announces the post."""
    relay = house.relay()
    request = await house.ask(tool="one")
    late = await claimed(house)
    house.clock.forward(61)  # type: ignore[union-attr]
    work = await claimed(house)
    await relay.converge(late)
    assert house.slack.calls == []
    await relay.converge(work)
    assert await house.faults(request) == []


def overtaken(house: House, what: str) -> Callable[[Call, When], Awaitable[None]]:
    """A script: during the first such call, the lease lapses and another worker does all the work."""
    started: list[Call] = []

    async def script(call: Call, when: When) -> None:
        if call.what == what and when == "after" and not started:
            started.append(call)
            house.clock.forward(61)  # type: ignore[union-attr]
            await house.now(house.relay())

    return script


async def test_i21_a_second_copy_by_a_late_worker_becomes_a_pointer() -> None:
    """A worker that was overtaken during its post, in a chat that cannot be searched, repaints its own copy."""
    clock = Clock()
    house = House(MemoryStore(clock=clock), clock, searchable=False)
    request = await house.ask(tool="one")
    house.slack.script = overtaken(house, "post")
    await house.relay().converge(await claimed(house))
    assert len(house.slack.messages) == 2
    assert len(house.slack.copies("slack:#one", request.id)) == 1
    assert await house.faults(request) == []


async def test_i24_a_late_worker_leaves_no_older_card_behind(house: House) -> None:
    """A repaint that arrives after a newer one by another worker is painted over."""
    request = await house.ask(tool="one")
    await house.now(house.relay())
    await house.approve(request)
    old = house.desk.card(await house.desk.get(request.id))
    slack, started = house.slack, list[Call]()

    async def script(call: Call, when: When) -> None:
        if call.what == "update" and when == "before" and not started:
            started.append(call)
            await house.desk.consume(request.id, request.arguments, AGENT)
            house.clock.forward(61)  # type: ignore[union-attr]
            await house.now(house.relay())

    slack.script = script
    await house.relay().converge(await claimed(house))
    assert old.rev < house.shown("slack:#one", request).rev
    assert await house.faults(request) == []


async def test_i21_a_store_that_blinks_after_a_post_costs_no_second_card() -> None:
    """Where the card is gets written down as soon as the store is back."""
    clock = Clock()
    house = House(MemoryStore(clock=clock), clock, searchable=False)
    request = await house.ask(tool="one")
    store, fails = house.store, [None, *[StoreUnavailable()] * 5]
    place = store.place

    async def blinking(work: Work, placement: Placement) -> bool:
        if fails and (error := fails.pop(0)):
            raise error
        return await place(work, placement)

    store.place = blinking  # type: ignore[method-assign]
    await house.relay().converge(await claimed(house))
    assert not fails
    assert len(house.slack.messages) == 1
    assert await house.faults(request) == []


async def test_i21_a_process_that_stops_gives_back_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one goes on at once and does not wait for the lease to lapse; calls under way may finish first."""
    monkeypatch.setattr(pace, "FINISH", 0.05)
    house = House(MemoryStore())
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def hang(call: Call, when: When) -> None:
        if when == "before":
            under_way.set()
            await go_on.wait()

    house.slack.script = hang
    relay = house.relay()
    relay.start()
    request = await house.ask(tool="one")
    await under_way.wait()
    await relay.close()
    house.slack.script = None
    await house.now(house.relay())
    assert await house.faults(request) == []

    monkeypatch.setattr(pace, "FINISH", 20)
    under_way.clear()
    house.slack.script = hang
    relay = house.relay()
    relay.start()
    request = await house.ask(tool="one")
    await under_way.wait()
    closing = asyncio.create_task(relay.close())
    go_on.set()
    await closing
    assert await house.faults(request) == []


# ── I23: delivery problems ───────────────────────────────────────────────────────────────────────


async def test_i23_a_busy_place_is_tried_again_when_it_said(house: House) -> None:
    """Not before Retry-After, then it is delivered; the other places do not wait."""
    house.slack.script = failing(ChatBusy(retry_after=7, reason="429"), place=PLACE)
    request = await house.ask()
    await house.now(house.relay())
    assert [place for place in PLACES if house.chat(place).copies(place, request.id)] == list(PLACES[1:])
    await house.settle(house.relay(), hours=0.1)
    assert await house.faults(request) == []
    first, second = house.slack.made("post", PLACE)
    assert 7 <= second.at - first.at < 9


async def test_i23_a_place_that_fails_is_tried_again_with_longer_delays(house: House) -> None:
    """One, two, four … sixty seconds, with jitter, until it is delivered."""
    house.slack.script = failing(*[ChatError(reason="500")] * 9, what="post")
    request = await house.ask(tool="one")
    await house.settle(house.relay())
    assert await house.faults(request) == []
    times = [call.at for call in house.slack.made("post", "slack:#one")]
    # To the millisecond, in which the store counts: 0.8 s may be seen as 0.79999995.
    gaps = [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)]
    assert len(gaps) == 9
    for gap, wanted in zip(gaps, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert 0.8 * wanted <= gap <= 1.2 * wanted + wanted / 2 + 1


async def test_i23_an_undeliverable_card_is_told_at_the_other_places(house: House) -> None:
    """On the record, in the audit and on every other card; the request can still be decided there."""
    house.teams.script = failing(Undeliverable(place=PLACES[1], reason="the channel is archived."), what="post")
    request = await house.ask()
    await house.settle(house.relay(), hours=0.1)
    record = await house.desk.get(request.id)
    assert record.undelivered == {PLACES[1]: "the channel is archived."}
    assert await house.lines(request, "undeliverable") == 1
    assert await house.faults(request) == []
    for place in (PLACES[0], PLACES[2]):
        card = house.shown(place, request)
        assert any("archived" in fact.text for fact in (*card.facts, *card.footer))
    assert len(house.teams.calls) == 1
    live = house.slack.copies(PLACE, request.id)[0]
    settled = await house.desk.answer(request.id, Answer(kind="approve", version=1), who("ada", live))
    assert settled.status == "approved"


async def test_i23_a_chat_that_is_not_configured_is_said(house: House) -> None:
    """A place of a chat that this server does not have is undeliverable, not for ever on its way."""
    request = await house.ask()
    relay = Relay(house.store, house.desk, {"slack": house.slack})
    await house.now(relay)
    assert (await house.desk.get(request.id)).undelivered == {PLACES[1]: "teams is not configured on this server"}
    assert await house.faults(request) == []


@pytest.mark.parametrize("error", [ChatError(reason="500"), ValueError("a fault of ours"), TimeoutError()], ids=repr)
async def test_i23_one_failing_place_does_not_hold_up_the_others(house: House, error: Exception) -> None:
    """Not its errors, not our own faults in one chat's code."""
    house.slack.script = failing(*[error] * 4, place=PLACE)
    request = await house.ask()
    relay = house.relay()
    await house.now(relay)
    await house.approve(request)
    await house.now(relay)
    for place in PLACES[1:]:
        assert house.shown(place, request).purpose == "settled"
    await house.settle(relay, hours=0.2)
    assert await house.faults(request) == []


async def test_i23_a_place_that_hangs_does_not_hold_up_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All places of a request are served together, and a call has its end."""
    monkeypatch.setattr(pace, "CALL", 0.05)
    free = asyncio.Event()

    async def hang(call: Call, when: When) -> None:
        if call.place == PLACE and when == "before":
            await free.wait()

    house.slack.script = hang
    request = await house.ask()
    await house.now(house.relay())
    assert [place for place in PLACES if house.chat(place).copies(place, request.id)] == list(PLACES[1:])
    free.set()
    await house.settle(house.relay(), hours=0.1)
    assert await house.faults(request) == []


async def test_i23_a_deleted_card_of_an_open_request_is_posted_anew(house: House) -> None:
    """At the next change; clicks on the new one count."""
    relay = house.relay()
    request = await deleted(house)
    await house.now(relay)
    assert await house.faults(request) == []
    assert len(house.slack.made("post", PLACE)) == 2
    live = house.slack.copies(PLACE, request.id)[0]
    settled = await house.desk.answer(request.id, Answer(kind="approve", version=2), who("cfo", live))
    assert settled.status == "approved"


async def test_i23_a_deleted_card_of_a_decided_request_stays_deleted(house: House) -> None:
    """Nobody needs it any more; the record says that it could not be told there."""
    relay = house.relay()
    request = await decided(house)
    for message in house.slack.copies(PLACE, request.id):
        del house.slack.messages[message]
    await house.now(relay)
    assert len(house.slack.made("post", PLACE)) == 1
    assert list((await house.desk.get(request.id)).undelivered) == [PLACE]
    assert await house.faults(request) == []


async def test_i23_a_card_of_a_decided_request_is_not_tried_for_ever(house: House) -> None:
    """A day after its last change a chat that is still away is given up, and the record says so."""
    relay = house.relay()
    request = await house.ask()
    await house.now(relay)
    house.teams.script = failing(*[ChatError(reason="503")] * 100_000)
    await house.approve(request)
    await house.settle(relay, hours=23)
    assert (await house.desk.get(request.id)).undelivered == {}
    await house.settle(relay, hours=2)
    assert list((await house.desk.get(request.id)).undelivered) == [PLACES[1]]
    count = len(house.teams.calls)
    await house.settle(relay, hours=2)
    assert len(house.teams.calls) == count


async def test_i23_a_change_does_not_wait_for_a_busy_place(house: House) -> None:
    """A decision while one place asks for patience is shown at the others at once, even if it came during the call."""
    relay = house.relay()

    async def script(call: Call, when: When) -> None:
        if call.place == PLACE and when == "before" and len(calls_of(house, PLACE)) == 1:
            await house.approve(request)
            raise ChatBusy(retry_after=600, reason="429")

    house.slack.script = script
    request = await house.ask()
    await house.now(relay)
    for place in PLACES[1:]:
        assert house.shown(place, request).purpose == "settled"
    assert len(calls_of(house, PLACE)) == 1, "a busy place is left alone until then"
    await house.settle(relay, hours=0.3)
    assert await house.faults(request) == []


async def test_i23_a_full_place_starves_no_other(house: House) -> None:
    """Two hundred cards wait for a place that takes one a second: others are served at once, the place is called
    little more than it takes, and in the order of asking.
    """
    relay = house.relay()
    last = [0.0]

    async def one_a_second(call: Call, when: When) -> None:
        if call.place == "slack:#one" and call.what == "post" and when == "before":
            if call.at < last[0] + 1:
                raise ChatBusy(retry_after=1, reason="429")
            last[0] = call.at

    house.slack.script = one_a_second
    requests: list[Request] = []
    for _ in range(200):
        requests.append(await house.ask(tool="one"))
        house.clock.forward(0.001)  # type: ignore[union-attr]
    await house.now(relay)
    other = await house.ask(tool="any", channel="slack:#other")
    work = await claimed(house)
    assert work.request == other.id, "nothing else is due"
    await relay.converge(work)
    assert await house.faults(other) == []
    began = house.clock.seconds()  # type: ignore[union-attr]
    while len(house.slack.copies("slack:#one", requests[-1].id)) == 0:
        house.clock.forward(0.25)  # type: ignore[union-attr]
        await house.now(relay)
    assert house.clock.seconds() - began < 260  # type: ignore[union-attr]
    for request in requests:
        assert await house.faults(request) == []
    assert len(house.slack.made("post", "slack:#one")) < 230
    order = [card.request_id for ref, card in house.slack.messages.items() if ref.conversation == "slack:#one"]
    assert order == [request.id for request in requests]


async def test_i23_a_chat_that_hangs_holds_up_one_worker_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one chat answers nothing, hundreds of its cards due, the other's cards go out; when it is back, all do."""
    monkeypatch.setattr(pace, "CALL", 0.2)
    monkeypatch.setattr(pace, "FIRST_RETRY", 0.05)
    monkeypatch.setattr(pace, "LONGEST_RETRY", 0.2)
    monkeypatch.setattr(traffic_room, "SLOW", 0.1)
    monkeypatch.setattr(traffic_room, "LONGEST_PAUSE", 1.0)
    monkeypatch.setattr(traffic_room, "SPREAD", 0.1)
    house = House(MemoryStore())
    back = asyncio.Event()
    under_way = [0, 0]

    async def hang(call: Call, when: When) -> None:
        if when == "before" and not back.is_set():
            under_way[0] += 1
            under_way[1] = max(under_way[1], under_way[0])
            try:
                await back.wait()
            finally:
                under_way[0] -= 1

    house.teams.script = hang
    relay = Relay(house.store, house.desk, house.chats)
    relay.start()
    try:
        stuck = [await house.ask(tool="any", channel="teams:Team/Channel") for _ in range(300)]

        async def paused() -> bool:
            return len(house.teams.calls) >= pace.WORKERS and under_way[0] <= 1

        await eventually(paused)
        under_way[1] = 0
        for _ in range(20):
            request = await house.ask(tool="one")

            async with asyncio.timeout(1):
                await all_true(house, request)
        assert under_way[1] <= 1
        back.set()
        await all_true(house, *stuck)
    finally:
        await relay.close()


# ── I24: after an outage ─────────────────────────────────────────────────────────────────────────


async def test_i24_cards_converge_after_a_chat_was_away(house: House) -> None:
    """Whatever happened meanwhile, every place shows the end of it and nothing in between."""
    relay = house.relay()
    early = await house.ask()
    await house.now(relay)
    away = failing(*[ChatError(reason="Slack cannot be reached")] * 100_000)
    house.slack.script = house.teams.script = away
    requests = [early, *[await house.ask() for _ in range(3)]]
    await house.settle(relay, hours=0.1)
    for request in requests:
        again = await house.revise(request)
        await house.settle(relay, hours=0.05)
        if request is requests[-1]:
            await house.desk.withdraw(request.id, AGENT)
        elif request is not requests[1]:
            await house.approve(again, "cfo")
            await house.desk.consume(request.id, again.arguments, AGENT)
    await house.settle(relay, hours=0.1)
    house.slack.script = house.teams.script = None
    house.slack.calls.clear()
    house.teams.calls.clear()
    await house.settle(relay, hours=0.2)
    for request in requests:
        assert await house.faults(request) == []
        for place in (*PLACES, BOARD):
            changes = [call for call in house.chat(place).calls if call.request == request.id and call.place == place]
            assert len([call for call in changes if call.what != "find"]) == 1


class Flaky:
    """A store that can be away."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.leaves_at = ""
        self.away = False
        self.refused = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        attribute: object = getattr(self._store, name)
        if not callable(attribute) or name == "events":
            return attribute

        async def call(*args: object, **kwargs: object) -> object:
            self.away = self.away or name == self.leaves_at
            if self.away:
                self.refused.set()
                raise StoreUnavailable
            return await attribute(*args, **kwargs)  # type: ignore[no-any-return]

        return call


@pytest.mark.parametrize("call", ["load", "placements", "place", "done"])
async def test_i24_cards_converge_after_the_store_was_away(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker held when the store went away is done soon after it is back, not when its lease has lapsed."""
    monkeypatch.setattr(pace, "FIRST_RETRY", 0.01)
    house = House(MemoryStore())
    flaky = Flaky(house.store)  # type: ignore[arg-type]
    relay = house.relay(store=flaky)  # type: ignore[arg-type]
    relay.start()
    try:
        request = await house.ask()
        await all_true(house, request)
        flaky.leaves_at = call
        await house.approve(request)
        await flaky.refused.wait()
        await house.desk.consume(request.id, request.arguments, AGENT)
        await house.desk.report(request.id, Outcome(status="failed", detail="no funds"), AGENT)
        flaky.leaves_at, flaky.away = "", False
        await all_true(house, request)
    finally:
        await relay.close()


# ── expiry ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def relays(house: House) -> AsyncIterator[list[Relay]]:
    """Three replicas, at work."""
    made = [house.relay() for _ in range(3)]
    for relay in made:
        relay.start()
    yield made
    for relay in made:
        await relay.close()


async def test_i06_overdue_requests_end_once_with_nobody_asking(house: House, relays: list[Relay]) -> None:
    """Three sweepers, one expiry, and the cards say so."""
    requests = [await house.ask() for _ in range(5)]
    await all_true(house, *requests)
    waiting = [asyncio.create_task(house.store.wait(request.id, 20)) for request in requests]
    house.clock.forward(3601)  # type: ignore[union-attr]
    assert {request.status for request in await asyncio.gather(*waiting)} == {"expired"}
    await all_true(house, *requests)
    for request in requests:
        assert await house.lines(request, "decided") == 1


async def test_one_record_that_cannot_be_ended_keeps_no_other_open(
    house: House, relays: list[Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper goes on to the next."""
    first, second = await house.ask(expires_in=60), await house.ask()
    await all_true(house, first, second)
    load = house.store.load

    async def broken(request_id: str) -> tuple[Request, object]:
        if request_id == first.id:
            raise ValueError("unreadable")
        return await load(request_id)

    monkeypatch.setattr(house.store, "load", broken)
    waiting = asyncio.create_task(house.store.wait(second.id, 20))
    house.clock.forward(3700)  # type: ignore[union-attr]
    assert (await waiting).status == "expired"


async def test_i13_a_fault_of_ours_is_logged_without_its_text(house: House) -> None:
    """The text may quote the call and its secrets: pydantic's does. Where it arose is said."""
    house.slack.script = failing(ValueError("tok_secret"))
    await house.ask(tool="one")
    with capture_logs() as lines:
        await house.now(house.relay())
    assert "tok_secret" not in repr(lines)
    assert "ValueError at" in str(lines[0]["fault"])
    assert "relaykit.py" in str(lines[0]["fault"])


# ── what the relay remembers ─────────────────────────────────────────────────────────────────────


async def test_failures_are_counted_for_a_bounded_number_of_requests(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that another replica finished are forgotten in time."""
    monkeypatch.setattr(pace, "COUNTED", 3)
    house.slack.script = failing(*[ChatError(reason="500")] * 10)
    relay = house.relay()
    for _ in range(6):
        await house.ask(tool="one")
    await house.now(relay)
    assert len(relay._delivery._failures) == 3
    house.slack.script = None
    await house.settle(relay)
    assert relay._delivery._failures == {}


def test_those_who_wait_for_a_full_place_keep_their_order() -> None:
    """One a second; who is refused once more is the next, and all others move back."""
    now = [0.0]
    traffic = Traffic(lambda: now[0])

    def turn(name: str) -> float:
        return now[0] + traffic.turn("chat", "post here", name, longest=1)

    assert traffic.full("post here", "a", 5) == 5
    assert [turn(name) for name in "bcd"] == [6, 7, 8]
    assert [turn(name) for name in "bcd"] == [6, 7, 8], "asking again changes nothing"
    now[0] = 5.0
    assert turn("a") == 5
    now[0] = 6.0
    assert turn("b") == 6
    assert traffic.full("post here", "b", 3) == 3
    assert [turn(name) for name in "bcde"] == [9, 10, 11, 12]
    assert traffic.turn("chat", "update here", "a", longest=1) == 0, "another kind of call has its own limit"


def test_a_request_that_never_comes_back_holds_up_nobody_in_the_queue() -> None:
    """Another replica may have taken it: the line moves on by the clock, and is forgotten when it is over."""
    now = [0.0]
    traffic = Traffic(lambda: now[0])
    traffic.full("post here", "a", 5)
    assert traffic.turn("chat", "post here", "b", longest=1) == 6
    now[0] = 6.0
    assert traffic.turn("chat", "post here", "b", longest=1) == 0
    now[0] = 8.0
    assert traffic.turn("chat", "post here", "c", longest=1) == 0
    assert traffic._queues == {}


def test_a_hanging_chat_is_tried_by_one_at_a_time_until_it_answers() -> None:
    """Pauses double up to a minute; any answer ends them."""
    now = [0.0]
    traffic = Traffic(lambda: now[0])
    now[0] = 10.0
    for _ in range(8):
        traffic.failed("chat", began=0.0)
    pauses: list[float] = []
    for _ in range(8):
        wait = traffic.turn("chat", "post here", "a", longest=10)
        assert wait > 0
        now[0] += wait
        assert traffic.turn("chat", "post here", "a", longest=10) == 0
        assert traffic.turn("chat", "post there", "b", longest=10) >= 10
        assert traffic.turn("other", "post there", "b", longest=10) == 0
        began, now[0] = now[0], now[0] + 10
        traffic.failed("chat", began)
        pauses.append(wait)
    for pause, wanted in zip(pauses, [1, 2, 4, 8, 16, 32, 60, 60], strict=True):
        assert wanted <= pause <= wanted + traffic_room.SPREAD
    traffic.answered("chat")
    assert traffic.turn("chat", "post here", "b", longest=10) == 0
