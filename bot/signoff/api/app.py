"""The HTTP application for agents and tools. The composition root adds the chats' doors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from aiohttp import web

from signoff.api import answers, openapi
from signoff.api.batches import Batches
from signoff.api.decisions import Decisions
from signoff.api.door import Waits, problems
from signoff.api.orders import Orders
from signoff.api.queue import Queue
from signoff.api.requests import Requests
from signoff.api.streams import Streams
from signoff.api.webhooks import Webhooks
from signoff.desk import Desk
from signoff.ports import Limits, Store

Health = Callable[[], Awaitable[Mapping[str, str | None]]]
"""Part (`redis`, then one per chat) → None when well, else one sentence."""
Notes = Callable[[], Mapping[str, str]]
"""Part (`policy`) → one sentence about what an operator has to mend, though the process can go on without it."""
STORE_PART = "redis"


def build_api(
    desk: Desk,
    store: Store,
    *,
    jwks: Mapping[str, object],
    limits: Limits,
    health: Health,
    notes: Notes = dict,
) -> web.Application:
    """Every address of the contract except the chats'.

    `jwks`: the published receipt keys. Open waits are answered as they stand when the application shuts down.
    """
    waits = Waits(limits.waits_per_key)
    spec = openapi.document(limits)

    async def healthz(_: web.Request) -> web.Response:
        return answers.answer({"status": "ok", "parts": notes()})

    async def readyz(_: web.Request) -> web.Response:
        parts = await health()
        return answers.answer(
            {"status": "ready" if ready(parts) else "not ready", "parts": parts}, 200 if ready(parts) else 503
        )

    async def openapi_json(_: web.Request) -> web.Response:
        return answers.answer(spec)

    async def keys(_: web.Request) -> web.Response:
        return answers.answer(jwks, headers={"Cache-Control": "public, max-age=300"})

    async def watching(_: web.Application) -> AsyncIterator[None]:
        async with waits.running():
            yield

    application = web.Application(middlewares=[problems])
    application.add_routes(Requests(desk, store, limits, waits).routes())
    application.add_routes(Decisions(desk, store, limits).routes())
    application.add_routes(Batches(desk, store, limits, waits).routes())
    application.add_routes(Queue(desk, store, limits).routes())
    application.add_routes(Orders(desk, store, limits).routes())
    application.add_routes(Streams(desk, store, waits).routes())
    application.add_routes(Webhooks(desk, store).routes())
    application.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/openapi.json", openapi_json),
            web.get("/.well-known/jwks.json", keys),
        ]
    )
    application.cleanup_ctx.append(watching)
    application.on_shutdown.append(waits.close)
    return application


def ready(parts: Mapping[str, str | None]) -> bool:
    """Redis is well, and so is a chat, if there are any: with one of two away, requests are decided in the other."""
    chats = [fault for part, fault in parts.items() if part != STORE_PART]
    return parts.get(STORE_PART) is None and (not chats or None in chats)
