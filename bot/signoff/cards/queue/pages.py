"""The page before deciding many, the one while it is done, and the one of what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from signoff.cards.head import risk
from signoff.cards.line import LIMIT, arguments_line
from signoff.cards.plain import weight
from signoff.cards.queue.marks import DONE, Code, Told, tone, words
from signoff.cards.queue.said import called, digest, many, short
from signoff.cards.screens import Line, MoveButton, Preflight, Results, Working
from signoff.cards.types import Tone
from signoff.model import Clean

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
SAID = 150
"""Characters of what is said of one."""
GONE = "A request that is no longer there"
VERBS: dict[Bulk, str] = {"approve": "Approve", "reject": "Reject"}
DOING: dict[Bulk, str] = {"approve": "Approving", "reject": "Rejecting"}
PAST: dict[Bulk, str] = {"approve": "approved", "reject": "rejected"}
TO_LIST = MoveButton("list", "", "Back to the list")


def told_line(told: Told, names: Mapping[str, str], *, came: bool = False, brief: bool = False) -> Line:
    """One request of a page. `came`: what came of it is said. `brief`: its arguments shortened, where nothing is
    decided about them.
    """
    said = short(told.text or words(told.code, told.request, names), SAID)
    mood: Tone = tone(told.code) if came or told.code != "ok" else "neutral"
    if (request := told.request) is None:
        return Line(GONE, "", "", None, said, mood)
    text, _ = arguments_line(request, BRIEF if brief else LIMIT)
    return Line(called(request, Clean(request)), text, digest(request), risk(request), said, mood)


def excluded_lines(excluded: Sequence[Told], names: Mapping[str, str]) -> tuple[Line, ...]:
    """What is left out, each with its reason, as many as there is room for."""
    room, lines = EXCLUDED_ROOM, list[Line]()
    for told in excluded[:EXCLUDED]:
        line = told_line(told, names, brief=True)
        room -= _weight(line)
        if room < 0:
            break
        lines.append(line)
    if rest := len(excluded) - len(lines):
        lines.append(Line(f"and {rest:,} more", "", "", None))
    return tuple(lines)


def preflight_pages(lines: Sequence[Line], excluded: Sequence[Line]) -> int:
    """How many pages there are to look at; at least one."""
    return len(_cut(lines, sum(map(_weight, excluded))))


def preflight(
    *, review: str, key: str, kind: Bulk, lines: Sequence[Line], excluded: Sequence[Line], page: int, fault: str = ""
) -> Preflight:
    """Exactly what will be decided, and what will not.

    `key`: of the preflight, sent back with `confirm`. `lines`: by `told_line`; `excluded`: by `excluded_lines`. `page`:
    from 0; one that does not exist is the nearest that does. `fault`: what is wrong with the reason.
    """
    shown = _cut(lines, sum(map(_weight, excluded)))
    page = max(0, min(page, len(shown) - 1))
    decides = page == len(shown) - 1 and bool(lines)
    confirm = MoveButton("confirm", key, f"{VERBS[kind]} {len(lines):,}", "primary" if kind == "approve" else "danger")
    return Preflight(
        review=review,
        key=key,
        kind=kind,
        heading=f"{VERBS[kind]} {many(len(lines), 'request')}?" if lines else f"Nothing here can be {PAST[kind]}",
        lines=shown[page],
        excluded=() if page else tuple(excluded),
        page=page,
        pages=len(shown),
        reason=decides and kind == "reject",
        fault=fault,
        # Whoever is to read all of the pages is led to the next.
        buttons=(*((confirm,) if decides else ()), *_turns(page, len(shown), "primary"), TO_LIST),
    )


def working(*, review: str, kind: Bulk, done: int, total: int) -> Working:
    """While decisions are being written."""
    heading = f"{DOING[kind]}: {done:,} of {total:,}"
    return Working(review, heading, (MoveButton("look", "", "Look again", "primary"),))


def results(*, review: str, kind: Bulk, batch: str, codes: Sequence[Code], lines: Sequence[Line], page: int) -> Results:
    """What came of it: `codes` of all, and what is said of them. `page`: as for `preflight`."""
    shown = _cut(lines, 0)
    page = max(0, min(page, len(shown) - 1))
    buttons = (*_turns(page, len(shown), "plain"), TO_LIST)
    return Results(review, _came(kind, codes), batch, shown[page], page, len(shown), buttons)


def _came(kind: Bulk, codes: Sequence[Code]) -> str:
    voted = codes.count("voted")
    done = sum(code in DONE for code in codes) - voted
    rest = len(codes) - done - voted
    found = [f"{done:,} {PAST[kind]}"] if done else []
    found += [f"{many(voted, 'vote')} counted"] if voted else []
    if not found:
        return f"Nothing was {PAST[kind]}"
    return ", ".join([*found, f"{rest:,} not"] if rest else found)


def _cut(lines: Sequence[Line], used: int) -> list[tuple[Line, ...]]:
    """Pages of so many lines as each has room for; the first has `used` less. At least one page."""
    pages, held, room = list[tuple[Line, ...]](), list[Line](), ROOM - used
    for line in lines:
        size = _weight(line)
        if held and (len(held) == LINES or size > room):
            pages.append(tuple(held))
            held, room = [], ROOM
        held.append(line)
        room -= size
    return [*pages, tuple(held)]


def _weight(line: Line) -> int:
    return EDGE + sum(map(weight, (line.title, line.text, line.digest, line.said)))


def _turns(page: int, pages: int, ahead: Literal["primary", "plain"]) -> tuple[MoveButton, ...]:
    """`ahead`: how the button looks that leads on."""
    following = (MoveButton("turn", str(page + 1), "Next page", ahead),) if page < pages - 1 else ()
    return (*following, *((MoveButton("turn", str(page - 1), "Previous page"),) if page else ()))
