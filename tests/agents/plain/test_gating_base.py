"""What every adapter stands on: calls, verdicts, batches, pauses."""

from __future__ import annotations

import asyncio
import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject

import signoff_agents
from signoff import AlreadyStarted, Unavailable
from signoff.client.wire import Reply, Wire
from signoff_agents.gating import (
    Call,
    Ran,
    Reports,
    Tools,
    Turns,
    checked,
    claim_all,
    decide,
    decide_all,
    fields_of,
    retry,
    running,
)

FOLDER = Path(signoff_agents.__file__).parent
ADAPTERS = sorted(
    path.stem
    for path in FOLDER.iterdir()
    if path.stem not in {"__init__", "__pycache__", "gating", "plain", "py"} and not path.stem.startswith(".")
)


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapter_without_its_framework_says_which_extra(name: str) -> None:
    """Where an adapter cannot do without a framework that is missing, the import says what to install."""
    told = ""
    try:
        importlib.import_module(f"signoff_agents.{name}")
    except ImportError as error:
        told = str(error)
    assert not told or re.search(r'install it with: pip install "signoff\[[a-z-]+\]"', told)


def test_langchain_needs_langchain() -> None:
    """By name, with the extra's."""
    with pytest.raises(ImportError, match=r'langchain needs langchain.*: pip install "signoff\[langchain\]"'):
        importlib.import_module("signoff_agents.langchain")


def calls(desk: Desk, *names: str, **fields: Any) -> list[Call]:
    return [Call(tool=name, arguments={"n": 1}, call_id=name, run_id=desk.run, fields=fields) for name in names]


def test_which_tools_are_asked_about() -> None:
    """All, names, or names with fields and "*" for the rest."""
    assert fields_of("all", "x") == {}
    assert fields_of(["a"], "a") == {}
    assert fields_of(["a"], "b") is None
    assert fields_of({"a": {"risk": "high"}, "b": None, "*": {"risk": "low"}}, "a") == {"risk": "high"}
    assert fields_of({"a": {"risk": "high"}, "b": None, "*": {"risk": "low"}}, "b") is None
    assert fields_of({"a": {"risk": "high"}, "b": None, "*": {"risk": "low"}}, "c") == {"risk": "low"}
    assert fields_of({"a": {}}, "c") is None


@pytest.mark.parametrize(
    "tools", ["pay", None, [len], iter(["pay"]), (name for name in ["pay"]), {len: {}}, {"pay": True}]
)
def test_what_is_no_name_is_refused_where_it_is_written(tools: Any) -> None:
    """Functions in the place of names, or an iterator that the first call uses up, would let tools run unasked."""
    with pytest.raises(TypeError, match="a list of names"):
        checked(tools)


def test_names_of_every_kind_of_collection() -> None:
    """Lists, tuples, sets, a dict's keys, and mappings are taken as they are."""
    for tools in ("all", ["a"], ("a",), {"a"}, frozenset("a"), {"a": 1}.keys(), {"a": None, "*": {"risk": "high"}}):
        given: Any = tools
        assert checked(given) is given


@pytest.mark.parametrize("on_reject", ["raise", "return"])
async def test_gates_of_both_kinds(desk: Desk, on_reject: Any) -> None:
    """A verdict is the same whether the gate raises refusals or returns them."""
    desk.people(reject("no", "ask"))
    gate = desk.gate(on_reject=on_reject)
    verdict = await decide(gate, calls(desk, "one")[0])
    assert (verdict.kind, verdict.run, retry(verdict)) == ("refused", None, "ask")
    assert verdict.said == "Ada Okafor rejected this call of one: no. You may ask again later."
    turn = calls(desk, "two", "three")
    told = await asyncio.gather(*(Turns(gate).decide(one, turn) for one in turn))
    assert [one.kind for one in told] == ["refused", "refused"]


async def test_tool_that_says_too_much_of_itself(desk: Desk) -> None:
    """People see the beginning of a description that the service would not take, alone and in a batch."""
    desk.people(approve)
    one, two = calls(desk, "a", "b", title="t" * 301, description="Pays. " * 5000)
    verdicts = [await decide(desk.gate(), one), *await decide_all(desk.gate(), [two, *calls(desk, "c")])]
    assert [verdict.kind for verdict in verdicts] == ["run"] * 3
    assert all(asked["description"].endswith("…") for asked in desk.requests() if asked["description"])


async def test_model_reads_of_an_earlier_exception_only_what_kind_it_was(desk: Desk) -> None:
    """Its text, which may hold anything, is for the people who read the card."""
    desk.people(approve)
    (call,) = calls(desk, "a")
    with pytest.raises(ConnectionError):
        async with running(desk.gate(), await decide(desk.gate(), call)):
            raise ConnectionError("postgres://user:hunter2@db")
    again = await decide(desk.gate(), call)
    assert "and failed (ConnectionError), so it was not run again" in (again.said or "")
    assert "hunter2" in desk.requests()[0]["outcome"]["detail"]


async def test_one_call_that_the_service_does_not_take_leaves_the_others(desk: Desk) -> None:
    """A batch is taken as a whole or not at all; then each call of it is asked about by itself."""
    desk.people(approve)
    wrong: Any = {"schema": {"type": "object", "properties": {"n": {"type": "string"}}}}
    turn = [*calls(desk, "good"), *calls(desk, "bad", **wrong)]
    assert [one.kind for one in await decide_all(desk.gate(), turn)] == ["run", "away"]
    turns = Turns(desk.gate())
    again = [*calls(desk, "good-2"), *calls(desk, "bad-2", **wrong)]
    told = await asyncio.gather(*(turns.decide(one, again) for one in again))
    assert [one.kind for one in told] == ["run", "away"]


async def test_calls_of_a_turn_one_after_the_other_are_still_one_batch(desk: Desk) -> None:
    """Where a framework makes the second call only when the first has ended, nobody is asked again."""
    desk.people(approve)
    turn = calls(desk, "one", "two")
    turns = Turns(desk.gate())
    assert [(await turns.decide(one, turn)).kind for one in turn] == ["run", "run"]
    assert len(desk.requests()) == 2
    assert len({one["batch"]["id"] for one in desk.requests()}) == 1


async def test_calls_with_ids_that_were_used_already_are_asked_about_themselves(desk: Desk) -> None:
    """Two turns at the same moment, with the same ids and other arguments: each goes by what was decided about it."""
    desk.people(lambda asked: edit(n=5)(asked) if asked["arguments"] == {"n": 1} else approve)
    turns = Turns(desk.gate())
    first = calls(desk, "a", "b")
    second = [replace(call, arguments={"n": 2}) for call in first]
    one, other = await asyncio.gather(turns.decide(first[0], first), turns.decide(second[0], second))
    assert (one.run, other.run) == ({"n": 5}, {"n": 2})


async def test_calls_of_a_turn_with_the_same_id_are_no_rows(desk: Desk) -> None:
    """They cannot be told apart on a card: they are asked about by themselves, and not on the others' card as well."""
    desk.people(approve)
    turns = Turns(desk.gate())
    same = calls(desk, "same")
    turn = [*calls(desk, "a", "b"), *same, *same]
    told = await asyncio.gather(*(turns.decide(one, turn) for one in turn))
    assert sorted(one.kind for one in told) == ["done", "run", "run", "run"]
    assert sorted((one["tool"], one["batch"] is not None) for one in desk.requests()) == [
        ("a", True),
        ("b", True),
        ("same", False),
    ]


@pytest.mark.parametrize("how", ["turn", "together"])
async def test_people_are_not_asked_again_when_a_batch_cannot_be_looked_at(
    desk: Desk, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the service answers about calls that wait: they are not run, and no second card is sent."""

    async def gone(wire: Wire, method: str, *words: Any, **options: Any) -> Reply:
        return await send(wire, method, *words, **options) if method != "GET" else Reply(403, {"detail": "No."})

    send = Wire.send
    monkeypatch.setattr(Wire, "send", gone)
    gate, turn = desk.gate(), calls(desk, "a", "b")
    if how == "turn":
        turns = Turns(gate)
        told = await asyncio.gather(*(turns.decide(one, turn) for one in turn))
    else:
        told = await decide_all(gate, turn)
    assert [one.kind for one in told] == ["away", "away"]
    assert len(desk.requests()) == 2


async def test_only_one_of_many_claims_gets_the_approvals(desk: Desk) -> None:
    """All of a pause's approvals go to whoever burns the first, never some to one and some to another."""
    desk.people(approve)
    gates = [desk.gate() for _ in range(5)]
    names = "abcd"
    went = await asyncio.gather(*(claim_all(gate, calls(desk, *names)) for gate in gates), return_exceptions=True)
    won = [one for one in went if isinstance(one, list)]
    assert [[verdict.kind for verdict in one] for one in won] == [["run"] * 4]
    assert sum(isinstance(one, AlreadyStarted) for one in went) == 4
    assert len(desk.requests()) == 4


async def test_claim_that_cannot_ask_burns_nothing(desk: Desk) -> None:
    """It is raised, so that what is paused stays paused; so is one call among others that the service refuses."""
    with pytest.raises(Unavailable, match="could not be used"):
        await claim_all(desk.away(), calls(desk, "a", "b"))
    desk.people(approve)
    wrong: Any = {"schema": {"type": "object", "properties": {"n": {"type": "string"}}}}
    with pytest.raises(Unavailable):
        await claim_all(desk.gate(), [*calls(desk, "good"), *calls(desk, "bad", **wrong)])
    assert all(one["consumed_at"] is None for one in desk.requests())


async def test_verdict_tells_old_and_new(desk: Desk) -> None:
    """An edit's changes are held to what was asked, deep ones too, and long values are shortened in the note."""
    desk.people(edit(to={"name": "bo", "tags": ["x"]}, text="long " * 200))
    call = Call(tool="send", arguments={"to": {"name": "al", "tags": ["x"]}, "text": "short"})
    verdict = await decide(desk.gate(), call)
    assert [(one.path, one.from_) for one in verdict.edited] == [("/to/name", "al"), ("/text", "short")]
    assert verdict.note is not None
    assert verdict.note.startswith('Ada Okafor changed the arguments of send before it ran: to/name is now "bo"; text')
    assert len(verdict.note) < 500


def test_a_slip_in_a_tools_name_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A tool that runs unasked beside a listed name that is nearly its own is a warning, once; others are none."""
    tools: Tools = {"pya": {"risk": "high"}, "read_file": None}
    for name in ("pay", "pay", "write_file", "read_files", "look"):
        assert fields_of(tools, name) is None
    assert fields_of(["pay_bill"], "paybill") is None
    said = [one.getMessage().partition(";")[0] for one in caplog.records]
    assert said == [f"nobody is asked about {name}" for name in ("pay", "read_files", "paybill")]
    assert "the tools to ask about name pya: is that misspelt?" in caplog.text
    assert fields_of({"pya": {}, "*": {}}, "pay") == {}


def test_a_run_resumed_on_another_event_loop_waits_for_none_of_the_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was being told on a loop that stands still never arrives, and holds nothing up."""
    desk.people(approve)
    gate = desk.gate()
    reports = Reports(gate)

    async def report(*said: Any) -> None:
        await asyncio.Event().wait()

    async def begun() -> None:
        verdict = await decide(gate, calls(desk, "a")[0])
        reports.send("run", verdict, Ran())
        await asyncio.sleep(0)

    async def resumed() -> None:
        async with asyncio.timeout(5):
            await reports.arrived("run")

    monkeypatch.setattr(gate, "report", report)
    first = asyncio.new_event_loop()
    first.run_until_complete(begun())
    asyncio.run(resumed())
    for task in asyncio.all_tasks(first):
        task.cancel()
    monkeypatch.undo()
    first.run_until_complete(asyncio.wait(asyncio.all_tasks(first)))
    first.close()
