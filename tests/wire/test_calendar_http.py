"""Calendars over HTTP: what is fetched, and what is not."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from signoff.errors import DirectoryAway
from signoff_calendar import fetching
from signoff_calendar.fetching import fetch
from signoff_calendar.limits import SIZE

TEXT = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"


class Site:
    """A web server on loopback with one good calendar and several bad ones."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[str] = []
        self.sent: list[int] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.raw_path)
        match request.path:
            case "/moved":
                raise web.HTTPFound(f"{self.address}/good")
            case "/empty":
                return web.Response(status=204)
            case "/packed":
                packed = gzip.compress(b" " * (SIZE * 20))
                return web.Response(body=packed, headers={"Content-Encoding": "gzip"})
            case "/endless":
                return await self._endless(request)
            case "/silent":
                await asyncio.Event().wait()
        return web.Response(body=TEXT, status=200 if request.path == "/good" else 503)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        self.sent.append(0)
        while True:
            await stream.write(b" " * 65536)
            self.sent[-1] += 65536


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    application = web.Application()
    application.router.add_get("/{path:.*}", site.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield site
    await runner.cleanup()


async def test_a_calendar_is_fetched_as_it_is(site: Site) -> None:
    """With what stands behind the question mark, which is often the secret that opens it."""
    assert await fetch(f"{site.address}/good?token=a%2Fb") == TEXT
    assert site.asked == ["/good?token=a%2Fb"]


@pytest.mark.parametrize(("path", "why"), [("/moved", "answers 302"), ("/gone", "answers 503"), ("/empty", "204")])
async def test_i27_only_a_plain_200_counts(site: Site, path: str, why: str) -> None:
    """Redirects are not followed; the error names the host, not the address."""
    with pytest.raises(DirectoryAway, match=why) as caught:
        await fetch(f"{site.address}{path}?s3cret")
    assert len(site.asked) == 1
    assert "s3cret" not in caught.value.sentence


@pytest.mark.parametrize("path", ["/endless", "/packed"])
async def test_a_calendar_that_is_too_large_is_not_read_to_its_end(site: Site, path: str) -> None:
    """Nor unpacked."""
    with pytest.raises(DirectoryAway, match="larger than"):
        await fetch(f"{site.address}{path}")
    assert all(sent < SIZE * 5 for sent in site.sent)


async def test_a_silent_server_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that is not there."""
    monkeypatch.setattr(fetching, "FETCH", 0.05)
    with pytest.raises(DirectoryAway, match="does not answer"):
        await fetch(f"{site.address}/silent")
    with pytest.raises(DirectoryAway, match="cannot be fetched"):
        await fetch("http://127.0.0.1:1/a.ics")
