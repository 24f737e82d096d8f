"""The desk: every request enters, is decided and ends here, whatever door it came through.

Each change is read → checked → written as one compare-and-set. Whoever loses a race reads again and is told the
decision that stands (I01). Nothing here knows a platform, a library or a socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import assert_never

from signoff import cards, digest, forms
from signoff.audit import Line
from signoff.cards.words import either
from signoff.desk import commands, timers
from signoff.desk import entries as audit
from signoff.desk.admission import check_version
from signoff.desk.answering import Answers
from signoff.desk.asking import check
from signoff.desk.batches import Batches
from signoff.desk.bulk import Bulk
from signoff.desk.drafts import Drafts
from signoff.desk.flood import Crowded, Floods
from signoff.desk.intake import Intake
from signoff.desk.judging import Judge
from signoff.desk.offering import LONGEST, SEEN, Offers, seen_key
from signoff.desk.opening import Openings
from signoff.desk.orders import Orders
from signoff.desk.origin import check_origin
from signoff.desk.people import People
from signoff.desk.piles import Piles
from signoff.desk.queue import Queue
from signoff.desk.records import ATTEMPTS, Known, Records
from signoff.desk.review import Reviews
from signoff.desk.runs import Runs
from signoff.desk.voices import Voices, person_of, still_asked
from signoff.desk.voting import voices
from signoff.errors import StoreUnavailable
from signoff.model import (
    Actor,
    Answer,
    Ask,
    Event,
    GrantWish,
    Key,
    Kind,
    Notice,
    Outcome,
    Principal,
    Request,
    Status,
    iso,
)
from signoff.policy import Policy
from signoff.ports import Filter, Idempotency, Limits, Opened, Page, Store

PURPOSE_KIND: dict[forms.Purpose, Kind] = {
    "edit": "edit",
    "edit_json": "edit",
    "reject": "reject",
    "respond": "respond",
    "confirm": "approve",
}


class Desk:
    """One per process; holds no state that another process needs."""

    def __init__(self, store: Store, policy: Policy, signer: digest.Signer, limits: Limits | None = None) -> None:
        self._store = store
        self._policy = policy
        self._signer = signer
        self._limits = limits or Limits()
        self.people = People()
        """Who is in which group, and fit to decide; the chats' directories are added to it."""
        self.orders = Orders(store, lambda: self._policy)
        """Freezes, grants and delegations."""
        self._records = Records(store, signer)
        self._voices = Voices(self.people, self.orders)
        self._openings = Openings(store, self.orders, self._voices, signer)
        self._drafts = Drafts(store)
        self._runs = Runs(store, self._records, signer)
        self._commands = commands.Commands(store, self.orders, self._voices)
        self._offers = Offers(store, self._records, self._voices, self.orders, lambda: self._policy)
        self._answers = Answers(
            store, self._records, self._voices, self._openings, self._offers, signer, lambda: self._policy
        )
        self._floods = Floods(store, self._limits.flood)
        self._intake = Intake(store, self._openings, self._floods, lambda: self._policy, self._limits.caps)
        self.batches = Batches(store, self._intake, self._records, self._runs, self._limits, lambda: self._policy)
        """What agents ask together."""
        self.piles = Piles(store, lambda: self._policy, self.undeliverable, self._floods.seconds)
        """Cards that stand for several requests."""
        judge = Judge(self._voices, lambda: self._policy)
        self.queue = Queue(store, self._voices, judge, lambda: self._policy)
        """What waits for somebody."""
        self.bulk = Bulk(store, self._answers, judge, lambda: self._policy)
        """Deciding many at once."""
        self.review = Reviews(store, self.queue, self.bulk, judge, self.orders, self, lambda: self._policy)
        """Looking through the queue, screen by screen."""

    @property
    def policy(self) -> Policy:
        return self._policy

    def adopt(self, policy: Policy) -> None:
        """From now on new and edited requests are judged by this one; votes already cast stand."""
        self._policy = policy

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    async def ask(
        self,
        ask: Ask,
        key: Key,
        idempotency_key: str | None = None,
        *,
        claim: str | None = None,
        now: datetime | None = None,
    ) -> Opened:
        """Take up a tool call. `claim`: of a caller who runs it at once; if a rule approves it now, that approval is
        consumed in the same step, and for this caller alone. `now`: the store's clock, where it has just been read.
        Raises Invalid, ChannelNotAllowed, IdempotencyConflict, RateLimited, TooManyOpen, StoreUnavailable.
        """
        body = check(ask, self._limits.webhooks)
        idempotency = Idempotency(idempotency_key, body) if idempotency_key else None
        return await self._intake.take(ask, key, idempotency, claim=claim, began=now)

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def get(self, request_id: str) -> Request:
        """The record; one whose time has passed is expired on the way. Raises NotFound, StoreUnavailable."""
        return (await self._records.current(request_id))[0]

    async def wait(self, request_id: str, timeout: float) -> Request:
        """The record as soon as it is terminal, or as it is after `timeout` seconds. Raises like `get`."""
        request, now = await self._records.current(request_id)
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

    def webhook_secret(self, key_id: str) -> str:
        """What webhooks about an agent key's requests are signed with."""
        return self._signer.webhook_secret(key_id)

    def events(self, after: str | None) -> AsyncIterator[Event]:
        return self._store.events(after)

    def card(self, request: Request) -> cards.Card:
        """The neutral card for a record; pure."""
        return cards.card(request, who=still_asked(self._policy, request), names=self._policy.names)

    async def pile(self, card_id: str, place: str) -> cards.Card:
        """The card of several requests, an agent's batch or what a flood has left, as it is for one place. Raises
        NotFound when nothing of it is shown there.
        """
        return (await self.piles.at(card_id, place)).card

    async def details(self, request_id: str, actor: Actor) -> cards.Details:
        """Everything about a request, for one person at a place where its card is, who from then on counts as having
        seen all of this version (I11). Raises NotFound, WrongPlace.
        """
        request, now = await self._records.current(request_id)
        await check_origin(self._store, request_id, actor)
        if request.open and actor.origin is not None:
            life = (request.created_at + LONGEST - now).total_seconds()
            await self._store.remember(SEEN, seen_key(request, actor), iso(now), max(life, 1))
        return cards.details(request, who=still_asked(self._policy, request), names=self._policy.names)

    async def said_below(self, request: Request, notice: Notice, chat: str) -> tuple[str, tuple[Principal, ...]]:
        """What is said below a card in one chat, and who is called by name there."""
        policy = self._policy
        forced = notice.kind == "forced"  # which goes over the heads of those who have voted, too
        knows = frozenset({notice.person} if forced and notice.person else voices(request.votes))
        people = await self._voices.called(policy, notice.to, knows)
        who = either(people, policy.names) or policy.who(request.terms.approvers)
        text = cards.notice_text(request, notice, who, policy.names)
        found = (policy.identity(person, chat) for person in people)
        return text, tuple(one for one in found if one is not None)

    async def command(self, text: str, actor: Actor) -> str:
        """What somebody typed to the bot, and what they are answered: plain lines. Raises StoreUnavailable."""
        return await self._commands.run(self._policy, text, actor)

    # ── people ───────────────────────────────────────────────────────────────────────────────────

    def person(self, actor: Actor) -> str | None:
        """The policy's person behind a verified identity."""
        return person_of(self._policy, actor)

    def identity(self, person: str, chat: str) -> Principal | None:
        """Where to reach a person on one chat."""
        return self._policy.identity(person, chat)

    async def queue_terms(self, person: str) -> tuple[str, ...]:
        """The names under which requests wait for this person: their own, their groups', their delegators'."""
        return await self._voices.queue_terms(self._policy, person, await self._store.now())

    async def may_decide(self, request: Request, person: str) -> bool:
        """Whether the request concerns this person, at any of its stages."""
        return await self._voices.may(self._policy, request, person, await self._store.now())

    # ── answering ────────────────────────────────────────────────────────────────────────────────

    async def answer(self, request_id: str, answer: Answer, actor: Actor) -> Request:
        """The one door for what people say: chat clicks, forms and approver keys. An approval that is not the last
        one needed leaves the request pending, with one vote more.

        Raises NotFound, WrongPlace, DuplicateCard, AlreadyDecided, NobodyMayApprove, NotAnApprover, CannotDecide,
        SelfApproval, AlreadyVoted, NotOffered, StaleVersion, NotSeen, Invalid, NotAllowed, PolicyRefused, CallFrozen,
        DirectoryAway, StoreUnavailable. After any of them nothing has changed, except that a request whose time has
        passed is now expired.
        """
        return await self._answers.answer(request_id, answer, actor)

    async def submit(
        self, request_id: str, purpose: forms.Purpose, version: int, entries: Mapping[str, str], actor: Actor
    ) -> Request:
        """A form that was sent from a chat. Raises like `answer`; Invalid by field key."""
        if purpose != "more":
            answer = Answer(kind=PURPOSE_KIND[purpose], version=version, entries=dict(entries), message=None)
            return await self.answer(request_id, answer, actor)
        request, now = await self._records.clicked(request_id, actor)
        more = forms.read_more(request, await self._offers.more(request, actor, version, now), entries)
        match more.what:
            case "extend":
                return await self._offers.put_off(request_id, "extended", more.seconds, actor)
            case "snooze":
                return await self._offers.put_off(request_id, "snoozed", more.seconds, actor)
            case "grant":
                wish = GrantWish(ttl=more.seconds, uses=more.uses, all_arguments=more.all_arguments)
                typed = more.confirm or None
                answer = Answer(kind="approve", version=version, message=None, confirm=typed, grant=wish)
            case "force_approve":
                answer = Answer(kind="approve", version=version, message=more.reason, force=True)
            case "force_reject":
                answer = Answer(kind="reject", version=version, message=more.reason, force=True)
            case _:
                assert_never(more.what)
        return await self._answers.answer(request_id, answer, actor)

    async def extend(self, request_id: str, seconds: int, actor: Actor) -> Request:
        """Move the deadline. Raises like `answer`, and NotAllowed beyond 30 days after it was asked."""
        return await self._offers.put_off(request_id, "extended", seconds, actor)

    async def snooze(self, request_id: str, seconds: int, actor: Actor) -> Request:
        """No reminders for so many seconds. Raises like `answer`."""
        return await self._offers.put_off(request_id, "snoozed", seconds, actor)

    async def form(self, request_id: str, purpose: forms.Purpose, actor: Actor, version: int) -> forms.Form:
        """The form behind a button; refused before anything is typed if it could not be sent."""
        await check_origin(self._store, request_id, actor)
        request, now = await self._records.current(request_id)
        if purpose == "more":
            return await self._offers.more(request, actor, version, now)
        return await self._offers.form(request, purpose, PURPOSE_KIND[purpose], actor, version, now)

    async def keep(
        self, form: forms.Form, actor: Actor, entries: Mapping[str, str], keys: Collection[str]
    ) -> dict[str, str]:
        """Keep one page (`keys`) of a form that has several. Every page so far; Invalid has that page's faults."""
        request, _ = await self._records.current(form.request_id)
        check_version(request, form.version)
        return await self._drafts.keep(request, form, actor, entries, keys)

    async def draft(self, form: forms.Form, actor: Actor) -> dict[str, str]:
        """What this person has typed on earlier pages of this form."""
        return await self._drafts.draft(form, actor)

    # ── by the clock, and by the chats ───────────────────────────────────────────────────────────

    async def tick(self, request_id: str) -> bool:
        """Do the one thing that is due about a request by the store's clock: remind, escalate or end it. False: nothing
        was due. Raises NotFound, StoreUnavailable.
        """
        crowded: Crowded = {}
        for _ in range(ATTEMPTS):
            request, now = await self._store.load(request_id)
            if not request.open or now < request.wakes_at:
                return False
            if now >= request.expires_at:
                await self._records.current(request_id)
                return True
            if timers.is_escalation(request):
                places = await self._voices.places(self._policy, request.terms.escalate[request.escalated].show)
                event, (after, entry) = "request.escalated", timers.escalated(request, places, now)
            else:
                people = await self._voices.called(self._policy, request.terms.approvers, voices(request.votes))
                event, (after, entry) = "request.reminded", timers.reminded(self._policy, request, now, people)
            after = await self._floods.piled(after, _new_places(request, after), crowded)
            if await self._store.move(request, after, event, entry):
                return True
        raise StoreUnavailable

    async def undeliverable(self, request_id: str, place: str, reason: str) -> None:
        """Record that a card could not be delivered; the request stays decidable elsewhere (I05, I23)."""
        crowded: Crowded = {}
        for _ in range(ATTEMPTS):
            request, _ = await self._records.current(request_id)
            if place in request.undelivered:
                return
            undelivered = {**request.undelivered, place: reason}
            fallback = await self._voices.places(self._policy, request.terms.fallback) if request.open else ()
            show = tuple(dict.fromkeys((*request.terms.show, *fallback)))
            terms = request.terms.model_copy(update={"show": show})
            after = request.model_copy(update={"undelivered": undelivered, "terms": terms, "rev": request.rev + 1})
            new = _new_places(request, after)
            if place in request.piled:  # those of a flood stay together
                piled = (*(one for one in request.piled if one != place), *new)
                after = after.model_copy(update={"piled": piled})
            else:
                after = await self._floods.piled(after, new, crowded)
            entry = audit.undeliverable(after, place, reason)
            if await self._store.move(request, after, "request.undeliverable", entry):
                return
        raise StoreUnavailable

    # ── the agent's own ──────────────────────────────────────────────────────────────────────────

    async def withdraw(self, request_id: str, key: Key) -> Request:
        """The agent takes its request back. Raises NotFound, AlreadyDecided."""
        return await self._runs.withdraw(self._policy.names, request_id, key)

    async def consume(
        self,
        request_id: str,
        arguments: dict[str, object],
        key: Key,
        claim: str | None = None,
        known: Known | None = None,
    ) -> Request:
        """Burn the approval, once, for exactly the approved arguments (I10). `claim`: who says it again with the same
        one, because the answer was lost, is answered the same. `known`: the record as it has just been read.

        Raises NotFound, NotApproved, ReceiptExpired, AlreadyConsumed, DigestMismatch, CallFrozen.
        """
        return await self._runs.consume(request_id, arguments, key, claim, known)

    async def report(self, request_id: str, outcome: Outcome, key: Key, known: Known | None = None) -> Request:
        """What came of the run; shown on the card. `known`: as in `consume`. Raises NotFound, NotApproved."""
        return await self._runs.report(request_id, outcome, key, known)


def _new_places(before: Request, after: Request) -> tuple[str, ...]:
    """Where a request is shown that was not before."""
    return tuple(place for place in after.terms.show if place not in before.terms.show)
