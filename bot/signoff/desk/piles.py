"""Cards that stand for several requests: an agent's batch, or what a flood has left without cards of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signoff import cards
from signoff.desk.origin import check_origin
from signoff.errors import NotFound
from signoff.model import BATCH, PILE, Actor, Clean, Request, Status
from signoff.policy import Policy
from signoff.ports import Filter, Store

PAGE = 200
"""Records read together."""
SAMPLE = 100
"""Requests of a flood that its card is made from, the oldest; all others are counted."""
FEW = 5
"""Of these, how many the card shows."""
TOLD = 500
"""Requests that are told together that their card cannot be delivered."""
AT_ONCE = 16
"""Of these, how many at the same moment."""
EMPTY = "Calls that came all at once"
"""The title of a flood's card when nothing is left on it."""


@dataclass(frozen=True, slots=True)
class Pile:
    """What the card of several requests shows in one place, read at one moment."""

    id: str
    rev: int
    """Counts whatever may have changed it."""
    members: tuple[Request, ...]
    """Of a batch: all that are shown here, in the order of its rows. Of a flood: the oldest that wait."""
    waiting: int
    """How many wait, exactly."""
    card: cards.Card

    @property
    def lasting(self) -> bool:
        """A batch stays what it is; a flood comes to an end."""
        return self.id.startswith(BATCH)

    @property
    def worth_posting(self) -> bool:
        """Somebody has to see it who has not: not what was withdrawn before anybody could."""
        return self.waiting > 0 or any(one.status != "cancelled" for one in self.members)

    @property
    def last(self) -> datetime | None:
        """When the last one of a batch came to its end; None: some wait, or more may come."""
        if self.waiting or not self.lasting:
            return None
        return max((one.decision.decided_at for one in self.members if one.decision), default=None)


Undeliver = Callable[[str, str, str], Awaitable[None]]
"""Request, place, reason."""


class Piles:
    """Reading them. Raises StoreUnavailable."""

    def __init__(self, store: Store, policy: Callable[[], Policy], undeliver: Undeliver, lull: float) -> None:
        self.lull = lull
        """Seconds without anything on a flood's card after which what comes belongs to another flood."""
        self._store = store
        self._policy = policy
        self._undeliver = undeliver

    async def read(self, card_id: str) -> Mapping[str, Pile]:
        """Place → what the card shows there, for every place where it has something to show. The revision is read
        first: what changes meanwhile makes another look due.
        """
        rev = await self._store.nudged(card_id)
        if card_id.startswith(PILE):
            place = card_id.removeprefix(PILE)
            return {place: await self._flood(card_id, rev, place)}
        members = await self._members(card_id)
        places = dict.fromkeys(place for one in members for place in one.terms.show)
        made = {place: [one for one in members if _shown(one, place)] for place in places}
        return {place: self._batch(card_id, rev, here) for place, here in made.items() if here}

    async def at(self, card_id: str, place: str) -> Pile:
        """Raises NotFound."""
        found = (await self.read(card_id)).get(place)
        if found is None:
            raise NotFound
        return found

    async def clicked(self, card_id: str, actor: Actor) -> None:
        """A button on such a card leads on only from where the card was posted (I16). Raises WrongPlace, StillPosting,
        DuplicateCard.
        """
        await check_origin(self._store, card_id, actor)

    async def lost(self, card_id: str, place: str, reason: str) -> bool:
        """The card cannot be delivered there: its requests learn it, as from cards of their own. Whether there may be
        more of them than were told now.
        """
        more = False
        if card_id.startswith(PILE):
            page = await self._store.page(Filter(status="pending", piled=place), None, TOLD)
            ids, more = [one.id for one in page.requests], page.cursor is not None
        else:
            ids = [one.id for one in await self._members(card_id) if _shown(one, place)]
        for start in range(0, len(ids), AT_ONCE):
            await asyncio.gather(*(self._undeliver(one, place, reason) for one in ids[start : start + AT_ONCE]))
        return more

    async def _flood(self, card_id: str, rev: int, place: str) -> Pile:
        which = Filter(status="pending", piled=place)
        page = await self._store.page(which, None, SAMPLE)
        waiting = len(page.requests) if page.cursor is None else await self._store.count(which)
        return self._pile(card_id, rev, page.requests, {"pending": waiting}, None if waiting else EMPTY)

    async def _members(self, card_id: str) -> list[Request]:
        found: list[Request] = []
        cursor: str | None = None
        while True:
            page = await self._store.page(Filter(batch=card_id), cursor, PAGE)
            found += page.requests
            cursor = page.cursor
            if cursor is None:
                return sorted(found, key=lambda one: one.batch.index if one.batch else 0)

    def _batch(self, card_id: str, rev: int, here: Sequence[Request]) -> Pile:
        title = here[0].batch.title if here[0].batch else None
        for one in here if title else ():
            title = Clean(one).told(title or "")  # any of them may hold a secret that it quotes
        return self._pile(card_id, rev, here, Counter(one.status for one in here), title)

    def _pile(
        self, card_id: str, rev: int, members: Sequence[Request], counts: Mapping[Status, int], title: str | None
    ) -> Pile:
        # Of a flood a few give an idea; the list is a button away. Of a batch it is the agent's own list.
        most = FEW if card_id.startswith(PILE) else cards.ITEMS
        policy, waits = self._policy(), [one for one in members if one.open]
        asked = (policy.who(terms) for terms in dict.fromkeys(one.terms.approvers for one in waits))
        card = cards.pile(
            members,
            card_id=card_id,
            title=title,
            total=sum(counts.values()),
            counts=counts,
            rev=rev,
            names=policy.names,
            who=next((who for who in asked if who not in {"", "nobody"}), ""),
            most=most,
        )
        return Pile(card_id, rev, tuple(members), counts.get("pending", 0), card)


def _shown(request: Request, place: str) -> bool:
    """Whether a batch's card shows it there."""
    return place in request.terms.show and place not in request.undelivered and place not in request.piled
