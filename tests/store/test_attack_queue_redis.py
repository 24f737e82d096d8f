"""Attempts to make the store's counts, lists and memories of what waits disagree with its records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storekit import entry, request, settled

from signoff.model import Request, Vote
from signoff.ports import Caps, Filter, Store

CAPS = Caps(open_requests=1_000_000, per_minute=1_000_000)
NOW = datetime.now(UTC).replace(microsecond=0)


async def opened(store: Store, made: Request) -> Request:
    return (await store.open(made, entry(id=made.id), None, CAPS)).request


async def moved(store: Store, before: Request, after: Request) -> Request:
    assert await store.move(before, after, "request.voted", entry())
    return after


def voted(before: Request, person: str, acting_for: str | None = None) -> Request:
    vote = Vote(person=person, acting_for=acting_for, at=NOW)
    return before.model_copy(update={"votes": (*before.votes, vote), "rev": before.rev + 1})


async def test_what_a_person_has_voted_on_is_found_until_it_ends(store: Store) -> None:
    """Also by who was spoken for; not when the votes are void, nor when it has ended."""
    first, second, third = [await opened(store, request()) for _ in range(3)]

    async def found(person: str) -> list[str]:
        which = Filter(status="pending", voted=person)
        assert [one.id for one in (await store.page(Filter(voted=person), None, 10)).requests] == (
            ids := [one.id for one in (await store.page(which, None, 10)).requests]
        )
        assert (await store.page(Filter(status="approved", voted=person), None, 10)).requests == ()
        return ids

    first = await moved(store, first, voted(first, "ada"))
    second = await moved(store, second, voted(voted(second, "bob", "ada"), "cleo").model_copy(update={"rev": 2}))
    assert [await found(one) for one in ("ada", "bob", "cleo", "dan")] == [
        [first.id, second.id],
        [second.id],
        [second.id],
        [],
    ]
    edited = second.model_copy(update={"votes": (), "rev": 3, "version": 2})
    await moved(store, second, edited)
    await moved(store, first, settled(first))
    assert [await found(one) for one in ("ada", "bob", "cleo")] == [[], [], []]
    assert third.open
