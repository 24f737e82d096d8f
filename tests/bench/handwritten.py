"""The least that takes a Slack click over HTTP: aiohttp, the signature verified by hand, the payload parsed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from urllib.parse import parse_qs

from aiohttp import web
from ground import say

WINDOW = 300
"""Seconds that a signature is good for."""


def verify_and_parse(secret: str, timestamp: str, signature: str, raw: bytes) -> object:
    """Raises ValueError."""
    if abs(time.time() - int(timestamp)) > WINDOW:
        raise ValueError("too old")
    expected = "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise ValueError("forged")
    return json.loads(parse_qs(raw.decode())["payload"][0])


async def main() -> None:
    secret = sys.argv[1]

    async def click(request: web.Request) -> web.Response:
        headers = request.headers
        raw = await request.read()
        verify_and_parse(secret, headers["X-Slack-Request-Timestamp"], headers["X-Slack-Signature"], raw)
        return web.Response()

    app = web.Application()
    app.router.add_post("/slack/events", click)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say(port=runner.addresses[0][1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
