"""Hosts over HTTP, a server over HTTP: everything passes as it is, header by header; calls are held on the way."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict

from signoff_agents.mcp.calls import Answer, Approved, Caller, Calls, agent_of, envelope, mark, version_of
from signoff_agents.mcp.catalogue import headers_of
from signoff_agents.mcp.events import Event, events
from signoff_agents.mcp.front import whose
from signoff_agents.mcp.messages import (
    CLIENT_META,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    LIST,
    LIST_CHANGED,
    Document,
    cancelled_id,
    failed,
    is_call,
    is_response,
    key,
    part,
    peek,
    written,
)
from signoff_agents.mcp.remote import SESSION, connection
from signoff_agents.mcp.reply import STREAM, Reply, status_of

REMEMBERED = 10_000
"""Sessions and calls that are known of; the oldest are forgotten."""
OWN = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "origin", "proxy-authenticate",
        "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "accept-encoding",
    }
)  # fmt: skip
"""Headers that belong to one connection, or that we set ourselves."""
PARAM = "mcp-param-"
CANCELLED_ALIKE = "A call with this id was cancelled; if it was another one, make this one again."

log = logging.getLogger("signoff")

Name = tuple[str, str]
"""A call: its session, or what stands for it, and its id."""


class Proxy:
    def __init__(self, calls: Calls, url: str, headers: Mapping[str, str], run_id: str) -> None:
        """`headers`: sent with everything, over those of the host."""
        self._calls = calls
        self._url = url
        self._headers = headers
        self._run_id = run_id
        self._http: aiohttp.ClientSession | None = None
        self._held: dict[Name, asyncio.Task[Approved | Answer]] = {}
        self._loose: dict[tuple[str, str | None, str], set[asyncio.Task[Approved | Answer]]] = {}
        """Those without a session, by what their cancellation says of itself: run, address, id. Hosts may share it."""
        self._running: OrderedDict[Name, Approved] = OrderedDict()
        self._agents: OrderedDict[str, str] = OrderedDict()
        """Session → the host's name."""

    async def end(self) -> None:
        for task in list(self._held.values()):
            task.cancel()
        running, self._running = list(self._running.values()), OrderedDict()
        for one in running:
            self._calls.lost(one, "The gateway ended before the server answered.")
        if self._http is not None:
            await self._http.close()

    def _send(
        self, request: web.Request, body: bytes | None, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._http is None:
            self._http = connection()
        return self._http.request(request.method, self._url, data=body, headers=headers, allow_redirects=False)

    def _around(self, request: web.Request) -> CIMultiDict[str]:
        headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in OWN)
        headers["Accept-Encoding"] = "identity"
        if request.method == hdrs.METH_POST:
            # What is sent is our reading, written anew: in another encoding it could be read as something else.
            headers[hdrs.CONTENT_TYPE] = "application/json"
            headers.popall(hdrs.CONTENT_ENCODING, None)
        headers.update(self._headers)
        return headers

    # ── everything but calls ─────────────────────────────────────────────────────────────────────

    async def other(self, request: web.Request) -> web.StreamResponse:
        return await self._passed(request, None, {})

    async def post(self, request: web.Request, message: Document) -> web.StreamResponse:
        if is_call(message):
            return await self._call(request, message)
        cancelled = cancelled_id(message)
        if cancelled is not None and (task := self._held.get((_session(request), cancelled))) is not None:
            task.cancel()  # the server has not heard of it
            return web.Response(status=202)
        if cancelled is not None and not _session(request):
            # Whose of these it is cannot be known: none runs, and those whom it was not about read that.
            for task in self._loose.get((whose(request, self._run_id), request.remote, cancelled), ()):
                task.cancel()
        return await self._passed(request, written(message), message)

    async def _passed(self, request: web.Request, body: bytes | None, message: Document) -> web.StreamResponse:
        try:
            async with self._send(request, body, self._around(request)) as answer:
                self._met(message, answer)
                headers = _kept(answer)
                if answer.content_type == STREAM:
                    return await self._streamed(request, answer, headers, message)
                raw = await answer.read()
                self._overheard(peek(raw), message)
                return web.Response(status=answer.status, body=raw, headers=headers)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _unreachable(message, error)

    async def _streamed(
        self, request: web.Request, answer: aiohttp.ClientResponse, headers: CIMultiDict[str], message: Document
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        async for event in events(answer.content.iter_any()):
            said = peek(event.data) if event.data else None
            self._overheard(said, message)
            await response.write(self._noted(request, event, said))
        await response.write_eof()
        return response

    def _noted(self, request: web.Request, event: Event, said: Document | None) -> bytes:
        """An event as it is, but for the answer to a call whose own stream broke (protocol 2025-11-25)."""
        if said is None or not is_response(said):
            return event.raw
        approved = self._running.pop((_session(request), key(said["id"])), None)
        instead = None if approved is None else self._calls.returned(approved, said)
        return event.raw if instead is None else event.with_data(written(instead)).raw

    def _met(self, message: Document, answer: aiohttp.ClientResponse) -> None:
        session, agent = answer.headers.get(SESSION), agent_of(message, "clientInfo")
        if session is not None and agent is not None and message.get("method") == "initialize":
            self._agents[session] = agent
            if len(self._agents) > REMEMBERED:
                self._agents.popitem(last=False)

    def _overheard(self, said: Document | None, message: Document) -> None:
        if said is None:
            return
        if said.get("method") == LIST_CHANGED:
            self._calls.catalogue.forget()
        elif message.get("method") == LIST and is_response(said):
            self._calls.catalogue.heard(part(said, "result"))

    # ── calls ────────────────────────────────────────────────────────────────────────────────────

    async def _call(self, request: web.Request, message: Document) -> web.StreamResponse:
        session, modern = _session(request), version_of(part(message, "params")) is not None
        # Without a session ids of different hosts meet; one that belongs to nobody else takes the session's place.
        number = mark(session) if session else secrets.token_hex(6)
        name = (session or number, key(message["id"]))
        if name in self._held or name in self._running:
            fault = failed(message["id"], INVALID_REQUEST, "A call with this id is on its way; use another id.")
            return web.json_response(fault, status=400)
        run_id = f"{self._run_id}-{number}" if session else whose(request, self._run_id)
        agent = self._agents.get(session) or agent_of(message, "_meta", CLIENT_META)

        async def page(cursor: str | None) -> Document | None:
            return await self._page(request, message, cursor)

        task = asyncio.create_task(self._calls.decide(message, Caller(run_id, number, agent), page))
        self._held[name] = task
        alike = (run_id, request.remote, name[1])
        if loose := not session and not modern:
            self._loose.setdefault(alike, set()).add(task)
        reply = Reply(request, message)
        try:
            while not (await asyncio.wait({task}, timeout=reply.patience))[0]:
                await reply.wait(held=True)
        finally:
            self._held.pop(name, None)
            if loose:
                self._loose[alike].discard(task)
                if not self._loose[alike]:
                    del self._loose[alike]
            if not task.done():
                task.cancel()
        if task.cancelled() and loose:
            fault = failed(message["id"], INVALID_REQUEST, CANCELLED_ALIKE)
            return await reply.end(written(fault))
        if task.cancelled():
            return await reply.close()  # no answer, as the protocol has it
        decided = task.result()
        if isinstance(decided, Answer):
            return await reply.end(written(decided.message), status_of(decided.message, message))
        self._running[name] = decided
        while len(self._running) > REMEMBERED:
            self._running.popitem(last=False)
        try:
            return await self._forwarded(request, reply, decided, name)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("the server did not answer a call: %s", error)
            self._lost(name, "The server could not be reached, or its answer broke off.")
            answer = failed(message["id"], INTERNAL_ERROR, "The server did not answer this call.")
            return await reply.end(written(answer), status=502)
        except asyncio.CancelledError:
            if modern:  # before, a host may come back for the answer
                self._lost(name, "The host cancelled the call.")
            raise

    def _lost(self, name: Name, why: str) -> None:
        if (approved := self._running.pop(name, None)) is not None:
            self._calls.lost(approved, why)

    async def _forwarded(
        self, request: web.Request, reply: Reply, approved: Approved, name: Name
    ) -> web.StreamResponse:
        headers = self._around(request)
        if approved.verdict.edited:
            for header in [header for header in headers if header.lower().startswith(PARAM)]:
                headers.popall(header, None)
            if version_of(part(approved.message, "params")) is not None:
                headers.update(headers_of(approved.tool, approved.arguments))
        async with self._send(request, written(approved.message), headers) as answer:
            if answer.content_type == STREAM:
                return await self._followed(reply, answer, approved, name)
            raw = await answer.read()
            said = peek(raw)
            if said is None or not ("result" in said or "error" in said):
                self._lost(name, f"The server answered with HTTP status {answer.status}.")
                if reply.begun:
                    raw = written(failed(approved.message["id"], INTERNAL_ERROR, f"HTTP status {answer.status}."))
                return await reply.end(raw, answer.status, _kept(answer))
            self._running.pop(name, None)
            instead = self._calls.returned(approved, said)
            if reply.begun and said.get("id") is None:
                instead = {**(instead or said), "id": approved.message["id"]}
            return await reply.end(raw if instead is None else written(instead), answer.status, _kept(answer))

    async def _followed(
        self, reply: Reply, answer: aiohttp.ClientResponse, approved: Approved, name: Name
    ) -> web.StreamResponse:
        await reply.begin(answer.status, _kept(answer))
        resumable = False
        async for event in events(answer.content.iter_any()):
            raw, said = event.raw, peek(event.data) if event.data else None
            resumable = resumable or event.id is not None
            if said is not None and is_response(said) and key(said["id"]) == name[1]:
                self._running.pop(name, None)
                instead = self._calls.returned(approved, said)
                raw = raw if instead is None else event.with_data(written(instead)).raw
            elif said is not None:
                self._overheard(said, {})
            await reply.event(raw)
        if not resumable:
            self._lost(name, "The server's answer broke off.")
        return await reply.close()

    async def _page(self, request: web.Request, call: Document, cursor: str | None) -> Document | None:
        """The list of tools as the server would give it to this host."""
        params: Document = {} if cursor is None else {"cursor": cursor}
        if meta := envelope(part(call, "params")):
            params["_meta"] = meta
        headers = self._around(request)
        for header in [header for header in headers if header.lower().startswith((PARAM, "mcp-name"))]:
            headers.popall(header, None)
        if "Mcp-Method" in headers:
            headers["Mcp-Method"] = LIST
        asked = {"jsonrpc": "2.0", "id": f"signoff-{secrets.token_hex(6)}", "method": LIST, "params": params}
        try:
            async with self._send(request, written(asked), headers) as answer:
                if answer.content_type != STREAM:
                    said = peek(await answer.read())
                    return part(said, "result") if said is not None and "result" in said else None
                async for event in events(answer.content.iter_any()):
                    said = peek(event.data) if event.data else None
                    if said is not None and is_response(said):
                        return part(said, "result") if "result" in said else None
        except (aiohttp.ClientError, ValueError) as error:
            log.warning("the server did not list its tools: %s", error)
        return None


def _session(request: web.Request) -> str:
    return request.headers.get(SESSION, "")


def _kept(answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in OWN)


def _unreachable(message: Document, error: Exception) -> web.Response:
    log.warning("the server could not be reached: %s", error)
    answer = failed(message.get("id"), INTERNAL_ERROR, "The server could not be reached.")
    return web.Response(body=written(answer), status=502, content_type="application/json")
