"""Ends of things as people write them: `friday`, `tomorrow`, `2026-12-01`, `17:00`, `3d`. Pure; all in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from signoff.errors import BadCommand
from signoff.model import one_line, shorten

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"([0-9]{1,4})\s*(s|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
MEND = "Write a day such as friday or 2026-12-01, a time such as 17:00, or a span such as 3d."


def until(text: str, now: datetime) -> datetime:
    """The moment meant. A day means its end; a time of day the next such time. Raises BadCommand."""
    said = text.strip().lower().rstrip(".")
    if span := _SPAN.fullmatch(said):
        return now + timedelta(seconds=int(span[1]) * _SECONDS[span[2][0]])
    if clock := _CLOCK.fullmatch(said):
        moment = datetime.combine(now.date(), time(int(clock[1]), int(clock[2])), UTC)
        return moment if moment > now else moment + timedelta(days=1)
    if said in {"today", "tonight"}:
        return _end(now.date())
    if said == "tomorrow":
        return _end(now.date() + timedelta(days=1))
    named = [index for index, day in enumerate(DAYS) if len(said) >= 3 and day.startswith(said)]
    if named:
        ahead = (named[0] - now.weekday()) % 7
        return _end(now.date() + timedelta(days=ahead))
    try:
        return _end(date.fromisoformat(text.strip()))
    except ValueError:
        pass  # no whole day
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        said = shorten(one_line(text.strip()), 60)[0]
        raise BadCommand(fault=f'"{said}" is no moment that can be read.', mend=MEND) from None


def _end(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), UTC)
