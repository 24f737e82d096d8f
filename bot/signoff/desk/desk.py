"""The desk: every request enters, is decided and ends here, whatever door it came through.

Each change is read → checked → written as one compare-and-set. Whoever loses a race reads again and is told the
decision that stands (I01). Nothing here knows a platform, a library or a socket.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

from signoff import cards, digest, forms
from signoff.audit import Line
from signoff.desk import entries as audit
from signoff.desk import said
from signoff.desk.admission import admit, edited
from signoff.desk.asking import body, check, opened
from signoff.desk.origin import POSTING_PATIENCE, check_origin
from signoff.desk.verdict import settle, standing
from signoff.errors import (
    AlreadyConsumed,
    AlreadyDecided,
    DigestMismatch,
    NotApproved,
    NotFound,
    ReceiptExpired,
    StaleVersion,
    StoreUnavailable,
)
from signoff.model import (
    Actor,
    Answer,
    Ask,
    DecidedBy,
    Event,
    Key,
    Kind,
    Outcome,
    Principal,
    Request,
    Status,
    dumps,
    iso,
    loads,
)
from signoff.policy import Policy
from signoff.ports import Filter, Idempotency, Limits, Opened, Page, Store

ATTEMPTS = 20
"""How often a lost race is tried again; each loss means that somebody else made progress."""
DRAFT_LIFE = 3600.0
"""Seconds that the pages of a half-filled form are kept."""
PURPOSE_KIND: dict[forms.Purpose, Kind] = {
    "edit": "edit",
    "edit_json": "edit",
    "reject": "reject",
    "respond": "respond",
}


class Desk:
    """One per process; holds no state that another process needs."""

    def __init__(self, store: Store, policy: Policy, signer: digest.Signer, limits: Limits | None = None) -> None:
        self._store = store
        self._policy = policy
        self._signer = signer
        self._limits = limits or Limits()

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    async def ask(self, ask: Ask, key: Key, idempotency_key: str | None = None) -> Opened:
        """Take up a tool call. Raises Invalid, ChannelNotAllowed, IdempotencyConflict, RateLimited, TooManyOpen,
        StoreUnavailable.
        """
        check(ask)
        now = await self._store.now()
        terms = self._policy.terms(ask, ask.arguments, now)
        request = opened(ask, terms, key, now, self._signer)
        idempotency = idempotency_key and Idempotency(idempotency_key, body(ask))
        return await self._store.open(request, audit.asked(request), idempotency or None, self._limits.caps)

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def get(self, request_id: str) -> Request:
        """The record; one whose time has passed is expired on the way. Raises NotFound, StoreUnavailable."""
        return (await self._current(request_id))[0]

    async def wait(self, request_id: str, timeout: float) -> Request:
        """The record as soon as it is terminal, or as it is after `timeout` seconds. Raises like `get`."""
        request, now = await self._current(request_id)
        if not request.open or timeout <= 0:
            return request
        left = (request.expires_at - now).total_seconds()
        del request  # ten thousand of these wait at once: no record is held meanwhile
        request = await self._store.wait(request_id, min(timeout, max(left, 0)))
        return await self.get(request_id) if request.open and left <= timeout else request

    async def page(self, which: Filter, cursor: str | None, limit: int) -> Page:
        return await self._store.page(which, cursor, limit)

    async def counts(self, asked_by: str | None = None) -> Mapping[Status, int]:
        """How many requests have each status. `asked_by`: only this key's."""
        return await self._store.counts(asked_by)

    async def audit(self, after: int, limit: int) -> Sequence[Line]:
        return await self._store.audit(after, limit)

    def events(self, after: str | None) -> AsyncIterator[Event]:
        return self._store.events(after)

    def card(self, request: Request) -> cards.Card:
        """The neutral card for a record; pure."""
        return cards.card(request, who=self._policy.who(request.terms.approvers), names=self._policy.names)

    async def details(self, request_id: str, actor: Actor) -> cards.Details:
        """Everything about a request, for one person at a place where its card is. Raises NotFound, WrongPlace."""
        request, _ = await self._current(request_id)
        await check_origin(self._store, request_id, actor)
        return cards.details(request, who=self._policy.who(request.terms.approvers), names=self._policy.names)

    # ── people ───────────────────────────────────────────────────────────────────────────────────

    def person(self, actor: Actor) -> str | None:
        """The policy's person behind a verified identity."""
        if actor.principal is not None:
            return self._policy.person_of(actor.principal)
        return actor.person if actor.person in self._policy.people else None

    def identity(self, person: str, chat: str) -> Principal | None:
        """Where to reach a person on one chat."""
        return self._policy.identity(person, chat)

    def queue_terms(self, person: str) -> tuple[str, ...]:
        """The person and the groups the person is in: what pending requests are filtered by."""
        return self._policy.queue_terms(person)

    def may_decide(self, request: Request, person: str) -> bool:
        return person in self._policy.members(request.terms.approvers)

    # ── answering ────────────────────────────────────────────────────────────────────────────────

    async def answer(self, request_id: str, answer: Answer, actor: Actor) -> Request:
        """The one door for decisions: chat clicks, forms and approver keys.

        Raises NotFound, WrongPlace, DuplicateCard, AlreadyDecided, NobodyMayApprove, NotAnApprover, SelfApproval,
        NotOffered, StaleVersion, Invalid, PolicyRefused, StoreUnavailable. After any of them nothing has changed,
        except that a request whose time has passed is now expired.
        """
        seen: tuple[Request, datetime] | None = await self._clicked(request_id, actor)
        for _ in range(ATTEMPTS):
            request, now = seen or await self._current(request_id)
            seen = None
            person = admit(self._policy, request, answer.kind, answer.version, self.person(actor))
            by = (DecidedBy(person=person, name=self._policy.names.get(person), via=actor.via, at=now),)
            event = "request.decided"
            if answer.kind == "edit":
                arguments = said.arguments(request, answer)
                after, event = edited(self._policy, self._signer, request, arguments, by, now, answer.message)
            elif answer.kind == "respond":
                response = said.response(request, answer)
                after = settle(request, "respond", by, now, self._signer, message=answer.message, response=response)
            else:
                message = answer.message
                if answer.kind == "reject" and answer.entries is not None:
                    message = said.reason(request, answer.entries)
                after = settle(request, answer.kind, by, now, self._signer, message=message)
            if after.decision is not None:
                entry = audit.decided(after, actor, person)
            else:
                entry = audit.revised(after, actor, person, forms.changes(request.arguments, after.arguments))
            if await self._store.move(request, after, event, entry):
                return after
        raise StoreUnavailable

    async def form(self, request_id: str, purpose: forms.Purpose, actor: Actor, version: int) -> forms.Form:
        """The form behind Edit…, Reject… or Answer…; refused before anything is typed if it could not be sent."""
        await check_origin(self._store, request_id, actor)
        request, _ = await self._current(request_id)
        admit(self._policy, request, PURPOSE_KIND[purpose], version, self.person(actor))
        return said.form(request, purpose)

    async def keep(
        self, form: forms.Form, actor: Actor, entries: Mapping[str, str], keys: Collection[str]
    ) -> dict[str, str]:
        """Keep one page (`keys`) of a form that has several. Every page so far; Invalid has that page's faults."""
        request, _ = await self._current(form.request_id)
        if request.version != form.version:
            raise StaleVersion(seen=form.version, current=request.version)
        original, schema = said.subject(request, form.purpose)
        forms.fill(form, original, schema, entries, keys=keys)
        kept = await self.draft(form, actor) | {key: entries[key] for key in keys if key in entries}
        await self._store.remember("draft", self._draft_key(form, actor), dumps(kept), DRAFT_LIFE)
        return kept

    async def draft(self, form: forms.Form, actor: Actor) -> dict[str, str]:
        """What this person has typed on earlier pages of this form."""
        kept = await self._store.recall("draft", self._draft_key(form, actor))
        parsed = loads(kept) if kept else {}
        return {str(k): str(v) for k, v in parsed.items()} if isinstance(parsed, dict) else {}

    def _draft_key(self, form: forms.Form, actor: Actor) -> str:
        who = actor.principal.key if actor.principal else actor.person
        return f"{form.request_id}:{form.version}:{form.purpose}:{actor.via}:{who}"

    async def _clicked(self, request_id: str, actor: Actor) -> tuple[Request, datetime]:
        """The record, after a look at where its cards are; both are asked for at once, a person is waiting."""
        reading = asyncio.ensure_future(self._current(request_id))
        asked = asyncio.get_running_loop().time()
        try:
            await check_origin(self._store, request_id, actor)
        except BaseException:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            raise
        late = asyncio.get_running_loop().time() - asked >= POSTING_PATIENCE[0]
        found = await reading
        return await self._current(request_id) if late else found  # what it says about the time must be fresh

    async def undeliverable(self, request_id: str, place: str, reason: str) -> None:
        """Record that a card could not be delivered; the request stays decidable elsewhere (I05, I23)."""
        for _ in range(ATTEMPTS):
            request, _ = await self._current(request_id)
            if place in request.undelivered:
                return
            undelivered = {**request.undelivered, place: reason}
            after = request.model_copy(update={"undelivered": undelivered, "rev": request.rev + 1})
            if await self._store.move(
                request, after, "request.undeliverable", audit.undeliverable(after, place, reason)
            ):
                return
        raise StoreUnavailable

    # ── ends without a decision by a person ──────────────────────────────────────────────────────

    async def withdraw(self, request_id: str, key: Key) -> Request:
        """The agent takes its request back. Raises NotFound, AlreadyDecided."""
        for _ in range(ATTEMPTS):
            request, now = await self._owned(request_id, key)
            if not request.open:
                raise AlreadyDecided(what=standing(request, self._policy.names), request=request)
            after = settle(request, "cancel", (), now, self._signer)
            if await self._store.move(request, after, "request.decided", audit.decided(after, None, None)):
                return after
        raise StoreUnavailable

    async def expire(self, request_id: str) -> Request:
        """End a request whose time has passed by the store's clock; others are left as they are."""
        return (await self._current(request_id))[0]

    # ── after the decision ───────────────────────────────────────────────────────────────────────

    async def consume(self, request_id: str, arguments: dict[str, object], key: Key) -> Request:
        """Burn the approval, once, for exactly the approved arguments (I10).

        Raises NotFound, NotApproved, ReceiptExpired, AlreadyConsumed, DigestMismatch.
        """
        for _ in range(ATTEMPTS):
            request, now = await self._owned(request_id, key)
            decision = request.decision
            if request.status != "approved" or decision is None:
                raise NotApproved(status=request.status)
            if request.consumed_at is not None:
                raise AlreadyConsumed(when=iso(request.consumed_at))
            end = decision.decided_at + digest.RECEIPT_LIFE
            if now >= end:
                raise ReceiptExpired(when=iso(end))
            try:
                actual = digest.digest(request.tool, arguments, request.agent, request.on_behalf_of)
            except ValueError:
                raise DigestMismatch from None
            if not secrets.compare_digest(actual, decision.digest):
                raise DigestMismatch
            after = request.model_copy(update={"consumed_at": now, "rev": request.rev + 1})
            if await self._store.move(request, after, "request.consumed", audit.consumed(after)):
                return after
        raise StoreUnavailable

    async def report(self, request_id: str, outcome: Outcome, key: Key) -> Request:
        """What came of the run; shown on the card. Raises NotFound, NotApproved."""
        for _ in range(ATTEMPTS):
            request, now = await self._owned(request_id, key)
            if request.status not in {"approved", "responded"}:
                raise NotApproved(status=request.status)
            done = outcome.model_copy(update={"at": now})
            after = request.model_copy(update={"outcome": done, "rev": request.rev + 1})
            if await self._store.move(request, after, "request.reported", audit.reported(after)):
                return after
        raise StoreUnavailable

    async def _owned(self, request_id: str, key: Key) -> tuple[Request, datetime]:
        request, now = await self._current(request_id)
        if request.asked_by != key.id:
            raise NotFound
        return request, now

    async def _current(self, request_id: str) -> tuple[Request, datetime]:
        """The record as it stands now; expiry is enforced here, whether or not a sweeper was there first (I06)."""
        for _ in range(ATTEMPTS):
            request, now = await self._store.load(request_id)
            if not request.open or now < request.expires_at:
                return request, now
            after = settle(request, "expire", (), now, self._signer)
            if await self._store.move(request, after, "request.decided", audit.decided(after, None, None)):
                return after, now
        raise StoreUnavailable
