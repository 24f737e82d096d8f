"""The Directory port over calendars: a group is whoever is on call now."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from signoff.errors import DirectoryAway
from signoff.model import MessageRef, Principal
from signoff_calendar import process
from signoff_calendar.fetching import fetch as fetch_over_https
from signoff_calendar.limits import REFUSED, SIZE, WINDOW

log = structlog.get_logger("signoff")


@dataclass(frozen=True, slots=True)
class _Known:
    """What one text says, for a while."""

    digest: bytes
    start: float
    stop: float
    answer: process.Shifts | str
    """A text: why it says nothing."""


class CalendarDirectory:
    """Who is on call, by files at or below a folder and by addresses."""

    def __init__(
        self,
        folder: Path,
        fetch: Callable[[str], Awaitable[bytes]] = fetch_over_https,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`fetch`: raises DirectoryAway. `clock`: seconds since 1970."""
        self._folder = folder
        self._fetch = fetch
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        """`group`: a file's name or an address. Ids and addresses of those whose shift it is now; the text is looked at
        each time, and made out again when it has changed, or once a day. Raises DirectoryAway.
        """
        text = await (self._fetch(group) if "://" in group else asyncio.to_thread(self._file, group))
        now, digest = self._clock(), hashlib.sha256(text).digest()
        known = self._known.get(group)
        if known is None or known.digest != digest or not known.start <= now < known.stop:
            known = self._known[group] = await self._made_out(_shown(group), text, digest)
        if isinstance(known.answer, str):
            raise DirectoryAway(what=f"{_shown(group)}: {known.answer}")
        return frozenset(name for start, end, names in known.answer.shifts if start <= now < end for name in names)

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        """A calendar knows nothing against anybody."""
        return None

    async def _made_out(self, name: str, text: bytes, digest: bytes) -> _Known:
        now = self._clock()
        answer = await process.read(text, now, now + WINDOW)
        if isinstance(answer, str):
            return _Known(digest, now, now + REFUSED, answer)
        if answer.unreadable:
            log.warning("some events of a calendar make no sense", calendar=name, events=answer.unreadable)
        return _Known(digest, now, now + WINDOW, answer)

    def _file(self, name: str) -> bytes:
        file = self._folder / name
        try:
            if not file.is_file():  # no pipe or device either, which might never end
                raise DirectoryAway(what=f"there is no calendar {file}")
            with file.open("rb") as opened:
                text = opened.read(SIZE + 1)
        except OSError as error:
            raise DirectoryAway(what=f"the calendar {file} cannot be read, {error.strerror}") from None
        if len(text) > SIZE:
            raise DirectoryAway(what=f"the calendar {file} is larger than {SIZE} bytes")
        return text


def _shown(group: str) -> str:
    """A calendar's name for people; an address may hold a secret (I29)."""
    return f"the calendar at {urlsplit(group).hostname}" if "://" in group else f"the calendar {group}"
