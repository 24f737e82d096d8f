"""The Teams chat over real HTTP, with the real botbuilder, against the simulated Teams and a scripted desk."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from signoff import cards
from signoff.cards import Button, Card, Details, Fact, Row
from signoff.errors import (
    AlreadyDecided,
    ChatBusy,
    ChatError,
    DuplicateCard,
    Invalid,
    NotAnApprover,
    SignoffError,
    StaleVersion,
    StoreUnavailable,
    Undeliverable,
    WrongPlace,
)
from signoff.forms import Field, Form, Option
from signoff.model import Actor, Answer, MessageRef, Principal
from signoff.store.memory import MemoryStore
from signoff_sim.world import TEAMS_TENANT
from signoff_teams import plugin

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from harness_teams import GENERAL, PLACE, NoReview, TeamsWorld, eventually, nodes, teams_world, verbs, words

ADA = "a0000000-0000-4000-8000-0000000000a1"
BUTTONS = (
    Button("approve", "Approve", "primary"),
    Button("edit", "Edit…"),
    Button("reject", "Reject…", "danger"),
    Button("details", "Details"),
)
AMOUNT = Field("/amount", "amount", "number", True, "At most 1000.", "500")
NOTE = Field("/note", "note", "text")


def a_card(status: str = "Waiting for a decision", version: int = 1, **changes: Any) -> Card:
    return Card(
        **{
            "purpose": "ask", "request_id": "req_1", "version": version, "rev": version, "title": "Refund A-1001",
            "status": status, "tone": "neutral", "risk": "high", "summary": "Refund A-1001 waits for you",
            "facts": (Fact("Why", "broken"),), "arguments": (Row("amount", "number", "500"),),
            "footer": (Fact("Expires", moment=datetime(2026, 11, 20, tzinfo=UTC)),),
            "buttons": BUTTONS if status.startswith("Waiting") else (), **changes,
        }
    )  # fmt: skip


@dataclass
class FakeDesk:
    """Answers as it is told to, and keeps what it was asked."""

    status: str = "Waiting for a decision"
    version: int = 1
    refuse: SignoffError | None = None
    fields: tuple[Field, ...] = (AMOUNT, NOTE)
    json: str = '{\n  "amount": 500\n}'
    answers: list[tuple[Answer, Actor]] = field(default_factory=list)
    kept: list[tuple[dict[str, str], tuple[str, ...]]] = field(default_factory=list)
    said: list[tuple[str, Actor]] = field(default_factory=list)
    sent: list[tuple[str, Answer]] = field(default_factory=list)
    choice: Field = NOTE
    looked: int = 0
    bare: bool = False
    review: NoReview = field(default_factory=NoReview)
    people: Any = field(default_factory=lambda: SimpleNamespace(forgotten=[]))

    def __post_init__(self) -> None:
        self.people.forget = self.people.forgotten.append

    def card(self, request: Any) -> Card:
        return a_card(self.status, self.version)

    async def get(self, request_id: str) -> Any:
        waiting = self.status.startswith("Waiting")
        return SimpleNamespace(open=waiting, allowed_decisions=("approve", "edit", "reject"), version=self.version)

    async def submit(
        self, request_id: str, purpose: Any, version: int, entries: Mapping[str, str], actor: Actor
    ) -> Any:
        kind = {"edit_json": "edit", "confirm": "approve", "more": "approve"}.get(purpose, purpose)
        answer = Answer(kind=kind, version=version, entries=dict(entries), message=None, confirm=None)
        if self.bare:
            raise Invalid({"what": "Choose one of what is offered."})
        self.sent.append((purpose, answer))
        return await self.answer(request_id, answer, actor)

    async def command(self, text: str, actor: Actor) -> str:
        if self.refuse is not None:
            raise self.refuse
        self.said.append((text, actor))
        return f"You said:\n  <b>{text}</b> & *that* was all."

    def person(self, actor: Actor) -> str | None:
        return "ada" if actor.principal and actor.principal.user == ADA else None

    async def answer(self, request_id: str, answer: Answer, actor: Actor) -> Any:
        if self.refuse is not None:
            raise self.refuse
        if answer.entries is not None and answer.entries.get("/amount", "0") > "500":
            raise Invalid({"/amount": "Must be at most 500."})
        self.answers.append((answer, actor))
        self.status = {"approve": "Approved by Ada", "edit": "Edited by Ada", "reject": "Rejected by Ada"}[answer.kind]
        return await self.get(request_id)

    async def form(self, request_id: str, purpose: Any, actor: Actor, version: int) -> Form:
        if self.refuse is not None:
            raise self.refuse
        if purpose == "edit_json":
            return Form(
                "req_1",
                version,
                purpose,
                "Edit as JSON",
                "Save",
                (Field("", "arguments", "json", True, initial=self.json),),
            )
        if purpose in ("confirm", "more"):
            fields = () if self.bare else (Field("confirm", "Type A-1001", "text", True), self.choice)
            return Form("req_1", version, purpose, "More", "Go on", fields)
        if purpose == "reject":
            return Form("req_1", version, purpose, "Reject", "Reject", (Field("message", "Reason", "paragraph"),))
        return Form("req_1", version, purpose, "Edit", "Save", self.fields)

    async def keep(self, form: Form, actor: Actor, entries: Mapping[str, str], keys: Collection[str]) -> dict[str, str]:
        if "bad" in [entries[key] for key in keys]:
            raise Invalid({next(iter(keys)): "Not this."})
        self.kept.append((dict(entries), tuple(keys)))
        return dict(entries)

    async def details(self, request_id: str, actor: Actor) -> Details:
        if self.refuse is not None:
            raise self.refuse
        self.looked += 1
        buttons = (Button("approve", "Approve", "primary"),) if self.status.startswith("Waiting") else ()
        return Details("req_1", self.version, "Refund A-1001", (Fact("Why", "broken"),), self.json, buttons)

    def identity(self, person: str, chat: str) -> Principal | None:
        return Principal(chat="teams", tenant=TEAMS_TENANT, user=ADA) if person == "ada" else None


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
async def world(desk: FakeDesk) -> AsyncIterator[TeamsWorld]:
    async with teams_world(desk, MemoryStore()) as running:
        yield running


# ── posting ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_card_is_posted_to_a_channel_by_its_names(world: TeamsWorld) -> None:
    """`teams:Team/Channel` is a new thread in that channel; the reference names channel and message."""
    ref = await world.chat.post(PLACE, a_card())
    assert (ref.tenant, ref.conversation) == (TEAMS_TENANT, GENERAL)
    assert "Refund A-1001" in words(world.seen("ada", ref))


async def test_channels_besides_general_are_looked_up(world: TeamsWorld) -> None:
    """A channel that was never mentioned to the bot is found in the team's list, whatever its case."""
    ref = await world.chat.post("teams:finance/payouts", a_card())
    assert ref.conversation == "19:payouts.finance@thread.tacv2"


async def test_a_conversation_id_and_a_person_are_places(world: TeamsWorld) -> None:
    """`teams:<id>` writes there; `teams:@person` writes to the policy's person in their own chat."""
    by_id = await world.chat.post(f"teams:{GENERAL}", a_card())
    assert by_id.conversation == GENERAL
    for place in ("teams:@ada", f"teams:@{ADA}"):
        ref = await world.chat.post(place, a_card())
        assert world.seen("ada", ref)["type"] == "AdaptiveCard"
        assert ref.conversation.startswith("a:")


async def test_a_thread_is_a_place(world: TeamsWorld) -> None:
    """A conversation id with its thread gets the card as a reply in that thread."""
    first = await world.chat.post(PLACE, a_card())
    ref = await world.chat.post(f"teams:{GENERAL};messageid={first.message}", a_card())
    assert ref.conversation == GENERAL
    assert len(world.sim.threads.all[f"{GENERAL};messageid={first.message}"].messages) == 2
    await world.chat.update(ref, a_card("Approved by Ada"))
    assert "Approved by Ada" in words(world.seen("ada", ref))


async def test_a_personal_chat_is_created_when_unknown(desk: FakeDesk) -> None:
    """A person who has not written to the bot yet gets a chat through their Entra object id."""
    async with teams_world(desk, MemoryStore(), install=False) as world:
        ref = await world.chat.post("teams:@ada", a_card())
        assert world.seen("ada", ref)["type"] == "AdaptiveCard"


async def test_an_update_repaints_the_card_for_everybody(world: TeamsWorld) -> None:
    """After an update everybody sees the new card, without buttons."""
    ref = await world.chat.post(PLACE, a_card())
    await world.chat.update(ref, a_card("Approved by Ada"))
    for person in ("ada", "bob", "mia"):
        assert "Approved by Ada" in words(world.seen(person, ref))
        assert verbs(world.seen(person, ref)) == []


@pytest.mark.parametrize(
    ("place", "mend"),
    [
        ("teams:Nowhere/General", "add it there"),
        ("teams:Finance/Nowhere", "check the name"),
        ("teams:@nobody", "give that person"),
        ("teams:", "is written"),
        ("teams:19:gone@thread.tacv2", "check the place"),
    ],
)
async def test_a_place_that_cannot_be_reached_says_what_to_do(world: TeamsWorld, place: str, mend: str) -> None:
    """Undeliverable carries the place and the mend."""
    with pytest.raises(Undeliverable, match=mend) as caught:
        await world.chat.post(place, a_card())
    assert caught.value.data["place"] == place


async def test_an_archived_team_is_undeliverable(world: TeamsWorld) -> None:
    """403 is not tried again."""
    world.sim.set_faults({"archived": ["Finance"]})
    with pytest.raises(Undeliverable):
        await world.chat.post(PLACE, a_card())


async def test_i23_a_busy_platform_says_how_long_to_wait(world: TeamsWorld) -> None:
    """429 with Retry-After, 412, 502 and 504 are ChatBusy; 500 is ChatError; nothing is retried here."""
    for status, after, wait in ((429, 7, 7.0), (412, None, 1.0), (502, None, 2.0), (504, None, 2.0)):
        world.sim.set_faults({"fail": [{"status": status, "on": "create", "retry_after": after}]})
        with pytest.raises(ChatBusy) as caught:
            await world.chat.post(PLACE, a_card())
        assert caught.value.retry_after == wait
    world.sim.set_faults({"fail": [{"status": 500, "on": "create"}]})
    with pytest.raises(ChatError) as other:
        await world.chat.post(PLACE, a_card())
    assert not isinstance(other.value, ChatBusy | Undeliverable)
    await world.chat.post(PLACE, a_card())


async def test_a_refused_token_is_asked_for_again(world: TeamsWorld) -> None:
    """A 401 drops the cached token, so that the relay's next attempt works."""
    world.sim.set_faults({"fail": [{"status": 401, "on": "create"}]})
    with pytest.raises(ChatError, match="TEAMS_APP_PASSWORD"):
        await world.chat.post(PLACE, a_card())
    await world.chat.post(PLACE, a_card())


async def test_a_wrong_password_is_said_at_start(desk: FakeDesk) -> None:
    """start() and health() name the setting that Microsoft refuses."""
    async with teams_world(desk, MemoryStore(), install=False, password="wrong") as world:
        with pytest.raises(ChatError, match="TEAMS_APP_PASSWORD"):
            await world.chat.start()
        assert "TEAMS_APP_PASSWORD" in str(await world.chat.health())


async def test_the_doctor_says_what_is_wrong(world: TeamsWorld) -> None:
    """`check` names the setting that Microsoft refuses, and says when all is well."""
    settings = world.chat._settings
    assert [check.level for check in await plugin.check(settings)] == ["ok", "ok", "ok"]
    world.sim.set_faults({"graph_consent": False})
    assert "GroupMember.Read.All and User.Read.All" in (await plugin.check(settings))[-1].sentence
    wrong = settings.model_copy(update={"app_password": SecretStr("x"), "openid_metadata_url": f"{world.address}/none"})
    found = await plugin.check(wrong)
    assert [check.level for check in found] == ["error", "error", "warning"]
    assert "TEAMS_APP_PASSWORD" in found[0].sentence
    assert "TEAMS_OPENID_METADATA_URL" in found[1].sentence


async def test_start_checks_credentials_and_keys(world: TeamsWorld) -> None:
    """With right settings the chat starts and is well."""
    await world.chat.start()
    assert await world.chat.health() is None


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────


async def test_approve_answers_with_the_settled_card(world: TeamsWorld, desk: FakeDesk) -> None:
    """The click reaches the desk with verified person, place and version; the person sees the settled card."""
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="approve")
    ((answer, actor),) = desk.answers
    assert (answer.kind, answer.version) == ("approve", 1)
    assert actor.principal == Principal(chat="teams", tenant=TEAMS_TENANT, user=ADA)
    assert actor.origin == ref
    assert "Approved by Ada" in words(world.seen("ada", ref))
    assert verbs(world.seen("bob", ref)) != []


async def test_edit_inline_with_one_error_and_nothing_lost(world: TeamsWorld, desk: FakeDesk) -> None:
    """Edit shows a form to that person only; an error stands at the field, the rest stays typed; then it is saved."""
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="edit")
    assert verbs(world.seen("bob", ref)) == ["approve", "edit", "reject", "details"]
    await world.click("ada", ref, verb="submit", inputs={"/amount": "900", "/note": "cap"})
    form = world.seen("ada", ref)
    assert "Must be at most 500." in words(form)
    values = {node["id"]: node.get("value") for node in nodes(form) if "id" in node}
    assert values == {"/amount": 900, "/note": "cap"}
    assert desk.answers == []
    await world.click("ada", ref, verb="submit", inputs={"/amount": "400"})
    ((answer, _),) = desk.answers
    assert (answer.kind, answer.entries) == ("edit", {"/amount": "400", "/note": "cap"})
    assert "Edited by Ada" in words(world.seen("ada", ref))


async def test_i04_cancel_decides_nothing(world: TeamsWorld, desk: FakeDesk) -> None:
    """Cancel brings the card back, whatever was typed."""
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="reject")
    await world.click("ada", ref, verb="show", inputs={})
    assert verbs(world.seen("ada", ref)) == ["approve", "edit", "reject", "details"]
    assert desk.answers == []


async def test_reject_sends_the_reason(world: TeamsWorld, desk: FakeDesk) -> None:
    """The reason that was typed is what the desk gets."""
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="reject")
    await world.click("ada", ref, verb="submit", inputs={"message": "not ours"})
    ((answer, _),) = desk.answers
    assert (answer.kind, answer.entries) == ("reject", {"message": "not ours"})


async def test_details_show_everything_to_one_person(world: TeamsWorld, desk: FakeDesk) -> None:
    """Details stand in the card's place for that person, with a way back; long ones have pages."""
    desk.json = json.dumps({f"key {n}": "x" * 100 for n in range(400)}, indent=2)
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="details")
    first = words(world.seen("ada", ref))
    assert "page 1 of" in first
    await world.click("ada", ref, text="Next page")
    assert "page 2 of" in words(world.seen("ada", ref))
    await world.click("ada", ref, text="Previous page")
    assert words(world.seen("ada", ref)) == first
    await world.click("ada", ref, text="Back")
    assert verbs(world.seen("ada", ref)) == ["approve", "edit", "reject", "details"]


@pytest.mark.parametrize(
    "error",
    [
        NotAnApprover(who="Bob"),
        StaleVersion(seen=1, current=2),
        AlreadyDecided(what="Bob already approved this", request=None),
    ],
)
@pytest.mark.parametrize("verb", ["approve", "edit"])
async def test_i07_a_refusal_is_one_private_sentence_on_the_card_as_it_is_now(
    world: TeamsWorld, desk: FakeDesk, error: SignoffError, verb: str
) -> None:
    """Wrong person, stale version, already decided: the person reads why and sees the current card, others nothing."""
    ref = await world.chat.post(PLACE, a_card())
    desk.refuse, desk.version = error, 2
    await world.click("mia", ref, verb=verb)
    seen = world.seen("mia", ref)
    assert error.sentence in words(seen)
    assert {action["data"]["version"] for action in seen["actions"]} == {2}
    assert error.sentence not in words(world.seen("ada", ref))


@pytest.mark.parametrize("error", [StoreUnavailable(), WrongPlace()])
async def test_i02_i16_when_nothing_can_be_shown_the_person_is_told(
    world: TeamsWorld, desk: FakeDesk, error: SignoffError
) -> None:
    """With Redis away, or from a place where the card does not belong, one sentence; the card stays as it was."""
    ref = await world.chat.post(PLACE, a_card())
    before = world.seen("ada", ref)
    desk.refuse = error
    for verb in ("approve", "edit", "details"):
        result = await world.click("ada", ref, verb=verb)
        assert result["notice"] == error.sentence
        assert world.seen("ada", ref) == before


async def test_i21_a_duplicate_card_becomes_a_pointer_for_everybody(
    world: TeamsWorld, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click on a second copy of the card decides nothing and repaints that copy."""
    pointer = a_card("See the live card", purpose="pointer", buttons=())
    monkeypatch.setattr(cards, "pointer", lambda request: pointer, raising=False)
    ref = await world.chat.post(PLACE, a_card())
    desk.refuse = DuplicateCard()
    await world.click("ada", ref, verb="approve")
    assert DuplicateCard().sentence in words(world.seen("ada", ref)) or "See the live card" in words(
        world.seen("ada", ref)
    )
    await eventually(lambda: "See the live card" in words(world.seen("bob", ref)))
    assert desk.answers == []


async def test_a_doubled_delivery_still_shows_the_decision(world: TeamsWorld, desk: FakeDesk) -> None:
    """An activity that arrives twice is answered twice, with the same card."""
    world.sim.set_faults({"duplicates": 1})
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="approve")
    assert "Approved by Ada" in words(world.seen("ada", ref))


# ── long forms ───────────────────────────────────────────────────────────────────────────────────

LONG = "".join(f"{n} lines of text\n" for n in range(3000))


async def walk(world: TeamsWorld, ref: MessageRef) -> int:
    """Press Next until there is none."""
    count = 1
    while "next" in verbs(world.seen("ada", ref)):
        await world.click("ada", ref, verb="next")
        count += 1
    return count


async def test_a_long_form_is_paged_inline_without_loss(world: TeamsWorld, desk: FakeDesk) -> None:
    """A text longer than a card goes through several pages and arrives whole, with the change on the first page."""
    desk.fields = (NOTE, Field("/text", "text", "paragraph", True, initial=LONG))
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="edit")
    await world.click("ada", ref, verb="next", inputs={"/note": "hi"})
    assert await walk(world, ref) > 2
    await world.click("ada", ref, verb="submit")
    ((answer, _),) = desk.answers
    assert answer.entries == {"/note": "hi", "/text": LONG}


async def test_going_back_keeps_what_was_typed_and_errors_stop_at_their_page(world: TeamsWorld, desk: FakeDesk) -> None:
    """Previous shows the page as it was typed; a page that does not hold is shown again with its sentence."""
    desk.fields = (NOTE, Field("/text", "text", "paragraph", True, initial=LONG))
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="edit")
    await world.click("ada", ref, verb="next", inputs={"/note": "bad"})
    assert "Not this." in words(world.seen("ada", ref))
    await world.click("ada", ref, verb="next", inputs={"/note": "good"})
    await world.click("ada", ref, verb="back")
    values = {node["id"]: node.get("value") for node in nodes(world.seen("ada", ref)) if "id" in node}
    assert values["/note"] == "good"


async def test_the_dialog_serves_long_forms(world: TeamsWorld, desk: FakeDesk) -> None:
    """The window goes on with what was typed inline, works with Action.Submit, and decides like the inline form."""
    desk.fields = (NOTE, Field("/text", "text", "paragraph", True, initial=LONG))
    for reply_to in (True, False):
        desk.answers.clear()
        desk.status = "Waiting for a decision"
        world.sim.set_faults({"submit_reply_to": reply_to})
        ref = await world.chat.post(PLACE, a_card())
        await world.click("ada", ref, verb="edit")
        await world.click("ada", ref, verb="next", inputs={"/note": "hi"})
        await world.click("ada", ref, text="Open in a window")
        dialog = world.sim.state("ada")["dialog"]
        assert {node.get("id"): node.get("value") for node in nodes(dialog["card"])}["/note"] == "hi"
        while dialog is not None:
            await world.sim.act("submit", {"as": "ada"})
            dialog = world.sim.state("ada")["dialog"]
        ((answer, actor),) = desk.answers
        assert answer.entries == {"/note": "hi", "/text": LONG}
        assert actor.origin == ref


async def test_i16_a_dialogs_ticket_is_good_for_its_person_only(world: TeamsWorld, desk: FakeDesk) -> None:
    """A dialog's data sent by somebody else, or made up, decides nothing."""
    desk.fields = (NOTE, Field("/text", "text", "paragraph", True, initial=LONG))
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="edit")
    await world.click("ada", ref, text="Open in a window")
    card = world.sim.state("ada")["dialog"]["card"]
    data = card["actions"][0]["data"] | {"verb": "submit", "next": None, "at": [0, 0], "seen": ""}
    thread, _ = world.sim.threads.seen_by(world.sim.directory.person("ada"), ref.conversation, ref.message)
    for person, ticket in (("mia", data["ticket"]), ("ada", "made-up"), ("ada", None)):
        value = {"data": {**data, "ticket": ticket}}
        activity = world.sim._sender.invoke(
            "task/submit", world.sim.directory.person(person), thread, value, ref.message
        )
        answer = await world.sim._sender.deliver(activity)
        assert answer.status == 200
    assert desk.answers == []


async def test_edit_as_json_is_one_field(world: TeamsWorld, desk: FakeDesk) -> None:
    """The JSON view sends the whole arguments under the empty key."""
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="edit")
    await world.click("ada", ref, verb="edit_json")
    await world.click("ada", ref, verb="submit")
    ((answer, _),) = desk.answers
    assert answer.entries == {"": desk.json}


# ── the door ─────────────────────────────────────────────────────────────────────────────────────


async def post(world: TeamsWorld, body: object, token: str | None) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers["Content-Type"] = "application/json"
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{world.bot}/api/messages", data=data, headers=headers) as response,
    ):
        return response.status, await response.text()


async def approval(world: TeamsWorld) -> dict[str, Any]:
    ref = await world.chat.post(PLACE, a_card())
    thread, message = world.sim.threads.seen_by(world.sim.directory.person("ada"), ref.conversation, ref.message)
    value = {"action": {"type": "Action.Execute", "verb": "approve", "data": {"request": "req_1", "version": 1}}}
    return world.sim._sender.invoke("adaptiveCard/action", world.sim.directory.person("ada"), thread, value, message.id)


async def test_i26_forged_calls_get_401_and_do_nothing(world: TeamsWorld, desk: FakeDesk) -> None:
    """Unsigned, expired, without exp, of another audience, issuer, service URL, tenant or key: 401, nothing happens."""
    activity = await approval(world)
    sign, claims = world.sim.sign, world.sim.claims
    elsewhere = {"conversation": activity["conversation"] | {"tenantId": "x"}, "channelData": {"tenant": {"id": "x"}}}
    others: list[tuple[dict[str, Any], str | None]] = [
        (activity, None),
        (activity, "garbage"),
        (activity, sign(claims(exp=None))),
        (activity, sign(claims(exp=1_000_000))),
        (activity, sign(claims(aud="another"))),
        (activity, sign(claims(iss="https://evil.example"))),
        (activity, sign(claims(serviceurl="https://smba.trafficmanager.net/teams/"))),
        (activity, sign(headers={"kid": "unknown"})),
        (activity | {"channelId": "webchat"}, sign()),
        (activity | {"serviceUrl": "https://evil.example/"}, sign(claims(serviceurl="https://evil.example/"))),
        (activity | {"timestamp": "2026-01-01T00:00:00Z"}, sign()),
        (activity | elsewhere, sign()),
    ]
    for body, token in others:
        assert (await post(world, body, token))[0] == 401
    assert desk.answers == []
    assert (await post(world, activity, sign()))[0] == 200
    assert len(desk.answers) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b"\xff", b'{"type": 7}', b"[" * 5000])
async def test_verified_garbage_is_400(world: TeamsWorld, body: bytes) -> None:
    """With a good token, what is no activity is refused as such, never a 500."""
    assert (await post(world, body, world.sim.sign()))[0] == 400
    assert (await post(world, body, None))[0] == 401


async def test_mutated_activities_are_never_a_500_nor_a_decision(world: TeamsWorld, desk: FakeDesk) -> None:
    """Every field of a signed invoke replaced by odd values: no server error, and only the true click decides."""
    activity = await approval(world)
    statuses: set[int] = set()
    for name in activity:
        for value in (None, 7, "x", [], {}, {"id": 7}, {"action": None}, {"action": {"verb": "approve"}}):
            status, _ = await post(world, activity | {name: value}, world.sim.sign())
            statuses.add(status)
            if name in ("from", "conversation", "value", "name", "type", "channelId", "serviceUrl"):
                assert desk.answers == [], (name, value)
            desk.answers.clear()
    assert statuses <= {200, 400, 401, 501}


async def test_i27_redirects_are_not_followed(desk: FakeDesk) -> None:
    """A Bot Connector that answers with a redirect is not followed, and the token does not travel on."""
    reached: list[str] = []

    async def away(request: web.Request) -> web.Response:
        reached.append(request.path)
        if request.path.startswith("/redirected"):
            return web.json_response({"id": "x"})
        raise web.HTTPTemporaryRedirect("/redirected")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", away)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with teams_world(desk, MemoryStore(), install=False, environ={"TEAMS_SERVICE_URLS": url}) as world:
            with pytest.raises(ChatError, match="redirect"):
                await world.chat.post(f"teams:{GENERAL}", a_card())
    finally:
        await runner.cleanup()
    assert reached == ["/v3/conversations"]


async def test_i27_calls_go_only_to_listed_hosts(desk: FakeDesk) -> None:
    """A service URL that is remembered but no longer listed is not called."""
    memory = MemoryStore()
    async with teams_world(desk, memory) as world:
        ref = await world.chat.post(PLACE, a_card())
    listed = {"TEAMS_SERVICE_URLS": "http://127.0.0.1:9/"}
    async with teams_world(desk, memory, install=False, environ=listed) as world:
        with pytest.raises(Undeliverable, match="TEAMS_SERVICE_URLS"):
            await world.chat.update(ref, a_card())


# ── words ────────────────────────────────────────────────────────────────────────────────────────


def chat_of(world: TeamsWorld, person: str) -> str:
    return world.sim.directory.chat_id(world.sim.directory.person(person))


def said_in(world: TeamsWorld, conversation: str) -> list[str]:
    return [message.text for message in world.sim.threads.all[conversation].messages]


async def test_something_is_said_in_the_cards_thread(world: TeamsWorld) -> None:
    """In a channel it is a reply to the card, in a personal chat the next message; nothing of it is markup."""
    text = "Still open:\n  <b>x</b> **y** &amp; <at>Bob</at>"
    ref = await world.chat.post(PLACE, a_card())
    await world.chat.tell(ref, text, ())
    assert said_in(world, f"{GENERAL};messageid={ref.message}") == ["", text]
    ref = await world.chat.post("teams:@ada", a_card())
    await world.chat.tell(ref, text, ())
    assert said_in(world, ref.conversation) == ["", text]


async def test_a_card_in_somebody_elses_thread_is_told_there(world: TeamsWorld) -> None:
    """What is said below a card that is itself a reply goes into the thread it stands in."""
    first = await world.chat.post(PLACE, a_card())
    thread = f"{GENERAL};messageid={first.message}"
    ref = await world.chat.post(f"teams:{thread}", a_card())
    await world.chat.tell(ref, "look", ())
    assert said_in(world, thread) == ["", "", "look"]


async def test_people_are_called_by_name_below_a_card(world: TeamsWorld) -> None:
    """Members are mentioned; somebody who is not in the team is named in plain words."""
    await world.sim.act("team", {"team": "Finance", "members": ["bob", "mia"]})
    ref = await world.chat.post(PLACE, a_card())
    people = [world.sim.directory.person(one).teams for one in ("bob", "ada")]
    await world.chat.tell(ref, "look", [Principal(chat="teams", tenant=TEAMS_TENANT, user=one) for one in people])
    told = world.sim.threads.all[f"{GENERAL};messageid={ref.message}"].messages[-1]
    assert (told.text, told.mentions) == ("@Bob Lindqvist\nada: look", ("Bob Lindqvist",))


async def test_many_people_are_called_within_limits(world: TeamsWorld) -> None:
    """The first are mentioned, the others counted: every mention costs a look-up."""
    ref = await world.chat.post(PLACE, a_card())
    ada = Principal(chat="teams", tenant=TEAMS_TENANT, user=ADA)
    await world.chat.tell(ref, "look", [ada] * 100)
    told = world.sim.threads.all[f"{GENERAL};messageid={ref.message}"].messages[-1]
    assert told.mentions == ("Ada Okafor",) * 20
    assert told.text.endswith("80 more: look")
    assert len([one for one in world.sim.traffic.entries() if "/members/" in one["path"]]) == 20


@pytest.mark.parametrize("on", ["send", "members"])
async def test_i23_telling_has_the_errors_of_posting(world: TeamsWorld, on: str) -> None:
    """Busy says how long, down is tried again, also while it is looked up who is called; gone is undeliverable."""
    ref = await world.chat.post(PLACE, a_card())
    ada = [Principal(chat="teams", tenant=TEAMS_TENANT, user=ADA)]
    world.sim.set_faults({"fail": [{"status": 429, "on": on, "retry_after": 7}]})
    with pytest.raises(ChatBusy) as busy:
        await world.chat.tell(ref, "look", ada)
    assert busy.value.retry_after == 7
    world.sim.set_faults({"fail": [{"status": 500, "on": on}]})
    with pytest.raises(ChatError) as down:
        await world.chat.tell(ref, "look", ada)
    assert not isinstance(down.value, Undeliverable)
    world.sim.set_faults({"not_installed": ["Finance"]})
    with pytest.raises(Undeliverable):
        await world.chat.tell(ref, "look", ada)


async def test_what_people_say_reaches_the_desk_and_is_answered_there(world: TeamsWorld, desk: FakeDesk) -> None:
    """In a channel without the bot's mention, in a personal chat as it is; the answer stands in the same thread."""
    await world.sim.act("say", {"as": "ada", "conversation": GENERAL, "text": "@Signoff freeze"})
    await world.sim.act("say", {"as": "ada", "conversation": chat_of(world, "ada"), "text": "help"})
    assert [text for text, _ in desk.said] == ["freeze", "help"]
    assert {actor.principal for _, actor in desk.said} == {
        Principal(chat="teams", tenant=TEAMS_TENANT, user=ADA),
    }
    assert [actor.origin.conversation for _, actor in desk.said if actor.origin] == [GENERAL, chat_of(world, "ada")]
    (thread,) = (one for one in world.sim.threads.all if one.startswith(f"{GENERAL};"))
    assert said_in(world, thread)[1] == "You said:\n  <b>freeze</b> & *that* was all."
    assert len(said_in(world, chat_of(world, "ada"))) == 2


async def test_i14_a_mentioned_person_is_known_by_id(world: TeamsWorld, desk: FakeDesk) -> None:
    """`@Bob` becomes Bob's tenant and object id, looked up where it was said, never his name."""
    bob = world.sim.directory.person("bob").teams
    await world.sim.act(
        "say", {"as": "ada", "conversation": GENERAL, "text": "@Signoff delegate @Bob until friday for refunds"}
    )
    ((text, _),) = desk.said
    assert text == f"delegate <teams:{TEAMS_TENANT}/{bob}> until friday for refunds"


async def test_a_mention_that_cannot_be_looked_up_does_nothing(world: TeamsWorld, desk: FakeDesk) -> None:
    """While the roster is away it cannot be told who is meant; the person reads so, and the desk is not asked."""
    world.sim.set_faults({"fail": [{"status": 503, "on": "members"}]})
    await world.sim.act("say", {"as": "ada", "conversation": GENERAL, "text": "@Signoff delegate @Bob until friday"})
    assert desk.said == []
    (thread,) = (one for one in world.sim.threads.all if one.startswith(f"{GENERAL};"))
    assert "who Bob Lindqvist is cannot be looked up" in said_in(world, thread)[-1]


async def test_i02_without_the_store_a_command_does_not_count(world: TeamsWorld, desk: FakeDesk) -> None:
    """The person is told that nothing was recorded."""
    desk.refuse = StoreUnavailable()
    chat = chat_of(world, "ada")
    await world.sim.act("say", {"as": "ada", "conversation": chat, "text": "freeze"})
    assert "nothing was recorded" in said_in(world, chat)[-1]


async def test_a_command_that_is_delivered_twice_is_done_once(world: TeamsWorld, desk: FakeDesk) -> None:
    """Teams repeats a message whose answer it lost; a delegation must not be given twice."""
    world.sim.set_faults({"duplicates": 2})
    await world.sim.act("say", {"as": "ada", "conversation": chat_of(world, "ada"), "text": "delegate"})
    assert len(desk.said) == 1
    assert len(said_in(world, chat_of(world, "ada"))) == 2


async def test_i14_whoever_has_no_account_gives_no_commands(world: TeamsWorld, desk: FakeDesk) -> None:
    """A message that names no Entra account is answered with that, and reaches nobody."""
    chat = chat_of(world, "ada")
    ada = world.sim.directory.person("ada")
    activity = world.sim._sender.message(ada, world.sim.threads.all[chat], "1", {"text": "freeze"})
    del activity["from"]["aadObjectId"]
    assert (await world.sim._sender.deliver(activity)).good
    assert desk.said == []
    assert "did not say who you are" in said_in(world, chat)[-1]


async def test_i19_who_comes_or_goes_is_looked_up_again(world: TeamsWorld, desk: FakeDesk) -> None:
    """When Teams says that a team's members changed, what was remembered of them is forgotten."""
    desk.people.forgotten.clear()
    await world.sim.act("team", {"team": "Finance", "members": ["ada", "bob", "mia"]})
    assert desk.people.forgotten == ["teams"]
    await world.sim.act("team", {"team": "Finance", "members": ["ada", "bob", "mia", "rita"]})
    assert desk.people.forgotten == ["teams", "teams"]


@pytest.mark.parametrize("verb", ["confirm", "more"])
async def test_confirming_and_more_are_forms(world: TeamsWorld, desk: FakeDesk, verb: Any) -> None:
    """Their buttons open the desk's form, and what is typed or chosen goes to the desk under that name."""
    desk.choice = Field(
        "what", "What", "choice", True, initial="snooze", options=(Option("extend", "Later"), Option("snooze", "Quiet"))
    )
    ref = await world.chat.post(PLACE, a_card(buttons=(Button(verb, "Approve…"), Button("details", "Details"))))
    await world.click("ada", ref, verb=verb)
    assert "submit" in verbs(world.seen("ada", ref))
    await world.click("ada", ref, verb="submit", inputs={"confirm": "A-1001"})
    ((purpose, answer),) = desk.sent
    assert (purpose, answer.entries) == (verb, {"confirm": "A-1001", "what": "snooze"})


async def test_a_form_without_fields_takes_a_refusal(world: TeamsWorld, desk: FakeDesk) -> None:
    """When there is nothing left that somebody may do, sending the empty form says so on the form."""
    desk.bare = True
    ref = await world.chat.post(PLACE, a_card(buttons=(Button("more", "More…"),)))
    await world.click("ada", ref, verb="more")
    await world.click("ada", ref, verb="submit")
    assert "Choose one" in words(world.seen("ada", ref))


async def test_i11_details_hold_the_button_that_the_desk_offers_there(world: TeamsWorld, desk: FakeDesk) -> None:
    """Approve stands in the details while the request is open, and decides from there."""
    ref = await world.chat.post(PLACE, a_card(buttons=(Button("details", "Details"),)))
    await world.click("ada", ref, verb="details")
    assert verbs(world.seen("ada", ref)) == ["approve", "show"]
    await world.click("ada", ref, verb="approve")
    assert [answer.kind for answer, _ in desk.answers] == ["approve"]


async def test_i11_closing_a_form_is_not_having_seen_everything(world: TeamsWorld, desk: FakeDesk) -> None:
    """Cancel shows the card again without asking the desk for the details, which would count as looking at them."""
    ref = await world.chat.post(PLACE, a_card())
    await world.click("ada", ref, verb="reject")
    await world.click("ada", ref, verb="show", inputs={})
    assert desk.looked == 0


async def test_an_uninstalled_team_is_forgotten(world: TeamsWorld) -> None:
    """After the app was removed, posting says to add it again."""
    await world.sim.act("uninstall", {"to": "Finance"})
    with pytest.raises(Undeliverable, match="add it there"):
        await world.chat.post(PLACE, a_card())


async def test_a_rotated_key_is_taken_at_once(world: TeamsWorld, desk: FakeDesk) -> None:
    """The platform's new signing key works with its first click, at the latest after the refetch interval."""
    ref = await world.chat.post(PLACE, a_card())
    world.sim.rotate()
    world.chat._keys._tried = float("-inf")
    await world.click("ada", ref, verb="approve")
    assert len(desk.answers) == 1


async def test_anonymous_traffic_is_taken_only_when_asked_for(desk: FakeDesk) -> None:
    """SIGNOFF_TEAMS_ANONYMOUS=1 serves local emulators without tokens."""
    async with teams_world(desk, MemoryStore(), environ={"SIGNOFF_TEAMS_ANONYMOUS": "1"}) as world:
        assert (await post(world, await approval(world), None))[0] == 200
    assert len(desk.answers) == 1


async def test_many_clicks_at_once_are_all_answered(world: TeamsWorld, desk: FakeDesk) -> None:
    """Fifty invokes in flight share one connector and one set of keys."""
    activity = await approval(world)
    answers = await asyncio.gather(*(post(world, activity, world.sim.sign()) for _ in range(50)))
    assert {status for status, _ in answers} == {200}
    assert len(desk.answers) == 50
