"""Attacks on what stands between callers and Redis."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from signoff.errors import BadConfig
from signoff.store.redis.door import door
from signoff.store.redis.wire import Wire


class Transport:
    """Notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        """Nothing is open."""


async def test_i29_a_text_that_cannot_be_sent_does_not_hand_out_other_callers_replies() -> None:
    """After a command with half a surrogate pair was refused, each reply still goes to the caller who asked for it."""
    wire, transport = Wire(5.0), Transport()
    wire.connection_made(cast("asyncio.Transport", transport))
    with pytest.raises(ValueError):
        await wire.ask(("SET", "key", "\ud800"))
    with pytest.raises(ValueError):
        wire.send(("SET", "key", "\ud800"), lambda _: None)
    first = asyncio.ensure_future(wire.ask(("GET", "mine")))
    second = asyncio.ensure_future(wire.ask(("GET", "yours")))
    await asyncio.sleep(0)
    wire.data_received(b"$4\r\nmine\r\n$5\r\nyours\r\n")
    assert (await first, await second) == (["mine"], ["yours"])
    assert not any(b"SET" in data for data in transport.written)
    wire.close()


@pytest.mark.parametrize("password", ["hush/hush", "hush#hush", "hush?hush", "hush[hush"])
@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+cluster"])
def test_i29_a_password_that_breaks_the_address_is_not_quoted(scheme: str, password: str) -> None:
    """The sentence says how to write such a password, never what it is."""
    with pytest.raises(BadConfig, match="%2F for /") as caught:
        door(f"{scheme}://:{password}@127.0.0.1:6379/0", "key")
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
