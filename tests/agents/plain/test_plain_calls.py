"""Functions of any kind behind the gate, with a real service and people who decide."""

from __future__ import annotations

import asyncio
import functools
import inspect
from datetime import date
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, eventually, reject, respond

from signoff import AlreadyStarted, NotRun, Rejected, Unavailable, call
from signoff_agents.gating import Away, Turns, Unfit, decide_all
from signoff_agents.gating import Call as ToolCall
from signoff_agents.plain import requires_approval, scope


class Bank:
    """A tool that counts."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, float]] = []

    def pay(self, to: str, amount: float) -> str:
        """Pay somebody.

        Args:
            to: Whom.
        """
        self.paid.append((to, amount))
        return f"paid {amount} to {to}"

    async def pay_later(self, to: str, amount: float) -> str:
        await asyncio.sleep(0)
        return self.pay(to, amount)


async def test_approved_call_runs_once_and_its_outcome_is_known(desk: Desk) -> None:
    """An approved async function runs with its arguments, and the request says that it succeeded."""
    bank = Bank()
    desk.people(approve)
    pay = requires_approval(desk.gate(), bank.pay_later, outcome=str)
    assert await pay("ada", 20) == "paid 20.0 to ada"
    [asked] = desk.requests()
    assert asked["consumed_at"]
    assert asked["outcome"]["status"] == "succeeded"
    assert asked["outcome"]["detail"] == "paid 20.0 to ada"
    assert bank.paid == [("ada", 20)]


def test_sync_function_without_a_loop(desk: Desk) -> None:
    """A sync function waits on the caller's thread."""
    bank = Bank()
    desk.people(approve)
    assert requires_approval(desk.gate(), bank.pay)("ada", 20) == "paid 20.0 to ada"
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


async def test_decorated_function_looks_like_the_original(desk: Desk) -> None:
    """Name, docstring and signature are the original's, because frameworks make the tool's schema from them."""
    bank = Bank()
    gated = requires_approval(desk.gate())(bank.pay)
    assert gated.__name__ == "pay"
    assert inspect.getdoc(gated) == inspect.getdoc(bank.pay)
    assert inspect.signature(gated) == inspect.signature(bank.pay, eval_str=True)
    assert inspect.iscoroutinefunction(requires_approval(desk.gate(), bank.pay_later))
    assert not inspect.iscoroutinefunction(gated)


async def test_unwrapping_finds_nothing_to_call(desk: Desk) -> None:
    """A framework that looks behind decorators gets the gated function, never the original."""

    def pay(to: str) -> str:
        """Pay."""
        raise AssertionError

    gated = requires_approval(desk.away(), pay, on_reject="return")
    assert inspect.unwrap(gated) is gated
    assert "could not be used" in inspect.unwrap(gated)("ada")
    assert inspect.unwrap(functools.wraps(gated)(lambda *_: None)) is gated


async def test_edited_arguments_run_and_the_model_is_told(desk: Desk) -> None:
    """What runs is what the person wrote; text that a model reads says so."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    pay = requires_approval(desk.gate(), bank.pay_later, on_reject="return")
    assert await pay("ada", 20) == (
        "paid 5.0 to ada\n\nAda Okafor changed the arguments of pay_later before it ran: "
        "amount is now 5. They said: cap is 5"
    )
    assert bank.paid == [("ada", 5)]


async def test_results_of_other_types_stay_as_they_are(desk: Desk) -> None:
    """Where refusals are raised, results are for code, and no note is put into them."""
    bank = Bank()
    desk.people(edit(amount=5))
    assert await requires_approval(desk.gate(), bank.pay_later)("ada", 20) == "paid 5.0 to ada"


async def test_edit_that_the_schema_forbids_is_refused_at_the_door(desk: Desk) -> None:
    """An edit to what the function does not take is no decision; the next one counts."""
    bank = Bank()
    desk.people(None)
    pay = asyncio.create_task(requires_approval(desk.gate(), bank.pay_later)("ada", 20))
    [asked] = await asyncio.to_thread(desk.waiting)
    status, _ = desk.decide(asked, edit(amount="a lot"))
    assert status == 422
    assert desk.decide(asked, edit(amount=7))[0] == 200
    assert await pay == "paid 7.0 to ada"


async def test_edit_that_only_the_function_refuses_does_not_run(desk: Desk) -> None:
    """A value that the schema lets through and the function's types do not: not run, not burnt, said on the card."""
    ran: list[date] = []

    def book(day: date) -> str:
        """Book a day."""
        ran.append(day)
        return "booked"

    open_schema = {"type": "object", "properties": {"day": {"type": "string"}}}
    desk.people(edit(day="soon"))
    gated = requires_approval(desk.gate(), book, schema=open_schema)
    with pytest.raises(Unfit) as no:
        await asyncio.to_thread(gated, date(2026, 11, 20))
    assert str(no.value) == "book was not run: the arguments that were approved do not fit it."
    [asked] = desk.requests()
    assert not ran
    assert asked["consumed_at"] is None
    assert asked["outcome"]["status"] == "failed"


@pytest.mark.parametrize(
    ("retry", "ending"),
    [
        ("never", "wrong person. Do not try this again."),
        ("with_changes", "You may try again with changes: wrong person"),
        ("ask", "wrong person. You may ask again later."),
    ],
)
async def test_rejection_reaches_the_model_with_its_retry_word(desk: Desk, retry: str, ending: str) -> None:
    """What the person said arrives verbatim, with what may be done next, raised or returned."""
    bank = Bank()
    desk.people(reject("wrong person", retry))
    with pytest.raises(Rejected) as no:
        await requires_approval(desk.gate(), bank.pay_later)("ada", 20)
    assert no.value.retry == retry
    said = await requires_approval(desk.gate(), bank.pay_later, on_reject="return")("ada", 21)
    assert said.endswith(ending)
    assert said == str(no.value)
    assert not bank.paid


async def test_answer_is_the_result(desk: Desk) -> None:
    """With `respond` offered a person's answer comes in the function's place."""

    async def ask_human(question: str) -> str:
        """Ask."""
        raise AssertionError

    desk.people(respond("the blue one"))
    fields: Any = {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "string"}}
    assert await requires_approval(desk.gate(), ask_human, **fields)("Which?") == "the blue one"


async def test_service_away_runs_nothing_and_says_one_sentence(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The model reads nothing of addresses and errors; the log does."""
    bank = Bank()
    pay = requires_approval(desk.away(), bank.pay_later, on_reject="return")
    sentence = "pay_later was not run: it needs a person's approval, and the approval service could not be used."
    assert await pay("ada", 20) == sentence
    with pytest.raises(Unavailable) as no:
        await requires_approval(desk.away(), bank.pay_later)("ada", 20)
    assert isinstance(no.value, Away)
    assert str(no.value) == sentence
    assert no.value.__cause__ is None
    assert no.value.__context__ is None
    assert not bank.paid
    assert "127.0.0.1" in caplog.text


async def test_gate_that_breaks_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised in our own code is a no, and its text goes nowhere."""
    bank, gate = Bank(), desk.gate()

    async def broken(*_: object, **__: object) -> object:
        raise RuntimeError("secret text")

    monkeypatch.setattr(gate, "ask_to_run", broken)
    said = await requires_approval(gate, bank.pay_later, on_reject="return")("ada", 20)
    assert "could not be used" in said
    assert "secret" not in said
    assert not bank.paid


async def test_cancelled_wait_runs_nothing(desk: Desk) -> None:
    """A time-out around the call ends the wait; an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await requires_approval(desk.gate(), bank.pay_later)("ada", 20)
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, approve)[0] == 200
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_same_ids_twice_run_once(desk: Desk) -> None:
    """The second call under the same ids is told since when the first runs and how it ended."""
    bank = Bank()
    desk.people(approve)
    pay = requires_approval(desk.gate(), bank.pay_later, outcome=str)
    with call(run_id=desk.run, tool_call_id="call"):
        await pay("ada", 20)
    with call(run_id=desk.run, tool_call_id="call"), pytest.raises(AlreadyStarted) as done:
        await pay("ada", 20)
    assert "succeeded (paid 20.0 to ada)" in str(done.value)
    assert len(desk.requests()) == 1
    assert len(bank.paid) == 1


def test_same_ids_twice_without_async(desk: Desk) -> None:
    """Ids of the surrounding `call` count on the background thread too."""
    bank = Bank()
    desk.people(approve)
    pay = requires_approval(desk.gate(), bank.pay)
    for number in range(2):
        with call(run_id=desk.run, tool_call_id="call"):
            if number:
                with pytest.raises(AlreadyStarted):
                    pay("ada", 20)
            else:
                pay("ada", 20)
    assert len(desk.requests()) == 1


async def test_same_ids_at_once_run_once(desk: Desk) -> None:
    """Of two that resume the same call at the same moment one runs it."""
    bank = Bank()
    desk.people(approve)
    gates = [desk.gate(run_id=desk.run), desk.gate(run_id=desk.run)]

    async def one(index: int) -> object:
        with call(tool_call_id="call"):
            return await requires_approval(gates[index], bank.pay_later, on_reject="return")("ada", 20)

    results = await asyncio.gather(one(0), one(1))
    assert len(bank.paid) == 1
    assert sum("was started at" in str(result) for result in results) == 1


async def test_several_calls_are_one_batch_decided_one_by_one(desk: Desk) -> None:
    """`decide_all` asks once, waits for all, and settles each call by itself."""
    desk.people(by={"a": approve, "b": reject("no"), "c": edit(n=9), "d": approve})
    calls = [ToolCall(tool=name, arguments={"n": 1}, call_id=name, run_id=desk.run) for name in "abcd"]

    def odd(_: object) -> None:
        raise ValueError("n: it is odd")

    calls[3] = ToolCall(tool="d", arguments={"n": 1}, fits=odd)
    verdicts = await decide_all(desk.gate(), calls, "Turn")
    assert [one.kind for one in verdicts] == ["run", "refused", "run", "refused"]
    assert [one.run for one in verdicts] == [{"n": 1}, None, {"n": 9}, None]
    assert verdicts[2].note == "Ada Okafor changed the arguments of c before it ran: n is now 9."
    assert verdicts[3].said == "d was not run, and nobody was asked: its arguments do not fit. n: it is odd."
    asked = desk.requests()
    assert len(asked) == 3
    assert len({one["batch"]["id"] for one in asked}) == 1
    again = await decide_all(desk.gate(), calls[:3], "Turn")
    assert [one.kind for one in again] == ["done", "refused", "done"]
    assert len(desk.requests()) == 3


async def test_ids_of_a_batch_that_come_again_with_other_words_run_nothing(desk: Desk) -> None:
    """A tool that was described anew between two attempts is not asked about again, and does not run again."""
    desk.people(approve)

    def calls(words: str) -> list[ToolCall]:
        return [
            ToolCall(tool=name, arguments={"n": 1}, call_id=name, run_id=desk.run, fields={"description": words})
            for name in "ab"
        ]

    assert [one.kind for one in await decide_all(desk.gate(), calls("Pay."))] == ["run", "run"]
    again = calls("Pay somebody.")
    turns = Turns(desk.gate())
    for verdict in (*await decide_all(desk.gate(), again), *[await turns.decide(one, again) for one in again]):
        assert verdict.kind == "away"
    assert len(desk.requests()) == 2


async def test_batch_with_the_service_away(desk: Desk) -> None:
    """Every call of it gets the same fixed sentence."""
    calls = [ToolCall(tool=name, arguments={}) for name in "ab"]
    assert [one.kind for one in await decide_all(desk.away(), calls)] == ["away", "away"]


async def test_rule_that_says_no_is_a_rejection(desk: Desk) -> None:
    """A rule's rejection reads like a person's."""
    gated = requires_approval(desk.gate(), Bank().pay_later, name="drop_table", on_reject="return")
    assert await gated("ada", 1) == (
        'The rule "nothing drops tables" rejected this call of drop_table: Open a change ticket. Do not try this again.'
    )


async def test_whatever_can_be_called(desk: Desk) -> None:
    """Partials, bound methods and objects with `__call__` wait like functions."""
    bank = Bank()

    class Payer:
        """Pays."""

        async def __call__(self, to: str) -> str:
            return bank.pay(to, 1)

    desk.people(approve)
    gate = desk.gate()
    assert requires_approval(gate, functools.partial(bank.pay, amount=3))("bo") == "paid 3.0 to bo"
    assert await requires_approval(gate, Payer())("ada") == "paid 1 to ada"
    assert {one["tool"] for one in desk.requests()} == {"pay", "Payer"}
    for wrong in (Payer, iter_pay):
        with pytest.raises(TypeError, match="wrap a function"):
            requires_approval(gate, wrong)


def iter_pay(to: str) -> Any:
    yield to


async def test_scope_gates_functions_and_leaves_data(desk: Desk) -> None:
    """A dictionary for Symbolica's `scope`: every function in it waits, everything else is passed on."""
    bank = Bank()
    desk.people(approve)
    made = scope(desk.gate(), {"pay": bank.pay_later, "rate": 3, "Bank": Bank})
    assert made["rate"] == 3
    assert made["Bank"] is Bank
    assert await made["pay"]("ada", 2) == "paid 2.0 to ada"
    assert list(scope(desk.gate(), [bank.pay])) == ["pay"]


async def test_arguments_that_do_not_fit_ask_nobody(desk: Desk) -> None:
    """What the function would not take is raised as it would itself, or returned; no card is made."""
    bank = Bank()
    with pytest.raises(ValueError):
        await requires_approval(desk.gate(), bank.pay_later)("ada", "a lot")  # type: ignore[arg-type]
    said = await requires_approval(desk.gate(), bank.pay_later, on_reject="return")("ada", "a lot")  # type: ignore[arg-type]
    assert "nobody was asked" in said
    assert not desk.requests()


async def test_failing_function_is_reported(desk: Desk) -> None:
    """What the function raises comes through, and the card says that it failed."""

    async def fails() -> None:
        """Fail."""
        raise LookupError("no such account")

    desk.people(approve)
    with pytest.raises(LookupError):
        await requires_approval(desk.gate(), fails)()
    outcome = desk.requests()[0]["outcome"]
    assert outcome["status"] == "failed"
    assert outcome["detail"] == "LookupError: no such account"


@pytest.mark.parametrize("again", [False, True])
async def test_cancelled_run_is_reported(desk: Desk, again: bool) -> None:
    """A run that is cancelled half-way is a failure on the card, and does not run again under the same ids. Also where
    it is cancelled `again` at every turn of the event loop, as anyio's scopes do.
    """
    begun = asyncio.Event()

    async def slow() -> None:
        """Take long."""
        begun.set()
        await asyncio.Event().wait()

    desk.people(approve)
    gated = requires_approval(desk.gate(run_id=desk.run), slow)
    with call(tool_call_id="call"):
        task = asyncio.create_task(gated())
    await begun.wait()
    task.cancel()
    while again and not task.done():
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(eventually, lambda: desk.requests()[0]["outcome"])
    assert desk.requests()[0]["outcome"]["detail"] == "The run was cancelled."
    with call(tool_call_id="call"), pytest.raises(NotRun, match="was started at"):
        await gated()
