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
from datetime import UTC, datetime
from typing import cast

from signoff.model import dumps, iso, loads

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


def exported(line: Line) -> dict[str, object]:
    """A line as it leaves the house: `{"seq", "at" (RFC 3339), "ms", "link", "entry"}`."""
    return {"seq": line.seq, "at": iso(_moment(line.at)), "ms": line.at, "link": line.link, "entry": loads(line.body)}


def imported(value: object) -> Line:
    """A line of an export, or of GET /v1/audit; its body is byte for byte what was hashed. Raises ValueError."""
    match value:
        case {"seq": int(seq), "ms": int(at), "link": str(link), "entry": dict() as entry}:
            shown = cast("dict[str, object]", value).get("at")
            if shown != iso(_moment(at)):
                raise ValueError(f"line {seq} shows another time than it was chained with")
            return Line(seq, at, dumps(cast("object", entry)), link)
        case {"seq": int(seq), "at": str(shown), "at_ms": int(at), "link": str(link), "body": str(body)}:
            if shown != iso(_moment(at)):
                raise ValueError(f"line {seq} shows another time than it was chained with")
            return Line(seq, at, body, link)
        case _:
            raise ValueError("this is not an audit line, neither of an export nor of GET /v1/audit")


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def whole(texts: Iterable[str]) -> str:
    """SHA-256 (hex) over exported lines, each with its newline: what an export's seal signs."""
    sum_ = hashlib.sha256()
    for text in texts:
        sum_.update(text.encode() + b"\n")
    return sum_.hexdigest()
