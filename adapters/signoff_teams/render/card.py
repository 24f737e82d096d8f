"""The neutral Card as an Adaptive Card 1.5. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from signoff.cards import Button, Card, Fact, Row
from signoff_teams.render.text import Json, brief, clip, joined, line, moment, paragraph, runs, single, size

LIMIT = 25_000
"""Bytes of a card. Teams takes about 100 KB a message, older documents say 28 KB ("Format your bot messages")."""
VERSION = "1.5"
Mode = Literal["inline", "dialog"]
"""In the card's place for one person (works in every client), or in a window of its own."""

TONES = {"neutral": "Default", "good": "Good", "bad": "Attention", "warning": "Warning"}
RISKS = {
    "low": ("Low risk", "Good"),
    "medium": ("Medium risk", "Accent"),
    "high": ("High risk", "Warning"),
    "critical": ("Critical risk", "Attention"),
}
NAME_WORD = 10
VALUE_WORD = 20
"""Characters of one word that a column holds on a phone. Text breaks at spaces, and not in every client elsewhere; with
a longer word in its name or value, an argument takes the full width, its name above its value."""
STYLES = {"primary": "positive", "danger": "destructive", "plain": "default"}


@dataclass(frozen=True, slots=True)
class _Room:
    """How much is shown; the rest is counted, and is in the details."""

    text: int
    """Bytes of JSON that one text may take."""
    rows: int
    facts: int
    flat: bool = True
    """Line breaks are shown as ↵ instead of new paragraphs."""


_ROOMS = (
    _Room(LIMIT, 1000, 1000, flat=False),
    _Room(3000, 1000, 1000, flat=False),
    _Room(1500, 100, 100),
    _Room(700, 60, 30),
    _Room(300, 40, 20),
    _Room(150, 25, 12),
    _Room(80, 12, 6),
    _Room(40, 4, 3),
    _Room(24, 3, 2),
)


def single_card(shown: Card, notice: str = "") -> Json:
    """The card, at most LIMIT bytes whatever it holds. `notice`: one line on top for the person who clicked."""
    built: Json = {}
    for room in _ROOMS:
        built = _card(shown, notice, room)
        if size(built) <= LIMIT:
            break
    return built


def _card(shown: Card, notice: str, room: _Room) -> Json:
    cut = room is not _ROOMS[0] and _arguments_cut(shown.arguments, room)
    withheld = ("approve", "confirm") if cut and shown.risk in ("high", "critical") else ()
    buttons = [button for button in shown.buttons if button.action not in withheld]
    body: list[Json] = [*banner(notice)]
    body.append(line(runs(_flat(shown.title, room), size="Large", weight="Bolder")))
    head = runs(_flat(shown.status, room), weight="Bolder", color=TONES[shown.tone])
    if shown.risk is not None:
        word, colour = RISKS[shown.risk]
        head = [*runs(f"▲ {word}", weight="Bolder", color=colour), *runs(" · "), *head]
    body.append(line(head, spacing="Small"))
    for fact in shown.facts[: room.facts]:
        body += _fact(fact, room)
    body += _table(shown, room)
    if len(buttons) < len(shown.buttons):
        body += note("Not everything fits here: open the details to see all of it before approving.", "Warning")
    for fact in shown.footer[: room.facts]:
        body += _fact(fact, room)
    data: Json = {"request": shown.request_id, "version": shown.version}
    return document(body, [decide(button, data, room.text) for button in buttons])


def document(body: Iterable[Json], actions: Iterable[Json]) -> Json:
    return {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": VERSION,
        "body": list(body),
        "actions": list(actions),
    }


def execute(verb: str, title: str, data: Json, style: str = "default", *, inputs: bool = True) -> Json:
    """A button that invokes the bot; `inputs=False` leaves what is typed alone."""
    action: Json = {"type": "Action.Execute", "title": title, "verb": verb, "data": data}
    if style != "default":
        action["style"] = style
    if not inputs:
        action["associatedInputs"] = "none"
    return action


def press(mode: Mode, verb: str, title: str, data: Json, style: str = "default", *, inputs: bool = True) -> Json:
    """A button, in a card's place or in a window, which takes no Action.Execute."""
    if mode == "inline":
        return execute(verb, title, data, style, inputs=inputs)
    action: Json = {"type": "Action.Submit", "title": title, "data": {**data, "verb": verb}}
    if style != "default":
        action["style"] = style
    if not inputs:
        action["associatedInputs"] = "none"
    return action


def window(verb: str, data: Json) -> Json:
    """A button that opens a window; not every client knows them, so that it is never the only way."""
    carried: Json = {**data, "verb": verb, "msteams": {"type": "task/fetch"}}
    return {"type": "Action.Submit", "title": "Open in a window", "data": carried}


def decide(button: Button, data: Json, room: int = 200) -> Json:
    """A neutral button, here and in the details."""
    return execute(button.action, clip(button.label, min(room, 200)), data, STYLES[button.style])


def banner(text: str) -> list[Json]:
    """A line for the person who clicked, set apart from the card."""
    if not text.strip():
        return []
    items = [line(brief(text, 2500, weight="Bolder"))]
    return [{"type": "Container", "style": "attention", "items": items}]


def note(text: str, colour: str = "Default") -> list[Json]:
    return [line(runs(text, color=colour, italic=True, size="Small"), spacing="Small")]


def shortened(text: str, hidden: int, room: int) -> str:
    """Text that says how much of it is missing."""
    kept = text if size(text) <= room else text[: max(1, len(clip(text, room)) - 1)]
    hidden += len(text) - len(kept)
    return f"{kept}… (+{hidden} characters)" if hidden else kept


def fact_blocks(fact: Fact, room: int, *, flat: bool = False) -> list[Json]:
    """A labelled text, link or time."""
    text = shortened(fact.text, fact.hidden, room)
    if flat:
        text = joined(text)
    head = runs(f"{clip(fact.label, 200)}: ", weight="Bolder")
    if fact.url and _is_web(fact.url) and size(fact.url) <= max(room, 500):
        link = {"type": "Action.OpenUrl", "url": fact.url}
        return [line(head, runs(single(text or fact.url), selectAction=link), spacing="Small")]
    blocks: list[Json] = []
    if fact.text or fact.moment is None:
        # Several lines stand below their label: beside it the first would be another column.
        blocks = paragraph(f"\n{text}" if "\n" in text else text, *head)
        blocks[0]["spacing"] = "Small"
        head = []
    if fact.moment is not None:
        blocks.append(_timed(head, fact.moment))
    return blocks


def _timed(head: list[Json], at: datetime) -> Json:
    if not head:
        return moment(at)
    stamp = {**moment(at), "isSubtle": False, "spacing": "None"}
    columns: list[Json] = [
        {"type": "Column", "width": "auto", "items": [line(head)]},
        {"type": "Column", "width": "stretch", "spacing": "Small", "items": [stamp]},
    ]
    return {"type": "ColumnSet", "spacing": "Small", "columns": columns}


def _fact(fact: Fact, room: _Room) -> list[Json]:
    return fact_blocks(fact, room.text, flat=room.flat)


def _table(shown: Card, room: _Room) -> list[Json]:
    rows: list[Json] = [_row(row, room, first=index == 0) for index, row in enumerate(shown.arguments[: room.rows])]
    missing = shown.arguments_hidden + max(0, len(shown.arguments) - room.rows)
    if missing:
        rows += note(f"… and {missing} more arguments, see Details.")
    return [{"type": "Container", "style": "emphasis", "items": rows}] if rows else []


def _row(row: Row, room: _Room, *, first: bool) -> Json:
    # The space stands at the end of the name, where it may break the line; at the start of a run it would not.
    name = line(
        runs(f"{_flat(row.name, room)} ", weight="Bolder"),
        runs(row.kind, isSubtle=True, size="Small"),
    )
    value = shortened(row.text, row.hidden, room.text)
    before: list[Json] = []
    if row.before is not None:
        old = _flat(row.before, room) if row.before else "(new)"
        before = [*runs(old, strikethrough=bool(row.before), fontType="Monospace"), *runs(" → ")]
    weight = "Bolder" if row.before is not None else "Default"
    if room.flat:
        value = joined(value)
    values = paragraph(value, *before, fontType="Monospace", weight=weight)
    if _longest(row.name) > NAME_WORD or max(_longest(value), _longest(row.before or "")) > VALUE_WORD:
        values[0]["spacing"] = "None"
        return {"type": "Container", "separator": not first, "spacing": "Small", "items": [name, *values]}
    return {
        "type": "ColumnSet",
        "separator": not first,
        "spacing": "Small",
        "columns": [
            {"type": "Column", "width": 1, "items": [name]},
            {"type": "Column", "width": 2, "items": values},
        ],
    }


def _longest(text: str) -> int:
    return max(map(len, text.split()), default=0)


def _flat(text: str, room: _Room) -> str:
    return joined(clip(text, room.text))


def _arguments_cut(rows: tuple[Row, ...], room: _Room) -> bool:
    texts = (part for row in rows for part in (row.name, row.text, row.before or ""))
    return len(rows) > room.rows or any(size(text) > room.text for text in texts)


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False
