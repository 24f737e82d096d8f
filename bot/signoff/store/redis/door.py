"""Where Redis is: one server, or the node of a cluster that holds our slot."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol, cast

from hiredis import ReplyError
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from signoff.errors import BadConfig
from signoff.store.redis.wire import Command, LostError, Wire

CONNECT = 1.0
"""Seconds for a connection to come up."""
CLUSTER = ("redis+cluster://", "rediss+cluster://")
POOL_OPTIONS = frozenset({"max_connections", "timeout"})
"""Options of a URL that speak of redis-py's pool, which is not used here."""


class Door(Protocol):
    async def connect(self, patience: float) -> Wire:
        """A new connection, signed in. Raises OSError, RedisError."""
        ...

    async def moved(self) -> None:
        """What is behind the door has changed: look again next time."""
        ...

    async def close(self) -> None: ...


def door(url: str, key: str) -> Door:
    """The door behind a URL: `redis://`, `rediss://`, `unix://`, and `redis+cluster://` or `rediss+cluster://` to the
    node that holds `key`. Raises BadConfig.
    """
    try:
        if url.startswith(CLUSTER):
            return _Cluster(url.replace("+cluster", "", 1), key)
        return _Server(url)
    except (ValueError, TypeError, RedisError, RedisClusterException):
        # Their text quotes what stands where the port should: of a password with a slash in it, its beginning (I29).
        raise BadConfig(
            key="SIGNOFF_REDIS_URL",
            fault="this is not a Redis address.",
            mend="Use redis://host:6379/0, rediss://…, unix:///path/redis.sock or redis+cluster://host:6379, and in a "
            "password %2F for /, %3F for ?, %23 for #.",
        ) from None


async def _connect(to: AbstractConnection, patience: float) -> Wire:
    """redis-py's connection as the description of one: address, TLS and name, checked and completed."""
    loop = asyncio.get_running_loop()

    def wire() -> Wire:
        return Wire(patience)

    async with asyncio.timeout(CONNECT):
        if isinstance(to, UnixDomainSocketConnection):
            transport, made = await loop.create_unix_connection(wire, to.path)
        else:
            host = cast("Connection", to)
            tls = to.ssl_context.get() if isinstance(to, SSLConnection) else None
            transport, made = await loop.create_connection(wire, host.host, host.port, ssl=tls)
            # A peer that vanished without a word is found out also while nothing is asked.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            for reply in await made.ask(*_greeting(to)):
                if isinstance(reply, ReplyError):
                    raise LostError(str(reply))
                if isinstance(reply, LostError):
                    raise reply
        except BaseException:
            made.close()
            raise
    return made


def _greeting(to: AbstractConnection) -> list[Command]:
    commands: list[Command] = []
    if to.password:
        commands.append(("AUTH", *((to.username,) if to.username else ()), to.password))
    if to.db:
        commands.append(("SELECT", to.db))
    commands.append(("CLIENT", "SETNAME", "signoff"))
    return commands


class _Server:
    def __init__(self, url: str) -> None:
        found = {name: value for name, value in parse_url(url).items() if name not in POOL_OPTIONS}
        kind = cast("type[AbstractConnection]", found.pop("connection_class", Connection))
        self._to = kind(**cast("dict[str, Any]", found))

    async def connect(self, patience: float) -> Wire:
        return await _connect(self._to, patience)

    async def moved(self) -> None:
        """Names are resolved anew for every connection."""

    async def close(self) -> None:
        """Nothing is kept open here."""


class _Cluster:
    def __init__(self, url: str, key: str) -> None:
        self._cluster = RedisCluster.from_url(
            url, socket_timeout=CONNECT, socket_connect_timeout=CONNECT, protocol=2, retry=Retry(NoBackoff(), 0)
        )
        self._key = key

    async def connect(self, patience: float) -> Wire:
        try:
            await self._cluster.initialize()
        except RedisClusterException as error:  # not a RedisError
            raise LostError(str(error)) from None
        node = self._cluster.get_node_from_key(self._key)
        if node is None:
            raise LostError("no node of the cluster holds our slot")
        return await _connect(node.connection_class(**node.connection_kwargs), patience)

    async def moved(self) -> None:
        await self._cluster.aclose()

    async def close(self) -> None:
        await self._cluster.aclose()
