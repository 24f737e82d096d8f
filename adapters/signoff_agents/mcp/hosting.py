"""Hosts over HTTP, a server as a process of ours.

Protocol 2025-11-25 and before: one process for each session. Since 2026-07-28 there are none: one process serves
everybody, and what could be mistaken for another's (ids, tokens) has a name of ours on the way.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import cast

from aiohttp import hdrs, web
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS, InboundLadderRejection, classify_inbound_request
from mcp_types.jsonrpc import HEADER_MISMATCH

from signoff_agents.mcp.calls import Calls, mark, version_of
from signoff_agents.mcp.child import Child, NotStarted
from signoff_agents.mcp.events import message_event
from signoff_agents.mcp.front import whose
from signoff_agents.mcp.line import Gone, Line
from signoff_agents.mcp.messages import (
    CANCELLED,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    Document,
    cancelled_id,
    failed,
    is_response,
    key,
    part,
    peek,
    written,
)
from signoff_agents.mcp.remote import SESSION
from signoff_agents.mcp.reply import Reply, status_of

IDLE = 1800.0
"""Seconds without anything asked after which a session ends; the SDK's own limit."""
MOST = 100
"""Sessions at a time, each a process."""
BACKLOG = 1000
"""Messages that wait for a host to listen."""
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
LOGGING = "io.modelcontextprotocol/logLevel"

log = logging.getLogger("signoff")


class Post:
    """One request of a host that is under way."""

    def __init__(self, message: Document, name: object) -> None:
        self.message = message
        self.name = name
        """The id that the server knows it by."""
        self.said: asyncio.Queue[bytes | None] = asyncio.Queue()
        """Messages for its stream, the answer last; None: there will be no more."""

    @property
    def token(self) -> object:
        return part(self.message, "params", "_meta").get("progressToken")


class Session:
    """One server process and whom it speaks to."""

    def __init__(self, calls: Calls, child: Child, *, run_id: str, number: str) -> None:
        self.child = child
        self.line = Line(calls, child, self.write, run_id=run_id, number=number)
        self.posts: dict[str, Post] = {}
        self.backlog: deque[bytes] = deque(maxlen=BACKLOG)
        self.listener: asyncio.Queue[bytes | None] | None = None
        self.used = time.monotonic()
        self.ended = False
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            await self.child.listen(self.line.server)
        finally:
            self.ended = True
            for post in self.posts.values():
                answer = failed(post.message["id"], INTERNAL_ERROR, "The server has ended.")
                post.said.put_nowait(written(answer))
            if self.listener is not None:
                self.listener.put_nowait(None)
            # What is held would burn its approval for nothing; of what ran nobody would hear.
            await self.line.close()

    async def write(self, raw: bytes) -> None:
        """One message for the host, to the stream where it belongs."""
        message = peek(raw) or {}
        if is_response(message):
            if (post := self.posts.get(key(message["id"]))) is not None:
                post.said.put_nowait(raw)
            return
        token = part(message, "params").get("progressToken")
        for post in self.posts.values() if token is not None else ():
            if key(post.token) == key(token):
                post.said.put_nowait(raw)
                return
        self.general(raw)

    def general(self, raw: bytes) -> None:
        """A line of a process does not say which request it belongs to."""
        if self.listener is not None:
            self.listener.put_nowait(raw)
        elif self.posts:
            list(self.posts.values())[-1].said.put_nowait(raw)
        else:
            self.backlog.append(raw)

    def cancelled(self, message: Document) -> None:
        """Servers do not answer what is cancelled: its stream ends without an answer."""
        post = self.posts.get(cancelled_id(message) or "")
        if post is not None and post.message["method"] != "initialize":  # which cannot be cancelled
            post.said.put_nowait(None)

    async def end(self) -> None:
        await self.line.close()
        await self.child.end()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Shared(Session):
    """The process that serves every host of protocol 2026-07-28."""

    async def write(self, raw: bytes) -> None:
        message = peek(raw)
        if message is None:
            return
        if is_response(message):
            if (post := self.posts.get(key(message["id"]))) is not None:
                post.said.put_nowait(written({**message, "id": post.message["id"]}))
            return
        params = part(message, "params")
        subscription = part(params, "_meta").get(SUBSCRIPTION)
        for name in (params.get("progressToken"), subscription):
            if name is not None and (post := self.posts.get(key(name))) is not None:
                post.said.put_nowait(written(_restored(message, post)))
                return
        for post in self.posts.values():
            if LOGGING in part(post.message, "params", "_meta"):
                post.said.put_nowait(raw)


def _restored(message: Document, post: Post) -> Document:
    params = dict(part(message, "params"))
    if "progressToken" in params:
        params["progressToken"] = post.token
    if SUBSCRIPTION in (meta := part(params, "_meta")):
        params["_meta"] = {**meta, SUBSCRIPTION: post.message["id"]}
    return {**message, "params": params}


def _renamed(message: Document, name: str) -> Document:
    params = part(message, "params")
    meta = part(params, "_meta")
    if "progressToken" in meta:
        params = {**params, "_meta": {**meta, "progressToken": name}}
    return {**message, "id": name, "params": params}


class Hosting:
    def __init__(self, calls: Calls, command: Sequence[str], run_id: str) -> None:
        self._calls = calls
        self._command = command
        self._run_id = run_id
        self._sessions: dict[str, Session] = {}
        self._shared: dict[str, Shared] = {}
        """Run → the process for its hosts."""
        self._starting = asyncio.Lock()

    async def end(self) -> None:
        sessions = [*self._sessions.values(), *self._shared.values()]
        await asyncio.gather(*(session.end() for session in sessions))

    # ── what a host sends ────────────────────────────────────────────────────────────────────────

    async def post(self, request: web.Request, message: Document) -> web.StreamResponse:
        try:
            if version_of(part(message, "params")) is not None:
                return await self._modern(request, message)
            return await self._legacy(request, message)
        except (Gone, NotStarted) as error:
            log.warning("the server does not run: %s", error)
            return _fault(message, 502, INTERNAL_ERROR, "The server does not run.")

    async def _modern(self, request: web.Request, message: Document) -> web.StreamResponse:
        if "id" not in message:
            return web.Response(status=202)  # there are no notifications on this wire; closing the stream cancels
        verdict = classify_inbound_request(message, headers={n.lower(): v for n, v in request.headers.items()})
        if isinstance(verdict, InboundLadderRejection) and verdict.code == HEADER_MISMATCH:
            return _fault(message, ERROR_CODE_HTTP_STATUS[verdict.code], verdict.code, verdict.message)
        run_id = whose(request, self._run_id)
        async with self._starting:
            session = self._shared.get(run_id)
            if session is None or session.ended:
                if session is not None:
                    await session.end()
                elif len(self._shared) >= MOST:
                    await self._tidied()
                    if len(self._shared) >= MOST:
                        return _fault(message, 503, INTERNAL_ERROR, "There are too many hosts; end one first.")
                child = await Child.start(self._command)
                session = Shared(self._calls, child, run_id=run_id, number=secrets.token_hex(6))
                self._shared[run_id] = session
        name = f"g-{secrets.token_hex(8)}"
        post = Post(message, name)
        sent = _renamed(message, name)
        try:
            return await self._answered(request, session, post, sent)
        except (asyncio.CancelledError, OSError):  # the host has left, which a write may meet first
            cancelled: Document = {"jsonrpc": "2.0", "method": CANCELLED, "params": {"requestId": name}}
            await asyncio.shield(_told(session, cancelled))
            raise

    async def _legacy(self, request: web.Request, message: Document) -> web.StreamResponse:
        session_id = request.headers.get(SESSION)
        headers: dict[str, str] = {}
        if session_id is None:
            if message.get("method") != "initialize":
                return _fault(message, 400, INVALID_REQUEST, "A session begins with initialize.")
            await self._tidied()
            if len(self._sessions) >= MOST:
                return _fault(message, 503, INTERNAL_ERROR, "There are too many sessions; end one first.")
            session_id = secrets.token_urlsafe(24)
            number = mark(session_id)
            child = await Child.start(self._command)
            self._sessions[session_id] = Session(self._calls, child, run_id=f"{self._run_id}-{number}", number=number)
            headers = {SESSION: session_id}
        session = self._sessions.get(session_id)
        if session is None or session.ended:
            return _fault(message, 404, INVALID_REQUEST, "There is no such session; begin another one.")
        session.used = time.monotonic()
        if "id" not in message or "method" not in message:
            await session.line.take(message)
            session.cancelled(message)
            return web.Response(status=202)
        if key(message["id"]) in session.posts:
            return _fault(message, 400, INVALID_REQUEST, "A request with this id is on its way; use another id.")
        try:
            return await self._answered(request, session, Post(message, message["id"]), message, headers)
        except (asyncio.CancelledError, OSError):
            session.line.left(message["id"])  # its answer could reach nobody; made again it finds what was asked
            raise

    async def _answered(
        self,
        request: web.Request,
        session: Session,
        post: Post,
        sent: Document,
        headers: Mapping[str, str] | None = None,
    ) -> web.StreamResponse:
        reply, name = Reply(request, post.message, headers), key(post.name)
        session.posts[name] = post
        try:
            await session.line.take(sent)
            while True:
                try:
                    async with asyncio.timeout(reply.patience):
                        raw = await post.said.get()
                except TimeoutError:
                    await reply.wait(held=False)
                    continue
                if raw is None:
                    return await reply.close()
                said = peek(raw) or {}
                if is_response(said) and key(said["id"]) == key(post.message["id"]):
                    return await reply.end(raw, status_of(said, post.message))
                await reply.event(message_event(raw))
        finally:
            session.posts.pop(name, None)
            session.used = time.monotonic()

    # ── what a host listens to, and how it leaves ────────────────────────────────────────────────

    async def other(self, request: web.Request) -> web.StreamResponse:
        session_id = request.headers.get(SESSION, "")
        session = self._sessions.get(session_id)
        if request.method not in {hdrs.METH_GET, hdrs.METH_DELETE} or not session_id:
            return web.Response(status=405, headers={"Allow": "GET, POST, DELETE"})
        if session is None or session.ended:
            return web.Response(status=404)
        if request.method == hdrs.METH_DELETE:
            del self._sessions[session_id]
            await session.end()
            return web.Response(status=204)
        if session.listener is not None:
            return web.Response(status=409)
        return await self._listened(request, session)

    async def _listened(self, request: web.Request, session: Session) -> web.StreamResponse:
        reply = Reply(request, {})
        heard = session.listener = asyncio.Queue()
        try:
            await reply.begin()
            while session.backlog:
                await reply.event(message_event(session.backlog.popleft()))
            while True:
                try:
                    async with asyncio.timeout(reply.patience):
                        raw = await heard.get()
                except TimeoutError:
                    await reply.wait(held=False)
                    continue
                if raw is None:
                    return await reply.close()
                await reply.event(message_event(raw))
        finally:
            session.listener = None

    async def _tidied(self) -> None:
        """Sessions that ended, or that nobody has used for long, go."""
        old = time.monotonic() - IDLE
        for known in (self._sessions, self._shared):
            sessions = cast("dict[str, Session]", known)
            for name, session in list(sessions.items()):
                busy = session.posts or session.listener is not None
                if session.ended or (session.used < old and not busy):
                    sessions.pop(name, None)  # others do the same meanwhile
                    await session.end()


async def _told(session: Session, message: Document) -> None:
    try:
        await session.line.take(message)
    except Gone:
        log.debug("the server had ended before it could be told of a cancellation")


def _fault(message: Document, status: int, code: int, text: str) -> web.Response:
    answer = failed(message.get("id"), code, text)
    return web.Response(body=written(answer), status=status, content_type="application/json")
