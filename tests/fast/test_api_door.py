"""The HTTP door over the real desk and the memory twin, handler by handler; the socket stands in tests/wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from doorkit import House
from hypothesis import given
from hypothesis import strategies as st

from signoff import digest, errors
from signoff.api import answers, keys, openapi, problem
from signoff.api import body as bodies
from signoff.api.requests import STATUSES
from signoff.errors import Invalid, SignoffError, StoreUnavailable
from signoff.model import Ask, dumps, loads
from signoff.ports import Caps, Limits


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.key("agent", "agent")
    await house.key("other", "agent")
    await house.key("ada", "approver", person="ada")
    await house.key("mia", "approver", person="mia")
    await house.key("root", "admin")
    yield house
    await house.store.close()


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


async def test_ask_answers_everything_that_was_asked(house: House) -> None:
    """The answer is the body plus id, status, version, digest, times and decision; bookkeeping stays inside."""
    ask = {
        "tool": "refund",
        "arguments": {"order": "A-1001", "amount": 500},
        "title": "Refund",
        "risk": "high",
        "schema": {"type": "object", "properties": {"amount": {"type": "number"}}},
        "editable": ["amount"],
        "allowed_decisions": ["approve", "edit", "reject"],
        "response_schema": None,
        "agent": "support-agent",
        "run_id": "run-7",
        "tool_call_id": "call_9",
        "thread_url": "https://example.com",
        "on_behalf_of": "ada@example.com",
        "channel": "slack:#refunds",
        "expires_in": 3600,
        "callback_url": None,
        "metadata": {"x": 1},
    }
    said = await house.send("POST", "/v1/requests", ask, key="agent")
    assert said.status == 201
    assert {name: said.body[name] for name in ask} == ask
    assert said.body["status"] == "pending"
    assert said.body["version"] == 1
    assert said.body["decision"] is None
    assert said.body["created_at"] == "2026-11-20T08:00:00.000Z"
    assert said.body["expires_at"] == "2026-11-20T09:00:00.000Z"
    assert str(said.body["digest"]).startswith("sha256:")
    assert said.body["rule"] == "refunds"
    assert not {"terms", "versions", "asked_by", "owner", "rev"} & said.body.keys()
    assert said.headers["Location"] == f"/v1/requests/{said.body['id']}"


async def test_answers_show_what_the_rule_made_of_the_request(house: House) -> None:
    """Risk, editable arguments, decisions and approvers are those that count, not those that were asked for."""
    asked = await house.ask(risk="low", editable=["b"], arguments={"a": 1, "b": 2})
    record = await house.store.load(str(asked["id"]))
    strict = record[0].terms.model_copy(
        update={"risk": "critical", "editable": ("a",), "approvers": ("ada", "finance")}
    )
    shown = answers.record(record[0].model_copy(update={"terms": strict}), masked=False)
    assert (shown["risk"], shown["editable"], shown["approvers"]) == ("critical", [], ["ada", "finance"])
    assert shown["allowed_decisions"] == ["approve", "reject"]
    wider = strict.model_copy(update={"risk": None, "editable": None})
    shown = answers.record(record[0].model_copy(update={"terms": wider}), masked=True)
    assert (shown["risk"], shown["editable"]) == ("low", ["b"])
    assert shown["allowed_decisions"] == ["approve", "edit", "reject"]


async def test_replay_answers_the_first_request(house: House) -> None:
    """Same Idempotency-Key and body: 200, marked as replayed, also when long decided; another body: 409."""
    headers = {"Idempotency-Key": "run-7:call_9"}
    ask = {"tool": "refund", "arguments": {"amount": 500}}
    first = await house.send("POST", "/v1/requests", ask, key="agent", headers=headers)
    path = f"/v1/requests/{first.body['id']}"
    await house.send("POST", path + "/decisions", {"kind": "approve", "version": 1}, key="ada")
    again = await house.send("POST", "/v1/requests", ask, key="agent", headers=headers)
    assert (first.status, again.status) == (201, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body["id"] == first.body["id"]
    assert again.body["status"] == "approved"
    other = await house.send("POST", "/v1/requests", ask | {"title": "x"}, key="agent", headers=headers)
    assert (other.status, other.code) == (409, "idempotency_conflict")
    mine = await house.send("POST", "/v1/requests", ask | {"title": "x"}, key="other", headers=headers)
    assert mine.status == 201


async def test_numbers_keep_every_digit(house: House) -> None:
    """What is sent comes back digit for digit: long decimals, large integers, and plain floats."""
    text = (
        '{"tool":"t","arguments":{"a":0.1000000000000000000001,"b":123456789012345678901234567890,"c":1e400,"d":0.1}}'
    )
    said = await house.send("POST", "/v1/requests", raw=text.encode(), key="agent")
    assert said.status == 201
    arguments = dumps(said.body["arguments"])
    assert arguments == '{"a":0.1000000000000000000001,"b":123456789012345678901234567890,"c":1E+400,"d":0.1}'


BAD: list[tuple[object, str, str]] = [
    ({"arguments": {}}, "/tool", "This field is required."),
    ({"tool": "", "arguments": {}}, "/tool", "This must have at least 1 character(s)."),
    ({"tool": 5, "arguments": {}}, "/tool", "This must be text."),
    ({"tool": "t"}, "/arguments", "This field is required."),
    ({"tool": "t", "arguments": []}, "/arguments", "This must be a JSON object."),
    ({"tool": "t", "arguments": {}, "riks": "high"}, "/riks", "There is no such field."),
    ({"tool": "t", "arguments": {}, "schema_": {}}, "/schema_", "There is no such field."),
    ({"tool": "t", "arguments": {}, "a/b~c": 1}, "/a~1b~0c", "There is no such field."),
    ({"tool": "t", "arguments": {}, "risk": "huge"}, "/risk", "This must be one of"),
    ({"tool": "t", "arguments": {}, "channel": 5}, "/channel", "This must be text."),
    ({"tool": "t", "arguments": {}, "channel": ["slack:#a"]}, "/channel", "This must be text."),
    ({"tool": "t", "arguments": {}, "channel": "x" * 501}, "/channel", "This must have at most 500 characters."),
    ({"tool": "t", "arguments": {}, "expires_in": "60"}, "/expires_in", "This must be a whole number."),
    ({"tool": "t", "arguments": {}, "expires_in": True}, "/expires_in", "This must be a whole number."),
    ({"tool": "t", "arguments": {}, "expires_in": 0}, "/expires_in", "This must be at least 1."),
    ({"tool": "t", "arguments": {}, "editable": "amount"}, "/editable", "This must be a list."),
    ({"tool": "t", "arguments": {}, "editable": [1]}, "/editable/0", "This must be text."),
    ({"tool": "t", "arguments": {}, "allowed_decisions": ["wave"]}, "/allowed_decisions/0", "This must be one of"),
    ({"tool": "t", "arguments": {}, "callback_url": "http://10.0.0.1/"}, "/callback_url", "is not a public address"),
    ([], "", "The body must be a JSON object."),
    ({"tool": "t", "arguments": {"a": 10**1001}}, "/arguments/a", "digits"),
]


@pytest.mark.parametrize(("body", "where", "sentence"), BAD)
async def test_i30_faults_are_named_by_pointer(house: House, body: object, where: str, sentence: str) -> None:
    """A wrong body is refused with 422, a JSON pointer and a sentence for the fault."""
    said = await house.send("POST", "/v1/requests", body, key="agent")
    assert (said.status, said.code) == (422, "invalid")
    faults = said.body["errors"]
    assert isinstance(faults, list)
    assert faults[0]["pointer"] == where
    assert sentence in faults[0]["detail"]
    assert await house.store.counts() == dict.fromkeys(STATUSES, 0)


async def test_expires_in_may_be_written_as_a_float(house: House) -> None:
    """60.0 is a whole number in JSON."""
    said = await house.send("POST", "/v1/requests", raw=b'{"tool":"t","arguments":{},"expires_in":60.0}', key="agent")
    assert said.body["expires_at"] == "2026-11-20T08:01:00.000Z"


HOSTILE: list[tuple[bytes, int, str]] = [
    (b"", 400, "bad_json"),
    (b"{", 400, "bad_json"),
    (b"\xff\xfe{}", 400, "bad_json"),
    (b"\xef\xbb\xbf{}", 400, "bad_json"),
    (b'{"tool":"t","arguments":{"a":"\\ud800"}}', 400, "bad_json"),
    (b'{"tool":"t","arguments":{"\\udfff":1}}', 400, "bad_json"),
    (b'{"tool":"t","arguments":{"a":1,"a":2}}', 400, "bad_json"),
    (b'{"tool":"t","arguments":{},"tool":"u"}', 400, "bad_json"),
    (b'{"tool":"t","arguments":{"\\udfff":1,"\\udfff":1}}', 400, "bad_json"),
    (b'{"tool": NaN}', 400, "bad_json"),
    (b'{"tool": Infinity}', 400, "bad_json"),
    (b'{"tool": ' + b"9" * 5000 + b"}", 400, "bad_json"),
    (b"[" * 200_000, 400, "bad_json"),
    (b'{"tool":"t","arguments":{"a":' + b"[" * 40 + b"]" * 40 + b"}}", 422, "invalid"),
    (b'{"tool":"t","arguments":{"a":[' + b"0," * 10_000 + b"0]}}", 422, "invalid"),
    (b'{"tool":"t","arguments":{"a":1e999999999}}', 422, "invalid"),
    (b'{"tool":"t","arguments":{"a":"' + b"x" * 256 * 1024 + b'"}}', 413, "too_large"),
    (b"null", 422, "invalid"),
    (b'"x"', 422, "invalid"),
]


@pytest.mark.parametrize(("raw", "status", "code"), HOSTILE)
async def test_i30_hostile_bodies_are_refused(house: House, raw: bytes, status: int, code: str) -> None:
    """Broken, huge, deep and wrongly encoded bodies get a problem document, and nothing is recorded."""
    said = await house.send("POST", "/v1/requests", raw=raw, key="agent")
    assert (said.status, said.code) == (status, code)
    assert await house.store.counts() == dict.fromkeys(STATUSES, 0)


async def test_null_characters_are_only_text(house: House) -> None:
    """A NUL in an argument is kept as it is."""
    made = await house.ask(arguments={"a": "x\u0000y"})
    assert made["arguments"] == {"a": "x\u0000y"}


async def test_body_must_be_json_by_name(house: House) -> None:
    """Another content type, or none, is 415; a charset of UTF-8 is fine."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""):
        said = await house.send("POST", "/v1/requests", raw=b"{}", key="agent", headers={"Content-Type": kind})
        assert (said.status, said.code) == (415, "unsupported_media_type")
    headers = {"Content-Type": 'application/json; charset="UTF-8"'}
    said = await house.send("POST", "/v1/requests", {"tool": "t", "arguments": {}}, key="agent", headers=headers)
    assert said.status == 201


async def test_idempotency_key_must_be_printable(house: House) -> None:
    """An empty, long or non-ASCII Idempotency-Key is refused by the header's name."""
    for token in ("", " ", "x" * 256, "ä", "a\x00b"):
        said = await house.send(
            "POST", "/v1/requests", {"tool": "t", "arguments": {}}, key="agent", headers={"Idempotency-Key": token}
        )
        assert (said.status, said.code) == (422, "invalid")
        assert said.body["errors"][0]["header"] == "Idempotency-Key"  # type: ignore[index]


async def test_i30_caps_are_429_with_retry_after() -> None:
    """Too many requests a minute, and too many open ones, are told when to come back."""
    house = House(Limits(caps=Caps(open_requests=2, per_minute=3)))
    await house.key("agent", "agent")
    await house.ask()
    await house.ask()
    body = {"tool": "refund", "arguments": {}}
    full = await house.send("POST", "/v1/requests", body, key="agent")
    assert (full.status, full.code) == (429, "too_many_open")
    assert int(full.headers["Retry-After"]) >= 1
    await house.send("POST", "/v1/requests", {"tool": "n", "arguments": {}, "allowed_decisions": []}, key="agent")
    fast = await house.send("POST", "/v1/requests", body, key="agent")
    assert (fast.status, fast.code) == (429, "rate_limited")
    assert 1 <= int(fast.headers["Retry-After"]) <= 60


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer so_",
        "Basic so_x",
        "Bearer so_0123456789ab_" + "x" * 43,
        "Bearer so_0123456789ab_" + "ä" * 43,
        "Bearer " + "x" * 8000,
    ],
)
async def test_i29_no_or_wrong_key_is_401(house: House, header: str | None) -> None:
    """Without a good key there is 401 and nothing else, whatever the header holds."""
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("POST", "/v1/requests"), ("GET", "/v1/requests/req_1"), ("GET", "/v1/audit")):
        said = await house.send(method, path, headers=headers)
        assert (said.status, said.code) == (401, "unauthorized")
        assert said.headers["WWW-Authenticate"].startswith("Bearer")


async def test_i29_revoked_and_altered_keys_are_401(house: House) -> None:
    """A revoked key, or a key with another secret, opens nothing."""
    text = house.texts["agent"]
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert (await house.send("GET", "/v1/requests", key=wrong)).status == 401
    parsed = keys.parse(text)
    assert parsed is not None
    assert (await house.send("GET", "/v1/requests", key="agent")).status == 200
    assert await house.store.revoke_key(parsed[0])
    assert (await house.send("GET", "/v1/requests", key="agent")).status == 401


async def test_i29_keys_are_stored_hashed(house: House) -> None:
    """The record of a key holds no secret, and its repr not even the hash."""
    stored = await house.store.keys()
    for name, text in house.texts.items():
        parsed = keys.parse(text)
        assert parsed is not None, name
        assert all(parsed[1] not in key.model_dump_json() for key in stored)
    assert "secret_hash" not in repr(stored[0])


async def test_i20_roles_open_only_their_doors(house: House) -> None:
    """Each role reaches exactly its own calls; the others are 403, whatever the body."""
    made = await house.ask()
    one = f"/v1/requests/{made['id']}"
    doors = {
        ("POST", "/v1/requests"): {"agent"},
        ("POST", one + "/cancel"): {"agent"},
        ("POST", one + "/consume"): {"agent"},
        ("POST", one + "/outcome"): {"agent"},
        ("POST", one + "/decisions"): {"ada"},
        ("GET", "/v1/audit"): {"root"},
        ("GET", one): {"agent", "ada", "root"},
        ("GET", "/v1/requests"): {"agent", "ada", "root"},
    }
    for (method, path), allowed in doors.items():
        for key in ("agent", "ada", "root"):
            said = await house.send(method, path, {} if method == "POST" and "cancel" not in path else None, key=key)
            if key not in allowed:
                assert (said.status, said.code) == (403, "wrong_role"), (method, path, key)
            else:
                assert said.status != 403, (method, path, key)
    assert (await house.send("GET", "/v1/events", key="ada")).status == 403


async def test_another_keys_request_does_not_exist(house: House) -> None:
    """404 for another agent's request, for one the person may not decide, and for what never was: all the same."""
    made = await house.ask()
    one = f"/v1/requests/{made['id']}"
    sentence = (await house.send("GET", "/v1/requests/req_never", key="agent")).body["detail"]
    for key in ("other", "mia"):
        said = await house.send("GET", one, key=key)
        assert (said.status, said.code, said.body["detail"]) == (404, "not_found", sentence)
    for verb, body in (("cancel", {}), ("consume", {"arguments": {}}), ("outcome", {"status": "failed"})):
        said = await house.send("POST", f"{one}/{verb}", body, key="other")
        assert (said.status, said.code) == (404, "not_found")
    for odd in ("%00", "%ff", "..%2f..", "a" * 200, "%F0%9F%98%80"):
        assert (await house.send("GET", f"/v1/requests/{odd}", key="root")).status == 404


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


async def test_lists_are_each_keys_own(house: House) -> None:
    """An agent lists and counts what it asked, an approver lists what the person may decide, an admin everything."""
    refund = await house.ask()
    garden = await house.ask("other", tool="garden")
    listed: dict[str, object] = {}
    counted: dict[str, object] = {}
    for key in ("agent", "other", "ada", "mia", "root"):
        page = await house.send("GET", "/v1/requests", key=key)
        listed[key] = {one["id"] for one in page.body["requests"]}  # type: ignore[union-attr]
        counted[key] = page.body.get("counts")
    assert listed == {
        "agent": {refund["id"]},
        "other": {garden["id"]},
        "ada": {refund["id"]},
        "mia": {garden["id"]},
        "root": {refund["id"], garden["id"]},
    }
    none = dict.fromkeys(STATUSES, 0)
    one, two = none | {"pending": 1}, none | {"pending": 2}
    assert counted == {"agent": one, "other": one, "ada": None, "mia": None, "root": two}


async def test_pages_follow_the_cursor(house: House) -> None:
    """Following the cursor gives every request once, in the order of asking."""
    made = []
    for _ in range(5):
        house.time += timedelta(milliseconds=1)
        made.append((await house.ask())["id"])
    found: list[object] = []
    cursor = ""
    while True:
        page = await house.send("GET", f"/v1/requests?limit=2&status=pending{cursor}", key="agent")
        found += [one["id"] for one in page.body["requests"]]  # type: ignore[union-attr]
        if page.body["cursor"] is None:
            break
        cursor = f"&cursor={page.body['cursor']}"
    assert found == made


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("status=open", "status"),
        ("risk=huge", "risk"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=%EF%BC%91", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("cursor=%00", "cursor"),
        ("agent=", "agent"),
        ("agent=%ff%fe%ed%a0%80" + "x" * 600, "agent"),
    ],
)
async def test_wrong_parameters_are_named(house: House, query: str, parameter: str) -> None:
    """A wrong parameter is 422 with its name."""
    said = await house.send("GET", f"/v1/requests?{query}", key="agent")
    assert (said.status, said.code) == (422, "invalid")
    assert said.body["errors"][0]["parameter"] == parameter  # type: ignore[index]


async def test_wait_ends_with_the_decision(house: House) -> None:
    """A long poll answers as soon as the request is decided."""
    made = await house.ask()
    one = f"/v1/requests/{made['id']}"
    waiting = asyncio.create_task(house.send("GET", one + "?wait=60", key="agent"))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await house.send("POST", one + "/decisions", {"kind": "approve", "version": 1}, key="ada")
    said = await asyncio.wait_for(waiting, 2)
    assert said.body["status"] == "approved"


async def test_wait_that_runs_out_is_no_error(house: House) -> None:
    """Nothing decided within `wait`: 200 and still pending; a wait outside 0–60 is refused."""
    made = await house.ask()
    one = f"/v1/requests/{made['id']}"
    said = await house.send("GET", one + "?wait=1", key="agent")
    assert (said.status, said.body["status"]) == (200, "pending")
    for wait in ("61", "-1", "1.5", "", "x"):
        assert (await house.send("GET", f"{one}?wait={wait}", key="agent")).status == 422


async def test_i30_waits_per_key_are_capped() -> None:
    """Too many waits of one key are 429, other keys are untouched, and a wait that ends makes room."""
    house = House(Limits(waits_per_key=1))
    await house.key("agent", "agent")
    await house.key("ada", "approver", person="ada")
    one = f"/v1/requests/{(await house.ask())['id']}"
    first = asyncio.create_task(house.send("GET", one + "?wait=60", key="agent"))
    await asyncio.sleep(0.01)
    second = await house.send("GET", one + "?wait=60", key="agent")
    assert (second.status, second.code) == (429, "too_many_waits")
    assert "Retry-After" in second.headers
    other = asyncio.create_task(house.send("GET", one + "?wait=60", key="ada"))
    await house.send("POST", one + "/cancel", key="agent")
    assert (await first).body["status"] == (await other).body["status"] == "cancelled"
    again = f"/v1/requests/{(await house.ask())['id']}"
    assert (await house.send("GET", again + "?wait=1", key="agent")).status == 200


async def test_i13_secrets_are_shown_only_to_the_asking_key(house: House) -> None:
    """Everybody but the key that asked reads dots: in arguments, changes, the decision and in texts that quote them."""
    schema = {"type": "object", "properties": {"password": {"type": "string", "writeOnly": True}}}
    arguments = {"card_token": "tok-123456", "password": "hunter22", "amount": 5}
    made = await house.ask(arguments=arguments, schema=schema, reason="uses tok-123456")
    one = f"/v1/requests/{made['id']}"
    assert made["arguments"] == arguments
    edit = {"kind": "edit", "version": 1, "arguments": {"card_token": "••••••", "password": "••••••", "amount": 4}}
    decided = await house.send("POST", one + "/decisions", edit, key="ada")
    assert decided.status == 200, decided.body
    for key in ("ada", "root"):
        seen = dumps((await house.send("GET", one, key=key)).body)
        assert "hunter22" not in seen
        assert "tok-123456" not in seen
        assert "••••••" in seen
    own = (await house.send("GET", one, key="agent")).body
    assert own["decision"]["arguments"] == {**arguments, "amount": 4}  # type: ignore[index]


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────


async def test_decision_answers_the_request(house: House) -> None:
    """An approver's decision is in the answer: who, through what, when, on which arguments, with a receipt."""
    made = await house.ask(arguments={"amount": 500})
    one = f"/v1/requests/{made['id']}"
    body = {"kind": "edit", "version": 1, "arguments": {"amount": 400}, "message": "cap is 400"}
    said = await house.send("POST", one + "/decisions", body, key="ada")
    assert (said.status, said.body["status"], said.body["version"]) == (200, "approved", 2)
    decision = said.body["decision"]
    assert isinstance(decision, dict)
    assert decision["kind"] == "edit"
    assert decision["arguments"] == {"amount": 400}
    assert decision["changes"] == [{"path": "/amount", "from": 500, "to": 400}]
    assert decision["message"] == "cap is 400"
    assert decision["decided_by"] == [{"person": "ada", "name": "Ada", "via": "api", "at": "2026-11-20T08:00:00.000Z"}]
    claims = digest.verify(str(decision["receipt"]), {"keys": [house.signer.jwk()]}, check_expiry=False)
    assert claims["digest"] == decision["digest"] == said.body["digest"]


async def test_i01_second_decision_is_told_the_first(house: House) -> None:
    """A decision that comes too late is 409 with the decision that stands."""
    made = await house.ask()
    one = f"/v1/requests/{made['id']}"
    await house.send("POST", one + "/decisions", {"kind": "reject", "version": 1, "message": "no"}, key="ada")
    late = await house.send("POST", one + "/decisions", {"kind": "approve", "version": 1}, key="ada")
    assert (late.status, late.code) == (409, "already_decided")
    assert late.body["decision"]["kind"] == "reject"  # type: ignore[index]
    assert late.body["request"]["status"] == "rejected"  # type: ignore[index]
    gone = await house.send("POST", one + "/cancel", key="agent")
    assert (gone.status, gone.code) == (409, "already_decided")
    assert gone.body["decision"]["message"] == "no"  # type: ignore[index]


async def test_i07_stale_version_is_refused_with_the_new_one(house: House) -> None:
    """A decision on another version is 409 and shows the version that stands."""
    made = await house.ask()
    said = await house.send(
        "POST", f"/v1/requests/{made['id']}/decisions", {"kind": "approve", "version": 2}, key="ada"
    )
    assert (said.status, said.code) == (409, "stale_version")
    assert said.body["decision"] is None
    assert said.body["request"]["version"] == 1  # type: ignore[index]


async def test_refused_decisions_have_their_codes(house: House) -> None:
    """Not an approver 403, nobody may approve 403, not offered 422, invalid edit 422 with the pointer."""
    schema = {"type": "object", "properties": {"amount": {"type": "number", "maximum": 1000}}}
    made = await house.ask(arguments={"amount": 5}, schema=schema)
    one = f"/v1/requests/{made['id']}/decisions"
    mia = await house.send("POST", one, {"kind": "approve", "version": 1}, key="mia")
    assert (mia.status, mia.code) == (403, "not_an_approver")
    crafted = await house.send("POST", one, {"kind": "respond", "version": 1, "response": "x"}, key="ada")
    assert (crafted.status, crafted.code) == (422, "not_offered")
    edit = await house.send("POST", one, {"kind": "edit", "version": 1, "arguments": {"amount": 5000}}, key="ada")
    assert (edit.status, edit.code) == (422, "invalid")
    assert edit.body["errors"][0]["pointer"] == "/arguments/amount"  # type: ignore[index]
    orphan = await house.ask(tool="orphan")
    path = f"/v1/requests/{orphan['id']}/decisions"
    nobody = await house.send("POST", path, {"kind": "approve", "version": 1}, key="ada")
    assert (nobody.status, nobody.code) == (403, "nobody_may_approve")
    entries = await house.send("POST", one, {"kind": "edit", "version": 1, "entries": {"/amount": "1"}}, key="ada")
    assert entries.status == 422


async def test_i10_consume_burns_once(house: House) -> None:
    """Consume: 409 before approval, 409 for other arguments, 200 once, 409 ever after; then the outcome is recorded."""
    made = await house.ask(arguments={"amount": 500})
    one = f"/v1/requests/{made['id']}"
    body = {"arguments": {"amount": 500}}
    early = await house.send("POST", one + "/consume", body, key="agent")
    assert (early.status, early.code) == (409, "not_approved")
    await house.send("POST", one + "/decisions", {"kind": "approve", "version": 1}, key="ada")
    other = await house.send("POST", one + "/consume", {"arguments": {"amount": 501}}, key="agent")
    assert (other.status, other.code) == (409, "digest_mismatch")
    burnt = await house.send("POST", one + "/consume", body, key="agent")
    assert (burnt.status, burnt.body["consumed_at"]) == (200, "2026-11-20T08:00:00.000Z")
    again = await house.send("POST", one + "/consume", body, key="agent")
    assert (again.status, again.code) == (409, "already_consumed")
    done = await house.send("POST", one + "/outcome", {"status": "succeeded", "detail": "ok"}, key="agent")
    assert done.body["outcome"] == {"status": "succeeded", "detail": "ok", "at": "2026-11-20T08:00:00.000Z"}


async def test_an_outcome_that_is_said_twice_is_one(house: House) -> None:
    """Its answer was lost, so it came again: no second line in the trail. Another outcome is one."""
    made = await house.ask()
    one = f"/v1/requests/{made['id']}"
    await house.send("POST", one + "/decisions", {"kind": "approve", "version": 1}, key="ada")

    async def reported(**outcome: str) -> tuple[str, int]:
        said = await house.send("POST", one + "/outcome", outcome, key="agent")
        return said.body["outcome"]["status"], len(await house.store.audit(0, 100))

    first = await reported(status="succeeded", detail="ok")
    assert await reported(status="succeeded", detail="ok") == first
    assert await reported(status="failed", detail="ok") == ("failed", first[1] + 1)


async def test_i03_no_get_decides(house: House) -> None:
    """GET, HEAD and the other reading methods at every address leave a request as it was."""
    made = await house.ask()
    one = f"/v1/requests/{made['id']}"
    before = await house.store.audit(0, 100)
    for path in (one, *(f"{one}/{verb}" for verb in ("cancel", "consume", "outcome", "decisions")), "/v1/requests"):
        for query in ("", "?kind=approve&version=1", "?decision=approve"):
            for method in ("GET", "HEAD", "OPTIONS"):
                for key in ("agent", "ada", "root"):
                    said = await house.send(method, path + query, key=key)
                    assert said.status in {200, 403, 405}, (method, path)
    assert (await house.send("GET", one, key="root")).body["status"] == "pending"
    assert await house.store.audit(0, 100) == before


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────


async def test_audit_is_for_admins_and_verifies(house: House) -> None:
    """The audit pages hold the lines exactly as hashed, so that the chain verifies from them."""
    from signoff import audit

    made = await house.ask()
    await house.send("POST", f"/v1/requests/{made['id']}/cancel", key="agent")
    page = (await house.send("GET", "/v1/audit?limit=1", key="root")).body
    rest = (await house.send("GET", f"/v1/audit?after={page['after']}", key="root")).body
    rows = [*page["lines"], *rest["lines"]]  # type: ignore[misc]
    lines = [audit.Line(row["seq"], row["at_ms"], row["body"], row["link"]) for row in rows]
    assert len(lines) == 2
    assert audit.verify(lines) == []
    assert rest["after"] == 2


async def test_unknown_paths_and_methods_are_problems(house: House) -> None:
    """404 and 405 are problem documents too; 405 lists what is allowed."""
    nowhere = await house.send("GET", "/v2/nothing")
    assert (nowhere.status, nowhere.code) == (404, "not_found")
    wrong = await house.send("DELETE", "/v1/requests")
    assert (wrong.status, wrong.code) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET, POST"


async def test_store_away_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis away: 503 with Retry-After, and the sentence says that nothing was recorded."""

    async def away(*_: object) -> None:
        raise StoreUnavailable

    made = await house.ask()
    monkeypatch.setattr(house.store, "open", away)
    said = await house.send("POST", "/v1/requests", {"tool": "t", "arguments": {}}, key="agent")
    assert (said.status, said.code) == (503, "store_unavailable")
    assert "nothing was recorded" in str(said.body["detail"])
    assert said.headers["Retry-After"] == "1"
    monkeypatch.setattr(house.store, "key", away)
    assert (await house.send("GET", f"/v1/requests/{made['id']}", key="agent")).status == 503


async def test_surprises_become_a_problem_without_details(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of ours is a 500 problem that shows nothing of the inside; the log says where, not what (I13)."""

    async def broken(*_: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(house.store, "key", broken)
    said = await house.send("GET", "/v1/requests", key="agent")
    assert (said.status, said.code) == (500, "internal")
    assert "inside" not in dumps(said.body)
    assert "RuntimeError at" in caplog.text
    assert "inside" not in caplog.text


async def test_health_and_readiness(house: House) -> None:
    """Alive always; ready when Redis is well and, if there are chats, at least one of them."""
    assert (await house.send("GET", "/healthz")).status == 200
    for parts, status in (
        ({"redis": None}, 200),
        ({"redis": "Redis cannot be reached."}, 503),
        ({"redis": None, "slack": None, "teams": "away"}, 200),
        ({"redis": None, "slack": "away"}, 503),
        ({"redis": "away", "slack": None}, 503),
    ):
        house.well = dict(parts)
        said = await house.send("GET", "/readyz")
        assert (said.status, said.body["parts"]) == (status, parts)


async def test_receipt_keys_are_published(house: House) -> None:
    """The key set holds the public key only."""
    said = await house.send("GET", "/.well-known/jwks.json")
    assert said.body == {"keys": [house.signer.jwk()]}
    assert "d" not in said.body["keys"][0]  # type: ignore[index]


async def test_openapi_lists_exactly_the_addresses(house: House) -> None:
    """Every address is in the document and every documented one exists; what is not there yet is not promised."""
    spec = (await house.send("GET", "/openapi.json")).body
    paths = spec["paths"]
    assert isinstance(paths, dict)
    documented = {(method.upper(), path) for path, item in paths.items() for method in item}
    served = {
        (route.method, route.resource.canonical)
        for route in house.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert documented == served
    assert spec["openapi"] == "3.1.0"


def test_openapi_refers_only_to_what_it_holds() -> None:
    """No dangling references, and nothing of the record's bookkeeping."""
    spec = openapi.document(Limits(body_bytes=1024))
    text = dumps(spec)
    components = spec["components"]
    assert isinstance(components, dict)
    for name in {part.split('"')[0] for part in text.split(openapi.REF)[1:]}:
        assert name in components["schemas"]
    assert "asked_by" not in text
    assert "secret_hash" not in text


def _every_error() -> list[type[SignoffError]]:
    found, todo = [], [SignoffError]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        found.append(kind)
    return found


AGENTS_SIDE = {"not_run", "rejected", "expired", "cancelled", "unavailable", "refused"} | {
    "ids_reused",
    "not_set_up",
    "doubtful",
    "unusable",
    "already_started",
    "on_hold",
    "repeated",
}
DESK = {"budget_spent", "counted", "moved_on", "remembered", "review_gone"}
"""Said inside and in chats only."""
BOOT = {"bad_config", "bad_policy", "chat_error", "chat_busy", "undeliverable", "error"}


def test_every_error_has_its_status() -> None:
    """Each code that can reach the door stands in the table."""
    codes = {kind.code for kind in _every_error() if kind.__module__ in {errors.__name__, problem.__name__}}
    assert codes - AGENTS_SIDE - DESK - BOOT == set(problem.STATUS)


@given(
    st.sampled_from(
        [errors.NotApproved, errors.StoreUnavailable, errors.RateLimited, errors.WrongRole, errors.TooLarge]
    ),
    st.text(),
)
def test_problems_can_always_be_sent(kind: type[SignoffError], text: str) -> None:
    """Whatever an error carries, its problem document is UTF-8 JSON with type, title, status and detail."""
    names = ("status", "retry_after", "needed", "role", "limit")
    response = problem.answer(kind(**dict.fromkeys(names, text)))
    assert isinstance(response.body, bytes)
    parsed = loads(response.body)
    assert isinstance(parsed, dict)
    assert {"type", "title", "status", "detail"} <= parsed.keys()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary() | JSON.map(lambda value: dumps(value).encode("utf-8", "surrogatepass")))
def test_i30_parser_takes_or_refuses_any_bytes(raw: bytes) -> None:
    """Any bytes become a model or one of our refusals, never another error."""
    answered: list[int] = []
    for model in (Ask, bodies.DecisionBody, bodies.ConsumeBody, bodies.OutcomeBody, bodies.Nothing):
        try:
            made = bodies.parse(raw, model, Limits())
        except (Invalid, problem.BadJson) as refusal:
            answered.append(problem.answer(refusal).status)
        else:
            assert isinstance(made, model)
    assert set(answered) <= {400, 422}


@given(st.dictionaries(st.text(), JSON, max_size=5), st.sampled_from(["schema", "metadata", "arguments"]))
def test_accepted_bodies_are_kept_as_they_are(value: dict[str, object], field: str) -> None:
    """What the parser lets through it does not change."""
    body = {"tool": "t", "arguments": {}} | {field: value}
    ask = bodies.parse(dumps(body).encode(), Ask, Limits())
    kept = ask.schema_ if field == "schema" else getattr(ask, field)
    assert dumps(kept) == dumps(loads(dumps(value)))


def test_i30_limits_count_depth_and_values() -> None:
    """One more level or value than allowed is refused, exactly as many are taken."""
    limits = Limits(depth=3, nodes=5)
    bodies.check({"a": {"b": {"c": 1}}}, limits)
    with pytest.raises(Invalid, match="nested deeper than 3"):
        bodies.check({"a": {"b": {"c": {"d": 1}}}}, limits)
    bodies.check([1, 2, 3, 4], limits)
    with pytest.raises(Invalid, match="more than 5 values"):
        bodies.check([1, 2, 3, 4, 5], limits)
