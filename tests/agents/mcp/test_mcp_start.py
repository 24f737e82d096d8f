"""What is said at start about the service and the key, before any call."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

import pytest
from agents_harness import Desk, Service, approve, closed_port
from mcp_harness import GATEWAY, PARROT, Wire, around, call

WRONG = "so_0123456789ab_" + "x" * 43
AWAY = "so calls are refused until it answers"
MAKE = "make one with `signoff keys create --role agent --name NAME`"
ASKED = {"jsonrpc": "2.0", "id": 1, "method": "environment"}


@contextmanager
def started(words: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    return process.stderr.readline().decode()


def heard(wire: Wire) -> str:
    """All that it says on its standard error, once it has ended."""
    assert wire.end() == 0
    assert wire.process.stderr is not None
    return wire.process.stderr.read().decode()


@pytest.mark.parametrize("verb", ["gateway", "gateway over http", "serve"])
def test_a_wrong_key_is_said_at_start(service: Service, tmp_path: Path, verb: str) -> None:
    """Before any call, and before any message of a host: which variable, and how a key is made; never the key."""
    behind = ["--", sys.executable, str(PARROT), str(tmp_path / "got")]
    words = {
        "gateway": [*GATEWAY, *behind],
        "gateway over http": [*GATEWAY, "--http", "127.0.0.1:0", *behind],
        "serve": [*GATEWAY[:-1], "serve"],
    }[verb]
    with started(words, around(service, SIGNOFF_API_KEY=WRONG)) as process:
        line = said(process)
        if "listens on" in line:
            line = said(process)
    assert f"{service.address} does not take the key in SIGNOFF_API_KEY (it is wrong or revoked)" in line
    assert MAKE in line
    assert WRONG not in line


def test_a_key_of_another_role_is_said_and_the_gateway_serves(service: Service, desk: Desk, tmp_path: Path) -> None:
    """It is one sentence; all but calls goes on."""
    wire = Wire(service, desk.agent, tmp_path / "got", SIGNOFF_API_KEY=service.approver_key)
    assert "SIGNOFF_API_KEY (it is not an agent key)" in said(wire.process)
    wire.send(ASKED)
    assert wire.answer()["id"] == 1
    assert heard(wire) == ""


def test_a_gateway_that_is_well_says_nothing(service: Service, desk: Desk, tmp_path: Path) -> None:
    """By the time that a call has run there is nothing on its standard error, and nothing was asked but the call."""
    desk.people(approve)
    wire = Wire(service, desk.agent, tmp_path / "got")
    wire.send(call())
    wire.answer()
    assert heard(wire) == ""
    assert [one["method"] for one in wire.got] == ["tools/call"]
    assert len(desk.requests()) == 1


def test_a_service_that_comes_later_is_missed_at_start_and_used(service: Service, desk: Desk, tmp_path: Path) -> None:
    """Its address, and that calls are refused until then; once it is there a call waits and runs."""
    port = closed_port()
    wire = Wire(service, desk.agent, tmp_path / "got", SIGNOFF_URL=f"http://127.0.0.1:{port}")
    line = said(wire.process)
    assert f"http://127.0.0.1:{port} cannot be reached" in line
    assert AWAY in line
    with relay(port, service):
        desk.people(approve)
        wire.send(call())
        wire.answer()
        assert heard(wire) == ""
    assert [one["method"] for one in wire.got] == ["tools/call"]


def test_what_is_no_approval_service_is_said(service: Service, desk: Desk, tmp_path: Path) -> None:
    """An address where something else answers is as good as none. A password in it is not repeated."""
    parts = urlsplit(service.address)
    for before, path, how in (("", "/elsewhere", "used"), ("name:secret@", "", "reached")):
        wire = Wire(service, desk.agent, tmp_path / "got", SIGNOFF_URL=f"http://{before}{parts.netloc}{path}")
        line = said(wire.process)
        assert f"http://{parts.netloc}{path} cannot be {how}" in line
        assert AWAY in line
        assert "secret" not in line
        assert heard(wire) == ""


@pytest.mark.parametrize("silent", ["service", "name server"])
def test_silence_delays_neither_the_host_nor_the_end(service: Service, desk: Desk, tmp_path: Path, silent: str) -> None:
    """A service that takes the connection and never answers, a name that is looked up for ever: hosts are answered
    meanwhile, and the gateway ends with its host.
    """
    (tmp_path / "sitecustomize.py").write_text(
        "import socket, threading\nsocket.getaddrinfo = lambda *_, **__: threading.Event().wait()\n"
    )
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        env = {"SIGNOFF_URL": f"http://127.0.0.1:{deaf.getsockname()[1]}"}
        if silent == "name server":
            env = {"SIGNOFF_URL": "http://signoff.example", "PYTHONPATH": str(tmp_path)}
        wire = Wire(service, desk.agent, tmp_path / "got", **env)
        stack.callback(wire.process.kill)
        if silent == "service":
            stack.enter_context(deaf.accept()[0])
        wire.send(ASKED)
        assert wire.answer()["id"] == 1
        assert wire.process.stdin is not None
        assert wire.process.stderr is not None
        wire.process.stdin.close()
        assert wire.process.wait(5) == 0
        assert wire.process.stderr.read() == b""  # nobody has waited until it was given up


@contextmanager
def relay(port: int, service: Service) -> Iterator[None]:
    """The service at another port."""
    to = urlsplit(service.address)

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((str(to.hostname), to.port or 80)) as other:
                across = {self.request: other, other: self.request}
                with suppress(OSError):
                    while True:
                        for one in select.select(list(across), [], [])[0]:
                            if not (chunk := one.recv(2**16)):
                                return
                            across[one].sendall(chunk)

    server = ThreadingTCPServer(("127.0.0.1", port), Relay)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()
