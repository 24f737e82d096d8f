"""The page before deciding many, the one while it is done, and the one of what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from signoff.cards.head import risk
from signoff.cards.line import arguments_line
from signoff.cards.plain import weight
from signoff.cards.queue.marks import DONE, Told, tone, words
from signoff.cards.queue.said import digest, heading, many, short
from signoff.cards.screens import Line, MoveButton, Preflight, Results, Working
from signoff.cards.types import Tone
from signoff.model import Clean, Request

Bulk = Literal["approve", "reject"]
LINES = 100
"""Lines of a page."""
ROOM = 14_000
"""Weight (see `plain.weight`) of the lines of a page."""
EDGE = 24
"""Weight of what stands around the texts of a line."""
EXCLUDED = 40
"""Lines of what is left out."""
EXCLUDED_ROOM = 5000
"""Weight of these."""
BRIEF = 100
"""Characters of arguments where nothing is decided about them."""
GONE = "A request that is no longer there"
VERBS: dict[Bulk, str] = {"approve": "Approve", "reject": "Reject"}
DOING: dict[Bulk, str] = {"approve": "Approving", "reject": "Rejecting"}
PAST: dict[Bulk, str] = {"approve": "approved", "reject": "rejected"}
TO_LIST = MoveButton("list", "", "Back to the list")


def preflight(
    *,
    review: str,
    key: str,
    kind: Bulk,
    requests: Sequence[Request],
    excluded: Sequence[Told],
    page: int,
    names: Mapping[str, str],
    fault: str = "",
) -> Preflight:
    """Exactly what will be decided, and what will not.

    `key`: of the preflight, sent back with `confirm`. `page`: from 0; one that does not exist is the nearest that does.
    `fault`: what is wrong with the reason.
    """
    left_out = _excluded(excluded, names)
    shown = _cut([_line(Told(one, "ok"), names) for one in requests], sum(map(_weight, left_out)))
    page = max(0, min(page, len(shown) - 1))
    last = page == len(shown) - 1
    decides = last and bool(requests)
    style: Literal["primary", "danger"] = "primary" if kind == "approve" else "danger"
    confirm = MoveButton("confirm", key, f"{VERBS[kind]} {len(requests):,}", style)
    return Preflight(
        review=review,
        key=key,
        kind=kind,
        heading=f"{VERBS[kind]} {many(len(requests), 'request')}?" if requests else f"Nothing here can be {PAST[kind]}",
        lines=shown[page],
        excluded=left_out if page == 0 else (),
        page=page,
        pages=len(shown),
        reason=decides and kind == "reject",
        fault=fault,
        buttons=(*((confirm,) if decides else ()), *_turns(page, len(shown)), TO_LIST),
    )


def working(*, review: str, kind: Bulk, done: int, total: int) -> Working:
    """While decisions are being written."""
    return Working(review, f"{DOING[kind]}: {done:,} of {total:,}", (MoveButton("look", "", "Look again", "primary"),))


def results(
    *, review: str, kind: Bulk, batch: str, told: Sequence[Told], page: int, names: Mapping[str, str]
) -> Results:
    """What came of it: what was not decided first. `page` as for `preflight`."""
    ordered = sorted(told, key=lambda one: one.code in DONE)
    shown = _cut([_line(one, names, came=True) for one in ordered], 0)
    page = max(0, min(page, len(shown) - 1))
    buttons = (*_turns(page, len(shown)), TO_LIST)
    return Results(review, _came(kind, told), batch, shown[page], page, len(shown), buttons)


def _came(kind: Bulk, told: Sequence[Told]) -> str:
    voted = sum(one.code == "voted" for one in told)
    done = sum(one.code in DONE for one in told) - voted
    rest = len(told) - done - voted
    if not done + voted:
        return f"None of {many(rest, 'request')} {PAST[kind]}" if rest else f"Nothing was {PAST[kind]}"
    found = [f"{done:,} {PAST[kind]}"] if done else []
    found += [f"{many(voted, 'vote')} counted"] if voted else []
    found += [f"{rest:,} not"] if rest else []
    return ", ".join(found)


def _line(told: Told, names: Mapping[str, str], *, came: bool = False, limit: int | None = None) -> Line:
    said = told.text or words(told.code, told.request, names)
    mood: Tone = tone(told.code) if came or told.code != "ok" else "neutral"
    if (request := told.request) is None:
        return Line(GONE, "", "", None, short(said, BRIEF), mood)
    text, _ = arguments_line(request) if limit is None else arguments_line(request, limit)
    return Line(heading(request, Clean(request)), text, digest(request), risk(request), short(said, BRIEF), mood)


def _excluded(excluded: Sequence[Told], names: Mapping[str, str]) -> tuple[Line, ...]:
    room, lines = EXCLUDED_ROOM, list[Line]()
    for told in excluded[:EXCLUDED]:
        line = _line(told, names, limit=BRIEF)
        room -= _weight(line)
        if room < 0:
            break
        lines.append(line)
    if rest := len(excluded) - len(lines):
        lines.append(Line(f"and {rest:,} more", "", "", None))
    return tuple(lines)


def _cut(lines: Sequence[Line], used: int) -> list[tuple[Line, ...]]:
    """Pages of so many lines as each has room for; the first has `used` less. At least one, at least a line on each."""
    pages, held, room = list[tuple[Line, ...]](), list[Line](), ROOM - used
    for line in lines:
        size = _weight(line)
        if held and (len(held) == LINES or size > room):
            pages.append(tuple(held))
            held, room = [], ROOM
        held.append(line)
        room -= size
    return [*pages, tuple(held)] if held or not pages else pages


def _weight(line: Line) -> int:
    return EDGE + sum(map(weight, (line.title, line.text, line.digest, line.said)))


def _turns(page: int, pages: int) -> tuple[MoveButton, ...]:
    back = (MoveButton("turn", str(page - 1), "Previous page"),) if page else ()
    # Whoever is to read all pages is led to the next.
    ahead = (MoveButton("turn", str(page + 1), "Next page", "primary"),) if page < pages - 1 else ()
    return (*ahead, *back)
