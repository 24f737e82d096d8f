"""What the screens of a review are put together from. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from signoff.cards import MoveButton
from signoff_slack import ids
from signoff_slack.check import TITLE
from signoff_slack.text import SECTION_TEXT, Json, cut, head, name, plain, units

RISKS = {"low": "🟢", "medium": "🟡", "high": "🔴", "critical": "🚨", None: "⚪"}
OPTION = 75
"""Code units of an option's text and of its description."""
BUTTONS = 25
"""Elements of one actions block."""
PLACEHOLDER = 150

_BREAKS = re.compile("[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


def modal(title: str, where: ids.Stay, blocks: Sequence[Json], submit: str = "") -> Json:
    drawn: Json = {
        "type": "modal",
        "callback_id": ids.ACTION + "review",
        "title": plain(name(title, TITLE)),
        "close": plain("Close"),
        "private_metadata": ids.stay(where),
        "blocks": [*blocks],
    }
    return drawn | {"submit": plain(name(submit, TITLE))} if submit else drawn


def header(text: str) -> Json:
    return {"type": "header", "text": plain(name(text, 150))}


def said(text: str) -> Json:
    return {"type": "section", "text": plain(cut(text, SECTION_TEXT))}


def small(text: str) -> Json:
    return {"type": "context", "elements": [plain(cut(text, 1000))]}


def line(text: str) -> str:
    """A text that cannot begin a line of its own: what an agent writes must not look like one more request."""
    return _BREAKS.sub(" ⏎ ", text)


def label(text: str, limit: int = OPTION) -> str:
    """A line within a limit; what is missing is not counted."""
    flat = line(text)
    if not flat.strip():
        return "—"
    return flat if units(flat) <= limit else head(flat, limit - 1) + "…"


def lines(texts: Iterable[str]) -> list[Json]:
    """As many lines in one section as it takes."""
    blocks: list[Json] = []
    pending: list[str] = []
    used = 0
    for text in texts:
        shown = cut(text, SECTION_TEXT)
        if pending and used + units(shown) + 1 > SECTION_TEXT:
            blocks.append({"type": "section", "text": plain("\n".join(pending))})
            pending, used = [], 0
        pending.append(shown)
        used += units(shown) + 1
    if pending:
        blocks.append({"type": "section", "text": plain("\n".join(pending))})
    return blocks


def buttons(moves: Sequence[MoveButton], more: Sequence[Json] = ()) -> list[Json]:
    """The moves of a screen; `more` stand before them."""
    drawn = [*more, *(button(move, index) for index, move in enumerate(moves))]
    parts = [drawn[start : start + BUTTONS] for start in range(0, len(drawn), BUTTONS)]
    return [{"type": "actions", "elements": part} for part in parts]


def button(move: MoveButton, index: int) -> Json:
    drawn: Json = {
        "type": "button",
        "action_id": f"{ids.MOVE}{move.move}.{index}",
        "text": plain(name(move.label, 75)),
        "value": ids.key(move.key),
    }
    return drawn if move.style == "plain" else {**drawn, "style": move.style}


def select(action: str, placeholder: str, options: Sequence[Json], initial: Json | None = None) -> Json:
    drawn: Json = {
        "type": "static_select",
        "action_id": action,
        "placeholder": plain(name(placeholder, PLACEHOLDER)),
        "options": [*options],
    }
    return drawn if initial is None else {**drawn, "initial_option": initial}


def option(value: str, text: str, description: str = "") -> Json:
    drawn: Json = {"text": plain(label(text)), "value": value}
    return {**drawn, "description": plain(label(description))} if description else drawn


def back(text: str) -> Json:
    """The button that draws the review as it stands."""
    return {"type": "button", "action_id": ids.STAY, "text": plain(text), "value": ids.key("")}


def fault(review: str, sentence: str) -> Json:
    """Why a click did not count, and the way back."""
    blocks: list[Json] = [said(f"⚠️ {sentence}"), {"type": "actions", "elements": [back("Back to the list")]}]
    return modal("Pending approvals", ids.Stay(review), blocks)


def waiting() -> Json:
    """Stands in while the list is looked up: a trigger opens a modal for three seconds only."""
    return {
        "type": "modal",
        "callback_id": ids.ACTION + "notice",
        "title": plain("Pending approvals"),
        "close": plain("Close"),
        "blocks": [said("⏳ Looking up what waits for you…")],
    }
