"""What will be decided, what is being decided, and what came of it → modals. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from signoff.cards import Line, MoveButton, Preflight, Results, Working
from signoff_slack import ids
from signoff_slack.check import VIEW_BLOCKS, VIEW_BYTES, size
from signoff_slack.render.screen.parts import RISKS, buttons, header, line, lines, modal, said, small
from signoff_slack.text import Json, plain

REASON = 3000
"""Characters of one reason for all."""
SPARE = 20_000
"""Bytes of a view left free."""
TONES = {"neutral": "▫️", "good": "✅", "bad": "⛔", "warning": "⚠️"}
LEFT_OUT = (1000, 100, 40, 10, 0)
"""How many excluded lines are tried, until everything fits: what will be decided is never cut."""


def preflight(shown: Preflight) -> Json:
    """The submit button confirms on the last page, and leads to the next one before."""
    drawn: Json = {}
    for most in LEFT_OUT:
        drawn = _preflight(shown, most)
        blocks = drawn["blocks"]
        if isinstance(blocks, list) and len(blocks) <= VIEW_BLOCKS and size(drawn) <= VIEW_BYTES - SPARE:
            break
    return drawn


def _preflight(shown: Preflight, most: int) -> Json:
    blocks = [header(shown.heading)]
    if shown.fault:
        blocks.append(said(f"⚠️ {shown.fault}"))
    # Uncounted: the last of these lines may stand for many.
    left_out = "Not all are included, see below" if shown.excluded else ""
    pages = _place(shown.page, shown.pages) if shown.pages > 1 else ""
    if left_out or pages:
        blocks.append(small(" · ".join(filter(None, (pages, left_out)))))
    blocks += lines(_decided(shown.lines))
    if shown.excluded:
        blocks.append({"type": "divider"})
        blocks += [said("Not included:"), *lines(map(_said, shown.excluded[:most]))]
        if len(shown.excluded) > most:
            blocks.append(small("… and more are not included"))
    if shown.reason:
        blocks.append(_reason(shown))
    submit = next((one for one in shown.buttons if one.move == "confirm"), None) or _next(shown.buttons, shown.page)
    blocks += buttons([one for one in shown.buttons if one is not submit])
    where = ids.Stay(shown.review) if submit is None else ids.Stay(shown.review, submit.move, submit.key)
    title = "Approve together" if shown.kind == "approve" else "Reject together"
    # Slack asks for a submit button beside an input; without one to press there is nothing to give a reason for.
    if submit is None:
        blocks = [block for block in blocks if block["type"] != "input"]
    return modal(title, where, blocks, submit.label if submit else "")


def _next(moves: Sequence[MoveButton], page: int) -> MoveButton | None:
    turns = [one for one in moves if one.move == "turn" and one.key.isascii() and one.key.isdigit()]
    return next((one for one in turns if int(one.key) > page), None)


def _reason(shown: Preflight) -> Json:
    mark = hashlib.sha256(shown.key.encode(errors="surrogatepass")).hexdigest()[:12]
    return {
        "type": "input",
        "block_id": f"reason/{mark}",
        "label": plain("One reason for all"),
        "optional": True,
        "element": {
            "type": "plain_text_input",
            "action_id": ids.REASON,
            "multiline": True,
            "max_length": REASON,
            "placeholder": plain("The agents will read it"),
        },
    }


def _decided(found: Sequence[Line]) -> Iterator[str]:
    for one in found:
        yield _parts(f"{RISKS[one.risk]} {line(one.title)}", one)


def _said(one: Line) -> str:
    told = f": {line(one.said)}" if one.said else ""
    return _parts(f"{TONES[one.tone]} {line(one.title)}{told}", one)


def _parts(first: str, one: Line) -> str:
    """What the agent calls it stands on a line of its own: it could read like arguments and a digest."""
    second = " · ".join(filter(None, (line(one.text).strip(), one.digest)))
    return f"{first}\n{second}" if second else first


def working(shown: Working) -> Json:
    blocks = [header(shown.heading), said("This goes on by itself, also when you close this.")]
    return modal("Working", ids.Stay(shown.review), [*blocks, *buttons(shown.buttons)])


def results(shown: Results) -> Json:
    blocks = [header(shown.heading)]
    if shown.pages > 1:
        blocks.append(small(_place(shown.page, shown.pages)))
    blocks += lines(map(_said, shown.lines))
    if shown.batch:
        blocks.append(small(f"Batch {shown.batch}"))
    return modal("Results", ids.Stay(shown.review), [*blocks, *buttons(shown.buttons)])


def _place(page: int, pages: int) -> str:
    return f"Page {page + 1} of {pages}"
