"""What our blocks carry so that any replica can serve a click: ids, button values, a modal's private metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast, get_args

from signoff.cards import MoveName
from signoff.forms import Purpose
from signoff.model import MessageRef

ACTION = "signoff."
"""Every action_id and callback_id of ours begins with this, so that one listener serves all."""
INPUT = "value"
"""The action_id of every input; the block_id says which field it is."""
EVENT_TYPE = "signoff_card"
"""`metadata.event_type` of our messages."""
PURPOSES: tuple[Purpose, ...] = ("edit", "edit_json", "reject", "respond", "confirm", "more")
MOVE = f"{ACTION}move."
"""Before the name of a move that a button or a select of a review makes."""
SIFT = f"{ACTION}sift."
"""Before the name of an input that narrows a list down."""
TICK = f"{ACTION}tick."
"""Before the number of a block of checkboxes."""
LEAF = f"{ACTION}leaf."
"""Before what turns the pages of one request in a review."""
STAY = f"{ACTION}stay"
"""The button that draws a review as it stands."""
JSON = f"{ACTION}json"
"""The button that opens the arguments as JSON text."""
REASON = f"{ACTION}reason"
"""The input for one reason for all."""
REVIEW = f"{ACTION}home.review"
REFRESH = f"{ACTION}home.refresh"
"""The buttons of the App Home."""
FORMS: dict[str, Purpose] = {
    "edit": "edit",
    "reject": "reject",
    "respond": "respond",
    "json": "edit_json",
    "confirm": "confirm",
    "more": "more",
}
"""Action → the form it opens."""
PILES = frozenset({"review", "approve_all", "reject_all", "one"})
"""Actions on the card of several requests."""
MOVES: dict[str, MoveName] = {name: name for name in get_args(MoveName)}


@dataclass(frozen=True, slots=True)
class Target:
    """The request a modal is about, and the card it was opened from."""

    request_id: str
    version: int
    origin: MessageRef
    purpose: Purpose | None = None
    """None: the modal is no form."""


def value(request_id: str, version: int, page: int = 0, item: str = "") -> str:
    """What a button carries. `item`: one request of the card of several."""
    more = {**({"n": page} if page else {}), **({"i": item} if item else {})}
    return json.dumps({"r": request_id, "v": version, **more}, separators=(",", ":"))


def read_item(text: object) -> str:
    """Which request of the card of several a button is about; ""."""
    found = (_object(text) or {}).get("i")
    return found if isinstance(found, str) else ""


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


@dataclass(frozen=True, slots=True)
class Stay:
    """Where a modal stands in a review; everything else about it is the desk's."""

    review: str
    move: MoveName | None = None
    """What the submit button does; None: there is none, or it sends a form."""
    key: str = ""
    """Of that move."""
    purpose: Purpose | None = None
    """Of a form."""
    version: int = 0
    """Of a form: the version that was seen."""
    mark: str = ""
    """Of a single request and of its form: which drawing of it."""


def stay(where: Stay) -> str:
    data: dict[str, object] = {"s": where.review, "k": where.key}
    if where.move is not None:
        data["m"] = where.move
    if where.purpose is not None:
        data["p"] = where.purpose
        data["v"] = where.version
    if where.mark:
        data["t"] = where.mark
    return json.dumps(data, separators=(",", ":"))


def read_stay(text: object) -> Stay | None:
    data = _object(text)
    if data is None:
        return None
    review, key, move, purpose = (data.get(name) for name in "skmp")
    version, mark = data.get("v", 0), data.get("t", "")
    if not isinstance(review, str) or not isinstance(key, str) or not isinstance(mark, str):
        return None
    made = MOVES.get(move) if isinstance(move, str) else None
    if (move is not None and made is None) or (purpose is not None and purpose not in PURPOSES):
        return None
    return Stay(review, made, key, purpose, version, mark) if type(version) is int else None


def key(key: str, page: int = 0) -> str:
    """What a button of a review carries: the key of its move, and which page."""
    return json.dumps({"k": key, **({"n": page} if page else {})}, separators=(",", ":"))


def read_key(text: object) -> tuple[str, int] | None:
    data = _object(text)
    if data is None:
        return None
    found, page = data.get("k"), data.get("n", 0)
    return (found, page) if isinstance(found, str) and type(page) is int and page >= 0 else None


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
