"""The door `/api/messages`: verified activities through botbuilder's turn, and the answers to invokes.

Mended faults of botbuilder 4.17.1: its own token checks are not used (see auth), nor its HTTP entry (500 for garbage),
nor its second serialisation of invoke answers (500 for every Action.Execute): the body goes out as it is.
"""
# botbuilder ships no types: this module, messages.py and connector.py are the only ones that touch it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeArgument=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import structlog
from aiohttp import web
from botbuilder.core import InvokeResponse, TurnContext
from botbuilder.integration.aiohttp import CloudAdapter
from botbuilder.schema import Activity, ChannelAccount, ConversationAccount
from botframework.connector.auth import AuthenticateRequestResult, ClaimsIdentity

from signoff.desk import Desk
from signoff.errors import SignoffError, StoreUnavailable
from signoff.model import dumps, loads
from signoff_teams import parse, steps
from signoff_teams.auth import Forged, Verifier
from signoff_teams.clicks import UNREADABLE, Clicks
from signoff_teams.commands import Commands
from signoff_teams.connector import Connector
from signoff_teams.messages import text_message
from signoff_teams.parse import NAME, Malformed
from signoff_teams.places import Places
from signoff_teams.render import Json, answers
from signoff_teams.review import Reviews
from signoff_teams.settings import TeamsSettings, is_loopback

LEARNING = frozenset({"message", "conversationUpdate", "installationUpdate"})
"""Types of activities that say something about places."""

INVOKES = frozenset({"adaptiveCard/action", "task/fetch", "task/submit"})

log = structlog.get_logger("signoff.teams")


class Door:
    def __init__(
        self,
        settings: TeamsSettings,
        desk: Desk,
        verifier: Verifier,
        connector: Connector,
        clicks: Clicks,
        reviews: Reviews,
        commands: Commands,
        places: Places,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._verifier = verifier
        self._clicks = clicks
        self._reviews = reviews
        self._commands = commands
        self._places = places
        # Stands in for botbuilder's authentication, of which only the connector factory is left.
        self._front: Any = _Front(connector)
        self._adapter = CloudAdapter(self._front)
        self._identity = ClaimsIdentity({"aud": settings.app_id, "appid": settings.app_id}, True)

    async def messages(self, request: web.Request) -> web.Response:
        """`POST /api/messages`. Nothing happens before the token and the activity are verified (I26)."""
        try:
            token = None
            if self._settings.anonymous:
                _check_local(request)
            else:
                token = await self._verifier.token(request.headers.get("Authorization"))
            activity = _activity(await request.read())
            self._verifier.activity(token, activity)
        except Forged as error:
            log.warning("refused a call to /api/messages", reason=str(error))
            return web.Response(status=401)
        except Malformed as error:
            return web.Response(status=400, text=str(error))
        try:
            return await self._turn(activity)
        except StoreUnavailable as error:
            return web.Response(status=503, text=error.sentence)

    async def _turn(self, activity: Mapping[str, object]) -> web.Response:
        result = AuthenticateRequestResult()
        result.claims_identity = self._identity
        result.audience = self._settings.oauth_scope
        result.connector_factory = self._front

        async def on_turn(context: TurnContext) -> None:
            await self._on_turn(context, activity)

        answer: Any = await self._adapter.process_activity(result, _bot_activity(activity), on_turn)
        if answer is None:
            return web.Response(status=200)
        if answer.body is None:
            return web.Response(status=answer.status)
        return web.Response(status=answer.status, text=answer.body, content_type="application/json")

    async def _on_turn(self, context: TurnContext, activity: Mapping[str, object]) -> None:
        kind = activity["type"]
        if kind == "invoke":
            answer = await self._invoked(activity)
            await context.send_activity(Activity(type="invokeResponse", value=answer))
            return
        if kind == "message" and isinstance(activity.get("text"), str):
            await self._heard(context, activity)
        elif kind in LEARNING:
            await self._places.learn(activity)
        if kind == "installationUpdate" or "membersAdded" in activity or "membersRemoved" in activity:
            self._desk.people.forget(NAME)
        added = kind == "installationUpdate" and parse.text_of(activity, "action").startswith("add")
        if added and parse.is_personal(activity):
            await self._commands.welcome(activity)

    async def _heard(self, context: TurnContext, activity: Mapping[str, object]) -> None:
        """Say something in return, also that the store is away: whoever wrote waits for it."""
        try:
            await self._places.learn(activity)
            said = await self._commands.answer(activity)
        except StoreUnavailable as error:
            said = error.sentence
        if said:
            try:
                await context.send_activity(text_message(said))
            except SignoffError as error:
                log.warning("could not answer a message", error=str(error))

    async def _invoked(self, activity: Mapping[str, object]) -> InvokeResponse:
        name = parse.text_of(activity, "name")
        try:
            if name not in INVOKES:
                return InvokeResponse(status=501)
            step = steps.step(activity)
            body = await (self._clicked(name, activity) if step is None else self._reviewed(name, step))
        except Malformed as error:
            log.warning("an invoke cannot be read", name=name, reason=str(error))
            body = answers.refuse(UNREADABLE) if name == "adaptiveCard/action" else answers.close(UNREADABLE)
        except StoreUnavailable as error:
            body = answers.say(error.sentence) if name == "adaptiveCard/action" else answers.close(error.sentence)
        # As text: botbuilder copies deeply whatever goes through its turn, which costs more than all else for a card.
        return InvokeResponse(status=200, body=dumps(body))

    async def _clicked(self, name: str, activity: Mapping[str, object]) -> Json:
        """A press on the card of one request."""
        click = parse.click(activity)
        if name == "adaptiveCard/action":
            return await self._clicks.card_action(click)
        return await (self._clicks.dialog_opened if name == "task/fetch" else self._clicks.dialog_submitted)(click)

    async def _reviewed(self, name: str, step: steps.Step) -> Json:
        """A press in a review, or on the card of several requests."""
        if name == "adaptiveCard/action":
            return await self._reviews.card_action(step)
        return await (self._reviews.dialog_opened if name == "task/fetch" else self._reviews.dialog_submitted)(step)


class _Front:
    """What CloudAdapter asks of its authentication, once ours has spoken: the client for outgoing calls."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def create(self, service_url: str, audience: str) -> Any:
        return self._connector.client(service_url)

    async def create_user_token_client(self, claims_identity: object) -> None:
        """People do not sign in to Signoff through Teams."""


def _check_local(request: web.Request) -> None:
    """Loopback is within every browser's reach: a page may send text there, or go there under a name of its own. JSON
    it may not send without our leave. Raises Forged.
    """
    if request.content_type != "application/json" or "Origin" in request.headers:
        raise Forged("a call without a token does not come from an emulator but from a web page")
    if not is_loopback(request.url.host or ""):
        raise Forged("a call without a token names another host than this machine")


def _activity(raw: bytes) -> Mapping[str, object]:
    """Raises Malformed."""
    try:
        parsed = loads(raw)
    except ValueError as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(parsed, dict) or not isinstance(cast("Json", parsed).get("type"), str):
        raise Malformed("the body is not an activity")
    return cast("Json", parsed)


def _bot_activity(activity: Mapping[str, object]) -> Activity:
    """What a turn and a reply need. botbuilder's own deserialisation takes longer than everything else in an invoke."""

    def at(*path: str) -> str:
        return parse.text_of(activity, *path)

    return Activity(
        type=at("type"),
        id=at("id"),
        name=at("name"),
        channel_id=at("channelId"),
        service_url=at("serviceUrl"),
        conversation=ConversationAccount(id=at("conversation", "id"), tenant_id=at("conversation", "tenantId")),
        from_property=ChannelAccount(id=at("from", "id"), name=at("from", "name")),
        recipient=ChannelAccount(id=at("recipient", "id"), name=at("recipient", "name")),
    )
