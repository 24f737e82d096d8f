"""The kill switch: laid down, lifted, and told to those whose requests it stops.

What keeps a frozen call from being decided is the condition in the store's own step. The line that a waiting request
carries (`Request.frozen`) only lets its card say so; it is written when a freeze begins or ends, and the sweeper brings
into line what a crash or a race has left.
"""

from __future__ import annotations

import contextlib
import difflib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from signoff.desk import entries as audit
from signoff.errors import CallFrozen, NotFound, StoreUnavailable
from signoff.model import Freeze, Request, freeze_id, freezes_of, one_line, read_freeze, shorten
from signoff.policy import Policy
from signoff.policy.spoken import spoken_of
from signoff.ports import NOTHING, Conditions, Filter, Store, Swap

ATTEMPTS = 10
"""How often a lost race is tried again."""
PAGE = 200
"""Requests read at a time."""
AT_ONCE = 1000
"""Waiting requests that are looked at while somebody waits for the answer; the sweeper does the others."""
LINE = 200
"""Characters of who froze and why."""
NAME = 80
"""Characters of a name in an answer."""
ENDED = ("freezes", "ended")
"""The store's memory that a freeze has ended whose requests may still say that it holds."""


@dataclass(frozen=True, slots=True)
class Froze:
    """What came of a freeze."""

    freezes: tuple[Freeze, ...]
    """Made now, or found as they stood."""
    covers: int | None
    """Waiting requests that it stops, of the first AT_ONCE; None: they could not be looked at."""
    reach: str
    """The same in words, and where it stops none what may have been meant."""


@dataclass(slots=True)
class _Seen:
    """What a look at the waiting requests has found."""

    requests: int = 0
    covered: int = 0
    tools: set[str] = field(default_factory=set[str])
    agents: set[str] = field(default_factory=set[str])
    whole: bool = True
    """Every one was looked at, and says now what holds."""


class Freezes:
    """Reads and changes what stands in the store; nothing is kept in the process."""

    def __init__(self, store: Store, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._policy = policy

    async def freezes(self) -> Sequence[Freeze]:
        found = (await self._store.orders("freezes")).items()
        return sorted((read_freeze(*one) for one in found), key=lambda one: (one.at, one.id))

    async def freeze(self, agent: str | None, tool: str | None, reason: str | None, *, by: str, via: str) -> Froze:
        """Stop everything that matches, on every replica at once. `agent`: its own name, or its key's id or name.

        Freezing what is frozen changes nothing. Raises StoreUnavailable.
        """
        now = await self._store.now()
        made: list[Freeze] = []
        for name in await self._names(agent):
            new = Freeze(id=freeze_id(name, tool), agent=name, tool=tool, by=by, reason=reason, at=now)
            swap = Swap("freezes", new.id, None, new.model_dump_json())
            if await self._store.change(swap, audit.froze(new, via)):
                made.append(new)
            else:
                made += [one for one in await self.freezes() if one.id == new.id]
        try:
            seen = await self._align({one.id for one in made}, AT_ONCE)
            return Froze(tuple(made), seen.covered, await self._reach(seen, agent, tool))
        except StoreUnavailable:  # it stands all the same, and must not be thought not to
            return Froze(tuple(made), None, "Which waiting calls it covers cannot be looked up right now.")

    async def thaw(self, agent: str | None, tool: str | None, *, by: str, via: str) -> Sequence[Freeze]:
        """End exactly these freezes; the ended ones. Raises StoreUnavailable."""
        ended: list[Freeze] = []
        standing = await self._store.orders("freezes")
        for name in await self._names(agent):
            text = standing.get(freeze_id(name, tool))
            if text is not None:
                one = read_freeze(freeze_id(name, tool), text)
                await self._store.remember(*ENDED, secrets.token_hex(8))
                if await self._store.change(Swap("freezes", one.id, text, None), audit.thawed(one, by, via)):
                    ended.append(one)
        if ended:
            with contextlib.suppress(StoreUnavailable):  # it has ended all the same; the sweeper tells the cards
                await self._align((), AT_ONCE)
        return ended

    async def _names(self, agent: str | None) -> Sequence[str | None]:
        """The agent's name as given, and the keys it is the name of: a name an agent may change, its key it may not."""
        if agent is None:
            return (None,)
        return (agent, *(key.id for key in await self._store.keys() if key.role == "agent" and key.name == agent))

    # ── what it means for a request ──────────────────────────────────────────────────────────────

    async def check(self, request: Request) -> None:
        """Raises CallFrozen, for those who are about to do what would be refused in the end."""
        for one, _ in _holding(request, await self._store.orders("freezes")):
            raise one.refusal

    async def marked(self, request: Request) -> tuple[Request, Conditions]:
        """A waiting record that says by whom it is frozen, or that it is not; with what has to hold when that is
        written."""
        after, conditions = self._marked(request, await self._store.orders("freezes"))
        return after, NOTHING if after.frozen is None else conditions

    def _marked(self, request: Request, standing: Mapping[str, str]) -> tuple[Request, Conditions]:
        for one, text in _holding(request, standing):
            line = _line(one, self._policy().names)
            return request.model_copy(update={"frozen": line}), Conditions(swap=Swap("freezes", one.id, text, text))
        return request.model_copy(update={"frozen": None}), Conditions(freezes_of(request))

    # ── what waits ───────────────────────────────────────────────────────────────────────────────

    async def settle(self) -> None:
        """Bring what waiting requests say into line with the freezes, when some stand or have just ended.

        Raises StoreUnavailable.
        """
        ended = await self._store.recall(*ENDED)
        if ended is None and not await self._store.orders("freezes"):
            return
        seen = await self._align(())
        if ended is not None and seen.whole and await self._store.recall(*ENDED) == ended:
            await self._store.forget(*ENDED)

    async def _align(self, ids: Collection[str], most: int | None = None) -> _Seen:
        """Let every waiting request, or `most` of them, say what holds. `ids`: freezes whose requests are counted."""
        seen, cursor = _Seen(), None
        standing = await self._store.orders("freezes")
        while True:
            page = await self._store.page(Filter(status="pending"), cursor, PAGE)
            for request in page.requests:
                seen.requests += 1
                seen.covered += not set(freezes_of(request)).isdisjoint(ids)
                seen.tools.add(request.tool)
                seen.agents.update(filter(None, (request.agent, request.asked_by)))
                seen.whole &= await self._aligned(request, standing)
            cursor = page.cursor
            if cursor is None:
                return seen
            if most is not None and seen.requests >= most:
                seen.whole = False
                return seen

    async def _aligned(self, request: Request, standing: Mapping[str, str]) -> bool:
        """Whether the request, if it still waits, says now what holds."""
        for _ in range(ATTEMPTS):
            after, conditions = self._marked(request, standing)
            if after.frozen == request.frozen:
                return True
            after = after.model_copy(update={"rev": request.rev + 1})
            event = "request.thawed" if after.frozen is None else "request.frozen"
            try:
                if await self._store.move(request, after, event, audit.marked(after), conditions):
                    return True
            except CallFrozen:  # once more, meanwhile
                pass
            try:
                request, _ = await self._store.load(request.id)
            except NotFound:
                return True
            if not request.open:
                return True
            standing = await self._store.orders("freezes")
        return False

    async def _reach(self, seen: _Seen, agent: str | None, tool: str | None) -> str:
        """How far a freeze reaches, for the one who made it."""
        if seen.covered:
            calls = f"{seen.covered} waiting call{'s' * (seen.covered > 1)}"
            return f"It covers {calls}." if seen.whole else f"It covers {calls} at least; all cards follow in minutes."
        spoken, doubts = spoken_of(self._policy()), list[str]()
        if tool is not None and tool not in seen.tools | spoken:
            doubts.append(_doubt("of", tool, seen.tools | spoken))
        if agent is not None:
            keys = {name for key in await self._store.keys() if key.role == "agent" for name in (key.id, key.name)}
            if agent not in seen.agents | spoken | keys:
                doubts.append(_doubt("by", agent, seen.agents | spoken | keys))
        return " ".join(doubts) or "It covers no waiting call."


def _holding(request: Request, standing: Mapping[str, str]) -> Sequence[tuple[Freeze, str]]:
    """The freezes that hold for a request, with their texts; the widest first, which the store names too."""
    return [(read_freeze(id_, standing[id_]), standing[id_]) for id_ in freezes_of(request) if id_ in standing]


def _line(freeze: Freeze, names: Mapping[str, str]) -> str:
    by = names.get(freeze.by, freeze.by)
    text = one_line(f"{by}: {freeze.reason}" if freeze.reason and freeze.reason.strip() else by).strip()
    said, left = shorten(text, LINE)
    return f"{said}…" if left else said or "somebody"


def _doubt(how: str, name: str, known: Collection[str]) -> str:
    """What somebody reads who may have mistyped a name: it would be frozen as it stands, and stop nothing."""
    folded = {one.casefold(): one for one in sorted(known)}
    near = difflib.get_close_matches(name.casefold(), folded, 1)
    mend = f"did you mean {_short(folded[near[0]])}?" if near else "see that this is its exact name."
    return f"No waiting call is {how} {_short(name)}; {mend}"


def _short(name: str) -> str:
    return shorten(one_line(name), NAME)[0]
