"""Who is calling, and how many waits they hold."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import hdrs, web

from signoff.api import keys, problem
from signoff.errors import SignoffError, TooManyWaits, Unauthorized, WrongRole
from signoff.model import Key
from signoff.ports import Keys

WATCH = 1.0
"""Seconds between looks for clients that have hung up: aiohttp does not tell a handler."""

log = logging.getLogger("signoff.api")


async def caller(request: web.Request, store: Keys, *roles: keys.Role) -> Key:
    """The key that is calling, if it has one of these roles. Raises Unauthorized, WrongRole, StoreUnavailable."""
    scheme, _, text = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    parsed = keys.parse(text.strip()) if scheme.lower() == "bearer" else None
    if parsed is None:
        raise Unauthorized
    key_id, secret = parsed
    key = await store.key(key_id)
    if not keys.holds(key, secret) or key is None:
        raise Unauthorized
    if key.role not in roles:
        raise WrongRole(needed=" or ".join(roles), role=key.role)
    return key


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every refusal as a problem document; nothing gets out as a bare 500."""
    try:
        return await handler(request)
    except SignoffError as error:
        return problem.answer(error)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        response = problem.answer(problem.MethodNotAllowed(allowed=allowed))
        response.headers[hdrs.ALLOW] = allowed
        return response
    except web.HTTPNotFound:
        return problem.answer(problem.NoSuchPath())
    except web.HTTPException:
        raise  # a chat's own answer
    except ConnectionError:
        raise  # the client has hung up; there is nobody to answer
    except Exception:
        # The last net: the caller gets a sentence, we get the traceback. Our frames hold no secrets by name.
        log.exception("%s %s failed", request.method, request.path)
        return problem.answer(problem.Fault())


class Waits:
    """Open long-polls and event streams of this process: counted per key, let go when the client or we leave."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count: Counter[str] = Counter()
        self._open: dict[asyncio.Task[object], web.Request] = {}
        self.closing = False

    @contextmanager
    def hold(self, key: Key, request: web.Request) -> Generator[None]:
        """Count this handler's wait. Raises TooManyWaits. Inside, CancelledError means: see `closing`."""
        if self._count[key.id] >= self._limit:
            raise TooManyWaits(limit=self._limit)
        task = asyncio.current_task()
        assert task is not None
        self._count[key.id] += 1
        self._open[task] = request
        try:
            yield
        finally:
            del self._open[task]
            self._count[key.id] -= 1
            if not self._count[key.id]:
                del self._count[key.id]

    def __len__(self) -> int:
        return len(self._open)

    async def watch(self) -> None:
        """Let go of waits whose client has hung up, for ever."""
        while True:
            await asyncio.sleep(WATCH)
            for task, request in list(self._open.items()):
                if request.transport is None or request.transport.is_closing():
                    task.cancel()

    async def close(self, _: web.Application) -> None:
        """Answer every wait as it stands, so that stopping does not take as long as the longest of them."""
        self.closing = True
        for task in list(self._open):
            task.cancel()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        watcher = asyncio.create_task(self.watch())
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
