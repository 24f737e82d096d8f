"""Microsoft Graph for groups and accounts: read-only, with a token of its own, nowhere but at its host (I27)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote

import aiohttp

from signoff.errors import ChatError, DirectoryAway
from signoff_teams.access import Access
from signoff_teams.settings import TeamsSettings

MOST_PAGES = 100
"""Pages of one group; with 999 people a page, more than any group that decides anything."""
PAGE = 999
"""People on one page, the most that Graph gives ("List group transitive members")."""
NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id of no group and no account."""


class NotPermitted(Exception):
    """Graph is not to be asked: it is switched off, or the tenant's administrator has not consented."""


class NoSuch(Exception):
    """Graph knows no such group or account."""


class Graph:
    def __init__(self, settings: TeamsSettings, access: Access) -> None:
        self._settings = settings
        self._access = access

    async def members(self, tenant: str, group: str) -> frozenset[str]:
        """Object ids of everybody in a group and the groups within it. Raises NotPermitted, NoSuch, DirectoryAway."""
        # A cast of nested members is an advanced query: it takes $count and this header ("Advanced query capabilities
        # on Microsoft Entra ID objects").
        people = f"groups/{quote(group, safe='')}/transitiveMembers/microsoft.graph.user"
        url = f"{self._settings.graph_url}/v1.0/{people}?$count=true&$select=id&$top={PAGE}"
        found: set[str] = set()
        for _ in range(MOST_PAGES):
            page = await self._get(tenant, url, {"ConsistencyLevel": "eventual"})
            listed = page.get("value")
            if not isinstance(listed, list):
                raise DirectoryAway(what="Microsoft Graph's list of a group cannot be read")
            for item in cast("list[object]", listed):
                name = cast("Mapping[str, object]", item).get("id") if isinstance(item, dict) else None
                if not isinstance(name, str):
                    raise DirectoryAway(what="Microsoft Graph's list of a group cannot be read")
                found.add(name.lower())
            onward = page.get("@odata.nextLink")
            if onward is None:
                return frozenset(found)
            url = onward if isinstance(onward, str) else ""
        raise DirectoryAway(what="a group in Microsoft Entra has too many members")

    async def account(self, tenant: str, user: str) -> Mapping[str, object]:
        """`accountEnabled` and `userType` of one account. Raises NotPermitted, NoSuch, DirectoryAway."""
        url = f"{self._settings.graph_url}/v1.0/users/{quote(user, safe='')}?$select=accountEnabled,userType"
        return await self._get(tenant, url, {})

    async def missing(self, tenant: str) -> tuple[str, ...]:
        """The application permissions that the tenant's administrator has still to consent to. Raises DirectoryAway."""
        found: list[str] = []
        for permission, ask in (("GroupMember.Read.All", self.members), ("User.Read.All", self.account)):
            try:
                await ask(tenant, NOBODY)
            except NoSuch:
                continue
            except NotPermitted:
                found.append(permission)
        return tuple(found)

    async def _get(self, tenant: str, url: str, headers: Mapping[str, str]) -> Mapping[str, object]:
        if self._settings.graph_url is None:
            raise NotPermitted
        if not self._settings.is_graph(url):
            raise DirectoryAway(what="Microsoft Graph's list goes on at another host, which is not followed")
        try:
            token = await self._access.graph_token(tenant)
        except ChatError as error:
            raise DirectoryAway(what=_bare(error.data["reason"])) from error
        if not token:
            raise NotPermitted
        try:
            async with self._access.session.get(
                url, headers={"Authorization": f"Bearer {token}", **headers}, allow_redirects=False
            ) as response:
                status, body = response.status, await response.read()
        except TimeoutError as error:
            raise DirectoryAway(what="Microsoft Graph did not answer in time") from error
        except aiohttp.ClientError as error:
            raise DirectoryAway(what=f"Microsoft Graph cannot be reached ({type(error).__name__})") from error
        if status == 401:
            self._access.drop_graph_token(tenant)
        if status == 403:
            raise NotPermitted
        if status == 404:
            raise NoSuch
        if status != 200:
            raise DirectoryAway(what=f"Microsoft Graph answers {status}")
        try:
            answer: object = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DirectoryAway(what="Microsoft Graph's answer cannot be read") from error
        if not isinstance(answer, dict):
            raise DirectoryAway(what="Microsoft Graph's answer cannot be read")
        return cast("Mapping[str, object]", answer)


def _bare(reason: object) -> str:
    return str(reason).rstrip(".")
