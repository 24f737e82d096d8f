"""Attacks on reviews through the real wires, in both chats: replays, forgeries, two windows, text that is markup."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import Any

import harness_slack
import pytest
from harness_review import RULES, ask, batch, hears, members, sees, status, turns
from markdown_it import MarkdownIt

from signoff.errors import ReviewGone, StoreUnavailable
from signoff.model import Actor, Principal, Request
from signoff_sim import world
from signoff_sim.teams.directory import MANAGERS_GROUP

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
    drawn = _drawings(house)
    await wire.again(wire.sent[0])
    await harness_slack.eventually(lambda: _drawings(house) == drawn + 2)
    await sees(ada, "Digest")


def _drawings(house: Any) -> int:
    return sum("views.update" in one["path"] for one in house.side._world.sim.traffic.entries())


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
            await harness_slack.eventually(
                lambda: "The policy lists nobody" in str(house.side._world.state("mia")["home"])
            )
            assert "Row" not in str(house.side._world.state("mia")["home"])
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
        for label in ("Select all", "Next page"):
            before = ada.text
            await ada.press(label)
            await turns(ada, before)
        pages += 1
    await ada.press("Select all")
    await sees(ada, "200 selected" if house.side.name == "slack" else "wait for you")
    await ada.press("Reject selected…")
    await sees(ada, "Reject 200 requests?")
    drawn = await ada.confirm("Reject 200", "no")
    assert all(re.search(rf"\b{n} 漢字", drawn) for n in range(200))
    await sees(ada, "200 rejected")
    assert "cannot be shown" not in ada.told + ada.text


# ── markup ───────────────────────────────────────────────────────────────────────────────────────


def unpacked(value: Any) -> Iterator[Json]:
    """Every object in a call of ours, also where JSON travels as text."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with suppress(ValueError):
            yield from unpacked(json.loads(value))
    elif isinstance(value, dict):
        yield value
        for one in value.values():
            yield from unpacked(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from unpacked(one)


async def test_i12_nothing_an_agent_writes_is_ever_markup(house: Any) -> None:
    """All that goes to the platform on a walk through hostile requests: no place that reads markup holds any of it."""
    calls: list[Any] = []
    traffic = house.side._world.sim.traffic
    record = traffic.record

    def recorded(direction: str, method: str, path: str, status: int, body: object) -> None:
        calls.append(body)
        record(direction, method, path, status, body)

    traffic.record = recorded
    text = "<!channel> <@U0ADA> *b* [x](https://evil.example) <at>Ada</at> {{DATE(2026-01-01T00:00:00Z)}} :tada: & </b>"
    fields: Json = {"title": text, "tool": text, "agent": text, "reason": text, "schema": None}
    for n in range(3):
        await ask(house, n, **fields, arguments={"note": text, "n": n})
    await ask(house, 9, **fields, arguments={text: text, "n": 9}, risk="high")
    card, _ = await batch(house, [one.model_copy(update={"title": text, "tool": text}) for one in members()], text)
    ada = house.side.hands("ada")
    await ada.home()
    await ada.ask()
    await sees(ada, "7 requests wait for you")
    await ada.press("Select all")
    await sees(ada, "Select none")
    calls.append(ada.hold())
    await ada.press("Reject selected…")
    await sees(ada, "Reject 6 requests?")
    calls.append(ada.hold())
    await ada.press("Back to the list")
    await ada.press("One at a time")
    await sees(ada, "Digest")
    calls.append(ada.hold())
    await ada.press("Reject…")
    await sees(ada, "Reason")
    calls.append(ada.hold())
    await ada.close()
    await ada.pile(card, "reject_all")
    await sees(ada, "Reject 3 requests?")
    calls.append(ada.hold())
    await ada.confirm("Reject 3", text)
    await sees(ada, "3 rejected")
    calls.append(ada.hold())
    await ada.close()
    await ada.ask(text)
    alive = {
        "slack": ("<!channel>", "<@U0ADA>", "<https", "<at>"),
        "teams": ("](", "*b*", "{{DATE(2026-01-01", "<at>Ada", "<!channel>"),
    }[house.side.name]
    found = [node for call in calls for node in unpacked(call)]
    assert len(found) > 500
    for node in found:
        read = node.get("type") in ("mrkdwn", "TextBlock") or "blocks" in node or "textFormat" in node
        if read and isinstance(node.get("text"), str):
            assert not [mark for mark in alive if mark in node["text"]], node


# ── between the page and the confirmation ────────────────────────────────────────────────────────


async def test_i19_somebody_who_left_the_group_decides_nothing(policed: Policed, chat: str) -> None:
    """The group is asked again at the confirmation: who was in it when the page was drawn, and is not now, decides
    nothing of it.
    """
    groups = {
        "slack": f"{{slack_usergroup: {world.SLACK_TEAM}/S0MGR}}",
        "teams": f"{{entra_group: {MANAGERS_GROUP}}}",
    }
    rules = RULES.replace("groups:\n", f"groups:\n  managers: {groups[chat]}\n").replace(
        "approvers: [finance]", "approvers: [managers]"
    )
    async with policed(chat, rules, timedelta()) as house:
        ada, requests = await confirming(house)
        await house.group("rita")
        await ada.confirm("Approve 2")
        assert await status(house, *requests) == ["pending"] * 2
        assert "2 approved" not in ada.text


async def test_what_is_frozen_meanwhile_is_left_alone(house: Any) -> None:
    """A freeze between the page and the confirmation: nothing is decided, and each says that it is frozen."""
    ada, requests = await confirming(house)
    await house.side.say("rita", "freeze tool issue_refund because something is wrong")
    await ada.confirm("Approve 2")
    await sees(ada, "Nothing was approved", "frozen")
    assert await status(house, *requests) == ["pending"] * 2


async def test_i01_two_people_who_confirm_the_same_at_once(house: Any) -> None:
    """In both chats at the same moment: each request has one decision, and the two results add up."""
    ada, requests = await confirming(house, tuple(range(20, 40)))
    bob = house.other.hands("bob")
    await bob.ask()
    await bob.press("Select all")
    await bob.press("Reject selected…")
    await sees(bob, "Reject 20 requests?")
    await asyncio.gather(ada.confirm("Approve 20"), bob.confirm("Reject 20", "no"))
    await sees(ada, "Batch")
    await sees(bob, "Batch")
    now = await status(house, *requests)
    approved, rejected = now.count("approved"), now.count("rejected")
    assert approved + rejected == 20
    assert (f"{approved} approved" if approved else "Nothing was approved") in ada.text
    assert (f"{rejected} rejected" if rejected else "Nothing was rejected") in bob.text
    assert [len((await house.desk.get(one.id)).decision.decided_by) for one in requests] == [1] * 20


@pytest.mark.parametrize("broken", ["facets", "queue", "remember", "several"])
async def test_i02_a_list_that_cannot_be_looked_up_is_said(house: Any, broken: str) -> None:
    """The store is away when the list or the card of several is opened: said to whoever asked; then it works."""
    card, _ = await batch(house, members())

    async def away(*args: object, **kwargs: object) -> Any:
        raise StoreUnavailable

    ada = house.side.hands("ada")
    setattr(house.store, broken, away)
    await ada.ask()
    if broken != "several":
        await hears(ada, "cannot be reached")
    delattr(house.store, broken)
    await ada.close()
    await ada.ask()
    await sees(ada, "3 requests wait for you")
    await ada.close()
    setattr(house.store, broken, away)
    await ada.pile(card, "approve_all")
    if broken in ("facets", "remember"):
        await hears(ada, "cannot be reached")
    delattr(house.store, broken)
    await ada.close()
    await ada.pile(card, "approve_all")
    await sees(ada, "Approve 3 requests?")


async def test_what_is_left_out_is_counted_right_or_not_at_all(house: Any) -> None:
    """Sixty of sixty-two stay out, more than a page names: no other number of them is said."""
    card, _ = await batch(house, members(("low", "low", *(["high"] * 60))))
    ada = house.side.hands("ada")
    await ada.pile(card, "approve_all")
    await sees(ada, "Approve 2 requests?", "high risk: open it by itself")
    named = ada.text.count("high risk: open it by itself")
    assert f"and {60 - named} more" in ada.text
    assert not re.findall(r"\d+ (?:are )?not included", ada.text)
