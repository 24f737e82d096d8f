"""Bolt wiring: one AsyncApp, its listeners, and the HTTP door in front of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from signoff.errors import ChatError
from signoff_slack import commands, ids, parse
from signoff_slack.front import Front
from signoff_slack.manifest import COMMAND, PENDING, SHORTCUT

BODY = 1024 * 1024
"""Bytes of a request body that we read."""

log = logging.getLogger("signoff.slack")
_bolt_log = logging.getLogger("signoff.slack.bolt")
# Bolt logs whole bodies at lower levels, and these hold what people typed.
_bolt_log.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Installation:
    """What auth.test says about our token."""

    team: str
    bot_user: str
    bot: str


def build_app(
    front: Front, client: AsyncWebClient, installation: Callable[[], Awaitable[Installation]], signing_secret: str
) -> AsyncApp:
    """The whole app, for the HTTP door and for Socket Mode alike.

    `process_before_response`: the listener's answer is the response. Otherwise Bolt looks for it every 10 ms.
    `installation` answers from memory once known; it raises ChatError while Slack has never been reached.
    """

    async def same_workspace(req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]) -> BoltResponse | None:
        body: Mapping[str, object] = req.body
        if body.get("type") != "url_verification":
            try:
                ours = await installation()
            except ChatError:
                return BoltResponse(status=503, body={"error": "Slack was not reached yet"})
            team = body.get("team_id") if "command" in body else parse.team(body)
            if team != ours.team:
                log.warning("refused a call from another workspace")
                return BoltResponse(status=401, body={"error": "another workspace"})
        await next()
        return None

    async def authorize() -> AuthorizeResult:
        ours = await installation()
        return AuthorizeResult(
            enterprise_id=None, team_id=ours.team, bot_id=ours.bot, bot_user_id=ours.bot_user, bot_token=client.token
        )

    async def clicked(body: dict[str, Any]) -> BoltResponse:
        return await front.clicked(body)

    async def submitted(body: dict[str, Any]) -> BoltResponse:
        return await front.submitted(body)

    async def commanded(body: dict[str, Any]) -> BoltResponse:
        return await front.commanded(body)

    async def called(body: dict[str, Any]) -> BoltResponse:
        return front.called(body)

    async def happened(body: dict[str, Any]) -> BoltResponse:
        return front.happened(body)

    async def closed() -> BoltResponse:
        return BoltResponse(status=200, body="")  # closing a form decides nothing (I04)

    app = AsyncApp(
        name="signoff",
        logger=_bolt_log,
        client=_tokenless(client),
        signing_secret=signing_secret,  # empty: Bolt refuses every request that did not come over the socket
        process_before_response=True,
        before_authorize=same_workspace,
        authorize=authorize,
        ssl_check_enabled=False,
        ignoring_self_events_enabled=False,
        attaching_function_token_enabled=False,
    )
    ours = re.compile("^" + re.escape(ids.ACTION))
    app.action(ours)(clicked)
    app.view_submission(ours)(submitted)
    app.view_closed(ours)(closed)
    app.command(re.compile(f"^({COMMAND}|{PENDING})$"))(commanded)
    app.global_shortcut(SHORTCUT)(called)
    # Any event: one that nobody subscribed to here is taken and forgotten, or Slack would send it three times more.
    app.event(re.compile(""))(happened)
    return app


def _tokenless(client: AsyncWebClient) -> AsyncWebClient:
    """Bolt wants the token from `authorize` alone, and copies this client for every request."""
    return AsyncWebClient(base_url=client.base_url, timeout=client.timeout, proxy=client.proxy, logger=client.logger)


class Door:
    """`POST /slack/events`: nothing behind it runs before the signature has been verified."""

    def __init__(self, app: AsyncApp, signing_secret: str) -> None:
        self._app = app
        self._verifier = SignatureVerifier(signing_secret)

    async def events(self, request: web.Request) -> web.StreamResponse:
        raw = await self._read(request)
        if raw is None:
            return web.json_response({"error": "the body is too large"}, status=413)
        text = self._genuine(request, raw)
        if text is None:
            return web.json_response({"error": "the signature does not hold"}, status=401)
        payload = parse.body(text)
        if payload is not None and str(payload.get("type")) not in parse.KINDS:
            return web.json_response({"error": "nothing here listens to this"}, status=404)
        sound = commands.fields(text) if payload is None else parse.sound(payload)
        if sound is None:
            return web.json_response({"error": "this is no payload of Slack's"}, status=400)
        # Verified and parsed: from here on it is the same dictionary that Socket Mode delivers.
        response = await self._app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=sound))
        return await to_aiohttp_response(response)

    @staticmethod
    async def _read(request: web.Request) -> bytes | None:
        if (request.content_length or 0) > BODY:
            return None
        parts: list[bytes] = []
        total = 0
        async for part in request.content.iter_any():
            total += len(part)
            if total > BODY:
                return None
            parts.append(part)
        return b"".join(parts)

    def _genuine(self, request: web.Request, raw: bytes) -> str | None:
        """The body as text if Slack signed it within the last five minutes (docs.slack.dev, verifying requests)."""
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        # The verifier raises for what is no number, no ASCII or no UTF-8.
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 15 and signature.isascii()):
            return None
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return None
        return text if self._verifier.is_valid(text, timestamp, signature) else None
