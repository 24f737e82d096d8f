"""The gateway byte by byte: what hosts may send, and what must not get past it. No SDK on either side."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from agents_harness import Desk, Service, approve, closed_port, edit, eventually
from mcp_harness import GATEWAY, PARROT, Wire, around, call, process


@pytest.fixture(scope="module")
def lasting(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    made = Wire(service, service.agent(), tmp_path_factory.mktemp("wire") / "got")
    yield made
    assert made.end() == 0


@pytest.fixture
def wire(lasting: Wire) -> Wire:
    """One that lasts over many tests."""
    lasting.forget()
    return lasting


@pytest.fixture
def desk(service: Service, lasting: Wire) -> Iterator[Desk]:
    """Where those of this test ask."""
    with service.desk(lasting.agent) as made:
        yield made


@pytest.fixture
def own(service: Service, desk: Desk, tmp_path: Path) -> Iterator[Wire]:
    """One of this test's own, to be ended by it."""
    made = Wire(service, desk.agent, tmp_path / "got")
    yield made
    if made.process.poll() is None:
        made.end()


CALL = '"params":{"name":"pay","arguments":{}}'


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('[{"jsonrpc":"2.0","id":1,"method":"tools/call",' + CALL + "}]", id="in a batch"),
        pytest.param(
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping",' + CALL + "}", id="hidden by ping"
        ),
        pytest.param(
            '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call",' + CALL + "}", id="by its spelling"
        ),
        pytest.param('{"jsonrpc":"2.0","id":1,"method":"Tools/Call",' + CALL + "}", id="spelled otherwise"),
        pytest.param('{"jsonrpc":"2.0","id":1,"method":"tools/call ",' + CALL + "}", id="with a space"),
        pytest.param('{"jsonrpc":"2.0","method":"tools/call",' + CALL + "}", id="as a notification"),
        pytest.param('{"jsonrpc":"2.0","id":null,"method":"tools/call",' + CALL + "}", id="without an id"),
        pytest.param('{"jsonrpc":"2.0","id":1,"method":"tools/call"}', id="without parameters"),
        pytest.param(
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","Arguments":{"x":1}}}', id="arguments"
        ),
        pytest.param('{"jsonrpc":"2.0","id":1,"method":["tools/call"],' + CALL + "}", id="in a list"),
        pytest.param(
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"x":NaN}}}', id="NaN"
        ),
        pytest.param("no json", id="no JSON"),
    ],
)
def test_what_could_be_read_as_a_call_by_another_parser_goes_nowhere(wire: Wire, desk: Desk, line: str) -> None:
    """Only a call that everybody reads as the same call is asked about; anything near one is refused."""
    wire.send(line)
    wire.send({"jsonrpc": "2.0", "id": "after", "method": "environment"})
    answers = [wire.answer()]
    if answers[0].get("id") != "after":
        assert answers[0]["error"]["code"] in {-32700, -32600, -32602}
        answers.append(wire.answer())
    assert answers[-1]["id"] == "after"
    assert [one["method"] for one in wire.got] == ["environment"]
    assert desk.requests() == []


def test_a_message_that_is_nested_too_deeply_is_refused_and_the_gateway_goes_on(wire: Wire) -> None:
    """Also one that can just be read and could not be written again: the host reads that, the server gets nothing."""
    depths = [500, *range(900, 1000), 100_000]
    for depth in depths:
        wire.send('{"jsonrpc":"2.0","id":1,"method":"odd","params":' + "[" * depth + "]" * depth + "}")
    assert [wire.answer()["error"]["code"] for _ in depths] == [-32700] * len(depths)
    wire.send('{"jsonrpc":"2.0","id":2,"method":"environment","params":' + "[" * 499 + "]" * 499 + "}")
    assert wire.answer()["id"] == 2
    assert [one["method"] for one in wire.got] == ["environment"]


def test_the_server_does_not_see_the_key_to_its_approvals(wire: Wire) -> None:
    """What is held by approvals must not be able to ask for them."""
    wire.send({"jsonrpc": "2.0", "id": 1, "method": "environment"})
    assert wire.answer()["result"] == {"names": []}


@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc":"2.0","method":"notifications/odd","params":{"a":1.10,"big":12345678901234567890.123456789}}',
        '{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{"messages":[]},"extra":true}',
        '{"jsonrpc":"2.0","id":9,"result":{"nobody":"asked"}}',
        "no json at all",
    ],
)
def test_what_the_server_says_passes_byte_by_byte(wire: Wire, text: str) -> None:
    """Notifications, requests of the server, stray answers and nonsense are the host's to judge."""
    wire.send({"jsonrpc": "2.0", "method": "say", "params": {"text": text}})
    assert wire.line() == text.encode() + b"\n"


def test_numbers_and_unknown_parts_of_messages_stay_as_they_are(wire: Wire) -> None:
    """Nothing is rounded on the way to the server, and what we do not know is handed on."""
    wire.send('{"jsonrpc":"2.0","id":7,"method":"odd/one","params":{"n":0.12345678901234567890,"x":null},"more":[1]}')
    eventually(lambda: wire.got)
    assert '"n":0.12345678901234567890,"x":null},"more":[1]' in wire.sent


def test_approved_numbers_are_forwarded_with_every_digit(wire: Wire, desk: Desk) -> None:
    """What was approved is what runs, to the last digit."""
    desk.people(approve)
    wire.send(
        '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pay","arguments":{"n":0.12345678901234567890}}}'
    )
    assert wire.answer()["result"]["content"][0]["type"] == "text"
    assert '"n":0.12345678901234567890' in wire.sent


def test_a_rule_decides_without_people(wire: Wire, desk: Desk) -> None:
    """The service's policy refuses by itself; the model reads the rule's words."""
    wire.send(call(name="drop_table"))
    result = wire.answer()["result"]
    assert result["isError"] is True
    assert "Open a change ticket." in result["content"][0]["text"]
    assert wire.got == []


def test_a_prefix_is_for_people_and_the_policy_alone(service: Service, desk: Desk, tmp_path: Path) -> None:
    """The server gets its own tool's name."""
    desk.people(approve)
    wire = Wire(service, desk.agent, tmp_path / "got", "--prefix", "parrot.")
    wire.send(call())
    wire.answer()
    assert [one["params"]["name"] for one in wire.got] == ["pay"]
    assert [one["tool"] for one in desk.requests()] == ["parrot.pay"]
    assert wire.end() == 0


def test_without_the_service_nothing_runs(service: Service, desk: Desk, tmp_path: Path) -> None:
    """Nobody can be asked: a fixed sentence, and the server does not hear of the call; all else still passes."""
    away = f"http://127.0.0.1:{closed_port()}"
    wire = Wire(service, desk.agent, tmp_path / "got", "--patience", "0", SIGNOFF_URL=away)
    wire.send(call())
    said = "pay was not run: it needs a person's approval, and the approval service could not be used."
    assert wire.answer()["result"] == {"content": [{"type": "text", "text": said}], "isError": True}
    wire.send({"jsonrpc": "2.0", "id": 2, "method": "environment"})
    assert wire.answer()["id"] == 2
    assert [one["method"] for one in wire.got] == ["environment"]
    wire.end()


def test_without_a_key_there_is_no_gateway(service: Service, desk: Desk, tmp_path: Path) -> None:
    """Not set up: one sentence, and the server behind is not even started."""
    wire = Wire(service, desk.agent, tmp_path / "got", SIGNOFF_API_KEY="")
    _, err = wire.process.communicate(timeout=20)
    assert wire.process.returncode == 20
    assert b"SIGNOFF_API_KEY" in err
    assert b"Traceback" not in err


def test_a_server_that_ends_during_a_call_is_reported_as_failed(own: Wire, desk: Desk) -> None:
    """People see that what they approved did not end well; the host sees the connection end."""
    desk.people(approve)
    own.send(call(name="die"))
    assert own.line() == b""
    assert own.process.wait(15) == 1
    assert desk.requests()[0]["outcome"]["status"] == "failed"


def test_a_host_that_leaves_while_people_are_asked_runs_nothing(own: Wire, desk: Desk) -> None:
    """The approval comes too late: it is not used."""
    own.send(call())
    (asked,) = desk.waiting()
    assert own.end() == 0
    desk.decide(asked, approve)
    assert own.got == []
    assert desk.requests()[0]["consumed_at"] is None


def test_a_gateway_that_is_killed_takes_up_the_same_call_of_the_same_run(
    service: Service, desk: Desk, tmp_path: Path
) -> None:
    """In another process, with the host's own id of the call: people are asked once, and it runs once, ever."""
    first = call(amount=1)
    first["params"]["_meta"] = {"claudecode/toolUseId": "toolu_7"}
    wire = Wire(service, desk.agent, tmp_path / "got", "--run", desk.run)
    wire.send(first)
    (asked,) = desk.waiting()
    wire.process.kill()
    wire.process.wait()
    desk.decide(asked, edit(amount=2))
    for expected in ('{"amount": 2}', None):
        wire = Wire(service, desk.agent, tmp_path / "got", "--run", desk.run)
        wire.send(first)
        result = wire.answer()["result"]
        if expected is not None:
            assert result["content"][0]["text"] == expected
        else:
            assert "earlier attempt" in result["content"][0]["text"]
        wire.end()
    assert [one["params"]["arguments"] for one in wire.got] == [{"amount": 2}]
    assert len(desk.requests()) == 1


def test_the_same_id_twice_at_a_time_is_refused(wire: Wire, desk: Desk) -> None:
    """Two answers could not be told apart."""
    wire.send(call())
    desk.waiting()
    wire.send(call(amount=2))
    assert wire.answer()["error"]["code"] == -32600
    assert len(desk.requests()) == 1


def http(address: str, body: bytes | None, **headers: str) -> tuple[int, bytes]:
    sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
    try:
        with urlopen(Request(address, body, sent), timeout=20) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture(scope="module")
def address(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("http")
    words = [*GATEWAY, "--http", "127.0.0.1:0", "--", sys.executable, str(PARROT), str(folder / "got")]
    with process(words, r"listens on (http://\S+)", folder / "gateway", around(service)) as said:
        assert said is not None
        yield said[1]


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_pages_in_a_browser_do_not_reach_a_gateway_on_loopback(address: str, headers: dict[str, str]) -> None:
    """DNS rebinding: a foreign name or origin is refused before anything is read."""
    assert http(address, b"{}", **headers)[0] == 403


def test_over_http_what_cannot_be_relied_on_is_refused(address: str) -> None:
    """The same strict reading as on standard input."""
    status, raw = http(address, b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{}}')
    assert (status, json.loads(raw)["error"]["code"]) == (400, -32700)


def test_headers_that_say_something_else_than_the_body_are_refused(address: str) -> None:
    """Since 2026-07-28 headers repeat the body; one that names a harmless method does not let a call pass."""
    body = call()
    body["params"]["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    status, raw = http(
        address, json.dumps(body).encode(), **{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
    )
    assert (status, json.loads(raw)["error"]["code"]) == (400, -32020)


def test_there_is_nothing_beside_the_one_address(address: str) -> None:
    """Other paths of the server behind are not to be reached through the gateway."""
    assert http(address.removesuffix("/mcp") + "/other", b"{}")[0] == 404


class Upstream(BaseHTTPRequestHandler):
    """A server over HTTP that keeps each message as it came, and echoes calls."""

    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []
    tools: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(({name.lower(): value for name, value in self.headers.items()}, raw))
        result: dict[str, Any] = {"content": [{"type": "text", "text": "ran"}]}
        if b"tools/list" in raw:
            result = {"tools": self.tools}
        answer = json.dumps({"jsonrpc": "2.0", "id": json.loads(raw).get("id"), "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def upstream() -> type[Upstream]:
    Upstream.got.clear()
    Upstream.tools[:] = [{"name": "pay", "inputSchema": {"type": "object"}}]
    return Upstream


@pytest.fixture(scope="module")
def proxied(service: Service, lasting: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway over HTTP before such a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    behind = f"http://127.0.0.1:{server.server_port}/mcp"
    words = [*GATEWAY, "--agent", lasting.agent, "--http", "127.0.0.1:0", "--url", behind]
    log = tmp_path_factory.mktemp("proxied") / "gateway"
    with process(words, r"listens on (http://\S+)", log, around(service)) as said:
        assert said is not None
        yield said[1]
    server.shutdown()
    server.server_close()


def test_the_server_reads_a_body_in_the_encoding_that_it_was_read_in(proxied: str, upstream: type[Upstream]) -> None:
    """What is no call in UTF-8 may be one in UTF-7; what was packed is forwarded unpacked. The headers go by that."""
    hidden = "+ACI-,+ACI-method+ACI-:+ACI-tools/call"
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": hidden}}).encode()
    http(proxied, body, **{"Content-Type": "application/json; charset=utf-7"})
    http(proxied, gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert [headers["content-type"] for headers, _ in upstream.got] == ["application/json"] * 2
    assert [json.loads(raw)["method"] for _, raw in upstream.got] == ["ping"] * 2
    assert not any("content-encoding" in headers for headers, _ in upstream.got)


def test_a_tool_that_says_much_of_itself_can_be_asked_about(proxied: str, upstream: type[Upstream], desk: Desk) -> None:
    """People see the beginning of what it says."""
    upstream.tools[0]["description"] = "Pays. " * 5000
    desk.people(approve)
    status, raw = http(proxied, json.dumps(call()).encode())
    assert (status, json.loads(raw)["result"]["content"][0]["text"]) == (200, "ran")
    assert desk.requests()[0]["description"].startswith("Pays. Pays.")
