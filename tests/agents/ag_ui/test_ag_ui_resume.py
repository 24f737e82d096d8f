"""AG-UI's interrupts answered by people, as the entries that the next run goes on with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ag_ui.core import (
    Interrupt,
    ResumeEntry,
    RunAgentInput,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunFinishedSuccessOutcome,
)
from agents_harness import Desk, approve, reject, respond

from signoff import AlreadyStarted, Unavailable
from signoff_agents.ag_ui import interrupts, resume

FORM: dict[str, Any] = {"type": "object", "properties": {"seats": {"type": "integer"}}, "required": ["seats"]}


def asks(number: int = 1, **fields: Any) -> Interrupt:
    return Interrupt(id=f"i{number}", reason="tool_call", message=f"Book flight {number}?", **fields)


def plain(entries: list[ResumeEntry]) -> list[dict[str, Any]]:
    return [one.model_dump(by_alias=True) for one in entries]


def test_what_a_run_waits_for() -> None:
    """The interrupts of its outcome; nothing when it has come to its end."""
    waiting = RunFinishedInterruptOutcome(interrupts=[asks()])
    event = RunFinishedEvent(thread_id="t", run_id="r", outcome=waiting)
    assert interrupts(event) == [asks()]
    assert interrupts(RunFinishedEvent(thread_id="t", run_id="r", outcome=RunFinishedSuccessOutcome())) == []
    assert interrupts(RunFinishedEvent(thread_id="t", run_id="r")) == []


async def test_each_answer_in_its_own_way(desk: Desk) -> None:
    """Approved and answered ones are resolved, a rejected one is cancelled and says why; people see one batch."""
    forms = {"Book flight 1?": approve, "Book flight 2?": respond({"seats": 2}), "Book flight 3?": reject("too dear")}
    desk.people(lambda asked: forms[asked["title"]])
    waiting = [asks(1, tool_call_id="c1", metadata={"price": 90}), asks(2, response_schema=FORM), asks(3)]
    entries = await resume(desk.gate(), waiting, thread_id=desk.run)
    assert plain(entries) == [
        {"interruptId": "i1", "status": "resolved", "payload": {"approved": True}},
        {"interruptId": "i2", "status": "resolved", "payload": {"seats": 2}},
        {
            "interruptId": "i3",
            "status": "cancelled",
            "payload": {
                "approved": False,
                "message": "Ada Okafor rejected this call of tool_call: too dear. Do not try this again.",
            },
        },
    ]
    asked = desk.requests()
    assert len({one["batch"]["id"] for one in asked}) == 1
    assert asked[0]["arguments"] == {
        "message": "Book flight 1?",
        "tool_call_id": "c1",
        "metadata": {"price": 90},
    }
    RunAgentInput(thread_id=desk.run, run_id="next", messages=[], resume=entries)


async def test_an_answer_that_does_not_fit_the_form_is_refused(desk: Desk) -> None:
    """At the door, by the interrupt's own schema."""
    task = asyncio.create_task(resume(desk.gate(), [asks(response_schema=FORM)], thread_id=desk.run))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert desk.decide(asked, respond({"seats": "many"}))[0] == 422
    desk.decide(asked, respond({"seats": 1}))
    assert [one.payload for one in await task] == [{"seats": 1}]


async def test_only_the_named_reasons(desk: Desk) -> None:
    """What is somebody else's has no entry; the named ones have the fields of a request."""
    desk.people(approve)
    other = Interrupt(id="i2", reason="login")
    entries = await resume(desk.gate(), [asks(), other], thread_id=desk.run, tools={"tool_call": {"risk": "high"}})
    assert [one.interrupt_id for one in entries] == ["i1"]
    assert desk.requests()[0]["risk"] == "high"
    assert await resume(desk.gate(), [other], thread_id=desk.run, tools=["tool_call"]) == []


async def test_expired_is_cancelled(desk: Desk) -> None:
    """By the interrupt's own time; the text says that nobody decided, and an approval after it comes too late."""
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    [entry] = await resume(desk.gate(), [asks(expires_at=soon)], thread_id=desk.run)
    assert entry.status == "cancelled"
    assert "Nobody decided about tool_call before it expired" in entry.payload["message"]
    desk.people(approve)
    slow = asyncio.create_task(resume(desk.gate(), [asks(1, expires_at=soon), asks(2)], thread_id=f"{desk.run}-2"))
    assert [one.status for one in await slow] == ["cancelled", "resolved"]


async def test_taken_up_again_asks_once_and_goes_on_once(desk: Desk) -> None:
    """Cancelled while people think and called again: the same request; after it has gone on, it is started."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    waiting = [asks(1, expires_at=later), asks(2, expires_at="soon")]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.2):
            await resume(desk.gate(), waiting, thread_id=desk.run)
    for asked in await asyncio.to_thread(desk.waiting, 2):
        desk.decide(asked, approve)
    assert [one.status for one in await resume(desk.gate(), waiting, thread_id=desk.run)] == ["resolved", "resolved"]
    assert len(desk.requests()) == 2
    with pytest.raises(AlreadyStarted):
        await resume(desk.gate(), waiting, thread_id=desk.run)
    told = await resume(desk.gate(), waiting, thread_id=desk.run, started="tell")
    assert [one.status for one in told] == ["cancelled", "cancelled"]


async def test_service_away_leaves_the_pause(desk: Desk) -> None:
    """No entries, one fixed sentence."""
    with pytest.raises(Unavailable, match="the approval service could not be used"):
        await resume(desk.away(), [asks()], thread_id=desk.run)
