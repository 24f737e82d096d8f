"""One request of a review in full, and its forms, in the modal of the review. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from signoff.cards import MoveButton, Single
from signoff.forms import Form
from signoff_slack import ids
from signoff_slack.render import view
from signoff_slack.render.screen.parts import back, buttons, modal, said, small
from signoff_slack.text import Json, plain

ROOM = 8
"""Blocks that are no details: what came of the one before, the place, pages, buttons."""


def single(shown: Single, leaf: int) -> Json:
    """What approves stands on the last page: whoever gets there has had everything before them (I11)."""
    leaves = view.leaves(shown.details, ROOM)
    leaf = min(leaf, len(leaves) - 1)
    blocks: list[Json] = [said(f"ℹ️ {shown.notice}")] if shown.notice else []
    blocks.append(small(shown.place))
    blocks += leaves[leaf]
    if len(leaves) > 1:
        blocks.append(small(f"Page {leaf + 1} of {len(leaves)}"))
    last = leaf == len(leaves) - 1
    moves = [one for one in shown.buttons if last or not _approves(one)]
    blocks += buttons(moves, _turns(leaf, len(leaves)))
    return modal("Pending approvals", ids.Stay(shown.review, mark=shown.mark), blocks)


def _approves(one: MoveButton) -> bool:
    return one.move == "decide" or (one.move == "form" and one.key == "confirm")


def _turns(leaf: int, leaves: int) -> list[Json]:
    turns = (("previous", "◀ Previous page", leaf - 1), ("next", "Next page ▶", leaf + 1))
    return [
        {"type": "button", "action_id": ids.LEAF + way, "text": plain(text), "value": ids.key("", to)}
        for way, text, to in turns
        if 0 <= to < leaves
    ]


def form(form: Form, where: ids.Stay, entries: Mapping[str, str], start: int = 0, fault: str = "") -> Json:
    """A page of a form in place of the request it is about. Raises Invalid like `view.form`."""
    drawn = view.any_form(form, ids.stay(where), ids.key(""), entries, start, fault)
    if form.purpose == "edit_json":  # on top of the form it was asked for in
        return drawn
    blocks = drawn["blocks"]
    assert isinstance(blocks, list)  # any_form makes one
    way = {"type": "actions", "elements": [back("◀ Back to the request")]}
    return {**drawn, "close": plain("Close"), "blocks": [*blocks, way]}


page_of = view.page_of
