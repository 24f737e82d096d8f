"""What a click does: to the desk, and back to the person as a card or one sentence. No botbuilder, no HTTP.

The answer goes out only after the desk has written (I02). Whatever is refused is said privately, on top of the card as
it stands now; everybody else's view changes only by the relay's repaint.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from signoff import cards
from signoff.desk import Desk
from signoff.errors import (
    DuplicateCard,
    Invalid,
    NotFound,
    SignoffError,
    StoreUnavailable,
    WrongPlace,
)
from signoff.forms import Form, Purpose, carry
from signoff.model import Actor, Answer, MessageRef, dumps, loads
from signoff.ports import Memory
from signoff_teams import render
from signoff_teams.parse import NAME, PURPOSES, START, Click, Malformed
from signoff_teams.places import CARDS, card_key
from signoff_teams.render import Json, answers, pages

LIFE = 3600.0
"""Seconds that a half-filled form and an open dialog are remembered."""
CHANGED = "This form was changed in another window since you saw this page; look at it again."
UNREADABLE = "This button cannot be read; use the original card."

Repaint = Callable[[MessageRef, cards.Card], None]
"""Repaint a message soon, in the background."""


class Clicks:
    """The conversation with one person about one request. Keeps nothing in the process."""

    def __init__(self, desk: Desk, memory: Memory, repaint: Repaint) -> None:
        self._desk = desk
        self._memory = memory
        self._repaint = repaint

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
                return await self._opened(click, click.verb, mode)
            case "details":
                return await self._details(click)
            case "show":
                await self._check_card(click)
                return self._done(mode, self._desk.card(await self._desk.get(click.request)))
            case "submit" | "next" | "back":
                return await self._sent(click, click.verb, mode)

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

    async def _opened(self, click: Click, purpose: Purpose, mode: render.Mode) -> Json:
        form = await self._desk.form(click.request, purpose, click.actor, click.version)
        entries = pages.initial(form)
        if click.purpose == purpose and click.sheet.seen:
            # The same form goes on in a window: with what was typed so far, on this page too.
            entries = await self._draft(form, click.actor)
            if click.sheet.seen == pages.seen(entries):
                entries = pages.submitted(form, entries, click.sheet, click.typed)
                await self._keep(form, click.actor, entries)
        fault = ""
        if purpose == "edit_json" and click.purpose == "edit" and click.typed:
            below = await self._desk.form(click.request, "edit", click.actor, click.version)
            base = await self._base(below, click)
            if base is None:
                return await self._changed(click, below, mode)
            typed = pages.submitted(below, base, click.sheet, click.typed)
            if typed != pages.initial(below):
                text, fault = carry(await self._desk.get(click.request), below, typed)
                entries = {"": text}
            if not pages.page(form, entries).only:
                await self._keep(form, click.actor, entries)
        return self._page(mode, form, pages.page(form, entries), click.ticket, notice=fault)

    async def _base(self, form: Form, click: Click) -> dict[str, str] | None:
        """What the submitted page was made from; None if the form was changed in another window since."""
        if click.sheet.whole:
            return pages.initial(form)
        base = await self._draft(form, click.actor)
        return base if click.sheet.seen == pages.seen(base) else None

    async def _changed(self, click: Click, form: Form, mode: render.Mode) -> Json:
        page = pages.page(form, await self._draft(form, click.actor), click.sheet.at, click.sheet.trail)
        return self._page(mode, form, page, click.ticket, notice=CHANGED)

    async def _sent(self, click: Click, verb: Literal["submit", "next", "back"], mode: render.Mode) -> Json:
        if click.purpose is None:
            raise Malformed(UNREADABLE)
        form = await self._desk.form(click.request, click.purpose, click.actor, click.version)
        base, sheet = await self._base(form, click), click.sheet
        if base is None:
            return await self._changed(click, form, mode)
        entries = pages.submitted(form, base, sheet, click.typed)
        if verb == "submit":
            return await self._submitted(click, form, entries, mode)
        await self._keep(form, click.actor, entries)
        if verb == "back":
            trail = sheet.trail[:-1]
            page = pages.page(form, entries, sheet.trail[-1] if sheet.trail else START, trail)
            return self._page(mode, form, page, click.ticket)
        try:
            await self._desk.keep(form, click.actor, entries, pages.complete(form, sheet))
        except Invalid as error:
            errors = _at_fields(form, error.fields)
            page = pages.page(form, entries, sheet.at, sheet.trail, errors)
            return self._page(mode, form, page, click.ticket, errors)
        onward = pages.after(form, base, sheet, entries)
        return self._page(mode, form, pages.page(form, entries, onward, (*sheet.trail, sheet.at)), click.ticket)

    async def _submitted(self, click: Click, form: Form, entries: Mapping[str, str], mode: render.Mode) -> Json:
        try:
            request = await self._desk.submit(click.request, form.purpose, click.version, entries, click.actor)
        except Invalid as error:
            errors = _at_fields(form, error.fields)
            first = next((field.key for field in form.fields if field.key in errors), "")
            page = pages.holding(form, entries, first, errors)
            if not page.only:
                await self._keep(form, click.actor, entries)
            return self._page(mode, form, page, click.ticket, errors)
        if not click.sheet.whole:
            await self._memory.forget("teams-form", _form_key(form, click.actor))
        return self._done(mode, self._desk.card(request))

    def _page(
        self,
        mode: render.Mode,
        form: Form,
        page: render.Page,
        ticket: str | None,
        errors: Mapping[str, str] | None = None,
        *,
        notice: str = "",
    ) -> Json:
        card = render.form(form, page, errors, notice=notice, mode=mode, ticket=ticket or "")
        return answers.window(form.title, card) if mode == "dialog" else answers.show(card)

    async def _draft(self, form: Form, actor: Actor) -> dict[str, str]:
        """What this person has typed on the pages of this form so far, over what it started with."""
        held = await self._memory.recall("teams-form", _form_key(form, actor))
        typed = loads(held) if held else {}
        found = {str(key): str(text) for key, text in typed.items()} if isinstance(typed, dict) else {}
        start = pages.initial(form)
        return start | {key: text for key, text in found.items() if key in start}

    async def _keep(self, form: Form, actor: Actor, entries: Mapping[str, str]) -> None:
        # Kept as typed, valid or not: half of a long JSON text is not JSON yet.
        await self._memory.remember("teams-form", _form_key(form, actor), dumps(dict(entries)), LIFE)


def _said(mode: render.Mode, sentence: str) -> Json:
    return answers.close(sentence) if mode == "dialog" else answers.say(sentence)


def _origin(actor: Actor) -> MessageRef:
    return actor.origin or MessageRef(chat=NAME, tenant="", conversation="", message="")


def _form_key(form: Form, actor: Actor) -> str:
    who = actor.principal.key if actor.principal else ""
    return f"{form.request_id}:{form.version}:{form.purpose}:{who}"


def _at_fields(form: Form, faults: Mapping[str, str]) -> dict[str, str]:
    """Sentences by field key; a fault inside a JSON field stands at that field, one of no field keeps its own key."""
    keys = {field.key for field in form.fields}
    found: dict[str, str] = {}
    for pointer, text in faults.items():
        at = pointer
        while at and at not in keys:
            at = at.rpartition("/")[0] if "/" in at else ""
        at = at if at in keys else pointer
        found[at] = f"{found[at]} {text}" if at in found else text
    return found
