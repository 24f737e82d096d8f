"""Messages as botbuilder's activities: one card, or plain words."""
# botbuilder ships no types: this module, connector.py and app.py are the only ones that touch it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeArgument=false, reportUnknownParameterType=false

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botbuilder.schema import Activity, Attachment, ChannelAccount, Mention

from signoff_teams.render import CARD, Json

LONGEST = 8_000
"""Characters of a text, each of up to 12 bytes as it is sent; a message may take about 100 KB ("Format your bot
messages").
"""


@dataclass(frozen=True, slots=True)
class Called:
    """Somebody who is called by name."""

    id: str
    """The `29:` id under which this bot sees that person."""
    name: str


def card_message(card: Json, summary: str) -> Any:
    """A message activity that is one card."""
    return Activity(type="message", summary=summary, attachments=[Attachment(content_type=CARD, content=card)])


def text_message(text: str, people: Sequence[Called] = ()) -> Any:
    """A message activity that says exactly this, after the names of those whom Teams is to tell.

    As `xml` it reads no Markdown, and nothing in it is a tag that was not made here (I12); a mention is one, bound to
    its person by an entity ("Channel and group chat conversations").
    """
    tags = [f"<at>{html.escape(one.name)}</at>" for one in people]
    entities = [
        Mention(type="mention", text=tag, mentioned=ChannelAccount(id=one.id, name=one.name))
        for tag, one in zip(tags, people, strict=True)
    ]
    text = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    said = html.escape(text).replace("\n", "<br>")
    return Activity(
        type="message",
        text_format="xml",
        text="<br>".join(filter(None, [", ".join(tags), said])),
        entities=entities or None,
    )
