"""The people of all agents' tests: what they decide they decide in a chat, on its card or in a review of a batch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents_harness import Desk, Json, approve, edit, reject, respond

from signoff import Gate

SCHEMA: Json = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "maximum": 1000},
        "to": {"type": "string"},
        "urgent": {"type": "boolean", "title": "Is it urgent?"},
        "unit": {"enum": ["eur", "usd"]},
        "lines": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["amount", "to"],
}
ASKED: Json = {"amount": 20, "to": "lena", "urgent": False, "unit": "eur", "lines": [{"sku": 1}]}
ANSWERS: list[Any] = [
    approve,
    edit(amount=12.5, to="olga", urgent=True, unit="usd"),
    edit(lines=[{"sku": 2, "count": 3}]),
    reject("Not this one", "with_changes"),
    reject(),
    respond({"paid": True, "by": "hand"}),
]
ALLOWED: Any = ("approve", "edit", "reject", "respond")
RESPONSE: Json = {
    "type": "object",
    "properties": {"paid": {"type": "boolean"}, "by": {"type": "string"}},
    "required": ["paid", "by"],
}


@pytest.mark.parametrize("chat", ["slack", "teams"])
@pytest.mark.parametrize("answer", ANSWERS, ids=str)
async def test_decided_on_the_card(desk: Desk, chat: str, answer: Any) -> None:
    """Each kind of answer is clicked and typed in either chat, and recorded as it was meant."""
    task = _asking(desk.gate(on_reject="return"))
    [asked] = await asyncio.to_thread(desk.waiting)
    said = answer(asked) if callable(answer) else answer
    assert (await asyncio.to_thread(lambda: desk.decide(asked, answer, chat=chat)))[0] == 200
    await task
    _is(desk.requests()[0], said, chat)
    assert not desk.by_http


@pytest.mark.parametrize("chat", ["slack", "teams"])
async def test_decided_in_a_review(desk: Desk, chat: str) -> None:
    """The calls of a batch are decided one at a time, in any order, each with its own answer."""
    async with desk.gate(on_reject="return").batch("Several", allowed_decisions=ALLOWED) as batch:
        for number, _ in enumerate(ANSWERS):
            arguments = {**ASKED, "amount": number}
            batch.add("pay", arguments, schema=SCHEMA, response_schema=RESPONSE, tool_call_id=f"{desk.agent}-{number}")
    pending = await asyncio.to_thread(desk.waiting, len(ANSWERS))
    by_number = {_number(one): one for one in pending}
    for number, answer in reversed([*enumerate(ANSWERS)]):
        asked = by_number[number]
        assert (await asyncio.to_thread(lambda a=asked, b=answer: desk.decide(a, b, chat=chat)))[0] == 200
    for one in desk.requests():
        answer = ANSWERS[_number(one)]
        _is(one, answer({"arguments": {**ASKED, "amount": _number(one)}}) if callable(answer) else answer, chat)
    assert not desk.by_http


@pytest.mark.parametrize("chat", ["slack", "teams"])
async def test_edit_that_does_not_fit_is_refused_at_its_field(desk: Desk, chat: str) -> None:
    """The form keeps it, HTTP says why, and the next click counts."""
    task = _asking(desk.gate())
    [asked] = await asyncio.to_thread(desk.waiting)
    status, told = await asyncio.to_thread(lambda: desk.decide(asked, edit(amount=5000), chat=chat))
    assert (status, [one["pointer"] for one in told["errors"]]) == (422, ["/arguments/amount"])
    assert (await asyncio.to_thread(lambda: desk.decide(asked, approve, chat=chat)))[0] == 200
    await task
    _is(desk.requests()[0], approve, chat)


async def test_long_call_of_high_risk_is_read_before_it_is_approved(desk: Desk) -> None:
    """A card that could not hold all of it has no button: people go by its details, in both chats."""
    for chat in ("slack", "teams"):
        task = _asking(desk.gate(), {**ASKED, "to": f"{chat} " + "x" * 3000}, risk="critical")
        [asked] = await asyncio.to_thread(desk.waiting)
        assert (await asyncio.to_thread(lambda a=asked, c=chat: desk.decide(a, approve, chat=c)))[0] == 200
        await task
        _is(desk.requests()[-1], approve, chat)


async def test_words_beside_an_approval_go_over_http(desk: Desk) -> None:
    """No form has a field for them, and the desk says so."""
    task = _asking(desk.gate())
    [asked] = await asyncio.to_thread(desk.waiting)
    assert (await asyncio.to_thread(desk.decide, asked, edit("cap is 5", amount=5)))[0] == 200
    assert (await task).message == "cap is 5"
    assert desk.by_http == ["the forms have no field for words beside an approval"]


async def test_people_take_turns(desk: Desk) -> None:
    """Of several calls some are decided in Slack and some in Teams."""
    desk.people(approve)
    for number in range(2):
        await _asking(desk.gate(), {**ASKED, "amount": number})
    assert {one["decision"]["decided_by"][0]["via"] for one in desk.requests()} == {"slack", "teams"}


def _asking(gate: Gate, arguments: Json = ASKED, **fields: Any) -> asyncio.Task[Any]:
    said: Any = {"schema": SCHEMA, "allowed_decisions": ALLOWED, "response_schema": RESPONSE, **fields}
    return asyncio.create_task(gate.ask("pay", arguments, **said))


def _number(request: Json) -> int:
    return int(request["tool_call_id"].rpartition("-")[2])


def _is(request: Json, said: Json, chat: str) -> None:
    made = request["decision"]
    assert [(by["person"], by["via"]) for by in made["decided_by"]] == [("ada", chat)]
    assert made["kind"] == said["kind"]
    if said["kind"] == "edit":
        assert made["arguments"] == said["arguments"]
    if said["kind"] == "reject":
        assert (made["message"] or None, made["retry"]) == (said["message"], said.get("retry", "never"))
    if said["kind"] == "respond":
        assert made["response"] == said["response"]
