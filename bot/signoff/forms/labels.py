"""The words around an input, from the schema."""

from __future__ import annotations

from decimal import Decimal

from signoff.forms import sentences
from signoff.forms.shape import LABEL, Shape
from signoff.model import one_line, shorten, visible
from signoff.model.schema import Node, resolve

HINT = 500
"""Characters of a description shown as a hint."""


def hint(of: Shape) -> str:
    """Description and bounds, as sentences."""
    schema, parts = of.schema, list[str]()
    description = schema.get("description")
    if isinstance(description, str) and description.strip():
        text, hidden = shorten(visible(description.strip()), HINT)
        parts.append(text + ("…" if hidden else "" if text[-1] in ".!?:…" else "."))
    low, high = schema.get("minimum"), schema.get("maximum")
    if of.kind in {"number", "integer"} and _numeric(low) and _numeric(high):
        parts.append(f"Between {sentences.quoted(low)} and {sentences.quoted(high)}.")
    elif of.kind in {"number", "integer"}:
        parts += [sentences.limit(k, schema[k]) for k in ("minimum", "maximum") if _numeric(schema.get(k))]
    bounds = {
        "number": ("exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        "integer": ("exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        "text": ("maxLength",),
        "paragraph": ("maxLength",),
        "list": ("minItems", "maxItems"),
    }
    parts += [sentences.limit(k, schema[k]) for k in bounds.get(of.kind, ()) if _numeric(schema.get(k))]
    extra = {"list": "One a line.", "json": "As JSON.", "time": "Hours and minutes, like 14:30."}
    if of.kind in extra:
        parts.append(extra[of.kind])
    return " ".join(parts)


def _numeric(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def title(schema: object, root: Node, name: str) -> str:
    """The schema's title and the argument's name: a title alone could call one argument by another's name."""
    found, name = whole_title(schema, root), shorten(one_line(name), LABEL)[0]
    # pydantic and others make titles out of names ("Card Token"); then the name itself says more.
    if not found or found.replace(" ", "_").lower() == name.lower():
        return name
    room = LABEL - len(name) - 3
    return f"{shorten(found, room)[0]} ({name})" if room > 0 else name


def whole_title(schema: object, root: Node) -> str:
    """The schema's own title; "" if it has none."""
    found = resolve(schema, root).get("title")
    return shorten(one_line(found.strip()), LABEL)[0] if isinstance(found, str) else ""
