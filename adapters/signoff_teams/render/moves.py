"""The buttons of a review's screens. Pure.

A button carries the review's id, a move and a key; the keys name things of this one review. No id and no digest of a
request leaves the server this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from signoff.cards import MoveButton
from signoff_teams.render.card import STYLES, Mode, press, window
from signoff_teams.render.text import Json, clip, single

MOST = 6
"""Buttons in one row ("Design Adaptive Cards": six actions)."""
SEPARATOR = ","
"""Between keys: a multi-select input comes back like this, so no key holds one."""
ANY = "*"
"""The choice of no filter: an input that has been set cannot be emptied again in every client."""
TICKS = "ticks:"
"""Opens the ids of the inputs in which groups and entries are ticked."""
FILTER = "filter:"
"""Opens the ids of the inputs that narrow the list."""
PICK = "pick"
"""The input that names what is to be opened, as `open:KEY` or `walk:KEY`."""
REASON = "reason"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a screen is shown, and which part of it."""

    mode: Mode = "inline"
    part: int = 0
    over: bool = False
    """It stands in the place of another card, for one person."""
    notice: str = ""
    typed: str = ""
    """The reason as it was typed, if it has to be mended."""


@dataclass(frozen=True, slots=True)
class Buttons:
    """Makes the buttons of one screen."""

    review: str
    mode: Mode
    single: str = ""
    """The mark of the single request that is shown."""
    shown: Sequence[str] = field(default_factory=tuple[str, ...])
    """What could be ticked, and is taken for not wanted when it comes back without a tick."""

    @property
    def data(self) -> Json:
        return {"review": self.review, **({"single": self.single} if self.single else {})}

    def move(self, name: str, key: str, title: str, style: str = "default", *, inputs: bool = False) -> Json:
        if name == "form":
            return press(self.mode, key, _title(title), self.data, style, inputs=False)
        data: Json = {**self.data, "move": name, "key": key}
        if self.shown and inputs:
            data["shown"] = SEPARATOR.join(self.shown)
        return press(self.mode, "move", _title(title), data, style, inputs=inputs)

    def made(self, button: MoveButton, *, inputs: bool = False) -> Json:
        """A button that the desk offers."""
        return self.move(button.move, button.key, button.label, STYLES[button.style], inputs=inputs)

    def other(self, verb: str, title: str, **data: object) -> Json:
        """A button of the chat's own."""
        return press(self.mode, verb, _title(title), {**self.data, **data}, inputs=False)

    def leaving(self, place: Place, *, ticks: bool = False) -> list[Json]:
        """A window for it, and the way back to the card in whose place it stands. `ticks`: with what is ticked here."""
        if place.mode == "dialog":
            return []
        opened = window("show", self.data) | {"associatedInputs": "none"}
        if ticks:
            # A key of nothing turns nothing: what is ticked is all that it says.
            opened = window("move", {**self.data, "move": "select", "key": "", "shown": SEPARATOR.join(self.shown)})
        return [opened, *([self.other("close", "Back to the card")] if place.over else [])]


def row(actions: Iterable[Json]) -> list[Json]:
    """Buttons inside the card, in as many rows as it takes."""
    left = list(actions)
    return [
        {"type": "ActionSet", "spacing": "Small", "actions": left[start : start + MOST]}
        for start in range(0, len(left), MOST)
    ]


def _title(text: str) -> str:
    return clip(single(text), 200)
