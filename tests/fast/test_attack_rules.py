"""Rules under attack: edits that change the rule, orders that cannot be read, directories that talk nonsense."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
from ruleskit import AGENT, COMPANY, House, rules, voters, who
from structlog.testing import capture_logs

from signoff import cards
from signoff.api import answers
from signoff.audit import Entry
from signoff.errors import CallFrozen, DirectoryAway, Invalid, NotAnApprover, NotFound, NotSeen
from signoff.model import Answer, Ask, Request
from signoff.ports import Space, Swap
from signoff.relay import sweeper

LONG = "x" * 2000
"""More than a card shows of one argument."""


# ── edits that change the rule ───────────────────────────────────────────────────────────────────


async def test_i13_an_edit_under_an_automatic_rule_hides_what_that_rule_hides() -> None:
    """What the rule that would let it run calls a secret is masked from then on, though the earlier rule goes on."""
    house = House(rules("rules:\n  - {name: small, when: args.amount <= 50, decide: approve, secret: [order]}\n"))
    request = await house.ask(500, order="ORDER-4711")
    after = await house.edit(request, "ada", 10)
    assert (after.status, after.terms.rule) == ("approved", "small")
    assert "ORDER-4711" not in repr(house.desk.card(after))
    assert "ORDER-4711" not in repr((await house.lines("decided"))[-1])


async def test_i13_what_has_to_be_typed_after_an_edit_holds_no_secret_of_the_earlier_rule() -> None:
    """A rule that asks to type an argument which the rule before kept secret asks for the tool's name instead."""
    large = "{name: large, when: args.amount > 100, secret: [order]}"
    house = House(rules(f"rules:\n  - {large}\n  - {{name: small, confirm: '${{args.order}}'}}\n"))
    request = await house.ask(500, order="4711")
    after = await house.edit(request, "ada", 50)
    assert (after.status, after.terms.confirm) == ("pending", "refund")
    assert "4711" not in repr(await house.desk.form(after.id, "confirm", who("ada"), after.version))
    assert (await house.say(after, "ada", confirm="refund")).status == "approved"


async def test_i13_no_secret_is_told_by_quoting_it_in_the_metadata() -> None:
    """Neither the audit trail nor the answer to an approver's key repeats it, at whatever depth; the agent reads its
    own.
    """
    house = House(rules("rules:\n  - {name: r, secret: [order]}\n"))
    quoting = {"log": ["pay ORDER-4711", {"ORDER-4711": 1}], "count": 3}
    request = await house.ask(order="ORDER-4711", metadata=quoting)
    asked = (await house.lines("asked"))[0]
    assert "ORDER-4711" not in repr(asked)
    assert asked["metadata"]["count"] == 3
    assert "ORDER-4711" not in repr(answers.record(request, masked=True))
    assert answers.record(request, masked=False)["metadata"] == quoting


async def test_a_rule_that_only_watches_refuses_no_edit() -> None:
    """In shadow mode a rule that would reject the new arguments leaves them to the people who are asked."""
    house = House(rules("rules:\n  - {name: watched, mode: shadow, when: args.amount > 1000, decide: reject}\n"))
    after = await house.edit(await house.ask(500), "ada", 5000)
    assert (after.status, after.arguments["amount"]) == ("approved", 5000)


async def _shortened(house: House, amount: int) -> Request:
    """A request of which the card shows only a part."""
    request = (await house.desk.ask(Ask(tool="refund", arguments={"amount": amount, "note": LONG}), AGENT)).request
    assert cards.shortened(request)
    return request


RISING = "rules:\n  - {name: large, when: args.amount > 100, risk: high}\n  - {name: small, risk: low}\n"


async def test_i11_an_edit_that_makes_it_risky_is_no_approval_of_what_was_not_seen() -> None:
    """Who edits from a shortened card only revises where the new arguments are risky, and has to open them all."""
    house = House(rules(RISING))
    request = await _shortened(house, 50)
    ada = who("ada", origin=await house.card_at(request))
    edit = Answer(kind="edit", version=1, arguments={"amount": 5000, "note": LONG})
    after = await house.desk.answer(request.id, edit, ada)
    assert (after.status, after.version, after.votes) == ("pending", 2, ())
    with pytest.raises(NotSeen):
        await house.desk.answer(request.id, Answer(kind="approve", version=2), ada)
    await house.desk.details(request.id, ada)
    assert (await house.desk.answer(request.id, Answer(kind="approve", version=2), ada)).status == "approved"


async def test_i11_an_edit_by_somebody_who_saw_all_of_it_decides() -> None:
    """Who had opened everything before the edit has seen what the edit leaves as it was."""
    house = House(rules(RISING))
    request = await _shortened(house, 50)
    ada = who("ada", origin=await house.card_at(request))
    await house.desk.details(request.id, ada)
    edit = Answer(kind="edit", version=1, arguments={"amount": 5000, "note": LONG})
    assert (await house.desk.answer(request.id, edit, ada)).status == "approved"


# ── under another policy ─────────────────────────────────────────────────────────────────────────


async def test_i19_a_vote_counts_no_more_once_its_identity_is_no_longer_the_voters() -> None:
    """Somebody takes a lost account out of the file: what was clicked with it is void when the decision is made."""
    two = "rules:\n  - {name: two, stages: [{approvers: [finance], quorum: 2}]}\n"
    house = House(rules(two))
    request = await house.say(await house.ask(), "ada")
    house.desk.adopt(rules(two, company=COMPANY.replace("T1/UADA", "T1/UADA2")))
    after = await house.say(request, "bob")
    assert (after.status, voters(after)) == ("pending", ["bob"])
    assert (await house.say(after, "ada", chat="teams")).status == "approved"


@pytest.mark.parametrize("allowed", [["respond"], ["edit", "reject"]])
async def test_switched_off_what_only_people_can_say_still_reaches_people(allowed: list[str]) -> None:
    """A request that no mode can approve is shown to those whom the defaults name, and they can settle it."""
    house = House(rules("", top="mode: off\n"))
    request = await house.ask(allowed_decisions=allowed)
    assert (request.status, request.terms.mode) == ("pending", "off")
    assert (request.terms.approvers, request.terms.show) == (("finance",), ("slack:#approvals",))
    kind = allowed[0]
    said: dict[str, Any] = {"response": "x"} if kind == "respond" else {"arguments": {"order": "A-1", "amount": 1}}
    assert not (await house.say(request, "ada", kind, **said)).open


async def test_i12_the_reason_of_a_freeze_is_told_as_one_line_of_text() -> None:
    """What turns text around or looks like another line is written out."""
    house = House(rules(""))
    request = await house.ask()
    await house.desk.orders.freeze(None, None, "attack\u202e)\nApproved by ada", by="dan", via="cli")
    with pytest.raises(CallFrozen) as told:
        await house.say(request, "ada")
    assert "\u202e" not in told.value.sentence
    assert "\n" not in told.value.sentence


# ── a person's no ────────────────────────────────────────────────────────────────────────────────

BUDGET = "rules:\n  - {name: small, when: args.amount <= 50, decide: approve, budget: {calls: 1, per: 1m}%s}\n"


async def _rejected_beyond_the_budget(house: House) -> None:
    """A call that the rule would let run, were its budget not used up, and that a person rejects; then it is free."""
    await house.ask(10, run_id="r", order="other")
    second = await house.ask(10, run_id="r")
    assert second.status == "pending"
    await house.say(second, "ada", "reject", message="not this one")
    house.forward(seconds=61)


async def test_a_persons_no_stands_above_a_rules_yes() -> None:
    """The same call, asked again until the budget has room, is answered with the rejection; another call is not."""
    house = House(rules(BUDGET % ""))
    await _rejected_beyond_the_budget(house)
    again = await house.ask(10, run_id="r")
    assert again.status == "rejected"
    assert "not this one" in ((again.decision and again.decision.message) or "")
    assert (await house.ask(10, run_id="r", order="third")).status == "approved"


async def test_an_automatic_rule_may_do_without_the_loop_breaker() -> None:
    """Where the rule switches it off, it decides anew."""
    house = House(rules(BUDGET % ", loop_breaker: off"))
    await _rejected_beyond_the_budget(house)
    assert (await house.ask(10, run_id="r")).status == "approved"


@pytest.mark.parametrize("reason", ["\u200b", "\u2800", "\u3164 \u00ad", "…"])
async def test_nobody_breaks_the_glass_with_a_reason_that_cannot_be_read(reason: str) -> None:
    """Invisible characters are no reason, whichever way they come."""
    house = House(rules("rules:\n  - {name: glass, break_glass: [dan]}\n"))
    request = await house.ask()
    with pytest.raises(Invalid):
        await house.say(request, "dan", force=True, message=reason)
    with pytest.raises(Invalid):
        await house.desk.submit(request.id, "more", 1, {"what": "force_approve", "reason": reason}, who("dan"))
    assert (await house.desk.get(request.id)).open


# ── orders that cannot be read ───────────────────────────────────────────────────────────────────


async def _later(house: House, space: Space, id_: str) -> None:
    """An order as a later version might write it."""
    await house.store.change(Swap(space, id_, None, '{"later": 1}'), Entry.of({"type": "test"}))


async def test_orders_that_cannot_be_read_allow_nothing_and_stop_nothing() -> None:
    """A grant and a delegation of a later version are passed over: calls are asked, people decide, lists are shown."""
    house = House(rules("rules:\n  - {name: r, grants: {match: [args.order], max_ttl: 1h, max_uses: 5}}\n"))
    await _later(house, "grants", "grant_later")
    await _later(house, "delegations", "del_later")
    request = await house.ask()
    with pytest.raises(NotAnApprover):
        await house.say(request, "mia")
    await house.say(request, "ada", grant={"ttl": 60, "uses": 2})
    assert (await house.ask()).status == "approved"
    assert [one.giver for one in await house.desk.orders.grants()] == ["ada"]
    assert await house.desk.orders.delegations() == []
    for lost in (
        house.desk.orders.revoke("grant_later", by="ada", via="cli"),
        house.desk.orders.undelegate("del_later", by="ada", via="cli"),
    ):
        with pytest.raises(NotFound):
            await lost


async def test_what_has_run_out_is_taken_away_beside_what_cannot_be_read() -> None:
    """The sweep goes on behind an order that it cannot read, and leaves that one alone."""
    house = House(rules("rules:\n  - {name: r, grants: {match: [args.order], max_ttl: 1h, max_uses: 5}}\n"))
    await _later(house, "grants", "a")
    await house.say(await house.ask(), "ada", grant={"ttl": 60, "uses": 2})
    house.forward(minutes=2)
    assert await house.desk.orders.tidy() == 1
    assert list(await house.store.orders("grants")) == ["a"]


@pytest.mark.parametrize(
    ("id_", "agent", "tool"),
    [
        ("*", None, None),
        ("tool:refund", None, "refund"),
        ("agent:a:b", "a:b", None),
        ("both:3:a:b:refund", "a:b", "refund"),
    ],
)
async def test_a_freeze_that_cannot_be_read_holds_and_can_be_thawed(
    id_: str, agent: str | None, tool: str | None
) -> None:
    """It is listed by what its id says, stops what it should, and ends like any other."""
    house = House(rules(""))
    request = await house.ask(agent="a:b")
    await _later(house, "freezes", id_)
    with pytest.raises(CallFrozen, match="cannot read"):
        await house.say(request, "ada")
    assert [(one.id, one.agent, one.tool) for one in await house.desk.orders.freezes()] == [(id_, agent, tool)]
    assert len((await house.desk.orders.freeze(agent, tool, None, by="dan", via="cli")).freezes) == 1
    assert len(await house.desk.orders.thaw(agent, tool, by="dan", via="cli")) == 1
    assert (await house.say(request, "ada")).status == "approved"


# ── directories that talk nonsense ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", [None, 3, "eve", [None], [["eve"]], ["eve", 1]])
async def test_i19_a_directory_that_names_no_people_names_nobody(said: Any) -> None:
    """Its group counts as unknown; people whom the file lists still decide."""
    house = House(rules("rules:\n  - {name: r, approvers: [oncall, finance]}\n"))

    async def members(kind: str, group: str) -> Any:
        return said

    house.directory.members = members  # type: ignore[method-assign]
    request = await house.ask()
    with pytest.raises(DirectoryAway):
        await house.say(request, "eve", "reject")
    assert (await house.say(request, "ada", "reject")).status == "rejected"


@pytest.mark.parametrize("said", [False, True, 0, "", b"x", ["are a guest"]])
@pytest.mark.parametrize("chat", ["slack", "api"])
async def test_i18_a_directory_that_gives_no_reason_vouches_for_nobody(said: Any, chat: str) -> None:
    """Only its plain yes lets anybody approve, in the chat and from elsewhere; a no is always heard."""
    house = House(rules(""))

    async def standing(who: Any, origin: Any) -> Any:
        return said

    house.directory.standing = standing  # type: ignore[method-assign]
    request = await house.ask()
    with pytest.raises(DirectoryAway):
        await house.say(request, "ada", chat=chat)
    assert (await house.say(request, "ada", "reject", chat=chat)).status == "rejected"


# ── the sweeper ──────────────────────────────────────────────────────────────────────────────────


async def test_i06_more_records_than_a_sweep_looks_at_cannot_be_read_and_the_others_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many stay overdue for ever, those behind them have their turn; each is complained of once."""
    monkeypatch.setattr(sweeper, "SWEEP", 0)
    monkeypatch.setattr(sweeper, "BATCH", 3)
    house = House(rules(""))
    broken = {(await house.ask(order=str(number), expires_in=60)).id for number in range(7)}
    sound = await house.ask()
    house.forward(hours=5)
    load = house.store.load

    async def unreadable(request_id: str) -> tuple[Request, datetime]:
        if request_id in broken:
            raise ValueError("unreadable")
        return await load(request_id)

    monkeypatch.setattr(house.store, "load", unreadable)
    with capture_logs() as lines:
        task = asyncio.create_task(sweeper.sweep(house.store, house.desk))
        assert (await house.store.wait(sound.id, 10)).status == "expired"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sorted(line["request"] for line in lines) == sorted(broken)
