"""The forms of one request in a review: drawn in its place, and after them comes the next request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from slack_bolt.response import BoltResponse

from signoff.cards import Listing, Screen, Single
from signoff.errors import Invalid, MovedOn, ReviewGone, SignoffError
from signoff.forms import Form, Purpose, carry
from signoff_slack import answers, ids, parse, render
from signoff_slack.moves import Gesture
from signoff_slack.render import screen as screens
from signoff_slack.text import Json

if TYPE_CHECKING:
    from signoff.desk import Desk


class Draws(Protocol):
    async def draw(self, screen: Screen, leaf: int = 0) -> Json: ...

    async def below(self, screen: Screen, view_id: str) -> None: ...


class ReviewForms:
    def __init__(self, desk: Desk, draws: Draws) -> None:
        self._desk = desk
        self._draws = draws

    async def opened(self, gesture: Gesture) -> Json:
        """The form that a button on a single request opens."""
        purpose = ids.FORMS.get(gesture.move.key)
        if purpose is None:
            raise ReviewGone
        form = await self._desk.review.form(gesture.stay.review, purpose, gesture.actor, gesture.stay.mark)
        return screens.form(form, _stay(gesture, form), await self._desk.draft(form, gesture.actor))

    async def as_json(self, gesture: Gesture) -> Json:
        """On top of the form with fields, going on from what was typed there."""
        review, actor, mark = gesture.stay.review, gesture.actor, gesture.stay.mark
        form = await self._desk.review.form(review, "edit_json", actor, mark)
        below = await self._desk.review.form(review, "edit", actor, mark)
        typed = await self._desk.draft(below, actor) | parse.entries(below, gesture.values)
        if all(typed.get(field.key, field.initial) == field.initial for field in below.fields):
            return screens.form(form, _stay(gesture, form), {})
        text, fault = carry(await self._desk.get(form.request_id), below, typed)
        return screens.form(form, _stay(gesture, form), {"": text}, fault=fault)

    async def submitted(self, gesture: Gesture) -> BoltResponse:
        """One page kept, or all of it sent. Raises SignoffError; then what was typed is lost or comes back."""
        purpose = gesture.stay.purpose
        assert purpose is not None  # moves.gesture says `form` for these alone
        if purpose != "edit_json":
            return await self._sent(gesture, purpose)
        try:
            return await self._sent(gesture, purpose)
        except SignoffError as error:
            # Closing what says so leads back to the form below.
            there = answers.inputs(gesture.values)
            return answers.errors({there[0]: error.sentence}) if there else _notice(error.sentence)

    async def _sent(self, gesture: Gesture, purpose: Purpose) -> BoltResponse:
        stay, actor = gesture.stay, gesture.actor
        try:
            form = await self._desk.review.form(stay.review, purpose, actor, stay.mark)
        except MovedOn as error:
            return await self._moved_on(gesture, error)
        typed: Mapping[str, str] = parse.entries(form, gesture.values)
        first, end = parse.covered(form, gesture.values)
        try:
            if (first, end) != (0, len(form.fields)):
                typed = await self._desk.keep(form, actor, typed, [field.key for field in form.fields[first:end]])
                if end < len(form.fields):
                    return answers.update(screens.form(form, stay, typed, end))
            screen = await self._desk.review.submit(stay.review, purpose, stay.version, typed, actor, stay.mark)
        except Invalid as error:
            return answers.invalid(
                form,
                gesture.values,
                typed,
                error,
                lambda start, fault: screens.form(form, stay, typed, start, fault),
            )
        if purpose == "edit_json" and gesture.below:
            await self._draws.below(screen, gesture.below)
            return answers.ack()
        return answers.update(await self._draws.draw(screen))

    async def _moved_on(self, gesture: Gesture, error: MovedOn) -> BoltResponse:
        """Where the review stands: after a form that was sent twice, or that another window has overtaken."""
        if gesture.stay.purpose == "edit_json":
            return _notice(error.sentence)
        screen = await self._desk.review.screen(gesture.stay.review, gesture.actor)
        if isinstance(screen, Single | Listing) and not screen.notice:
            screen = replace(screen, notice=error.sentence)
        return answers.update(await self._draws.draw(screen))


def _stay(gesture: Gesture, form: Form) -> ids.Stay:
    here = gesture.stay
    return ids.Stay(here.review, purpose=form.purpose, version=form.version, mark=here.mark)


def _notice(sentence: str) -> BoltResponse:
    return answers.update(render.notice("Pending approvals", sentence))
