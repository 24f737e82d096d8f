"""The Slack chat against the simulated Slack: real slack_sdk, real Bolt, HTTP and Socket Mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web

from signoff.cards import Button, Card, Fact, Row
from signoff.errors import ChatBusy, ChatError, Undeliverable
from signoff.model import MessageRef, Principal
from signoff_sim import server
from signoff_sim.slack import SlackSim
from signoff_slack import plugin
from signoff_slack.chat import SlackChat
from signoff_slack.settings import Settings

SECRET = "simulated-signing-secret"


class Notes:
    """The desk's doors that these tests need: it notes clicks and knows Ada."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, Any, Any]] = []
        self.came = asyncio.Event()

    async def answer(self, request_id: str, answer: Any, actor: Any) -> None:
        self.answers.append((request_id, answer, actor))
        self.came.set()

    def identity(self, person: str, chat: str) -> Principal | None:
        return Principal(chat="slack", tenant="T0DEMO", user="U0ADA") if person == "ada" else None


class Memory:
    """ports.Memory in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    async def remember(self, space: str, key: str, value: str, ttl: float | None = None) -> None:
        self.kept[space, key] = value

    async def recall(self, space: str, key: str) -> str | None:
        return self.kept.get((space, key))

    async def forget(self, space: str, key: str) -> None:
        self.kept.pop((space, key), None)


def a_card(request_id: str = "req_1", **changes: Any) -> Card:
    base: dict[str, Any] = {
        "purpose": "ask",
        "request_id": request_id,
        "version": 1,
        "rev": 1,
        "title": "Refund order A-1001",
        "status": "Waiting for a decision",
        "tone": "neutral",
        "risk": "high",
        "summary": "Refund order A-1001",
        "facts": (Fact("Why", "Broken item <!channel>"), Fact("Run", "run-7", url="https://example.com/run/7")),
        "arguments": (Row("order", "text", '"A-1001"'), Row("amount", "number", "500")),
        "buttons": (Button("approve", "Approve", "primary"), Button("reject", "Reject…", "danger")),
    }
    return Card(**{**base, **changes})


class Slack:
    """A simulated workspace with our chat in front of it."""

    def __init__(self, sim: SlackSim, address: str) -> None:
        self.sim = sim
        self.url = f"{address}/slack/api/"
        self.desk = Notes()
        self.memory = Memory()
        self.chat: SlackChat = self.build()

    def build(self, **environ: str) -> SlackChat:
        whole = {"SLACK_BOT_TOKEN": "xoxb-simulated", "SLACK_API_URL": self.url, **environ}
        if "SLACK_APP_TOKEN" not in whole:
            whole["SLACK_SIGNING_SECRET"] = SECRET
        settings = plugin.settings(whole)
        assert settings is not None
        return cast("SlackChat", plugin.build(settings, cast("Any", self.desk), self.memory))

    def messages(self, channel: str) -> list[dict[str, Any]]:
        seen = self.sim.state("ada")["channels"]
        return next(one for one in seen if one["id"] == channel)["messages"]


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    sim = SlackSim()
    app = server.build(slack=sim)
    address = await server.serve(app)
    slack = Slack(sim, address)
    bot = web.Application()
    for route in slack.chat.routes():
        bot.router.add_route(route.method, route.path, cast("Any", route.handler))
    runner = web.AppRunner(bot, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sim.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    await slack.chat.start()
    yield slack
    await slack.chat.close()
    await runner.cleanup()
    await server.stop(app)


@pytest.mark.parametrize(
    ("place", "conversation"),
    [
        ("slack:#refunds", "C0REFUNDS"),
        ("slack:C0REFUNDS", "C0REFUNDS"),
        ("slack:T0DEMO/C0REFUNDS", "C0REFUNDS"),
        ("slack:@U0ADA", "D0ADA"),
        ("slack:@ada", "D0ADA"),
    ],
)
async def test_a_card_is_posted_repainted_and_found(slack: Slack, place: str, conversation: str) -> None:
    """Every way to name a place leads to one message, which can be found again by its request and repainted."""
    ref = await slack.chat.post(place, a_card())
    assert (ref.chat, ref.tenant, ref.conversation) == ("slack", "T0DEMO", conversation)
    assert await slack.chat.find(place, "req_1") == ref
    assert await slack.chat.find(place, "req_2") is None
    await slack.chat.update(ref, a_card(purpose="settled", status="Approved by Ada", buttons=()))
    [message] = slack.messages(conversation)
    assert message["ts"] == ref.message
    assert "Approved by Ada" in str(message["blocks"])
    assert "signoff.approve" not in str(message["blocks"])
    assert await slack.chat.find(place, "req_1") == ref


async def test_a_thread_is_a_place(slack: Slack) -> None:
    """A card goes into a thread and is found there."""
    root = await slack.chat.post("slack:C0REFUNDS", a_card("req_0"))
    place = f"slack:C0REFUNDS/{root.message}"
    ref = await slack.chat.post(place, a_card())
    assert slack.messages("C0REFUNDS")[-1]["thread_ts"] == root.message
    assert await slack.chat.find(place, "req_1") == ref


async def test_i21_a_name_is_resolved_when_nothing_was_remembered(slack: Slack) -> None:
    """After a crash between posting and recording, the card in `#name` is found although its id was not kept."""
    ref = await slack.chat.post("slack:#refunds", a_card())
    slack.memory.kept.clear()
    assert await slack.chat.find("slack:#refunds", "req_1") == ref


async def test_i21_neither_pointers_nor_other_apps_messages_are_found(slack: Slack) -> None:
    """A pointer is not the live card, and the same metadata from somebody else means nothing."""
    await slack.chat.post("slack:C0REFUNDS", a_card(purpose="pointer", buttons=()))
    workspace = slack.sim.workspace
    told = {"event_type": "signoff_card", "event_payload": {"request_id": "req_1", "purpose": "ask"}}
    workspace.add_message(workspace.channels["C0REFUNDS"], "U0MIA", "hello", metadata=told)
    assert await slack.chat.find("slack:C0REFUNDS", "req_1") is None


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("slack:#nowhere", "no such channel"),
        ("slack:@bob", "no Slack identity for bob"),
        ("slack:@U0NOBODY", "no such user"),
        ("slack:T0OTHER/C0REFUNDS", "belongs to workspace T0DEMO"),
        ("slack:refunds", "no place in Slack"),
    ],
)
async def test_i23_a_place_that_cannot_be_reached_is_said(slack: Slack, place: str, words: str) -> None:
    """What waiting cannot mend is undeliverable, with what to do."""
    with pytest.raises(Undeliverable, match=words):
        await slack.chat.post(place, a_card())


async def test_i23_slacks_refusals_have_their_kinds(slack: Slack) -> None:
    """429 waits as told, 500 and a refused token are tried again, an archived channel or a lost message are not."""
    slack.sim.set_faults({"rate_limit": 1, "retry_after": 7})
    with pytest.raises(ChatBusy) as busy:
        await slack.chat.post("slack:#refunds", a_card())
    assert busy.value.retry_after == 7
    slack.sim.set_faults({"http_500": 1})
    with pytest.raises(ChatError) as down:
        await slack.chat.post("slack:#refunds", a_card())
    assert type(down.value) is ChatError
    slack.sim.set_faults({"error": {"chat.postMessage": "token_revoked"}})
    with pytest.raises(ChatError, match="install the app again") as revoked:
        await slack.chat.post("slack:#refunds", a_card())
    assert type(revoked.value) is ChatError
    slack.sim.set_faults(None)
    slack.sim.set_faults({"archived": ["C0REFUNDS"]})
    with pytest.raises(Undeliverable, match="archived"):
        await slack.chat.post("slack:#refunds", a_card())
    slack.sim.set_faults(None)
    gone = MessageRef(chat="slack", tenant="T0DEMO", conversation="C0REFUNDS", message="1700000000.000001")
    with pytest.raises(Undeliverable, match="deleted"):
        await slack.chat.update(gone, a_card())


async def test_i23_a_slack_that_is_not_there_is_tried_again(slack: Slack) -> None:
    """A refused connection is a ChatError; at the start as well as later."""
    slack.url = "http://127.0.0.1:9/"
    chat = slack.build()
    with pytest.raises(ChatError, match="cannot be reached"):
        await chat.start()
    assert await chat.health() is not None
    await chat.close()


async def test_a_wrong_token_is_said_at_the_start(slack: Slack) -> None:
    """Start and doctor name the variable to set."""
    chat = slack.build(SLACK_BOT_TOKEN="xoxb-wrong")
    with pytest.raises(ChatError, match="SLACK_BOT_TOKEN"):
        await chat.start()
    await chat.close()


async def test_a_click_over_http(slack: Slack) -> None:
    """A click in the simulated client arrives signed and is acknowledged in time."""
    ref = await slack.chat.post("slack:#refunds", a_card())
    told = await slack.sim.act("click", {"as": "bob", "channel": "#refunds", "action_id": "signoff.approve"})
    assert told["ok"]
    [(request_id, answer, actor)] = slack.desk.answers
    assert (request_id, answer.kind, actor.principal.key, actor.origin) == ("req_1", "approve", "T0DEMO/U0BOB", ref)


async def test_i26_a_person_of_another_workspace_is_refused(slack: Slack) -> None:
    """A click that carries another workspace's id reaches no desk."""
    await slack.chat.post("slack:#refunds", a_card())
    await slack.sim.act("user", {"id": "U0EVE", "name": "Eve", "team": "T0EVIL"})
    told = await slack.sim.act("click", {"as": "U0EVE", "channel": "#refunds", "action_id": "signoff.approve"})
    assert told["deliveries"][0]["status"] == 401
    assert slack.desk.answers == []


async def test_a_click_over_socket_mode(slack: Slack) -> None:
    """The same app without a public URL; after the socket breaks, it comes back."""
    slack.sim.bot_url = None
    chat = slack.build(SLACK_APP_TOKEN="xapp-simulated")
    assert chat.routes() == ()
    await chat.start()
    try:
        assert await chat.health() is None
        await chat.post("slack:#refunds", a_card())
        click = {"as": "ada", "channel": "#refunds", "action_id": "signoff.approve"}
        assert (await slack.sim.act("click", click))["ok"]
        await slack.sim.act("refresh", {"warning": "0.1"})
        assert (await slack.sim.act("click", click))["ok"]
        assert len(slack.desk.answers) == 2
    finally:
        await chat.close()


async def test_a_wrong_app_token_is_said_at_the_start(slack: Slack) -> None:
    """Socket Mode with a refused token does not wait for ever."""
    chat = slack.build(SLACK_APP_TOKEN="xapp-wrong")
    with pytest.raises(ChatError):
        await chat.start()
    await chat.close()


async def test_the_doctor_reads_token_and_scopes(slack: Slack) -> None:
    """The check says that the token works and that every scope is there, or which is not."""
    settings = slack.chat._settings  # pyright: ignore[reportPrivateUsage]
    assert isinstance(settings, Settings)
    found = await plugin.check(settings)
    assert {one.level for one in found} == {"ok"}
    wrong = plugin.settings({"SLACK_BOT_TOKEN": "xoxb-no", "SLACK_SIGNING_SECRET": "x", "SLACK_API_URL": slack.url})
    assert wrong is not None
    [said] = await plugin.check(wrong)
    assert said.level == "error"
