"""What `signoff ask` says beside its answer, and `signoff cancel`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from harness_cli import Done, Json, Server, ended, home

from signoff.client.wire import Reply, Wire

ASK = ("ask", "--tool", "note", "--json-arg", "amount=500")


@dataclass
class Desk:
    server: Server
    agent: str
    other: str
    """Another agent's key."""
    ada: str

    def asking(self, *words: str, wait: str = "10800") -> tuple[subprocess.Popen[str], str]:
        """The command, waiting, and the id of its request."""
        process = self.server.start(self.agent, *ASK, *words, "--wait", wait)
        (request,) = self.server.pending(self.agent)
        return process, str(request["id"])

    def open(self) -> str:
        """The id of a request that nobody waits for."""
        return str(self.server.http("/v1/requests", self.agent, {"tool": "note", "arguments": {}})[1]["id"])

    def request(self, name: str) -> Json:
        return self.server.http(f"/v1/requests/{name}", self.agent)[1]

    def decide(self, name: str, *words: str) -> Done:
        return self.server.call(self.ada, "decide", name, *words)

    def cancel(self, *words: str) -> Done:
        return self.server.call(self.agent, "cancel", *words)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with home(tmp_path_factory.mktemp("ask")) as made:
        keys = made.key("agent"), made.key("agent"), made.key("approver", "--person", "ada")
        with made.serving() as server:
            yield Desk(server, *keys)


def test_who_waits_is_told_once_for_whom_and_how_to_stop(desk: Desk) -> None:
    """One line on standard error while it waits: id, people, time, how to take it back."""
    process, name = desk.asking("--json")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line == (
        f"signoff: {name} waits for 1 of finance, and expires in 3 h. "
        f"Ctrl-C leaves it open; `signoff cancel {name}` takes it back.\n"
    )
    assert desk.decide(name, "approve").code == 0
    done = ended(process)
    assert (done.code, done.err, json.loads(done.out)["id"]) == (0, "", name)


def test_who_does_not_wait_is_told_nothing(desk: Desk) -> None:
    """What a rule decides at once is answered with that alone."""
    done = desk.server.call(desk.agent, "ask", "--tool", "drop_table")
    assert (done.code, done.err.count("\n"), "waits for" in done.err) == (10, 1, False)


def test_an_edit_says_what_differs_and_prints_what_may_run(desk: Desk) -> None:
    """A line for each field on standard error, with nothing that could pass for another line; scripts read the rest."""
    long = "x" * 300
    process, name = desk.asking("--arg", "memo=a\nb", "--arg", f"text={long}", "--arg", "same=1")
    words = ("--arg", "amount=400", "--arg", "memo=c\u202e\nd", "--arg", "text=short", "-m", "the cap is 400")
    assert desk.decide(name, "edit", *words).code == 0
    done = ended(process)
    assert json.loads(done.out) == {"amount": 400, "memo": "c\u202e\nd", "text": "short", "same": "1"}
    assert done.out.count("\n") == 1
    assert done.err.splitlines()[1:] == [
        "signoff: the cap is 400",
        'signoff: Changed memo: "a\\nb" → "c‹U+202E›\\nd"',
        f'signoff: Changed text: "{"x" * 199}… (+102) → "short"',
        "signoff: Changed amount: 500 → 400",
    ]


def test_cancel_takes_back_what_waits(desk: Desk) -> None:
    """Who waits for it ends with 12; a second time there is nothing left to do, and that is no failure."""
    process, name = desk.asking()
    assert desk.cancel(name) == Done(0, f"{name}: It is taken back.\n", "")
    assert (ended(process).code, desk.request(name)["status"]) == (12, "cancelled")
    again = desk.cancel(name)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith(f"{name}: ")


def test_cancel_says_of_each_what_became_of_it(desk: Desk) -> None:
    """Those that wait are taken back whatever stands beside them; what had ended, or is not there, makes it a 1."""
    one, two, decided = desk.open(), desk.open(), desk.open()
    assert desk.decide(decided, "approve").code == 0
    done = desk.cancel(one, decided, "req_nowhere", two, one)
    assert done.code == 1
    assert done.out == f"{one}: It is taken back.\n{two}: It is taken back.\n"
    first, second = done.err.splitlines()
    assert first.startswith(f"signoff: {decided}: ")
    assert "Ada Okafor" in first
    assert second.startswith("signoff: req_nowhere: ")
    assert [desk.request(each)["status"] for each in (one, two, decided)] == ["cancelled", "cancelled", "approved"]


def test_cancel_as_json(desk: Desk) -> None:
    """A word for each on standard output and nothing else anywhere."""
    waits, decided = desk.open(), desk.open()
    desk.decide(decided, "reject")
    done = desk.cancel(waits, decided, "req_nowhere", "--json")
    assert (done.code, done.err) == (1, "")
    told = [(one["id"], one["result"]) for one in done.json["results"]]
    assert told == [(waits, "cancelled"), (decided, "rejected"), ("req_nowhere", "not_found")]
    assert all(one["sentence"] for one in done.json["results"])


def test_cancel_is_for_who_asked(desk: Desk) -> None:
    """To another agent it is not there; an approver's key is the wrong one, as is none that is known: exit code 20."""
    name = desk.open()
    assert desk.server.call(desk.other, "cancel", name).code == 1
    for key in (desk.ada, "so_0123456789ab_0123456789012345678901234567890123456789012"):
        refused = desk.server.call(key, "cancel", name)
        assert (refused.code, refused.out, "key" in refused.err) == (20, "", True)
    assert desk.request(name)["status"] == "pending"
    assert desk.cancel(name).code == 0


def test_cancel_without_the_service(desk: Desk) -> None:
    """Exit code 20 and one sentence; without an id it is a slip."""
    away = {"SIGNOFF_URL": "http://127.0.0.1:9", "SIGNOFF_API_KEY": desk.agent}
    done = desk.server.home.call("cancel", "req_1", env=away)
    assert (done.code, done.out, done.err.count("\n")) == (20, "", 1)
    assert desk.cancel().code == 2


def test_an_answer_that_does_not_say_when_it_expires_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence, as every answer that makes no sense: nothing may run, and nobody reads a traceback."""

    async def send(wire: Wire, method: str, path: str, body: Json, **options: object) -> Reply:
        return Reply(201, {"id": "req_1", "tool": body["tool"], "arguments": body["arguments"], "status": "pending"})

    monkeypatch.setattr(Wire, "send", send)
    done = desk.server.call(desk.agent, *ASK)
    assert (done.code, done.out) == (20, "")
    assert done.err.startswith("signoff: ")
    assert done.err.count("\n") == 1
