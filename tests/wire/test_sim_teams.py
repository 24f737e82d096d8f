"""The simulated Teams, driven by the real botbuilder 4.17.1: what it lets through, and every limit and fault."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import aiohttp
import jwt
import pytest
import requests
from aiohttp import web
from botbuilder.core import ActivityHandler, CardFactory, InvokeResponse, TurnContext
from botbuilder.integration.aiohttp import CloudAdapter
from botbuilder.schema import (
    Activity,
    AdaptiveCardInvokeResponse,
    Attachment,
    ChannelAccount,
    ConversationAccount,
    ConversationParameters,
    ConversationReference,
    Mention,
)
from botbuilder.schema.teams import (
    TaskModuleContinueResponse,
    TaskModuleMessageResponse,
    TaskModuleResponse,
    TaskModuleTaskInfo,
)
from botframework.connector.auth import (
    AppCredentials,
    AuthenticationConstants,
    BotFrameworkAuthenticationFactory,
    ChannelValidation,
    ServiceClientCredentialsFactory,
)
from botframework.connector.auth.jwt_token_extractor import JwtTokenExtractor
from botframework.connector.models import ErrorResponseException

from signoff_sim import server
from signoff_sim.simulated import Refused
from signoff_sim.teams import TeamsSim
from signoff_sim.teams.directory import MANAGERS_GROUP
from signoff_sim.teams.keys import SCOPE
from signoff_sim.world import TEAMS_APP_ID, TEAMS_TENANT

PASSWORD = "correct horse"
GENERAL = "19:general.finance@thread.tacv2"
PAYOUTS = "19:payouts.finance@thread.tacv2"
ADAPTIVE = "application/vnd.microsoft.card.adaptive"

Json = dict[str, Any]


def card(*body: Json, actions: tuple[Json, ...] = (), **more: Any) -> Json:
    return {"type": "AdaptiveCard", "version": "1.5", "body": list(body), "actions": list(actions), **more}


def words(text: str) -> Json:
    return {"type": "TextBlock", "text": text, "wrap": True}


APPROVE = {"type": "Action.Execute", "title": "Approve", "verb": "approve", "data": {"request": "r1"}}
AMOUNT = {"type": "Input.Number", "id": "amount", "label": "Amount", "value": 500, "min": 0, "max": 1000}
ASK = card(words("Refund?"), AMOUNT, actions=(APPROVE,))


def fetch_token(address: str) -> str:
    """From the simulator's token endpoint, blocking: call it in a thread."""
    form = {
        "grant_type": "client_credentials",
        "client_id": TEAMS_APP_ID,
        "client_secret": PASSWORD,
        "scope": SCOPE,
    }
    return str(requests.post(f"{address}/teams/token", data=form, timeout=5).json()["access_token"])


class Fetched(AppCredentials):
    """A token fetched before: MSAL insists on https, and botbuilder would fetch it blocking the loop we share."""

    def __init__(self, token: str) -> None:
        super().__init__(app_id=TEAMS_APP_ID, oauth_scope=SCOPE)
        self._token = token

    def get_access_token(self, force_refresh: bool = False) -> str:
        return self._token


class Credentials(ServiceClientCredentialsFactory):
    def __init__(self, token: str) -> None:
        self._token = token

    async def is_valid_app_id(self, app_id: str) -> bool:
        return app_id == TEAMS_APP_ID

    async def is_authentication_disabled(self) -> bool:
        return False

    async def create_credentials(self, *_: object, **__: object) -> Fetched:
        return Fetched(self._token)


class AnyAnswer(AdaptiveCardInvokeResponse):  # type: ignore[misc]
    """botbuilder's own model takes objects only, though a message's value is a string."""

    _attribute_map: ClassVar[Json] = {
        **AdaptiveCardInvokeResponse._attribute_map,
        "value": {"key": "value", "type": "object"},
    }


def answer_of(body: Json) -> AnyAnswer | TaskModuleResponse:
    """The SDK's own model of an answer: it serialises nothing else."""
    if "task" not in body:
        status, kind, value = body.get("statusCode"), body.get("type"), body.get("value")
        return AnyAnswer(status_code=status, type=kind, value=value)
    value = body["task"]["value"]
    if body["task"]["type"] == "message":
        return TaskModuleResponse(task=TaskModuleMessageResponse(value=value))
    content = CardFactory.adaptive_card(value["card"])
    return TaskModuleResponse(
        task=TaskModuleContinueResponse(value=TaskModuleTaskInfo(title=value["title"], card=content))
    )


class Bot(ActivityHandler):
    """Remembers every activity; answers invokes with what the test put into `answer`."""

    def __init__(self) -> None:
        self.heard: list[Activity] = []
        self.arrived = asyncio.Event()
        self.answer: Callable[[TurnContext], Awaitable[Json | None]] | Json = {}

    async def on_turn(self, turn_context: TurnContext) -> None:
        self.heard.append(turn_context.activity)
        self.arrived.set()
        await super().on_turn(turn_context)

    async def on_invoke_activity(self, turn_context: TurnContext) -> InvokeResponse:
        body = self.answer if isinstance(self.answer, dict) else await self.answer(turn_context)
        return InvokeResponse(status=200, body=answer_of(body or {}))

    def of(self, kind: str) -> list[Activity]:
        return [activity for activity in self.heard if activity.type == kind]

    async def until(self, kind: str, count: int) -> list[Activity]:
        async with asyncio.timeout(10):
            while len(self.of(kind)) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.of(kind)


@dataclass
class Stage:
    sim: TeamsSim
    bot: Bot
    adapter: CloudAdapter
    address: str
    http: aiohttp.ClientSession
    bot_runner: web.AppRunner
    app: web.Application = field(repr=False)

    def reference(self, conversation: str) -> ConversationReference:
        return ConversationReference(
            bot=ChannelAccount(id=f"28:{TEAMS_APP_ID}"),
            conversation=ConversationAccount(id=conversation),
            channel_id="msteams",
            service_url=self.sim.service_url,
        )

    async def turn(self, conversation: str, work: Callable[[TurnContext], Awaitable[Any]]) -> Any:
        """Run `work` in a proactive turn of the real adapter, and give back what it gives back."""
        result: list[Any] = []

        async def logic(context: TurnContext) -> None:
            result.append(await work(context))

        await self.adapter.continue_conversation(self.reference(conversation), logic, TEAMS_APP_ID)
        return result[0]

    async def send(self, conversation: str, content: Json = ASK) -> str:
        activity = Activity(type="message", attachments=[CardFactory.adaptive_card(content)])
        return str((await self.turn(conversation, lambda context: context.send_activity(activity))).id)

    async def update(self, conversation: str, activity_id: str, content: Json) -> None:
        activity = Activity(type="message", id=activity_id, attachments=[CardFactory.adaptive_card(content)])
        await self.turn(conversation, lambda context: context.update_activity(activity))

    async def members(self, conversation: str, member: str) -> Any:
        async def work(context: TurnContext) -> Any:
            client = context.turn_state["ConnectorClient"]
            return await client.conversations.get_conversation_member(conversation, member)

        return await self.turn(conversation, work)

    def chat(self, person: str) -> str:
        return self.sim.directory.chat_id(self.sim.directory.people[person])

    def message(self, person: str, activity_id: str) -> Json:
        """That message as that person sees it."""
        state = self.sim.state(person)
        threads = [t for team in state["teams"] for channel in team["channels"] for t in channel["threads"]]
        found = [m for t in (*threads, *state["chats"]) for m in t["messages"] if m["id"] == activity_id]
        return dict(found[0])

    async def click(self, person: str, activity: str, **what: Any) -> Json:
        conversation = what.pop("conversation", GENERAL)
        return await self.sim.act("click", {"as": person, "conversation": conversation, "activity": activity, **what})


def status(error: pytest.ExceptionInfo[ErrorResponseException]) -> int:
    return int(error.value.response.status_code)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    sim = TeamsSim(bot_url="http://127.0.0.1:9", password=PASSWORD, install=False)
    app = server.build(teams=sim)
    address = await server.serve(app)
    ChannelValidation.open_id_metadata_endpoint = f"{address}/teams/openid"
    # botbuilder fetches keys blocking its loop, which is also the simulator's: let its own code do it in a thread.
    metadata = JwtTokenExtractor.get_open_id_metadata(ChannelValidation.open_id_metadata_endpoint)
    await asyncio.to_thread(lambda: asyncio.run(metadata._refresh()))
    authentication = BotFrameworkAuthenticationFactory.create(
        to_channel_from_bot_oauth_scope=SCOPE,
        to_bot_from_channel_token_issuer=AuthenticationConstants.TO_BOT_FROM_CHANNEL_TOKEN_ISSUER,
        to_bot_from_channel_open_id_metadata_url=ChannelValidation.open_id_metadata_endpoint,
        oauth_url="https://token.botframework.com",
        credential_factory=Credentials(await asyncio.to_thread(fetch_token, address)),
    )
    adapter, bot = CloudAdapter(authentication), Bot()

    async def messages(request: web.Request) -> web.Response:
        response: web.Response = await adapter.process(request, bot)
        return response

    bot_app = web.Application()
    bot_app.router.add_post("/api/messages", messages)
    runner = web.AppRunner(bot_app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sim.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(address) as http:
        yield Stage(sim, bot, adapter, address, http, runner, app)
    await server.stop(app)
    await runner.cleanup()
    ChannelValidation.open_id_metadata_endpoint = None


# ── what the bot sends ───────────────────────────────────────────────────────────────────────────


async def test_sim_teams_card_posted_to_a_channel_is_seen_by_everybody(stage: Stage) -> None:
    """A card sent with the real adapter starts a thread in the channel that every person sees."""
    sent = await stage.send(GENERAL)
    assert stage.message("ada", sent)["card"] == ASK
    assert stage.message("mia", sent)["conversation"] == f"{GENERAL};messageid={sent}"


async def test_sim_teams_create_conversation_in_a_channel_names_the_thread(stage: Stage) -> None:
    """CloudAdapter.create_conversation in a channel answers the thread's conversation id and the card's activity id."""
    answers: list[Activity] = []
    parameters = ConversationParameters(
        is_group=True,
        channel_data={"channel": {"id": PAYOUTS}},
        activity=Activity(type="message", attachments=[CardFactory.adaptive_card(ASK)]),
        tenant_id=TEAMS_TENANT,
    )

    async def note(context: TurnContext) -> None:
        answers.append(context.activity)

    await stage.adapter.create_conversation(TEAMS_APP_ID, note, parameters, "msteams", stage.sim.service_url, SCOPE)
    assert answers[0].conversation.id == f"{PAYOUTS};messageid={answers[0].id}"
    assert stage.message("bob", str(answers[0].id))["card"] == ASK


async def test_sim_teams_create_personal_conversation_reaches_only_that_person(stage: Stage) -> None:
    """A personal conversation is created by member id and tenant; its messages are one person's."""
    ada = stage.sim.directory.people["ada"]
    answers: list[str] = []
    parameters = ConversationParameters(
        is_group=False, members=[ChannelAccount(id=ada.teams)], bot=ChannelAccount(id="x"), tenant_id=TEAMS_TENANT
    )

    async def note(context: TurnContext) -> None:
        answers.append(context.activity.conversation.id)

    await stage.adapter.create_conversation(TEAMS_APP_ID, note, parameters, "msteams", stage.sim.service_url, SCOPE)
    sent = await stage.send(answers[0])
    assert stage.message("ada", sent)["card"] == ASK
    with pytest.raises(Refused, match="sees no message"):
        await stage.click("bob", sent, conversation=answers[0], verb="approve")


async def test_sim_teams_update_repaints_and_delete_removes(stage: Stage) -> None:
    """updateActivity replaces the card for everybody, by channel id or by thread id; deleteActivity removes it."""
    sent = await stage.send(GENERAL)
    await stage.update(GENERAL, sent, card(words("Approved")))
    assert stage.message("bob", sent)["card"]["body"][0]["text"] == "Approved"
    thread = f"{GENERAL};messageid={sent}"
    await stage.update(thread, sent, card(words("Done")))
    assert stage.message("bob", sent)["edited"]
    await stage.turn(thread, lambda context: context.delete_activity(sent))
    assert stage.message("bob", sent)["deleted"]
    with pytest.raises(ErrorResponseException) as error:
        await stage.update(thread, sent, ASK)
    assert status(error) == 404


async def test_sim_teams_members_and_team_details(stage: Stage) -> None:
    """A member is found by either id, with role; the team lists its channels, the first without a name."""
    ada = stage.sim.directory.people["ada"]
    found = await stage.members(GENERAL, stage.sim.directory.user_id(ada))
    assert found.aad_object_id == ada.teams
    stage.sim.set_faults({"guests": ["ada"]})
    token = await asyncio.to_thread(fetch_token, stage.address)
    headers = {"Authorization": f"Bearer {token}"}
    async with stage.http.get(f"/teams/v3/conversations/{GENERAL}/members/{ada.teams}", headers=headers) as response:
        assert (await response.json())["userRole"] == "guest"
    async with stage.http.get(f"/teams/v3/conversations/{GENERAL}/pagedmembers", headers=headers) as response:
        assert len((await response.json())["members"]) == 4
    async with stage.http.get(f"/teams/v3/teams/{GENERAL}", headers=headers) as response:
        assert (await response.json())["name"] == "Finance"
    async with stage.http.get(f"/teams/v3/teams/{GENERAL}/conversations", headers=headers) as response:
        assert [c["name"] for c in (await response.json())["conversations"]] == [None, "Payouts"]


# ── what people do ───────────────────────────────────────────────────────────────────────────────


async def test_sim_teams_click_is_an_invoke_with_identity_inputs_and_origin(stage: Stage) -> None:
    """A click reaches the bot as adaptiveCard/action: data merged with inputs as strings, who, where, which card."""
    sent = await stage.send(GENERAL)
    stage.bot.answer = {"statusCode": 200, "type": ADAPTIVE, "value": card(words("Thanks"))}
    seen = await stage.click("ada", sent, text="Approve", inputs={"amount": "250"})
    [invoke] = stage.bot.of("invoke")
    assert invoke.name == "adaptiveCard/action"
    assert invoke.value["trigger"] == "manual"
    assert invoke.value["action"]["verb"] == "approve"
    assert invoke.value["action"]["data"] == {"request": "r1", "amount": "250"}
    assert invoke.from_property.aad_object_id == stage.sim.directory.people["ada"].teams
    assert invoke.conversation.id == f"{GENERAL};messageid={sent}"
    # botbuilder expects `tenantID`, so what Teams really sends ends up here.
    assert invoke.conversation.additional_properties["tenantId"] == TEAMS_TENANT
    assert invoke.channel_data["channel"]["id"] == GENERAL
    assert invoke.reply_to_id == sent
    assert seen["message"]["card"]["body"][0]["text"] == "Thanks"


async def test_sim_teams_answered_card_is_only_for_the_clicker_until_the_next_update(stage: Stage) -> None:
    """A card in an invoke answer replaces the card on the clicker's screen alone, until an update."""
    sent = await stage.send(GENERAL)
    stage.bot.answer = {"statusCode": 200, "type": ADAPTIVE, "value": card(words("Your form"))}
    await stage.click("ada", sent, verb="approve")
    assert stage.message("ada", sent)["card"]["body"][0]["text"] == "Your form"
    assert stage.message("ada", sent)["only_you"]
    assert stage.message("bob", sent)["card"] == ASK
    await stage.update(GENERAL, sent, card(words("Approved")))
    assert stage.message("ada", sent)["card"]["body"][0]["text"] == "Approved"


WRONG = "Something went wrong. Please try again."
ERROR = {"code": "x", "message": "Not you."}


@pytest.mark.parametrize(
    ("answer", "notice"),
    [
        ({"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "Too late."}, "Too late."),
        ({"statusCode": 400, "type": "application/vnd.microsoft.error", "value": ERROR}, "Not you."),
        ({"statusCode": 200, "type": ADAPTIVE, "value": {"type": "Nonsense"}}, WRONG),
        ({"type": "unexpected"}, WRONG),
    ],
)
async def test_sim_teams_other_answers_become_notices_for_the_clicker(stage: Stage, answer: Json, notice: str) -> None:
    """Messages and errors are shown to the clicker alone; an answer Teams cannot use is `Something went wrong`."""
    sent = await stage.send(GENERAL)
    stage.bot.answer = answer
    assert (await stage.click("ada", sent, verb="approve"))["notice"] == notice
    assert stage.message("bob", sent)["notice"] is None
    assert stage.message("ada", sent)["card"] == ASK


async def test_sim_teams_late_or_missing_answer_is_unable_to_reach_app(stage: Stage) -> None:
    """An invoke that is not answered in time, or by nobody, tells the person that the app cannot be reached."""
    sent = await stage.send(GENERAL)
    never = asyncio.Event()

    async def late(context: TurnContext) -> Json | None:
        await never.wait()
        return None

    stage.bot.answer = late
    stage.sim.set_faults({"invoke_seconds": 0.2})
    seen = await stage.click("ada", sent, verb="approve")
    assert seen["notice"] == "Unable to reach app. Please try again."
    never.set()
    stage.sim.bot_url = "http://127.0.0.1:9"
    seen = await stage.click("bob", sent, verb="approve")
    assert (seen["notice"], seen["answer"]["status"]) == ("Unable to reach app. Please try again.", 0)


async def test_sim_teams_client_checks_inputs_before_sending(stage: Stage) -> None:
    """Bounds and required inputs are checked by the client: the bot hears nothing, the person sees which input."""
    reason = {"type": "Input.Text", "id": "why", "label": "Why", "isRequired": True, "errorMessage": "Say why."}
    sent = await stage.send(GENERAL, card(AMOUNT, reason, actions=(APPROVE,)))
    seen = await stage.click("ada", sent, verb="approve", inputs={"amount": "5000"})
    assert seen["invalid"] == {"amount": "The number is out of bounds.", "why": "Say why."}
    assert stage.bot.of("invoke") == []
    with pytest.raises(Refused, match="no input 'nope'"):
        await stage.click("ada", sent, verb="approve", inputs={"nope": "1"})


async def test_sim_teams_emptied_input_is_left_out(stage: Stage) -> None:
    """An input a person emptied is missing from the submission, unless the switch sends it as an empty string."""
    note = {"type": "Input.Text", "id": "note", "value": "hello"}
    sent = await stage.send(GENERAL, card(note, actions=(APPROVE,)))
    await stage.click("ada", sent, verb="approve", inputs={"note": ""})
    assert "note" not in stage.bot.of("invoke")[0].value["action"]["data"]
    stage.sim.set_faults({"empty_inputs": True})
    await stage.click("ada", sent, verb="approve", inputs={"note": ""})
    assert stage.bot.of("invoke")[1].value["action"]["data"]["note"] == ""


async def test_sim_teams_refresh_asks_the_bot_once_a_revision_and_only_named_people(stage: Stage) -> None:
    """A card's refresh is an automatic invoke when a named person's client shows it, once per revision."""
    ada = stage.sim.directory.user_id(stage.sim.directory.people["ada"])
    refresh = {"action": {"type": "Action.Execute", "verb": "look", "data": {"request": "r1"}}, "userIds": [ada]}
    sent = await stage.send(GENERAL, card(words("Wait"), refresh=refresh))
    stage.bot.answer = {"statusCode": 200, "type": ADAPTIVE, "value": card(words("Yours"), actions=(APPROVE,))}
    for person in ("ada", "ada", "bob"):
        await stage.sim.act("view", {"as": person, "conversation": GENERAL})
    [invoke] = stage.bot.of("invoke")
    assert (invoke.value["trigger"], invoke.value["action"]["verb"]) == ("automatic", "look")
    assert stage.message("ada", sent)["card"]["body"][0]["text"] == "Yours"
    assert stage.message("bob", sent)["card"]["body"][0]["text"] == "Wait"


async def test_sim_teams_dialog_opens_submits_and_closes(stage: Stage) -> None:
    """task/fetch opens a dialog, an answer that continues keeps it open with its errors, a message closes it."""
    opener = {"type": "Action.Submit", "title": "Edit…", "data": {"msteams": {"type": "task/fetch"}, "request": "r1"}}
    sent = await stage.send(GENERAL, card(words("Refund?"), actions=(opener,)))
    form = card(AMOUNT, actions=({"type": "Action.Submit", "title": "Save", "data": {"form": "f1"}},))
    info = {"title": "Edit", "card": form}
    stage.bot.answer = {"task": {"type": "continue", "value": info}}
    seen = await stage.click("ada", sent, text="Edit…")
    assert seen["dialog"]["title"] == "Edit"
    assert stage.sim.state("bob")["dialog"] is None
    wrong = card(words("Too much"), AMOUNT, actions=form["actions"])
    stage.bot.answer = {"task": {"type": "continue", "value": {**info, "card": wrong}}}
    seen = await stage.sim.act("submit", {"as": "ada", "inputs": {"amount": "900"}})
    assert seen["dialog"]["notice"] is None, seen["answer"]
    assert seen["dialog"]["card"]["body"][0]["text"] == "Too much"
    stage.bot.answer = {"task": {"type": "message", "value": "Saved."}}
    seen = await stage.sim.act("submit", {"as": "ada", "inputs": {"amount": "400"}})
    assert (seen["dialog"], seen["notice"]) == (None, "Saved.")
    fetch, _, submit = stage.bot.of("invoke")
    assert (fetch.name, fetch.value["data"]["request"], fetch.reply_to_id) == ("task/fetch", "r1", sent)
    assert (submit.name, submit.value["data"]) == ("task/submit", {"form": "f1", "amount": "400"})


async def test_sim_teams_closing_a_dialog_tells_the_bot_nothing(stage: Stage) -> None:
    """Closing a dialog sends no activity."""
    opener = {"type": "Action.Submit", "title": "Edit…", "data": {"msteams": {"type": "task/fetch"}}}
    sent = await stage.send(GENERAL, card(actions=(opener,)))
    info = {"title": "Edit", "card": card(AMOUNT)}
    stage.bot.answer = {"task": {"type": "continue", "value": info}}
    await stage.click("ada", sent, text="Edit…")
    before = len(stage.bot.heard)
    assert (await stage.sim.act("close", {"as": "ada"}))["dialog"] is None
    assert len(stage.bot.heard) == before


async def test_sim_teams_bot_hears_a_channel_only_when_mentioned(stage: Stage) -> None:
    """In a channel the bot gets messages that mention it, with the mention as an entity; in its chat it gets all."""
    await stage.sim.act("say", {"as": "ada", "conversation": GENERAL, "text": "hello all"})
    seen = await stage.sim.act("say", {"as": "ada", "conversation": GENERAL, "text": "@Signoff pending"})
    await stage.sim.act("say", {"as": "ada", "text": "help"})
    mentioned, direct = stage.bot.of("message")
    assert mentioned.text == "<at>Signoff</at> pending"
    assert TurnContext.remove_recipient_mention(mentioned).strip() == "pending"
    assert mentioned.conversation.id == seen["message"]["conversation"]
    assert (direct.text, direct.conversation.conversation_type) == ("help", "personal")


async def test_sim_teams_install_is_told_until_the_bot_takes_it(stage: Stage) -> None:
    """At start every team and person is announced by conversationUpdate and installationUpdate, retried until taken."""
    early = TeamsSim(bot_url="http://127.0.0.1:9", password=PASSWORD)
    early._keys = stage.sim._keys
    record, failed = early.traffic.record, asyncio.Event()

    def note(*exchange: Any) -> None:
        record(*exchange)
        failed.set()

    early.traffic.record = note  # type: ignore[method-assign]
    await early.start(stage.address)
    await failed.wait()
    early.bot_url = stage.sim.bot_url
    installs = await stage.bot.until("installationUpdate", 5)
    await early.close()
    team = installs[0].channel_data["team"]
    assert (team["id"], team["name"], installs[0].action) == (GENERAL, "Finance", "add")
    assert {a.conversation.conversation_type for a in installs[1:]} == {"personal"}
    assert stage.bot.of("conversationUpdate")[0].members_added[0].id == f"28:{TEAMS_APP_ID}"


async def test_sim_teams_duplicates_deliver_the_same_activity_more_than_once(stage: Stage) -> None:
    """With duplicates, one click arrives as several identical activities."""
    sent = await stage.send(GENERAL)
    stage.sim.set_faults({"duplicates": 2})
    await stage.click("ada", sent, verb="approve")
    assert len({activity.id for activity in await stage.bot.until("invoke", 3)}) == 1


# ── limits and faults ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (card(version="1.6"), "newer than 1.5"),
        (card({"type": "Hologram"}), "Hologram is not known"),
        (card({"type": "TextBlock"}), "TextBlock needs text"),
        (card({"type": "Input.Text"}), "Input.Text needs id"),
        (card(AMOUNT, AMOUNT), "Two inputs have the id 'amount'"),
        (card(actions=(APPROVE,) * 7), "7 primary actions"),
        (card(actions=({**APPROVE, "verb": 5},)), "verb is a string"),
        (card({"type": "Input.Text", "id": "x", "isRequired": True}), "needs a label"),
        (card({"type": "Input.ChoiceSet", "id": "x", "choices": [{"title": "a"}]}), "title and a value"),
        (card(refresh={"action": APPROVE, "userIds": ["x"] * 61}), "more than 60"),
        ({"type": "Card", "version": "1.5"}, "not AdaptiveCard"),
    ],
)
async def test_sim_teams_bad_cards_are_refused_by_name(stage: Stage, content: Json, why: str) -> None:
    """A card that Teams would not show is a 400 that says why, and is taken when the check is off."""
    with pytest.raises(ErrorResponseException) as error:
        await stage.send(GENERAL, content)
    assert status(error) == 400
    assert why in error.value.response.text
    stage.sim.set_faults({"check_cards": False})
    await stage.send(GENERAL, content)


async def test_sim_teams_sizes(stage: Stage) -> None:
    """A card over 28 KB and a message over 100 KB are 413; both figures can be changed."""
    for text in ("x" * 29_000, "x" * 101_000):
        with pytest.raises(ErrorResponseException) as error:
            await stage.send(GENERAL, card(words(text)))
        assert status(error) == 413
    stage.sim.set_faults({"card_bytes": 40_000})
    await stage.send(GENERAL, card(words("x" * 29_000)))


async def test_sim_teams_rate_limits_name_the_wait(stage: Stage) -> None:
    """More than seven messages a second to one thread are 429 with Retry-After; other threads go on; it can be off."""
    stage.sim.set_faults({"thread_limits": [[3600, 2]]})
    await stage.send(GENERAL)
    await stage.send(GENERAL)
    with pytest.raises(ErrorResponseException) as error:
        await stage.send(GENERAL)
    assert status(error) == 429
    assert 3590 <= int(error.value.response.headers["Retry-After"]) <= 3600
    await stage.send(PAYOUTS)
    stage.sim.set_faults({"rate_limits": False})
    await stage.send(GENERAL)
    stage.sim.set_faults({"rate_limits": True, "app_per_second": 0})
    with pytest.raises(ErrorResponseException) as error:
        await stage.send(PAYOUTS)
    assert status(error) == 429


async def test_sim_teams_missing_app_archived_channel_and_unknown_places(stage: Stage) -> None:
    """403 where the app is missing or the channel archived, 404 where there is nothing."""
    stage.sim.set_faults({"archived": ["Finance/Payouts"], "not_installed": ["ada"]})
    for conversation, expected in ((PAYOUTS, 403), (stage.chat("ada"), 403), ("19:nowhere@thread.tacv2", 404)):
        with pytest.raises(ErrorResponseException) as error:
            await stage.send(conversation)
        assert status(error) == expected
    await stage.send(GENERAL)
    stage.sim.set_faults({"not_installed": ["Finance"]})
    with pytest.raises(ErrorResponseException) as error:
        await stage.send(GENERAL)
    assert status(error) == 403


async def test_sim_teams_uninstall_and_install_are_told_to_the_bot(stage: Stage) -> None:
    """The verbs uninstall and install send their events and make calls fail and work."""
    await stage.sim.act("uninstall", {"to": "ada"})
    assert stage.bot.of("installationUpdate")[0].action == "remove"
    assert stage.sim.rules.not_installed == ("ada",)
    assert await stage.sim.act("install", {"to": "ada"}) == {"delivered": True}
    assert stage.sim.rules.not_installed == ()


@pytest.mark.parametrize("code", [412, 429, 502, 504])
async def test_sim_teams_injected_faults_end_after_their_count(stage: Stage, code: int) -> None:
    """Injected statuses come exactly as often as asked, with Retry-After when given, and nothing is posted."""
    stage.sim.set_faults({"fail": [{"status": code, "on": "send", "times": 1, "retry_after": 3}]})
    with pytest.raises(ErrorResponseException) as error:
        await stage.send(GENERAL)
    assert status(error) == code
    assert error.value.response.headers["Retry-After"] == "3"
    assert stage.sim.state("ada")["teams"][0]["channels"][0]["threads"] == []
    await stage.send(GENERAL)


async def test_sim_teams_fault_after_the_effect_posts_and_still_fails(stage: Stage) -> None:
    """With `after`, the card is posted and only the answer fails: the way a duplicate comes about."""
    stage.sim.set_faults({"fail": [{"status": 504, "on": "send", "after": True}]})
    with pytest.raises(ErrorResponseException):
        await stage.send(GENERAL)
    assert len(stage.sim.state("ada")["teams"][0]["channels"][0]["threads"]) == 1


async def test_sim_teams_slow_answers(stage: Stage) -> None:
    """hold_seconds delays every answer of the connector."""
    stage.sim.set_faults({"hold_seconds": 0.3})
    begun = time.monotonic()
    await stage.send(GENERAL)
    assert time.monotonic() - begun >= 0.3


# ── keys and tokens ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 200),
        ({"client_secret": "wrong"}, 401),
        ({"client_id": "other"}, 400),
        ({"scope": "https://graph.microsoft.com/.default"}, 400),
        ({"grant_type": "password"}, 400),
    ],
)
async def test_sim_teams_tokens_need_app_password_and_scope(stage: Stage, change: Json, expected: int) -> None:
    """The token endpoint checks grant, app id, password and scope, and its log holds neither password nor token."""
    form = {"grant_type": "client_credentials", "client_id": TEAMS_APP_ID, "client_secret": PASSWORD, "scope": SCOPE}
    async with stage.http.post("/teams/token", data={**form, **change}) as response:
        assert response.status == expected
        token = (await response.json()).get("access_token", "-")
    log = json.dumps(stage.sim.traffic.entries())
    assert PASSWORD not in log
    assert token == "-" or token not in log


async def test_sim_teams_calls_need_a_living_token(stage: Stage) -> None:
    """Connector calls without a token, with a made-up one or an expired one are 401."""
    stage.sim.set_faults({"token_seconds": 0.0})
    expired = await asyncio.to_thread(fetch_token, stage.address)
    for headers in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": f"Bearer {expired}"}):
        url = f"/teams/v3/conversations/{GENERAL}/activities"
        async with stage.http.post(url, json={"type": "message", "text": "hi"}, headers=headers) as response:
            assert response.status == 401


async def test_sim_teams_signature_verifies_with_the_published_keys_after_a_rotation(stage: Stage) -> None:
    """Signed activities verify against the JWKS, which names the channel and keeps the old key after a rotation."""
    old = stage.sim.sign()
    await stage.sim.act("rotate", {})
    new = stage.sim.sign(stage.sim.claims(aud="somebody else"))
    async with stage.http.get("/teams/openid") as response:
        uri = (await response.json())["jwks_uri"]
    async with stage.http.get(uri) as response:
        keys = {key["kid"]: key for key in (await response.json())["keys"]}
    assert all(key["endorsements"] == ["msteams"] for key in keys.values())
    for token, audience in ((old, TEAMS_APP_ID), (new, "somebody else")):
        key = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]])
        claims = jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer="https://api.botframework.com")
        assert claims["serviceurl"] == stage.sim.service_url
    assert "exp" not in jwt.decode(stage.sim.sign(stage.sim.claims(exp=None)), options={"verify_signature": False})


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "changes",
    [
        {"nope": 1},
        {"check_cards": "no"},
        {"card_bytes": -1},
        {"fail": [{}]},
        {"fail": [{"status": 1, "on": "x"}]},
        {"archived": "x"},
    ],
)
def test_sim_teams_unknown_faults_are_refused(changes: Json) -> None:
    """A fault that is misspelt or of the wrong type is refused, not ignored."""
    sim = TeamsSim(bot_url="http://127.0.0.1:9", password=PASSWORD)
    with pytest.raises(Refused):
        sim.set_faults(changes)


async def test_sim_teams_other_attachments_are_refused(stage: Stage) -> None:
    """What the simulator cannot show it refuses by name."""
    activity = Activity(type="message", attachments=[Attachment(content_type="image/png", content_url="https://x")])
    with pytest.raises(ErrorResponseException) as error:
        await stage.turn(GENERAL, lambda context: context.send_activity(activity))
    assert "one Adaptive Card" in error.value.response.text


# ── groups, accounts, words ──────────────────────────────────────────────────────────────────────


def graph_token(stage: Stage) -> dict[str, str]:
    """The header of a call to the simulated Graph; blocking: call it in a thread."""
    form = {
        "grant_type": "client_credentials",
        "client_id": TEAMS_APP_ID,
        "client_secret": PASSWORD,
        "scope": f"{stage.sim.graph_url}/.default",
    }
    token = requests.post(f"{stage.address}/teams/token", data=form, timeout=5).json()["access_token"]
    return {"Authorization": f"Bearer {token}", "ConsistencyLevel": "eventual"}


async def test_sim_teams_graph_takes_tokens_of_its_own_scope(stage: Stage) -> None:
    """The Bot Connector's token is worth nothing at Graph, nor Graph's at the Bot Connector."""
    bots = {"Authorization": f"Bearer {await asyncio.to_thread(fetch_token, stage.address)}"}
    graphs = await asyncio.to_thread(graph_token, stage)
    user = f"/teams/graph/v1.0/users/{stage.sim.directory.people['bob'].teams}"
    roster = f"/teams/v3/conversations/{GENERAL}/members"
    for path, headers, expected in ((user, bots, 401), (user, graphs, 200), (roster, graphs, 401), (roster, bots, 200)):
        async with stage.http.get(path, headers=headers) as response:
            assert response.status == expected


async def test_sim_teams_graph_lists_groups_by_pages_and_needs_the_advanced_query(stage: Stage) -> None:
    """A cast of nested members needs $count and a header; pages name the next one; what is unknown is 404."""
    headers = await asyncio.to_thread(graph_token, stage)
    stage.sim.set_faults({"page_size": 1})
    path = f"/teams/graph/v1.0/groups/{MANAGERS_GROUP}/transitiveMembers/microsoft.graph.user"
    async with stage.http.get(path, headers=headers) as response:
        assert response.status == 400
    found: list[str] = []
    onward: str | None = f"{stage.address}{path}?$count=true&$select=id&$top=999"
    while onward:
        async with stage.http.get(onward, headers=headers) as response:
            page = await response.json()
        found += [one["id"] for one in page["value"]]
        onward = page.get("@odata.nextLink")
    assert found == [stage.sim.directory.people[one].teams for one in ("ada", "rita")]
    await stage.sim.act("group", {"id": MANAGERS_GROUP, "members": ["mia"]})
    async with stage.http.get(f"{path}?$count=true", headers=headers) as response:
        assert [one["id"] for one in (await response.json())["value"]] == [stage.sim.directory.people["mia"].teams]
    async with stage.http.get(path.replace("f1a", "f2b") + "?$count=true", headers=headers) as response:
        assert response.status == 404


async def test_sim_teams_accounts_change_for_roster_and_graph(stage: Stage) -> None:
    """A role, another tenant and a dead account are seen where each platform shows them; without consent it is 403."""
    headers = await asyncio.to_thread(graph_token, stage)
    bob = stage.sim.directory.people["bob"]
    await stage.sim.act("user", {"id": "bob", "role": "guest", "tenant": "t-2", "enabled": False})
    member = await stage.members(GENERAL, bob.teams)
    assert (member.additional_properties["userRole"], member.additional_properties["tenantId"]) == ("guest", "t-2")
    async with stage.http.get(f"/teams/graph/v1.0/users/{bob.teams}", headers=headers) as response:
        account = await response.json()
    assert (account["accountEnabled"], account["userType"]) == (False, "Guest")
    await stage.sim.act("say", {"as": "bob", "text": "hi"})
    (heard,) = await stage.bot.until("message", 1)
    assert heard.from_property.additional_properties["tenantId"] == "t-2"
    await stage.sim.act("user", {"id": "bob", "gone": True})
    stage.sim.set_faults({"graph_consent": False})
    async with stage.http.get(f"/teams/graph/v1.0/users/{bob.teams}", headers=headers) as response:
        assert response.status == 403


async def test_sim_teams_a_team_that_changes_is_told_to_the_bot(stage: Stage) -> None:
    """Who leaves is no member any more, neither in the roster's pages nor singly, and the bot hears of both ways."""
    await stage.sim.act("team", {"team": "Finance", "members": ["ada", "bob"]})
    gone = await stage.bot.until("conversationUpdate", 2)
    mia = stage.sim.directory.people["mia"]
    assert {one.members_removed[0].aad_object_id for one in gone} == {
        mia.teams,
        stage.sim.directory.people["rita"].teams,
    }
    with pytest.raises(ErrorResponseException) as error:
        await stage.members(GENERAL, mia.teams)
    assert status(error) == 404
    stage.sim.set_faults({"page_size": 1})

    async def work(context: TurnContext) -> list[str]:
        client, token, names = context.turn_state["ConnectorClient"], None, []
        while True:
            page = await client.conversations.get_conversation_paged_members(GENERAL, 50, token)
            names += [one.name for one in page.members]
            if not (token := page.continuation_token):
                return names

    assert await stage.turn(GENERAL, work) == ["Ada Okafor", "Bob Lindqvist"]
    await stage.sim.act("team", {"team": "Finance", "members": ["ada", "bob", "mia"]})
    assert (await stage.bot.until("conversationUpdate", 3))[-1].members_added[0].aad_object_id == mia.teams


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("user", {"id": "eve"}),
        ("user", {"id": "bob", "role": "king"}),
        ("user", {"id": "bob", "enabled": 1}),
        ("group", {"id": "managers", "members": []}),
        ("group", {"id": MANAGERS_GROUP, "members": "ada"}),
        ("team", {"team": "Nowhere", "members": []}),
        ("team", {"team": "Finance", "members": ["eve"]}),
    ],
)
async def test_sim_teams_changes_that_cannot_be_are_refused(verb: str, body: Json) -> None:
    """A change that is misspelt is refused, not ignored."""
    with pytest.raises(Refused):
        await TeamsSim(bot_url="http://127.0.0.1:9", password=PASSWORD).act(verb, body)


async def test_sim_teams_typed_mentions_become_entities(stage: Stage) -> None:
    """`@Bob` in a channel is a tag and an entity with his id for this bot; in the chat with the app it is text."""
    await stage.sim.act("say", {"as": "ada", "conversation": GENERAL, "text": "@Signoff ask @Bob and @mia tanaka"})
    (heard,) = await stage.bot.until("message", 1)
    assert heard.text == "<at>Signoff</at> ask <at>Bob Lindqvist</at> and <at>Mia Tanaka</at>"
    mentioned = [one.additional_properties["mentioned"]["id"] for one in heard.entities if one.type == "mention"]
    people = stage.sim.directory.people
    assert mentioned == [f"28:{TEAMS_APP_ID}", *(stage.sim.directory.user_id(people[one]) for one in ("bob", "mia"))]
    await stage.sim.act("say", {"as": "ada", "text": "ask @Bob"})
    assert (await stage.bot.until("message", 2))[1].text == "ask @Bob"


async def test_sim_teams_words_are_read_as_their_format_says(stage: Stage) -> None:
    """XML is read as such and shows its mentions; a mention of nobody, or one that is not in the text, is refused."""
    bob = stage.sim.directory.user_id(stage.sim.directory.people["bob"])

    def words(text: str, member: str, tag: str = "<at>Bob</at>") -> Activity:
        mentioned = ChannelAccount(id=member, name="Bob")
        return Activity(
            type="message",
            text_format="xml",
            text=text,
            entities=[Mention(type="mention", text=tag, mentioned=mentioned)],
        )

    sent = words("<at>Bob</at> look:<br>1 &lt; 2", bob)
    made = await stage.turn(GENERAL, lambda context: context.send_activity(sent))
    shown = stage.message("mia", made.id)
    assert (shown["text"], shown["mentions"]) == ("@Bob look:\n1 < 2", ["Bob"])
    for wrong in (words("<at>Bob</at>", "29:nobody"), words("Bob", bob)):
        with pytest.raises(ErrorResponseException) as error:
            await stage.turn(GENERAL, lambda context, wrong=wrong: context.send_activity(wrong))
        assert status(error) == 400
