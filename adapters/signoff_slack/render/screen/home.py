"""Somebody's own page → the App Home. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from signoff.cards import Home
from signoff_slack import ids
from signoff_slack.check import VIEW_BLOCKS, VIEW_BYTES, size
from signoff_slack.render.screen.parts import header, line, lines, said, small
from signoff_slack.text import Json, cut, plain

LINES = (10, 5, 2, 0)
"""Lines of a section, tried until everything fits."""
SECTIONS = 20


def home(shown: Home) -> Json:
    drawn: Json = {}
    for most in LINES:
        drawn = _view(_blocks(shown, most))
        blocks = drawn["blocks"]
        if isinstance(blocks, list) and len(blocks) <= VIEW_BLOCKS and size(drawn) <= VIEW_BYTES:
            break
    return drawn


def away(sentence: str) -> Json:
    """Why there is nothing to see now."""
    return _view([said(f"⚠️ {sentence}"), {"type": "actions", "elements": [_button(ids.REFRESH, "Refresh")]}])


def _blocks(shown: Home, most: int) -> list[Json]:
    review = _button(ids.REVIEW, "Review")
    if shown.waiting:
        review["style"] = "primary"
    blocks = [header(shown.heading)]
    if shown.counts.strip():
        blocks.append(small(shown.counts))
    blocks.append({"type": "actions", "elements": [review, _button(ids.REFRESH, "Refresh")]})
    for section in shown.sections[:SECTIONS]:
        blocks.append({"type": "divider"})
        blocks.append(header(section.title))
        # Apart from each other: what an agent has named is one line, however long.
        blocks += lines(f"• {cut(line(text), 300)}" for text in section.lines[:most])
        if left := section.more + max(0, len(section.lines) - most):
            blocks.append(small(f"… and {left:,} more"))
    return blocks


def _button(action: str, text: str) -> Json:
    return {"type": "button", "action_id": action, "text": plain(text), "value": "home"}


def _view(blocks: Sequence[Json]) -> Json:
    return {"type": "home", "callback_id": ids.ACTION + "home", "blocks": [*blocks]}
