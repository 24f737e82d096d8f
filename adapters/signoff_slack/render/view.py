"""Forms, details and refusals → modal views. Pure; always within Slack's limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from signoff.cards import Details, Fact
from signoff.errors import Invalid
from signoff.forms import Field, Form
from signoff.model import MessageRef
from signoff_slack import ids
from signoff_slack.check import TITLE, VIEW_BLOCKS, VIEW_BYTES, size
from signoff_slack.render import inputs
from signoff_slack.render.card import button, facts, table
from signoff_slack.text import SECTION_TEXT, Json, cut, name, pieces, plain

SHORT = {
    "edit": "Edit",
    "edit_json": "Edit as JSON",
    "reject": "Reject",
    "respond": "Answer",
    "confirm": "Approve",
    "more": "More",
}
"""A modal's title when the form's own does not fit; the whole one then stands below."""
PAGE_INPUTS = 40
"""Inputs on one page of a form."""
PAGE_BYTES = 120_000
"""Of one page; half of what Slack takes, since a submission repeats the whole view."""
ROOM = 6
"""Blocks of a form that are no inputs: a fault, title, notes, place, buttons."""
PART = 2900


def form(form: Form, origin: MessageRef, entries: Mapping[str, str], start: int = 0, fault: str = "") -> Json:
    """The page of a form that begins with field `start`; `entries`: what is kept from before, by field key.

    Raises Invalid when a single field exceeds a whole view.
    """
    target = ids.Target(form.request_id, form.version, origin, form.purpose)
    return any_form(form, ids.metadata(target), ids.value(form.request_id, form.version), entries, start, fault)


def any_form(form: Form, metadata: str, value: str, entries: Mapping[str, str], start: int, fault: str) -> Json:
    """`metadata`: where it was opened; `value`: what its button for the JSON text carries. Raises Invalid."""
    drawn, end = _page(form, entries, start)
    last = end == len(form.fields)
    blocks: list[Json] = []
    if fault:
        blocks.append({"type": "section", "text": plain(f"⚠️ {cut(fault, 1000)}")})
    if start == 0:
        blocks += _intro(form, value)
    if start > 0 or not last:
        where = f"Fields {start + 1}–{end} of {len(form.fields)}"
        blocks.append({"type": "context", "elements": [plain(where)]})
    blocks += drawn
    if not blocks:
        blocks.append({"type": "section", "text": plain("There is nothing to fill in.")})
    drawn_form: Json = {
        "type": "modal",
        "callback_id": ids.ACTION + "form",
        "title": plain(form.title if name(form.title, TITLE) == form.title else SHORT[form.purpose]),
        "close": plain("Back" if form.purpose == "edit_json" else "Cancel"),
        "private_metadata": metadata,
        "blocks": blocks,
    }
    if form.purpose == "more" and not form.fields:
        return drawn_form | {"close": plain("Close")}  # nothing is offered, so there is nothing to send
    return drawn_form | {"submit": plain(name(form.submit, TITLE) if last else "Next")}


def page_of(form: Form, entries: Mapping[str, str], index: int) -> int:
    """Where the page with field `index` begins. Raises like `form`."""
    start, end = 0, _page(form, entries, 0)[1]
    while index >= end:
        start, end = end, _page(form, entries, end)[1]
    return start


def notice(title: str, sentence: str) -> Json:
    """A view that only says something."""
    return {
        "type": "modal",
        "callback_id": ids.ACTION + "notice",
        "title": plain(name(title, TITLE)),
        "close": plain("Close"),
        "blocks": [{"type": "section", "text": plain(cut(sentence, SECTION_TEXT))}],
    }


def details(details: Details, origin: MessageRef, page: int = 0) -> Json:
    """One page of everything about a request; the full text, never shortened.

    What decides stands on the last page: whoever gets there has had everything before them (I11).
    """
    pages = leaves(details)
    page = min(page, len(pages) - 1)
    turns: list[Json] = []
    for label, target in (("◀ Previous", page - 1), ("Next ▶", page + 1)):
        if 0 <= target < len(pages):
            turns.append(
                {
                    "type": "button",
                    "action_id": f"{ids.ACTION}page.{'next' if target > page else 'previous'}",
                    "text": plain(label),
                    "value": ids.value(details.request_id, details.version, target),
                }
            )
    blocks = list(pages[page])
    if turns:
        blocks.append({"type": "context", "elements": [plain(f"Page {page + 1} of {len(pages)}")]})
        blocks.append({"type": "actions", "elements": turns})
    if details.buttons and page == len(pages) - 1:
        drawn = [button(one, details.request_id, details.version) for one in details.buttons]
        blocks.append({"type": "actions", "elements": drawn})
    return {
        "type": "modal",
        "callback_id": ids.ACTION + "details",
        "title": plain("Details"),
        "close": plain("Close"),
        "private_metadata": ids.metadata(ids.Target(details.request_id, details.version, origin)),
        "blocks": blocks,
    }


def leaves(details: Details, room: int = ROOM) -> list[list[Json]]:
    """The pages of everything about a request, each with `room` blocks to spare; at least one."""
    blocks = [*_title(details.title), *_facts(details.facts), *_json(details.json)]
    if details.footer:
        divider: Json = {"type": "divider"}
        blocks += [divider, *_facts(details.footer)]
    return _pages(blocks, room)


def _page(form: Form, entries: Mapping[str, str], start: int) -> tuple[list[Json], int]:
    """The inputs from field `start` on that fit one page, and the field after them."""
    out: list[Json] = []
    used = 0
    for index in range(start, len(form.fields)):
        field: Field = form.fields[index]
        more = inputs.blocks(form.purpose, index, field, entries.get(field.key, field.initial))
        bytes_ = size(more)
        if out and (len(out) + len(more) > PAGE_INPUTS or used + bytes_ > PAGE_BYTES):
            return out, index
        if len(more) > VIEW_BLOCKS - ROOM or bytes_ > VIEW_BYTES - PAGE_BYTES // 4:
            mend = "decide this with `signoff decide` or in another chat."
            sentence = f"“{name(field.label, 100)}” is too long for a form in Slack; {mend}"
            raise Invalid({field.key: sentence}, summary=sentence)
        out += more
        used += bytes_
    return out, len(form.fields)


def _intro(form: Form, value: str) -> list[Json]:
    blocks: list[Json] = []
    if name(form.title, TITLE) != form.title:
        blocks.append({"type": "section", "text": plain(cut(form.title, 300))})
    notes = "\n".join(form.notes)
    if notes.strip():
        blocks.append({"type": "section", "text": plain(cut(notes, SECTION_TEXT))})
    if form.purpose == "edit":
        button: Json = {
            "type": "button",
            "action_id": ids.JSON,
            "text": plain("Edit as JSON"),
            "value": value,
        }
        blocks.append({"type": "actions", "elements": [button]})
    return blocks


def _title(title: str) -> Iterator[Json]:
    yield {"type": "header", "text": plain(name(title, 150))}
    if name(title, 150) != title:
        yield {"type": "section", "text": plain(cut(title, SECTION_TEXT))}


def _facts(found: Iterable[Fact]) -> Iterator[Json]:
    for fact in found:
        texts = pieces(fact.text, PART) if len(fact.text) > PART else (fact.text,)
        for index, text in enumerate(texts):
            label = f"{fact.label} ({index + 1} of {len(texts)})" if len(texts) > 1 else fact.label
            yield from table(facts((replace(fact, label=label, text=text),), SECTION_TEXT))


def _json(text: str) -> Iterator[Json]:
    yield {"type": "divider"}
    for piece in _lines(text):
        body: Json = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": piece}]}
        yield {"type": "rich_text", "elements": [body]}


def _lines(text: str) -> Iterator[str]:
    """Whole lines together up to the limit; a single longer line in pieces."""
    pending = ""
    for line in text.splitlines(keepends=True) or ["{}"]:
        for piece in pieces(line, PART):
            if pending and len(pending) + len(piece) > PART // (1 if (pending + piece).isascii() else 2):
                yield pending
                pending = ""
            pending += piece
    if pending.strip():
        yield pending


def _pages(blocks: list[Json], room: int) -> list[list[Json]]:
    pages: list[list[Json]] = [[]]
    used = 0
    for block in blocks:
        bytes_ = size(block)
        if pages[-1] and (len(pages[-1]) >= VIEW_BLOCKS - room or used + bytes_ > PAGE_BYTES):
            pages.append([])
            used = 0
        pages[-1].append(block)
        used += bytes_
    return pages
