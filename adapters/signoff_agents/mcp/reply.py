"""The HTTP answer to one POST: a single document as long as nothing has to be said before it, else a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aiohttp import web
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS

from signoff_agents.mcp.calls import version_of
from signoff_agents.mcp.events import message_event
from signoff_agents.mcp.line import EVERY, FIRST, STEP, WAITING
from signoff_agents.mcp.messages import Document, part, progress, written

STREAM = "text/event-stream"
STREAMING = {"Content-Type": STREAM, "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
PING = b": waiting\n\n"


def status_of(answer: Mapping[str, object], request: Mapping[str, object]) -> int:
    """The HTTP status of an answer that nothing was said before. Since protocol 2026-07-28 it tells errors apart."""
    if version_of(part(request, "params")) is None:
        return 200
    return ERROR_CODE_HTTP_STATUS.get(cast("int", part(answer, "error").get("code")), 200)


class Reply:
    def __init__(self, request: web.Request, message: Document, headers: Mapping[str, str] | None = None) -> None:
        """`headers`: on the answer, whichever form it takes."""
        self._request = request
        self._headers = dict(headers or {})
        self._token = part(message, "params", "_meta").get("progressToken")
        self._done = 0.0
        self._response: web.StreamResponse | None = None

    @property
    def begun(self) -> bool:
        return self._response is not None

    @property
    def patience(self) -> float:
        """Seconds until the host has to hear something."""
        return EVERY if self.begun else FIRST

    async def begin(self, status: int = 200, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
        if self._response is None:
            self._response = web.StreamResponse(status=status, headers=headers or STREAMING | self._headers)
            await self._response.prepare(self._request)
        return self._response

    async def wait(self, *, held: bool) -> None:
        """Something takes its time: keep the connection open, and say so to a host that takes it."""
        if STREAM not in self._request.headers.get("Accept", ""):
            return
        said = PING
        if held and isinstance(self._token, str | int):
            self._done += STEP
            said = message_event(written(progress(self._token, self._done, WAITING)))
        await (await self.begin()).write(said)

    async def event(self, raw: bytes) -> None:
        await (await self.begin()).write(raw)

    async def end(
        self, answer: bytes, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> web.StreamResponse:
        """With the JSON-RPC response. Status and headers count only where nothing was said before."""
        if self._response is None:
            single = {"Content-Type": "application/json"} | self._headers
            return web.Response(body=answer, status=status, headers=headers or single)
        await self._response.write(message_event(answer))
        return await self.close()

    async def close(self) -> web.StreamResponse:
        """Without one."""
        response = await self.begin()
        await response.write_eof()
        return response
