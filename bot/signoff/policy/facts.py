"""What expressions see of one call, weighed before the CEL library may touch it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import cel

from signoff.model import Ask, escape

NAMES = ("tool", "args", "agent", "risk", "on_behalf_of", "run_id", "metadata", "now")
"""What an expression may speak of. `agent`, `risk`, `on_behalf_of` and `run_id` are "" when the call does not give
them; `args` and `metadata` are maps, so a missing member makes the expression fail unless `has()` was asked first."""

MAX_DEPTH = 100
"""Levels of nesting in the arguments. The library converts them recursively: some thousands overflow the C stack."""
CHARACTERS_PER_VALUE = 16
"""How many characters of text weigh as much as one value."""
MAX_WORK = 4_000_000
"""Bound on weight ** (loops + 1) of one evaluation, about 0.1 s at worst. Every macro may loop over the arguments and
copy them at each step, and `map` counts twice, because it also copies what it has built so far: unbounded, 1900 values
took it four minutes."""
MAX_CALL = 16 * MAX_WORK
"""Of all looping evaluations of one call together: a file may have hundreds of rules. Enough for two hundred that each
loop over 4 KB, which takes 0.02 s."""
EXACT = 2**53
"""Integers up to here are held exactly by a double; comparing larger ones with a double rounds them."""
INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Failure:
    """An expression could not be evaluated on a call."""

    why: str
    """The part of a sentence after "because". Holds no value of the call, since it may be secret (I13)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What matters about a value before CEL may see it."""

    unfit: str | None = None
    weight: int = 0
    long_int: bool = False
    long_float: bool = False


class Facts:
    """One call as expressions see it. Built once per call, shared by all rules; measured and converted when needed."""

    __slots__ = ("_contexts", "_left", "_measures", "_values", "_weight", "_whole")

    def __init__(self, values: Mapping[str, object], unknown: Mapping[str, str] | None = None) -> None:
        """`unknown`: names that are not known here → why, as the reason of a failure."""
        self._values = {name: value for name, value in values.items() if name not in (unknown or ())}
        self._measures = {name: Measure(unfit=why) for name, why in (unknown or {}).items()}
        self._contexts: dict[frozenset[str], cel.Context] = {}
        self._whole: cel.Context | None = None
        self._weight: int | None = None
        self._left = MAX_CALL

    @classmethod
    def of(
        cls,
        ask: Ask,
        arguments: Mapping[str, object],
        now: datetime,
        *,
        names: Collection[str] = NAMES,
        unknown: Mapping[str, str] | None = None,
    ) -> Facts:
        """`names`: those that any expression will speak of; the others are left out."""
        values: dict[str, object] = {
            "tool": ask.tool,
            "args": dict(arguments),
            "agent": ask.agent or "",
            "risk": ask.risk or "",
            "on_behalf_of": ask.on_behalf_of or "",
            "run_id": ask.run_id or "",
            "metadata": ask.metadata,
            "now": now,
        }
        return cls({name: value for name, value in values.items() if name in names}, unknown)

    def without(self, hidden: Collection[str]) -> Facts:
        """The same call without some of its arguments (JSON pointers), as if they had not been given."""
        return Facts({**self._values, "args": _without(self._values.get("args"), "", hidden)})

    @property
    def weight(self) -> int:
        """Of everything together; -1 when some value is unfit for CEL, or a number is beyond what doubles hold."""
        if self._weight is None:
            measures = [self.measure(name) for name in {**self._values, **self._measures}]
            plain = not any(one.unfit or one.long_int or one.long_float for one in measures)
            self._weight = sum(one.weight for one in measures) if plain else -1
        return self._weight

    def measure(self, name: str) -> Measure:
        if name not in self._measures:
            value = self._values.get(name)
            self._measures[name] = Measure() if isinstance(value, datetime) else _measure(value)
        return self._measures[name]

    def afford(self, work: int) -> bool:
        """Take so much out of what this call may cost. False: too much, and nothing was taken."""
        if work > min(self._left, MAX_WORK):
            return False
        self._left -= work
        return True

    @property
    def whole(self) -> cel.Context:
        """The evaluation context with everything in it; only where `weight` is not -1."""
        if self._whole is None:
            self._whole = cel.Context(dict(self._values))
        return self._whole

    def only(self, names: frozenset[str]) -> cel.Context:
        """The evaluation context in which all but `names` are undefined, so that touching another is an error.

        What an expression does not speak of is left out: the library refuses a whole context for one value in it.
        """
        if names not in self._contexts:
            self._contexts[names] = cel.Context({name: value for name, value in self._values.items() if name in names})
        return self._contexts[names]


def _without(value: object, pointer: str, hidden: Collection[str]) -> object:
    if isinstance(value, dict):
        return {
            key: _without(inner, f"{pointer}/{escape(key)}", hidden)
            for key, inner in cast("dict[str, object]", value).items()
            if f"{pointer}/{escape(key)}" not in hidden and "" not in hidden
        }
    if isinstance(value, list | tuple):
        # What stands in a list keeps its number: the secret becomes nothing rather than leaving.
        return [
            None if f"{pointer}/{index}" in hidden else _without(inner, f"{pointer}/{index}", hidden)
            for index, inner in enumerate(cast("list[object]", value))
        ]
    return value


def _measure(value: object) -> Measure:
    """Weigh a value and find what CEL cannot hold exactly. Iterative: the value comes from outside."""
    values = characters = 0
    long_int = long_float = False
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        values += 1
        if depth > MAX_DEPTH:
            return Measure(unfit="the arguments are nested too deeply")
        if isinstance(item, str):
            characters += len(item)
            if not _encodable(item):
                return Measure(unfit="a text is not valid Unicode")
        elif item is None or isinstance(item, bool):
            pass
        elif isinstance(item, int):
            if abs(item) >= INT64:
                return Measure(unfit="a number cannot be compared exactly")
            long_int = long_int or abs(item) > EXACT
        elif isinstance(item, float):
            if not math.isfinite(item):
                return Measure(unfit="a number cannot be compared exactly")
            long_float = long_float or abs(item) >= EXACT
        elif isinstance(item, dict):
            for key, inner in cast("dict[object, object]", item).items():
                stack += [(key, depth + 1), (inner, depth + 1)]
        elif isinstance(item, list | tuple):
            stack += [(inner, depth + 1) for inner in cast("list[object]", item)]
        else:  # a Decimal above all: a number that no double holds
            return Measure(unfit="a number cannot be compared exactly")
    return Measure(None, values + characters // CHARACTERS_PER_VALUE, long_int, long_float)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
