"""Who is on call: recurrence, zones, whole days, exceptions, and calendars that are meant to do harm."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signoff.errors import DirectoryAway
from signoff.model import Principal
from signoff_calendar import plugin, process
from signoff_calendar.directory import CalendarDirectory
from signoff_calendar.fetching import fetch
from signoff_calendar.limits import SIZE

NIGHTS = """UID:nights
DTSTART;TZID=Europe/Berlin:20260301T200000
DTEND;TZID=Europe/Berlin:20260302T080000
RRULE:FREQ=DAILY
ATTENDEE;CN=Ada:mailto:ada@example.com"""


def calendar(*events: str, head: str = "") -> str:
    blocks = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{head}{blocks}END:VCALENDAR\n"


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Duty:
    """One calendar file and a clock."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "oncall.ics"
        self.now = moment("2026-06-01T12:00")
        self.directory = CalendarDirectory(folder, clock=lambda: self.now)

    async def at(self, *moments: str) -> list[set[Principal | str]]:
        """Who is on call at each of these moments (UTC)."""
        out: list[set[Principal | str]] = []
        for text in moments:
            self.now = moment(text)
            out.append(set(await self.directory.members("calendar", "oncall.ics")))
        return out


@pytest.fixture
def duty(tmp_path: Path) -> Duty:
    return Duty(tmp_path)


ADA, BOB, NOBODY = {"ada@example.com"}, {"bob@example.com"}, set[str]()


async def test_a_shift_is_half_open(duty: Duty) -> None:
    """Whoever follows at the full hour is on call then, and the one before no more."""
    duty.file.write_text(
        calendar(
            "UID:a\nDTSTART:20260601T080000Z\nDTEND:20260601T200000Z\nATTENDEE:mailto:ada@example.com",
            "UID:b\nDTSTART:20260601T200000Z\nDURATION:PT12H\nATTENDEE:mailto:bob@example.com",
        )
    )
    moments = ("2026-06-01T07:59:59", "2026-06-01T08:00", "2026-06-01T19:59:59", "2026-06-01T20:00")
    assert await duty.at(*moments) == [NOBODY, ADA, ADA, BOB]


async def test_recurring_shifts_follow_the_wall_clock_of_their_zone(duty: Duty) -> None:
    """20:00 in Berlin is 19:00 UTC in winter and 18:00 in summer, on the night of the change too."""
    duty.file.write_text(calendar(NIGHTS))
    assert await duty.at("2026-03-27T18:59", "2026-03-27T19:00", "2026-03-28T06:59", "2026-03-28T07:00") == [
        NOBODY, ADA, ADA, NOBODY,
    ]  # fmt: skip
    # Clocks go forward on 29 March: this night begins at 19:00 UTC and ends at 06:00 UTC.
    assert await duty.at("2026-03-28T19:00", "2026-03-29T05:59", "2026-03-29T06:00", "2026-03-29T18:00") == [
        ADA, ADA, NOBODY, ADA,
    ]  # fmt: skip


async def test_the_last_hour_of_the_longest_night_is_part_of_it(duty: Duty) -> None:
    """Clocks go back on 25 October: that night lasts thirteen hours, until 07:00 UTC."""
    duty.file.write_text(calendar(NIGHTS))
    assert await duty.at("2026-10-25T06:30", "2026-10-25T07:00") == [ADA, NOBODY]


async def test_one_reading_of_the_text_serves_a_whole_day(duty: Duty, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only a day: shifts beyond are read when they come."""
    read, asked = process.read, list[float]()

    async def counting(text: bytes, start: float, stop: float) -> process.Shifts | str:
        asked.append(start)
        return await read(text, start, stop)

    monkeypatch.setattr(process, "read", counting)
    duty.file.write_text(calendar(NIGHTS))
    assert await duty.at("2026-03-10T12:00", "2026-03-10T23:00", "2026-03-11T11:59") == [NOBODY, ADA, NOBODY]
    assert len(asked) == 1
    assert await duty.at("2026-03-11T23:00") == [ADA]
    assert len(asked) == 2


async def test_a_changed_file_is_read_again(duty: Duty) -> None:
    """At once, also when neither its size nor its time tells."""
    duty.file.write_text(calendar(NIGHTS))
    before = duty.file.stat()
    assert await duty.at("2026-03-10T23:00") == [ADA]
    duty.file.write_text(calendar(NIGHTS.replace("ada", "bob")))
    os.utime(duty.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await duty.at("2026-03-10T23:00") == [BOB]


@pytest.mark.parametrize(
    ("head", "expected"),
    [("", [NOBODY, ADA, ADA, NOBODY]), ("X-WR-TIMEZONE:America/New_York\n", [NOBODY, NOBODY, ADA, ADA])],
    ids=["UTC", "the calendar's zone"],
)
@pytest.mark.parametrize(
    "times",
    ["DTSTART;VALUE=DATE:20260601\nDTEND;VALUE=DATE:20260602", "DTSTART:20260601T000000\nDTEND:20260602T000000"],
    ids=["a whole day", "times without a zone"],
)
async def test_days_and_times_without_a_zone_are_the_calendars(
    duty: Duty, head: str, times: str, expected: Sequence[set[str]]
) -> None:
    """1 June lasts from midnight to midnight in the zone the calendar names, else in UTC."""
    duty.file.write_text(calendar(f"UID:a\n{times}\nATTENDEE:mailto:ada@example.com", head=head))
    moments = ("2026-05-31T23:59", "2026-06-01T00:00", "2026-06-01T23:59", "2026-06-02T03:59")
    assert await duty.at(*moments) == expected


async def test_a_day_without_an_end_is_one_day(duty: Duty) -> None:
    """RFC 5545, 3.6.1."""
    duty.file.write_text(calendar("UID:a\nDTSTART;VALUE=DATE:20260601\nSUMMARY:ada"))
    assert await duty.at("2026-06-01T00:00", "2026-06-01T23:59", "2026-06-02T00:00") == [{"ada"}, {"ada"}, NOBODY]


async def test_cancelled_moved_and_left_out_shifts_do_not_count(duty: Duty) -> None:
    """A cancelled event, a cancelled night, a night left out, and one that was handed to somebody else."""
    duty.file.write_text(
        calendar(
            NIGHTS + "\nEXDATE;TZID=Europe/Berlin:20260312T200000",
            "UID:nights\nRECURRENCE-ID;TZID=Europe/Berlin:20260310T200000\nSTATUS:CANCELLED\n"
            "DTSTART;TZID=Europe/Berlin:20260310T200000\nDTEND;TZID=Europe/Berlin:20260311T080000\n"
            "ATTENDEE:mailto:ada@example.com",
            "UID:nights\nRECURRENCE-ID;TZID=Europe/Berlin:20260311T200000\n"
            "DTSTART;TZID=Europe/Berlin:20260311T210000\nDTEND;TZID=Europe/Berlin:20260312T080000\n"
            "ATTENDEE:mailto:bob@example.com",
            "UID:c\nSTATUS:CANCELLED\nDTSTART:20260313T120000Z\nDTEND:20260313T130000Z\nSUMMARY:ada",
        )
    )
    nights = ("2026-03-09T23:00", "2026-03-10T23:00", "2026-03-11T19:30", "2026-03-11T23:00", "2026-03-12T23:00")
    assert await duty.at(*nights) == [ADA, NOBODY, NOBODY, BOB, NOBODY]
    assert await duty.at("2026-03-13T12:30", "2026-03-13T23:00") == [NOBODY, ADA]


async def test_a_calendar_that_takes_back_events_names_nobody(duty: Duty) -> None:
    """METHOD:CANCEL (RFC 5546)."""
    duty.file.write_text(calendar(NIGHTS, head="METHOD:CANCEL\n"))
    assert await duty.at("2026-03-10T23:00") == [NOBODY]


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("SUMMARY:ada", {"ada"}),
        ("SUMMARY:ada\\, bob@example.com", {"ada", "bob@example.com"}),
        ("SUMMARY:ada / bob and rita", {"ada", "bob", "rita"}),
        ("SUMMARY:Amanda", {"Amanda"}),
        ("SUMMARY:ada\nATTENDEE:mailto:bob@example.com", {"bob@example.com"}),
        ("SUMMARY:ada\nATTENDEE:MAILTO:bob@example.com\nATTENDEE:mailto:rita@example.com",
         {"bob@example.com", "rita@example.com"}),
        ("SUMMARY:ada\nATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.com", NOBODY),
        ("SUMMARY:ada\nATTENDEE;CUTYPE=ROOM:mailto:room@example.com", NOBODY),
        ("SUMMARY:ada\nATTENDEE;ROLE=NON-PARTICIPANT:mailto:bob@example.com", NOBODY),
        ("ATTENDEE;EMAIL=bob@example.com:urn:uuid:5", {"bob@example.com"}),
        ("ORGANIZER:mailto:ada@example.com", NOBODY),
        (f"SUMMARY:{'x' * 400}", NOBODY),
    ],
)  # fmt: skip
async def test_who_an_event_names(duty: Duty, lines: str, names: set[str]) -> None:
    """Its attendees; its summary only when it has none. Never its organizer, a room, or one who has declined."""
    duty.file.write_text(calendar(f"UID:a\nDTSTART:20260601T080000Z\nDTEND:20260601T200000Z\n{lines}"))
    assert await duty.at("2026-06-01T12:00") == [names]


# ── calendars that make no sense ─────────────────────────────────────────────────────────────────


FINE = "UID:fine\nDTSTART:20260601T080000Z\nDTEND:20260601T200000Z\nATTENDEE:mailto:ada@example.com"


@pytest.mark.parametrize(
    "lines",
    [
        "DTSTART:20269999T080000Z\nDTEND:20260601T200000Z",
        "DTSTART:20260601T080000Z\nDTEND:yesterday",
        "DTSTART:20260601T200000Z\nDTEND:20260601T080000Z",
        "DTSTART:20260601T080000Z",
        "DTEND:20260601T200000Z",
        "DTSTART;TZID=Nowhere/Here:20260601T080000\nDTEND;TZID=Nowhere/Here:20260601T200000",
        "DTSTART:20260601T080000Z\nDTEND:20260601T200000Z\nRRULE:FREQ=SOMETIMES",
        "DTSTART:20260501T080000Z\nDTEND:20260501T200000Z\nRRULE:FREQ=DAILY\nEXDATE:not a date",
        "DTSTART:20260501T080000Z\nDTEND:20260501T200000Z\nRRULE:FREQ=DAILY;UNTIL=20260510",
        "DTSTART:20260601T080000Z\nDURATION:for ever",
    ],
)
async def test_an_event_that_makes_no_sense_is_nobodys_shift(duty: Duty, lines: str) -> None:
    """Fail closed, for it alone: the other events of the calendar still count."""
    duty.file.write_text(calendar(f"UID:odd\n{lines}\nATTENDEE:mailto:bob@example.com", FINE))
    assert await duty.at("2026-06-01T12:00") == [ADA]


async def test_an_exception_that_makes_no_sense_stops_its_whole_series(duty: Duty) -> None:
    """It may say that somebody is not on call that night."""
    broken = "UID:nights\nRECURRENCE-ID:soon\nDTSTART:20260310T190000Z\nSTATUS:CANCELLED"
    duty.file.write_text(calendar(NIGHTS, broken))
    assert await duty.at("2026-03-10T23:00") == [NOBODY]


@pytest.mark.parametrize(
    "text", ["", "<html>Sign in</html>", "BEGIN:VCALENDAR\n", "\x00\x01", calendar(FINE, head="X-WR-TIMEZONE:Mars\n")]
)
async def test_a_text_that_is_no_calendar_is_an_absent_directory(duty: Duty, text: str) -> None:
    """So nobody can approve by it, and it is said why."""
    duty.file.write_text(text)
    with pytest.raises(DirectoryAway, match=r"the calendar oncall\.ics: it cannot be read"):
        await duty.at("2026-06-01T12:00")


HOSTILE = {
    "a day that never comes": "DTSTART:19700101T000000Z\nDTEND:19700101T000001Z\n"
    "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
    "every second for ever": "DTSTART:19700101T000000Z\nDTEND:19700101T000001Z\nRRULE:FREQ=SECONDLY",
    "shifts of fifty years": "DTSTART:20200101T000000Z\nDTEND:20760101T000000Z\nRRULE:FREQ=MINUTELY",
}


@pytest.mark.parametrize("rule", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_calendar_costs_bounded_time(duty: Duty, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reading is ended, the server goes on meanwhile, and the same text is not tried again at the next click."""
    monkeypatch.setattr(process, "READING", 1.0)
    duty.file.write_text(calendar(f"UID:a\n{rule}\nSUMMARY:ada", FINE))
    loop = asyncio.get_running_loop()
    began, beats = loop.time(), 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    with pytest.raises(DirectoryAway, match="cannot be made out"):
        await duty.at("2026-06-01T12:00")
    assert loop.time() - began < 5
    assert beats > 20
    began = loop.time()
    with pytest.raises(DirectoryAway, match="cannot be made out"):
        await duty.at("2026-06-01T12:01")
    assert loop.time() - began < 0.5
    beating.cancel()


async def test_a_reading_that_is_given_up_leaves_no_process(duty: Duty, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the one who asked is gone; and it never sees a secret: its environment is where packages are."""
    monkeypatch.setenv("SIGNOFF_SIGNING_KEY", "s3cret")
    duty.file.write_text(calendar(f"UID:a\n{HOSTILE['a day that never comes']}\nSUMMARY:ada"))
    asking = asyncio.create_task(duty.at("2026-06-01T12:00"))
    async with asyncio.timeout(20):
        while True:
            await asyncio.sleep(0.01)
            if running := readers():
                break
    [(process_id, environ)] = running.items()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert process_id not in readers()
    assert b"PYTHONPATH=" in environ
    assert b"s3cret" not in environ


def readers() -> dict[str, bytes]:
    """The processes that read calendars for this one, with their environment (proc(5))."""
    found: dict[str, bytes] = {}
    for one in Path("/proc/self/task").glob("*/children"):
        for process_id in one.read_text().split():
            proc = Path("/proc") / process_id
            if b"shifts.py" in (proc / "cmdline").read_bytes():
                found[process_id] = (proc / "environ").read_bytes()
    return found


async def test_a_file_that_is_too_large_or_no_file_is_an_absent_directory(duty: Duty) -> None:
    """A pipe is not waited for, a large file not read."""
    with pytest.raises(DirectoryAway, match="there is no calendar"):
        await duty.at("2026-06-01T12:00")
    os.mkfifo(duty.file)
    with pytest.raises(DirectoryAway, match="there is no calendar"):
        await duty.at("2026-06-01T12:00")
    duty.file.unlink()
    duty.file.write_bytes(b" " * (SIZE + 1))
    with pytest.raises(DirectoryAway, match="larger than"):
        await duty.at("2026-06-01T12:00")


# ── addresses ────────────────────────────────────────────────────────────────────────────────────


async def test_an_address_is_fetched_each_time(tmp_path: Path) -> None:
    """What keeps answers is not the calendar; an error in fetching is passed on."""
    texts = [calendar(FINE), calendar(FINE.replace("ada", "bob"))]

    async def served(url: str) -> bytes:
        assert url == "https://cal.example/s3cret.ics"
        if not texts:
            raise DirectoryAway(what="the calendar at cal.example answers 503")
        return texts.pop(0).encode()

    directory = CalendarDirectory(tmp_path, served, clock=lambda: moment("2026-06-01T12:00"))
    assert await directory.members("calendar", "https://cal.example/s3cret.ics") == ADA
    assert await directory.members("calendar", "https://cal.example/s3cret.ics") == BOB
    with pytest.raises(DirectoryAway, match="answers 503"):
        await directory.members("calendar", "https://cal.example/s3cret.ics")


async def test_i29_an_address_that_holds_a_secret_is_in_no_error(tmp_path: Path) -> None:
    """Only its host is named."""

    async def served(url: str) -> bytes:
        return b"nonsense"

    directory = CalendarDirectory(tmp_path, served)
    with pytest.raises(DirectoryAway, match=r"the calendar at cal\.example: it cannot be read") as caught:
        await directory.members("calendar", "https://cal.example/s3cret.ics")
    assert "s3cret" not in caught.value.sentence


async def test_i27_plain_http_is_for_this_machine_only() -> None:
    """A crafted or mistaken address is not called at all."""
    for url in ("http://cal.example/a.ics", "http://10.0.0.1/a.ics", "ftp://cal.example/a.ics", "file:///etc/passwd"):
        with pytest.raises(DirectoryAway, match="not at an https address"):
            await fetch(url)


@pytest.mark.parametrize(
    ("place", "fits"),
    [
        ("oncall.ics", True), ("duty/oncall.ics", True), ("on call.ics", True), ("https://cal.example/a?b=c", True),
        ("http://127.0.0.1:8000/a.ics", True), ("http://localhost/a.ics", True), ("http://[::1]:1/a.ics", True),
        ("http://cal.example/a.ics", False), ("http://localhost.evil.example/a", False), ("/etc/oncall.ics", False),
        ("../oncall.ics", False), ("a/../../oncall.ics", False), ("oncall.txt", False), ("file:///a.ics", False),
        ("https://user:pass@cal.example/a.ics", False), ("webcal://cal.example/a.ics", False),
    ],
)  # fmt: skip
def test_what_the_policy_may_name_as_a_calendar(place: str, fits: bool) -> None:
    """A file at or below the policy's folder, or an address."""
    assert (re.fullmatch(plugin.groups["calendar"].pattern, place) is not None) is fits


async def test_a_calendar_holds_nothing_against_anybody(tmp_path: Path) -> None:
    """Whether someone is a guest, it cannot tell."""
    assert await plugin.build(tmp_path).standing(Principal(chat="calendar", tenant="t", user="u"), None) is None
