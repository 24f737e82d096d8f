"""What somebody sees who looks through the queue, as Adaptive Cards: in a card's place or in a window. Pure.

A screen that does not fit into one card is shown in parts; what decides stands on the last one, where all of it has
been seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signoff.cards import Home, Line, MoveButton, Preflight, Results, Screen, Single, Working
from signoff.cards import Listing as ListingScreen
from signoff_teams.render.card import LIMIT, RISKS, TONES, banner, document, execute, note
from signoff_teams.render.details import details_blocks, sheets
from signoff_teams.render.listing import listing
from signoff_teams.render.moves import REASON, Buttons, Place, row
from signoff_teams.render.text import Json, brief, fit, joined, line, runs, size

SLACK = 200
"""Bytes of JSON that a card may take beside what was counted: brackets and commas."""
TYPED_ROOM = 3000
"""Bytes of JSON of a reason that is shown again to be mended."""
LONGEST_REASON = 3000
"""Characters."""
LEAVES = frozenset({"skip", "back", "list", "look"})
"""Moves that decide nothing and lead on from any part."""
GAP = " · "
_PART = "Part {} of {} of this page."


def screen(shown: Screen, place: Place | None = None) -> Json:
    """At most LIMIT bytes whatever it holds."""
    place = place or Place()
    match shown:
        case ListingScreen():
            return listing(shown, place)
        case Preflight():
            return _preflight(shown, place)
        case Working():
            head = [*banner(place.notice), _heading(shown.heading)]
            return _parted(head, [], [], Buttons(shown.review, place.mode), shown.buttons, place)
        case Results():
            return _results(shown, place)
        case Single():
            return _single(shown, place)


def _heading(text: str, more: str = "") -> Json:
    return line(brief(text, 1000, size="Large", weight="Bolder"), runs(more, isSubtle=True))


def _preflight(shown: Preflight, place: Place) -> Json:
    units = list(_by_risk(shown.lines))
    if shown.excluded:
        units.append([line(runs("Not included:", weight="Bolder"), spacing="Large")])
        units += [_line(one) for one in shown.excluded]
    notice = " ".join(filter(None, [place.notice, shown.fault]))
    head = [*banner(notice), _heading(shown.heading, _count(shown.page, shown.pages))]
    head += note("Some are not included, see below.") if shown.excluded else []
    foot = [_reason(place.typed)] if shown.reason else []
    return _parted(head, units, foot, Buttons(shown.review, place.mode), shown.buttons, place, page=shown.page)


def _reason(typed: str) -> Json:
    made: Json = {
        "type": "Input.Text", "id": REASON, "label": "One reason for all (optional)", "isMultiline": True,
        "maxLength": LONGEST_REASON,
    }  # fmt: skip
    typed = typed[: fit(typed, TYPED_ROOM)]
    return made | ({"value": typed} if typed else {})


def _results(shown: Results, place: Place) -> Json:
    head = [*banner(place.notice), _heading(shown.heading, _count(shown.page, shown.pages))]
    foot = note(f"Batch {shown.batch}") if shown.batch else []
    units = [_line(one) for one in shown.lines]
    return _parted(head, units, foot, Buttons(shown.review, place.mode), shown.buttons, place, page=shown.page)


def _single(shown: Single, place: Place) -> Json:
    notice = " ".join(filter(None, [place.notice, shown.notice]))
    head = [*banner(notice), line(brief(shown.place, 300, isSubtle=True), spacing="Small")]
    head.append(_heading(shown.details.title))
    units = [[block] for block in details_blocks(shown.details)]
    return _parted(head, units, [], Buttons(shown.review, place.mode, single=shown.mark), shown.buttons, place)


def _parted(
    head: list[Json],
    units: list[list[Json]],
    foot: list[Json],
    buttons: Buttons,
    offered: Sequence[MoveButton],
    place: Place,
    *,
    page: int = 0,
) -> Json:
    """The part that is asked for, of as many as it takes. What decides or leads further stands on the last one, where
    nothing is left to be seen, and before the ways out.
    """
    leading = [one for one in offered if one.move in LEAVES or _is_back(one, page)]
    deciding = [buttons.made(one, inputs=True) for one in offered if one not in leading]
    ways = [*(buttons.made(one) for one in leading), *buttons.leaving(place)]
    turns = [buttons.other("part", "Next part", part=99_999), buttons.other("part", "Previous part", part=99_999)]
    frame = [*head, *foot, *row(deciding)]
    parts = sheets(units, LIMIT - size(document([*frame, *row(ways)], [])) - SLACK)
    if len(parts) > 1:  # turning them takes room of its own
        frame += note(_PART.format(99_999, 99_999))
        parts = sheets(units, LIMIT - size(document([*frame, *row([*turns, *ways])], [])) - SLACK)
    at = min(max(place.part, 0), len(parts) - 1)
    last = at + 1 == len(parts)
    body = [*head, *parts[at]]
    if len(parts) > 1:
        body += note(_PART.format(at + 1, len(parts)))
    if last:
        body += [*foot, *row(deciding)]
    between: list[Json] = [] if last else [buttons.other("part", "Next part", part=at + 1)]
    between += [buttons.other("part", "Previous part", part=at - 1)] if at else []
    return document([*body, *row([*between, *ways])], [])


def _is_back(button: MoveButton, page: int) -> bool:
    """Whether it turns to an earlier page."""
    return button.move == "turn" and button.key.isdecimal() and int(button.key) < page


def _count(page: int, pages: int) -> str:
    return f" · page {page + 1} of {pages}" if pages > 1 else ""


def _by_risk(lines: Sequence[Line]) -> Iterator[list[Json]]:
    """They come by risk, so it is said once for all that follow: saying it on each would take the room of a card."""
    for before, one in zip((None, *lines), lines, strict=False):
        if before is None or before.risk != one.risk:
            word, colour = RISKS[one.risk] if one.risk else ("No risk stated", "Default")
            yield [line(runs(word, weight="Bolder", color=colour), spacing="Medium")]
        yield _line(one)


def _line(one: Line) -> list[Json]:
    """One request, whole."""
    title, text, digest = joined(one.title), joined(one.text), f"{GAP}{one.digest}" if one.digest else ""
    found = runs(title, weight="Bolder")
    if one.risk in ("high", "critical"):
        word, colour = RISKS[one.risk]
        found += runs(GAP + word, color=colour)
    found += runs(f"{GAP if title else ''}{text}{digest}" if text else digest)
    if one.said:
        found += runs(GAP + joined(one.said), color=TONES[one.tone], weight="Bolder")
    return [line(found or runs(" "), spacing="Small")]


def home(shown: Home, notice: str = "") -> Json:
    """Somebody's own page, at most LIMIT bytes."""
    built: Json = {}
    for room in (4000, 1200, 500, 250, 120, 60):
        body = [*banner(notice), _heading(shown.heading)]
        body.append(line(brief(shown.counts, 1500, isSubtle=True) or runs(" "), spacing="Small"))
        for section in shown.sections:
            items = [line(brief(section.title, 300, weight="Bolder"))]
            items += [line(brief(text, room) or runs(" "), spacing="Small") for text in section.lines]
            items += note(f"… and {section.more} more.") if section.more else []
            body.append({"type": "Container", "separator": True, "spacing": "Medium", "items": items})
        actions = [execute("pending", "Review", {"review": ""}, "positive")] if shown.waiting else []
        built = document(body, [*actions, execute("home", "Look again", {"review": ""})])
        if size(built) <= LIMIT:
            break
    return built


def gone(sentence: str, place: Place) -> Json:
    """The review is no longer there: a way to a new one."""
    buttons = Buttons("", place.mode)
    actions = [buttons.other("pending", "Open the list")]
    actions += [buttons.other("close", "Back to the card")] if place.over and place.mode == "inline" else []
    return document(banner(sentence), actions)
