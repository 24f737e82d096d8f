"""CEL expressions: compiled once, evaluated at a bounded cost and never on rounded numbers.

CEL is `common-expression-language` (the Rust crate `cel` behind a Python module). Notes on it were measured on release
0.10.0.
"""

from __future__ import annotations

import difflib
import re
from typing import cast

import cel

from signoff.model import shorten, visible
from signoff.policy.facts import EXACT, MAX_WORK, NAMES, Facts, Failure
from signoff.policy.pattern import MAX_PATTERN, pattern_size

MAX_LENGTH = 2000
"""Characters of one expression."""
PATTERN_UNIT = 10
"""Size of a regular expression that weighs as much as touching a value: the library matches in time that is linear in
the text (no pattern is catastrophic), but also in the size of the pattern."""

_LARGE = ("args", "metadata")
"""The names that may stand for much."""
_FUNCTIONS: tuple[str, ...] = tuple(
    re.findall(
        r"\w+",
        """bytes contains double duration dyn endsWith getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear
        getHours getMilliseconds getMinutes getMonth getSeconds hasValue int matches none of ofNonZeroValue or orValue
        size startsWith string timestamp type uint value""",
    )
)
_MACROS = ("has", "all", "exists", "exists_one", "map", "filter")
_OPERATOR = re.compile(r"\W")
_TYPE = re.compile(r"bool|bytes|double|duration|int|list|map|null_type|optional|string|timestamp|type|uint")
_MACRO = re.compile(r"\.\s*(all|exists|exists_one|existsOne|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_TEXT = r"""[rR]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
_PATTERN = re.compile(rf"\.\s*matches\s*\(\s*({_TEXT})\s*\)")
_MATCHES = re.compile(rf"{_TEXT}|(\bmatches\b)")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?")
_DOUBLE = re.compile(r"\bdouble\b")
_SLIP = re.compile(rf"{_TEXT}|(?<![=!<>])(=)(?!=)|(?<![.\w])(and|or|not)\b(?!\s*\.)", re.IGNORECASE)
_MEANT = {"=": "==", "and": "&&", "or": "||", "not": "!"}


class ConditionError(ValueError):
    """An expression that cannot be used. `fault` and `mend` are the two halves of a sentence."""

    def __init__(self, fault: str, mend: str) -> None:
        super().__init__(f"{fault}; {mend}")
        self.fault = fault
        self.mend = mend


class Expression:
    """A compiled CEL expression."""

    def __init__(self, source: str) -> None:
        """Compile. Raises ConditionError: too long, not CEL, unknown name or function, not boundable in its cost."""
        self.source = source
        self._program = _compile(source)
        macros = cast("list[tuple[str, str]]", _MACRO.findall(source))
        self._loops = sum(2 if macro == "map" else 1 for macro, _ in macros)
        self._literals = max(2, source.count(","))
        self.names = frozenset(self._program.variables()) & frozenset(NAMES)
        """Which of NAMES it speaks of."""
        _check_names(self._program, frozenset(variable for _, variable in macros))
        self._patterns = 1 + _checked_patterns(source) // PATTERN_UNIT
        if self._work(self._literals) > MAX_WORK:
            raise ConditionError("loops too often for its cost to be bounded", "use fewer macros such as `exists`")
        self._long_int, self._long_float = _long_literals(source)
        self._doubles = _DOUBLE.search(source) is not None
        self._free = self.names.difference(_LARGE)
        """What it may speak of at next to no cost."""
        self._costly = (self._loops > 0 or self._patterns > 1) and self._free != self.names

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"

    def value(self, facts: Facts) -> object:
        """What it comes to, or a Failure. Never raises."""
        if facts.weight >= 0 and not self._costly:  # nothing needs care: the usual way, and the quick one
            withheld: dict[str, str] = {}
            context = facts.whole
        else:
            if self._costly and not isinstance(result := _run(self._program, facts.only(self._free)), BaseException):
                return result  # it did not get as far as the arguments
            withheld = self._withheld(facts)
            context = facts.only(self.names.difference(withheld))
        result = _run(self._program, context)
        if not isinstance(result, BaseException):
            return result
        if withheld and _undefined(result):
            return Failure(next(iter(withheld.values())))
        return Failure(_why(result, self.source))

    def _withheld(self, facts: Facts) -> dict[str, str]:
        """Names this expression must not touch on these facts, with the reason.

        They are left undefined rather than failing it at once: in `tool == "a" && args.x > 1` another tool ends the
        evaluation before `args` is touched.
        """
        measures = {name: facts.measure(name) for name in NAMES if name in self.names}
        out = {name: m.unfit for name, m in measures.items() if m.unfit is not None}
        long_int = self._long_int or any(m.long_int for m in measures.values())
        long_float = self._long_float or any(m.long_float for m in measures.values())
        if long_int and (long_float or self._doubles):
            for name, measure in measures.items():
                if measure.long_int or measure.long_float:
                    out.setdefault(name, "a number is too large to be compared exactly")
        if not facts.afford(self._work(sum(m.weight for m in measures.values()) + self._literals)):
            for name in _LARGE:
                if name in measures:
                    out.setdefault(name, "the arguments are too large for it")
        return out

    def _work(self, weight: int) -> int:
        return self._patterns * int(weight ** (self._loops + 1))


class Condition(Expression):
    """A compiled `when`: an expression that gives yes or no."""

    def __init__(self, source: str) -> None:
        """Raises ConditionError, also when it speaks of nothing and does not give yes or no."""
        super().__init__(source)
        self.constant: bool | None = None
        """Its value when it speaks of nothing."""
        if not self.names:
            result = _run(self._program, cel.Context({}))
            if not isinstance(result, bool):
                raise ConditionError("gives no yes or no", 'write a comparison such as `tool == "deploy"`')
            self.constant = result

    def holds(self, facts: Facts) -> bool | Failure:
        """Whether the condition holds. Never raises: whatever goes wrong is a Failure."""
        result = self.value(facts)
        if result is True or result is False or isinstance(result, Failure):
            return result
        return Failure("it does not give yes or no")


def _run(program: cel.Program, context: cel.Context) -> object:
    """The value, or the exception that came instead of it."""
    try:
        return cast("object", program.execute(context))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - it raises many kinds, and a panic in Rust is not even an Exception
        return error


def _undefined(error: BaseException) -> bool:
    """A name was touched that is not defined in the context."""
    return isinstance(error, RuntimeError) and str(error).startswith("Undefined variable")


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
        raise ConditionError(f"is not a CEL expression ({said})", _slip(source) or "correct the expression") from error


def _slip(source: str) -> str | None:
    """The mend where another language's operator stands outside of a text."""
    slips = (found[1] or found[2] for found in _SLIP.finditer(source))
    slip = next((slip.lower() for slip in slips if slip), None)
    return f"write `{_MEANT[slip]}` for `{slip}`" if slip else None


def _check_names(program: cel.Program, bound: frozenset[str]) -> None:
    for name in program.functions():
        if name in _FUNCTIONS or _OPERATOR.search(name):
            continue
        lower = {known.lower(): known for known in (*_FUNCTIONS, *_MACROS)}
        near = difflib.get_close_matches(name.lower().replace("_", ""), lower, 1)
        mend = f"did you mean `{lower[near[0]]}`?" if near else "use one of CEL's own functions"
        meant = _MEANT.get(name.lower())
        raise ConditionError(
            f"calls `{name}`, which CEL does not have here", f"write `{meant}` for it" if meant else mend
        )
    known = [*NAMES, *sorted(bound)]
    for name in program.variables():
        if name not in known and not _TYPE.fullmatch(name):
            near = difflib.get_close_matches(name, known, 1)
            mend = f"did you mean `{near[0]}`?" if near else f"a condition may use {', '.join(NAMES)}"
            raise ConditionError(f"speaks of `{name}`, which is not known", mend)


def _checked_patterns(source: str) -> int:
    """The size of all regular expressions together. A wrong one would fail on every call, a large one would be slow,
    one that comes with the call could be anything: find it when the file is read."""
    literals = cast("list[str]", _PATTERN.findall(source))
    if sum(1 for found in _MATCHES.finditer(source) if found[1]) > len(literals):
        raise ConditionError("takes a pattern from elsewhere", 'write the pattern out, like `x.matches("^a+$")`')
    sizes = 0
    for literal in literals:
        text = _run(cel.compile(literal), cel.Context({}))
        if isinstance(_run(cel.compile(f'"".matches({literal})'), cel.Context({})), BaseException):
            raise ConditionError(
                f"{shorten(visible(literal), 80)[0]} is not a regular expression", "correct the pattern"
            )
        sizes += pattern_size(str(text))
    if sizes > MAX_PATTERN:
        raise ConditionError(
            "has regular expressions that are too large", "repeat less, and write `[a-z]` where `\\w` is not needed"
        )
    return sizes


def _long_literals(source: str) -> tuple[bool, bool]:
    """Whether numbers beyond EXACT are written in the source: as integers, as doubles. Digits in texts count too."""
    ints = floats = False
    for literal in cast("list[str]", _NUMBER.findall(source)):
        if literal[:2] in {"0x", "0X"} or literal.isdecimal():
            ints = ints or int(literal, 0 if literal[:2] in {"0x", "0X"} else 10) > EXACT
        else:
            floats = floats or abs(float(literal)) >= EXACT
    return ints, floats


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
