"""Where Redis is: one server, or the node of a cluster that holds our slot."""

from __future__ import annotations

from typing import Any, Protocol, cast

from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.exceptions import RedisError

from signoff.errors import BadConfig

CONNECT = 1.0
"""Seconds for a connection to come up."""
CLUSTER = "redis+cluster://"
CLUSTER_TLS = "rediss+cluster://"


class Wire(Protocol):
    """The part of redis-py's connection that we use, typed."""

    @property
    def is_connected(self) -> bool: ...
    def pack_command(self, *args: str | int) -> list[bytes]: ...
    async def send_packed_command(self, command: list[bytes], check_health: bool = True) -> None: ...
    async def read_response(self) -> object: ...
    async def connect(self) -> None: ...
    async def disconnect(self, nowait: bool = False) -> None: ...


class Door(Protocol):
    async def connect(self) -> Wire:
        """A new connection, signed in. Raises RedisError, OSError."""
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
        if url.startswith((CLUSTER, CLUSTER_TLS)):
            return _Cluster(url.replace("+cluster", "", 1), key)
        return _Server(url)
    except (ValueError, TypeError, RedisError) as error:
        raise BadConfig(
            key="SIGNOFF_REDIS_URL",
            fault=f"this is not a Redis address ({error}).",
            mend="Use redis://host:6379/0, rediss://…, unix:///path/redis.sock or redis+cluster://host:6379.",
        ) from None


async def _up(wire: Wire) -> Wire:
    try:
        await wire.connect()
    except BaseException:
        await wire.disconnect(nowait=True)
        raise
    return wire


def _settings(found: dict[str, Any], kind: type[AbstractConnection]) -> dict[str, Any]:
    """One connection carries the calls of many: how long a call may take is watched above, per call."""
    ours: dict[str, object] = {
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT,
        "decode_responses": True,
        "protocol": 2,  # replies of protocol 3 differ in shape, and pushed messages have no place in the queue
        "health_check_interval": 0,
        "client_name": "signoff",
    }
    if not issubclass(kind, UnixDomainSocketConnection):
        ours["socket_keepalive"] = True
    return {name: value for name, value in found.items() if name not in {"max_connections", "timeout"}} | ours


class _Server:
    def __init__(self, url: str) -> None:
        found = cast("dict[str, Any]", dict(parse_url(url)))
        self._kind = cast("type[AbstractConnection]", found.pop("connection_class", Connection))
        self._settings = _settings(found, self._kind)
        self._new()  # a wrong option in the URL shows now, at the boot

    def _new(self) -> Wire:
        return cast("Wire", self._kind(**self._settings))

    async def connect(self) -> Wire:
        return await _up(self._new())

    async def moved(self) -> None:
        """Names are resolved anew for every connection."""

    async def close(self) -> None:
        """Nothing is kept open here."""


class _Cluster:
    def __init__(self, url: str, key: str) -> None:
        self._cluster = RedisCluster.from_url(
            url,
            socket_timeout=CONNECT,
            socket_connect_timeout=CONNECT,
            protocol=2,
            cluster_error_retry_attempts=0,
        )
        self._key = key
        self._tls = url.startswith("rediss:")

    async def connect(self) -> Wire:
        await self._cluster.initialize()
        node = self._cluster.get_node_from_key(self._key)
        if node is None:
            raise RedisError("no node holds our slot")
        kind: type[AbstractConnection] = SSLConnection if self._tls else Connection
        found: dict[str, Any] = {
            name: value for name, value in node.connection_kwargs.items() if name != "connection_class"
        }
        return await _up(cast("Wire", kind(**_settings(found, kind))))

    async def moved(self) -> None:
        await self._cluster.aclose()

    async def close(self) -> None:
        await self._cluster.aclose()
