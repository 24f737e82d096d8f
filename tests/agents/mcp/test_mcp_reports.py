"""Outcomes are reported beside the answers: no host waits for that, and none is lost when the gateway ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from agents_harness import Desk, Service, approve, eventually
from mcp_harness import Wire, call

KEPT = ("Authorization", "Content-Type", "Idempotency-Key", "Signoff-Claim")


class Relay(ThreadingHTTPServer):
    """Before the service: takes no outcome until it is told to."""

    daemon_threads = True

    def __init__(self, service: Service) -> None:
        super().__init__(("127.0.0.1", 0), Relayed)
        self.service = service
        self.takes = threading.Event()
        self.refused = 0


class Relayed(BaseHTTPRequestHandler):
    server: Relay

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path.endswith("/outcome") and not self.server.takes.is_set():
            self.server.refused += 1
            self._answer(503, b"{}")
            return
        headers = {name: value for name in KEPT if (value := self.headers.get(name)) is not None}
        try:
            with urlopen(Request(self.server.service.address + self.path, body or None, headers), timeout=60) as answer:
                self._answer(answer.status, answer.read())
        except HTTPError as error:
            with error:
                self._answer(error.code, error.read())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def relay(service: Service) -> Iterator[Relay]:
    made = Relay(service)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_no_answer_waits_for_an_outcome_to_be_reported(
    service: Service, desk: Desk, relay: Relay, tmp_path: Path
) -> None:
    """While the service takes no outcomes the host has its answers; the gateway ends when they are reported."""
    desk.people(approve)
    address = f"http://127.0.0.1:{relay.server_port}"
    wire = Wire(service, desk.agent, tmp_path / "got", SIGNOFF_URL=address)
    wire.send(call(1, n=1))
    assert wire.answer()["id"] == 1
    eventually(lambda: relay.refused)
    wire.send({"jsonrpc": "2.0", "id": 2, "method": "environment"})
    assert wire.answer()["id"] == 2
    assert [one["outcome"] for one in desk.requests()] == [None]
    assert wire.process.stdin is not None
    tries = relay.refused
    wire.process.stdin.close()
    eventually(lambda: relay.refused > tries + 1)  # it goes on trying although its host has left
    relay.takes.set()
    assert wire.process.wait(15) == 0
    assert [one["outcome"]["status"] for one in desk.requests()] == ["succeeded"]
