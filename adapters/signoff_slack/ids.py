"""What our blocks carry so that any replica can serve a click: ids, button values, a modal's private metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from signoff.forms import Purpose
from signoff.model import MessageRef

ACTION = "signoff."
"""Every action_id and callback_id of ours begins with this, so that one listener serves all."""
INPUT = "value"
"""The action_id of every input; the block_id says which field it is."""
EVENT_TYPE = "signoff_card"
"""`metadata.event_type` of our messages."""
PURPOSES: tuple[Purpose, ...] = ("edit", "edit_json", "reject", "respond", "confirm", "more")


@dataclass(frozen=True, slots=True)
class Target:
    """The request a modal is about, and the card it was opened from."""

    request_id: str
    version: int
    origin: MessageRef
    purpose: Purpose | None = None
    """None: the modal is no form."""


def value(request_id: str, version: int, page: int = 0) -> str:
    """What a button carries."""
    return json.dumps({"r": request_id, "v": version, **({"n": page} if page else {})}, separators=(",", ":"))


def read_value(text: object) -> tuple[str, int, int] | None:
    """Request id, version and page; None when it is not ours."""
    data = _object(text)
    if data is None:
        return None
    request_id, version, page = data.get("r"), data.get("v"), data.get("n", 0)
    if isinstance(request_id, str) and type(version) is int and type(page) is int and page >= 0:
        return request_id, version, page
    return None


def metadata(target: Target) -> str:
    origin = target.origin
    data = {
        "r": target.request_id,
        "v": target.version,
        "p": target.purpose,
        "o": [origin.tenant, origin.conversation, origin.message],
    }
    return json.dumps(data, separators=(",", ":"))


def read_metadata(text: object) -> Target | None:
    data = _object(text)
    if data is None:
        return None
    request_id, version, purpose, origin = (data.get(key) for key in "rvpo")
    if not isinstance(request_id, str) or type(version) is not int or not isinstance(origin, list):
        return None
    parts = [part for part in cast("list[object]", origin) if isinstance(part, str)]
    if len(parts) != 3 or (purpose is not None and purpose not in PURPOSES):
        return None
    card = MessageRef(chat="slack", tenant=parts[0], conversation=parts[1], message=parts[2])
    return Target(request_id, version, card, purpose)


def block_id(purpose: Purpose, index: int, part: int = 0) -> str:
    """Which field, and which piece of a long one. The purpose keeps two forms from sharing what was typed."""
    return f"{purpose}/{index}/{part}"


def read_block_id(text: str) -> tuple[str, int, int] | None:
    purpose, _, rest = text.partition("/")
    index, _, part = rest.partition("/")
    if index.isascii() and index.isdigit() and part.isascii() and part.isdigit() and len(rest) < 20:
        return purpose, int(index), int(part)
    return None


def _object(text: object) -> dict[str, object] | None:
    if not isinstance(text, str) or len(text) > 3000:
        return None
    try:
        data: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", data) if isinstance(data, dict) else None
