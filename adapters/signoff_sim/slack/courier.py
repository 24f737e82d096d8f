"""Brings interactions, commands and events to the app: signed HTTP, or Socket Mode while a socket is connected."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from signoff_sim.simulated import Traffic
from signoff_sim.slack.faults import Faults
from signoff_sim.slack.shape import Json, as_dict
from signoff_sim.slack.sockets import SocketHub

EVENTS_PATH = "/slack/events"
RETRY_SECONDS = (0.2, 60.0, 300.0)  # Slack tries an event again nearly at once, after one minute and after five
Kind = Literal["interactive", "slash_commands", "events_api"]
SENTENCES = {
    "operation_timeout": "Signoff did not respond in time (operation_timeout).",
    "dispatch_failed": "Signoff could not be reached (dispatch_failed).",
    "http_service_error": "Signoff responded with an error (http_service_error).",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one delivery."""

    transport: Literal["http", "socket", "none"]
    status: int = 200
    error: Literal["operation_timeout", "dispatch_failed", "http_service_error"] | None = None
    answer: Json = field(default_factory=dict[str, object])
    """The JSON the app acknowledged with; empty for a bare ack."""
    milliseconds: int = 0

    @property
    def ok(self) -> bool:
        return self.error is None

    def as_json(self) -> Json:
        return {
            "transport": self.transport,
            "status": self.status,
            "error": self.error,
            "milliseconds": self.milliseconds,
        }


def told(*deliveries: Delivery) -> Json:
    """What a verb answers about its deliveries."""
    whole: Json = {
        "ok": all(delivery.ok for delivery in deliveries),
        "deliveries": [delivery.as_json() for delivery in deliveries],
    }
    errors = [delivery.error for delivery in deliveries if delivery.error is not None]
    return whole | ({"error": errors[0]} if errors else {})


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's `v0` request signature."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()


class Courier:
    def __init__(
        self, bot_url: str | None, signing_secret: str, sockets: SocketHub, faults: Faults, log: Traffic
    ) -> None:
        self.bot_url = bot_url
        self.signing_secret = signing_secret
        self.retry_seconds: tuple[float, ...] = RETRY_SECONDS
        self._sockets = sockets
        self._faults = faults
        self._log = log
        self._session: ClientSession | None = None
        self._retries: set[asyncio.Task[None]] = set()

    @property
    def reaches(self) -> bool:
        """There is an app to deliver to."""
        return bool(self._sockets.connected) or self.bot_url is not None

    async def close(self) -> None:
        for task in self._retries:
            task.cancel()
        await asyncio.gather(*self._retries, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def interactive(self, payload: Json) -> Delivery:
        return await self._deliver("interactive", payload)

    async def command(self, fields: Json) -> Delivery:
        return await self._deliver("slash_commands", fields)

    async def event(self, callback: Json) -> Delivery:
        """The first try; further ones follow in the background, with Slack's retry headers."""
        first = await self._deliver("events_api", callback)
        if not first.ok:
            task = asyncio.create_task(self._try_again(callback, first))
            self._retries.add(task)
            task.add_done_callback(self._retries.discard)
        return first

    async def _try_again(self, callback: Json, last: Delivery) -> None:
        for number, delay in enumerate(self.retry_seconds, start=1):
            await asyncio.sleep(delay)
            reason = {"operation_timeout": "http_timeout", "dispatch_failed": "connection_failed"}.get(
                last.error or "", "http_error"
            )
            last = await self._deliver("events_api", callback, (number, reason))
            if last.ok:
                return

    async def _deliver(self, kind: Kind, payload: Json, retry: tuple[int, str] | None = None) -> Delivery:
        faults, began = self._faults, time.monotonic()
        lost = faults.spend_delivery("drop_delivery")
        if lost:
            delivery = Delivery("none", 0, "operation_timeout")
        elif self._sockets.connected:
            delivery = await self._by_socket(kind, payload, faults.ack_seconds, retry)
        elif self.bot_url is not None:
            delivery = await self._by_http(self.bot_url, kind, payload, faults.ack_seconds, retry)
        else:
            delivery = Delivery("none", 0, "dispatch_failed")
        if delivery.ok and faults.spend_delivery("drop_ack"):
            delivery = Delivery(delivery.transport, 0, "operation_timeout")
        milliseconds = round((time.monotonic() - began) * 1000)
        name = payload.get("type") if kind != "slash_commands" else payload.get("command")
        path = f"{kind} {name}" + (f" (retry {retry[0]})" if retry else "")
        self._log.record("to_bot", delivery.transport.upper(), path, delivery.status, payload)
        return Delivery(delivery.transport, delivery.status, delivery.error, delivery.answer, milliseconds)

    async def _by_socket(self, kind: Kind, payload: Json, seconds: float, retry: tuple[int, str] | None) -> Delivery:
        try:
            return Delivery("socket", answer=await self._sockets.send(kind, payload, seconds, retry))
        except TimeoutError:
            return Delivery("socket", 0, "operation_timeout")
        except ConnectionError:
            return Delivery("socket", 0, "dispatch_failed")

    async def _by_http(
        self, bot_url: str, kind: Kind, payload: Json, seconds: float, retry: tuple[int, str] | None
    ) -> Delivery:
        if kind == "events_api":
            body, content_type = json.dumps(payload).encode(), "application/json"
        else:
            fields = {"payload": json.dumps(payload)} if kind == "interactive" else payload
            body, content_type = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self.signing_secret, timestamp, body),
        }
        if retry is not None:
            headers |= {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]}
        if self._session is None:
            self._session = ClientSession(cookie_jar=DummyCookieJar())
        try:
            async with self._session.post(
                bot_url.rstrip("/") + EVENTS_PATH,
                data=body,
                headers=headers,
                timeout=ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as response:
                raw = await response.read()
        except TimeoutError:
            return Delivery("http", 0, "operation_timeout")
        except (ClientError, OSError):
            return Delivery("http", 0, "dispatch_failed")
        if response.status != 200:
            return Delivery("http", response.status, "http_service_error")
        return Delivery("http", 200, answer=_acknowledged(raw))


def _acknowledged(raw: bytes) -> Json:
    """The ack's JSON; plain text, which slash commands may answer with, becomes `{"text": …}`."""
    text = raw.decode(errors="replace").strip()
    if not text:
        return {}
    try:
        return as_dict(json.loads(text))
    except ValueError:
        return {"text": text}
