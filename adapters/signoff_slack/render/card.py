"""A neutral card → one Slack message. Pure; always within Slack's limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from signoff.cards import Button, Card, Fact, Item, Row
from signoff_slack import ids
from signoff_slack.check import MESSAGE_BLOCKS, MESSAGE_CHARACTERS, weight
from signoff_slack.text import FIELD_TEXT, Json, bold, cut, date, link, markup, name, plain, summary, units

TONES = {"neutral": "⏳", "good": "✅", "bad": "⛔", "warning": "⚠️"}
RISKS = {"low": "🟢 Low risk", "medium": "🟡 Medium risk", "high": "🔴 High risk", "critical": "🚨 Critical risk"}
WIDE = 60
"""Characters above which a value gets the full width instead of a column."""
PAIRS = 5
"""Rows of two columns in one section; Slack takes ten fields."""
ITEMS = 20
"""Requests on the card of a pile."""
CONTEXT = 10
"""Elements of one context block."""
HEADER = 150
APPROVALS = {"approve", "confirm"}
WITHHELD = "This card is too small for all of the arguments: open Details to see everything and approve there."
WHEN = "When"
"""The label of a moment that belongs to the text before it."""


@dataclass(frozen=True, slots=True)
class _Room:
    """How much one attempt shows."""

    characters: int
    facts: int
    rows: int


_ROOMS = (
    _Room(1900, 20, 40),
    _Room(700, 20, 40),
    _Room(250, 16, 30),
    _Room(120, 12, 12),
    _Room(80, 10, 5),
)
"""Tried in this order until everything fits; the last one always does."""


def message(card: Card) -> Json:
    """`text`, `blocks` and `metadata` of chat.postMessage and chat.update."""
    blocks: list[Json] = []
    for room in _ROOMS:
        blocks = _blocks(card, room)
        if len(blocks) <= MESSAGE_BLOCKS and weight(blocks) <= MESSAGE_CHARACTERS:
            break
    return {
        "text": summary(card.summary),
        "blocks": blocks,
        "metadata": {
            "event_type": ids.EVENT_TYPE,
            "event_payload": {"request_id": card.request_id, "rev": card.rev, "purpose": card.purpose},
        },
    }


def _blocks(card: Card, room: _Room) -> list[Json]:
    title = name(card.title, HEADER)
    blocks: list[Json] = [{"type": "header", "text": plain(title)}]
    if title.endswith("…") and not card.title.endswith("…"):
        blocks.append({"type": "section", "text": plain(cut(card.title, 600))})
    state = [plain(f"{TONES[card.tone]} {cut(card.status, 300)}")]
    if card.risk is not None:
        state.append(plain(RISKS[card.risk]))
    blocks.append({"type": "section", "fields": state})
    blocks += table(facts(card.facts[: room.facts], room.characters))
    blocks += _items(card, room)
    rows = card.arguments[: room.rows]
    if rows or card.arguments_hidden:
        changed = any(row.before is not None for row in rows)
        blocks.append({"type": "divider"})
        blocks.append({"type": "section", "text": markup("*Arguments* (before → after)" if changed else "*Arguments*")})
        blocks += table((plain(name(row.name, 150)), plain(_value(row, room.characters))) for row in rows)
    hidden = card.arguments_hidden + len(card.arguments) - len(rows)
    if hidden:
        noun = "argument" if hidden == 1 else "arguments"
        blocks.append({"type": "context", "elements": [plain(f"… and {hidden:,} more {noun}")]})
    blocks += _footer(card.footer[: room.facts], room.characters)
    withheld = card.risk in {"high", "critical"} and _cuts(card, room)
    offered = [one for one in card.buttons if not (withheld and one.action in APPROVALS)]
    if len(offered) < len(card.buttons):
        blocks.append({"type": "context", "elements": [plain(WITHHELD)]})
    if offered:
        drawn = [button(one, card.request_id, card.version) for one in offered]
        blocks.append({"type": "actions", "elements": drawn})
    return blocks


def _items(card: Card, room: _Room) -> Iterator[Json]:
    """The requests of a pile, each with its button."""
    for item in card.items[:ITEMS]:
        yield _item(card, item, min(150, room.characters))
    if hidden := card.items_hidden + max(0, len(card.items) - ITEMS):
        noun = "request" if hidden == 1 else "requests"
        yield {"type": "context", "elements": [plain(f"… and {hidden:,} more {noun}")]}


def _item(card: Card, item: Item, limit: int) -> Json:
    mark = RISKS[item.risk].split()[0] if item.open and item.risk else TONES[item.tone]
    title = f"{mark} {name(item.title, 90)}"
    said = [title, *(cut(" ".join(text.splitlines()), limit) for text in (item.text, item.status) if text.strip())]
    drawn: Json = {"type": "section", "text": plain("\n".join(said))}
    if item.open:
        drawn["accessory"] = {
            "type": "button",
            "action_id": f"{ids.ACTION}one",
            "text": plain("Open"),
            "value": ids.value(card.request_id, card.version, item=item.request_id),
        }
    return drawn


def _cuts(card: Card, room: _Room) -> bool:
    """Whether this attempt leaves out of the arguments what the neutral card shows (I11)."""
    rows = card.arguments[: room.rows]
    limit = min(room.characters, FIELD_TEXT)
    return len(rows) < len(card.arguments) or any(
        units(row.text) > limit if row.before is None else max(units(row.text), units(row.before)) > limit // 2
        for row in rows
    )


def facts(entries: Iterable[Fact], limit: int) -> Iterable[tuple[Json, Json]]:
    """Label and value of each fact; a moment in the reader's time zone, a link under a label of our own."""
    for fact in entries:
        if fact.moment is not None:
            if fact.text:
                # By itself: beside the moment it would be markup, and an agent's outcome could write in bold.
                yield bold(fact.label), plain(cut(fact.text, limit, fact.hidden))
            yield bold(WHEN if fact.text else fact.label), markup(date(fact.moment))
            continue
        there = link(fact.url, "Open ↗") if fact.url else None
        if there is not None:
            yield bold(fact.label), markup(there)
            if not fact.text.strip() or fact.text == fact.url:
                continue
        yield bold(fact.label), plain(cut(fact.text, limit, fact.hidden))


def table(rows: Iterable[tuple[Json, Json]]) -> list[Json]:
    """Two columns; a long or multi-line value stands below its name over the full width."""
    blocks: list[Json] = []
    pending: list[Json] = []

    def flush() -> None:
        if pending:
            blocks.append({"type": "section", "fields": [*pending]})
            pending.clear()

    for label, value in rows:
        text = str(value["text"])
        if value["type"] == "plain_text" and (len(text) > WIDE or "\n" in text):
            flush()
            blocks.append({"type": "section", "fields": [label]})
            blocks.append({"type": "section", "text": value})
            continue
        pending += [label, value]
        if len(pending) == 2 * PAIRS:
            flush()
    flush()
    return blocks


def _value(row: Row, limit: int) -> str:
    limit = min(limit, FIELD_TEXT)
    if row.before is None:
        return cut(row.text, limit, row.hidden)
    if row.before == "":
        return f"(new) {cut(row.text, limit, row.hidden)}"
    return f"{cut(row.before, limit // 2)} → {cut(row.text, limit // 2, row.hidden)}"


def _footer(entries: Sequence[Fact], limit: int) -> list[Json]:
    blocks: list[Json] = []
    elements: list[Json] = []

    def flush() -> None:
        parts = [elements[start : start + CONTEXT] for start in range(0, len(elements), CONTEXT)]
        blocks.extend({"type": "context", "elements": part} for part in parts)
        elements.clear()

    for fact in entries:
        label = name(fact.label, 100)
        there = link(fact.url, label) if fact.url else None
        if "\n" in fact.text and fact.moment is None and there is None:
            # By itself: elements stand beside each other, and its lines would be torn apart.
            flush()
            elements.append(plain(f"{label}:\n{cut(fact.text, min(limit, 1000), fact.hidden)}"))
            flush()
        elif fact.moment is not None:
            if fact.text:
                elements.append(plain(f"{label}: {cut(fact.text, min(limit, 1000), fact.hidden)}"))
            elements.append(markup(f"*{WHEN if fact.text else summary(label)}* {date(fact.moment)}"))
        elif there is not None:
            elements.append(markup(there))
            if fact.text.strip() and fact.text != fact.url:
                # Where the link leads stands outside it, where agents' words are no markup.
                elements.append(plain(cut(fact.text, min(limit, 1000), fact.hidden)))
        else:
            elements.append(plain(f"{label}: {cut(fact.text, min(limit, 1000), fact.hidden)}"))
    flush()
    return blocks


def button(button: Button, request_id: str, version: int) -> Json:
    """A decision's button, on a card or below the details."""
    drawn: Json = {
        "type": "button",
        "action_id": ids.ACTION + button.action,
        "text": plain(name(button.label, 75)),
        "value": ids.value(request_id, version),
    }
    return drawn if button.style == "plain" else {**drawn, "style": button.style}
