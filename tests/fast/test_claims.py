"""Approvals that are consumed in the very step that makes them, for whoever runs the call at once: door and gate."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from doorkit import House, Said

from signoff import AlreadyStarted, Doubtful, Gate, Rejected, Unavailable, call
from signoff.api import body, requests
from signoff.client import requests as verbs
from signoff.client import wire as wires
from signoff.client.wire import Document, Lost, Reply, Wire
from signoff.model import loads

RULES = """
version: 1
people:
  ada: {name: Ada}
defaults:
  show: [slack:#approvals]
  approvers: [ada]
  expires_in: 1h
rules:
  - {name: small, when: 'tool == "refund" && args.amount <= 50', decide: approve}
  - {name: told, when: 'tool == "tidy"', decide: notify}
  - {name: never, when: 'tool == "drop"', decide: reject, message: Open a ticket.}
  - {name: few, when: 'tool == "page"', decide: approve, budget: {calls: 1, per: 1h}}
  - {name: alike, when: 'tool == "deploy"', grants: {match: [args.service], max_ttl: 8h, max_uses: 5}}
"""
MINE, OTHER = "claim-of-the-first-one", "claim-of-the-other-one"
SMALL: dict[str, object] = {"tool": "refund", "arguments": {"amount": 20}}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(rules=RULES)
    await house.key("agent", "agent")
    await house.key("ada", "approver", person="ada")
    await house.key("root", "admin")
    yield house
    await house.store.close()


async def ask(house: House, body: Mapping[str, object], claim: str | None = None, key: str | None = None) -> Said:
    headers = ({} if claim is None else {"Signoff-Claim": claim}) | ({} if key is None else {"Idempotency-Key": key})
    return await house.send("POST", "/v1/requests", body, key="agent", headers=headers)


async def consume(house: House, asked: Said, claim: str | None = None, **arguments: object) -> Said:
    headers = {} if claim is None else {"Signoff-Claim": claim}
    body = {"arguments": arguments or asked.body["arguments"]}
    return await house.send("POST", f"/v1/requests/{asked.body['id']}/consume", body, key="agent", headers=headers)


async def lines(house: House) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for line in await house.store.audit(0, 1000):
        body = loads(line.body)
        assert isinstance(body, dict)
        found.append(body)
    return found


# ── at the door ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [SMALL, {"tool": "tidy", "arguments": {}}])
async def test_i10_an_approval_by_a_rule_is_consumed_with_the_ask(house: House, body: dict[str, object]) -> None:
    """Approved and consumed in one answer, and by nobody afterwards."""
    asked = await ask(house, body, MINE)
    assert (asked.status, asked.body["status"], asked.headers["Signoff-Claimed"]) == (201, "approved", "true")
    assert asked.body["consumed_at"] == "2026-11-20T08:00:00.000Z"
    for claim in (None, OTHER):
        again = await consume(house, asked, claim)
        assert (again.status, again.code) == (409, "already_consumed")


async def test_i25_one_audit_line_says_asked_decided_and_consumed(house: House) -> None:
    """Written in the step that opens the request; a call that is not consumed says nothing of it."""
    await ask(house, SMALL, MINE)
    await ask(house, SMALL)
    first, second = await lines(house)
    assert (first["type"], first["consumed"], first["decision"]["kind"]) == ("asked", True, "approve")  # type: ignore[index]
    assert "consumed" not in second


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"tool": "refund", "arguments": {"amount": 5000}}, "pending"),
        ({"tool": "drop", "arguments": {}}, "rejected"),
        ({"tool": "refund", "arguments": {"amount": 20}, "allowed_decisions": []}, "responded"),
        ({"tool": "refund", "arguments": {"amount": 20}, "allowed_decisions": ["respond", "reject"]}, "pending"),
    ],
)
async def test_i10_nothing_but_an_approval_is_consumed(house: House, body: dict[str, object], status: str) -> None:
    """What waits, is rejected, told or to be answered stays as it is; a later approval is consumed as ever, once."""
    asked = await ask(house, body, MINE)
    assert (asked.body["status"], asked.body["consumed_at"]) == (status, None)
    assert "Signoff-Claimed" not in asked.headers
    if body == {"tool": "refund", "arguments": {"amount": 5000}}:
        decided = f"/v1/requests/{asked.body['id']}/decisions"
        await house.send("POST", decided, {"kind": "approve", "version": 1}, key="ada")
        assert (await consume(house, asked, OTHER)).status == 200
        assert (await consume(house, asked, MINE)).code == "already_consumed"


async def test_without_a_claim_an_approval_waits_to_be_consumed(house: House) -> None:
    """As ever; also when the same ask is repeated with a claim, which comes too late to be part of it."""
    asked = await ask(house, SMALL, None, "k")
    again = await ask(house, SMALL, MINE, "k")
    assert (asked.body["consumed_at"], again.body["consumed_at"], again.status) == (None, None, 200)
    assert "Signoff-Claimed" not in again.headers
    assert (await consume(house, asked)).status == 200


async def test_a_repeated_ask_is_claimed_by_the_same_caller_alone(house: House) -> None:
    """The same Idempotency-Key and claim: it is yours. Another claim, or none: it was consumed before."""
    await ask(house, SMALL, MINE, "k")
    for claim, mine in ((MINE, "true"), (OTHER, None), (None, None)):
        again = await ask(house, SMALL, claim, "k")
        assert (again.status, again.headers["Idempotent-Replayed"]) == (200, "true")
        assert again.headers.get("Signoff-Claimed") == mine
        assert again.body["consumed_at"] is not None


async def test_a_frozen_call_is_not_consumed(house: House) -> None:
    """A freeze keeps a rule's approval from counting: people are asked, and the claim takes nothing."""
    await house.desk.orders.freeze(None, "refund", "fraud", by="ada", via="test")
    asked = await ask(house, SMALL, MINE)
    assert (asked.body["status"], asked.body["consumed_at"]) == ("pending", None)
    assert "Signoff-Claimed" not in asked.headers


async def test_a_spent_budget_claims_nothing_more(house: House) -> None:
    """The one call within the budget is claimed, the next one waits for people."""
    body: dict[str, object] = {"tool": "page", "arguments": {}}
    first, second = await ask(house, body, MINE), await ask(house, body, OTHER)
    assert (first.headers.get("Signoff-Claimed"), second.headers.get("Signoff-Claimed")) == ("true", None)
    assert (second.body["status"], second.body["consumed_at"]) == ("pending", None)


async def test_a_call_under_a_grant_is_claimed(house: House) -> None:
    """Somebody has allowed such calls: that is an approval at once, too."""
    body: dict[str, object] = {"tool": "deploy", "arguments": {"service": "api"}}
    first = await ask(house, body)
    path = f"/v1/requests/{first.body['id']}/decisions"
    given = {"kind": "approve", "version": 1, "grant": {"ttl": 3600, "uses": 2}}
    assert (await house.send("POST", path, given, key="ada")).status == 200
    asked = await ask(house, body, MINE)
    assert (asked.headers.get("Signoff-Claimed"), asked.body["status"]) == ("true", "approved")


async def test_a_repeated_consume_goes_on_for_the_same_caller(house: House) -> None:
    """Same claim: 200 again, late and frozen too. Other arguments never pass, nor another claim; one line in all."""
    asked = await ask(house, SMALL)
    assert (await consume(house, asked, MINE)).status == 200
    await house.desk.orders.freeze(None, "refund", "fraud", by="ada", via="test")
    house.time += timedelta(days=40)
    again = await consume(house, asked, MINE)
    assert (again.status, again.body["consumed_at"]) == (200, "2026-11-20T08:00:00.000Z")
    assert (await consume(house, asked, MINE, amount=21)).code == "digest_mismatch"
    for claim in (None, OTHER):
        assert (await consume(house, asked, claim)).code == "already_consumed"
    assert [line["type"] for line in await lines(house)].count("consumed") == 1


@pytest.mark.parametrize("claim", ["", "short", "x" * 129, "with a space in the middle", "späßchen-und-noch-mehr"])
async def test_a_claim_is_a_long_random_word(house: House, claim: str) -> None:
    """422 that names the header, at both addresses; nothing is recorded or consumed."""
    refused = await ask(house, SMALL, claim)
    assert (refused.status, refused.code) == (422, "invalid")
    assert refused.body["errors"][0]["header"] == "Signoff-Claim"  # type: ignore[index]
    assert not await lines(house)
    asked = await ask(house, SMALL)
    assert (await consume(house, asked, claim)).status == 422


async def test_i29_a_claim_is_kept_as_a_hash_and_told_to_nobody(house: House) -> None:
    """Neither the record, nor an answer, nor the audit holds it."""
    asked = await ask(house, SMALL, MINE)
    record = await house.desk.get(str(asked.body["id"]))
    assert MINE not in record.model_dump_json()
    assert "claim" not in asked.body
    seen = await house.send("GET", f"/v1/requests/{record.id}", key="root")
    assert record.claim is not None
    assert record.claim not in f"{seen.body}{await lines(house)}"


async def test_what_was_read_before_a_slow_body_is_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock and the record count as they are when the body is there, not when its call began."""
    monkeypatch.setattr(requests, "FRESH", 0.0)
    reading = body.read

    async def slowly(*args: Any, **named: Any) -> object:
        house.time += timedelta(hours=2)
        return await reading(*args, **named)

    asked = await ask(house, SMALL)
    waits = await ask(house, {"tool": "refund", "arguments": {"amount": 5000}})
    monkeypatch.setattr(body, "read", slowly)
    late = await ask(house, SMALL)
    assert late.body["created_at"] == "2026-11-20T10:00:00.000Z"
    assert (await consume(house, waits)).code == "not_approved"
    assert (await house.desk.get(str(waits.body["id"]))).status == "expired"
    assert (await consume(house, asked)).body["consumed_at"] == "2026-11-20T14:00:00.000Z"


async def test_i29_who_may_not_call_hears_only_that(house: House) -> None:
    """A wrong key, an approver's: 401 and 403, whether or not there is such a request."""
    asked = await ask(house, SMALL)
    for request, verb in itertools.product((asked.body["id"], "req_none", "\x7f"), ("consume", "outcome")):
        sent = {"arguments": {"amount": 20}} if verb == "consume" else {"status": "failed"}
        for key, code in (("so_000000000000_" + "x" * 43, "unauthorized"), ("ada", "wrong_role")):
            said = await house.send("POST", f"/v1/requests/{request}/{verb}", sent, key=key)
            assert said.code == code
    assert (await house.desk.get(str(asked.body["id"]))).consumed_at is None


# ── at the gate ──────────────────────────────────────────────────────────────────────────────────


class Doorstep(Wire):
    """Goes to the house without a socket. `lose`: of which calls the answer does not come back, once each. `unmarked`:
    a proxy on the way takes all headers of ours out of the answers.
    """

    def __init__(self, house: House) -> None:
        super().__init__("http://service.invalid", "so_test")
        self.house = house
        self.calls: list[str] = []
        self.lose: set[str] = set()
        self.unmarked = False
        self.taken: list[str] = []
        """Names of the headers that it took."""
        self.changed: Callable[[Reply], Reply] = lambda reply: reply

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        waiting: float = 0.0,
    ) -> Reply:
        await asyncio.sleep(0)
        verb = f"{method} {path.rpartition('/')[2]}"
        self.calls.append(verb)
        said = await self.house.send(method, path, body, key="agent", headers=headers)
        if verb in self.lose:
            self.lose.remove(verb)
            raise Lost("it did not answer in time")
        taken = [name for name in said.headers if self.unmarked and name.startswith("Signoff-")]
        self.taken += taken
        marks = [name not in taken and said.headers.get(name) == "true" for name in wires.MARKS]
        return self.changed(Reply(said.status, said.body, None, *marks))


@pytest.fixture
def step(house: House, monkeypatch: pytest.MonkeyPatch) -> Doorstep:
    step = Doorstep(house)
    monkeypatch.setattr(verbs, "Wire", lambda *_: step)
    monkeypatch.setattr(wires, "FIRST_PAUSE", 0.001)
    return step


class Refund:
    def __init__(self, gate: Gate) -> None:
        self.ran: list[int] = []

        @gate.tool
        async def refund(amount: int) -> int:
            self.ran.append(amount)
            return amount

        self.tool = refund


async def test_a_tool_that_a_rule_lets_run_makes_two_calls(step: Doorstep) -> None:
    """Asked with a claim, and the outcome reported: nothing is left to consume."""
    refund = Refund(Gate("http://service.invalid", "so_test"))
    assert await refund.tool(20) == 20
    assert (refund.ran, step.calls) == ([20], ["POST requests", "POST outcome"])


async def test_i22_a_lost_answer_to_the_ask_strands_nothing(step: Doorstep) -> None:
    """The approval was consumed when the answer was lost: the same attempt, asking again, goes on."""
    step.lose = {"POST requests"}
    refund = Refund(Gate("http://service.invalid", "so_test"))
    assert await refund.tool(20) == 20
    assert (refund.ran, step.calls) == ([20], ["POST requests", "POST requests", "POST outcome"])


async def test_i22_a_lost_answer_to_consume_strands_nothing(step: Doorstep) -> None:
    """The same attempt says it again and goes on; another one is told that it began."""
    step.lose = {"POST consume"}
    gate = Gate("http://service.invalid", "so_test")
    decision = await gate.ask("refund", {"amount": 20})
    await gate.consume(decision)
    assert step.calls.count("POST consume") == 2
    with pytest.raises(AlreadyStarted):
        await gate.consume(decision)


async def test_i10_the_same_call_made_again_does_not_run(step: Doorstep) -> None:
    """With the same ids, one after the other or at once, also from another process: one runs it."""
    gates = [Gate("http://service.invalid", "so_test", run_id="run-1") for _ in range(2)]
    refunds = [Refund(gate) for gate in gates]

    async def run(refund: Refund) -> object:
        with call(tool_call_id="c1"):
            return await refund.tool(20)

    told = await asyncio.gather(*(run(one) for one in (*refunds, *refunds)), return_exceptions=True)
    told.append((await asyncio.gather(run(refunds[0]), return_exceptions=True))[0])
    assert sorted(type(one).__name__ for one in told) == ["AlreadyStarted"] * 4 + ["int"]
    assert sum(len(one.ran) for one in refunds) == 1


async def test_ask_consumes_nothing_by_itself(step: Doorstep) -> None:
    """Its user consumes when the call runs, which may be much later; `ask_to_run` does so now."""
    gate = Gate("http://service.invalid", "so_test")
    decision = await gate.ask("refund", {"amount": 20})
    assert (await step.house.desk.get(decision.id)).consumed_at is None
    decision = await gate.ask_to_run("refund", {"amount": 20})
    assert (await step.house.desk.get(decision.id)).consumed_at is not None


async def test_i10_a_claimed_decision_is_consumed_once(step: Doorstep) -> None:
    """The first `consume` needs no call; whoever comes second with it is told that it runs already."""
    gate = Gate("http://service.invalid", "so_test")
    decision = await gate.ask_to_run("refund", {"amount": 20})
    told = await asyncio.gather(*(gate.consume(decision) for _ in range(5)), return_exceptions=True)
    assert [type(one).__name__ for one in told].count("NoneType") == 1
    assert [type(one).__name__ for one in told].count("AlreadyStarted") == 4


async def test_asking_to_run_waits_for_people_as_ever(step: Doorstep, house: House) -> None:
    """What a rule does not let run at once is consumed after the decision, by a call of its own; a no stays a no."""
    gate = Gate("http://service.invalid", "so_test")

    async def decide(kind: str) -> None:
        async for event in house.desk.events("0"):
            if (await house.desk.get(event.request)).open:
                await house.send(
                    "POST", f"/v1/requests/{event.request}/decisions", {"kind": kind, "version": 1}, key="ada"
                )
                return

    asked = asyncio.create_task(gate.ask_to_run("refund", {"amount": 5000}))
    await decide("approve")
    decision = await asked
    assert (await house.desk.get(decision.id)).consumed_at is None
    await gate.consume(decision)
    assert "POST consume" in step.calls
    asked = asyncio.create_task(gate.ask_to_run("refund", {"amount": 6000}))
    await decide("reject")
    with pytest.raises(Rejected):
        await asked


async def test_i10_a_claim_for_other_arguments_runs_nothing(step: Doorstep) -> None:
    """A service that says it consumed something else is not believed."""

    def lie(reply: Reply) -> Reply:
        made = reply.body.get("decision")
        if not isinstance(made, dict):
            return reply
        arguments: Document = {"amount": 21}
        return Reply(200, {**reply.body, "decision": {**made, "arguments": arguments}}, None, True, False, True)

    step.changed = lie
    refund = Refund(Gate("http://service.invalid", "so_test"))
    with pytest.raises(Doubtful):
        await refund.tool(20)
    assert not refund.ran


async def test_i10_a_claim_that_is_not_consumed_counts_for_nothing(step: Doorstep) -> None:
    """What says "yours" without having been consumed is consumed as ever, before anything runs."""

    def lie(reply: Reply) -> Reply:
        if "consumed_at" not in reply.body or step.calls[-1] != "POST requests":
            return reply
        return Reply(reply.status, {**reply.body, "consumed_at": None}, None, False, False, True)

    step.changed = lie
    refund = Refund(Gate("http://service.invalid", "so_test"))
    with pytest.raises(AlreadyStarted):
        await refund.tool(20)
    assert "POST consume" in step.calls
    assert not refund.ran


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(("amount", "unmarked"), [(20, False), (20, True), (5000, False)])
async def test_a_call_that_is_cancelled_while_it_is_asked_leaves_no_run_without_an_end(
    step: Doorstep, house: House, monkeypatch: pytest.MonkeyPatch, amount: int, unmarked: bool, again: bool
) -> None:
    """What was consumed in that step says that nothing ran; what people are asked about waits for them as ever.

    Also where it is cancelled `again`, and then it waits for nothing.
    """
    step.unmarked = unmarked
    asked, go_on, send = asyncio.Event(), asyncio.Event(), step.send

    async def held(method: str, path: str, *args: Any, **options: Any) -> Reply:
        reply = await send(method, path, *args, **options)
        if path.endswith("/requests"):
            asked.set()
            await go_on.wait()
        return reply

    monkeypatch.setattr(step, "send", held)
    refund = Refund(Gate("http://service.invalid", "so_test"))
    others = asyncio.all_tasks()
    task = asyncio.create_task(refund.tool(amount))
    await asyncio.wait_for(asked.wait(), 5)
    task.cancel()
    await asyncio.sleep(0)
    if again:
        task.cancel()
        await asyncio.wait({task})
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    if again:
        await asyncio.wait(asyncio.all_tasks() - others)
    assert not refund.ran
    [request] = (await house.send("GET", "/v1/requests", key="agent")).body["requests"]
    outcome = None if request["outcome"] is None else (request["outcome"]["status"], request["outcome"]["detail"])
    if amount == 20:
        assert (request["status"], outcome) == ("approved", ("failed", "Not run: the call was cancelled."))
    else:
        assert (request["status"], outcome) == ("pending", None)


# ── through a proxy that keeps our headers ───────────────────────────────────────────────────────


async def test_i22_a_proxy_that_keeps_the_mark_strands_nothing(step: Doorstep) -> None:
    """What was approved for this attempt runs in it, once, whether or not the first answer came back."""
    step.unmarked = True
    refund = Refund(Gate("http://service.invalid", "so_test"))
    assert await refund.tool(20) == 20
    assert step.taken == ["Signoff-Claimed"]
    step.lose = {"POST requests", "POST consume"}
    assert await refund.tool(30) == 30
    assert refund.ran == [20, 30]


async def test_i10_without_the_mark_another_attempt_does_not_run(step: Doorstep) -> None:
    """The same ids again, later, at once, or in another process: the service knows whose claim it was. Nor does an
    attempt of which that cannot be heard.
    """
    step.unmarked = True
    gates = [Gate("http://service.invalid", "so_test", run_id="run-1", patience=0) for _ in range(2)]
    refunds = [Refund(gate) for gate in gates]

    async def run(refund: Refund) -> object:
        with call(tool_call_id="c1"):
            return await refund.tool(20)

    told = await asyncio.gather(*(run(one) for one in (*refunds, *refunds)), return_exceptions=True)
    told += await asyncio.gather(run(refunds[0]), return_exceptions=True)
    assert sorted(type(one).__name__ for one in told) == ["AlreadyStarted"] * 4 + ["int"]
    step.lose = {"POST consume"}
    with pytest.raises(Unavailable):
        await run(refunds[1])
    assert sum(len(one.ran) for one in refunds) == 1


async def test_i10_without_the_mark_a_folded_call_runs_once(step: Doorstep, house: House) -> None:
    """Both were asked as one request, and neither is told so: whoever consumes the approval first runs it."""
    step.unmarked = True
    refund = Refund(Gate("http://service.invalid", "so_test", run_id="run-1"))
    asked = [asyncio.create_task(refund.tool(5000)) for _ in range(2)]  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        while "Signoff-Folded" not in step.taken:  # noqa: ASYNC110  # a header that is gone sends no event
            await asyncio.sleep(0)
    (waiting,) = (await house.send("GET", "/v1/requests?status=pending", key="agent")).body["requests"]  # type: ignore[misc]
    path = f"/v1/requests/{waiting['id']}/decisions"
    assert (await house.send("POST", path, {"kind": "approve", "version": 1}, key="ada")).status == 200
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(one).__name__ for one in told) == ["AlreadyStarted", "int"]
    assert refund.ran == [5000]


async def test_i10_without_the_mark_a_lie_runs_nothing(step: Doorstep) -> None:
    """A yes about another request, or other arguments, is none."""
    step.unmarked = True

    def lie(reply: Reply) -> Reply:
        return Reply(200, {**reply.body, "digest": "sha256:0"}) if step.calls[-1] == "POST consume" else reply

    step.changed = lie
    refund = Refund(Gate("http://service.invalid", "so_test"))
    with pytest.raises(Doubtful):
        await refund.tool(20)
    assert not refund.ran
