"""Where CrewAI lets a tool run although it should not, and what happens with a gated one."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, eventually, reject
from crewai.hooks import clear_all_tool_call_hooks, register_before_tool_call_hook

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from crewai_agent import Bank, crew, kickoff, pays, scripted


def raising(_context: Any) -> bool:
    raise ConnectionError("the approval service is away")


async def never_awaited(_context: Any) -> bool:
    return False


def forgetting(_context: Any) -> None:
    """One that breaks what ours notes."""
    clear_all_tool_call_hooks()


@pytest.fixture(autouse=True)
def hooks() -> Iterator[None]:
    """They are the whole process's."""
    clear_all_tool_call_hooks()
    yield
    clear_all_tool_call_hooks()


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("native", [True, False], ids=["native", "react"])
@pytest.mark.parametrize("hook", [raising, never_awaited])
def test_crewai_alone_runs_what_a_hook_could_not_refuse(hook: Any, native: bool) -> None:
    """The framework's own behaviour: what a hook raises is swallowed, an async one is never awaited; the tool runs."""
    register_before_tool_call_hook(hook)
    bank = Bank()
    kickoff(crew(scripted(pays(1), native=native), bank.tools()))
    assert bank.paid == ["p0 1"]


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("native", [True, False], ids=["native", "react"])
@pytest.mark.parametrize("hook", [raising, never_awaited, forgetting])
def test_gated_tools_ask_whatever_hooks_do(desk: Desk, hook: Any, native: bool) -> None:
    """Ours: the tool itself asks."""
    bank = Bank()
    desk.people(reject("no"))
    register_before_tool_call_hook(hook)
    kickoff(crew(scripted(pays(1), native=native), bank.gated(desk.gate(), "pay")))
    assert len(desk.requests()) == 1
    assert not bank.paid


def test_without_hooks_calls_of_a_turn_are_asked_about_one_by_one(desk: Desk) -> None:
    """Where nobody says which turn a call stands in, each has its own card."""
    bank = Bank()
    desk.people(approve)
    tools = bank.gated(desk.gate(), "pay")
    clear_all_tool_call_hooks()
    kickoff(crew(scripted(pays(1, 2)), tools))
    assert sorted(bank.paid) == ["p0 1", "p1 2"]
    assert len(desk.requests()) == 2


@pytest.mark.parametrize("native", [True, False], ids=["native", "react"])
def test_crewai_alone_answers_from_its_cache(native: bool) -> None:
    """The framework's own behaviour in a caching crew: the second call does not get as far as the tool."""
    bank = Bank()
    kickoff(crew(scripted(pays(1), [("look", {"what": "sky"})], pays(1), native=native), bank.tools(), cache=True))
    assert bank.paid == ["p0 1", "look sky"]


@pytest.mark.parametrize("native", [True, False], ids=["native", "react"])
def test_gated_tools_are_not_cached(desk: Desk, native: bool) -> None:
    """Ours: the second call is asked about as the first was, and may be refused."""
    bank = Bank()
    desk.people(approve, reject("once is enough"))
    model = scripted(pays(1), [("look", {"what": "sky"})], pays(1), native=native)
    kickoff(crew(model, bank.gated(desk.gate(), "pay"), cache=True))
    assert len(desk.requests()) == 2
    assert bank.paid == ["p0 1", "look sky"]
    assert "once is enough" in " ".join(model.read)


def test_crewai_alone_runs_a_failing_tool_again_in_react() -> None:
    """The framework's own behaviour: one call of the model, several runs of a tool that raises."""
    bank = Bank()
    kickoff(crew(scripted([("fails", {"why": "no money"})], native=False), bank.tools()))
    assert len(bank.paid) > 1


def test_a_failing_gated_tool_runs_once(desk: Desk) -> None:
    """Ours: its failure is its result, so it is asked about once and runs once."""
    bank = Bank()
    desk.people(approve)
    model = scripted([("fails", {"why": "no money"})], native=False)
    kickoff(crew(model, bank.gated(desk.gate(), "fails")))
    assert bank.paid == ["no money"]
    assert any("no money (code: ValueError)" in text for text in model.read)
    [asked] = desk.requests()
    assert asked["outcome"]["detail"] == "ValueError: no money"


def test_crewai_alone_waits_for_what_it_has_given_up() -> None:
    """The framework's own behaviour: its time is over, but the tool's thread goes on, and what it waits for runs."""
    bank, late = Bank(), threading.Event()
    tools = bank.tools()
    inner = tools[0].func  # type: ignore[attr-defined]

    def waiting(to: str, amount: float) -> str:
        late.wait(10)
        return str(inner(to, amount))

    tools[0].func = waiting  # type: ignore[attr-defined]
    made = crew(scripted(pays(1)), tools, max_execution_time=1)
    timer = threading.Timer(1.5, late.set)
    timer.start()
    with pytest.raises(TimeoutError):
        made.kickoff()
    assert bank.paid == ["p0 1"]


def test_what_crewai_has_given_up_does_not_run(desk: Desk) -> None:
    """Ours: the wait ends with the agent's time, and an approval that comes later starts nothing."""
    bank = Bank()
    desk.people(None)
    made = crew(scripted(pays(1)), bank.gated(desk.gate(), "pay"), max_execution_time=1)
    with pytest.raises(TimeoutError):
        made.kickoff()
    [asked] = desk.waiting()
    desk.decide(asked, approve)
    assert desk.requests()[0]["consumed_at"] is None
    assert not bank.paid


async def test_crewai_alone_runs_what_was_cancelled() -> None:
    """The framework's own behaviour: a cancelled `akickoff` leaves a tool's thread behind, which goes on."""
    bank, waiting, late = Bank(), threading.Event(), threading.Event()
    tools = bank.tools()
    inner = tools[0].func  # type: ignore[attr-defined]

    def slow(to: str, amount: float) -> str:
        waiting.set()
        late.wait(10)
        return str(inner(to, amount))

    tools[0].func = slow  # type: ignore[attr-defined]
    going = asyncio.create_task(crew(scripted(pays(1)), tools).akickoff())
    await asyncio.to_thread(waiting.wait)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    late.set()
    await asyncio.to_thread(eventually, lambda: bank.paid)


@pytest.mark.parametrize("native", [True, False], ids=["native", "react"])
async def test_what_was_cancelled_does_not_run(desk: Desk, native: bool) -> None:
    """Ours: the thread notices that its agent has ended; an approval just before says that nothing ran."""
    bank = Bank()
    made = crew(scripted(pays(1), native=native), bank.gated(desk.gate(), "pay"))
    going = asyncio.create_task(made.akickoff())
    [asked] = await asyncio.to_thread(desk.waiting)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    desk.decide(asked, approve)
    await asyncio.to_thread(eventually, lambda: desk.requests()[0]["outcome"])
    assert desk.requests()[0]["outcome"]["detail"] == "Not run: the run was cancelled."
    assert not bank.paid
