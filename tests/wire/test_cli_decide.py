"""A whole decision from the terminal: `signoff keys`, `ask`, `pending`, `show`, `decide`, without any chat."""

from __future__ import annotations

import functools
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness_cli import TRACEBACK, Done, Server, ended, home

ASK = ("ask", "--tool", "issue_refund", "--arg", "order=A-1", "--json-arg", "amount=500")


@dataclass
class Desk:
    """A server, with keys that were made before it ran."""

    server: Server
    agent: str
    ada: str

    def decide(self, *words: str, ask: tuple[str, ...] = ASK) -> tuple[Done, Done]:
        """An agent asks, Ada decides: what became of both commands. `words` follow the request's id."""
        asking = self.server.start(self.agent, *ask)
        (request,) = self.server.pending(self.ada)
        decided = self.server.run(self.ada, "decide", request["id"], *words)
        return ended(asking), decided


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with home(tmp_path_factory.mktemp("decide")) as made:
        agent = made.key("agent", "--owner", "rita")
        ada = made.key("approver", "--person", "ada")
        with made.serving() as server:
            yield Desk(server, agent, ada)


def test_without_any_chat_it_serves_and_says_so(desk: Desk) -> None:
    """One line an event; Redis is its only part."""
    events = [json.loads(line) for line in desk.server.text.splitlines()]
    assert any("No chat is configured" in event["event"] for event in events)
    assert desk.server.http("/readyz") == (200, {"status": "ready", "parts": {"redis": None}})


def said(asked: Done) -> list[str]:
    """What `ask` said after the line about waiting."""
    first, *rest = asked.err.splitlines()
    assert " waits for " in first
    return rest


def test_ask_uses_the_approval_up(desk: Desk) -> None:
    """With --consume a call with the same ids can be started once: the second time the code is 20."""
    again = (*ASK, "--run-id", "release-7", "--call-id", "deploy", "--consume")
    asked, _ = desk.decide("approve", ask=again)
    assert asked.code == 0
    second = desk.server.call(desk.agent, *again)
    assert (second.code, second.out) == (20, "")
    assert "earlier attempt" in second.err
    assert desk.server.http("/v1/requests?limit=100", desk.agent)[1]["requests"][-1]["consumed_at"]


def test_who_stops_asking_is_told_that_the_request_stays(desk: Desk) -> None:
    """Ctrl-C ends the command with 130 and one sentence; people may still decide."""
    # What runs these tests in the background has its children ignore Ctrl-C, and they pass that on.
    heeds = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    asking = desk.server.start(desk.agent, *ASK, preexec_fn=heeds)
    (request,) = desk.server.pending(desk.ada)
    asking.send_signal(signal.SIGINT)
    done = ended(asking)
    assert (done.code, done.out) == (130, "")
    assert said(done) == ["signoff: Nobody is waited for any more; the request stays open for people."]
    assert desk.server.run(desk.ada, "decide", request["id"], "approve").code == 0


def test_keys_made_before_the_server_ran_work_with_it(desk: Desk) -> None:
    """One data directory, one Redis: what a command wrote into it, the server reads."""
    assert desk.server.http("/v1/requests", desk.agent)[0] == 200
    assert desk.server.http("/v1/requests", desk.ada)[0] == 200


def test_an_approval_prints_the_arguments_and_exits_0(desk: Desk) -> None:
    """They stand alone on standard output, ready for the next program."""
    asked, decided = desk.decide("approve", "-m", "fine")
    assert (asked.code, json.loads(asked.out)) == (0, {"order": "A-1", "amount": 500})
    assert said(asked) == ["signoff: fine"]
    assert (decided.code, decided.err) == (0, "")
    assert decided.out.endswith(" is approved.\n")


def test_an_edit_prints_the_edited_arguments(desk: Desk) -> None:
    """Typed text takes the kind of the value that it replaces; the whole decision is there as JSON."""
    asked, decided = desk.decide("edit", "--arg", "amount=400", "--json", ask=(*ASK, "--json"))
    assert (asked.code, decided.code) == (0, 0)
    assert asked.json["arguments"] == {"order": "A-1", "amount": 400}
    assert asked.json["changes"] == [{"path": "/amount", "from": 500, "to": 400}]
    assert asked.json["decided_by"] == [{"person": "ada", "name": "Ada Okafor", "via": "api"}]
    assert decided.json["status"] == "approved"


def test_an_edit_says_what_it_changed(desk: Desk) -> None:
    """To whoever made it, before and after."""
    _, decided = desk.decide("edit", "--arg", "amount=400")
    assert decided.out.splitlines()[1:] == ["Changed amount: 500 → 400"]


def test_a_value_that_is_given_twice_is_not_guessed(desk: Desk) -> None:
    """Which of the two was meant, nobody knows: nothing is sent."""
    for twice in (["--arg", "amount=1", "--json-arg", "amount=2"], ["--arg", "amount=1", "--arg", "amount=1"]):
        ended = desk.server.run(desk.agent, "ask", "--tool", "pay", *twice)
        assert (ended.code, "amount has a value already" in ended.err) == (2, True)


def test_an_edit_that_changes_nothing_decides_nothing(desk: Desk) -> None:
    """Who types `edit` and forgets what to change has not approved it as it is."""
    body = {"tool": "issue_refund", "arguments": {"order": "A-1", "amount": 500}}
    _, asked = desk.server.http("/v1/requests", desk.agent, body)
    path = f"/v1/requests/{asked['id']}"
    forgotten = desk.server.run(desk.ada, "decide", asked["id"], "edit")
    assert (forgotten.code, "--arg" in forgotten.err) == (2, True)
    assert desk.server.http(path, desk.agent)[1]["status"] == "pending"
    assert desk.server.http(f"{path}/cancel", desk.agent, {})[0] == 200


def test_a_rejection_exits_10_and_prints_no_arguments(desk: Desk) -> None:
    """What the person said stands on standard error."""
    asked, _ = desk.decide("reject", "-m", "wrong customer")
    assert (asked.code, asked.out) == (10, "")
    assert said(asked) == [
        "signoff: Ada Okafor rejected this call of issue_refund: wrong customer. Do not try this again."
    ]


def test_an_answer_is_printed_as_it_is(desk: Desk) -> None:
    """A question's text, without quotes."""
    ask = ("ask", "--tool", "region", "--allow", "respond", "--title", "Which region?")
    asked, decided = desk.decide("respond", "--response", "eu", ask=ask)
    assert (asked.code, asked.out, decided.code) == (0, "eu\n", 0)


def test_nobody_decided_in_time_exits_11(desk: Desk) -> None:
    """After the seconds of --wait."""
    asked = desk.server.run(desk.agent, *ASK, "--wait", "1")
    assert (asked.code, asked.out) == (11, "")
    assert "expired" in asked.err
    assert TRACEBACK not in asked.err


def test_a_withdrawn_request_exits_12(desk: Desk) -> None:
    """Cancelled by its own key meanwhile."""
    asking = desk.server.start(desk.agent, *ASK)
    (request,) = desk.server.pending(desk.agent)
    assert desk.server.http(f"/v1/requests/{request['id']}/cancel", desk.agent, {})[0] == 200
    assert ended(asking).code == 12


def test_a_rule_rejects_without_asking_anybody(desk: Desk) -> None:
    """Exit code 10, with the rule's message."""
    asked = desk.server.call(desk.agent, "ask", "--tool", "drop_table")
    assert asked.code == 10
    assert "Open a change ticket." in asked.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--channel", "slack:#elsewhere"), "slack:#elsewhere"),
        (("--editable", "price"), "price"),
    ],
)
def test_what_the_service_refuses_exits_20(desk: Desk, words: tuple[str, ...], why: str) -> None:
    """With its sentence."""
    asked = desk.server.call(desk.agent, *ASK, *words)
    assert (asked.code, asked.out) == (20, "")
    assert why in asked.err
    assert asked.err.count("\n") == 1


def test_an_approver_key_cannot_ask(desk: Desk) -> None:
    """Could not ask: exit code 20."""
    asked = desk.server.call(desk.ada, *ASK)
    assert asked.code == 20
    assert "agent key" in asked.err


def test_a_service_that_is_away_exits_20_soon(desk: Desk) -> None:
    """It is tried for as long as a restart takes."""
    asked = desk.server.home.run(*ASK, env={"SIGNOFF_URL": "http://127.0.0.1:9", "SIGNOFF_API_KEY": desk.agent})
    assert asked.code == 20
    assert "cannot be reached" in asked.err
    shown = desk.server.home.run(
        "pending", env={"SIGNOFF_URL": "http://u:pass@127.0.0.1:9", "SIGNOFF_API_KEY": desk.ada}
    )
    assert shown.code == 20
    assert "http://127.0.0.1:9 cannot be reached" in shown.err
    assert "pass" not in shown.err


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"SIGNOFF_API_KEY": ""}, "SIGNOFF_API_KEY is not set"),
        ({"SIGNOFF_API_KEY": "so_x", "SIGNOFF_URL": "localhost:8080"}, "SIGNOFF_URL is not an http address"),
    ],
)
def test_a_terminal_that_is_not_set_up_says_what_is_missing(desk: Desk, env: dict[str, str], why: str) -> None:
    """One sentence, exit code 20."""
    asked = desk.server.home.call("pending", env=env)
    assert (asked.code, asked.out) == (20, "")
    assert why in asked.err
    assert asked.err.count("\n") == 1


def test_the_address_and_key_may_stand_in_the_env_file(desk: Desk, tmp_path: Path) -> None:
    """As `.env.example` says; a variable of the environment wins."""
    (tmp_path / ".env").write_text(f"SIGNOFF_URL={desk.server.address}\nSIGNOFF_API_KEY=so_wrong\n")
    made = desk.server.home
    assert made.run("pending", cwd=tmp_path).code == 20
    assert made.run("pending", cwd=tmp_path, env={"SIGNOFF_API_KEY": desk.ada}).code == 0


def test_pending_and_show_are_for_people_and_for_programs(desk: Desk) -> None:
    """A table that fits 80 columns with the whole id in it; the same as JSON; secrets masked in both."""
    asking = desk.server.start(desk.agent, *ASK, "--arg", "card_token=tok_4711", "--agent", "support")
    (request,) = desk.server.pending(desk.ada)
    listed, shown = desk.server.call(desk.ada, "pending"), desk.server.call(desk.ada, "show", request["id"])
    as_json = desk.server.call(desk.ada, "pending", "--json").json
    assert request["id"] in listed.out
    assert "support" in listed.out
    assert max(map(len, (listed.out + shown.out).splitlines())) <= 80
    assert [one["id"] for one in as_json["requests"]] == [request["id"]]
    assert desk.server.call(desk.ada, "show", request["id"], "--json").json["arguments"]["amount"] == 500
    assert "arguments.amount" in shown.out
    assert "tok_4711" not in listed.out + shown.out + json.dumps(as_json)
    refused = desk.server.call(desk.ada, "decide", request["id"], "edit", "--json-arg", 'order="B"')
    assert (refused.code, refused.out) == (1, "")
    assert "/arguments/order" in refused.err
    assert desk.server.call(desk.ada, "decide", request["id"], "approve").code == 0
    assert json.loads(ended(asking).out)["card_token"] == "tok_4711"
    assert desk.server.call(desk.ada, "pending").out == "Nothing waits for a decision.\n"
    late = desk.server.call(desk.ada, "decide", request["id"], "reject")
    assert late.code == 1
    assert "Ada Okafor" in late.err


def test_the_owner_of_a_key_cannot_approve_what_it_asks(desk: Desk) -> None:
    """`--owner` names the human behind an agent key (I17)."""
    made = desk.server.home
    agent = made.key("agent", "--owner", "bob")
    bob = made.key("approver", "--person", "bob")
    asking = desk.server.start(agent, *ASK)
    (request,) = desk.server.pending(agent)
    refused = desk.server.call(bob, "decide", request["id"], "approve")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert desk.server.call(desk.ada, "decide", request["id"], "approve").code == 0
    assert ended(asking).code == 0


def test_a_revoked_key_is_refused_at_once(desk: Desk) -> None:
    """401, while the server runs; the list shows it as revoked, and a second time there is nothing to revoke."""
    made = desk.server.home
    key = made.key("admin")
    key_id = key.split("_")[1]
    assert desk.server.http("/v1/requests", key)[0] == 200
    assert made.run("keys", "revoke", key_id).out == f"{key_id} is revoked.\n"
    assert desk.server.http("/v1/requests", key)[0] == 401
    listed = {one["id"]: one for one in made.call("keys", "list", "--json").json}
    assert listed[key_id]["revoked_at"] is not None
    assert key_id in made.call("keys", "list").out
    again = made.call("keys", "revoke", key_id)
    assert (again.code, again.err.count("\n")) == (2, 1)


def test_i29_a_key_is_shown_once_and_its_hash_never(desk: Desk) -> None:
    """Alone on standard output when it is made; the list and the log know neither key nor hash."""
    made = desk.server.home
    created = made.run("keys", "create", "--role", "agent", "--name", "once")
    assert created.out.startswith("so_")
    assert created.out.count("\n") == 1
    assert "keep it like a password" in created.err
    secret = created.out.strip().split("_", 2)[2]
    listed = made.call("keys", "list", "--json").out + made.call("keys", "list").out + desk.server.text
    assert secret not in listed
    assert "hash" not in listed


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--role", "approver", "--name", "x", "--person", "eve"), "it knows ada, bob, rita"),
        (("--role", "agent", "--name", "x", "--owner", "eve"), "--owner eve"),
        (("--role", "approver", "--name", "x"), "--person goes with --role approver"),
        (("--role", "agent", "--name", "x", "--person", "ada"), "--person goes with --role approver"),
        (("--role", "admin", "--name", "x", "--owner", "ada"), "--owner goes with --role agent"),
        (("--role", "boss", "--name", "x"), "use agent, approver or admin"),
        (("--role", "agent", "--name", " "), "--name"),
        (("--role", "agent"), "--name"),
    ],
)
def test_a_key_for_nobody_is_not_made(desk: Desk, words: tuple[str, ...], why: str) -> None:
    """Exit code 2 and a sentence; nothing on standard output, where a script would take it for a key."""
    made = desk.server.home.call("keys", "create", *words)
    assert (made.code, made.out) == (2, "")
    assert why in made.err


@pytest.mark.parametrize(
    "words",
    [
        ("ask", "--tool", "x", "--arg", "novalue"),
        ("ask", "--tool", "x", "--json-arg", "a={"),
        ("ask", "--tool", "x", "--risk", "huge"),
        ("ask", "--tool", "x", "--allow", "maybe"),
        ("decide", "req_1", "maybe"),
        ("nonsense",),
        ("ask", "--nonsense"),
    ],
)
def test_a_slip_on_the_command_line_exits_2(desk: Desk, words: tuple[str, ...]) -> None:
    """And says what is wrong with it."""
    done = desk.server.call(desk.agent, *words)
    assert (done.code, done.out) == (2, "")
    assert done.err
    assert TRACEBACK not in done.err


def test_nothing_went_wrong_unsaid(desk: Desk) -> None:
    """After all of the above the server's log holds events, one a line, and no traceback."""
    assert TRACEBACK not in desk.server.text
    for line in desk.server.text.splitlines():
        assert json.loads(line)["level"] in {"info", "warning"}
