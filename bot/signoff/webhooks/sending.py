"""The way out: one POST to exactly the addresses that were looked at and allowed (I27)."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import re
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from signoff.ports import Targets
from signoff.ports.targets import Address, read

TIMEOUT = 15.0
"""Seconds that an attempt may take, the look-up of the name included."""
LOOK_UPS = 64
"""Names looked up at once in one process. Each takes a thread, and one that hangs cannot be stopped: it may go on
while the next attempts look up theirs."""

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → its network addresses. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of an attempt."""

    status: int | None = None
    """None: nothing was answered, or nothing was sent."""
    fault: str | None = None
    """Why it does not count, without its full stop and without anything of the address but where it leads; None: it was
    taken.
    """
    retry_after: float | None = None
    """Seconds, as the receiver wishes."""


class Sender(Protocol):
    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent: ...


class Way:
    """Sends webhooks. Nothing is kept between two of them: no connection, no cookie, no look-up."""

    def __init__(self, targets: Targets, lookup: Lookup | None = None) -> None:
        self._targets = targets
        self._lookup = lookup or _system(threading.BoundedSemaphore(LOOK_UPS))

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """One attempt. Never raises for what the receiver or the network does."""
        refused = self._targets.refusal(url)  # what was allowed when it was asked may not be any more
        if refused is not None:
            return Sent(fault=f"nothing was sent: {refused.rstrip('.')}")
        target = URL(url, encoded=True)
        try:
            async with asyncio.timeout(TIMEOUT):
                found = await self._addresses(target)
                return found if isinstance(found, Sent) else await _post(target, found, headers, body)
        except TimeoutError:
            return Sent(fault=f"there was no answer within {TIMEOUT:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Sent(fault=_fault(error))

    async def _addresses(self, target: URL) -> Sequence[str] | Sent:
        """Where to connect to; every one of them may be called."""
        host, port = target.raw_host or "", target.port or 443  # `host` is not ASCII, and resolvers read it differently
        if read(host) is not None:
            found: Sequence[str] = [host]
        else:
            try:
                found = await self._lookup(host, port)
            except (OSError, UnicodeError):
                return Sent(fault="nothing was sent: its name cannot be resolved")
        addresses = [(text, read(text)) for text in dict.fromkeys(found)]
        for text, address in addresses:
            if address is None or not self._targets.allows(address, host):
                return Sent(fault=f"nothing was sent: its name leads to {_private(text, address)}")
        return [text for text, _ in addresses] or Sent(fault="nothing was sent: its name leads nowhere")


class _Pinned(AbstractResolver):
    """Answers what was checked, so that a name cannot lead elsewhere a moment later (DNS rebinding)."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    async def close(self) -> None: ...


async def _post(target: URL, addresses: Sequence[str], headers: Mapping[str, str], body: bytes) -> Sent:
    connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True)
    agent = {"User-Agent": f"Signoff/{version('signoff')}"}
    async with (
        aiohttp.ClientSession(
            connector=connector,
            trust_env=False,  # a proxy would look the name up anew
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        ) as session,
        session.post(target, data=body, headers={**headers, **agent}, allow_redirects=False) as response,
    ):
        # Its body is not even read: what a receiver says beside its status is nothing to go by.
        if 200 <= response.status < 300:
            return Sent(response.status)
        moved = ", a redirect, which is never followed" if 300 <= response.status < 400 else ""
        after = _seconds(response.headers.get("Retry-After"))
        return Sent(response.status, f"the receiver answered {response.status}{moved}", after)


def _seconds(text: str | None) -> float | None:
    """Of a Retry-After: seconds, or a date."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip(), re.ASCII):
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _private(text: str, address: Address | None) -> str:
    return f"{text[:60]}, which cannot be read" if address is None else f"{address}, which is not a public address"


def _fault(error: Exception) -> str:
    """In our own words: what libraries say may quote the address."""
    if isinstance(error, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
        return "its certificate does not hold"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "TLS could not be agreed on"
    if isinstance(error, ConnectionRefusedError) or (
        isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError)
    ):
        return "the connection was refused"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection could be made"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError | aiohttp.ClientOSError):
        return "the connection was closed without an answer"
    return f"the answer could not be read ({type(error).__name__})"


def _system(room: threading.BoundedSemaphore) -> Lookup:
    """The system's resolver in threads that hold up nothing: neither other work, nor the end of the process."""

    async def lookup(host: str, port: int) -> Sequence[str]:
        if not room.acquire(blocking=False):
            raise OSError("too many names are being looked up")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def tell(found: list[str] | OSError | UnicodeError) -> None:
            if answer.done():
                return
            if isinstance(found, list):
                answer.set_result(found)
            else:
                answer.set_exception(found)

        def look() -> None:
            found: list[str] | OSError | UnicodeError
            try:
                listed = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found = [str(one[4][0]) for one in listed]
            except (OSError, UnicodeError) as error:
                found = error
            finally:
                room.release()
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(tell, found)

        try:
            threading.Thread(target=look, name="webhook name", daemon=True).start()
        except RuntimeError:
            room.release()
            raise OSError("no thread could be started") from None
        return await answer

    return lookup
