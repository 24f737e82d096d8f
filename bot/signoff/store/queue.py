"""What waits, in the order in which both stores keep it; what repeats it; who ended it and when. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pydantic_core import from_json, to_json

from signoff.errors import Invalid
from signoff.model import RISKS, Facet, Request, Risk
from signoff.store import record

DIGITS = 13
"""Of a deadline in milliseconds, up to the year 2286."""
AHEAD = 10_000
"""Milliseconds by which the card of a request that still waits is due before its time: ahead of repaints of ended ones,
which wait that much longer and no more.
"""
REACH = 3
"""Days after the first of two days back that may have to be looked through: it may be early on the first of them, and
late now."""


def facet(request: Request) -> Facet:
    """The bucket in which a pending request stands. Sorted, so that what is asked alike stands together."""
    return Facet(
        approvers=tuple(sorted(set(request.terms.approvers))),
        places=tuple(sorted(set(record.places(request)))),
        tool=request.tool,
        agent=request.agent,
        risk=request.terms.risk or request.risk,
    )


def bucket(kind: Facet) -> str:
    """The kind as text, whatever its size."""
    return to_json(kind[:-1]).decode()


def sized(text: str, size: int) -> Facet:
    """The kind from its text, and how many there are of it."""
    return Facet(*_kind(text), size)


@lru_cache(maxsize=16384)
def _kind(text: str) -> tuple[tuple[str, ...], tuple[str, ...], str, str | None, Risk | None]:
    approvers, places, tool, agent, risk = from_json(text)
    return tuple(approvers), tuple(places), tool, agent, risk


def member(request: Request) -> str:
    """Where a request stands in its bucket: by deadline, then by age, which its id begins with."""
    return f"{record.milliseconds(request.expires_at):0{DIGITS}d}{request.id}"


def by_risk(facets: Sequence[Facet]) -> Iterator[tuple[int, list[str]]]:
    """The buckets of these kinds, each once, the most urgent first: their place among the risks, and their texts."""
    found: dict[Risk | None, dict[str, None]] = {}
    for one in facets:
        found.setdefault(one.risk, {})[bucket(one)] = None
    for place, risk in enumerate(RISKS):
        if risk in found:
            yield place, list(found[risk])


def cursor(place: int, last: str) -> str:
    """Names the place behind the member `last` of the buckets of one risk."""
    return f"{place}.{last}"


def behind(cursor: str | None) -> tuple[int, str]:
    """What `cursor` named. Raises Invalid."""
    if cursor is None:
        return 0, ""
    place, dot, last = cursor.partition(".")
    if not dot or place not in map(str, range(len(RISKS))):
        raise Invalid({"": "This does not name a place in the queue; leave it out to begin at its front."})
    return int(place), last


def repeats(request: Request) -> str | None:
    """The same for every ask that says the same again in the same run; None where nothing is taken together.

    Made of what no change of the record touches.
    """
    if request.run_id is None or request.batch is not None:
        return None
    said = (
        request.asked_by,
        request.run_id,
        request.versions[0].digest,
        request.risk,
        request.channel,
        sorted(request.allowed_decisions),
        # What may be edited or answered: who asks so gets no answer that was given to another question.
        request.editable,
        request.schema_,
        request.response_schema,
        # Who wants to be told elsewhere has to be told: by a request of their own.
        *(() if request.callback_url is None else (request.callback_url,)),
    )
    return hashlib.blake2b(to_json(said), digest_size=16).hexdigest()


def deciders(request: Request) -> tuple[str, ...]:
    """Whose doing the end of a request is: who decided it, and whose votes stand."""
    decided_by = () if request.decision is None else request.decision.decided_by
    people = (*(by.person for by in decided_by), *(vote.person for vote in request.votes))
    return tuple(dict.fromkeys(person for person in people if person is not None))


def day(at: datetime) -> str:
    """UTC, `2026-11-20`."""
    return at.astimezone(UTC).date().isoformat()


def days(since: datetime) -> tuple[str, ...]:
    """Those in which something may have been decided since, the latest first."""
    return tuple(day(since + timedelta(days=after)) for after in reversed(range(REACH + 1)))
