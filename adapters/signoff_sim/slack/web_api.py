"""The HTTP side of the Web API and of response_url: who is calling, what is broken today, then the method."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from signoff_sim import world
from signoff_sim.simulated import Traffic
from signoff_sim.slack.arguments import BODY_BYTES, BodyTooLargeError, read_arguments
from signoff_sim.slack.blocks import check_message
from signoff_sim.slack.methods import METHODS, Method, Office
from signoff_sim.slack.shape import Json, SlackError, as_list, as_text, is_true
from signoff_sim.slack.workspace import RESPONSE_URL_USES

HANG_SECONDS = 60.0
MESSAGES_PER_SECOND = 1.0  # per channel
MESSAGE_BURST = 5  # "short bursts" are allowed, says Slack; this many
SCOPES = (
    "app_mentions:read,channels:history,channels:read,chat:write,commands,groups:history,groups:read,im:history,"
    "im:read,im:write,usergroups:read,users:read,users:read.email"
)


class RateLimitedError(Exception):
    """Answered 429."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class Buckets:
    """One token bucket per channel."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> None:
        """Raises RateLimitedError when the bucket is empty."""
        now = self._clock()
        level, since = self._levels.get(key, (float(MESSAGE_BURST), now))
        level = min(float(MESSAGE_BURST), level + (now - since) * MESSAGES_PER_SECOND)
        if level < 1:
            self._levels[key] = (level, now)
            raise RateLimitedError(max(1, math.ceil((1 - level) / MESSAGES_PER_SECOND)))
        self._levels[key] = (level - 1, now)


class WebApi:
    def __init__(
        self, office: Office, bot_token: str, app_token: str, log: Traffic, on_change: Callable[[], None]
    ) -> None:
        self.scopes = SCOPES
        self.scopes_used: set[str] = set()
        """The scopes the methods called so far asked for, the first of each method's alternatives."""
        self._office = office
        self._tokens = {bot_token: "bot", app_token: "app"}
        self._log = log
        self._on_change = on_change
        self._buckets = Buckets(office.workspace.clock)
        self.closing = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """/slack/api/<method>, GET or POST."""
        name = request.match_info["method"]
        faults = self._office.faults
        headers = {"x-slack-req-id": secrets.token_hex(16), "cache-control": "private, no-cache, no-store"}
        args: Json = {}
        status = 200
        try:
            args = await read_arguments(request, BODY_BYTES if self._office.checks.body_size else None)
            if faults.slow > 0:
                await asyncio.sleep(faults.slow)
            if faults.spend("timeout", name):
                return await self._hang(request, name, args)
            if faults.spend("http_500", name):
                status = 500
                return self._answer(name, args, 500, {"ok": False, "error": "internal_error"}, headers)
            if faults.spend("rate_limit", name):
                raise RateLimitedError(faults.retry_after)
            body = {"ok": True, **self._call(request, name, args, headers)}
            self._on_change()
            if faults.spend("lost_answer", name):
                self._log.record("from_bot", request.method, f"{name} (answer lost)", 0, args)
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=502)
        except BodyTooLargeError:
            status, body = 413, {"ok": False, "error": "request_entity_too_large"}
        except RateLimitedError as error:
            status, body = 429, {"ok": False, "error": "ratelimited"}
            headers["Retry-After"] = str(error.retry_after)
        except SlackError as error:
            body = error.body()
        return self._answer(name, args, status, body, headers)

    def _answer(self, name: str, args: Json, status: int, body: Json, headers: dict[str, str]) -> web.Response:
        said = f"{name} → {body.get('error', 'ok')}"
        self._log.record("from_bot", "POST", said, status, args)
        return web.json_response(body, status=status, headers=headers)

    async def _hang(self, request: web.Request, name: str, args: Json) -> web.StreamResponse:
        """Keep the caller waiting until it gives up; the call is not done."""
        self._log.record("from_bot", request.method, f"{name} (no answer)", 0, args)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), HANG_SECONDS)
        return web.Response(status=504)

    def _call(self, request: web.Request, name: str, args: Json, headers: dict[str, str]) -> Json:
        office = self._office
        code = office.faults.error.get(name, office.faults.error.get("*"))
        method = METHODS.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        token = _token(request, args)
        args.pop("token", None)
        self._check_token(name, method, token, headers)
        if code is not None:
            raise SlackError(code)
        if method.per_channel and office.checks.rate:
            self._buckets.take(as_text(args.get("channel")))
        return method.handler(office, args)

    def _check_token(self, name: str, method: Method, token: str, headers: dict[str, str]) -> None:
        """Raises SlackError: `not_authed`, `invalid_auth`, `not_allowed_token_type`, `missing_scope`."""
        checks = self._office.checks
        if checks.token and name != "api.test":
            if not token:
                raise SlackError("not_authed")
            kind = self._tokens.get(token)
            if kind is None:
                raise SlackError("invalid_auth")
            if (kind == "app") is not method.app_token:
                raise SlackError("not_allowed_token_type")
        held = ["connections:write"] if method.app_token else self.scopes.split(",")
        headers["x-oauth-scopes"] = ",".join(held)
        if method.scopes:
            headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)
            self.scopes_used.add(method.scopes[0])
            if checks.scopes and not set(method.scopes) & set(held):
                raise SlackError("missing_scope", needed=",".join(method.scopes), provided=",".join(held))

    async def handle_response_url(self, request: web.Request) -> web.StreamResponse:
        """POST /slack/response/<token>: five uses within thirty minutes."""
        args: Json = {}
        try:
            args = await read_arguments(request, BODY_BYTES)
            self._respond(request.match_info["token"], args)
            self._on_change()
        except BodyTooLargeError:
            return web.json_response({"ok": False, "error": "request_entity_too_large"}, status=413)
        except SlackError as error:
            status = 404 if error.code in ("used_url", "expired_url", "invalid_token") else 400
            self._log.record("from_bot", "POST", f"response_url → {error.code}", status, args)
            return web.json_response(error.body(), status=status)
        self._log.record("from_bot", "POST", "response_url → ok", 200, args)
        return web.Response(text="ok")

    def _respond(self, token: str, args: Json) -> None:
        workspace, checks = self._office.workspace, self._office.checks
        known = workspace.response_urls.get(token)
        if known is None:
            raise SlackError("invalid_token")
        if checks.response_url and workspace.clock() > known.expires:
            raise SlackError("expired_url")
        if checks.response_url and known.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url")
        text, blocks = as_text(args.get("text")), args.get("blocks")
        deletes = is_true(args.get("delete_original"))
        if not deletes and not text and not blocks:
            raise SlackError("no_text")
        if blocks is not None and checks.blocks:
            check_message(blocks)
        known.uses += 1
        channel = workspace.channels[known.channel]
        original = channel.messages.get(known.message or "")
        if deletes:
            if original is not None:
                del channel.messages[original.ts]
        elif is_true(args.get("replace_original")) and original is not None:
            original.text, original.blocks = text, workspace.named(as_list(blocks))
            original.edited = None if original.only_for else workspace.next_ts()
        else:
            shared = args.get("response_type") == "in_channel"
            workspace.add_message(
                channel,
                world.SLACK_BOT,
                text,
                as_list(blocks),
                thread_ts=as_text(args.get("thread_ts")) or None,
                only_for=None if shared else known.user,
            )


def _token(request: web.Request, args: Json) -> str:
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else as_text(args.get("token"))
