"""Our own Block Kit checker: every limit of the blocks we use, also those that slack_sdk does not check. Pure.

Limits come from the Block Kit reference (docs.slack.dev/reference/block-kit); lengths are counted in UTF-16 code
units. A finding is one sentence with the path of the fault; nothing with a finding is ever sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from signoff_slack.check.blocks import MESSAGE, MODAL, blocks
from signoff_slack.check.shapes import ID, items, object_of, string, text
from signoff_slack.text import Json, units

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_CHARACTERS = 12_000
"""All text in one message's blocks. Slack answers `msg_blocks_too_long` somewhere above 13 000; undocumented."""
VIEW_BYTES = 250_000
"""Of a view as JSON; above it Slack answers `view_too_large` (views.open reference)."""
METADATA_BYTES = 8000
TITLE = 24


def message(payload: Mapping[str, object]) -> list[str]:
    """What Slack would refuse in a message (`text`, `blocks`, `metadata`)."""
    found = list(string(payload, "text", "", 1, 4000))
    drawn = items(payload.get("blocks"))
    found += blocks(drawn, MESSAGE_BLOCKS, MESSAGE, "blocks")
    if weight(drawn) > MESSAGE_CHARACTERS:
        found.append(f"blocks: more than {MESSAGE_CHARACTERS} characters of text")
    if len(json.dumps(payload.get("metadata", {}))) > METADATA_BYTES:
        found.append(f"metadata: more than {METADATA_BYTES} bytes")
    return found


def view(payload: Mapping[str, object]) -> list[str]:
    """What Slack would refuse in a modal."""
    found: list[str] = []
    if payload.get("type") != "modal":
        found.append("type: not modal")
    for key in ("title", "submit", "close"):
        if key == "title" or key in payload:
            found += text(payload.get(key), key, TITLE, plain=True)
    drawn = items(payload.get("blocks"))
    if "submit" not in payload and any(object_of(block).get("type") == "input" for block in drawn):
        found.append("submit: missing although there are inputs")
    return [*found, *_any_view(payload, drawn)]


def home(payload: Mapping[str, object]) -> list[str]:
    """What Slack would refuse in an App Home."""
    found = [] if payload.get("type") == "home" else ["type: not home"]
    found += [f"{key}: not on a Home" for key in ("title", "submit", "close") if key in payload]
    return [*found, *_any_view(payload, items(payload.get("blocks")))]


def _any_view(payload: Mapping[str, object], drawn: list[object]) -> list[str]:
    found = list(string(payload, "private_metadata", "", 0, 3000))
    found += string(payload, "callback_id", "", 0, ID)
    found += blocks(drawn, VIEW_BLOCKS, MODAL, "blocks")
    if size(payload) > VIEW_BYTES:
        found.append(f"more than {VIEW_BYTES} bytes")
    return found


def size(payload: object) -> int:
    """Bytes as JSON with every non-ASCII character escaped, as slack_sdk sends it."""
    return len(json.dumps(payload))


def weight(value: object) -> int:
    """Code units of all text in these blocks."""
    if isinstance(value, list):
        return sum(weight(item) for item in cast("list[object]", value))
    if not isinstance(value, dict):
        return 0
    entries = cast("Json", value)
    return sum(
        units(item) if key == "text" and isinstance(item, str) else weight(item) for key, item in entries.items()
    )
