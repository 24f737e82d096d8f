"""An iCalendar text (RFC 5545) → who is on call when. Pure; may take long and much memory on a hostile text.

A shift is any event of the calendar that is not cancelled. Its people are its attendees: those who
have not declined, and no rooms. An event without attendees names them in its summary.

Also a program, so that the one who asks can end it: `shifts.py START STOP CPU MEMORY`, the text on standard input; the
answer is a JSON object, either `shifts` as [start, end, names] and `unreadable`, or `fault`. It imports nothing of ours
and so starts fast.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import cast
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from icalendar.cal import Component

MOST_SHIFTS = 1000
MOST_NAMES = 50
LONGEST_NAME = 320
"""Characters; the longest e-mail address (RFC 5321, 4.5.3.1)."""
MARGIN = timedelta(days=2)
"""Looked at around the window, because the library steps back by an event's length on the clock on the wall, and a
night on which clocks change is longer than that."""
NOT_PEOPLE = {"ROOM", "RESOURCE"}
BETWEEN_NAMES = re.compile(r"[,;/&\n]|\s+and\s+", re.IGNORECASE)
TIMES = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE")


@dataclass(frozen=True, slots=True)
class Shift:
    """Half open: who follows at `end` is on call then, and this one is not."""

    start: float
    """Seconds since 1970, UTC."""
    end: float
    names: tuple[str, ...]
    """Ids or addresses of people, as the calendar writes them."""


@dataclass(frozen=True, slots=True)
class Calendar:
    shifts: tuple[Shift, ...]
    unreadable: int
    """Events that nobody can make sense of; they are nobody's shift."""


def read(text: bytes, start: datetime, stop: datetime) -> Calendar:
    """The shifts that overlap the window. Whole days and times without a zone are meant in the calendar's own zone
    (`X-WR-TIMEZONE`), else in UTC. Raises ValueError when the text is no calendar.
    """
    calendars = [one for one in icalendar.Calendar.from_ical(text, multiple=True) if one.name == "VCALENDAR"]
    if not calendars:
        raise ValueError("it is not an iCalendar text")
    shifts: list[Shift] = []
    unreadable = 0
    for calendar in calendars:
        if str(calendar.get("METHOD", "")).upper() == "CANCEL":
            continue
        zone = _zone(calendar)
        events: dict[str, list[icalendar.Event]] = defaultdict(list)
        for event in calendar.events:
            events[str(event.get("UID", id(event)))].append(event)
        for series in events.values():
            try:
                shifts += _series(series, zone, start, stop)
            except Exception:  # noqa: BLE001 - whatever the libraries make of nonsense; other events still count
                unreadable += len(series)
    if len(shifts) > MOST_SHIFTS:
        raise ValueError(f"more than {MOST_SHIFTS} events run within a day")
    return Calendar(tuple(shifts), unreadable)


def _zone(calendar: Component) -> tzinfo:
    name = calendar.get("X-WR-TIMEZONE")
    return ZoneInfo(str(name)) if name else UTC


def _series(events: Sequence[icalendar.Event], zone: tzinfo, start: datetime, stop: datetime) -> Iterator[Shift]:
    """One event with its recurrences and the exceptions from them, which share a UID. Raises all sorts of things."""
    for event in events:
        if event.errors:
            raise ValueError("a property of it cannot be read")
        if any(_zoneless(one) for name in TIMES for one in _list(event.get(name))):
            raise ValueError("its time zone is unknown")
        began, ended = event.DTSTART, event.DTEND
        if began and ended and _moment(ended, zone) < _moment(began, zone):
            raise ValueError("it ends before it begins")  # the libraries would swap the two
    alone = icalendar.Calendar()
    for event in events:
        alone.add_component(event)
    query = recurring_ical_events.of(alone)
    around = query.between((start - MARGIN).astimezone(zone), (stop + MARGIN).astimezone(zone))
    for found in cast("list[icalendar.Event]", around):
        began, ended = _moment(found.start, zone), _moment(found.end, zone)
        if str(found.get("STATUS", "")).upper() == "CANCELLED":
            continue
        if began < stop and start < ended:
            yield Shift(began.timestamp(), ended.timestamp(), _names(found))


def _zoneless(value: object) -> bool:
    """It names a zone that nobody knows: icalendar then reads the time as if it named none."""
    if "TZID" not in getattr(value, "params", {}):
        return False
    times = [getattr(one, "dt", None) for one in getattr(value, "dts", [value])]
    return any(isinstance(time, datetime) and time.tzinfo is None for time in times)


def _moment(when: date, zone: tzinfo) -> datetime:
    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)
    return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(UTC)


def _names(event: Component) -> tuple[str, ...]:
    attendees = _list(event.get("ATTENDEE"))
    found = [_address(one) for one in attendees] if attendees else BETWEEN_NAMES.split(str(event.get("SUMMARY", "")))
    names = [name.strip() for name in found if name and len(name) <= LONGEST_NAME]
    return tuple(dict.fromkeys(name for name in names if name))[:MOST_NAMES]


def _address(attendee: object) -> str | None:
    """None: somebody who is not on call by this event."""
    params = {key: str(value) for key, value in getattr(attendee, "params", {}).items()}
    if params.get("CUTYPE", "").upper() in NOT_PEOPLE or params.get("PARTSTAT", "").upper() == "DECLINED":
        return None
    if params.get("ROLE", "").upper() == "NON-PARTICIPANT":
        return None
    text = str(attendee)
    scheme, _, rest = text.partition(":")
    return rest if scheme.lower() == "mailto" else params.get("EMAIL", text)  # RFC 7986, 6.2


def _list(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def main() -> None:
    start, stop, cpu, memory = map(float, sys.argv[1:5])
    # Where the system can: whoever asks ends this process anyway when it takes too long.
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu), int(cpu)))
        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    warnings.simplefilter("ignore")  # the libraries' own, about a calendar's faults
    try:
        calendar = read(sys.stdin.buffer.read(), datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(stop, UTC))
    except Exception as error:  # noqa: BLE001 - whatever the libraries make of nonsense
        why = " ".join(str(error).split())[:200] if isinstance(error, ValueError) else type(error).__name__
        json.dump({"fault": f"it cannot be read ({why})"}, sys.stdout)
    else:
        shifts = [[shift.start, shift.end, shift.names] for shift in calendar.shifts]
        json.dump({"shifts": shifts, "unreadable": calendar.unreadable}, sys.stdout)


if __name__ == "__main__":
    main()
