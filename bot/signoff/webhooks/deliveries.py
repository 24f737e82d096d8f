"""How far each webhook has come: what waits, what was taken, and the dead letters, which stand until somebody sends
them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from signoff.desk import entries as audit
from signoff.errors import NotFound, NoWebhook
from signoff.model import Delivery, Request, hook_of, origin
from signoff.ports import Store, Swap
from signoff.webhooks.messages import type_of

MEMORY = "webhook"
"""The store's memory of those that are no dead letters."""
GRACE = 60.0
"""Seconds after which a redelivery goes on by itself if whoever began it died."""


class Deliveries:
    """Raises StoreUnavailable, all of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, request: Request) -> Delivery:
        """As it stands; a new one for a webhook that was never tried."""
        return await self._found(request.id) or Delivery(
            request=request.id, type=type_of(request), target=origin(request.callback_url or "")
        )

    async def _found(self, request_id: str) -> Delivery | None:
        dead = await self._store.order("webhooks", request_id)
        text = dead if dead is not None else await self._store.recall(MEMORY, request_id)
        return None if text is None else Delivery.model_validate_json(text)

    async def keep(self, delivery: Delivery) -> None:
        """What came of an attempt. A dead letter leaves its audit line."""
        text = delivery.model_dump_json()
        if delivery.state == "dead":
            await self._store.change(Swap("webhooks", delivery.request, None, text), audit.webhook_dead(delivery))
        else:
            await self._store.remember(MEMORY, delivery.request, text)

    # ── the operator's ───────────────────────────────────────────────────────────────────────────

    async def dead(self) -> Sequence[Delivery]:
        """The dead letters, the oldest first."""
        texts = (await self._store.orders("webhooks")).values()
        return sorted(
            map(Delivery.model_validate_json, texts), key=lambda one: (one.last_at or one.first_at, one.request)
        )

    async def waiting(self, limit: int) -> Sequence[Delivery]:
        """Those that are to be tried, the soonest first."""
        found: list[Delivery] = []
        for request_id, due in await self._store.hooks(limit):
            try:
                delivery = await self.show(request_id)
            except NoWebhook:
                continue
            if delivery.state == "waiting":
                found.append(delivery.model_copy(update={"next_at": due}))
        return found

    async def show(self, request_id: str) -> Delivery:
        """Raises NoWebhook."""
        return await self.of(await self._request(request_id))

    async def _request(self, request_id: str) -> Request:
        try:
            request, _ = await self._store.load(request_id)
        except NotFound:
            raise NoWebhook(request=request_id, why="there is no such request") from None
        if request.callback_url is None:
            raise NoWebhook(request=request_id, why="it asked for none")
        if request.open:
            raise NoWebhook(request=request_id, why="nothing is sent before it has ended")
        return request

    async def redeliver(self, request_id: str, *, by: str, via: str) -> Delivery:
        """Send it again, at once and with all its attempts before it. Raises NoWebhook."""
        request = await self._request(request_id)
        standing = await self._found(request_id)
        if standing is None or standing.state == "waiting":
            await self._store.nudge(hook_of(request_id))
            return await self.of(request)
        # Whoever dies in between leaves it due: too early it is found dead still, and afterwards it is sent.
        await self._store.nudge(hook_of(request_id), GRACE)
        text = await self._store.order("webhooks", request_id)
        if text is not None:
            await self._store.forget(MEMORY, request_id)  # first, or it would begin with all attempts behind it
        again = Swap("webhooks", request_id, text, None)
        if await self._store.change(again, audit.webhook_redelivered(standing, by, via)):
            await self._store.forget(MEMORY, request_id)
            await self._store.nudge(hook_of(request_id))
        return await self.of(request)


def failed(delivery: Delivery, now: datetime, fault: str, again: datetime | None) -> Delivery:
    """After an attempt that did not count. `again`: the next one; None: there is none."""
    return delivery.model_copy(
        update={
            "state": "waiting" if again is not None else "dead",
            "attempts": delivery.attempts + 1,
            "first_at": delivery.first_at or now,
            "last_at": now,
            "next_at": again,
            "fault": fault,
        }
    )


def taken(delivery: Delivery, now: datetime) -> Delivery:
    """After the attempt that counted."""
    return delivery.model_copy(
        update={
            "state": "delivered",
            "attempts": delivery.attempts + 1,
            "first_at": delivery.first_at or now,
            "last_at": now,
            "next_at": None,
            "fault": None,
        }
    )
