"""The desk: every request enters, is decided and ends here, whatever door it came through.

Each change is read → checked → written as one compare-and-set. Whoever loses a race reads again and is told the
decision that stands (I01). Nothing here knows a platform, a library or a socket.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from signoff import cards, digest, forms
from signoff.audit import Line
from signoff.desk import entries as audit
from signoff.desk.verdict import settle, standing
from signoff.errors import (
    AlreadyConsumed,
    AlreadyDecided,
    DigestMismatch,
    DuplicateCard,
    Invalid,
    NobodyMayApprove,
    NotAnApprover,
    NotApproved,
    NotFound,
    NotOffered,
    PolicyRefused,
    ReceiptExpired,
    SelfApproval,
    StaleVersion,
    StoreUnavailable,
    WrongPlace,
)
from signoff.model import (
    Actor,
    Answer,
    Ask,
    DecidedBy,
    Decision,
    Event,
    Key,
    Kind,
    MessageRef,
    Outcome,
    Principal,
    Request,
    Status,
    Terms,
    Version,
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
POSTING_PATIENCE = (0.05, 0.1, 0.2, 0.4, 0.6)
"""Seconds to wait for a card's place to be recorded when somebody clicks faster than that."""
NOTICE_RULE = "notice"
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
        self._check(ask)
        now = await self._store.now()
        terms = self._policy.terms(ask, ask.arguments, now)
        request = self._opened(ask, terms, key, now)
        idempotency = idempotency_key and Idempotency(idempotency_key, _body(ask))
        return await self._store.open(request, audit.asked(request), idempotency or None, self._limits.caps)

    def _check(self, ask: Ask) -> None:
        faults: dict[str, str] = {}
        if ask.callback_url is not None:
            faults["/callback_url"] = (
                "callback_url is not supported by this version; wait for the answer or read /v1/events."
            )
        if len(set(ask.allowed_decisions)) != len(ask.allowed_decisions):
            faults["/allowed_decisions"] = "Name each decision once."
        for name, schema in (("/schema", ask.schema_), ("/response_schema", ask.response_schema)):
            if schema is not None:
                faults |= {name + pointer: text for pointer, text in forms.check_schema(schema).items()}
        if not faults and ask.schema_ is not None:
            wrong = forms.validate(ask.schema_, ask.arguments, ())
            faults |= {"/arguments" + pointer: text for pointer, text in wrong.items()}
        known = set(ask.arguments) | set(forms.properties(ask.schema_)) if not faults else set()
        for index, name in enumerate(ask.editable or ()):
            if not faults and name not in known:
                faults[f"/editable/{index}"] = f'"{name}" is not an argument of this call.'
                break
        if faults:
            raise Invalid(faults)
        try:
            digest.canonical(ask.model_dump(mode="python"))
        except ValueError as error:
            raise Invalid({"": f"The body is not JSON that can be signed: {error}."}) from error

    def _opened(self, ask: Ask, terms: Terms, key: Key, now: datetime) -> Request:
        first = digest.digest(ask.tool, ask.arguments, ask.agent, ask.on_behalf_of)
        request = Request.model_construct(
            **dict(ask),
            id=f"req_{int(now.timestamp() * 1000):012x}{secrets.token_hex(8)}",
            status="pending",
            version=1,
            digest=first,
            created_at=now,
            expires_at=now + timedelta(seconds=terms.expires_in),
            decision=None,
            terms=terms,
            versions=(Version(number=1, arguments=ask.arguments, digest=first, at=now),),
            asked_by=key.id,
            owner=key.owner,
            consumed_at=None,
            outcome=None,
            rev=1,
        )
        if not ask.allowed_decisions:
            # Told, not asked. Never `approved`: an agent must not get an approval by offering no decision.
            by = (DecidedBy(rule=NOTICE_RULE, at=now),)
            return request.model_copy(
                update={
                    "status": "responded",
                    "decision": Decision(kind="respond", decided_by=by, decided_at=now, digest=first),
                }
            )
        if terms.decide in {"approve", "notify"} and "approve" in ask.allowed_decisions:
            return settle(request, "approve", (DecidedBy(rule=terms.rule, at=now),), now, self._signer, rev=1)
        if terms.decide == "reject":
            by = (DecidedBy(rule=terms.rule, at=now),)
            return settle(request, "reject", by, now, self._signer, message=terms.message, rev=1)
        return request

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
        await self._check_origin(request_id, actor)
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
        await self._check_origin(request_id, actor)
        for _ in range(ATTEMPTS):
            request, now = await self._current(request_id)
            person = self._admit(request, answer.kind, answer.version, actor)
            by = (DecidedBy(person=person, name=self._policy.names.get(person), via=actor.via, at=now),)
            event = "request.decided"
            if answer.kind == "edit":
                after, event = self._edited(request, self._arguments(request, answer), by, now, answer.message)
            elif answer.kind == "respond":
                response = self._response(request, answer)
                after = settle(request, "respond", by, now, self._signer, message=answer.message, response=response)
            else:
                message = answer.message
                if answer.kind == "reject" and answer.entries is not None:
                    message = self._reason(request, answer.entries)
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
        await self._check_origin(request_id, actor)
        request, _ = await self._current(request_id)
        self._admit(request, PURPOSE_KIND[purpose], version, actor)
        return self._form(request, purpose)

    async def keep(
        self, form: forms.Form, actor: Actor, entries: Mapping[str, str], keys: Collection[str]
    ) -> dict[str, str]:
        """Keep one page (`keys`) of a form that has several; every page so far. Raises Invalid with that page's faults."""
        request, _ = await self._current(form.request_id)
        if request.version != form.version:
            raise StaleVersion(seen=form.version, current=request.version)
        original, schema = self._subject(request, form.purpose)
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

    def _admit(self, request: Request, kind: Kind, version: int, actor: Actor) -> str:
        """The person who may decide this, or the reason why not."""
        names = self._policy.names
        if not request.open:
            raise AlreadyDecided(what=standing(request, names), request=request)
        members = self._policy.members(request.terms.approvers)
        person = self.person(actor)
        if not members:
            raise NobodyMayApprove
        who = self._policy.who(request.terms.approvers)
        if person is None or person not in members:
            raise NotAnApprover(who=who)
        if why := self._policy.barred(request, person, kind):
            others = [names.get(other, other) for other in sorted(members - {person})]
            raise SelfApproval(why=why, who=" or ".join(others) or "an operator must name another approver")
        if kind not in request.allowed_decisions:
            offered = ", ".join(request.allowed_decisions) or "no decision"
            raise NotOffered(kind=kind, offered=offered)
        if version != request.version:
            raise StaleVersion(seen=version, current=request.version)
        return person

    def _edited(
        self,
        request: Request,
        arguments: dict[str, object],
        by: tuple[DecidedBy, ...],
        now: datetime,
        message: str | None,
    ) -> tuple[Request, str]:
        """A new version: decided if the policy lets this person decide the new arguments, else asked again (I08)."""
        changes = forms.changes(request.arguments, arguments)
        if not changes:
            kind: Kind = "approve" if "approve" in request.allowed_decisions else "edit"
            return settle(request, kind, by, now, self._signer, message=message), "request.decided"
        person = by[0].person or ""
        terms = self._policy.terms(_ask(request, arguments), arguments, now)
        if terms.decide == "reject":
            raise PolicyRefused(rule=terms.rule, message=terms.message)
        if terms.decide != "ask":
            # A rule would run these without asking; a person who may decide has looked at them, which is more.
            terms = request.terms.model_copy(update={"rule": terms.rule})
        show = tuple(dict.fromkeys((*request.terms.show, *terms.show)))
        # What was secret under the earlier rule stays so: this version still holds it, and so do the ones before (I13).
        secret = tuple(dict.fromkeys((*request.terms.secret, *terms.secret)))
        new = digest.digest(request.tool, arguments, request.agent, request.on_behalf_of)
        version = Version(number=request.version + 1, arguments=arguments, digest=new, by=person, at=now)
        edited = request.model_copy(
            update={
                "arguments": arguments,
                "version": version.number,
                "digest": new,
                "versions": (*request.versions, version),
                "terms": terms.model_copy(update={"show": show, "secret": secret}),
            }
        )
        if person in self._policy.members(terms.approvers) and not self._policy.barred(edited, person, "edit"):
            all_changes = forms.changes(edited.versions[0].arguments, arguments)
            after = settle(edited, "edit", by, now, self._signer, message=message, changes=all_changes)
            return after, "request.decided"
        return edited.model_copy(update={"rev": request.rev + 1}), "request.revised"

    def _arguments(self, request: Request, answer: Answer) -> dict[str, object]:
        if answer.arguments is not None:
            forms.check_edit(request, answer.arguments)
            return answer.arguments
        if answer.entries is None:
            raise Invalid({"/arguments": "An edit needs the new arguments."})
        purpose: forms.Purpose = "edit_json" if "" in answer.entries else "edit"
        filled = forms.fill(self._form(request, purpose), request.arguments, request.schema_, answer.entries)
        if not isinstance(filled, dict):
            raise Invalid({"": "The arguments must be a JSON object."})
        arguments: dict[str, object] = dict(filled)
        forms.check_edit(request, arguments)
        return arguments

    def _response(self, request: Request, answer: Answer) -> object:
        if answer.entries is not None:
            return forms.fill(self._form(request, "respond"), None, request.response_schema, answer.entries)
        if answer.response is None:
            raise Invalid({"/response": "An answer needs a response."})
        if request.response_schema is not None:
            faults = forms.validate(request.response_schema, answer.response, request.terms.secret)
            if faults:
                raise Invalid({"/response" + pointer: text for pointer, text in faults.items()})
        return answer.response

    def _reason(self, request: Request, typed: Mapping[str, str]) -> str | None:
        form = self._form(request, "reject")
        unknown = set(typed) - {field.key for field in form.fields}
        if unknown:
            raise Invalid(dict.fromkeys(sorted(unknown), "This form has no such field."))
        return forms.reason(form, typed) or None

    def _form(self, request: Request, purpose: forms.Purpose) -> forms.Form:
        make = {
            "edit": forms.edit_form,
            "edit_json": forms.json_form,
            "reject": forms.reject_form,
            "respond": forms.response_form,
        }
        return make[purpose](request)

    def _subject(self, request: Request, purpose: forms.Purpose) -> tuple[object, dict[str, object] | None]:
        if purpose in {"edit", "edit_json"}:
            return request.arguments, request.schema_
        return None, request.response_schema

    async def _check_origin(self, request_id: str, actor: Actor) -> None:
        """A click counts only on the card where it was posted (I16)."""
        if actor.origin is None:
            return
        origin = actor.origin
        known: list[MessageRef] = []
        for patience in (*POSTING_PATIENCE, None):
            placements = await self._store.placements(request_id)
            known = [placement.message for placement in placements if placement.message is not None]
            if origin in known:
                return
            posting = any(p.state == "posting" and p.place.startswith(origin.chat + ":") for p in placements)
            if not posting or patience is None:
                break
            # Clicked between the posting and its record: the record is on its way from another worker.
            await asyncio.sleep(patience)
        if any(_same_room(message, origin) for message in known):
            raise DuplicateCard(request=request_id)
        raise WrongPlace

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


def _same_room(one: MessageRef, other: MessageRef) -> bool:
    return (one.chat, one.tenant, one.conversation) == (other.chat, other.tenant, other.conversation)


def _body(ask: Ask) -> str:
    return digest.body_digest(ask.model_dump(mode="python"))


def _ask(request: Request, arguments: dict[str, object]) -> Ask:
    """The same call with other arguments, for the policy; places already shown stay, so no channel is asked for."""
    fields: dict[str, Any] = {name: getattr(request, name) for name in Ask.model_fields}
    return Ask.model_construct(None, **(fields | {"arguments": arguments, "channel": None}))
