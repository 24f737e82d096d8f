"""Server-sent events as they are cut by a network."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from signoff_agents.mcp.events import events


async def cut(stream: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(stream), size):
        yield stream[start : start + size]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
async def test_events_are_the_same_however_they_are_cut(end: bytes, size: int) -> None:
    """A blank line that comes in parts ends its event like any other."""
    stream = b"".join(b"id: %d%sdata: %s%s%s" % (n, end, b"x" * n, end, end) for n in range(1, 9))
    found = [event async for event in events(cut(stream, size))]
    assert [(event.id, event.data) for event in found] == [(str(n), b"x" * n) for n in range(1, 9)]


async def test_a_large_event_is_looked_at_once() -> None:
    """Not anew with each piece that comes: while that is done no other call, and no decision, gets through."""
    stream = b"data: " + b"x" * 2**25 + b"\n\n"
    started = time.monotonic()
    (event,) = [event async for event in events(cut(stream, 2**16))]
    assert len(event.data) == 2**25
    assert time.monotonic() - started < 8
