"""The control API: what the page and tests do as people, and what they see. JSON over loopback.

`GET /control/people`, `/control/state?as=ada`, `/control/<chat>/state?as=ada`, `/control/events` (SSE), `/control/log`,
`/control/coverage`; `GET` or `POST /control/faults`, `/control/terminal`; `POST /control/<chat>/<verb>`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, cast

from aiohttp import web

from signoff_sim.simulated import Refused, Simulated
from signoff_sim.world import PEOPLE

TERMINAL_LINES = 500
"""Lines of the agent's terminal that are kept."""
LINE_CHARS = 4000
KEEP_ALIVE = 15.0
"""Seconds between comments on a silent event stream."""


class Control:
    def __init__(self, chats: Iterable[Simulated]) -> None:
        self.chats: Mapping[str, Simulated] = {chat.name: chat for chat in chats}
        self._terminal: deque[str] = deque(maxlen=TERMINAL_LINES)
        self._terminal_count = 0
        self._listeners: set[asyncio.Queue[str]] = set()
        for chat in self.chats.values():
            chat.on_change = self.changed

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/control/people", self._people),
            web.get("/control/state", self._state),
            web.get("/control/{chat:slack|teams}/state", self._chat_state),
            web.get("/control/events", self._events),
            web.get("/control/log", self._log),
            web.get("/control/coverage", self._coverage),
            web.get("/control/faults", self._read_faults),
            web.post("/control/faults", self._set_faults),
            web.get("/control/terminal", self._read_terminal),
            web.post("/control/terminal", self._write_terminal),
            web.post("/control/{chat:slack|teams}/{verb}", self._act),
        ]

    def changed(self) -> None:
        """Something that a person can see has changed."""
        self._tell("changed")

    def _tell(self, event: str) -> None:
        for queue in self._listeners:
            # One waiting word of a kind is enough: the reader fetches the state anew.
            if queue.qsize() < 2:
                queue.put_nowait(event)

    def stop(self) -> None:
        """End the event streams, so that the server can close."""
        for queue in self._listeners:
            queue.put_nowait("")

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    async def _people(self, request: web.Request) -> web.Response:
        return web.json_response({"people": [asdict(person) for person in PEOPLE]})

    async def _state(self, request: web.Request) -> web.Response:
        person = request.query.get("as", PEOPLE[0].id)
        return _answer({"as": person} | {name: chat.state(person) for name, chat in self.chats.items()})

    async def _chat_state(self, request: web.Request) -> web.Response:
        return _answer(self._chat(request).state(request.query.get("as", PEOPLE[0].id)))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            await response.write(b"data: hello\n\n")
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), KEEP_ALIVE)
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                if not event:
                    break
                await response.write(f"data: {event}\n\n".encode())
        except ConnectionResetError:
            pass  # the page was closed
        finally:
            self._listeners.discard(queue)
        return response

    async def _log(self, request: web.Request) -> web.Response:
        entries = [entry for chat in self.chats.values() for entry in chat.traffic.entries()]
        return _answer({"entries": sorted(entries, key=lambda entry: entry["at"])})

    async def _coverage(self, request: web.Request) -> web.Response:
        return _answer({name: chat.coverage for name, chat in self.chats.items()})

    # ── doing ────────────────────────────────────────────────────────────────────────────────────

    async def _act(self, request: web.Request) -> web.Response:
        return _answer(await self._chat(request).act(request.match_info["verb"], await _body(request)))

    async def _read_faults(self, request: web.Request) -> web.Response:
        return _answer({name: chat.set_faults({}) for name, chat in self.chats.items()})

    async def _set_faults(self, request: web.Request) -> web.Response:
        """`{"teams": {...}, "slack": null}`: change some, or with null put all of that chat back to normal."""
        body = await _body(request)
        if unknown := sorted(set(body) - set(self.chats)):
            raise Refused(f"There is no chat {unknown[0]!r}; there are {', '.join(self.chats)}.")
        return _answer({name: self.chats[name].set_faults(changes) for name, changes in body.items()})

    async def _read_terminal(self, request: web.Request) -> web.Response:
        return _answer({"lines": list(self._terminal), "count": self._terminal_count})

    async def _write_terminal(self, request: web.Request) -> web.Response:
        """`{"lines": [...]}`: what the agent's process printed; `"clear": true` empties the screen first."""
        body = await _body(request)
        lines = body.get("lines", [])
        if not isinstance(lines, list):
            raise Refused("`lines` is a list of strings.")
        if body.get("clear"):
            self._terminal.clear()
        for line in cast("list[object]", lines):
            self._terminal.append(str(line)[:LINE_CHARS])
            self._terminal_count += 1
        self._tell("terminal")
        return _answer({"count": self._terminal_count})

    def _chat(self, request: web.Request) -> Simulated:
        chat = self.chats.get(request.match_info["chat"])
        if chat is None:
            raise Refused(f"This simulator runs without {request.match_info['chat']}.")
        return chat


async def _body(request: web.Request) -> Mapping[str, Any]:
    # A page from elsewhere can send text or forms without asking, but not this type.
    if request.content_type != "application/json":
        raise Refused("Send JSON, with Content-Type: application/json.")
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise Refused("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refused("The body is a JSON object.")
    return cast("dict[str, Any]", body)


def _answer(data: object) -> web.Response:
    return web.json_response(data, headers={"Cache-Control": "no-store"})
