"""Deciding many at once: each as it was seen, each by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from reviewkit import looker, office
from ruleskit import House

from signoff.desk.bulk import MOST
from signoff.errors import Invalid, StoreUnavailable
from signoff.model import Pin, Request


def pins(*requests: Request) -> list[Pin]:
    return [Pin(id=one.id, version=one.version, digest=one.digest) for one in requests]


async def codes(house: House, *requests: Request, kind: Any = "approve", person: str = "ada") -> list[str]:
    return [one.code for one in await house.desk.bulk.preflight(pins(*requests), kind, looker(person))]


async def test_each_is_decided_by_itself_under_one_batch() -> None:
    """One audit line a request, with the batch's id in each."""
    house = office()
    asked = [await house.ask(order=f"A-{n}") for n in range(5)]
    decided = await house.desk.bulk.decide(pins(*asked), "approve", None, looker())
    assert [one.result for one in decided.results] == ["approved"] * 5
    lines = list(await house.lines("decided"))
    assert [line["request"] for line in lines] == [one.id for one in asked]
    assert {line["batch"] for line in lines} == {decided.batch}
    now = await house.desk.get(asked[0].id)
    assert now.decision is not None
    assert now.decision.decided_by[0].batch == decided.batch


async def test_many_are_rejected_with_one_reason() -> None:
    """The agent reads it with each."""
    house = office()
    asked = [await house.ask(order=f"A-{n}") for n in range(3)]
    await house.desk.bulk.decide(pins(*asked), "reject", "the campaign is over", looker())
    for one in asked:
        now = await house.desk.get(one.id)
        assert now.decision is not None
        assert (now.status, now.decision.message) == ("rejected", "the campaign is over")


async def test_what_cannot_go_along_with_others_is_left_out_by_name() -> None:
    """High risk, type-to-confirm, one's own, invisible characters, long arguments, questions, others' business."""
    house = office()
    fit = await house.ask()
    high = await house.ask(tool="deploy")
    confirm = await house.ask(tool="wire")
    own = await house.ask(on_behalf_of="ada@example.com")
    odd = await house.ask(order="A\u202e1")
    long = await house.ask(order="x" * 10_000)
    question = await house.ask(allowed_decisions=["respond", "reject"])
    foreign = await house.ask(tool="hire")
    found = await codes(house, fit, high, confirm, own, odd, long, question, foreign)
    assert found == [
        "ok",
        "high_risk",
        "confirm",
        "own",
        "hidden_text",
        "too_long",
        "needs_answer",
        "not_allowed",
    ]
    # Rejecting lets nothing run: it needs not all of the arguments, and no answer.
    assert await codes(house, long, question, high, confirm, own, kind="reject") == [
        "ok",
        "ok",
        "high_risk",
        "confirm",
        "own",
    ]


async def test_what_preflight_leaves_out_decide_leaves_alone() -> None:
    """Also when it is sent all the same."""
    house = office()
    asked = [await house.ask(tool=tool) for tool in ("deploy", "wire", "hire")]
    asked.append(await house.ask(on_behalf_of="ada@example.com"))
    decided = await house.desk.bulk.decide(pins(*asked), "approve", None, looker())
    assert not any(one.counted for one in decided.results)
    assert {(await house.desk.get(one.id)).status for one in asked} == {"pending"}


async def test_i07_what_was_edited_since_is_skipped() -> None:
    """The version and the digest that were seen are the ones that are decided."""
    house = office()
    seen = await house.ask(tool="close_account")  # two have to agree, so that an edit leaves it open
    await house.edit(seen, "bob", 7)
    assert (await codes(house, seen)) == ["changed"]
    decided = await house.desk.bulk.decide(pins(seen), "approve", None, looker())
    assert decided.results[0].result == "changed"
    assert len((await house.desk.get(seen.id)).votes) == 1


async def test_a_crafted_digest_decides_nothing() -> None:
    """Right id, right version, another digest: that is not what waits."""
    house = office()
    asked = await house.ask()
    crafted = [Pin(id=asked.id, version=1, digest="sha256:" + "0" * 64), Pin(id="req_none", version=1, digest="x")]
    decided = await house.desk.bulk.decide(crafted, "approve", None, looker())
    assert [one.result for one in decided.results] == ["changed", "not_found"]
    assert (await house.desk.get(asked.id)).open


async def test_what_ended_meanwhile_says_how() -> None:
    """Already decided by whom, expired; the rest is decided."""
    house = office()
    late, taken, fit = await house.ask(order="1", expires_in=60), await house.ask(order="2"), await house.ask(order="3")
    await house.say(taken, "bob", "reject")
    house.forward(seconds=61)
    decided = await house.desk.bulk.decide(pins(late, taken, fit), "approve", None, looker())
    assert [one.result for one in decided.results] == ["expired", "already_decided", "approved"]
    assert "Bob" in decided.results[1].sentence


async def test_i01_two_people_who_confirm_at_once_decide_each_request_once() -> None:
    """The first word stands; the other is told so, line by line."""
    house = office()
    asked = [await house.ask(order=f"A-{n}") for n in range(50)]
    ada, bob = await asyncio.gather(
        house.desk.bulk.decide(pins(*asked), "approve", None, looker("ada")),
        house.desk.bulk.decide(pins(*asked), "reject", "no", looker("bob")),
    )
    for one, other in zip(ada.results, bob.results, strict=True):
        assert one.counted != other.counted
    assert len(await house.lines("decided")) == 50


async def test_the_same_batch_sent_twice_is_decided_once_and_told_twice() -> None:
    """The second answer says what the first one did."""
    house = office()
    asked = [await house.ask(order=f"A-{n}") for n in range(4)] + [await house.ask(tool="close_account")]
    first = await house.desk.bulk.decide(pins(*asked), "approve", None, looker(), "review_1")
    second = await house.desk.bulk.decide(pins(*asked), "approve", None, looker(), "review_1")
    assert [one.result for one in first.results] == ["approved"] * 4 + ["voted"]
    assert [one.result for one in second.results] == [one.result for one in first.results]
    assert len(await house.lines("decided")) == 4
    assert len(await house.lines("voted")) == 1


async def test_i19_somebody_removed_between_list_and_confirmation_decides_nothing() -> None:
    """Membership counts when the decision is made."""
    house = office()
    asked = await house.ask()
    house.gone("ada")
    decided = await house.desk.bulk.decide(pins(asked), "approve", None, looker())
    assert (decided.results[0].result, (await house.desk.get(asked.id)).status) == ("not_allowed", "pending")


async def test_a_directory_that_is_away_lets_nothing_through() -> None:
    """Doubt means no, and the line says to try again."""
    house = office()
    asked = await house.ask()
    house.away()
    decided = await house.desk.bulk.decide(pins(asked), "approve", None, looker())
    assert decided.results[0].result == "away"
    assert (await house.desk.get(asked.id)).open


async def test_frozen_calls_are_left_alone() -> None:
    """Whether the freeze was there before or came meanwhile."""
    house = office()
    asked = await house.ask()
    await house.desk.orders.freeze(None, "refund", None, by="mia", via="slack")
    decided = await house.desk.bulk.decide(pins(asked), "approve", None, looker())
    assert decided.results[0].result == "frozen"
    assert (await house.desk.get(asked.id)).open


async def test_a_batch_is_bounded_and_names_each_request_once() -> None:
    """More, or the same one twice, is refused whole."""
    house = office()
    one = pins(await house.ask())[0]
    many = [one.model_copy(update={"id": f"req_{n}"}) for n in range(MOST + 1)]
    for sent in ([one, one], many):
        with pytest.raises(Invalid):
            await house.desk.bulk.decide(sent, "approve", None, looker())
    assert (await house.desk.get(one.id)).open


async def test_i02_when_nothing_could_be_written_nothing_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis away for all of them: one refusal; for some of them: a line each."""
    house = office()
    asked = [await house.ask(order=f"A-{n}") for n in range(3)]
    move = house.store.move
    fails = {one.id for one in asked}

    async def away(before: Request, *more: Any, **rest: Any) -> bool:
        if before.id in fails:
            raise StoreUnavailable
        return await move(before, *more, **rest)

    monkeypatch.setattr(house.store, "move", away)
    with pytest.raises(StoreUnavailable):
        await house.desk.bulk.decide(pins(*asked), "approve", None, looker())
    fails.discard(asked[0].id)
    decided = await house.desk.bulk.decide(pins(*asked), "approve", None, looker())
    assert [one.result for one in decided.results] == ["approved", "unavailable", "unavailable"]


async def test_the_clock_is_the_stores_own() -> None:
    """A request that has expired by it is not decided, whatever a process's clock says."""
    house = office()
    asked = await house.ask(expires_in=60)
    house.now = asked.expires_at - timedelta(milliseconds=1)
    assert await codes(house, asked) == ["ok"]
    house.now = asked.expires_at
    assert await codes(house, asked) == ["expired"]


async def test_somebody_elses_batch_is_not_ones_own() -> None:
    """Who uses another's batch name is told who decided, not that they did."""
    house = office()
    asked = await house.ask()
    await house.desk.bulk.decide(pins(asked), "approve", None, looker("bob"), "review_1")
    decided = await house.desk.bulk.decide(pins(asked), "approve", None, looker("ada"), "review_1")
    assert (decided.results[0].result, "Bob" in decided.results[0].sentence) == ("already_decided", True)
