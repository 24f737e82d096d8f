"""Requests of the same tool with similar arguments, as one line of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from signoff.cards.head import risk
from signoff.cards.line import GAP, NONE, Part, Parts, cut, joined, parts, secrets_of
from signoff.cards.queue.said import heading, short
from signoff.model import Clean, Request, Risk, escape, mask, one_line, within
from signoff.model.exact import dumps

TITLE = 70
"""Characters."""
DETAIL = 70
"""Characters."""
SHORT = 70
"""Characters."""
VALUE = 30
"""Characters of one value in a detail or a short."""
LABEL = 24
"""Characters of an argument's name in these."""
AGENT = 24
"""Characters."""
CONTEXT = 8
"""Characters of a value shown before the place where the values of a group begin to differ."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Requests that are looked at together."""

    key: str
    """`g<n>`: n is the place in the window of the first of them."""
    members: tuple[int, ...]
    """Places in the window, in its order."""
    title: str
    """`12 × issue_refund`; at most 70 characters."""
    detail: str
    """`amount 20–45 · currency "eur" · order 12 different · support-agent`; at most 70 characters."""
    shorts: tuple[str, ...]
    """For each member the arguments in which it differs from the others; at most 70 characters."""


@dataclass(frozen=True, slots=True)
class _Kin:
    """What has to be the same in all of a group."""

    tool: str
    agent: str | None
    risk: Risk | None
    names: frozenset[str]
    kinds: frozenset[tuple[str, str, bool, int]]
    """Of each argument its name and kind, and of numbers whether they are negative and the order of magnitude."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """One argument of one member."""

    part: Part
    same: str
    """Equal for equal values."""
    number: Decimal | None


@dataclass(frozen=True, slots=True)
class _Member:
    place: int
    request: Request
    cells: dict[str, _Cell]
    """By name; not all where there are more than a line could hold."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One argument of all members."""

    label: str
    cells: tuple[_Cell, ...]
    different: int
    start: int
    """Where texts that are too long to be shown whole had best begin."""

    @property
    def secret(self) -> bool:
        return self.cells[0].part.kind == "secret"

    @property
    def numbers(self) -> list[tuple[Decimal, str]]:
        return [(cell.number, cell.part.text) for cell in self.cells if cell.number is not None]

    @property
    def scattered(self) -> bool:
        """Whether the values differ and are no range either."""
        return self.different > 1 and not self.numbers


def group(window: Sequence[Request | None]) -> tuple[Alike, ...]:
    """Groups in the order of their most urgent member; None stands for a request that has gone.

    Together go requests of the same tool, agent and risk whose arguments have the same names and kinds, and whose
    numbers have the same order of magnitude. Secret values are neither shown nor compared.
    """
    found: dict[_Kin, list[_Member]] = {}
    for place, request in enumerate(window):
        if request is not None:
            member = _member(place, request)
            found.setdefault(_kin(member), []).append(member)
    return tuple(map(_alike, found.values()))


def _member(place: int, request: Request) -> _Member:
    arguments = request.arguments
    secret = secrets_of(request)
    drawn = parts(arguments, secret)
    cells = {
        name: _Cell(part, _same(name, value, part, secret), _number(value) if part.kind == "number" else None)
        for (name, value), part in zip(arguments.items(), drawn.shown, strict=False)
    }
    return _Member(place, request, cells)


def _same(name: str, value: object, part: Part, secret: frozenset[str]) -> str:
    if part.kind == "secret" or not part.hidden:
        return part.text
    if isinstance(value, str):
        return value
    pointer = f"/{escape(name)}"
    return dumps(mask(value, {one.removeprefix(pointer) for one in secret if within(one, pointer)}))


def _number(value: object) -> Decimal | None:
    # By its decimal text, which is what the agent has sent.
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    return number if number.is_finite() else None


def _kin(member: _Member) -> _Kin:
    request = member.request
    kinds = frozenset(
        (name, cell.part.kind, bool(cell.number and cell.number < 0), cell.number.adjusted() if cell.number else 0)
        for name, cell in member.cells.items()
    )
    return _Kin(request.tool, request.agent, risk(request), frozenset(request.arguments), kinds)


def _alike(members: list[_Member]) -> Alike:
    first = members[0]
    tool = one_line(first.request.tool)
    title = f"{len(members):,} × {tool}"
    if len(members) == 1 and (said := heading(first.request, Clean(first.request))) != tool:
        title += f": {said}"
    columns = [_column(name, members) for name in first.cells if all(name in one.cells for one in members)]
    agent = short(one_line(first.request.agent or ""), AGENT)
    detail = _detail(columns, DETAIL - (len(GAP) + len(agent) if agent else 0))
    differing = [column for column in columns if column.different > 1] or columns
    return Alike(
        key=f"g{first.place}",
        members=tuple(member.place for member in members),
        title=short(title, TITLE),
        detail=short(GAP.join(text for text in (detail, agent) if text), DETAIL),
        shorts=tuple(_short(differing, index) for index in range(len(members))),
    )


def _column(name: str, members: list[_Member]) -> _Column:
    cells = tuple(member.cells[name] for member in members)
    different = len({cell.same for cell in cells})
    alike = _alike_for([cell.part.text for cell in cells]) if different > 1 else 0
    return _Column(cells[0].part.name, cells, different, max(0, alike - CONTEXT) if alike > VALUE - CONTEXT else 0)


def _alike_for(texts: Sequence[str]) -> int:
    """How many characters all of them begin with alike: as many as the first and the last in order do."""
    pairs = zip(min(texts), max(texts), strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), min(map(len, texts)))


def _detail(columns: Sequence[_Column], room: int) -> str:
    """What is the same in all first, and ranges; then what differs in each. Secrets where there is nothing else."""
    if not columns:
        return NONE
    made: list[str] = []
    missing = False
    said = [column for column in columns if not column.secret] or columns
    for column in sorted(said, key=lambda one: one.scattered):
        piece = f"{cut(column.label, LABEL)[0]} {_said(column)}"
        if len(GAP.join((*made, piece, "…"))) > room:
            missing = True
            continue
        made.append(piece)
    return GAP.join((*made, "…") if missing else made)


def _said(column: _Column) -> str:
    text = column.cells[0].part.text
    if column.secret or column.different == 1:
        return cut(text, VALUE)[0]
    if column.scattered:
        return f"{column.different:,} different"
    (low, least), (high, most) = min(column.numbers), max(column.numbers)
    gap = "–" if low >= 0 and high >= 0 else " to "
    return cut(least, VALUE // 2)[0] + gap + cut(most, VALUE // 2)[0]


def _short(columns: Sequence[_Column], index: int) -> str:
    shown: list[Part] = []
    for column in columns:
        part = column.cells[index].part
        text = f"…{part.text[column.start :]}" if column.start and len(part.text) > VALUE else part.text
        shown.append(replace(part, text=text, name=cut(part.name, LABEL)[0]))
    return joined(Parts(tuple(shown), 0), SHORT)[0]
