"""How people, moments and lengths of time are said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from signoff.cards.plain import fit
from signoff.model import DecidedBy, Vote, one_line

NAME = 80
"""Characters of one name."""
NAMED = 6
"""People who are named one by one; the rest is counted."""


def called(name: str, names: Mapping[str, str], stored: str | None = None) -> str:
    """A person or group: as the policy calls it now, else as it was called, else by id."""
    text, left = fit(one_line(names.get(name) or stored or name), NAME, 6 * NAME)
    return text + ("…" if left else "")


def speaker(by: DecidedBy, names: Mapping[str, str]) -> str:
    """Who decided: `Ada`, `Bob for Ada`, `the rule “refunds”`, and under a grant `the rule “refunds” for Ada`."""
    return _for(called(by.person, names, by.name) if by.person else f"the rule “{one_line(by.rule or '')}”", by, names)


def voter(vote: Vote, names: Mapping[str, str]) -> str:
    """Who voted, as `speaker`."""
    return _for(called(vote.person, names, vote.name), vote, names)


def _for(name: str, by: DecidedBy | Vote, names: Mapping[str, str]) -> str:
    return f"{name} for {called(by.acting_for, names)}" if by.acting_for else name


def either(people: Iterable[str], names: Mapping[str, str]) -> str:
    """People and groups of whom one is enough: `Ada, Bob or finance`."""
    return _listed([called(name, names) for name in people], "or")


def several(texts: Sequence[str]) -> str:
    """`Ada, Bob and 3 others`"""
    return _listed(list(texts), "and")


def _listed(texts: list[str], word: str) -> str:
    if len(texts) > NAMED + 1:
        texts = [*texts[:NAMED], f"{len(texts) - NAMED} others"]
    return f" {word} ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def moment(at: datetime) -> str:
    """For texts that everybody reads alike: `20 November 2026, 09:00 UTC`."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y}, {at:%H:%M} UTC"


def span(seconds: float) -> str:
    """The two largest units: `2 h`, `1 h 30 min`, `1 d 4 h`, `45 s`."""
    left, parts = max(0, round(seconds)), list[str]()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
