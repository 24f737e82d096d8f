"""The Slack chat against the simulated Slack: real slack_sdk, real Bolt, HTTP and Socket Mode."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from signoff.cards import Button, Card, Fact, Row
from signoff.errors import ChatBusy, ChatError, Undeliverable
from signoff.model import MessageRef, Principal
from signoff.store.memory import MemoryStore

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from harness_slack import SlackWorld, eventually, slack_world

from signoff_slack import plugin


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


@pytest.fixture
def desk() -> Notes:
    return Notes()


@pytest.fixture
async def slack(desk: Notes) -> AsyncIterator[SlackWorld]:
    async with slack_world(desk, MemoryStore()) as running:
        yield running


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
async def test_a_card_is_posted_repainted_and_found(slack: SlackWorld, place: str, conversation: str) -> None:
    """Every way to name a place leads to one message, which can be found again by its request and repainted."""
    ref = await slack.chat.post(place, a_card())
    assert (ref.chat, ref.tenant, ref.conversation) == ("slack", "T0DEMO", conversation)
    assert await slack.chat.find(place, "req_1") == ref
    assert await slack.chat.find(place, "req_2") is None
    await slack.chat.update(ref, a_card(purpose="settled", status="Approved by Ada", buttons=()))
    [message] = slack.messages("ada", conversation)
    assert message["ts"] == ref.message
    assert "Approved by Ada" in str(message["blocks"])
    assert "signoff.approve" not in str(message["blocks"])
    assert await slack.chat.find(place, "req_1") == ref


async def test_a_thread_is_a_place(slack: SlackWorld) -> None:
    """A card goes into a thread and is found there."""
    root = await slack.chat.post("slack:C0REFUNDS", a_card("req_0"))
    place = f"slack:C0REFUNDS/{root.message}"
    ref = await slack.chat.post(place, a_card())
    assert slack.messages("ada", "C0REFUNDS")[-1]["thread_ts"] == root.message
    assert await slack.chat.find(place, "req_1") == ref


async def test_i21_a_name_is_resolved_when_nothing_was_remembered(slack: SlackWorld) -> None:
    """After a crash between posting and recording, the card in `#name` is found although its id was not kept."""
    ref = await slack.chat.post("slack:#refunds", a_card())
    fresh = plugin.build(slack.chat.settings, cast("Any", Notes()), MemoryStore())
    assert await fresh.find("slack:#refunds", "req_1") == ref
    await fresh.close()


async def test_i21_neither_pointers_nor_other_apps_messages_are_found(slack: SlackWorld) -> None:
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
async def test_i23_a_place_that_cannot_be_reached_is_said(slack: SlackWorld, place: str, words: str) -> None:
    """What waiting cannot mend is undeliverable, with what to do."""
    with pytest.raises(Undeliverable, match=words):
        await slack.chat.post(place, a_card())


async def test_i23_slacks_refusals_have_their_kinds(slack: SlackWorld) -> None:
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


async def test_i23_a_slack_that_is_not_there_is_tried_again(desk: Notes) -> None:
    """A refused connection is a ChatError, and the chat is not well."""
    async with slack_world(desk, MemoryStore(), environ={"SLACK_API_URL": "http://127.0.0.1:9/"}, start=False) as slack:
        with pytest.raises(ChatError, match="cannot be reached"):
            await slack.chat.start()
        assert await slack.chat.health() is not None


async def test_a_wrong_token_is_said_at_the_start(desk: Notes) -> None:
    """Start and doctor name the variable to set."""
    async with slack_world(desk, MemoryStore(), environ={"SLACK_BOT_TOKEN": "xoxb-wrong"}, start=False) as slack:
        with pytest.raises(ChatError, match="SLACK_BOT_TOKEN"):
            await slack.chat.start()
        [said] = await plugin.check(slack.chat.settings)
        assert said.level == "error"


async def test_a_click_over_http(slack: SlackWorld, desk: Notes) -> None:
    """A click in the simulated client arrives signed and is acknowledged in time."""
    ref = await slack.chat.post("slack:#refunds", a_card())
    assert (await slack.click("bob", ref, "approve"))["ok"]
    [(request_id, answer, actor)] = desk.answers
    assert (request_id, answer.kind, actor.principal.key, actor.origin) == ("req_1", "approve", "T0DEMO/U0BOB", ref)


async def test_i26_a_person_of_another_workspace_is_refused(slack: SlackWorld, desk: Notes) -> None:
    """A click that carries another workspace's id reaches no desk."""
    ref = await slack.chat.post("slack:#refunds", a_card())
    await slack.sim.act("user", {"id": "U0EVE", "name": "Eve", "team": "T0EVIL"})
    told = await slack.click("U0EVE", ref, "approve")
    assert told["deliveries"][0]["status"] == 401
    assert desk.answers == []


SOCKET = {"SLACK_SIGNING_SECRET": "", "SLACK_APP_TOKEN": "xapp-simulated"}


async def test_a_click_over_socket_mode(desk: Notes) -> None:
    """The same app without a public URL; it survives Slack's renewal of the connection."""
    async with slack_world(desk, MemoryStore(), environ=SOCKET) as slack:
        assert slack.chat.routes() == ()
        assert await slack.chat.health() is None
        ref = await slack.chat.post("slack:#refunds", a_card())
        assert (await slack.click("ada", ref, "approve"))["ok"]
        await slack.sim.act("refresh", {"warning": "0.1"})
        assert (await slack.click("ada", ref, "approve"))["ok"]
        assert len(desk.answers) == 2


async def test_i22_a_broken_socket_is_opened_again(desk: Notes) -> None:
    """When the connection breaks, the chat says so and connects again by itself."""
    async with slack_world(desk, MemoryStore(), environ=SOCKET) as slack:
        ref = await slack.chat.post("slack:#refunds", a_card())
        await slack.sim.act("disconnect", {})
        await eventually(lambda: slack.sim.sockets.connected, 15)
        assert (await slack.click("ada", ref, "approve"))["ok"]


async def test_a_wrong_app_token_is_said_at_the_start(desk: Notes) -> None:
    """Socket Mode with a refused token does not wait for ever."""
    wrong = {**SOCKET, "SLACK_APP_TOKEN": "xapp-wrong"}
    async with slack_world(desk, MemoryStore(), environ=wrong, start=False) as slack:
        with pytest.raises(ChatError):
            await slack.chat.start()


async def test_the_doctor_reads_token_and_scopes(slack: SlackWorld) -> None:
    """The check says that the token works and that every scope is there."""
    assert {one.level for one in await plugin.check(slack.chat.settings)} == {"ok"}
