"""What hosts reach over HTTP: who may knock, what is read strictly, and calls that are held."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from signoff_agents.mcp.calls import mark
from signoff_agents.mcp.messages import Document, Faulty, failed, read, written

LARGEST = 4 * 1024 * 1024
"""Bytes of a host's message; the SDK's own limit."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Back(Protocol):
    """What stands behind."""

    async def post(self, request: web.Request, message: Document) -> web.StreamResponse: ...

    async def other(self, request: web.Request) -> web.StreamResponse: ...

    async def end(self) -> None: ...


class Front:
    """One address that hosts speak to."""

    def __init__(self, back: Back, *, path: str, hosts: Collection[str] = ()) -> None:
        """`hosts`: names under which it may be reached beside the loopback's."""
        self._back = back
        self._path = path
        self._hosts = LOOPBACK | set(hosts)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST)
        app.router.add_route("*", self._path, self._handle)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, app: web.Application) -> None:
        await self._back.end()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not self._trusted(request.headers):
            # A page in somebody's browser that has found this port (DNS rebinding), as MCP's specification asks.
            return web.json_response(failed(None, -32600, "This host or origin is not allowed."), status=403)
        if request.method != hdrs.METH_POST:
            return await self._back.other(request)
        try:
            message = read(await request.read())
        except Faulty as fault:
            answer = fault.answer or failed(None, -32600, str(fault))
            return web.Response(body=written(answer), status=400, content_type="application/json")
        return await self._back.post(request, message)

    def _trusted(self, headers: Mapping[str, str]) -> bool:
        named = [f"//{headers.get(hdrs.HOST, '')}"]
        if (origin := headers.get(hdrs.ORIGIN)) is not None:
            named.append(origin)
        return all(_name(address) in self._hosts for address in named)


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def whose(request: web.Request, run_id: str) -> str:
    """The run that calls without a session belong to: one for each credential, so that nobody meets another's calls."""
    credential = request.headers.get(hdrs.AUTHORIZATION)
    return run_id if credential is None else f"{run_id}-{mark(credential)}"
