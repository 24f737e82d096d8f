"""Sentences around cards: what is said in a card's thread, and the private answer to a command. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from signoff.model import Principal
from signoff_slack.text import SECTION_TEXT, Json, cut, head, markup, pieces, plain, summary, units

MENTIONS = 100
"""People called by name in one message; each takes about fifteen of a section's 3000 characters."""
NOTIFIED = 25
"""People named in the line of the notification, which has 4000 characters."""
ANSWER = 11_000
"""Code units of the answer to a command; below Slack's limit for one message."""
PART = 2900


def said(text: str, people: Sequence[Principal]) -> Json:
    """`text` and `blocks` of a message in a card's thread. Only our own mentions are mentions (I12)."""
    called = [f"<@{who.user}>" for who in people[:MENTIONS]]
    blocks: list[Json] = [{"type": "section", "text": markup(" ".join(called))}] if called else []
    blocks.append({"type": "section", "text": plain(cut(text, SECTION_TEXT))})
    return {"text": " ".join([*called[:NOTIFIED], summary(text)]), "blocks": blocks}


def private(text: str) -> Json:
    """The answer to a command, for the one who typed it; what does not fit is counted."""
    blocks: list[Json] = [{"type": "section", "text": plain(part)} for part in _parts(_fitting(text))]
    return {"response_type": "ephemeral", "text": summary(text), "blocks": blocks}


def _fitting(text: str) -> str:
    if units(text) <= ANSWER:
        return text
    shown = head(text, ANSWER - 60)
    whole = shown.rpartition("\n")[0] or shown
    left = len(text) - len(whole)
    return f"{whole}\n… ({left:,} more characters; ask for less)"


def _parts(text: str) -> Iterable[str]:
    """Whole lines together, as many as one section takes; a longer line in pieces."""
    pending = ""
    for line in text.splitlines() or [""]:
        for piece in pieces(line, PART) if line else ("",):
            if pending and units(pending) + units(piece) >= PART:
                yield cut(pending, SECTION_TEXT)
                pending = piece
            else:
                pending = f"{pending}\n{piece}" if pending else piece
    yield cut(pending, SECTION_TEXT)
