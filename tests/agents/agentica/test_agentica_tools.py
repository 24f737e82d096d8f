"""XuMing's agentica with a scripted model behind OpenAI's HTTP interface."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from agentica import Agent, OpenAIChat
from agentica.tools.base import Function
from agents_harness import Desk, approve, edit, eventually, reject, respond

from signoff_agents.agentica import gated
from signoff_agents.plain import requires_approval


class Model:
    """Calls what it was told to in its first turn, and keeps what it was told of the results."""

    def __init__(self, calls: list[tuple[str, dict[str, Any]]]) -> None:
        self.calls = calls
        self.read: list[str] = []
        self.address = ""

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.read = [one["content"] for one in body["messages"] if one["role"] == "tool"]
        message: dict[str, Any] = {"role": "assistant", "content": "done"}
        if not self.read:
            functions = [{"name": name, "arguments": json.dumps(arguments)} for name, arguments in self.calls]
            message["tool_calls"] = [
                {"id": f"c{index}", "type": "function", "function": one} for index, one in enumerate(functions)
            ]
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }


@contextmanager
def scripted(*calls: tuple[str, dict[str, Any]]) -> Iterator[Model]:
    model = Model(list(calls))

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sent = json.dumps(model.answer(body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()


async def run(model: Model, tools: list[Any]) -> list[str]:
    """What the model read of its calls."""
    agent = Agent(model=OpenAIChat(id="scripted", api_key="x", base_url=model.address), tools=tools)
    await agent.run("pay them")
    return model.read


class Bank:
    def __init__(self) -> None:
        self.paid: list[tuple[str, float]] = []

    @property
    def pay(self) -> Callable[..., str]:
        def pay(to: str, amount: float) -> str:
            """Pay somebody."""
            self.paid.append((to, amount))
            return f"paid {amount:g} to {to}"

        return pay

    @property
    def pay_later(self) -> Callable[..., Any]:
        async def pay_later(to: str, amount: float) -> str:
            """Pay somebody."""
            return self.pay(to, amount)

        return pay_later


ADA = {"to": "ada", "amount": 20}


@pytest.mark.parametrize("name", ["pay", "pay_later"])
async def test_approved_and_edited(desk: Desk, name: str) -> None:
    """Sync and async tools run with what was approved, and the model reads of the edit."""
    bank = Bank()
    desk.people(edit(amount=5))
    with scripted((name, ADA)) as model:
        read = await run(model, gated(desk.gate(), getattr(bank, name)))
    assert bank.paid == [("ada", 5)]
    assert read[0].startswith("paid 5 to ada\n\nAda Okafor changed the arguments of")
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


async def test_several_calls_each_decided(desk: Desk) -> None:
    """Approved, rejected and answered in one turn; rejections verbatim with their retry word."""
    bank = Bank()

    async def ask_user(question: str) -> str:
        """Ask."""
        raise AssertionError

    desk.people(by={"pay": reject("wrong one", "never"), "pay_later": approve, "ask_user": respond("blue")})
    gate = desk.gate()
    fields: Any = {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "string"}}
    tools = [*gated(gate, bank.pay, bank.pay_later), *gated(gate, ask_user, **fields)]
    with scripted(("pay", ADA), ("pay_later", {"to": "bob", "amount": 3}), ("ask_user", {"question": "?"})) as model:
        read = await run(model, tools)
    assert read == [
        "Ada Okafor rejected this call of pay: wrong one. Do not try this again.",
        "paid 3 to bob",
        "blue",
    ]
    assert bank.paid == [("bob", 3)]


async def test_service_away(desk: Desk) -> None:
    """Nothing runs, and the model reads one fixed sentence: agentica would give it an exception's text."""
    bank = Bank()
    with scripted(("pay", ADA)) as model:
        read = await run(model, gated(desk.away(), bank.pay))
    assert read == ["pay was not run: it needs a person's approval, and the approval service could not be used."]
    assert not bank.paid


async def test_agentica_alone_gives_exceptions_to_the_model(desk: Desk) -> None:
    """The framework's own behaviour, which is why refusals are returned: the text of what is raised is the result."""

    def pay(to: str, amount: float) -> str:
        """Pay somebody."""
        raise RuntimeError("password is hunter2")

    with scripted(("pay", ADA)) as model:
        read = await run(model, [pay])
    assert "hunter2" in read[0]


async def test_agentica_alone_runs_what_it_has_given_up(desk: Desk) -> None:
    """The framework's own behaviour: after its time-out it tells the model so, and a late approval still runs it."""
    bank = Bank()
    desk.people(None)
    function = Function.from_callable(requires_approval(desk.gate(), bank.pay, on_reject="return"))
    function.timeout = 1
    with scripted(("pay", ADA)) as model:
        read = await run(model, [function])
    assert "paid" not in read[0]
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, approve)
    await asyncio.to_thread(eventually, lambda: bank.paid)


async def test_people_have_all_the_time(desk: Desk) -> None:
    """Ours: the limit does not hold for what waits for people, so the model reads what came of the call."""
    bank = Bank()
    desk.people(None)
    tools = gated(desk.gate(), bank.pay)
    tools[0].timeout = 1
    with scripted(("pay", ADA)) as model:
        task = asyncio.create_task(run(model, tools))
        [asked] = await asyncio.to_thread(desk.waiting)
        await asyncio.wait([task], timeout=1.5)
        desk.decide(asked, approve)
        assert await task == ["paid 20 to ada"]


async def test_agentica_alone_runs_what_was_cancelled(desk: Desk) -> None:
    """The framework's own behaviour: a sync tool that waits goes on waiting when its run is cancelled, and runs."""
    bank = Bank()
    function = Function.from_callable(requires_approval(desk.gate(), bank.pay, on_reject="return"))
    await _cancelled(desk, function)
    await asyncio.to_thread(eventually, lambda: bank.paid)


async def test_a_cancelled_run_runs_nothing(desk: Desk) -> None:
    """Ours: an approval that comes after the run was cancelled starts nothing, also of a tool that is not async."""
    bank = Bank()
    await _cancelled(desk, *gated(desk.gate(), bank.pay))
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def _cancelled(desk: Desk, function: Function) -> None:
    with scripted(("pay", {"to": "ada", "amount": 20})) as model:
        going = asyncio.create_task(run(model, [function]))
        [asked] = await asyncio.to_thread(desk.waiting)
        going.cancel()
        with pytest.raises(BaseException, match="cancelled"):
            await going
        desk.decide(asked, approve)


async def test_what_agentica_puts_in_is_passed_on_and_not_shown(desk: Desk) -> None:
    """A tool gets the agent from agentica, people see its other arguments, and a model cannot give one of its own."""
    got: list[str] = []

    def pay(agent: Any, to: str) -> str:
        """Pay."""
        got.append(f"{type(agent).__name__} {to}")
        return "paid"

    desk.people(approve)
    with scripted(("pay", {"to": "ada"})) as model:
        assert await run(model, gated(desk.gate(), pay)) == ["paid"]
    with scripted(("pay", {"to": "ada", "agent": "somebody"})) as model:
        assert "agent is no argument of it" in (await run(model, gated(desk.gate(), pay)))[0]
    assert got == ["Agent ada"]
    assert [one["arguments"] for one in desk.requests()] == [{"to": "ada"}]


async def test_a_text_that_cannot_be_made_runs_nothing(desk: Desk) -> None:
    """A function of the arguments that fails is no text for the model, which agentica would make of what it raises."""

    def title(arguments: Any) -> str:
        raise KeyError(arguments["to"])

    with scripted(("pay", {"to": "hunter2", "amount": 20})) as model:
        [read] = await run(model, gated(desk.gate(), Bank().pay, title=title))
    assert read == "pay was not run: it needs a person's approval, and the approval service could not be used."
    assert not desk.requests()
