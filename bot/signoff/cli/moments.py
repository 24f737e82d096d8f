"""Spans of time as people type them."""

from __future__ import annotations

import re

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
"""Seconds."""
_SPAN = re.compile(r"([0-9]{1,6})\s*(s|min|m|h|d|w)", re.ASCII)


def duration(text: str) -> int | None:
    """Seconds of `90s`, `15m`, `4h`, `1d`; None when it is no such span."""
    found = _SPAN.fullmatch(text.strip().lower())
    return (int(found[1]) * UNITS[found[2]] or None) if found else None
