"""The port of the store: what is written in one step, found again, and remembered. No I/O library here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from signoff.audit import Entry, Line
from signoff.model import Event, Facet, Key, Placement, Request, Spend, Status


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


Space = Literal["freezes", "grants", "delegations", "webhooks"]
"""`webhooks`: dead letters, those that nobody took."""


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
    absent: tuple[str, str] | None = None
    """A space and a key of the store's memory under which nothing may be remembered. For `open` only."""


NOTHING = Conditions()


@dataclass(frozen=True, slots=True)
class Opened:
    request: Request
    replayed: bool
    folded: bool = False
    """The same call of the same run waits already: this is that request."""


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
    batch: str | None = None
    """Requests of this agent's batch."""
    piled: str | None = None
    """Requests without a card of their own in this place. Pending requests only."""
    voted: str | None = None
    """Requests on which this person has voted, or somebody in their place. Pending requests only."""


@dataclass(frozen=True, slots=True)
class Page:
    requests: tuple[Request, ...]
    cursor: str | None
    """Pass it to get the next page; None at the end."""


@dataclass(frozen=True, slots=True)
class Work:
    """A lease on one request whose cards may lag behind its record, on the card of several (`model.is_pile`), or on a
    webhook (`model.is_hook`).
    """

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

        A known idempotency key answers the first request (`replayed`), whatever the conditions. A pending request with
        a `run_id` and outside of a batch takes up what repeats it: the same key, run, digest, risk, channel, decisions
        and schemas answer that request (`folded`), and the idempotency key then means it too. Also takes requests that
        are already decided. Raises IdempotencyConflict, RateLimited, TooManyOpen, StoreUnavailable, and for the
        conditions Remembered (what must be absent), CallFrozen, Overtaken (the swap), BudgetSpent; then nothing was
        written and no rate counted.
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

    async def count(self, which: Filter) -> int:
        """How many pass a filter of nothing but `batch`, `piled` or `status`."""
        ...

    async def several(self, ids: Sequence[str]) -> Sequence[Request]:
        """The records of these ids, in their order; those that do not exist are left out."""
        ...

    async def facets(self) -> Sequence[Facet]:
        """How many pending requests there are of each kind, exactly; every pending request counts in one of them."""
        ...

    async def queue(self, facets: Sequence[Facet], cursor: str | None, limit: int) -> Page:
        """Pending requests of these facets, the most urgent first: by risk (`RISKS`), then by deadline, then by age.

        The cursor names a place in this order, and stays good when what stood there is gone.
        """
        ...

    async def decided_by(self, person: str, since: datetime, limit: int) -> Sequence[Request]:
        """What this person has decided, or voted on in what is decided now, since then (at most two days ago); the
        latest first.
        """
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
    """Cards that lag behind their record. `open` and `move` mark a request in the same step as the change.

    Webhooks wait in a line of their own, so that they hold up no card.
    """

    async def claim(self, lease: float, *, hooks: bool = False) -> Work | None:
        """Take one due card, or one due webhook, for `lease` seconds; None when nothing is due. Exactly one worker
        holds it.
        """
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

    async def nudge(self, pile: str, delay: float = 0.0) -> None:
        """What the card of several requests shows may have changed, or a webhook is to be sent: it is due in `delay`
        seconds, or when it is anyway. Counts its revision up, so that a worker which is at it is not the last.
        """
        ...

    async def nudged(self, pile: str) -> int:
        """The revision of such a card or webhook, for `done`; 0: never nudged."""
        ...

    async def hooks(self, limit: int) -> Sequence[tuple[str, datetime]]:
        """Webhooks that still wait: the request's id, and when a worker may take it; the soonest first."""
        ...

    async def ripe(self, timeout: float, *, hooks: bool = False) -> None:
        """Return when something of that line may be due, at the latest after `timeout` seconds."""
        ...


class Orders(Protocol):
    """Standing orders: freezes, grants and delegations, and dead letters of webhooks, as texts by id."""

    async def orders(self, space: Space) -> Mapping[str, str]: ...

    async def order(self, space: Space, id: str) -> str | None: ...

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

    async def tally(self, space: str, key: str, window: float) -> int:
        """Count one more; how many there were within the last `window` seconds, this one too."""
        ...


class Keys(Protocol):
    async def add_key(self, key: Key) -> None: ...

    async def key(self, key_id: str) -> Key | None: ...

    async def key_and(self, key_id: str, request_id: str | None = None) -> tuple[Key | None, Request | None, datetime]:
        """A key, a request and the store's clock, read together: what an agent's call begins with.

        No request where there is none that can be read; `load` says why.
        """
        ...

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
