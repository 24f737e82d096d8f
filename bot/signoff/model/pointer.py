"""JSON pointers (RFC 6901), equality as JSON sees it, and the difference of two values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from signoff.model.decision import Change


def escape(name: str) -> str:
    """One step of a pointer: `a/b` → `a~1b`."""
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def steps(pointer: str) -> tuple[str, ...]:
    """`/a~1b/0` → `("a/b", "0")`."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def within(pointer: str, above: str) -> bool:
    """Whether `pointer` is `above` or lies below it."""
    return pointer == above or pointer.startswith(above + "/")


def _exact(value: float | Decimal) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def same(one: object, other: object) -> bool:
    """Equal as JSON: `1` and `1.0` are one number, `true` and `1` are two values; the order of keys is no matter."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float | Decimal) and isinstance(other, int | float | Decimal):
        # By their decimal text, because that is what the agent sent and the digest holds.
        return _exact(one) == _exact(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        left, right = cast("Mapping[str, object]", one), cast("Mapping[str, object]", other)
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        first, second = cast("list[object]", one), cast("list[object]", other)
        return len(first) == len(second) and all(map(same, first, second))
    return type(one) is type(other) and one == other


def changes(before: object, after: object) -> tuple[Change, ...]:
    """What differs, by JSON pointer. Absent is None. A list that grew or shrank is one change, as a whole."""
    found: list[Change] = []
    _compare(before, after, "", found)
    return tuple(found)


def _compare(before: object, after: object, path: str, found: list[Change]) -> None:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        old, new = cast("Mapping[str, object]", before), cast("Mapping[str, object]", after)
        for key in dict.fromkeys((*old, *new)):
            below = f"{path}/{escape(key)}"
            if key in old and key in new:
                _compare(old[key], new[key], below, found)
            else:
                found.append(Change.model_construct(path=below, from_=old.get(key), to=new.get(key)))
    elif isinstance(before, list) and isinstance(after, list):
        first, second = cast("list[object]", before), cast("list[object]", after)
        if len(first) != len(second):
            found.append(Change.model_construct(path=path, from_=before, to=after))
            return
        for index, (left, right) in enumerate(zip(first, second, strict=True)):
            _compare(left, right, f"{path}/{index}", found)
    elif not same(before, after):
        found.append(Change.model_construct(path=path, from_=before, to=after))
