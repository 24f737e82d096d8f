"""From a verified activity to what a person does in a review. Pure.

The card's data names a review, a move and a key, and what was typed or ticked: the desk takes all of it for claims. Who
it is comes from the envelope alone (I14), and a review has no card as its origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from signoff.cards import Move, MoveName
from signoff.forms import Purpose
from signoff.model import Actor, MessageRef, is_pile
from signoff_teams.parse import NAME, PURPOSES, Malformed, Sheet, actor_of, as_typed, pressed, sheet_of, text_of
from signoff_teams.render.moves import ANY, FILTER, PICK, REASON, SEPARATOR, TICKS

Own = Literal["move", "part", "show", "close", "pending", "home", "submit", "next", "back"]
"""`show`: the screen as it stands; `close`: back to the card in whose place it stands; `pending` and `home`: a new
list, somebody's own page.
"""
Opening = Literal["review", "approve_all", "reject_all", "one"]
"""What the card of several requests leads to."""
OWN: Mapping[str, Own] = {verb: verb for verb in get_args(Own)}
OPENING: Mapping[str, Opening] = {verb: verb for verb in get_args(Opening)}
MOVES: Mapping[str, MoveName] = {name: name for name in get_args(MoveName)}
MOST = 500
"""Keys that may come back with one move."""
LONGEST = 200
"""Characters of a key or an id."""


@dataclass(frozen=True, slots=True)
class Step:
    """One press of a button in a review, or of one that opens a review."""

    verb: Own | Opening | Purpose
    actor: Actor
    """Whoever pressed it, without an origin."""
    message: MessageRef
    """The message it stands in; its id may be "" in a window."""
    event: str
    """The activity's id, the same when it is delivered again; ""."""
    review: str = ""
    move: Move | None = None
    single: str = ""
    """The mark of the single request that was shown."""
    part: int = 0
    pile: str = ""
    """The card of several requests."""
    one: str = ""
    """One of them."""
    version: int = 0
    purpose: Purpose | None = None
    sheet: Sheet = field(default_factory=Sheet)
    typed: Mapping[str, str] = field(default_factory=dict[str, str])


def step(activity: Mapping[str, object]) -> Step | None:
    """None: the button belongs to the card of one request. Raises Malformed."""
    data, verb = pressed(activity)
    clicked = actor_of(activity)
    assert clicked.origin is not None  # actor_of gives one
    actor = Actor(via=NAME, principal=clicked.principal)
    event = text_of(activity, "id")
    if "review" not in data:
        pile = text_of(data, "request")
        if not is_pile(pile):
            return None
        if verb not in OPENING or len(pile) > LONGEST + 100:
            raise Malformed("the card of several requests has no such button")
        one = _short(data, "one") if verb == "one" else ""
        if verb == "one" and not one:
            raise Malformed("the button names no request")
        return Step(OPENING[verb], actor, clicked.origin, event, pile=pile, one=one)
    known = OWN.get(verb) or PURPOSES.get(verb)
    if known is None:
        raise Malformed("a review has no such button")
    review = _short(data, "review")
    if not review and verb not in ("pending", "home", "close"):
        raise Malformed("the button names no review")
    purpose = PURPOSES.get(text_of(data, "purpose"))
    if verb in ("submit", "next", "back") and purpose is None:
        raise Malformed("the form has no purpose")
    typed = {name: text for name, value in data.items() if name not in _OURS and (text := as_typed(value)) is not None}
    return Step(
        known,
        actor,
        clicked.origin,
        event,
        review=review,
        move=_move(data, typed) if verb == "move" else None,
        single=_short(data, "single"),
        part=_number(data, "part"),
        version=_number(data, "version"),
        purpose=purpose,
        sheet=sheet_of(data),
        typed=typed,
    )


_OURS = frozenset(
    {"review", "move", "key", "single", "shown", "part", "verb", "version", "purpose", "at", "next", "trail", "seen",
     "msteams"}
)  # fmt: skip


def _move(data: Mapping[str, object], typed: Mapping[str, str]) -> Move:
    name, key = MOVES.get(text_of(data, "move")), _short(data, "key")
    if name is None:
        raise Malformed("a review knows no such move")
    ticked = [key for name, text in typed.items() if name.startswith(TICKS) for key in _keys(text)]
    shown = {*_keys(text_of(data, "shown")), *ticked}
    if len(shown) > MOST:
        raise Malformed("more is ticked than a card can hold")
    values: dict[str, str] = {}
    if name == "narrow":
        values = {part: typed.get(FILTER + part, "") for part in ("risk", "tool", "agent", "channel", "text")}
        values = {part: "" if text == ANY and part != "text" else text for part, text in values.items()}
    elif REASON in typed:
        values = {REASON: typed[REASON]}
    if name == "open" and key == PICK:
        how, _, key = typed.get(PICK, "").partition(":")
        name = "walk" if how == "walk" else "open"
    return Move(name, key[:LONGEST], values, frozenset(ticked), frozenset(shown), _short(data, "single"))


def _keys(text: str) -> list[str]:
    return [key for key in text.split(SEPARATOR)[: MOST + 1] if key and len(key) <= LONGEST]


def _short(data: Mapping[str, object], name: str) -> str:
    text = text_of(data, name)
    if len(text) > LONGEST:
        raise Malformed(f"the {name} is too long")
    return text


def _number(data: Mapping[str, object], name: str) -> int:
    value = data.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 100_000:
        raise Malformed(f"the {name} is not a number")
    return value
