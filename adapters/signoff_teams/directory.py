"""Who belongs to a group, and who may decide at all: asked of the Bot Connector's rosters and of Microsoft Graph.

A roster knows the role somebody has where the card stands; Graph knows whether the account is alive. Nothing is kept
here: the desk remembers answers for a minute (I19).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from enum import Enum

import structlog

from signoff.errors import ChatError, DirectoryAway, Undeliverable
from signoff.model import MessageRef, Principal
from signoff_teams.connector import Connector
from signoff_teams.graph import Graph, NoSuch, NotPermitted
from signoff_teams.parse import NAME, text_of
from signoff_teams.places import Places
from signoff_teams.settings import GUID, TeamsSettings

ENTRA_GROUP = "entra_group"
TEAMS_TEAM = "teams_team"
PATIENCE = 5.0
"""Seconds for one look-up: a person waits for it, and their client gives up after 10."""
FULL = frozenset({"user", "owner", "admin"})
ROLES: Mapping[str, str] = {
    "guest": "are a guest here",
    "anonymous": "are here without an account",
    "bot": "are an app",
    "skill": "are an app",
}
"""A roster's `userRole` → why that is no approver ("Get member details", "Test guest access with Teams")."""
ELSEWHERE = "belong to another organisation"
GONE = "are no member of this conversation any more"


class Silent(Enum):
    """A directory that is well and cannot tell."""

    SILENT = "silent"


SILENT = Silent.SILENT
log = structlog.get_logger("signoff.teams")


class TeamsDirectory:
    """The port `Directory`."""

    def __init__(self, settings: TeamsSettings, connector: Connector, graph: Graph, places: Places) -> None:
        self._settings = settings
        self._connector = connector
        self._graph = graph
        self._places = places

    # ── groups ───────────────────────────────────────────────────────────────────────────────────

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        """Everybody in an Entra group (`<group id>`) or a team (its `19:…` id or its group's), with their tenant before
        it where there are several (`<tenant>/<id>`). Raises DirectoryAway.
        """
        head, slash, tail = group.partition("/")
        tenant, name = (head, tail) if slash else (self._settings.tenant_id or "", group)
        if not tenant:
            raise DirectoryAway(what=f'"{group}" names no tenant, and TEAMS_TENANT_ID is not set')
        async with _in_time():
            if kind == TEAMS_TEAM:
                team = await self._places.team_of(tenant, name) if re.fullmatch(GUID, name) else name
                if team is not None:
                    return await self._team(tenant, team)
            return await self._group(tenant, name)

    async def _group(self, tenant: str, group: str) -> frozenset[Principal | str]:
        try:
            found = await self._graph.members(tenant, group)
        except NotPermitted as error:
            what = "Microsoft Graph may not be read; grant the app GroupMember.Read.All and User.Read.All"
            raise DirectoryAway(what=what) from error
        except NoSuch as error:
            raise DirectoryAway(what=f"Microsoft Graph knows no group {group[:80]}") from error
        return frozenset(Principal(chat=NAME, tenant=tenant, user=user) for user in found)

    async def _team(self, tenant: str, team: str) -> frozenset[Principal | str]:
        try:
            listed = await self._connector.roster(await self._places.url_of(tenant, team), team)
        except ChatError as error:
            raise _away(error) from error
        full = (one for one in listed if text_of(one, "aadObjectId") and not isinstance(_role(one), str))
        return frozenset(
            Principal(chat=NAME, tenant=text_of(one, "tenantId") or tenant, user=text_of(one, "aadObjectId").lower())
            for one in full
        )

    # ── one person ───────────────────────────────────────────────────────────────────────────────

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        """None: a full, active member. Else why not, as the rest of a sentence that begins with "You" (I18).

        A refusal by one of the two directories is enough. Where both are well and cannot tell (no card was clicked, and
        Graph may not be read), the verified identity has to do; `signoff doctor` says which permission is missing.
        Raises DirectoryAway.
        """
        homes = {self._settings.tenant_id, origin and origin.tenant} - {None}
        if any(str(home).lower() != who.tenant.lower() for home in homes):
            return ELSEWHERE
        async with _in_time():
            roster, account = await asyncio.gather(
                self._in_roster(who, origin), self._in_graph(who), return_exceptions=True
            )
        for found in (roster, account):
            if isinstance(found, str):
                return found
        for found in (roster, account):
            if isinstance(found, BaseException):
                raise found
        if roster is SILENT and account is SILENT:
            log.warning("nobody says who is a guest or deactivated; grant the app User.Read.All", user=who.key)
        return None

    async def _in_roster(self, who: Principal, origin: MessageRef | None) -> str | Silent | None:
        where = origin.conversation if origin is not None else await self._places.chat_with(who)
        if not where:
            return SILENT
        try:
            found = await self._connector.member(await self._places.url_of(who.tenant, where), where, who.user)
        except Undeliverable:
            return SILENT  # the app is not in that conversation any more
        except ChatError as error:
            raise _away(error) from error
        if found is None:
            return GONE
        if (home := text_of(found, "tenantId")) and home.lower() != who.tenant.lower():
            return ELSEWHERE
        return _role(found)

    async def _in_graph(self, who: Principal) -> str | Silent | None:
        try:
            found = await self._graph.account(who.tenant, who.user)
        except NotPermitted:
            return SILENT
        except NoSuch:
            return "have no account in this organisation any more"
        if found.get("accountEnabled") is False:
            return "have an account that is switched off"
        if text_of(found, "userType").lower() == "guest":
            return ROLES["guest"]
        # Graph leaves out, or gives as null, what the app may not read.
        return None if found.get("accountEnabled") is True and text_of(found, "userType") else SILENT


def _role(member: Mapping[str, object]) -> str | Silent | None:
    """Why a roster's entry is no full member; None if it is one."""
    role = text_of(member, "userRole").lower()
    if role in ROLES or role in FULL:
        return ROLES.get(role)
    return ROLES["guest"] if "#ext#" in text_of(member, "userPrincipalName").lower() else SILENT


def _away(error: ChatError) -> DirectoryAway:
    return DirectoryAway(what=str(error.data["reason"]).rstrip("."))


@asynccontextmanager
async def _in_time() -> AsyncGenerator[None]:
    """Ends a look-up that takes longer than a person can wait. Raises DirectoryAway."""
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError as error:
        raise DirectoryAway(what="Teams did not answer in time") from error
