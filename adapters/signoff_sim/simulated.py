"""What both simulated chats share: the shape the server mounts, and the record of what went over the wire."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, cast

from aiohttp import web

Direction = Literal["from_bot", "to_bot"]

BODY_CHARS = 600
"""Characters of a body that the traffic log keeps."""
KEPT = 500
"""Exchanges that the traffic log keeps."""

_SECRET_KEYS = frozenset({"access_token", "client_secret", "token", "authorization", "password", "client_assertion"})
_SECRET_TEXT = re.compile(r"(xox[a-z]|xapp)-[\w-]+|eyJ[\w-]{8,}\.[\w-]+\.[\w-]+|(?<=ticket=)[\w-]+|Bearer\s+\S+")


class Refused(Exception):
    """A control verb that cannot be done; the text says why and what to do."""


class Simulated(Protocol):
    """One simulated chat. `server.build` mounts its routes and its control verbs."""

    name: str
    """`slack` or `teams`: the prefix of its routes and control verbs, and its key in the state."""
    traffic: Traffic
    coverage: list[dict[str, Any]]
    """What is modelled, one row a feature, for `/control/coverage`."""
    on_change: Callable[[], None]
    """Set by the server; called whenever something that a person can see has changed."""

    def routes(self) -> Iterable[web.RouteDef]: ...

    async def start(self, address: str) -> None:
        """The server listens at `address` (`http://127.0.0.1:4000`, no slash at the end)."""
        ...

    async def close(self) -> None: ...

    def state(self, as_person: str) -> dict[str, Any]:
        """What that person (an id of world.PEOPLE) sees now, as JSON."""
        ...

    async def act(self, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /control/<name>/<verb>`: do what the person `body["as"]` does; what that person sees next.

        Raises Refused.
        """
        ...

    def set_faults(self, changes: Mapping[str, Any] | None) -> dict[str, Any]:
        """Change the named checks and faults (None: all back to normal); answers all of them. Raises Refused."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    at: float
    """Unix seconds."""
    chat: str
    direction: Direction
    method: str
    path: str
    status: int
    """0: no answer."""
    body: str


class Traffic:
    """The last exchanges of one chat, newest last. Secrets never enter it."""

    def __init__(self, chat: str) -> None:
        self.chat = chat
        self._kept: deque[Exchange] = deque(maxlen=KEPT)

    def record(self, direction: Direction, method: str, path: str, status: int, body: object) -> None:
        """`body`: JSON data, or text; it is shortened and cleared of tokens here."""
        self._kept.append(
            Exchange(time.time(), self.chat, direction, method, without_secrets(path), status, shorten(body))
        )

    def entries(self) -> list[dict[str, Any]]:
        return [asdict(exchange) for exchange in self._kept]


def shorten(body: object) -> str:
    text = body if isinstance(body, str) else json.dumps(_masked(body), ensure_ascii=False, default=str)
    text = without_secrets(text)
    return text if len(text) <= BODY_CHARS else f"{text[:BODY_CHARS]}… ({len(text) - BODY_CHARS} more characters)"


def without_secrets(text: str) -> str:
    return _SECRET_TEXT.sub("•••", text)


def _masked(value: object) -> object:
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {key: "•••" if key.lower() in _SECRET_KEYS else _masked(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in cast("list[object]", value)]
    return value
