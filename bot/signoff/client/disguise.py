"""A function that looks like another one however one asks, and does not lead to it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import cast

Run = Callable[[tuple[object, ...], Mapping[str, object]], object]

MARK: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
NAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


def disguised(original: Callable[..., object], run: Run) -> Callable[..., object]:
    """What calls `run(args, kwargs)` in the original's place, and awaits it where that is async.

    It has no `__wrapped__`: a framework that unwraps functions, as `inspect.unwrap` does, would call the original, and
    nobody would have been asked. Nor is a `__signature__` put on it, in which `inspect.signature(…, eval_str=True)`
    leaves annotations as text. It has the original's parameters, and finds what they name where the original does.
    """
    signature = inspect.signature(original)
    parameters = signature.parameters.values()
    start, wait = ("async ", "await ") if inspect.iscoroutinefunction(original) else ("", "")
    made: dict[str, Callable[[Run], FunctionType]] = {}
    # Code is the only place where a function has its parameters. Of the original only their names are in this text,
    # and Parameter takes none that is no name.
    exec(_text(signature, start, wait), made)  # noqa: S102
    shaped = made["make"](run)
    names = cast("dict[str, object]", getattr(inspect.unwrap(original), "__globals__", shaped.__globals__))
    out = FunctionType(shaped.__code__, names, closure=shaped.__closure__)
    functools.update_wrapper(out, original)
    del out.__wrapped__  # type: ignore[attr-defined]
    given = [one for one in parameters if one.default is not one.empty]
    out.__defaults__ = tuple(one.default for one in given if one.kind not in NAMED)
    out.__kwdefaults__ = {one.name: one.default for one in given if one.kind in NAMED}
    return out


def _text(signature: inspect.Signature, start: str, wait: str) -> str:
    """A function `make(run)` that makes one with these parameters. Defaults are put in their places later."""
    parameters = signature.parameters.values()
    bare = [
        one.replace(annotation=one.empty, default=one.default if one.default is one.empty else None)
        for one in parameters
    ]
    shape = signature.replace(parameters=bare, return_annotation=signature.empty)
    args = "".join(f"{MARK.get(one.kind, '')}{one.name}, " for one in parameters if one.kind not in NAMED)
    kwargs = "".join(
        f"**{one.name}, " if one.kind in MARK else f"{one.name!r}: {one.name}, "
        for one in parameters
        if one.kind in NAMED
    )
    run = "run"
    while run in signature.parameters:
        run += "_"
    return f"def make({run}):\n {start}def gated{shape}:\n  return {wait}{run}(({args}), {{{kwargs}}})\n return gated\n"
