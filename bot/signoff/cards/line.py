"""A request's arguments on one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

from signoff.cards.rows import RowKind, kind_of, text_of
from signoff.model import MASK, Request, escape, one_line, secret_pointers, seen
from signoff.model.exact import dumps

LIMIT = 300
"""Characters of a line."""
LEAST = 16
"""Characters of a value below which arguments are left out rather than shortened further."""
NAME = 40
"""Characters of an argument's name."""
GAP = " · "
NONE = "(no arguments)"
"""No argument looks like this: names in parentheses are quoted."""
NO_SECRET: frozenset[str] = frozenset()
_PLAIN = re.compile(r"\w[\w.\-]*")


@dataclass(frozen=True, slots=True)
class Part:
    """One argument as it stands on a line."""

    name: str
    kind: RowKind
    text: str
    """Of a long value its beginning."""
    hidden: int
    """Characters left out of name and text."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The arguments as they stand on a line: as many as one could ever hold."""

    shown: tuple[Part, ...]
    hidden: int
    """Characters of all others."""


def arguments_line(request: Request, limit: int = LIMIT) -> tuple[str, int]:
    """`order "A-1001" · amount 25`, and how many characters are left out: 0 where all of it is there.

    At most `limit` characters. Secrets are masked, invisible characters made visible, line breaks marked, texts in
    quotes and numbers bare. Names that are no plain words are in quotes too, or one could read like two arguments.
    """
    return joined(parts(request.arguments, secrets_of(request), limit), limit)


def secrets_of(request: Request) -> frozenset[str]:
    """Pointers of what is secret in the arguments; where all of it is, of each argument."""
    found = secret_pointers(request.arguments, request.schema_, request.terms.secret)
    return frozenset(f"/{escape(name)}" for name in request.arguments) if "" in found else found


def parts(arguments: Mapping[str, object], secret: frozenset[str], limit: int = LIMIT) -> Parts:
    """The arguments one by one. What no line of `limit` characters holds is counted, but not drawn: agents may send a
    lot, and a list draws hundreds. `secret`: pointers.
    """
    most = limit // len(f"{GAP}a 1")
    of = by_argument(secret)
    pairs = iter(arguments.items())
    shown = tuple(_part(name, value, of.get(escape(name), NO_SECRET), limit) for name, value in islice(pairs, most))
    rest = dict(pairs)
    return Parts(shown, _size(rest, "", secret) if rest else 0)


def by_argument(pointers: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Secret pointers by the (escaped) name of the argument that they are in."""
    found: dict[str, set[str]] = {}
    for pointer in pointers:
        found.setdefault(pointer.split("/", 2)[1], set()).add(pointer)
    return {name: frozenset(inside) for name, inside in found.items()}


def joined(found: Parts, limit: int) -> tuple[str, int]:
    """Parts on one line. Long values give way first, so that no long one pushes out a short one."""
    if not found.shown:
        return NONE, 0
    texts = [part.text for part in found.shown]
    room = limit - sum(len(part.name) + 1 for part in found.shown) - len(GAP) * (len(texts) - 1)
    most = max(LEAST, _level([len(text) for text in texts], room))
    made: list[str] = []
    used, hidden = 0, found.hidden
    for index, part in enumerate(found.shown):
        text, left = cut(part.text, most)
        piece = f"{part.name} {text}"
        last = index == len(texts) - 1 and not found.hidden
        used += len(piece) + (len(GAP) if made else 0)
        if used + (0 if last else len(f"{GAP}…")) > limit:
            hidden += sum(len(one.name) + 1 + len(one.text) + one.hidden for one in found.shown[index:])
            made.append("…")
            break
        made.append(piece)
        hidden += part.hidden + left
    else:
        made += ["…"] if found.hidden else []
    return GAP.join(made), hidden


def cut(text: str, limit: int) -> tuple[str, int]:
    """At most `limit` characters of a value, its closing quote kept, and how many were left out."""
    if len(text) <= limit:
        return text, 0
    end = '…"' if text.startswith('"') else "…"
    kept = max(1, limit - len(end))
    return text[:kept] + end, len(text) - kept - (len(end) - 1)


def _level(lengths: Sequence[int], room: int) -> int:
    """The length to which everything longer has to be cut for all of it to fit."""
    ordered = sorted(lengths)
    for index, length in enumerate(ordered):
        if length * (len(ordered) - index) > room:
            return room // (len(ordered) - index)
        room -= length
    return ordered[-1]


def _part(name: str, value: object, secret: frozenset[str], limit: int) -> Part:
    pointer = f"/{escape(name)}"
    label, left = _label(name)
    if pointer in secret:
        return Part(label, "secret", MASK, left)
    budget = _Budget(limit)
    value = _pruned(value, pointer, secret, budget)
    text = text_of(value).replace("\n", " ") if isinstance(value, str) else seen(value)
    return Part(label, kind_of(value), text, left + budget.left)


def _label(name: str) -> tuple[str, int]:
    if _PLAIN.fullmatch(name) and one_line(name) == name:
        text, left = cut(name, NAME)
        return text, left
    text, left = cut(text_of(one_line(name[:NAME])), NAME)
    return text, left + max(0, len(name) - NAME)


@dataclass(slots=True)
class _Budget:
    room: int
    left: int = 0


def _pruned(value: object, pointer: str, secret: frozenset[str], budget: _Budget) -> object:
    """As much of a value as a line could show, secrets masked; the rest is counted."""
    if pointer in secret:
        budget.room -= len(MASK)
        return MASK
    if isinstance(value, str):
        kept = value[: max(0, budget.room) + 1]
        budget.room -= len(kept)
        budget.left += len(value) - len(kept)
        return kept
    if isinstance(value, Mapping):
        members: dict[str, object] = {}
        pairs = iter(cast("Mapping[str, object]", value).items())
        for name, item in pairs:
            kept = name[: budget.room + 1]
            budget.room -= len(kept)
            budget.left += len(name) - len(kept)
            inner = f"{pointer}/{escape(name)}"
            members[kept if kept == name else f"{kept}…"] = _pruned(item, inner, secret, budget)
            if budget.room <= 0:
                break
        budget.left += _size(dict(pairs), pointer, secret) - len("{}")
        return members
    if isinstance(value, list | tuple):
        items: list[object] = []
        whole = cast("list[object]", value)
        for index, item in enumerate(whole):
            budget.room -= 1
            items.append(_pruned(item, f"{pointer}/{index}", secret, budget))
            if budget.room <= 0:
                break
        budget.left += _size(list(whole[len(items) :]), pointer, secret, len(items)) - len("[]")
        return items
    budget.room -= 1
    return value


def _size(value: object, pointer: str, secret: frozenset[str], first: int = 0) -> int:
    """About how many characters a value has, secrets counted as they are masked. `first`: index of a list's first."""
    if not secret:
        return len(dumps(value))  # in C: there may be ten thousand values
    if pointer in secret:
        return len(MASK)
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value).items()
        return 2 + sum(len(name) + 4 + _size(item, f"{pointer}/{escape(name)}", secret) for name, item in members)
    if isinstance(value, list | tuple):
        items = enumerate(cast("list[object]", value), first)
        return 2 + sum(1 + _size(item, f"{pointer}/{index}", secret) for index, item in items)
    return len(dumps(value))
