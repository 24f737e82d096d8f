"""What ends without a card, a batch or a callback gives the outbox nothing to do. Every store alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from storekit import CAPS, entry, request, settled

from signoff.model import Batch, Request
from signoff.ports import Store

LEASE = 60.0


def nowhere(made: Request, **fields: object) -> Request:
    return made.model_copy(update={"terms": made.terms.model_copy(update={"show": ()}), **fields})


async def open_(store: Store, made: Request) -> Request:
    return (await store.open(made, entry(id=made.id), None, CAPS)).request


def decided(made: Request) -> Request:
    return settled(made).model_copy(update={"rev": made.rev})


async def test_what_ended_unseen_is_not_due(store: Store) -> None:
    """Neither when it is opened so, nor when its outcome follows."""
    made = await open_(store, decided(nowhere(request())))
    assert await store.claim(LEASE) is None
    after = made.model_copy(update={"rev": made.rev + 1})
    assert await store.move(made, after, "request.reported", entry(id=made.id))
    assert await store.claim(LEASE) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"callback_url": "https://example.com/hook"},
        {"batch": Batch(id="batch_1", index=0, size=1, title=None)},
        {"piled": ("slack:#a",)},
        {"undelivered": {"slack:#a": "gone"}},
    ],
)
async def test_what_is_told_or_counted_anywhere_is_due(store: Store, fields: dict[str, object]) -> None:
    """A callback, a row on a batch's card, a place on a pile, or one that it could not be delivered to."""
    made = await open_(store, decided(nowhere(request(), **fields)))
    work = await store.claim(LEASE)
    assert work is not None
    assert work.request == made.id


async def test_what_is_shown_or_waits_is_due(store: Store) -> None:
    """With a place of its own also when it has ended, without one while it waits."""
    shown = await open_(store, decided(request()))
    waiting = await open_(store, nowhere(request()))
    found = [await store.claim(LEASE) for _ in range(3)]
    assert {work and work.request for work in found} == {shown.id, waiting.id, None}


async def test_an_end_while_a_worker_is_at_it_is_not_missed(store: Store) -> None:
    """The worker took it while it waited; done with that, it has it once more at its end."""
    made = await open_(store, nowhere(request()))
    work = await store.claim(LEASE)
    assert work is not None
    assert await store.move(made, settled(made), "request.decided", entry(id=made.id))
    await store.done(work, made.rev)
    again = await store.claim(LEASE)
    assert again is not None
    await store.done(again, made.rev + 1)
    assert await store.claim(LEASE) is None


async def test_a_quiet_end_reaches_who_waits_for_it(another: Callable[[], Awaitable[Store]]) -> None:
    """On every replica."""
    one, other = await another(), await another()
    made = await open_(one, nowhere(request()))
    waiters = [asyncio.create_task(store.wait(made.id, 30)) for store in (one, other)]
    await other.ping()
    assert await one.move(made, settled(made), "request.decided", entry(id=made.id))
    assert [found.status for found in await asyncio.gather(*waiters)] == ["approved", "approved"]
