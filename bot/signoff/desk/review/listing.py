"""The list: one window of the queue, what is selected in it, and how it is narrowed down."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from signoff import cards
from signoff.cards import queue as drawn
from signoff.cards.queue import Code
from signoff.desk.bulk import MOST
from signoff.desk.judging import APPROVING, OUTSIDE, Judge
from signoff.desk.queue import Counts, Queue
from signoff.desk.review.state import State
from signoff.desk.review.words import LONGEST, risk_named
from signoff.errors import NotAllowed, NotAnApprover, SignoffError
from signoff.model import Actor, Pin, Request, Sieve
from signoff.policy import Policy
from signoff.ports import Filter, Store

WINDOW = 200
"""Requests listed at once; as many as can be decided at once."""
WINDOWS = 20
"""Windows looked through for the next one that holds anything."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A window as it stands now."""

    requests: tuple[Request | None, ...]
    """By the numbers of the entries' keys; None: no longer in this person's queue."""
    marks: Mapping[int, Code]
    """What speaks against a decision along with others."""
    counts: tuple[Counts, Counts] | None = None
    """Of what the sieve lets through, and of all, when they were counted along the way."""

    @property
    def empty(self) -> bool:
        return all(one is None for one in self.requests)


class Listings:
    def __init__(self, store: Store, queue: Queue, judge: Judge, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._queue = queue
        self._judge = judge
        self._policy = policy

    async def window(self, state: State, actor: Actor, start: str | None, before: int) -> tuple[State, Rows]:
        """The window behind a cursor; behind empty ones, the next that holds anything."""
        found = await self._queue.page(actor, state.sieve, start, WINDOW)
        for _ in range(WINDOWS):
            if found.requests or found.cursor is None:
                break
            start = found.cursor
            found = await self._queue.page(actor, state.sieve, start, WINDOW)
        requests = tuple(one for one, _ in found.requests)
        marks = _marks((n, verdict.code) for n, (_, verdict) in enumerate(found.requests))
        changes = {
            "start": start,
            "ahead": found.cursor,
            "before": before,
            "pins": tuple(map(pin_of, requests)),
            "page": 0,
            "opened": "",
        }
        return self._sound(state.model_copy(update=changes), Rows(requests, marks, (found.counts, found.offered)))

    async def again(self, state: State, actor: Actor) -> tuple[State, Rows]:
        """The same window as it stands now: what is no longer in the queue leaves a gap, what was edited is shown as it
        is now and no longer selected.
        """
        await self._queue.person(actor)
        by_id = {one.id: one for one in await self._store.several([pin.id for pin in state.pins])}
        there = [by_id[pin.id] for pin in state.pins if pin.id in by_id]
        verdicts = await self._judge.all(there, "approve", actor, await self._store.now())
        code: dict[str, Code] = {one.id: verdict.code for one, verdict in zip(there, verdicts, strict=True)}
        requests = tuple(
            by_id[pin.id] if pin.id in by_id and code[pin.id] not in OUTSIDE else None for pin in state.pins
        )
        marks = _marks((n, code[one.id]) for n, one in enumerate(requests) if one is not None)
        pins = tuple(pin if one is None else pin_of(one) for pin, one in zip(state.pins, requests, strict=True))
        return self._sound(state.model_copy(update={"pins": pins}), Rows(requests, marks))

    def _sound(self, state: State, rows: Rows) -> tuple[State, Rows]:
        """Nothing is selected that is not listed exactly as it was selected."""
        now = {one.id: pin_of(one) for one in rows.requests if one is not None}
        listed = {pin.id for pin in state.pins}
        kept = tuple(pin for pin in state.selected if pin.id not in listed or now.get(pin.id) == pin)
        lost = len(state.selected) - len(kept)
        if not lost:
            return state, rows
        said = f"{lost} of what was selected {'has' if lost == 1 else 'have'} changed or gone."
        notice = f"{state.notice} {said}" if state.notice else said
        return state.model_copy(update={"selected": kept, "notice": notice}), rows

    async def nothing(self, sieve: Sieve) -> SignoffError:
        """Why somebody finds nothing to decide on a card that they are looking at."""
        page = await self._store.page(Filter(status="pending", batch=sieve.batch, piled=sieve.piled), None, 1)
        if not page.requests:
            return NotAllowed(why="Nothing on this card waits any more.")
        return NotAnApprover(who=self._policy().who(page.requests[0].terms.approvers))

    async def screen(self, state: State, rows: Rows, actor: Actor) -> tuple[State, cards.Listing]:
        """The list, and the state that knows what it showed."""
        # Beside the loop: hundreds of calls with thousands of arguments take a while, and nobody else has to wait.
        groups = await asyncio.to_thread(drawn.group, rows.requests)
        page = min(state.page, drawn.group_pages(groups) - 1)
        shown = {one.key: one.members for one in groups[page * drawn.GROUPS : (page + 1) * drawn.GROUPS]}
        changes = {"screen": "listing", "page": page, "groups": shown, "barred": tuple(rows.marks)}
        state = state.model_copy(update=changes)
        counts, offered = rows.counts or await self._queue.counts(actor, state.sieve)
        if state.sieve.text is not None:
            counts = _found(state, rows, counts)
        chosen = {pin.id for pin in state.selected}
        return state, drawn.listing(
            review=state.id,
            window=rows.requests,
            marks=rows.marks,
            chosen=[n for n, pin in enumerate(state.pins) if pin.id in chosen],
            groups=groups,
            page=page,
            opened=state.opened,
            first=state.before,
            more=state.ahead is not None,
            sieve=state.sieve,
            counts=counts,
            offered=offered,
            elsewhere=len(chosen - {pin.id for pin in state.pins}),
            notice=state.notice,
            names=self._policy().names,
        )

    # ── moves ────────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def ticked(state: State, shown: Collection[str], ticked: Collection[str]) -> State:
        """What is ticked on the screen that is left, which is what it showed then: an entry says so itself; a group
        stands for all of its requests, and changes them only if its tick was changed.
        """
        before = {pin.id for pin in state.selected}
        chosen, barred = set(before), frozenset(state.barred)
        for key, members in state.groups.items():
            free = [n for n in members if n not in barred]
            whole = bool(free) and all(state.pins[n].id in before for n in free)
            if key in shown and (key in ticked) != whole:
                turn = chosen.update if key in ticked else chosen.difference_update
                turn(state.pins[n].id for n in members)
        for key in shown:
            n = _free(state, key)
            if n is not None and (key in ticked) != (state.pins[n].id in before):
                (chosen.add if key in ticked else chosen.discard)(state.pins[n].id)
        return _selected(state, chosen)

    @staticmethod
    def select(state: State, key: str) -> State:
        """`all` that is shown, `none` at all, or the other way round what a key names."""
        if key == "none":
            return state.model_copy(update={"selected": ()})
        chosen = {pin.id for pin in state.selected}
        if key == "all":
            return _selected(state, chosen | {state.pins[n].id for all_of in state.groups.values() for n in all_of})
        n = _free(state, key)
        if n is not None:
            return _selected(state, chosen ^ {state.pins[n].id})
        members = state.groups.get(key, ())
        free = {state.pins[n].id for n in members if n not in state.barred}
        whole = {state.pins[n].id for n in members}
        return _selected(state, chosen - whole if free <= chosen else chosen | whole)

    async def narrowed(self, state: State, move: cards.Move, actor: Actor) -> Sieve:
        """What was chosen to narrow the list; names that are not there stay as they are. Key `all`: no longer."""
        if move.key == "all":
            return Sieve(batch=state.sieve.batch, piled=state.sieve.piled)
        values = move.values
        _, offered = await self._queue.counts(actor)
        sieve: dict[str, str | None] = {}
        if "risk" in values:
            sieve["risk"] = risk_named(values["risk"])
        for name, known in (("tool", offered.tool), ("agent", offered.agent), ("channel", offered.channel)):
            if name in values:
                sieve[name] = drawn.sieve_value(values[name], known) if values[name] else None
        if "text" in values:
            sieve["text"] = " ".join(values["text"].split())[:LONGEST] or None
        return state.sieve.model_copy(update=sieve)


def pin_of(request: Request) -> Pin:
    return Pin(id=request.id, version=request.version, digest=request.digest)


def _free(state: State, key: str) -> int | None:
    """The place of an entry that can be ticked."""
    n = drawn.entry_place(key)
    return n if n is not None and n < len(state.pins) and n not in state.barred else None


def _selected(state: State, chosen: Collection[str]) -> State:
    """Along with a whole group, or with all, goes what cannot be decided with others: the page before deciding leaves
    it out by name.
    """
    here = {pin.id for pin in state.pins}
    elsewhere = [pin for pin in state.selected if pin.id not in here]
    room, mine, notice = MOST - len(elsewhere), list[Pin](), state.notice
    for n, pin in enumerate(state.pins):
        if pin.id not in chosen:
            continue
        if n not in state.barred:
            if room <= 0:
                notice = f"At most {MOST} are decided at once, so the first {MOST} are selected."
                continue
            room -= 1
        mine.append(pin)
    return state.model_copy(update={"selected": (*elsewhere, *mine), "notice": notice})


def _marks(codes: Iterable[tuple[int, Code]]) -> dict[int, Code]:
    """Those that keep a request from being decided along with others at all."""
    return {n: code for n, code in codes if code != "ok" and code not in APPROVING}


def _found(state: State, rows: Rows, counts: Counts) -> Counts:
    """What has been found so far of a text, which no index counts."""
    risks = Counter[str](one.terms.risk or one.risk or "" for one in rows.requests if one is not None)
    return replace(counts, total=state.before + risks.total(), risk=risks)
