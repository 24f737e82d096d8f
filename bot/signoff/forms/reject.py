"""Saying no: why, and what the agent may do then."""

from __future__ import annotations

from collections.abc import Mapping

from signoff.errors import Invalid
from signoff.forms.build import heading
from signoff.forms.entry import normal
from signoff.forms.types import Field, Form, Option
from signoff.model import Request, Retry, one_line

MAX_REASON = 10_000
"""Characters."""
RETRIES: dict[Retry, str] = {
    "never": "not try this again",
    "with_changes": "try again with changes",
    "ask": "ask the same again later",
}


def reject_form(request: Request) -> Form:
    """The rule's reasons, if it names any, free text, and what the agent may do then."""
    fields: tuple[Field, ...] = ()
    if request.terms.reasons:
        options = tuple(Option(str(index), one_line(text)) for index, text in enumerate(request.terms.reasons))
        fields = (Field("preset", "Reason", "choice", options=options),)
    message = Field(
        "message",
        "In your own words" if fields else "Reason",
        "paragraph",
        hint="The agent reads this; say what it should do instead.",
    )
    otherwise = f"If nothing is chosen: {RETRIES['never']}."
    if request.terms.reasons and request.terms.retries:
        otherwise = f"If nothing is chosen: what goes with the reason, else {RETRIES['never']}."
    after = Field(
        "retry",
        "The agent may",
        "choice",
        hint=otherwise,
        options=tuple(Option(value, label) for value, label in RETRIES.items()),
    )
    return Form(request.id, request.version, "reject", heading("Reject", request), "Reject", (*fields, message, after))


def reason(form: Form, entries: Mapping[str, str]) -> str:
    """What the agent reads after a rejection: the chosen reason and the free text. "" if neither was given."""
    said: list[str] = []
    presets = next((field.options for field in form.fields if field.key == "preset"), ())
    chosen = entries.get("preset", "").strip()
    if chosen:
        label = next((option.label for option in presets if option.value == chosen), None)
        if label is None:
            raise Invalid({"preset": "Choose one of the offered reasons."})
        said.append(label)
    message = normal(entries.get("message", "")).strip()
    if len(message) > MAX_REASON:
        raise Invalid({"message": f"At most {MAX_REASON} characters."})
    if message:
        said.append(message)
    return ": ".join(said)


def retry(request: Request, typed: Mapping[str, str]) -> Retry:
    """What the agent may do after a rejection: as chosen, else what goes with the preset reason, else `never`.

    Raises Invalid.
    """
    chosen = typed.get("retry", "").strip()
    if chosen in RETRIES:
        return chosen
    if chosen:
        raise Invalid({"retry": "Choose one of what is offered."})
    reasons = {str(index): text for index, text in enumerate(request.terms.reasons)}
    return request.terms.retries.get(reasons.get(typed.get("preset", "").strip(), ""), "never")
