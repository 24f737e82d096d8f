"""Text as text (I12).

A TextBlock reads Markdown and `{{DATE(…)}}`; a TextRun reads no Markdown, but clients expand the date functions in it
as well (adaptivecards 3.x). So what comes from outside goes into TextRuns, cut between the braces of whatever could be
a function. The words beside a tick are a bare string that the same clients read as Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

Json = dict[str, object]

NBSP = "\u00a0"
HAIR = "\u200a"
"""The thinnest space: what is kept apart by it looks nearly as it was written."""
_BRACES = re.compile(r"(?<=\{)(?=\{(?!\{))")
"""Between two braces before anything that could be a function's name."""
_MARKS = re.compile(
    r"(?<=\*)(?=\S)"  # *emphasis*
    r"|(?<=(?<![^\W_])_)(?=\S)|(?<=_)(?=_)"  # _emphasis_, not in_a_name
    r"|(?<=~)(?=~)|(?<=\])(?=[(\[:])|(?<=!)(?=\[)"  # ~~gone~~, [link](…), ![image](…)
    r"|(?<=<)(?=[^\s<])|(?<=&)(?=#?\w+;)"  # <https://…>, &lt;
    r"|(?<=\\)(?=[!-/:-@\[-`{-~])|(?<=`)(?=`)"  # \*
)
"""Within whatever Markdown reads as a mark of its own: with a space there, it is a character again (CommonMark)."""
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
    return _most(text, room, size)


def _most(text: str, room: int, cost: Callable[[str], int]) -> int:
    low, high = 0, min(len(text), max(room, 0))
    while low < high:
        middle = (low + high + 1) // 2
        if cost(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def spaced(text: str) -> str:
    """The same text with every space visible in HTML."""
    return _SPACES.sub(NBSP, text.replace("\t", "    "))


def single(text: str) -> str:
    """Text on one line, with single spaces."""
    return " ".join(text.split())


def joined(text: str) -> str:
    """Several lines on one, with one sign for each end of a line: the core may have put it there already."""
    return text.replace("↵\n", "\n").replace("\n", " ↵ ")


def runs(text: str, **style: object) -> list[Json]:
    """TextRuns that show exactly this one line of text."""
    return [{"type": "TextRun", "text": part, **style} for part in _BRACES.split(spaced(text)) if part]


def fit_runs(text: str, room: int) -> int:
    """How many leading characters of `text` can be shown in runs of at most `room` bytes of JSON."""
    return _most(text, room, lambda part: size(runs(part)))


def brief(text: str, room: int, **style: object) -> list[Json]:
    """One line of text in runs of about `room` bytes of JSON, with `…` if that is not all."""
    text = single(text)
    shown = runs(text, **style)
    return shown if size(shown) <= room else runs(text[: fit_runs(text, room)] + "…", **style)


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
    return clip(_BRACES.sub(" ", single(text)), room)


def tick(text: str, room: int = 400) -> str:
    """A label beside a tick, where nothing is Markdown (`useMarkdownInRadioButtonAndCheckbox` of adaptivecards)."""
    return clip(_MARKS.sub(HAIR, _BRACES.sub(" ", single(text))), room)


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
