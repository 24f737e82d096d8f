"""What a sent activity shows: one card, or words with mentions. Errors are those of the Bot Connector."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from signoff_sim.teams import cards
from signoff_sim.teams.answers import Fault, at, refused_card
from signoff_sim.teams.rules import Rules

Json = dict[str, Any]

FORMATS = frozenset({"plain", "markdown", "xml"})
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Content:
    type: str
    text: str
    """As people read it. Markdown stays as it is written: this simulator draws none."""
    card: Json | None
    mentions: tuple[str, ...] = ()
    """The names that Teams highlights and tells."""


def read(activity: Json, rules: Rules, knows: Callable[[str], bool]) -> Content:
    """`knows`: whether an id belongs to somebody in that conversation. Raises Fault."""
    kind = activity.get("type", "message")
    if kind == "typing":
        return Content("typing", "", None)
    if kind != "message":
        raise Fault(400, "BadSyntax", f"Activities of type {kind!r} cannot be sent.")
    attachments = cast("list[Json]", activity.get("attachments") or [])
    shown = [item for item in attachments if item.get("contentType") == cards.CONTENT_TYPE]
    if len(shown) != len(attachments) or len(shown) > 1:
        raise Fault(400, "BadArgument", "This simulator shows one Adaptive Card a message and no other attachment.")
    text = activity.get("text") or ""
    if not isinstance(text, str) or (not text and not shown):
        raise Fault(400, "BadSyntax", "Activity resulted into multiple skype activities or into none.")
    form = activity.get("textFormat") or "markdown"
    if form not in FORMATS:
        raise Fault(400, "BadSyntax", f"textFormat {form!r} is not one of {', '.join(sorted(FORMATS))}.")
    card: Json | None = shown[0].get("content") if shown else None
    if shown and rules.check_cards and (found := cards.faults(card, rules)):
        raise refused_card(found)
    words, mentions = _words(text, form, activity, knows)
    return Content("message", words, card, mentions)


def _words(text: str, form: str, activity: Json, knows: Callable[[str], bool]) -> tuple[str, tuple[str, ...]]:
    """The text as it is read, and who is mentioned in it. Raises Fault."""
    names: list[str] = []
    for entity in cast("list[Json]", activity.get("entities") or []):
        if entity.get("type") != "mention":
            continue
        tag, who, name = entity.get("text"), at(entity, "mentioned", "id"), at(entity, "mentioned", "name")
        if not isinstance(tag, str) or tag not in text or not isinstance(name, str):
            raise Fault(400, "BadArgument", "A mention's text has to stand in the message's text.")
        if not isinstance(who, str) or not knows(who):
            raise Fault(400, "BadArgument", "A mention names somebody who is not in this conversation.")
        text = text.replace(tag, f"\0{len(names)}\0", 1)
        names.append(name)
    if form == "xml":
        text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))
    for index, name in enumerate(names):
        text = text.replace(f"\0{index}\0", f"@{name}")
    return text, tuple(names)
