"""Webhooks of a real `signoff serve`: they arrive, signed; the operator sees those that do not and sends them again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_cli import TRACEBACK, Home, Json, Server, eventually, home
from harness_webhooks import Receiver, receiving
from standardwebhooks import Webhook, WebhookVerificationError

DROP = {"tool": "drop_table", "arguments": {"name": "users"}}
REFUND = {"tool": "issue_refund", "arguments": {"order": "A-1", "amount": 5, "card_token": "tok_secret_1"}}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path, SIGNOFF_WEBHOOK_PRIVATE="127.0.0.0/8") as made:
        yield made


def ask(server: Server, key: str, body: Json, url: str) -> Json:
    status, asked = server.http("/v1/requests", key, body | {"callback_url": url})
    assert status == 201, asked
    return asked


def test_a_webhook_arrives_signed_and_holds_what_get_answers(office: Home, receiver: Receiver) -> None:
    """The standard's library takes it with the key's secret; the operator reads the same secret, and that it arrived;
    the log names its host and nothing more.
    """
    key, other = office.key("agent"), office.key("agent")
    approver = office.key("approver", "--person", "ada")
    with office.serving() as server:
        asked = ask(server, key, REFUND, receiver.url)
        assert receiver.got == []
        decision = {"kind": "edit", "version": 1, "arguments": {**REFUND["arguments"], "amount": 4}}
        status, _ = server.http(f"/v1/requests/{asked['id']}/decisions", approver, decision)
        assert status == 200
        eventually(lambda: receiver.got)
        (post,) = receiver.got
        secret = server.http("/v1/webhooks/secret", key)[1]["secret"]
        said = Webhook(secret).verify(post.body, post.headers)
        assert said == {
            "type": "request.approved",
            "timestamp": said["data"]["decision"]["decided_at"],
            "data": server.http(f"/v1/requests/{asked['id']}", key)[1],
        }
        assert said["data"]["decision"]["arguments"]["card_token"] == "tok_secret_1"
        assert post.path == "/hooks/7?token=tell-nobody"
        with pytest.raises(WebhookVerificationError):
            Webhook(server.http("/v1/webhooks/secret", other)[1]["secret"]).verify(post.body, post.headers)
        assert server.http("/v1/webhooks/secret", approver)[0] == 403
        key_id = key.split("_")[1]
        assert office.call("webhooks", "secret", key_id).out.strip() == secret
        eventually(lambda: "webhook delivered" in server.text)
        shown = office.call("webhooks", "show", asked["id"], "--json").json
        assert (shown["state"], shown["attempts"]) == ("delivered", 1)
        assert f"http://127.0.0.1:{receiver.port}" in server.text
        for text in (server.text, office.call("audit", "export").out, str(shown)):
            assert "tell-nobody" not in text
            assert "/hooks/7" not in text
        theirs = server.http(f"/v1/requests/{asked['id']}", approver)[1]["callback_url"]
        assert theirs == f"http://127.0.0.1:{receiver.port}"


def test_dead_letters_are_listed_and_sent_again_beside_a_running_server(office: Home, receiver: Receiver) -> None:
    """410 makes one at once; `list`, `show`, `redeliver`, and the second arrival has the same webhook-id."""
    key = office.key("agent")
    receiver.status = 410
    with office.serving() as server:
        asked = ask(server, key, DROP, receiver.url)
        eventually(lambda: [one["state"] for one in listed(office)] == ["dead"])
        (letter,) = listed(office)
        assert letter["request"] == asked["id"]
        assert letter["type"] == "request.rejected"
        assert letter["fault"] == "the receiver answered 410"
        table = office.call("webhooks", "list").out
        assert table.startswith(f"{asked['id']}  dead\n  request.rejected to http://127.0.0.1:")
        assert table.endswith("\n  the receiver answered 410\n")
        assert "tell-nobody" not in table
        assert "1 webhook was taken by nobody" in office.call("doctor").out
        receiver.status = 200
        done = office.call("webhooks", "redeliver", "--all")
        assert (done.code, done.err) == (0, "")
        assert asked["id"] in done.out
        eventually(lambda: len(receiver.got) == 2)
        assert len({post.headers["webhook-id"] for post in receiver.got}) == 1
        eventually(lambda: office.call("webhooks", "show", asked["id"], "--json").json["state"] == "delivered")
        assert office.call("webhooks", "list").out == "Nothing waits, and there are no dead letters.\n"
        assert office.call("webhooks", "redeliver", "--all").out == "There are no dead letters.\n"
        trail = office.call("audit", "export").out
        assert trail.count('"webhook_dead"') == trail.count('"webhook_redelivered"') == 1
        office.folder.joinpath("trail.jsonl").write_text(trail)
        assert office.call("audit", "verify", "trail.jsonl").code == 0


def listed(office: Home) -> list[Json]:
    done = office.call("webhooks", "list", "--json")
    assert done.code == 0, done.err
    assert isinstance(done.json, list)
    return done.json


def test_what_waits_is_sent_by_the_server_that_comes_next(office: Home, receiver: Receiver) -> None:
    """A receiver that fails, a server that is stopped: the list stands, `redeliver` needs no server, and the next one
    sends it at once.
    """
    key = office.key("agent")
    receiver.status = 503
    with office.serving() as server:
        asked = ask(server, key, DROP, receiver.url)
        eventually(lambda: any(one["attempts"] for one in listed(office)))
    receiver.status = 200
    (waiting,) = listed(office)
    assert (waiting["state"], waiting["fault"]) == ("waiting", "the receiver answered 503")
    assert office.call("webhooks", "redeliver", asked["id"]).code == 0
    with office.serving():
        eventually(lambda: office.call("webhooks", "show", asked["id"], "--json").json["state"] == "delivered")
    assert len({post.headers["webhook-id"] for post in receiver.got}) == 1


def test_i27_without_the_setting_private_targets_are_refused_and_get_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    """422 at /callback_url for an address; a name that leads to one is taken, gets nothing, and the list says why."""
    with home(tmp_path) as office:
        key = office.key("agent")
        with office.serving() as server:
            status, problem = server.http("/v1/requests", key, DROP | {"callback_url": receiver.url})
            assert status == 422
            assert problem["errors"][0]["pointer"] == "/callback_url"
            assert "127.0.0.1 is not a public address" in problem["errors"][0]["detail"]
            asked = ask(server, key, DROP, "https://nowhere.invalid/x")
            eventually(lambda: any(one["attempts"] for one in listed(office)))
            (letter,) = listed(office)
            assert (letter["request"], letter["state"]) == (asked["id"], "waiting")
            assert letter["fault"] == "nothing was sent: its name cannot be resolved"
    assert receiver.got == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["redeliver"], "--all"),
        (["redeliver", "req_1", "--all"], "--all"),
        (["redeliver", "req_1"], "no such request"),
        (["show", "req_1"], "no such request"),
        (["secret", "nobody"], "no such agent key"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(office: Home, words: list[str], why: str) -> None:
    """Exit code 2, no traceback."""
    done = office.call("webhooks", *words)
    assert done.code == 2
    assert why in done.err
    assert TRACEBACK not in done.err


def test_ask_takes_a_callback_url(office: Home, receiver: Receiver) -> None:
    """A shell script's question is told elsewhere too."""
    key = office.key("agent")
    with office.serving() as server:
        words = ("ask", "--tool", "drop_table", "--arg", "name=users", "--callback-url", receiver.url)
        assert server.call(key, *words).code == 10
        eventually(lambda: receiver.got)
    assert receiver.got[0].said["type"] == "request.rejected"
