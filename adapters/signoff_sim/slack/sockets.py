"""Socket Mode: the WebSocket an app opens to Slack, and the envelopes that go through it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from signoff_sim.slack.records import APP
from signoff_sim.slack.shape import Json, as_dict, as_text

MOST_CONNECTIONS = 10
WARNING_SECONDS = 10.0  # between Slack's warning and the end of a connection


class SocketHub:
    """All open connections of the app. Any one of them may get any envelope, as at Slack: they take turns."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.address = "http://127.0.0.1"
        self._on_change = on_change
        self._tickets: set[str] = set()
        self._open: list[web.WebSocketResponse] = []
        self._turn = 0
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    @property
    def connected(self) -> int:
        return len(self._open)

    def invite(self) -> str:
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return f"{self.address.replace('http', 'ws', 1)}/slack/ws?ticket={ticket}&app_id={APP}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """GET /slack/ws?ticket=…; a ticket opens one connection."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid_ticket")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        if self.connected >= MOST_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        self._open.append(socket)
        self._on_change()
        try:
            await socket.send_json(
                {
                    "type": "hello",
                    "num_connections": self.connected,
                    "connection_info": {"app_id": APP},
                    "debug_info": {"host": "simulated", "build_number": 1, "approximate_connection_time": 18060},
                }
            )
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._answered(message.data)
        finally:
            if socket in self._open:
                self._open.remove(socket)
            self._on_change()
        return socket

    def _answered(self, raw: Any) -> None:
        try:
            answer = as_dict(json.loads(raw))
        except ValueError:
            return
        waiting = self._waiting.get(as_text(answer.get("envelope_id")))
        if waiting is not None and not waiting.done():
            waiting.set_result(as_dict(answer.get("payload")))

    async def send(self, kind: str, payload: Json, seconds: float, retry: tuple[int, str] | None = None) -> Json:
        """One envelope to one connection; what the app acknowledged it with. Raises TimeoutError, ConnectionError."""
        if not self._open:
            raise ConnectionError("no socket is connected")
        self._turn = (self._turn + 1) % len(self._open)
        socket = self._open[self._turn]
        envelope: Json = {
            "envelope_id": secrets.token_hex(16),
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": retry[0] if retry else 0, "retry_reason": retry[1] if retry else ""}
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope["envelope_id"]] = future
        try:
            await socket.send_json(envelope)
            return await asyncio.wait_for(future, seconds)
        finally:
            del self._waiting[envelope["envelope_id"]]

    async def refresh(self, warning: float = WARNING_SECONDS) -> None:
        """Slack's routine: a warning, then the connection ends and the app is to open another."""
        leaving = list(self._open)
        for socket in leaving:
            await socket.send_json({"type": "disconnect", "reason": "warning", "debug_info": {"host": "simulated"}})
        if warning > 0:
            await asyncio.sleep(warning)
        for socket in leaving:
            if not socket.closed:
                await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
                await socket.close()

    async def drop(self) -> None:
        """End every connection without a word, as a network does."""
        for socket in list(self._open):
            await socket.close()
