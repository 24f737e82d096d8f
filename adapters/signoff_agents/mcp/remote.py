"""A server at an address, for a host that speaks in messages: each message is a POST, answers and streams come back.

Protocol 2025-11-25 and before: a session, its id in a header, a stream that stays open, cancelling by message.
Since 2026-07-28: every request stands alone, headers repeat what the body says, closing the stream cancels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

import aiohttp
from mcp.shared.inbound import NAME_BEARING_METHODS, encode_header_value

from signoff_agents.mcp.calls import version_of
from signoff_agents.mcp.catalogue import Catalogue, headers_of
from signoff_agents.mcp.events import Event, events
from signoff_agents.mcp.messages import (
    INTERNAL_ERROR,
    Document,
    cancelled_id,
    failed,
    is_response,
    key,
    part,
    peek,
    written,
)

SESSION: Final = "Mcp-Session-Id"
VERSION: Final = "MCP-Protocol-Version"
ACCEPT: Final = "application/json, text/event-stream"
CONNECT = 30.0
"""Seconds to reach the server; an answer may take as long as it takes."""
TAKEN = 30.0
"""Seconds for taking what has no answer: the host's next message waits for that."""
RETRY = 1.0
"""Seconds before a stream that broke is taken up again, where the server does not say."""
TRIES = 5
"""Times that is tried in a row."""
LEAVE = 5.0
"""Seconds for saying goodbye to a session."""

log = logging.getLogger("signoff")
Heard = Callable[[bytes], Awaitable[None]]


def connection() -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)
    # Nothing is decoded and encoded anew on the way, and no cookie of one host reaches another.
    return aiohttp.ClientSession(
        timeout=timeout,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=0),
        read_bufsize=2**20,
    )


def modern_headers(message: Mapping[str, object], catalogue: Catalogue) -> dict[str, str]:
    """The headers that repeat a request's body since protocol 2026-07-28; none for an earlier one."""
    params = part(message, "params")
    version, method = version_of(params), str(message.get("method"))
    if version is None:
        return {}
    headers = {VERSION: version, "Mcp-Method": method}
    name = params.get(NAME_BEARING_METHODS.get(method, ""))
    if isinstance(name, str):
        headers["Mcp-Name"] = encode_header_value(name)
        if method == "tools/call":
            headers |= headers_of(catalogue.known(name), part(params, "arguments"))
    return headers


class Remote:
    """One connection to it, as one host needs it."""

    def __init__(self, url: str, headers: Mapping[str, str], catalogue: Catalogue, heard: Heard) -> None:
        """`headers`: sent with everything, such as `Authorization`."""
        self._url = url
        self._headers = dict(headers)
        self._catalogue = catalogue
        self._heard = heard
        self._http = connection()
        self._session: str | None = None
        self._version: str | None = None
        self._initializing: str | None = None
        self._posts: dict[str, asyncio.Task[None]] = {}
        self._modern: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, message: Document) -> None:
        """Requests go their own ways; notifications and responses are sent one after the other."""
        if "id" in message and "method" in message:
            self._request(message)
            return
        cancelled = cancelled_id(message)
        if cancelled is not None and cancelled in self._modern:
            self._posts[cancelled].cancel()
            return
        with suppress(aiohttp.ClientError, OSError):
            async with asyncio.timeout(TAKEN), self._post(message) as response:
                await response.read()
        if message.get("method") == "notifications/initialized":
            self._start(self._listen())

    def _request(self, message: Document) -> None:
        name = key(message["id"])
        if message["method"] == "initialize":
            self._initializing, self._version = name, None
        task = self._start(self._exchange(message))
        self._posts[name] = task
        if version_of(part(message, "params")) is not None:
            self._modern.add(name)

        def forget(_: object) -> None:
            # A later request may have taken its id.
            if self._posts.get(name) is task:
                del self._posts[name]
                self._modern.discard(name)

        task.add_done_callback(forget)

    def _start(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _around(self, message: Mapping[str, object] | None = None) -> dict[str, str]:
        headers = {**self._headers, "Accept": ACCEPT, "Accept-Encoding": "identity"}
        if self._session is not None:
            headers[SESSION] = self._session
        if self._version is not None:
            headers[VERSION] = self._version
        return headers if message is None else headers | modern_headers(message, self._catalogue)

    def _post(self, message: Document) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._http.post(
            self._url,
            data=written(message),
            headers={**self._around(message), "Content-Type": "application/json"},
            allow_redirects=False,  # the header with the key goes to the configured address only
        )

    # ── one request ──────────────────────────────────────────────────────────────────────────────

    async def _exchange(self, message: Document) -> None:
        """Whatever happens, the host gets one answer to it, unless it cancelled."""
        try:
            if not await self._answered(message):
                raise ValueError("the server's answer ended early")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("the server did not answer %s: %s", message.get("method"), error)
            await self._heard(written(failed(message["id"], INTERNAL_ERROR, "The server could not be reached.")))

    async def _answered(self, message: Document) -> bool:
        last: Event | None = None
        async with self._post(message) as response:
            if (session := response.headers.get(SESSION)) is not None:
                self._session = session
            if response.content_type != "text/event-stream":
                return await self._single(message, response)
            async for event in events(response.content.iter_any()):
                last = event if event.id else last
                if await self._told(event, message):
                    return True
        return last is not None and await self._resumed(last, message)

    async def _single(self, message: Document, response: aiohttp.ClientResponse) -> bool:
        raw = await response.read()
        answer = peek(raw)
        if answer is None or not is_response({"id": message["id"], **answer} if answer.get("id") is None else answer):
            said = f"The server answered with HTTP status {response.status}."
            answer = failed(message["id"], INTERNAL_ERROR, said)
            raw = written(answer)
        elif answer.get("id") is None:  # it could not make out whom it answers; we know
            raw = written({**answer, "id": message["id"]})
        self._learn(message, answer)
        await self._heard(raw)
        return True

    async def _told(self, event: Event, message: Document) -> bool:
        """Hand on what an event says. True: it was the answer."""
        if not event.data:
            return False
        said = peek(event.data)
        answers = said is not None and is_response(said) and key(said["id"]) == key(message["id"])
        if said is not None and answers:
            self._learn(message, said)
        await self._heard(event.data)
        return answers

    def _learn(self, message: Document, answer: Document) -> None:
        if key(message["id"]) == self._initializing:
            self._initializing = None
            version = part(answer, "result").get("protocolVersion")
            self._version = version if isinstance(version, str) else None

    async def _resumed(self, last: Event, message: Document) -> bool:
        """Take up a stream that ended before the answer (protocol 2025-11-25)."""
        async for event in self._stream(last):
            if await self._told(event, message):
                return True
        return False

    # ── the stream that stays open ───────────────────────────────────────────────────────────────

    async def _listen(self) -> None:
        """What the server says of its own accord."""
        if self._session is None and self._version is None:
            return
        with suppress(aiohttp.ClientError, OSError, ValueError):
            async for event in self._stream(None):
                if event.data:
                    await self._heard(event.data)

    async def _stream(self, last: Event | None) -> AsyncIterator[Event]:
        tries, pause = 0, RETRY
        while tries < TRIES:
            headers = self._around()
            if last is not None and last.id:
                headers["Last-Event-ID"] = last.id
            try:
                async with self._http.get(self._url, headers=headers, allow_redirects=False) as response:
                    if response.status != 200 or response.content_type != "text/event-stream":
                        return  # it has no such stream
                    async for event in events(response.content.iter_any()):
                        tries = 0
                        last = event if event.id else last
                        pause = event.retry / 1000 if event.retry is not None else pause
                        yield event
            except (aiohttp.ClientError, OSError) as error:
                log.debug("a stream of the server broke: %s", error)
            tries += 1
            await asyncio.sleep(pause)

    async def end(self) -> None:
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(LEAVE):
                    await (await self._http.delete(self._url, headers=self._around(), allow_redirects=False)).read()
        await self._http.close()
