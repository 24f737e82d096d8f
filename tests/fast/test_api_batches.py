"""Agents' batches at the HTTP door: Signoff's own form and LangChain's, waiting for some or all, each refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from doorkit import START, House, Said
from hypothesis import given
from hypothesis import strategies as st

from signoff.api import batches, hitl, problem
from signoff.api.requests import STATUSES
from signoff.errors import Invalid
from signoff.model import DecidedBy, Decision, Request, dumps
from signoff.ports import Caps, Filter, Limits, Opened

RULES = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com}
  bob: {name: Bob}
groups:
  finance: {members: [ada, bob]}
defaults:
  show: [slack:#approvals]
  approvers: [finance]
  expires_in: 1h
rules:
  - name: nothing is dropped
    when: tool == "drop"
    decide: reject
    message: Open a ticket.
  - name: lookups
    when: tool == "look"
    decide: approve
  - name: refunds
    when: tool == "refund"
    any_channel: true
    secret: [card_token]
"""
EVERYTHING = ["approve", "edit", "reject", "respond"]
ONE: dict[str, Any] = {"tool": "refund", "arguments": {"amount": 5}, "allowed_decisions": EVERYTHING}
Batch = Mapping[str, Any]


def hitl_request(*amounts: int, **more: object) -> dict[str, Any]:
    """As LangChain's middleware sends it: one action and one config for each call, in the same order."""
    text = "Tool execution requires approval\n\nTool: refund\nArgs: {{'amount': {}}}"
    return {
        "action_requests": [
            {"name": "refund", "args": {"amount": amount}, "description": text.format(amount)} for amount in amounts
        ],
        "review_configs": [{"action_name": "refund", "allowed_decisions": EVERYTHING} for _ in amounts],
    } | more


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(Limits(batch=8), rules=RULES)
    await house.key("agent", "agent")
    await house.key("other", "agent")
    await house.key("ada", "approver", person="ada")
    await house.key("bob", "approver", person="bob")
    await house.key("root", "admin")
    yield house
    await house.store.close()


async def ask(house: House, body: object, **headers: str) -> Any:
    said = await house.send("POST", "/v1/batches", body, key="agent", headers=headers)
    assert said.status == 201, said.body
    return said.body


async def decide(house: House, one: Batch, kind: str, **fields: object) -> None:
    body = {"kind": kind, "version": 1} | fields
    said = await house.send("POST", f"/v1/requests/{one['id']}/decisions", body, key="ada")
    assert said.status == 200, said.body


def pointers(said: Said) -> list[object]:
    faults = said.body["errors"]
    assert isinstance(faults, list)
    return [fault["pointer"] for fault in faults]


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_batch_holds_its_requests_in_order(house: House) -> None:
    """Each keeps its own id and says where it stands in the batch, to its approvers too; nothing is decided yet."""
    body = {"title": "Refunds of Monday", "requests": [ONE | {"arguments": {"amount": n}} for n in range(4)]}
    said = await house.send("POST", "/v1/batches", body, key="agent")
    assert said.status == 201
    made: Any = said.body
    assert said.headers["Location"] == f"/v1/batches/{made['id']}"
    assert "Idempotent-Replayed" not in said.headers
    assert (made["title"], made["status"], made["decisions"]) == ("Refunds of Monday", "pending", None)
    assert str(made["id"]).startswith("bat_")
    assert [one["arguments"]["amount"] for one in made["requests"]] == [0, 1, 2, 3]
    assert len({one["id"] for one in made["requests"]}) == 4
    for index, one in enumerate(made["requests"]):
        assert one["batch"] == {"id": made["id"], "index": index, "size": 4, "title": "Refunds of Monday"}
        assert one["status"] == "pending"
        shown = await house.send("GET", f"/v1/requests/{one['id']}", key="ada")
        assert shown.body["batch"] == one["batch"]
    assert (await house.send("GET", f"/v1/batches/{made['id']}", key="agent")).body == made


async def test_a_request_by_itself_has_no_batch(house: House) -> None:
    """The field is there and null."""
    assert (await house.ask())["batch"] is None


async def test_a_hitl_request_is_taken_as_it_is(house: House) -> None:
    """Name, args, description, decisions and schema of each call become a request, position by position."""
    schema = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
    body = {
        "action_requests": [
            {"name": "refund", "args": {"amount": 5}, "description": "Refunds a customer"},
            {"name": "mail", "args": {"to": "ada"}},
            {"name": "refund", "args": {"amount": 7}},
        ],
        "review_configs": [
            {"action_name": "refund", "allowed_decisions": ["approve", "reject"]},
            {
                "action_name": "mail",
                "allowed_decisions": EVERYTHING,
                "args_schema": schema,
                "description": "Sends mail",
            },
            {"action_name": "refund", "allowed_decisions": ["approve"]},
        ],
    }
    made = await ask(house, body)
    calls = [(one["tool"], one["arguments"], one["description"]) for one in made["requests"]]
    assert calls == [
        ("refund", {"amount": 5}, "Refunds a customer"),
        ("mail", {"to": "ada"}, "Sends mail"),
        ("refund", {"amount": 7}, None),
    ]
    offered = [one["allowed_decisions"] for one in made["requests"]]
    assert offered == [["approve", "reject"], EVERYTHING, ["approve"]]
    assert [one["schema"] for one in made["requests"]] == [None, schema, None]
    assert (made["title"], made["decisions"]) == (None, None)


async def test_beside_a_hitl_request_stands_what_holds_for_all(house: House) -> None:
    """The batch's title, and each call's agent, run, risk, reason, channel and time."""
    shared = {
        "agent": "support",
        "run_id": "run-7",
        "risk": "low",
        "reason": "Broken items",
        "channel": "slack:#refunds",
        "on_behalf_of": "ada@example.com",
        "thread_url": "https://example.com",
        "expires_in": 600,
        "metadata": {"x": 1},
    }
    made = await ask(house, hitl_request(5, 6, title="Refunds", **shared))
    assert made["title"] == "Refunds"
    for one in made["requests"]:
        assert {name: one[name] for name in shared if name != "expires_in"} | {"expires_in": 600} == shared
        assert (one["title"], one["expires_at"]) == (None, "2026-11-20T08:10:00.000Z")


async def test_i13_langchains_own_description_is_not_kept_twice(house: House) -> None:
    """What it repeats of the arguments, as Python writes them, is left out: it may hold a secret in another form."""
    body = hitl_request(5)
    body["action_requests"][0] |= {
        "args": {"card_token": "tok\\'s-12"},
        "description": "Tool execution requires approval\n\nTool: refund\nArgs: {'card_token': \"tok\\\\'s-12\"}",
    }
    (one,) = (await ask(house, body))["requests"]
    assert one["description"] == "Tool execution requires approval"
    shown = await house.send("GET", f"/v1/requests/{one['id']}", key="ada")
    assert "s-12" not in dumps(shown.body)


async def test_a_description_of_any_length_is_no_fault(house: House) -> None:
    """LangChain repeats the arguments in it, so it is as long as they are; they are kept whole."""
    long = "x" * 20_000
    body = hitl_request(5, 6)
    body["action_requests"][0] |= {
        "args": {"text": long},
        "description": f"Approve?\n\nTool: refund\nArgs: {{'text': '{long}'}}",
    }
    body["action_requests"][1]["description"] = long
    first, second = (await ask(house, body))["requests"]
    assert (first["description"], first["arguments"]) == ("Approve?", {"text": long})
    assert second["description"] == hitl.LEFT_OUT


async def test_one_config_serves_all_calls_of_its_name(house: House) -> None:
    """One for each name is enough; those of names that are not called do not matter."""
    body = hitl_request(1, 2, 3)
    unused = {"action_name": "mail", "allowed_decisions": ["approve"]}
    body["review_configs"] = [unused, {"action_name": "refund", "allowed_decisions": ["reject"]}]
    made = await ask(house, body)
    assert [one["allowed_decisions"] for one in made["requests"]] == [["reject"]] * 3


async def test_replay_answers_the_first_batch(house: House) -> None:
    """Same Idempotency-Key and body: 200 and marked, also when decided; another body 409; another key is its own."""
    body = {"requests": [ONE, ONE]}
    headers = {"Idempotency-Key": "run-7"}
    first = await house.send("POST", "/v1/batches", body, key="agent", headers=headers)
    requests: Any = first.body["requests"]
    for one in requests:
        await decide(house, one, "approve")
    again = await house.send("POST", "/v1/batches", body, key="agent", headers=headers)
    assert (first.status, again.status) == (201, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.body["id"], again.body["status"]) == (first.body["id"], "done")
    for other in ({"requests": [ONE, ONE | {"title": "x"}]}, {"requests": [ONE]}, {"requests": [ONE, ONE, ONE]}):
        said = await house.send("POST", "/v1/batches", other, key="agent", headers=headers)
        assert (said.status, said.code) == (409, "idempotency_conflict")
    mine = await house.send("POST", "/v1/batches", body, key="other", headers=headers)
    assert (mine.status, mine.body["id"] != first.body["id"]) == (201, True)
    assert (await house.store.counts())["pending"] == 2, "a refused batch leaves nothing open"


async def test_a_batch_that_is_finished_only_now_is_no_replay(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """When an earlier attempt got no further than its first call, the answer is 201: something was opened."""
    ask_all = house.desk.batches.ask

    async def half(*args: Any) -> tuple[str, list[Opened]]:
        batch_id, opened = await ask_all(*args)
        return batch_id, [replace(opened[0], replayed=True), *opened[1:]]

    monkeypatch.setattr(house.desk.batches, "ask", half)
    said = await house.send("POST", "/v1/batches", {"requests": [ONE, ONE]}, key="agent")
    assert (said.status, "Idempotent-Replayed" in said.headers) == (201, False)


# ── what is decided ──────────────────────────────────────────────────────────────────────────────


async def test_decisions_stand_by_position_when_all_have_ended(house: House) -> None:
    """In LangChain's words: approve, edit with the whole call, reject and respond with their texts; null until then."""
    made = await ask(house, hitl_request(1, 2, 3, 4, 5))
    path = f"/v1/batches/{made['id']}"
    first, second, third, fourth, fifth = made["requests"]
    await decide(house, fifth, "respond", response={"refunded": False})
    await decide(house, second, "edit", arguments={"amount": 20})
    await decide(house, third, "reject", message="not this one")
    await decide(house, first, "approve")
    some = await house.send("GET", path, key="agent")
    assert (some.body["status"], some.body["decisions"]) == ("pending", None)
    statuses = [one["status"] for one in some.body["requests"]]  # type: ignore[attr-defined]
    assert statuses == ["approved", "approved", "rejected", "pending", "responded"]
    await decide(house, fourth, "respond", response="yes")
    done = await house.send("GET", path, key="agent")
    assert done.body["status"] == "done"
    assert done.body["decisions"] == [
        {"type": "approve"},
        {"type": "edit", "edited_action": {"name": "refund", "args": {"amount": 20}}},
        {"type": "reject", "message": "not this one"},
        {"type": "respond", "message": "yes"},
        {"type": "respond", "message": '{"refunded":false}'},
    ]


async def test_i05_what_nobody_decided_does_not_claim_that_somebody_did(house: House) -> None:
    """Expired and cancelled calls, and those that a rule rejected, say in their message that no person did it."""
    calls = [ONE, ONE | {"expires_in": 60}, {"tool": "drop", "arguments": {}}, {"tool": "look", "arguments": {}}]
    made = await ask(house, {"requests": calls})
    first = made["requests"][0]
    await house.send("POST", f"/v1/requests/{first['id']}/cancel", key="agent")
    house.time = START + timedelta(minutes=2)
    said = await house.send("GET", f"/v1/batches/{made['id']}", key="agent")
    assert said.body["status"] == "done"
    decisions: Any = said.body["decisions"]
    withdrawn, expired, dropped, looked = decisions
    assert withdrawn["type"] == expired["type"] == dropped["type"] == "reject"
    assert withdrawn["message"] == (
        "This call of refund was withdrawn before anybody decided about it: no person has rejected it, "
        "and it was not run."
    )
    assert expired["message"] == (
        "Nobody decided about this call of refund before it expired at 2026-11-20T08:01:00.000Z: "
        "no person has rejected it, and it was not run."
    )
    assert dropped["message"] == (
        "The rule “nothing is dropped” rejected this call of drop, no person did: Open a ticket."
    )
    assert looked == {"type": "approve"}


async def _record(house: House, **update: object) -> Request:
    asked = await house.ask(arguments={"amount": 5})
    record, _ = await house.store.load(str(asked["id"]))
    return record.model_copy(update=update)


def _made(record: Request, kind: str, **fields: object) -> Decision:
    by = (DecidedBy(person="ada", name="Ada", at=START),)
    body = {"kind": kind, "decided_at": START, "digest": record.digest, "decided_by": by}
    return Decision.model_validate(body | fields)


async def test_a_rejection_is_told_in_the_persons_words(house: House) -> None:
    """With what the agent may do next, where the person said so; without words, who it was."""
    record = await _record(house)
    for fields, text in (
        ({"message": "Too much.", "retry": "never"}, "Too much."),
        ({"message": "Too much.", "retry": "with_changes"}, "Too much. You may try again with changes."),
        ({"message": "Not now.", "retry": "ask"}, "Not now. You may ask again later."),
        ({"retry": "never"}, "Ada rejected this call of refund; no reason was given."),
    ):
        assert hitl.decision(record, _made(record, "reject", **fields)) == {"type": "reject", "message": text}


async def test_i07_arguments_that_were_changed_are_never_a_bare_approval(house: House) -> None:
    """Whatever the decision is called, other arguments than those that were asked come as an edit."""
    record = await _record(house)
    same = _made(record, "approve", arguments={"amount": 5})
    assert hitl.decision(record, same) == {"type": "approve"}
    for kind in ("approve", "edit"):
        changed = _made(record, kind, arguments={"amount": 4})
        edited = {"type": "edit", "edited_action": {"name": "refund", "args": {"amount": 4}}}
        assert hitl.decision(record, changed) == edited
    notice = _made(record, "respond", decided_by=())
    assert hitl.decision(record, notice)["type"] == "respond"
    assert "nobody was asked" in str(hitl.decision(record, notice)["message"])


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────


async def waiting(house: House, path: str) -> asyncio.Task[Said]:
    """A long poll that has begun to wait."""
    task = asyncio.create_task(house.send("GET", path, key="agent"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_wait_ends_with_each_further_decision(house: House) -> None:
    """With `ended`, as soon as more have ended than the agent knows of; those it knows of do not count."""
    made = await ask(house, {"requests": [ONE, ONE, ONE]})
    path = f"/v1/batches/{made['id']}"
    for known, one in enumerate(made["requests"]):
        poll = await waiting(house, f"{path}?wait=60&ended={known}")
        await decide(house, one, "approve")
        said = await asyncio.wait_for(poll, 5)
        requests: Any = said.body["requests"]
        assert [request["status"] for request in requests] == ["approved"] * (known + 1) + ["pending"] * (2 - known)
    behind = await asyncio.wait_for(house.send("GET", f"{path}?wait=60&ended=0", key="agent"), 5)
    assert behind.body["status"] == "done"


async def test_wait_without_ended_is_for_all(house: House) -> None:
    """One decision of two does not end it."""
    made = await ask(house, {"requests": [ONE, ONE]})
    poll = await waiting(house, f"/v1/batches/{made['id']}?wait=60")
    first, second = made["requests"]
    await decide(house, first, "approve")
    for _ in range(20):
        await asyncio.sleep(0)
    assert not poll.done()
    await decide(house, second, "reject")
    said = await asyncio.wait_for(poll, 5)
    assert (said.status, said.body["status"]) == (200, "done")


async def test_wait_that_runs_out_is_no_error(house: House) -> None:
    """200 and as things stand; what is no number of seconds, or of requests, is refused by name."""
    made = await ask(house, {"requests": [ONE]})
    path = f"/v1/batches/{made['id']}"
    said = await house.send("GET", f"{path}?wait=1&ended=0", key="agent")
    assert (said.status, said.body) == (200, made)
    for query, name in (("wait=61", "wait"), ("wait=x", "wait"), ("ended=-1", "ended"), ("ended=9", "ended")):
        wrong = await house.send("GET", f"{path}?{query}", key="agent")
        assert (wrong.status, wrong.body["errors"][0]["parameter"]) == (422, name)  # type: ignore[index]


async def test_i30_a_wait_for_a_batch_counts_among_the_keys_waits() -> None:
    """One too many is 429; a wait that has ended makes room."""
    house = House(Limits(waits_per_key=1), rules=RULES)
    await house.key("agent", "agent")
    await house.key("ada", "approver", person="ada")
    made = await ask(house, {"requests": [ONE]})
    path = f"/v1/batches/{made['id']}?wait=60"
    poll = await waiting(house, path)
    full = await house.send("GET", path, key="agent")
    assert (full.status, full.code) == (429, "too_many_waits")
    assert "Retry-After" in full.headers
    await decide(house, made["requests"][0], "approve")
    assert (await asyncio.wait_for(poll, 5)).body["status"] == "done"
    assert (await house.send("GET", path, key="agent")).status == 200


async def test_i30_a_wait_for_a_batch_counts_once_for_each_that_it_waits_for() -> None:
    """A hundred waits for five hundred each are fifty thousand waits; one always has room."""
    house = House(Limits(waits_per_key=3), rules=RULES)
    await house.key("agent", "agent")
    await house.key("ada", "approver", person="ada")
    two = await ask(house, {"requests": [ONE, ONE]})
    four = await ask(house, {"requests": [ONE] * 4})
    poll = await waiting(house, f"/v1/batches/{two['id']}?wait=60")
    assert (await house.send("GET", f"/v1/batches/{two['id']}?wait=60", key="agent")).status == 429
    await decide(house, two["requests"][0], "approve")
    await decide(house, two["requests"][1], "approve")
    assert (await asyncio.wait_for(poll, 5)).status == 200
    poll = await waiting(house, f"/v1/batches/{four['id']}?wait=60&ended=0")
    assert (await house.send("GET", f"/v1/batches/{four['id']}?wait=60", key="agent")).status == 429
    await decide(house, four["requests"][0], "approve")
    assert (await asyncio.wait_for(poll, 5)).status == 200


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────

WRONG: list[tuple[object, str]] = [
    ([], ""),
    ({}, "/requests"),
    ({"requests": []}, "/requests"),
    ({"requests": {}}, "/requests"),
    ({"requests": [5]}, "/requests/0"),
    ({"requests": [ONE, {"tool": "refund"}]}, "/requests/1/arguments"),
    ({"requests": [ONE, ONE | {"riks": "low"}]}, "/requests/1/riks"),
    ({"requests": [ONE, ONE | {"risk": "huge"}]}, "/requests/1/risk"),
    ({"requests": [ONE, ONE | {"batch": None}]}, "/requests/1/batch"),
    ({"requests": [ONE, ONE | {"editable": ["nothing"]}]}, "/requests/1/editable/0"),
    ({"requests": [ONE, ONE | {"schema": {"type": "wrong"}}]}, "/requests/1/schema/type"),
    ({"requests": [ONE, ONE | {"schema": {"required": ["x"]}}]}, "/requests/1/arguments/x"),
    ({"requests": [ONE | {"callback_url": "http://example.com"}]}, "/requests/0/callback_url"),
    ({"requests": [ONE] * 9}, "/requests"),
    ({"requests": [ONE, ONE | {"arguments": {"a": [0] * 10_000}}]}, "/requests/1"),
    ({"requests": [ONE], "title": 5}, "/title"),
    ({"requests": [ONE], "title": "x" * 301}, "/title"),
    ({"requests": [ONE], "agent": "support"}, "/agent"),
    ({"requests": [ONE], "metadata": {}}, "/metadata"),
]


@pytest.mark.parametrize(("body", "where"), WRONG)
async def test_i30_what_is_wrong_with_a_batch_is_named(house: House, body: object, where: str) -> None:
    """422 with a pointer into the body, and none of the batch is open."""
    said = await house.send("POST", "/v1/batches", body, key="agent")
    assert (said.status, said.code) == (422, "invalid")
    assert where in pointers(said)
    assert await house.store.counts() == dict.fromkeys(STATUSES, 0)


def _config(**update: object) -> dict[str, Any]:
    body = hitl_request(5, 6)
    body["review_configs"][1] |= update
    return body


def _action(**update: object) -> dict[str, Any]:
    body = hitl_request(5, 6)
    body["action_requests"][1] |= update
    return body


WRONG_HITL: list[tuple[object, str]] = [
    ({"action_requests": []}, "/review_configs"),
    ({"review_configs": []}, "/action_requests"),
    ({"action_requests": [], "review_configs": []}, "/action_requests"),
    ({"action_requests": 5, "review_configs": []}, "/action_requests"),
    (hitl_request(5) | {"requests": []}, "/requests"),
    (hitl_request(5) | {"arguments": {}}, "/arguments"),
    (hitl_request(5) | {"callback_url": None}, "/callback_url"),
    (hitl_request(5) | {"risk": "huge"}, "/risk"),
    (hitl_request(5) | {"expires_in": 0}, "/expires_in"),
    (hitl_request(*range(9)), "/action_requests"),
    (_action(args=[]), "/action_requests/1/args"),
    (_action(name=""), "/action_requests/1/name"),
    (_action(name="mail"), "/action_requests/1/name"),
    (_action(description=5), "/action_requests/1/description"),
    (_action(arguments={}), "/action_requests/1/arguments"),
    (_action(args={"a": [0] * 10_000}), "/action_requests/1"),
    (_config(allowed_decisions=["wave"]), "/review_configs/1/allowed_decisions/0"),
    (_config(allowed_decisions=[]), "/review_configs/1/allowed_decisions"),
    (_config(allowed_decisions=["approve", "approve"]), "/review_configs/1/allowed_decisions"),
    (_config(schema={}), "/review_configs/1/schema"),
    (_config(args_schema={"type": "wrong"}), "/review_configs/1/args_schema/type"),
    (_config(args_schema={"properties": {"amount": {"maximum": 1}}}), "/action_requests/1/args/amount"),
    (_config(action_name=5), "/review_configs/1/action_name"),
]


@pytest.mark.parametrize(("body", "where"), WRONG_HITL)
async def test_i30_what_is_wrong_with_a_hitl_request_is_named(house: House, body: object, where: str) -> None:
    """422 with a pointer into the body as it was sent, not as we read it."""
    said = await house.send("POST", "/v1/batches", body, key="agent")
    assert (said.status, said.code) == (422, "invalid")
    assert where in pointers(said)
    assert await house.store.counts() == dict.fromkeys(STATUSES, 0)


async def test_configs_that_differ_need_a_place(house: House) -> None:
    """Two configs of one name that differ, and neither at the call's place: which one counts cannot be known."""
    body = hitl_request(5)
    other = {"action_name": "mail", "allowed_decisions": ["approve"]}
    one, two = ({"action_name": "refund", "allowed_decisions": [kind]} for kind in ("approve", "reject"))
    said = await house.send("POST", "/v1/batches", body | {"review_configs": [other, one, two]}, key="agent")
    assert (said.status, pointers(said)) == (422, ["/action_requests/0/name"])
    made = await ask(house, body | {"review_configs": [other, one, one]})
    assert made["requests"][0]["allowed_decisions"] == ["approve"]


async def test_i30_as_many_members_and_values_as_allowed_are_taken(house: House) -> None:
    """The limit of values is one request's, not the whole batch's."""
    made = await ask(house, {"requests": [ONE | {"arguments": {"a": [0] * 9_000}}] * 8})
    assert len(made["requests"]) == 8


async def test_i30_all_members_together_hold_twenty_times_as_many_values() -> None:
    """One value more is refused, and the list that holds too many is named."""
    house = House(Limits(nodes=100), rules=RULES)
    await house.key("agent", "agent")
    # Each is a hundred values: five and those of its list. The body itself is one.
    full = {"tool": "refund", "arguments": {"a": [0] * 95}, "risk": "low"}
    room = full | {"arguments": {"a": [0] * 94}}
    await ask(house, {"requests": [full] * 19 + [room]})
    said = await house.send("POST", "/v1/batches", {"requests": [full] * 20}, key="agent")
    assert (said.status, pointers(said)) == (422, ["/requests"])
    lists = {"action_requests": [{"name": "x", "args": {"a": [0] * 96}}] * 20, "review_configs": []}
    said = await house.send("POST", "/v1/batches", lists, key="agent")
    assert (said.status, pointers(said)) == (422, ["/action_requests"])


async def test_i30_a_batch_has_its_own_limit_of_bytes() -> None:
    """413 above it; above the limit of other bodies it is taken."""
    house = House(Limits(body_bytes=500, batch_bytes=2000), rules=RULES)
    await house.key("agent", "agent")
    await ask(house, {"requests": [ONE | {"title": "x" * 300}] * 3})
    said = await house.send("POST", "/v1/batches", {"requests": [ONE | {"title": "x" * 300}] * 9}, key="agent")
    assert (said.status, said.code) == (413, "too_large")
    assert "2000" in str(said.body["detail"])


async def test_i30_a_batch_that_would_break_a_cap_leaves_nothing_open() -> None:
    """429 with Retry-After, and none of its requests waits for anybody."""
    for caps in (Caps(open_requests=4, per_minute=100), Caps(open_requests=100, per_minute=4)):
        house = House(Limits(caps=caps), rules=RULES)
        await house.key("agent", "agent")
        await ask(house, {"requests": [ONE, ONE]})
        said = await house.send("POST", "/v1/batches", {"requests": [ONE] * 3}, key="agent")
        assert (said.status, said.code) == (429, "too_many_open" if caps.open_requests == 4 else "rate_limited")
        assert int(said.headers["Retry-After"]) >= 1
        assert (await house.store.counts())["pending"] == 2


async def test_a_member_for_a_channel_of_no_rule_refuses_the_batch(house: House) -> None:
    """422, and nothing is open."""
    body = {"requests": [ONE, {"tool": "mail", "arguments": {}, "channel": "slack:#elsewhere"}]}
    said = await house.send("POST", "/v1/batches", body, key="agent")
    assert (said.status, pointers(said)) == (422, ["/requests/1/channel"])
    assert (await house.store.counts())["pending"] == 0


async def test_hostile_bytes_are_refused(house: House) -> None:
    """Broken JSON 400, another content type 415, a wrong Idempotency-Key 422 by its name."""
    broken = await house.send("POST", "/v1/batches", raw=b'{"requests": [', key="agent")
    assert (broken.status, broken.code) == (400, "bad_json")
    twice = await house.send("POST", "/v1/batches", raw=b'{"requests": [], "requests": []}', key="agent")
    assert (twice.status, twice.code) == (400, "bad_json")
    form = await house.send(
        "POST", "/v1/batches", {"requests": [ONE]}, key="agent", headers={"Content-Type": "text/plain"}
    )
    assert (form.status, form.code) == (415, "unsupported_media_type")
    token = await house.send("POST", "/v1/batches", {"requests": [ONE]}, key="agent", headers={"Idempotency-Key": "ä"})
    assert token.body["errors"][0]["header"] == "Idempotency-Key"  # type: ignore[index]


async def test_another_keys_batch_does_not_exist(house: House) -> None:
    """404 for another agent's batch, for one that never was, and for what is no id; all the same."""
    made = await ask(house, {"requests": [ONE]})
    path = f"/v1/batches/{made['id']}"
    sentence = (await house.send("GET", "/v1/batches/bat_never", key="agent")).body["detail"]
    for query in ("", "?wait=60", "?wait=60&ended=0"):
        said = await house.send("GET", path + query, key="other")
        assert (said.status, said.code, said.body["detail"]) == (404, "not_found", sentence)
    request = made["requests"][0]["id"]
    for odd in (request, "%00", "..%2f", "a" * 101, "pile:slack:%23approvals"):
        assert (await house.send("GET", f"/v1/batches/{odd}", key="agent")).status == 404


@pytest.mark.parametrize("key", ["ada", "root"])
async def test_i20_only_agent_keys_ask_in_batches(house: House, key: str) -> None:
    """Neither approvers nor admins ask or look; nothing is opened."""
    made = await ask(house, {"requests": [ONE]})
    for method, path, body in (
        ("POST", "/v1/batches", {"requests": [ONE]}),
        ("GET", f"/v1/batches/{made['id']}", None),
    ):
        said = await house.send(method, path, body, key=key)
        assert (said.status, said.code) == (403, "wrong_role")
    assert (await house.send("GET", f"/v1/batches/{made['id']}")).status == 401
    assert (await house.store.counts())["pending"] == 1


async def test_i03_looking_at_a_batch_decides_nothing(house: House) -> None:
    """No GET changes it, whatever its query says."""
    made = await ask(house, {"requests": [ONE]})
    path = f"/v1/batches/{made['id']}"
    before = await house.store.audit(0, 100)
    for method in ("GET", "HEAD", "OPTIONS"):
        for query in ("", "?kind=approve&version=1", "?decisions=approve"):
            assert (await house.send(method, path + query, key="agent")).status in {200, 405}
    assert await house.store.audit(0, 100) == before


async def test_i13_the_title_of_a_batch_tells_no_secret(house: House) -> None:
    """Quoted in the title, a secret argument is read by the asking key alone."""
    secret = ONE | {"arguments": {"card_token": "tok-123456"}}
    made = await ask(house, {"title": "Charge tok-123456", "requests": [secret]})
    assert made["title"] == "Charge tok-123456"
    (request,) = made["requests"]
    for key in ("ada", "root"):
        shown = await house.send("GET", f"/v1/requests/{request['id']}", key=key)
        assert "tok-123456" not in dumps(shown.body)
        assert shown.body["batch"]["title"] == "Charge ••••••"  # type: ignore[index]


async def test_i13_the_title_of_a_batch_tells_no_secret_beside_another_call_either(house: House) -> None:
    """Whoever looks at one call of a batch reads no secret of another one in its title."""
    secret = ONE | {"arguments": {"card_token": "tok-123456"}}
    made = await ask(house, {"title": "Charge tok-123456", "requests": [ONE, secret, ONE]})
    for key in ("ada", "root"):
        for request in made["requests"]:
            shown = await house.send("GET", f"/v1/requests/{request['id']}", key=key)
            assert shown.body["batch"]["title"] == "Charge ••••••"  # type: ignore[index]
        assert "tok-123456" not in dumps((await house.send("GET", "/v1/queue", key="ada")).body)


async def test_the_same_call_of_the_same_run_is_folded(house: House) -> None:
    """200 and marked, with the request that waits already; in a batch every call keeps its own."""
    call = {"tool": "refund", "arguments": {"amount": 5}, "run_id": "run-7"}
    first = await house.send("POST", "/v1/requests", call, key="agent")
    again = await house.send("POST", "/v1/requests", call, key="agent")
    assert (first.status, again.status) == (201, 200)
    assert "Signoff-Folded" not in first.headers
    assert (again.headers["Signoff-Folded"], again.body["id"]) == ("true", first.body["id"])
    assert "Idempotent-Replayed" not in again.headers
    made = await ask(house, {"requests": [call, call]})
    assert len({one["id"] for one in made["requests"]} | {first.body["id"]}) == 3
    assert len((await house.store.page(Filter(status="pending"), None, 10)).requests) == 3


# ── reading, by itself ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("where", "placed"),
    [
        ("/requests/0/tool", "/action_requests/0/name"),
        ("/requests/1/arguments/a/0", "/action_requests/1/args/a/0"),
        ("/requests/1/arguments", "/action_requests/1/args"),
        ("/requests/1/description", "/action_requests/1/description"),
        ("/requests/1/schema/properties", "/review_configs/3/args_schema/properties"),
        ("/requests/1/allowed_decisions", "/review_configs/3/allowed_decisions"),
        ("/requests/0/channel", "/channel"),
        ("/requests/0", "/action_requests/0"),
        ("/requests", "/action_requests"),
        ("/requests/2/tool", "/requests/2/tool"),
        ("/requests/x/tool", "/requests/x/tool"),
        ("/title", "/title"),
        ("", ""),
    ],
)
def test_faults_are_placed_where_a_hitl_request_holds_them(where: str, placed: str) -> None:
    """Whatever is found about the second call points at its action or its config."""
    assert hitl.placed({where: "wrong"}, [2, 3]) == {placed: "wrong"}


def test_i30_too_many_members_are_refused_before_any_is_looked_at() -> None:
    """However wrong each of them is, there is one fault: the list is too long."""
    for body, name in (({"requests": [0] * 9}, "requests"), (hitl_request(*range(9)), "action_requests")):
        with pytest.raises(Invalid) as refused:
            batches.asked(dumps(body).encode(), Limits(batch=8))
        assert refused.value.fields == {f"/{name}": "This must have at most 8 items."}
    assert len(batches.asked(dumps(hitl_request(*range(8))).encode(), Limits(batch=8)).asks) == 8


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ["requests", "action_requests", "review_configs", "title", "tool", "arguments", "name", "args", "action_name"]


@given(
    st.binary()
    | st.recursive(
        JSON,
        lambda inner: st.dictionaries(st.sampled_from([*FIELDS, "allowed_decisions"]), inner | st.lists(inner)),
        max_leaves=10,
    ).map(lambda value: dumps(value).encode("utf-8", "surrogatepass"))
)
def test_i30_any_bytes_are_a_batch_or_refused(raw: bytes) -> None:
    """Never another error than our own refusals."""
    answered = 201
    try:
        batches.asked(raw, Limits())
    except (Invalid, problem.BadJson) as refusal:
        answered = problem.answer(refusal).status
    assert answered in {201, 400, 422}
