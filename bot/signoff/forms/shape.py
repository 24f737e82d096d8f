"""From a schema and the value that stands there to the kind of input.

The same shape is worked out when the form is made and when it comes back, so nothing of it has to travel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from signoff.forms.types import FieldKind, Option
from signoff.model import one_line, same, seen, shorten, visible
from signoff.model.schema import Node, resolve, several

LONG = 120
"""Characters from which on a text gets several lines."""
WIDE = 200
"""`maxLength` above which a text gets several lines."""
MAX_OPTIONS = 1000
LABEL = 150
"""Characters of an option's label."""

_FORMATS: dict[str, FieldKind] = {
    "date": "date",
    "time": "time",
    "date-time": "datetime",
    "email": "email",
    "idn-email": "email",
    "uri": "url",
    "iri": "url",
}
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:00(\.0+)?)?([Zz]|[+-]\d\d:\d\d)?")

_TYPE_OF: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    Decimal: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}


class Absent:
    """No value at all, which is not null."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Shape:
    kind: FieldKind
    schema: Node
    """Resolved: references followed, the `null` of an optional left out."""
    nullable: bool = False
    values: tuple[object, ...] = ()
    """Of a choice."""
    options: tuple[Option, ...] = ()


def shape(schema: object, root: Node, value: object) -> Shape:
    """`value` as it will be shown (secrets masked), or ABSENT."""
    resolved = resolve(schema, root)
    nullable = resolved.get("const", ABSENT) is None
    branches = [resolve(branch, root) for key in ("anyOf", "oneOf") for branch in several(resolved.get(key))]
    if branches:
        rest = {key: item for key, item in resolved.items() if key not in {"anyOf", "oneOf"}}
        real = [branch for branch in branches if branch.get("type") != "null" and branch.get("const", 0) is not None]
        nullable = len(real) < len(branches)
        if real and all("const" in branch for branch in real):
            titles = [str(branch.get("title") or "") for branch in real]
            return _choice([branch["const"] for branch in real], titles, rest, nullable, value)
        fitting = [branch for branch in real if _allows(branch, value)]
        chosen = (fitting or real)[0] if len(real) == 1 or (fitting and value is not ABSENT) else {}
        resolved = {**chosen, **rest}
        if len(real) > 1 and (not chosen or value is None):
            return Shape("json", resolved, nullable)
    types = resolved.get("type")
    names = [str(item) for item in several(types)] or ([str(types)] if types else [])
    if "null" in names:
        nullable = True
        names.remove("null")
    if several(resolved.get("enum")):
        found = _choice(several(resolved["enum"]), [], resolved, nullable, value)
        if found.kind == "choice":
            return found
    elif "const" in resolved and resolved["const"] is not None:
        return _choice([resolved["const"]], [], resolved, nullable, value)
    return Shape(_kind(names, resolved, root, value), resolved, nullable)


def _allows(schema: Node, value: object) -> bool:
    types = schema.get("type")
    names = several(types) or ([types] if types else [])
    actual = _TYPE_OF.get(type(value), "")
    return not names or actual in names or (actual == "integer" and "number" in names)


def _choice(values: list[object], titles: list[str], schema: Node, nullable: bool, value: object) -> Shape:
    if len(values) > MAX_OPTIONS or (value not in (ABSENT, None) and not any(same(value, item) for item in values)):
        return Shape("text" if isinstance(value, str) and "\n" not in visible(value) else "json", schema, nullable)
    options: list[Option] = []
    for index, item in enumerate(values):
        # The string "1" beside the number 1 keeps its quotes.
        plain = isinstance(item, str) and not any(seen(x) == item for x in values if not isinstance(x, str))
        label = str(item) if plain else seen(item)
        text, hidden = shorten(one_line(label), LABEL - 1)
        if titles and (title := one_line(titles[index]).strip()) and title.lower() != label.lower() and not hidden:
            # Never the title alone: one that says 40 could stand for 4000.
            text = f"{shorten(title, max(LABEL - 4 - len(text), 0))[0]} ({text})"
        options.append(Option(str(index), text + ("…" if hidden else "") or "(empty)"))
    return Shape("choice", schema, nullable, tuple(values), tuple(options))


def _kind(names: list[str], schema: Node, root: Node, value: object) -> FieldKind:
    present = value is not ABSENT and value is not None
    actual = _TYPE_OF.get(type(value), "") if present else ""
    if not names:
        # Without a schema a whole number may well become a fraction.
        expected = actual if actual != "integer" else "number"
    elif len(names) == 1 or not present:
        expected = names[0] if len(names) == 1 else ""
    else:
        expected = "number" if actual == "integer" and "integer" not in names else actual
    if present and actual != expected and (actual, expected) not in {("integer", "number"), ("number", "integer")}:
        return "json"
    if expected == "string":
        return _text_kind(schema, value if isinstance(value, str) else None)
    if expected == "boolean":
        return "boolean"
    if expected == "integer":
        return "integer"
    if expected == "number":
        return "number"
    if expected == "array" and _is_lines(schema, root, value if present else []):
        return "list"
    return "json"


def _text_kind(schema: Node, value: str | None) -> FieldKind:
    kind = _FORMATS.get(str(schema.get("format")))
    if kind is not None and (value is None or _holds(kind, value)):
        return kind
    limit = schema.get("maxLength")
    wide = schema.get("format") == "textarea" or (isinstance(limit, int | float) and limit > WIDE)
    if wide or (value is not None and (len(value) > LONG or "\n" in value)):
        return "paragraph"
    return "text"


def _holds(kind: FieldKind, value: str) -> bool:
    """Whether an input of this kind can start with this value without losing any of it."""
    if value == "" or visible(value) != value or "\n" in value:
        return False
    try:
        if kind == "date":
            return date.fromisoformat(value).isoformat() == value
        if kind == "datetime":
            return "T" in value and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
    return kind != "time" or _TIME.fullmatch(value) is not None


def _is_lines(schema: Node, root: Node, value: object) -> bool:
    items = resolve(schema.get("items"), root)
    if "items" in schema and items.get("type") != "string":
        return False
    if "prefixItems" in schema or ("items" not in schema and not value):
        return False
    texts = several(value)
    return all(isinstance(t, str) and t == t.strip() != "" and "\n" not in visible(t) and "\r" not in t for t in texts)
