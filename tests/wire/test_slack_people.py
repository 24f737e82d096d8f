"""People and words at the simulated Slack: threads, commands, user groups, standings, and the events about them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from signoff.cards import Button, Card, Details
from signoff.errors import ChatBusy, ChatError, DirectoryAway, StoreUnavailable, Undeliverable
from signoff.forms import Field, Form, Option
from signoff.model import MessageRef, Principal
from signoff.store.memory import MemoryStore

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from harness_slack import SlackWorld, actions, eventually, slack_world, words

from signoff_slack import plugin

SOCKET = {"SLACK_SIGNING_SECRET": "", "SLACK_APP_TOKEN": "xapp-simulated"}
CARD = Card(
    purpose="ask",
    request_id="req_1",
    version=1,
    rev=1,
    title="Refund order A-1001",
    status="Waiting for a decision",
    tone="neutral",
    risk="high",
    summary="Refund order A-1001",
    buttons=(Button("confirm", "Approve…", "primary"), Button("details", "Details"), Button("more", "More…")),
)
FORMS = {
    "confirm": (Field("confirm", "Type A-1001 to approve", "text", True),),
    "more": (
        Field(
            "what", "What", "choice", True, "", "extend", (Option("extend", "More time"), Option("grant", "Similar"))
        ),
        Field("time", "For", "choice", True, "", "3600", (Option("3600", "1 hour"), Option("86400", "1 day"))),
        Field("reason", "Why", "paragraph"),
    ),
}


def who(name: str, team: str = "T0DEMO") -> Principal:
    return Principal(chat="slack", tenant=team, user=f"U0{name.upper()}")


class Notes:
    """The desk's doors that these tests need."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.told = "Nothing waits for you."
        self.fault: Exception | None = None
        self.people = self

    def forget(self, name: str, user: str | None = None) -> None:
        self.heard.append(("forget", name))

    async def command(self, text: str, actor: Any) -> str:
        self.heard.append(("command", text, actor))
        if self.fault is not None:
            raise self.fault
        return self.told

    async def form(self, request_id: str, purpose: Any, actor: Any, version: int) -> Form:
        return Form(request_id, version, purpose, "A form", "Do it", FORMS[purpose])

    async def draft(self, form: Form, actor: Any) -> dict[str, str]:
        return {}

    async def submit(self, request_id: str, purpose: Any, version: int, entries: Any, actor: Any) -> None:
        self.heard.append(("submit", purpose, entries, actor))

    async def answer(self, request_id: str, answer: Any, actor: Any) -> None:
        self.heard.append(("answer", answer.kind, actor))

    async def details(self, request_id: str, actor: Any) -> Details:
        both = (Button("approve", "Approve", "primary"), Button("confirm", "Approve…"))
        return Details(request_id, 1, "Refund", (), '{"order": "A-1001"}', both)


@pytest.fixture
def desk() -> Notes:
    return Notes()


@pytest.fixture
async def slack(desk: Notes) -> AsyncIterator[SlackWorld]:
    async with slack_world(desk, MemoryStore()) as running:
        yield running


# ── below the card ──


async def test_something_is_said_below_a_card(slack: SlackWorld) -> None:
    """The sentence stands in the card's thread as it is, and calls those who are asked by name."""
    card = await slack.chat.post("slack:#refunds", CARD)
    people = [who("ada"), who("bob", "T0OTHER"), Principal(chat="teams", tenant="t", user="U0MIA")]
    await slack.chat.tell(card, "Still waiting <!channel> *now*", people)
    [reply] = slack.below("bob", card)
    assert words(reply["blocks"]).split("\n") == ["<@U0ADA>", "Still waiting <!channel> *now*"]
    assert reply["blocks"][1]["text"]["type"] == "plain_text"
    assert reply["text"] == "<@U0ADA> Still waiting &lt;!channel&gt; *now*"
    assert await slack.chat.find("slack:#refunds", "req_1") == card


async def test_a_card_in_a_thread_is_answered_in_that_thread(slack: SlackWorld) -> None:
    """Slack knows threads of one depth: the thread's first message is named, not the card."""
    root = await slack.chat.post("slack:#refunds", CARD)
    card = await slack.chat.post(f"slack:C0REFUNDS/{root.message}", CARD)
    await slack.chat.tell(card, "Reminder", [])
    assert [words(one["blocks"]) for one in slack.below("ada", root)][-1] == "Reminder"
    sent = [entry["body"] for entry in slack.sim.log if "chat.postMessage" in entry["path"]]
    assert f'"thread_ts": "{root.message}"' in sent[-1]
    assert card.message not in sent[-1]


async def test_i23_what_cannot_be_said_has_its_kind(slack: SlackWorld) -> None:
    """429 waits as told, 500 is tried again, a card that is gone is not."""
    card = await slack.chat.post("slack:#refunds", CARD)
    slack.sim.set_faults({"rate_limit": {"chat.postMessage": 1}, "retry_after": 7})
    with pytest.raises(ChatBusy) as busy:
        await slack.chat.tell(card, "Reminder", [])
    assert busy.value.retry_after == 7
    slack.sim.set_faults({"http_500": 1})
    with pytest.raises(ChatError) as down:
        await slack.chat.tell(card, "Reminder", [])
    assert not isinstance(down.value, Undeliverable)
    with pytest.raises(Undeliverable):
        await slack.chat.tell(card.model_copy(update={"message": "1700000000.000001"}), "Reminder", [])
    assert slack.below("ada", card) == []


# ── commands ──


async def test_a_command_over_http_is_answered_privately(slack: SlackWorld, desk: Notes) -> None:
    """What is typed reaches the desk, people by id; only the one who typed it sees the answer."""
    desk.told = "Bob decides for you until Friday."
    told = await slack.command("ada", "delegate @bob until friday for #refunds & <more>")
    [(_, text, actor)] = desk.heard
    assert text == "delegate <slack:T0DEMO/U0BOB> until friday for #refunds & <more>"
    assert (actor.principal, actor.via) == (who("ada"), "slack")
    assert [words(one["blocks"]) for one in told["ephemerals"]] == [desk.told]
    assert slack.messages("bob", "C0REFUNDS") == []


async def test_a_command_over_socket_mode(desk: Notes) -> None:
    """The same answer without a public URL."""
    async with slack_world(desk, MemoryStore(), environ=SOCKET) as slack:
        told = await slack.command("ada", "grants")
        assert [words(one["blocks"]) for one in told["ephemerals"]] == [desk.told]


async def test_a_long_answer_of_a_command_is_taken(slack: SlackWorld, desk: Notes) -> None:
    """However much waits, Slack takes the answer."""
    desk.told = "\n".join(f"req_{index} Refund <order> {index}" for index in range(3000))
    told = await slack.command("ada", "grants")
    [answer] = told["ephemerals"]
    assert "more characters" in words(answer["blocks"])


async def test_i02_a_command_that_redis_did_not_take_says_so(slack: SlackWorld, desk: Notes) -> None:
    """With the store away the answer is that nothing was recorded."""
    desk.fault = StoreUnavailable()
    told = await slack.command("ada", "freeze")
    assert "nothing was recorded" in words(told["ephemerals"][0]["blocks"])


async def test_i26_a_command_of_another_workspace_is_refused(slack: SlackWorld, desk: Notes) -> None:
    """Somebody who types it in another workspace reaches no desk."""
    await slack.sim.act("user", {"id": "U0EVE", "name": "Eve", "team": "T0EVIL"})
    desk.heard.clear()
    told = await slack.command("U0EVE", "freeze")
    assert told["deliveries"][0]["status"] == 401
    assert desk.heard == []


# ── forms and details ──


async def test_the_form_that_confirms(slack: SlackWorld, desk: Notes) -> None:
    """What was typed to confirm reaches the desk; then the form is closed."""
    card = await slack.chat.post("slack:#refunds", CARD)
    assert actions(slack.message("ada", card)) == ["confirm", "details", "more"]
    await slack.click("ada", card, "confirm", wait=5)
    assert (await slack.submit("ada", {"confirm/0/0": "A-1001"}))["modal"] is None
    [(_, purpose, entries, actor)] = desk.heard
    assert (purpose, entries, actor.origin) == ("confirm", {"confirm": "A-1001"}, card)


async def test_the_form_with_more(slack: SlackWorld, desk: Notes) -> None:
    """Choices start where the form says; one is changed, the other is sent as it was."""
    card = await slack.chat.post("slack:#refunds", CARD)
    await slack.click("ada", card, "more", wait=5)
    assert (await slack.submit("ada", {"What": "Similar", "Why": "every day"}))["modal"] is None
    assert desk.heard[0][1:3] == ("more", {"what": "grant", "time": "3600", "reason": "every day"})


async def test_i11_the_details_decide(slack: SlackWorld, desk: Notes) -> None:
    """Approve in the details is taken and the modal says so; Approve… opens its form above them."""
    card = await slack.chat.post("slack:#refunds", CARD)
    await slack.click("ada", card, "details", wait=5)
    told = await slack.press("ada", "confirm")
    assert (told["modal"]["depth"], told["modal"]["title"]["text"]) == (2, "A form")
    await slack.sim.act("close", {"as": "ada"})
    told = await slack.press("ada", "approve")
    assert "recorded" in words(told["modal"]["blocks"])
    assert desk.heard == [("answer", "approve", desk.heard[0][2])]
    assert desk.heard[0][2].origin == card


# ── who is who ──


async def test_the_members_of_a_user_group(slack: SlackWorld) -> None:
    """Active members of the group as Slack lists them; a disabled group and an unknown one have none."""
    directory = slack.chat.directory
    assert await directory.members("slack_usergroup", "T0DEMO/S0MGR") == {who("ada"), who("rita")}
    await slack.sim.act("user", {"id": "U0RITA", "deleted": True})
    assert await directory.members("slack_usergroup", "T0DEMO/S0MGR") == {who("ada")}
    await slack.sim.act("usergroup", {"id": "S0MGR", "disabled": True})
    for group in ("T0DEMO/S0MGR", "T0DEMO/S0NONE", "T0OTHER/S0MGR"):
        with pytest.raises(DirectoryAway):
            await directory.members("slack_usergroup", group)


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ({"deleted": True}, "deactivated"),
        ({"is_bot": True}, "app"),
        ({"is_restricted": True}, "guest"),
        ({"is_ultra_restricted": True}, "guest"),
        ({"is_stranger": True}, "another Slack workspace"),
        ({"team": "T0OTHER"}, "another Slack workspace"),
    ],
)
async def test_i18_guests_strangers_bots_and_deactivated_people(
    slack: SlackWorld, flags: dict[str, Any], why: str
) -> None:
    """A full member may decide; as soon as Slack says otherwise, not any more, and the reason is said."""
    assert await slack.chat.directory.standing(who("bob"), None) is None
    await slack.sim.act("user", {"id": "U0BOB", **flags})
    said = await slack.chat.directory.standing(who("bob"), None)
    assert said is not None
    assert why in said


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"rate_limit": 1}, "limits how fast"),
        ({"error": {"*": "ratelimited"}}, "limits how fast"),
        ({"error": {"*": "internal_error"}}, "internal_error"),
        ({"http_500": 9}, "Slack"),
    ],
)
async def test_i19_a_directory_that_is_away_lets_nobody_through(
    slack: SlackWorld, faults: dict[str, Any], said: str
) -> None:
    """Limits and outages are neither a yes nor a no."""
    for look in (
        lambda: slack.chat.directory.standing(who("ada"), None),
        lambda: slack.chat.directory.members("slack_usergroup", "T0DEMO/S0MGR"),
    ):
        slack.sim.set_faults(None)
        slack.sim.set_faults(faults)
        with pytest.raises(DirectoryAway, match=said):
            await look()


async def test_a_scope_that_is_missing_is_named(slack: SlackWorld) -> None:
    """An app that was installed before the scopes were needed: the look-up and the doctor name them."""
    slack.sim.api.scopes = "chat:write"
    with pytest.raises(DirectoryAway, match="users:read"):
        await slack.chat.directory.standing(who("ada"), None)
    with pytest.raises(DirectoryAway, match="usergroups:read"):
        await slack.chat.directory.members("slack_usergroup", "T0DEMO/S0MGR")
    [lacking] = [one for one in await plugin.check(slack.chat.settings) if one.level == "error"]
    for scope in ("users:read", "usergroups:read", "commands"):
        assert scope in lacking.sentence


@pytest.mark.parametrize("environ", [{}, SOCKET], ids=["http", "socket"])
async def test_i19_a_change_in_slack_is_heard_at_once(desk: Notes, environ: dict[str, str]) -> None:
    """Somebody becomes a guest, a group changes, a group is disabled: what was known about Slack is forgotten."""
    async with slack_world(desk, MemoryStore(), environ=environ) as slack:
        for verb, change in (
            ("user", {"id": "U0BOB", "is_restricted": True}),
            ("usergroup", {"id": "S0MGR", "users": ["U0BOB"]}),
            ("usergroup", {"id": "S0MGR", "disabled": True}),
        ):
            desk.heard.clear()
            assert (await slack.sim.act(verb, change))["ok"]
            await eventually(lambda: ("forget", "slack") in desk.heard)


async def test_a_lost_event_comes_again(slack: SlackWorld, desk: Notes) -> None:
    """What Slack could not deliver, it delivers once more."""
    slack.sim.courier.retry_seconds = (0.01,)
    slack.sim.set_faults({"drop_delivery": 1})
    await slack.sim.act("user", {"id": "U0BOB", "deleted": True})
    await eventually(lambda: desk.heard == [("forget", "slack")])


async def test_the_manifest_names_every_scope_that_was_used(slack: SlackWorld) -> None:
    """After posting, telling, finding and looking up, Slack was asked for nothing that the manifest lacks."""
    from signoff_slack.manifest import SCOPES

    card = await slack.chat.post("slack:@U0ADA", CARD)
    await slack.chat.tell(card, "Reminder", [who("ada")])
    await slack.chat.find("slack:#refunds", "req_1")
    await slack.chat.directory.standing(who("ada"), None)
    await slack.chat.directory.members("slack_usergroup", "T0DEMO/S0MGR")
    assert slack.sim.api.scopes_used <= set(SCOPES)
    assert isinstance(card, MessageRef)
