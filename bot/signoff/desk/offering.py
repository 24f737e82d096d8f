"""What somebody could say about a request now: the forms, what they offer, and what is put off."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from signoff import cards, forms
from signoff.desk import entries as audit
from signoff.desk import said
from signoff.desk.admission import check_offered, check_open, check_version
from signoff.desk.freezing import Freezes
from signoff.desk.opening import offers_grant
from signoff.desk.records import ATTEMPTS, Records
from signoff.desk.voices import Voices, still_asked
from signoff.desk.voting import check_vote
from signoff.errors import (
    CannotDecide,
    DirectoryAway,
    NobodyMayApprove,
    NotAllowed,
    NotAnApprover,
    NotSeen,
    SelfApproval,
    SignoffError,
    StoreUnavailable,
)
from signoff.model import Actor, Kind, Notice, Request, Risk
from signoff.policy import Policy
from signoff.ports import Store

LONGEST = timedelta(days=30)
"""After it was asked a request is open no longer, however often it is extended."""
RISKY = frozenset({"high", "critical"})
SEEN = "seen"
"""The store's memory of who has seen the whole of a version."""
UNFIT = (NotAnApprover, NobodyMayApprove, SelfApproval, CannotDecide, DirectoryAway)
"""Why somebody may not speak."""
NO_GRANT = (
    "Similar calls cannot be allowed along with this one: the rule has to offer it, and one person's word to decide."
)


class Offers:
    """Everything before the answer itself."""

    def __init__(
        self, store: Store, records: Records, voices: Voices, freezes: Freezes, policy: Callable[[], Policy]
    ) -> None:
        self._store = store
        self._records = records
        self._voices = voices
        self._freezes = freezes
        self._policy = policy

    async def form(
        self, request: Request, purpose: forms.Purpose, kind: Kind, actor: Actor, version: int, now: datetime
    ) -> forms.Form:
        """A form that could be sent as things stand. Raises like `answer`."""
        policy = self._policy()
        check_open(policy, request)
        await self._freezes.check(request)
        voice = await self._voices.voice(policy, request, kind, actor, now)
        check_offered(request, kind, version)
        await self.check_seen(request, kind, actor)
        if purpose == "confirm":
            check_vote(request, voice, kind, None, still_asked(policy, request))
        return said.form(request, purpose)

    async def more(self, request: Request, actor: Actor, version: int, now: datetime) -> forms.Form:
        """The form with everything else that this person may do. Raises CallFrozen, NotAnApprover when there is
        nothing.
        """
        policy = self._policy()
        check_open(policy, request)
        await self._freezes.check(request)
        check_version(request, version)
        return said.form(request, "more", await self.offers(policy, request, actor, now))

    async def offers(self, policy: Policy, request: Request, actor: Actor, now: datetime) -> Collection[str]:
        found: list[str] = []
        reason: SignoffError | None = None
        try:
            await self._voices.voice(policy, request, "reject", actor, now)
            found.append("extend")
            if request.reminded < len(request.terms.remind):
                found.append("snooze")
            if offers_grant(request):
                voice = await self._voices.voice(policy, request, "approve", actor, now)
                await self.check_seen(request, "approve", actor)
                found += ["grant"] if voice.acting_for is None else []
        except (NotSeen, *UNFIT) as error:
            reason = error
        for kind in ("approve", "reject"):
            if request.terms.break_glass and kind in request.allowed_decisions:
                try:
                    await self._voices.forced(policy, request, kind, actor)
                    found.append(f"force_{kind}")
                except (NotAllowed, *UNFIT):
                    continue
        if not found:
            raise reason or NotAnApprover(who=policy.who(request.terms.approvers))
        return found

    async def check_seen(self, request: Request, kind: Kind, actor: Actor, risk: Risk | None = None) -> None:
        """Raises NotSeen: a risky call whose card shows only a part is let run by those alone who opened all (I11).
        `risk`: what it comes to, where that is not the request's own.
        """
        risk = risk or risk_of(request)
        if kind == "reject" or actor.origin is None or risk not in RISKY:
            return
        if cards.shortened(request) and await self._store.recall(SEEN, seen_key(request, actor)) is None:
            raise NotSeen(risk=risk)

    # ── what is put off ──────────────────────────────────────────────────────────────────────────

    async def put_off(self, request_id: str, what: str, seconds: int, actor: Actor) -> Request:
        """Extend the deadline or snooze the reminders. Raises like `answer`, and NotAllowed."""
        for _ in range(ATTEMPTS):
            request, now = await self._records.clicked(request_id, actor)
            policy = self._policy()
            check_open(policy, request)
            voice = await self._voices.voice(policy, request, "reject", actor, now)
            span = timedelta(seconds=min(max(seconds, 1), LONGEST // timedelta(seconds=1)))
            if what == "extended":
                until = request.expires_at + span
                if seconds < 1 or until > request.created_at + LONGEST:
                    raise NotAllowed(why=f"A request stays open for {LONGEST.days} days at most; extend it by less.")
                update: Mapping[str, object] = {"expires_at": until}
            else:
                until = now + span
                update = {"snoozed_until": until}
            notice = Notice(
                kind="extended" if what == "extended" else "snoozed",
                at=now,
                person=voice.person,
                text=cards.moment(until),
            )
            after = request.model_copy(update={**update, "notices": (*request.notices, notice), "rev": request.rev + 1})
            entry = audit.put_off(after, what, actor, voice.person, until)
            if await self._store.move(request, after, f"request.{what}", entry):
                return after
        raise StoreUnavailable


def risk_of(request: Request) -> Risk | None:
    return request.terms.risk or request.risk


def seen_key(request: Request, actor: Actor) -> str:
    who = actor.principal.key if actor.principal else actor.person
    return f"{request.id}:{request.version}:{actor.via}:{who}"
