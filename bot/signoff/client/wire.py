"""HTTP to the service: one call, and one call repeated until it gets an answer. Agents' and the command line's side."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import aiohttp

from signoff.client.connections import Connections
from signoff.model import dumps, loads

TIMEOUT = 10.0
"""Seconds that one call may take, beyond the time it is asked to wait."""
FIRST_PAUSE = 0.2
"""Seconds before the second attempt; doubles up to LONGEST_PAUSE."""
LONGEST_PAUSE = 5.0
BUSY = frozenset({429, 500, 502, 503, 504})
"""Answers that are worth another attempt."""

MARKS = ("Idempotent-Replayed", "Signoff-Folded", "Signoff-Claimed")
"""Headers of an answer, in the order of Reply's fields."""

Document = dict[str, object]

log = logging.getLogger("signoff")


class Lost(Exception):
    """No usable answer came back. Not yet anybody's error: the call may be tried again."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Document
    retry_after: float | None = None
    """Seconds."""
    replayed: bool = False
    folded: bool = False
    """The same call of the same run was asked already and waits: the answer is that request."""
    claimed: bool = False
    """Approved at once, and consumed for this caller: see `Requests.decided`."""

    @property
    def detail(self) -> str:
        """The problem's sentence."""
        detail = self.body.get("detail")
        return detail if isinstance(detail, str) and detail else f"the service answered {self.status}"

    @property
    def code(self) -> str:
        """The last part of the problem's type."""
        return str(self.body.get("type", "")).rpartition("/")[2]


class Wire:
    """Calls to one service with one key, over `Connections`: nothing to close, whatever event loops come and go."""

    def __init__(self, url: str, api_key: str, timeout: float = TIMEOUT) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._timeout = timeout
        self._connections = Connections()

    def __repr__(self) -> str:
        return f"Wire({self._url!r})"

    def open(self) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """Connections that stay open for as long as this."""
        return self._connections.open()

    async def close(self) -> None:
        """Close what is idle on this event loop. Calls can be made again."""
        await self._connections.close()

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        waiting: float = 0.0,
    ) -> Reply:
        """One call. `waiting`: seconds that the service was asked to hold it. Raises Lost."""
        sent = {**self._headers, **(headers or {})}
        data = None
        if body is not None:
            data = dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            async with (
                self.open() as session,
                session.request(
                    method,
                    self._url + path,
                    data=data,
                    params=query,
                    headers=sent,
                    allow_redirects=False,  # the key goes to the configured service only
                    timeout=aiohttp.ClientTimeout(total=self._timeout + waiting),
                ) as response,
            ):
                raw = await response.read()
                status, after = response.status, response.headers.get("Retry-After")
                marks = [response.headers.get(name) == "true" for name in MARKS]
        except TimeoutError:
            raise Lost("it did not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Lost(str(error).replace(" ssl:default", "") or type(error).__name__) from error
        return Reply(status, _document(raw, status), _seconds(after), *marks)


def _document(raw: bytes, status: int) -> Document:
    parsed: object = None
    with contextlib.suppress(ValueError):
        parsed = loads(raw)
    if isinstance(parsed, dict):
        return cast("Document", parsed)
    if status < 300:
        raise Lost("its answer is not JSON")
    return {}


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else None


def wrong_address(url: str) -> str | None:
    """What is wrong with the service's address; None if it may be one."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return None
    except ValueError:
        parts = None
    if parts is not None and "://" not in url:
        return f"the address {url} has no scheme; write http://{url} or https://{url} (SIGNOFF_URL, or Gate(url=…))."
    return f"{url} is not an address of a service; write it like http://127.0.0.1:8080 (SIGNOFF_URL, or Gate(url=…))."


class Outage:
    """Says once that the service is away, however many calls wait for it, and once that it is back."""

    def __init__(self) -> None:
        self._away = False

    def lost(self, reason: str, seconds: float) -> None:
        if not self._away:
            self._away = True
            log.warning("the approval service cannot be used (%s); trying again for %.0f s", reason, seconds)

    def back(self) -> None:
        if self._away:
            self._away = False
            log.warning("the approval service answers again")


async def persist(send: Callable[[], Awaitable[Reply]], until: float, outage: Outage) -> Reply:
    """Repeat a call until it is answered, with growing, jittered pauses; Retry-After is kept.

    `until`: time of the running loop's clock at which to give up. Raises Lost with the last reason.
    """
    pause = FIRST_PAUSE
    clock = asyncio.get_running_loop().time
    while True:
        after: float | None = None
        try:
            reply = await send()
            if reply.status not in BUSY:
                outage.back()
                return reply
            reason, after = reply.detail, reply.retry_after
        except Lost as error:
            reason = str(error)
        # Jitter, so that all agents of a service that comes back do not knock at the same moment.
        rest = (after or 0.0) + random.uniform(pause / 2, pause)
        if clock() + rest > until:
            raise Lost(reason)
        outage.lost(reason, until - clock())
        await asyncio.sleep(rest)
        pause = min(pause * 2, LONGEST_PAUSE)
