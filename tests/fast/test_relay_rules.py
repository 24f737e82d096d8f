"""What is said below cards: reminders, escalations and the like, once at each place, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest
from relaykit import Clock, CrashError, House, Life, ScriptedChat, who
from structlog.testing import capture_logs

from signoff import policy
from signoff.errors import ChatBusy, ChatError, Undeliverable
from signoff.model import Answer, MessageRef, Principal, Request
from signoff.relay import pace
from signoff.relay import sweeper as sweeper_room
from signoff.store import MemoryStore

RULES = """
version: 1
people:
  ada: {name: Ada, slack: T1/UADA, teams: tenant/ada}
  bob: {name: Bob, slack: T1/UBOB}
  cfo: {name: Cleo, slack: T1/UCFO, teams: tenant/cleo}
groups:
  finance: {members: [ada, bob]}
defaults: {show: [slack:#refunds, "teams:Finance/General"], approvers: [finance], expires_in: 1h}
rules:
  - name: refunds
    when: tool == "refund"
    remind: [10m, 20m]
    escalate: [{after: 15m, to: [cfo], show: [slack:#board]}]
    break_glass: [cfo]
    fallback: [slack:#fallback]
  - name: direct
    when: tool == "direct"
    show: [slack:#refunds]
    remind: {after: [10m, 20m], by: direct}
"""
SLACK, TEAMS, BOARD = "slack:#refunds", "teams:Finance/General", "slack:#board"
When = Literal["before", "after"]
REMINDER = "Still waiting: refund. Ada or Bob can decide; it expires on 20 November 2026, 09:00 UTC."


@dataclass
class Talking(ScriptedChat):
    """Also says things below its cards. `failing`: what the next sayings raise; None: goes well."""

    said: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    """Place, text, who is called by name."""
    shown: list[int] = field(default_factory=list)
    """The revision of the card when something was said below it."""
    failing: list[BaseException | None] = field(default_factory=list)
    hangs: bool = False

    async def tell(self, message: MessageRef, text: str, people: Sequence[Principal]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        error = self.failing.pop(0) if self.failing else None
        if error is not None:
            raise error
        self.shown.append(self.messages[message].rev)
        self.said.append((message.conversation, text, tuple(one.user for one in people)))

    def below(self, place: str) -> list[str]:
        return [text for where, text, _ in self.said if where == place]


class Company(House):
    """The relay's house, where rules remind and escalate and chats talk."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(clock=(clock := Clock())), clock)
        self.time = clock
        self.rules = policy.load(RULES, file="rules.yaml", chats=("slack", "teams"))
        self.desk = self.desk_on(self.store)
        self.slack: Talking = Talking("slack", clock=clock.seconds)
        self.teams: Talking = Talking("teams", clock=clock.seconds)
        self.chats = {"slack": self.slack, "teams": self.teams}

    async def shown_request(self, tool: str = "refund") -> Request:
        request = await self.ask(tool=tool)
        await self.now(self.relay())
        return request

    async def pass_minutes(self, minutes: float, request: Request) -> None:
        """Time passes, and what is due about the request happens."""
        self.time.forward(60 * minutes)
        while await self.desk.tick(request.id):
            pass

    async def force(self, request: Request) -> Request:
        answer = Answer(kind="approve", version=1, message="it cannot wait", force=True)
        return await self.desk.answer(request.id, answer, who("cfo"))

    def sayings(self) -> list[tuple[str, str]]:
        return [(place, text) for chat in (self.slack, self.teams) for place, text, _ in chat.said]


@pytest.fixture
def house() -> Company:
    return Company()


# ── saying ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_reminder_is_said_once_below_each_card(house: Company) -> None:
    """In both chats, and never again, however often the relay looks."""
    request, relay = await house.shown_request(), house.relay()
    await house.pass_minutes(10, request)
    for _ in range(3):
        await house.now(relay)
    assert house.sayings() == [(SLACK, REMINDER), (TEAMS, REMINDER)]
    assert {place.told for place in (await house.placements(request)).values()} == {1}
    assert await house.faults(request) == []


async def test_the_card_is_repainted_before_anything_is_said_below_it(house: Company) -> None:
    """Whoever follows the reminder finds the card as it is now."""
    request = await house.shown_request()
    await house.pass_minutes(10, request)
    await house.now(house.relay())
    record = await house.desk.get(request.id)
    assert house.slack.shown == house.teams.shown == [record.rev]


async def test_people_are_called_by_name_where_they_are_known(house: Company) -> None:
    """Ada in both chats, Bob in Slack only: he has no identity in Teams."""
    request = await house.shown_request()
    await house.pass_minutes(10, request)
    await house.now(house.relay())
    assert [people for _, _, people in house.slack.said] == [("UADA", "UBOB")]
    assert [people for _, _, people in house.teams.said] == [("ada",)]


async def test_what_has_piled_up_is_said_in_its_order(house: Company) -> None:
    """After an outage over two reminders and an escalation each is said once, the earliest first."""
    request = await house.shown_request()
    await house.pass_minutes(25, request)
    await house.now(house.relay())
    for chat, place in ((house.slack, SLACK), (house.teams, TEAMS)):
        told = chat.below(place)
        assert [text.split(" ")[0] for text in told] == ["Still", "Nobody", "Still"]
        assert "now Cleo may decide too" in told[1]
    assert await house.faults(request) == []


async def test_an_escalation_is_shown_where_it_goes(house: Company) -> None:
    """The new place gets a card; what was said elsewhere before that is not said below it, what comes later is."""
    request = await house.shown_request()
    await house.pass_minutes(15, request)
    await house.now(house.relay())
    assert house.shown(BOARD, request).purpose == "ask"
    assert house.slack.below(BOARD) == []
    assert len(house.slack.below(SLACK)) == 2
    await house.pass_minutes(5, request)
    await house.now(house.relay())
    assert [text.split(":")[0] for text in house.slack.below(BOARD)] == ["Still waiting"]


async def test_nobody_is_reminded_of_what_was_decided(house: Company) -> None:
    """The decision came between the reminder and the relay: nothing is said, and the card shows the end."""
    request = await house.shown_request()
    await house.pass_minutes(15, request)
    await house.approve(request)
    await house.now(house.relay())
    assert house.sayings() == []
    assert await house.faults(request) == []
    assert {place.told for place in (await house.placements(request)).values()} == {2}


async def test_a_forced_decision_is_told_although_it_is_over(house: Company) -> None:
    """To the group, below every card, with the reason."""
    request = await house.shown_request()
    await house.pass_minutes(10, request)
    await house.force(request)
    await house.now(house.relay())
    said = "Cleo forced the approval (break glass): it cannot wait"
    assert house.sayings() == [(SLACK, said), (TEAMS, said)]


async def test_a_direct_reminder_is_a_card_of_ones_own(house: Company) -> None:
    """Nothing is said in the channel at first; the second reminder is said below the card that each has."""
    request = await house.shown_request("direct")
    await house.pass_minutes(10, request)
    await house.now(house.relay())
    assert house.sayings() == []
    for person in ("ada", "bob"):
        assert house.shown(f"slack:@{person}", request).purpose == "ask"
    await house.pass_minutes(10, request)
    await house.now(house.relay())
    assert sorted(place for place, _ in house.sayings()) == [SLACK, "slack:@ada", "slack:@bob"]


async def test_a_card_that_is_posted_anew_repeats_nothing(house: Company) -> None:
    """Somebody deletes the card: the new one shows how things stand, and only what comes later is said below it."""
    request = await house.shown_request()
    await house.pass_minutes(10, request)
    await house.now(house.relay())
    for message in house.slack.copies(SLACK, request.id):
        del house.slack.messages[message]
    await house.pass_minutes(5, request)
    await house.now(house.relay())
    await house.pass_minutes(5, request)
    await house.now(house.relay())
    assert house.slack.below(SLACK).count(REMINDER) == 1
    assert await house.faults(request) == []


# ── I23: what fails ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "error",
    [ChatBusy(retry_after=30, reason="429"), ChatError(reason="502"), TimeoutError()],
    ids=["busy", "away", "no answer"],
)
async def test_i23_what_could_not_be_said_is_said_later_and_once(house: Company, error: BaseException) -> None:
    """Slack does not take it at first, twice; Teams does not wait for that."""
    request, relay = await house.shown_request(), house.relay()
    await house.pass_minutes(10, request)
    house.slack.failing = [error, error]
    await house.now(relay)
    assert house.sayings() == [(TEAMS, REMINDER)]
    placements = await house.placements(request)
    assert (placements[SLACK].told, placements[TEAMS].told) == (0, 1)
    await house.settle(relay, hours=0.1)
    assert sorted(house.sayings()) == [(SLACK, REMINDER), (TEAMS, REMINDER)]


async def test_i23_a_chat_that_hangs_while_something_is_said_is_tried_again(
    house: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that one call may take; the other chat has heard it meanwhile."""
    monkeypatch.setattr(pace, "CALL", 0.01)
    request, relay = await house.shown_request(), house.relay()
    await house.pass_minutes(10, request)
    house.slack.hangs = True
    await house.now(relay)
    assert house.sayings() == [(TEAMS, REMINDER)]
    house.slack.hangs = False
    await house.settle(relay, hours=0.1)
    assert sorted(house.sayings()) == [(SLACK, REMINDER), (TEAMS, REMINDER)]


async def test_i23_a_decision_does_not_wait_for_what_cannot_be_said(house: Company) -> None:
    """Slack takes no words for a minute: the decision is painted at once, and the reminder is never said."""
    request, relay = await house.shown_request(), house.relay()
    await house.pass_minutes(10, request)
    house.slack.failing = [ChatBusy(retry_after=60, reason="429")]
    await house.now(relay)
    await house.approve(request)
    await house.now(relay)
    assert house.shown(SLACK, request).purpose == "settled"
    await house.settle(relay, hours=0.1)
    assert house.sayings() == [(TEAMS, REMINDER)]
    assert await house.faults(request) == []


async def test_i23_what_can_never_be_said_is_let_go(house: Company) -> None:
    """The thread is locked: logged, not tried again, and the card stays a card."""
    request, relay = await house.shown_request(), house.relay()
    await house.pass_minutes(10, request)
    house.slack.failing = [Undeliverable(place=SLACK, reason="the thread is locked")]
    with capture_logs() as logs:
        await house.settle(relay, hours=0.1)
    assert house.slack.said == []
    assert [line["event"] for line in logs] == ["nothing can be said below a card"]
    assert (await house.placements(request))[SLACK].state == "live"
    assert (await house.desk.get(request.id)).undelivered == {}
    assert await house.faults(request) == []


async def test_i23_a_fault_of_ours_while_saying_costs_that_saying_only(house: Company) -> None:
    """Nobody knows whether it was said: it is not said again, and what comes later is."""
    request, relay = await house.shown_request(), house.relay()
    await house.pass_minutes(10, request)
    house.slack.failing = [ValueError("a bug")]
    await house.settle(relay, hours=0.01)
    assert house.sayings() == [(TEAMS, REMINDER)]
    await house.pass_minutes(5, request)
    await house.now(relay)
    assert [text.split(" ")[0] for text in house.slack.below(SLACK)] == ["Nobody"]
    assert await house.faults(request) == []


async def test_i23_an_undeliverable_place_brings_a_card_in_the_fallback(house: Company) -> None:
    """The channel is archived: the card is posted where the rule says instead, once, and can be decided there."""
    archived = Undeliverable(place=SLACK, reason="it is archived")

    async def script(call: object, moment: str) -> None:
        if getattr(call, "place", "") == SLACK and moment == "before":
            raise archived

    house.slack.script = script
    request = await house.ask()
    await house.now(house.relay())
    assert house.shown("slack:#fallback", request).purpose == "ask"
    record = await house.desk.get(request.id)
    assert list(record.undelivered) == [SLACK]
    (message,) = house.slack.copies("slack:#fallback", request.id)
    approve = Answer(kind="approve", version=1, message=None)
    assert (await house.desk.answer(request.id, approve, who("ada", message))).status == "approved"
    await house.now(house.relay())
    assert await house.faults(request) == []
    assert len(house.slack.made("post", "slack:#fallback")) == 1


# ── I21: nothing is said twice ───────────────────────────────────────────────────────────────────


async def _died(step: int, when: When) -> tuple[Company, Request, bool]:
    """A worker that says two reminders and an escalation dies at one step; did it get that far?"""
    house = Company()
    request = await house.shown_request()
    await house.pass_minutes(25, request)
    life = Life(step, when)
    relay = house.relay(life)
    store = life.of(house.store)
    try:
        while (work := await store.claim(60)) is not None:
            await relay.converge(work)
    except CrashError:
        pass
    await house.settle(house.relay(), hours=0.1)
    return house, request, life.over


@pytest.mark.parametrize("when", ["before", "after"])
async def test_i21_dying_at_any_step_says_nothing_twice(when: When) -> None:
    """At each place at most one saying is lost, none is said twice, none out of order; every card is there."""
    lost, step = 0, 1
    while True:
        house, request, died = await _died(step, when)
        assert await house.faults(request) == [], step
        for chat, place in ((house.slack, SLACK), (house.teams, TEAMS)):
            told = [
                (text.split(" ")[0], rev)
                for (where, text, _), rev in zip(chat.said, chat.shown, strict=True)
                if where == place
            ]
            words = [word for word, _ in told]
            assert len(words) >= 2, (step, words)
            assert words in (["Still", "Nobody", "Still"], ["Still", "Nobody"], ["Still", "Still"], ["Nobody", "Still"])
            lost += 3 - len(words)
        assert len(house.slack.copies(BOARD, request.id)) == 1
        if not died:
            break
        step += 1
    assert step > 20  # there are so many steps at which it could die
    assert lost > 0  # between writing down and saying


async def test_i21_several_relays_say_it_once(house: Company) -> None:
    """Four workers of two processes look at the same time."""
    request = await house.shown_request()
    await house.pass_minutes(25, request)
    await asyncio.gather(*(house.now(house.relay()) for _ in range(4)))
    await house.settle(house.relay(), hours=0.01)
    assert len(house.slack.below(SLACK)) == len(house.teams.below(TEAMS)) == 3
    assert await house.faults(request) == []


async def test_i21_two_running_replicas_remind_once(house: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole relays, sweepers and all, on one store: each timer fires once, and is said once in each chat."""
    monkeypatch.setattr(sweeper_room, "SWEEP", 0.001)
    relays = [house.relay(), house.relay()]
    requests = [await house.ask() for _ in range(5)]
    for relay in relays:
        relay.start()
    try:
        await _eventually(lambda: len(house.slack.messages) == len(house.teams.messages) == 5)
        house.time.forward(60 * 25)
        await _eventually(lambda: len(house.sayings()) >= 30)
        for request in requests:
            assert [notice.kind for notice in (await house.desk.get(request.id)).notices] == [
                "reminded",
                "escalated",
                "reminded",
            ]
            assert await house.lines(request, "reminded") == 2
            assert await house.lines(request, "escalated") == 1
    finally:
        for relay in relays:
            await relay.close()
    assert len(house.sayings()) == 30


async def _eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds; for what no event announces."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
