"""What waits for an approver key's person, and deciding many of it at once, at the HTTP door."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from doorkit import House

from signoff import policy
from signoff.errors import StoreUnavailable
from signoff.model import dumps

RULES = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com}
  bob: {name: Bob}
  mia: {name: Mia}
groups:
  finance: {members: [ada, bob]}
defaults:
  show: [slack:#approvals]
  approvers: [finance]
  expires_in: 1h
  any_channel: true
rules:
  - name: mias
    when: tool == "garden"
    approvers: [mia]
  - name: deployments
    when: tool == "deploy"
    confirm: "${args.service}"
  - name: transfers
    when: tool == "transfer"
    stages:
      - {name: both, approvers: [finance], quorum: 2}
  - name: refunds
    when: tool == "refund"
    secret: [card_token]
"""
Asked = dict[str, Any]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(rules=RULES)
    await house.key("agent", "agent")
    await house.key("adas", "agent", owner="ada")
    for person in ("ada", "bob", "mia"):
        await house.key(person, "approver", person=person)
    await house.key("root", "admin")
    yield house
    await house.store.close()


async def ask(house: House, tool: str = "refund", key: str = "agent", **fields: object) -> Asked:
    """A request; each a little later than the one before."""
    house.time += timedelta(milliseconds=1)
    return await house.ask(key, tool=tool, **fields)


async def queue(house: House, query: str = "", key: str = "ada") -> Any:
    said = await house.send("GET", f"/v1/queue{query}", key=key)
    assert said.status == 200, said.body
    return said.body


def listed(page: Any) -> list[str]:
    return [one["id"] for one in page["requests"]]


def pin(one: Asked, **update: object) -> Asked:
    return {name: one[name] for name in ("id", "version", "digest")} | update


async def decide(house: House, *pins: Asked, kind: str = "approve", key: str = "ada", **fields: object) -> Any:
    said = await house.send("POST", "/v1/decisions", {"kind": kind, "requests": list(pins)} | fields, key=key)
    assert said.status == 200, said.body
    return said.body


def results(body: Any) -> dict[str, str]:
    return {one["id"]: one["result"] for one in body["results"]}


async def status(house: House, one: Asked) -> str:
    return str((await house.send("GET", f"/v1/requests/{one['id']}", key="root")).body["status"])


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


async def test_the_queue_is_the_persons_own_the_most_urgent_first(house: House) -> None:
    """By risk, then by deadline; as the request itself is shown, with the mark of what is decided by itself."""
    later = await ask(house, risk="low", expires_in=3000)
    sooner = await ask(house, risk="low", expires_in=600)
    plain = await ask(house)
    grave = await ask(house, risk="critical")
    theirs = await ask(house, "garden")
    page = await queue(house)
    assert listed(page) == [grave["id"], sooner["id"], later["id"], plain["id"]]
    marks = {one["id"]: one.pop("mark") for one in page["requests"]}
    assert marks == {grave["id"]: "high_risk", sooner["id"]: None, later["id"]: None, plain["id"]: None}
    for one in page["requests"]:
        assert one == (await house.send("GET", f"/v1/requests/{one['id']}", key="ada")).body
    assert page["cursor"] is None
    assert listed(await queue(house, key="mia")) == [theirs["id"]]


async def test_counts_are_of_all_that_waits(house: House) -> None:
    """By risk, tool, agent and place, and in total, however few a page shows; what is not this person's is not told."""
    await ask(house, risk="low", agent="a1", channel="slack:#x")
    await ask(house, risk="low", agent="a2")
    await ask(house, "mail", agent="a1")
    await ask(house, "garden", agent="a3")
    page = await queue(house, "?limit=1")
    assert len(page["requests"]) == 1
    assert page["total"] == 3
    assert page["counts"] == {
        "risk": {"low": 2, "medium": 0, "high": 0, "critical": 0, "": 1},
        "tool": {"refund": 2, "mail": 1},
        "agent": {"a1": 2, "a2": 1},
        "channel": {"slack:#approvals": page["counts"]["channel"]["slack:#approvals"], "slack:#x": 1},
    }


async def test_each_filter_narrows_list_and_counts(house: House) -> None:
    """Risk, tool, agent, place, text and batch, alone and together."""
    one = await ask(house, risk="low", agent="a1", channel="slack:#x", arguments={"order": "A-1"})
    two = await ask(house, risk="high", agent="a2", arguments={"order": "B-2"})
    three = await ask(house, "mail", agent="a1", arguments={"to": "A-1"})
    body = {"requests": [{"tool": "mail", "arguments": {"to": "C-3"}}]}
    four = (await house.send("POST", "/v1/batches", body, key="agent")).body
    members: Any = four["requests"]
    for query, found in (
        ("risk=low", [one]),
        ("risk=high", [two]),
        ("tool=mail&agent=a1", [three]),
        ("agent=a1", [one, three]),
        ("agent=a1&tool=refund", [one]),
        ("channel=slack:%23x", [one]),
        ("tool=nothing", []),
        (f"batch={four['id']}", members),
        (f"batch={four['id']}&tool=refund", []),
    ):
        page = await queue(house, f"?{query}")
        assert set(listed(page)) == {asked["id"] for asked in found}, query
        assert page["total"] == len(found), query
    assert set(listed(await queue(house, "?text=a-1"))) == {one["id"], three["id"]}
    assert listed(await queue(house, "?text=b-2&risk=low")) == []


async def test_pages_follow_the_cursor(house: House) -> None:
    """Every request once, in order, also when some are decided in between."""
    asked = [await ask(house) for _ in range(5)]
    first = await queue(house, "?limit=2")
    await decide(house, pin(asked[1]), pin(asked[2]))
    second = await queue(house, f"?limit=2&cursor={first['cursor']}")
    found = listed(first) + listed(second)
    cursor = second["cursor"]
    while cursor is not None:
        page = await queue(house, f"?limit=2&cursor={cursor}")
        found, cursor = found + listed(page), page["cursor"]
    assert found == [asked[index]["id"] for index in (0, 1, 3, 4)]


async def test_groups_hold_the_ids_of_the_page(house: House) -> None:
    """Every request of the page is in exactly one group, and alike ones are together."""
    asked = [await ask(house, arguments={"amount": n}) for n in (20, 30, 45)]
    other = await ask(house, "mail", arguments={"to": "ada"})
    page = await queue(house)
    assert sorted(one for group in page["groups"] for one in group["requests"]) == sorted(listed(page))
    (together,) = [group for group in page["groups"] if asked[0]["id"] in group["requests"]]
    assert set(together["requests"]) == {one["id"] for one in asked}
    assert other["id"] not in together["requests"]
    assert "refund" in together["title"]


async def test_i13_the_queue_tells_no_secret(house: House) -> None:
    """Neither in the requests nor in what they are grouped by; and a secret is not found by its text."""
    await ask(house, arguments={"card_token": "tok-123456", "amount": 5}, reason="uses tok-123456")
    await ask(house, arguments={"card_token": "tok-123457", "amount": 6})
    page = await queue(house)
    assert len(page["requests"]) == 2
    assert "tok-12345" not in dumps(page)
    assert listed(await queue(house, "?text=tok-123456")) == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("risk=huge", "risk"),
        ("tool=", "tool"),
        ("agent=" + "x" * 501, "agent"),
        ("channel=%ed%a0%80" + "x" * 600, "channel"),
        ("text=" + "x" * 201, "text"),
        ("batch=" + "x" * 101, "batch"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "x" * 101, "cursor"),
    ],
)
async def test_wrong_parameters_are_named(house: House, query: str, name: str) -> None:
    """422 with the parameter's name."""
    said = await house.send("GET", f"/v1/queue?{query}", key="ada")
    assert (said.status, said.code) == (422, "invalid")
    assert said.body["errors"][0]["parameter"] == name  # type: ignore[index]


@pytest.mark.parametrize("cursor", ["x", "0", "req_1", "9" * 99, "-", "__", "0.", ".", "9.x", "-1.0", "0.0.0"])
async def test_a_cursor_of_nobodys_page_does_no_harm(house: House, cursor: str) -> None:
    """A page, or a refusal by name."""
    await ask(house)
    for query in (f"?cursor={cursor}", f"?cursor={cursor}&batch=bat_1"):
        said = await house.send("GET", "/v1/queue" + query, key="ada")
        named: Any = said.body.get("errors", [])
        assert said.status == (422 if named else 200)
        assert all(fault["parameter"] == "cursor" for fault in named)


@pytest.mark.parametrize("key", ["agent", "root"])
async def test_i20_only_approver_keys_look_and_decide(house: House, key: str) -> None:
    """Neither agents nor admins; nothing is decided."""
    one = await ask(house)
    for method, path, body in (
        ("GET", "/v1/queue", None),
        ("POST", "/v1/decisions", {"kind": "approve", "requests": [pin(one)]}),
    ):
        said = await house.send(method, path, body, key=key)
        assert (said.status, said.code) == (403, "wrong_role")
        assert (await house.send(method, path, body)).status == 401
    assert await status(house, one) == "pending"


async def test_i03_looking_at_the_queue_decides_nothing(house: House) -> None:
    """No GET, at either address, whatever its query says."""
    one = await ask(house)
    before = await house.store.audit(0, 100)
    for path in ("/v1/queue", "/v1/decisions"):
        for method in ("GET", "HEAD", "OPTIONS"):
            said = await house.send(method, f"{path}?kind=approve&id={one['id']}&version=1", key="ada")
            assert said.status in {200, 405}
    assert await house.store.audit(0, 100) == before


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────


async def test_many_are_decided_each_with_the_reviews_id(house: House) -> None:
    """One result a request in the order sent; the id stands in each decision and in one audit line for each."""
    asked = [await ask(house, arguments={"amount": n}) for n in range(3)]
    before = len(await house.store.audit(0, 100))
    body = await decide(house, *map(pin, asked), message="fine")
    assert [one["id"] for one in body["results"]] == [one["id"] for one in asked]
    assert set(results(body).values()) == {"approved"}
    assert body["batch"]
    for one in asked:
        made: Any = (await house.send("GET", f"/v1/requests/{one['id']}", key="agent")).body["decision"]
        assert (made["kind"], made["message"]) == ("approve", "fine")
        by = {"person": "ada", "name": "Ada", "via": "api", "batch": body["batch"], "at": made["decided_at"]}
        assert made["decided_by"] == [by]
    lines = [json.loads(line.body) for line in await house.store.audit(before, 100)]
    assert [line.get("batch") for line in lines] == [body["batch"]] * 3


async def test_many_are_rejected_with_one_reason(house: House) -> None:
    """Everybody's agent reads it."""
    asked = [await ask(house) for _ in range(2)]
    body = await decide(house, *map(pin, asked), kind="reject", message="Not today.")
    assert set(results(body).values()) == {"rejected"}
    for one in asked:
        made: Any = (await house.send("GET", f"/v1/requests/{one['id']}", key="agent")).body["decision"]
        assert (made["kind"], made["message"]) == ("reject", "Not today.")


async def test_i07_only_what_was_listed_is_decided(house: House) -> None:
    """Another version, another digest, or one of both invented: left alone and named; the others are decided."""
    asked = [await ask(house, "transfer", arguments={"amount": 5}) for _ in range(3)]
    edited = asked[0]
    edit = {"kind": "edit", "version": 1, "arguments": {"amount": 50}}
    await house.send("POST", f"/v1/requests/{edited['id']}/decisions", edit, key="bob")
    fine = await ask(house)
    body = await decide(
        house,
        pin(edited),
        pin(asked[1], version=2),
        pin(asked[2], digest="sha256:" + "0" * 64),
        pin(fine),
    )
    assert list(results(body).values()) == ["changed", "changed", "changed", "approved"]
    assert all(one["sentence"] for one in body["results"])
    for one in asked:
        assert await status(house, one) == "pending"


async def test_i05_what_does_not_go_along_with_others_is_left_alone(house: House) -> None:
    """High risk, to be confirmed by typing, one's own, a question, hidden characters, too long, frozen: each named."""
    long = {"text": "x" * 10_000}
    traps = {
        "high_risk": await ask(house, risk="high"),
        "confirm": await ask(house, "deploy", arguments={"service": "api"}),
        "own": await ask(house, key="adas"),
        "needs_answer": await ask(house, allowed_decisions=["respond", "reject"], response_schema={"type": "string"}),
        "hidden_text": await ask(house, title="Refund\u202e A-1"),
        "too_long": await ask(house, arguments=long),
        "frozen": await ask(house, "mail", arguments={"to": "x"}),
    }
    await house.send("POST", "/v1/freezes", {"tool": "mail"}, key="root")
    fine = await ask(house)
    page = await queue(house)
    marks = {one["id"]: one["mark"] for one in page["requests"]}
    assert marks == {one["id"]: code for code, one in traps.items()} | {fine["id"]: None}
    pins = [pin(one) for one in (*traps.values(), fine)]
    for dry in (True, False):
        body = await decide(house, *pins, dry_run=dry)
        assert list(results(body).values()) == [*traps, "ok" if dry else "approved"]
        assert all(one["sentence"] for one in body["results"][:-1])
    for one in traps.values():
        assert await status(house, one) == "pending"
    assert await status(house, fine) == "approved"


async def test_what_has_ended_or_is_not_theirs_is_named(house: House) -> None:
    """Already decided and by whom, expired, never asked, somebody else's."""
    decided, expired = await ask(house), await ask(house, expires_in=60)
    await decide(house, pin(decided), key="bob")
    theirs = await ask(house, "garden")
    house.time = house.time + timedelta(minutes=5)
    fine = await ask(house)
    never = pin(fine, id="req_never")
    odd = pin(fine, id="../x")
    body = await decide(house, pin(decided), pin(expired), never, pin(theirs), odd, pin(fine))
    assert list(results(body).values()) == [
        "already_decided",
        "expired",
        "not_found",
        "not_allowed",
        "not_found",
        "approved",
    ]
    assert "Bob" in body["results"][0]["sentence"]
    assert await status(house, theirs) == "pending"


async def test_a_dry_run_decides_nothing(house: House) -> None:
    """It says `ok`, has no batch, and writes nothing."""
    one = await ask(house)
    before = await house.store.audit(0, 100)
    body = await decide(house, pin(one), dry_run=True)
    assert body == {"batch": None, "results": [{"id": one["id"], "result": "ok", "sentence": ""}]}
    assert await house.store.audit(0, 100) == before


async def test_a_vote_that_is_not_the_last_is_told_as_such(house: House) -> None:
    """`voted`, and still pending; a second one of the same person is not counted."""
    one = await ask(house, "transfer")
    assert results(await decide(house, pin(one))) == {one["id"]: "voted"}
    assert await status(house, one) == "pending"
    assert results(await decide(house, pin(one))) == {one["id"]: "already_voted"}
    assert results(await decide(house, pin(one), key="bob")) == {one["id"]: "approved"}


async def test_the_same_review_sent_twice_is_decided_once(house: House) -> None:
    """Under the same name the second answer is the first one's, and nothing is written again."""
    asked = [await ask(house) for _ in range(2)]
    first = await decide(house, *map(pin, asked), batch="monday-1")
    assert first["batch"] == "monday-1"
    before = await house.store.audit(0, 100)
    assert await decide(house, *map(pin, asked), batch="monday-1") == first
    assert await house.store.audit(0, 100) == before


async def test_i19_who_has_lost_the_right_decides_nothing(house: House) -> None:
    """Somebody who was taken out of the group between list and decision."""
    one = await ask(house)
    assert listed(await queue(house)) == [one["id"]]
    house.desk.adopt(
        policy.load(RULES.replace("[ada, bob]", "[bob, mia]"), file="policy.yaml", chats=("slack", "teams"))
    )
    assert results(await decide(house, pin(one))) == {one["id"]: "not_allowed"}
    assert listed(await queue(house)) == []
    assert await status(house, one) == "pending"


PIN = {"id": "req_1", "version": 1, "digest": "sha256:x"}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"requests": [PIN]}, "/kind"),
        ({"kind": "edit", "requests": [PIN]}, "/kind"),
        ({"kind": "respond", "requests": [PIN]}, "/kind"),
        ({"kind": "approve"}, "/requests"),
        ({"kind": "approve", "requests": []}, "/requests"),
        ({"kind": "approve", "requests": {}}, "/requests"),
        ({"kind": "approve", "requests": [PIN | {"id": f"req_{n}"} for n in range(201)]}, "/requests"),
        ({"kind": "approve", "requests": [PIN, PIN]}, "/requests/1/id"),
        ({"kind": "approve", "requests": [PIN, PIN | {"version": 2}]}, "/requests/1/id"),
        ({"kind": "approve", "requests": ["req_1"]}, "/requests/0"),
        ({"kind": "approve", "requests": [{"id": "req_1"}]}, "/requests/0/version"),
        ({"kind": "approve", "requests": [{"id": "req_1", "version": 1}]}, "/requests/0/digest"),
        ({"kind": "approve", "requests": [PIN | {"version": 0}]}, "/requests/0/version"),
        ({"kind": "approve", "requests": [PIN | {"version": "1"}]}, "/requests/0/version"),
        ({"kind": "approve", "requests": [PIN | {"id": ""}]}, "/requests/0/id"),
        ({"kind": "approve", "requests": [PIN | {"kind": "reject"}]}, "/requests/0/kind"),
        ({"kind": "approve", "requests": [PIN], "force": True}, "/force"),
        ({"kind": "approve", "requests": [PIN], "dry_run": 1}, "/dry_run"),
        ({"kind": "approve", "requests": [PIN], "batch": "a b"}, "/batch"),
        ({"kind": "approve", "requests": [PIN], "batch": "monday\n"}, "/batch"),
        ({"kind": "approve", "requests": [PIN], "batch": ""}, "/batch"),
        ({"kind": "approve", "requests": [PIN], "message": "x" * 10_001}, "/message"),
        ([PIN], ""),
    ],
)
async def test_i30_what_is_wrong_with_the_body_is_named(house: House, body: object, where: str) -> None:
    """422 with a pointer; one request named twice is never guessed at."""
    said = await house.send("POST", "/v1/decisions", body, key="ada")
    assert (said.status, said.code) == (422, "invalid")
    assert said.body["errors"][0]["pointer"] == where  # type: ignore[index]


async def test_as_many_as_allowed_are_decided_at_once(house: House) -> None:
    """Two hundred in one call."""
    asked = [await ask(house, arguments={"amount": n}) for n in range(200)]
    body = await decide(house, *map(pin, asked))
    assert set(results(body).values()) == {"approved"}
    assert len(body["results"]) == 200
    assert (await house.store.counts())["approved"] == 200


async def test_store_away_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was recorded, and the answer says so."""
    one = await ask(house)

    async def away(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(house.store, "move", away)
    said = await house.send("POST", "/v1/decisions", {"kind": "approve", "requests": [pin(one)]}, key="ada")
    assert (said.status, said.code) == (503, "store_unavailable")
    assert await status(house, one) == "pending"


async def test_a_single_decision_names_no_review(house: House) -> None:
    """The field is the review's to set: in the body of one decision there is no such field."""
    one = await ask(house)
    body = {"kind": "approve", "version": 1, "batch": "monday-1"}
    said = await house.send("POST", f"/v1/requests/{one['id']}/decisions", body, key="ada")
    assert (said.status, said.body["errors"][0]["pointer"]) == (422, "/batch")  # type: ignore[index]
    assert await status(house, one) == "pending"
