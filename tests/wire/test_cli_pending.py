"""Many requests at the terminal, through a real server: the queue, a decision on several, a review by keys."""

from __future__ import annotations

import io
import itertools
import json
import os
import pty
import re
import select
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from unittest.mock import patch

import pytest
from harness_cli import Json, Server, eventually, home
from rich.console import Console

POLICY = """\
version: 1
people:
  ada: {name: Ada Okafor}
  bob: {name: Bob Lindqvist}
groups:
  finance: {members: [ada, bob]}
defaults:
  approvers: [finance]
rules:
  - name: deploys
    when: tool == "deploy"
    risk: high
"""


@dataclass
class Shop:
    server: Server
    agent: str
    ada: str
    bob: str

    def ask(self, tool: str = "issue_refund", risk: str = "low", **arguments: object) -> Json:
        body = {"tool": tool, "arguments": arguments, "risk": risk, "agent": "support", "title": f"{tool} {arguments}"}
        status, made = self.server.http("/v1/requests", self.agent, body)
        assert status == 201, made
        return made

    def status(self, one: Json) -> str:
        return str(self.server.http(f"/v1/requests/{one['id']}", self.agent)[1]["status"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with home(tmp_path_factory.mktemp("pending")) as made:
        (made.folder / "policy.yaml").write_text(POLICY)
        keys = [made.key("agent"), made.key("approver", "--person", "ada"), made.key("approver", "--person", "bob")]
        with made.serving() as server:
            yield Shop(server, *keys)


@pytest.fixture
def shop(served: Shop) -> Iterator[Shop]:
    """Each test finds an empty queue."""
    yield served
    for one in served.server.http("/v1/requests?status=pending&limit=100", served.agent)[1]["requests"]:
        served.server.http(f"/v1/requests/{one['id']}/cancel", served.agent, {})


def test_the_queue_is_counted_grouped_and_sorted(shop: Shop) -> None:
    """Counts at the top, what is alike in a line, the most urgent first, whole ids."""
    refunds = [shop.ask(order=f"A-{number}", amount=20 + number) for number in range(3)]
    deploy = shop.ask("deploy", service="api")
    listed = shop.server.call(shop.ada, "pending").out
    lines = listed.splitlines()
    assert lines[0] == "4 requests wait for you: 1 high · 3 low"
    assert lines[1] == "3 issue_refund · 1 deploy"
    assert "3 × issue_refund" in lines[2]
    assert "amount 20–22" in lines[2]
    assert re.findall(r"req_\w+", listed) == [one["id"] for one in (deploy, *refunds)]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("columns", [60, 80, 119, 120])
def test_arguments_are_readable_whatever_the_width(shop: Shop, columns: int) -> None:
    """On a terminal of less than 120 columns they have a line of their own below each row; ids stay whole."""
    asked = [shop.ask(order=f"A-{number}", amount=20, note="it came broken") for number in (1, 2)]
    env = shop.server.caller(shop.ada) | {"COLUMNS": str(columns)}
    lines = shop.server.home.call("pending", env=env).out.splitlines()
    assert max(map(len, lines)) <= columns
    rows = {one["id"]: next(line for line in lines if line.startswith(one["id"])) for one in asked}
    below = [line.strip() for line in lines if line.startswith('  {"order"')]
    if columns < 120:
        assert [json.loads(line)["order"] for line in below] == ["A-1", "A-2"]
        assert lines.index(rows[asked[0]["id"]]) < lines.index("  " + below[0]) < lines.index(rows[asked[1]["id"]])
    assert (below == []) is (columns == 120)


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["high"], ["deploy"]),
        (["issue_refund"], ["issue_refund"]),
        (["--tool", "deploy"], ["deploy"]),
        (["@support", "refunds"], ["issue_refund"]),
        (["--text", "A-7"], ["issue_refund"]),
        (["@nobody"], []),
    ],
)
def test_words_and_options_narrow_it_down(shop: Shop, words: list[str], left: list[str]) -> None:
    """As behind `/pending` in a chat."""
    shop.ask(order="A-7")
    shop.ask("deploy", service="api")
    page = shop.server.call(shop.ada, "pending", "--json", *words).json
    assert [one["tool"] for one in page["requests"]] == left
    if not left:
        assert "Nothing like this waits" in shop.server.call(shop.ada, "pending", *words).out


def test_an_agents_key_keeps_its_own_list(shop: Shop) -> None:
    """It has no queue: what it asked, as ever; words are refused in a sentence."""
    asked = shop.ask(order="A-1")
    assert asked["id"] in shop.server.call(shop.agent, "pending", "--risk", "low").out
    refused = shop.server.call(shop.agent, "pending", "refunds")
    assert (refused.code, "approver key" in refused.err) == (2, True)


def test_several_are_decided_with_one_command(shop: Shop) -> None:
    """What will be decided is listed before; a line each afterwards; 0 because it was all of them."""
    asked = [shop.ask(order=f"A-{number}", amount=number) for number in range(3)]
    done = shop.server.call(shop.ada, "decide", *[one["id"] for one in asked], "approve", "--yes")
    assert done.code == 0, done.err
    assert "Approve these 3 requests?" in done.err
    assert asked[0]["digest"].removeprefix("sha256:")[:8] in done.err
    assert done.out.count(": approved\n") == 3
    told = re.search(r"^Decided together as (review_\w+)\.$", done.out, re.MULTILINE)
    assert told is not None
    made = [shop.server.http(f"/v1/requests/{one['id']}", shop.agent)[1]["decision"] for one in asked]
    assert [decision["decided_by"][0]["batch"] for decision in made] == [told[1]] * 3
    assert {shop.status(one) for one in asked} == {"approved"}


def test_what_cannot_go_together_is_left_out_by_name(shop: Shop) -> None:
    """High risk, an id that is none, one that is decided already: named, and the exit code is not 0."""
    refund, deploy, late = shop.ask(order="A-1"), shop.ask("deploy", service="api"), shop.ask(order="A-2")
    assert shop.server.call(shop.bob, "decide", late["id"], "approve").code == 0
    ids = [one["id"] for one in (refund, deploy, late)]
    done = shop.server.call(shop.ada, "decide", *ids, "req_nowhere", "reject", "-m", "no", "--yes")
    assert done.code == 1
    assert "Left out (3):" in done.err
    assert [line.split()[0] for line in done.out.splitlines()[:-1]] == [*ids, "req_nowhere"]
    assert (done.out.count("req_nowhere"), done.err.count("req_nowhere")) == (1, 1)
    assert "Bob Lindqvist" in done.out
    assert [shop.status(one) for one in (refund, deploy, late)] == ["rejected", "pending", "approved"]


def test_results_as_json_are_for_programs(shop: Shop) -> None:
    """By id and word; without --yes nobody could be asked, so nothing is decided."""
    refund, deploy = shop.ask(order="A-1"), shop.ask("deploy", service="api")
    words = ("decide", refund["id"], deploy["id"], "approve", "--json")
    assert shop.server.call(shop.ada, *words).code == 2
    assert shop.status(refund) == "pending"
    done = shop.server.call(shop.ada, *words, "--yes")
    assert done.json["batch"].startswith("review_")
    nothing = shop.server.call(shop.ada, "decide", deploy["id"], "req_nowhere", "approve", "--json", "--yes")
    assert (nothing.code, nothing.json["batch"]) == (1, None)
    assert (done.code, [one["result"] for one in done.json["results"]]) == (1, ["approved", "high_risk"])


def test_several_take_no_word_that_is_meant_for_one(shop: Shop) -> None:
    """Answers, edits and confirmations belong to one request."""
    for words in (["edit"], ["respond"], ["approve", "--confirm", "x"], ["reject", "--force", "-m", "x"]):
        done = shop.server.call(shop.ada, "decide", "req_1", "req_2", *words)
        assert (done.code, "Several requests at once can only be approved or rejected" in done.err) == (2, True)
        assert "--message, --yes and --json" in done.err


class Fingers:
    """A keyboard at which these keys are pressed, with what happens in between."""

    def __init__(self, keys: list[str | Callable[[], None]]) -> None:
        self.left = keys

    def read(self) -> str:
        key = self.left.pop(0)
        while callable(key):
            key()
            key = self.left.pop(0)
        return key

    def forget(self) -> None: ...


def review(shop: Shop, *keys: str | Callable[[], None], clock: Callable[[], float] | None = None) -> str:
    """What a review shows in which a person presses these keys, and takes a second to look before each of them."""
    from signoff.cli.review.loop import Session

    fingers, out = Fingers(list(keys)), io.StringIO()
    clock = clock or itertools.count().__next__
    with patch.dict(os.environ, shop.server.caller(shop.ada)):
        Session({}, Console(file=out, width=120, height=40), fingers, clock).run()
    assert fingers.left == [], "not all keys were read"
    return out.getvalue()


def test_a_review_approves_a_group_and_rejects_one_alone(shop: Shop) -> None:
    """Deploy is high risk: opened, seen whole, rejected with a reason; the refunds go together after the preflight."""
    refunds = [shop.ask(order=f"A-{number}", amount=20 + number) for number in range(3)]
    deploy = shop.ask("deploy", service="api")
    seen = review(shop, "enter", "r", *"not today", "enter", "y", "enter", "g", "a", "y", "x", "q")
    assert "arguments.service" in seen
    assert "Approve these 3 requests?" in seen
    assert re.search(r"Decided together as review_\w+\.", seen)
    assert {shop.status(one) for one in refunds} == {"approved"}
    assert shop.server.http(f"/v1/requests/{deploy['id']}", shop.agent)[1]["decision"]["message"] == "not today"


def test_a_review_leaves_alone_what_was_decided_since_it_was_listed(shop: Shop) -> None:
    """The preflight names it, and the other one is decided."""
    one = shop.ask(order="A-1", amount=20)
    two = shop.ask(order="A-2", amount=30)
    pin = {name: two[name] for name in ("id", "version", "digest")}

    def faster() -> None:
        body = {"requests": [pin], "kind": "reject"}
        assert shop.server.http("/v1/decisions", shop.bob, body)[0] == 200

    assert "Left out (1):" in review(shop, "g", faster, "a", "y", "x", "q")
    assert [shop.status(asked) for asked in (one, two)] == ["approved", "rejected"]


def test_a_reason_typed_at_once_rejects_the_row_it_was_typed_for(shop: Shop) -> None:
    """Nothing was selected; its letters are the reason, and no other request is touched."""
    first, second = shop.ask(order="A-1", amount=20), shop.ask(order="A-2", amount=30)
    seen = review(shop, "r", *"no, any way", "enter", "y", "x", "q")
    assert "Why is “issue_refund: issue_refund {'order': 'A-1', 'amount': 20}” rejected?" in seen
    assert [shop.status(one) for one in (first, second)] == ["rejected", "pending"]
    assert shop.server.http(f"/v1/requests/{first['id']}", shop.agent)[1]["decision"]["message"] == "no, any way"


@pytest.mark.parametrize("opened", [(), ("enter",)])
def test_a_y_before_the_question_can_have_been_read_decides_nothing(shop: Shop, opened: tuple[str, ...]) -> None:
    """Within 0.3 seconds of its drawing no key counts, neither y nor one that goes back; after them one does."""
    asked, now, seen = shop.ask(order="A-1", amount=20), [0.0], list[str]()

    def passed(seconds: float) -> Callable[[], None]:
        def look() -> None:
            now[0] += seconds
            seen.append(shop.status(asked))

        return look

    back = ["q"] if opened else []
    keys = ("a", "y", passed(0.2), "x", passed(0.09), "y", passed(0.02), "n", passed(0), "q")
    review(shop, *opened, *keys, *back, clock=lambda: now[0])
    assert (seen, shop.status(asked)) == (["pending"] * 4, "pending")
    review(shop, *opened, "a", "y", passed(0.3), "y", "x", "q", clock=lambda: now[0])
    assert shop.status(asked) == "approved"


def test_a_review_runs_at_a_real_terminal(shop: Shop) -> None:
    """Keys as a terminal sends them; without a terminal it is refused."""
    one = shop.ask(order="A-1", amount=20)
    assert shop.server.call(shop.ada, "pending", "--review").code == 2
    ours, theirs = pty.openpty()
    process = shop.server.start(shop.ada, "pending", "--review", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""

    def showing(words: bytes) -> bool:
        nonlocal shown
        if select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 65536)
        return words in shown

    for keys, words in ((b"", b"q quit"), (b" ", b"1 selected"), (b"a", b"Approve this request?")):
        os.write(ours, keys)
        eventually(lambda words=words: showing(words))  # type: ignore[misc]

    def insisting() -> bool:
        """A y that comes too soon does not count."""
        if showing(b": approved"):
            return True
        os.write(ours, b"y")
        return False

    eventually(insisting)
    os.write(ours, b"\x1b[A")
    eventually(lambda: showing(b"Nothing waits"))
    os.write(ours, b"q")
    assert process.wait(20) == 0
    os.close(ours)
    assert shop.status(one) == "approved"
