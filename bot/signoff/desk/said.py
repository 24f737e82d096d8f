"""What an answer says: forms out, typed or typed-in values back, checked against schema and `editable`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from signoff import forms
from signoff.errors import Invalid
from signoff.model import Answer, Request


def form(request: Request, purpose: forms.Purpose, offers: Collection[str] = ()) -> forms.Form:
    """The form for one purpose. `offers`: what a `more` form has to offer to this person."""
    make: Mapping[str, Callable[[Request], forms.Form]] = {
        "edit": forms.edit_form,
        "edit_json": forms.json_form,
        "reject": forms.reject_form,
        "respond": forms.response_form,
        "confirm": forms.confirm_form,
    }
    return forms.more_form(request, offers) if purpose == "more" else make[purpose](request)


def subject(request: Request, purpose: forms.Purpose) -> tuple[object, dict[str, object] | None]:
    """What a form fills in: the value it starts from and the schema of the result."""
    if purpose in {"edit", "edit_json"}:
        return request.arguments, request.schema_
    return None, request.response_schema


def arguments(request: Request, answer: Answer) -> dict[str, object]:
    """The whole arguments of an edit. Raises Invalid."""
    if answer.arguments is not None:
        forms.check_edit(request, answer.arguments)
        return answer.arguments
    if answer.entries is None:
        raise Invalid({"/arguments": "An edit needs the new arguments."})
    purpose: forms.Purpose = "edit_json" if "" in answer.entries else "edit"
    filled = forms.fill(form(request, purpose), request.arguments, request.schema_, answer.entries)
    if not isinstance(filled, dict):
        raise Invalid({"": "The arguments must be a JSON object."})
    edited: dict[str, object] = dict(filled)
    forms.check_edit(request, edited)
    return edited


def response(request: Request, answer: Answer) -> object:
    """The answer to a question. Raises Invalid."""
    if answer.entries is not None:
        return forms.fill(form(request, "respond"), None, request.response_schema, answer.entries)
    if answer.response is None:
        raise Invalid({"/response": "An answer needs a response."})
    if request.response_schema is not None:
        faults = forms.validate(request.response_schema, answer.response, request.terms.secret)
        if faults:
            raise Invalid({"/response" + pointer: text for pointer, text in faults.items()})
    return answer.response


def reason(request: Request, typed: Mapping[str, str]) -> str | None:
    """Why something is rejected. Raises Invalid."""
    asked = form(request, "reject")
    unknown = set(typed) - {field.key for field in asked.fields}
    if unknown:
        raise Invalid(dict.fromkeys(sorted(unknown), "This form has no such field."))
    return forms.reason(asked, typed) or None


def check_confirm(request: Request, answer: Answer) -> None:
    """What the rule wants typed before this is let run. Raises Invalid."""
    if request.terms.confirm is None:
        return
    if answer.entries is not None:
        forms.check_confirm(request, answer.entries.get("confirm"))
        return
    try:
        forms.check_confirm(request, answer.confirm)
    except Invalid as error:
        raise Invalid({"/confirm": next(iter(error.fields.values()))}) from None
