"""Looking through the queue in Slack: one modal that is drawn anew with every move, and the App Home.

The desk says what a move leads to. A modal is opened behind the acknowledgement, since a trigger holds three seconds;
an interaction in it is acknowledged after the desk has returned (I02).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from signoff.cards import Listing, Move, Preflight, Screen, Single, Working
from signoff.errors import MovedOn, ReviewGone, SignoffError, StoreUnavailable
from signoff.model import Actor, Principal
from signoff_slack import answers, check, faults, ids, render
from signoff_slack.commands import Command
from signoff_slack.moves import AtHome, Call, Gesture
from signoff_slack.parse import Click
from signoff_slack.private import Private
from signoff_slack.render import screen as screens
from signoff_slack.review_forms import ReviewForms
from signoff_slack.text import Json
from signoff_slack.web import patiently

if TYPE_CHECKING:
    from signoff.desk import Desk

PATIENCE = 1.5
"""Seconds after which a modal is opened that says that the list is being looked up: a trigger holds for three."""
LOOKS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between looks at what is being decided."""
EXPIRED = "The list could not be opened: Slack takes modals for three seconds only. Ask for it again."
AT_HOME = "Your page is on the Home tab of this app, drawn anew."
UNDRAWN = "This cannot be shown in Slack; please report this as a bug. Nothing was decided by it."

log = logging.getLogger("signoff.slack")

Opening = Callable[[], Coroutine[Any, Any, Screen]]
Tell = Callable[[str], Awaitable[None]]
Later = Callable[[Coroutine[Any, Any, None]], None]


class Review:
    """Holds nothing that another replica needs."""

    def __init__(self, desk: Desk, client: AsyncWebClient, private: Private, later: Later) -> None:
        self._desk = desk
        self._client = client
        self._private = private
        self._later = later
        self._forms = ReviewForms(desk, self)

    # ── opening ──────────────────────────────────────────────────────────────────────────────────

    def commanded(self, command: Command) -> BoltResponse:
        if command.shows == "home":
            self.visited(_who(command.actor))
            return BoltResponse(status=200, body=render.private(AT_HOME))

        async def tell(sentence: str) -> None:
            await self._private.answer(command.response_url, _who(command.actor), sentence)

        opening = partial(self._desk.review.open, command.actor, command.text)
        self._later(self._open(opening, command.trigger_id, tell))
        return answers.ack()

    def called(self, call: Call) -> BoltResponse:
        """The global shortcut, which has no conversation to be answered in."""
        self._later(self._open_anywhere(call.actor, call.trigger_id))
        return answers.ack()

    def pressed_at_home(self, pressed: AtHome) -> BoltResponse:
        if pressed.action == ids.REVIEW:
            self._later(self._open_anywhere(pressed.actor, pressed.trigger_id))
        else:
            self.visited(_who(pressed.actor))
        return answers.ack()

    def clicked_on_pile(self, click: Click) -> BoltResponse:
        """A button on the card of several requests: what it opens shows only what this person may decide."""
        who, origin = _who(click.actor), click.actor.origin
        actor = Actor(via="slack", principal=who)

        async def tell(sentence: str) -> None:
            if origin is not None:
                await self._private.below(origin.conversation, click.thread, who.user, sentence)

        opening = partial(self._of_pile, click, actor, sieve=self._desk.review.sieve_of(click.request_id))
        match click.action:
            case "approve_all":
                opening = partial(opening, every=True, kind="approve")
            case "reject_all":
                opening = partial(opening, every=True, kind="reject")
            case "one":
                opening = partial(opening, one=click.item)
            case _:
                pass
        self._later(self._open(opening, click.trigger_id, tell))
        return answers.ack()

    async def _of_pile(self, click: Click, actor: Actor, **how: Any) -> Screen:
        """Raises WrongPlace where no such card was posted (I16)."""
        await self._desk.piles.clicked(click.request_id, click.actor)
        return await self._desk.review.open(actor, **how)

    async def _open_anywhere(self, actor: Actor, trigger_id: str) -> None:
        """Where there is nobody to answer but in a modal or a direct message."""

        async def tell(sentence: str) -> None:
            if not await self._opened(trigger_id, render.notice("Pending approvals", sentence)):
                await self._private.direct(_who(actor), sentence)

        await self._open(partial(self._desk.review.open, actor), trigger_id, tell)

    async def _open(self, opening: Opening, trigger_id: str, tell: Tell) -> None:
        looking = asyncio.create_task(opening())
        done, _ = await asyncio.wait({looking}, timeout=PATIENCE)
        held = None if done else await self._opened(trigger_id, screens.waiting())
        try:
            view = await self.draw(await looking)
        except SignoffError as error:
            if held is None:
                await tell(error.sentence)
            else:
                await self._update(held, render.notice("Pending approvals", error.sentence))
            return
        if held is not None:
            await self._update(held, view)
        elif await self._opened(trigger_id, view) is None:
            await tell(EXPIRED)

    async def _opened(self, trigger_id: str, view: Json) -> str | None:
        """The id of the modal; None: Slack did not open it."""
        try:
            answer = await self._client.views_open(trigger_id=trigger_id, view=view)
        except faults.FAILURES as error:
            log.warning("a list could not be opened: %s", faults.code(error))
            return None
        opened: object = answer.get("view")
        return str(cast("Json", opened).get("id") or "") if isinstance(opened, dict) else ""

    # ── moving ───────────────────────────────────────────────────────────────────────────────────

    async def clicked(self, gesture: Gesture) -> BoltResponse:
        if gesture.what == "tick":
            return answers.ack()  # what is ticked is read when something is pressed
        try:
            screen, view = await self._led(gesture)
        except SignoffError as error:
            self._later(self._redraw(gesture, screens.fault(gesture.stay.review, error.sentence)))
            return answers.unwritten() if isinstance(error, StoreUnavailable) else answers.ack()
        if gesture.what == "json":
            self._later(self._push(gesture, view))
        else:
            self._later(self._redraw(gesture, view))
        self.follow(screen, gesture.view, gesture.actor)
        return answers.ack()

    async def _led(self, gesture: Gesture) -> tuple[Screen | None, Json]:
        """What a click leads to."""
        review, actor, move = gesture.stay.review, gesture.actor, gesture.move
        if gesture.what == "json":
            return None, self._checked(review, await self._forms.as_json(gesture))
        try:
            if gesture.what == "move" and move.name == "form":
                return None, self._checked(review, await self._forms.opened(gesture))
            if gesture.what == "move":
                screen = await self._desk.review.act(review, move, actor)
                return screen, await self.draw(screen)
            screen = await self._desk.review.screen(review, actor)
        except MovedOn as error:
            screen = await self._desk.review.screen(review, actor)
            if isinstance(screen, Single | Listing) and not screen.notice:
                screen = replace(screen, notice=error.sentence)
        except ReviewGone:
            if gesture.what != "stay":
                raise
            screen = await self._desk.review.open(actor)  # somebody who goes back to a list wants to see one
        # Another page only of the very drawing that was leafed through: what was edited is read from its beginning.
        same = gesture.what == "leaf" and isinstance(screen, Single) and screen.mark == gesture.stay.mark
        return screen, await self.draw(screen, gesture.page if same else 0)

    async def submitted(self, gesture: Gesture) -> BoltResponse:
        review = gesture.stay.review
        try:
            if gesture.what == "form":
                return await self._forms.submitted(gesture)
            screen = await self._desk.review.act(review, gesture.move, gesture.actor)
        except SignoffError as error:
            there = answers.inputs(gesture.values)
            if isinstance(error, StoreUnavailable) and there:  # what was typed stays, to be sent again
                return answers.errors({there[0]: error.sentence})
            return answers.update(screens.fault(review, error.sentence))
        if isinstance(screen, Preflight) and screen.fault and (block := _reason(gesture)):
            return answers.errors({block: screen.fault})
        self.follow(screen, gesture.view, gesture.actor)
        return answers.update(await self.draw(screen))

    async def draw(self, screen: Screen, leaf: int = 0) -> Json:
        return self._checked(screen.review, screens.screen(screen, secrets.token_hex(4), leaf))

    @staticmethod
    def _checked(review: str, view: Json) -> Json:
        if found := check.view(view):
            log.error("a view breaks Slack's limits: %s", found[0])
            return screens.fault(review, UNDRAWN)
        return view

    async def below(self, screen: Screen, view_id: str) -> None:
        """Draw into the modal that comes to light when the one above it is closed."""
        self._later(self._update(view_id, await self.draw(screen)))

    async def _redraw(self, gesture: Gesture, view: Json) -> None:
        """In place of the drawing that was clicked in; after two clicks in the same one, what stands now."""
        stale = {"hash": gesture.hash} if gesture.hash else {}
        try:
            await patiently(lambda: self._client.views_update(view_id=gesture.view, view=view, **stale))
        except faults.FAILURES as error:
            if faults.code(error) != "hash_conflict" or gesture.what != "move" or gesture.move.name == "form":
                log.warning("a list could not be drawn: %s", faults.code(error))
                return
            try:
                screen = await self._desk.review.screen(gesture.stay.review, gesture.actor)
            except SignoffError:
                return  # the click that came first has drawn what there is
            await self._update(gesture.view, await self.draw(screen))

    async def _update(self, view_id: str, view: Json) -> None:
        try:
            await patiently(lambda: self._client.views_update(view_id=view_id, view=view))
        except faults.FAILURES as error:
            log.warning("a list could not be drawn: %s", faults.code(error))

    async def _push(self, gesture: Gesture, view: Json) -> None:
        try:
            await self._client.views_push(trigger_id=gesture.trigger_id, view=view)
        except faults.FAILURES as error:
            log.warning("a form could not be opened: %s", faults.code(error))

    # ── waiting for results ──────────────────────────────────────────────────────────────────────

    def follow(self, screen: Screen | None, view_id: str, actor: Actor) -> None:
        """Draw the results when they are there, without a click."""
        if isinstance(screen, Working):
            self._later(self._follow(screen, view_id, actor))

    async def _follow(self, screen: Screen, view_id: str, actor: Actor) -> None:
        for pause in LOOKS:
            await asyncio.sleep(pause)
            try:
                screen = await self._desk.review.act(screen.review, Move("look"), actor)
            except SignoffError:
                return  # whoever looks by a click is told
            await self._update(view_id, await self.draw(screen))
            if not isinstance(screen, Working):
                return

    # ── the App Home ─────────────────────────────────────────────────────────────────────────────

    def visited(self, who: Principal) -> None:
        self._later(self._publish(who))

    async def _publish(self, who: Principal) -> None:
        try:
            view = screens.home(await self._desk.review.home(Actor(via="slack", principal=who)))
        except SignoffError as error:
            view = screens.away(error.sentence)
        if found := check.home(view):
            log.error("a view breaks Slack's limits: %s", found[0])
            view = screens.away(UNDRAWN)
        try:
            await patiently(lambda: self._client.views_publish(user_id=who.user, view=view))
        except faults.FAILURES as error:
            log.warning("an App Home could not be drawn: %s", faults.code(error))


def _who(actor: Actor) -> Principal:
    assert actor.principal is not None  # every parser of ours sets it
    return actor.principal


def _reason(gesture: Gesture) -> str:
    """The block of the reason, if the page asked for one."""
    return next((block for block in gesture.blocks if block.startswith("reason/")), "")
