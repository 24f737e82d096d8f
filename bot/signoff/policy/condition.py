"""One `when`: a CEL expression, compiled once, evaluated at a bounded cost and never on rounded numbers.

CEL is `common-expression-language` (the Rust crate `cel` behind a Python module). Notes on it were measured on release
0.10.0.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import cel

from signoff.model import Ask, shorten, visible

NAMES = ("tool", "args", "agent", "risk", "on_behalf_of", "run_id", "metadata", "now")
"""What a condition may speak of. `agent`, `risk`, `on_behalf_of` and `run_id` are "" when the call does not give them;
`args` and `metadata` are maps, so a missing member makes the condition fail unless `has()` was asked first."""

MAX_LENGTH = 2000
"""Characters of one condition."""
MAX_DEPTH = 100
"""Levels of nesting in the arguments. The library converts them recursively: some thousands overflow the C stack."""
MAX_WORK = 4_000_000
"""Bound on weight ** (loops + 1), about 0.1 s. Every macro may loop over the arguments and copy them at each step, and
`map` counts twice, because it also copies what it has built so far: unbounded, 1900 values took it four minutes."""
CHARACTERS_PER_VALUE = 16
"""How many characters of text weigh as much as one value."""
EXACT = 2**53
"""Integers up to here are held exactly by a double; comparing larger ones with a double rounds them."""
INT64 = 2**63

_FUNCTION = re.compile(
    r"bytes|contains|double|duration|dyn|endsWith|getDate|getDay(?:OfMonth|OfWeek|OfYear)|getFullYear|getHours"
    r"|getMilliseconds|getMinutes|getMonth|getSeconds|hasValue|int|matches|none|of|ofNonZeroValue|or|orValue|size"
    r"|startsWith|string|timestamp|type|uint|value"
)
_OPERATOR = re.compile(r"\W")
_TYPE = re.compile(r"bool|bytes|double|duration|int|list|map|null_type|optional|string|timestamp|type|uint")
_MACRO = re.compile(r"\.\s*(all|exists|exists_one|existsOne|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_PATTERN = re.compile(r"""\bmatches\s*\(\s*([rR]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))\s*\)""")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?")
_DOUBLE = re.compile(r"\bdouble\b")


class ConditionError(ValueError):
    """A condition that cannot be used. `fault` and `mend` are the two halves of a sentence."""

    def __init__(self, fault: str, mend: str) -> None:
        super().__init__(f"{fault}; {mend}")
        self.fault = fault
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Failure:
    """A condition could not be evaluated on a call."""

    why: str
    """The part of a sentence after "because". Holds no value of the call, since it may be secret (I13)."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """What matters about a value before CEL may see it."""

    unfit: str | None = None
    weight: int = 0
    long_int: bool = False
    long_float: bool = False


@dataclass(slots=True)
class Facts:
    """What the conditions see of one call. Built once per call, shared by all rules."""

    values: Mapping[str, object]
    measures: Mapping[str, _Measure]
    _contexts: dict[frozenset[str], cel.Context] = field(default_factory=dict[frozenset[str], cel.Context])

    @classmethod
    def of(cls, ask: Ask, arguments: Mapping[str, object], now: datetime) -> Facts:
        values: dict[str, object] = {
            "tool": ask.tool,
            "args": dict(arguments),
            "agent": ask.agent or "",
            "risk": ask.risk or "",
            "on_behalf_of": ask.on_behalf_of or "",
            "run_id": ask.run_id or "",
            "metadata": dict(ask.metadata),
            "now": now,
        }
        return cls(values, {name: _measure(value) for name, value in values.items() if name != "now"})

    def only(self, names: frozenset[str]) -> cel.Context:
        """The evaluation context in which all but `names` are undefined, so that touching another is an error.

        What a condition does not speak of is left out: the library refuses a whole context for one value in it.
        """
        if names not in self._contexts:
            self._contexts[names] = cel.Context({name: value for name, value in self.values.items() if name in names})
        return self._contexts[names]


class Condition:
    """A compiled `when`."""

    def __init__(self, source: str) -> None:
        """Compile. Raises ConditionError: too long, not CEL, unknown name or function, not a yes-or-no expression."""
        self.source = source
        self._program = _compile(source)
        macros = cast("list[tuple[str, str]]", _MACRO.findall(source))
        bound = frozenset(variable for _, variable in macros)
        self._loops = sum(2 if macro == "map" else 1 for macro, _ in macros)
        self._literals = max(2, source.count(","))
        if self._literals ** (self._loops + 1) > MAX_WORK:
            raise ConditionError("loops too often for its cost to be bounded", "use fewer macros such as `exists`")
        self.names = frozenset(self._program.variables()) & frozenset(NAMES)
        """Which of NAMES it speaks of."""
        _check_names(self._program, bound)
        _check_patterns(source)
        self._long_int, self._long_float = _long_literals(source)
        self._doubles = _DOUBLE.search(source) is not None
        self.constant: bool | None = None
        """Its value when it speaks of nothing."""
        if not self.names:
            self.constant = self._fixed()

    def __repr__(self) -> str:
        return f"Condition({self.source!r})"

    def holds(self, facts: Facts) -> bool | Failure:
        """Whether the condition holds. Never raises: whatever goes wrong is a Failure."""
        withheld = self._withheld(facts)
        result = _run(self._program, facts.only(self.names.difference(withheld)))
        if isinstance(result, _UndefinedError) and withheld:
            return Failure(next(iter(withheld.values())))
        if isinstance(result, BaseException):
            return Failure(_why(result, self.source))
        if not isinstance(result, bool):
            return Failure("it does not give yes or no")
        return result

    def _withheld(self, facts: Facts) -> dict[str, str]:
        """Names this condition must not touch on these facts, with the reason.

        They are left undefined rather than failing the condition at once: in `tool == "a" && args.x > 1` another tool
        ends the evaluation before `args` is touched.
        """
        measures = {name: facts.measures[name] for name in NAMES if name in self.names and name in facts.measures}
        out = {name: m.unfit for name, m in measures.items() if m.unfit is not None}
        long_int = self._long_int or any(m.long_int for m in measures.values())
        long_float = self._long_float or any(m.long_float for m in measures.values())
        if long_int and (long_float or self._doubles):
            for name, measure in measures.items():
                if measure.long_int or measure.long_float:
                    out.setdefault(name, "a number is too large to be compared exactly")
        weight = sum(m.weight for m in measures.values()) + self._literals
        if weight ** (self._loops + 1) > MAX_WORK:
            for name in ("args", "metadata"):
                if name in measures:
                    out.setdefault(name, "the arguments are too large for it")
        return out

    def _fixed(self) -> bool:
        result = _run(self._program, cel.Context({}))
        if isinstance(result, bool):
            return result
        raise ConditionError("gives no yes or no", 'write a comparison such as `tool == "deploy"`')


class _UndefinedError(Exception):
    """A name was touched that is not defined in the context."""


def _run(program: cel.Program, context: cel.Context) -> object:
    """The value, or the exception that came instead of it."""
    try:
        return cast("object", program.execute(context))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - it raises many kinds, and a panic in Rust is not even an Exception
        if isinstance(error, RuntimeError) and str(error).startswith("Undefined variable"):
            return _UndefinedError(str(error))
        return error


def _compile(source: str) -> cel.Program:
    if len(source) > MAX_LENGTH:
        raise ConditionError(
            f"the condition has {len(source)} characters, at most {MAX_LENGTH} are taken", "shorten it"
        )
    try:
        return cel.compile(source)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # see _run
        where = re.search(r"<input>:\d+:\d+: (.*)", str(error))
        said = where[1] if where else str(error)
        said = shorten(visible(said.removeprefix("Syntax error: ").split("expecting")[0]), 120)[0].strip()
        raise ConditionError(f"is not a CEL expression ({said})", "correct the expression") from error


def _check_names(program: cel.Program, bound: frozenset[str]) -> None:
    known = [*NAMES, *sorted(bound)]
    for name in program.variables():
        if name not in known and not _TYPE.fullmatch(name):
            near = difflib.get_close_matches(name, known, 1)
            mend = f"did you mean `{near[0]}`?" if near else f"a condition may use {', '.join(NAMES)}"
            raise ConditionError(f"speaks of `{name}`, which is not known", mend)
    for name in program.functions():
        if not _FUNCTION.fullmatch(name) and not _OPERATOR.search(name):
            raise ConditionError(f"calls `{name}`, which CEL does not have here", "use one of CEL's own functions")


def _check_patterns(source: str) -> None:
    """A wrong regular expression would fail on every call; find it when the file is read."""
    for literal in _PATTERN.findall(source):
        try:
            result = _run(cel.compile(f'"".matches({literal})'), cel.Context({}))
        except ValueError:
            continue  # not a literal on its own after all; the whole condition did compile
        if isinstance(result, BaseException):
            raise ConditionError(
                f"{shorten(visible(literal), 80)[0]} is not a regular expression", "correct the pattern"
            )


def _long_literals(source: str) -> tuple[bool, bool]:
    """Whether numbers beyond EXACT are written in the source: as integers, as doubles. Digits in texts count too."""
    ints = floats = False
    for literal in _NUMBER.findall(source):
        if literal[:2] in {"0x", "0X"} or literal.isdecimal():
            ints = ints or int(literal, 0 if literal[:2] in {"0x", "0X"} else 10) > EXACT
        else:
            floats = floats or abs(float(literal)) >= EXACT
    return ints, floats


def _measure(value: object) -> _Measure:
    """Weigh a value and find what CEL cannot hold exactly. Iterative: the value comes from outside."""
    values = characters = 0
    long_int = long_float = False
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        values += 1
        if depth > MAX_DEPTH:
            return _Measure(unfit="the arguments are nested too deeply")
        if isinstance(item, str):
            characters += len(item)
            if not _encodable(item):
                return _Measure(unfit="a text is not valid Unicode")
        elif item is None or isinstance(item, bool):
            pass
        elif isinstance(item, int):
            if abs(item) >= INT64:
                return _Measure(unfit="a number cannot be compared exactly")
            long_int = long_int or abs(item) > EXACT
        elif isinstance(item, float):
            if not math.isfinite(item):
                return _Measure(unfit="a number cannot be compared exactly")
            long_float = long_float or abs(item) >= EXACT
        elif isinstance(item, dict):
            for key, inner in cast("dict[object, object]", item).items():
                stack += [(key, depth + 1), (inner, depth + 1)]
        elif isinstance(item, list | tuple):
            stack += [(inner, depth + 1) for inner in cast("list[object]", item)]
        else:  # a Decimal above all: a number that no double holds
            return _Measure(unfit="a number cannot be compared exactly")
    return _Measure(None, values + characters // CHARACTERS_PER_VALUE, long_int, long_float)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _why(error: BaseException, source: str) -> str:
    """A reason without any value of the call: the library's own messages quote operands."""
    match error:
        case KeyError(args=(str(key),)) if re.search(rf"\b{re.escape(key)}\b", source):
            return f'the call has no "{key}"'
        case LookupError():
            return "the call lacks something that it asks for"
        case TypeError():
            return "it compares or combines values of different types"
        case ArithmeticError():
            return "its arithmetic has no exact result"
        case _:
            return "it does not fit the values of the call"
