"""The Web API client and its connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from signoff.errors import ChatBusy
from signoff_slack import faults
from signoff_slack.settings import Settings

TIMEOUT = 10
"""Seconds that one Web API call may take."""
PATIENCE = 30.0
"""Seconds that somebody who waits for a drawing is kept waiting at most."""

Answer = TypeVar("Answer")

_web_log = logging.getLogger("signoff.slack.web")
# slack_sdk logs whole requests at DEBUG.
_web_log.setLevel(logging.WARNING)


def web_client(settings: Settings) -> AsyncWebClient:
    """Its connection pool is opened in `SlackChat.start`; until then each call opens a connection of its own."""
    client = AsyncWebClient(
        token=settings.bot_token.get_secret_value(), base_url=settings.api_url, timeout=TIMEOUT, logger=_web_log
    )
    if urlsplit(settings.api_url).hostname in {"127.0.0.1", "localhost", "::1"}:
        client.proxy = None  # slack_sdk takes a proxy from the environment without looking at NO_PROXY
    return client


def web_session() -> aiohttp.ClientSession:
    """Follows no redirect, unlike slack_sdk's own sessions (I27): a card goes to the configured address only."""

    async def refuse(_: object, __: object, params: aiohttp.TraceRequestRedirectParams) -> None:
        raise aiohttp.ClientConnectionError(f"a redirect ({params.response.status}) is not followed")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trace_configs=[trace])


async def patiently(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """A call for somebody who waits for it; if Slack has had too many, once more as soon as it takes them again. Raises
    what the call raises.
    """
    try:
        return await call()
    except faults.FAILURES as error:
        busy = faults.translated(error, "")
        if not isinstance(busy, ChatBusy) or busy.retry_after > PATIENCE:
            raise
        await asyncio.sleep(busy.retry_after)
    return await call()
