"""Calls that a host makes at the same time: one card with a row each, every one decided and answered by itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from agents_harness import Desk, Service, approve, edit, reject
from mcp_harness import GATEWAY, PARROT, Wire, around, call

Json = dict[str, Any]
POSTED = {"Content-Type": "application/json", "Accept": "application/json"}


@pytest.fixture
def wire(service: Service, desk: Desk, tmp_path: Path) -> Iterator[Wire]:
    made = Wire(service, desk.agent, tmp_path / "got")
    yield made
    assert made.end() == 0


def cancel(number: int) -> Json:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}


def named(number: int, name: str, **arguments: object) -> Json:
    """A call with the host's own id."""
    made = call(number, **arguments)
    made["params"]["_meta"] = {"claudecode/toolUseId": name}
    return made


def rows(desk: Desk, count: int) -> dict[object, Json]:
    """What waits, by its argument n; all of it on one card."""
    waiting = desk.waiting(count)
    assert len(waiting) == count
    (size,) = {(one["batch"]["id"], one["batch"]["size"]) for one in waiting}
    assert size[1] == count
    return {one["arguments"]["n"]: one for one in waiting}


def ran(wire: Wire) -> list[int]:
    return [one["params"]["arguments"]["n"] for one in wire.got if one["method"] == "tools/call"]


def test_calls_that_come_together_stand_on_one_card_and_are_answered_as_they_are_decided(
    wire: Wire, desk: Desk
) -> None:
    """Three calls in one write: the second is decided first and answered while the others wait."""
    wire.send(call(1, n=1), call(2, n=2), call(3, n=3))
    asked = rows(desk, 3)
    desk.decide(asked[2], edit(n=20))
    assert wire.answer()["id"] == 2
    desk.decide(asked[1], reject("not today"))
    refused = wire.answer()
    assert (refused["id"], refused["result"]["isError"]) == (1, True)
    assert "not today" in refused["result"]["content"][0]["text"]
    desk.decide(asked[3], approve)
    assert wire.answer()["id"] == 3
    assert ran(wire) == [20, 3]


def test_a_call_that_is_alone_has_a_card_of_its_own(wire: Wire, desk: Desk) -> None:
    """One after the other: neither is a row of anything."""
    wire.send(call(1, n=1))
    desk.waiting()
    wire.send(call(2, n=2))
    assert [one["batch"] for one in desk.waiting(2)] == [None, None]


def test_one_of_them_that_is_cancelled_takes_nothing_from_the_others(wire: Wire, desk: Desk) -> None:
    """Approved after all it runs nothing, and is not answered."""
    wire.send(call(1, n=1), call(2, n=2))
    asked = rows(desk, 2)
    wire.send(cancel(1), {"jsonrpc": "2.0", "id": "after", "method": "environment"})
    assert wire.answer()["id"] == "after"
    desk.decide(asked[1], approve)
    desk.decide(asked[2], approve)
    assert wire.answer()["id"] == 2
    assert ran(wire) == [2]
    assert [one["consumed_at"] is None for one in desk.requests()] == [True, False]


def test_one_that_is_cancelled_at_once_is_not_asked_about(wire: Wire, desk: Desk) -> None:
    """Its cancellation came with it: people see only the others."""
    wire.send({"jsonrpc": "2.0", "id": "first", "method": "tools/list"})
    wire.answer()
    wire.send(call(1, n=1), call(2, n=2), call(3, n=3), cancel(1))
    assert set(rows(desk, 2)) == {2, 3}


def test_one_that_does_not_fit_is_refused_at_once_and_the_others_are_asked_about(wire: Wire, desk: Desk) -> None:
    """Nobody sees a row for it."""
    wire.send(call(1, n=1), call(2, "count", n="two"), call(3, "count", n=3), call(4, "rob"))
    answers = {one["id"]: one for one in (wire.answer(), wire.answer())}
    assert answers[2]["result"]["isError"] is True
    assert answers[4]["error"]["code"] == -32602
    assert set(rows(desk, 2)) == {1, 3}


def test_the_same_id_twice_at_once_is_refused_the_second_time(wire: Wire, desk: Desk) -> None:
    """The first and the third are asked about; answers to the second could not be told apart."""
    wire.send(call(1, n=1), call(1, n=2), call(3, n=3))
    assert wire.answer()["error"]["code"] == -32600
    assert set(rows(desk, 2)) == {1, 3}


def test_one_that_the_service_does_not_take_as_it_is_leaves_no_other_unasked(wire: Wire, desk: Desk) -> None:
    """A schema that no form can be made of: each is asked about by itself, that one without its schema."""
    desk.people(approve)
    wire.send(call(1, n=1), call(2, "odd", n=2))
    assert {wire.answer()["id"], wire.answer()["id"]} == {1, 2}
    assert sorted(ran(wire)) == [1, 2]
    assert [one["batch"] for one in desk.requests()] == [None, None]


def test_a_call_that_its_host_gave_up_is_found_again_on_its_card(wire: Wire, desk: Desk) -> None:
    """Hosts give up on slow calls, and models try again: people are asked once, and it runs once."""
    wire.send(call(1, n=1), call(2, n=2))
    asked = rows(desk, 2)
    wire.send(cancel(1), call(3, n=1), {"jsonrpc": "2.0", "id": "after", "method": "environment"})
    assert wire.answer()["id"] == "after"
    desk.decide(asked[1], approve)
    assert wire.answer()["id"] == 3
    assert ran(wire) == [1]
    assert len(desk.requests()) == 2
    wire.send(call(4, n=1))  # that is another call now
    assert [one["batch"] is None for one in desk.waiting(2)] == [False, True]


def test_a_call_that_its_host_names_is_not_run_again_under_that_name(wire: Wire, desk: Desk) -> None:
    """Asked about on a card with others, and sent once more when it has run: nobody is asked, nothing runs."""
    desk.people(approve)
    wire.send(named(1, "toolu_1", n=1), named(2, "toolu_2", n=2))
    wire.answer(), wire.answer()
    wire.send(named(3, "toolu_1", n=1))
    assert "earlier attempt" in wire.answer()["result"]["content"][0]["text"]
    assert sorted(ran(wire)) == [1, 2]
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1
    assert len(desk.requests()) == 2


def test_one_name_for_two_calls_at_once_runs_one(wire: Wire, desk: Desk) -> None:
    """They are one call sent twice, as they are when one comes after the other."""
    desk.people(approve)
    wire.send(named(1, "toolu_1", n=1), named(2, "toolu_1", n=1))
    said = [wire.answer()["result"]["content"][0]["text"], wire.answer()["result"]["content"][0]["text"]]
    assert sum("earlier attempt" in one for one in said) == 1
    assert ran(wire) == [1]


def test_named_calls_of_a_named_run_are_found_again_in_another_process(
    service: Service, desk: Desk, tmp_path: Path
) -> None:
    """Each is asked about by itself, by its own name: sent together first and one by one later, it is asked once."""
    first = Wire(service, desk.agent, tmp_path / "got", "--run", desk.run)
    first.send(named(1, "toolu_1", n=1), named(2, "toolu_2", n=2))
    waiting = desk.waiting(2)
    first.process.kill()
    first.process.wait()
    for one in waiting:
        desk.decide(one, approve)
    second = Wire(service, desk.agent, tmp_path / "got", "--run", desk.run)
    for number in (1, 2):
        second.send(named(number, f"toolu_{number}", n=number))
        assert json.loads(second.answer()["result"]["content"][0]["text"]) == {"n": number}
    assert second.end() == 0
    assert len(desk.requests()) == 2


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────────


class Frozen:
    """A gateway over HTTP that can be kept from reading while several hosts, or one, send."""

    def __init__(self, address: str, pid: int) -> None:
        parts = urlsplit(address)
        self._host, self._port, self._path = str(parts.hostname), parts.port, parts.path
        self._pid = pid
        self._open: list[HTTPConnection] = []

    def sent(self, *posts: tuple[Json, dict[str, str]]) -> list[HTTPConnection]:
        """All of these at the same moment, each on its connection."""
        connections = [HTTPConnection(self._host, self._port, timeout=30) for _ in posts]
        for connection in connections:
            connection.connect()
        os.kill(self._pid, signal.SIGSTOP)
        try:
            for connection, (message, headers) in zip(connections, posts, strict=True):
                connection.request("POST", self._path, json.dumps(message), {**POSTED, **headers})
        finally:
            os.kill(self._pid, signal.SIGCONT)
        self._open += connections
        return connections

    def close(self) -> None:
        for connection in self._open:
            connection.close()


def answer(connection: HTTPConnection) -> Json:
    return json.loads(connection.getresponse().read())  # type: ignore[no-any-return]


@pytest.fixture
def frozen(service: Service, desk: Desk, tmp_path: Path) -> Iterator[Frozen]:
    """Before the parrot; a process for each session."""
    words = [*GATEWAY, "--agent", desk.agent, "--http", "127.0.0.1:0", "--", sys.executable, str(PARROT)]
    started = subprocess.Popen([*words, str(tmp_path / "got")], env=around(service), stderr=subprocess.PIPE, text=True)
    assert started.stderr is not None
    found = re.search(r"listens on (http://\S+)", started.stderr.readline())
    assert found is not None
    made = Frozen(found[1], started.pid)
    yield made
    made.close()
    started.terminate()
    started.wait(15)
    started.stderr.close()


def session(frozen: Frozen) -> dict[str, str]:
    """Begin one; what its posts say of it. Its list of tools is known by then."""
    (connection,) = frozen.sent(({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}}, {}))
    response = connection.getresponse()
    response.read()
    said = {"Mcp-Session-Id": str(response.headers["Mcp-Session-Id"])}
    answer(*frozen.sent(({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, said)))
    return said


def test_posts_of_one_session_that_come_together_stand_on_one_card(frozen: Frozen, desk: Desk) -> None:
    """Three POSTs at once: one card, and each has its answer on its own connection as soon as it is decided."""
    said = session(frozen)
    posts = frozen.sent(*((call(number, n=number), said) for number in (11, 12, 13)))
    asked = rows(desk, 3)
    for number, connection in ((13, posts[2]), (11, posts[0])):
        desk.decide(asked[number], approve)
        assert json.loads(answer(connection)["result"]["content"][0]["text"]) == {"n": number}
    assert [one["arguments"]["n"] for one in desk.requests("pending")] == [12]


def test_posts_of_two_sessions_never_stand_on_one_card(frozen: Frozen, desk: Desk) -> None:
    """What different hosts want at the same moment has nothing to do with each other."""
    one, other = session(frozen), session(frozen)
    frozen.sent((call(11, n=1), one), (call(11, n=2), other))
    waiting = desk.waiting(2)
    assert [request["batch"] for request in waiting] == [None, None]
    assert len({request["run_id"] for request in waiting}) == 2


def test_a_host_that_leaves_takes_nothing_from_the_other_rows(frozen: Frozen, desk: Desk) -> None:
    """One connection is closed while people are asked: its call does not run for nobody, and the other one's does."""
    said = session(frozen)
    left, stays = frozen.sent((call(11, n=1), said), (call(12, n=2), said))
    asked = rows(desk, 2)
    left.close()
    desk.decide(asked[2], approve)
    assert json.loads(answer(stays)["result"]["content"][0]["text"]) == {"n": 2}
    desk.decide(asked[1], approve)
    (again,) = frozen.sent((call(13, n=1), said))
    assert json.loads(answer(again)["result"]["content"][0]["text"]) == {"n": 1}
    assert len(desk.requests()) == 2
