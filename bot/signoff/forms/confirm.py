"""Approving by typing what the rule asks for."""

from __future__ import annotations

import unicodedata

from signoff.errors import Invalid
from signoff.forms.build import heading, shown_arguments, values
from signoff.forms.types import Field, Form
from signoff.model import Clean, Request, one_line, shorten

LABEL = 60
"""Characters of a text that the label quotes; a longer one stands above the field."""
QUOTED = 300
"""Characters of it in a sentence."""


def confirm_form(request: Request) -> Form:
    """One field, for the text that has to be typed, below what is approved: no card may be in sight then."""
    risk = request.terms.risk or request.risk
    about = f"{one_line(request.tool)}, {risk} risk" if risk else one_line(request.tool)
    field, above = typed_field(request)
    notes = (about, *values(shown_arguments(request)), *above)
    return Form(request.id, request.version, "confirm", heading("Approve", request), "Approve", (field,), notes)


def typed_field(request: Request) -> tuple[Field, tuple[str, ...]]:
    """Where the text is typed, and what has to stand above the fields when its label cannot quote it."""
    text = _shown(request)
    # Chats draw labels with single blanks, and one of them takes two braces for a function.
    plain = len(text) <= LABEL and text == " ".join(text.split()) and "{{" not in text
    field = Field("confirm", f"Type {f'“{text}”' if plain else 'the text above'} to approve", "text", required=True)
    return field, () if plain else (f"To approve, type: {text}",)


def check_confirm(request: Request, typed: str | None) -> None:
    """Raises Invalid unless what has to be typed was typed: letter for letter, but for blanks around it."""
    if request.terms.confirm is None:
        return
    if not (typed or "").strip():
        raise Invalid({"confirm": f"To approve, type {_quoted(request)}."})
    if _normal(typed or "") != _normal(_wanted(request)):
        raise Invalid({"confirm": f"This is not what has to be typed; type exactly {_quoted(request)}."})


def _wanted(request: Request) -> str:
    # A rule that asks for an argument is not met by leaving the argument blank.
    return (request.terms.confirm or "").strip() or request.tool


def _normal(text: str) -> str:
    """As it is seen: invisible characters can only be typed the way the form shows them."""
    return unicodedata.normalize("NFC", one_line(text.strip()))


def _shown(request: Request) -> str:
    return Clean(request).line(_wanted(request))


def _quoted(request: Request) -> str:
    text, left = shorten(_shown(request), QUOTED)
    return f"“{text}{'…' if left else ''}”"
