"""Rows, and the arithmetic behind them: medians of interleaved rounds."""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Round = tuple[float, float]
"""Ours and the reference's figure, taken one right after the other."""


@dataclass(frozen=True, slots=True)
class Row:
    goal: str
    what: str
    wants: str
    measured: str
    reference: str
    holds: bool | None
    """None: told for orientation, no goal."""
    figures: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds, bytes, calls a second or plain ratios, as named."""


def p50(samples: Sequence[float]) -> float:
    return statistics.median(samples)


def p99(samples: Sequence[float]) -> float:
    return sorted(samples)[int(len(samples) * 0.99)]


def duration(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 0.01 else f"{seconds * 1e3:.1f} ms"


def rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s".replace(",", " ")


def kilobytes(size: float) -> str:
    return f"{size / 1000:.1f} kB"


def compared(
    goal: str,
    what: str,
    rounds: Sequence[Round],
    *,
    most: float | None = None,
    least: float | None = None,
    shown: Callable[[float], str] = duration,
) -> Row:
    """A row from rounds: the median of the rounds' ratios, beside the medians of both figures."""
    ratio = statistics.median(ours / reference for ours, reference in rounds)
    ours, reference = (statistics.median(side) for side in zip(*rounds, strict=True))
    holds = (
        None
        if most is None and least is None
        else (most is None or ratio <= most) and (least is None or ratio >= least)
    )
    wants = " ".join(f"{sign} {limit:g} ×" for sign, limit in (("≤", most), ("≥", least)) if limit is not None)
    figures = {"ratio": ratio, "ours": ours, "reference": reference}
    return Row(goal, what, wants, f"{ratio:.2f} × · {shown(ours)}", shown(reference), holds, figures)


def bounded(goal: str, what: str, value: float, most: float, shown: Callable[[float], str]) -> Row:
    """A row against a fixed bound."""
    return Row(goal, what, f"≤ {shown(most)}", shown(value), "–", value <= most, {"ours": value, "limit": most})


def resident(pid: int | None = None) -> int:
    """Bytes of memory that a process occupies."""
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid or os.getpid())], capture_output=True, text=True, check=True
    )
    return int(shown.stdout) * 1024
