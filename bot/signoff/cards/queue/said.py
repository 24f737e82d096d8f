"""Counts and titles in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from signoff.cards.plain import fit
from signoff.model import RISKS, Clean, Request, one_line

TITLE = 80
"""Characters."""
TOOL = 40
"""Characters of a tool's name before a title."""
UNRISKY = "with no risk stated"


def many(count: int, noun: str, plural: str | None = None) -> str:
    """`1 request`, `1,200 requests`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def by_risk(risk: Mapping[str, int]) -> str:
    """`1 critical · 4 high · 82 low`. "" stands for no risk; "" when nothing is counted."""
    found = [(level or UNRISKY, risk.get(level or "", 0)) for level in RISKS]
    return " · ".join(f"{count:,} {word}" for word, count in found if count > 0)


def short(text: str, limit: int) -> str:
    """One line of at most so many characters, weighing at most six times as much."""
    kept, left = fit(text, limit, 6 * limit)
    if not left:
        return kept
    return fit(text, limit - 1, 6 * limit - 6)[0] + "…"


def heading(request: Request, clean: Clean, limit: int = TITLE) -> str:
    """Its title, safe to read."""
    return short(clean.line(request.heading) or one_line(request.tool) or request.id, limit)


def called(request: Request, clean: Clean) -> str:
    """Its tool and its title, where it stands by itself: a title is the agent's own words, the tool is what runs."""
    title, tool = heading(request, clean), short(one_line(request.tool), TOOL)
    return title if not request.title or title == tool else short(f"{tool}: {title}", TITLE)


def digest(request: Request) -> str:
    """The first eight hexadecimal digits."""
    return request.digest.removeprefix("sha256:")[:8]
