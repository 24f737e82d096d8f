"""What can be clicked, and when the approval is withheld from the card (I11)."""

from __future__ import annotations

from signoff.cards.head import is_notice, risk
from signoff.cards.types import Action, Button
from signoff.model import Request, editable_names

LABELS: dict[Action, str] = {
    "approve": "Approve",
    "confirm": "Approve…",
    "respond": "Answer…",
    "edit": "Edit…",
    "reject": "Reject…",
    "details": "Details",
    "more": "More…",
}


def offers_approval(request: Request) -> bool:
    return request.open and request.frozen is None and "approve" in request.allowed_decisions


def withholds(request: Request, *, whole: bool) -> bool:
    """Whether the approval is left off the card. `whole`: every argument is on it, and all of it."""
    return offers_approval(request) and not whole and risk(request) in {"high", "critical"}


def approval(request: Request) -> tuple[Button, ...]:
    """The button that approves, if one is offered; where the rule asks to type, it opens the form."""
    action: Action = "approve" if request.terms.confirm is None else "confirm"
    return (Button(action, LABELS[action], "primary"),) if offers_approval(request) else ()


def buttons(request: Request, *, withheld: bool) -> tuple[Button, ...]:
    details = Button("details", LABELS["details"])
    if not request.open or request.frozen is not None or is_notice(request):
        return (details,)
    allowed = request.allowed_decisions
    found = [*(() if withheld else approval(request))]
    if "respond" in allowed:
        found.append(Button("respond", LABELS["respond"], "plain" if offers_approval(request) else "primary"))
    if "edit" in allowed and editable_names(request):
        found.append(Button("edit", LABELS["edit"]))
    if "reject" in allowed:
        found.append(Button("reject", LABELS["reject"], "danger"))
    return (*found, details, Button("more", LABELS["more"]))
