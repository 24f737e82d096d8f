"""One policy file with everything a file can say, at work in both simulated chats with the real desk, relay and SDKs.

It is Wednesday noon in Berlin when a test begins. Finance are Ada and Bob; the managers, looked up in Slack, are Ada
and Rita; the database people, looked up in Entra, too; Mia is on call by the calendar.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from signoff import forms
from signoff.errors import ChannelNotAllowed
from signoff.model import Ask, MessageRef, Request
from signoff_calendar import plugin as calendar_plugin
from signoff_calendar.directory import CalendarDirectory
from signoff_sim import world
from signoff_sim.teams.directory import MANAGERS_GROUP

POLICY = """
version: 1
mode: enforce
people:
{people}
groups:
  finance:  {{members: [ada, bob]}}
  leads:    {{members: [rita]}}
  managers: {{slack_usergroup: {team}/S0MGR}}
  oncall:   {{calendar: oncall.ics}}
  dbas:     {{entra_group: {dbas}}}
operators: [leads]

defaults:
  show: ["slack:#approvals", "teams:Finance/Payouts"]
  approvers: [finance]
  expires_in: 4h
  self_approval: false
  any_channel: false

rules:
  - name: small refunds run by themselves
    when: tool == "issue_refund" && args.amount <= 50.0
    decide: approve
    budget: {{calls: 20, sum: {{of: args.amount, limit: 500}}, per: 24h}}
    show: ["slack:#approvals", "teams:Finance/Payouts"]

  - name: refunds
    when: tool == "issue_refund"
    risk: high
    show: ["slack:#refunds", "teams:Finance/General"]
    stages:
      - {{name: finance, approvers: [finance], quorum: 1}}
      - {{name: managers, approvers: [managers], quorum: 2, when: args.amount > 1000.0}}
    editable: [amount]
    secret: [card_token]
    confirm: "${{args.order}}"
    reasons: [{{text: wrong amount, retry: with_changes}}, not our customer, needs a ticket]
    remind: [15m, 1h]
    escalate: [{{after: 2h, to: [managers], show: ["slack:@managers", "teams:@managers"]}}]
    expires_in: 8h
    hours: {{zone: Europe/Berlin, days: mon-fri, from: "09:00", to: "18:00", outside: {{approvers: [oncall]}}}}
    grants: {{match: [args.order], max_ttl: 8h, max_uses: 5}}
    break_glass: [leads]
    on_expire: reject
    fallback: ["slack:#approvals"]
    loop_breaker: 10m

  - name: nothing drops production tables
    when: tool == "run_sql" && args.sql.matches("(?i)\\\\bdrop\\\\s+table\\\\b")
    decide: reject
    message: Dropping tables is not allowed from an agent. Open a change ticket.

  - name: other statements
    when: tool == "run_sql"
    approvers: [dbas]

  - name: news
    when: tool == "post_update"
    decide: notify

  - name: mails on trial
    when: tool == "send_mail"
    mode: shadow
"""
ONCALL = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Signoff//Tests//EN
BEGIN:VEVENT
UID:shift-1@example.com
DTSTAMP:20200101T000000Z
DTSTART;VALUE=DATE:20200101
DTEND;VALUE=DATE:20200102
RRULE:FREQ=DAILY
SUMMARY:On call: Mia
ATTENDEE;CN=Mia Tanaka:mailto:mia@example.com
END:VEVENT
END:VCALENDAR
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "amount": {"type": "number", "minimum": 0, "maximum": 5000},
        "card_token": {"type": "string"},
    },
    "required": ["order", "amount"],
}
NOON = 11
"""In Berlin, in winter, by UTC."""


def written() -> str:
    """The file."""
    people = [
        f"  {one.id}: {{name: {one.name}, email: {one.email}, slack: {world.SLACK_TEAM}/{one.slack}, "
        f"teams: {world.TEAMS_TENANT}/{one.teams}}}"
        for one in world.PEOPLE
    ]
    return POLICY.format(people="\n".join(people), team=world.SLACK_TEAM, dbas=MANAGERS_GROUP)


def ahead() -> timedelta:
    """Until Wednesday noon of some week in January, when clocks stand still in Berlin and summer time is far."""
    now = datetime.now(UTC)
    first = datetime(now.year + 1, 1, 10, NOON, tzinfo=UTC)
    return first + timedelta(days=(2 - first.weekday()) % 7) - now


@pytest.fixture
async def house(chat: str, policed: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """Everything but Redis, the agent and the real platforms, seen from each chat."""
    (tmp_path / "oncall.ics").write_text(ONCALL)
    async with policed(chat, written(), ahead()) as house:
        calendar = CalendarDirectory(tmp_path, clock=lambda: house.clock().timestamp())
        house.desk.people.add(calendar_plugin.name, calendar)
        yield house


async def refund(house: Any, amount: int, **changes: Any) -> tuple[Request, MessageRef]:
    """An agent asks for a refund of A-1001; the request and its card in the chat at hand."""
    arguments = {"order": "A-1001", "amount": amount} | changes.pop("more", {})
    request, card = await house.ask(arguments=arguments, schema=SCHEMA, channel=None, **changes)
    return request, card


def body(amount: int) -> dict[str, Any]:
    return {"tool": "issue_refund", "arguments": {"order": "A-1001", "amount": amount}, "schema": SCHEMA}


async def unseen(house: Any, **asked: Any) -> Request:
    """An agent asks, and no card is drawn yet."""
    return cast("Request", (await house.desk.ask(Ask.model_validate(asked), house.key)).request)


async def confirm(house: Any, side: Any, person: str, request: Request, card: MessageRef) -> None:
    """Approve by typing the order's number."""
    form = await house.form(request, "confirm", person)
    await side.click(person, card, "confirm")
    await side.submit(person, card, form, {"confirm": "A-1001"})


async def at(house: Any, request: Request, place: str) -> MessageRef:
    """The request's card in one place."""
    placements = await house.store.placements(request.id)
    found: MessageRef = next(one.message for one in placements if one.place == place and one.message)
    return found


# ── by rule ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_small_refund_needs_nobody(house: Any) -> None:
    """The rule approves it at once; the channel is told which rule, and is asked nothing."""
    request, card = await refund(house, 50)
    assert request.status == "approved"
    assert request.decision.decided_by[0].rule == "small refunds run by themselves"
    assert "Approved by the rule “small refunds run by themselves”" in house.side.seen("ada", card)
    assert house.side.buttons("ada", card) == ["details"]


async def test_a_budget_that_is_used_up_asks_people(house: Any) -> None:
    """Ten times fifty is the day's sum: the eleventh refund waits for finance, and a day later they run again."""
    for _ in range(10):
        assert (await unseen(house, **body(50))).status == "approved"
    request = await unseen(house, **body(50))
    assert (request.status, request.terms.rule) == ("pending", "refunds")
    house.clock.ahead += timedelta(days=1)
    assert (await unseen(house, **body(50))).status == "approved"


async def test_tables_are_not_dropped(house: Any) -> None:
    """The rule rejects the statement, however it is written, and the agent reads what to do; nobody is asked."""
    request = await unseen(house, tool="run_sql", arguments={"sql": "DROP  table users"})
    assert request.status == "rejected"
    assert request.decision.decided_by[0].rule == "nothing drops production tables"
    assert "Open a change ticket." in request.decision.message


async def test_a_notice_asks_nobody(house: Any) -> None:
    """It runs at once, and both channels are told with nothing to click but the details."""
    request, card = await house.ask(tool="post_update", arguments={"text": "Done"}, schema=None, channel=None)
    assert request.status == "approved"
    for side, shown in ((house.side, card), (house.other, await house.copy(request))):
        assert side.buttons("mia", shown) == ["details"]


async def test_a_rule_on_trial_says_what_would_have_happened(house: Any) -> None:
    """In shadow mode nobody is asked and nothing is posted; the record says who would have been."""
    request = await unseen(house, tool="send_mail", arguments={"to": "lena@example.com"})
    assert (request.status, request.terms.mode) == ("approved", "shadow")
    assert "Ada Okafor" in request.decision.message
    await house.converge()
    assert not await house.store.placements(request.id)


# ── stages, votes, forms ─────────────────────────────────────────────────────────────────────────


async def test_a_large_refund_takes_finance_and_two_managers_in_both_chats(house: Any) -> None:
    """Bob, then Ada and Rita: votes come from both chats, each card shows how far it is, the last one decides."""
    request, card = await refund(house, 2000)
    copy = await house.copy(request)
    await confirm(house, house.side, "bob", request, card)
    after = await house.now(request)
    assert (after.open, after.stage, after.terms.approvers) == (True, 1, ("managers",))
    await house.sees("mia", card, "Waiting for managers: 0 of 2 approved", "done, 1 of 1 ✓ Bob Lindqvist")
    await confirm(house, house.other, "ada", request, copy)
    assert (await house.now(request)).open
    await house.sees("mia", card, "Waiting for managers: 1 of 2 approved", "the group managers")
    await confirm(house, house.side, "rita", request, card)
    decision = (await house.now(request)).decision
    here, there = house.side.name, house.other.name
    assert [(by.person, by.via) for by in decision.decided_by] == [("bob", here), ("ada", there), ("rita", here)]
    assert "Bob Lindqvist, Ada Okafor and Rita Moreau" in house.other.seen("mia", copy)


async def test_i17_one_human_is_no_quorum(house: Any) -> None:
    """Ada is in finance and a manager: having approved for finance she counts no second time, from neither chat."""
    request, card = await refund(house, 2000)
    await confirm(house, house.side, "ada", request, card)
    copy = await house.copy(await house.now(request))
    for side, shown in ((house.side, card), (house.other, copy)):
        await side.click("ada", shown, "confirm")
        await house.refuses("ada", shown)
    after = await house.now(request)
    assert [vote.person for vote in after.votes] == ["ada"]
    assert after.stage == 1


async def test_one_rejection_ends_it(house: Any) -> None:
    """A manager's no after finance's yes rejects it, and the card keeps who had approved."""
    request, card = await refund(house, 2000)
    await confirm(house, house.side, "bob", request, card)
    form = forms.reject_form(await house.now(request))
    await house.side.click("rita", card, "reject")
    await house.side.submit("rita", card, form, {"message": "Too much."})
    assert (await house.now(request)).status == "rejected"
    await house.sees("mia", card, "Rejected by Rita Moreau", "Had approved", "Bob Lindqvist")


async def test_what_has_to_be_typed_is_typed(house: Any) -> None:
    """Another order's number is answered at the field and approves nothing; the right one does."""
    request, card = await refund(house, 500)
    assert "approve" not in house.side.buttons("ada", card)
    form = await house.form(request, "confirm", "ada")
    await house.side.click("ada", card, "confirm")
    await house.side.submit("ada", card, form, {"confirm": "A-1002"})
    await house.sees("ada", card, "This is not what has to be typed")
    assert (await house.now(request)).open
    await house.side.submit("ada", card, form, {"confirm": "A-1001"})
    assert (await house.now(request)).status == "approved"


async def test_a_reason_is_chosen_and_tells_the_agent_whether_to_try_again(house: Any) -> None:
    """The preset reason is what the agent reads, and brings its own advice."""
    request, card = await refund(house, 500)
    await house.side.click("ada", card, "reject")
    await house.side.submit("ada", card, forms.reject_form(request), {"preset": "0"})
    decision = (await house.now(request)).decision
    assert (decision.message, decision.retry) == ("wrong amount", "with_changes")
    await house.sees("mia", card, "wrong amount", "try again with changes")


async def test_i08_an_edit_brings_the_managers_in(house: Any) -> None:
    """Above a thousand the edited refund has a second stage, and is approved by nobody before it is typed again."""
    request, card = await refund(house, 500)
    await house.side.click("bob", card, "edit")
    await house.side.submit("bob", card, forms.edit_form(request), {"/amount": "2000"})
    after = await house.now(request)
    assert (after.version, [stage.name for stage in after.terms.ladder]) == (2, ["finance", "managers"])
    await house.sees("mia", card, "500", "2000", "managers")
    assert (after.open, after.votes) == (True, ())


async def test_i13_a_secret_stands_on_no_card(house: Any) -> None:
    """The token is masked on the cards of both chats and in the details."""
    request, card = await refund(house, 500, more={"card_token": "tok_4242424242"})
    await house.side.click("ada", card, "details")
    await house.sees("ada", card, "card_token", '"order": "A-1001"')
    assert "tok_4242424242" not in house.side.seen("ada", card)
    assert "tok_4242424242" not in house.other.seen("ada", await house.copy(request))


# ── by the clock ─────────────────────────────────────────────────────────────────────────────────


async def test_a_reminder_comes_below_each_card(house: Any) -> None:
    """After a quarter of an hour those who are asked are called by name in both chats."""
    request, card = await refund(house, 500)
    await house.later(request, timedelta(minutes=15))
    for side, shown in ((house.side, card), (house.other, await house.copy(request))):
        (said,) = side.below("mia", shown)
        assert "Still waiting" in said
        assert all(side.mention(person) in said for person in ("ada", "bob"))


async def test_the_ladder_asks_more_people_in_more_places(house: Any) -> None:
    """After two hours the managers may decide as well, it is said below the card, and Rita has a card of her own."""
    request, card = await refund(house, 500)
    await house.side.click("rita", card, "confirm")
    await house.refuses("rita", card)
    for minutes in (15, 45, 60):
        await house.later(request, timedelta(minutes=minutes))
    assert "Nobody has decided for 2 h; now managers may decide too." in house.side.below("mia", card)[-1]
    direct = await at(house, request, f"{house.side.name}:@rita")
    await confirm(house, house.side, "rita", request, direct)
    assert (await house.now(request)).decision.decided_by[0].person == "rita"


async def test_outside_of_the_hours_the_person_on_call_is_asked(house: Any) -> None:
    """On Saturday the calendar says who decides, and finance does not."""
    house.clock.ahead += timedelta(days=3)
    request, card = await refund(house, 500)
    assert request.terms.approvers == ("oncall",)
    await house.side.click("ada", card, "confirm")
    await house.refuses("ada", card)
    await confirm(house, house.side, "mia", request, card)
    assert (await house.now(request)).decision.decided_by[0].person == "mia"


async def test_what_nobody_decides_is_rejected_where_the_rule_says_so(house: Any) -> None:
    """After eight hours the rule rejects it under its own name, and no person is said to have."""
    request, card = await refund(house, 500)
    await house.later(request, timedelta(hours=8))
    after = await house.now(request)
    assert after.status == "rejected"
    assert [(by.person, by.rule) for by in after.decision.decided_by] == [(None, "refunds")]
    await house.sees("mia", card, "Rejected by the rule “refunds”", "Nobody decided in time")


async def test_the_rest_expires(house: Any) -> None:
    """A rule that says nothing of it lets a request expire, after the hours that the defaults give it."""
    request, card = await house.ask(tool="run_sql", arguments={"sql": "select 1"}, schema=None, channel=None)
    await house.later(request, timedelta(hours=4))
    assert (await house.now(request)).status == "expired"
    await house.sees("mia", card, "Expired: nobody decided in time")


# ── what people lay down ─────────────────────────────────────────────────────────────────────────


async def test_similar_calls_are_allowed_from_the_card(house: Any) -> None:
    """With the approval of one refund come two more of the same order: each is approved at once and told in the
    channel under the giver's name, another order is asked, and so is what comes after the last use.
    """
    request, card = await refund(house, 500)
    form = await house.form(request, "more", "ada")
    await house.side.click("ada", card, "more")
    chosen = {"what": "grant", "time": "3600", "uses": "2", "confirm": "A-1001"}
    await house.side.submit("ada", card, form, chosen)
    assert (await house.now(request)).status == "approved"
    for use in ("use 1 of 2", "use 2 of 2"):
        next_, told = await refund(house, 300)
        assert (next_.status, next_.decision.decided_by[0].acting_for) == ("approved", "ada")
        shown = house.side.seen("mia", told)
        assert "Approved under a grant by Ada Okafor" in shown
        assert use in shown
    assert (await refund(house, 300, more={"order": "A-1002"}))[0].open
    assert (await refund(house, 300))[0].open


async def test_similar_calls_are_not_allowed_without_typing(house: Any) -> None:
    """Where an approval has to be typed, one that allows similar calls has to be typed as well."""
    request, card = await refund(house, 500)
    form = await house.form(request, "more", "ada")
    await house.side.click("ada", card, "more")
    await house.side.submit("ada", card, form, {"what": "grant", "time": "3600", "uses": "2", "confirm": "A-1002"})
    await house.sees("ada", card, "This is not what has to be typed")
    assert (await house.now(request)).open
    assert not await house.desk.orders.grants()


async def test_a_freeze_in_one_chat_stops_the_other(house: Any) -> None:
    """A click in the other chat is told why before anything is typed, small refunds wait, a thaw there frees both."""
    request, _ = await refund(house, 500)
    copy = await house.copy(request)
    assert "Frozen" in await house.side.say("rita", "freeze tool issue_refund because the till is broken")
    await house.other.click("ada", copy, "confirm")
    await house.refuses("ada", copy)
    shown = house.other.seen("ada", copy)
    assert "is frozen" in shown
    assert "the till is broken" in shown
    assert (await house.now(request)).open
    assert (await refund(house, 10))[0].open
    assert "Thawed" in await house.other.say("rita", "thaw tool issue_refund")
    assert (await refund(house, 10))[0].status == "approved"
    await confirm(house, house.other, "ada", request, copy)
    assert (await house.now(request)).status == "approved"


async def test_only_the_operators_freeze(house: Any) -> None:
    """A manager who is no operator is told who is."""
    assert "Rita Moreau" in await house.side.say("ada", "freeze")
    assert not await house.desk.orders.freezes()


async def test_a_delegation_made_in_one_chat_holds_in_the_other(house: Any) -> None:
    """Mia decides in Bob's place where he did not say so, under both names."""
    assert "Mia Tanaka decides in Bob" in await house.side.say("bob", "delegate @mia until 7d for refunds")
    request, _ = await refund(house, 500)
    copy = await house.copy(request)
    await confirm(house, house.other, "mia", request, copy)
    (by,) = (await house.now(request)).decision.decided_by
    assert (by.person, by.acting_for, by.via) == ("mia", "bob", house.other.name)
    assert "Mia Tanaka for Bob Lindqvist" in house.side.seen("ada", await house.card(request))


async def test_breaking_the_glass_is_told_to_everybody(house: Any) -> None:
    """Rita forces a large refund with a reason, which is marked on the card and said below it in both chats, to those
    who have voted as well as to those who were asked.
    """
    request, card = await refund(house, 2000)
    await confirm(house, house.side, "bob", request, card)
    form = await house.form(await house.now(request), "more", "rita")
    await house.side.click("rita", card, "more")
    chosen = {"what": "force_approve", "reason": "The customer is at the counter."}
    await house.side.submit("rita", card, form, chosen)
    after = await house.now(request)
    assert (after.status, after.decision.forced) == ("approved", True)
    await house.sees("mia", card, "Forced by Rita Moreau (break glass)", "The customer is at the counter.")
    for side, shown in ((house.side, card), (house.other, await house.copy(request))):
        said = side.below("mia", shown)[-1]
        assert "The customer is at the counter." in said
        assert all(side.mention(person) in said for person in ("ada", "bob"))
        assert side.mention("rita") not in said.replace("Rita Moreau forced", "")


async def test_the_same_call_is_not_asked_again_right_away(house: Any) -> None:
    """Within ten minutes in the same run it is answered with the rejection; later it is asked."""
    request, card = await refund(house, 500, run_id="run-7")
    await house.side.click("ada", card, "reject")
    await house.side.submit("ada", card, forms.reject_form(request), {"message": "Not today."})
    assert (await house.now(request)).status == "rejected"
    again = await unseen(house, **body(500), run_id="run-7")
    assert again.status == "rejected"
    assert "Not today." in again.decision.message
    house.clock.ahead += timedelta(minutes=11)
    assert (await unseen(house, **body(500), run_id="run-7")).open


# ── who, and where ───────────────────────────────────────────────────────────────────────────────


async def test_i18_a_guest_is_refused(house: Any) -> None:
    """Bob became a guest of the chat: his click counts for nothing and says why; Ada's counts."""
    request, card = await refund(house, 500)
    await house.becomes("bob", "guest")
    await house.side.click("bob", card, "confirm")
    await house.sees("bob", card, "guest")
    assert (await house.now(request)).open
    await confirm(house, house.side, "ada", request, card)
    assert (await house.now(request)).status == "approved"


async def test_i17_nobody_approves_what_is_done_for_them(house: Any) -> None:
    """A refund on Ada's behalf is for Bob to decide."""
    request, card = await refund(house, 500, on_behalf_of="ada@example.com")
    await house.side.click("ada", card, "confirm")
    await house.refuses("ada", card)
    await confirm(house, house.side, "bob", request, card)
    assert (await house.now(request)).decision.decided_by[0].person == "bob"


async def test_a_group_of_the_tenant_decides_in_both_chats(house: Any) -> None:
    """Rita is one of Entra's group; Bob, who is not, is refused."""
    request, card = await house.ask(tool="run_sql", arguments={"sql": "select 1"}, schema=None, channel=None)
    assert request.terms.approvers == ("dbas",)
    await house.side.click("bob", card, "approve")
    await house.refuses("bob", card)
    assert await house.side.click("rita", card, "approve")
    assert (await house.now(request)).decision.decided_by[0].person == "rita"


async def test_a_request_names_no_place_of_its_own(house: Any) -> None:
    """A place that the rule does not list is refused at the door."""
    with pytest.raises(ChannelNotAllowed):
        await unseen(house, **body(500), channel="slack:#general")


async def test_i23_where_a_place_cannot_be_reached_the_fallback_is(house: Any) -> None:
    """Its card stands in the fallback, says which place was not reached, and works there."""
    house.side.fault("gone")
    request = await unseen(house, **body(500))
    await house.now(request)
    after = await house.now(request)
    assert list(after.undelivered) == [{"slack": "slack:#refunds", "teams": "teams:Finance/General"}[house.side.name]]
    slack = house.side if house.side.name == "slack" else house.other
    card = await at(house, after, "slack:#approvals")
    assert "Could not be delivered" in slack.seen("ada", card)
    await confirm(house, slack, "ada", after, card)
    assert (await house.now(request)).status == "approved"
