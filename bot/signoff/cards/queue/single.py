"""One request in full, and the next one a button away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from signoff.cards.buttons import LABELS, buttons
from signoff.cards.card import details
from signoff.cards.queue.marks import DONE, Code, words
from signoff.cards.queue.said import heading
from signoff.cards.screens import MoveButton, Single
from signoff.cards.types import Action, Fact
from signoff.model import Clean, Request

BARRED: frozenset[Code] = frozenset(
    {"own", "expired", "already_decided", "not_allowed", "frozen", "not_found", "already_voted", "away", "unavailable"}
)
"""What keeps this person from deciding it at all, not only along with others."""
FORMS: dict[Action, str] = {"confirm": "confirm", "edit": "edit", "reject": "reject", "respond": "respond"}
"""Action → purpose of the form."""
SKIP = MoveButton("skip", "", "Skip")
BACK = MoveButton("back", "", "Previous")
TO_LIST = MoveButton("list", "", "Back to the list")


def single(
    *,
    review: str,
    key: str,
    request: Request,
    code: Code,
    who: str,
    names: Mapping[str, str],
    place: int,
    of: int,
    notice: str | None = None,
    mark: str = "",
) -> Single:
    """The request as it is now.

    `key`: the entry's, `r12`. `code`: what stands against deciding it; whoever may not decide it is offered no decision
    and told why. `who` and `names`: as for `details`. `place`: from 1. `notice`: what came of the one before (`came`).
    """
    shown = details(request, who=who, names=names)
    moves: tuple[MoveButton, ...] = ()
    if code in BARRED and request.open:
        why = Fact("You cannot decide this", words(code, request, names))
        shown = replace(shown, facts=(why, *shown.facts), buttons=())
    else:
        moves = tuple(_moves(request))
    ways = (SKIP, *((BACK,) if place > 1 else ()), TO_LIST)
    return Single(review, key, f"{place:,} of {max(of, place):,}", shown, notice, (*moves, *ways), mark)


def _moves(request: Request) -> list[MoveButton]:
    found: list[MoveButton] = []
    # All of it is on this screen, so nothing is withheld (I11).
    for button in buttons(request, withheld=False):
        if button.action == "approve":
            found.append(MoveButton("decide", "approve", LABELS["approve"], button.style))
        elif button.action in FORMS:
            found.append(MoveButton("form", FORMS[button.action], button.label, button.style))
    return found


def came(code: Code, request: Request, names: Mapping[str, str]) -> str:
    """What came of one, for the notice on the next: `Approved: Refund A-1001`."""
    title = heading(request, Clean(request))
    if code == "voted":
        return f"Your vote counts, others are still asked: {title}"
    if code in DONE:
        said = {"edit": "Approved with changes", "respond": "Answered", "reject": "Rejected"}
        return (
            f"{said.get(request.decision.kind, 'Approved') if request.decision else words(code, None, names)}: {title}"
        )
    return f"Not decided: {title} ({words(code, request, names)})"
