"""Outgoing calls: botbuilder's connector client on our own transport.

botbuilder 4.17.1 sends with `requests` in the default thread pool, follows redirects and never retries. Its client is
kept, its transport replaced: aiohttp, one session, a time-out, no redirects, the allow-list checked at the last moment
(I27), and every refusal an exception of ours. Trying again is the relay's business.
"""
# botbuilder ships no types: this module, messages.py and app.py are the only ones that touch it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeArgument=false, reportUnknownParameterType=false

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import aiohttp
from botbuilder.schema import ChannelAccount, ConversationParameters
from botframework.connector.aio import ConnectorClient
from botframework.connector.bot_framework_sdk_client_async import BotFrameworkConnectorConfiguration
from msrest.exceptions import ClientException
from msrest.pipeline import Response
from msrest.pipeline.async_abc import AsyncPipeline
from msrest.pipeline.universal import RawDeserializer
from msrest.universal_http.async_abc import AsyncClientResponse

from signoff.errors import ChatBusy, ChatError, Undeliverable
from signoff_teams.access import Access
from signoff_teams.settings import TeamsSettings

BUSY = {412: 1.0, 429: 5.0, 502: 2.0, 503: 5.0, 504: 2.0}
"""Statuses to try again after so many seconds, if there is no Retry-After ("Optimize your bot with rate limiting")."""
LONGEST_WAIT = 600.0
"""Seconds; a longer Retry-After is cut."""
NO_MEMBER = "MemberNotFoundInConversation"
"""What a 404 says when the conversation is there and the person is not in it."""
PAGE = 500
"""Members on one page, the most that may be asked for ("Get members of your team or user profile")."""
MOST_PAGES = 100
NOT_LISTED = "its service URL is not listed in TEAMS_SERVICE_URLS."


@dataclass(frozen=True, slots=True)
class Sent:
    conversation: str
    message: str


class _Answer(AsyncClientResponse):
    """An answer whose body has been read."""

    def __init__(self, request: Any, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(request, None)
        self.status_code = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.reason = ""
        self._body = body

    def body(self) -> bytes:
        return self._body


class _Transport:
    """msrest's sender, on aiohttp."""

    def __init__(self, settings: TeamsSettings, access: Access) -> None:
        self._settings = settings
        self._access = access

    async def __aenter__(self) -> _Transport:
        return self

    async def __aexit__(self, *_: object) -> None:
        """The session belongs to Access."""

    def build_context(self) -> None:
        return None

    async def send(self, request: Any, **_: object) -> Any:
        call = request.http_request
        status, headers, body = await self.call(call.method, call.url, call.data)
        response = Response(request, _Answer(call, status, headers, body))
        response.context = {}
        return response

    async def call(self, method: str, url: str, data: str | None) -> tuple[int, Mapping[str, str], bytes]:
        """One call that succeeds. Raises ChatBusy, ChatError, Undeliverable."""
        status, got, body = await self.exchange(method, url, data)
        if status >= 300:
            raise refusal(status, got.get("Retry-After"), body)
        return status, got, body

    async def exchange(self, method: str, url: str, data: str | None) -> tuple[int, Mapping[str, str], bytes]:
        """One call, whatever is answered. Raises ChatError, Undeliverable when nothing is."""
        if not self._settings.allows(url.partition("?")[0]):
            raise Undeliverable(place=url[:100], reason=NOT_LISTED)
        headers = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8"}
        if token := await self._access.token():
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with self._access.session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as response:
                body = await response.read()
                status, got = response.status, response.headers
        except TimeoutError as error:
            raise ChatError(reason="Teams did not answer in time.") from error
        except aiohttp.ClientError as error:
            raise ChatError(reason=f"Teams cannot be reached ({type(error).__name__}).") from error
        if status == 401:
            self._access.drop_token()
        return status, got, body


class Connector:
    """The Bot Connector calls this chat makes. Every method raises ChatBusy, ChatError, Undeliverable."""

    def __init__(self, settings: TeamsSettings, access: Access) -> None:
        self._settings = settings
        self._transport = _Transport(settings, access)
        self._clients: dict[str, Any] = {}

    def client(self, service_url: str) -> Any:
        """botbuilder's client for one service URL; making one costs milliseconds, so they are kept."""
        found = self._clients.get(service_url)
        if found is None:
            if not self._settings.allows(service_url):
                raise Undeliverable(place=service_url[:100], reason=NOT_LISTED)
            config = BotFrameworkConnectorConfiguration(_NoCredentials(), service_url)
            config.custom_pipeline = AsyncPipeline([RawDeserializer()], cast("Any", self._transport))
            found = self._clients[service_url] = ConnectorClient(None, custom_configuration=config)
        return found

    async def start(
        self, service_url: str, tenant: str, *, channel: str | None, person: str | None, activity: Any
    ) -> Sent:
        """A new conversation: a thread in a channel with its first message, or the chat with one person."""
        parameters = ConversationParameters(
            bot=ChannelAccount(id=f"28:{self._settings.app_id}"),
            is_group=channel is not None,
            tenant_id=tenant,
            members=[ChannelAccount(id=person)] if person else None,
            activity=activity,
            channel_data={"tenant": {"id": tenant}, **({"channel": {"id": channel}} if channel else {})},
        )
        made = await _sent(self.client(service_url).conversations.create_conversation(parameters))
        return Sent(_id(made, "id"), str(getattr(made, "activity_id", None) or ""))

    async def send(self, service_url: str, conversation: str, activity: Any) -> str:
        """A message into a conversation that exists; its id."""
        conversations = self.client(service_url).conversations
        return _id(await _sent(conversations.send_to_conversation(conversation, activity)), "id")

    async def update(self, service_url: str, conversation: str, message: str, activity: Any) -> None:
        await _sent(self.client(service_url).conversations.update_activity(conversation, message, activity))

    async def channels(self, service_url: str, team: str) -> dict[str, str]:
        """The team's channels, name → conversation id. The General channel comes without a name."""
        url = f"{service_url.rstrip('/')}/v3/teams/{quote(team, safe='')}/conversations"
        _, _, body = await self._transport.call("GET", url, None)
        try:
            listed: Any = json.loads(body)
            return {str(item.get("name") or "General"): str(item["id"]) for item in listed["conversations"]}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ChatError(reason="Teams' list of channels cannot be read.") from error

    async def member(self, service_url: str, conversation: str, member: str) -> Mapping[str, object] | None:
        """One member of a conversation, by Entra object id or `29:` id ("Get single member details"); None: no such."""
        url = f"{_conversation(service_url, conversation)}/members/{quote(member, safe='')}"
        status, headers, body = await self._transport.exchange("GET", url, None)
        if status == 404 and NO_MEMBER in _code(body):
            return None
        if status >= 300:
            raise refusal(status, headers.get("Retry-After"), body)
        return _object(body)

    async def roster(self, service_url: str, conversation: str) -> list[Mapping[str, object]]:
        """Everybody in a conversation; a team's id is that of its first channel ("Get members of your team")."""
        url = f"{_conversation(service_url, conversation)}/pagedmembers?pageSize={PAGE}"
        found: list[Mapping[str, object]] = []
        onward = ""
        for _ in range(MOST_PAGES):
            page = _object((await self._transport.call("GET", url + onward, None))[2])
            listed = page.get("members")
            for item in cast("list[object]", listed) if isinstance(listed, list) else [None]:
                if not isinstance(item, dict):
                    raise ChatError(reason="Teams' list of members cannot be read.")
                found.append(cast("Mapping[str, object]", item))
            token = page.get("continuationToken")
            if not token:
                return found
            onward = f"&continuationToken={quote(str(token), safe='')}"
        raise ChatError(reason="Teams' list of members has no end.")


def _conversation(service_url: str, conversation: str) -> str:
    return f"{service_url.rstrip('/')}/v3/conversations/{quote(conversation, safe='')}"


def _object(body: bytes) -> Mapping[str, object]:
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise ChatError(reason="Teams' answer cannot be read (it is no JSON object).")
    return cast("Mapping[str, object]", parsed)


class _NoCredentials:
    """The transport signs its calls itself."""

    def signed_session(self, session: Any = None) -> Any:
        return session


async def _sent(call: Any) -> Any:
    try:
        return await call
    except ClientException as error:
        raise ChatError(reason=f"Teams' answer cannot be read ({type(error).__name__}).") from error


def _id(answer: Any, name: str) -> str:
    found = getattr(answer, name, None)
    if not isinstance(found, str) or not found:
        raise ChatError(reason="Teams' answer names no message.")
    return found


def refusal(status: int, retry_after: str | None, body: bytes) -> ChatError:
    """A Bot Connector status as one of our errors, with what to do in its sentence."""
    code = _code(body)
    if status in BUSY:
        return ChatBusy(retry_after=_seconds(retry_after, BUSY[status]), reason=f"Teams answers {status}{code}.")
    if status == 401:
        return ChatError(reason=f"Teams refuses the bot's token{code}; check TEAMS_APP_ID and TEAMS_APP_PASSWORD.")
    if status == 403:
        return Undeliverable(
            place="this conversation",
            reason=f"the app may not post there{code}; add it to that team, chat or person, or unarchive the team.",
        )
    if status == 404:
        return Undeliverable(
            place="this conversation",
            reason=f"Teams knows no such conversation or message{code}; check the place or add the app there again.",
        )
    if status < 400:
        return ChatError(reason=f"Teams answers with a redirect ({status}), which is not followed.")
    if status < 500:
        return Undeliverable(place="this conversation", reason=f"Teams refuses the card ({status}{code}).")
    return ChatError(reason=f"Teams answers {status}{code}.")


def _code(body: bytes) -> str:
    try:
        parsed: Any = json.loads(body)
        return f" {str(parsed['error']['code'])[:80]}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _seconds(retry_after: str | None, default: float) -> float:
    try:
        return min(max(float(retry_after or default), 0.1), LONGEST_WAIT)
    except ValueError:
        return default
