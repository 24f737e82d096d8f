"""Who may speak about a request now: looked up afresh at every click and again when the decision is made (I19)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signoff.desk.orders import Orders
from signoff.desk.people import People
from signoff.desk.voting import Voice, voices
from signoff.errors import CannotDecide, DirectoryAway, NobodyMayApprove, NotAllowed, NotAnApprover, SelfApproval
from signoff.model import Actor, Delegation, Kind, Request, Vote
from signoff.policy import Policy

Rosters = Mapping[str, frozenset[str] | None]
UNKNOWN = "a group's members are not known"


@dataclass(frozen=True, slots=True)
class Asked:
    """The people behind names of people and groups, as far as they are known now."""

    members: frozenset[str]
    away: bool
    """A live group could not be looked up: there may be more members."""


class Voices:
    """Holds nothing but the ways to look people up."""

    def __init__(self, people: People, orders: Orders) -> None:
        self._people = people
        self._orders = orders

    async def asked(self, policy: Policy, approvers: Iterable[str]) -> Asked:
        names = tuple(approvers)
        rosters = await self._people.rosters(policy, names) if policy.live(names) else {}
        return Asked(policy.members(names, rosters), None in rosters.values())

    async def voice(
        self,
        policy: Policy,
        request: Request,
        kind: Kind,
        actor: Actor,
        now: datetime,
        asked: Asked | None = None,
        delegations: Sequence[Delegation] | None = None,
    ) -> Voice:
        """In whose name this actor may decide so. `asked`: those who are asked, and `delegations`: those that stand, if
        they have just been looked up.

        Raises NobodyMayApprove, NotAnApprover, CannotDecide, SelfApproval, DirectoryAway.
        """
        asked = asked or await self.asked(policy, request.terms.approvers)
        if not asked.members and not asked.away:
            raise NobodyMayApprove
        person = person_of(policy, actor)
        voice = Voice(person) if person is not None and person in asked.members else None
        if voice is None and person is not None:
            names = request.terms.approvers
            voice = await self._delegated(policy, request, kind, person, names, now, delegations=delegations)
        if voice is None:
            if asked.away and person is not None:
                raise DirectoryAway(what=UNKNOWN)
            raise NotAnApprover(who=policy.who(request.terms.approvers))
        await self._check_fit(policy, voice.person, actor, rejects=kind == "reject")
        self._check_barred(policy, request, voice.person, kind, asked.members)
        return voice

    async def forced(self, policy: Policy, request: Request, kind: Kind, actor: Actor) -> Voice:
        """The voice of somebody who may break the glass. Raises like `voice`, and NotAllowed."""
        named = request.terms.break_glass
        asked = await self.asked(policy, named)
        person = person_of(policy, actor)
        if person is None or person not in asked.members:
            if asked.away:
                raise DirectoryAway(what=UNKNOWN)
            who = policy.who(named) if named else "nobody"
            raise NotAllowed(why=f"You may not force this decision; {who} can, by the policy's `break_glass`.")
        await self._check_fit(policy, person, actor, rejects=kind == "reject")
        self._check_barred(policy, request, person, kind, asked.members)
        return Voice(person)

    async def still(self, policy: Policy, request: Request, votes: Sequence[Vote], now: datetime) -> tuple[Vote, ...]:
        """Those of the votes whose people may still decide. Raises DirectoryAway: then nothing can be decided."""
        kept: list[Vote] = []
        escalated = [name for rung in request.terms.escalate[: request.escalated] for name in rung.to]
        for vote in votes:
            names = (*request.terms.ladder[vote.stage].approvers, *escalated)
            asked = await self.asked(policy, names)
            seat = vote.acting_for or vote.person
            if seat not in asked.members:
                if asked.away:
                    raise DirectoryAway(what=UNKNOWN)
                continue
            if vote.acting_for is not None:
                free = request.model_copy(update={"votes": tuple(v for v in votes if v is not vote)})
                giver = vote.acting_for
                if await self._delegated(policy, free, vote.kind, vote.person, names, now, giver=giver) is None:
                    continue
            voter = Actor(via=vote.via or "api", person=vote.person, principal=vote.principal, origin=vote.origin)
            if policy.barred(request, vote.person, vote.kind) or person_of(policy, voter) != vote.person:
                continue
            if await self._people.fit(policy, vote.person, voter) is None:
                kept.append(vote)
        return tuple(kept)

    async def may(self, policy: Policy, request: Request, person: str, now: datetime) -> bool:
        """Whether a request concerns this person: as one who may decide at any stage, or force it."""
        names = (*request.terms.approvers, *(n for stage in request.terms.ladder for n in stage.approvers))
        asked = await self.asked(policy, (*names, *request.terms.break_glass))
        if person in asked.members:
            return True
        try:
            return await self._delegated(policy, request, "reject", person, names, now) is not None
        except DirectoryAway:
            return False

    async def alone_for(self, policy: Policy, request: Request, person: str) -> bool:
        """Whether this person could approve the request alone, with nobody clicking: for grants. Doubt means no."""
        stages = request.terms.ladder
        if len(stages) != 1 or stages[0].quorum != 1 or policy.barred(request, person, "approve"):
            return False
        try:
            asked = await self.asked(policy, stages[0].approvers)
            fit = await self._people.fit(policy, person, Actor(via="api", person=person))
        except DirectoryAway:
            return False
        return person in asked.members and fit is None

    async def queue_terms(self, policy: Policy, person: str, now: datetime) -> tuple[str, ...]:
        """The names under which requests may wait for a person: their own, their groups', and their delegators'."""
        live = [name for name in policy.groups if policy.live((name,))]
        rosters = await self._people.rosters(policy, live) if live else {}
        givers = [one.giver for one in await self._orders.delegations() if one.to == person and one.live(now)]
        terms = (policy.queue_terms(name, rosters) for name in (person, *givers))
        return tuple(dict.fromkeys(name for names in terms for name in names))

    async def delegations(self) -> Sequence[Delegation]:
        """Those that stand, to be looked up once for many."""
        return await self._orders.delegations()

    async def unknown(self, policy: Policy) -> frozenset[str]:
        """Groups whose members cannot be looked up now: requests may wait for somebody through them unseen."""
        live = [name for name in policy.groups if policy.live((name,))]
        rosters = await self._people.rosters(policy, live) if live else {}
        return frozenset(name for name, members in rosters.items() if members is None)

    async def unfit(self, policy: Policy, person: str, actor: Actor) -> str | None:
        """Why this person may decide nothing at all (I18). Raises DirectoryAway."""
        return await self._people.fit(policy, person, actor)

    async def places(self, policy: Policy, places: tuple[str, ...]) -> tuple[str, ...]:
        """Places, with a live group's `chat:@group` as direct messages to those who are in it now; to none of them
        while its directory is away.
        """
        named = [name for place in places if (name := place.partition(":@")[2]) and policy.live((name,))]
        return policy.spread(places, await self._people.rosters(policy, named)) if named else places

    async def called(self, policy: Policy, names: Iterable[str], without: frozenset[str]) -> tuple[str, ...]:
        """The people behind names, to be called by name; `without` those who know, as who has spoken already."""
        asked = await self.asked(policy, names)
        return tuple(sorted(asked.members - without))

    async def _delegated(
        self,
        policy: Policy,
        request: Request,
        kind: Kind,
        person: str,
        names: Sequence[str],
        now: datetime,
        *,
        giver: str | None = None,
        delegations: Sequence[Delegation] | None = None,
    ) -> Voice | None:
        """The voice of somebody in whose place this person may decide: never more than the giver may, right now.

        `names`: who is asked. `giver`: only this one's place will do. `delegations`: as for `voice`. Raises
        DirectoryAway where that leaves it open.
        """
        if person not in policy.people:
            return None
        members, spoken, away = (await self.asked(policy, names)).members, voices(request.votes), False
        for one in await self._orders.delegations() if delegations is None else delegations:
            if one.to != person or not one.live(now) or one.giver not in members or one.giver in spoken:
                continue
            if giver not in {None, one.giver} or policy.barred(request, one.giver, kind):
                continue
            try:
                if not await self._within(policy, request, names, one):
                    continue
                unfit = await self._people.fit(policy, one.giver, Actor(via="api", person=one.giver))
            except DirectoryAway:
                away = True
                continue
            if unfit is None:
                return Voice(person, one.giver)
        if away:
            raise DirectoryAway(what=UNKNOWN)
        return None

    async def _within(self, policy: Policy, request: Request, names: Sequence[str], one: Delegation) -> bool:
        """A delegation's scope: a rule, or a group through which the giver is asked. Raises DirectoryAway."""
        if one.scope is None or one.scope == request.terms.rule:
            return True
        if one.scope not in names:
            return False
        asked = await self.asked(policy, (one.scope,))
        if asked.away and one.giver not in asked.members:
            raise DirectoryAway(what=UNKNOWN)
        return one.giver in asked.members

    async def _check_fit(self, policy: Policy, person: str, actor: Actor, *, rejects: bool) -> None:
        try:
            unfit = await self._people.fit(policy, person, actor)
        except DirectoryAway:
            if not rejects:  # saying no is safe, also for somebody who cannot be looked up
                raise
            return
        if unfit is not None:
            raise CannotDecide(why=unfit)

    @staticmethod
    def _check_barred(policy: Policy, request: Request, person: str, kind: Kind, members: frozenset[str]) -> None:
        if why := policy.barred(request, person, kind):
            others = [policy.names.get(other, other) for other in sorted(members - {person})]
            raise SelfApproval(why=why, who=" or ".join(others) or "an operator must name another approver")


def still_asked(policy: Policy, request: Request) -> str:
    """Those who may decide and have not spoken yet, in words; when nobody is left, everybody who was asked."""
    spoken = voices(request.votes)
    left = policy.who(request.terms.approvers, spoken) if spoken else "nobody"
    return policy.who(request.terms.approvers) if left == "nobody" else left


def person_of(policy: Policy, actor: Actor) -> str | None:
    """The policy's person behind a verified identity."""
    if actor.principal is not None:
        return policy.person_of(actor.principal)
    return actor.person if actor.person in policy.people else None
