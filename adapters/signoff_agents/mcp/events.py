"""Server-sent events, as MCP's HTTP transport has them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass, replace

LONGEST = 64 * 1024 * 1024
"""Bytes of one event."""
_BLANK = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it came."""

    raw: bytes
    """With its blank line."""
    data: bytes
    """Empty for comments and for events that only carry an id."""
    id: str | None = None
    retry: int | None = None
    """Milliseconds."""

    def with_data(self, data: bytes) -> Event:
        """The same event, saying something else."""
        kept = [line for line in _lines(self.raw) if line and not line.startswith(b"data")]
        return replace(self, raw=b"\n".join([*kept, b"data: " + data]) + b"\n\n", data=data)


async def events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[Event]:
    """The events of a stream. Raises ValueError for one that does not end. What is cut off at the end is no event."""
    buffer, looked = bytearray(), 0
    async for chunk in chunks:
        buffer += chunk
        while (end := _BLANK.search(buffer, looked)) is not None:
            raw, looked = bytes(buffer[: end.end()]), 0
            del buffer[: end.end()]
            yield _event(raw)
        looked = max(0, len(buffer) - 3)  # a blank line may have come in part; all before is not looked at again
        if len(buffer) > LONGEST:
            raise ValueError("an event is too long")


def message_event(data: bytes) -> bytes:
    return b"event: message\ndata: " + data.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n\n"


def _event(raw: bytes) -> Event:
    data: list[bytes] = []
    name = retry = None
    for line in _lines(raw):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"id" and b"\0" not in value:
            name = value.decode("utf-8", "replace")
        elif field == b"retry" and value.isdigit():
            retry = int(value)
    return Event(raw, b"\n".join(data), name, retry)


def _lines(raw: bytes) -> list[bytes]:
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
