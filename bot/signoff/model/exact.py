"""JSON that keeps numbers exact.

A number that a double holds without loss is a Python float; any other decimal is a `Decimal`, any integer an int.
So code that does not care sees plain floats, and nothing is ever rounded on the way through.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring  # quotes per RFC 8259, leaves non-ASCII as it is
from typing import cast

from signoff.model.text import visible

MAX_DIGITS = 4000
"""Longest number literal taken, in characters: Python refuses to convert integers over 4 300 digits."""


def number(literal: str) -> float | Decimal:
    """A JSON number literal with a fraction or exponent → float if exact, else Decimal. Raises ValueError."""
    if len(literal) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} characters")
    value = float(literal)
    try:
        exact = Decimal(literal)
    except InvalidOperation as error:
        raise ValueError("a number is out of range") from error
    if math.isinf(value):
        return exact
    return value if Decimal(repr(value)) == exact else exact


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _no_constant(literal: str) -> object:
    raise ValueError(f"{literal} is not JSON")


class NameTwice(ValueError):
    """An object holds a name twice: which of the two counts is anybody's guess."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise NameTwice(f'the name "{visible(name[:60])}" stands twice in one object')
        found[name] = value
    return found


# Making one takes as long as reading a short text.
_usual = json.JSONDecoder(parse_float=number, parse_constant=_no_constant)
_unique = json.JSONDecoder(parse_float=number, parse_constant=_no_constant, object_pairs_hook=_once)


def loads(text: str | bytes, *, unique: bool = False) -> object:
    """Parse JSON without losing digits. Raises ValueError (also for NaN, Infinity, lone surrogates and bad UTF-8).

    `unique`: refuse objects that hold a name twice. For what comes in from outside: it takes a third longer.
    """
    if not isinstance(text, str):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        parsed: object = (_unique if unique else _usual).decode(text)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    if _SURROGATE.search(text):
        try:
            dumps(parsed).encode()
        except UnicodeEncodeError as error:
            raise ValueError("the JSON holds half of a surrogate pair") from error
    return parsed


def _no_raw(value: object) -> object:
    raise TypeError(type(value).__name__)


_fast = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_no_raw)


def dumps(value: object) -> str:
    """Compact JSON; Decimals are written as numbers with all their digits. Raises TypeError, ValueError."""
    try:
        return _fast.encode(value)
    except TypeError:
        out: list[str] = []
        _write(value, out)
        return "".join(out)


def _write(value: object, out: list[str]) -> None:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("NaN and infinities are not JSON")
        out.append(str(value))
    elif isinstance(value, dict):
        out.append("{")
        for index, (key, item) in enumerate(cast("dict[str, object]", value).items()):
            out.append(("," if index else "") + encode_basestring(str(key)) + ":")
            _write(item, out)
        out.append("}")
    elif isinstance(value, list | tuple):
        out.append("[")
        for index, item in enumerate(cast("list[object]", value)):
            if index:
                out.append(",")
            _write(item, out)
        out.append("]")
    else:
        out.append(_fast.encode(value))


def pretty(value: object) -> str:
    """JSON for people: indented by two, exact, invisible characters as `\\u` escapes. Raises TypeError, ValueError."""
    out: list[str] = []
    _pretty(value, "\n", out)
    return "".join(out)


def seen(value: object) -> str:
    """JSON for people on one line: exact, a space after commas and colons, invisible characters as `\\u` escapes."""
    out: list[str] = []
    _pretty(value, "", out)
    return "".join(out)


def _pretty(value: object, line: str, out: list[str]) -> None:
    """`line`: newline and indentation; empty for one line."""
    if isinstance(value, dict | list | tuple):
        is_object = isinstance(value, dict)
        items = list(cast("dict[str, object]", value).items() if is_object else enumerate(cast("list[object]", value)))
        inner = line + "  " if line else ""
        out.append("{" if is_object else "[")
        for index, (key, item) in enumerate(items):
            out.append(("," if line else ", ") if index else "")
            out.append(inner)
            if is_object:
                out.append(_quoted(str(key)) + ": ")
            _pretty(item, inner, out)
        out.append(line if items else "")
        out.append("}" if is_object else "]")
    else:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)  # 500.0 is the number 500: people need not see what a language keeps it in
        out.append(_quoted(value) if isinstance(value, str) else dumps(value))


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    if visible(quoted) == quoted:
        return quoted
    return "".join(char if visible(char) == char else json.dumps(char)[1:-1] for char in quoted)
