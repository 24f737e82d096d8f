"""Socket Mode: the same app behind a WebSocket that we open, so no public URL is needed."""

from __future__ import annotations

import asyncio
import logging

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from signoff.errors import ChatError
from signoff_slack import faults

CONNECT = 10.0
"""Seconds that connecting may take."""
PING = 3.0
"""Seconds between pings; a broken connection is noticed and renewed within about this time."""
WATCH = 5.0
"""Seconds between looks at the connection."""
PATIENCE = 4
"""Looks that may fail in a row before a new client is made: slack_sdk reconnects by itself, but while it does so it
repeats one single-use address for ever (read in slack_sdk 3.47, SocketModeClient.connect)."""

log = logging.getLogger("signoff.slack")
_sdk_log = logging.getLogger("signoff.slack.socket")
# slack_sdk logs whole payloads at DEBUG, and a failure to connect with its traceback at ERROR, once per attempt.
_sdk_log.setLevel(logging.CRITICAL)


class Socket:
    def __init__(self, app: AsyncApp, app_token: str, client: AsyncWebClient) -> None:
        self._app = app
        self._token = app_token
        self._client = client
        self._handler: AsyncSocketModeHandler | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises ChatError when Slack cannot be reached or refuses the token."""
        await self._connect()
        self._watch = asyncio.create_task(self._watching())

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        await self._drop()

    async def connected(self) -> bool:
        return self._handler is not None and await self._handler.client.is_connected()

    async def _connect(self) -> None:
        try:
            # Asked for here and not in the client's own loop, so that a wrong token is reported at once.
            answer = await self._client.apps_connections_open(app_token=self._token)
            handler = AsyncSocketModeHandler(
                self._app, self._token, logger=_sdk_log, web_client=self._client, ping_interval=PING
            )
            self._handler = handler
            handler.client.proxy = self._client.proxy
            handler.client.wss_uri = str(answer["url"])
            async with asyncio.timeout(CONNECT):
                await handler.client.connect()  # type: ignore[no-untyped-call]  # slack_sdk leaves it unannotated
        except faults.FAILURES as error:
            await self._drop()
            raise faults.translated(error, "Socket Mode") from error

    async def _drop(self) -> None:
        handler, self._handler = self._handler, None
        if handler is not None:
            await handler.client.close()  # type: ignore[no-untyped-call]  # as above
            await handler.client.aiohttp_client_session.close()

    async def _watching(self) -> None:
        missed = 0
        while True:
            await asyncio.sleep(WATCH)
            missed = 0 if await self.connected() else missed + 1
            if missed >= PATIENCE:
                await self._drop()
                try:
                    await self._connect()
                    missed = 0
                except ChatError as error:
                    log.warning("Socket Mode is away: %s", error.sentence)
