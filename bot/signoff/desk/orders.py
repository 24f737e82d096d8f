"""Standing orders: freezes, grants, delegations. Each change is one step with its audit line."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from signoff.desk import entries as audit
from signoff.desk.freezing import ATTEMPTS, Freezes
from signoff.errors import NotAllowed, NotFound, Overtaken
from signoff.model import Delegation, Grant, readable
from signoff.ports import Swap

LONGEST = timedelta(days=90)
"""A delegation lasts no longer: what has no end is forgotten."""


class Orders(Freezes):
    """All of them."""

    # ── grants ───────────────────────────────────────────────────────────────────────────────────

    async def grants(self) -> Sequence[Grant]:
        """Those that still stand."""
        now = await self._store.now()
        found = readable(Grant, (await self._store.orders("grants")).values())
        return sorted((one for one in found if one.live(now)), key=lambda one: (one.at, one.id))

    async def revoke(self, grant_id: str, *, by: str, via: str, person: str | None = None) -> Grant:
        """End a grant. `person`: only one of theirs. Raises NotFound, Overtaken, StoreUnavailable."""
        for _ in range(ATTEMPTS):
            text = (await self._store.orders("grants")).get(grant_id)
            one = next(readable(Grant, () if text is None else (text,)), None)
            if one is None or (person is not None and one.giver != person):
                raise NotFound
            if await self._store.change(Swap("grants", grant_id, text, None), audit.revoked(one, by, via)):
                return one
        raise Overtaken

    # ── delegations ──────────────────────────────────────────────────────────────────────────────

    async def delegations(self) -> Sequence[Delegation]:
        """Those that still stand."""
        found = await self._store.orders("delegations")
        if not found:
            return ()
        now = await self._store.now()
        all_ = readable(Delegation, found.values())
        return sorted((one for one in all_ if one.live(now)), key=lambda one: (one.at, one.id))

    async def delegate(self, giver: str, to: str, until: datetime, scope: str | None, *, via: str) -> Delegation:
        """Let `to` decide in the giver's place. What it is worth is looked up at each decision: never more than the
        giver may. Raises NotAllowed with the reason, StoreUnavailable.
        """
        policy = self._policy()
        now = await self._store.now()
        for person in (giver, to):
            if person not in policy.people:
                raise NotAllowed(why=f'"{person}" is nobody whom the policy lists under `people`.')
        if giver == to:
            raise NotAllowed(why="Nobody can delegate to themselves; name somebody else.")
        if not now < until <= now + LONGEST:
            raise NotAllowed(why=f"A delegation has to end within {LONGEST.days} days from now; name such an end.")
        if scope is not None and scope not in policy.rule_names and scope not in policy.groups:
            known = ", ".join([*policy.rule_names, *policy.groups][:20])
            raise NotAllowed(why=f'"{scope}" is neither a rule nor a group of the policy; use one of: {known}.')
        why = f"{policy.names[to]} already delegates, directly or through others, to {policy.names[giver]}"
        circle = NotAllowed(why=f"{why}; a circle would leave nobody responsible.")
        if self._reaches(to, giver, await self.delegations()):
            raise circle
        new = Delegation(id=f"del_{secrets.token_hex(6)}", giver=giver, to=to, scope=scope, at=now, until=until)
        await self._store.change(Swap("delegations", new.id, None, new.model_dump_json()), audit.delegated(new, via))
        # Two that close a circle at the same moment do not see each other before they stand.
        if self._reaches(to, giver, await self.delegations()):
            with contextlib.suppress(NotFound):
                await self.undelegate(new.id, by=giver, via=via)
            raise circle
        return new

    @staticmethod
    def _reaches(start: str, goal: str, standing: Sequence[Delegation]) -> bool:
        todo, seen = [start], set[str]()
        while todo:
            person = todo.pop()
            if person == goal:
                return True
            if person not in seen:
                seen.add(person)
                todo += [one.to for one in standing if one.giver == person]
        return False

    async def tidy(self) -> int:
        """Take away what has run out, and see that cards say what is frozen; how many orders went. Only the length of
        lists and what is shown depend on it.
        """
        await self.settle()
        now, taken = await self._store.now(), 0
        for grant_id, text in (await self._store.orders("grants")).items():
            for grant in readable(Grant, (text,)):
                if not grant.live(now):
                    taken += await self._store.change(Swap("grants", grant_id, text, None), audit.lapsed(grant))
        for one_id, text in (await self._store.orders("delegations")).items():
            for one in readable(Delegation, (text,)):
                if not one.live(now):
                    taken += await self._store.change(Swap("delegations", one_id, text, None), audit.lapsed(one))
        return taken

    async def undelegate(self, delegation_id: str, *, by: str, via: str, person: str | None = None) -> Delegation:
        """End a delegation. `person`: only one that they gave or got. Raises NotFound, StoreUnavailable."""
        text = (await self._store.orders("delegations")).get(delegation_id)
        one = next(readable(Delegation, () if text is None else (text,)), None)
        if text is None or one is None or (person is not None and person not in {one.giver, one.to}):
            raise NotFound
        if not await self._store.change(Swap("delegations", one.id, text, None), audit.undelegated(one, by, via)):
            raise NotFound
        return one
