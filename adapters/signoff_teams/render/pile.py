"""The card of several requests as an Adaptive Card. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from signoff.cards import Card, Item
from signoff_teams.render.card import LIMIT, RISKS, TONES, banner, decide, document, execute, fact_blocks, note
from signoff_teams.render.text import Json, brief, line, runs, size


@dataclass(frozen=True, slots=True)
class _Room:
    title: int
    """Bytes of JSON that one title may take."""
    text: int
    """Bytes of JSON of one line of arguments, or of one fact."""


_ROOMS = (_Room(1500, 3000), _Room(700, 900), _Room(300, 400), _Room(150, 200), _Room(90, 0))


def pile(shown: Card, notice: str = "") -> Json:
    """The card, at most LIMIT bytes whatever it holds. `notice`: one line on top for the person who clicked."""
    built: Json = {}
    for room in _ROOMS:
        built = _pile(shown, notice, room)
        if size(built) <= LIMIT:
            break
    return built


def _pile(shown: Card, notice: str, room: _Room) -> Json:
    data: Json = {"request": shown.request_id, "version": shown.version}
    body: list[Json] = [*banner(notice), line(brief(shown.title, room.title, size="Large", weight="Bolder"))]
    head = brief(shown.status, room.title, weight="Bolder", color=TONES[shown.tone])
    if shown.risk is not None:
        word, colour = RISKS[shown.risk]
        head = [*runs(f"▲ {word}", weight="Bolder", color=colour), *runs(" · "), *head]
    body.append(line(head, spacing="Small"))
    facts = [block for fact in (*shown.facts, *shown.footer)[:12] for block in fact_blocks(fact, max(room.text, 40))]
    items: list[Json] = [_item(item, data, room, first=not index) for index, item in enumerate(shown.items)]
    if shown.items_hidden:
        items += note(f"… and {shown.items_hidden} more.")
    body += facts
    if items:
        body.append({"type": "Container", "style": "emphasis", "items": items})
    return document(body, [decide(button, data) for button in shown.buttons])


def _item(item: Item, data: Json, room: _Room, *, first: bool) -> Json:
    said = brief(item.status, 160, color=TONES[item.tone], size="Small")
    title = brief(item.title, room.title, weight="Bolder")
    texts: list[Json] = [line(title, runs(" · "), said) if item.status else line(title)]
    if room.text and item.text:
        texts.append(line(brief(item.text, room.text, fontType="Monospace", size="Small"), spacing="None"))
    columns: list[Json] = [{"type": "Column", "width": "stretch", "items": texts}]
    if item.open:
        look = execute("one", "Open", {**data, "one": item.request_id})
        actions: Json = {"type": "ActionSet", "actions": [look]}
        columns.append({"type": "Column", "width": "auto", "verticalContentAlignment": "Center", "items": [actions]})
    return {"type": "ColumnSet", "separator": not first, "spacing": "Small", "columns": columns}
