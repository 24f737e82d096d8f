"""Freezes, grants and delegations: what people lay down beside single requests, and how far it reaches."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from ruleskit import AGENT, COMPANY, House, key, people, rules, voters, who

from signoff.errors import (
    AlreadyVoted,
    CallFrozen,
    CannotDecide,
    DirectoryAway,
    Invalid,
    NotAllowed,
    NotAnApprover,
    NotFound,
    SelfApproval,
)
from signoff.model import Ask, Delegation, Request

MIXED = """
rules:
  - {name: tiny, when: args.amount <= 50, decide: approve}
  - {name: never, when: args.amount > 9000, decide: reject, message: Too much.}
  - {name: refunds, when: tool == "refund", expires_in: 1h}
"""
DAY = timedelta(days=1)


# ── freeze ───────────────────────────────────────────────────────────────────────────────────────


async def test_under_freeze_nothing_is_decided() -> None:
    """People's approvals, edits, answers, rejections and broken glass are refused with who froze and why."""
    house = House(rules("rules:\n  - {name: glass, break_glass: [dan]}\n"))
    request = await house.ask(allowed_decisions=["approve", "edit", "reject", "respond"])
    await house.desk.orders.freeze(None, None, "incident 7", by="dan", via="cli")
    said: dict[str, dict[str, Any]] = {
        "approve": {},
        "reject": {},
        "edit": {"arguments": {"order": "A-1", "amount": 1}},
        "respond": {"response": "x"},
    }
    for kind, more in said.items():
        with pytest.raises(CallFrozen, match=r"Everything is frozen by dan \(incident 7\)"):
            await house.say(request, "ada", kind, **more)
    with pytest.raises(CallFrozen):
        await house.say(request, "dan", force=True, message="now")
    after = await house.desk.get(request.id)
    assert (after.status, after.votes, after.version) == ("pending", (), 1)
    await house.desk.orders.thaw(None, None, by="dan", via="cli")
    assert (await house.say(request, "ada")).status == "approved"


async def test_under_freeze_votes_are_refused_too() -> None:
    """A vote that would not be the last one does not count either."""
    house = House(rules("rules:\n  - {name: two, stages: [{approvers: [finance], quorum: 2}]}\n"))
    request = await house.ask()
    await house.desk.orders.freeze(None, "refund", None, by="dan", via="cli")
    with pytest.raises(CallFrozen):
        await house.say(request, "ada")
    assert (await house.desk.get(request.id)).votes == ()


async def test_under_freeze_what_a_rule_would_let_run_waits_for_people() -> None:
    """The new call is pending under the next rule; a rule that rejects still rejects."""
    house = House(rules(MIXED))
    await house.desk.orders.freeze(None, None, None, by="dan", via="cli")
    tiny, never = await house.ask(10), await house.ask(9999)
    assert (tiny.status, tiny.terms.rule, tiny.terms.approvers) == ("pending", "refunds", ("finance",))
    assert (never.status, never.terms.rule) == ("rejected", "never")
    await house.desk.orders.thaw(None, None, by="dan", via="cli")
    assert (await house.say(tiny, "ada")).status == "approved"
    assert (await house.ask(10)).status == "approved"


async def test_a_freeze_makes_no_rule_reject_what_it_would_let_run() -> None:
    """Where the next rule rejects the rest, a frozen call still waits for people: frozen is not forbidden."""
    text = "rules:\n  - {name: tiny, when: args.amount <= 50, decide: approve}\n  - {name: rest, decide: reject}\n"
    house = House(rules(text))
    await house.desk.orders.freeze(None, None, None, by="dan", via="cli")
    request = await house.ask(10)
    assert (request.status, request.terms.approvers) == ("pending", ("finance",))
    assert (await house.ask(100)).status == "rejected"


@pytest.mark.parametrize("mode", ["shadow", "off"])
async def test_under_freeze_no_mode_lets_anything_run(mode: str) -> None:
    """Shadow and off approve nothing while it stands: people are asked."""
    house = House(rules(MIXED, top=f"mode: {mode}\n"))
    await house.desk.orders.freeze(None, None, None, by="dan", via="cli")
    for amount in (10, 500):
        assert (await house.ask(amount)).status == "pending"
    await house.desk.orders.thaw(None, None, by="dan", via="cli")
    assert (await house.ask(10)).status == "approved"


async def test_under_freeze_one_rule_in_shadow_lets_nothing_run() -> None:
    """A rule's own mode is no way around it either."""
    house = House(rules('rules:\n  - {name: watched, mode: shadow, when: tool == "refund"}\n'))
    await house.desk.orders.freeze(None, "refund", None, by="dan", via="cli")
    assert (await house.ask()).status == "pending"


async def test_under_freeze_no_approval_is_used() -> None:
    """What was approved before cannot start; after the thaw it can, once."""
    house = House(rules(MIXED))
    request = await house.ask()
    await house.say(request, "ada")
    await house.desk.orders.freeze("agent", None, None, by="dan", via="cli")
    with pytest.raises(CallFrozen, match='The agent "agent" is frozen'):
        await house.desk.consume(request.id, request.arguments, AGENT)
    await house.desk.orders.thaw("agent", None, by="dan", via="cli")
    assert (await house.desk.consume(request.id, request.arguments, AGENT)).consumed_at is not None


async def test_under_freeze_agents_withdraw_and_requests_expire() -> None:
    """What ends without a decision goes on, and so do reminders."""
    house = House(rules("rules:\n  - {name: timed, remind: [10m], expires_in: 1h}\n"))
    first, second = await house.ask(), await house.ask()
    await house.desk.orders.freeze(None, None, None, by="dan", via="cli")
    assert (await house.desk.withdraw(first.id, AGENT)).status == "cancelled"
    house.forward(minutes=10)
    assert await house.sweep() == ["reminded"]
    house.forward(minutes=50)
    assert await house.sweep() == ["decided"]
    assert (await house.desk.get(second.id)).status == "expired"


@pytest.mark.parametrize(
    ("agent", "tool", "frozen"),
    [
        (None, "refund", {"a refund", "b refund"}),
        ("a", None, {"a refund", "a deploy"}),
        ("a", "refund", {"a refund"}),
        (None, None, {"a refund", "a deploy", "b refund", "b deploy"}),
        ("b", "nothing", set()),
    ],
)
async def test_a_freeze_holds_for_exactly_what_it_names(agent: str | None, tool: str | None, frozen: set[str]) -> None:
    """All, one agent, one tool, or one tool of one agent."""
    house = House(rules(""))
    made = {f"{name} {what}": await house.ask(tool=what, agent=name) for name in "ab" for what in ("refund", "deploy")}
    await house.desk.orders.freeze(agent, tool, None, by="dan", via="cli")
    refused: set[str] = set()
    for name, request in made.items():
        try:
            await house.say(request, "ada")
        except CallFrozen:
            refused.add(name)
    assert refused == frozen


async def test_an_agent_does_not_escape_a_freeze_by_another_name() -> None:
    """Freezing an agent by the name of its key freezes the key, whatever the agent calls itself."""
    house = House(rules(""))
    await house.store.add_key(key("k1").model_copy(update={"name": "support"}))
    made = await house.desk.orders.freeze("support", None, None, by="dan", via="cli")
    assert {one.agent for one in made.freezes} == {"support", "k1"}
    request = await house.ask(by=key("k1"), agent="somebody else")
    with pytest.raises(CallFrozen):
        await house.say(request, "ada")
    await house.desk.orders.thaw("support", None, by="dan", via="cli")
    assert await house.desk.orders.freezes() == []
    assert (await house.say(request, "ada")).status == "approved"


async def test_freezing_twice_is_freezing_once_and_both_are_told_who() -> None:
    """The first stands with its reason, the audit trail has one line, and one thaw ends it."""
    house = House(rules(""))
    await house.desk.orders.freeze(None, None, "first", by="ada", via="slack")
    (again,) = (await house.desk.orders.freeze(None, None, "second", by="bob", via="slack")).freezes
    assert (again.by, again.reason) == ("ada", "first")
    assert len(await house.lines("froze")) == 1
    (ended,) = await house.desk.orders.thaw(None, None, by="bob", via="slack")
    assert ended.by == "ada"
    assert await house.desk.orders.thaw(None, None, by="bob", via="slack") == []
    assert [line["by"] for line in await house.lines("thawed")] == ["bob"]


async def test_a_freeze_holds_at_once_on_all_replicas() -> None:
    """Clicks at one desk race with a freeze at another: whoever comes after it is refused."""
    house = House(rules(""))
    other = house.replica()
    made = [await house.ask(order=f"A-{number}") for number in range(20)]

    async def freeze() -> None:
        await other.orders.freeze(None, None, None, by="dan", via="cli")

    clicks = [house.say(request, "ada") for request in made]
    told = await asyncio.gather(*clicks[:10], freeze(), *clicks[10:], return_exceptions=True)
    assert all(one is None or isinstance(one, Request | CallFrozen) for one in told)
    with pytest.raises(CallFrozen):
        await house.say(await house.ask(), "ada")
    order = [line["type"] for line in await house.lines() if line["type"] in {"froze", "decided"}]
    assert "decided" not in order[order.index("froze") :]


# ── grants ───────────────────────────────────────────────────────────────────────────────────────

GRANTS = """
rules:
  - name: refunds
    when: tool == "refund"
    stages: [{approvers: [finance]}, {approvers: [managers], when: args.amount > 1000}]
    grants: {match: [args.order], max_ttl: 8h, max_uses: 5}
  - {name: others, when: tool == "deploy"}
"""


async def granted(house: House, *, uses: int = 5, ttl: int = 3600, everything: bool = False) -> Request:
    """Ada approves and allows similar calls."""
    wish = {"ttl": ttl, "uses": uses, "all_arguments": everything}
    return await house.say(await house.ask(), "ada", grant=wish)


async def test_similar_calls_need_nobody_until_all_uses_are_gone() -> None:
    """The same order, any amount below the next stage: five calls run, the sixth is asked."""
    house = House(rules(GRANTS))
    first = await granted(house)
    (grant,) = await house.desk.orders.grants()
    made = [await house.ask(number, order="A-1") for number in range(1, 6)]
    assert [request.status for request in made] == ["approved"] * 5
    assert {request.decision.grant for request in made if request.decision} == {grant.id}
    assert grant.request == first.id
    assert (await house.ask(6)).status == "pending"
    assert await house.store.orders("grants") == {}


async def test_a_use_names_its_grant_and_is_told() -> None:
    """Audit line, decision and card say whose grant it was; the call is shown where it would be asked."""
    house = House(rules(GRANTS))
    first = await granted(house)
    assert [(notice.kind, notice.person) for notice in first.notices] == [("granted", "ada")]
    assert (await house.lines("decided"))[-1]["grant"]["giver"] == "ada"
    used = await house.ask(7)
    assert used.decision is not None
    assert [(by.person, by.rule, by.acting_for) for by in used.decision.decided_by] == [(None, "refunds", "ada")]
    assert str(used.decision.message).startswith("Ada allowed calls like this until")
    assert "this is use 1 of 5" in str(used.decision.message)
    assert used.terms.show == ("slack:#approvals",)
    line = (await house.lines("asked"))[-1]
    assert line["decision"]["under_grant"] == used.decision.grant
    text, _ = await house.desk.said_below(first, first.notices[0], "slack")
    assert "Ada allowed similar calls until" in text
    assert "(5 uses)" in text


@pytest.mark.parametrize(
    "other",
    [
        {"order": "A-2"},
        {"tool": "deploy"},
        {"by": key("another")},
        {"agent": "another"},
        {"on_behalf_of": "eve"},
        {"amount": 5000},
        {"allowed_decisions": ["respond", "reject"]},
    ],
    ids=["order", "tool", "key", "agent", "for somebody", "more stages", "a question"],
)
async def test_another_call_is_not_similar(other: dict[str, Any]) -> None:
    """What differs in what has to match, in who asks, or in who would be asked, is asked."""
    house = House(rules(GRANTS))
    await granted(house)
    assert (await house.ask(**other)).status == "pending"
    assert (await house.desk.orders.grants())[0].uses == 0


async def test_exactly_the_same_arguments_may_be_wanted() -> None:
    """The narrower grant: another amount is asked."""
    house = House(rules(GRANTS))
    await granted(house, everything=True)
    assert (await house.ask(499)).status == "pending"
    assert (await house.ask(500)).status == "approved"


@pytest.mark.parametrize("wish", [{"ttl": 8 * 3600 + 1, "uses": 1}, {"ttl": 60, "uses": 6}])
async def test_nobody_allows_more_than_the_rule(wish: dict[str, object]) -> None:
    """Longer or oftener than the rule says is refused, and with it the approval that came along."""
    house = House(rules(GRANTS))
    request = await house.ask()
    with pytest.raises(Invalid):
        await house.say(request, "ada", grant=wish)
    assert (await house.desk.get(request.id)).open
    assert await house.desk.orders.grants() == []


async def test_a_grant_needs_one_whose_word_alone_decides() -> None:
    """Not with two stages, not where a rule offers none, not along with a rejection or an answer."""
    house = House(rules(GRANTS))
    wish = {"ttl": 60, "uses": 1}
    with pytest.raises(NotAllowed):
        await house.say(await house.ask(5000), "ada", grant=wish)
    with pytest.raises(NotAllowed):
        await house.say(await house.ask(tool="deploy"), "ada", grant=wish)
    await house.say(await house.ask(), "ada", "reject", grant=wish)
    mixed = await house.ask(allowed_decisions=["approve", "respond", "reject"])
    with pytest.raises(NotAllowed):
        await house.say(mixed, "ada", "respond", response="done by hand", grant=wish)
    assert await house.desk.orders.grants() == []


async def test_one_use_is_counted_once_under_fifty_calls_at_the_same_time() -> None:
    """Two replicas, fifty asks: exactly one runs under the grant."""
    house = House(rules(GRANTS))
    await granted(house, uses=1)
    made = await _burst(house, 50)
    assert [request.status for request in made].count("approved") == 1
    assert [request.status for request in made].count("pending") == 49
    assert await house.desk.orders.grants() == []


async def test_all_uses_are_used_by_calls_at_the_same_time() -> None:
    """Sixty calls at once under a grant for fifty: fifty run, ten are asked, and none is turned away."""
    house = House(rules(GRANTS.replace("max_uses: 5", "max_uses: 50")))
    await granted(house, uses=50)
    made = await _burst(house, 60)
    assert [request.status for request in made].count("approved") == 50
    assert [request.status for request in made].count("pending") == 10
    said = sorted(int(str(one.decision.message).split("use ")[1].split(" ")[0]) for one in made if one.decision)
    assert said == list(range(1, 51))


async def _burst(house: House, count: int) -> list[Request]:
    desks = (house.desk, house.replica())
    ask = Ask.model_validate({"tool": "refund", "arguments": {"order": "A-1", "amount": 10}})
    opened = await asyncio.gather(*(desks[number % 2].ask(ask, AGENT) for number in range(count)))
    return [one.request for one in opened]


async def test_a_grant_ends_by_itself() -> None:
    """After its time nothing runs under it."""
    house = House(rules(GRANTS))
    await granted(house, ttl=600)
    house.forward(seconds=599)
    assert (await house.ask()).status == "approved"
    house.forward(seconds=1)
    assert (await house.ask()).status == "pending"
    assert list(await house.desk.orders.grants()) == []


async def test_a_revoked_grant_is_void_at_once() -> None:
    """By its giver or an operator, never by somebody else as if it were theirs; the trail says who."""
    house = House(rules(GRANTS))
    await granted(house)
    (grant,) = await house.desk.orders.grants()
    with pytest.raises(NotFound):
        await house.desk.orders.revoke(grant.id, by="bob", via="slack", person="bob")
    await house.desk.orders.revoke(grant.id, by="ada", via="slack", person="ada")
    assert (await house.ask()).status == "pending"
    assert [line["by"] for line in await house.lines("grant_revoked")] == ["ada"]
    with pytest.raises(NotFound):
        await house.desk.orders.revoke(grant.id, by="ada", via="slack", person="ada")


async def test_i19_a_grant_is_void_when_its_giver_loses_the_right() -> None:
    """Out of the group, deactivated, a guest, or the directory is away and cannot say: people are asked."""
    live = GRANTS.replace("[{approvers: [finance]},", "[{approvers: [oncall]},")
    house = House(rules(live))
    house.directory.groups["oncall"] = {"ada", "eve"}
    await granted(house)
    assert (await house.ask()).status == "approved"
    book = house.directory
    for members, faults, away in (
        ({"eve"}, {}, False),
        ({"ada"}, {"ada": "are deactivated"}, False),
        ({"ada"}, {}, True),
    ):
        book.groups["oncall"], book.faults, book.away = members, faults, away
        house.changed()
        assert (await house.ask()).status == "pending"
        book.groups["oncall"], book.faults, book.away = {"ada"}, {}, False
        house.changed()
        assert (await house.ask()).status == "approved"


async def test_a_grant_is_void_when_the_policy_changes_under_it() -> None:
    """Any change of its rule or of the defaults; a change of another rule is none, and the old rule revives it."""
    house = House(rules(GRANTS))
    await granted(house)
    for changed in (
        rules(GRANTS.replace("max_ttl: 8h", "max_ttl: 7h")),
        rules(GRANTS.replace("when: args.amount > 1000", "when: args.amount > 2000")),
        rules(GRANTS, defaults="defaults: {approvers: [finance], expires_in: 4h, show: ['slack:#other']}\n"),
        rules(GRANTS.replace("name: refunds", "name: payments")),
    ):
        house.desk.adopt(changed)
        assert (await house.ask()).status == "pending"
    house.desk.adopt(rules(GRANTS + "  - {name: more, when: tool == 'more'}\n"))
    assert (await house.ask()).status == "approved"


async def test_no_grant_is_given_under_a_rule_that_has_changed() -> None:
    """The card was posted under the old rule: the approval with a grant is refused, a plain one counts."""
    house = House(rules(GRANTS))
    request = await house.ask()
    house.desk.adopt(rules(GRANTS.replace("max_uses: 5", "max_uses: 1")))
    with pytest.raises(NotAllowed, match="rule has changed"):
        await house.say(request, "ada", grant={"ttl": 60, "uses": 5})
    assert (await house.say(request, "ada")).status == "approved"


async def test_a_grant_is_void_under_freeze_and_lives_again_after_it() -> None:
    """While it stands, similar calls wait for people and use nothing up."""
    house = House(rules(GRANTS))
    await granted(house)
    await house.desk.orders.freeze(None, "refund", None, by="dan", via="cli")
    assert (await house.ask()).status == "pending"
    assert (await house.desk.orders.grants())[0].uses == 0
    await house.desk.orders.thaw(None, "refund", by="dan", via="cli")
    assert (await house.ask()).status == "approved"


async def test_i17_no_grant_lets_its_givers_own_calls_run() -> None:
    """Ada gave it; a call on her behalf, or from an agent that became hers, is asked."""
    house = House(rules(GRANTS))
    request = await house.ask(on_behalf_of="bob")
    await house.say(request, "ada", grant={"ttl": 3600, "uses": 5})
    assert (await house.ask(on_behalf_of="bob")).status == "approved"
    assert (await house.ask(on_behalf_of="bob", by=key("agent", owner="ada"))).status == "pending"
    assert (await house.ask(on_behalf_of="ada")).status == "pending"


async def test_a_loop_is_broken_before_a_grant_is_used() -> None:
    """Somebody has just rejected this very call: that stands above an earlier grant for similar ones."""
    house = House(rules(GRANTS))
    # Offering less, or the second would be folded into it.
    first = await house.ask(run_id="run-1", allowed_decisions=["approve", "reject"])
    second = await house.ask(run_id="run-1")
    await house.say(second, "ada", grant={"ttl": 3600, "uses": 5})
    await house.say(first, "bob", "reject")
    assert (await house.ask(run_id="run-1")).status == "rejected"
    assert (await house.desk.orders.grants())[0].uses == 0


async def test_i13_no_grant_keeps_a_secret() -> None:
    """Its audit line names what has to match, not the value; what the call itself calls secret is not granted by."""
    house = House(rules(GRANTS))
    await granted(house)
    assert (await house.lines("decided"))[-1]["grant"]["match"] == ["/order"]
    schema = {"type": "object", "properties": {"order": {"type": "string", "writeOnly": True}}}
    hidden = await house.ask(schema=schema, order="A-2")
    with pytest.raises(NotAllowed):
        await house.say(hidden, "ada", grant={"ttl": 60, "uses": 1})


# ── delegation ───────────────────────────────────────────────────────────────────────────────────

TWO = """
rules:
  - {name: refunds, when: tool == "refund"}
  - {name: pair, when: tool == "pair", stages: [{approvers: [finance], quorum: 2}, {approvers: [managers]}]}
  - {name: live, when: tool == "live", approvers: [oncall]}
  - {name: small, when: tool == "small", stages: [{approvers: [oncall]}, {approvers: [managers]}]}
"""


async def delegated(house: House, giver: str = "ada", to: str = "eve", scope: str | None = None) -> Delegation:
    return await house.desk.orders.delegate(giver, to, house.now + DAY, scope, via="slack")


async def test_a_delegate_decides_in_the_givers_place() -> None:
    """Before it Eve may not; then she may, and record and audit name both."""
    house = House(rules(TWO))
    request = await house.ask()
    with pytest.raises(NotAnApprover):
        await house.say(request, "eve")
    await delegated(house)
    done = await house.say(request, "eve")
    assert done.decision is not None
    assert [(by.person, by.acting_for) for by in done.decision.decided_by] == [("eve", "ada")]
    assert (await house.lines("decided"))[-1]["acting_for"] == {"eve": "ada"}
    assert (await house.lines("delegated"))[0]["delegation"]["giver"] == "ada"


async def test_a_delegation_ends() -> None:
    """By itself at its moment, by the giver, by the one who got it, and by nobody else."""
    house = House(rules(TWO))
    for end in ("time", "ada", "eve"):
        request, one = await house.ask(), await delegated(house)
        with pytest.raises(NotFound):
            await house.desk.orders.undelegate(one.id, by="bob", via="slack", person="bob")
        if end == "time":
            house.forward(hours=23, minutes=59)
            request = await house.ask()
            assert await house.desk.may_decide(request, "eve")
            house.forward(minutes=1)
        else:
            await house.desk.orders.undelegate(one.id, by=end, via="slack", person=end)
        assert not await house.desk.may_decide(request, "eve")
        with pytest.raises(NotAnApprover):
            await house.say(request, "eve")
        assert list(await house.desk.orders.delegations()) == []


async def test_i19_a_delegate_may_never_more_than_the_giver_may_right_now() -> None:
    """Eve decides for Ada only what Ada could: not what others are asked, not when Ada has left."""
    house = House(rules(TWO))
    house.directory.groups["oncall"] = {"dan"}
    await delegated(house)
    live = await house.ask(tool="live")
    with pytest.raises(NotAnApprover):
        await house.say(live, "eve")
    house.directory.groups["oncall"] = {"ada"}
    house.changed()
    assert await house.desk.may_decide(live, "eve")
    house.gone("ada")
    with pytest.raises(NotAnApprover):
        await house.say(live, "eve")
    with pytest.raises(NotAnApprover):
        await house.say(await house.ask(), "eve", "reject")
    house.directory.faults.clear()
    house.changed()
    assert (await house.say(live, "eve")).status == "approved"


async def test_i18_a_delegate_has_to_be_fit_too() -> None:
    """A guest decides nothing, in whoever's place."""
    house = House(rules(TWO))
    await delegated(house)
    house.gone("eve", "are a guest here")
    with pytest.raises(CannotDecide, match="guest"):
        await house.say(await house.ask(), "eve")


async def test_i18_while_the_directory_is_away_no_delegate_is_told_they_never_could() -> None:
    """Whether the giver still may is unknown: the sentence says so, and nothing counts."""
    house = House(rules(TWO))
    await delegated(house)
    request = await house.ask()
    house.away()
    with pytest.raises(DirectoryAway):
        await house.say(request, "eve")
    assert not await house.desk.may_decide(request, "eve")
    house.away(away=False)
    assert (await house.say(request, "eve")).status == "approved"


async def test_i17_nobody_delegates_to_the_requester() -> None:
    """The call is Eve's own, or acts for her: in Ada's place she cannot let it run either, but she may say no."""
    house = House(rules(TWO))
    await delegated(house)
    for request in (await house.ask(on_behalf_of="eve"), await house.ask(by=key("eves", owner="eve"))):
        with pytest.raises(SelfApproval):
            await house.say(request, "eve")
        assert (await house.say(request, "eve", "reject")).status == "rejected"


async def test_i17_a_giver_who_may_not_gives_nothing() -> None:
    """The call acts for Ada: Eve in her place cannot approve it."""
    house = House(rules(TWO))
    await delegated(house)
    with pytest.raises(NotAnApprover):
        await house.say(await house.ask(on_behalf_of="ada"), "eve")


async def test_i17_giver_and_delegate_are_one_voice() -> None:
    """Whichever speaks first, the other does not count besides, in any stage; a third person does."""
    house = House(rules(TWO))
    await delegated(house, "ada", "cleo")
    request = await house.ask(tool="pair")
    await house.say(request, "cleo")
    with pytest.raises(AlreadyVoted):
        await house.say(request, "ada")
    await house.say(request, "bob")
    with pytest.raises(AlreadyVoted):
        await house.say(request, "cleo")  # a manager herself, but she has spoken
    assert people(await house.say(request, "dan")) == ["cleo", "bob", "dan"]
    other = await house.ask(tool="pair")
    await house.say(other, "ada")
    with pytest.raises(NotAnApprover):
        await house.say(other, "cleo")


async def test_i17_an_approver_gains_no_second_vote_by_delegation() -> None:
    """Bob has Ada's place and his own: still one vote of the two that are needed."""
    house = House(rules(TWO))
    await delegated(house, "ada", "bob")
    request = await house.ask(tool="pair")
    await house.say(request, "bob")
    for chat in ("slack", "teams", "api"):
        with pytest.raises(AlreadyVoted):
            await house.say(request, "bob", chat=chat)
    assert voters(await house.desk.get(request.id)) == ["bob"]


async def test_a_delegation_is_not_passed_on() -> None:
    """Ada to Eve, Eve to Mia: Mia stands in Eve's place, who is not asked."""
    house = House(rules(TWO))
    await delegated(house, "ada", "eve")
    await delegated(house, "eve", "mia")
    with pytest.raises(NotAnApprover):
        await house.say(await house.ask(), "mia")


async def test_a_circle_is_refused() -> None:
    """Directly, through others, and to oneself; when the first has ended it is no circle any more."""
    house = House(rules(TWO))
    first = await delegated(house, "ada", "eve")
    await delegated(house, "eve", "mia")
    for giver, to in (("eve", "ada"), ("mia", "ada"), ("ada", "ada")):
        with pytest.raises(NotAllowed):
            await delegated(house, giver, to)
    await house.desk.orders.undelegate(first.id, by="ada", via="slack", person="ada")
    await delegated(house, "mia", "ada")


@pytest.mark.parametrize("until", [timedelta(0), -DAY, 90 * DAY + timedelta(seconds=1), 10_000 * DAY])
async def test_a_delegation_has_an_end_soon(until: timedelta) -> None:
    """In the future, and within ninety days."""
    house = House(rules(TWO))
    with pytest.raises(NotAllowed, match="within 90 days"):
        await house.desk.orders.delegate("ada", "eve", house.now + until, None, via="slack")
    await house.desk.orders.delegate("ada", "eve", house.now + 90 * DAY, None, via="slack")


async def test_a_delegation_names_people_rules_and_groups_of_the_policy() -> None:
    """Anything else is refused with what there is."""
    house = House(rules(TWO))
    for giver, to, scope in (("ada", "nobody", None), ("nobody", "eve", None), ("ada", "eve", "deploys")):
        with pytest.raises(NotAllowed):
            await delegated(house, giver, to, scope)
    assert list(await house.desk.orders.delegations()) == []


@pytest.mark.parametrize(
    ("scope", "reaches"),
    [
        ("refunds", {"refund"}),
        ("finance", {"refund", "pair"}),
        ("oncall", {"live", "small"}),
        ("managers", set()),
        (None, {"refund", "pair", "live", "small"}),
    ],
)
async def test_a_delegation_reaches_as_far_as_its_scope(scope: str | None, reaches: set[str]) -> None:
    """One rule, or one group through which the giver is asked, also one that is looked up."""
    house = House(rules(TWO))
    house.directory.groups["oncall"] = {"ada"}
    await delegated(house, "ada", "mia", scope)
    found: set[str] = set()
    for tool in ("refund", "pair", "live", "small"):
        request = await house.ask(tool=tool)
        try:
            await house.say(request, "mia")
        except NotAnApprover:
            continue
        found.add(tool)
    assert found == reaches


@pytest.mark.parametrize("scope", [None, "finance", "pair"])
async def test_a_delegates_vote_still_counts_when_the_last_vote_looks_again(scope: str | None) -> None:
    """Given in the first stage within its scope, it stands in the last; when the delegation has ended it does not."""
    for ends in (False, True):
        house = House(rules(TWO))
        one = await delegated(house, "ada", "mia", scope)
        request = await house.ask(tool="pair")
        await house.say(request, "mia")
        await house.say(request, "bob")
        if ends:
            await house.desk.orders.undelegate(one.id, by="ada", via="slack", person="ada")
        after = await house.say(request, "cleo")
        assert (after.status, voters(after)) == (
            ("pending", ["bob", "cleo"]) if ends else ("approved", ["mia", "bob", "cleo"])
        )


async def test_i19_a_delegates_vote_is_not_dropped_because_the_directory_is_away() -> None:
    """Unknown is not gone: the last vote is refused, and counts when the directory is back."""
    house = House(rules(TWO))
    await delegated(house, "ada", "mia")
    request = await house.ask(tool="pair")
    await house.say(request, "mia")
    before = await house.say(request, "bob")
    house.away()
    with pytest.raises(DirectoryAway):
        await house.say(request, "cleo", chat="teams")
    assert (await house.desk.get(request.id)).rev == before.rev
    house.away(away=False)
    assert (await house.say(request, "cleo", chat="teams")).status == "approved"


async def test_a_request_waits_in_the_delegates_queue() -> None:
    """Under the giver's name and groups, as long as the delegation stands."""
    house = House(rules(TWO))
    assert await house.desk.queue_terms("eve") == ("eve", "oncall")
    await delegated(house)
    assert await house.desk.queue_terms("eve") == ("eve", "oncall", "ada", "finance")
    house.forward(days=1)
    assert await house.desk.queue_terms("eve") == ("eve", "oncall")


async def test_a_delegate_gives_no_grants_and_breaks_no_glass() -> None:
    """What reaches beyond the one decision is the giver's own."""
    house = House(rules(GRANTS.replace("    grants:", "    break_glass: [ada]\n    grants:")))
    await delegated(house)
    request = await house.ask()
    with pytest.raises(NotAllowed):
        await house.say(request, "eve", grant={"ttl": 60, "uses": 1})
    with pytest.raises(NotAllowed):
        await house.say(request, "eve", force=True, message="now")
    form = await house.desk.form(request.id, "more", who("eve"), 1)
    assert {option.value for option in form.fields[0].options} == {"extend"}


async def test_who_left_the_policy_is_no_delegate() -> None:
    """The file no longer has Eve, or no longer Ada: the delegation is worth nothing."""
    for gone in ("eve", "ada"):
        house = House(rules(TWO))
        await delegated(house)
        request = await house.ask()
        house.desk.adopt(rules(TWO, company=COMPANY.replace(gone, "another")))
        with pytest.raises(NotAnApprover):
            await house.say(request, "eve")
