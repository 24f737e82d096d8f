"""The record as it stands now: read with the store's clock, ended when its time has passed."""

from __future__ import annotations

import asyncio
from datetime import datetime

from signoff import digest
from signoff.desk import entries as audit
from signoff.desk import timers
from signoff.desk.origin import POSTING_PATIENCE, check_origin
from signoff.errors import NotFound, StoreUnavailable
from signoff.model import Actor, Key, Request
from signoff.ports import Store

Known = tuple[Request, datetime]
"""A record and the store's clock, read together."""
ATTEMPTS = 20
"""How often a lost race is tried again; each loss means that somebody else made progress."""


class Records:
    """Reading requests. Raises NotFound, StoreUnavailable."""

    def __init__(self, store: Store, signer: digest.Signer) -> None:
        self._store = store
        self._signer = signer

    async def current(self, request_id: str, known: Known | None = None) -> Known:
        """Expiry is enforced here, whether or not a sweeper was there first (I06). `known`: what was read just now."""
        for _ in range(ATTEMPTS):
            (request, now), known = known or await self._store.load(request_id), None
            if not request.open or now < request.expires_at:
                return request, now
            after = timers.ended(request, now, self._signer)
            if await self._store.move(request, after, "request.decided", audit.decided(after, None, None)):
                return after, now
        raise StoreUnavailable

    async def owned(self, request_id: str, key: Key, known: Known | None = None) -> Known:
        """One of this key's own."""
        request, now = await self.current(request_id, known)
        if request.asked_by != key.id:
            raise NotFound
        return request, now

    async def clicked(self, request_id: str, actor: Actor) -> tuple[Request, datetime]:
        """The record, after a look at where its cards are; both are asked for at once, a person is waiting.

        Raises WrongPlace, StillPosting, DuplicateCard too.
        """
        reading = asyncio.ensure_future(self.current(request_id))
        asked = asyncio.get_running_loop().time()
        try:
            await check_origin(self._store, request_id, actor)
        except BaseException:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            raise
        late = asyncio.get_running_loop().time() - asked >= POSTING_PATIENCE[0]
        found = await reading
        return await self.current(request_id) if late else found  # what it says about the time must be fresh
