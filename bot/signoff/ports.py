"""The ports: Protocols that stores and chats implement, and the small shapes that cross them. No I/O library here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from signoff.audit import Entry, Line
from signoff.cards import Card
from signoff.model import Event, Key, MessageRef, Placement, Principal, Request, Spend, Status

# ── Store ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The asking key's Idempotency-Key and the digest of the body it came with."""

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits checked in the same step that opens a request."""

    open_requests: int
    """Pending requests per key."""
    per_minute: int
    """New requests per key and minute of Redis' clock."""


Space = Literal["freezes", "grants", "delegations"]


@dataclass(frozen=True, slots=True)
class Swap:
    """Replace one standing order, if it is still as it was."""

    space: Space
    id: str
    before: str | None
    """Its text as read; None: there must be none."""
    after: str | None
    """None: it goes."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What has to hold in the very step that writes, and what is written along with it. Nothing by default."""

    thawed: tuple[str, ...] = ()
    """Ids of freezes of which none may stand."""
    swap: Swap | None = None
    spend: Spend | None = None
    """Taken out of its budget, or nothing is written at all. For `open` only."""


NOTHING = Conditions()


@dataclass(frozen=True, slots=True)
class Opened:
    request: Request
    replayed: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests a page shows; None means any."""

    status: Status | None = None
    agent: str | None = None
    channel: str | None = None
    risk: str | None = None
    asked_by: str | None = None
    approvers: tuple[str, ...] | None = None
    """Policy terms (people and groups): requests that name any of them. Pending requests only."""


@dataclass(frozen=True, slots=True)
class Page:
    requests: tuple[Request, ...]
    cursor: str | None
    """Pass it to get the next page; None at the end."""


@dataclass(frozen=True, slots=True)
class Work:
    """A lease on one request whose cards may lag behind its record."""

    request: str
    token: str
    """Names the lease; a late worker whose lease has passed to another cannot write."""


class Records(Protocol):
    async def now(self) -> datetime:
        """The store's own clock, the only one that expiry goes by (I06)."""
        ...

    async def open(
        self,
        request: Request,
        entry: Entry,
        idempotency: Idempotency | None,
        caps: Caps,
        conditions: Conditions = NOTHING,
    ) -> Opened:
        """Write record, indexes, audit line and event in one step.

        A known idempotency key answers the first request (`replayed`), whatever the conditions. Also takes requests
        that are already decided. Raises IdempotencyConflict, RateLimited, TooManyOpen, StoreUnavailable, and for the
        conditions CallFrozen, Overtaken (the swap), BudgetSpent; then nothing was written and no rate counted.
        """
        ...

    async def load(self, request_id: str) -> tuple[Request, datetime]:
        """The record and the store's clock, read together. Raises NotFound, StoreUnavailable."""
        ...

    async def move(
        self, before: Request, after: Request, event: str, entry: Entry, conditions: Conditions = NOTHING
    ) -> bool:
        """Replace `before` by `after` in one step with audit line and event, if the record is still at `before.rev`.

        False: it has changed meanwhile, or `after` is a person's decision or vote and the request has expired by the
        store's clock, or the swap was lost; nothing was written, load again. `after.rev` must be `before.rev + 1`.
        Raises CallFrozen, when nothing was written either.
        """
        ...

    async def wait(self, request_id: str, timeout: float) -> Request:
        """The record as soon as it is terminal, else as it is after `timeout` seconds. Loses no wake-up (I22)."""
        ...

    def events(self, after: str | None) -> AsyncIterator[Event]:
        """Events behind position `after` (None: from now on), then live ones, for ever."""
        ...

    async def page(self, which: Filter, cursor: str | None, limit: int) -> Page:
        """Oldest first. A page may hold fewer than `limit` and still have a cursor."""
        ...

    async def counts(self, asked_by: str | None = None) -> Mapping[Status, int]:
        """How many requests have each status, zeros included. `asked_by`: only this key's."""
        ...

    async def overdue(self, limit: int) -> Sequence[str]:
        """Ids of pending requests whose `wakes_at` has passed by the store's clock, the longest overdue first."""
        ...

    async def audit(self, after: int, limit: int) -> Sequence[Line]:
        """Audit lines with a sequence number above `after`, in order."""
        ...


class Outbox(Protocol):
    """Cards that lag behind their record. `open` and `move` mark a request in the same step as the change."""

    async def claim(self, lease: float) -> Work | None:
        """Take one due request for `lease` seconds; None when nothing is due. Exactly one worker holds it."""
        ...

    async def placements(self, request_id: str) -> Sequence[Placement]: ...

    async def place(self, work: Work, placement: Placement) -> bool:
        """Record where a card is. False: the lease has passed to another worker, nothing was written."""
        ...

    async def done(self, work: Work, rev: int) -> None:
        """Every card shows `rev`. If the record has moved on meanwhile, the request stays due."""
        ...

    async def again(self, work: Work, delay: float, rev: int | None = None) -> None:
        """Give the lease back; due again in `delay` seconds, or at once if the record is no longer at `rev`."""
        ...

    async def ripe(self, timeout: float) -> None:
        """Return when something may be due, at the latest after `timeout` seconds."""
        ...


class Orders(Protocol):
    """Standing orders: freezes, grants and delegations, as texts by id."""

    async def orders(self, space: Space) -> Mapping[str, str]: ...

    async def change(self, swap: Swap, entry: Entry) -> bool:
        """One order, with its audit line, in one step. False: it is no longer as it was; nothing was written."""
        ...


class Memory(Protocol):
    """Small things a chat has to remember across replicas and restarts."""

    async def remember(self, space: str, key: str, value: str, ttl: float | None = None) -> None: ...

    async def recall(self, space: str, key: str) -> str | None: ...

    async def first(self, space: str, key: str, ttl: float) -> bool:
        """Whether this is the first time within `ttl` seconds that this is asked: of several at once, one is."""
        ...

    async def forget(self, space: str, key: str) -> None: ...


class Keys(Protocol):
    async def add_key(self, key: Key) -> None: ...

    async def key(self, key_id: str) -> Key | None: ...

    async def keys(self) -> Sequence[Key]: ...

    async def revoke_key(self, key_id: str) -> bool: ...


class Store(Records, Outbox, Orders, Memory, Keys, Protocol):
    async def start(self) -> None:
        """Raises StoreUnavailable; the store then works as soon as what is behind it comes."""
        ...

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Raises StoreUnavailable."""
        ...


# ── Chat ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Route:
    """A door of a chat in the HTTP server: an aiohttp handler, typed loosely because ports know no library."""

    method: str
    path: str
    handler: Callable[..., Awaitable[object]]


class Directory(Protocol):
    """Who belongs to a group, and who may decide at all: asked of those who know, never remembered for long (I19)."""

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        """Everybody in a group now. `kind`: the policy's key, such as `calendar`; a text is an id or address of one of
        the policy's people. Raises DirectoryAway, also for a group that does not exist.
        """
        ...

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        """None: a full, active member. Else why this one may not decide, as the rest of a sentence that begins with
        "You": `are a guest here` (I18). `origin`: the message that was clicked. Raises DirectoryAway.
        """
        ...


class Chat(Protocol):
    """One chat platform. Both chats implement every method and pass the same contract suite."""

    name: str
    """The prefix of its places: `slack`, `teams`."""
    directory: Directory

    def routes(self) -> Sequence[Route]: ...

    async def start(self) -> None:
        """Check credentials, open sockets. Raises ChatError when the platform cannot be reached: the caller retries."""
        ...

    async def close(self) -> None: ...

    async def post(self, place: str, card: Card) -> MessageRef:
        """Post a card to a place of this chat. Raises ChatBusy, ChatError (try again), Undeliverable (do not)."""
        ...

    async def update(self, message: MessageRef, card: Card) -> None:
        """Repaint a posted card. Raises like `post`; Undeliverable when the message is gone."""
        ...

    async def tell(self, message: MessageRef, text: str, people: Sequence[Principal]) -> None:
        """Say something once below a card, in its thread; `people` are called by name. The text is plain: the chat
        escapes it. Raises like `post`.
        """
        ...

    async def find(self, place: str, request_id: str) -> MessageRef | None:
        """Our card for this request if the platform can tell, after a crash between posting and recording (I21)."""
        ...

    async def health(self) -> str | None:
        """None when well, else one sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `signoff doctor`."""

    level: Literal["ok", "warning", "error"]
    sentence: str


@dataclass(slots=True)
class Limits:
    """The door's limits (I30)."""

    body_bytes: int = 256 * 1024
    depth: int = 32
    nodes: int = 10_000
    """Values in one body, nested ones counted."""
    caps: Caps = field(default_factory=lambda: Caps(open_requests=1000, per_minute=600))
    waits_per_key: int = 20_000
