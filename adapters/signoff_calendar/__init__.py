"""Who is on call, from iCalendar files and addresses. Importing it stays cheap: what reads calendars loads later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from signoff.policy import GroupKey

if TYPE_CHECKING:
    from signoff.ports import Directory

PLACE = (
    r"https://[^\s/?#@]+(?:[/?#]\S*)?"
    r"|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?(?:[/?#]\S*)?"
    r"|(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\\:\x00-\x1f]+\.ics"
)
"""An address (https, or http on this machine), or a file at or below the policy's folder."""


class CalendarPlugin:
    """The entry point `signoff.directories: calendar`."""

    name = "calendar"
    groups: Mapping[str, GroupKey] = {"calendar": GroupKey("calendar", PLACE, "oncall.ics")}

    def build(self, folder: Path) -> Directory:
        from signoff_calendar.directory import CalendarDirectory

        return CalendarDirectory(folder)


plugin = CalendarPlugin()
