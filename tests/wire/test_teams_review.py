"""Looking through the queue in Teams, over real HTTP with the real desk, against the simulated Teams."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from signoff import cards, policy
from signoff.cards import Button, Card, Item
from signoff.desk import Desk, entries
from signoff.digest import Signer
from signoff.errors import Undeliverable
from signoff.model import Ask, Key, MessageRef, Placement, Request
from signoff.store.memory import MemoryStore
from signoff_sim.world import TEAMS_TENANT
from signoff_teams.private import Private

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from harness_teams import GENERAL, PLACE, TeamsWorld, eventually, nodes, teams_world, words

AGENT = Key(id="agent", role="agent", name="agent", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))
RULES = f"""
version: 1
people:
  ada: {{name: Ada Okafor, teams: {TEAMS_TENANT}/a0000000-0000-4000-8000-0000000000a1}}
  bob: {{name: Bob Lindqvist, teams: {TEAMS_TENANT}/b0000000-0000-4000-8000-0000000000b2}}
defaults:
  approvers: [ada, bob]
  show: ["{PLACE}"]
"""
Json = dict[str, Any]


class House:
    """A desk with requests, and a person's hands in Teams."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.desk = Desk(self.store, policy.load(RULES, file="rules.yaml", chats=("teams",)), Signer.generate())
        self.world: TeamsWorld

    async def ask(self, order: str, **fields: Any) -> Request:
        return (await self.desk.ask(self.body(order, **fields), AGENT)).request

    @staticmethod
    def body(order: str, **fields: Any) -> Ask:
        arguments = {"order": order, "amount": 25}
        return Ask.model_validate(
            {"tool": "issue_refund", "arguments": arguments, "title": f"Refund {order}", "risk": "low"} | fields
        )

    async def status(self, request: Request) -> str:
        return (await self.desk.get(request.id)).status

    def chat_of(self, person: str) -> str:
        return self.world.sim.directory.chat_id(self.world.sim.directory.person(person))

    def mine(self, person: str = "ada") -> list[MessageRef]:
        """The cards in somebody's chat with the bot."""
        return [one for one in self.world.cards(person) if one.conversation == self.chat_of(person)]

    async def say(self, text: str, person: str = "ada") -> MessageRef:
        """Something said to the bot in the personal chat; the newest card there."""
        await self.world.sim.act("say", {"as": person, "conversation": self.chat_of(person), "text": text})
        return self.mine(person)[-1]

    async def press(self, card: MessageRef, text: str, person: str = "ada", **inputs: str) -> str:
        """Press a button; what the card says then."""
        result = await self.world.click(person, card, text=text, inputs=inputs)
        assert "invalid" not in result, result["invalid"]
        return words(self.world.seen(person, card))

    def latest(self, person: str = "ada") -> MessageRef:
        """The last card in somebody's own chat with the bot."""
        chat = self.world.sim.directory.chat_id(self.world.sim.directory.person(person))
        return [one for one in self.world.cards(person) if one.conversation == chat][-1]

    def posted(self, card: MessageRef) -> Json:
        """The message itself, as it is without anybody's own view of it."""
        _, message = self.world.sim.threads.seen_by(
            self.world.sim.directory.person("ada"), card.conversation, card.message
        )
        return cast("Json", message.card)

    def ticks(self, card: MessageRef, person: str = "ada") -> Json:
        """The input in which groups are ticked."""
        shown = nodes(self.world.seen(person, card))
        return next(node for node in shown if str(node.get("id", "")).startswith("ticks:"))

    async def dialog(self, text: str, person: str = "ada", **inputs: str) -> Json:
        await self.world.sim.act("submit", {"as": person, "text": text, "inputs": inputs})
        return cast("Json", self.world.sim.state(person)["dialog"])


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    async with teams_world(house.desk, house.store) as world:
        house.world = world
        yield house


# ── where it stands ──────────────────────────────────────────────────────────────────────────────


async def test_pending_is_answered_in_the_personal_chat(house: House) -> None:
    """The list of what this person may decide comes as a card, narrowed down by the words behind the command."""
    await house.ask("A-1")
    await house.ask("B-2", risk="high")
    card = await house.say("pending")
    assert "2 requests wait for you" in words(house.world.seen("ada", card))
    card = await house.say("pending high")
    assert "1 request waits for you" in words(house.world.seen("ada", card))


async def test_pending_in_a_channel_is_answered_in_private(house: House) -> None:
    """The channel reads one sentence, the list goes to whoever asked, and to nobody else."""
    await house.ask("A-1")
    before = len(house.mine("ada")), len(house.mine("bob"))
    await house.world.sim.act("say", {"as": "ada", "conversation": GENERAL, "text": "@Signoff pending"})
    (thread,) = (one for name, one in house.world.sim.threads.all.items() if name.startswith(f"{GENERAL};"))
    assert [(one.text, one.card) for one in thread.messages[1:]] == [("I sent you the list in our chat.", None)]
    assert (len(house.mine("ada")), len(house.mine("bob"))) == (before[0] + 1, before[1])


async def test_a_chat_that_is_not_there_yet_is_made_for_the_list() -> None:
    """Somebody who never wrote to the bot gets the list in a chat of their own."""
    house = House()
    async with teams_world(house.desk, house.store, install=False) as world:
        house.world = world
        await house.ask("A-1")
        await world.sim.act("install", {"to": "Finance"})
        await world.sim.act("say", {"as": "ada", "conversation": GENERAL, "text": "@Signoff pending"})
        (card,) = house.mine("ada")
        assert "1 request waits for you" in words(world.seen("ada", card))


async def test_a_chat_that_cannot_be_reached_is_said_in_one_sentence(house: House) -> None:
    """Where the list cannot be sent the person reads why, and the channel nothing of it."""
    house.world.sim.set_faults({"not_installed": ["ada"]})
    await house.world.sim.act("say", {"as": "ada", "conversation": GENERAL, "text": "@Signoff pending"})
    (thread,) = (one for name, one in house.world.sim.threads.all.items() if name.startswith(f"{GENERAL};"))
    assert "may not post there" in thread.messages[-1].text
    assert thread.messages[-1].card is None


async def test_home_comes_when_the_app_is_added_and_when_it_is_asked_for(house: House) -> None:
    """Adding the app shows one's own page, once; its button leads to the list in the same message."""
    await house.ask("A-1")
    assert len(house.mine("ada")) == 1
    card = await house.say("home")
    assert "1 request waits for you" in words(house.world.seen("ada", card))
    await house.press(card, "Review")
    assert house.ticks(card)["choices"]


async def test_whoever_is_nobody_reads_so(house: House) -> None:
    """Somebody whom the policy does not list has neither list nor page."""
    await house.world.sim.act("say", {"as": "mia", "conversation": house.chat_of("mia"), "text": "pending"})
    assert house.mine("mia") == []
    said = house.world.sim.threads.all[house.chat_of("mia")].messages[-1].text
    assert "policy" in said


# ── deciding many ────────────────────────────────────────────────────────────────────────────────


async def test_a_hundred_are_approved_with_few_presses(house: House) -> None:
    """Select all, approve, look at the parts, confirm: everything alike is decided, what is high is left."""
    asked = [await house.ask(f"A-{n}") for n in range(60)]
    high = await house.ask("B-1", risk="high")
    card = await house.say("pending")
    presses = 2
    await house.press(card, "Select all")
    shown = await house.press(card, "Approve selected")
    assert "Approve 60 requests?" in shown
    while "Next part" in json.dumps(house.world.seen("ada", card)):
        await house.press(card, "Next part")
        presses += 1
    said = await house.press(card, "Approve 60")
    assert "60 approved" in said
    assert presses <= 4
    assert {await house.status(one) for one in asked} == {"approved"}
    assert await house.status(high) == "pending"
    await eventually(lambda: "60 approved" in words(house.posted(card)))
    assert "1 request waits for you" in await house.press(card, "Back to the list")


async def test_ticked_groups_alone_are_rejected_with_one_reason(house: House) -> None:
    """A group that is ticked goes, with the reason; the other one waits."""
    refunds = [await house.ask(f"A-{n}") for n in range(3)]
    mails = [await house.ask(f"B-{n}", tool="send_mail", title="Mail") for n in range(2)]
    card = await house.say("pending")
    ticks = house.ticks(card)
    group = next(choice["value"] for choice in ticks["choices"] if "send_mail" in choice["title"])
    shown = await house.press(card, "Reject selected", **{ticks["id"]: group})
    assert "Reject 2 requests?" in shown
    said = await house.press(card, "Reject 2", reason="not now")
    assert "2 rejected" in said
    assert {await house.status(one) for one in refunds} == {"pending"}
    decision = (await house.desk.get(mails[0].id)).decision
    assert decision is not None
    assert decision.message == "not now"


async def test_ticks_stay_when_nothing_was_chosen_to_be_opened(house: House) -> None:
    """Open without a choice says so, and what was ticked is still ticked."""
    await house.ask("A-1")
    card = await house.say("pending")
    ticks = house.ticks(card)
    key = ticks["choices"][0]["value"]
    assert "Choose first" in await house.press(card, "Open", **{ticks["id"]: key})
    assert house.ticks(card)["value"] == key


async def test_a_press_that_is_delivered_twice_counts_once(house: House) -> None:
    """Teams repeats an invoke whose answer it lost: a list is not turned twice, and no batch is decided twice."""
    for n in range(3):
        await house.ask(f"A-{n}")
    house.world.sim.set_faults({"duplicates": 2})
    card = await house.say("pending")
    await house.press(card, "Open", pick="open:g0")
    assert len(house.ticks(card)["choices"]) == 3
    await house.press(card, "Select all")
    await house.press(card, "Approve selected")
    await house.press(card, "Approve 3")
    assert len(await house.desk.audit(0, 100)) == 6
    for n in range(2):
        await house.ask(f"B-{n}")
    card = await house.say("pending")
    await house.press(card, "One at a time")
    await house.press(card, "Skip")
    assert "2 of 2" in words(house.world.seen("ada", card))
    assert "Approved" in await house.press(card, "Approve")


async def test_i14_a_review_is_nobody_elses(house: House) -> None:
    """Bob, who may decide the same requests, gets nothing by Ada's review id, and decides nothing with it."""
    request = await house.ask("A-1")
    card = await house.say("pending")
    theirs = await house.say("pending", "bob")
    action = next(node for node in nodes(house.world.seen("ada", card)) if node.get("title") == "Select all")
    sim = house.world.sim
    bob = sim.directory.person("bob")
    thread, _ = sim.threads.seen_by(bob, theirs.conversation, theirs.message)
    value = {"action": {"type": "Action.Execute", "verb": "move", "data": action["data"]}, "trigger": "manual"}
    answer = await sim._sender.deliver(sim._sender.invoke("adaptiveCard/action", bob, thread, value, theirs.message))
    assert "no longer there" in words(answer.body)
    assert "Refund" not in words(answer.body)
    assert await house.status(request) == "pending"


async def test_an_old_list_leads_to_a_new_one(house: House) -> None:
    """When the review is forgotten, its card says so and opens a new one."""
    await house.ask("A-1")
    card = await house.say("pending")
    data = next(node["data"] for node in nodes(house.posted(card)) if node.get("title") == "Select all")
    await house.store.forget("review", data["review"])
    assert "no longer there" in await house.press(card, "Select all")
    assert "1 request waits for you" in await house.press(card, "Open the list")


# ── one at a time ────────────────────────────────────────────────────────────────────────────────


async def test_one_after_the_other_with_a_form_in_between(house: House) -> None:
    """Approve leads to the next one, Reject asks for the reason in place, Skip leaves one, and the list is kept."""
    asked = [await house.ask(f"A-{n}", expires_in=3600 + n) for n in range(3)]
    card = await house.say("pending")
    assert "A-0" in await house.press(card, "One at a time")
    shown = await house.press(card, "Approve")
    assert "Approved: Refund A-0" in shown
    await house.press(card, "Reject")
    shown = await house.press(card, "Cancel")
    assert "A-1" in shown
    await house.press(card, "Reject")
    shown = await house.press(card, "Reject", message="too late")
    assert "Rejected: Refund A-1" in shown
    await house.press(card, "Skip")
    assert [await house.status(one) for one in asked] == ["approved", "rejected", "pending"]


@pytest.mark.parametrize("at_once", [False, True])
async def test_i07_a_second_tap_does_not_decide_the_next_one(house: House, at_once: bool) -> None:
    """The button that was pressed is used up: pressed again on the screen as it was, it says so and decides nothing."""
    asked = [await house.ask(f"A-{n}", expires_in=3600 + n) for n in range(2)]
    card = await house.say("pending")
    await house.press(card, "One at a time")
    sim, ada = house.world.sim, house.world.sim.directory.person("ada")
    thread, message = sim.threads.seen_by(ada, card.conversation, card.message)
    shown = house.world.seen("ada", card)
    action = next(node for node in nodes(shown) if node.get("title") == "Approve")
    value = {"action": {"type": "Action.Execute", "verb": "move", "data": action["data"]}, "trigger": "manual"}

    async def tap() -> str:
        answer = await sim._sender.deliver(sim._sender.invoke("adaptiveCard/action", ada, thread, value, message.id))
        return words(answer.body)

    said = await asyncio.gather(tap(), tap(), tap()) if at_once else [await tap(), await tap(), await tap()]
    assert sum("did not count" in one for one in said) == 2
    assert [await house.status(one) for one in asked] == ["approved", "pending"]


async def test_a_screen_that_was_left_in_a_window_decides_nothing(house: House) -> None:
    """What stands on the card after a window went on is refused, with a look at where it stands now."""
    asked = [await house.ask(f"A-{n}", expires_in=3600 + n) for n in range(2)]
    house.world.sim.set_faults({"submit_reply_to": False})
    card = await house.say("pending")
    await house.press(card, "One at a time")
    await house.press(card, "Open in a window")
    await house.dialog("Skip")
    shown = await house.press(card, "Approve")
    assert "did not count" in shown
    assert "A-1" in shown
    assert {await house.status(one) for one in asked} == {"pending"}


async def test_a_long_form_goes_through_its_pages(house: House) -> None:
    """A text longer than a card is edited over several pages, and leads to the next request as every form does."""
    text = "\n".join(f"line {n}" for n in range(4000))
    request = await house.ask("A-1", arguments={"text": text, "order": "A-1"}, editable=["text", "order"])
    card = await house.say("pending")
    await house.press(card, "One at a time")
    while "Next part" in json.dumps(house.world.seen("ada", card)):
        await house.press(card, "Next part")
    await house.press(card, "Edit")
    shown = nodes(house.world.seen("ada", card))
    first = next(node for node in shown if node.get("id") == "/text")
    await house.press(card, "Next", **{"/text": "NEW\n" + first["value"]})
    await house.press(card, "Previous")
    while any(node.get("title") == "Next" for node in nodes(house.world.seen("ada", card))):
        await house.press(card, "Next")
    await house.world.click("ada", card, verb="submit")
    assert "Nothing waits" in words(house.world.seen("ada", card))
    after = await house.desk.get(request.id)
    same = after.arguments == {"text": "NEW\n" + text, "order": "A-1"}
    assert same


async def test_i07_an_edit_between_look_and_press_is_seen_first(house: House) -> None:
    """What was edited after it was drawn is not approved as it is now, also after a look at its other parts."""
    request = await house.ask(
        "A-1", arguments={"order": "A-1", "amount": 25, "text": "x" * 60_000}, editable=["amount"]
    )
    card = await house.say("pending")
    await house.press(card, "One at a time")
    await house.press(card, "Next part")
    await _edit(house, request)
    shown = await house.press(card, "Next part")
    assert "edited while you looked" in shown
    assert "Next part" in json.dumps(house.world.seen("ada", card))
    assert await house.status(request) == "pending"


async def _edit(house: House, request: Request) -> None:
    now = await house.desk.get(request.id)
    after = now.model_copy(update={"version": 2, "arguments": {**now.arguments, "amount": 999}, "rev": now.rev + 1})
    assert await house.store.move(now, after, "request.edited", entries.asked(after))


async def test_a_form_with_a_fault_stays_and_is_sent_again(house: House) -> None:
    """The fault stands at its field, what was typed stays, and the mended form decides."""
    schema = {
        "type": "object",
        "properties": {"order": {"type": "string"}, "amount": {"type": "number", "maximum": 1000}},
    }
    request = await house.ask("A-1", schema=schema, editable=["amount"], allowed_decisions=["approve", "edit"])
    card = await house.say("pending")
    await house.press(card, "One at a time")
    await house.press(card, "Edit")
    shown = await _submit(house, card, "5000")
    assert "1000" in shown
    await _submit(house, card, "400")
    assert (await house.desk.get(request.id)).arguments["amount"] == 400


async def _submit(house: House, card: MessageRef, amount: str) -> str:
    await house.world.click("ada", card, verb="submit", inputs={"/amount": amount})
    return words(house.world.seen("ada", card))


# ── in a window ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reply_to", [True, False])
async def test_the_same_review_goes_on_in_a_window(house: House, reply_to: bool) -> None:
    """Opened from the card with what is ticked there, decided in the window, also where clients name no card."""
    asked = [await house.ask(f"A-{n}") for n in range(2)]
    house.world.sim.set_faults({"submit_reply_to": reply_to})
    card = await house.say("pending")
    ticks = house.ticks(card)
    await house.press(card, "Open in a window", **{ticks["id"]: ticks["choices"][0]["value"]})
    assert "Approve 2 requests?" in words((await house.dialog("Approve selected"))["card"])
    assert "2 approved" in words((await house.dialog("Approve 2"))["card"])
    assert {await house.status(one) for one in asked} == {"approved"}
    if reply_to:
        await eventually(lambda: "2 approved" in words(house.posted(card)))


async def test_a_form_in_a_window_leads_back_and_on(house: House) -> None:
    """In the window too: Reject opens the form in place, Cancel goes back, sending it leads to what comes next."""
    request = await house.ask("A-1")
    card = await house.say("pending")
    await house.press(card, "Open in a window")
    await house.dialog("One at a time")
    await house.dialog("Reject")
    assert "Refund A-1" in words((await house.dialog("Cancel"))["card"])
    await house.dialog("Reject")
    assert "Nothing waits for you" in words((await house.dialog("Reject", message="no"))["card"])
    assert await house.status(request) == "rejected"


# ── on the card of several requests ──────────────────────────────────────────────────────────────


def a_pile(card_id: str, *requests: Request) -> Card:
    items = tuple(
        Item(one.id, f"Refund {n}", "amount 25", "Waiting", "neutral", True) for n, one in enumerate(requests)
    )
    buttons = (
        Button("review", "Review…", "primary"),
        Button("approve_all", "Approve all…"),
        Button("reject_all", "Reject all…", "danger"),
    )
    return Card("pile", card_id, 1, 1, "Calls", "2 wait", "neutral", None, "Calls", buttons=buttons, items=items)


async def posted_pile(house: House) -> tuple[MessageRef, list[Request], str]:
    """The card of a batch of two, where it stands, and its id."""
    bodies = [house.body(f"A-{n}") for n in range(2)]
    pile, opened = await house.desk.batches.ask(bodies, None, AGENT, None)
    asked = [one.request for one in opened]
    made = await house.world.chat.post(PLACE, a_pile(pile, *asked))
    await house.store.nudge(pile)
    while (work := await house.store.claim(60)) is not None and work.request != pile:
        await house.store.done(work, 0)
    assert work is not None
    await house.store.place(work, Placement(place=PLACE, state="live", message=made))
    return made, asked, pile


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("Review", "2 requests wait for you"),
        ("Approve all", "Approve 2 requests?"),
        ("Reject all", "Reject 2 requests?"),
        ("Open", "A-0"),
    ],
)
async def test_a_review_of_a_channels_card_is_opened_in_the_chat(house: House, title: str, says: str) -> None:
    """Where only whoever clicked looks, and no repaint of the card takes it away; the card says so to them alone."""
    card, _, _ = await posted_pile(house)
    before = json.dumps(house.posted(card))
    assert "I opened it in our chat." in await house.press(card, title)
    mine = house.latest()
    assert says in words(house.world.seen("ada", mine))
    await house.press(mine, "Back to the list" if title != "Review" else "Select all")
    assert json.dumps(house.posted(card)) == before
    assert json.dumps(house.world.seen("bob", card)) == before


async def test_all_of_a_channels_card_are_decided_from_it(house: House) -> None:
    """Approve all, confirm: the review pins what it showed and decides it."""
    card, asked, _ = await posted_pile(house)
    await house.press(card, "Approve all")
    assert "2 approved" in await house.press(house.latest(), "Approve 2")
    assert {await house.status(one) for one in asked} == {"approved"}


async def test_without_a_chat_the_list_stands_in_the_cards_place(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever clicked alone; afterwards they see the card again, as it is now."""

    async def none(*args: object) -> None:
        raise Undeliverable(place="teams:@ada", reason="the app is not installed there")

    async def pile(card_id: str, place: str) -> Card:
        return replace(a_pile(card_id), title=f"Now in {place}")

    card, _, _ = await posted_pile(house)
    before = json.dumps(house.posted(card))
    monkeypatch.setattr(Private, "send", none)
    monkeypatch.setattr(house.desk, "pile", pile, raising=False)
    assert "2 requests wait for you" in await house.press(card, "Review")
    await house.press(card, "Select all")
    assert json.dumps(house.posted(card)) == before
    assert json.dumps(house.world.seen("bob", card)) == before
    assert f"Now in {PLACE}" in await house.press(card, "Back to the card")


async def test_i16_the_button_of_a_pile_works_only_on_its_card(house: House) -> None:
    """Replayed on another message, in another conversation, it opens nothing."""
    card, _, pile = await posted_pile(house)
    other = await house.say("home")
    sim, ada = house.world.sim, house.world.sim.directory.person("ada")
    thread, _ = sim.threads.seen_by(ada, other.conversation, other.message)
    data = {"request": pile, "version": 1}
    value = {"action": {"type": "Action.Execute", "verb": "review", "data": data}, "trigger": "manual"}
    answer = await sim._sender.deliver(sim._sender.invoke("adaptiveCard/action", ada, thread, value, other.message))
    assert "does not belong to this conversation" in json.dumps(answer.body)
    assert "I opened it" in await house.press(card, "Review")


async def test_whoever_may_decide_nothing_of_it_reads_so(house: House) -> None:
    """A colleague without rights gets one private sentence; the card stays."""
    card, _, _ = await posted_pile(house)
    before = house.world.seen("mia", card)
    result = await house.world.click("mia", card, text="Review")
    assert result["notice"]
    assert house.world.seen("mia", card) == before


async def test_i02_without_the_store_nothing_counts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person is told, and the card stays as it is."""
    from signoff.errors import StoreUnavailable

    async def away(*args: object, **kwargs: object) -> cards.Screen:
        raise StoreUnavailable

    await house.ask("A-1")
    card = await house.say("pending")
    monkeypatch.setattr(house.desk.review, "act", away)
    result = await house.world.click("ada", card, text="Select all")
    assert result["notice"] == StoreUnavailable().sentence
