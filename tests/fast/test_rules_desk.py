"""Stages and quorum, who may decide, confirmation, timers, budgets, modes: what rules promise at the desk."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from ruleskit import AGENT, COMPANY, House, key, people, rules, voters, who

from signoff.desk import Desk
from signoff.errors import (
    AlreadyDecided,
    AlreadyVoted,
    CannotDecide,
    DirectoryAway,
    Invalid,
    NotAllowed,
    NotAnApprover,
    NotSeen,
    SelfApproval,
    StaleVersion,
    TooManyOpen,
)
from signoff.model import Actor, Answer, Ask, Request
from signoff.ports import Caps, Limits

STAGED = """
rules:
  - name: refunds
    when: tool == "refund"
    stages:
      - {name: finance, approvers: [finance], quorum: 2}
      - {name: managers, approvers: [managers], quorum: 1}
      - {name: board, approvers: [eve], quorum: 1, when: args.amount > 1000}
"""
MIXED = """
rules:
  - name: refunds
    when: tool == "refund"
    stages:
      - {name: first, approvers: [oncall, ada], quorum: 2}
      - {name: second, approvers: [cleo, ada], quorum: 1}
"""
RESPONSE = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}
DAY = 24 * 3600


# ── stages and quorum ────────────────────────────────────────────────────────────────────────────


async def test_stages_are_asked_in_order() -> None:
    """Managers cannot decide before finance has; then finance's stage is over, and one manager decides it all."""
    house = House(rules(STAGED))
    request = await house.ask()
    with pytest.raises(NotAnApprover, match="Ada or Bob"):
        await house.say(request, "cleo")
    await house.say(request, "ada")
    after = await house.say(request, "bob")
    assert (after.stage, after.terms.approvers, after.status) == (1, ("managers",), "pending")
    with pytest.raises(NotAnApprover, match="Cleo or Dan"):
        await house.say(request, "eve")
    done = await house.say(request, "dan")
    assert (done.status, people(done)) == ("approved", ["ada", "bob", "dan"])
    assert [vote.stage for vote in done.votes] == [0, 0, 1]
    assert house.events() == ["created", "voted", "voted", "decided"]


async def test_n_of_m_have_to_agree() -> None:
    """One of the two that are needed leaves the request open, and what waits for it is not woken."""
    house = House(rules(STAGED))
    request = await house.ask()
    waiting = asyncio.create_task(house.desk.wait(request.id, 60))
    after = await house.say(request, "ada")
    assert (after.status, after.decision, voters(after), after.stage) == ("pending", None, ["ada"], 0)
    await asyncio.sleep(0)
    assert not waiting.done()
    await house.desk.withdraw(request.id, AGENT)
    assert (await waiting).status == "cancelled"
    assert [line["votes"][0]["person"] for line in await house.lines("voted")] == ["ada"]


@pytest.mark.parametrize("before", [(), ("ada",), ("ada", "bob")], ids=["at once", "after a vote", "in stage two"])
async def test_one_reject_ends_it_at_any_stage(before: tuple[str, ...]) -> None:
    """Whoever is asked can end it alone, however many have agreed."""
    house = House(rules(STAGED))
    request = await house.ask()
    for person in before:
        await house.say(request, person)
    rejecter = "cleo" if len(before) == 2 else "bob"
    done = await house.say(request, rejecter, "reject", message="no")
    assert (done.status, people(done)) == ("rejected", [rejecter])
    with pytest.raises(AlreadyDecided):
        await house.say(request, "ada")


async def test_i08_an_edit_can_add_a_stage() -> None:
    """The policy is evaluated again on the new arguments: above 1000 the board is asked too."""
    house = House(rules(STAGED))
    request = await house.ask(500)
    assert [stage.name for stage in request.terms.ladder] == ["finance", "managers"]
    after = await house.edit(request, "ada", 5000)
    assert [stage.name for stage in after.terms.ladder] == ["finance", "managers", "board"]
    for person in ("bob", "cleo"):
        assert (await house.say(after, person)).open
    assert people(await house.say(after, "eve")) == ["ada", "bob", "cleo", "eve"]


async def test_i08_an_edit_voids_earlier_votes() -> None:
    """Only the editor's own word counts for the new version; who voted before has to look again, and may."""
    house = House(rules(STAGED))
    request = await house.ask()
    await house.say(request, "ada")
    after = await house.edit(request, "bob", 400)
    assert (after.version, voters(after), after.stage) == (2, ["bob"], 0)
    with pytest.raises(StaleVersion):
        await house.say(request, "ada")  # who still looks at the first version (I07)
    assert voters(await house.say(after, "ada")) == ["bob", "ada"]


async def test_i08_an_edit_by_somebody_not_asked_under_the_new_terms_only_revises() -> None:
    """A manager edits in the second stage: it begins again with finance, and the manager's word does not count."""
    house = House(rules(STAGED))
    request = await house.ask()
    await house.say(request, "ada")
    await house.say(request, "bob")
    after = await house.edit(request, "cleo", 400)
    assert (after.version, after.votes, after.stage, after.terms.approvers) == (2, (), 0, ("finance",))
    assert house.events()[-1] == "revised"
    with pytest.raises(NotAnApprover):
        await house.say(after, "cleo")


async def test_i08_an_edit_in_a_later_stage_begins_with_the_first() -> None:
    """Ada, who is asked in both stages, edits in the second: her word counts for the first, and Cleo cannot yet."""
    house = House(rules(MIXED))
    house.directory.groups["oncall"] = {"bob", "eve"}
    request = await house.ask()
    await house.say(request, "bob")
    assert (await house.say(request, "eve")).stage == 1
    after = await house.edit(request, "ada", 400)
    assert (after.stage, [(vote.person, vote.stage) for vote in after.votes]) == (0, [("ada", 0)])
    with pytest.raises(NotAnApprover):
        await house.say(after, "cleo")
    assert (await house.say(after, "eve")).stage == 1


async def test_i08_an_edit_that_decides_says_so() -> None:
    """The last vote on edited arguments makes an edit of the whole, also when the last one changed nothing."""
    house = House(rules(STAGED))
    request = await house.ask()
    after = await house.edit(request, "ada", 400)
    await house.say(after, "bob")
    done = await house.say(after, "cleo")
    assert done.decision is not None
    assert done.decision.kind == "edit"
    assert [(change.path, change.to) for change in done.decision.changes] == [("/amount", 400)]


async def test_i19_the_last_vote_looks_at_the_earlier_voters_again() -> None:
    """Eve was on call when she voted and no longer is: the request goes back to the stage that lacks a vote."""
    house = House(rules(MIXED))
    house.directory.groups["oncall"] = {"eve", "bob"}
    request = await house.ask()
    await house.say(request, "eve")
    await house.say(request, "ada")
    house.directory.groups["oncall"] = {"bob"}
    house.changed()
    after = await house.say(request, "cleo")
    assert (after.status, after.stage, after.terms.approvers) == ("pending", 0, ("oncall", "ada"))
    assert voters(after) == ["ada", "cleo"]
    line = (await house.lines("voted"))[-1]
    assert [vote["person"] for vote in line["void"]] == ["eve"]
    with pytest.raises(NotAnApprover):
        await house.say(request, "eve")
    done = await house.say(request, "bob")
    assert sorted(filter(None, people(done))) == ["ada", "bob", "cleo"]


@pytest.mark.parametrize("change", ["deactivated", "struck"])
async def test_i19_votes_of_those_who_left_the_company_do_not_count(change: str) -> None:
    """Deactivated in the chat, or taken out of the policy: the vote is void when the decision would be made."""
    house = House(rules(STAGED))
    request = await house.ask()
    await house.say(request, "ada")
    await house.say(request, "bob")
    if change == "deactivated":
        house.gone("ada")
    else:
        house.desk.adopt(rules(STAGED, company=COMPANY.replace("ada", "another")))
    after = await house.say(request, "cleo")
    assert (after.status, after.stage, voters(after)) == ("pending", 0, ["bob", "cleo"])


async def test_i19_while_the_directory_is_away_nothing_is_decided() -> None:
    """The last vote needs to know about the earlier ones; it is refused with the sentence, and nothing is written."""
    house = House(rules(MIXED))
    request = await house.ask()
    await house.say(request, "eve")
    before = await house.say(request, "ada", chat="teams")
    house.away()
    with pytest.raises(DirectoryAway, match="did not count; try again"):
        await house.say(request, "cleo", chat="teams")
    assert (await house.desk.get(request.id)).rev == before.rev
    house.away(away=False)
    assert (await house.say(request, "cleo", chat="teams")).status == "approved"


async def test_i17_one_human_counts_once_across_chats_and_keys() -> None:
    """Ada approves in Slack, in Teams and with her key: one vote."""
    house = House(rules(STAGED))
    request = await house.ask()
    await house.say(request, "ada")
    for chat in ("slack", "teams", "api"):
        with pytest.raises(AlreadyVoted, match="Your approval already counts, since 09:00 UTC"):
            await house.say(request, "ada", chat=chat)
    assert voters(await house.desk.get(request.id)) == ["ada"]


async def test_i17_one_human_counts_once_across_stages() -> None:
    """Ada is asked in both stages; having approved in the first she is no second pair of eyes."""
    house = House(rules(MIXED))
    request = await house.ask()
    await house.say(request, "ada")
    await house.say(request, "eve")
    with pytest.raises(AlreadyVoted):
        await house.say(request, "ada")
    assert people(await house.say(request, "cleo")) == ["ada", "eve", "cleo"]


async def test_i17_all_at_once_in_two_chats_on_two_replicas_is_one_vote() -> None:
    """Ten clicks of one person at the same time, five at each replica: one vote."""
    house = House(rules(STAGED))
    request, other = await house.ask(), house.replica()
    answer = Answer(kind="approve", version=1, message=None)
    clicks = [
        desk.answer(request.id, answer, who("ada", chat))
        for desk in (house.desk, other)
        for chat in ("slack", "teams", "api", "slack", "teams")
    ]
    told = await asyncio.gather(*clicks, return_exceptions=True)
    assert sum(isinstance(one, Request) for one in told) == 1
    assert sum(isinstance(one, AlreadyVoted) for one in told) == 9
    assert voters(await house.desk.get(request.id)) == ["ada"]


async def test_i01_votes_at_the_same_moment_on_two_replicas_all_count() -> None:
    """Both of finance at once: neither vote is lost, and the stage is passed once."""
    house = House(rules(STAGED))
    request, other = await house.ask(), house.replica()
    answer = Answer(kind="approve", version=1, message=None)
    await asyncio.gather(
        house.desk.answer(request.id, answer, who("ada")), other.answer(request.id, answer, who("bob"))
    )
    after = await house.desk.get(request.id)
    assert (sorted(voters(after)), after.stage) == (["ada", "bob"], 1)
    assert house.events() == ["created", "voted", "voted"]


async def test_answers_have_to_agree_where_several_are_needed() -> None:
    """Two different answers decide nothing; when one changes their mind, the question is answered."""
    house = House(rules(STAGED))
    request = await house.ask(allowed_decisions=["respond", "reject"], response_schema=RESPONSE)
    red, blue = {"colour": "red"}, {"colour": "blue"}
    await house.say(request, "ada", "respond", response=red)
    after = await house.say(request, "bob", "respond", response=blue)
    assert (after.status, after.stage, voters(after)) == ("pending", 0, ["ada", "bob"])
    with pytest.raises(AlreadyVoted):
        await house.say(request, "bob", "respond", response=blue)
    after = await house.say(request, "bob", "respond", response=red)
    assert (after.stage, voters(after)) == (1, ["ada", "bob"])
    done = await house.say(request, "dan", "respond", response=red)
    assert done.decision is not None
    assert (done.status, done.decision.response, people(done)) == ("responded", red, ["ada", "bob", "dan"])


async def test_where_several_approve_nobody_answers_alone() -> None:
    """An answer would become the tool's result past the others, so it is refused."""
    house = House(rules(STAGED))
    request = await house.ask(allowed_decisions=["approve", "respond", "reject"])
    with pytest.raises(NotAllowed, match="Several people have to agree"):
        await house.say(request, "ada", "respond", response="done by hand")
    assert (await house.desk.get(request.id)).votes == ()


# ── who may ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("why", ["are a guest here", "come from another company", "are a bot", "are deactivated"])
@pytest.mark.parametrize("kind", ["approve", "edit", "reject", "respond"])
async def test_i18_who_is_no_full_member_cannot_decide(why: str, kind: str) -> None:
    """Guests, externals, bots and the deactivated: not even no, and they are told why."""
    house = House(rules(""))
    request = await house.ask(allowed_decisions=["approve", "edit", "reject", "respond"])
    house.gone("ada", why)
    said: dict[str, Any] = {"arguments": {"order": "A-1", "amount": 1}} if kind == "edit" else {"response": "x"}
    with pytest.raises(CannotDecide, match=f"because you {why}"):
        await house.say(request, "ada", kind, **said)
    with pytest.raises(CannotDecide):
        await house.say(request, "ada", kind, chat="api", **said)
    assert (await house.desk.get(request.id)).rev == request.rev


async def test_i18_while_the_directory_is_away_a_listed_member_can_only_say_no() -> None:
    """Nobody approves, edits or answers; a rejection by somebody whom the file names works."""
    house = House(rules(""))
    request = await house.ask(allowed_decisions=["approve", "edit", "reject", "respond"])
    house.away()
    for kind in ("approve", "edit", "respond"):
        with pytest.raises(DirectoryAway, match="cannot be looked up right now"):
            await house.say(request, "ada", kind, arguments={"order": "A-1", "amount": 1}, response="x")
    assert (await house.say(request, "ada", "reject")).status == "rejected"


async def test_i19_while_the_directory_is_away_its_groups_decide_nothing() -> None:
    """Whether Eve is on call is unknown: not even a rejection; whom the policy does not know is told who can decide."""
    house = House(rules("rules:\n  - {name: live, approvers: [oncall]}\n"))
    request = await house.ask()
    house.away()
    for kind in ("approve", "reject"):
        with pytest.raises(DirectoryAway):
            await house.say(request, "eve", kind)
        with pytest.raises(NotAnApprover):
            await house.say(request, "stranger", kind)
    house.away(away=False)
    assert (await house.say(request, "eve")).status == "approved"


async def test_i19_who_belongs_to_a_group_is_looked_up_at_the_click() -> None:
    """One who has left since the card was posted cannot decide; one who has joined can."""
    house = House(rules("rules:\n  - {name: live, approvers: [oncall]}\n"))
    request = await house.ask()
    house.directory.groups["oncall"] = {"dan"}
    house.changed()
    with pytest.raises(NotAnApprover):
        await house.say(request, "eve")
    assert people(await house.say(request, "dan")) == ["dan"]


# ── confirm ──────────────────────────────────────────────────────────────────────────────────────

CONFIRM = """
rules:
  - name: typed
    when: tool == "refund"
    confirm: "${args.order} ${args.amount}"
    grants: {match: [args.order], max_ttl: 1h, max_uses: 5}
"""


async def test_what_has_to_be_typed_is_typed_or_nothing_is_approved() -> None:
    """A click alone, a wrong text and an old one are refused at the field; the right text approves."""
    house = House(rules(CONFIRM))
    request = await house.ask(500)
    for typed in (None, "", " ", "A-1", "a-1 500", "A-1 500 0"):
        with pytest.raises(Invalid) as caught:
            await house.say(request, "ada", confirm=typed)
        assert list(caught.value.fields) == ["/confirm"]
    assert (await house.desk.get(request.id)).votes == ()
    assert (await house.say(request, "ada", confirm=" A-1 500 ")).status == "approved"


async def test_the_form_asks_for_what_has_to_be_typed() -> None:
    """The button opens a form with one field; sent with the right text it approves, with a wrong one it stays."""
    house = House(rules(CONFIRM))
    request = await house.ask(500)
    form = await house.desk.form(request.id, "confirm", who("ada"), 1)
    assert [field.key for field in form.fields] == ["confirm"]
    with pytest.raises(Invalid) as caught:
        await house.desk.submit(request.id, "confirm", 1, {"confirm": "A-2 500"}, who("ada"))
    assert list(caught.value.fields) == ["confirm"]
    assert (await house.desk.submit(request.id, "confirm", 1, {"confirm": "A-1 500"}, who("ada"))).status == "approved"


async def test_an_edit_form_only_revises_what_has_to_be_confirmed() -> None:
    """Nobody has typed the new text yet: the edit makes a version and no vote, and then the new text is wanted."""
    house = House(rules(CONFIRM))
    request = await house.ask(500)
    after = await house.desk.submit(request.id, "edit", 1, {"/amount": "400"}, who("ada"))
    assert (after.status, after.version, after.votes) == ("pending", 2, ())
    with pytest.raises(Invalid):
        await house.say(after, "ada", confirm="A-1 500")
    done = await house.say(after, "ada", confirm="A-1 400")
    assert done.decision is not None
    assert done.decision.kind == "edit"


async def test_an_edit_with_the_new_text_typed_decides() -> None:
    """Through the API the text for the new arguments can come along; the one for the old does not do."""
    house = House(rules(CONFIRM))
    first, second = await house.ask(500), await house.ask(500)
    assert (await house.edit(first, "ada", 400, confirm="A-1 500")).open
    assert (await house.edit(second, "ada", 400, confirm="A-1 400")).status == "approved"


async def test_an_edit_into_an_automatic_rule_asks_for_the_new_arguments() -> None:
    """The terms of the first rule stay, but what has to be typed names what would run now."""
    text = """
rules:
  - {name: small, when: args.amount < 10, decide: approve}
  - {name: refunds, approvers: [finance], confirm: "${args.amount}"}
"""
    house = House(rules(text))
    after = await house.edit(await house.ask(amount=500), "ada", 5)
    assert (after.open, after.terms.confirm) == (True, "5")
    assert (await house.say(after, "bob", confirm="5")).status == "approved"


async def test_an_edit_that_changes_nothing_still_has_to_be_confirmed() -> None:
    """Sending the edit form as it is would approve; without the text it is refused."""
    house = House(rules(CONFIRM))
    request = await house.ask(500)
    with pytest.raises(Invalid):
        await house.desk.submit(request.id, "edit", 1, {}, who("ada"))
    assert (await house.desk.get(request.id)).version == 1


async def test_what_has_to_be_typed_is_typed_to_allow_similar_calls_too() -> None:
    """Approving with a grant is approving: without the text neither the form nor a crafted answer does it."""
    house = House(rules(CONFIRM))
    request = await house.ask(500)
    entries = {"what": "grant", "time": "3600", "uses": "1", "match": "rule"}
    with pytest.raises(Invalid):
        await house.desk.submit(request.id, "more", 1, entries, who("ada"))
    with pytest.raises(Invalid):
        await house.say(request, "ada", grant={"ttl": 60, "uses": 1})
    assert await house.desk.orders.grants() == []
    done = await house.desk.submit(request.id, "more", 1, {**entries, "confirm": "A-1 500"}, who("ada"))
    assert done.status == "approved"
    assert len(await house.desk.orders.grants()) == 1


# ── reasons ──────────────────────────────────────────────────────────────────────────────────────

REASONS = """
rules:
  - name: refunds
    reasons: [wrong amount, {text: needs a ticket, retry: with_changes}, {text: too early, retry: ask}]
"""


@pytest.mark.parametrize(
    ("entries", "message", "retry"),
    [
        ({"preset": "0"}, "wrong amount", "never"),
        ({"preset": "1"}, "needs a ticket", "with_changes"),
        ({"preset": "2", "message": "ask on Monday"}, "too early: ask on Monday", "ask"),
        ({"preset": "2", "retry": "never"}, "too early", "never"),
        ({"message": "smaller", "retry": "with_changes"}, "smaller", "with_changes"),
        ({}, None, "never"),
    ],
)
async def test_a_rejection_tells_the_agent_why_and_what_to_do(
    entries: dict[str, str], message: str | None, retry: str
) -> None:
    """The preset reason and the words are the message; what the agent may do is chosen, or goes with the reason."""
    house = House(rules(REASONS))
    request = await house.ask()
    done = await house.desk.submit(request.id, "reject", 1, entries, who("ada"))
    assert done.decision is not None
    assert (done.decision.message, done.decision.retry) == (message, retry)
    assert (await house.lines("decided"))[-1]["retry"] == retry


@pytest.mark.parametrize("entries", [{"preset": "3"}, {"preset": "x"}, {"retry": "always"}, {"secret": "x"}])
async def test_a_crafted_rejection_is_refused(entries: dict[str, str]) -> None:
    """Reasons and retries that were not offered, and unknown fields, decide nothing."""
    house = House(rules(REASONS))
    request = await house.ask()
    with pytest.raises(Invalid):
        await house.desk.submit(request.id, "reject", 1, entries, who("ada"))
    assert (await house.desk.get(request.id)).open


async def test_changes_are_requested_through_the_api_too() -> None:
    """`retry` goes with the rejection, and rules' rejections say never."""
    house = House(rules("rules:\n  - {name: limit, when: args.amount > 1000, decide: reject, message: No.}\n"))
    done = await house.say(await house.ask(), "ada", "reject", retry="with_changes", message="less")
    assert done.decision is not None
    assert done.decision.retry == "with_changes"
    by_rule = await house.ask(5000)
    assert by_rule.decision is not None
    assert (by_rule.decision.retry, by_rule.decision.message) == ("never", "No.")


# ── break glass ──────────────────────────────────────────────────────────────────────────────────

GLASS = STAGED.replace("    stages:", "    break_glass: [dan, ada]\n    stages:", 1)


async def test_a_named_person_forces_a_decision_with_a_reason() -> None:
    """Dan alone, past both stages: marked in the decision, in the audit trail, and told to everybody who was asked."""
    house = House(rules(GLASS))
    request = await house.ask()
    done = await house.say(request, "dan", force=True, message="the shop is down")
    assert done.decision is not None
    assert (done.status, done.decision.forced, people(done)) == ("approved", True, ["dan"])
    (notice,) = done.notices
    assert (notice.kind, notice.person, notice.text) == ("forced", "dan", "the shop is down")
    assert notice.to == ("finance", "managers")
    assert (await house.lines("decided"))[-1]["forced"] is True
    text, called = await house.desk.said_below(done, notice, "slack")
    assert "Dan forced the approval (break glass): the shop is down" in text
    assert {one.user for one in called} == {"UADA", "UBOB", "UCLEO"}  # Dan knows


@pytest.mark.parametrize("reason", [None, "", "  "])
async def test_nobody_forces_without_a_reason(reason: str | None) -> None:
    """An empty reason is none."""
    house = House(rules(GLASS))
    request = await house.ask()
    with pytest.raises(Invalid, match="Breaking the glass needs a reason"):
        await house.say(request, "dan", force=True, message=reason)
    assert (await house.desk.get(request.id)).open


async def test_only_the_named_force_a_decision() -> None:
    """An approver who is not named cannot, where nobody is named nobody can, and only approve and reject can be."""
    house = House(rules(GLASS))
    request = await house.ask()
    for person in ("bob", "cleo", "mia", "stranger"):
        with pytest.raises(NotAllowed, match="Dan or Ada can, by the policy's `break_glass`"):
            await house.say(request, person, force=True, message="now")
    with pytest.raises(NotAllowed, match="approve or reject"):
        await house.say(request, "dan", "edit", arguments={"order": "A-1", "amount": 1}, force=True, message="now")
    plain = House(rules(STAGED))
    with pytest.raises(NotAllowed, match="nobody can"):
        await plain.say(await plain.ask(), "dan", force=True, message="now")


async def test_i17_the_requester_does_not_break_the_glass_for_themselves() -> None:
    """Dan's own agent asks: he can force a no, never a yes."""
    house = House(rules(GLASS))
    request = await house.ask(by=key("dans", owner="dan"))
    with pytest.raises(SelfApproval):
        await house.say(request, "dan", force=True, message="now")
    assert (await house.say(request, "dan", "reject", force=True, message="never mind")).status == "rejected"


async def test_the_form_offers_breaking_the_glass_to_the_named_only() -> None:
    """Its reason is a field of its own."""
    house = House(rules(GLASS))
    request = await house.ask()

    async def offered(person: str) -> set[str]:
        form = await house.desk.form(request.id, "more", who(person), 1)
        return {option.value for option in form.fields[0].options}

    assert await offered("bob") == {"extend"}
    assert await offered("ada") == {"extend", "force_approve", "force_reject"}
    assert await offered("dan") == {"force_approve", "force_reject"}
    with pytest.raises(NotAnApprover):
        await offered("mia")
    with pytest.raises(Invalid) as caught:
        await house.desk.submit(request.id, "more", 1, {"what": "force_approve", "reason": " "}, who("dan"))
    assert "reason" in caught.value.fields
    with pytest.raises(Invalid):
        await house.desk.submit(request.id, "more", 1, {"what": "force_approve", "reason": "now"}, who("bob"))
    done = await house.desk.submit(request.id, "more", 1, {"what": "force_reject", "reason": "now"}, who("dan"))
    assert (done.status, done.decision and done.decision.forced) == ("rejected", True)


# ── extend and snooze ────────────────────────────────────────────────────────────────────────────

TIMED = """
rules:
  - name: timed
    remind: [10m, 30m]
    escalate: [{after: 20m, to: [eve], show: ["slack:#managers"]}, {after: 40m, to: [managers]}]
    expires_in: 1h
    fallback: ["slack:#fallback"]
"""


async def test_somebody_who_is_asked_extends_the_deadline() -> None:
    """The request then expires that much later; it is told below the card and audited."""
    house = House(rules(TIMED))
    request = await house.ask()
    after = await house.desk.submit(request.id, "more", 1, {"what": "extend", "time": "3600"}, who("ada"))
    assert (after.expires_at - request.expires_at).total_seconds() == 3600
    assert [(notice.kind, notice.person) for notice in after.notices] == [("extended", "ada")]
    (line,) = await house.lines("extended")
    assert (line["person"], line["until"]) == ("ada", "2026-11-20T11:00:00.000Z")
    house.forward(minutes=61)
    assert (await house.desk.get(request.id)).open
    house.forward(minutes=59)
    assert (await house.desk.get(request.id)).status == "expired"


@pytest.mark.parametrize("seconds", [-1, 0, 30 * DAY - 3600 + 1, 10**9, 10**15, 10**30])
async def test_a_request_stays_open_for_thirty_days_at_most(seconds: int) -> None:
    """However large the number; exactly thirty days are allowed."""
    house = House(rules(TIMED))
    request = await house.ask()
    with pytest.raises(NotAllowed, match="30 days at most"):
        await house.desk.extend(request.id, seconds, who("ada"))
    after = await house.desk.extend(request.id, 30 * DAY - 3600, who("ada"))
    assert (after.expires_at - request.created_at).days == 30
    with pytest.raises(NotAllowed):
        await house.desk.extend(request.id, 1, who("ada"))


async def test_i06_what_has_expired_is_not_extended() -> None:
    """Too late is too late, even with no sweeper."""
    house = House(rules(TIMED))
    request = await house.ask()
    house.forward(hours=1)
    with pytest.raises(AlreadyDecided, match="This expired"):
        await house.desk.extend(request.id, 3600, who("ada"))


async def test_only_those_who_are_asked_put_things_off() -> None:
    """Others can neither extend nor snooze."""
    house = House(rules(TIMED))
    request = await house.ask()
    for person in ("eve", "mia"):
        with pytest.raises(NotAnApprover):
            await house.desk.extend(request.id, 3600, who(person))
        with pytest.raises(NotAnApprover):
            await house.desk.snooze(request.id, 3600, who(person))


async def test_snoozed_reminders_wait_and_come_as_one() -> None:
    """Both reminders fall into the snooze: afterwards people are reminded once, not twice in the same second."""
    house = House(rules("rules:\n  - {name: timed, remind: [10m, 30m, 3h]}\n"))
    request = await house.ask()
    after = await house.desk.submit(request.id, "more", 1, {"what": "snooze", "time": "3600"}, who("bob"))
    assert [(notice.kind, notice.person) for notice in after.notices] == [("snoozed", "bob")]
    house.forward(minutes=59)
    assert await house.sweep() == []
    house.forward(minutes=1)
    assert await house.sweep() == ["reminded"]
    house.forward(hours=2)
    assert await house.sweep() == ["reminded"]
    assert (await house.lines("snoozed"))[0]["person"] == "bob"


async def test_a_snooze_does_not_hold_up_the_ladder() -> None:
    """Only reminders wait: others are asked when the rule says so."""
    house = House(rules(TIMED))
    request = await house.ask()
    await house.desk.snooze(request.id, 10**6, who("ada"))
    house.forward(minutes=50)
    assert await house.sweep() == ["escalated", "escalated"]
    house.forward(minutes=10)
    assert await house.sweep() == ["decided"]


@pytest.mark.parametrize("seconds", [10**9, 10**15, 10**30])
async def test_a_snooze_of_any_length_is_one_until_the_end(seconds: int) -> None:
    """A number beyond all calendars is no fault of the server."""
    house = House(rules(TIMED))
    request = await house.ask()
    after = await house.desk.snooze(request.id, seconds, who("ada"))
    assert after.snoozed_until is not None
    assert after.snoozed_until > request.expires_at


# ── timers ───────────────────────────────────────────────────────────────────────────────────────


async def test_timers_fire_in_order_and_once() -> None:
    """Ten minutes, twenty, thirty, forty, sixty; in between nothing, and afterwards nothing either."""
    house = House(rules(TIMED))
    await house.ask()
    fired: list[list[str]] = []
    for _ in range(8):
        house.forward(minutes=10)
        fired.append(await house.sweep())
    assert fired == [["reminded"], ["escalated"], ["reminded"], ["escalated"], [], ["decided"], [], []]


async def test_after_an_outage_timers_follow_each_other() -> None:
    """Nobody was up for fifty minutes: everything that was due happens in its order, each once."""
    house = House(rules(TIMED))
    request = await house.ask()
    house.forward(minutes=50)
    assert await house.sweep() == ["reminded", "escalated", "reminded", "escalated"]
    after = await house.desk.get(request.id)
    assert [notice.kind for notice in after.notices] == ["reminded", "escalated", "reminded", "escalated"]
    assert after.terms.approvers == ("finance", "eve", "managers")
    assert "slack:#managers" in after.terms.show


async def test_i06_after_an_outage_beyond_the_end_it_only_ends() -> None:
    """Reminding people of what has expired helps nobody."""
    house = House(rules(TIMED))
    request = await house.ask()
    house.forward(hours=5)
    assert await house.sweep() == ["decided"]
    after = await house.desk.get(request.id)
    assert (after.status, after.notices) == ("expired", ())


async def test_i21_each_timer_fires_once_however_many_replicas_look() -> None:
    """Two replicas tick ten times each, all at once, after an outage over all of them."""
    house = House(rules(TIMED))
    request, other = await house.ask(), house.replica()
    house.forward(minutes=50)
    ticks = [desk.tick(request.id) for desk in (house.desk, other) for _ in range(10)]
    random.Random(3).shuffle(ticks)
    assert sum(await asyncio.gather(*ticks)) == 4
    assert house.events() == ["created", "reminded", "escalated", "reminded", "escalated"]
    house.forward(minutes=10)
    ends = await asyncio.gather(*(desk.tick(request.id) for desk in (house.desk, other) for _ in range(10)))
    assert any(ends)
    assert house.events()[5:] == ["decided"]
    assert len(await house.lines("decided")) == 1


async def test_nothing_comes_after_the_decision() -> None:
    """No reminder, no escalation, no expiry of what was decided."""
    house = House(rules(TIMED))
    request = await house.ask()
    await house.say(request, "ada")
    house.forward(hours=2)
    assert await house.sweep() == []
    assert not await house.desk.tick(request.id)


async def test_those_it_was_escalated_to_may_decide_from_then_on() -> None:
    """Eve not before twenty minutes; her word then decides as finance's would, and finance can still."""
    house = House(rules(TIMED))
    request = await house.ask()
    with pytest.raises(NotAnApprover):
        await house.say(request, "eve")
    house.forward(minutes=20)
    await house.sweep()
    assert people(await house.say(request, "eve")) == ["eve"]
    (line,) = await house.lines("escalated")
    assert (line["to"], line["show"]) == (["eve"], ["slack:#managers"])


async def test_escalated_people_are_asked_in_the_following_stages_too() -> None:
    """The ladder adds to whichever stage is asked, and their votes count when the last vote looks at all again."""
    text = STAGED.replace("    stages:", "    escalate: [{after: 10m, to: [eve]}]\n    stages:", 1)
    house = House(rules(text))
    request = await house.ask()
    await house.say(request, "ada")
    house.forward(minutes=10)
    await house.sweep()
    after = await house.say(request, "eve")
    assert (after.stage, after.terms.approvers) == (1, ("managers", "eve"))
    with pytest.raises(AlreadyVoted):
        await house.say(request, "eve")
    assert people(await house.say(request, "cleo")) == ["ada", "eve", "cleo"]


async def test_an_edit_begins_the_waiting_anew() -> None:
    """Reminders and the ladder count from the new version; who was added by the ladder is no longer asked."""
    house = House(rules(TIMED))
    request = await house.ask()
    house.forward(minutes=20)
    await house.sweep()
    after = await house.edit(request, "eve", 400)
    assert (after.version, after.open, after.terms.approvers, after.escalated, after.reminded) == (
        2,
        True,
        ("finance",),
        0,
        0,
    )
    house.forward(minutes=9)
    assert await house.sweep() == []
    house.forward(minutes=1)
    assert await house.sweep() == ["reminded"]


async def test_a_reminder_names_those_who_have_not_spoken() -> None:
    """Ada has voted: only Bob is called by name; in the chat where he is unknown, nobody."""
    house = House(rules(STAGED.replace("    stages:", "    remind: [10m]\n    stages:", 1)))
    request = await house.ask()
    await house.say(request, "ada")
    house.forward(minutes=10)
    await house.sweep()
    after = await house.desk.get(request.id)
    (notice,) = after.notices
    assert notice.to == ("bob",)
    assert (await house.lines("reminded"))[0]["people"] == ["bob"]
    text, called = await house.desk.said_below(after, notice, "slack")
    assert [one.user for one in called] == ["UBOB"]
    assert text.startswith("Still waiting")


async def test_reminders_by_name_go_to_each_who_is_still_asked_and_each_time() -> None:
    """The first is a card in a direct message to Bob and not to Ada, who has voted; the second is said below it."""
    text = STAGED.replace("    stages:", "    remind: {after: [10m, 30m], by: direct}\n    stages:", 1)
    house = House(rules(text))
    request = await house.ask()
    await house.say(request, "ada")
    house.forward(minutes=10)
    await house.sweep()
    after = await house.desk.get(request.id)
    assert after.terms.show == ("slack:#approvals", "slack:@bob")
    assert after.notices == ()
    assert (await house.lines("reminded"))[0]["direct"] == ["slack:@bob"]
    house.forward(minutes=20)
    await house.sweep()
    after = await house.desk.get(request.id)
    assert after.terms.show == ("slack:#approvals", "slack:@bob")
    assert [(notice.kind, notice.to) for notice in after.notices] == [("reminded", ("bob",))]


async def test_a_rule_may_reject_what_nobody_decides() -> None:
    """At the end it is rejected by the rule, by nobody's no (I05), and may be asked again."""
    house = House(rules("rules:\n  - {name: strict, on_expire: reject, expires_in: 1h}\n"))
    request = await house.ask()
    house.forward(hours=1)
    assert await house.sweep() == ["decided"]
    done = await house.desk.get(request.id)
    assert done.decision is not None
    assert (done.status, done.decision.retry, people(done)) == ("rejected", "ask", [None])
    assert [by.rule for by in done.decision.decided_by] == ["strict"]
    assert "rejects what nobody decides" in str(done.decision.message)


async def test_i23_a_place_that_cannot_be_reached_brings_the_fallback() -> None:
    """The fallback is shown once, however many places fail, and the request stays decidable there."""
    house = House(rules(TIMED))
    request = await house.ask()
    await house.desk.undeliverable(request.id, "slack:#approvals", "it is archived")
    await house.desk.undeliverable(request.id, "slack:#approvals", "it is archived")
    after = await house.desk.get(request.id)
    assert after.terms.show == ("slack:#approvals", "slack:#fallback")
    assert house.events() == ["created", "undeliverable"]
    await house.desk.undeliverable(request.id, "slack:#fallback", "it is archived too")
    assert (await house.desk.get(request.id)).terms.show == after.terms.show
    assert (await house.say(request, "ada")).status == "approved"


async def test_i23_what_is_decided_needs_no_fallback() -> None:
    """A settled card that cannot be delivered is on the record, and posted nowhere else."""
    house = House(rules(TIMED))
    request = await house.ask()
    await house.say(request, "ada")
    await house.desk.undeliverable(request.id, "slack:#approvals", "it is archived")
    after = await house.desk.get(request.id)
    assert (after.terms.show, list(after.undelivered)) == (("slack:#approvals",), ["slack:#approvals"])


# ── I11: what the card had to shorten ────────────────────────────────────────────────────────────

LONG = {"order": "A-1", "amount": 500, "note": "x" * 2000}
RISKY = "rules:\n  - {name: risky, risk: RISK, grants: {match: [args.order], max_ttl: 1h, max_uses: 2}}\n"


async def _shown(risk: str = "high") -> tuple[House, Request]:
    house = House(rules(RISKY.replace("RISK", risk)))
    ask = Ask.model_validate({"tool": "refund", "arguments": LONG})
    request = (await house.desk.ask(ask, AGENT)).request
    return house, request


@pytest.mark.parametrize("risk", ["high", "critical"])
async def test_i11_a_shortened_risky_call_is_approved_by_those_alone_who_saw_all_of_it(risk: str) -> None:
    """Neither by a click nor a form nor an edit until this person has opened the details; saying no needs none."""
    house, request = await _shown(risk)
    card = await house.card_at(request)
    ada, bob = who("ada", origin=card), who("bob", origin=card)
    edited = {**LONG, "amount": 1}
    for answer in (
        Answer(kind="approve", version=1, message=None),
        Answer(kind="edit", version=1, arguments=edited, message=None),
    ):
        with pytest.raises(NotSeen, match="open Details"):
            await house.desk.answer(request.id, answer, ada)
    with pytest.raises(NotSeen):
        await house.desk.form(request.id, "edit", ada, 1)
    assert await _offers(house, request, ada) == {"extend"}
    await house.desk.details(request.id, bob)
    with pytest.raises(NotSeen):
        await house.desk.answer(request.id, Answer(kind="approve", version=1, message=None), ada)
    details = await house.desk.details(request.id, ada)
    assert [button.action for button in details.buttons] == ["approve"]
    assert "grant" in await _offers(house, request, ada)
    done = await house.desk.answer(request.id, Answer(kind="approve", version=1, message=None), ada)
    assert done.status == "approved"


async def _offers(house: House, request: Request, actor: Actor) -> set[str]:
    form = await house.desk.form(request.id, "more", actor, request.version)
    return {option.value for option in form.fields[0].options}


async def test_i11_the_details_of_one_version_say_nothing_about_the_next() -> None:
    """After an edit everybody has to look again, also those who had seen all of the version before."""
    house = House(rules(STAGED.replace("    stages:", "    risk: high\n    stages:", 1)))
    request = (await house.desk.ask(Ask.model_validate({"tool": "refund", "arguments": LONG}), AGENT)).request
    card = await house.card_at(request)
    ada, bob = who("ada", origin=card), who("bob", origin=card)
    for person in (ada, bob):
        await house.desk.details(request.id, person)
    edit = Answer(kind="edit", version=1, arguments={**LONG, "note": "y" * 2000}, message=None)
    assert (await house.desk.answer(request.id, edit, bob)).version == 2
    approve = Answer(kind="approve", version=2, message=None)
    with pytest.raises(NotSeen):
        await house.desk.answer(request.id, approve, ada)
    await house.desk.details(request.id, ada)
    assert "ada" in voters(await house.desk.answer(request.id, approve, ada))


async def test_i11_saying_no_needs_no_details() -> None:
    """A rejection of a shortened risky call counts from the card."""
    house, request = await _shown()
    card = await house.card_at(request)
    reject = Answer(kind="reject", version=1, message=None)
    assert (await house.desk.form(request.id, "reject", who("ada", origin=card), 1)).fields
    assert (await house.desk.answer(request.id, reject, who("ada", origin=card))).status == "rejected"


@pytest.mark.parametrize("risk", ["low", "medium"])
async def test_i11_what_is_not_risky_is_approved_from_the_card(risk: str) -> None:
    """Low and medium risk: shortened or not."""
    house, request = await _shown(risk)
    card = await house.card_at(request)
    approve = Answer(kind="approve", version=1, message=None)
    assert (await house.desk.answer(request.id, approve, who("ada", origin=card))).status == "approved"


async def test_i11_what_the_card_shows_whole_is_approved_from_it() -> None:
    """A risky call that fits on its card needs no details."""
    house = House(rules(RISKY.replace("RISK", "critical")))
    request = await house.ask()
    card = await house.card_at(request)
    approve = Answer(kind="approve", version=1, message=None)
    assert (await house.desk.answer(request.id, approve, who("ada", origin=card))).status == "approved"


# ── modes ────────────────────────────────────────────────────────────────────────────────────────

MODES = """
rules:
  - {name: small, when: args.amount <= 50, decide: approve, budget: {calls: 1, per: 1h}}
  - {name: never, when: args.amount > 9000, decide: reject, message: Too much.}
  - {name: refunds, when: tool == "refund", approvers: [managers]}
"""


@pytest.mark.parametrize(
    ("amount", "would"),
    [
        (10, "would have approved this by itself"),
        (9999, "would have rejected this: Too much."),
        (500, "would have asked Cleo or Dan (managers)"),
    ],
)
async def test_in_shadow_mode_rules_only_watch(amount: float, would: str) -> None:
    """Everything is approved at once, nobody is asked or told, and record and audit say what would have happened."""
    house = House(rules(MODES, top="mode: shadow\n"))
    for _ in range(3):  # more often than the budget allows: what only watches spends nothing
        request = await house.ask(amount)
        assert request.decision is not None
        assert (request.status, request.terms.mode, request.terms.show) == ("approved", "shadow", ())
        assert would in str(request.decision.message)
    line = (await house.lines("asked"))[-1]
    assert (line["mode"], line["rule"]) == ("shadow", request.terms.rule)
    assert would in line["decision"]["message"]


async def test_one_rule_in_shadow_leaves_the_others_as_they_are() -> None:
    """Only what that rule matches is approved."""
    house = House(rules(MODES.replace("decide: reject,", "decide: reject, mode: shadow,")))
    assert (await house.ask(9999)).status == "approved"
    assert (await house.ask(500)).status == "pending"


@pytest.mark.parametrize("amount", [10, 500, 9999])
async def test_switched_off_everything_is_approved_and_says_so(amount: float) -> None:
    """`mode: off`: no rule is looked at."""
    house = House(rules(MODES, top="mode: off\n"))
    request = await house.ask(amount)
    assert request.decision is not None
    assert (request.status, request.terms.mode, request.terms.rule) == ("approved", "off", "defaults")
    assert "switched off" in str(request.decision.message)
    assert (await house.lines("asked"))[0]["mode"] == "off"


async def test_the_servers_mode_stands_above_the_files() -> None:
    """A file in shadow is enforced where the server says so, and the other way round."""
    house = House(rules(MODES, top="mode: shadow\n").under("enforce"))
    assert (await house.ask(9999)).status == "rejected"
    house.desk.adopt(rules(MODES).under("off"))
    assert (await house.ask(9999)).status == "approved"


async def test_no_mode_answers_a_question() -> None:
    """What only people can say waits for people."""
    for mode in ("shadow", "off"):
        house = House(rules(MODES, top=f"mode: {mode}\n"))
        request = await house.ask(500, allowed_decisions=["respond", "reject"], response_schema=RESPONSE)
        assert request.status == "pending"


async def test_a_rule_that_notifies_tells_and_asks_nobody() -> None:
    """Approved at once by the rule, and shown where it would be asked."""
    house = House(rules("rules:\n  - {name: heads up, decide: notify}\n"))
    request = await house.ask()
    assert request.decision is not None
    assert (request.status, request.terms.show) == ("approved", ("slack:#approvals",))
    assert [by.rule for by in request.decision.decided_by] == ["heads up"]
    assert (await house.lines("asked"))[0]["decision"]["decided_by"] == ["rule:heads up"]


# ── budgets ──────────────────────────────────────────────────────────────────────────────────────

BUDGET = """
rules:
  - {name: small, when: args.amount <= 50, decide: approve, budget: {calls: 20, per: 24h}}
  - {name: refunds, when: tool == "refund", approvers: [managers]}
"""


async def test_a_budget_is_never_exceeded_by_calls_at_the_same_time() -> None:
    """A thousand at once against a budget of twenty, on two replicas: exactly twenty run, the others are asked."""
    house = House(rules(BUDGET))
    other = house.replica()
    asks = [
        desk.ask(Ask.model_validate({"tool": "refund", "arguments": {"order": f"A-{number}", "amount": 10}}), AGENT)
        for number in range(500)
        for desk in (house.desk, other)
    ]
    made = [opened.request for opened in await asyncio.gather(*asks)]
    by_rule = [request for request in made if request.status == "approved"]
    assert len(by_rule) == 20
    assert {request.terms.rule for request in by_rule} == {"small"}
    rest = [request for request in made if request.status == "pending"]
    assert len(rest) == 980
    assert {(request.terms.rule, request.terms.approvers) for request in rest} == {("refunds", ("managers",))}


async def test_a_sum_is_kept_to_the_last_digit() -> None:
    """Ten times 0.1 fit into 1, which binary fractions would miss; the eleventh is asked."""
    text = BUDGET.replace("calls: 20", "sum: {of: args.amount, limit: 1}")
    house = House(rules(text))
    made = [await house.ask(0.1, order=f"A-{number}") for number in range(11)]
    assert [request.status for request in made] == ["approved"] * 10 + ["pending"]


async def test_a_budgets_window_slides() -> None:
    """What was spent a day ago is free again, one by one."""
    house = House(rules(BUDGET.replace("calls: 20", "calls: 2")))
    assert (await house.ask(10)).status == "approved"
    house.forward(hours=12)
    assert (await house.ask(10)).status == "approved"
    assert (await house.ask(10)).status == "pending"
    house.forward(hours=12)
    assert (await house.ask(10)).status == "approved"
    assert (await house.ask(10)).status == "pending"


async def test_a_repeated_ask_spends_once() -> None:
    """The same call with the same idempotency key is the same request."""
    house = House(rules(BUDGET.replace("calls: 20", "calls: 2")))
    ask = Ask.model_validate({"tool": "refund", "arguments": {"order": "A-1", "amount": 10}})
    opened = [await house.desk.ask(ask, AGENT, "the same") for _ in range(5)]
    assert {one.request.id for one in opened} == {opened[0].request.id}
    assert (await house.ask(10)).status == "approved"
    assert (await house.ask(10)).status == "pending"


# ── loop breaker ─────────────────────────────────────────────────────────────────────────────────

RUN: dict[str, Any] = {"run_id": "run-1"}


async def _rejected(text: str = "", **said: Any) -> House:
    house = House(rules(text))
    request = await house.ask(**RUN)
    await house.say(request, "ada", "reject", message="not our customer", **said)
    return house


async def test_the_same_call_asked_right_after_a_no_is_answered_with_it() -> None:
    """Nobody is asked again: the agent gets the person's words, and the audit trail names the loop breaker."""
    house = await _rejected(retry="with_changes")
    again = await house.ask(**RUN)
    assert again.decision is not None
    assert (again.status, again.terms.show, again.decision.retry) == ("rejected", (), "with_changes")
    assert again.decision.message == "Ada rejected the same call at 09:00 UTC: not our customer"
    assert [by.rule for by in again.decision.decided_by] == ["loop breaker"]
    assert (await house.lines("asked"))[-1]["decision"]["decided_by"] == ["rule:loop breaker"]


async def test_who_may_ask_no_more_still_hears_the_no() -> None:
    """The answer is there already, so the cap on open requests does not stand before it."""
    house = await _rejected()
    house.desk = Desk(house.store, house.policy, house.signer, Limits(caps=Caps(open_requests=1, per_minute=9)))
    await house.ask(order="A-2")
    with pytest.raises(TooManyOpen):
        await house.ask(order="A-3")
    assert (await house.ask(**RUN)).status == "rejected"


async def test_a_no_that_comes_while_the_call_is_asked_again_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for in the very step that writes: there is no moment in between."""
    house = House(rules(""))
    first = await house.ask(**RUN)
    write = house.store.open

    async def meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        await house.say(first, "ada", "reject", message="not our customer")
        return await write(*args)

    monkeypatch.setattr(house.store, "open", meanwhile)
    again = await house.ask(**RUN)
    assert again.id != first.id
    assert again.decision is not None
    assert [by.rule for by in again.decision.decided_by] == ["loop breaker"]


async def test_what_may_be_asked_again_is_asked_again() -> None:
    """The person said so: `retry: ask`."""
    house = await _rejected(retry="ask")
    assert (await house.ask(**RUN)).status == "pending"


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 499},
        {"order": "A-2"},
        {"run_id": "run-2"},
        {"run_id": None},
        {"agent": "another"},
        {"by": key("another")},
    ],
    ids=["amount", "order", "run", "no run", "agent", "key"],
)
async def test_another_call_is_no_loop(other: dict[str, Any]) -> None:
    """Other arguments, another run, another agent, another key: people are asked."""
    house = await _rejected()
    assert (await house.ask(**{**RUN, **other})).status == "pending"


async def test_after_a_while_it_may_be_asked_again() -> None:
    """The window is five minutes unless the rule says otherwise."""
    house = await _rejected()
    house.forward(minutes=4, seconds=59)
    assert (await house.ask(**RUN)).status == "rejected"
    house.forward(seconds=1)
    assert (await house.ask(**RUN)).status == "pending"


async def test_a_rule_sets_or_switches_off_its_loop_breaker() -> None:
    """Another window, none at all, or across all runs of the same agent."""
    house = await _rejected("rules:\n  - {name: long, loop_breaker: 1h}\n")
    house.forward(minutes=59)
    assert (await house.ask(**RUN)).status == "rejected"
    house.desk.adopt(rules("rules:\n  - {name: long, loop_breaker: 10m}\n"))
    assert (await house.ask(**RUN)).status == "pending"
    house = await _rejected("rules:\n  - {name: none, loop_breaker: off}\n")
    assert (await house.ask(**RUN)).status == "pending"
    house = await _rejected("rules:\n  - {name: any, loop_breaker: {across_runs: true}}\n")
    assert (await house.ask(run_id="run-2")).status == "rejected"
    assert (await house.ask()).status == "rejected"
    assert (await house.ask(by=key("another"))).status == "pending"


async def test_only_a_persons_no_breaks_a_loop() -> None:
    """What expired, was withdrawn or was rejected by a rule at its end is asked again (I05)."""
    house = House(rules("rules:\n  - {name: short, expires_in: 1m, on_expire: reject}\n"))
    request = await house.ask(**RUN)
    house.forward(minutes=1)
    assert (await house.desk.get(request.id)).status == "rejected"
    second = await house.ask(**RUN)
    assert second.status == "pending"
    await house.desk.withdraw(second.id, AGENT)
    assert (await house.ask(**RUN)).status == "pending"
