"""Places: where a card is to go, and what has to be remembered to get there.

A bot may write only where the app was added, and learns that from activities: their service URL, the team's name and
id, the channels, the personal chats. All of it is kept in the store, so that any replica can post at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import structlog

from signoff.desk import Desk
from signoff.errors import Undeliverable
from signoff.model import MessageRef, Principal, dumps, loads
from signoff.ports import Memory
from signoff_teams.connector import Connector
from signoff_teams.parse import NAME, conversation_of, person_of, service_url_of, tenant_of
from signoff_teams.settings import GUID, TeamsSettings

SPACE = "teams"
CARDS = "teams-cards"
"""Memory space: message → the request whose card it is."""
PILES = "teams-piles"
"""Memory space: message of the card of several requests → the place it was posted to."""
SCOPES: Mapping[str, str] = {"personal": "personal", "channel": "team", "groupChat": "groupChat"}
"""A conversation's type → the manifest's scope in which the app is used for it."""
GENERAL = "General"
"""A team's first channel; its conversation id is the team's id."""

_GUID = re.compile(GUID)
_CONVERSATION = re.compile(r"(19:|a:|.*@thread\.|.*@unq\.)")
_CHANNEL = re.compile(r"19:.*@thread\.(tacv2|skype)")
HOW = "a Teams place is written teams:Team/Channel, teams:<conversation id> or teams:@person."

log = structlog.get_logger("signoff.teams")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to post. A channel gets a new thread; anything else is written into."""

    tenant: str
    service_url: str
    conversation: str
    kind: Literal["channel", "chat"]


class Places:
    def __init__(self, settings: TeamsSettings, desk: Desk, memory: Memory, connector: Connector) -> None:
        self._settings = settings
        self._desk = desk
        self._memory = memory
        self._connector = connector

    # ── learning ─────────────────────────────────────────────────────────────────────────────────

    async def learn(self, activity: Mapping[str, object]) -> None:
        """Remember what a verified conversationUpdate, installationUpdate or message says about places."""
        tenant, url, conversation = tenant_of(activity), service_url_of(activity), conversation_of(activity)
        if not tenant or not conversation or not self._settings.allows(url):
            return
        data = _mapping(activity.get("channelData"))
        team, channel = _mapping(data.get("team")), _mapping(data.get("channel"))
        if _is_removal(activity):
            await self._forget(tenant, conversation, team, activity)
            return
        await self._memory.remember(SPACE, f"url:{tenant}", url)
        await self._memory.remember(SPACE, f"conversation:{conversation}", dumps({"tenant": tenant, "url": url}))
        person = person_of(activity)
        if _mapping(activity.get("conversation")).get("conversationType") == "personal" and person is not None:
            await self._memory.remember(SPACE, f"person:{person.key}", conversation)
        team_id, team_name = _string(team.get("id")), _string(team.get("name"))
        if team_id and (group := _string(team.get("aadGroupId"))):
            await self._memory.remember(SPACE, f"group:{tenant}:{group.lower()}", team_id)
        if not team_id or not team_name:
            return
        # Anybody may make a second team of that name and add the app there: the first keeps it, and its cards.
        if (known := await self._memory.recall(SPACE, _team(tenant, team_name))) not in (None, team_id):
            log.warning("a second team has the name of one that is known", team=team_name, id=team_id, known=known)
            return
        await self._memory.remember(SPACE, _team(tenant, team_name), team_id)
        channel_id, channel_name = _string(channel.get("id")), _string(channel.get("name"))
        if channel_id and channel_name:
            key = _channel(tenant, team_name, channel_name)
            if data.get("eventType") == "channelDeleted":
                await self._memory.forget(SPACE, key)
            else:
                await self._memory.remember(SPACE, key, channel_id)

    async def _forget(
        self, tenant: str, conversation: str, team: Mapping[str, object], activity: Mapping[str, object]
    ) -> None:
        await self._memory.forget(SPACE, f"conversation:{conversation}")
        if group := _string(team.get("aadGroupId")):
            await self._memory.forget(SPACE, f"group:{tenant}:{group.lower()}")
        if name := _string(team.get("name")):
            if await self._memory.recall(SPACE, _team(tenant, name)) == team.get("id"):
                await self._memory.forget(SPACE, _team(tenant, name))
        elif person := person_of(activity):
            await self._memory.forget(SPACE, f"person:{person.key}")

    # ── finding ──────────────────────────────────────────────────────────────────────────────────

    async def find(self, place: str) -> Target:
        """Raises Undeliverable with what to do, ChatBusy, ChatError."""
        rest = place.removeprefix(f"{NAME}:")
        head, _, tail = rest.partition("/")
        tenant = self._settings.tenant_id or ""
        if _GUID.fullmatch(head) and tail:
            tenant, rest = head, tail
        if rest.startswith("@"):
            return await self._person(place, tenant, rest[1:])
        if _CONVERSATION.match(rest):
            return await self._conversation(place, tenant, rest)
        team, _, channel = rest.partition("/")
        if not team or not channel:
            raise Undeliverable(place=place, reason=HOW)
        return await self._team_channel(place, tenant, team, channel)

    async def _conversation(self, place: str, tenant: str, conversation: str) -> Target:
        base = conversation.partition(";")[0]
        known = await self._known(base)
        tenant = _string(known.get("tenant")) or tenant
        if not tenant:
            reason = "the app was never seen there; add it to that conversation in Teams."
            raise Undeliverable(place=place, reason=reason)
        url = _string(known.get("url")) or await self._url(tenant)
        # With `;messageid=` it names one thread of a channel: the card is a reply there.
        kind: Literal["channel", "chat"] = "channel" if _CHANNEL.fullmatch(conversation) else "chat"
        return Target(tenant, url, conversation, kind)

    async def _team_channel(self, place: str, tenant: str, team: str, channel: str) -> Target:
        if not tenant:
            raise Undeliverable(place=place, reason="name the tenant too: teams:<tenant id>/Team/Channel.")
        url = await self._url(tenant)
        team_id = await self._memory.recall(SPACE, _team(tenant, team))
        if team_id is None:
            reason = f'the app is not installed in the team "{team}"; add it there in Teams.'
            raise Undeliverable(place=place, reason=reason)
        found = await self._memory.recall(SPACE, _channel(tenant, team, channel))
        if found is None and channel.casefold() == GENERAL.casefold():
            found = team_id
        if found is None:
            for name, conversation in (await self._connector.channels(url, team_id)).items():
                await self._memory.remember(SPACE, _channel(tenant, team, name), conversation)
                if name.casefold() == channel.casefold():
                    found = conversation
        if found is None:
            reason = f'the team "{team}" has no channel "{channel}" that the app can see; check the name.'
            raise Undeliverable(place=place, reason=reason)
        return Target(tenant, url, found, "channel")

    async def _person(self, place: str, tenant: str, name: str) -> Target:
        principal = self._desk.identity(name, NAME)
        if principal is None and _GUID.fullmatch(name) and tenant:
            principal = Principal(chat=NAME, tenant=tenant, user=name)
        if principal is None:
            reason = f'the policy names no Teams identity for "{name}"; give that person `teams: <tenant>/<object id>`.'
            raise Undeliverable(place=place, reason=reason)
        return await self.personal(principal)

    async def personal(self, who: Principal) -> Target:
        """The personal chat with somebody, which is made if there is none. Raises like `find`."""
        url = await self._url(who.tenant)
        found = await self.chat_with(who)
        if found is None:
            made = await self._connector.start(url, who.tenant, channel=None, person=who.user, activity=None)
            found = made.conversation
            await self._memory.remember(SPACE, f"person:{who.key}", found)
        return Target(who.tenant, url, found, "chat")

    async def chat_with(self, who: Principal) -> str | None:
        """The personal chat with somebody, if there is one."""
        return await self._memory.recall(SPACE, f"person:{who.key}")

    async def team_of(self, tenant: str, group: str) -> str | None:
        """The id of the team that belongs to an Entra group, if the app was added to it."""
        return await self._memory.recall(SPACE, f"group:{tenant}:{group.lower()}")

    async def url_of(self, tenant: str, conversation: str) -> str:
        """The service URL for a conversation that a card stands in."""
        return _string((await self._known(conversation)).get("url")) or await self._url(tenant)

    async def _url(self, tenant: str) -> str:
        found = await self._memory.recall(SPACE, f"url:{tenant}")
        return found if found and self._settings.allows(found) else self._settings.default_service_url

    async def _known(self, conversation: str) -> Mapping[str, object]:
        held = await self._memory.recall(SPACE, f"conversation:{conversation}")
        return _mapping(loads(held)) if held else {}


def card_key(message: MessageRef) -> str:
    """Under which a card is remembered."""
    return f"{message.tenant}/{message.conversation}/{message.message}"


def in_thread(message: MessageRef) -> str:
    """The conversation in which an answer to a message goes: its own thread in a channel, else where it stands."""
    channel = _CHANNEL.fullmatch(message.conversation)
    return f"{message.conversation};messageid={message.message}" if channel else message.conversation


def _team(tenant: str, name: str) -> str:
    return f"team:{tenant}:{name.casefold()}"


def _channel(tenant: str, team: str, name: str) -> str:
    return f"channel:{tenant}:{team.casefold()}/{name.casefold()}"


def _is_removal(activity: Mapping[str, object]) -> bool:
    """The app was taken out of this conversation."""
    if activity.get("type") == "installationUpdate":
        return _string(activity.get("action")).startswith("remove")
    removed = activity.get("membersRemoved")
    bot = _mapping(activity.get("recipient")).get("id")
    gone = cast("list[object]", removed) if isinstance(removed, list) else []
    return any(_mapping(member).get("id") == bot for member in gone)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
