"""One host and one server, message by message: calls are held, everything else passes."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from signoff_agents.mcp.calls import Answer, Approved, Caller, Calls, agent_of, envelope
from signoff_agents.mcp.messages import (
    CLIENT_META,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    LIST,
    LIST_CHANGED,
    Document,
    Faulty,
    cancelled_id,
    failed,
    is_call,
    is_response,
    key,
    part,
    peek,
    progress,
    read,
    written,
)

FIRST = 2.0
"""Seconds until a host that wants to hear of progress hears that a person is waited for."""
EVERY = 15.0
"""Seconds between such words: hosts give up on a silent server after 30 to 60 s."""
STEP = 1e-6
"""Of progress, which has to grow; so small that the server's own is greater."""
WAITING = "Waiting for a person to approve this call"

Write = Callable[[bytes], Awaitable[None]]
"""Sends one message to the host."""

log = logging.getLogger("signoff")


class Gone(Exception):
    """The server takes no more messages."""


class Upstream(Protocol):
    """The server's end."""

    async def send(self, message: Document) -> None:
        """Raises Gone."""
        ...


class Line:
    """What one host says to one server and the other way round."""

    def __init__(self, calls: Calls, upstream: Upstream, write: Write, *, run_id: str, number: str) -> None:
        self._calls = calls
        self._upstream = upstream
        self._write = write
        self._caller = Caller(run_id, number)
        self._agent: str | None = None
        self._held: dict[str, asyncio.Task[None]] = {}
        self._running: dict[str, Approved] = {}
        self._lists: set[str] = set()
        """The host's own requests for the list of tools."""
        self._asked: dict[str, asyncio.Future[Document | None]] = {}
        """Ours."""
        self._own = f"signoff-{secrets.token_hex(6)}-"
        """How the ids of those begin."""

    # ── from the host ────────────────────────────────────────────────────────────────────────────

    async def host(self, raw: bytes) -> None:
        """One message of the host. Raises Gone."""
        try:
            message = read(raw)
        except Faulty as fault:
            log.warning("a message of the host was not forwarded: %s", fault)
            if fault.answer is not None:
                await self._write(written(fault.answer))
            return
        await self.take(message)

    async def take(self, message: Document) -> None:
        """The same, read already."""
        if is_call(message):
            await self._hold(message)
            return
        cancelled = cancelled_id(message)
        if cancelled is not None and (task := self._held.get(cancelled)) is not None:
            task.cancel()  # the server has not heard of it
            return
        if cancelled is not None and (approved := self._running.pop(cancelled, None)) is not None:
            self._calls.lost(approved, "The host cancelled the call.")  # servers do not answer what is cancelled
        method = message.get("method")
        if method == "initialize":
            self._agent = agent_of(message, "clientInfo")
        elif method == LIST:
            self._lists.add(key(message.get("id")))
        await self._upstream.send(message)

    def left(self, request_id: object) -> None:
        """Nobody waits for the answer to this any more: if it is a call that is held, it will not run."""
        if (task := self._held.get(key(request_id))) is not None:
            task.cancel()

    async def _hold(self, message: Document) -> None:
        name = key(message["id"])
        if name in self._held or name in self._running:
            fault = failed(message["id"], INVALID_REQUEST, "A call with this id is on its way; use another id.")
            await self._write(written(fault))
            return
        task = asyncio.create_task(self._call(name, message))
        self._held[name] = task

        def forget(_: object) -> None:
            if self._held.get(name) is task:  # a later call may have taken its id
                del self._held[name]

        task.add_done_callback(forget)

    async def _call(self, name: str, message: Document) -> None:
        agent = self._agent or agent_of(message, "_meta", CLIENT_META)
        caller = Caller(self._caller.run_id, self._caller.number, agent)

        async def page(cursor: str | None) -> Document | None:
            return await self._page(message, cursor)

        async with telling(part(message, "params"), self._write):
            decided = await self._calls.decide(message, caller, page)
        if isinstance(decided, Answer):
            await self._write(written(decided.message))
            return
        # From here on it is the server's: a cancellation goes there too.
        self._running[name] = decided
        self._held.pop(name, None)
        try:
            await self._upstream.send(decided.message)
        except Gone:
            if self._running.pop(name, None) is not None:
                self._calls.lost(decided, "The server had ended before the call reached it.")
            await self._write(written(failed(message["id"], INTERNAL_ERROR, "The server has ended.")))

    # ── our own question ─────────────────────────────────────────────────────────────────────────

    async def _page(self, call: Document, cursor: str | None) -> Document | None:
        params: Document = {} if cursor is None else {"cursor": cursor}
        if meta := envelope(part(call, "params")):
            params["_meta"] = meta
        request_id = self._own + secrets.token_hex(6)
        future = self._asked[key(request_id)] = asyncio.get_running_loop().create_future()
        try:
            await self._upstream.send({"jsonrpc": "2.0", "id": request_id, "method": LIST, "params": params})
            result: Document | None = await future
            return result
        except Gone:
            return None
        finally:
            self._asked.pop(key(request_id), None)

    # ── from the server ──────────────────────────────────────────────────────────────────────────

    async def server(self, raw: bytes) -> None:
        """One message of the server."""
        message = peek(raw)
        if message is not None and await self._ours(message):
            return
        await self._write(raw)

    async def _ours(self, message: Document) -> bool:
        """What of the server's messages concerns us. True: the host has been given what it needs of it."""
        if message.get("method") == LIST_CHANGED:
            self._calls.catalogue.forget()
        if not is_response(message):
            return False
        name = key(message["id"])
        if (future := self._asked.get(name)) is not None:
            if not future.done():
                future.set_result(part(message, "result") if "result" in message else None)
            return True
        if str(message["id"]).startswith(self._own):
            return True  # it came too late
        if name in self._lists:
            self._lists.discard(name)
            self._calls.catalogue.heard(part(message, "result"))
        if (approved := self._running.pop(name, None)) is None:
            return False
        instead = self._calls.returned(approved, message)
        if instead is not None:
            await self._write(written(instead))
        return instead is not None

    # ── the end ──────────────────────────────────────────────────────────────────────────────────

    async def close(self) -> None:
        """Nothing that is held will run; of what runs, nobody will hear any more."""
        for task in (held := list(self._held.values())):
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        running, self._running = list(self._running.values()), {}
        for approved in running:
            self._calls.lost(approved, "The connection ended before the server answered.")


@asynccontextmanager
async def telling(params: Document, write: Write) -> AsyncGenerator[None]:
    """Tells a host that asked for progress that its call waits, as long as it does."""
    token = part(params, "_meta").get("progressToken")
    if not isinstance(token, str | int):
        yield
        return
    task = asyncio.create_task(_tell(token, write))
    try:
        yield
    finally:
        task.cancel()
        # Not `await task`: a call that is cancelled at this moment is cancelled, and one that is approved runs.
        await asyncio.gather(task, return_exceptions=True)


async def _tell(token: str | int, write: Write) -> None:
    done = STEP
    await asyncio.sleep(FIRST)
    while True:
        await write(written(progress(token, done, WAITING)))
        done += STEP
        await asyncio.sleep(EVERY)
