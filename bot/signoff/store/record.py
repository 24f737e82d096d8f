"""What both stores agree on: records as text, which indexes a record stands in, which filters it passes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from pydantic_core import to_json

from signoff.errors import CallFrozen, Invalid
from signoff.model import UNREADABLE, Event, Freeze, Request, Spend, Status, dumps, iso, loads
from signoff.ports import Filter

PERSONAL = frozenset({"approve", "edit", "reject", "respond"})
"""Decisions that a person can make; the others are ends that come by themselves."""
STATUSES: tuple[Status, ...] = ("pending", "approved", "rejected", "responded", "expired", "cancelled")
PLAIN = frozenset({str, int, float, bool, type(None)})
EXACT = " "
"""Opens the text of a record that holds Decimals: pydantic's own parser, three times faster than ours, would round
them."""
SAME, SUM = "\x01", "\x02"
"""Stand for the arguments and for their digest, wherever a record repeats them. JSON never holds these characters, so
they can mean this.
"""
PLACE = '"arguments":'
"""What stands before the arguments."""


def dump(request: Request) -> str:
    """The record as text, exact to the last digit, in three lines: the arguments as JSON, their digest, the whole.

    A record holds its arguments and their digest two or three times; writing them once makes it half as long. What is
    at its default is left out.
    """
    if _has_decimal(request):
        whole = _plain(request.model_dump(mode="python", exclude_defaults=True))
        return EXACT + _packed(dumps(request.arguments), request.digest, dumps(whole))
    arguments = to_json(request.arguments).decode()
    return _packed(arguments, request.digest, request.model_dump_json(exclude_defaults=True))


def _packed(arguments: str, digest: str, whole: str) -> str:
    """Looked for where they stand: searching for so long a text takes longer than writing the record."""
    parts, rest, begin = list[str](), 0, 0
    while (begin := whole.find(PLACE, begin)) >= 0:
        begin += len(PLACE)
        if whole.startswith(arguments, begin):
            parts += (whole[rest:begin], SAME)
            rest = begin = begin + len(arguments)
    parts.append(whole[rest:])
    return f"{arguments}\n{digest}\n{''.join(parts).replace(digest, SUM)}"


def load(doc: str) -> Request:
    """The record from its text. Raises ValueError for text that `dump` did not write."""
    arguments, digest, whole = doc.split("\n", 2)
    whole = whole.replace(SUM, digest).replace(SAME, arguments)
    return Request.model_validate(loads(whole)) if doc.startswith(EXACT) else Request.model_validate_json(whole)


def load_or_none(doc: str | None) -> Request | None:
    """The record, or None for no text or that of another version of this program."""
    try:
        return None if doc is None else load(doc)
    except ValueError:
        return None


def _has_decimal(request: Request) -> bool:
    """Look at every value that came from outside; only those are loosely typed."""
    todo: list[object] = [request.arguments, request.metadata]
    todo += [version.arguments for version in request.versions if version.arguments is not request.arguments]
    if request.schema_ is not None:
        todo.append(request.schema_)
    if request.response_schema is not None:
        todo.append(request.response_schema)
    todo += [vote.response for vote in request.votes]
    decision = request.decision
    if decision is not None:
        if decision.arguments is not None and decision.arguments is not request.arguments:
            todo.append(decision.arguments)
        todo.append(decision.response)
        for change in decision.changes:
            todo += (change.from_, change.to)
    return any(map(_holds_decimal, todo))


def _holds_decimal(value: object) -> bool:
    if isinstance(value, dict):
        items: Iterable[object] = cast("dict[str, object]", value).values()
    elif isinstance(value, list | tuple):
        items = cast("list[object]", value)
    else:
        return isinstance(value, Decimal)
    for item in items:  # noqa: SIM110 - on the way of every write, and a generator doubles its time
        if type(item) not in PLAIN and _holds_decimal(item):
            return True
    return False


def _plain(value: object) -> object:
    """Moments as text; everything else is left to the exact writer."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[object]", value)]
    return value


# ── moments ──────────────────────────────────────────────────────────────────────────────────────


def moment(ms: int) -> datetime:
    """Milliseconds since the epoch → UTC; whole milliseconds, so that a record reads back as it was written."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def milliseconds(at: datetime) -> int:
    """Since the epoch. Never below the moment as written in the record."""
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


# ── events ───────────────────────────────────────────────────────────────────────────────────────


def position(event_id: str) -> tuple[int, int]:
    """An event id, `<milliseconds>-<n>`, as something to compare. Raises Invalid."""
    ms, _, count = event_id.partition("-")
    if not (ms.isascii() and ms.isdigit() and len(ms) < 19 and (count or "0").isascii() and (count or "0").isdigit()):
        raise Invalid({"": "This is not the id of an event; leave it out to begin with the present."})
    return int(ms), int(count or 0)


def event(event_id: str, fields: Mapping[str, str]) -> Event:
    """An entry of the stream as `lua/_write.lua` writes it."""
    return Event(
        id=event_id,
        type=fields["type"],
        request=fields["request"],
        status=cast("Status", fields["status"]),
        rev=int(fields["rev"]),
        asked_by=fields["asked_by"],
        at=moment(position(event_id)[0]),
    )


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


def is_personal(before: Request, after: Request) -> bool:
    """A person's decision, vote, edit or extension: refused once the time has passed (I06). Rules and ends are not."""
    if after.version != before.version or after.votes != before.votes or after.expires_at > before.expires_at:
        return True
    decision = after.decision
    return (
        decision is not None
        and after.status != "pending"
        and decision.kind in PERSONAL
        and any(by.person is not None for by in decision.decided_by)
    )


def frozen(text: str) -> CallFrozen:
    """What is said about a freeze that stands. One that cannot be read, of a later version perhaps, holds too."""
    try:
        freeze = Freeze.model_validate_json(text)
    except ValueError:
        return CallFrozen(what="This call", by=UNREADABLE, reason="")
    return freeze.refusal


LARGEST = 2**53
"""Up to here the numbers of Redis' scripts are exact."""


def taken(spend: Spend) -> tuple[int, int, int | None, int | None]:
    """How both stores reckon it: the window in milliseconds, the amount, and how many calls and how much may be within.

    An amount that is not exact never fits, and a negative one neither, which would fill the budget up.
    """
    amount = 0 if spend.limit is None else spend.amount
    limit = None if spend.limit is None else min(spend.limit, LARGEST)
    if 0 <= amount <= LARGEST:
        return spend.per * 1000, amount, spend.calls, limit
    return spend.per * 1000, 0, 0, limit


def places(request: Request) -> tuple[str, ...]:
    """Where the request is looked for: the place it named and those its cards are shown in."""
    show = request.terms.show
    return show if request.channel is None or request.channel in show else (*show, request.channel)


def is_quiet(request: Request) -> bool:
    """It has ended, and stands on no card, and nobody is to be called back: nothing lags behind its record."""
    told = request.terms.show or request.callback_url or request.batch or request.piled or request.undelivered
    return not request.open and not told


def voters(request: Request) -> tuple[str, ...]:
    """Those whose voice in it is used up: who voted, and in whose place."""
    people = (name for vote in request.votes for name in (vote.person, vote.acting_for))
    return tuple(dict.fromkeys(name for name in people if name is not None))


def matches(request: Request, which: Filter) -> bool:
    """Does the request pass the filter?"""
    return (
        (which.status is None or request.status == which.status)
        and (which.agent is None or request.agent == which.agent)
        and (which.risk is None or (request.terms.risk or request.risk) == which.risk)
        and (which.asked_by is None or request.asked_by == which.asked_by)
        and (which.channel is None or which.channel in places(request))
        and (which.approvers is None or (request.open and not set(which.approvers).isdisjoint(request.terms.approvers)))
        and (which.batch is None or (request.batch is not None and request.batch.id == which.batch))
        and (which.piled is None or (request.open and which.piled in request.piled))
        and (which.voted is None or (request.open and which.voted in voters(request)))
    )


def pair(first: str, second: str) -> str:
    """Two texts as one, never the same for two different pairs."""
    return f"{len(first)}:{first}:{second}"


def indexes(request: Request) -> Iterator[str]:
    """The names of the sorted sets that the request stands in. Few: each costs 130 bytes for every request."""
    yield f"status:{request.status}"
    yield f"key:{request.status}:{request.asked_by}"
    if request.batch is not None:
        yield f"batch:{request.status}:{request.batch.id}"
    if request.status != "pending":
        return
    for place in dict.fromkeys(request.piled):
        yield f"piled:{place}"
    for person in voters(request):
        yield f"voted:{person}"
    where = tuple(dict.fromkeys(places(request)))
    terms = tuple(dict.fromkeys(request.terms.approvers))
    for place in where:
        yield f"place:{place}"
    for term in terms:
        yield f"term:{term}"
        # A set of its own for every pair: a page by channel and approver costs the same as any other.
        for place in where:
            yield f"both:{pair(place, term)}"


def counted(asked_by: str | None) -> tuple[tuple[Status, str], ...]:
    """Status → the index whose size says how many there are: of one key's requests, or of all."""
    if asked_by is None:
        return tuple((status, f"status:{status}") for status in STATUSES)
    return tuple((status, f"key:{status}:{asked_by}") for status in STATUSES)


def choices(which: Filter) -> tuple[tuple[str, ...], ...]:
    """The ways to find what passes the filter: each a group of indexes to merge; the smallest group is the best.

    Empty: nothing can pass.
    """
    if which.approvers is not None:
        if which.status not in (None, "pending"):
            return ()
        terms = tuple(dict.fromkeys(which.approvers))
        if which.channel is not None:
            group = tuple(f"both:{pair(which.channel, term)}" for term in terms)
        else:
            group = tuple(f"term:{term}" for term in terms)
        return (group,) if group else ()
    statuses = STATUSES if which.status is None else (which.status,)
    if which.batch is not None:  # at most some hundreds, and most often fewer than of anything else
        return (tuple(f"batch:{status}:{which.batch}" for status in statuses),)
    if which.piled is not None:
        return ((f"piled:{which.piled}",),) if "pending" in statuses else ()
    if which.voted is not None:
        return ((f"voted:{which.voted}",),) if "pending" in statuses else ()
    found: list[tuple[str, ...]] = []
    if which.asked_by is not None:
        found.append(tuple(f"key:{status}:{which.asked_by}" for status in statuses))
    if which.channel is not None and which.status == "pending":
        found.append((f"place:{which.channel}",))
    return tuple(found) or (tuple(f"status:{status}" for status in statuses),)


def is_exact(which: Filter, group: tuple[str, ...]) -> bool:
    """Does the index alone decide, so that nothing found through it has to be passed over?"""
    if which.agent is not None or which.risk is not None:
        return False
    kind = group[0].partition(":")[0]
    decided = {
        "status": {"status"},
        "key": {"status", "asked_by"},
        "place": {"status", "channel"},
        "term": {"status", "approvers"},
        "both": {"status", "channel", "approvers"},
        "batch": {"status", "batch"},
        "piled": {"status", "piled"},
        "voted": {"status", "voted"},
    }[kind]
    names = ("status", "channel", "asked_by", "approvers", "batch", "piled", "voted")
    return {name for name in names if getattr(which, name) is not None} <= decided


def sizes(which: Filter) -> tuple[str, ...]:
    """The indexes whose sizes say together how many pass a filter of batch, piled or status. Raises ValueError."""
    groups = choices(which)
    if which.approvers is not None or (groups and not is_exact(which, groups[0])):
        raise ValueError("counted are a batch, a pile or a status")
    return groups[0] if groups else ()
