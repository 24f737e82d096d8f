"""What a click does: to the desk, and back to the person as a card or one sentence. No botbuilder, no HTTP.

The answer goes out only after the desk has written (I02). Whatever is refused is said privately, on top of the card as
it stands now; everybody else's view changes only by the relay's repaint.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from signoff import cards
from signoff.desk import Desk
from signoff.errors import (
    DuplicateCard,
    NotFound,
    SignoffError,
    StoreUnavailable,
    WrongPlace,
)
from signoff.forms import Form, Purpose
from signoff.model import Actor, Answer, MessageRef
from signoff.ports import Memory
from signoff_teams import render
from signoff_teams.filling import LIFE, About, Filling
from signoff_teams.parse import NAME, PURPOSES, Click, Malformed
from signoff_teams.places import CARDS, card_key
from signoff_teams.render import Json, answers

UNREADABLE = "This button cannot be read; use the original card."

Repaint = Callable[[MessageRef, cards.Card], None]
"""Repaint a message soon, in the background."""


class Clicks:
    """The conversation with one person about one request. Keeps nothing in the process."""

    def __init__(self, desk: Desk, memory: Memory, repaint: Repaint) -> None:
        self._desk = desk
        self._memory = memory
        self._repaint = repaint
        self._filling = Filling(desk, memory)

    async def card_action(self, click: Click) -> Json:
        """The body that answers an `adaptiveCard/action` invoke."""
        return await self._guarded(click, "inline")

    async def dialog_opened(self, click: Click) -> Json:
        """The body that answers `task/fetch`. Raises Malformed."""
        if click.verb not in PURPOSES:
            raise Malformed("this opens no dialog")
        if not _origin(click.actor).message:
            raise Malformed("the activity names no card")
        ticket = secrets.token_urlsafe(24)
        await self._memory.remember("teams-dialog", ticket, click.actor.model_dump_json(), LIFE)
        return await self._guarded(replace(click, ticket=ticket), "dialog")

    async def dialog_submitted(self, click: Click) -> Json:
        """The body that answers `task/submit`. Raises Malformed.

        Not every client names the card in `replyToId` here, so the dialog carries a ticket: random, and good only for
        the person and the conversation it was given to.
        """
        if click.verb not in ("submit", "next", "back", "edit_json"):
            raise Malformed("no dialog of ours has such a button")
        held = await self._memory.recall("teams-dialog", click.ticket or "")
        if held is None:
            return answers.close("This window was open for too long, so nothing was sent; open it again from the card.")
        actor = Actor.model_validate_json(held)
        origin, now = _origin(actor), _origin(click.actor)
        same_place = (origin.tenant, origin.conversation) == (now.tenant, now.conversation)
        if actor.principal != click.actor.principal or not same_place:
            raise Malformed("the dialog was given to somebody else")
        return await self._guarded(replace(click, actor=actor), "dialog")

    # ── refusals ─────────────────────────────────────────────────────────────────────────────────

    async def _guarded(self, click: Click, mode: render.Mode) -> Json:
        try:
            return await self._act(click, mode)
        except DuplicateCard as error:
            return await self._duplicate(click, mode, error)
        except (StoreUnavailable, NotFound, WrongPlace) as error:
            # There is no record to show, or none that may be shown here.
            return _said(mode, error.sentence)
        except SignoffError as error:
            return await self._refused(click, mode, error)

    async def _refused(self, click: Click, mode: render.Mode, error: SignoffError) -> Json:
        if mode == "dialog":
            return answers.close(error.sentence)
        try:
            request = await self._desk.get(click.request)
        except (StoreUnavailable, NotFound):
            return answers.say(error.sentence)
        return answers.show(render.card(self._desk.card(request), notice=error.sentence))

    async def _duplicate(self, click: Click, mode: render.Mode, error: SignoffError) -> Json:
        """A second copy of a card, posted in a crash: it becomes a pointer to the live one, for everybody (I21)."""
        try:
            request = await self._desk.get(click.request)
        except (StoreUnavailable, NotFound):
            return _said(mode, error.sentence)
        pointer = cards.pointer(request)
        self._repaint(_origin(click.actor), pointer)
        if mode == "dialog":
            return answers.close(error.sentence)
        return answers.show(render.card(pointer, notice=error.sentence))

    # ── what was clicked ─────────────────────────────────────────────────────────────────────────

    async def _act(self, click: Click, mode: render.Mode) -> Json:
        if not _origin(click.actor).message:
            raise WrongPlace
        match click.verb:
            case "approve":
                answer = Answer(kind="approve", version=click.version, message=None, confirm=None)
                request = await self._desk.answer(click.request, answer, click.actor)
                return self._done(mode, self._desk.card(request))
            case "edit" | "edit_json" | "reject" | "respond" | "confirm" | "more":
                return await self._filling.opened(self._about(click, mode), click, click.verb)
            case "details":
                return await self._details(click)
            case "show":
                await self._check_card(click)
                return self._done(mode, self._desk.card(await self._desk.get(click.request)))
            case "submit" | "next" | "back":
                if click.purpose is None:
                    raise Malformed(UNREADABLE)
                return await self._filling.sent(self._about(click, mode), click, click.purpose, click.verb)

    async def _check_card(self, click: Click) -> None:
        """That this request's card really stands here, before its content is given out. Raises WrongPlace, NotFound."""
        if await self._memory.recall(CARDS, card_key(_origin(click.actor))) != click.request:
            # The desk knows as well, but takes whoever asks it to have seen everything (I11).
            await self._desk.details(click.request, click.actor)

    def _done(self, mode: render.Mode, card: cards.Card) -> Json:
        return answers.close(card.status) if mode == "dialog" else answers.show(render.card(card))

    async def _details(self, click: Click) -> Json:
        return answers.show(render.details(await self._desk.details(click.request, click.actor), click.page))

    # ── forms ────────────────────────────────────────────────────────────────────────────────────

    def _about(self, click: Click, mode: render.Mode) -> About[Json]:
        async def form(purpose: Purpose) -> Form:
            return await self._desk.form(click.request, purpose, click.actor, click.version)

        async def submit(form: Form, entries: Mapping[str, str]) -> Json:
            request = await self._desk.submit(click.request, form.purpose, click.version, entries, click.actor)
            return self._done(mode, self._desk.card(request))

        def draw(form: Form, page: render.Page, errors: Mapping[str, str] | None = None, *, notice: str = "") -> Json:
            card = render.form(form, page, errors, notice=notice, mode=mode, ticket=click.ticket or "")
            return answers.window(form.title, card) if mode == "dialog" else answers.show(card)

        return About(click.actor, form, submit, draw)


def _said(mode: render.Mode, sentence: str) -> Json:
    return answers.close(sentence) if mode == "dialog" else answers.say(sentence)


def _origin(actor: Actor) -> MessageRef:
    return actor.origin or MessageRef(chat=NAME, tenant="", conversation="", message="")
