"""At start: whether the service is there and takes our key. Whoever sets up a host hears it now, not at a call.

Beside the serving and without a word in it: a service may come later, and what is wrong here is only said.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from signoff.client.requests import DEFAULT_URL, Requests
from signoff.client.wire import TIMEOUT, Lost, Wire

PATH, QUERY, WELL = "/v1/batches/none", {"wait": "no"}, "invalid"
"""A question that is wrong in itself, so only the key is looked up; any but an agent's is refused before that."""
REFUSED = {"unauthorized": "it is wrong or revoked", "wrong_role": "it is not an agent key"}

log = logging.getLogger("signoff")


@asynccontextmanager
async def preflight() -> AsyncGenerator[None]:
    """One call to the service of SIGNOFF_URL with the key in SIGNOFF_API_KEY, for as long as the block lasts.

    Raises NotSetUp at once when there is no key or no usable address.
    """
    url = os.environ.get("SIGNOFF_URL") or DEFAULT_URL
    wire = Requests(url, None).wire("the call")
    task = asyncio.create_task(_look(wire, url))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _look(wire: Wire, url: str) -> None:
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    try:
        await _resolved(str(parts.hostname))
        reply = await wire.send("GET", PATH, query=QUERY)
    except Lost as error:
        _away(shown, "reached", str(error))
        return
    finally:
        await wire.close()
    if (why := REFUSED.get(reply.code)) is not None:
        log.warning(
            "%s does not take the key in SIGNOFF_API_KEY (%s), so every call will be refused; "
            "make one with `signoff keys create --role agent --name NAME`.",
            shown,
            why,
        )
    elif reply.code != WELL:
        _away(shown, "used", reply.detail.rstrip("."))


def _away(shown: str, how: str, reason: str) -> None:
    log.warning(
        "%s cannot be %s (%s), so calls are refused until it answers; "
        "see that `signoff serve` runs and that SIGNOFF_URL is right.",
        shown,
        how,
        reason,
    )


async def _resolved(host: str) -> None:
    """Raises Lost for a name that no name server knows, or knows in time.

    In a thread that nobody waits for: the end of the loop would wait for one of its own, as long as the servers take.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Exception | None] = loop.create_future()

    def settle(fault: Exception | None) -> None:
        if not found.done():
            found.set_result(fault)

    def look() -> None:
        fault: Exception | None = None
        try:
            socket.getaddrinfo(host, None)
        except (OSError, ValueError) as error:
            fault = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, fault)

    threading.Thread(target=look, name="signoff-resolve", daemon=True).start()
    try:
        async with asyncio.timeout(TIMEOUT):
            fault = await found
    except TimeoutError:
        raise Lost(f"looking up {host} takes too long") from None
    if fault is not None:
        raise Lost(f"{host}: {fault}") from fault
