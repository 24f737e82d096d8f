"""What a Web API method works with: the workspace, the checks in force, and how to find what arguments name."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from signoff_sim import world
from signoff_sim.slack.faults import Checks, Faults
from signoff_sim.slack.records import Channel, User
from signoff_sim.slack.shape import Json, SlackError, as_text
from signoff_sim.slack.workspace import Workspace


class Sockets(Protocol):
    def invite(self) -> str:
        """A fresh single-use WebSocket address."""
        ...


@dataclass(frozen=True, slots=True)
class Office:
    workspace: Workspace
    checks: Checks
    faults: Faults
    sockets: Sockets

    def channel(self, args: Json, name: str = "channel") -> Channel:
        """The conversation an argument names by id. Raises SlackError: `invalid_arguments`, `channel_not_found`."""
        wanted = required(args, name)
        channel = self.workspace.channels.get(wanted)
        if channel is None:
            raise SlackError("channel_not_found")
        return channel

    def is_archived(self, channel: Channel) -> bool:
        return channel.is_archived or channel.id in self.faults.archived

    def is_member(self, channel: Channel) -> bool:
        if not self.checks.membership:
            return True
        return world.SLACK_BOT in channel.members and channel.id not in self.faults.not_in_channel

    def user(self, args: Json, name: str = "user") -> User:
        user = self.workspace.users.get(required(args, name))
        if user is None:
            raise SlackError("user_not_found")
        return user

    def as_seen(self, user: User) -> User:
        """The user with injected deactivation applied."""
        if user.id in self.faults.deactivated:
            user.deleted = True
        return user


@dataclass(frozen=True, slots=True)
class Method:
    handler: Callable[[Office, Json], Json]
    scopes: tuple[str, ...] = ()
    """One of these is needed."""
    app_token: bool = False
    """Called with the app-level token (`xapp-…`)."""
    per_channel: bool = False
    """Counts against the about one message per second and channel."""


def required(args: Json, name: str) -> str:
    """Raises SlackError `invalid_arguments` when the argument is missing."""
    value = as_text(args.get(name))
    if not value:
        raise SlackError("invalid_arguments", [f"missing required field: {name}"])
    return value


def page(rows: list[Any], args: Json, key: str, most: int = 1000) -> Json:
    """One page of a list, with Slack's opaque `next_cursor`. Raises SlackError `invalid_cursor`, `invalid_limit`."""
    try:
        start = int(base64.b64decode(as_text(args.get("cursor")), validate=True) or b"0")
    except ValueError as error:
        raise SlackError("invalid_cursor") from error
    try:
        limit = int(as_text(args.get("limit")) or 100) or 100
    except ValueError as error:
        raise SlackError("invalid_limit") from error
    if not 0 < limit <= most:
        raise SlackError("invalid_limit")
    rest = len(rows) > start + limit
    cursor = base64.b64encode(str(start + limit).encode()).decode() if rest else ""
    return {key: rows[start : start + limit], "response_metadata": {"next_cursor": cursor}}
