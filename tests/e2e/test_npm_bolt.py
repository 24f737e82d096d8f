"""Bolt for JavaScript as a client of the simulated Slack: over signed HTTP and over Socket Mode."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from signoff_sim import server
from signoff_sim.slack import SlackSim
from signoff_sim.slack.methods import METHODS

sys.path.insert(0, str(Path(__file__).parents[1] / "npm"))
from npm_tools import PATIENCE, Script, script

CHANNEL = "C0REFUNDS"
SECRET = "a-signing-secret-of-this-test"


@dataclass
class Running:
    """A Bolt app, connected, with one card in #refunds."""

    sim: SlackSim
    app: Script
    ts: str

    async def click(self, text: str, **more: Any) -> dict[str, Any]:
        return await self.sim.act("click", {"as": "ada", "channel": "#refunds", "text": text, **more})

    def card(self) -> dict[str, Any]:
        channels = self.sim.state("bob")["channels"]
        messages = next(channel["messages"] for channel in channels if channel["id"] == CHANNEL)
        return next(message for message in messages if message["ts"] == self.ts)


@pytest.fixture
async def sim() -> AsyncIterator[SlackSim]:
    sim = SlackSim(signing_secret=SECRET)
    site = server.build(slack=sim)
    await server.serve(site)
    yield sim
    await server.stop(site)


def environ(sim: SlackSim) -> dict[str, str]:
    return {
        "SLACK_API_URL": f"{sim.sockets.address}/slack/api/",
        "SLACK_BOT_TOKEN": "xoxb-simulated",
        "SLACK_APP_TOKEN": "xapp-simulated",
        "SLACK_SIGNING_SECRET": SECRET,
        "CHANNEL": CHANNEL,
    }


@pytest.fixture(params=["http", "socket"])
async def bolt(request: pytest.FixtureRequest, sim: SlackSim) -> AsyncIterator[Running]:
    async with script("bolt_app.js", request.param, environ=environ(sim)) as app:
        ready = await app.next("ready")
        if request.param == "http":
            sim.bot_url = f"http://127.0.0.1:{ready['port']}"
        assert sim.sockets.connected == (1 if request.param == "socket" else 0)
        yield Running(sim, app, ready["ts"])
        assert [body for what, body in app.told if what == "error"] == []


async def test_a_click_reaches_bolt_and_its_update_is_seen(bolt: Running) -> None:
    """block_actions arrives with person, message and value; the message then shows what Bolt made of it."""
    assert [element["text"]["text"] for element in bolt.card()["blocks"][1]["elements"]] == [
        "Approve",
        "Edit…",
        "Whisper",
    ]
    told = await bolt.click("Approve")
    assert (told["ok"], [one["error"] for one in told["deliveries"]]) == (True, [None])
    body = await bolt.app.next("approve")
    assert (body["type"], body["user"]["id"], body["team"]["id"]) == ("block_actions", "U0ADA", "T0DEMO")
    assert (body["message"]["ts"], body["actions"][0]["value"]) == (bolt.ts, "r1")
    assert (bolt.card()["text"], bolt.card()["blocks"]) == ("Approved", [])


async def test_a_modal_is_opened_corrected_and_submitted(bolt: Running) -> None:
    """Bolt opens a modal with the trigger, answers the first submission with an error and takes the second."""
    told = await bolt.click("Edit…")
    opened = (await bolt.app.next("edit"))["opened"]
    assert (opened["ok"], opened["view"]["id"]) == (True, told["modal"]["id"])
    told = await bolt.sim.act("submit", {"as": "ada", "values": {"Amount": "500"}})
    assert (told["ok"], told["errors"]) == (False, {"amount": "At most 400."})
    assert (await bolt.app.next("submitted"))["view"]["hash"] == opened["view"]["hash"]
    assert bolt.card()["text"] == "Refund?"
    told = await bolt.sim.act("submit", {"as": "ada", "values": {"Amount": "400"}})
    assert (told["ok"], told["modal"]) == (True, None)
    body = await bolt.app.next("submitted")
    assert body["view"]["state"]["values"] == {"amount": {"v": {"type": "number_input", "value": "400"}}}
    assert bolt.card()["text"] == "Approved with 400"


async def test_closing_the_modal_reaches_bolt(bolt: Running) -> None:
    """view_closed comes as Bolt expects it, and changes no message."""
    await bolt.click("Edit…")
    told = await bolt.sim.act("close", {"as": "ada"})
    assert told["modal"] is None
    body = await bolt.app.next("closed")
    assert (body["type"], body["is_cleared"], body["view"]["callback_id"]) == ("view_closed", False, "form")
    assert bolt.card()["text"] == "Refund?"


async def test_a_command_is_answered_for_one_person(bolt: Running) -> None:
    """A slash command reaches Bolt, and what it acknowledges with is seen by that person alone."""
    told = await bolt.sim.act("command", {"as": "ada", "command": "/pending", "text": "all", "channel": "#refunds"})
    assert [message["text"] for message in told["ephemerals"]] == ["Nothing is waiting."]
    body = await bolt.app.next("command")
    assert (body["text"], body["channel_id"], body["user_id"]) == ("all", CHANNEL, "U0ADA")


async def test_respond_whispers_through_the_response_url(bolt: Running) -> None:
    """Bolt's respond reaches the one who clicked."""
    told = await bolt.click("Whisper", wait=10)
    assert [message["text"] for message in told["ephemerals"]] == ["between us"]
    await bolt.app.next("whisper")


async def test_opening_the_home_lets_bolt_publish_it(bolt: Running) -> None:
    """app_home_opened arrives, and the published view is the person's Home."""
    assert (await bolt.sim.act("home", {"as": "ada"}))["ok"]
    body = await bolt.app.next("home")
    assert (body["type"], body["event"]["user"]) == ("event_callback", "U0ADA")
    assert bolt.sim.state("ada")["home"]["blocks"][0]["text"]["text"] == "Your queue"


async def test_a_mention_is_answered_in_its_thread(bolt: Running) -> None:
    """app_mention arrives, and Bolt's say lands in the thread of the message."""
    told = await bolt.sim.act("say", {"as": "ada", "channel": "#refunds", "text": "@Signoff are you there?"})
    assert told["ok"]
    await bolt.app.next("mention")
    channels = bolt.sim.state("bob")["channels"]
    messages = next(channel["messages"] for channel in channels if channel["id"] == CHANNEL)
    assert [one["text"] for one in messages if one["thread_ts"] == told["ts"]] == ["Here."]


@pytest.mark.parametrize("bolt", ["http"], indirect=True)
async def test_bolt_refuses_a_delivery_with_another_signature(bolt: Running) -> None:
    """Deliveries are really signed: with another secret Bolt answers 401 and its listener sees nothing."""
    bolt.sim.courier.signing_secret = "another"
    told = await bolt.click("Approve")
    assert (told["error"], told["deliveries"][0]["status"]) == ("http_service_error", 401)
    assert bolt.card()["text"] == "Refund?"


@pytest.mark.parametrize("bolt", ["socket"], indirect=True)
async def test_bolt_follows_when_slack_renews_its_sockets(bolt: Running) -> None:
    """After Slack's warning and disconnect, Bolt's new socket serves the next click."""
    opened = opened_sockets(bolt.sim)
    await bolt.sim.act("refresh", {"warning": 0})
    async with asyncio.timeout(PATIENCE):
        while not (opened_sockets(bolt.sim) > opened and bolt.sim.sockets.connected):  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.02)
    assert (await bolt.click("Approve"))["ok"]
    await bolt.app.next("approve")


def opened_sockets(sim: SlackSim) -> int:
    return sum("apps.connections.open" in entry["path"] for entry in sim.log)


async def test_slacks_javascript_client_is_answered_by_every_method(sim: SlackSim) -> None:
    """Every Web API method that the simulator models takes the JavaScript client's way of sending arguments."""
    async with script("web_calls.js", environ=environ(sim)) as calls:
        answers = await calls.next("answers")
    assert {name: answer["error"] for name, answer in answers.items() if not answer["ok"]} == {}
    trigger_bound = {"views.open", "views.push", "views.update"}
    assert set(METHODS) - set(answers) - trigger_bound == set()
