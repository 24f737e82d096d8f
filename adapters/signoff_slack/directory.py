"""The Directory port for Slack: user groups, and who is a full member of the workspace. Nothing is kept here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from signoff.errors import ChatError, DirectoryAway
from signoff.model import MessageRef, Principal
from signoff_slack import faults
from signoff_slack.app import Installation
from signoff_slack.text import Json
from signoff_slack.web import TIMEOUT

USERGROUP = "slack_usergroup"
"""The policy's key for a user group: `slack_usergroup: T0DEMO/S0MGR`."""
SLACKBOT = "USLACKBOT"
"""Slack's own robot; its `is_bot` is false (users.info reference)."""

_UNKNOWN = {"user_not_found", "users_not_found", "user_not_visible"}
_AWAY = {
    "missing_scope": "the Slack app lacks the scope {scope}; run `signoff manifest slack` and install the app again",
    "no_such_subteam": "Slack has no active user group {who}; mend `slack_usergroup` in the policy",
    "plan_upgrade_required": "the plan of this Slack workspace has no user groups; name people in the policy instead",
    "ratelimited": "Slack limits how fast it may be asked",
    "rate_limited": "Slack limits how fast it may be asked",
    "http_429": "Slack limits how fast it may be asked",
}
_SAYS = {"usergroups_users_list": "usergroups:read", "users_info": "users:read"}
"""Method → the scope it needs."""


class SlackDirectory:
    def __init__(self, client: AsyncWebClient, installation: Callable[[], Awaitable[Installation]]) -> None:
        self._client = client
        self._installation = installation

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        """The active members of a user group of our workspace (usergroups.users.list leaves out disabled groups)."""
        team, _, subteam = group.partition("/")
        if kind != USERGROUP or not subteam:
            raise DirectoryAway(what=f"Slack has no groups like {kind}: {group}")
        ours = await self._ours()
        if team != ours.team:
            raise DirectoryAway(
                what=f"the user group {group} is of another Slack workspace than the bot token, which is of {ours.team}"
            )
        answer = await self._call("usergroups_users_list", subteam, usergroup=subteam)
        users = answer.get("users")
        if not isinstance(users, list):
            raise DirectoryAway(what="Slack's answer names no users")
        named = (user for user in cast("list[object]", users) if isinstance(user, str) and user)
        return frozenset(Principal(chat="slack", tenant=ours.team, user=user) for user in named)

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        """By the flags of users.info, which a deactivation or a change to a guest sets at once (I18)."""
        ours = await self._ours()
        if who.tenant != ours.team:
            return "belong to another Slack workspace"
        if who.user == SLACKBOT:
            return "are an app"
        try:
            answer = await self._call("users_info", who.user, user=who.user)
        except _NoSuchUserError:
            return "are not known in this Slack workspace"
        except _NoSuchMethodError:
            return None  # no Slack, but something that stands in for it and knows no flags
        user: object = answer.get("user")
        if not isinstance(user, dict) or cast("Json", user).get("id") != who.user:
            raise DirectoryAway(what="Slack's answer is about nobody")
        return _standing(cast("Json", user), ours.team)

    async def _ours(self) -> Installation:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._installation()
        except (ChatError, TimeoutError) as error:
            raise DirectoryAway(what="Slack cannot be reached") from error

    async def _call(self, method: str, who: str, **arguments: Any) -> Mapping[str, Any]:
        """Raises DirectoryAway for every refusal but that of an unknown user."""
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await getattr(self._client, method)(**arguments)
        except faults.FAILURES as error:
            code = faults.code(error)
            if code in _UNKNOWN:
                raise _NoSuchUserError from error
            if code == "unknown_method" and method == "users_info":
                raise _NoSuchMethodError from error
            raise DirectoryAway(what=_why(error, code, method, who)) from error
        return cast("Mapping[str, Any]", answer.data)


class _NoSuchUserError(Exception):
    """users.info knows nobody by this id."""


class _NoSuchMethodError(Exception):
    """There is no users.info."""


def _why(error: BaseException, code: str, method: str, who: str) -> str:
    if code in _AWAY:
        return _AWAY[code].format(scope=_SAYS[method], who=who)
    return f"Slack answered {code}" if isinstance(error, SlackApiError) else f"Slack cannot be reached ({code})"


def _standing(user: Json, team: str) -> str | None:
    """The rest of a sentence that begins with "You". Slack leaves out flags that are false (User object reference)."""
    if user.get("deleted"):
        return "are deactivated in this Slack workspace"
    if any(user.get(flag) for flag in ("is_bot", "is_workflow_bot", "is_connector_bot")):
        return "are an app"
    if user.get("is_stranger") or user.get("team_id", team) != team:
        return "belong to another Slack workspace"
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "are a guest in this Slack workspace"
    return None
