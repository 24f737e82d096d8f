"""The list: one window of the queue, what is selected in it, and how it is narrowed down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from signoff import cards
from signoff.cards import queue as drawn
from signoff.desk.bulk import MOST
from signoff.desk.judging import APPROVING, OUTSIDE, Code, Judge
from signoff.desk.queue import Counts, Queue
from signoff.desk.review.state import State
from signoff.desk.review.words import risk_named
from signoff.model import Actor, Pin, Request, Sieve
from signoff.policy import Policy
from signoff.ports import Store

WINDOW = 200
"""Requests listed at once; as many as can be decided at once."""
WINDOWS = 20
"""Windows looked through for the next one that holds anything."""
LONGEST_TEXT = 200
"""Characters that are looked for."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A window as it stands now."""

    requests: tuple[Request | None, ...]
    """By the numbers of the entries' keys; None: no longer in this person's queue."""
    marks: Mapping[int, Code]
    """What speaks against a decision along with others."""

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
        for _ in range(WINDOWS):
            found = await self._queue.page(actor, state.sieve, start, WINDOW)
            requests = tuple(one for one, _ in found.requests)
            if requests or found.cursor is None:
                break
            start = found.cursor
        marks = {n: verdict.code for n, (_, verdict) in enumerate(found.requests) if _bars(verdict.code)}
        changes = {
            "start": start,
            "ahead": found.cursor,
            "before": before,
            "pins": tuple(map(pin_of, requests)),
            "page": 0,
            "opened": "",
        }
        return self._sound(state.model_copy(update=changes), Rows(requests, marks))

    async def again(self, state: State, actor: Actor) -> tuple[State, Rows]:
        """The same window as it stands now: what is no longer in the queue leaves a gap, what was edited is shown as it
        is now and no longer selected.
        """
        await self._queue.person(actor)
        by_id = {one.id: one for one in await self._store.several([pin.id for pin in state.pins])}
        there = [by_id[pin.id] for pin in state.pins if pin.id in by_id]
        verdicts = await self._judge.all(there, "approve", actor, await self._store.now())
        code = {one.id: verdict.code for one, verdict in zip(there, verdicts, strict=True)}
        requests = tuple(
            by_id[pin.id] if pin.id in by_id and code[pin.id] not in OUTSIDE else None for pin in state.pins
        )
        marks = {n: code[one.id] for n, one in enumerate(requests) if one is not None and _bars(code[one.id])}
        pins = tuple(pin if one is None else pin_of(one) for pin, one in zip(state.pins, requests, strict=True))
        return self._sound(state.model_copy(update={"pins": pins}), Rows(requests, marks))

    def _sound(self, state: State, rows: Rows) -> tuple[State, Rows]:
        """Nothing is selected that is not listed exactly as it was selected, or that cannot go along with others."""
        now = {one.id: (pin_of(one), n) for n, one in enumerate(rows.requests) if one is not None}
        listed = {pin.id for pin in state.pins}
        kept = tuple(
            pin
            for pin in state.selected
            if pin.id not in listed or (pin.id in now and now[pin.id][0] == pin and now[pin.id][1] not in rows.marks)
        )
        lost = len(state.selected) - len(kept)
        if not lost:
            return state, rows
        said = f"{lost} of what was selected {'has' if lost == 1 else 'have'} changed or gone."
        notice = f"{state.notice} {said}" if state.notice else said
        return state.model_copy(update={"selected": kept, "notice": notice}), rows

    async def screen(self, state: State, rows: Rows, actor: Actor) -> cards.Listing:
        groups = drawn.group(rows.requests)
        counts, offered = await self._queue.counts(actor, state.sieve)
        if state.sieve.text is not None:
            counts = _found(state, rows, counts)
        chosen = {pin.id for pin in state.selected}
        return drawn.listing(
            review=state.id,
            window=rows.requests,
            marks=rows.marks,
            chosen=[n for n, pin in enumerate(state.pins) if pin.id in chosen],
            groups=groups,
            page=min(state.page, drawn.group_pages(groups) - 1),
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

    def ticked(self, state: State, rows: Rows, shown: Collection[str], ticked: Collection[str]) -> State:
        """What is ticked on the screen that is left: an entry says so itself; a group stands for all of its requests,
        and changes them only if its tick was changed.
        """
        chosen = {pin.id for pin in state.selected}
        before = frozenset(chosen)
        for alike in drawn.group(rows.requests):
            if alike.key in shown:
                free = [n for n in alike.members if n not in rows.marks]
                whole = bool(free) and all(state.pins[n].id in before for n in free)
                if (alike.key in ticked) != whole:
                    turn = chosen.update if alike.key in ticked else chosen.difference_update
                    turn(state.pins[n].id for n in free)
        for key in shown:
            n = drawn.entry_place(key)
            if n is not None and n < len(state.pins) and (key in ticked) != (state.pins[n].id in before):
                (chosen.add if key in ticked else chosen.discard)(state.pins[n].id)
        return self._select(state, rows, chosen)

    def select(self, state: State, rows: Rows, key: str) -> State:
        """`all` that is shown, `none` at all, or the other way round what a key names."""
        if key == "none":
            return state.model_copy(update={"selected": ()})
        chosen = {pin.id for pin in state.selected}
        groups = drawn.group(rows.requests)
        if key == "all":
            size = drawn.GROUPS
            page = min(state.page, drawn.group_pages(groups) - 1)
            members = [n for alike in groups[page * size : (page + 1) * size] for n in alike.members]
            chosen.update(state.pins[n].id for n in members if n not in rows.marks)
            return self._select(state, rows, chosen)
        n = drawn.entry_place(key)
        found = [n] if n is not None and n < len(state.pins) else []
        found += [m for alike in groups if alike.key == key for m in alike.members]
        ids = {state.pins[n].id for n in found if n not in rows.marks}
        chosen = chosen - ids if ids <= chosen else chosen | ids
        return self._select(state, rows, chosen)

    @staticmethod
    def _select(state: State, rows: Rows, chosen: Collection[str]) -> State:
        here = {pin.id for pin in state.pins}
        elsewhere = [pin for pin in state.selected if pin.id not in here]
        mine = [
            pin
            for n, (pin, one) in enumerate(zip(state.pins, rows.requests, strict=True))
            if pin.id in chosen and one is not None and n not in rows.marks
        ]
        selected = (*elsewhere, *mine)
        if len(selected) <= MOST:
            return state.model_copy(update={"selected": selected})
        notice = f"At most {MOST} are decided at once, so the first {MOST} are selected."
        return state.model_copy(update={"selected": selected[:MOST], "notice": notice})

    async def narrowed(self, state: State, values: Mapping[str, str], actor: Actor) -> Sieve:
        """What was chosen to narrow the list; names that are not there stay as they are."""
        _, offered = await self._queue.counts(actor)
        sieve: dict[str, str | None] = {}
        if "risk" in values:
            sieve["risk"] = risk_named(values["risk"])
        for name, known in (("tool", offered.tool), ("agent", offered.agent), ("channel", offered.channel)):
            if name in values:
                sieve[name] = drawn.sieve_value(values[name], known) if values[name] else None
        if "text" in values:
            sieve["text"] = " ".join(values["text"].split())[:LONGEST_TEXT] or None
        return state.sieve.model_copy(update=sieve)


def pin_of(request: Request) -> Pin:
    return Pin(id=request.id, version=request.version, digest=request.digest)


def _bars(code: Code) -> bool:
    return code != "ok" and code not in APPROVING


def _found(state: State, rows: Rows, counts: Counts) -> Counts:
    """What has been found so far of a text, which no index counts."""
    risks = Counter(one.terms.risk or one.risk or "" for one in rows.requests if one is not None)
    return replace(counts, total=state.before + risks.total(), risk=risks)
