"""What the simulated Teams makes of cards people review with: what a press submits, and what comes of the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from signoff_sim import server
from signoff_sim.simulated import Refused
from signoff_sim.teams import TeamsSim

GENERAL = "19:general.finance@thread.tacv2"
ADAPTIVE = "application/vnd.microsoft.card.adaptive"

Json = dict[str, Any]


def card(*body: Json, actions: tuple[Json, ...] = ()) -> Json:
    return {"type": "AdaptiveCard", "version": "1.5", "body": list(body), "actions": list(actions)}


def execute(verb: str, **more: Any) -> Json:
    return {"type": "Action.Execute", "title": verb.title(), "verb": verb, "data": {"review": "r1"}, **more}


def choices(name: str, *titles: str, **more: Any) -> Json:
    offered = [{"title": title, "value": title.lower()} for title in titles]
    return {"type": "Input.ChoiceSet", "id": name, "isMultiSelect": True, "choices": offered, **more}


def toggle(name: str, **more: Any) -> Json:
    return {"type": "Input.Toggle", "id": name, "title": name, **more}


def text(name: str, **more: Any) -> Json:
    return {"type": "Input.Text", "id": name, **more}


@dataclass
class Bot:
    """Keeps every activity; answers invokes with `answer`."""

    sim: TeamsSim
    http: aiohttp.ClientSession
    heard: list[Json] = field(default_factory=list[Json])
    answer: Json = field(default_factory=dict[str, Any])

    async def messages(self, request: web.Request) -> web.Response:
        activity = await request.json()
        self.heard.append(activity)
        return web.json_response(self.answer) if activity["type"] == "invoke" else web.Response()

    async def post(self, content: Json, conversation: str = GENERAL) -> Json:
        """The Bot Connector's answer, with `status`."""
        attached = [{"contentType": ADAPTIVE, "content": content}]
        body = {"type": "message", "attachments": attached}
        async with self.http.post(f"/teams/v3/conversations/{conversation}/activities", json=body) as response:
            return {"status": response.status, **(await response.json())}

    async def update(self, activity: str, content: Json, conversation: str = GENERAL) -> None:
        body = {"type": "message", "attachments": [{"contentType": ADAPTIVE, "content": content}]}
        path = f"/teams/v3/conversations/{conversation}/activities/{activity}"
        async with self.http.put(path, json=body) as response:
            assert response.status == 200

    async def click(self, person: str, activity: str, **what: Any) -> Json:
        return await self.sim.act("click", {"as": person, "conversation": GENERAL, "activity": activity, **what})

    def sent(self) -> Json:
        """What the last invoke's action carried."""
        value = self.heard[-1]["value"]
        return dict((value.get("action") or value)["data"])


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    sim = TeamsSim(bot_url="http://127.0.0.1:9", password="p", install=False)
    sim.set_faults({"check_tokens": False})
    site = server.build(teams=sim)
    address = await server.serve(site)
    async with aiohttp.ClientSession(address) as http:
        bot = Bot(sim, http)
        app = web.Application()
        app.router.add_post("/api/messages", bot.messages)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sim.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield bot
        await runner.cleanup()
    await server.stop(site)


def shown(told: Json) -> Json:
    return dict(told["message"]["card"])


# ── what a press submits ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("style", ["expanded", "compact", "filtered"])
async def test_sim_teams_several_choices_arrive_with_commas_in_the_order_of_the_choices(bot: Bot, style: str) -> None:
    """A list is what was ticked; nothing touched sends what the card began with; nothing ticked is left out."""
    posted = await bot.post(card(choices("pick", "A", "B", "C", style=style, value="b"), actions=(execute("next"),)))
    await bot.click("ada", posted["id"], verb="next", inputs={"pick": ["c", "a"]})
    assert bot.sent() == {"review": "r1", "pick": "a,c"}
    await bot.click("ada", posted["id"], verb="next")
    assert bot.sent()["pick"] == "b"
    await bot.click("ada", posted["id"], verb="next", inputs={"pick": []})
    assert "pick" not in bot.sent()


async def test_sim_teams_toggles_arrive_as_their_own_words(bot: Bot) -> None:
    """valueOn and valueOff are strings of the card's; true and false where it names none."""
    content = card(toggle("one", valueOn="yes", valueOff="no"), toggle("two", value="true"), actions=(execute("go"),))
    posted = await bot.post(content)
    await bot.click("ada", posted["id"], verb="go", inputs={"one": True})
    assert bot.sent() == {"review": "r1", "one": "yes", "two": "true"}
    await bot.click("ada", posted["id"], verb="go", inputs={"two": False})
    assert bot.sent() == {"review": "r1", "one": "no", "two": "false"}
    told = await bot.click("ada", posted["id"], verb="go", inputs={"one": "perhaps"})
    assert set(told["invalid"]) == {"one"}


async def test_sim_teams_a_shown_card_sends_its_own_inputs_and_those_around_it(bot: Bot) -> None:
    """A button outside sends nothing of what another button shows, and is not held back by it."""
    reason = text("reason", isRequired=True, label="Reason")
    show = {"type": "Action.ShowCard", "title": "Reject…", "card": card(reason, actions=(execute("reject"),))}
    other = {"type": "Action.ShowCard", "title": "More…", "card": card(text("other"), actions=(execute("more"),))}
    posted = await bot.post(card(choices("pick", "A", "B"), actions=(execute("approve"), show, other)))
    filled = {"pick": ["a"], "reason": "", "other": "x"}
    await bot.click("ada", posted["id"], verb="approve", inputs=filled)
    assert bot.sent() == {"review": "r1", "pick": "a"}
    told = await bot.click("ada", posted["id"], verb="reject", inputs=filled)
    assert (set(told["invalid"]), len(bot.heard)) == ({"reason"}, 1)
    await bot.click("ada", posted["id"], verb="reject", inputs={**filled, "reason": "no"})
    assert bot.sent() == {"review": "r1", "pick": "a", "reason": "no"}


async def test_sim_teams_hidden_inputs_are_sent_and_showing_them_tells_the_bot_nothing(bot: Bot) -> None:
    """Action.ToggleVisibility happens in the client; what it hides is submitted as it is."""
    hidden = {"type": "Container", "id": "box", "isVisible": False, "items": [text("note", value="kept")]}
    toggles = {"type": "Action.ToggleVisibility", "title": "Note", "targetElements": ["box"]}
    posted = await bot.post(card(hidden, actions=(toggles, execute("go"))))
    await bot.click("ada", posted["id"], text="Note")
    assert bot.heard == []
    await bot.click("ada", posted["id"], verb="go")
    assert bot.sent()["note"] == "kept"


async def test_sim_teams_buttons_in_tables_and_rows_are_pressed_by_their_data(bot: Bot) -> None:
    """Rows have the same button each; its data says which. A row itself may be one, with selectAction."""
    rows = [
        {
            "type": "TableRow",
            "cells": [
                {"type": "TableCell", "items": [{"type": "TextBlock", "text": f"A{n}"}]},
                {"type": "TableCell", "items": [{"type": "ActionSet", "actions": [execute("open", data={"row": n})]}]},
            ],
        }
        for n in range(3)
    ]
    column = {"type": "Column", "items": [], "selectAction": execute("whole", data={"row": "all"})}
    content = card(
        {"type": "Table", "columns": [{"width": 1}, {"width": 1}], "rows": rows},
        {"type": "ColumnSet", "columns": [column]},
    )
    posted = await bot.post(content)
    await bot.click("ada", posted["id"], verb="open", data={"row": 2})
    assert bot.sent() == {"row": 2}
    await bot.click("ada", posted["id"], verb="whole")
    assert bot.sent() == {"row": "all"}


async def test_sim_teams_a_button_that_is_switched_off_cannot_be_pressed(bot: Bot) -> None:
    """isEnabled false."""
    posted = await bot.post(card(actions=(execute("go", isEnabled=False),)))
    with pytest.raises(Refused, match="switched off"):
        await bot.click("ada", posted["id"], verb="go")
    assert bot.heard == []


# ── what comes of the answers ────────────────────────────────────────────────────────────────────


async def test_sim_teams_a_review_goes_on_in_one_persons_view_until_all_are_updated(bot: Bot) -> None:
    """Pages answered to a clicker come and go on the same message; others keep theirs; an update shows all the same."""
    posted = await bot.post(card(actions=(execute("page1"),)))
    for page in (2, 3):
        bot.answer = {"statusCode": 200, "type": ADAPTIVE, "value": card(text("q"), actions=(execute(f"page{page}"),))}
        told = await bot.click("ada", posted["id"], verb=f"page{page - 1}")
        assert shown(told)["actions"][0]["verb"] == f"page{page}"
    assert [activity["replyToId"] for activity in bot.heard] == [posted["id"]] * 2
    with pytest.raises(Refused, match="Page1"):
        await bot.click("bob", posted["id"], verb="page3")
    await bot.update(posted["id"], card(actions=(execute("done"),)))
    for person in ("ada", "bob"):
        thread = bot.sim.state(person)["teams"][0]["channels"][0]["threads"][0]
        assert thread["messages"][0]["card"]["actions"][0]["verb"] == "done"


async def test_sim_teams_a_window_goes_from_page_to_page_to_a_message(bot: Bot) -> None:
    """task/fetch opens it, each continue replaces its card, a message closes it and stands at the card it came from."""

    def page(number: int) -> Json:
        again = {"type": "Action.Submit", "title": "Next", "data": {"page": number}}
        info = {"title": f"Page {number}", "width": "large", "card": {"contentType": ADAPTIVE}}
        info["card"]["content"] = card(choices("pick", "A", "B", value="a"), actions=(again,))  # type: ignore[index]
        return {"task": {"type": "continue", "value": info}}

    fetch = {"type": "Action.Submit", "title": "Open", "data": {"msteams": {"type": "task/fetch"}, "review": "r1"}}
    posted = await bot.post(card(actions=(fetch,)))
    bot.answer = page(1)
    assert (await bot.click("ada", posted["id"], text="Open"))["dialog"]["title"] == "Page 1"
    assert bot.heard[-1]["name"] == "task/fetch"
    bot.answer = page(2)
    told = await bot.sim.act("submit", {"as": "ada", "inputs": {"pick": ["a", "b"]}})
    assert (bot.heard[-1]["name"], bot.sent()) == ("task/submit", {"page": 1, "pick": "a,b"})
    assert (told["dialog"]["title"], told["dialog"]["width"]) == ("Page 2", "large")
    assert bot.sim.state("bob")["dialog"] is None
    bot.answer = {"task": {"type": "message", "value": "12 approved"}}
    told = await bot.sim.act("submit", {"as": "ada"})
    assert (told["dialog"], told["notice"]) == (None, "12 approved")


async def test_sim_teams_the_bot_writes_to_a_person_who_never_wrote(bot: Bot) -> None:
    """A personal chat is made by Entra id; only that person sees the card, and its clicks come from that chat."""
    tenant, person = bot.sim.directory.tenant, bot.sim.directory.people["ada"]
    body = {"bot": bot.sim.directory.bot(), "members": [{"id": person.teams}], "tenantId": tenant, "isGroup": False}
    async with bot.http.post("/teams/v3/conversations", json=body) as response:
        chat = (await response.json())["id"]
    posted = await bot.post(card(actions=(execute("go"),)), chat)
    bot.answer = {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "Taken."}
    told = await bot.sim.act("click", {"as": "ada", "conversation": chat, "activity": posted["id"], "verb": "go"})
    assert told["notice"] == "Taken."
    assert bot.heard[-1]["conversation"] == {"id": chat, "tenantId": tenant, "conversationType": "personal"}
    assert not any(message["card"] for message in bot.sim.state("bob")["chats"][0]["messages"])


async def test_sim_teams_a_personal_installation_is_told(bot: Bot) -> None:
    """installationUpdate with the person and their chat, for add and for remove."""
    await bot.sim.act("uninstall", {"to": "ada"})
    await bot.sim.act("install", {"to": "ada"})
    told = [one for one in bot.heard if one["type"] == "installationUpdate"]
    assert [one["action"] for one in told] == ["remove", "add"]
    assert {one["conversation"]["conversationType"] for one in told} == {"personal"}
    assert told[0]["from"]["aadObjectId"] == bot.sim.directory.people["ada"].teams


# ── what is refused ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (card({"type": "ActionSet", "actions": [execute(f"v{n}") for n in range(7)]}), "ActionSet has 7"),
        (card(actions=tuple(execute(f"v{n}") for n in range(7))), "card has 7"),
        (card(choices("pick", "A", "a")), "same value"),
        (card(choices("pick", "A,B")), "with commas"),
        (card(choices("pick", "A", value="a,z")), "not among its choices"),
        (card(choices("pick", "A", style="dropdown")), "no style"),
        (card(actions=({"type": "Action.ToggleVisibility", "title": "x", "targetElements": ["gone"]},)), "'gone'"),
        (
            card({"type": "Container", "items": [], "selectAction": {"type": "Action.ShowCard", "card": card()}}),
            "selectAction",
        ),
        (card({"type": "TextBlock", "text": "x" * 29_000}), "bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_sim_teams_cards_that_clients_show_wrongly_are_refused(bot: Bot, content: Json, why: str) -> None:
    """Each by name; the same card answered to a click is "Something went wrong" for the person."""
    refused = await bot.post(content)
    assert refused["status"] in (400, 413)
    assert why in refused["error"]["message"]
    posted = await bot.post(card(actions=(execute("go"),)))
    bot.answer = {"statusCode": 200, "type": ADAPTIVE, "value": content}
    assert (await bot.click("ada", posted["id"], verb="go"))["notice"] == "Something went wrong. Please try again."


async def test_sim_teams_more_than_six_buttons_may_stand_behind_the_dots(bot: Bot) -> None:
    """mode secondary is not counted."""
    actions = tuple(execute(f"v{n}", **({"mode": "secondary"} if n > 5 else {})) for n in range(9))
    assert (await bot.post(card(actions=actions)))["status"] == 201
