"""Text as text (I12).

A TextBlock reads Markdown and `{{DATE(…)}}`; a TextRun reads no Markdown, but clients expand the date functions in it
as well (adaptivecards 3.x). So what comes from outside goes into TextRuns, and two braces never stand in the same one.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

Json = dict[str, object]

NBSP = "\u00a0"
_BRACES = re.compile(r"(?<=\{)(?=\{)")
_SPACES = re.compile(r"(?m)(?:^ | (?= ))")
"""Spaces that HTML would swallow."""


def size(value: object) -> int:
    """Bytes of JSON in plain ASCII with spaces, the longest form any client library writes."""
    return len(json.dumps(value))


def clip(text: str, room: int) -> str:
    """As much of `text` as takes `room` bytes of JSON, with `…` if that is not all."""
    if size(text) <= room:
        return text
    return text[: fit(text, room - size("…"))] + "…"


def fit(text: str, room: int) -> int:
    """How many leading characters of `text` take at most `room` bytes of JSON (quotes included)."""
    low, high = 0, min(len(text), max(room, 0))
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def runs(text: str, **style: object) -> list[Json]:
    """TextRuns that show exactly this one line of text."""
    shown = _SPACES.sub(NBSP, text.replace("\t", "    "))
    return [{"type": "TextRun", "text": part, **style} for part in _BRACES.split(shown) if part]


def line(*inlines: list[Json], **block: object) -> Json:
    """One paragraph of runs."""
    return {"type": "RichTextBlock", "inlines": [run for part in inlines for run in part], **block}


def paragraph(text: str, *lead: Json, **style: object) -> list[Json]:
    """Text of several lines, one paragraph each; `lead` stands before the first."""
    first, *rest = text.split("\n")
    blocks = [line(list(lead), runs(first, **style))]
    blocks += [line(runs(part, **style) or runs(NBSP), spacing="None") for part in rest]
    return blocks


def label(text: str, room: int = 400) -> str:
    """Text for places that take a bare string (labels, choices, placeholders): braces apart, on one line."""
    return clip(_BRACES.sub(" ", " ".join(text.split())), room)


def moment(at: datetime) -> Json:
    """A time in the reader's own zone. The only TextBlock there is: nobody else's text stands in it."""
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "TextBlock",
        "text": f"{{{{DATE({stamp}, SHORT)}}}} {{{{TIME({stamp})}}}}",
        "wrap": True,
        "isSubtle": True,
        "spacing": "Small",
    }
