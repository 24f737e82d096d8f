"""What a click does in a review: to the desk, and back to the person. No botbuilder, no HTTP.

The answer of an invoke is seen by whoever clicked alone, so a review may stand in the place of a channel's card; the
message itself is repainted only where it is that person's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from signoff.cards import Preflight, Screen, Single
from signoff.desk import Desk
from signoff.errors import ChatError, NotAllowed, ReviewGone, SignoffError, StoreUnavailable, WrongPlace
from signoff.forms import Form, Purpose
from signoff.model import Principal, is_pile
from signoff.ports import Memory
from signoff_teams import render
from signoff_teams.clicks import UNREADABLE
from signoff_teams.filling import About, Filling
from signoff_teams.parse import NAME, PURPOSES, Malformed
from signoff_teams.places import CARDS, PILES, card_key
from signoff_teams.private import Private
from signoff_teams.render import Json, Mode, Place, answers
from signoff_teams.render.moves import REASON
from signoff_teams.steps import OPENING, Step

HEARD = "teams-heard"
"""Memory space: what has been acted on."""
LIFE = 3600.0
"""Seconds for which Teams may deliver an invoke again, and for which a review is good."""
TITLE = "Review"
SENDING = 1.5
"""Seconds that a list may take to reach somebody's chat: a click wants its answer within three."""
SENT = "I opened it in our chat."
CHANGED = "This was edited while you looked at it; look at all of it again."
CHOOSE = "Choose first what to open."
NOBODY = Principal(chat=NAME, tenant="", user="")


class Reviews:
    """The conversation with one person about what waits for them. Keeps nothing in the process."""

    def __init__(self, desk: Desk, memory: Memory, private: Private) -> None:
        self._desk = desk
        self._memory = memory
        self._private = private
        self._filling = Filling(desk, memory)

    async def card_action(self, step: Step) -> Json:
        """The body that answers an `adaptiveCard/action` invoke. Raises Malformed, StoreUnavailable."""
        return await self._answered(step, "inline")

    async def dialog_opened(self, step: Step) -> Json:
        """The body that answers `task/fetch`. Raises Malformed, StoreUnavailable."""
        if step.verb not in ("show", "move") and step.verb not in PURPOSES:
            raise Malformed("this opens no dialog")
        return await self._answered(step, "dialog")

    async def dialog_submitted(self, step: Step) -> Json:
        """The body that answers `task/submit`. Raises Malformed, StoreUnavailable."""
        if step.verb in OPENING or step.verb == "close":
            raise Malformed("no dialog of ours has such a button")
        return await self._answered(step, "dialog")

    # ── answers ──────────────────────────────────────────────────────────────────────────────────

    async def _answered(self, step: Step, mode: Mode) -> Json:
        again = await self._again(step)
        own = await self._private.owns(step.actor.principal or NOBODY, step.message)
        held = None if own else await self._memory.recall(CARDS, card_key(step.message))
        place = Place(mode, step.part, over=held is not None and is_pile(held))
        shown: Screen | Json
        try:
            if again:
                shown = await self._desk.review.screen(step.review, step.actor)
            else:
                shown = await self._shown(step, place, held)
        except ReviewGone as error:
            shown = render.gone(error.sentence, place)
        except StoreUnavailable as error:
            return _said(mode, error.sentence)
        except SignoffError as error:
            place = replace(place, notice=error.sentence)
            standing = await self._standing(step)
            if standing is None:
                return _said(mode, error.sentence)
            shown = standing
        if isinstance(shown, Preflight) and shown.fault:
            place = replace(place, typed=step.typed.get(REASON, ""))
        if isinstance(shown, Single) and place.part and step.single != shown.mark:
            # Another part only of the very drawing that was leafed through: what was edited is read from its beginning.
            place = replace(place, part=0, notice=place.notice or CHANGED)
        card = shown if isinstance(shown, dict) else render.screen(shown, place)
        if own and not again and (mode == "inline" or not isinstance(shown, dict)):
            inline = card if isinstance(shown, dict) else render.screen(shown, replace(place, mode="inline"))
            self._private.repaint(step.message, inline)
        return answers.window(TITLE, card) if mode == "dialog" else answers.show(card)

    async def _standing(self, step: Step) -> Screen | None:
        """The screen as it is, after something was refused; None: there is none that can be shown."""
        if not step.review:
            return None
        try:
            return await self._desk.review.screen(step.review, step.actor)
        except SignoffError:
            return None

    async def _shown(self, step: Step, place: Place, held: str | None) -> Screen | Json:
        review = self._desk.review
        match step.verb:
            case "review" | "approve_all" | "reject_all" | "one":
                return await self._to_them(step, held, await self._opened(step))
            case "pending":
                return await review.open(step.actor)
            case "home":
                return render.home(await review.home(step.actor))
            case "close":
                return await self._closed(step, held)
            case "show" | "part":
                return await review.screen(step.review, step.actor)
            case "move":
                return await self._moved(step)
            case "submit" | "next" | "back":
                if step.purpose is None:
                    raise Malformed(UNREADABLE)
                return await self._filling.sent(self._about(step, place), step, step.purpose, step.verb)
            case _:
                return await self._filling.opened(self._about(step, place), step, step.verb)

    async def _opened(self, step: Step) -> Screen:
        """A review of what the card of several requests stands for. Raises WrongPlace where it was not posted (I16)."""
        clicker = step.actor.model_copy(update={"origin": step.message})
        await self._desk.piles.clicked(step.pile, clicker)
        review = self._desk.review
        sieve = review.sieve_of(step.pile)
        match step.verb:
            case "approve_all":
                return await review.open(step.actor, sieve=sieve, every=True, kind="approve")
            case "reject_all":
                return await review.open(step.actor, sieve=sieve, every=True, kind="reject")
            case "one":
                return await review.open(step.actor, sieve=sieve, one=step.one)
            case _:
                return await review.open(step.actor, sieve=sieve)

    async def _to_them(self, step: Step, held: str | None, shown: Screen) -> Screen | Json:
        """In their own chat with the bot: in the channel the card's next repaint, which comes with every change of what
        it counts, would take it away from under their fingers. In the card's place only where there is no such chat.
        """
        place = await self._memory.recall(PILES, card_key(step.message))
        if place is None or held is None:
            return shown
        try:
            async with asyncio.timeout(SENDING):
                await self._private.send(step.actor.principal or NOBODY, render.screen(shown, Place()))
        except (ChatError, TimeoutError):
            return shown
        return render.card(await self._desk.pile(held, place), notice=SENT)

    async def _closed(self, step: Step, held: str | None) -> Json:
        """The channel's card in its place again. Raises WrongPlace."""
        place = await self._memory.recall(PILES, card_key(step.message))
        if held is None or place is None:
            raise WrongPlace
        return render.card(await self._desk.pile(held, place))

    async def _moved(self, step: Step) -> Screen:
        move = step.move
        if move is None:
            raise Malformed(UNREADABLE)
        if move.name == "open" and not move.key:
            # A key of nothing turns nothing, and what was ticked stays so.
            await self._desk.review.act(step.review, replace(move, name="select"), step.actor)
            raise NotAllowed(why=CHOOSE)
        return await self._desk.review.act(step.review, move, step.actor)

    async def _again(self, step: Step) -> bool:
        """Whether this very press was delivered before: a second one would skip or turn what the first one has."""
        where = f"{step.message.tenant}/{step.message.conversation}"
        return (
            step.verb in ("move", "submit")
            and bool(step.event)
            and not await self._memory.first(HEARD, f"{where}/{step.event}", LIFE)
        )

    def _about(self, step: Step, place: Place) -> About[Screen | Json]:
        review, mark = self._desk.review, step.single

        async def form(purpose: Purpose) -> Form:
            return await review.form(step.review, purpose, step.actor, mark)

        async def submit(form: Form, entries: Mapping[str, str]) -> Screen | Json:
            return await review.submit(step.review, form.purpose, step.version, entries, step.actor, mark)

        def draw(form: Form, page: render.Page, errors: Mapping[str, str] | None = None, *, notice: str = "") -> Json:
            carried: Json = {"review": step.review, "single": mark}
            return render.form(form, page, errors, notice=notice, mode=place.mode, review=carried)

        return About(step.actor, form, submit, draw)


def _said(mode: Mode, sentence: str) -> Json:
    return answers.close(sentence) if mode == "dialog" else answers.say(sentence)
