"""What a workspace is made of: people, messages, channels, views, and the tickets between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from signoff_sim import world
from signoff_sim.slack.shape import Json, as_list

APP = "A0SIGNOFF"
BOT = "B0SIGNOFF"
TEAM_DOMAIN = "demo"
VERIFICATION_TOKEN = "unused"


@dataclass(slots=True)
class User:
    id: str
    person: str
    """Id in signoff_sim.world, or the user id for people added later."""
    name: str
    email: str
    title: str = ""
    team: str = world.SLACK_TEAM
    zone: str = "Europe/Berlin"
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    """A guest of several channels."""
    is_ultra_restricted: bool = False
    """A guest of one channel."""
    is_stranger: bool = False
    """Of another workspace, through a shared channel."""


@dataclass(slots=True)
class UserGroup:
    id: str
    name: str
    handle: str
    users: list[str]
    disabled: bool = False


@dataclass(slots=True)
class Message:
    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Any] = field(default_factory=list[Any])
    thread_ts: str | None = None
    metadata: Json | None = None
    edited: str | None = None
    """ts of the last edit."""
    only_for: str | None = None
    """The one user who sees it: an ephemeral message."""

    @property
    def by_bot(self) -> bool:
        return self.user == world.SLACK_BOT


@dataclass(slots=True)
class Channel:
    id: str
    name: str
    members: set[str]
    with_user: str | None = None
    """Set on a direct message between this user and the bot."""
    is_private: bool = False
    is_archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict[str, Message])


@dataclass(slots=True)
class View:
    id: str
    user: str
    definition: Json
    hash: str
    root: str
    previous: str | None
    values: dict[tuple[str, str], Json]
    """What the person has entered so far: (block_id, action_id) → the element's state."""
    unsent: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Keys of `values` that were typed, and that the app hears of with Enter only."""
    errors: dict[str, str] = field(default_factory=dict[str, str])
    """block_id → the sentence that stands at the field."""
    trouble: str = ""
    """What Slack says above the fields when the app's answer was missing or unusable."""

    @property
    def blocks(self) -> list[Any]:
        return as_list(self.definition.get("blocks"))


@dataclass(slots=True)
class Trigger:
    user: str
    expires: float
    used: bool = False
    from_modal: bool = False


@dataclass(slots=True)
class ResponseUrl:
    user: str
    channel: str
    message: str | None
    """ts of the message the interaction came from."""
    expires: float
    uses: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something Slack itself tells one person."""

    id: int
    at: float
    text: str
    kind: Literal["error", "info"] = "error"
    channel: str | None = None
    ts: str | None = None
