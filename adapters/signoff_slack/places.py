"""Places of this chat: `slack:#refunds`, `slack:C0123`, `slack:C0123/1700000000.000100`, `slack:@ada`, `slack:T0123/…`.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEAM = re.compile(r"[TE][A-Z0-9]{2,}")
_USER = re.compile(r"[UW][A-Z0-9]{2,}")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,}")
_TS = re.compile(r"\d{9,11}\.\d{1,6}")


@dataclass(frozen=True, slots=True)
class Place:
    """Exactly one of `channel` (id), `name` (without #), `user` (id) and `person` (the policy's) is set."""

    team: str | None = None
    channel: str | None = None
    name: str | None = None
    user: str | None = None
    person: str | None = None
    thread: str | None = None
    """ts of the thread's first message."""


def place(text: str) -> Place | None:
    """None when the text is no place of Slack's."""
    chat, _, rest = text.partition(":")
    if chat != "slack":
        return None
    first, slash, after = rest.partition("/")
    team = None
    if slash and _TEAM.fullmatch(first):
        team, rest = first, after
    where, slash, ts = rest.partition("/")
    thread = ts if slash else None
    if thread is not None and not _TS.fullmatch(thread):
        return None
    if where.startswith("#") and len(where) > 1:
        return Place(team, name=where[1:], thread=thread)
    if where.startswith("@") and len(where) > 1:
        who = where[1:]
        if _USER.fullmatch(who):
            return Place(team, user=who, thread=thread)
        return Place(team, person=who, thread=thread)
    return Place(team, channel=where, thread=thread) if _CHANNEL.fullmatch(where) else None
