"""A tool call as any framework makes it, the verdict about it, and which calls are asked about."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

from signoff.errors import NotRun, Unavailable, Unusable

if TYPE_CHECKING:
    from signoff.client import Decision
    from signoff.client.fields import Fields
    from signoff.model import Change


log = logging.getLogger("signoff")


class Away(Unavailable):
    """{tool} was not run: it needs a person's approval, and the approval service could not be used."""


class Unfit(Unusable):
    """{tool} was not run: the arguments that were approved do not fit it."""


class Misfit(NotRun):
    """{tool} was not run, and nobody was asked: its arguments do not fit. {fault}"""

    code = "misfit"


# ── which calls ──────────────────────────────────────────────────────────────────────────────────

Tools = Literal["all"] | Collection[str] | Mapping[str, "Fields | None"]
"""Which are asked about: `"all"`, names, or name → fields of `Gate.ask` (None: not asked about), "*" for the rest."""


def fields_of(tools: Tools, name: str) -> Fields | None:
    """What is said about calls of this tool; None when they run unasked."""
    if isinstance(tools, str):
        return {} if tools in {"all", name} else None
    if name not in tools and "*" not in tools:
        _slipped(name, tuple(tools))
    if isinstance(tools, Mapping):
        return cast("Mapping[str, Fields | None]", tools).get(name, tools.get("*"))
    return {} if name in tools else None


@lru_cache(maxsize=1000)
def _slipped(name: str, listed: tuple[str, ...]) -> None:
    """A tool that runs unasked beside a listed name of one slip's difference: said once, since it may be meant."""
    for other in listed:
        start = _alike(name, other)
        end = _alike(name[start:][::-1], other[start:][::-1])
        if max(len(name), len(other)) - start - end <= 1 or sorted(name) == sorted(other):
            log.warning("nobody is asked about %s; the tools to ask about name %s: is that misspelt?", name, other)


def _alike(one: str, other: str) -> int:
    """How many letters both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def checked(tools: Tools) -> Tools:
    """The same, refused once where it is written: what is no name would let its tool run unasked. Raises TypeError."""
    given = cast("object", tools)
    if given == "all":
        return tools
    # An iterator would be used up by the first call.
    names = cast("Collection[object]", given) if isinstance(given, Collection) and not isinstance(given, str) else None
    said = cast("Mapping[str, object]", given).values() if isinstance(given, Mapping) else ()
    if (
        names is None
        or not all(isinstance(one, str) for one in names)
        or not all(one is None or isinstance(one, Mapping) for one in said)
    ):
        raise TypeError(f'tools is "all", a list of names, or a mapping from names to fields, not {tools!r}')
    return tools


# ── one call ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One tool call, as a framework is about to make it."""

    tool: str
    arguments: Mapping[str, object]
    """As JSON data or what has a JSON form."""
    call_id: str | None = None
    """The framework's id of this call."""
    run_id: str | None = None
    """The thread, session or run. With both ids known, the same call made again finds its first request."""
    fields: Fields = field(default_factory=lambda: cast("Fields", {}))
    """The rest of what `Gate.ask` takes: title, description, schema, risk, editable, allowed_decisions, …"""
    fits: Callable[[Mapping[str, object]], object] | None = None
    """Raises ValueError, or pydantic's, for arguments that the tool would not take: before asking, after an edit."""


Kind = Literal["run", "answer", "refused", "done", "away"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do about a call.

    `run`: with `run`'s arguments, once; its approval is burnt. Otherwise nothing runs and the model reads `said`:
    `answer`, a person's answer is the result; `refused`, rejected, expired or cancelled; `done`, an earlier attempt was
    started under this approval; `away`, our own trouble, or such calls are on hold.
    """

    kind: Kind
    call: Call
    run: dict[str, object] | None = None
    said: str | None = None
    answer: object = None
    """What a person answered, as it is; `said` is the same as text."""
    edited: tuple[Change, ...] = ()
    """What differs from the call as it was asked about."""
    note: str | None = None
    """Set with `edited`: the sentence that tells the model; goes behind the result where it has no other place."""
    error: NotRun | None = None
    """For adapters that raise; its text is `said`."""
    decision: Decision | None = None

    def noted(self, result: str) -> str:
        """The result as the model reads it."""
        return result if self.note is None else f"{result}\n\n{self.note}"


def missing(module: str, extra: str, error: ImportError) -> ImportError:
    """What to raise, `from` the error, when a framework cannot be imported."""
    return ImportError(f'{module} needs {error.name}; install it with: pip install "signoff[{extra}]"', name=error.name)
