"""Attacks with correctly signed but crafted Slack payloads, at the parser, and with text drawn into Slack's cards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from signoff.cards import Card, Fact
from signoff_slack import parse, render

CARD = ["T0DEMO", "C0REFUNDS", "1700000000.000100"]


def submission(typed: str, request: str = "req_1") -> dict[str, Any]:
    return {
        "type": "view_submission",
        "team": {"id": "T0DEMO"},
        "user": {"id": "U0ADA", "team_id": "T0DEMO"},
        "view": {
            "private_metadata": json.dumps({"r": request, "v": 1, "p": "reject", "o": CARD}),
            "state": {"values": {"reject/0/0": {"value": {"type": "plain_text_input", "value": typed}}}},
        },
    }


@pytest.mark.parametrize("half", ["\ud83d", "no \udc00 way"])
def test_i02_half_an_emoji_in_a_form_is_refused_before_it_reaches_the_desk(half: str) -> None:
    """Text that nothing can store is no submission; a whole emoji is one."""
    assert parse.submission(submission("no 🙂 way")) is not None
    assert parse.submission(submission(half)) is None
    assert parse.submission(submission("no", request=half)) is None


def texts(value: object) -> Iterator[dict[str, Any]]:
    """Every text object of a message."""
    if isinstance(value, dict):
        if value.get("type") in {"mrkdwn", "plain_text"}:
            yield value
        value = [*value.values()]
    for inner in value if isinstance(value, list) else []:
        yield from texts(inner)


@pytest.mark.parametrize("where", ["facts", "footer"])
def test_i12_an_outcome_cannot_write_in_slacks_markup(where: str) -> None:
    """What an agent reports stands in plain text, whatever moment stands beside it."""
    forged = "ok\n*Decided by* Ada ```code``` <!channel> _x_"
    at = datetime(2026, 11, 20, tzinfo=UTC)
    card = Card("settled", "req_1", 1, 1, "Refund", "Approved", "good", None, "Approved: Refund")
    told: Any = {where: (Fact("Outcome", forged, moment=at),)}
    drawn = render.message(replace(card, **told))
    assert any(forged in text["text"] for text in texts(drawn["blocks"]) if text["type"] == "plain_text")
    assert not any("Ada" in text["text"] for text in texts(drawn["blocks"]) if text["type"] == "mrkdwn")
    assert any("<!date^" in text["text"] for text in texts(drawn["blocks"]))
