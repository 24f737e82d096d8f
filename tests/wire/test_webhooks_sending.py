"""The way out of webhooks, over real sockets: exactly to what was looked at, once, and nowhere else (I27)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from signoff.ports import Targets
from signoff.ports.targets import targets
from signoff.webhooks import Sent, Way, sending

ALLOWED = targets("127.0.0.1/32")
HEADERS = {"Content-Type": "application/json", "webhook-id": "msg_1"}
BODY = b'{"type": "request.approved"}'


@dataclass
class Receiver:
    """An HTTP server on loopback that counts what it gets."""

    port: int = 0
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: web.StreamResponse | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.got.append((request.path_qs, dict(request.headers), await request.read()))
        return self.answer or web.Response(status=204)


@contextlib.asynccontextmanager
async def receiving(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    receiver.port = int(runner.addresses[0][1])
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


class Names:
    """A resolver whose answers are given out one after the other; the last one stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_a_webhook_arrives_as_it_was_made(receiver: Receiver) -> None:
    """Path, query, headers and body, byte for byte."""
    sent = await Way(ALLOWED)(f"http://127.0.0.1:{receiver.port}/a%2Fb/c?d=e%20f&g=+", HEADERS, BODY)
    assert sent == Sent(204)
    ((path, headers, body),) = receiver.got
    assert path == "/a%2Fb/c?d=e%20f&g=+"
    assert body == BODY
    assert headers["webhook-id"] == "msg_1"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("Signoff/")
    assert "Cookie" not in headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_i27_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    """Wherever they point; the fault says so."""
    receiver.answer = web.Response(status=status, headers={"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"})
    sent = await Way(ALLOWED)(f"http://127.0.0.1:{receiver.port}/", HEADERS, BODY)
    assert sent.status == status
    assert "never followed" in (sent.fault or "")
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "found",
    [
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.2"],
        ["64:ff9b::7f00:2"],
        ["2002:7f00:2::1"],
        ["fe80::1%lo"],
        ["fd00:ec2::254"],
        ["1.1.1.1", "127.0.0.2"],
        ["127.0.0.1", "127.0.0.2"],
        ["not an address"],
        [],
    ],
)
async def test_i27_a_name_that_leads_to_any_private_address_gets_nothing(
    found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every address of a name has to be public or allowed, or no connection is made at all; the fault says why."""

    def no_socket(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "socket", no_socket)
    sent = await Way(ALLOWED, Names(found))("https://hooks.example.com/", HEADERS, BODY)
    assert sent.status is None
    assert (sent.fault or "").startswith("nothing was sent: its name leads")


async def test_i27_a_literal_private_address_gets_nothing(receiver: Receiver) -> None:
    """Also when it was written into the record before the operator stopped allowing it; nobody is asked for a name."""
    names = Names(["1.1.1.1"])
    for url in (f"http://127.0.0.1:{receiver.port}/", f"https://127.1:{receiver.port}/", "https://[::1]/"):
        sent = await Way(Targets(), names)(url, HEADERS, BODY)
        assert sent.status is None
        assert (sent.fault or "").startswith("nothing was sent: ")
    assert receiver.got == []
    assert names.asked == []


async def test_i27_a_name_is_looked_up_once_and_called_where_it_led(receiver: Receiver) -> None:
    """DNS rebinding: the first answer may be called, later ones may not; the call goes to the first, and no second
    look-up is made.
    """
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with receiving("127.0.0.2", receiver.port) as private:
        hosts = targets("127.0.0.1/32")
        way = Way(Targets(hosts.networks, frozenset()), names)
        sent = await way(f"https://rebound.example.com:{receiver.port}/", HEADERS, BODY)
        assert names.asked == ["rebound.example.com"]
        # Plain HTTP answers a TLS greeting with nothing of use: it did get there, and nowhere else.
        assert sent.status is None
        assert private.got == []
        again = await way(f"https://rebound.example.com:{receiver.port}/", HEADERS, BODY)
        assert (again.fault or "").startswith("nothing was sent: its name leads to 127.0.0.2")
        assert private.got == []


async def test_an_international_name_is_looked_up_as_it_was_written(receiver: Receiver) -> None:
    """`xn--fa-hia` is `faß`, which the system's resolver takes for `fass`: somebody else's name."""
    names = Names(["127.0.0.1"])
    way = Way(targets("xn--fa-hia.example"), names)
    assert await way(f"http://xn--fa-hia.example:{receiver.port}/", HEADERS, BODY) == Sent(204)
    assert names.asked == ["xn--fa-hia.example"]
    assert receiver.got[0][1]["Host"] == f"xn--fa-hia.example:{receiver.port}"


async def test_i27_a_call_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """The name itself leads somewhere else for everybody but the look-up that was checked."""
    allowed = targets("127.0.0.1/32,localhost")
    async with receiving("127.0.0.2", receiver.port) as elsewhere:
        sent = await Way(allowed, Names(["127.0.0.2"], ["127.0.0.1"]))(
            f"http://localhost:{receiver.port}/x", HEADERS, BODY
        )
        assert sent == Sent(204)
        assert receiver.got == []
        assert len(elsewhere.got) == 1
        assert elsewhere.got[0][1]["Host"] == f"localhost:{receiver.port}"


async def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would look the name up anew, and connect wherever that leads."""
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        sent = await Way(ALLOWED)(f"http://127.0.0.1:{receiver.port}/", HEADERS, BODY)
        assert sent == Sent(204)
        assert proxy.got == []


def self_signed(file: Path) -> Path:
    """A key and a certificate for `localhost` that nobody vouches for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + certificate.public_bytes(pem))
    return file


async def test_a_certificate_that_does_not_hold_gets_nothing(tmp_path: Path) -> None:
    """Self-signed: refused before anything is said."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed(tmp_path / "server.pem"))
    async with receiving(tls=tls) as receiver:
        sent = await Way(targets("localhost"), Names(["127.0.0.1"]))(
            f"https://localhost:{receiver.port}/", HEADERS, BODY
        )
        assert sent == Sent(None, "its certificate does not hold")
        assert receiver.got == []


async def test_whoever_does_not_answer_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and says nothing."""
    monkeypatch.setattr(sending, "TIMEOUT", 0.2)
    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the caller has gone
        writer.close()
        gone.set()

    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent:
        sent = await Way(ALLOWED)(f"http://127.0.0.1:{port}/", HEADERS, BODY)
        await gone.wait()
    assert sent == Sent(fault="there was no answer within 0.2 s")


async def test_a_name_that_takes_too_long_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up counts."""
    monkeypatch.setattr(sending, "TIMEOUT", 0.05)

    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    assert (await Way(ALLOWED, never)("https://slow.example.com/", HEADERS, BODY)).status is None


async def test_who_refuses_breaks_off_or_talks_nonsense_is_a_fault(receiver: Receiver) -> None:
    """Each in our own words, without the address."""

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/9 what?\r\n\r\n" if said.pop() else b"")
        await writer.drain()
        writer.close()

    said = [True, False]
    talking = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = talking.sockets[0].getsockname()[1]
    faults: list[str] = []
    async with talking:
        for _ in range(2):
            sent = await Way(ALLOWED)(f"http://127.0.0.1:{port}/secret-path?q=secret", HEADERS, BODY)
            assert sent.status is None
            faults.append(sent.fault or "")
    refused = await Way(ALLOWED)(f"http://127.0.0.1:{port}/secret-path", HEADERS, BODY)
    assert refused == Sent(None, "the connection was refused")
    assert faults[0] == "the connection was closed without an answer"
    assert faults[1].startswith("the answer could not be read")
    assert "secret" not in "".join(faults)


async def test_a_name_that_does_not_exist_is_a_fault() -> None:
    """By the system's own resolver."""
    sent = await Way(Targets())("https://nowhere.invalid/", HEADERS, BODY)
    assert sent == Sent(fault="nothing was sent: its name cannot be resolved")


async def test_the_systems_resolver_is_asked_in_a_thread(receiver: Receiver) -> None:
    """`localhost`, allowed by name, is found and called."""
    sent = await Way(targets("localhost"))(f"http://localhost:{receiver.port}/", HEADERS, BODY)
    assert sent == Sent(204)


async def test_a_machine_that_gives_no_threads_for_a_while_is_a_fault_for_that_while(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it was asked for one meanwhile, names are looked up again afterwards."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    way = Way(targets("localhost"))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        for _ in range(sending.LOOK_UPS + 1):
            sent = await way(f"http://localhost:{receiver.port}/", HEADERS, BODY)
            assert sent == Sent(fault="nothing was sent: its name cannot be resolved")
    assert await way(f"http://localhost:{receiver.port}/", HEADERS, BODY) == Sent(204)


async def test_what_a_receiver_says_beside_its_status_is_not_read(receiver: Receiver) -> None:
    """An answer without end costs nothing."""
    receiver.answer = web.Response(status=200, body=b"x" * 50_000_000)
    async with asyncio.timeout(10):
        assert await Way(ALLOWED)(f"http://127.0.0.1:{receiver.port}/", HEADERS, BODY) == Sent(200)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("1e9", None),
        *(
            (f"Wed, {day} Oct {year} 07:28:00 {zone}", None)
            for day, year, zone in (("9" * 30, "2015", "GMT"), ("21", "9" * 30, "GMT"), ("21", "2015", "+" + "9" * 30))
        ),
    ],
)
async def test_retry_after_is_read_as_seconds_or_date(receiver: Receiver, header: str, seconds: float | None) -> None:
    """What is neither is passed over."""
    receiver.answer = web.Response(status=503, headers={"Retry-After": header})
    sent = await Way(ALLOWED)(f"http://127.0.0.1:{receiver.port}/", HEADERS, BODY)
    assert sent == Sent(503, "the receiver answered 503", seconds)
