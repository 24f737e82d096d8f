"""Forms from requests. Secret, fixed and read-only arguments are never fields."""

from __future__ import annotations

from signoff.forms import sentences
from signoff.forms.entry import default, initial
from signoff.forms.labels import hint, title, whole_title
from signoff.forms.shape import ABSENT, shape
from signoff.forms.types import Field, Form
from signoff.model import (
    MASK,
    Clean,
    Request,
    editable_names,
    escape,
    mask,
    one_line,
    pretty,
    secret_pointers,
    seen,
    shorten,
)
from signoff.model.editable import is_fixed
from signoff.model.schema import Node, mapping, properties, resolve, several

MAX_FIELDS = 100
"""Above this the arguments are edited as one JSON text."""
MAX_NOTES = 20
NOTE = 200
"""Characters of a fixed value above the form."""
TITLE = 150
"""Characters."""


def shown_arguments(request: Request) -> dict[str, object]:
    """The arguments as a form may show them: secrets masked."""
    secret = secret_pointers(request.arguments, request.schema_, request.terms.secret)
    shown = mask(request.arguments, secret)
    return dict(mapping(shown))


def edit_form(request: Request) -> Form:
    """One field for each editable argument, in the schema's order; one JSON text when there are too many."""
    names = editable_names(request)
    if len(names) > MAX_FIELDS:
        return json_form(request)
    root: Node = request.schema_ or {}
    shown = shown_arguments(request)
    fields = tuple(_field(f"/{escape(name)}", name, root, shown.get(name, ABSENT)) for name in names)
    return Form(
        request.id,
        request.version,
        "edit",
        heading("Edit", request),
        "Approve with changes",
        fields,
        _notes(shown, names),
    )


def json_form(request: Request) -> Form:
    """All editable arguments as one JSON text."""
    names = editable_names(request)
    shown = shown_arguments(request)
    text = pretty({name: shown[name] for name in shown if name in names})
    field = Field("", "Arguments", "json", required=True, hint="The arguments as a JSON object.", initial=text)
    notes = _notes(shown, names)
    if MASK in text:
        notes = (*notes, f"{MASK} stands for secret values; leave it where it is.")
    return Form(
        request.id, request.version, "edit_json", heading("Edit", request), "Approve with changes", (field,), notes
    )


def response_form(request: Request) -> Form:
    """The fields of `response_schema`; one text when there is none."""
    fields: tuple[Field, ...]
    schema = request.response_schema
    if schema is None:
        fields = (Field("", "Answer", "paragraph", required=True),)
    elif (declared := response_properties(schema)) is not None:
        fields = tuple(_field(f"/{escape(name)}", name, schema, ABSENT, declared[name]) for name in declared)
    else:
        whole = shape(schema, schema, ABSENT)
        label = whole_title(schema, schema) or "Answer"
        fields = (
            Field(
                "",
                label,
                whole.kind,
                not whole.nullable,
                hint(whole),
                default(whole, schema, schema),
                whole.options,
            ),
        )
    return Form(request.id, request.version, "respond", heading("Answer", request), "Send answer", fields)


def response_properties(schema: Node) -> dict[str, object] | None:
    """The properties an answer is asked for one by one; None when it is asked for as a whole."""
    declared = {name: item for name, item in properties(schema).items() if not is_fixed(item, schema)}
    is_object = resolve(schema, schema).get("type", "object") == "object"
    return declared if is_object and declared and len(declared) <= MAX_FIELDS else None


def required_names(root: Node) -> frozenset[str]:
    return frozenset(str(name) for name in several(resolve(root, root).get("required")))


def _field(key: str, name: str, root: Node, value: object, schema: object = None) -> Field:
    schema = properties(root).get(name) if schema is None else schema
    found = shape(schema, root, value)
    return Field(
        key=key,
        label=title(schema, root, name),
        kind=found.kind,
        required=name in required_names(root) and not found.nullable,
        hint=hint(found),
        initial=default(found, schema, root) if value is ABSENT else initial(found, value),
        options=found.options,
    )


def heading(verb: str, request: Request) -> str:
    """A form's title."""
    return f"{verb}: {shorten(Clean(request).line(request.heading), TITLE)[0]}"


def values(shown: dict[str, object], rest: str = "") -> list[str]:
    """Arguments above a form, each with its value; `rest` ends the count of those left out."""
    notes: list[str] = []
    for name, value in list(shown.items())[:MAX_NOTES]:
        text, hidden = shorten(MASK if value == MASK else seen(value), NOTE)
        notes.append(f"{shorten(one_line(name), NOTE)[0]}: {text}" + (f"… (+{hidden})" if hidden else ""))
    if len(shown) > MAX_NOTES:
        notes.append(f"… and {len(shown) - MAX_NOTES} more{rest}.")
    return notes


def _notes(shown: dict[str, object], editable: tuple[str, ...]) -> tuple[str, ...]:
    """What is fixed and not asked."""
    fixed = {name: value for name, value in shown.items() if name not in editable}
    notes = values(fixed, " that cannot be changed")
    if not editable:
        notes.append(f"Nothing here can be changed. {sentences.NOTHING_EDITABLE}")
    return tuple(notes)
