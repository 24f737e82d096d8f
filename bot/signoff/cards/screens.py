"""What somebody sees who looks through the queue: screens as data, the same in every chat.

A screen offers moves. A chat draws them as buttons and inputs and sends back the one that was made; what it leads to is
the desk's to say. Every text is safe to read and free of secrets, as on cards. Keys name things of one review alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from signoff.cards.types import Details, Tone
from signoff.model import Risk, Sieve

MoveName = Literal[
    "narrow",
    "page",
    "open",
    "select",
    "approve",
    "reject",
    "turn",
    "confirm",
    "look",
    "walk",
    "decide",
    "form",
    "skip",
    "back",
    "list",
]
"""On a listing: `narrow` (values: risk, tool, agent, channel, text; "" for any), `page` (key: next, first), `open` a
group (key: the group's, again to close it, or its `more`), `select` (key: all, none, a group's or an entry's, which
turns it), `approve` and `reject` what is selected (→ preflight), `walk` (key: an entry's, or "": the first → single).
On a preflight: `turn` (key: page), `confirm` (key: the preflight's, values: reason), `list`. On results: `turn`,
`list`. While working: `look`. On a single one: `decide` (key: approve), `form` (key: a purpose; the chat opens that
form), `skip`, `back`, `list`.
"""


@dataclass(frozen=True, slots=True)
class Move:
    """What somebody did on a screen."""

    name: MoveName
    key: str = ""
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    ticked: frozenset[str] = frozenset()
    """Keys of groups and entries that are ticked as the screen is left…"""
    shown: frozenset[str] = frozenset()
    """…of those that could be ticked on it."""
    mark: str = ""
    """Of the single request that was shown."""


@dataclass(frozen=True, slots=True)
class MoveButton:
    move: MoveName
    key: str
    label: str
    """At most 24 characters."""
    style: Literal["primary", "danger", "plain"] = "plain"


@dataclass(frozen=True, slots=True)
class Entry:
    """One request in a list."""

    key: str
    request_id: str
    title: str
    """At most 80 characters."""
    text: str
    """Its arguments on one line: `order "A-1001" · amount 25`; at most 300 characters."""
    hidden: int
    """Characters left out of `text`."""
    short: str
    """The arguments in which it differs from its group, where little fits; at most 70 characters."""
    digest: str
    """The first eight hexadecimal digits."""
    risk: Risk | None
    expires: datetime
    mark: str | None = None
    """Why it cannot be decided along with others: `high risk`, `your own`…; None: it can."""
    selected: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Requests of the same tool with similar arguments."""

    key: str
    title: str
    """`12 × issue_refund`; at most 70 characters."""
    detail: str
    """`amount 20–45 · support-agent`; at most 70 characters."""
    risk: Risk | None
    count: int
    selectable: int
    """How many of them can be decided along with others."""
    selected: int
    soonest: datetime
    """The first deadline."""
    entries: tuple[Entry, ...] = ()
    """Of an open group: those shown; empty: it is closed."""
    more: str = ""
    """The key for `open` that shows the next of its entries; "": no more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to narrow the list down."""

    name: Literal["risk", "tool", "agent", "channel"]
    label: str
    value: str
    """What is chosen; "": any."""
    options: tuple[tuple[str, str], ...]
    """Value and label with count, without "any"; at most 99, the most frequent ones. Values are short."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What this person may decide now."""

    review: str
    heading: str
    """`87 requests wait for you`."""
    counts: str
    """`1 critical · 4 high · 82 low`; and what is left out here, such as what is shown in another chat alone."""
    sieve: Sieve
    choices: tuple[Choice, ...]
    groups: tuple[Group, ...]
    """At most 20."""
    selected: int
    notice: str | None
    """What has to be said first: nothing selected, some have gone…"""
    pages: str
    """`1–87 of 87`."""
    buttons: tuple[MoveButton, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One request on a preflight or a result page."""

    title: str
    text: str
    digest: str
    risk: Risk | None
    said: str = ""
    """Why it is left out, or what came of it: `approved`, `already rejected by Bob`, `changed`, `expired`…"""
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True)
class Preflight:
    """Exactly what will be decided, and what will not."""

    review: str
    key: str
    kind: Literal["approve", "reject"]
    heading: str
    """`Approve 87 requests?`."""
    lines: tuple[Line, ...]
    """Of this page: what will be decided, all of it shown."""
    excluded: tuple[Line, ...]
    """On the first page: what will not, each with its reason."""
    page: int
    """From 0."""
    pages: int
    reason: bool
    """Whether one reason for all is asked for: an optional text of at most 3000 characters, value `reason`."""
    fault: str
    """What is wrong with the reason; ""."""
    buttons: tuple[MoveButton, ...]
    """`confirm` on the last page alone."""


@dataclass(frozen=True, slots=True)
class Working:
    """Decisions are still being written."""

    review: str
    heading: str
    """`Approving: 120 of 200`."""
    buttons: tuple[MoveButton, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """What came of it, a line each."""

    review: str
    heading: str
    """`86 approved, 1 not`."""
    batch: str
    lines: tuple[Line, ...]
    page: int
    """From 0."""
    pages: int
    buttons: tuple[MoveButton, ...]


@dataclass(frozen=True, slots=True)
class Single:
    """One request in full, and the next one a button away."""

    review: str
    key: str
    place: str
    """`12 of 87`."""
    details: Details
    """Its own buttons are repeated in `buttons` as moves."""
    notice: str | None
    """What came of the one before: `Approved: Refund A-1001`."""
    buttons: tuple[MoveButton, ...]
    mark: str = ""
    """Goes back with every move and every form: each counts once, and only about what is shown now."""


Screen = Listing | Preflight | Working | Results | Single


@dataclass(frozen=True, slots=True)
class Section:
    """A part of somebody's own page."""

    title: str
    lines: tuple[str, ...]
    """At most 10, of at most 300 characters each."""
    more: int = 0
    """How many are not shown."""


@dataclass(frozen=True, slots=True)
class Home:
    """Somebody's own page: the queue, what they decided today, grants, delegations."""

    heading: str
    counts: str
    sections: tuple[Section, ...]
    waiting: int
