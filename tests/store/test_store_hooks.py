"""The line of webhooks: the same in every store, and apart from that of the cards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from storekit import CAPS, entry, request, settled

from signoff.model import hook_of, loads
from signoff.ports import Store, Swap, Work

OpenStore = Callable[[], Awaitable[Store]]


async def claimed(store: Store, lease: float = 60) -> Work:
    async with asyncio.timeout(10):
        while (work := await store.claim(lease, hooks=True)) is None:
            await store.ripe(5, hooks=True)
    return work


async def test_webhooks_and_cards_wait_in_lines_of_their_own(store: Store) -> None:
    """Whoever takes cards never finds a webhook, and the other way round."""
    asked = request()
    await store.open(asked, entry(), None, CAPS)
    await store.nudge(hook_of(asked.id))
    card, hook = await store.claim(60), await store.claim(60, hooks=True)
    assert card is not None
    assert hook is not None
    assert (card.request, hook.request) == (asked.id, hook_of(asked.id))
    assert await store.claim(60) is None
    assert await store.claim(60, hooks=True) is None
    await store.done(hook, await store.nudged(hook.request))
    await store.again(card, 0)
    again = await store.claim(60)
    assert again is not None
    assert again.request == asked.id
    assert await store.claim(60, hooks=True) is None


async def test_a_webhook_that_was_never_due_has_no_revision(store: Store) -> None:
    """The relay goes by this: it makes each due once. Being done with it does not take that back."""
    asked, other = request(), request()
    assert await store.nudged(hook_of(asked.id)) == 0
    await store.nudge(hook_of(asked.id))
    work = await claimed(store)
    await store.done(work, await store.nudged(work.request))
    assert await store.nudged(hook_of(asked.id)) == 1
    assert await store.nudged(hook_of(other.id)) == 0
    assert await store.claim(60, hooks=True) is None


async def test_who_nudges_a_webhook_that_is_tried_has_it_tried_again(store: Store) -> None:
    """After its end, and instead of waiting for the back-off."""
    hook = hook_of(request().id)
    await store.nudge(hook)
    work = await claimed(store)
    rev = await store.nudged(hook)
    await store.nudge(hook)
    assert await store.claim(60, hooks=True) is None, "not while somebody is at it"
    await store.done(work, rev)
    work = await claimed(store)
    rev = await store.nudged(hook)
    await store.nudge(hook)
    await store.again(work, 3600, rev)
    work = await claimed(store)
    await store.done(work, await store.nudged(hook))
    assert await store.claim(60, hooks=True) is None


async def test_a_nudge_brings_a_waiting_webhook_forward_and_never_back(store: Store) -> None:
    """It stays due when it was due, or comes sooner."""
    hook = hook_of(request().id)
    await store.nudge(hook)
    work = await claimed(store)
    await store.again(work, 3600)
    assert await store.claim(60, hooks=True) is None
    await store.nudge(hook, 7200)
    ((_, due),) = await store.hooks(10)
    assert due < await store.now() + timedelta(seconds=3601)
    await store.nudge(hook)
    assert (await claimed(store)).request == hook


async def test_the_line_is_listed_soonest_first(store: Store) -> None:
    """Request ids and moments; as many as are asked for."""
    asked = [request().id for _ in range(4)]
    for place, one in enumerate(asked):
        await store.nudge(hook_of(one), 100.0 * (4 - place))
    found = await store.hooks(10)
    assert [one for one, _ in found] == asked[::-1]
    now = await store.now()
    for seconds, (_, due) in zip((100, 200, 300, 400), found, strict=True):
        assert abs((due - now).total_seconds() - seconds) < 5
    assert [one for one, _ in await store.hooks(1)] == asked[3:]


async def test_a_lease_that_lapses_gives_the_webhook_to_another(another: OpenStore) -> None:
    """kill -9 of a sender: another process takes it up, and the first can write nothing about when it is due."""
    one, other = await another(), await another()
    await one.nudge(hook_of("req_1"))
    late = await claimed(one, 0.05)
    now = await claimed(other)
    assert now.request == late.request
    assert now.token != late.token
    await one.done(late, 1)
    await one.again(late, 0)
    assert await other.claim(60, hooks=True) is None


async def test_exactly_one_of_many_takes_a_webhook(another: OpenStore) -> None:
    """Two replicas, ten at once."""
    stores = [await another(), await another()]
    await stores[0].nudge(hook_of("req_1"))
    found = await asyncio.gather(*(stores[i % 2].claim(60, hooks=True) for i in range(10)))
    assert len([work for work in found if work is not None]) == 1


async def test_who_waits_for_webhooks_is_woken_by_them_and_not_by_cards(store: Store) -> None:
    """A nudge in this process, at once; a new request leaves them alone and does not take their place."""
    hooks = asyncio.create_task(store.ripe(60, hooks=True))
    cards = asyncio.create_task(store.ripe(60))
    await asyncio.sleep(0)
    await store.open(request(), entry(), None, CAPS)
    async with asyncio.timeout(5):
        await cards
    assert not hooks.done()
    cards = asyncio.create_task(store.ripe(60))
    await asyncio.sleep(0)
    await store.nudge(hook_of("req_1"))
    async with asyncio.timeout(5):
        await hooks
    work = await store.claim(60)
    if work is not None:  # the request is due, which is why this one is awake
        await store.done(work, 1)
    cards.cancel()
    await asyncio.gather(cards, return_exceptions=True)


async def test_ripe_returns_when_a_webhook_comes_due(store: Store) -> None:
    """Also when nobody says so."""
    await store.nudge(hook_of("req_1"))
    work = await claimed(store)
    await store.again(work, 0.2)
    async with asyncio.timeout(5):
        await store.ripe(60, hooks=True)
        assert (await claimed(store)).request == hook_of("req_1")


async def test_a_request_without_webhook_leaves_nothing_in_that_line(store: Store) -> None:
    """Asked, decided, shown: no webhook."""
    asked = request()
    await store.open(asked, entry(), None, CAPS)
    await store.move(asked, settled(asked), "request.decided", entry())
    assert await store.hooks(10) == []
    assert await store.nudged(hook_of(asked.id)) == 0


async def test_dead_letters_stand_until_they_are_taken_away_each_with_its_line(store: Store) -> None:
    """One by its id, all of them, and a compare-and-set with the audit line in one step."""
    assert await store.order("webhooks", "req_1") is None
    assert await store.change(Swap("webhooks", "req_1", None, '{"a": 1}'), entry(what="dead"))
    assert not await store.change(Swap("webhooks", "req_1", None, "other"), entry(what="twice"))
    assert await store.change(Swap("webhooks", "req_2", None, ""), entry(what="empty"))
    assert await store.order("webhooks", "req_1") == '{"a": 1}'
    assert await store.order("webhooks", "req_2") == ""
    assert await store.orders("webhooks") == {"req_1": '{"a": 1}', "req_2": ""}
    assert await store.order("freezes", "req_1") is None
    assert await store.change(Swap("webhooks", "req_1", '{"a": 1}', None), entry(what="again"))
    assert await store.order("webhooks", "req_1") is None
    assert await store.change(Swap("webhooks", "req_9", None, None), entry(what="taken before"))
    lines = [loads(line.body) for line in await store.audit(0, 100)]
    assert [line["what"] for line in lines if isinstance(line, dict)] == ["dead", "empty", "again", "taken before"]
