"""The full view for one person: every fact and the arguments as JSON, over as many pages as it takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from signoff.cards import Details, Fact
from signoff_teams.render.card import LIMIT, decide, document, execute, fact_blocks
from signoff_teams.render.text import Json, brief, line, runs, size

ROOM = LIMIT - 4000
"""Bytes of JSON for the text of one page."""
LINE = 5000
"""Bytes of JSON of one paragraph; longer lines go on in the next."""


def details(shown: Details, number: int = 0) -> Json:
    """One page. What can be decided from here stands on the last one, where everything has been seen (I11)."""
    pages = sheets([[block] for block in details_blocks(shown)], ROOM)
    number = min(max(number, 0), len(pages) - 1)
    count = f" · page {number + 1} of {len(pages)}" if len(pages) > 1 else ""
    body = [line(brief(shown.title, 1000, size="Large", weight="Bolder"), runs(count))]
    data: Json = {"request": shown.request_id, "version": shown.version}
    actions: list[Json] = []
    if number + 1 < len(pages):
        actions.append(execute("details", "Next page", {**data, "page": number + 1}))
    else:
        actions += [decide(button, data) for button in shown.buttons]
    if number:
        actions.append(execute("details", "Previous page", {**data, "page": number - 1}))
    actions.append(execute("show", "Back", data))
    return document([*body, *pages[number]], actions)


def details_blocks(shown: Details) -> list[Json]:
    """Everything but the title, each block at most about LINE bytes of JSON."""
    blocks = _facts(shown.facts)
    for number, text in enumerate(shown.json.split("\n")):
        for part in _chunks(text) or [" "]:
            blocks.append(line(runs(part, fontType="Monospace"), spacing="None" if number else "Medium"))
    after = _facts(shown.footer)
    if after:
        after[0] = {**after[0], "spacing": "Medium", "separator": True}
    return [*blocks, *after]


def _facts(found: Iterable[Fact]) -> list[Json]:
    blocks: list[Json] = []
    for fact in found:
        for part in _chunks(fact.text) or [""]:
            blocks += fact_blocks(replace(fact, text=part), LIMIT)
    return blocks


def sheets(parts: Iterable[list[Json]], room: int) -> list[list[Json]]:
    """Blocks on pages of so many bytes of JSON, none of these parts torn apart; at least one page."""
    pages: list[list[Json]] = [[]]
    left = room
    for part in parts:
        cost = size(part)  # a comma more and its brackets less
        if cost > left and pages[-1]:
            pages.append([])
            left = room
        pages[-1] += part
        left -= cost
    return pages


def _chunks(text: str) -> list[str]:
    """The text in pieces that each fit into one paragraph."""
    parts: list[str] = []
    start, step = 0, LINE
    while start < len(text):
        step = min(2 * step, LINE)
        while step > 1 and size(runs(text[start : start + step])) > LINE:
            step //= 2
        parts.append(text[start : start + step])
        start += step
    return parts
