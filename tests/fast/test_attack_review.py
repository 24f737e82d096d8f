"""Attempts to make a review decide, tell or count something that it must not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from batchkit import Crowd
from reviewkit import Looking, looker, office
from ruleskit import AGENT, House

from signoff.client import Gate
from signoff.client import requests as verbs
from signoff.errors import NotFound
from signoff.model import Actor, Ask, Pin, Request


def pin(request: Request) -> Pin:
    return Pin(id=request.id, version=request.version, digest=request.digest)


async def results(house: House, *requests: Request, kind: Any = "approve", by: Actor | None = None) -> list[str]:
    decided = await house.desk.bulk.decide([pin(one) for one in requests], kind, None, by or looker(), "review_one")
    return [one.result for one in decided.results]


# ── what is told of a batch that is sent again ───────────────────────────────────────────────────


async def test_i05_a_vote_on_what_expired_is_not_told_as_an_approval() -> None:
    """The same batch sent again says that nobody approved it, though this person's vote stands on the record."""
    house = office()
    request = await house.ask(tool="close_account", expires_in=60)
    assert await results(house, request) == ["voted"]
    house.forward(seconds=61)
    await house.sweep()
    assert await results(house, request) == ["expired"]


async def test_i05_a_vote_on_what_was_withdrawn_is_not_told_as_an_approval() -> None:
    """As above, when the agent took it back."""
    house = office()
    request = await house.ask(tool="close_account")
    assert await results(house, request) == ["voted"]
    await house.desk.withdraw(request.id, AGENT)
    assert await results(house, request) == ["already_decided"]


async def test_i01_a_vote_on_what_another_rejected_is_not_told_as_ones_own_rejection() -> None:
    """Who approved is told that Bob rejected it, not that it was rejected by what they confirmed."""
    house = office()
    request = await house.ask(tool="close_account")
    assert await results(house, request) == ["voted"]
    await house.say(request, "bob", "reject", message="no")
    decided = await house.desk.bulk.decide([pin(request)], "approve", None, looker(), "review_one")
    assert [(one.result, one.sentence) for one in decided.results] == [
        ("already_decided", "Bob already rejected this at 09:00 UTC on 2026-11-20 in Slack.")
    ]


async def test_the_same_batch_on_two_replicas_at_once_is_told_twice_alike() -> None:
    """A vote that the other press has cast at this very moment is this batch's own."""
    house = office()
    requests = [await house.ask(tool="close_account", order=f"A-{n}") for n in range(20)]
    pins = [pin(one) for one in requests]
    both = await asyncio.gather(
        *(desk.bulk.decide(pins, "approve", None, looker(), "review_one") for desk in (house.desk, house.replica()))
    )
    assert [{one.result for one in decided.results} for decided in both] == [{"voted"}, {"voted"}]
    assert {len((await house.desk.get(one.id)).votes) for one in requests} == {1}


# ── what is nobody else's business ───────────────────────────────────────────────────────────────


async def test_how_somebody_elses_request_ended_is_not_told() -> None:
    """Who guesses an id is told no more of what has ended than of what waits."""
    house = office()
    request = await house.ask(tool="hire")
    await house.say(request, "cleo", "approve")
    decided = await house.desk.bulk.decide([pin(request)], "approve", None, looker(), "review_one")
    assert [(one.result, one.request) for one in decided.results] == [("not_allowed", None)]
    assert "already" not in decided.results[0].sentence


async def test_a_request_that_has_ended_is_opened_only_by_those_whom_it_concerned() -> None:
    house = office()
    request = await house.ask(tool="hire")
    await house.say(request, "cleo", "approve")
    with pytest.raises(NotFound):
        await Looking(house).open(one=request.id)
    await Looking(house, "dan").open(one=request.id)


async def test_that_somebody_elses_request_has_expired_is_not_told() -> None:
    house = office()
    request = await house.ask(tool="hire", expires_in=60)
    house.forward(seconds=61)
    assert await results(house, request) == ["not_allowed"]


async def test_whoever_decided_is_told_so_after_they_have_left() -> None:
    """One's own decision is no secret, also for who is no longer in the group."""
    house = office()
    request = await house.ask(tool="refund")
    assert await results(house, request) == ["approved"]
    assert await results(house, request) == ["approved"]


async def test_i17_ones_own_is_left_out_where_only_an_edit_would_let_it_run() -> None:
    house = office()
    request = await house.ask(on_behalf_of="ada@example.com", allowed_decisions=("edit", "reject"))
    judged = await house.desk.bulk.preflight([pin(request)], "reject", looker())
    assert [one.code for one in judged] == ["own"]


# ── what is shown before deciding ────────────────────────────────────────────────────────────────


async def test_the_page_before_deciding_names_the_tool_whatever_the_title_says() -> None:
    """A title is the agent's own words: a payment called "Refund A-1" must not pass for one."""
    house = office()
    await house.ask(tool="send_mail", title="Refund A-1")
    await house.ask(tool="send_mail", title="send_mail")
    await house.ask(tool="refund", title="Refund A-1" * 20)
    await house.ask(tool="refund", order="A-2")
    looking = Looking(house)
    await looking.open(every=True)
    titles = [line.title for line in looking.preflight.lines]
    assert sorted(titles)[::-1][:2] == ["send_mail: Refund A-1", "send_mail"]
    assert sum(title.startswith("refund: Refund A-1Refund") for title in titles) == 1
    assert "refund" in titles
    assert max(map(len, titles)) <= 80


async def test_words_that_are_looked_for_are_no_longer_than_a_field_takes() -> None:
    """What is typed behind the command fills the field that narrows the list."""
    looking = Looking(office())
    await looking.open("x" * 1900)
    assert looking.listing.sieve.text == "x" * 200


async def test_i13_no_secret_is_kept_with_a_review_nor_found_by_it() -> None:
    """Whatever screen is open: what the store holds of it is as masked as what is drawn."""
    house = office()
    secret = "s3cr3t-pass-word"
    schema = {"type": "object", "properties": {"pin": {"type": "string", "writeOnly": True}}}
    fields = {"title": f"Use {secret}", "reason": secret, "schema": schema}
    ask = Ask.model_validate({"tool": "refund", "arguments": {"pin": secret}, **fields})
    request = (await house.desk.ask(ask, AGENT)).request
    looking = Looking(house)
    how: list[dict[str, Any]] = [{}, {"every": True}, {"one": request.id}]
    for one in how:
        screen = await looking.open(**one)
        kept = await house.store.recall("review", screen.review)
        assert kept is not None
        assert secret not in kept + repr(screen)
    await looking.open(secret)
    assert looking.listing.groups == ()


# ── what is folded ───────────────────────────────────────────────────────────────────────────────


async def test_a_call_folded_into_one_that_was_edited_gets_its_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request that it was folded into shows what a person has made of it; that is no answer to another ask."""
    crowd = Crowd()
    monkeypatch.setattr(verbs, "Wire", lambda *_: crowd)
    monkeypatch.setattr(verbs, "LOOK", 0.001)
    monkeypatch.setattr(verbs, "HEAD_START", 0.005)
    gate = Gate("http://service.invalid", "so_test", agent="support-agent", patience=0.02)
    crowd.folded = True
    first = crowd.record({"tool": "deploy", "arguments": {"service": "api"}})
    crowd.records[first] |= {"arguments": {"service": "web"}, "version": 2}
    waiting = asyncio.ensure_future(gate.ask("deploy", {"service": "api"}))
    await crowd.asked.wait()
    await crowd.decide(1, "approve")
    decision = await waiting
    assert (decision.arguments, decision.folded) == ({"service": "web"}, True)
