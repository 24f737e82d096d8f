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
from signoff.forms import Form, Purpose, carry
from signoff.model import Answer, MessageRef
from signoff_slack import check, commands, faults, ids, parse, render
from signoff_slack.manifest import EVENTS
from signoff_slack.parse import Click, Submission
from signoff_slack.text import Json, cut, escape, plain

if TYPE_CHECKING:
    from signoff.desk import Desk

CLOSING = 2.0
"""Seconds."""
ERROR_TEXT = 300
"""Characters of an error at a field."""
FORMS: dict[str, Purpose] = {
    "edit": "edit",
    "reject": "reject",
    "respond": "respond",
    "json": "edit_json",
    "confirm": "confirm",
    "more": "more",
}
"""Action → the form it opens."""
PUSHED = {"json", "confirm"}
"""Forms that open over the modal they were asked for in, so that it is there again when they are closed."""
COUNTED = "Your approval is recorded. The card shows what stands now."
STALE_FORM = "This form could not be opened: Slack takes forms for three seconds only. Click again."

log = logging.getLogger("signoff.slack")


class Front:
    """The desk's front in Slack; holds nothing that another replica needs."""

    def __init__(self, desk: Desk, client: AsyncWebClient) -> None:
        self._desk = desk
        self._client = client
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
        click = parse.click(body)
        if click is None:
            return BoltResponse(status=400, body={"error": "this is no click on a card of ours"})
        try:
            await self._act(click)
        except StoreUnavailable as error:
            self._later(self._tell(click, error.sentence))
            return BoltResponse(status=503, body={"error": "nothing was recorded"})  # not an acknowledgement (I02)
        except SignoffError as error:
            if isinstance(error, DuplicateCard):
                self._later(self._point(click))
            self._later(self._tell(click, error.sentence))
        return _ack()

    async def _act(self, click: Click) -> None:
        if click.action == "approve":
            answer = Answer(kind="approve", version=click.version, message=None, confirm=None)
            await self._desk.answer(click.request_id, answer, click.actor)
            if click.view is not None:
                self._later(self._tell(click, COUNTED))
        elif click.action in FORMS:
            form = await self._desk.form(click.request_id, FORMS[click.action], click.actor, click.version)
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
            await self._client.chat_postEphemeral(
                channel=origin.conversation,
                user=user,
                thread_ts=click.thread,
                text=escape(sentence),
                blocks=[{"type": "section", "text": plain(cut(sentence, 3000))}],
            )
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
        submission = parse.submission(body)
        if submission is None:
            return BoltResponse(status=400, body={"error": "this is no form of ours"})
        try:
            return await self._submit(submission)
        except SignoffError as error:
            inputs = [block for block in submission.values if ids.read_block_id(block)]
            if isinstance(error, StoreUnavailable) and inputs:  # what was typed stays, to be sent again
                return _errors({inputs[0]: error.sentence})
            return _update(render.notice("Signoff", error.sentence))

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
                    return _update(render.form(form, submission.origin, typed, end))
            await self._desk.submit(submission.request_id, submission.purpose, submission.version, typed, actor)
        except Invalid as error:
            return _invalid(form, submission, typed, error)
        return BoltResponse(status=200, body={"response_action": "clear"})

    # ── commands and events ──

    async def commanded(self, body: Mapping[str, object]) -> BoltResponse:
        """The answer is the acknowledgement, and only the one who typed the command sees it."""
        command = commands.command(body)
        if command is None:
            return BoltResponse(status=400, body={"error": "this is no command of ours"})
        try:
            told = await self._desk.command(command.text, command.actor)
        except SignoffError as error:
            told = error.sentence  # Slack would show its own words, not ours, with any other status than 200 (I02)
        return BoltResponse(status=200, body=render.private(told))

    def happened(self, body: Mapping[str, object]) -> BoltResponse:
        """Somebody or some group has changed: who may decide is looked up anew."""
        happened = parse.event(body)
        if happened in EVENTS:
            self._desk.people.forget("slack", parse.whose(body) if happened == "user_change" else None)
        return _ack()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _invalid(form: Form, submission: Submission, typed: Mapping[str, str], error: Invalid) -> BoltResponse:
    """Each fault at its field; if none of them is on this page, the page that has the first one."""
    index_of = {field.key: index for index, field in enumerate(form.fields)}
    shown: dict[str, str] = {}
    for key, sentence in error.fields.items():
        block = ids.block_id(form.purpose, index_of[key]) if key in index_of else ""
        if block in submission.values:
            shown[block] = sentence
    if shown:
        return _errors(shown)
    elsewhere = [key for key in error.fields if key in index_of]
    if elsewhere:
        index, sentence = index_of[elsewhere[0]], error.fields[elsewhere[0]]
        start = render.page_of(form, typed, index)
        fault = f"{form.fields[index].label}: {sentence}"
        return _update(render.form(form, submission.origin, typed, start, fault))
    inputs = [block for block in submission.values if ids.read_block_id(block)]
    return _errors({inputs[0]: error.sentence}) if inputs else _update(render.notice("Signoff", error.sentence))


def _origin(click: Click) -> MessageRef:
    assert click.actor.origin is not None  # parse.click always sets it
    return click.actor.origin


def _ack() -> BoltResponse:
    return BoltResponse(status=200, body="")


def _errors(at: Mapping[str, str]) -> BoltResponse:
    errors = {block: cut(sentence, ERROR_TEXT) for block, sentence in at.items()}
    return BoltResponse(status=200, body={"response_action": "errors", "errors": errors})


def _update(view: Json) -> BoltResponse:
    return BoltResponse(status=200, body={"response_action": "update", "view": view})
