"""Looking through what waits: every move that a person can make, and the screen it leads to.

A chat draws screens and sends moves back; whatever else a submission holds is not listened to. What can be decided is
what this review has listed, exactly as it was shown; the verified identity says whose review it is (I14).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from signoff import cards, forms
from signoff.cards import queue as drawn
from signoff.desk.bulk import Bulk
from signoff.desk.judging import BulkKind, Judge
from signoff.desk.orders import Orders
from signoff.desk.queue import Queue
from signoff.desk.review import deciding
from signoff.desk.review.home import Homes
from signoff.desk.review.listing import Listings, Rows
from signoff.desk.review.state import State, keep, new_id, owner, recall
from signoff.desk.review.walking import Decides, Walks
from signoff.desk.review.words import read, sieve_of
from signoff.errors import Invalid, MovedOn, ReviewGone, SignoffError, StoreUnavailable, where
from signoff.model import Actor, Sieve
from signoff.policy import Policy
from signoff.ports import Store

PATIENCE = 1.5
"""Seconds that somebody who confirmed waits for the results: the chats want an answer within three."""
ABANDONED = timedelta(seconds=10)
"""After it was confirmed, a batch without results is taken up again by whoever looks: its process may have died."""

log = structlog.get_logger("signoff")


class Reviews:
    def __init__(
        self,
        store: Store,
        queue: Queue,
        bulk: Bulk,
        judge: Judge,
        orders: Orders,
        desk: Decides,
        policy: Callable[[], Policy],
    ) -> None:
        self._store = store
        self._queue = queue
        self._bulk = bulk
        self._listings = Listings(store, queue, judge, policy)
        self._walks = Walks(store, queue, judge, self._listings, desk, policy)
        self._homes = Homes(store, queue, orders, policy)
        self._policy = policy
        self._running: dict[str, asyncio.Task[cards.Screen]] = {}
        self._done: Counter[str] = Counter()
        """Review → how many of its decisions under way are through."""

    async def close(self) -> None:
        """Let decisions under way be written."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    sieve_of = staticmethod(sieve_of)

    async def home(self, actor: Actor) -> cards.Home:
        """Somebody's own page. Raises like `open`."""
        return await self._homes.home(actor)

    async def open(
        self,
        actor: Actor,
        words: str = "",
        *,
        sieve: Sieve | None = None,
        every: bool = False,
        kind: BulkKind = "approve",
        one: str | None = None,
    ) -> cards.Screen:
        """A new review of what this person may decide now.

        `words`: what was typed behind the command; `sieve`: what is meant instead of it. `every`: straight to the page
        before deciding (`kind`) everything that can be decided together. `one`: straight to this request. Raises
        BadCommand, NotAllowed, NotAnApprover, CannotDecide, NotFound, DirectoryAway, StoreUnavailable.
        """
        if sieve is None:
            sieve = read(words, await self._queue.facets(actor)) if words.strip() else Sieve()
        state, rows = await self._listings.window(State(id=new_id(), who=owner(actor), sieve=sieve), actor, None, 0)
        if sieve.card and rows.empty and one is None:
            raise await self._listings.nothing(sieve)
        if one is not None:
            state, screen = await self._walks.opened(state, one, actor)
        elif every and not rows.empty:
            free = [n for n, found in enumerate(rows.requests) if found is not None]
            state = state.model_copy(update={"selected": tuple(state.pins[n] for n in free)})
            state, screen = await self._checked(state, kind, actor)
        else:
            state, screen = await self._listings.screen(state, rows, actor)
        await keep(self._store, state)
        return screen

    async def act(self, review: str, move: cards.Move, actor: Actor) -> cards.Screen:
        """What a move leads to. Raises ReviewGone, CannotDecide, NotAllowed, DirectoryAway, StoreUnavailable; then
        nothing was decided, unless the move was `confirm` and it says so. Counted: it was.
        """
        state = await recall(self._store, review, actor)
        if move.name == "look" or (move.name == "confirm" and state.screen in {"working", "results"}):
            return await self._looked(state, actor)
        state = state.model_copy(update={"notice": None})
        if move.name == "confirm":
            return await self._confirmed(state, move, actor)
        state, screen = await self._moved(state, move, actor)
        # What was decided stands, also when it cannot be written down where the review is now.
        with contextlib.suppress(StoreUnavailable) if move.name == "decide" else contextlib.nullcontext():
            await keep(self._store, state)
        return screen

    async def screen(self, review: str, actor: Actor) -> cards.Screen:
        """The screen as it stands. Raises like `act`."""
        state = await recall(self._store, review, actor)
        while True:
            shown, screen = await self._drawn(state, actor)
            now = await recall(self._store, review, actor)
            if now == state:
                break
            state = now  # a move was made meanwhile, and what it led to must not be undone
        await keep(self._store, shown)
        return screen

    async def form(self, review: str, purpose: forms.Purpose, actor: Actor, mark: str) -> forms.Form:
        """A form about the request that is shown by itself, in the drawing with this mark. Raises like `Desk.form`, and
        ReviewGone, MovedOn.
        """
        state = await self._shown(review, actor)
        if mark != state.mark:
            raise MovedOn
        return await self._walks.form(state, purpose, actor)

    async def submit(
        self, review: str, purpose: forms.Purpose, version: int, entries: Mapping[str, str], actor: Actor, mark: str
    ) -> cards.Screen:
        """A form that was sent; what comes next. Raises Invalid by field key, StoreUnavailable, ReviewGone; any other
        refusal is said above the request as it stands now, so is a form about one that was left meanwhile.
        """
        state = await self._shown(review, actor)
        try:
            await self._walks.press(state, mark)
        except MovedOn:
            state, screen = await self._walks.again(state, actor)
        else:
            state, screen = await self._walks.submitted(state, purpose, version, entries, actor)
        with contextlib.suppress(StoreUnavailable):  # as above
            await keep(self._store, state)
        return screen

    async def _shown(self, review: str, actor: Actor) -> State:
        state = await recall(self._store, review, actor)
        if state.screen != "single":
            raise ReviewGone
        return state.model_copy(update={"notice": None})

    # ── moves ────────────────────────────────────────────────────────────────────────────────────

    async def _moved(self, state: State, move: cards.Move, actor: Actor) -> tuple[State, cards.Screen]:
        if move.name == "list":
            return await self._back(state, actor)
        if state.screen == "single" and move.name in {"decide", "skip", "back"}:
            return await self._walked(state, move, actor)
        if state.screen == "preflight" and state.preflight is not None and move.name == "turn":
            return deciding.turned(state, move.key, self._policy().names)
        if state.screen == "results" and state.outcome is not None and move.name == "turn":
            return deciding.turned(state, move.key, self._policy().names)
        if state.screen != "listing":
            return await self._drawn(state, actor)  # a button of a screen that was left meanwhile
        if move.name != "select" or move.key not in {"all", "none"}:
            state = self._listings.ticked(state, move.shown, move.ticked)
        if move.name == "select":
            state = self._listings.select(state, move.key)
        elif move.name in {"approve", "reject"} and state.selected:
            # Exactly what was listed goes on, for the next page to say of each by name what has become of it.
            return await self._checked(state, "approve" if move.name == "approve" else "reject", actor)
        state, rows = await self._listings.again(state, actor)
        return await self._in_list(state, rows, move, actor)

    async def _in_list(self, state: State, rows: Rows, move: cards.Move, actor: Actor) -> tuple[State, cards.Screen]:
        match move.name:
            case "narrow":
                wanted = await self._listings.narrowed(state, move, actor)
                fresh = state.model_copy(update={"sieve": wanted, "selected": ()})
                state, rows = await self._listings.window(fresh, actor, None, 0)
            case "page" if move.key == "first":
                state, rows = await self._listings.window(state, actor, None, 0)
            case "page":
                pages = drawn.group_pages(await asyncio.to_thread(drawn.group, rows.requests))
                if state.page + 1 < pages:
                    state = state.model_copy(update={"page": state.page + 1, "opened": ""})
                elif state.ahead is not None:
                    before = state.before + len(state.pins)
                    state, rows = await self._listings.window(state, actor, state.ahead, before)
            case "open":
                closing = state.opened and drawn.opened_key(move.key) == drawn.opened_key(state.opened)
                state = state.model_copy(update={"opened": "" if closing else move.key})
            case "approve" | "reject":
                state = state.model_copy(update={"notice": "Nothing is selected yet."})
            case "walk":
                return await self._walks.begun(state, rows, move.key, actor)
            case _:
                pass
        return await self._listings.screen(state, rows, actor)

    async def _walked(self, state: State, move: cards.Move, actor: Actor) -> tuple[State, cards.Screen]:
        try:
            await self._walks.press(state, move.mark)
        except MovedOn:
            return await self._walks.again(state, actor)
        if move.name == "decide":
            return await self._walks.approved(state, actor)
        return await self._walks.stepped(state, -1 if move.name == "back" else 1, actor)

    async def _back(self, state: State, actor: Actor) -> tuple[State, cards.Screen]:
        """To the list: as it was left, or, after something was decided, with what comes next."""
        decided = state.outcome is not None
        changes: dict[str, object] = {"screen": "listing", "preflight": None, "outcome": None}
        if decided:
            changes |= {"selected": ()}
        state = state.model_copy(update=changes)
        if not decided:
            state, rows = await self._listings.again(state, actor)
            if not rows.empty:
                return await self._listings.screen(state, rows, actor)
        state, rows = await self._listings.window(state, actor, state.start, state.before)
        if rows.empty and state.start is not None:
            state, rows = await self._listings.window(state, actor, None, 0)
        return await self._listings.screen(state, rows, actor)

    async def _drawn(self, state: State, actor: Actor) -> tuple[State, cards.Screen]:
        if state.screen == "single":
            return await self._walks.shown(state, actor)
        if state.screen == "listing":
            state, rows = await self._listings.again(state, actor)
            return await self._listings.screen(state, rows, actor)
        return state, deciding.screen(state, self._policy().names)

    # ── deciding many ────────────────────────────────────────────────────────────────────────────

    async def _checked(self, state: State, kind: BulkKind, actor: Actor) -> tuple[State, cards.Screen]:
        judged = await self._bulk.preflight(state.selected, kind, actor)
        # Beside the loop, as the list.
        state = await asyncio.to_thread(deciding.asked, state, kind, judged, self._policy().names)
        return state, deciding.screen(state, self._policy().names)

    async def _confirmed(self, state: State, move: cards.Move, actor: Actor) -> cards.Screen:
        names = self._policy().names
        preflight = state.preflight
        last = preflight is not None and deciding.is_last(state, names)
        if preflight is None or state.screen != "preflight" or move.key != preflight.key or not last:
            said = "That page is not the newest any more, so nothing was decided; this is where you are now."
            state, screen = await self._drawn(state.model_copy(update={"notice": said}), actor)
            await keep(self._store, state)
            return screen
        try:
            reason = deciding.reason(preflight, move.values)
        except Invalid as error:
            return deciding.screen(state, names, fault=error.sentence)
        begun = preflight.model_copy(update={"reason": reason or "", "begun": await self._store.now()})
        state = state.model_copy(update={"screen": "working", "preflight": begun})
        await keep(self._store, state)
        return await self._under_way(state, actor)

    async def _under_way(self, state: State, actor: Actor) -> cards.Screen:
        """Decide, and answer within a chat's patience; what takes longer goes on."""
        task = self._running.get(state.id)
        if task is None:
            task = self._running[state.id] = asyncio.create_task(self._decided(state, actor))
            task.add_done_callback(lambda ended: self._over(state.id, ended))
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if done:
            return task.result()
        return deciding.screen(state, self._policy().names, done=self._done[state.id])

    def _over(self, review: str, ended: asyncio.Task[cards.Screen]) -> None:
        if not ended.cancelled():
            ended.exception()  # perhaps nobody waits for it any more: whoever looks again is told how things stand
        self._running.pop(review, None)
        self._done.pop(review, None)

    async def _decided(self, state: State, actor: Actor) -> cards.Screen:
        preflight = state.preflight
        assert preflight is not None
        try:
            decided = await self._bulk.decide(
                preflight.pins,
                preflight.kind,
                preflight.reason or None,
                actor,
                preflight.key,
                lambda: self._done.update([state.id]),
            )
        except SignoffError:
            # Back to the page that asks: nothing was written, and confirming again is safe whatever was.
            again = preflight.model_copy(update={"begun": None})
            await self._left(state.model_copy(update={"screen": "preflight", "preflight": again}), actor)
            raise
        except Exception as error:
            log.error("a batch of decisions failed", fault=where(error))
            raise
        state = deciding.came(state, decided, self._policy().names)
        await self._left(state, actor)
        return deciding.screen(state, self._policy().names)

    async def _left(self, state: State, actor: Actor) -> None:
        """Where the wait has led, unless they have gone on to something else. That it cannot be written down changes
        nothing of what was decided.
        """
        with contextlib.suppress(SignoffError):
            if (await recall(self._store, state.id, actor)).screen == "working":
                await keep(self._store, state)

    async def _looked(self, state: State, actor: Actor) -> cards.Screen:
        preflight = state.preflight
        if state.screen == "working" and preflight is not None and preflight.begun is not None:
            late = await self._store.now() - preflight.begun > ABANDONED
            if late or state.id in self._running:
                return await self._under_way(state, actor)
        state, screen = await self._drawn(state, actor)
        return screen
