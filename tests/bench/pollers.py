"""Many long polls at once, as plain sockets."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

from ground import commands, say

AT_ONCE = 100
"""Connections that come up together; more would overflow the server's backlog."""


class Poll(asyncio.Protocol):
    def __init__(self, request: bytes, answered: list[str], name: str) -> None:
        self._request = request
        self._answered = answered
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 "):
            self._answered.append(f"{self._name} {data[9:12].decode()}")


async def main() -> None:
    port, key = sys.argv[1:]
    loop = asyncio.get_running_loop()
    inbox = commands()
    answered: list[str] = []
    open_: list[asyncio.BaseTransport] = []
    while (command := await inbox.get()) is not None:
        if command["do"] == "poll":
            ids = cast("list[str]", command["ids"])
            for start in range(0, len(ids), AT_ONCE):
                made = await asyncio.gather(
                    *(
                        loop.create_connection(
                            lambda id_=id_: Poll(_request(id_, key), answered, id_),  # type: ignore[misc]
                            "127.0.0.1",
                            int(port),
                        )
                        for id_ in ids[start : start + AT_ONCE]
                    )
                )
                open_ += [transport for transport, _ in made]
        say(answered=answered, open=len(open_))


def _request(request_id: str, key: str) -> bytes:
    return (
        f"GET /v1/requests/{request_id}?wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
    ).encode()


asyncio.run(main())
