"""What waits for one person: counted exactly, listed by urgency, each with what speaks against a decision in bulk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from signoff.desk.judging import OUTSIDE, Judge, Verdict
from signoff.desk.voices import Voices, person_of
from signoff.desk.voting import voices
from signoff.errors import CannotDecide, NotAllowed
from signoff.model import RISKS, Actor, Clean, Facet, Request, Sieve, mask, seen
from signoff.model.text import visible
from signoff.policy import Policy
from signoff.ports import Filter, Store

LOOKED_AT = 1000
"""Records that one page looks at for a text."""
READS = 20
"""Of these, how often the store is asked."""
SPOKEN = 500
"""Pending requests with a person's vote that are read."""
MOST = 1000
"""Requests of one card that are read."""
EVERYTHING = Sieve()
STRANGER = "The policy lists nobody with your identity; an operator can add it under `people`."


@dataclass(frozen=True, slots=True)
class Counts:
    """How many wait, exactly, of what the sieve lets through; by place a request counts at each of its own."""

    total: int = 0
    risk: Mapping[str, int] = field(default_factory=dict[str, int])
    """"" stands for none."""
    tool: Mapping[str, int] = field(default_factory=dict[str, int])
    agent: Mapping[str, int] = field(default_factory=dict[str, int])
    channel: Mapping[str, int] = field(default_factory=dict[str, int])
    elsewhere: int = 0
    """How many wait besides, that are shown in other chats alone."""
    unsure: bool = False
    """More may wait, for groups whose members cannot be looked up now."""


@dataclass(frozen=True, slots=True)
class Queued:
    """One page of a person's queue."""

    requests: tuple[tuple[Request, Verdict], ...]
    """With the verdict on deciding it along with others; those that are not this person's to decide are left out."""
    counts: Counts
    """With a text, of this page alone."""
    offered: Counts
    """The same of all that waits for this person here, whatever the sieve."""
    cursor: str | None
    """Behind the last one looked at; None: there are no more."""
    now: datetime


class Queue:
    """Holds nothing but the ways to look."""

    def __init__(self, store: Store, voices: Voices, judge: Judge, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._voices = voices
        self._judge = judge
        self._policy = policy

    async def person(self, actor: Actor) -> str:
        """Who looks. Raises NotAllowed for nobody of the policy's, CannotDecide (I18), DirectoryAway."""
        policy = self._policy()
        person = person_of(policy, actor)
        if person is None:
            raise NotAllowed(why=STRANGER)
        if unfit := await self._voices.unfit(policy, person, actor):
            raise CannotDecide(why=unfit)
        return person

    async def page(self, actor: Actor, sieve: Sieve, cursor: str | None = None, limit: int = 200) -> Queued:
        """The most urgent of what this person may decide now, from `cursor` on: by risk, then by deadline.

        In a chat: what is shown in that chat, or in none. A page may hold fewer than `limit` and still have a cursor.
        Raises NotAllowed, CannotDecide, DirectoryAway, StoreUnavailable.
        """
        person = await self.person(actor)
        now = await self._store.now()
        facets, offered = await self._facets(actor, person, now)
        if sieve.card:
            found, counts, after = await self._of_card(actor, person, sieve, cursor, limit, now)
        else:
            facets, counts = _sifted(facets, sieve, offered)
            found, after = await self._listed(facets, sieve, cursor, limit)
        judged = await self._judge.all(found, "approve", actor, now)
        mine = tuple((one, verdict) for one, verdict in zip(found, judged, strict=True) if verdict.code not in OUTSIDE)
        if sieve.text is not None and not sieve.card:  # which no index counts
            counts = _found([one for one, _ in mine], offered)
        return Queued(mine, counts, offered, after, now)

    async def counts(self, actor: Actor, sieve: Sieve = EVERYTHING) -> tuple[Counts, Counts]:
        """How many wait for this person of what passes the sieve, its text apart; and how many in all. Raises like
        `page`.
        """
        person = await self.person(actor)
        now = await self._store.now()
        facets, offered = await self._facets(actor, person, now)
        if sieve.card:
            return (await self._of_card(actor, person, sieve, None, 0, now))[1], offered
        return _sifted(facets, sieve, offered)[1], offered

    async def facets(self, actor: Actor) -> Sequence[Facet]:
        """All kinds of requests that wait for this person in this chat. Raises like `page`."""
        person = await self.person(actor)
        return (await self._facets(actor, person, await self._store.now()))[0]

    async def _facets(self, actor: Actor, person: str, now: datetime) -> tuple[Sequence[Facet], Counts]:
        """All kinds that wait for this person here, and how many of them there are."""
        concerns, unknown = await self._concern(person, now), await self._voices.unknown(self._policy())
        every, spoken = await self._store.facets(), await self._spoken(person)
        mine = [facet for facet in every if concerns(facet)]
        if spoken:
            mine = [one._replace(size=left) for one in mine if (left := one.size - spoken[one._replace(size=0)]) > 0]
        here = [facet for facet in mine if _is_here(facet, actor)]
        elsewhere = sum(one.size for one in mine) - sum(one.size for one in here)
        unsure = bool(unknown) and any(
            not unknown.isdisjoint(facet.approvers) and not concerns(facet) for facet in every
        )
        return here, replace(_counted(here, elsewhere), unsure=unsure)

    async def _spoken(self, person: str) -> Counter[Facet]:
        """How many of each kind wait for others alone: this person has voted on them. Of many, the oldest."""
        page = await self._store.page(Filter(status="pending", voted=person), None, SPOKEN)
        return Counter(map(facet_of, page.requests))

    async def _concern(self, person: str, now: datetime) -> Callable[[Facet], bool]:
        """Whether requests of a kind may wait for this person."""
        terms = frozenset(await self._voices.queue_terms(self._policy(), person, now))
        return lambda facet: not terms.isdisjoint(facet.approvers)

    async def _listed(
        self, facets: Sequence[Facet], sieve: Sieve, cursor: str | None, limit: int
    ) -> tuple[list[Request], str | None]:
        found: list[Request] = []
        looked_at = 0
        for _ in range(READS if facets else 0):
            page = await self._store.queue(facets, cursor, limit)
            fit = [one for one in page.requests if sieve.text is None or says(one, sieve.text)]
            if len(found) + len(fit) > limit:
                break  # these are for the next page
            found += fit
            looked_at += len(page.requests)
            cursor = page.cursor
            if cursor is None or sieve.text is None or looked_at >= LOOKED_AT:
                break
        return found, cursor if facets else None

    async def _of_card(
        self, actor: Actor, person: str, sieve: Sieve, cursor: str | None, limit: int, now: datetime
    ) -> tuple[list[Request], Counts, str | None]:
        """Of what one card stands for: a batch, or a flood, of which the oldest are read."""
        concerns = await self._concern(person, now)
        which = Filter(status="pending", batch=sieve.batch, piled=sieve.piled)
        waiting: list[tuple[str, Request]] = []
        after: str | None = None
        while len(waiting) < MOST:
            page = await self._store.page(which, after, MOST)
            waiting += [
                (_order(one), one)
                for one in page.requests
                if concerns(kind := facet_of(one)) and _is_here(kind, actor) and _passes(kind, sieve)
                if says(one, sieve.text or "") and person not in voices(one.votes)
            ]
            after = page.cursor
            if after is None:
                break
        waiting.sort(key=lambda pair: pair[0])
        rest = [pair for pair in waiting if cursor is None or pair[0] > cursor]
        counts = _counted(facet_of(one)._replace(size=1) for _, one in waiting)
        return [one for _, one in rest[:limit]], counts, rest[limit - 1][0] if 0 < limit < len(rest) else None


def facet_of(request: Request) -> Facet:
    """What kind of waiting request this is, as the store counts it."""
    show, channel = request.terms.show, request.channel
    return Facet(
        approvers=tuple(sorted(set(request.terms.approvers))),
        places=tuple(sorted({*show, channel} if channel is not None else set(show))),
        tool=request.tool,
        agent=request.agent,
        risk=request.terms.risk or request.risk,
    )


def says(request: Request, text: str) -> bool:
    """Whether people see this text in a request, whatever its case; `refunds` finds `issue_refund`. Secrets are not
    looked through: whether something is found would tell what they are (I13).
    """
    wanted = visible(text).casefold().strip()
    if not wanted:
        return True
    hay = "\n".join(_texts(request)).casefold()
    return wanted in hay or (len(wanted) > len("ids") and wanted.removesuffix("s") in hay)


def _texts(request: Request) -> Iterable[str]:
    clean = Clean(request)
    said = (request.title, request.tool, request.agent, request.reason, request.on_behalf_of, request.terms.rule)
    yield from (clean.line(text) for text in said if text)
    yield seen(mask(request.arguments, clean.hidden(request.arguments)))


def _is_here(facet: Facet, actor: Actor) -> bool:
    """Shown in the chat that is looked from, or in none at all."""
    chat = actor.principal and actor.principal.chat
    return chat is None or not facet.places or any(place.startswith(f"{chat}:") for place in facet.places)


def _passes(facet: Facet, sieve: Sieve) -> bool:
    return (
        (sieve.risk is None or facet.risk == sieve.risk)
        and (sieve.tool is None or facet.tool == sieve.tool)
        and (sieve.agent is None or facet.agent == sieve.agent)
        and (sieve.channel is None or sieve.channel in facet.places)
    )


def _sifted(facets: Sequence[Facet], sieve: Sieve, offered: Counts) -> tuple[Sequence[Facet], Counts]:
    if sieve == EVERYTHING:
        return facets, offered
    passed = [one for one in facets if _passes(one, sieve)]
    return passed, replace(_counted(passed, offered.elsewhere), unsure=offered.unsure)


def _counted(facets: Iterable[Facet], elsewhere: int = 0) -> Counts:
    risk, tool, agent, channel = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    total = 0
    for facet in facets:
        total += facet.size
        risk[facet.risk or ""] += facet.size
        tool[facet.tool] += facet.size
        if facet.agent is not None:
            agent[facet.agent] += facet.size
        for place in facet.places:
            channel[place] += facet.size
    return Counts(total, risk, tool, agent, channel, elsewhere)


def _found(requests: Iterable[Request], offered: Counts) -> Counts:
    counts = _counted((facet_of(one)._replace(size=1) for one in requests), offered.elsewhere)
    return replace(counts, unsure=offered.unsure)


def _order(request: Request) -> str:
    """The order of the store's queue, as text."""
    ms = int(request.expires_at.timestamp() * 1000)
    return f"{RISKS.index(request.terms.risk or request.risk)}{ms:013d}{request.id}"
