"""What Slack makes of typed text before an app gets it (docs.slack.dev, slash commands: escaping). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ADDRESS = re.compile(r"https?://[^\s|]+")
_NAME = re.compile(r"(?<![\w@])@([\w.-]*\w)")
_CHANNEL = re.compile(r"(?<![\w#])#([\w-]+)")


def escaped(text: str, people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """`should_escape`: control characters as entities, known people, channels and addresses as `<…>`.

    `people`, `channels`: name → id. Somebody whom Slack does not know stays as typed.
    """
    said = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    said = _ADDRESS.sub(lambda found: f"<{found.group()}>", said)

    def person(found: re.Match[str]) -> str:
        user = people.get(found.group(1).lower())
        return f"<@{user}|{found.group(1)}>" if user else found.group()

    def channel(found: re.Match[str]) -> str:
        there = channels.get(found.group(1))
        return f"<#{there}|{found.group(1)}>" if there else found.group()

    return _CHANNEL.sub(channel, _NAME.sub(person, said))
