"""What a click or a submitted form leads to. The desk decides; here its answer becomes what one person sees.

An interaction is acknowledged after the desk has returned, that is, after the write (I02). Calls to Slack's Web API
run behind the acknowledgement, so that a slow Slack cannot make it late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from signoff import cards
from signoff.errors import DuplicateCard, Invalid, SignoffError, StoreUnavailable
from signoff.forms import Form, carry
from signoff.model import Answer, MessageRef
from signoff_slack import answers, check, commands, faults, ids, moves, parse, render
from signoff_slack.manifest import EVENTS
from signoff_slack.parse import Click, Submission
from signoff_slack.private import Private
from signoff_slack.review import Review
from signoff_slack.text import Json

if TYPE_CHECKING:
    from signoff.desk import Desk

CLOSING = 2.0
"""Seconds."""
PUSHED = {"json", "confirm"}
"""Forms that open over the modal they were asked for in, so that it is there again when they are closed."""
NO_FORM = "this is no form of ours"
NOT_OURS = "this is no click on a card of ours"
COUNTED = "Your approval is recorded. The card shows what stands now."
STALE_FORM = "This form could not be opened: Slack takes forms for three seconds only. Click again."

log = logging.getLogger("signoff.slack")


class Front:
    """The desk's front in Slack; holds nothing that another replica needs."""

    def __init__(self, desk: Desk, client: AsyncWebClient) -> None:
        self._desk = desk
        self._client = client
        self._private = Private(client)
        self._review = Review(desk, client, self._private, self._later)
        self._running: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Give the calls that follow an acknowledgement a moment to end."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=CLOSING)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # ── clicks ──

    async def clicked(self, body: Mapping[str, object]) -> BoltResponse:
        if moves.is_ours(body):
            gesture = moves.gesture(body)
            return answers.refused(NOT_OURS) if gesture is None else await self._review.clicked(gesture)
        if (pressed := moves.at_home(body)) is not None:
            return self._review.pressed_at_home(pressed)
        click = parse.click(body)
        if click is not None and click.view is None and click.action in ids.PILES:
            return self._review.clicked_on_pile(click)
        if click is None:
            return answers.refused(NOT_OURS)
        try:
            await self._act(click)
        except StoreUnavailable as error:
            self._later(self._tell(click, error.sentence))
            return answers.unwritten()
        except SignoffError as error:
            if isinstance(error, DuplicateCard):
                self._later(self._point(click))
            self._later(self._tell(click, error.sentence))
        return answers.ack()

    async def _act(self, click: Click) -> None:
        if click.action == "approve":
            answer = Answer(kind="approve", version=click.version, message=None, confirm=None)
            await self._desk.answer(click.request_id, answer, click.actor)
            if click.view is not None:
                self._later(self._tell(click, COUNTED))
        elif click.action in ids.FORMS:
            form = await self._desk.form(click.request_id, ids.FORMS[click.action], click.actor, click.version)
            entries, fault = await self._begun(click, form)
            self._later(self._show(click, render.form(form, _origin(click), entries, fault=fault)))
        elif click.action == "details" or click.action.startswith("page."):
            details = await self._desk.details(click.request_id, click.actor)
            self._later(self._show(click, render.details(details, _origin(click), click.page)))

    async def _begun(self, click: Click, form: Form) -> tuple[Mapping[str, str], str]:
        """What a form starts with, and what is to be said above it: the JSON text goes on from the form below it."""
        if click.action != "json" or not click.values:
            return await self._desk.draft(form, click.actor), ""
        below = await self._desk.form(click.request_id, "edit", click.actor, click.version)
        typed = await self._desk.draft(below, click.actor) | parse.entries(below, click.values)
        if all(typed.get(field.key, field.initial) == field.initial for field in below.fields):
            return {}, ""
        text, fault = carry(await self._desk.get(click.request_id), below, typed)
        return {"": text}, fault

    async def _show(self, click: Click, view: Json) -> None:
        """Open a modal from a card; in a modal, push the JSON form on top of the form, or turn the page."""
        if found := check.view(view):
            log.error("a view breaks Slack's limits: %s", found[0])
            await self._tell(click, "This cannot be shown in Slack; please report this as a bug.")
            return
        try:
            if click.view is None:
                await self._client.views_open(trigger_id=click.trigger_id, view=view)
            elif click.action in PUSHED:
                await self._client.views_push(trigger_id=click.trigger_id, view=view)
            else:
                await self._client.views_update(view_id=click.view, view=view)
        except faults.FAILURES as error:
            log.warning("a view could not be shown: %s", faults.code(error))
            await self._tell(click, STALE_FORM)

    async def _tell(self, click: Click, sentence: str) -> None:
        """One private sentence."""
        origin = _origin(click)
        user = click.actor.principal.user if click.actor.principal else ""
        try:
            if click.view is not None:
                await self._client.views_update(view_id=click.view, view=render.notice("Signoff", sentence))
                return
            await self._private.below(origin.conversation, click.thread, user, sentence)
        except faults.FAILURES as error:
            log.warning("a person could not be told why a click did not count: %s", faults.code(error))

    async def _point(self, click: Click) -> None:
        """Repaint a second copy of a card as a pointer to the live one (I21)."""
        origin = _origin(click)
        try:
            drawn: dict[str, Any] = render.message(cards.pointer(await self._desk.get(click.request_id)))
            await self._client.chat_update(channel=origin.conversation, ts=origin.message, **drawn)
        except (SignoffError, *faults.FAILURES) as error:
            log.warning("a copy of a card could not be repainted: %s", faults.code(error))

    # ── forms ──

    async def submitted(self, body: Mapping[str, object]) -> BoltResponse:
        if moves.is_ours(body):
            gesture = moves.gesture(body)
            return answers.refused(NO_FORM) if gesture is None else await self._review.submitted(gesture)
        submission = parse.submission(body)
        if submission is None:
            return answers.refused(NO_FORM)
        try:
            return await self._submit(submission)
        except SignoffError as error:
            inputs = answers.inputs(submission.values)
            if isinstance(error, StoreUnavailable) and inputs:  # what was typed stays, to be sent again
                return answers.errors({inputs[0]: error.sentence})
            return answers.update(render.notice("Signoff", error.sentence))

    async def _submit(self, submission: Submission) -> BoltResponse:
        actor = submission.actor
        form = await self._desk.form(submission.request_id, submission.purpose, actor, submission.version)
        typed = parse.entries(form, submission.values)
        first, end = parse.covered(form, submission.values)
        paged = (first, end) != (0, len(form.fields))
        try:
            if paged:
                typed = await self._desk.keep(form, actor, typed, [field.key for field in form.fields[first:end]])
                if end < len(form.fields):
                    return answers.update(render.form(form, submission.origin, typed, end))
            await self._desk.submit(submission.request_id, submission.purpose, submission.version, typed, actor)
        except Invalid as error:
            origin = submission.origin
            return answers.invalid(
                form,
                submission.values,
                typed,
                error,
                lambda start, fault: render.form(form, origin, typed, start, fault),
            )
        return answers.clear()

    # ── commands and events ──

    async def commanded(self, body: Mapping[str, object]) -> BoltResponse:
        """The answer is the acknowledgement, and only the one who typed the command sees it."""
        command = commands.command(body)
        if command is None:
            return answers.refused("this is no command of ours")
        if command.shows:
            return self._review.commanded(command)
        try:
            told = await self._desk.command(command.text, command.actor)
        except SignoffError as error:
            told = error.sentence  # Slack would show its own words, not ours, with any other status than 200 (I02)
        return BoltResponse(status=200, body=render.private(told))

    def called(self, body: Mapping[str, object]) -> BoltResponse:
        """The global shortcut."""
        call = moves.shortcut(body)
        return answers.refused("this is no shortcut of ours") if call is None else self._review.called(call)

    def happened(self, body: Mapping[str, object]) -> BoltResponse:
        """Somebody or some group has changed: who may decide is looked up anew. Or somebody looks at the App Home."""
        happened = parse.event(body)
        if (visitor := parse.visitor(body)) is not None:
            self._review.visited(visitor)
        elif happened in EVENTS and happened != parse.OPENED:
            self._desk.people.forget("slack", parse.whose(body) if happened == "user_change" else None)
        return answers.ack()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _origin(click: Click) -> MessageRef:
    assert click.actor.origin is not None  # parse.click always sets it
    return click.actor.origin
