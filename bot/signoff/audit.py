"""The audit trail as data: what a line holds, how lines are chained, how a chain is verified. Pure.

A line's body is hashed with SHA-256 by whoever writes it. The store numbers and links lines inside the same atomic
step that makes the change: `link = SHA-1(previous link, number, time, body hash)`. SHA-1 because it is the only hash
that Redis offers to scripts; its inputs are SHA-256 digests, numbers and an earlier link, which leaves no room for the
chosen bits that collisions on SHA-1 need (see SECURITY.md). An export carries a signed SHA-256 over all of its lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signoff.model import dumps

GENESIS = "0" * 40
"""The link before the first line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line before the store has numbered it. `body` is JSON text without secrets."""

    body: str
    body_hash: str

    @classmethod
    def of(cls, body: dict[str, object]) -> Entry:
        text = dumps(body)
        return cls(text, hashlib.sha256(text.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Line:
    """A line as stored."""

    seq: int
    """1, 2, 3 … without gaps."""
    at: int
    """Milliseconds since the epoch, by the store's clock."""
    body: str
    link: str


def link(previous: str, seq: int, at: int, body_hash: str) -> str:
    """The chain's step; `lua/_write.lua` does the same."""
    return hashlib.sha1(f"{previous}:{seq}:{at}:{body_hash}".encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Fault:
    seq: int
    sentence: str


def verify(lines: Iterable[Line], previous: str = GENESIS, start: int = 1) -> Sequence[Fault]:
    """Every place where the chain does not hold: a changed, missing, added or reordered line. Empty: it verifies."""
    faults: list[Fault] = []
    expected = start
    for line in lines:
        if line.seq != expected:
            faults.append(Fault(line.seq, f"line {line.seq} stands where line {expected} should be"))
        body_hash = hashlib.sha256(line.body.encode()).hexdigest()
        if link(previous, line.seq, line.at, body_hash) != line.link:
            faults.append(Fault(line.seq, f"line {line.seq} does not match its link: it or the one before was changed"))
        previous = line.link
        expected = line.seq + 1
    return faults
