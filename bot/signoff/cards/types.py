"""The neutral card as data: the core says what is shown, each chat says how.

Every text here is already safe to read (invisible characters made visible, I12) and free of secrets (I13), but it is
plain text: a chat escapes whatever its own markup gives a meaning to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Tone = Literal["neutral", "good", "bad", "warning"]
Action = Literal[
    "approve", "confirm", "edit", "reject", "respond", "details", "more", "review", "approve_all", "reject_all", "one"
]
"""`confirm` opens a form in place of `approve`; `more` opens one too. On the card of several requests `review` opens
them as a list for whoever clicked, `approve_all` and `reject_all` the page before deciding all that can be decided
together, and `one` a single one of them.
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled line: Why, Impact, Who may decide…; a moment is shown in the reader's own time zone."""

    label: str
    text: str = ""
    moment: datetime | None = None
    url: str | None = None
    """The text is a link to here (http or https only)."""
    hidden: int = 0
    """Characters left out of `text`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One argument. Strings come in quotes and numbers bare, so that "500" and 500 look different."""

    name: str
    kind: Literal["text", "number", "boolean", "null", "list", "object", "secret"]
    text: str
    hidden: int = 0
    """Characters left out of `text`."""
    before: str | None = None
    """The text before an edit, when it changed; "" when the argument is new."""


@dataclass(frozen=True, slots=True)
class Button:
    action: Action
    label: str
    style: Literal["primary", "danger", "plain"] = "plain"


@dataclass(frozen=True, slots=True)
class Item:
    """One request on the card of several."""

    request_id: str
    title: str
    """At most 80 characters."""
    text: str
    """Its arguments on one line, at most 150 characters."""
    status: str
    tone: Tone
    open: bool
    """It can be opened with the action `one`."""
    risk: Literal["low", "medium", "high", "critical"] | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What one message shows. `rev` is the revision of the record it was built from."""

    purpose: Literal["ask", "settled", "notice", "pointer", "pile"]
    """`pile`: the card of several requests; `request_id` is then its own id."""
    request_id: str
    version: int
    rev: int
    title: str
    status: str
    """One line: `Waiting for a decision`, `Approved by Ada`…"""
    tone: Tone
    risk: Literal["low", "medium", "high", "critical"] | None
    summary: str
    """Plain text for notifications."""
    facts: tuple[Fact, ...] = ()
    """Before the arguments: tool, agent, why, impact, rollback…"""
    arguments: tuple[Row, ...] = ()
    arguments_hidden: int = 0
    """How many arguments are not shown at all."""
    footer: tuple[Fact, ...] = ()
    """After the arguments: who may decide, expiry, the decision, the outcome, short digest, link to the run."""
    buttons: tuple[Button, ...] = ()
    items: tuple[Item, ...] = ()
    """Of a pile: at most 20; those that wait first."""
    items_hidden: int = 0


@dataclass(frozen=True, slots=True)
class Details:
    """Everything, for one person: the full arguments as JSON text (secrets masked) and the facts in full."""

    request_id: str
    version: int
    title: str
    facts: tuple[Fact, ...]
    """Before the arguments: what one has to know to understand them."""
    json: str
    buttons: tuple[Button, ...] = ()
    """What can be decided from here: `approve` or `confirm`, while the request is open (I11)."""
    footer: tuple[Fact, ...] = ()
    """After the arguments: who may decide and until when, or what was decided; version, whole digest, id."""
