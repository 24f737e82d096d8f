"""Arguments as a table: types kept apart, long values shortened, changed ones with what they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, cast

from signoff.cards.plain import SIGN, fit, weight
from signoff.cards.types import Row
from signoff.model import MASK, Clean, escape, mask, one_line, same, seen, visible, within
from signoff.model.schema import Node, resolve, several

MAX_ROWS = 20
MAX_VALUE = 300
"""Characters of one value."""
MAX_NAME = 80
"""Characters of an argument's name."""
ROOM = 5000
"""Weight (see `plain.weight`) of all rows together."""
LEAST = 40
"""Characters of a value below which rows are left out rather than shortened further."""
CONTEXT = 40
"""Characters shown before the first difference of two long values."""

RowKind = Literal["text", "number", "boolean", "null", "list", "object", "secret"]


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[Row, ...]
    hidden: int
    """How many arguments are not shown at all."""
    whole: bool
    """Every argument is there, and all of it: name, value, and what the value was before."""


@dataclass(frozen=True, slots=True)
class _Full:
    """A row before it is shortened."""

    name: str
    kind: RowKind
    text: str
    before: str | None
    named: bool = True
    """The name is whole."""


@dataclass(frozen=True, slots=True)
class _Cut:
    row: Row
    whole: bool


def table(before: Node, after: Node, clean: Clean) -> Table:
    """The arguments as rows. `before` is `after` when nothing was edited."""
    names = list(dict.fromkeys((*after, *before)))
    if len(names) > MAX_ROWS:
        # What was changed must be seen even when there are too many arguments to show all of them.
        names.sort(key=lambda name: name in before and name in after and same(before[name], after[name]))
    hidden = clean.hidden(before) | clean.hidden(after)
    shown = [_full(name, before, after, hidden) for name in names[:MAX_ROWS]]
    limit = MAX_VALUE
    while limit > LEAST and sum(_row_weight(_cut(row, limit, ROOM).row) for row in shown) > ROOM:
        limit //= 2
    left, made = ROOM, list[_Cut]()
    for row in shown:
        drawn = _cut(row, max(limit, LEAST), left)
        left -= _row_weight(drawn.row)
        if left < 0:
            break
        made.append(drawn)
    missing = len(names) - len(made)
    return Table(tuple(drawn.row for drawn in made), missing, not missing and all(drawn.whole for drawn in made))


def kind_of(value: object) -> RowKind:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"


def text_of(value: object) -> str:
    """A value as a person reads it: text in quotes, with its line breaks, everything else as JSON."""
    if not isinstance(value, str):
        return seen(value)
    quoted = visible(value).replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return '"' + quoted.replace("\n", f"{SIGN}\n") + '"'


def _full(name: str, before: Node, after: Node, hidden: frozenset[str]) -> _Full:
    pointer = f"/{escape(name)}"
    label, left = fit(one_line(name) or '""', MAX_NAME, 6 * MAX_NAME)
    label += "…" if left else ""
    if any(within(pointer, secret) for secret in hidden):
        return _Full(label, "secret", MASK, None, not left)
    below = {secret.removeprefix(pointer) for secret in hidden if within(secret, pointer)}

    def shown(value: object) -> str:
        return text_of(mask(value, below))

    if name not in after:
        return _Full(label, "null", "(removed)", shown(before[name]), not left)
    changed = name not in before or not same(before[name], after[name])
    old = "" if name not in before else shown(before[name])
    return _Full(label, kind_of(after[name]), shown(after[name]), old if changed else None, not left)


def _cut(row: _Full, limit: int, room: int) -> _Cut:
    room = max(0, room - weight(row.name))
    if row.before is None:
        text, hidden = fit(row.text, limit, room)
        return _Cut(Row(row.name, row.kind, text, hidden), row.named and not hidden)
    if len(row.text) <= limit and len(row.before) <= limit:
        start = 0
    else:
        # Both begin a little before the place where they differ: else two long texts would look the same.
        start = max(0, _common(row.before, row.text) - CONTEXT)
    mark = "…" if start else ""
    was, rest = fit(row.before[start:], limit, room // 2)
    text, hidden = fit(row.text[start:], limit, room - room // 2)
    drawn = Row(row.name, row.kind, mark + text, hidden + start, mark + was + ("…" if rest else ""))
    return _Cut(drawn, row.named and not (start or rest or hidden))


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _row_weight(row: Row) -> int:
    return weight(row.name) + weight(row.text) + weight(row.before or "")


def answer_text(value: object) -> str:
    """A response: a single text as it is, several values one a line, anything nested as JSON."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        members = cast("Node", value)
        if all(not isinstance(item, Mapping | list) for item in members.values()):
            return "\n".join(f"{one_line(name)}: {text_of(item)}" for name, item in members.items())
    return seen(value)


def choices_text(schema: Node | None, clean: Clean) -> str:
    """What an answer is chosen from; "" when it is not."""
    choices = several(resolve(schema, schema).get("enum")) if schema is not None else []
    texts = [item for item in choices if isinstance(item, str) and item.strip() and "," not in item]
    # With a comma in one of them, or beside numbers, each is shown as it would be written in JSON.
    return ", ".join(clean.line(text) for text in (texts if len(texts) == len(choices) else map(seen, choices)))
