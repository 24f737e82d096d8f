"""From a half-filled form to its JSON text: what was typed goes along."""

from __future__ import annotations

from collections.abc import Mapping

from signoff.forms.build import json_form
from signoff.forms.fill import edited
from signoff.forms.types import Form
from signoff.model import Request, editable_names, mask, one_line, pretty, secret_pointers


def carry(request: Request, form: Form, entries: Mapping[str, str]) -> tuple[str, str]:
    """What the JSON text of an edit starts with when `entries` were typed into `form`, and what is not in it.

    The second text is a sentence for the person; "" when all of it could be read. The schema is not asked: that is
    done when the arguments are sent.
    """
    value, faults = edited(form, request.arguments, request.schema_, entries)
    start = json_form(request).fields[0].initial
    lost = [f"{one_line(field.label)} ({faults[field.key]})" for field in form.fields if field.key in faults]
    said = f"What was typed here is not in the JSON, because it cannot be read: {'; '.join(lost)}" if lost else ""
    if value == request.arguments:
        return start, said
    shown = mask(value, secret_pointers(request.arguments, request.schema_, request.terms.secret))
    names = editable_names(request)
    known = shown if isinstance(shown, dict) else {}
    return pretty({name: item for name, item in known.items() if name in names}), said
