"""Attempts to make a review decide, tell or count something that it must not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Literal

import pytest
from batchkit import Crowd
from relaykit import CrashError, Life
from reviewkit import RULES, Looking, looker, office
from ruleskit import AGENT, COMPANY, LIMITS, House, rules

from signoff.api.answers import record
from signoff.cards import Move, Preflight
from signoff.cards.line import arguments_line
from signoff.cli.bulk import pinned
from signoff.client import Gate
from signoff.client import requests as verbs
from signoff.desk import Desk
from signoff.errors import DirectoryAway, NotFound
from signoff.model import Actor, Ask, Pin, Principal, Request, Sieve


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


# ── killed between two steps ─────────────────────────────────────────────────────────────────────


def dying(house: House, life: Life) -> Desk:
    """A replica that ends at one of its calls to the store."""
    desk = Desk(life.of(house.store), house.policy, house.signer, LIMITS)
    desk.people.add("slack", house.directory)
    return desk


@pytest.mark.parametrize("when", ["before", "after"])
async def test_i21_a_confirmation_that_dies_at_any_step_is_finished_once(when: Literal["before", "after"]) -> None:
    """Whoever looks half a minute later finds every decision made, once, with one audit line each."""
    step, life = 0, Life()
    while step == 0 or life.over:
        step += 1
        house, life = office(), Life(step, when)
        for n in range(3):
            await house.ask(order=f"A-{n}")
            await house.ask(tool="close_account", order=f"B-{n}")
        looking = Looking(house)
        await looking.open(every=True)
        with contextlib.suppress(CrashError):
            desk = dying(house, life)
            await desk.review.act(looking.preflight.review, Move("confirm", looking.preflight.key), looking.actor)
        house.forward(seconds=31)
        await looking.do("look")
        if isinstance(looking.screen, Preflight):  # it died before anything was begun
            await looking.do("confirm", looking.preflight.key)
        assert looking.results.heading == "3 approved, 3 votes counted"
        assert len([line for line in await house.lines() if line.get("batch")]) == 6
    assert step > 15


@pytest.mark.parametrize("when", ["before", "after"])
async def test_i21_a_press_that_dies_at_any_step_decides_no_other_request(when: Literal["before", "after"]) -> None:
    """The same button pressed again decides what it stood for, or nothing."""
    step, life = 0, Life()
    while step == 0 or life.over:
        step += 1
        house, life = office(), Life(step, when)
        first, *others = [await house.ask(order=f"A-{n}") for n in range(3)]
        looking = Looking(house)
        await looking.open(one=first.id)
        move = Move("decide", "approve", mark=looking.single.mark)
        with contextlib.suppress(CrashError):
            await dying(house, life).review.act(looking.single.review, move, looking.actor)
        await looking.do("decide", "approve", mark=move.mark)
        assert [(await house.desk.get(one.id)).open for one in others] == [True, True]
    assert step > 5


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


@pytest.mark.parametrize("move", [Move("walk", "r0"), Move("look"), Move("skip"), Move("back")])
async def test_i19_who_was_removed_after_the_list_is_shown_no_request_in_full(move: Move) -> None:
    """Neither from the list, nor from the request that stood there: it may have been edited since."""
    house = office()
    for n in range(2):
        await house.ask(order=f"A-{n}")
    looking = Looking(house)
    await looking.open()
    if move.name != "walk":
        await looking.do("walk", "r1")
    house.desk.adopt(rules(RULES, company=COMPANY.replace("[ada, bob]", "[bob, cleo]")))
    await looking.do(move.name, move.key, mark=getattr(looking.screen, "mark", ""))
    assert (looking.listing.groups, looking.listing.heading) == ((), "Nothing waits for you")


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


async def test_what_is_thawed_after_it_was_selected_makes_no_page_that_cannot_be_confirmed() -> None:
    """Frozen ones are selected without being counted; when they can be decided after all, two hundred of them are."""
    house = office()
    for n in range(210):
        await house.ask(order=f"A-{n:03d}")
        house.forward(milliseconds=1)
    await house.desk.command("freeze tool refund because of doubt", looker("ada"))
    looking = Looking(house)
    await looking.open()
    for _ in range(2):
        await looking.do("select", "all")
        await looking.do("page", "next")
    await house.desk.command("thaw tool refund", looker("ada"))
    await looking.do("approve")
    assert looking.preflight.heading == "Approve 200 requests?"
    assert {line.said for line in looking.preflight.excluded} == {"more than the 200 that are decided at once"}
    for page in range(1, looking.preflight.pages):
        await looking.do("turn", str(page))
    await looking.do("confirm", looking.preflight.key)
    assert looking.results.heading == "200 approved"


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


# ── what is counted ──────────────────────────────────────────────────────────────────────────────


async def test_what_one_has_voted_on_waits_for_others_and_is_not_counted() -> None:
    """Neither on the list, nor in the figures above it, nor in what it can be narrowed down to."""
    house = office()
    first = await house.ask(tool="close_account", order="A-1")
    await house.ask(tool="close_account", order="A-2")
    await house.say(first, "ada", "approve")
    looking, other = Looking(house), Looking(house, "bob")
    await looking.open()
    assert (looking.listing.heading, looking.listing.counts) == ("1 request waits for you", "1 low")
    assert [one.count for one in looking.listing.groups] == [1]
    await other.open()
    assert other.listing.heading == "2 requests wait for you"
    second = (await house.desk.queue.page(looker(), Sieve())).requests[0][0]
    await house.say(second, "ada", "approve")
    await looking.open()
    assert (looking.listing.heading, looking.listing.groups) == ("Nothing waits for you", ())
    assert [choice.options for choice in looking.listing.choices if choice.name == "tool"] == [()]
    await house.edit(first, "bob", 7)
    await looking.open()
    assert looking.listing.heading == "1 request waits for you"


async def test_a_vote_in_somebodys_place_is_theirs_too() -> None:
    """Whoever was spoken for is not asked again, and what waits for others is not counted as theirs."""
    stages = "stages: [{approvers: [managers], quorum: 2}]"
    house = House(rules(f"rules: [{{name: r, when: tool == 'hire', risk: low, {stages}}}]\n"))
    await house.desk.command("delegate @bob until 2026-11-27", looker("cleo"))
    request = await house.ask(tool="hire")
    for person, heading in (("cleo", "1 request waits for you"), ("bob", "1 request waits for you")):
        assert (await Looking(house, person).open()).heading == heading  # type: ignore[union-attr]
    await house.say(request, "bob", "approve")
    for person in ("cleo", "bob"):
        assert (await Looking(house, person).open()).heading == "Nothing waits for you"  # type: ignore[union-attr]
    assert (await Looking(house, "dan").open()).heading == "1 request waits for you"  # type: ignore[union-attr]


async def test_a_directory_that_is_away_does_not_make_a_queue_look_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose group cannot be looked up is told that more may wait; nobody else is."""
    house = House(rules("rules: [{name: r, when: tool == 'refund', risk: low, approvers: [oncall]}]\n"))
    looking = Looking(house, "eve")
    await looking.open()
    assert looking.listing.counts == ""
    await house.ask()

    async def members(kind: str, group: str) -> frozenset[Principal | str]:
        raise DirectoryAway(what="the directory is away")

    monkeypatch.setattr(house.directory, "members", members)
    house.changed()
    await looking.open()
    assert looking.listing.groups == ()
    assert looking.listing.counts.startswith("more may wait")
    await looking.do("narrow", values={"risk": "low"})
    assert looking.listing.counts.startswith("more may wait")


async def test_looking_for_a_text_asks_the_store_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are wanted at once, and however many do not hold it."""
    house = office()
    for n in range(60):
        await house.ask(order=f"A-{n}", reason="wanted" if n in {30, 31, 50} else "other")
        house.forward(milliseconds=1)
    asked = 0
    queue = house.store.queue

    async def counted(*given: Any) -> Any:
        nonlocal asked
        asked += 1
        return await queue(*given)

    monkeypatch.setattr(house.store, "queue", counted)
    found, cursor, pages = list[object](), None, 0
    while pages == 0 or cursor is not None:
        page = await house.desk.queue.page(looker(), Sieve(text="wanted"), cursor, 2)
        found += [one.arguments["order"] for one, _ in page.requests]
        cursor, pages = page.cursor, pages + 1
        assert (len(page.requests) <= 2, asked <= 20 * pages) == (True, True)
    assert found == ["A-30", "A-31", "A-50"]


async def test_a_queue_of_large_calls_holds_up_nobody_else() -> None:
    """While one person's list is drawn, and the page before deciding, others get their turn all the time."""
    house = office()
    for order in range(30):
        arguments = {f"k{n}": n for n in range(3000)} | {"order": order}
        await house.desk.ask(Ask.model_validate({"tool": "refund", "arguments": arguments}), AGENT)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    looking, beside = Looking(house), asyncio.ensure_future(others())
    await looking.open()
    drawn, turns = turns, 0
    await looking.do("select", "all")
    await looking.do("approve")
    beside.cancel()
    assert min(drawn, turns) > 3
    assert "too long to be shown whole" in {line.said for line in looking.preflight.excluded}


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


# ── on the terminal ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("amount", range(9))
async def test_what_goes_along_with_others_is_shown_whole_on_the_terminal_too(amount: int) -> None:
    """JSON takes a little more room than the line that says whether it is short enough."""
    house = office()
    arguments = {f"k{n}": "x" * 20 for n in range(9)} | {"z": "y" * (20 + amount), "amount": 1_000_000}
    ask = Ask.model_validate({"tool": "refund", "title": "\x1b[31mHarmless", "arguments": arguments})
    request = (await house.desk.ask(ask, AGENT)).request
    listed = pinned(record(request, masked=True))
    if not arguments_line(request)[1]:
        assert listed.text.endswith('"amount":1000000}')
    assert listed.title == "refund: ‹U+001B›[31mHarmless"
