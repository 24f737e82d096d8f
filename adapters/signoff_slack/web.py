"""The Web API client and its connections."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from signoff_slack.settings import Settings

TIMEOUT = 10
"""Seconds that one Web API call may take."""

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
