"""The labelled lines of a card before its arguments, and every change of the arguments."""

from __future__ import annotations

from signoff.cards.rows import choices_text, text_of
from signoff.cards.types import Fact
from signoff.model import Clean, Request, changes, mask, one_line, steps, visible

QUOTE = "│ "
MODES = {
    "shadow": "Shadow: the rules only watch, and calls are approved without asking anybody.",
    "off": "Off: the rules are not looked at, and calls are approved without asking anybody.",
}
ALL_THE_SAME = " This one has to be decided all the same."


def facts(request: Request, clean: Clean) -> list[Fact]:
    """What it is and what the agent says about it."""
    lines = (("Tool", request.tool), ("Agent", request.agent), ("On behalf of", request.on_behalf_of))
    texts = (
        ("Description", request.description),
        ("Why", request.reason),
        ("Impact", request.impact),
        ("Rollback", request.rollback),
    )
    found: list[Fact] = []
    if mode := MODES.get(request.terms.mode):
        found.append(Fact("Mode", mode + (ALL_THE_SAME if request.open else "")))
    # Tool, agent and person are what is decided about: they are shown as sent, even where they repeat a secret.
    found += [Fact(label, one_line(text)) for label, text in lines if text]
    found += [Fact(label, said) for label, text in texts if text and (said := quoted(clean.text(text)))]
    if "respond" in request.allowed_decisions and (choices := choices_text(request.response_schema, clean)):
        found.append(Fact("Choices", choices))
    # What the policy says is never searched for secrets, or an agent could blank it out by making it one.
    return [*found, Fact("Note", visible(request.terms.note))] if request.terms.note else found


def quoted(text: str) -> str:
    """Text of several lines with a bar before each, so that no line of it can pass for one of ours."""
    return QUOTE + text.replace("\n", f"\n{QUOTE}") if "\n" in text else text


def first_arguments(request: Request) -> dict[str, object]:
    return request.versions[0].arguments if request.versions else request.arguments


def changed(request: Request, clean: Clean) -> list[Fact]:
    """Every difference from what the agent first asked, for the details."""
    first = first_arguments(request)
    hidden = clean.hidden(first) | clean.hidden(request.arguments)
    found: list[Fact] = []
    for change in changes(mask(first, hidden), mask(request.arguments, hidden)):
        before, after = text_of(change.from_), text_of(change.to)
        found.append(Fact(f"Changed {one_line('/'.join(steps(change.path)))}", f"{before} → {after}"))
    return found
