"""One server: everything up, in order, and down again."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast

import structlog
from aiohttp import web

from signoff import config as configuration
from signoff.api import as_asked, build_api
from signoff.app.rules import Rules, modes
from signoff.config import Config
from signoff.desk import Desk
from signoff.errors import BadConfig, ChatError, StoreUnavailable
from signoff.model import Mode
from signoff.ports import Chat, Store
from signoff.relay import Hooks, Relay
from signoff.store import RedisStore, start_embedded
from signoff.webhooks import Way

SHUTDOWN = 2.0
"""Seconds that open long-polls get when the server stops; aiohttp's default is 60."""
CHAT_RETRY = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between attempts to reach a chat that is away; the last one repeats."""
READY_CALL = 3.0
"""Seconds that one readiness check may take."""

log = structlog.get_logger("signoff")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    address: str
    desk: Desk
    store: Store
    chats: Mapping[str, Chat]
    embedded: bool
    mode: Mode
    """The policy's, when the server started."""
    reload: Callable[[], Awaitable[None]]
    """Read the policy file again."""


@asynccontextmanager
async def open_store(config: Config, *, patient: bool = False) -> AsyncGenerator[Store]:
    """The configured Redis, or the embedded one under the data directory; commands beside a server share it.

    `patient`: Redis may still be away; the store then works from when it comes. Raises StoreUnavailable otherwise, and
    BadConfig when the embedded Redis does not start.
    """
    async with AsyncExitStack() as stack:
        if config.redis_url is None:
            embedded = await start_embedded(config.data_dir)
            stack.push_async_callback(embedded.stop)
            guard = asyncio.create_task(embedded.guard())
            stack.push_async_callback(_cancel, guard)
            url = embedded.url
        else:
            url = config.redis_url
        store = RedisStore.from_url(url)
        stack.push_async_callback(store.close)
        try:
            await store.start()
        except StoreUnavailable:
            if not patient:
                raise
            log.warning("Redis cannot be reached; Signoff goes on trying", redis=config.redis_shown)
        yield store


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def running(config: Config, *, on_ready: Callable[[Running], None] | None = None) -> AsyncGenerator[Running]:
    """Everything up, in order; everything down again, in reverse."""
    rules = Rules(config)
    first = rules.load()
    signer = configuration.signer(config)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(config, patient=True))
        desk = Desk(store, first, signer, config.limits)
        stack.push_async_callback(desk.people.close)
        stack.push_async_callback(desk.review.close)
        found = configuration.plugins()
        chats = {name: found[name].build(settings, desk, store) for name, settings in config.chats.items()}
        for name, chat in chats.items():
            desk.people.add(name, chat.directory)
        if config.policy is not None:
            for name, plugin in configuration.directories().items():
                desk.people.add(name, plugin.build(config.policy.parent))
        states: dict[str, str | None] = dict.fromkeys(chats, "is starting")
        hooks = Hooks(store, desk, Way(config.limits.webhooks), as_asked)
        relay = Relay(store, desk, chats, hooks)

        async def health() -> Mapping[str, str | None]:
            return await _health(store, chats, states)

        application = build_api(
            desk, store, jwks={"keys": [signer.jwk()]}, limits=config.limits, health=health, notes=rules.notes
        )
        for chat in chats.values():
            for route in chat.routes():
                handler = cast("Callable[[web.Request], web.StreamResponse]", route.handler)
                application.router.add_route(route.method, route.path, handler)  # type: ignore[arg-type]
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, config.host, config.port, reuse_port=False)
        try:
            await site.start()
        except OSError as error:
            raise _cannot_listen(config, error) from None
        port = cast("tuple[str, int]", runner.addresses[0])[1]
        starters = [asyncio.create_task(_start(name, chat, states)) for name, chat in chats.items()]
        stack.push_async_callback(_stop, starters, chats)
        relay.start()
        # Before the chats are stopped: what is being posted may end.
        stack.push_async_callback(relay.close)
        watching = asyncio.create_task(rules.watch(desk.adopt))
        stack.push_async_callback(_cancel, watching)
        for sentence in modes(first):
            log.warning(sentence)
        ready = Running(
            address(config.host, port),
            desk,
            store,
            chats,
            embedded=config.redis_url is None,
            mode=first.mode,
            reload=lambda: rules.reload(desk.adopt),
        )
        if on_ready:
            on_ready(ready)
        yield ready


def address(host: str, port: int) -> str:
    """As a browser takes it: IPv6 in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _cannot_listen(config: Config, error: OSError) -> BadConfig:
    if error.errno == errno.EADDRINUSE:
        fault = f"another program already listens on port {config.port} of {config.host}."
        return BadConfig(key="SIGNOFF_PORT", fault=fault, mend="End it, or set another port.")
    if error.errno == errno.EACCES:
        fault = f"this user may not listen on port {config.port}."
        return BadConfig(key="SIGNOFF_PORT", fault=fault, mend="Set a port from 1024 on.")
    fault = f'"{config.host}" is not an address of this machine.'
    return BadConfig(key="SIGNOFF_HOST", fault=fault, mend="Use 127.0.0.1, 0.0.0.0 or an address it has.")


async def _start(name: str, chat: Chat, states: dict[str, str | None]) -> None:
    """A chat that is away at boot does not stop the others: it is tried until it answers."""
    attempt = 0
    while True:
        try:
            await chat.start()
            states[name] = None
            log.info("chat connected", chat=name)
            return
        except (ChatError, StoreUnavailable, TimeoutError) as error:
            states[name] = str(error)
            log.warning("chat cannot be reached", chat=name, error=str(error))
        await asyncio.sleep(CHAT_RETRY[min(attempt, len(CHAT_RETRY) - 1)])
        attempt += 1


async def _stop(starters: list[asyncio.Task[None]], chats: Mapping[str, Chat]) -> None:
    for task in starters:
        task.cancel()
    await asyncio.gather(*starters, return_exceptions=True)
    await asyncio.gather(*(chat.close() for chat in chats.values()), return_exceptions=True)


async def _health(
    store: Store, chats: Mapping[str, Chat], states: Mapping[str, str | None]
) -> Mapping[str, str | None]:
    """Part → None when well, else one sentence."""

    async def redis() -> str | None:
        try:
            async with asyncio.timeout(READY_CALL):
                await store.ping()
        except (StoreUnavailable, TimeoutError):
            return "Redis cannot be reached."
        return None

    async def chat(name: str) -> str | None:
        if states[name] is not None:
            return states[name]
        try:
            async with asyncio.timeout(READY_CALL):
                return await chats[name].health()
        except TimeoutError:
            return f"{name} does not answer."

    parts = ["redis", *chats]
    answers = await asyncio.gather(redis(), *(chat(name) for name in chats))
    return dict(zip(parts, answers, strict=True))


async def serve(config: Config, *, on_ready: Callable[[Running], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT; a second one ends the process at once. SIGHUP: read the policy file again."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    signals = (signal.SIGTERM, signal.SIGINT)
    terminal = sys.stderr.isatty()
    hung_up = asyncio.Event()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        stopping = True
        for name in signals:
            loop.remove_signal_handler(name)
        task.cancel()  # also in the middle of the start, which may wait for a large Redis file to be read

    def hang_up() -> None:
        if terminal and not sys.stderr.isatty():
            stop()  # the terminal it ran in is gone, which is what this signal meant before servers used it
        else:
            hung_up.set()

    for name in signals:
        loop.add_signal_handler(name, stop)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        async with running(config, on_ready=on_ready) as up:
            while True:
                await hung_up.wait()
                hung_up.clear()
                await up.reload()
    except asyncio.CancelledError:
        if not stopping:
            raise
