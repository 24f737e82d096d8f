"""A form, or one page of it, as an Adaptive Card with inputs. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from signoff.forms import Form
from signoff_teams.parse import Sheet
from signoff_teams.render.card import Mode, banner, document, press, window
from signoff_teams.render.inputs import element, hint, shown_error
from signoff_teams.render.pages import Page
from signoff_teams.render.text import Json, brief, clip, joined, line, runs, size

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
    review: Json | None = None,
) -> Json:
    """One page of a form. `errors`: field key → sentence; those of no field here stand on top.

    `review`: what its buttons carry in place of the request, where it is the form of a request in a review.
    """
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
    about = {"request": form.request_id} if review is None else review
    bare: Json = {**about, "version": form.version, "purpose": form.purpose, **({"ticket": ticket} if ticket else {})}
    return document(body, _actions(form, page, mode, bare, leave=mode == "inline" or review is not None))


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


def _actions(form: Form, page: Page, mode: Mode, bare: Json, *, leave: bool) -> list[Json]:
    data = bare if page.only else bare | _place(page.sheet)
    actions: list[Json] = []
    if page.sheet.next is None:
        style = "destructive" if form.purpose == "reject" else "positive"
        actions.append(press(mode, "submit", clip(form.submit, 200), data, style))
    else:
        actions.append(press(mode, "next", "Next", data, "positive"))
    if page.sheet.trail:
        actions.append(press(mode, "back", "Previous", data))
    if form.purpose == "edit":
        actions.append(press(mode, "edit_json", "Edit as JSON", data))
    if mode == "inline" and not page.only:
        actions.append(window(form.purpose, data))
    if leave:
        actions.append(press(mode, "show", "Cancel", bare, inputs=False))
    return actions


def _place(sheet: Sheet) -> Json:
    return {
        "at": list(sheet.at),
        "next": None if sheet.next is None else list(sheet.next),
        "trail": [list(cursor) for cursor in sheet.trail],
        "seen": sheet.seen,
    }
