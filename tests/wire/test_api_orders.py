"""Standing orders over HTTP, on a served process with a Redis of its own: what one key lays down holds for all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pytest
from harness_cli import POLICY, Json, Server, home

RULES = (
    POLICY.replace("groups:\n", "groups:\n  night: {calendar: missing.ics}\n")
    + """\
  - name: night work
    when: tool == "reindex"
    approvers: [night, bob]
  - name: deployments
    when: tool == "deploy"
    stages:
      - {name: engineers, approvers: [finance], quorum: 2}
  - name: restarts
    when: tool == "restart"
    grants: {match: [args.service], max_ttl: 8h, max_uses: 5}
"""
)
REFUND = {"tool": "issue_refund", "arguments": {"order": "A-1", "amount": 5}}
DEPLOY = {"tool": "deploy", "arguments": {"service": "api"}}
RESTART = {"tool": "restart", "arguments": {"service": "api"}}


@dataclass
class Shop:
    """A server and a key for each."""

    server: Server
    keys: dict[str, str]

    def get(self, key: str, path: str) -> Json:
        status, body = self.server.http(path, self.keys[key])
        assert status == 200, body
        return body

    def post(self, key: str, path: str, body: object = None) -> tuple[int, Json]:
        return self.server.http(path, self.keys[key], {} if body is None else body)

    def ask(self, body: Json) -> Json:
        status, asked = self.post("agent", "/v1/requests", body)
        assert status == 201, asked
        return asked

    def vote(self, key: str, asked: Json, **fields: object) -> tuple[int, Json]:
        body = {"kind": "approve", "version": asked["version"]} | fields
        return self.post(key, f"/v1/requests/{asked['id']}/decisions", body)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with home(tmp_path_factory.mktemp("orders")) as made:
        (made.folder / "policy.yaml").write_text(RULES)
        keys = {"agent": made.key("agent"), "root": made.key("admin")}
        keys |= {name: made.key("approver", "--person", name) for name in ("ada", "bob", "rita")}
        with made.serving() as server:
            yield Shop(server, keys)


@pytest.fixture
def other(shop: Shop) -> Iterator[Shop]:
    """A second replica on the same Redis."""
    with shop.server.home.serving() as server:
        yield Shop(server, shop.keys)


def code(answer: tuple[int, Json]) -> tuple[int, str]:
    status, body = answer
    return status, str(body["type"]).rpartition("/")[2]


def test_a_freeze_holds_at_once_on_every_replica(shop: Shop, other: Shop) -> None:
    """Frozen on one server, refused by the other in the very next call; thawed there, decided and run here."""
    approved, waiting = shop.ask(REFUND), shop.ask(REFUND)
    assert shop.vote("ada", approved)[0] == 200
    status, made = shop.post("root", "/v1/freezes", {"tool": "issue_refund", "reason": "wrong amounts"})
    assert status == 201
    consume = f"/v1/requests/{approved['id']}/consume"
    for side in (other, shop):
        assert code(side.vote("bob", waiting)) == (409, "frozen")
        assert code(side.post("agent", consume, {"arguments": REFUND["arguments"]})) == (409, "frozen")
    assert made["covers"] >= 1
    assert made["reach"].startswith("It covers ")
    assert other.get("root", "/v1/freezes") == {"freezes": made["freezes"]}
    assert shop.ask(REFUND)["status"] == "pending"
    assert shop.ask({"tool": "drop_table", "arguments": {}})["status"] == "rejected"
    assert other.post("root", "/v1/freezes/thaw", {"tool": "issue_refund"}) == (200, {"freezes": made["freezes"]})
    assert shop.vote("bob", waiting)[0] == 200
    assert shop.post("agent", consume, {"arguments": REFUND["arguments"]})[0] == 200
    assert code(shop.post("root", "/v1/freezes/thaw", {"tool": "issue_refund"})) == (404, "not_found")


def test_two_people_decide_on_two_replicas(shop: Shop, other: Shop) -> None:
    """The first vote answers pending and names who voted; the second, cast elsewhere, decides."""
    asked = shop.ask(DEPLOY)
    status, voted = shop.vote("ada", asked)
    assert (status, voted["status"]) == (200, "pending")
    (stage,) = voted["stages"]
    assert [vote["person"] for vote in stage["votes"]] == ["ada"]
    assert code(other.vote("ada", asked)) == (409, "already_voted")
    status, decided = other.vote("bob", asked)
    assert (status, decided["status"]) == (200, "approved")
    assert [who["person"] for who in decided["decision"]["decided_by"]] == ["ada", "bob"]


def test_a_grant_is_used_by_any_replica_and_revoked(shop: Shop, other: Shop) -> None:
    """Similar calls run by it wherever they are asked, each use is counted; once revoked, people are asked again."""
    asked = shop.ask(RESTART)
    assert shop.vote("bob", asked, grant={"ttl": 3600, "uses": 3})[0] == 200
    (grant,) = shop.get("bob", "/v1/grants")["grants"]
    assert (grant["request"], grant["giver"], grant["match"]) == (asked["id"], "bob", {"/service": "api"})
    assert other.ask(RESTART)["decision"]["grant"] == grant["id"]
    assert other.ask(RESTART | {"arguments": {"service": "web"}})["status"] == "pending"
    assert shop.get("root", "/v1/grants")["grants"][0]["uses"] == 1
    end = f"/v1/grants/{grant['id']}/revoke"
    assert code(shop.post("ada", end)) == (404, "not_found")
    assert shop.post("bob", end)[1]["uses"] == 1
    assert other.ask(RESTART)["status"] == "pending"
    assert shop.get("root", "/v1/grants") == {"grants": []}


def test_a_delegate_decides_until_the_delegation_ends(shop: Shop) -> None:
    """Rita decides refunds in Ada's place, by scope; nothing else, and nothing afterwards."""
    asked = shop.ask(REFUND)
    assert code(shop.vote("rita", asked)) == (403, "not_an_approver")
    status, made = shop.post("ada", "/v1/delegations", {"to": "rita", "for": 600, "scope": "refunds"})
    assert status == 201
    deploy = shop.ask(DEPLOY)
    assert code(shop.vote("rita", deploy)) == (403, "not_an_approver")
    status, decided = shop.vote("rita", asked)
    assert status == 200
    assert cast("Json", decided["decision"]["decided_by"][0])["acting_for"] == "ada"
    assert code(shop.post("rita", "/v1/delegations", {"to": "ada", "for": 600})) == (403, "not_allowed")
    assert shop.post("rita", f"/v1/delegations/{made['id']}/end") == (200, made)
    assert code(shop.vote("rita", shop.ask(REFUND))) == (403, "not_an_approver")


def test_i18_a_directory_that_is_away_lets_nobody_in(shop: Shop) -> None:
    """503, to be tried again, for whoever may be in a group that cannot be looked up; who is named can say no."""
    asked = shop.ask({"tool": "reindex", "arguments": {}})
    assert code(shop.vote("ada", asked)) == (503, "directory_away")
    assert shop.get("agent", f"/v1/requests/{asked['id']}")["status"] == "pending"
    status, rejected = shop.vote("bob", asked, kind="reject", message="not tonight", retry="ask")
    assert (status, rejected["status"], rejected["decision"]["retry"]) == (200, "rejected", "ask")


def test_more_time_is_kept_in_the_record(shop: Shop) -> None:
    """The expiry moves by what was given, for every reader."""
    asked = shop.ask(REFUND)
    path = f"/v1/requests/{asked['id']}"
    status, later = shop.post("ada", path + "/extend", {"seconds": 3600})
    assert status == 200
    assert later["expires_at"] > asked["expires_at"]
    assert shop.get("agent", path)["expires_at"] == later["expires_at"]
    assert shop.post("bob", path + "/snooze", {"seconds": 60})[0] == 200
    assert code(shop.post("rita", path + "/extend", {"seconds": 60})) == (403, "not_an_approver")


def test_i25_every_order_is_in_the_trail(shop: Shop) -> None:
    """Freezes, grants and delegations, begun and ended, with who did it and through which door."""
    begun = shop.get("root", "/v1/audit?limit=1000")["after"]
    shop.post("root", "/v1/freezes", {"tool": "unused"})
    shop.post("root", "/v1/freezes/thaw", {"tool": "unused"})
    shop.vote("bob", shop.ask(RESTART), grant={"ttl": 60, "uses": 1})
    (grant,) = shop.get("bob", "/v1/grants")["grants"]
    shop.post("root", f"/v1/grants/{grant['id']}/revoke")
    made = shop.post("ada", "/v1/delegations", {"to": "rita", "for": 60})[1]
    shop.post("ada", f"/v1/delegations/{made['id']}/end")
    lines = [json.loads(line["body"]) for line in shop.get("root", f"/v1/audit?after={begun}")["lines"]]
    told = [(line["type"], str(line.get("by", "")).partition(" (key")[0]) for line in lines if "freeze" in line]
    admin = "admin of a test"
    assert told == [("froze", admin), ("thawed", admin)]
    kinds = [line["type"] for line in lines if line["type"] not in {"asked", "decided"}]
    assert kinds == ["froze", "thawed", "grant_revoked", "delegated", "delegation_ended"]
    assert all(line["via"] == "api" for line in lines if line["type"] in kinds)
    given = next(line for line in lines if line["type"] == "decided")
    assert grant["id"] in json.dumps(given)
