"""What a person does on the demo's page, in a real browser: the whole way from a click to the agent's terminal."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect
from screen import APPROVALS, GENERAL, Screen, press

from signoff import Gate
from signoff_sim.demo.stage import Agent, Stage

HERE = Path(__file__).parent
CONTRAST = (HERE / "contrast.js").read_text()
FITTING = (HERE / "fitting.js").read_text()


async def refund(stage: Stage, order: str, amount: int = 500) -> Agent:
    return await stage.agent("refund", order, str(amount), "Broken on arrival")


async def ran(agent: Agent, what: str) -> None:
    assert what in await agent.said("✓")


# ── approving, editing, rejecting, answering ─────────────────────────────────────────────────────


async def test_approving_in_slack(stage: Stage, screen: Screen) -> None:
    """One click on Approve: the agent runs, both cards say who decided, the buttons are gone, the terminal shows it."""
    agent = await refund(stage, "A-3001")
    card = await screen.slack("A-3001")
    await press(card, "Approve")
    await ran(agent, "refunded $500 for A-3001")
    await expect(card).to_contain_text("Approved by Ada Okafor")
    await expect(card.get_by_role("button", name="Approve")).to_have_count(0)
    post = await screen.teams("A-3001")
    await expect(post).to_contain_text("Approved by Ada Okafor")
    await expect(post.get_by_role("button", name="Approve")).to_have_count(0)
    await expect(screen.at("terminal")).to_contain_text("refunded $500 for A-3001")
    await screen.ticked("approve")


async def test_i09_in_slack_an_error_stands_at_its_field_and_nothing_typed_is_lost(
    stage: Stage, screen: Screen
) -> None:
    """5000 is above the maximum: Slack's form says so at the amount and keeps what was typed; 400 then runs."""
    agent = await refund(stage, "A-3002")
    card = await screen.slack("A-3002")
    await press(card, "Edit…")
    amount, note = screen.field("amount").locator("input"), screen.field("note").locator("input")
    await expect(amount).to_have_value("500")
    await amount.fill("5000")
    await note.fill("One item only")
    await screen.send()
    await expect(screen.field("amount").get_by_role("alert")).to_have_text("At most 1000.")
    await expect(amount).to_have_value("5000")
    await expect(amount).to_have_attribute("aria-invalid", "true")
    await expect(note).to_have_value("One item only")
    await expect(screen.at("try-edit")).not_to_have_class("done")
    await amount.fill("400")
    await screen.send()
    await expect(screen.modal).to_have_count(0)
    await ran(agent, "refunded $400 for A-3002 (note: One item only)")
    await expect(card).to_contain_text("500 → 400")
    await screen.ticked("edit")


async def test_rejecting_in_teams_with_a_reason(stage: Stage, screen: Screen) -> None:
    """A preset and own words: the agent reads both, and Slack's card shows them."""
    agent = await refund(stage, "A-3003")
    await screen.become("bob")
    post = await screen.teams("A-3003")
    await press(post, "Reject…")
    await post.get_by_label("Reason").select_option(label="not our customer")
    await post.get_by_label("In your own words").fill("We never shipped this order")
    await press(post, "Reject")
    said = await agent.said("✗")
    assert "not our customer" in said
    assert "We never shipped this order" in said
    await expect(post).to_contain_text("Rejected by Bob Lindqvist")
    card = await screen.slack("A-3003")
    await expect(card).to_contain_text("We never shipped this order")
    await screen.ticked("reject")


async def test_i09_in_teams_an_error_stands_at_its_field_and_nothing_typed_is_lost(
    stage: Stage, screen: Screen
) -> None:
    """The form inside the card: a wrong amount is answered below it, the typed note stays, the right amount runs."""
    agent = await refund(stage, "A-3004", 300)
    await screen.become("bob")
    post = await screen.teams("A-3004")
    await press(post, "Edit…")
    amount, note = post.get_by_label("amount"), post.get_by_label("note")
    await expect(amount).to_have_value("300")
    await amount.fill("5000")
    await note.fill("Late by a week")
    await press(post, "Approve with changes")
    error = post.get_by_text("⚠ At most 1000.")
    await expect(error).to_be_visible()
    assert await below(amount, error, note)
    await expect(amount).to_have_value("5000")
    await expect(note).to_have_value("Late by a week")
    await expect(screen.at("try-edit")).not_to_have_class("done")
    await amount.fill("250")
    await press(post, "Approve with changes")
    await ran(agent, "refunded $250 for A-3004 (note: Late by a week)")
    await expect(post).to_contain_text("300 → 250")
    await screen.ticked("edit")


async def below(*places: Locator) -> bool:
    """Does each stand below the one before?"""
    tops = [box["y"] for place in places if (box := await place.bounding_box())]
    return len(tops) == len(places) and tops == sorted(tops)


async def test_a_long_form_opens_in_a_window_in_teams(stage: Stage, screen: Screen) -> None:
    """More fields than a card holds: what was typed in the card goes on in the window, and all pages arrive."""
    arguments: dict[str, object] = {f"step {number:02}": f"value {number}" for number in range(24)}
    async with Gate(stage.bot_address, stage.key, agent="deployer") as gate:
        asked = asyncio.create_task(gate.ask("deploy", arguments, title="Deploy the shop"))
        post = await screen.teams("Deploy the shop", GENERAL)
        await press(post, "Edit…")
        await post.get_by_label("step 01").fill("typed in the card")
        await press(post, "Open in a window")
        window = screen.at("teams-dialog")
        await expect(window.get_by_label("step 00")).to_be_focused()
        await expect(window.get_by_label("step 01")).to_have_value("typed in the card")
        await window.get_by_label("step 02").fill("typed in the window")
        await press(window, "Next")
        await window.get_by_label("step 23").fill("on the last page")
        await press(window, "Approve with changes")
        await expect(window).to_have_count(0)
        decision = await asked
    typed = {"step 01": "typed in the card", "step 02": "typed in the window", "step 23": "on the last page"}
    assert decision.arguments == arguments | typed
    await expect(post).to_contain_text("Approved with changes by Ada Okafor")


async def test_i04_closing_forms_decides_nothing(stage: Stage, screen: Screen) -> None:
    """Escape, × and Cancel leave the request as it was; it can still be approved."""
    agent = await refund(stage, "A-3005")
    card = await screen.slack("A-3005")
    await press(card, "Edit…")
    await screen.field("amount").locator("input").fill("1")
    await screen.page.keyboard.press("Escape")
    await expect(screen.modal).to_have_count(0)
    await press(card, "Reject…")
    await screen.at("slack-modal-x").click()
    await expect(screen.modal).to_have_count(0)
    post = await screen.teams("A-3005")
    await press(post, "Reject…")
    await press(post, "Cancel")
    await expect(post).to_contain_text("Waiting for a decision")
    await press(post, "Approve")
    await ran(agent, "refunded $500 for A-3005")


@pytest.mark.parametrize("chat", ["slack", "teams"])
async def test_answering_a_question(stage: Stage, screen: Screen, chat: str) -> None:
    """One of the choices is chosen in the form; the agent gets it."""
    agent = await stage.agent("question", "Which warehouse?", "Berlin", "Porto")
    if chat == "slack":
        card = await screen.slack("Which warehouse?", APPROVALS)
        await press(card, "Answer…")
        await screen.modal.get_by_role("combobox").select_option(label="Porto")
        await screen.send()
    else:
        card = await screen.teams("Which warehouse?", GENERAL)
        await press(card, "Answer…")
        await card.get_by_role("combobox").select_option(label="Porto")
        await press(card, "Send answer")
    assert "the answer is: Porto" in await agent.said("✓")
    await expect(card).to_contain_text("Answered by Ada Okafor")
    await screen.ticked("answer")


async def test_details_show_everything(stage: Stage, screen: Screen) -> None:
    """Details opens the full arguments as JSON for one person: in a window in Slack, inside the card in Teams."""
    await refund(stage, "A-3006")
    card = await screen.slack("A-3006")
    await press(card, "Details")
    await expect(screen.modal).to_contain_text('"order": "A-3006"')
    await expect(screen.modal).to_contain_text("sha256:")
    await screen.at("slack-modal-close").click()
    await screen.ticked("details")
    post = await screen.teams("A-3006")
    await press(post, "Details")
    await expect(post).to_contain_text('"order": "A-3006"')
    await expect(screen.at("teams-only-you")).to_be_visible()
    await screen.become("bob")
    await expect(post).not_to_contain_text('"order": "A-3006"')
    await screen.become("ada")
    await press(post, "Back")
    await expect(post.get_by_role("button", name="Approve", exact=True)).to_be_visible()


# ── who may ──────────────────────────────────────────────────────────────────────────────────────


async def test_i15_who_may_not_decide_is_told_privately(stage: Stage, screen: Screen) -> None:
    """Mia clicks Approve in both chats: she alone reads why not, nothing runs, and the card still works for Ada."""
    agent = await refund(stage, "A-3007")
    await screen.become("mia")
    card = await screen.slack("A-3007")
    await press(card, "Approve")
    private = screen.at("slack-ephemeral")
    await expect(private).to_contain_text("You cannot decide this; Ada Okafor or Bob Lindqvist (finance) can.")
    await expect(private).to_contain_text("Only visible to you")
    post = await screen.teams("A-3007")
    await press(post, "Approve")
    await expect(post).to_contain_text("You cannot decide this")
    await screen.ticked("stranger")
    await expect(screen.at("try-approve")).not_to_have_class("done")
    await screen.become("ada")
    await expect(private).to_have_count(0)
    await expect(post).not_to_contain_text("You cannot decide this")
    assert not any("✓" in line for line in agent.lines)
    await press(card, "Approve")
    await ran(agent, "refunded $500 for A-3007")


async def test_a_private_sentence_comes_into_view(stage: Stage, screen: Screen) -> None:
    """Who clicked a card far above the newest message sees what Slack tells them alone."""
    await refund(stage, "A-3099")
    card = await screen.slack("A-3099")
    for line in range(40):
        await stage.act("slack", "say", **{"as": "bob", "channel": "C0REFUNDS", "text": f"line {line}"})
    await screen.become("mia")
    await expect(screen.at("slack-message").filter(has_text="line 39")).to_be_visible()
    await press(card, "Approve")
    await expect(screen.at("slack-ephemeral")).to_be_in_viewport()


async def test_becoming_somebody_else(stage: Stage, screen: Screen) -> None:
    """A click on a face, or the arrow keys, changes who acts; what one person has half filled in is not another's."""
    await refund(stage, "A-3008")
    card = await screen.slack("A-3008")
    await press(card, "Edit…")
    await screen.field("note").locator("input").fill("Ada's own words")
    await screen.field("amount").locator("input").click()
    await screen.become("bob")
    await expect(screen.at("acting-as")).to_have_text("Acting as Bob Lindqvist, Finance")
    await expect(screen.modal).to_have_count(0)
    await screen.page.keyboard.press("ArrowRight")
    await expect(screen.at("acting-as")).to_contain_text("Mia Tanaka")
    await expect(screen.at("person-mia")).to_be_focused()
    await screen.become("ada")
    await expect(screen.field("note").locator("input")).to_have_value("Ada's own words")


# ── the page itself ──────────────────────────────────────────────────────────────────────────────


async def test_a_reload_keeps_everything(stage: Stage, screen: Screen) -> None:
    """After a reload: the same person, messages, terminal and ticks."""
    agent = await refund(stage, "A-3009")
    await screen.become("bob")
    await press(await screen.slack("A-3009"), "Approve")
    await ran(agent, "refunded")
    await screen.page.reload()
    await expect(screen.at("person-bob")).to_have_attribute("aria-checked", "true")
    await expect(await screen.slack("A-3009")).to_contain_text("Approved by Bob Lindqvist")
    await expect(await screen.teams("A-3009")).to_contain_text("Approved by Bob Lindqvist")
    await expect(screen.at("terminal")).to_contain_text("refunded $500 for A-3009")
    await screen.ticked("approve")


async def test_what_to_try_offers_what_there_is(screen: Screen) -> None:
    """Nothing is ticked at first, and everything that is offered can be typed or pressed."""
    items = screen.at("tries").locator("li")
    await expect(items).to_have_count(11)
    assert await screen.at("tries").locator(".done").count() == 0
    placeholders = await screen.page.locator("[placeholder]").evaluate_all("all => all.map(e => e.placeholder)")
    assert not any("/" in text for text in placeholders)


async def test_the_agents_inbox_fills_the_page(stage: Stage, screen: Screen) -> None:
    """What the demo starts with: a card to approve in view, a question, a letter, and one that a rule approved."""
    await stage.agent()
    card = await screen.slack("A-1001")
    await expect(card.get_by_role("button", name="Approve")).to_be_in_viewport()
    await expect(await screen.slack("A-1002")).to_contain_text("Approved by the rule")
    await screen.teams("Which warehouse", GENERAL)
    letter = await screen.teams("lena@example.com", GENERAL)
    await press(letter, "Approve")
    await expect(screen.at("terminal")).to_contain_text("sent: 'Your order A-1003'")


async def test_the_next_refund_waits_for_the_one_before_only(stage: Stage, screen: Screen) -> None:
    """With question and letter still open, deciding a refund brings the next; only what waits is called waiting."""
    await stage.agent()
    await press(await screen.slack("A-1001"), "Approve")
    await screen.slack("A-1004")
    terminal = screen.at("terminal")
    await expect(terminal).to_contain_text("A-1004 is waiting for a person")
    await expect(terminal).not_to_contain_text("A-1002 is waiting")


async def test_traffic_shows_calls_without_secrets(stage: Stage, screen: Screen) -> None:
    """The log of calls opens and unfolds; tokens and signatures are not in it."""
    await refund(stage, "A-3010")
    await screen.slack("A-3010")
    await screen.at("traffic-toggle").click()
    log = screen.at("traffic")
    await log.locator("summary").filter(has_text="chat.postMessage").first.click()
    await expect(log.locator("details[open] pre")).to_contain_text("A-3010")
    assert "xoxb-" not in await log.inner_text()


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_large_refund_is_voted_on_in_both_chats(stage: Stage, screen: Screen) -> None:
    """The cards say who is asked and who has said yes; what is approved stands where the number is typed; a wrong
    number is answered there; the third vote runs it.
    """
    agent = await refund(stage, "A-3013", 900)
    card = await screen.slack("Refund order A-3013")
    await expect(card).to_contain_text("finance: asked now, 0 of 1")
    await press(card, "Approve…")
    await expect(screen.modal).to_contain_text("amount: 900")
    typed = screen.field("Type “A-3013” to approve").locator("input")
    await typed.fill("A-3014")
    await screen.send()
    await expect(screen.field("Type").get_by_role("alert")).to_contain_text("type exactly “A-3013”")
    await typed.fill("A-3013")
    await screen.send()
    await expect(screen.modal).to_have_count(0)
    await expect(card).to_contain_text("Who may decide: Bob Lindqvist or Rita Moreau (managers)")
    await screen.become("bob")
    post = (await screen.posts("Refund order A-3013")).first
    await expect(post).to_contain_text("1 of 1 ✓ Ada Okafor")
    await press(post, "Approve…")
    await expect(post).to_contain_text("amount: 900")
    await post.get_by_label("Type “A-3013” to approve").fill("A-3013")
    await press(post, "Approve")
    await screen.become("rita")
    await expect(card).to_contain_text("1 of 2 ✓ Bob Lindqvist")
    await press(card, "Approve…")
    await screen.field("Type").locator("input").fill("A-3013")
    await expect(screen.at("try-vote")).not_to_have_class("done")
    await screen.send()
    await ran(agent, "refunded $900 for A-3013")
    for shown in (card, post):
        await expect(shown).to_contain_text("Approved by Ada Okafor, Bob Lindqvist and Rita Moreau")
    await screen.ticked("vote")


async def test_a_reminder_stands_below_its_card_and_calls_people_by_name(stage: Stage, screen: Screen) -> None:
    """In both chats, and nobody takes it for a card of its own."""
    await refund(stage, "A-3014", 900)
    said = (await screen.messages("A-3014")).filter(has_text="Still waiting")
    await expect(said).to_contain_text("@Ada Okafor")
    await expect(said).to_have_class(re.compile("sl-reply"))
    post = (await screen.posts("A-3014")).filter(has_text="Still waiting")
    await expect(post.locator(".t-mention")).to_have_text(["Ada Okafor", "Bob Lindqvist"])
    await expect(post.get_by_role("button")).to_have_count(0)


async def test_similar_refunds_are_allowed_from_the_card(stage: Stage, screen: Screen) -> None:
    """Under More… with the approval; the next one of the same order runs at once and is told in the channel."""
    first = await refund(stage, "A-3015", 300)
    await press(await screen.slack("A-3015"), "More…")
    await screen.field("What to do").locator("select").select_option(label="Approve, and allow similar calls")
    await screen.field("For how many calls").locator("select").select_option(label="2 calls")
    await screen.send()
    await ran(first, "refunded $300 for A-3015")
    await screen.ticked("similar")
    await ran(await refund(stage, "A-3015", 100), "refunded $100 for A-3015")
    told = (await screen.messages("A-3015")).filter(has_text="Approved under a grant by Ada Okafor")
    await expect(told).to_contain_text("this is use 1 of 2")
    await expect(told.get_by_role("button")).to_have_text(["Details"])


async def test_commands_are_typed_and_answered(stage: Stage, screen: Screen) -> None:
    """A freeze typed in Slack is answered to its author alone and leaves nothing to click in Teams; a thaw there is
    answered below it, and the click works.
    """
    agent = await refund(stage, "A-3016")
    await screen.slack("A-3016")
    await screen.become("rita")
    await screen.at("slack-composer").fill("/signoff freeze tool issue_refund because the till is broken")
    await screen.at("slack-send").click()
    await expect(screen.at("slack-ephemeral")).to_contain_text("Frozen: tool issue_refund")
    await screen.ticked("freeze")
    await screen.become("bob")
    await expect(screen.at("slack-ephemeral")).to_have_count(0)
    post = await screen.teams("A-3016")
    await expect(post).to_contain_text("Frozen by Rita Moreau: the till is broken")
    await expect(post.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    await screen.become("rita")
    await screen.at(f"teams-channel-{GENERAL}").click()
    await screen.at("teams-panel").get_by_placeholder("Start a post").fill("@Signoff thaw tool issue_refund")
    await screen.at("teams-panel").get_by_placeholder("Start a post").press("Enter")
    await expect(screen.at("teams-panel").get_by_text("Thawed: tool issue_refund")).to_be_visible()
    await screen.become("bob")
    await press(await screen.teams("A-3016"), "Approve")
    await ran(agent, "refunded $500 for A-3016")


async def test_what_waits_is_listed_in_both_chats(stage: Stage, screen: Screen) -> None:
    """/pending and the shortcut open a private window in Slack; @Signoff pending brings a card in Teams."""
    await refund(stage, "A-3018", 300)
    await screen.slack("A-3018")
    await screen.at("slack-composer").fill("/pending")
    await screen.at("slack-send").click()
    await expect(screen.modal).to_contain_text("A-3018")
    await screen.ticked("pending")
    await screen.at("slack-modal-x").click()
    await screen.at("slack-shortcuts").click()
    await screen.at("slack-shortcut-signoff.pending").click()
    await expect(screen.modal).to_contain_text("A-3018")
    await screen.at("slack-modal-x").click()
    await screen.at("teams-chat").click()
    await screen.at("teams-composer").fill("pending")
    await screen.at("teams-send").click()
    await expect(screen.at("teams-panel").locator("article").filter(has_text="A-3018")).to_be_visible()
    await screen.ticked("list")


@pytest.mark.parametrize("width", [390, 1280])
async def test_rules_on_narrow_screens(stage: Stage, browser: Browser, width: int) -> None:
    """Stages, reminders, and the forms behind Approve… and More… fit, and their buttons can be reached."""
    async with Screen(browser, stage.address, width=width, height=800) as screen:
        await refund(stage, "A-3017", 900)
        card = await screen.slack("Refund order A-3017")
        await expect((await screen.messages("A-3017")).filter(has_text="Still waiting")).to_be_visible()
        await fits(screen)
        for name in ("Approve…", "More…"):
            await reachable(card.get_by_role("button", name=name), width)
            await press(card, name)
            await reachable(screen.at("slack-modal-submit"), width)
            await fits(screen)
            await screen.at("slack-modal-close").click()
        if width < 1000:
            await screen.at("tab-teams").click()
        post = (await screen.posts("A-3017")).first
        await fits(screen)
        for name, send in (("Approve…", "Approve"), ("More…", "Do it")):
            await reachable(post.get_by_role("button", name=name), width)
            await press(post, name)
            await reachable(post.get_by_role("button", name=send, exact=True), width)
            await fits(screen)
            await press(post, "Cancel")
    assert screen.faults == []


@pytest.mark.parametrize("width", [390, 1280])
async def test_narrow_screens(stage: Stage, browser: Browser, width: int) -> None:
    """On a phone and on a small laptop nothing is wider than the screen, and every button can be reached and works."""
    async with Screen(browser, stage.address, width=width, height=800) as screen:
        agent = await refund(stage, "A-3011")
        card = await screen.slack("A-3011")
        await fits(screen)
        for name in ("Approve", "Edit…", "Reject…", "Details"):
            await reachable(card.get_by_role("button", name=name, exact=True), width)
        await press(card, "Edit…")
        await screen.field("amount").locator("input").fill("5000")
        await reachable(screen.at("slack-modal-submit"), width)
        await screen.send()
        await reachable(screen.field("amount").get_by_role("alert"), width)
        await screen.at("slack-modal-close").click()
        if width < 1000:
            await screen.at("tab-teams").click()
        post = await screen.teams("A-3011")
        await fits(screen)
        for name in ("Approve", "Edit…", "Reject…", "Details"):
            await reachable(post.get_by_role("button", name=name, exact=True), width)
        await press(post, "Details")
        await expect(post).to_contain_text("sha256:")
        await fits(screen)
        await press(post, "Back")
        await press(post, "Edit…")
        await post.get_by_label("amount").fill("400")
        await reachable(post.get_by_role("button", name="Approve with changes"), width)
        await press(post, "Approve with changes")
        await ran(agent, "refunded $400 for A-3011")
        if width < 1000:
            await screen.at("tab-agent").click()
        await expect(screen.at("terminal")).to_contain_text("refunded $400 for A-3011")
        await screen.ticked("edit")
        await fits(screen)
        await screen.become("mia")
    assert screen.faults == []


async def fits(screen: Screen) -> None:
    """Nothing that is shown stands out to the right, is cut off there, or scrolls sideways."""
    wide = await screen.page.evaluate(FITTING)
    assert wide == []


async def reachable(place: Locator, width: int) -> None:
    await place.scroll_into_view_if_needed()
    await expect(place).to_be_in_viewport()
    box = await place.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_light_and_dark(stage: Stage, browser: Browser, scheme: str) -> None:
    """The page follows the reader's scheme, and in both every text can be read (WCAG AA: 4.5 to 1, large 3 to 1)."""
    async with Screen(browser, stage.address, scheme="dark" if scheme == "dark" else "light") as screen:
        await refund(stage, "A-3012")
        await screen.teams("A-3012")
        card = await screen.slack("A-3012")
        paper = await screen.at("slack-panel").locator(".sl").evaluate("one => getComputedStyle(one).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) == (scheme == "dark")
        assert await pale(screen) == []
        await press(card, "Edit…")
        await screen.field("amount").locator("input").fill("5000")
        await screen.send()
        await expect(screen.field("amount").get_by_role("alert")).to_have_text("At most 1000.")
        assert await pale(screen) == []
    assert screen.faults == []


async def pale(screen: Screen) -> list[str]:
    """Texts with too little contrast to what is behind them."""
    found: list[str] = await screen.page.evaluate(CONTRAST)
    return found
