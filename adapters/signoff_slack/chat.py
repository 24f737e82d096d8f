"""The Chat port for Slack: posting, repainting and finding cards through slack_sdk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from slack_sdk.errors import SlackApiError

from signoff.cards import Card
from signoff.errors import ChatError, Undeliverable
from signoff.model import MessageRef, Principal
from signoff.ports import Directory, Memory, Route
from signoff_slack import check, faults, ids, render
from signoff_slack.app import Door, Installation, build_app
from signoff_slack.directory import SlackDirectory
from signoff_slack.front import Front
from signoff_slack.manifest import EVENTS_PATH
from signoff_slack.places import Place, place
from signoff_slack.settings import Settings
from signoff_slack.socket import Socket
from signoff_slack.text import Json
from signoff_slack.web import TIMEOUT, web_client, web_session

if TYPE_CHECKING:
    from signoff.desk import Desk

HISTORY_PAGE = 200
HISTORY_PAGES = 3
"""How far back `find` looks: it is called soon after the crash that it repairs."""
LIST_PAGE = 1000
LIST_PAGES = 20
HEALTHY = 30.0
"""Seconds that one auth.test counts as the state of health."""
CHANNELS = "slack-channels"
"""Memory space: channel name → id, as chat.postMessage answered it."""
THREADS = "slack-threads"
"""Memory space: conversation/ts of a card that stands in a thread → ts of that thread's first message."""
THREAD_LIFE = 90 * 24 * 3600.0
"""Seconds."""


class SlackChat:
    """One workspace. Any replica may serve any click."""

    name = "slack"

    def __init__(self, settings: Settings, desk: Desk, memory: Memory) -> None:
        self.settings = settings
        self._desk = desk
        self._memory = memory
        self._client = web_client(settings)
        self._installation: Installation | None = None
        self.directory: Directory = SlackDirectory(self._client, self.installation)
        self._front = Front(desk, self._client)
        secret = settings.signing_secret
        self._app = build_app(self._front, self._client, self.installation, secret.get_secret_value() if secret else "")
        self._socket: Socket | None = None
        self._seen = 0.0

    def routes(self) -> Sequence[Route]:
        secret = self.settings.signing_secret
        return (Route("POST", EVENTS_PATH, Door(self._app, secret.get_secret_value()).events),) if secret else ()

    async def start(self) -> None:
        """Raises ChatError; may be called again until it succeeds."""
        if self._client.session is None:
            self._client.session = web_session()
        await self.installation()
        if self.settings.app_token is not None and self._socket is None:
            socket = Socket(self._app, self.settings.app_token.get_secret_value(), self._client)
            await socket.start()
            self._socket = socket

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
            self._socket = None
        await self._front.close()
        if self._client.session is not None:
            await self._client.session.close()
            self._client.session = None

    async def installation(self) -> Installation:
        """Our workspace and bot user; asked once. Raises ChatError."""
        if self._installation is None:
            answer = await self._call("the workspace", "auth_test")
            if not (answer.get("team_id") and answer.get("user_id")):
                raise ChatError(reason="Slack's answer names no workspace; check SLACK_API_URL.")
            self._seen = time.monotonic()
            self._installation = Installation(
                team=str(answer["team_id"]), bot_user=str(answer["user_id"]), bot=str(answer.get("bot_id") or "")
            )
        return self._installation

    async def health(self) -> str | None:
        if self._socket is not None and not await self._socket.connected():
            return "Slack's Socket Mode is not connected; it is being reconnected."
        if time.monotonic() - self._seen > HEALTHY:
            try:
                await self._call("the workspace", "auth_test")
            except ChatError as error:
                return error.sentence
            self._seen = time.monotonic()
        return None

    # ── cards ──

    async def post(self, place: str, card: Card) -> MessageRef:
        ours = await self.installation()
        where = self._place(place, ours)
        channel = await self._channel(place, where)
        thread = {} if where.thread is None else {"thread_ts": where.thread}
        answer = await self._call(
            place,
            "chat_postMessage",
            channel=channel,
            unfurl_links=False,
            unfurl_media=False,
            **thread,
            **_drawn(place, card),
        )
        conversation = str(answer["channel"])
        if where.name is not None:
            await self._memory.remember(CHANNELS, where.name, conversation)
        card_ts = str(answer["ts"])
        made = MessageRef(chat="slack", tenant=ours.team, conversation=conversation, message=card_ts)
        await self._remember_thread(conversation, card_ts, where)
        return made

    async def update(self, message: MessageRef, card: Card) -> None:
        place = f"slack:{message.conversation}"
        await self._call(place, "chat_update", channel=message.conversation, ts=message.message, **_drawn(place, card))

    async def tell(self, message: MessageRef, text: str, people: Sequence[Principal]) -> None:
        ours = await self.installation()
        # A reply's own ts starts no thread (chat.postMessage reference): a card in a thread is answered in that one.
        thread = await self._memory.recall(THREADS, f"{message.conversation}/{message.message}") or message.message
        called = [who for who in people if (who.chat, who.tenant) == ("slack", ours.team)]
        place = f"slack:{message.conversation}"
        await self._call(
            place,
            "chat_postMessage",
            channel=message.conversation,
            thread_ts=thread,
            unfurl_links=False,
            unfurl_media=False,
            **_checked(place, render.said(text, called)),
        )

    async def find(self, place: str, request_id: str) -> MessageRef | None:
        """By the metadata of our own messages; None also where the app may not read."""
        ours = await self.installation()
        where = self._place(place, ours)
        conversation = await self._channel(place, where)
        if where.name is not None:
            known = await self._memory.recall(CHANNELS, where.name) or await self._named(place, where.name)
            if known is None:
                return None
            conversation = known
        method, thread = "conversations_history", {}
        if where.thread is not None:
            method, thread = "conversations_replies", {"ts": where.thread}
        cursor = ""
        for _ in range(HISTORY_PAGES):
            page = {"cursor": cursor} if cursor else {}
            answer = await self._read(
                place, method, channel=conversation, limit=HISTORY_PAGE, include_all_metadata=True, **thread, **page
            )
            for message in cast("list[Json]", answer.get("messages") or []):
                if _is_card(message, ours, request_id):
                    found = str(message["ts"])
                    made = MessageRef(chat="slack", tenant=ours.team, conversation=conversation, message=found)
                    await self._remember_thread(conversation, found, where)
                    return made
            cursor = _cursor(answer)
            if not cursor:
                break
        return None

    async def _remember_thread(self, conversation: str, card: str, where: Place) -> None:
        if where.thread is not None:
            await self._memory.remember(THREADS, f"{conversation}/{card}", where.thread, THREAD_LIFE)

    def _place(self, text: str, ours: Installation) -> Place:
        """Raises Undeliverable for what is no place of this workspace."""
        where = place(text)
        if where is None:
            mend = "write slack:#name, slack:C0123, slack:C0123/<ts>, slack:@U0123 or slack:@person."
            raise Undeliverable(place=text, reason=f"this is no place in Slack; {mend}")
        user = where.user
        if where.person is not None:
            identity = self._desk.identity(where.person, "slack")
            if identity is None:
                raise Undeliverable(
                    place=text,
                    reason=f"the policy names no Slack identity for {where.person}; add `slack: T…/U…` to this person.",
                )
            where = Place(identity.tenant, user=identity.user, thread=where.thread)
            user = identity.user
        if where.team not in {None, ours.team}:
            raise Undeliverable(place=text, reason=f"the bot token belongs to workspace {ours.team}.")
        return where if user is None else Place(where.team, user=user, thread=where.thread)

    async def _channel(self, place: str, where: Place) -> str:
        """What chat.postMessage takes; a person's direct message is opened for it."""
        if where.user is not None:
            answer = await self._call(place, "conversations_open", users=where.user)
            return str(cast("Json", answer["channel"])["id"])
        return where.channel or f"#{where.name}"

    async def _named(self, place: str, name: str) -> str | None:
        cursor = ""
        for _ in range(LIST_PAGES):
            page = {"cursor": cursor} if cursor else {}
            answer = await self._read(
                place,
                "conversations_list",
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=LIST_PAGE,
                **page,
            )
            for channel in cast("list[Json]", answer.get("channels") or []):
                if channel.get("name") == name:
                    return str(channel["id"])
            cursor = _cursor(answer)
            if not cursor:
                break
        return None

    async def _read(self, place: str, method: str, **arguments: Any) -> Mapping[str, Any]:
        """A call whose refusal means only that nothing can be found. Raises ChatBusy and ChatError for the rest."""
        try:
            return await self._call(place, method, **arguments)
        except Undeliverable:
            return {}
        except ChatError as error:
            cause = error.__cause__
            if isinstance(cause, SlackApiError) and faults.code(cause) in {"missing_scope", "unknown_method"}:
                return {}
            raise

    async def _call(self, place: str, method: str, **arguments: Any) -> Mapping[str, Any]:
        """One Web API call; its refusals as our errors."""
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await getattr(self._client, method)(**arguments)
        except faults.FAILURES as error:
            raise faults.translated(error, place) from error
        return cast("Mapping[str, Any]", answer.data)


def _drawn(place: str, card: Card) -> dict[str, Any]:
    return _checked(place, render.message(card))


def _checked(place: str, drawn: Json) -> dict[str, Any]:
    if found := check.message(drawn):
        reason = f"the message breaks Slack's limits ({found[0]}); please report this as a bug."
        raise Undeliverable(place=place, reason=reason)
    return drawn


def _is_card(message: Json, ours: Installation, request_id: str) -> bool:
    """A live card of ours: not a message of another app that carries the same metadata, and no pointer."""
    metadata = message.get("metadata")
    if not isinstance(metadata, dict):
        return False
    told = cast("Json", metadata)
    payload = told.get("event_payload")
    mine = message.get("user") == ours.bot_user or (ours.bot != "" and message.get("bot_id") == ours.bot)
    if not mine or told.get("event_type") != ids.EVENT_TYPE or not isinstance(payload, dict):
        return False
    data = cast("Json", payload)
    return data.get("request_id") == request_id and data.get("purpose") != "pointer"


def _cursor(answer: Mapping[str, Any]) -> str:
    metadata = answer.get("response_metadata")
    return str(cast("Json", metadata).get("next_cursor") or "") if isinstance(metadata, dict) else ""
