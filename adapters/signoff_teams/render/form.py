"""A form, or one page of it, as an Adaptive Card with inputs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from signoff.forms import Form
from signoff_teams.parse import Sheet
from signoff_teams.render.card import banner, document, execute
from signoff_teams.render.inputs import element, hint, shown_error
from signoff_teams.render.pages import Page
from signoff_teams.render.text import Json, brief, clip, joined, line, runs, size

Mode = Literal["inline", "dialog"]
"""In the card's place for one person (works in every client), or in a window of its own."""
NOTES_ROOM = 4000
"""Bytes of JSON that the notes above the fields may take."""


def form(
    form: Form,
    page: Page,
    errors: Mapping[str, str] | None = None,
    *,
    notice: str = "",
    mode: Mode = "inline",
    ticket: str = "",
) -> Json:
    """One page of a form. `errors`: field key → sentence; those of no field here stand on top."""
    errors = errors or {}
    here = {piece.field.key for piece in page.pieces}
    general = [text for key, text in errors.items() if key not in here]
    body = banner(" ".join([notice, *general]))
    body.append(line(brief(form.title, 1000, size="Large", weight="Bolder")))
    body += _notes(form)
    for piece in page.pieces:
        part = "" if piece.whole else f" (part from character {piece.start + 1})"
        body.append(element(piece.id, piece.field, piece.text, part))
        body += hint(piece.field)
        body += shown_error(errors.get(piece.field.key, ""))
    return document(body, _actions(form, page, mode, ticket))


def _notes(form: Form) -> list[Json]:
    blocks: list[Json] = []
    room = NOTES_ROOM
    for text in form.notes:
        made = line(brief(joined(text), 1200, isSubtle=True))
        room -= size(made)
        if room < 0:
            return [*blocks, line(runs("…", isSubtle=True))]
        blocks.append(made)
    return blocks


def _actions(form: Form, page: Page, mode: Mode, ticket: str) -> list[Json]:
    bare: Json = {"request": form.request_id, "version": form.version, "purpose": form.purpose}
    if ticket:
        bare["ticket"] = ticket
    data = bare if page.only else bare | _place(page.sheet)
    actions: list[Json] = []
    if page.sheet.next is None:
        style = "destructive" if form.purpose == "reject" else "positive"
        actions.append(_action(mode, "submit", clip(form.submit, 200), data, style))
    else:
        actions.append(_action(mode, "next", "Next", data, "positive"))
    if page.sheet.trail:
        actions.append(_action(mode, "back", "Previous", data))
    if form.purpose == "edit":
        actions.append(_action(mode, "edit_json", "Edit as JSON", data))
    if mode == "inline":
        if not page.only:
            window: Json = {**data, "verb": form.purpose, "msteams": {"type": "task/fetch"}}
            actions.append({"type": "Action.Submit", "title": "Open in a window", "data": window})
        actions.append(_action(mode, "show", "Cancel", bare, inputs=False))
    return actions


def _action(mode: Mode, verb: str, title: str, data: Json, style: str = "default", *, inputs: bool = True) -> Json:
    if mode == "inline":
        return execute(verb, title, data, style, inputs=inputs)
    action: Json = {"type": "Action.Submit", "title": title, "data": {**data, "verb": verb}}
    if style != "default":
        action["style"] = style
    if not inputs:
        action["associatedInputs"] = "none"
    return action


def _place(sheet: Sheet) -> Json:
    return {
        "at": list(sheet.at),
        "next": None if sheet.next is None else list(sheet.next),
        "trail": [list(cursor) for cursor in sheet.trail],
        "seen": sheet.seen,
    }
