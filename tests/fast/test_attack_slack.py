"""Attacks with correctly signed but crafted Slack payloads, at the parser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from signoff_slack import parse

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
