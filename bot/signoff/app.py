"""The composition root: one process from one Config. Chats are found by entry point, so no platform is named here."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import structlog
from aiohttp import web

from signoff import config as configuration
from signoff import policy
from signoff.api import build_api
from signoff.config import Config
from signoff.desk import Desk
from signoff.errors import ChatError, StoreUnavailable
from signoff.policy import Policy
from signoff.ports import Chat, Store
from signoff.relay import Relay
from signoff.store import RedisStore, start_embedded

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


def load_policy(config: Config) -> Policy:
    """The policy file, or the built-in default. Raises BadPolicy."""
    chats = tuple(configuration.plugins())
    if config.policy is None:
        return policy.default(config.channels, chats=chats)
    return read_policy(config.policy, chats)


def read_policy(file: Path, chats: tuple[str, ...] | None = None) -> Policy:
    """Raises BadPolicy."""
    return policy.load(
        file.read_bytes(), file=str(file), chats=chats if chats is not None else tuple(configuration.plugins())
    )


@asynccontextmanager
async def open_store(config: Config) -> AsyncGenerator[Store]:
    """The configured Redis, or the embedded one under the data directory; commands beside a server share it."""
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
        await store.start()
        yield store


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def running(config: Config, *, on_ready: Callable[[Running], None] | None = None) -> AsyncGenerator[Running]:
    """Everything up, in order; everything down again, in reverse."""
    rules = load_policy(config)
    signer = configuration.signer(config)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(config))
        desk = Desk(store, rules, signer, config.limits)
        found = configuration.plugins()
        chats = {name: found[name].build(settings, desk, store) for name, settings in config.chats.items()}
        states: dict[str, str | None] = dict.fromkeys(chats, "is starting")
        relay = Relay(store, desk, chats)

        async def health() -> Mapping[str, str | None]:
            return await _health(store, chats, states)

        application = build_api(desk, store, jwks={"keys": [signer.jwk()]}, limits=config.limits, health=health)
        for chat in chats.values():
            for route in chat.routes():
                handler = cast("Callable[[web.Request], web.StreamResponse]", route.handler)
                application.router.add_route(route.method, route.path, handler)  # type: ignore[arg-type]
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, config.host, config.port, reuse_port=False)
        await site.start()
        port = cast("tuple[str, int]", runner.addresses[0])[1]
        relay.start()
        stack.push_async_callback(relay.close)
        starters = [asyncio.create_task(_start(name, chat, states)) for name, chat in chats.items()]
        stack.push_async_callback(_stop, starters, chats)
        host = f"[{config.host}]" if ":" in config.host else config.host
        ready = Running(f"http://{host}:{port}", desk, store, chats, embedded=config.redis_url is None)
        if on_ready:
            on_ready(ready)
        yield ready


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
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with running(config, on_ready=on_ready):
        await stop.wait()
