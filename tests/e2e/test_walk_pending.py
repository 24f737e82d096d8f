"""Clearing a hundred requests on the demo's page, measured: one person, either chat, five traps among them; and the
other ways through what waits: one at a time, an agent's batch from its card, one's own page, on a phone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from crew import comes_true, slack_cards, teams_cards
from hand import HANDS, Album, Hand
from office import Office, converged
from playwright.async_api import Browser, Locator, expect
from screen import APPROVALS, GENERAL, Screen, press

from signoff_sim.demo.queue import PLAIN, Chat, Seeded, Trap, seed
from signoff_sim.demo.stage import Stage

FITTING = (Path(__file__).parent / "fitting.js").read_text()
MOST = 12
"""Interactions in which the queue has to be cleared."""
WAITS = 40
"""Seconds that the call which ends by itself waits: the list has to be open before they are over."""
GLANCE = 3000.0
"""Milliseconds between one look and the next."""
LARGER = 1200
"""What Bob makes of a small amount, above the limit from which managers have to agree too."""
TITLE = "Left from the weekend"
REASONS: Mapping[Trap, str] = {
    "own": "your own",
    "high": "high risk: open it by itself",
    "hostile": "contains invisible characters",
    "edited": "was edited since you saw it",
    "expiring": "expired",
}

both_chats = pytest.mark.parametrize("chat", ["slack", "teams"])


@pytest.fixture
async def office(stage: Stage) -> Office:
    return await Office.at(stage)


def named(queue: Seeded, request_id: str) -> str:
    """What a call is told apart by: its customer, ticket, order or thing in stock."""
    return str(next(iter(queue.cases[request_id].arguments.values())))


async def come_through(hand: Hand) -> None:
    """Look again until it is done, as somebody would who sees that it is being worked on."""
    again = hand.seen.get_by_role("button", name="Look again", exact=True)
    while await again.count():
        await hand.press("Look again")
        with suppress(AssertionError):  # it goes on still
            await expect(again).to_have_count(0, timeout=GLANCE)


def reasons_for(queue: Seeded, text: str) -> dict[Trap, bool]:
    """Of each trap whether a line names it together with the reason why it is left out."""
    lines = [" ".join(pair) for pair in zip(text.splitlines(), [*text.splitlines()[1:], ""], strict=True)]
    return {
        trap: any(REASONS[trap] in line and named(queue, one) in line for line in lines)
        for trap, one in queue.traps.items()
    }


@pytest.mark.timeout(300)
@both_chats
async def test_a_hundred_requests_are_cleared_in_at_most_12_interactions_and_no_trap_is_decided(
    stage: Stage, screen: Screen, office: Office, tmp_path: Path, chat: Chat
) -> None:
    """Ada asks for her list, selects all, and confirms the page of 95: at most 12 interactions, the typed words counted
    too (it takes 4, and one more whenever she looks whether it is done).

    Her own request, the one of high risk, the one with hidden characters, the one Bob has edited since it was listed
    and the one that has expired since are on that page by name, each with its reason, and are not decided.
    """
    queue = await seed(stage, chat=chat, expires_in=WAITS)
    hand, album = HANDS[chat](screen), Album(screen, tmp_path, f"walk-{chat}", chat)
    await album.take("channel")
    await hand.say("pending")
    await expect(hand.seen).to_contain_text("100 requests wait for you")
    await expect(hand.seen).to_contain_text("1 high · ")
    await album.take("list", hand.seen)
    await hand.press("Select all")
    await expect(hand.seen.get_by_role("button", name="Select none")).to_be_visible()
    await album.take("selected", hand.seen)

    await office.bob_edits(queue.traps["edited"], amount=LARGER)
    assert (await office.ended(queue.traps["expiring"]))["status"] == "expired"

    await hand.press("Approve selected…")
    await expect(hand.seen).to_contain_text(f"Approve {PLAIN} requests?")
    await album.take("preflight", hand.seen)
    decided, left_out = re.split("Not included:", await hand.seen.inner_text())
    assert reasons_for(queue, left_out) == dict.fromkeys(REASONS, True)
    assert not [one for one in queue.traps.values() if named(queue, one) in decided]
    for request in await office.several(*queue.plain):
        assert named(queue, request["id"]) in decided
        assert request["digest"].removeprefix("sha256:")[:8] in decided

    await hand.press(f"Approve {PLAIN}")
    await come_through(hand)
    await expect(hand.seen).to_contain_text(f"{PLAIN} approved")
    assert len([what for what in hand.did if what != "press Look again"]) == 4  # as the README says
    assert len(hand.did) <= MOST, hand.did
    await album.take("results", hand.seen)

    # Each of the 95 is Ada's, with one and the same batch in its line of the trail.
    for request in await office.several(*queue.plain):
        assert request["status"] == "approved"
        assert [by["person"] for by in request["decision"]["decided_by"]] == ["ada"]
    trail = await office.trail()
    reviewed = [line for line in trail if line.get("batch", "").startswith("review_")]
    assert Counter(line["request"] for line in reviewed) == Counter(queue.plain)
    assert len({line["batch"] for line in reviewed}) == 1
    # No trap is hers.
    traps = {trap: await office.get(one) for trap, one in queue.traps.items()}
    waiting = dict.fromkeys(("own", "high", "hostile", "edited"), "pending")
    assert {trap: one["status"] for trap, one in traps.items()} == waiting | {"expiring": "expired"}
    assert traps["edited"]["arguments"]["amount"] == LARGER
    hers = {line["request"] for line in trail if line.get("person") == "ada"}
    assert hers == set(queue.plain)
    # The agent has run what was approved, once each, and nothing else.
    for one in queue.plain:
        case = queue.cases[one]
        given = ", ".join(f"{name}={value}" for name, value in case.arguments.items())
        await queue.agent.said(f"✓ {case.tool}({given})")
    ran = [line for line in queue.agent.lines if line.startswith("✓")]
    assert len(ran) == len(set(ran)) == PLAIN
    await expect(screen.at("terminal")).to_contain_text(ran[-1])
    await converged(stage, queue)
    await album.take("done")


@pytest.mark.timeout(180)
@both_chats
async def test_what_changes_behind_the_page_that_is_confirmed_is_skipped_by_name(
    stage: Stage, screen: Screen, office: Office, tmp_path: Path, chat: Chat
) -> None:
    """Edited or expired after it stood among what is to be decided: the results say so, and all others are approved."""
    queue = await seed(stage, 4, plain=8, chat=chat, expires_in=WAITS // 2)
    hand, album = HANDS[chat](screen), Album(screen, tmp_path, f"behind-{chat}", chat)
    await hand.say("pending")
    await expect(hand.seen).to_contain_text("13 requests wait for you")
    await hand.press("Select all")
    await hand.press("Approve selected…")
    await expect(hand.seen).to_contain_text("Approve 10 requests?")
    await office.bob_edits(queue.traps["edited"], amount=LARGER)
    assert (await office.ended(queue.traps["expiring"]))["status"] == "expired"
    await hand.press("Approve 10")
    await come_through(hand)
    await expect(hand.seen).to_contain_text("8 approved, 2 not")
    said = reasons_for(queue, await hand.seen.inner_text())
    assert said == dict.fromkeys(REASONS, False) | {"edited": True, "expiring": True}
    await album.take("results", hand.seen)
    edited = await office.get(queue.traps["edited"])
    assert (edited["status"], edited["arguments"]["amount"]) == ("pending", LARGER)
    await converged(stage, queue)


@pytest.mark.timeout(180)
@both_chats
async def test_one_at_a_time(stage: Stage, screen: Screen, office: Office, tmp_path: Path, chat: Chat) -> None:
    """From the list into the one of high risk; approve it, edit the next, reject one with a reason, skip one: each time
    the next one is there at once; back at the list everything is as it was left.
    """
    queue = await seed(stage, 2, plain=12, chat=chat, expires_in=600)
    hand, album = HANDS[chat](screen), Album(screen, tmp_path, f"single-{chat}", chat)
    await hand.say("pending high")
    await expect(hand.seen).to_contain_text("1 request waits for you")
    await album.take("high", hand.seen)
    await hand.leave()
    await hand.say("pending @billing-agent")
    await expect(hand.seen).to_contain_text("9 requests wait for you")
    await hand.narrow("Risk", "medium")
    await expect(hand.seen).to_contain_text("3 requests wait for you")
    await album.take("narrowed", hand.seen)
    await hand.narrow("Risk", "Any risk")
    await expect(hand.seen).to_contain_text("9 requests wait for you")
    await hand.tick("× credit_account")
    await hand.open_group("1 × credit_account")
    await album.take("group", hand.seen)
    await hand.open_one("credit_account")
    high = await office.get(queue.traps["high"])
    await expect(hand.seen).to_contain_text("1 of 9")
    await expect(hand.seen).to_contain_text('"amount": 940')
    await expect(hand.seen).to_contain_text(high["digest"])
    await album.take("first", hand.seen)
    await hand.press("Approve")
    await expect(hand.seen).to_contain_text("Approved: credit_account")
    await expect(hand.seen).to_contain_text("2 of 9")
    await album.take("next", hand.seen)
    await hand.press("Edit…")
    await album.take("edit", hand.seen)
    await hand.fill("days", "30")
    await hand.press("Approve with changes")
    await expect(hand.seen).to_contain_text("Approved with changes: extend_trial")
    await expect(hand.seen).to_contain_text("3 of 9")
    await hand.press("Reject…")
    await album.take("reject", hand.seen)
    await hand.fill("In your own words", "The trial has been long enough")
    await hand.press("Reject")
    await expect(hand.seen).to_contain_text("Rejected: extend_trial")
    await expect(hand.seen).to_contain_text("4 of 9")
    await hand.press("Skip")
    await expect(hand.seen).to_contain_text("5 of 9")
    await hand.press("Back to the list")
    await expect(hand.seen).to_contain_text("6 requests wait for you")
    await expect(hand.seen.get_by_role("button", name="Select none")).to_be_visible()
    await album.take("back", hand.seen)

    medium = [one for one in queue.plain if queue.cases[one].tool == "extend_trial"]
    found = {one["status"]: one for one in await office.several(*medium)}
    assert found["approved"]["decision"]["arguments"]["days"] == 30
    assert "long enough" in found["rejected"]["decision"]["message"]
    assert found["pending"]["decision"] is None
    assert (await office.get(high["id"]))["status"] == "approved"
    await queue.agent.said("days=30")


async def card_of_many(screen: Screen, chat: Chat) -> Locator:
    if chat == "slack":
        return await screen.slack(TITLE, APPROVALS)
    return await screen.teams(TITLE, GENERAL)


@pytest.mark.timeout(180)
@both_chats
async def test_an_agents_batch_is_decided_from_its_card(
    stage: Stage, screen: Screen, tmp_path: Path, chat: Chat
) -> None:
    """One row is opened and rejected by itself, the rest approved together; both chats say so, and they run."""
    agent = await stage.agent("backlog", "--size", "6")
    hand, album = HANDS[chat](screen), Album(screen, tmp_path, f"batch-{chat}", chat)
    card = await card_of_many(screen, chat)
    await expect(card.get_by_role("button", name="Open")).to_have_count(6)
    await album.take("card")
    await card.get_by_role("button", name="Open").first.click()
    await hand.follow()
    await expect(hand.seen).to_contain_text(re.compile(r"\d of 6.*\"C-2001\"", re.DOTALL))
    await album.take("row", hand.seen)
    await hand.press("Reject…")
    await hand.fill("In your own words", "Not on a Monday")
    await hand.press("Reject")
    await expect(hand.seen).to_contain_text("Rejected: ")
    await hand.leave()

    def told() -> bool:
        return all(look(stage, TITLE, "1 rejected", person="bob") for look in (slack_cards, teams_cards))

    await comes_true(told, "everybody sees that one is rejected")
    card = await card_of_many(screen, chat)
    await expect(card).to_contain_text("Rejected by Ada Okafor")
    await album.take("rejected")
    await press(card, "Approve all…")
    await hand.follow()
    await expect(hand.seen).to_contain_text("Approve 5 requests?")
    await album.take("preflight", hand.seen)
    await hand.press("Approve 5")
    await come_through(hand)
    await expect(hand.seen).to_contain_text("5 approved")
    await hand.leave()
    card = await card_of_many(screen, chat)
    await expect(card).to_contain_text("5 approved")
    await expect(card.get_by_role("button", name="Approve all…")).to_have_count(0)
    await agent.said("✗")
    assert await agent.process.wait() == 0
    assert sum(line.startswith("✓") for line in agent.lines) == 5
    await album.take("done")
    other = await card_of_many(screen, "teams" if chat == "slack" else "slack")
    await expect(other).to_contain_text("5 approved")


@pytest.mark.timeout(180)
@both_chats
async def test_ones_own_page_leads_to_the_list(stage: Stage, screen: Screen, tmp_path: Path, chat: Chat) -> None:
    """What waits, what was decided today, and the list a button away, in Slack's App Home and in the chat in Teams."""
    await seed(stage, 5, plain=3, chat=chat, expires_in=600)
    hand, album = HANDS[chat](screen), Album(screen, tmp_path, f"home-{chat}", chat)
    await hand.say("pending send_reply" if chat == "slack" else "pending")
    await hand.press("One at a time")
    await hand.press("Reject…")
    await hand.fill("In your own words", "Not yet")
    await hand.press("Reject")
    await expect(hand.seen).to_contain_text("Rejected: ")
    home = await hand.home()
    await expect(home).to_contain_text("7 requests wait for you")
    await expect(home).to_contain_text("Decided today")
    await album.take("page", home)
    await press(home, "Review")
    await expect(hand.seen.get_by_role("button", name="Select all")).to_be_visible()
    await expect(hand.seen).to_contain_text("7 requests wait for you")
    await album.take("list", hand.seen)


@pytest.mark.timeout(180)
@both_chats
async def test_it_can_all_be_done_on_a_phone(stage: Stage, browser: Browser, tmp_path: Path, chat: Chat) -> None:
    """390 pixels wide, in the dark: nothing is cut off or sticks out on the way from the list to the results."""
    queue = await seed(stage, 6, plain=20, chat=chat, expires_in=600)
    async with Screen(browser, stage.address, width=390, height=844, scheme="dark") as screen:
        await screen.at(f"tab-{chat}").click()
        hand, album = HANDS[chat](screen), Album(screen, tmp_path, f"phone-{chat}", chat)

        async def fits(what: str) -> None:
            await album.take(what, hand.seen)
            assert await screen.page.evaluate(FITTING) == [], what

        await hand.say("pending")
        await expect(hand.seen).to_contain_text("25 requests wait for you")
        await fits("list")
        await hand.open_group("× credit_account")
        await fits("group")
        await hand.press("Select all")
        await expect(hand.seen.get_by_role("button", name="Select none")).to_be_visible()
        await hand.press("Reject selected…")
        await expect(hand.seen).to_contain_text("Reject 22 requests?")
        await fits("preflight")
        await hand.fill("Reason", "All of them have been done by hand")
        await hand.press("Reject 22")
        await come_through(hand)
        await expect(hand.seen).to_contain_text("22 rejected")
        await fits("results")
        await hand.press("Back to the list")
        await hand.press("One at a time")
        await expect(hand.seen).to_contain_text('"amount": 940')
        await fits("single")
        await queue.agent.said("have been done by hand")
    assert screen.faults == []
