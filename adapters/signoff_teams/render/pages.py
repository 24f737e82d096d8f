"""Forms larger than a card: which part of which field stands on a page, and what a submitted page says. Pure.

A page begins at a cursor (field, offset) and takes as much as fits. Pages are made from the entries as they are, so a
page depends on nothing behind it, and a text longer than a card is cut into pieces that join to exactly the same text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from signoff.forms import Field, Form
from signoff_teams.parse import START, Cursor, Sheet
from signoff_teams.render.inputs import frame_size, shown_error
from signoff_teams.render.text import fit, size

ROOM = 16_000
"""Bytes of JSON that a page's inputs may take; the rest of the card is for title, notes, errors and buttons."""
MOST = 20
"""Fields on one page."""
CUTTABLE = frozenset({"text", "paragraph", "list", "json", "email", "url"})
PIECE = 500
"""Bytes of text that are worth beginning a piece for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A field, or a part of its text, on one page."""

    field: Field
    start: int
    end: int
    text: str
    """What the input starts with."""
    whole: bool

    @property
    def id(self) -> str:
        """The input's id. Pointers begin with `/`, so that the others cannot collide with one."""
        key = self.field.key or "#"
        return key if self.start == 0 else f"{self.start}#{key}"


@dataclass(frozen=True, slots=True)
class Page:
    pieces: tuple[Piece, ...]
    sheet: Sheet

    @property
    def only(self) -> bool:
        return self.sheet.whole


def initial(form: Form) -> dict[str, str]:
    return {field.key: field.initial for field in form.fields}


def page(
    form: Form,
    entries: Mapping[str, str],
    at: Cursor = START,
    trail: tuple[Cursor, ...] = (),
    errors: Mapping[str, str] | None = None,
) -> Page:
    """The page that begins at `at`. A cursor behind the end gives the last field."""
    errors = errors or {}
    index, offset = at if at[0] < len(form.fields) else START
    at = (index, offset)
    pieces: list[Piece] = []
    onward: Cursor | None = None
    room = ROOM
    while index < len(form.fields):
        field = form.fields[index]
        text = entries.get(field.key, "")
        offset = min(offset, len(text))
        frame = frame_size(field) + size(shown_error(errors.get(field.key, "")))
        left = room - frame
        end = len(text)
        if size(text[offset:]) > left or len(pieces) == MOST:
            fresh = not pieces
            if field.kind not in CUTTABLE and fresh:
                pass  # alone on its page, and short: kinds that cannot be cut hold short texts
            elif field.kind in CUTTABLE and len(pieces) < MOST and (fresh or left > PIECE):
                end = offset + max(1, fit(text[offset:], max(left, PIECE)))
            else:
                onward = (index, offset)
                break
        pieces.append(Piece(field, offset, end, text[offset:end], whole=offset == 0 and end == len(text)))
        if end < len(text):
            onward = (index, end)
            break
        room = left - size(pieces[-1].text)
        index, offset = index + 1, 0
    sheet = Sheet(at=at, next=onward, trail=trail)
    if not sheet.whole:
        sheet = Sheet(at=at, next=onward, trail=trail, seen=seen(entries))
    return Page(tuple(pieces), sheet)


def seen(entries: Mapping[str, str]) -> str:
    """A short digest of the entries that a page was made from."""
    text = json.dumps(dict(entries), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def submitted(form: Form, base: Mapping[str, str], sheet: Sheet, typed: Mapping[str, str]) -> dict[str, str]:
    """The entries after this page, from what they were when it was made and what was typed.

    Text that differs from what was shown only by its line ends counts as unchanged: browsers rewrite them.
    """
    merged = {field.key: base.get(field.key, "") for field in form.fields}
    for piece in _pieces(form, base, sheet):
        got = typed.get(piece.id, "")
        text = piece.text if _same(got, piece.text) else got
        old = merged[piece.field.key]
        merged[piece.field.key] = old[: piece.start] + text + old[piece.end :]
    return merged


def after(form: Form, base: Mapping[str, str], sheet: Sheet, merged: Mapping[str, str]) -> Cursor:
    """Where the next page begins, now that the texts before it may have grown or shrunk."""
    index, offset = sheet.next or (len(form.fields), 0)
    if offset == 0 or index >= len(form.fields):
        return index, offset
    key = form.fields[index].key
    return index, max(0, offset + len(merged.get(key, "")) - len(base.get(key, "")))


def complete(form: Form, sheet: Sheet) -> tuple[str, ...]:
    """The fields whose text ends on this page."""
    last = sheet.next[0] if sheet.next else len(form.fields)
    return tuple(field.key for field in form.fields[sheet.at[0] : last])


def _pieces(form: Form, base: Mapping[str, str], sheet: Sheet) -> list[Piece]:
    last, cut = sheet.next or (len(form.fields), 0)
    pieces: list[Piece] = []
    for index in range(sheet.at[0], min(last + (1 if cut else 0), len(form.fields))):
        field = form.fields[index]
        text = base.get(field.key, "")
        start = min(sheet.at[1], len(text)) if index == sheet.at[0] else 0
        end = min(cut, len(text)) if sheet.next and index == last and cut else len(text)
        end = max(start, end)
        pieces.append(Piece(field, start, end, text[start:end], whole=start == 0 and end == len(text)))
    return pieces


def _same(typed: str, shown: str) -> bool:
    return typed == shown or _unix(typed) == _unix(shown)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def holding(form: Form, entries: Mapping[str, str], key: str, errors: Mapping[str, str]) -> Page:
    """The page on which a field begins."""
    at: Cursor = START
    trail: tuple[Cursor, ...] = ()
    wanted = next((index for index, field in enumerate(form.fields) if field.key == key), 0)
    while True:
        found = page(form, entries, at, trail, errors)
        onward = found.sheet.next
        if onward is None or onward > (wanted, 0):
            return found
        at, trail = onward, (*trail, at)
