"""The gate runs what was approved, once, and nothing on any doubt. The service is scripted and has no socket."""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import pytest
from pydantic import BaseModel, field_validator

import signoff
from signoff import (
    AlreadyStarted,
    Cancelled,
    Doubtful,
    Expired,
    Gate,
    IdsReused,
    NotSetUp,
    OnHold,
    Refused,
    Rejected,
    Unavailable,
    Unusable,
    call,
)
from signoff.client import parting
from signoff.client import requests as verbs
from signoff.client import wire as wires
from signoff.client.wire import Document, Lost, Reply, Wire
from signoff.model import dumps, loads

Step = Callable[[str, str, Document], Reply | None]


class Service(Wire):
    """What a service would answer, through JSON text as on the wire. `decide` makes the decision; `on` may step in."""

    def __init__(self, decide: Callable[[Document], Document] | None = None) -> None:
        super().__init__("http://service.invalid", "so_test")
        self.decide = decide or (lambda request: approve(request))
        self.calls: list[tuple[str, str, Document]] = []
        self.keys: dict[str, Document] = {}
        self.on: Step = lambda method, path, body: None
        self.made = 0
        self.polled = asyncio.Event()

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
        sent: Document = loads(dumps(body)) if body is not None else {}  # type: ignore[assignment]
        self.calls.append((method, path, sent))
        reply = self.on(method, path, sent)
        if reply is None:
            reply = self.answer(method, path, sent, (headers or {}).get("Idempotency-Key", ""))
        return Reply(reply.status, loads(dumps(reply.body)), reply.retry_after, reply.replayed)  # type: ignore[arg-type]

    def answer(self, method: str, path: str, body: Document, key: str) -> Reply:
        if path == "/v1/requests":
            if key in self.keys:
                return Reply(200, self.keys[key], replayed=True)
            self.made += 1
            self.keys[key] = {
                "allowed_decisions": ["approve", "edit", "reject"],
                **body,
                "id": f"req_{self.made}",
                "status": "pending",
                "version": 1,
                "digest": "sha256:1",
                "decision": None,
                "consumed_at": None,
                "created_at": "2026-11-20T08:00:00.000Z",
                "expires_at": "2026-11-20T09:00:00.000Z",
            }
            return Reply(201, self.keys[key])
        request = next(one for one in self.keys.values() if one["id"] == path.split("/")[3])
        if method == "GET":
            self.polled.set()
            request.update(self.decide(request))
        elif path.endswith("/consume"):
            if request["consumed_at"]:
                return problem(409, "already_consumed")
            decision = request["decision"]
            assert isinstance(decision, dict)
            if body["arguments"] != decision["arguments"]:
                return problem(409, "digest_mismatch")
            request["consumed_at"] = "2026-11-20T08:01:00.000Z"
        elif path.endswith("/outcome"):
            request["outcome"] = body
        return Reply(200, request)

    @property
    def paths(self) -> list[str]:
        return [path.rpartition("/")[2] for method, path, _ in self.calls if method == "POST"]

    def last(self, end: str) -> Document:
        return next(body for _, path, body in reversed(self.calls) if path.endswith(end))


def problem(status: int, code: str) -> Reply:
    return Reply(
        status, {"type": f"https://signoff.dev/problems/{code}", "detail": f"It was {code}.", "status": status}
    )


def decision(request: Document, kind: str, status: str, **fields: object) -> Document:
    made: Document = {
        "kind": kind,
        "arguments": None,
        "changes": [],
        "message": None,
        "response": None,
        "decided_by": [{"person": "ada", "name": "Ada", "via": "slack", "at": "2026-11-20T08:00:30.000Z", "new": 1}],
        "decided_at": "2026-11-20T08:00:30.000Z",
        "digest": request["digest"],
        "receipt": "a.b.c",
        "something_new": True,
    }
    return {"status": status, "decision": made | fields}


def approve(request: Document) -> Document:
    return decision(request, "approve", "approved", arguments=request["arguments"])


def edit(**changes: object) -> Callable[[Document], Document]:
    def decide(request: Document) -> Document:
        arguments = request["arguments"]
        assert isinstance(arguments, dict)
        return {"version": 2, "digest": "sha256:2"} | decision(
            {"digest": "sha256:2"}, "edit", "approved", arguments={**arguments, **changes}
        )

    return decide


def end(kind: str, status: str, **fields: object) -> Callable[[Document], Document]:
    return lambda request: decision(request, kind, status, **fields)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real pauses."""
    monkeypatch.setattr(wires, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(wires, "LONGEST_PAUSE", 0.002)
    monkeypatch.setattr(verbs, "REPORT_PATIENCE", 0.02)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def gate(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    monkeypatch.setattr(verbs, "Wire", lambda *_: service)
    made = Gate("http://service.invalid", "so_test", agent="support-agent", patience=0.05)
    yield made
    made.blocking.close()


class Refund:
    """A tool that remembers what it ran with."""

    def __init__(self, gate: Gate, **options: object) -> None:
        self.ran: list[object] = []

        @gate.tool(**options)  # type: ignore[arg-type]
        async def issue_refund(order: str, amount: Decimal = Decimal(500)) -> str:
            """Issue a refund.

            Args:
                amount: How much.
            """
            self.ran.append((order, amount))
            return f"refunded {amount}"

        self.tool = issue_refund


async def test_approved_call_consumes_runs_and_reports(gate: Gate, service: Service) -> None:
    """Asked, approved, consumed with the very arguments, run, reported: in this order."""
    refund = Refund(gate, risk="high", editable=["amount"])
    assert await refund.tool("A-1001") == "refunded 500"
    assert refund.ran == [("A-1001", Decimal(500))]
    assert service.paths == ["requests", "consume", "outcome"]
    asked = service.calls[0][2]
    assert asked["arguments"] == {"order": "A-1001", "amount": 500}
    assert asked["agent"] == "support-agent"
    assert asked["title"] == "Issue refund"
    assert asked["description"] == "Issue a refund."
    assert (asked["risk"], asked["editable"]) == ("high", ["amount"])
    assert service.last("/consume") == {"arguments": {"order": "A-1001", "amount": 500}}
    assert service.last("/outcome") == {"status": "succeeded", "detail": None}


async def test_edited_arguments_are_what_runs(gate: Gate, service: Service) -> None:
    """After an edit the function runs the edited arguments, in its own types."""
    service.decide = edit(amount=loads("400.10"))
    refund = Refund(gate)
    await refund.tool("A-1001", amount=Decimal(500))
    assert refund.ran == [("A-1001", Decimal("400.1"))]
    assert service.last("/consume") == {"arguments": {"order": "A-1001", "amount": 400.1}}


@pytest.mark.parametrize(
    ("decide", "error", "words"),
    [
        (
            end("reject", "rejected", message="not our customer"),
            Rejected,
            "Ada rejected .*issue_refund: not our customer",
        ),
        (
            end("reject", "rejected", message="No.", decided_by=[{"rule": "no refunds", "at": "2026-11-20T08:00:00Z"}]),
            Rejected,
            'The rule "no refunds" rejected',
        ),
        (end("expire", "expired", decided_by=[], receipt=None), Expired, "Nobody decided about issue_refund"),
        (end("cancel", "cancelled", decided_by=[], receipt=None), Cancelled, "was cancelled"),
    ],
)
async def test_i05_each_end_is_its_own_error(
    gate: Gate, service: Service, decide: Callable[[Document], Document], error: type[Exception], words: str
) -> None:
    """Rejected, expired and cancelled raise different errors whose text a model can read; nothing runs."""
    service.decide = decide
    refund = Refund(gate)
    with pytest.raises(error, match=words):
        await refund.tool("A-1001")
    assert not refund.ran
    assert service.paths == ["requests"]


@pytest.mark.parametrize(
    ("retry", "message", "words"),
    [
        ("never", "wrong customer", "Ada rejected this call of issue_refund: wrong customer. Do not try this again."),
        ("never", None, "Ada rejected this call of issue_refund: no reason was given. Do not try this again."),
        (
            "with_changes",
            "the cap is 400",
            "Ada rejected this call of issue_refund. You may try again with changes: the cap is 400",
        ),
        (
            "with_changes",
            None,
            "Ada rejected this call of issue_refund: no reason was given. You may try again with changes.",
        ),
        ("ask", "not today!", "Ada rejected this call of issue_refund: not today! You may ask again later."),
        (None, "no", "Ada rejected this call of issue_refund: no"),
    ],
)
async def test_a_rejection_says_what_may_be_done_next(
    gate: Gate, service: Service, retry: str | None, message: str | None, words: str
) -> None:
    """In words for a model and as a value for code; a service that says nothing about it is not interpreted."""
    service.decide = end("reject", "rejected", message=message, retry=retry)
    with pytest.raises(Rejected) as caught:
        await Refund(gate).tool("A-1001")
    assert caught.value.sentence == words
    assert caught.value.retry == retry
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.sentence, copied.retry) == (words, retry)
    with pytest.raises(Rejected, match=re.escape(words)):
        await asyncio.to_thread(gate.blocking.ask, "issue_refund", {})


async def test_a_frozen_call_does_not_run_and_can_run_later(gate: Gate, service: Service) -> None:
    """Frozen between approval and run: nothing runs, nothing is burnt, and the same call made after the thaw does."""
    frozen = problem(409, "frozen")
    service.on = lambda method, path, body: frozen if path.endswith("/consume") else None
    refund = Refund(gate)
    with call(run_id="run-7", tool_call_id="call_9"), pytest.raises(OnHold, match="It was frozen") as caught:
        await refund.tool("A-1001")
    assert isinstance(caught.value, Unavailable)
    assert (refund.ran, service.paths) == ([], ["requests", "consume"])
    service.on = lambda method, path, body: None
    with call(run_id="run-7", tool_call_id="call_9"):
        assert await refund.tool("A-1001") == "refunded 500"
    assert len(refund.ran) == 1


async def test_a_decision_tells_of_force_and_grant(gate: Gate, service: Service) -> None:
    """What was decided against the rule, and what nobody was asked about, can be told from the decision."""
    service.decide = lambda request: decision(
        request, "approve", "approved", arguments=request["arguments"], forced=True, grant="grant_1"
    )
    made = await gate.ask("deploy", {})
    assert (made.forced, made.grant, made.retry) == (True, "grant_1", None)
    service.decide = approve
    plain = await gate.ask("deploy", {})
    assert (plain.forced, plain.grant) == (False, None)


async def test_refusal_can_be_returned(gate: Gate, service: Service) -> None:
    """With on_reject="return" the refusal's text is the result."""
    service.decide = end("reject", "rejected", message="not our customer")
    refund = Refund(gate, on_reject="return")
    assert await refund.tool("A-1001") == "Ada rejected this call of issue_refund: not our customer"


async def test_answer_is_the_result(gate: Gate, service: Service) -> None:
    """A person's answer is returned in the function's place; the function does not run and nothing is consumed."""
    service.decide = end("respond", "responded", response={"refunded": "by hand"})
    refund = Refund(gate, allowed_decisions=("approve", "respond"))
    assert await refund.tool("A-1001") == {"refunded": "by hand"}
    assert not refund.ran
    assert service.paths == ["requests"]


def _drop(*_: object) -> Reply:
    raise Lost("connection refused")


DOUBTS: dict[str, Step] = {
    "service away": _drop,
    "ask refused": lambda m, p, b: problem(422, "invalid") if p == "/v1/requests" else None,
    "wrong key": lambda m, p, b: problem(401, "unauthorized"),
    "always busy": lambda m, p, b: problem(503, "store_unavailable"),
    "created without id": lambda m, p, b: Reply(201, {}) if p == "/v1/requests" else None,
    "request lost": lambda m, p, b: problem(404, "not_found") if m == "GET" else None,
    "answer about another": lambda m, p, b: Reply(200, {"id": "req_9", "status": "approved"}) if m == "GET" else None,
    "approved without decision": lambda m, p, b: (
        Reply(200, {"id": "req_1", "status": "approved", "decision": None}) if m == "GET" else None
    ),
    "consume lost": lambda m, p, b: _drop() if p.endswith("/consume") else None,
    "already consumed": lambda m, p, b: problem(409, "already_consumed") if p.endswith("/consume") else None,
    "digest mismatch": lambda m, p, b: problem(409, "digest_mismatch") if p.endswith("/consume") else None,
    "consume says nothing": lambda m, p, b: Reply(200, {}) if p.endswith("/consume") else None,
    "redirected": lambda m, p, b: Reply(302, {}) if p.endswith("/consume") else None,
}


@pytest.mark.parametrize("doubt", DOUBTS)
async def test_i10_nothing_runs_on_doubt(gate: Gate, service: Service, doubt: str) -> None:
    """Whatever goes wrong before a plain yes to `consume`, the function does not run and that is raised."""
    service.on = DOUBTS[doubt]
    refund = Refund(gate)
    with pytest.raises((Unavailable, AlreadyStarted), match="issue_refund"):
        await refund.tool("A-1001")
    assert not refund.ran


LIES: dict[str, Callable[[Document], Document]] = {
    "other arguments": lambda r: decision(r, "approve", "approved", arguments={"order": "B", "amount": 1}),
    "no arguments": lambda r: decision(r, "approve", "approved"),
    "other digest": lambda r: decision({"digest": "sha256:9"}, "approve", "approved", arguments=r["arguments"]),
    "kind and status apart": lambda r: decision(r, "reject", "approved", arguments=r["arguments"]),
    "unknown kind": lambda r: decision(r, "wave", "approved", arguments=r["arguments"]),
    "approve of an edit that does not fit": lambda r: edit(amount="much")(r),
    "argument nobody has": lambda r: edit(extra=1)(r),
}


@pytest.mark.parametrize("lie", LIES)
async def test_i10_malformed_approvals_do_not_run(gate: Gate, service: Service, lie: str) -> None:
    """An approval that contradicts itself, the call or the function is no approval."""
    service.decide = LIES[lie]
    refund = Refund(gate)
    with pytest.raises(Unavailable):
        await refund.tool("A-1001")
    assert not refund.ran
    assert "consume" not in service.paths


async def test_missing_key_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is asked and nothing runs; making the gate needs none."""
    monkeypatch.delenv("SIGNOFF_API_KEY", raising=False)
    refund = Refund(Gate())
    with pytest.raises(NotSetUp, match=r"^The gate is not set up, .*SIGNOFF_API_KEY is not set"):
        await refund.tool("A-1001")


async def test_i22_waits_through_an_outage(gate: Gate, service: Service) -> None:
    """Errors while waiting are waited out: far past `patience`, the request still lives and the decision arrives."""
    failures = [problem(503, "store_unavailable")] * 5 + [problem(429, "too_many_waits")] * 5

    def stumble(method: str, path: str, body: Document) -> Reply | None:
        if method == "GET" and failures:
            failures.pop()
            if len(failures) % 2:
                raise Lost("connection refused")
            return problem(503, "store_unavailable")
        return None

    service.on = stumble
    refund = Refund(gate)
    assert await refund.tool("A-1001") == "refunded 500"
    assert not failures


async def test_an_outage_is_logged_once(gate: Gate, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever waits in vain reads once what for and for how long, and once that it is over; not at every attempt."""
    failures = [1] * 4

    def stumble(method: str, path: str, body: Document) -> Reply | None:
        if failures:
            failures.pop()
            raise Lost("connection refused")
        return None

    service.on = stumble
    with caplog.at_level("WARNING", "signoff"):
        await gate.ask("deploy", {})
    said = [record.getMessage() for record in caplog.records]
    away = [line for line in said if "(connection refused); trying again for" in line]
    assert (len(away), said.count("the approval service answers again"), len(said)) == (1, 1, 2)
    caplog.clear()
    service.on = _drop
    patient = Gate("http://service.invalid", "so_test", patience=1.0)  # longer than any first pause
    with caplog.at_level("WARNING", "signoff"):
        await asyncio.gather(*(patient.ask("deploy", {}) for _ in range(2)), return_exceptions=True)
    assert len(caplog.records) == 1


async def test_i22_same_call_finds_its_request_again(gate: Gate, service: Service) -> None:
    """With run and tool call known, asking again uses the same Idempotency-Key, and only then."""
    ask = [{"order": "A"}, {"order": "A"}]
    for arguments in ask:
        with signoff.call(run_id="run-7", tool_call_id="call_9"):
            await gate.ask("refund", arguments)
    assert service.made == 1
    asked = service.calls[0][2]
    assert (asked["run_id"], asked["tool_call_id"]) == ("run-7", "call_9")
    with signoff.call(run_id="run-7"):
        await gate.ask("refund", {"order": "A"})
        await gate.ask("refund", {"order": "A"})
    assert service.made == 3


async def test_second_request_inside_one_call_is_another(gate: Gate, service: Service) -> None:
    """Inside one tool call, a second question is a second request, and each is found again in its order."""
    for _ in range(2):
        with signoff.call(run_id="run-7", tool_call_id="call_9"):
            await gate.ask("refund", {"order": "A"})
            await gate.ask("refund", {"order": "B"})
            await gate.ask("other", {})
    assert service.made == 3


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (None, "was started at 2026-11-20T08:01:00.000Z; whether it finished is not known, so it was not run again"),
        ("succeeded", "was started at 2026-11-20T08:01:00.000Z and succeeded, so it was not run again"),
        ("failed", "and failed, so it was not run again: check before asking anew"),
    ],
)
async def test_a_consumed_call_does_not_run_again(
    gate: Gate, service: Service, outcome: str | None, words: str
) -> None:
    """A restarted agent that finds its call consumed is told since when and how that ended; it runs nothing."""
    refund = Refund(gate)
    with signoff.call(run_id="run-7", tool_call_id="call_9"):
        await refund.tool("A-1001")
    (record,) = service.keys.values()
    record["outcome"] = outcome and {"status": outcome, "detail": None, "at": "2026-11-20T08:02:00.000Z"}
    service.calls.clear()
    with signoff.call(run_id="run-7", tool_call_id="call_9"), pytest.raises(AlreadyStarted, match=words) as caught:
        await refund.tool("A-1001")
    assert not isinstance(caught.value, Unavailable)
    assert len(refund.ran) == 1
    assert service.paths == ["requests", "consume"]  # whose claim it was has no mark here, so it is asked for


async def test_consume_that_came_second_says_what_came_first(gate: Gate, service: Service) -> None:
    """Two holders of one approval: the one who comes later reads when the other began."""
    made = await gate.ask("refund", {"order": "A"})
    await gate.consume(made)
    with pytest.raises(AlreadyStarted, match=r"started at 2026-11-20T08:01:00.000Z; whether"):
        await gate.consume(made)


class Capped(BaseModel):
    amount: int

    @field_validator("amount")
    @classmethod
    def even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("only even amounts")
        return value


async def test_an_edit_that_does_not_fit_is_reported_as_not_run(gate: Gate, service: Service) -> None:
    """An approved edit that the function's types refuse is a failed outcome on the card, and the field is named."""
    ran: list[float] = []

    @gate.tool
    async def pay(amount: float) -> None:
        ran.append(amount)

    service.decide = edit(amount=loads("100.123456789012345678"))
    with pytest.raises(Unusable, match=r"^The approved arguments do not fit pay, so it was not run: amount: its type"):
        await pay(500)
    assert not ran
    assert service.paths == ["requests", "outcome"]
    assert service.last("/outcome")["status"] == "failed"
    assert str(service.last("/outcome")["detail"]).startswith("Not run: amount: its type does not hold")


def test_a_blocking_tool_reports_a_misfit_too(gate: Gate, service: Service) -> None:
    """The same for a function that is not async."""

    @gate.tool
    def pay(amount: float) -> None:
        raise NotImplementedError

    service.decide = edit(amount="much")
    with pytest.raises(Unusable, match="amount: Input should be a valid number"):
        pay(500)
    assert service.last("/outcome")["status"] == "failed"


async def test_a_review_that_the_model_refuses_is_reported(gate: Gate, service: Service) -> None:
    """A validator that refuses the reviewed values is named with its field, to the caller and on the card."""
    service.decide = edit(amount=3)
    with pytest.raises(Unusable, match="do not fit review_Capped, so it was not run: amount: only even amounts"):
        await gate.review(Capped(amount=2))
    assert service.last("/outcome") == {"status": "failed", "detail": "Not run: amount: only even amounts."}


async def test_a_misfit_does_not_cover_an_earlier_outcome(gate: Gate, service: Service) -> None:
    """When an earlier attempt was started, nothing is reported over what that one said."""
    refund = Refund(gate)
    with signoff.call(run_id="run-7", tool_call_id="call_9"):
        await refund.tool("A-1001")
    (record,) = service.keys.values()
    record |= {"version": 2, **edit(amount="much")(record)}
    service.calls.clear()
    with signoff.call(run_id="run-7", tool_call_id="call_9"), pytest.raises(AlreadyStarted):
        await refund.tool("A-1001")
    assert "outcome" not in service.paths


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost:8091", "localhost:8091 has no scheme; write http://localhost:8091"),
        ("127.0.0.1:8091", "write http://127.0.0.1:8091"),
        ("ftp://host", "ftp://host is not an address"),
        ("http://", "is not an address"),
        ("http://host:x", "is not an address"),
    ],
)
async def test_bad_addresses_say_how_to_write_them(url: str, words: str) -> None:
    """An address that cannot work is no outage: the sentence says what to write, at once."""
    with pytest.raises(NotSetUp, match=words) as caught:
        await Gate(url, "so_test").ask("deploy", {})
    assert "cannot be reached" not in str(caught.value)


async def test_reused_ids_are_called_ids(gate: Gate, service: Service) -> None:
    """People who set run and tool call ids never read of an Idempotency-Key."""
    service.on = lambda m, p, b: problem(409, "idempotency_conflict")
    with pytest.raises(IdsReused, match="the same run id and tool call id were used with other arguments") as caught:
        await gate.ask("deploy", {}, run_id="r", tool_call_id="t")
    assert "dempotency" not in str(caught.value)


async def test_senseless_answers_are_no_outage(gate: Gate, service: Service) -> None:
    """A service that answers nonsense was reached, and the sentence says so."""
    service.on = lambda m, p, b: Reply(201, {})
    with pytest.raises(Doubtful, match=r"^The approval service's answer cannot be relied on, so deploy was not run"):
        await gate.ask("deploy", {})


async def test_failure_is_reported_and_raised(gate: Gate, service: Service) -> None:
    """The function's own exception reaches the caller, and people read what went wrong."""

    @gate.tool
    async def pay() -> None:
        raise RuntimeError("no money")

    with pytest.raises(RuntimeError, match="no money"):
        await pay()
    assert service.last("/outcome") == {"status": "failed", "detail": "RuntimeError: no money"}


async def test_lost_report_hides_neither_result_nor_error(gate: Gate, service: Service) -> None:
    """When the outcome cannot be reported, the caller still gets the result."""
    service.on = lambda m, p, b: _drop() if p.endswith("/outcome") else None
    assert await Refund(gate).tool("A-1001") == "refunded 500"


@pytest.mark.parametrize("used", [False, True])
async def test_a_call_that_is_cancelled_while_its_approval_is_burnt_says_so(
    gate: Gate, service: Service, monkeypatch: pytest.MonkeyPatch, used: bool
) -> None:
    """People read that it did not run, unless the approval was an earlier attempt's."""
    reached, go_on, send = asyncio.Event(), asyncio.Event(), service.send

    async def held(method: str, path: str, *args: typing.Any, **options: typing.Any) -> Reply:
        if path.endswith("/consume"):
            reached.set()
            await go_on.wait()
        return await send(method, path, *args, **options)

    monkeypatch.setattr(service, "send", held)
    service.on = lambda m, p, b: problem(409, "already_consumed") if used and p.endswith("/consume") else None
    refund = Refund(gate)
    task = asyncio.create_task(refund.tool("A-1001"))
    await asyncio.wait_for(reached.wait(), 5)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not refund.ran
    said = {"status": "failed", "detail": "Not run: the call was cancelled."}
    assert [body for _, path, body in service.calls if path.endswith("/outcome")] == ([] if used else [said])


async def test_a_run_that_is_cancelled_again_and_again_is_reported(gate: Gate, service: Service) -> None:
    """As anyio's scopes do it, at every turn of the event loop: the report goes out all the same."""
    began, told = asyncio.Event(), asyncio.Event()

    @gate.tool
    async def pay() -> None:
        began.set()
        await asyncio.Event().wait()

    service.on = lambda m, p, b: told.set() if p.endswith("/outcome") else None
    task = asyncio.create_task(pay())
    await asyncio.wait_for(began.wait(), 5)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait_for(told.wait(), 5)
    assert task.cancelled()
    assert service.last("/outcome") == {"status": "failed", "detail": "The run was cancelled."}


async def test_last_words_that_nobody_hears_in_time_are_in_the_log(
    gate: Gate, service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A service that hangs holds a cancelled call up no longer than that, and somebody can read of it."""
    reached = asyncio.Event()

    async def hangs(*_: typing.Any, **__: typing.Any) -> Reply:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(service, "send", hangs)
    monkeypatch.setattr(parting, "LAST_WORDS", 0.01)
    refund = Refund(gate)
    task = asyncio.create_task(refund.tool("A-1001"))
    await asyncio.wait_for(reached.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not refund.ran
    assert "did not answer in time to hear of it" in caplog.text


async def test_nobody_is_asked_for_who_has_left_before(gate: Gate, service: Service) -> None:
    """A time-out of nothing is over before the call is sent; a cancellation that was caught earlier is none of it."""
    refund = Refund(gate)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await refund.tool("A-1001")
    assert not service.calls

    async def cleaning_up() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await refund.tool("A-1001")
        raise AssertionError

    task = asyncio.create_task(cleaning_up())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "refunded 500"


async def test_outcome_says_what_the_tool_wants_said(gate: Gate, service: Service) -> None:
    """Results stay private unless `outcome` turns them into a text for people."""

    @gate.tool(outcome=lambda result: f"ticket {result}")
    async def open_ticket() -> int:
        return 42

    await open_ticket()
    assert service.last("/outcome")["detail"] == "ticket 42"


async def test_cancelled_wait_leaves_the_request(gate: Gate, service: Service) -> None:
    """Cancelling the waiting task neither runs the function nor cancels the request."""
    service.decide = lambda request: {}
    refund = Refund(gate)
    task = asyncio.create_task(refund.tool("A-1001"))
    await asyncio.wait_for(service.polled.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not refund.ran
    assert service.paths == ["requests"]


def test_sync_tools_work_without_a_loop(gate: Gate, service: Service) -> None:
    """A sync function runs on the caller's own thread, through the background loop's approval."""
    import threading

    seen: list[object] = []

    @gate.tool
    def delete(path: str) -> str:
        """Delete a file."""
        seen.append(threading.current_thread())
        return f"deleted {path}"

    service.decide = edit(path="/tmp/b")
    assert delete("/tmp/a") == "deleted /tmp/b"
    assert seen == [threading.current_thread()]
    assert service.paths == ["requests", "consume", "outcome"]


async def test_sync_tools_work_inside_a_running_loop(gate: Gate, service: Service) -> None:
    """A sync tool called from async code does not deadlock, and its run and call ids come along."""

    @gate.tool
    def double(x: int) -> int:
        return 2 * x

    with signoff.call(run_id="run-7", tool_call_id="call_9"):
        assert double(4) == 8
    assert service.calls[0][2]["tool_call_id"] == "call_9"


def test_sync_tools_raise_like_async_ones(gate: Gate, service: Service) -> None:
    """Refusals and the function's own errors come through the background thread unchanged."""

    @gate.tool
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert service.last("/outcome")["status"] == "failed"
    service.decide = end("reject", "rejected", message="no")
    with pytest.raises(Rejected):
        fail()


def test_blocking_facade_has_every_verb(gate: Gate, service: Service) -> None:
    """Scripts ask, question, review and notify without async."""
    made = gate.blocking.ask("deploy", {"service": "api"}, channel="slack:#deploys")
    gate.blocking.consume(made)
    assert gate.blocking.report(made, "succeeded")
    service.decide = end("respond", "responded", response="eu")
    assert gate.blocking.question("Which region?", choices=["eu", "us"]) == "eu"
    service.decide = edit(subject="Hello")
    assert gate.blocking.review(Draft(to="a", subject="Hi")) == Draft(to="a", subject="Hello")
    assert gate.blocking.notify("Done", {"rows": 3}) == "req_4"
    assert gate.blocking.cancel("req_4")


class Draft(BaseModel):
    to: str
    subject: str


async def test_question_asks_for_an_answer_only(gate: Gate, service: Service) -> None:
    """A question offers respond and reject; its choices are the response schema; the answer must be one of them."""
    service.decide = end("respond", "responded", response="eu")
    assert await gate.question("Which region?", choices=["eu", "us"]) == "eu"
    asked = service.calls[0][2]
    assert asked["allowed_decisions"] == ["respond", "reject"]
    assert asked["response_schema"] == {"type": "string", "enum": ["eu", "us"]}
    assert asked["title"] == "Which region?"
    service.decide = end("respond", "responded", response="mars")
    with pytest.raises(Unavailable):
        await gate.question("Which region?", choices=["eu", "us"])


async def test_senseless_calls_are_refused_at_once(gate: Gate, service: Service) -> None:
    """What can only be a slip in the code is a ValueError or TypeError, and nobody is asked."""
    with pytest.raises(ValueError, match="the question is empty"):
        await gate.question(" ")
    for choices in ([], "eu"):
        with pytest.raises(ValueError, match="choices is a list of at least one text"):
            gate.blocking.question("Which?", choices=choices)
    with pytest.raises(TypeError, match="review takes an instance of a pydantic model, not dict"):
        await gate.review({})  # type: ignore[type-var]
    with pytest.raises(ValueError, match="who cannot be written as JSON"):
        await gate.ask("deploy", {"who": object()})
    with pytest.raises(ValueError, match="when cannot be written as JSON"):
        await gate.tool(_anything)(object())
    assert not service.calls


async def test_text_that_no_json_can_hold_is_refused(gate: Gate, service: Service) -> None:
    """Half of a surrogate pair, as a shell makes it of bytes that are no UTF-8; nobody is asked."""
    with pytest.raises(Refused, match="cannot be written as JSON"):
        await gate.ask("deploy", {"service": "caf\udce9"})
    assert not service.calls


async def _anything(when: object) -> None:
    raise NotImplementedError


async def test_an_answer_that_is_no_text_is_not_given_as_one(gate: Gate, service: Service) -> None:
    """A plain question returns text or nothing."""
    service.decide = end("respond", "responded", response=5)
    with pytest.raises(Doubtful, match="it is not text"):
        await gate.question("How many?")
    assert await gate.question("How many?", response_schema={"type": "integer"}) == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"risk": "huge"}, "issue_refund: there is no risk 'huge'; use one of low, medium, high, critical"),
        ({"editable": ["amuont"]}, "editable names 'amuont'; the parameters that people see are order, amount"),
        ({"editable": "amount"}, r"editable is a list of parameters, like \['amount'\]"),
    ],
)
def test_slips_in_options_fail_where_they_are_written(gate: Gate, options: dict[str, object], words: str) -> None:
    """Names that the service would refuse at every call are refused by the decorator."""
    with pytest.raises(ValueError, match=words):
        Refund(gate, **options)


async def test_review_returns_the_edited_model(gate: Gate, service: Service) -> None:
    """A model instance goes out with its schema and comes back validated; the one sent stays as it was."""
    service.decide = edit(subject="Hello")
    draft = Draft(to="a", subject="Hi")
    assert await gate.review(draft) == Draft(to="a", subject="Hello")
    assert draft.subject == "Hi"
    assert service.calls[0][2]["schema"]["properties"].keys() == {"to", "subject"}  # type: ignore[index]
    service.decide = edit(subject=5)
    with pytest.raises(Unavailable):
        await gate.review(draft)


async def test_notice_waits_for_nobody(gate: Gate, service: Service) -> None:
    """A notice offers no decision and is not waited for."""
    assert await gate.notify("Backup finished", {"rows": 3}) == "req_1"
    assert service.calls[0][2]["allowed_decisions"] == []
    assert len(service.calls) == 1


async def test_ask_returns_refusals_when_told_to(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """With on_reject="return", `ask` gives the decision itself."""
    monkeypatch.setattr(verbs, "Wire", lambda *_: service)
    service.decide = end("reject", "rejected", message="no")
    made = await Gate("http://service.invalid", "so_test", on_reject="return").ask("deploy", {})
    assert (made.kind, made.status, made.message, made.approved) == ("reject", "rejected", "no", False)


def test_wrapper_looks_like_the_function(gate: Gate) -> None:
    """Signature, annotations, docstring and being async stay as they were, for those who read them."""

    async def original(order: str, amount: float = 1.5) -> str:
        """Do it."""
        raise NotImplementedError

    wrapped = gate.tool(original)
    assert inspect.signature(wrapped) == inspect.signature(original)
    assert wrapped.__annotations__ == original.__annotations__
    assert (wrapped.__doc__, wrapped.__name__) == ("Do it.", "original")
    assert inspect.iscoroutinefunction(wrapped)


async def test_unwrapping_a_tool_does_not_get_past_the_gate(gate: Gate, service: Service) -> None:
    """What a framework finds behind a tool, async or not, decorated before or not, is that tool: people are asked."""
    service.decide = end("reject", "rejected", message="no")
    ran: list[str] = []

    def counted(function: Callable[[str], None]) -> Callable[[str], None]:
        @functools.wraps(function)
        def count(order: str) -> None:
            function(order)

        return count

    @gate.tool
    @counted
    def refund(order: str) -> None:
        ran.append(order)

    @gate.tool
    async def deploy(order: str) -> None:
        ran.append(order)

    for wrapped in (refund, deploy):
        assert inspect.unwrap(wrapped) is wrapped
        assert not hasattr(wrapped, "__wrapped__")
    with pytest.raises(Rejected):
        await asyncio.to_thread(inspect.unwrap(refund), "A-1")
    with pytest.raises(Rejected):
        await inspect.unwrap(deploy)("A-1")
    assert not ran


def test_signature_of_a_tool_reads_as_the_functions_does(gate: Gate) -> None:
    """Every way to read a signature finds at a tool what it finds at the function, annotations that are text too."""

    async def waiting(when: Step, /, amount: Decimal = Decimal("1.50"), *, run: int, note: str | None = None) -> Reply:
        raise NotImplementedError

    def plain(*rest: int, amount: Decimal = Decimal(2), **more: object) -> None:
        raise NotImplementedError

    for original, unseen in ((waiting, ["when"]), (plain, ["rest", "more"])):
        wrapped = gate.tool(unseen=unseen)(original)  # type: ignore[call-overload]
        assert inspect.signature(wrapped) == inspect.signature(original)
        assert inspect.signature(wrapped, eval_str=True) == inspect.signature(original, eval_str=True)
        assert inspect.getfullargspec(wrapped) == inspect.getfullargspec(original)
        assert typing.get_type_hints(wrapped) == typing.get_type_hints(original)


async def test_a_tool_passes_on_what_it_is_called_with(gate: Gate, service: Service) -> None:
    """Positional, named, starred and left out parameters reach the function as they were given."""

    @gate.tool(unseen=["session", "rest", "more"])
    async def sell(session: object, /, item: str, *rest: int, run: int, count: int = 2, **more: str) -> object:
        return session, item, rest, run, count, more

    assert await sell(b"s", "book", 7, 8, run=3, note="x") == (b"s", "book", (7, 8), 3, 2, {"note": "x"})
    assert service.calls[0][2]["arguments"] == {"item": "book", "run": 3, "count": 2}


async def test_methods_can_be_tools(gate: Gate, service: Service) -> None:
    """A method under the gate keeps its instance, which people are not shown."""

    class Shop:
        def __init__(self) -> None:
            self.sold: list[str] = []

        @gate.tool
        async def sell(self, item: str) -> None:
            self.sold.append(item)

    shop = Shop()
    await shop.sell("book")
    assert shop.sold == ["book"]
    assert service.calls[0][2]["arguments"] == {"item": "book"}


async def test_texts_may_come_from_the_arguments(gate: Gate, service: Service) -> None:
    """A title that is a function is called with the arguments."""

    @gate.tool(title=lambda a: f"Refund order {a['order']}")
    async def refund(order: str) -> None: ...

    await refund("A-1001")
    assert service.calls[0][2]["title"] == "Refund order A-1001"


def test_i29_key_is_in_no_repr() -> None:
    """Neither the gate nor its wire shows the key."""
    gate = Gate("http://service.invalid", "so_abc_secret")
    assert "secret" not in repr(gate) + repr(gate._requests.wire("x"))


def test_import_is_light() -> None:
    """`from signoff import Gate` loads neither a chat SDK, nor Redis, nor anything of the server."""
    import subprocess
    import sys

    code = (
        "import sys, signoff\n"
        "assert 'aiohttp' not in sys.modules\n"
        "from signoff import Gate, Rejected\n"
        "heavy = {'redis', 'slack_sdk', 'slack_bolt', 'botbuilder', 'jwt', 'cryptography', 'typer', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), sorted(m for m in sys.modules if m.startswith('signoff.')"
        " and m.split('.')[1] not in ('client', 'errors', 'model')))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[] []"
