"""The one door for what people say about a request: chat clicks, forms and approver keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from signoff import cards, digest, forms
from signoff.desk import entries as audit
from signoff.desk import said
from signoff.desk.admission import changed, check_offered, check_open, edited
from signoff.desk.offering import NO_GRANT, UNFIT, Offers, risk_of
from signoff.desk.opening import Openings, offers_grant
from signoff.desk.records import ATTEMPTS, Records
from signoff.desk.verdict import settle
from signoff.desk.voices import Voices, still_asked
from signoff.desk.voting import Voice, at_stage, cast, check_vote, tally
from signoff.errors import (
    Invalid,
    NotAllowed,
    NotSeen,
    StoreUnavailable,
)
from signoff.model import (
    Actor,
    Answer,
    DecidedBy,
    Grant,
    GrantWish,
    Kind,
    Notice,
    Request,
    Vote,
    freezes_of,
    says_something,
)
from signoff.policy import Policy
from signoff.ports import Conditions, Store, Swap

NO_REASON = "Breaking the glass needs a reason; say why it cannot wait for the others."


@dataclass(frozen=True, slots=True)
class _Change:
    """The next record, and what is written with it."""

    after: Request
    event: str
    void: tuple[Vote, ...] = ()
    grant: Grant | None = None


class Answers:
    """What people say, checked and written."""

    def __init__(
        self,
        store: Store,
        records: Records,
        voices: Voices,
        openings: Openings,
        offers: Offers,
        signer: digest.Signer,
        policy: Callable[[], Policy],
    ) -> None:
        self._store = store
        self._records = records
        self._voices = voices
        self._openings = openings
        self._offers = offers
        self._signer = signer
        self._policy = policy

    async def answer(self, request_id: str, answer: Answer, actor: Actor) -> Request:
        """See `Desk.answer`."""
        seen: tuple[Request, datetime] | None = await self._records.clicked(request_id, actor)
        for _ in range(ATTEMPTS):
            request, now = seen or await self._records.current(request_id)
            seen = None
            policy = self._policy()
            check_open(policy, request)
            if answer.force:
                voice = await self._voices.forced(policy, request, answer.kind, actor)
                check_offered(request, answer.kind, answer.version)
                await self._offers.check_seen(request, answer.kind, actor)
                change = self._forced(policy, request, answer, voice, actor, now)
            else:
                voice = await self._voices.voice(policy, request, answer.kind, actor, now)
                check_offered(request, answer.kind, answer.version)
                change = await self._said(policy, request, answer, voice, actor, now)
            if answer.kind == "reject":
                await self._openings.remember_rejection(request)
            after, grant = change.after, change.grant
            if after.decision is not None:
                entry = audit.decided(after, actor, voice.person, grant, answer.batch)
            elif change.event == "request.revised":
                entry = audit.revised(after, actor, voice.person, forms.changes(request.arguments, after.arguments))
            else:
                entry = audit.voted(after, actor, voice.person, change.void, answer.batch)
            swap = grant and Swap("grants", grant.id, None, grant.model_dump_json())
            conditions = Conditions(freezes_of(request), swap or None)
            if await self._store.move(request, after, change.event, entry, conditions):
                return after
        raise StoreUnavailable

    async def _said(
        self, policy: Policy, request: Request, answer: Answer, voice: Voice, actor: Actor, now: datetime
    ) -> _Change:
        name = policy.names.get(voice.person)
        if answer.kind == "reject":
            return self._rejected(request, answer, voice, name, actor, now)
        await self._offers.check_seen(request, answer.kind, actor)
        response: object = None
        record, revised = request, False
        if answer.kind == "respond":
            if answer.grant is not None:
                raise NotAllowed(why="Similar calls can only be allowed along with an approval.")
            response = said.response(request, answer)
        elif answer.kind == "edit":
            arguments = said.arguments(request, answer)
            if changed(request, arguments):
                record, revised = edited(policy, request, arguments, voice.person, now), True
                show = await self._voices.places(policy, record.terms.show)
                record = record.model_copy(update={"terms": record.terms.model_copy(update={"show": show})})
                if not await self._may_vote(policy, request, record, answer, actor, now):
                    return _Change(at_stage(record, 0, ()), "request.revised")
            else:
                said.check_confirm(record, answer)
        else:
            said.check_confirm(record, answer)
        if not revised:
            check_vote(record, voice, answer.kind, response, still_asked(policy, record))
        else:
            voice = Voice(voice.person)
        vote = cast(record, voice, answer.kind, name, actor, now, response, answer.batch)
        return await self._counted(policy, record, vote, answer, now, revised=revised)

    async def _may_vote(
        self, policy: Policy, request: Request, record: Request, answer: Answer, actor: Actor, now: datetime
    ) -> bool:
        """Whether the editor's edit is a vote on the new version too: not where it has to be confirmed by typing, nor
        where the new arguments are risky and what they leave as it was has not been seen (I11).
        """
        try:
            said.check_confirm(record, answer)
            await self._offers.check_seen(request, "edit", actor, risk_of(record))
            found = await self._voices.voice(policy, record, "edit", actor, now)
        except (Invalid, NotSeen, *UNFIT):
            return False
        return found.acting_for is None

    async def _counted(
        self, policy: Policy, record: Request, vote: Vote, answer: Answer, now: datetime, *, revised: bool
    ) -> _Change:
        """The vote counted; when it is the last one, the others are looked at again (I19)."""
        earlier = tuple(one for one in record.votes if one.person != vote.person)
        after, event = tally(record, (*earlier, vote), now, self._signer, answer.message)
        void: tuple[Vote, ...] = ()
        if after.decision is not None and earlier:
            kept = await self._voices.still(policy, record, earlier, now)
            void = tuple(one for one in earlier if one not in kept)
            if void:
                after, event = tally(record, (*kept, vote), now, self._signer, answer.message)
        grant = None
        if answer.grant is not None:
            grant = self._grant(policy, record, vote, answer.grant, now)
            if after.decision is None:
                raise NotAllowed(why="Similar calls can only be allowed by somebody whose word alone decides.")
            notice = Notice(
                kind="granted",
                at=now,
                person=vote.person,
                text=f"{cards.moment(grant.expires_at)} ({grant.max_uses} uses)",
            )
            after = after.model_copy(update={"notices": (*after.notices, notice)})
        if revised and after.decision is None:
            event = "request.revised"
        return _Change(after, event, void, grant)

    def _grant(self, policy: Policy, record: Request, vote: Vote, wish: GrantWish, now: datetime) -> Grant:
        if not offers_grant(record) or vote.acting_for is not None:
            raise NotAllowed(why=NO_GRANT)
        terms = record.terms.grants
        if terms is not None and (wish.ttl > terms.max_ttl or wish.uses > terms.max_uses):
            most = f"at most {forms.span(terms.max_ttl)} and {terms.max_uses} uses"
            raise Invalid({"/grant": f"The rule allows {most}; ask for less."})
        if policy.fingerprint(record.terms.rule) != record.terms.fingerprint:
            raise NotAllowed(why="The rule has changed since this was asked, so similar calls cannot be allowed here.")
        return self._openings.grant(record, vote.person, wish, now)

    def _rejected(
        self, request: Request, answer: Answer, voice: Voice, name: str | None, actor: Actor, now: datetime
    ) -> _Change:
        message = answer.message
        retry = answer.retry or request.terms.retries.get((message or "").strip())
        if answer.entries is not None:
            message = said.reason(request, answer.entries)
            retry = forms.retry(request, answer.entries)
        by = DecidedBy(
            person=voice.person, name=name, acting_for=voice.acting_for, via=actor.via, batch=answer.batch, at=now
        )
        after = settle(request, "reject", (by,), now, self._signer, message=message, retry=retry)
        return _Change(after, "request.decided")

    def _forced(
        self, policy: Policy, request: Request, answer: Answer, voice: Voice, actor: Actor, now: datetime
    ) -> _Change:
        """Break glass: against the rule, by name, with a reason, and told to everybody."""
        if answer.kind not in {"approve", "reject"}:
            raise NotAllowed(why="Breaking the glass can approve or reject, nothing else.")
        if not says_something(answer.message or ""):
            raise Invalid({"/message": NO_REASON}, NO_REASON)
        by = DecidedBy(person=voice.person, name=policy.names.get(voice.person), via=actor.via, at=now)
        kind: Kind = answer.kind
        changes = forms.changes(request.versions[0].arguments, request.arguments)
        if kind == "approve" and changes:
            kind = "edit"
        after = settle(
            request,
            kind,
            (by,),
            now,
            self._signer,
            message=answer.message,
            changes=changes if kind == "edit" else (),
            retry=answer.retry,
            forced=True,
        )
        names = (*request.terms.approvers, *(one for stage in request.terms.ladder for one in stage.approvers))
        notice = Notice(kind="forced", at=now, person=voice.person, text=answer.message, to=tuple(dict.fromkeys(names)))
        return _Change(after.model_copy(update={"notices": (*after.notices, notice)}), "request.decided")
