"""What the gateway knows of a server's tools: nobody is asked about one that is not there, and none runs unasked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from agents_harness import Desk, Service, approve
from mcp_harness import Wire, call

UNKNOWN = {"code": -32602, "message": "Unknown tool: new"}


@pytest.fixture
def wire(service: Service, desk: Desk, tmp_path: Path) -> Iterator[Wire]:
    made = Wire(service, desk.agent, tmp_path / "got")
    yield made
    assert made.end() == 0


def names(wire: Wire, *lines: str, known: list[str] | None) -> None:
    """From now on the server has these tools; None: it does not say which."""
    wire.send({"jsonrpc": "2.0", "id": "names", "method": "names", "params": {"names": known}}, *lines)
    assert wire.answer()["id"] == "names"


def test_a_tool_that_appears_later_is_asked_about(wire: Wire, desk: Desk) -> None:
    """Refused while it is not there, without a word to the server; held as soon as it is, although nothing said so."""
    wire.send(call(name="new"))
    assert wire.answer()["error"] == UNKNOWN
    names(wire, known=["pay", "new"])
    wire.send(call(2, "new"))
    (asked,) = desk.waiting()
    assert [one["method"] for one in wire.got] == ["names"]
    desk.decide(asked, approve)
    assert wire.answer()["id"] == 2
    assert [one["params"]["name"] for one in wire.got if one["method"] == "tools/call"] == ["new"]


def test_a_tool_that_goes_is_unknown_once_the_server_says_so(wire: Wire, desk: Desk) -> None:
    """After the notification that its list has changed, what was known of it does not count."""
    names(wire, known=["new"])
    wire.send({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert [tool["name"] for tool in wire.answer()["result"]["tools"]] == ["new"]
    names(wire, known=["pay"])
    changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
    wire.send({"jsonrpc": "2.0", "method": "say", "params": {"text": changed}})
    assert wire.line() == changed.encode() + b"\n"
    wire.send(call(2, "new"))
    assert wire.answer()["error"] == UNKNOWN
    assert desk.requests() == []


def test_a_server_that_does_not_list_its_tools_is_asked_about_all_the_same(wire: Wire, desk: Desk) -> None:
    """What is there cannot be known, so people decide about each name; nothing goes through unasked."""
    names(wire, known=None)
    wire.send(call(name="new"))
    (asked,) = desk.waiting()
    assert [one["method"] for one in wire.got] == ["names"]
    desk.decide(asked, approve)
    assert wire.answer()["id"] == 1
