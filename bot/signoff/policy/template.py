"""Text with CEL inside, such as `refund ${args.order}`."""

from __future__ import annotations

from collections.abc import Iterator

from signoff.model import one_line, seen
from signoff.policy.condition import ConditionError, Expression
from signoff.policy.facts import Facts, Failure

LONGEST = 200
"""Characters that a person can be asked to type."""


class Template:
    """A compiled text: plain pieces and expressions in `${…}`."""

    def __init__(self, source: str) -> None:
        """Raises ConditionError."""
        self.source = source
        self.parts = tuple(_parts(source))

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    @property
    def names(self) -> frozenset[str]:
        """What its expressions speak of."""
        return frozenset(name for part in self.parts if isinstance(part, Expression) for name in part.names)

    def render(self, facts: Facts) -> str | Failure:
        """The text for one call, as one line that a keyboard can write; else why there is none."""
        out: list[str] = []
        for part in self.parts:
            value = part if isinstance(part, str) else part.value(facts)
            if isinstance(value, Failure):
                return value
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                return Failure("it is neither text nor a number")
            out.append(value if isinstance(value, str) else seen(value))
        text = "".join(out).strip()
        if not text:
            return Failure("it is empty")
        if len(text) > LONGEST or one_line(text) != text:
            return Failure("it is nothing that can be typed")
        return text


def _parts(source: str) -> Iterator[str | Expression]:
    at = 0
    while (begin := source.find("${", at)) >= 0:
        if begin > at:
            yield source[at:begin]
        end = _end(source, begin + 2)
        inner = source[begin + 2 : end]
        if not inner.strip():
            raise ConditionError("has an empty `${}`", "write what is to be typed, like `${args.order}`")
        yield Expression(inner)
        at = end + 1
    if at < len(source):
        yield source[at:]


def _end(source: str, at: int) -> int:
    """Where the brace closes: not inside of a text, nor of a map."""
    depth, quote = 0, ""
    while at < len(source):
        char = source[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    raise ConditionError("has a `${` that is not closed", "close it with `}`")
