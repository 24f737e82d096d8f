"""One aiohttp app: both chats, the control API and the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from signoff_sim.control import Control
from signoff_sim.simulated import Refused, Simulated

STATIC = Path(__file__).parent / "static"
BODY_BYTES = 4 * 1024 * 1024
"""Largest body read at all; the chats' own limits are far below."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

CONTROL: web.AppKey[Control] = web.AppKey("control", Control)
CHATS: web.AppKey[list[Simulated]] = web.AppKey("chats", list)
RUNNERS: web.AppKey[list[web.AppRunner]] = web.AppKey("runners", list)
HOSTS: web.AppKey[frozenset[str]] = web.AppKey("hosts", frozenset)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build(
    *, slack: Simulated | None = None, teams: Simulated | None = None, hosts: Iterable[str] = LOOPBACK
) -> web.Application:
    """The app. `hosts`: the names under which it may be reached, against pages that rebind their own name to us.

    The chats learn their address from `serve`.
    """
    chats = [chat for chat in (slack, teams) if chat is not None]
    control = Control(chats)
    app = web.Application(middlewares=[_guard], client_max_size=BODY_BYTES)
    app[CONTROL], app[CHATS], app[RUNNERS], app[HOSTS] = control, chats, [], frozenset(hosts)
    app.router.add_get("/", _page)
    app.router.add_get("/static/{path:.+}", _static)
    app.router.add_routes(control.routes())
    for chat in chats:
        app.router.add_routes(chat.routes())
    app.on_shutdown.append(_end_streams)
    app.on_cleanup.append(_close)
    return app


async def serve(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> str:
    """Listen and start the chats; the address, without a slash at the end. `stop` ends it."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    app[RUNNERS].append(runner)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    bound: int = runner.addresses[0][1]
    address = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    for chat in app[CHATS]:
        await chat.start(address)
    return address


async def stop(app: web.Application) -> None:
    """End what `serve` began."""
    while app[RUNNERS]:
        await app[RUNNERS].pop().cleanup()


async def _end_streams(app: web.Application) -> None:
    app[CONTROL].stop()


async def _close(app: web.Application) -> None:
    for chat in app[CHATS]:
        await chat.close()


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    if _name(request.host) not in request.app[HOSTS]:
        return web.json_response({"error": "This simulator answers to its own name only."}, status=421)
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return web.json_response({"error": "Calls from other origins are not taken."}, status=403)
    try:
        response = await handler(request)
    except Refused as refused:
        return web.json_response({"error": str(refused)}, status=400)
    if not response.prepared:
        response.headers.update(SECURITY_HEADERS)
    return response


def _name(host: str) -> str:
    with suppress(ValueError):
        return urlsplit(f"//{host}").hostname or ""
    return ""


async def _page(request: web.Request) -> web.StreamResponse:
    return _file(STATIC / "index.html")


async def _static(request: web.Request) -> web.StreamResponse:
    # Looked up among the files there are, so that no spelling of a path can lead out of the folder.
    files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
    found = files.get(request.match_info["path"])
    if found is None:
        raise web.HTTPNotFound
    return _file(found)


def _file(path: Path) -> web.StreamResponse:
    return web.FileResponse(path, headers={**SECURITY_HEADERS, "Cache-Control": "no-cache"})
