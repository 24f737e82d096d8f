"""Filling in a form, page by page: what was typed is kept until all of it can be sent. No botbuilder, no HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from signoff.desk import Desk
from signoff.errors import Invalid
from signoff.forms import Form, Purpose, carry
from signoff.model import Actor, dumps, loads
from signoff.ports import Memory
from signoff_teams import render
from signoff_teams.parse import START, Sheet
from signoff_teams.render import pages

Shown = TypeVar("Shown", covariant=True)

LIFE = 3600.0
"""Seconds that a half-filled form and an open dialog are remembered."""
CHANGED = "This form was changed in another window since you saw this page; look at it again."


class Pressed(Protocol):
    """A press on a form's button, or on the one that opens it."""

    @property
    def purpose(self) -> Purpose | None: ...
    @property
    def sheet(self) -> Sheet: ...
    @property
    def typed(self) -> Mapping[str, str]: ...


class Draw(Protocol[Shown]):
    """Shows a page of a form."""

    def __call__(
        self, form: Form, page: render.Page, errors: Mapping[str, str] | None = None, *, notice: str = ""
    ) -> Shown: ...


@dataclass(frozen=True, slots=True)
class About(Generic[Shown]):
    """Whose form it is, and where it comes from and goes to."""

    actor: Actor
    form: Callable[[Purpose], Awaitable[Form]]
    submit: Callable[[Form, Mapping[str, str]], Awaitable[Shown]]
    """What is shown once it was taken; raises Invalid."""
    draw: Draw[Shown]


class Filling:
    """Keeps nothing in the process."""

    def __init__(self, desk: Desk, memory: Memory) -> None:
        self._desk = desk
        self._memory = memory

    async def opened(self, about: About[Shown], click: Pressed, purpose: Purpose) -> Shown:
        """The form behind a button; from another form, with what was typed there."""
        form = await about.form(purpose)
        entries = pages.initial(form)
        if click.purpose == purpose and click.sheet.seen:
            # The same form goes on in a window: with what was typed so far, on this page too.
            entries = await self._draft(form, about.actor)
            if click.sheet.seen == pages.seen(entries):
                entries = pages.submitted(form, entries, click.sheet, click.typed)
                await self._keep(form, about.actor, entries)
        fault = ""
        if purpose == "edit_json" and click.purpose == "edit" and click.typed:
            below = await about.form("edit")
            base = await self._base(below, about.actor, click)
            if base is None:
                return await self._changed(about, click, below)
            typed = pages.submitted(below, base, click.sheet, click.typed)
            if typed != pages.initial(below):
                text, fault = carry(await self._desk.get(form.request_id), below, typed)
                entries = {"": text}
            if not pages.page(form, entries).only:
                await self._keep(form, about.actor, entries)
        return about.draw(form, pages.page(form, entries), notice=fault)

    async def sent(
        self, about: About[Shown], click: Pressed, purpose: Purpose, verb: Literal["submit", "next", "back"]
    ) -> Shown:
        """A page that was sent: the next one, the one before, or the end of it."""
        form = await about.form(purpose)
        base, sheet = await self._base(form, about.actor, click), click.sheet
        if base is None:
            return await self._changed(about, click, form)
        entries = pages.submitted(form, base, sheet, click.typed)
        if verb == "submit":
            return await self._submitted(about, click, form, entries)
        await self._keep(form, about.actor, entries)
        if verb == "back":
            trail = sheet.trail[:-1]
            return about.draw(form, pages.page(form, entries, sheet.trail[-1] if sheet.trail else START, trail))
        try:
            await self._desk.keep(form, about.actor, entries, pages.complete(form, sheet))
        except Invalid as error:
            errors = _at_fields(form, error.fields)
            return about.draw(form, pages.page(form, entries, sheet.at, sheet.trail, errors), errors)
        onward = pages.after(form, base, sheet, entries)
        return about.draw(form, pages.page(form, entries, onward, (*sheet.trail, sheet.at)))

    async def _submitted(self, about: About[Shown], click: Pressed, form: Form, entries: Mapping[str, str]) -> Shown:
        try:
            answer = await about.submit(form, entries)
        except Invalid as error:
            errors = _at_fields(form, error.fields)
            first = next((field.key for field in form.fields if field.key in errors), "")
            page = pages.holding(form, entries, first, errors)
            if not page.only:
                await self._keep(form, about.actor, entries)
            return about.draw(form, page, errors)
        if not click.sheet.whole:
            await self._memory.forget("teams-form", _form_key(form, about.actor))
        return answer

    async def _base(self, form: Form, actor: Actor, click: Pressed) -> dict[str, str] | None:
        """What the submitted page was made from; None if the form was changed in another window since."""
        if click.sheet.whole:
            return pages.initial(form)
        base = await self._draft(form, actor)
        return base if click.sheet.seen == pages.seen(base) else None

    async def _changed(self, about: About[Shown], click: Pressed, form: Form) -> Shown:
        page = pages.page(form, await self._draft(form, about.actor), click.sheet.at, click.sheet.trail)
        return about.draw(form, page, notice=CHANGED)

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
