"""Taking up a call when more than its own rule has a say: budgets, grants, earlier rejections, freezes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from signoff import cards, digest
from signoff.desk import asking
from signoff.desk.orders import Orders
from signoff.desk.verdict import settle
from signoff.desk.voices import Voices
from signoff.desk.voting import alone
from signoff.errors import NotFound
from signoff.model import (
    Ask,
    Batch,
    DecidedBy,
    Grant,
    GrantWish,
    Key,
    Request,
    Terms,
    freezes_of,
    readable,
    secret_pointers,
    steps,
    within,
)
from signoff.policy import Policy
from signoff.ports import NOTHING, Conditions, Store, Swap

LOOP_RULE = "loop breaker"
"""What decides a call that a person has just rejected."""
REJECTED = "rejected"
"""The store's memory of the last rejection of a call."""
MISSING = object()


@dataclass(frozen=True, slots=True)
class Opening:
    """A record ready to be written, and what has to hold when it is."""

    request: Request
    conditions: Conditions = NOTHING


class Openings:
    """Everything that may decide a call before anybody is asked."""

    def __init__(self, store: Store, orders: Orders, voices: Voices, signer: digest.Signer) -> None:
        self._store = store
        self._orders = orders
        self._voices = voices
        self._signer = signer

    async def of(
        self,
        policy: Policy,
        ask: Ask,
        terms: Terms,
        key: Key,
        now: datetime,
        *,
        batch: Batch | None = None,
        grants: bool = True,
        look: bool = True,
    ) -> Opening:
        """What these terms make of the call. `batch`: of which it is one. `grants`: whether any may be used. `look`:
        whether a person may lately have rejected it; without that, it is a condition that nobody has, which spares a
        read where a rule approves. What waits is looked at in any case, before it counts to floods and caps. Raises
        StoreUnavailable.
        """
        terms = terms.model_copy(update={"show": await self._voices.places(policy, terms.show)})
        waiting = asking.record(ask, terms, key, now, batch)
        request = asking.by_rule(waiting, policy.who(terms.approvers), now, self._signer)
        approved = request.status == "approved"
        if approved and terms.mode != "enforce":  # nobody is asked, and nobody is bothered
            request = request.model_copy(update={"terms": terms.model_copy(update={"show": (), "spend": None})})
            return Opening(request, Conditions(freezes_of(request)))
        if not approved and not request.open:
            return Opening(request)
        # A person has just said no to this very call, while a budget was used up, say: no rule says yes to it now.
        if (look or not approved) and (again := await self._rejected(waiting, now)):
            return Opening(again)
        if approved:
            opening = Opening(request, Conditions(freezes_of(request), None, terms.spend))
        else:
            granted = await self._granted(policy, request, now) if grants else None
            opening = granted or Opening(*await self._orders.marked(request))
        place = None if look else _rejected_place(request)
        if place is None:
            return opening
        return replace(opening, conditions=replace(opening.conditions, absent=(REJECTED, place)))

    # ── loops ────────────────────────────────────────────────────────────────────────────────────

    async def remember_rejection(self, request: Request) -> None:
        """Called before the rejection is written: only a pointer, and what it points to is looked at when it counts."""
        if request.terms.loop:
            for place in _loop_places(request):
                await self._store.remember(REJECTED, place, request.id, request.terms.loop)

    async def _rejected(self, request: Request, now: datetime) -> Request | None:
        """The same call, asked again right after a person rejected it: answered with that rejection."""
        place = _rejected_place(request)
        found = None if place is None else await self._store.recall(REJECTED, place)
        if found is None:
            return None
        try:
            earlier, _ = await self._store.load(found)
        except NotFound:
            return None
        made = earlier.decision
        if made is None or made.kind != "reject" or made.retry == "ask" or earlier.digest != request.digest:
            return None
        person = next((by for by in made.decided_by if by.person is not None), None)
        if person is None or now >= made.decided_at + timedelta(seconds=request.terms.loop):
            return None
        said = f": {made.message}" if made.message else "."
        message = f"{person.name or person.person} rejected the same call at {made.decided_at:%H:%M} UTC{said}"
        by = (DecidedBy(rule=LOOP_RULE, at=now),)
        terms = request.terms.model_copy(update={"show": ()})  # it was said where it was rejected
        record = request.model_copy(update={"terms": terms})
        return settle(record, "reject", by, now, self._signer, message=message, retry=made.retry, rev=1)

    # ── grants ───────────────────────────────────────────────────────────────────────────────────

    def grant(self, request: Request, giver: str, wish: GrantWish, now: datetime) -> Grant:
        """What comes of a person's wish to allow similar calls, within what the rule allows."""
        terms = request.terms.grants
        assert terms is not None
        match = {"": request.digest} if wish.all_arguments else _values(request, terms.match)
        return Grant(
            id=f"grant_{request.id.removeprefix('req_')}",
            request=request.id,
            rule=request.terms.rule,
            fingerprint=request.terms.fingerprint or "",
            tool=request.tool,
            asked_by=request.asked_by,
            agent=request.agent,
            on_behalf_of=request.on_behalf_of,
            match=match,
            giver=giver,
            at=now,
            expires_at=now + timedelta(seconds=min(wish.ttl, terms.max_ttl)),
            max_uses=min(wish.uses, terms.max_uses),
        )

    async def _granted(self, policy: Policy, request: Request, now: datetime) -> Opening | None:
        """The call under somebody's grant, if there is one that still holds."""
        terms = request.terms
        if terms.grants is None or "approve" not in request.allowed_decisions or terms.note is not None:
            return None
        texts = await self._store.orders("grants")
        for one in sorted(readable(Grant, texts.values()), key=lambda grant: grant.at):
            if not _covers(one, request, now) or one.fingerprint != policy.fingerprint(terms.rule):
                continue
            if not await self._voices.alone_for(policy, request, one.giver):
                continue
            used = one.model_copy(update={"uses": one.uses + 1})
            name = policy.names.get(one.giver, one.giver)
            message = (
                f"{name} allowed calls like this until {cards.moment(one.expires_at)}; this is use {used.uses} of "
            )
            by = (DecidedBy(rule=terms.rule, acting_for=one.giver, at=now),)
            record = settle(
                request, "approve", by, now, self._signer, message=f"{message}{one.max_uses}.", grant=one.id, rev=1
            )
            after = used.model_dump_json() if used.live(now) else None
            swap = Swap("grants", one.id, texts[one.id], after)
            return Opening(record, Conditions(freezes_of(record), swap))
        return None


def _covers(grant: Grant, request: Request, now: datetime) -> bool:
    """Whether a call is what a grant allows, apart from whether the grant still holds."""
    return (
        grant.live(now)
        and (grant.rule, grant.tool, grant.asked_by) == (request.terms.rule, request.tool, request.asked_by)
        and (grant.agent, grant.on_behalf_of) == (request.agent, request.on_behalf_of)
        and bool(grant.match)
        and grant.match == ({"": request.digest} if "" in grant.match else _values(request, grant.match))
    )


def offers_grant(request: Request) -> bool:
    """Whether similar calls can be allowed along with this one: the rule says so, one person's word decides,
    and what has to match is there and no secret.
    """
    terms = request.terms
    if terms.grants is None or "approve" not in request.allowed_decisions:
        return False
    hidden = secret_pointers(request.arguments, request.schema_, terms.secret)
    secret = any(within(pointer, one) or within(one, pointer) for pointer in terms.grants.match for one in hidden)
    return alone(request) and not secret and len(_values(request, terms.grants.match)) == len(terms.grants.match)


def _values(request: Request, pointers: Iterable[str]) -> dict[str, str]:
    """JSON pointer → canonical JSON of the argument there; absent ones are left out."""
    found: dict[str, str] = {}
    for pointer in pointers:
        value: object = request.arguments
        for step in steps(pointer):
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
        if value is not MISSING:
            found[pointer] = digest.canonical(value)
    return found


def _rejected_place(request: Request) -> str | None:
    """Where a rejection of this very call would be remembered."""
    places = _loop_places(request) if request.terms.loop else ()
    return places[-1] if places else None


def _loop_places(request: Request) -> Sequence[str]:
    """Where the last rejection of this very call is remembered: of this run, and where the rule wants it of any."""
    places: list[str] = []
    if request.run_id is not None:
        places.append(f"{request.asked_by}:{len(request.run_id)}:{request.run_id}:{request.digest}")
    if request.terms.loop_across:
        places.append(f"{request.asked_by}::{request.digest}")
    return places
