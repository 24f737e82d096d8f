"""Timers of real processes that are killed with -9: what was due happens, in its order, and once in each chat."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import aiohttp
import pytest
from crew import Crew, comes_true

from signoff.model import loads
from signoff.ports import Filter
from signoff.store import RedisStore
from signoff_sim.demo.hands import shows
from signoff_sim.demo.stage import POLICY

LAPSE = 100.0
"""Seconds: longer than the lease of a worker that was killed with work in hand."""
WORKERS = 8
"""Of one replica: so many sayings may be under way when it is killed."""
REMINDER, LADDER = "Still waiting", "Nobody has decided"
TIMERS = """
rules:
  - name: timed
    when: tool == "issue_refund"
    show: [slack:#refunds, "teams:Finance/Payouts"]
    approvers: [finance]
    remind: [FIRSTs, THIRDs]
    escalate: [{after: SECONDs, to: [rita], show: [slack:#approvals]}]
    expires_in: ENDs
"""


class Timed(Crew):
    """Two replicas under a policy whose timers are seconds apart."""

    def __init__(self, first: int, second: int, third: int, end: int = 600) -> None:
        super().__init__(2)
        rules = TIMERS
        for name, seconds in (("FIRST", first), ("SECOND", second), ("THIRD", third), ("END", end)):
            rules = rules.replace(name, str(seconds))
        people = POLICY.read_text().split("\ndefaults:", 1)[0]
        defaults = '\ndefaults: {show: [slack:#approvals, "teams:Finance/General"], approvers: [finance]}'
        self._policy = self.folder / "timers.yaml"
        self._policy.write_text(people + defaults + rules)

    def environment(self) -> dict[str, str]:
        return super().environment() | {"SIGNOFF_POLICY": str(self._policy)}

    async def ask(self, *orders: str) -> None:
        """All at once, each at whichever replica it meets."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with aiohttp.ClientSession(self.bot_address, headers=headers) as http:
            await asyncio.gather(*(self._post(http, order) for order in orders))

    async def _post(self, http: aiohttp.ClientSession, order: str) -> None:
        body = {"tool": "issue_refund", "title": f"Refund {order}", "arguments": {"order": order, "amount": 500}}
        async with http.post("/v1/requests", json=body) as answer:
            assert answer.status in {200, 201, 202}, await answer.text()

    def slack_said(self, order: str) -> list[str]:
        """What stands in the thread below the card of an order."""
        return [str(one["text"]) for one in self._room("refunds") if self._below(one, order)]

    def slack_speaks(self) -> bool:
        return any(one["thread_ts"] not in {None, one["ts"]} for one in self._room("refunds"))

    def _below(self, message: dict[str, Any], order: str) -> bool:
        cards = {one["ts"] for one in self.slack_cards(order)}
        return message["thread_ts"] in cards and message["ts"] not in cards

    def slack_cards(self, order: str, room: str = "refunds") -> list[dict[str, Any]]:
        first = [one for one in self._room(room) if one["thread_ts"] in {None, one["ts"]}]
        return [one for one in first if shows(one["blocks"], f"Refund {order}")]

    def _room(self, name: str) -> list[dict[str, Any]]:
        rooms = self.slack.state("rita")["channels"]
        return [one for room in rooms if room["name"] == name for one in room["messages"] if not one["ephemeral"]]

    def teams_said(self, order: str) -> list[str]:
        """The same in Teams."""
        found: list[str] = []
        for messages in self._threads():
            if shows(messages[0].get("card"), f"Refund {order}"):
                found += [str(one["text"]) for one in messages[1:]]
        return found

    def teams_cards(self, order: str) -> list[dict[str, Any]]:
        return [messages[0] for messages in self._threads() if shows(messages[0].get("card"), f"Refund {order}")]

    def _threads(self) -> list[list[dict[str, Any]]]:
        teams = self.teams.state("ada")["teams"]
        return [thread["messages"] for team in teams for channel in team["channels"] for thread in channel["threads"]]

    def shown(self, *orders: str) -> bool:
        return all(self.slack_cards(order) and self.teams_cards(order) for order in orders)

    async def trail(self) -> list[dict[str, Any]]:
        """The audit trail, as it stands in Redis."""
        store = RedisStore.from_url(self.redis.url)
        await store.start()
        try:
            return [{**cast("dict[str, Any]", loads(one.body)), "ms": one.at} for one in await store.audit(0, 10**6)]
        finally:
            await store.close()


@pytest.fixture
async def late() -> AsyncIterator[Timed]:
    async with Timed(8, 10, 12) as crew:
        yield crew
        print(*(bot.last_words() for bot in crew.bots))  # shown beside a failure


@pytest.fixture
async def soon() -> AsyncIterator[Timed]:
    async with Timed(12, 13, 14) as crew:
        yield crew
        print(*(bot.last_words() for bot in crew.bots))


@pytest.fixture
async def short() -> AsyncIterator[Timed]:
    async with Timed(8, 9, 10, end=12) as crew:
        yield crew
        print(*(bot.last_words() for bot in crew.bots))


def kinds(said: list[str]) -> list[str]:
    """Which notice each saying was."""
    return [next((kind for kind in (REMINDER, LADDER) if kind in text), text) for text in said]


async def passed(crew: Timed, seconds: float) -> None:
    """So long since the last request was asked, by the clock of Redis, which is this machine's."""
    asked = max(line["ms"] for line in await crew.trail() if line["type"] == "asked") / 1000
    await comes_true(lambda: datetime.now(UTC).timestamp() > asked + seconds, "time passes")


@pytest.mark.timeout(300)
async def test_i21_after_an_outage_of_all_replicas_timers_catch_up_in_order(late: Timed) -> None:
    """Both killed before the first reminder, one started after the last: two reminders and an escalation between
    them, each once in each chat, and the new place has its card.
    """
    await late.ask("A-5001", "A-5002")
    await comes_true(lambda: late.shown("A-5001", "A-5002"), "both chats show both")
    await asyncio.gather(*(bot.kill() for bot in late.bots))
    assert late.slack_said("A-5001") == late.teams_said("A-5001") == []
    await passed(late, 12.5)
    await late.bots[0].start()
    wanted = [REMINDER, LADDER, REMINDER]

    def caught_up() -> bool:
        said = [look(order) for order in ("A-5001", "A-5002") for look in (late.slack_said, late.teams_said)]
        cards = [late.slack_cards(order, "approvals") for order in ("A-5001", "A-5002")]
        return all(len(one) >= len(wanted) for one in said) and all(cards)

    await comes_true(caught_up, "everything is caught up", within=LAPSE)
    await late.bots[1].start()
    await quiet(late)
    for order in ("A-5001", "A-5002"):
        assert kinds(late.slack_said(order)) == kinds(late.teams_said(order)) == wanted
        assert len(late.slack_cards(order)) == len(late.teams_cards(order)) == 1
        assert len(late.slack_cards(order, "approvals")) == 1
        assert shows(late.slack_said(order)[1], "Rita Moreau may decide too")
    fired = [line["type"] for line in await late.trail() if line["type"] in {"reminded", "escalated"}]
    assert Counter(fired) == {"reminded": 4, "escalated": 2}


@pytest.mark.timeout(300)
async def test_i06_after_an_outage_beyond_the_end_nothing_but_the_end_is_told(short: Timed) -> None:
    """Nobody was up until after the deadline: it has expired in both chats, and nobody is reminded of it."""
    await short.ask("A-5101")
    await comes_true(lambda: short.shown("A-5101"), "both chats show it")
    await asyncio.gather(*(bot.kill() for bot in short.bots))
    await passed(short, 12.5)
    await asyncio.gather(*(bot.start() for bot in short.bots))

    def ended() -> bool:
        cards = (*short.slack_cards("A-5101"), *short.teams_cards("A-5101"))
        return all(shows([card], "Expired") for card in cards)

    await comes_true(ended, "both cards say that it expired", within=LAPSE)
    await quiet(short)
    assert short.slack_said("A-5101") == short.teams_said("A-5101") == []
    assert [line["type"] for line in await short.trail() if line.get("request")] == ["asked", "decided"]


@pytest.mark.timeout(300)
async def test_i21_a_replica_killed_while_timers_fire_doubles_nothing(soon: Timed) -> None:
    """Six requests are due at once; one of two replicas dies at the first word in Slack: each timer has fired once,
    nothing is said twice, and only what was being said at that moment may be missing.
    """
    orders = [f"A-52{number:02}" for number in range(6)]
    tell, killed = soon.slack.on_change, asyncio.Event()

    def kill_when_it_speaks() -> None:
        tell()
        if not killed.is_set() and soon.slack_speaks():
            process = soon.bots[0].process
            assert process is not None
            process.kill()
            killed.set()

    soon.slack.on_change = kill_when_it_speaks
    await soon.ask(*orders)
    await comes_true(lambda: soon.shown(*orders), "both chats show all", within=LAPSE)
    await asyncio.wait_for(killed.wait(), 60)
    await soon.bots[0].kill()

    async def all_fired() -> bool:
        lines = await soon.trail()
        return sum(line["type"] in {"reminded", "escalated"} for line in lines) >= 3 * len(orders)

    async with asyncio.timeout(LAPSE):
        while not await all_fired():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
    fired = Counter((line["request"], line["type"]) for line in await soon.trail() if line["type"] in FIRED)
    assert Counter(fired.values()) == {2: len(orders), 1: len(orders)}
    # The other replica says what is left, at the latest when the leases of the dead one have lapsed.
    await comes_true(lambda: all(soon.slack_cards(order, "approvals") for order in orders), "escalated", within=LAPSE)
    await quiet(soon)
    assert missing(soon, orders) <= WORKERS
    for order in orders:
        for said in (soon.slack_said(order), soon.teams_said(order)):
            assert kinds(said) in ALLOWED, (order, said)
        assert len(soon.slack_cards(order)) == len(soon.teams_cards(order)) == 1
        assert len(soon.slack_cards(order, "approvals")) == 1


FIRED = ("reminded", "escalated")
ALLOWED = ([REMINDER, LADDER, REMINDER], [REMINDER, LADDER], [REMINDER, REMINDER], [LADDER, REMINDER])
"""All, or all but the one that was under way when its replica died."""


def missing(crew: Timed, orders: list[str]) -> int:
    """How many sayings there are too few, in both chats together."""
    return sum(3 - len(look(order)) for order in orders for look in (crew.slack_said, crew.teams_said))


async def quiet(crew: Timed) -> None:
    """Nothing is left to do: no card is due."""
    store = RedisStore.from_url(crew.redis.url)
    await store.start()
    try:
        async with asyncio.timeout(LAPSE):
            while await _due(store):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
    finally:
        await store.close()


async def _due(store: RedisStore) -> bool:
    """Whether any card lags behind its record, or any notice has yet to be said."""
    page = await store.page(Filter(), None, 1000)
    for request in page.requests:
        for placement in await store.placements(request.id):
            if placement.state == "posting" or placement.shown < request.rev or placement.told < len(request.notices):
                return True
    return False
