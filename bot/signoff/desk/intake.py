"""Taking up calls: the rules are asked, whatever has a say before people is heard, and the record is written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

from signoff.desk import claims
from signoff.desk import entries as audit
from signoff.desk.flood import Crowded, Floods
from signoff.desk.opening import Openings
from signoff.desk.records import ATTEMPTS
from signoff.errors import BudgetSpent, CallFrozen, Overtaken, Remembered, StoreUnavailable
from signoff.model import Ask, Batch, Key
from signoff.policy import Policy
from signoff.ports import Caps, Idempotency, Opened, Store


class Intake:
    """One per desk."""

    def __init__(
        self, store: Store, openings: Openings, floods: Floods, policy: Callable[[], Policy], caps: Caps
    ) -> None:
        self._store = store
        self._openings = openings
        self._floods = floods
        self._policy = policy
        self._caps = caps
        self._line = asyncio.Lock()

    async def take(
        self,
        ask: Ask,
        key: Key,
        idempotency: Idempotency | None,
        *,
        claim: str | None = None,
        batch: Batch | None = None,
        began: datetime | None = None,
        caps: Caps | None = None,
        crowded: Crowded | None = None,
    ) -> Opened:
        """Take up a call that has been checked. `claim`: of a caller who runs it at once. `began`: the store's clock,
        where it has just been read; those of a batch share one moment. `crowded`: of its batch, which makes one card.
        `caps`: in place of the usual ones. Raises ChannelNotAllowed, IdempotencyConflict, RateLimited, TooManyOpen,
        StoreUnavailable.
        """
        policy, spent, frozen = self._policy(), set[str](), set[str]()
        grants, late, look = True, False, False
        crowded = {} if crowded is None else crowded
        tries = ATTEMPTS + len(policy.rule_names)
        while tries > 0:
            # Who was too late for a use of a grant stands in line: all at once would overtake each other for ever.
            async with self._line if late else contextlib.nullcontext():
                now, began = began or await self._store.now(), None
                terms = policy.terms(ask, ask.arguments, now, spent=spent | frozen, asked_by=key.id)
                if frozen and terms.decide == "reject" and terms.rule in policy.rule_names:
                    frozen.add(terms.rule)  # it rejects what an earlier rule would let run, were it not for the freeze
                    continue
                opening = await self._openings.of(policy, ask, terms, key, now, batch=batch, grants=grants, look=look)
                request = claims.consumed_at_once(opening.request, claim, now)
                if not self._floods.known(key.id, idempotency):
                    request = await self._floods.piled(request, request.terms.show, crowded, first=True)
                try:
                    opened = await self._store.open(
                        request, audit.asked(request), idempotency, caps or self._caps, opening.conditions
                    )
                except BudgetSpent:
                    spent.add(terms.rule)
                except Remembered:
                    look = True
                    continue
                except Overtaken:
                    # Somebody else used the same grant at this moment: look again what is left of it.
                    late = True
                    continue
                except CallFrozen:
                    # What a rule or a grant would let run waits for people, who can decide when it is thawed.
                    grants = False
                    if policy.mode != "enforce":
                        policy = policy.under("enforce")
                    elif terms.decide != "ask" or terms.mode != "enforce":
                        frozen.add(terms.rule)
                else:
                    self._floods.taken(key.id, idempotency)
                    return opened
                tries -= 1
        raise StoreUnavailable
