"""What an agent does with its own requests: take them back, use an approval, report what came of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from signoff import digest
from signoff.desk import claims
from signoff.desk import entries as audit
from signoff.desk.records import ATTEMPTS, Known, Records
from signoff.desk.verdict import settle, standing
from signoff.errors import (
    AlreadyConsumed,
    AlreadyDecided,
    DigestMismatch,
    NotApproved,
    ReceiptExpired,
    StoreUnavailable,
)
from signoff.model import Key, Outcome, Request, freezes_of, iso
from signoff.ports import Conditions, Store


class Runs:
    """Raises NotFound for another key's requests, and StoreUnavailable."""

    def __init__(self, store: Store, records: Records, signer: digest.Signer) -> None:
        self._store = store
        self._records = records
        self._signer = signer

    async def withdraw(self, names: Mapping[str, str], request_id: str, key: Key) -> Request:
        """The agent takes its request back. Raises NotFound, AlreadyDecided."""
        for _ in range(ATTEMPTS):
            request, now = await self._records.owned(request_id, key)
            if not request.open:
                raise AlreadyDecided(what=standing(request, names), request=request)
            after = settle(request, "cancel", (), now, self._signer)
            if await self._store.move(request, after, "request.decided", audit.decided(after, None, None)):
                return after
        raise StoreUnavailable

    async def consume(
        self,
        request_id: str,
        arguments: dict[str, object],
        key: Key,
        claim: str | None = None,
        known: Known | None = None,
    ) -> Request:
        """Burn the approval, once, for exactly the approved arguments (I10), or find that this caller did.

        Raises NotFound, NotApproved, ReceiptExpired, AlreadyConsumed, DigestMismatch, CallFrozen.
        """
        for _ in range(ATTEMPTS):
            (request, now), known = await self._records.owned(request_id, key, known), None
            decision = request.decision
            if request.status != "approved" or decision is None:
                raise NotApproved(status=request.status)
            mine = claims.holds(request, claim)
            if request.consumed_at is not None and not mine:
                raise AlreadyConsumed(when=iso(request.consumed_at))
            end = decision.decided_at + digest.RECEIPT_LIFE
            if now >= end and not mine:
                raise ReceiptExpired(when=iso(end))
            try:
                actual = digest.digest(request.tool, arguments, request.agent, request.on_behalf_of)
            except ValueError:
                raise DigestMismatch from None
            if not secrets.compare_digest(actual, decision.digest):
                raise DigestMismatch
            if mine:
                return request
            after = claims.consumed(request, claim, now).model_copy(update={"rev": request.rev + 1})
            thawed = Conditions(freezes_of(request))
            if await self._store.move(request, after, "request.consumed", audit.consumed(after), thawed):
                return after
        raise StoreUnavailable

    async def report(self, request_id: str, outcome: Outcome, key: Key, known: Known | None = None) -> Request:
        """What came of the run; shown on the card. Raises NotFound, NotApproved."""
        for _ in range(ATTEMPTS):
            (request, now), known = await self._records.owned(request_id, key, known), None
            if request.status not in {"approved", "responded"}:
                raise NotApproved(status=request.status)
            if (said := request.outcome) and (said.status, said.detail) == (outcome.status, outcome.detail):
                return request  # said again because its answer was lost
            done = outcome.model_copy(update={"at": now})
            after = request.model_copy(update={"outcome": done, "rev": request.rev + 1})
            if await self._store.move(request, after, "request.reported", audit.reported(after)):
                return after
        raise StoreUnavailable
