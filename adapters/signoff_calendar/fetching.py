"""Fetching a calendar from an address. No redirects: only the configured address is asked (I27)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from signoff.errors import DirectoryAway
from signoff_calendar.limits import FETCH, SIZE


async def fetch(url: str) -> bytes:
    """The body. Raises DirectoryAway; the address itself, which may hold a secret, is in no error (I29)."""
    where = f"the calendar at {urlsplit(url).hostname}"
    if not _allowed(url):
        raise DirectoryAway(what=f"{where} is not at an https address")
    timeout = aiohttp.ClientTimeout(total=FETCH)
    headers = {"Accept": "text/calendar, */*;q=0.1"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            # As it is written: a signed address would not bear being put in order.
            session.get(URL(url, encoded=True), allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise DirectoryAway(what=f"{where} answers {answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > SIZE:
                    raise DirectoryAway(what=f"{where} is larger than {SIZE} bytes")
            return bytes(body)
    except TimeoutError:
        raise DirectoryAway(what=f"{where} does not answer") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise DirectoryAway(what=f"{where} cannot be fetched ({type(error).__name__})") from None


def _allowed(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
