"""One at a time: a request in full, a decision, and the next one; the place in the list is kept."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping
from typing import Protocol

from signoff import cards, forms
from signoff.cards import queue as drawn
from signoff.desk.judging import OUTSIDE, Judge, Verdict
from signoff.desk.queue import Queue
from signoff.desk.review.listing import Listings, Rows, pin_of
from signoff.desk.review.state import LIFE, State
from signoff.desk.voices import still_asked
from signoff.errors import Counted, Invalid, MovedOn, NotAnApprover, NotFound, SignoffError, StoreUnavailable
from signoff.model import Actor, Answer, Pin, Request
from signoff.policy import Policy
from signoff.ports import Store

PRESSED = "review-pressed"
"""The store's memory of drawings whose button was pressed."""
LOST = "That one is not yours to decide any more."
THROUGH = "You have been through all of them."


class Decides(Protocol):
    """The desk, as far as a single request needs it."""

    async def answer(self, request_id: str, answer: Answer, actor: Actor) -> Request: ...

    async def form(self, request_id: str, purpose: forms.Purpose, actor: Actor, version: int) -> forms.Form: ...

    async def submit(
        self, request_id: str, purpose: forms.Purpose, version: int, entries: Mapping[str, str], actor: Actor
    ) -> Request: ...


class Walks:
    def __init__(
        self,
        store: Store,
        queue: Queue,
        judge: Judge,
        listings: Listings,
        desk: Decides,
        policy: Callable[[], Policy],
    ) -> None:
        self._store = store
        self._queue = queue
        self._judge = judge
        self._listings = listings
        self._desk = desk
        self._policy = policy

    async def opened(self, state: State, request_id: str, actor: Actor) -> tuple[State, cards.Screen]:
        """Straight to one request, also one that is not in the window. Raises NotFound."""
        found = next((n for n, pin in enumerate(state.pins) if pin.id == request_id), None)
        if found is None:
            listed = await self._store.several([request_id])
            if not listed:
                raise NotFound
            verdict = await self._verdict(listed[0], actor)
            if verdict.code == "not_allowed":
                request, sieve = listed[0], state.sieve
                batch = request.batch.id if request.batch else ""
                if sieve.batch == batch or sieve.piled in request.piled:
                    raise NotAnApprover(who=self._policy().who(request.terms.approvers))  # they see it on its card
                raise NotFound  # whose business it is not is told nothing
            state = state.model_copy(update={"pins": (pin_of(listed[0]), *state.pins)})
            found = 0
        return await self._at(state, found, actor)

    async def begun(self, state: State, rows: Rows, key: str, actor: Actor) -> tuple[State, cards.Screen]:
        """From an entry of the list on, or from the first."""
        wanted = drawn.entry_place(key) if key else None
        first = next((n for n, one in enumerate(rows.requests) if one is not None), None)
        n = wanted if wanted is not None and wanted < len(state.pins) else first
        if n is None:
            return await self._ended(state, actor)
        return await self._at(state, n, actor)

    async def shown(self, state: State, actor: Actor) -> tuple[State, cards.Screen]:
        """The request that is looked at, as it stands now: the same drawing as long as it has not changed."""
        return await self._at(state, state.single, actor, keep=True)

    async def again(self, state: State, actor: Actor) -> tuple[State, cards.Screen]:
        """A new drawing of where the review stands, after a press that did not count."""
        return await self._at(state.model_copy(update={"notice": MovedOn().sentence}), state.single, actor)

    async def press(self, state: State, mark: str) -> None:
        """Use a drawing up: a second tap, or one in a window left behind, must not decide what comes next. Raises
        MovedOn, StoreUnavailable.
        """
        if mark != state.mark or not mark or not await self._store.first(PRESSED, f"{state.id}/{mark}", LIFE):
            raise MovedOn

    async def _release(self, state: State) -> None:
        """It did not count after all: a form with a fault is sent again."""
        with contextlib.suppress(StoreUnavailable):  # then the drawing is made anew
            await self._store.forget(PRESSED, f"{state.id}/{state.mark}")

    async def stepped(self, state: State, by: int, actor: Actor) -> tuple[State, cards.Screen]:
        """The next one that is still in the queue, or the one before."""
        n = state.single + by
        while True:
            requests = await self._store.several([pin.id for pin in state.pins])
            by_id = {one.id: one for one in requests}
            while 0 <= n < len(state.pins):
                request = by_id.get(state.pins[n].id)
                if request is not None and (await self._verdict(request, actor)).code not in OUTSIDE:
                    return await self._at(state, n, actor)
                n += by
            if by < 0:
                return await self._at(state, state.single, actor)
            if state.ahead is None:
                return await self._ended(state, actor)
            before = state.before + len(state.pins)
            state, _ = await self._listings.window(state, actor, state.ahead, before)
            n = 0

    async def approved(self, state: State, actor: Actor) -> tuple[State, cards.Screen]:
        """Approve exactly what is shown. Raises StoreUnavailable; another refusal is said above it."""
        pin = state.pins[state.single]
        answer = Answer(kind="approve", version=pin.version, message=None, confirm=None)
        try:
            after = await self._desk.answer(pin.id, answer, actor)
        except StoreUnavailable:
            await self._release(state)
            raise
        except SignoffError as error:
            return await self._refused(state, error, actor)
        return await self._next(state, after, actor)

    async def form(self, state: State, purpose: forms.Purpose, actor: Actor) -> forms.Form:
        pin = state.pins[state.single]
        return await self._desk.form(pin.id, purpose, actor, pin.version)

    async def submitted(
        self, state: State, purpose: forms.Purpose, version: int, entries: Mapping[str, str], actor: Actor
    ) -> tuple[State, cards.Screen]:
        """Raises Invalid, StoreUnavailable."""
        pin = state.pins[state.single]
        try:
            after = await self._desk.submit(pin.id, purpose, version, entries, actor)
        except (Invalid, StoreUnavailable):
            await self._release(state)
            raise
        except SignoffError as error:
            return await self._refused(state, error, actor)
        return await self._next(state, after, actor)

    async def _next(self, state: State, after: Request, actor: Actor) -> tuple[State, cards.Screen]:
        code: drawn.Code = "voted" if after.open else "rejected" if after.status == "rejected" else "approved"
        notice = drawn.came(code, after, self._policy().names)
        try:
            return await self.stepped(state.model_copy(update={"notice": notice}), 1, actor)
        except StoreUnavailable:  # whose words are that nothing was recorded
            raise Counted from None

    async def _refused(self, state: State, error: SignoffError, actor: Actor) -> tuple[State, cards.Screen]:
        return await self._at(state.model_copy(update={"notice": error.sentence}), state.single, actor)

    async def _at(self, state: State, n: int, actor: Actor, *, keep: bool = False) -> tuple[State, cards.Screen]:
        """Show one. What is shown is what can be decided from here: its version is pinned anew. `keep`: it is the same
        drawing if it is the same version.
        """
        pin: Pin = state.pins[n]
        found = await self._store.several([pin.id])
        if not found:
            return await self.stepped(state.model_copy(update={"single": n}), 1, actor)
        request = found[0]
        verdict = await self._verdict(request, actor)
        if verdict.code == "not_allowed":  # since it was listed; what it says by now is for others to read
            return await self.stepped(state.model_copy(update={"single": n, "notice": LOST}), 1, actor)
        pins = (*state.pins[:n], pin_of(request), *state.pins[n + 1 :])
        mark = state.mark if keep and pin == pin_of(request) else secrets.token_urlsafe(9)
        state = state.model_copy(update={"screen": "single", "single": n, "pins": pins, "mark": mark})
        policy = self._policy()
        counts, _ = await self._queue.counts(actor, state.sieve)
        place = state.before + n + 1
        return state, drawn.single(
            review=state.id,
            key=f"r{n}",
            request=request,
            code=verdict.code,
            who=still_asked(policy, request),
            names=policy.names,
            place=place,
            of=max(counts.total, state.before + len(state.pins)),
            notice=state.notice,
            mark=mark,
        )

    async def _ended(self, state: State, actor: Actor) -> tuple[State, cards.Screen]:
        notice = f"{state.notice} {THROUGH}" if state.notice else THROUGH
        state, rows = await self._listings.window(state.model_copy(update={"notice": notice}), actor, None, 0)
        return await self._listings.screen(state, rows, actor)

    async def _verdict(self, request: Request, actor: Actor) -> Verdict:
        return (await self._judge.all([request], "approve", actor, await self._store.now()))[0]
