"""Somebody's own page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from signoff import cards
from signoff.cards import queue as drawn
from signoff.desk.orders import Orders
from signoff.desk.queue import Queue
from signoff.model import Actor, Sieve
from signoff.policy import Policy
from signoff.ports import Store

WAITING = 10
"""Requests shown."""
DECIDED = 50
"""Requests read."""
TODAY = timedelta(hours=24)
"""What "today" means, wherever somebody is."""


class Homes:
    def __init__(self, store: Store, queue: Queue, orders: Orders, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._queue = queue
        self._orders = orders
        self._policy = policy

    async def home(self, actor: Actor) -> cards.Home:
        """The queue, what was decided today, grants and delegations. Raises like `Queue.page`."""
        person = await self._queue.person(actor)
        found = await self._queue.page(actor, Sieve(), None, WAITING)
        decided = await self._store.decided_by(person, found.now - TODAY, DECIDED)
        grants = [one for one in await self._orders.grants() if one.giver == person]
        delegations = [one for one in await self._orders.delegations() if person in {one.giver, one.to}]
        return drawn.home(
            counts=found.counts,
            waiting=[one for one, _ in found.requests],
            decided=decided,
            grants=grants,
            delegations=delegations,
            person=person,
            names=self._policy().names,
        )
