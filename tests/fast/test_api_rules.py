"""Rules at the HTTP door: stages and votes, confirming, retry, grants, freezes, delegations, and each new refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from doorkit import START, House

from signoff import errors
from signoff.api import answers, problem
from signoff.model import Answer, DecidedBy, Decision, Request, Stage, Vote

RULES = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com}
  bob: {name: Bob}
  cleo: {name: Cleo}
  mia: {name: Mia}
groups:
  finance: {members: [ada, bob]}
  board: {members: [cleo]}
defaults:
  show: [slack:#approvals]
  approvers: [finance]
  expires_in: 1h
  any_channel: true
rules:
  - name: large refunds
    when: tool == "refund" && args.amount > 1000.0
    stages:
      - {name: finance, approvers: [finance], quorum: 2}
      - {name: board, approvers: [board]}
  - name: small refunds
    when: tool == "refund"
    secret: [card_token]
    grants: {match: [args.order], max_ttl: 8h, max_uses: 5}
  - name: deployments
    when: tool == "deploy"
    confirm: "${args.service}"
    remind: [15m]
  - name: nothing is dropped
    when: tool == "drop"
    decide: reject
    message: Open a ticket.
"""
BIG = {"arguments": {"order": "A-1", "amount": 5000}}
SMALL: dict[str, object] = {"arguments": {"order": "A-1", "amount": 5, "card_token": "tok_secret_1"}}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(rules=RULES)
    await house.key("agent", "agent")
    for person in ("ada", "bob", "cleo", "mia"):
        await house.key(person, "approver", person=person)
    await house.key("root", "admin")
    yield house
    await house.store.close()


def stages(body: dict[str, object]) -> list[dict[str, object]]:
    found = body["stages"]
    assert isinstance(found, list)
    return found


async def decide(house: House, request: object, key: str, kind: str = "approve", **fields: object) -> problem.Document:
    said = await house.send("POST", f"/v1/requests/{request}/decisions", {"kind": kind, "version": 1} | fields, key=key)
    assert said.status == 200, said.body
    return said.body


# ── stages and votes ─────────────────────────────────────────────────────────────────────────────


async def test_a_vote_that_is_not_the_last_answers_pending(house: House) -> None:
    """Each vote is shown at its stage; the last one of the last stage decides, and everybody who agreed is named."""
    asked = await house.ask(**BIG)
    first, second = stages(asked)
    assert (first["name"], first["approvers"], first["quorum"], first["state"]) == ("finance", ["finance"], 2, "asked")
    assert (second["name"], second["approvers"], second["quorum"], second["state"]) == ("board", ["board"], 1, "next")
    assert (first["votes"], second["votes"], asked["mode"]) == ([], [], "enforce")
    voted = await decide(house, asked["id"], "ada")
    assert (voted["status"], voted["decision"]) == ("pending", None)
    assert stages(voted)[0]["votes"] == [
        {"person": "ada", "name": "Ada", "acting_for": None, "via": "api", "at": "2026-11-20T08:00:00.000Z"}
    ]
    moved = await decide(house, asked["id"], "bob")
    assert [stage["state"] for stage in stages(moved)] == ["done", "asked"]
    assert moved["approvers"] == ["board"]
    last = await decide(house, asked["id"], "cleo")
    assert last["status"] == "approved"
    assert [stage["state"] for stage in stages(last)] == ["done", "done"]
    assert [[vote["person"] for vote in stage["votes"]] for stage in stages(last)] == [["ada", "bob"], ["cleo"]]  # type: ignore[attr-defined]
    made = last["decision"]
    assert isinstance(made, dict)
    assert [who["person"] for who in made["decided_by"]] == ["ada", "bob", "cleo"]
    assert (made["retry"], made["forced"], made["grant"]) == (None, False, None)


async def test_i17_a_second_vote_of_the_same_person_is_refused(house: House) -> None:
    """409, and the first vote stands."""
    asked = await house.ask(**BIG)
    await decide(house, asked["id"], "ada")
    path = f"/v1/requests/{asked['id']}"
    again = await house.send("POST", path + "/decisions", {"kind": "approve", "version": 1}, key="ada")
    assert (again.status, again.code) == (409, "already_voted")
    now = await house.send("GET", path, key="bob")
    assert len(stages(now.body)[0]["votes"]) == 1  # type: ignore[arg-type]


async def test_whoever_voted_may_still_look(house: House) -> None:
    """The first stage's voters see what becomes of it, and so do the people of every stage; nobody else does."""
    asked = await house.ask(**BIG)
    path = f"/v1/requests/{asked['id']}"
    await decide(house, asked["id"], "ada")
    await decide(house, asked["id"], "bob")
    assert (await house.send("GET", path, key="ada")).status == 200
    assert (await house.send("GET", path, key="cleo")).status == 200
    assert (await house.send("GET", path, key="mia")).status == 404


async def test_a_plain_rule_has_one_stage(house: House) -> None:
    """Its approvers, a quorum of one; done when somebody decided, also by an edit or a rejection."""
    for kind, fields in (
        ("approve", {}),
        ("reject", {}),
        ("edit", {"arguments": {"order": "A-1", "amount": 4, "card_token": "••••••"}}),
    ):
        asked = await house.ask(**SMALL)
        (only,) = stages(asked)
        assert (only["name"], only["approvers"], only["quorum"], only["state"]) == ("", ["finance"], 1, "asked")
        decided = await decide(house, asked["id"], "ada", kind, **fields)
        (only,) = stages(decided)
        voters = [vote["person"] for vote in only["votes"]]  # type: ignore[attr-defined]
        assert (only["state"], voters) == ("done", [] if kind == "reject" else ["ada"])


async def test_where_nobody_is_asked_there_are_no_stages(house: House) -> None:
    """A rule's own decision, a notice, shadow and off."""
    dropped = await house.ask(tool="drop")
    assert (dropped["status"], dropped["stages"]) == ("rejected", [])
    assert (await house.ask(allowed_decisions=[]))["stages"] == []
    asked = await house.ask(**SMALL)
    record, _ = await house.store.load(str(asked["id"]))
    for mode in ("shadow", "off"):
        terms = record.terms.model_copy(update={"mode": mode})
        shown = answers.record(record.model_copy(update={"terms": terms}), masked=True)
        assert (shown["mode"], shown["stages"]) == (mode, [])


def _request(record: Request, **update: object) -> list[dict[str, object]]:
    return stages(answers.record(record.model_copy(update=update), masked=True))


async def test_stages_are_a_view_of_the_record(house: House) -> None:
    """Escalated people stand where they are asked, expired steps stay open, forcing is no vote."""
    asked = await house.ask(**BIG)
    record, _ = await house.store.load(str(asked["id"]))
    plan = (Stage(name="first", approvers=("finance",)), Stage(name="second", approvers=("board",)))
    called = record.terms.model_copy(update={"stages": plan, "approvers": ("finance", "mia")})
    assert [one["approvers"] for one in _request(record, terms=called)] == [["finance", "mia"], ["board"]]
    vote = Vote(person="bob", name="Bob", acting_for="ada", via="teams", at=START)
    (first, _) = _request(record, terms=called, votes=(vote,))
    assert first["votes"] == [
        {"person": "bob", "name": "Bob", "acting_for": "ada", "via": "teams", "at": "2026-11-20T08:00:00.000Z"}
    ]
    gone = Decision(kind="expire", decided_at=START, digest=record.digest)
    expired = _request(record, terms=called, status="expired", decision=gone)
    assert [one["state"] for one in expired] == ["asked", "next"]
    forced = gone.model_copy(
        update={"kind": "approve", "forced": True, "decided_by": (DecidedBy(person="mia", at=START),)}
    )
    ended = _request(record, terms=called, status="approved", decision=forced)
    assert [(one["state"], one["votes"]) for one in ended] == [("done", []), ("next", [])]


# ── what is said with a decision ─────────────────────────────────────────────────────────────────


async def test_what_has_to_be_confirmed_is_shown_and_asked_for(house: House) -> None:
    """Without the text 422 at its field; with it the approval counts."""
    asked = await house.ask(tool="deploy", arguments={"service": "api"})
    assert asked["confirm"] == "api"
    path = f"/v1/requests/{asked['id']}/decisions"
    for typed in ({}, {"confirm": "apo"}):
        said = await house.send("POST", path, {"kind": "approve", "version": 1} | typed, key="ada")
        assert (said.status, said.code) == (422, "invalid")
        assert [fault["pointer"] for fault in said.body["errors"]] == ["/confirm"]  # type: ignore[attr-defined]
    same = {"kind": "edit", "version": 1, "arguments": {"service": "api"}}
    said = await house.send("POST", path, same, key="ada")
    assert [fault["pointer"] for fault in said.body["errors"]] == ["/confirm"]  # type: ignore[attr-defined]
    decided = await decide(house, asked["id"], "ada", confirm="api")
    assert decided["status"] == "approved"


@pytest.mark.parametrize("retry", ["never", "with_changes", "ask", None])
async def test_a_rejection_says_what_the_agent_may_do(house: House, retry: str | None) -> None:
    """What the person chose, else `never`."""
    asked = await house.ask(**SMALL)
    decided = await decide(house, asked["id"], "ada", "reject", message="no", retry=retry)
    made = decided["decision"]
    assert isinstance(made, dict)
    assert made["retry"] == (retry or "never")


async def test_i20_forcing_needs_a_right_and_a_reason(house: House) -> None:
    """Without a message 422 before anything else; without the right 403."""
    asked = await house.ask(**SMALL)
    path = f"/v1/requests/{asked['id']}/decisions"
    for message in ({}, {"message": None}, {"message": "  "}):
        said = await house.send("POST", path, {"kind": "approve", "version": 1, "force": True} | message, key="ada")
        assert said.status == 422
        assert [fault["pointer"] for fault in said.body["errors"]] == ["/message"]  # type: ignore[attr-defined]
    why = {"message": "the shop is down"}
    said = await house.send("POST", path, {"kind": "approve", "version": 1, "force": True} | why, key="ada")
    assert said.status == 403
    assert (await house.send("GET", f"/v1/requests/{asked['id']}", key="agent")).body["status"] == "pending"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"retry": "later"}, "/retry"),
        ({"force": "yes"}, "/force"),
        ({"confirm": 5}, "/confirm"),
        ({"grant": True}, "/grant"),
        ({"grant": {"ttl": 60}}, "/grant/uses"),
        ({"grant": {"ttl": 0, "uses": 1}}, "/grant/ttl"),
        ({"grant": {"ttl": 10**30, "uses": 1}}, "/grant/ttl"),
        ({"grant": {"ttl": 60, "uses": 1, "match": []}}, "/grant/match"),
    ],
)
async def test_i30_what_is_wrong_with_a_decision_is_named(
    house: House, fields: dict[str, object], pointer: str
) -> None:
    """A wrong value stands at its own field, and nothing is decided."""
    asked = await house.ask(**SMALL)
    path = f"/v1/requests/{asked['id']}"
    said = await house.send("POST", path + "/decisions", {"kind": "approve", "version": 1} | fields, key="ada")
    assert (said.status, said.code) == (422, "invalid")
    assert said.body["errors"][0]["pointer"] == pointer  # type: ignore[index]
    assert (await house.send("GET", path, key="ada")).body["status"] == "pending"


async def test_more_time_is_given_by_approvers(house: House) -> None:
    """`extend` moves the expiry, `snooze` does not; both need an approver of the request and an open one."""
    asked = await house.ask(tool="deploy", arguments={"service": "api"})
    path = f"/v1/requests/{asked['id']}"
    later = await house.send("POST", path + "/extend", {"seconds": 3600}, key="ada")
    assert (later.status, later.body["expires_at"]) == (200, "2026-11-20T10:00:00.000Z")
    quiet = await house.send("POST", path + "/snooze", {"seconds": 600}, key="bob")
    assert (quiet.status, quiet.body["expires_at"]) == (200, "2026-11-20T10:00:00.000Z")
    for how in ("/extend", "/snooze"):
        assert (await house.send("POST", path + how, {"seconds": 60}, key="mia")).code == "not_an_approver"
        assert (await house.send("POST", path + how, {"seconds": 60}, key="agent")).code == "wrong_role"
        for wrong in ({}, {"seconds": 0}, {"seconds": "60"}, {"seconds": 10**12}):
            assert (await house.send("POST", path + how, wrong, key="ada")).status == 422
    house.time = START + timedelta(minutes=90)
    assert (await house.send("GET", path, key="ada")).body["status"] == "pending"
    await decide(house, asked["id"], "ada", "reject")
    for how in ("/extend", "/snooze"):
        late = await house.send("POST", path + how, {"seconds": 60}, key="ada")
        assert (late.status, late.code) == (409, "already_decided")
        assert late.body["decision"]["kind"] == "reject"  # type: ignore[index]


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────

REFUSALS = [
    (errors.AlreadyVoted(when="08:15 UTC", who="the board"), 409),
    (errors.CannotDecide(why="are a guest here"), 403),
    (errors.DirectoryAway(what="the calendar does not answer"), 503),
    (errors.NotSeen(risk="high"), 403),
    (errors.NotAnOperator(who="Rita"), 403),
    (errors.NotAllowed(why="Not today."), 403),
    (errors.CallFrozen(what="Everything", by="Rita", reason=""), 409),
    (errors.Overtaken(), 409),
    (errors.BadCommand(fault="Hm.", mend="Say it again."), 422),
]


@pytest.mark.parametrize(("error", "status"), REFUSALS, ids=lambda one: getattr(one, "code", one))
def test_each_refusal_has_its_status(error: errors.SignoffError, status: int) -> None:
    """Its sentence is the detail; whoever finds a directory away is told to come back in five seconds."""
    response = problem.answer(error)
    assert response.status == status
    assert problem.document(error)["detail"] == error.sentence
    assert response.headers.get("Retry-After") == ("5" if status == 503 else None)


# ── the kill switch ──────────────────────────────────────────────────────────────────────────────


async def test_a_freeze_stops_decisions_and_runs_until_it_is_thawed(house: House) -> None:
    """409 with who and why; asking, rejecting rules and cancelling go on; after the thaw all is as before."""
    approved, waiting = await house.ask(**SMALL), await house.ask(**SMALL)
    await decide(house, approved["id"], "ada")
    made = await house.send("POST", "/v1/freezes", {"tool": "refund", "reason": "wrong amounts"}, key="root")
    assert (made.status, made.body["covers"], made.body["reach"]) == (201, 1, "It covers 1 waiting call.")
    (freeze,) = made.body["freezes"]  # type: ignore[misc]
    assert (freeze["agent"], freeze["tool"], freeze["reason"]) == (None, "refund", "wrong amounts")
    assert freeze["by"].startswith("root (key ")
    assert (await house.send("GET", "/v1/freezes", key="root")).body == {"freezes": [freeze]}
    consume = ("POST", f"/v1/requests/{approved['id']}/consume", {"arguments": SMALL["arguments"]})
    vote = ("POST", f"/v1/requests/{waiting['id']}/decisions", {"kind": "approve", "version": 1})
    for call, key in ((consume, "agent"), (vote, "ada")):
        said = await house.send(*call, key=key)
        assert (said.status, said.code) == (409, "frozen")
        assert "wrong amounts" in str(said.body["detail"])
    assert (await house.ask(**SMALL))["status"] == "pending"
    assert (await house.ask(tool="drop"))["status"] == "rejected"
    thawed = await house.send("POST", "/v1/freezes/thaw", {"tool": "refund"}, key="root")
    assert (thawed.status, thawed.body) == (200, {"freezes": [freeze]})
    assert (await house.send(*consume, key="agent")).status == 200
    assert (await house.send(*vote, key="ada")).status == 200


async def test_a_freeze_of_an_agent_holds_for_its_keys(house: House) -> None:
    """An agent is named by its key's name too; then every such key is frozen by its id, which it cannot choose."""
    made = await house.send("POST", "/v1/freezes", {"agent": "agent"}, key="root")
    key_id = house.texts["agent"].split("_")[1]
    assert {one["agent"] for one in made.body["freezes"]} == {"agent", key_id}  # type: ignore[attr-defined]
    asked = await house.ask(**SMALL, agent="somebody else")
    said = await house.send(
        "POST", f"/v1/requests/{asked['id']}/decisions", {"kind": "approve", "version": 1}, key="ada"
    )
    assert said.code == "frozen"


async def test_nothing_to_thaw_is_not_found(house: House) -> None:
    """A thaw names the very freeze: lifting all lifts neither a tool's nor nothing at all."""
    await house.send("POST", "/v1/freezes", {"tool": "refund"}, key="root")
    for target in ({}, {"tool": "deploy"}, {"agent": "agent", "tool": "refund"}):
        said = await house.send("POST", "/v1/freezes/thaw", target, key="root")
        assert (said.status, said.code) == (404, "not_found")
        assert "/v1/freezes" in str(said.body["detail"])
    assert len((await house.send("GET", "/v1/freezes", key="root")).body["freezes"]) == 1  # type: ignore[arg-type]


ADMIN_ONLY = [("GET", "/v1/freezes"), ("POST", "/v1/freezes"), ("POST", "/v1/freezes/thaw")]


@pytest.mark.parametrize(("method", "path"), ADMIN_ONLY)
@pytest.mark.parametrize("key", ["agent", "ada"])
async def test_i20_only_admin_keys_freeze(house: House, method: str, path: str, key: str) -> None:
    """Neither agents nor approvers stop, start or look; nothing changes."""
    said = await house.send(method, path, {} if method == "POST" else None, key=key)
    assert (said.status, said.code) == (403, "wrong_role")
    assert not await house.desk.orders.freezes()


# ── grants ───────────────────────────────────────────────────────────────────────────────────────


async def granted(house: House, giver: str = "ada", **wish: object) -> dict[str, object]:
    """A grant of two uses and an hour, with its request's approval."""
    asked = await house.ask(**SMALL)
    await decide(house, asked["id"], giver, grant={"ttl": 3600, "uses": 2} | wish)
    listed = (await house.send("GET", "/v1/grants", key=giver)).body["grants"]
    return next(one for one in listed if one["request"] == asked["id"])  # type: ignore[attr-defined, no-any-return]


async def test_similar_calls_run_by_a_grant_until_it_is_revoked(house: House) -> None:
    """The decision names the grant and the list counts its uses; once revoked, people are asked again."""
    grant = await granted(house)
    assert (grant["giver"], grant["max_uses"], grant["uses"]) == ("ada", 2, 0)
    assert grant["expires_at"] == "2026-11-20T09:00:00.000Z"
    similar = await house.ask(**SMALL)
    made = similar["decision"]
    assert isinstance(made, dict)
    assert (similar["status"], made["grant"]) == ("approved", grant["id"])
    (used,) = (await house.send("GET", "/v1/grants", key="root")).body["grants"]  # type: ignore[misc]
    assert used["uses"] == 1
    gone = await house.send("POST", f"/v1/grants/{grant['id']}/revoke", key="ada")
    assert (gone.status, gone.body["id"]) == (200, grant["id"])
    assert (await house.ask(**SMALL))["status"] == "pending"
    again = await house.send("POST", f"/v1/grants/{grant['id']}/revoke", key="ada")
    assert (again.status, again.code) == (404, "not_found")


async def test_i13_a_grant_shows_no_secret(house: House) -> None:
    """All arguments have to be the same, secrets among them, and none is in the answers."""
    grant = await granted(house, all_arguments=True)
    assert list(grant["match"]) == [""]  # type: ignore[call-overload]
    assert (await house.ask(**SMALL))["status"] == "approved"
    other = {"order": "A-1", "amount": 5, "card_token": "tok_secret_2"}
    assert (await house.ask(arguments=other))["status"] == "pending"
    for path in ("/v1/grants", f"/v1/grants/{grant['id']}/revoke"):
        said = await house.send("GET" if path == "/v1/grants" else "POST", path, key="root")
        assert "tok_secret_1" not in str(said.body)


async def test_grants_are_their_givers(house: House) -> None:
    """Others neither see nor revoke them, except an admin; agents have no business here."""
    grant = await granted(house)
    path = f"/v1/grants/{grant['id']}/revoke"
    assert (await house.send("GET", "/v1/grants", key="bob")).body == {"grants": []}
    assert (await house.send("POST", path, key="bob")).status == 404
    for key, method, where in (("agent", "GET", "/v1/grants"), ("agent", "POST", path)):
        assert (await house.send(method, where, key=key)).code == "wrong_role"
    assert (await house.send("POST", path, key="root")).status == 200
    assert (await house.send("POST", "/v1/grants/x y/revoke", key="root")).status == 404


# ── delegations ──────────────────────────────────────────────────────────────────────────────────


async def test_a_delegate_decides_in_the_givers_place(house: House) -> None:
    """Mia may decide nothing of finance's until Ada lets her; the decision says in whose place she did."""
    asked = await house.ask(**SMALL)
    path = f"/v1/requests/{asked['id']}"
    vote = {"kind": "approve", "version": 1}
    assert (await house.send("POST", path + "/decisions", vote, key="mia")).code == "not_an_approver"
    made = await house.send("POST", "/v1/delegations", {"to": "mia", "for": 600}, key="ada")
    assert made.status == 201
    assert (made.body["giver"], made.body["to"], made.body["scope"]) == ("ada", "mia", None)
    assert made.body["until"] == "2026-11-20T08:10:00.000Z"
    for key in ("ada", "mia", "root"):
        assert (await house.send("GET", "/v1/delegations", key=key)).body == {"delegations": [made.body]}
    assert (await house.send("GET", "/v1/delegations", key="bob")).body == {"delegations": []}
    decided = await decide(house, asked["id"], "mia")
    assert decided["decision"]["decided_by"][0]["acting_for"] == "ada"  # type: ignore[index]
    end = f"/v1/delegations/{made.body['id']}/end"
    assert (await house.send("POST", end, key="bob")).status == 404
    ended = await house.send("POST", end, key="ada")
    assert (ended.status, ended.body) == (200, made.body)
    assert (await house.send("POST", end, key="ada")).code == "not_found"
    other = await house.ask(**SMALL)
    said = await house.send("POST", f"/v1/requests/{other['id']}/decisions", vote, key="mia")
    assert said.code == "not_an_approver"
    assert (await house.send("GET", path, key="mia")).status == 200, "what she decided she may look at"
    assert (await house.send("GET", f"/v1/requests/{other['id']}", key="mia")).status == 404


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"to": "mia"}, 422, "/until"),
        ({"to": "mia", "for": 60, "until": "2026-11-21T08:00:00Z"}, 422, "/until"),
        ({"to": "mia", "until": "tomorrow"}, 422, "/until"),
        ({"to": "mia", "until": "2026-11-21T08:00:00"}, 422, "/until"),
        ({"to": "mia", "until": "2026-11-20T07:59:59Z"}, 422, "/until"),
        ({"to": "mia", "until": "9999-12-31T23:59:59-14:00"}, 422, "/until"),
        ({"to": "mia", "for": 0}, 422, "/for"),
        ({"to": "mia", "seconds": 60}, 422, "/seconds"),
        ({"for": 60}, 422, "/to"),
        ({"to": "mia", "for": 60, "giver": "bob"}, 422, "/giver"),
        ({"to": "zoe", "for": 60}, 403, None),
        ({"to": "ada", "for": 60}, 403, None),
        ({"to": "mia", "for": 60, "scope": "gardens"}, 403, None),
    ],
)
async def test_a_delegation_that_cannot_be_is_refused(
    house: House, body: dict[str, object], status: int, where: str | None
) -> None:
    """Its fault is named, and the giver is always the key's own person."""
    said = await house.send("POST", "/v1/delegations", body, key="ada")
    assert said.status == status, said.body
    if where is not None:
        assert said.body["errors"][0]["pointer"] == where  # type: ignore[index]
    assert not await house.desk.orders.delegations()


async def test_until_may_name_any_offset(house: House) -> None:
    """A moment is a moment; a scope is a rule or a group."""
    body = {"to": "mia", "until": "2026-11-20T10:30:00+01:30", "scope": "finance"}
    made = await house.send("POST", "/v1/delegations", body, key="ada")
    assert (made.status, made.body["until"], made.body["scope"]) == (201, "2026-11-20T09:00:00.000Z", "finance")


async def test_i20_agents_and_admins_delegate_nothing(house: House) -> None:
    """A delegation has a person behind it."""
    for key in ("agent", "root"):
        said = await house.send("POST", "/v1/delegations", {"to": "mia", "for": 60}, key=key)
        assert said.code == "wrong_role"
    assert (await house.send("GET", "/v1/delegations", key="agent")).code == "wrong_role"


def test_an_answer_carries_every_field_of_the_body() -> None:
    """What a decision's body can say, the desk hears: no field is forgotten on the way."""
    from signoff.api.body import DecisionBody

    assert set(DecisionBody.model_fields) == set(Answer.model_fields) - {"entries", "batch"}
