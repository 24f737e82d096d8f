"""Who is calling, which earlier call they repeat, and how many waits they hold."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import hdrs, web

from signoff.api import keys, problem
from signoff.errors import Invalid, SignoffError, TooManyWaits, Unauthorized, WrongRole, where
from signoff.model import Key, Request
from signoff.ports import Keys

WATCH = 1.0
"""Seconds between looks for clients that have hung up: aiohttp does not tell a handler."""

_IDEMPOTENCY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?", re.ASCII)
_CLAIM = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)

log = logging.getLogger("signoff.api")


async def caller(request: web.Request, store: Keys, *roles: keys.Role) -> Key:
    """The key that is calling, if it has one of these roles. Raises Unauthorized, WrongRole, StoreUnavailable."""
    key_id, secret = _bearer(request)
    return _known(await store.key(key_id), secret, roles)


async def caller_and(
    request: web.Request, store: Keys, role: keys.Role, request_id: str | None = None
) -> tuple[Key, Request | None, datetime]:
    """The same, and what `Keys.key_and` reads along with the key; who may not call hears nothing of it."""
    key_id, secret = _bearer(request)
    key, found, now = await store.key_and(key_id, request_id)
    return _known(key, secret, (role,)), found, now


def _bearer(request: web.Request) -> tuple[str, str]:
    """The key's id and secret. Raises Unauthorized."""
    scheme, _, text = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    parsed = keys.parse(text.strip()) if scheme.lower() == "bearer" else None
    if parsed is None:
        raise Unauthorized
    return parsed


def _known(key: Key | None, secret: str, roles: Collection[keys.Role]) -> Key:
    """Raises Unauthorized, WrongRole."""
    if not keys.holds(key, secret) or key is None:
        raise Unauthorized
    if key.role not in roles:
        raise WrongRole(needed=" or ".join(roles), role=key.role)
    return key


def idempotency_key(request: web.Request) -> str | None:
    """What the caller names this call by, so that it can be repeated. Raises Invalid."""
    token = request.headers.get("Idempotency-Key")
    if token is not None and not _IDEMPOTENCY.fullmatch(token):
        sentence = "This must be 1 to 255 printable ASCII characters."
        raise Invalid({":Idempotency-Key": sentence}, f"Idempotency-Key: {sentence}")
    return token


def claim(request: web.Request) -> str | None:
    """What a caller who runs an approval at once names itself by. Raises Invalid."""
    token = request.headers.get("Signoff-Claim")
    if token is not None and not _CLAIM.fullmatch(token):
        sentence = "This must be 16 to 128 random characters of A-Z, a-z, 0-9, - and _."
        raise Invalid({":Signoff-Claim": sentence}, f"Signoff-Claim: {sentence}")
    return token


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
    except Exception as error:  # noqa: BLE001 - the last net under every handler
        # The caller gets a sentence, we get the place.
        log.error("%s %s failed: %s", request.method, request.path, where(error))
        return problem.answer(problem.Fault())


class Waits:
    """Open long-polls and event streams of this process: counted per key, let go when the client or we leave."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count: Counter[str] = Counter()
        self._open: dict[asyncio.Task[object], web.Request] = {}
        self.closing = False

    def take(self, key_id: str, request: web.Request, many: int = 1) -> None:
        """Count the running handler's wait until `leave`; `many`: for so many requests. Raises TooManyWaits.

        In between, CancelledError means that the client has hung up or, if `closing`, that we are stopping.
        """
        if self._count[key_id] + many > max(self._limit, many):
            raise TooManyWaits(limit=self._limit)
        self._count[key_id] += many
        self._open[_task()] = request
        if self.closing:  # it came in while we were stopping, and nobody would let go of it any more
            _task().cancel()

    def leave(self, key_id: str, many: int = 1) -> None:
        del self._open[_task()]
        self._count[key_id] -= many
        if not self._count[key_id]:
            del self._count[key_id]

    def stopped(self) -> bool:
        """Called on CancelledError: are we stopping? Then the handler goes on and answers as things stand."""
        if self.closing:
            _task().uncancel()
        return self.closing

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


def _task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task
