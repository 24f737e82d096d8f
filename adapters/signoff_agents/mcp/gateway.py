"""The gateway between any MCP host and any MCP server: tool calls are held until approved, all else passes."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from signoff_agents.mcp.calls import Calls
from signoff_agents.mcp.child import Child
from signoff_agents.mcp.line import Gone, Line
from signoff_agents.mcp.stdio import Stdio

if TYPE_CHECKING:
    from aiohttp import web

    from signoff.client import Gate
    from signoff.client.fields import Fields

PATH = "/mcp"


class Gateway:
    """Before one server: a command, or an address with headers."""

    def __init__(
        self,
        gate: Gate,
        *,
        command: Sequence[str] = (),
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        prefix: str = "",
        fields: Fields | None = None,
        run_id: str | None = None,
    ) -> None:
        """`prefix`: of the tools' names as people and the policy see them. `fields`: of `Gate.ask`, for every call.

        `run_id`: of every host of this gateway; without it each connection is a run of its own. Raises ValueError.
        """
        if bool(command) == (url is not None):
            raise ValueError("give either the server's command or its address")
        self._calls = Calls(gate, prefix=prefix, fields=fields, lasting=run_id is not None)
        self._gate = gate
        self._command = command
        self._url = url
        self._headers = dict(headers or {})
        self._run_id = run_id or f"mcp-{secrets.token_hex(6)}"

    # ── a host that started us ───────────────────────────────────────────────────────────────────

    async def stdio(self) -> int:
        """Serve the host on our standard input and output until one side ends. The exit code. Raises NotStarted."""
        async with self._gate:
            return await self._over_stdio(Stdio())

    async def _over_stdio(self, host: Stdio) -> int:
        number = secrets.token_hex(6)
        if self._url is None:
            child = await Child.start(self._command)
            line = Line(self._calls, child, host.write, run_id=self._run_id, number=number)
            listening = asyncio.create_task(child.listen(line.server))
            try:
                ended = await _joined(host, line, listening)
                return 1 if ended else 0
            finally:
                await line.close()
                await child.end()
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await self._calls.reported()
        from signoff_agents.mcp.remote import Remote

        heard = _Later()
        remote = Remote(self._url, self._headers, self._calls.catalogue, heard.server)
        line = heard.line = Line(self._calls, remote, host.write, run_id=self._run_id, number=number)
        try:
            await _joined(host, line, None)
        finally:
            await line.close()
            await remote.end()
            await self._calls.reported()
        return 0

    # ── hosts over HTTP ──────────────────────────────────────────────────────────────────────────

    def app(self, *, path: str = PATH, hosts: Collection[str] = ()) -> web.Application:
        """For aiohttp; its runner needs `handler_cancellation=True`, or a host that leaves is not noticed."""
        from signoff_agents.mcp.front import Back, Front
        from signoff_agents.mcp.hosting import Hosting
        from signoff_agents.mcp.proxy import Proxy

        back: Back
        if self._url is not None:
            back = Proxy(self._calls, self._url, self._headers, self._run_id)
        else:
            back = Hosting(self._calls, self._command, self._run_id)
        app = Front(back, path=path, hosts=hosts).app()
        app.on_cleanup.append(
            self._reported
        )  # hosts that are still answered are cancelled before, and that is reported
        return app

    async def _reported(self, app: web.Application) -> None:
        await self._calls.reported()

    async def http(self, host: str, port: int, *, path: str = PATH, hosts: Collection[str] = ()) -> int:
        """Serve hosts at this address until we are told to end. The exit code."""
        from aiohttp import web

        runner = web.AppRunner(self.app(path=path, hosts={host, *hosts}), handler_cancellation=True, access_log=None)
        async with self._gate:
            await runner.setup()
            try:
                site = web.TCPSite(runner, host, port, shutdown_timeout=1)
                await site.start()
                address = runner.addresses[0]
                _say(f"The gateway listens on http://{address[0]}:{address[1]}{path}")
                await _told_to_end()
            finally:
                await runner.cleanup()
        return 0


def gateway(gate: Gate, *command: str, url: str | None = None, prefix: str = "", run_id: str | None = None) -> Gateway:
    """A gateway before the server of this command, or at this address."""
    return Gateway(gate, command=command, url=url, prefix=prefix, run_id=run_id)


class _Later:
    """A server's messages, for a line that is made after the server's end of it."""

    line: Line

    async def server(self, raw: bytes) -> None:
        await self.line.server(raw)


async def _joined(host: Stdio, line: Line, listening: asyncio.Task[None] | None) -> bool:
    """Until the host (False) or the server (True) ends."""

    async def heard() -> None:
        with suppress(Gone):
            while (raw := await host.line()) is not None:
                await line.host(raw)

    hearing = asyncio.create_task(heard())
    waited = {hearing} if listening is None else {hearing, listening}
    try:
        done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        return listening in done
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def _told_to_end() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt
            loop.add_signal_handler(number, told.set)
    await told.wait()


def _say(text: str) -> None:
    import sys

    sys.stderr.write(text + "\n")
    sys.stderr.flush()
