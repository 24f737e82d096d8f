"""The simulator's page where people review many things: shortcuts, the Home, long windows, cards with choices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, expect
from screen import Screen

from signoff_sim import server
from signoff_sim.slack import SlackSim
from signoff_sim.teams import TeamsSim

FITTING = (Path(__file__).parent / "fitting.js").read_text()
ADAPTIVE = "application/vnd.microsoft.card.adaptive"
GENERAL = "19:general.finance@thread.tacv2"

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def options(page: int) -> list[Json]:
    return [{"text": {"type": "mrkdwn", "text": f"*A-{page}{n}* refund"}, "value": f"{page}{n}"} for n in range(10)]


def rows(page: int, count: int = 45) -> list[Json]:
    """A long list: checkboxes, lines of text, and a button below."""
    ticks = {"type": "checkboxes", "action_id": "pick", "options": options(page)}
    return [
        {"type": "actions", "block_id": f"rows{page}", "elements": [ticks]},
        *({"type": "section", "block_id": f"line{n}", "text": plain(f"line {n}")} for n in range(count)),
        {
            "type": "actions",
            "block_id": "moves",
            "elements": [{"type": "button", "action_id": "next", "text": plain("Next page"), "value": str(page + 1)}],
        },
    ]


def modal(page: int, *more: Json) -> Json:
    return {
        "type": "modal",
        "callback_id": "list",
        "title": plain(f"Page {page}"),
        "submit": plain("Approve"),
        "blocks": [*rows(page), *more],
    }


SEARCH: Json = {
    "type": "input",
    "block_id": "search",
    "dispatch_action": True,
    "optional": True,
    "label": plain("Search"),
    "element": {"type": "plain_text_input", "action_id": "text"},
}


@dataclass
class Bot:
    """Answers what the page does, in both chats, and keeps what it was told."""

    api: str = ""
    got: list[Json] = field(default_factory=list[Json])
    card: Json = field(default_factory=dict[str, Any])
    held: asyncio.Event | None = None
    """While set and not fired, block_actions wait for it."""

    async def call(self, method: str, **body: Any) -> None:
        headers = {"Authorization": "Bearer xoxb-simulated"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{self.api}/{method}", json=body) as response,
        ):
            answer = await response.json()
            assert answer["ok"], answer

    async def slack(self, request: web.Request) -> web.Response:
        if request.content_type == "application/json":
            event = (await request.json())["event"]
            self.got.append(event)
            if event["type"] == "app_home_opened" and event["tab"] == "home":
                blocks = [{"type": "header", "text": plain(f"Queue of {event['user']}")}, *rows(1, 3)]
                await self.call("views.publish", user_id=event["user"], view={"type": "home", "blocks": blocks})
            return web.Response()
        payload: Json = json.loads(parse_qs((await request.read()).decode())["payload"][0])
        self.got.append(payload)
        if payload["type"] == "shortcut":
            await self.call("views.open", trigger_id=payload["trigger_id"], view=modal(1, SEARCH))
        if payload["type"] == "block_actions" and payload["view"]["type"] == "modal":
            if self.held is not None:
                await self.held.wait()
            action = payload["actions"][0]
            note = {"type": "context", "elements": [plain(f"said: {action.get('value')}")]}
            if action["action_id"] == "next":
                await self.call("views.update", view_id=payload["view"]["id"], view=modal(int(action["value"])))
            elif action["action_id"] == "text" or self.held is not None:
                await self.call("views.update", view_id=payload["view"]["id"], view=modal(1, SEARCH, note))
        return web.Response()

    async def teams(self, request: web.Request) -> web.Response:
        activity = await request.json()
        self.got.append(activity)
        if activity["type"] != "invoke":
            return web.Response()
        if activity["name"].startswith("task/"):
            info = {"title": "Review", "card": {"contentType": ADAPTIVE, "content": self.card}}
            return web.json_response({"task": {"type": "continue", "value": info}})
        return web.json_response({"statusCode": 200, "type": ADAPTIVE, "value": self.card})

    def of(self, kind: str) -> list[Json]:
        return [one for one in self.got if kind in (one.get("type"), one.get("name"))]

    def ticked(self) -> list[str]:
        """What the last payload of a view says is ticked, on all its pages."""
        values = self.got[-1]["view"]["state"]["values"]
        return [one["value"] for block in values.values() for one in block.get("pick", {}).get("selected_options", [])]


@dataclass
class House:
    address: str
    slack: SlackSim
    teams: TeamsSim
    bot: Bot

    async def post(self, content: Json) -> str:
        """A card in a Teams channel; its id."""
        body = {"type": "message", "attachments": [{"contentType": ADAPTIVE, "content": content}]}
        async with (
            aiohttp.ClientSession(self.address) as http,
            http.post(f"/teams/v3/conversations/{GENERAL}/activities", json=body) as response,
        ):
            answer = await response.json()
            assert response.status == 201, answer
            return str(answer["id"])


@pytest.fixture
async def house() -> AsyncIterator[House]:
    bot = Bot()
    app = web.Application()
    app.router.add_post("/slack/events", bot.slack)
    app.router.add_post("/api/messages", bot.teams)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    slack, teams = SlackSim(bot_url=url), TeamsSim(bot_url=url, password="p", install=False)
    teams.set_faults({"check_tokens": False})
    site = server.build(slack=slack, teams=teams)
    address = await server.serve(site)
    bot.api = f"{address}/slack/api"
    yield House(address, slack, teams, bot)
    await server.stop(site)
    await runner.cleanup()


@pytest.fixture
async def screen(house: House, browser: Browser) -> AsyncIterator[Screen]:
    async with Screen(browser, house.address) as screen:
        yield screen
    assert screen.faults == []


# ── Slack ────────────────────────────────────────────────────────────────────────────────────────


async def test_page_runs_a_shortcut_by_keyboard(house: House, screen: Screen) -> None:
    """The bolt opens a menu, Enter runs what is in it, Escape puts the focus back; the app learns of no channel."""
    bolt = screen.at("slack-shortcuts")
    await bolt.focus()
    await screen.page.keyboard.press("Enter")
    await expect(screen.at("slack-shortcut-signoff.pending")).to_be_focused()
    await screen.page.keyboard.press("Escape")
    await expect(bolt).to_be_focused()
    await screen.page.keyboard.press("Enter")
    await screen.page.keyboard.press("Enter")
    await expect(screen.modal).to_have_attribute("data-callback", "list")
    (told,) = house.bot.of("shortcut")
    assert "channel" not in told


async def test_page_shows_everybody_their_own_home(house: House, screen: Screen) -> None:
    """Opening the tab, or becoming somebody while it is open, opens that person's; what is ticked there is told."""
    await screen.at("slack-channel-D0ADA").click()
    await screen.at("slack-tab-home").click()
    home = screen.at("slack-home")
    await expect(home).to_contain_text("Queue of U0ADA")
    await home.locator("[data-action=pick][data-value='13']").check()
    await expect(home.locator("[data-value='13']")).to_be_checked()
    await screen.become("bob")
    await expect(home).to_contain_text("Queue of U0BOB")
    await expect(home.locator("[data-value='13']")).not_to_be_checked()
    await screen.become("ada")
    await expect(home.locator("[data-value='13']")).to_be_checked()
    assert house.bot.of("block_actions")[0]["view"]["type"] == "home"


async def test_page_ticks_by_keyboard_and_keeps_its_place_when_the_window_changes(house: House, screen: Screen) -> None:
    """An update while something is on its way to the app loses no tick, no focus and no place in the list."""
    house.bot.held = asyncio.Event()
    await open_list(screen)
    for number in (1, 2, 5):
        await screen.at(f"slack-option-rows1/pick-1{number}").focus()
        await screen.page.keyboard.press("Space")
    house.bot.held.set()
    await expect(screen.modal).to_contain_text("said:")
    await expect(screen.modal.locator("[data-action=pick]:checked")).to_have_count(3)
    await expect(screen.at("slack-option-rows1/pick-15")).to_be_focused()
    await screen.send()
    await expect(screen.modal).to_have_count(0)
    assert house.bot.got[-1]["type"] == "view_submission"
    assert house.bot.ticked() == ["11", "12", "15"]


async def open_list(screen: Screen) -> None:
    await screen.at("slack-shortcuts").click()
    await screen.at("slack-shortcut-signoff.pending").click()
    await expect(screen.modal).to_contain_text("Page 1")


async def test_page_sends_text_with_enter_and_no_sooner(house: House, screen: Screen) -> None:
    """A field that tells the app at once does so on Enter, and keeps what was typed when the window is drawn anew."""
    await open_list(screen)
    text = screen.at("slack-input-search/text")
    await text.fill("refunds")
    await screen.at("slack-option-rows1/pick-11").check()
    await expect(screen.modal.locator("[data-value='11']")).to_be_checked()
    assert [one["actions"][0]["action_id"] for one in house.bot.of("block_actions")] == ["pick"]
    await text.press("Enter")
    await expect(screen.modal).to_contain_text("said: refunds")
    await expect(text).to_have_value("refunds")
    await expect(screen.modal.locator("[data-value='11']")).to_be_checked()


async def test_page_starts_a_new_page_of_the_list_afresh(house: House, screen: Screen) -> None:
    """Another block_id has nothing ticked; the window stays open and the button below is reached by scrolling."""
    await open_list(screen)
    await screen.at("slack-option-rows1/pick-11").check()
    following = screen.modal.locator("[data-action=next]")
    await expect(following).to_have_attribute("data-value", "2")
    await expect(following).not_to_be_in_viewport()
    await following.scroll_into_view_if_needed()
    await following.click()
    await expect(screen.modal).to_contain_text("Page 2")
    await expect(screen.modal.locator("[data-action=pick]:checked")).to_have_count(0)
    await expect(screen.at("slack-modal-submit")).to_be_in_viewport()


# ── Teams ────────────────────────────────────────────────────────────────────────────────────────


def review() -> Json:
    """A card with everything that reviewing needs."""
    offered = [{"title": f"A-{n} refund", "value": str(n)} for n in range(12)]
    pick = {"type": "Input.ChoiceSet", "id": "pick", "isMultiSelect": True, "style": "expanded", "choices": offered}
    tools = {"type": "Input.ChoiceSet", "id": "tool", "style": "compact", "choices": offered, "label": "Tool"}
    agent = {"type": "Input.ChoiceSet", "id": "agent", "style": "filtered", "choices": offered, "label": "Agent"}
    every = {"type": "Input.Toggle", "id": "all", "title": "All of them", "valueOn": "yes", "valueOff": "no"}
    note = {"type": "Container", "id": "box", "isVisible": False, "items": [{"type": "TextBlock", "text": "Hidden"}]}
    reason = {"type": "Input.Text", "id": "reason", "label": "Reason", "isRequired": True, "errorMessage": "Say why."}
    reject = {"type": "Action.Execute", "title": "Reject now", "verb": "reject"}
    shown = {"type": "AdaptiveCard", "body": [reason], "actions": [reject]}
    cells = [[{"type": "TextBlock", "text": f"{row}{column}"} for column in "ab"] for row in range(3)]
    table = {
        "type": "Table",
        "columns": [{"width": 1}, {"width": 2}],
        "rows": [
            {"type": "TableRow", "cells": [{"type": "TableCell", "items": [one]} for one in row]} for row in cells
        ],
    }
    row = {
        "type": "ActionSet",
        "actions": [{"type": "Action.Execute", "title": "Open", "verb": "open", "data": {"row": 1}}],
    }
    columns = {"type": "ColumnSet", "columns": [{"type": "Column", "width": "stretch", "items": [row]}]}
    actions = [
        {"type": "Action.Execute", "title": "Approve", "verb": "approve", "data": {"review": "r1"}},
        {"type": "Action.ShowCard", "title": "Reject…", "card": shown},
        {"type": "Action.ToggleVisibility", "title": "Note", "targetElements": ["box"]},
    ]
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": [pick, tools, agent, every, note, table, columns],
        "actions": actions,
    }


async def test_page_reviews_in_a_teams_card(house: House, screen: Screen) -> None:
    """Ticks, lists and toggles arrive as Teams sends them; shown and hidden parts open; the answer is one person's."""
    bot = house.bot
    bot.card = {**review(), "body": [{"type": "TextBlock", "text": "Page 2"}, *review()["body"]]}
    posted = await house.post(review())
    await screen.at("teams-channel-Finance/General").click()
    card = screen.at(f"teams-card-{posted}")
    for value in ("3", "1"):
        await card.get_by_test_id(f"teams-option-pick-{value}").check()
    await card.locator("select[data-input=tool]").select_option(label="A-4 refund")
    await card.locator("input[data-input=agent]").fill("A-5 refund")
    await card.locator("input[data-input=all]").check()
    await expect(card.get_by_text("Hidden")).to_be_hidden()
    await card.locator("[data-testid=teams-action-Note]").click()
    await expect(card.get_by_text("Hidden")).to_be_visible()
    await card.locator("[data-action=approve]").click()
    await expect(card).to_contain_text("Page 2")
    sent = bot.got[-1]["value"]["action"]["data"]
    assert sent == {"review": "r1", "pick": "1,3", "tool": "4", "agent": "5", "all": "yes"}
    # A new page starts from its own values, and the place of the reader is kept for the keyboard.
    await expect(card.locator("[data-input=pick]:checked")).to_have_count(0)
    await expect(card).to_be_focused()
    await screen.become("bob")
    await expect(card).not_to_contain_text("Page 2")
    await card.locator("[data-action=open]").click()
    await expect(card).to_contain_text("Page 2")
    assert bot.got[-1]["value"]["action"]["data"] == {"row": 1, "all": "no"}
    await card.get_by_role("button", name="Reject…").click()
    await card.get_by_role("button", name="Reject now").click()
    await expect(card).to_contain_text("Say why.")
    await card.get_by_label("Reason").fill("Not ours")
    await card.get_by_role("button", name="Reject now").click()
    await expect(card.get_by_label("Reason")).to_be_hidden()
    assert bot.got[-1]["value"]["action"]["data"]["reason"] == "Not ours"


async def test_page_scrolls_a_long_window_in_teams(house: House, screen: Screen) -> None:
    """A dialog longer than the panel scrolls inside it; each page begins at its top; Escape closes it."""
    lines = [{"type": "TextBlock", "text": f"line {n}"} for n in range(60)]
    submit = {"type": "Action.Submit", "title": "Next", "data": {"page": 2}}
    house.bot.card = {"type": "AdaptiveCard", "version": "1.5", "body": lines, "actions": [submit]}
    fetch = {"type": "Action.Submit", "title": "Review", "data": {"msteams": {"type": "task/fetch"}}}
    await house.post({"type": "AdaptiveCard", "version": "1.5", "body": [], "actions": [fetch]})
    await screen.at("teams-channel-Finance/General").click()
    await screen.at("teams-action-Review").click()
    window = screen.at("teams-dialog")
    following = window.get_by_role("button", name="Next")
    await expect(following).not_to_be_in_viewport()
    await following.scroll_into_view_if_needed()
    house.bot.card = {**house.bot.card, "body": [{"type": "TextBlock", "text": "second page"}, *lines]}
    await following.click()
    await expect(window.get_by_text("second page")).to_be_in_viewport()
    assert house.bot.got[-1]["value"]["data"] == {"page": 2}
    await screen.page.keyboard.press("Escape")
    await expect(window).to_have_count(0)


# ── phones ───────────────────────────────────────────────────────────────────────────────────────


async def test_page_reviews_on_a_phone(house: House, browser: Browser) -> None:
    """At 390 pixels nothing is wider than the screen, and shortcut, list, Home, card and dialog all work."""
    house.bot.card = review()
    posted = await house.post(review())
    async with Screen(browser, house.address, width=390, height=780) as screen:
        await open_list(screen)
        assert await screen.page.evaluate(FITTING) == []
        await screen.at("slack-option-rows1/pick-19").check()
        await screen.modal.locator("[data-action=next]").scroll_into_view_if_needed()
        await screen.modal.locator("[data-action=next]").click()
        await expect(screen.modal).to_contain_text("Page 2")
        await screen.send()
        await expect(screen.modal).to_have_count(0)
        await screen.at("slack-channel-D0ADA").click()
        await screen.at("slack-tab-home").click()
        await expect(screen.at("slack-home")).to_contain_text("Queue of U0ADA")
        assert await screen.page.evaluate(FITTING) == []
        await screen.at("tab-teams").click()
        card = screen.at(f"teams-card-{posted}")
        await card.get_by_test_id("teams-option-pick-11").check()
        assert await screen.page.evaluate(FITTING) == []
        await card.locator("[data-action=approve]").scroll_into_view_if_needed()
        await card.locator("[data-action=approve]").click()
        await expect(screen.at("teams-only-you")).to_be_visible()
        assert house.bot.got[-1]["value"]["action"]["data"]["pick"] == "11"
    assert screen.faults == []
