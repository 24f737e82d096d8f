"""Attacks on reviews through the real wires, in both chats: replays, forgeries, two windows, text that is markup."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import harness_slack
import pytest
from harness_review import RULES, ask, batch, hears, members, sees, status
from markdown_it import MarkdownIt

from signoff.errors import ReviewGone, StoreUnavailable
from signoff.model import Actor, Principal, Request
from signoff_sim import world

Json = dict[str, Any]
Policed = Callable[[str, str, timedelta], AbstractAsyncContextManager[Any]]


@pytest.fixture
async def house(policed: Policed, chat: str) -> AsyncIterator[Any]:
    async with policed(chat, RULES, timedelta()) as made:
        yield made


MARKDOWN = (
    "[the invoice](https://evil.example) *b* **c** _d_ <https://evil.example> &lt; \\* ![x](https://evil.example/x)"
)


@pytest.mark.parametrize("chat", ["teams"])
@pytest.mark.parametrize("opened", [False, True])
async def test_i12_what_can_be_ticked_is_no_markdown(house: Any, opened: bool) -> None:
    """The words beside a tick are read as Markdown by clients (adaptivecards 3.x): here they stay characters."""
    await ask(house, 20, title=MARKDOWN, agent=MARKDOWN, arguments={"note": "[a](https://evil.example)"}, schema=None)
    ada = house.side.hands("ada")
    await ada.ask()
    if opened:
        await ada.open("1 × issue_refund")
    titles = list(ada.ticks())
    assert "the invoice" in "".join(titles)
    for title in titles:
        drawn = MarkdownIt("commonmark").render(title)
        assert not [tag for tag in ("<a", "<em", "<strong", "<img", "<code") if tag in drawn], drawn
        assert "&amp;lt;" in drawn or "&lt;" not in title


# ── replays ──────────────────────────────────────────────────────────────────────────────────────


async def test_i16_the_card_of_several_works_only_where_it_was_posted(house: Any) -> None:
    """A copy of it in another conversation, and its button on another card, open nothing and say so."""
    card, requests = await batch(house, members())
    pile = requests[0].batch
    assert pile is not None
    copy = await house.side.chat.post(house.side.elsewhere, await house.desk.pile(pile.id, house.side.place))
    for space in ("slack-piles", "teams-cards"):  # as if this copy had not been made by us
        await house.store.forget(space, f"{copy.tenant}/{copy.conversation}/{copy.message}")
    ada = house.side.hands("ada")
    await ada.pile(copy, "approve_all")
    await hears(ada, "does not belong to this conversation")
    assert "Approve 3 requests?" not in ada.text
    await ada.close()
    await ada.pile(card, "approve_all")
    await sees(ada, "Approve 3 requests?")


class Wire:
    """What a person's client sent last, to be sent again or changed, with the platform's own signature."""

    def __init__(self, house: Any) -> None:
        sim = house.side._world.sim
        self.teams = house.side.name == "teams"
        self.sent: list[Json] = []
        self._deliver = sim._sender.deliver if self.teams else sim.courier.interactive

        async def recorded(payload: Json, *args: Any, **more: Any) -> Any:
            self.sent.append(copy.deepcopy(payload))
            return await self._deliver(payload, *args, **more)

        if self.teams:
            sim._sender.deliver = recorded
        else:
            sim.courier.interactive = recorded

    async def again(self, payload: Json) -> Any:
        return await self._deliver(payload)


async def confirming(house: Any, amounts: tuple[int, ...] = (20, 30)) -> tuple[Any, list[Request]]:
    """Ada in front of the page that asks whether to approve these."""
    requests = [await ask(house, amount) for amount in amounts]
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("Select all")
    await ada.press("Approve selected…")
    await sees(ada, f"Approve {len(amounts)} requests?" if len(amounts) > 1 else "Approve 1 request?")
    return ada, requests


async def test_i01_a_confirmation_that_is_delivered_many_times_counts_once(house: Any) -> None:
    """The same delivery three times at once, and again afterwards: one vote and one line of the audit for each."""
    wire = Wire(house)
    ada, requests = await confirming(house)
    page = ada.hold()
    await ada.confirm("Approve 2")
    await sees(ada, "2 approved")
    payload = wire.sent[-1]
    before = len(await house.desk.audit(0, 100))
    await asyncio.gather(*(wire.again(payload) for _ in range(3)))
    ada.put(page)
    await ada.confirm("Approve 2")
    await sees(ada, "2 approved")
    assert len(await house.desk.audit(0, 100)) == before
    assert [len((await house.desk.get(one.id)).votes) for one in requests] == [1, 1]


async def test_i07_one_press_that_is_delivered_three_times_at_once_decides_one(house: Any) -> None:
    """Approve on a single request: the two after it in the list are not decided by the copies."""
    wire = Wire(house)
    requests = [await ask(house, n, expires_in=3600 + n) for n in (20, 30, 45)]
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("One at a time")
    await sees(ada, "Digest", "Refund 20")
    held = ada.hold()
    real = wire._deliver

    async def thrice(payload: Json, *args: Any, **more: Any) -> Any:
        return (await asyncio.gather(*(real(copy.deepcopy(payload), *args, **more) for _ in range(3))))[0]

    wire._deliver = thrice
    await ada.press("Approve")
    await harness_slack.eventually(lambda: ada.hold() != held)
    wire._deliver = real
    assert await status(house, *requests) == ["approved", "pending", "pending"]


FORGED: dict[str, list[tuple[tuple[str, ...], object]]] = {
    "slack": [
        (("user", "id"), "U0BOB"),
        (("user", "id"), "U0MIA"),
        (("user", "team_id"), "T0OTHER"),
        (("view", "app_installed_team_id"), "T0OTHER"),
        (("view", "private_metadata"), "{}"),
    ],
    "teams": [
        (("from", "aadObjectId"), "b0000000-0000-4000-8000-0000000000b2"),
        (("from", "aadObjectId"), "c0000000-0000-4000-8000-0000000000c3"),
        (("from", "tenantId"), "99999999-9999-4999-8999-999999999999"),
        (("conversation", "tenantId"), "99999999-9999-4999-8999-999999999999"),
        (("channelData", "tenant", "id"), "99999999-9999-4999-8999-999999999999"),
    ],
}


@pytest.mark.parametrize("forged", range(5))
async def test_i14_a_confirmation_counts_for_nobody_else(house: Any, forged: int) -> None:
    """Ada's page, confirmed by Bob, a colleague, or a namesake of another workspace or tenant: nothing is decided."""
    wire = Wire(house)
    ada, requests = await confirming(house)
    page = ada.hold()
    house.store.move, real = _refusing, house.store.move
    await ada.confirm("Approve 2")
    house.store.move = real
    payload = wire.sent[-1]
    ada.put(page)
    path, value = FORGED[house.side.name][forged]
    target = payload
    for name in path[:-1]:
        target = target[name]
    assert target.get(path[-1]) != value
    target[path[-1]] = value
    if house.side.name == "teams":
        payload["id"] = "f:another"
    await wire.again(payload)
    assert await status(house, *requests) == ["pending"] * 2
    await ada.confirm("Approve 2")
    await sees(ada, "2 approved")


async def _refusing(*args: object) -> bool:
    raise StoreUnavailable


async def test_i14_a_review_belongs_to_one_chat_of_a_person(house: Any) -> None:
    """The id of Ada's review in one chat is of no use in the other, though it is Ada there too."""
    ada, requests = await confirming(house)
    text = str(ada.hold())
    [review] = set(re.findall(r"(?<=\"s\":\")[\w-]{32}|(?<='review': ')[\w-]{32}", text.replace('\\"', '"')))
    via = house.other.name
    who = Principal(
        chat=via,
        tenant=world.SLACK_TEAM if via == "slack" else world.TEAMS_TENANT,
        user=world.PEOPLE[0].slack if via == "slack" else world.PEOPLE[0].teams,
    )
    with pytest.raises(ReviewGone):
        await house.desk.review.screen(review, Actor(via=via, principal=who))
    assert await status(house, *requests) == ["pending"] * 2


async def test_two_windows_of_one_person_stand_apart(house: Any) -> None:
    """A list that is opened a second time does not disturb the first; what one decides the other does not again."""
    ada, requests = await confirming(house)
    page = ada.hold()
    second = house.side.hands("ada")
    await second.ask()
    await second.press("One at a time")
    await second.press("Approve")
    await sees(second, "Approved: Refund")
    ada.put(page)
    await ada.confirm("Approve 2")
    await sees(ada, "1 approved, 1 not", "already approved by Ada Okafor")
    assert [len((await house.desk.get(one.id)).votes) for one in requests] == [1, 1]


# ── platforms that are slow or away ──────────────────────────────────────────────────────────────


async def test_i23_a_list_that_the_platform_will_not_take_is_said(house: Any) -> None:
    """Too many calls at the moment the list is opened: whoever asked reads so, and can ask again."""
    await ask(house, 20)
    ada = house.side.hands("ada")
    if house.side.name == "slack":
        house.side._world.sim.set_faults({"rate_limit": {"views.open": 1}, "retry_after": 7})
    else:
        house.side._world.sim.set_faults({"fail": [{"status": 429, "on": "send", "retry_after": 7}]})
    await ada.ask()
    await hears(ada, "again")
    assert "Refund" not in ada.told
    await ada.ask()
    await sees(ada, "1 request waits for you")


@pytest.mark.parametrize("chat", ["slack"])
async def test_i23_a_drawing_that_slack_will_not_take_now_is_made_soon(house: Any) -> None:
    """Too many calls at the moment of a press: what it led to is drawn as soon as Slack allows."""
    await ask(house, 20)
    await ask(house, 30)
    ada = house.side.hands("ada")
    await ada.ask()
    house.side._world.sim.set_faults({"rate_limit": {"views.update": 1}, "retry_after": 1})
    await ada.press("Select all")
    await sees(ada, "2 selected")


@pytest.mark.parametrize("chat", ["slack"])
async def test_a_press_in_an_old_drawing_shows_what_stands_now(house: Any) -> None:
    """Slack refuses a drawing made for an older one; then the present one is drawn."""
    await ask(house, 20)
    await ask(house, 30)
    ada = house.side.hands("ada")
    await ada.ask()
    wire = Wire(house)
    await ada.press("Select all")
    await sees(ada, "2 selected")
    await ada.press("One at a time")
    await sees(ada, "Digest")
    await wire.again(wire.sent[0])
    await asyncio.sleep(0.1)
    await sees(ada, "Digest")


# ── strangers ────────────────────────────────────────────────────────────────────────────────────


STRANGERS = f"""
version: 1
people:
  ada: {{name: Ada Okafor, slack: T0DEMO/U0ADA, teams: {world.TEAMS_TENANT}/{world.PEOPLE[0].teams}}}
defaults: {{show: ["slack:#refunds", "teams:Finance/General"], approvers: [ada], any_channel: true}}
"""


async def test_i15_a_stranger_finds_nothing_anywhere(policed: Policed, chat: str) -> None:
    """Somebody whom the policy does not list: command, page, shortcut and the card of several all say so."""
    async with policed(chat, STRANGERS, timedelta()) as house:
        card, requests = await batch(house, members())
        mia = house.side.hands("mia")
        await mia.ask()
        await hears(mia, "The policy lists nobody with your identity")
        assert "Row" not in await mia.home() + mia.told
        await mia.close()
        for action in ("review", "approve_all", "one"):
            await mia.pile(card, action)
        await hears(mia, "The policy lists nobody with your identity")
        assert "Row" not in mia.told
        if chat == "slack":
            sim = house.side._world.sim
            await sim.act("shortcut", {"as": "mia", "callback_id": "signoff.pending", "wait": "5"})
            await sees(mia, "The policy lists nobody with your identity")
            await sim.act("home", {"as": "mia", "wait": "5"})
            home = lambda: str(house.side._world.state("mia")["home"])  # noqa: E731
            await harness_slack.eventually(lambda: "The policy lists nobody" in home())
            assert "Row" not in home()
        assert await status(house, *requests) == ["pending"] * 3


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────


async def test_two_hundred_hostile_requests_fit_every_screen(house: Any) -> None:
    """Each with its own tool, agent and channel-long names in wide and escaped characters: every screen is one that
    the platform takes, and all are rejected together.
    """
    wide = '漢字😀<!channel>"\\&<at>x</at>{{DATE(x)}}[l](https://e.x)*b*' * 3
    for n in range(200):
        await ask(
            house, n, schema=None, title=f"{n} {wide}", tool=f"t{n % 60} {wide}", agent=f"a{n % 60} {wide}"[:190],
            arguments={f"k{n}": wide[:60], "amount": n, wide[:40]: wide[:40]},
        )  # fmt: skip
    ada = house.side.hands("ada")
    await ada.ask()
    await sees(ada, "200 requests wait for you")
    pages = 0
    while "Next page" in ada.buttons() and pages < 12:
        await ada.press("Select all")
        await ada.press("Next page")
        pages += 1
        await asyncio.sleep(0.15)
    await ada.press("Select all")
    await sees(ada, "200 selected" if house.side.name == "slack" else "wait for you")
    await ada.press("Reject selected…")
    await sees(ada, "Reject 200 requests?")
    drawn = await ada.confirm("Reject 200", "no")
    assert all(re.search(rf"\b{n} 漢字", drawn) for n in range(200))
    await sees(ada, "200 rejected")
    assert "cannot be shown" not in ada.told + ada.text
