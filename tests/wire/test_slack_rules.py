"""Rules in Slack with the real desk: what Slack says about people counts at once, and the details decide."""

from __future__ import annotations

from typing import Any

import pytest

from signoff import forms

pytestmark = pytest.mark.parametrize("chat", ["slack"])


async def test_i19_a_guest_is_refused_before_the_minute_is_over(house: Any) -> None:
    """Slack's event ends what was remembered about a person: the very next click is refused."""
    request, card = await house.ask()
    await house.side.click("bob", card, "edit")
    await house.side.abandon("bob", card)
    await house.side.becomes("bob", "guest")
    await house.side.click("bob", card, "approve")
    await house.sees("bob", card, "you are a guest in this Slack workspace")
    assert (await house.now(request)).open
    await house.side.click("ada", card, "approve")
    assert not (await house.now(request)).open


async def test_i19_who_leaves_a_user_group_is_refused_before_the_minute_is_over(house: Any) -> None:
    """A change of the group's members counts from the next click on, in both directions."""
    request, card = await house.ask(tool="deploy", arguments={"service": "api"}, schema=None)
    await house.side.click("ada", card, "confirm")
    await house.side.abandon("ada", card)
    await house.side.group("mia")
    await house.side.click("ada", card, "confirm")
    await house.sees("ada", card, "You cannot decide this")
    await house.side.click("mia", card, "confirm")
    await house.side.submit("mia", card, forms.confirm_form(request), {"confirm": "api"})
    after = await house.now(request)
    assert (after.status, after.decision.decided_by[0].person) == ("approved", "mia")


async def test_i19_a_disabled_user_group_lets_nobody_through(house: Any) -> None:
    """Members of a group that is gone cannot approve; who is named in the policy still can say no."""
    request, card = await house.ask(tool="deploy", arguments={"service": "api"}, schema=None)
    await house.side._world.sim.act("usergroup", {"id": "S0MGR", "disabled": True})
    await house.side.click("ada", card, "confirm")
    await house.sees("ada", card, "cannot be looked up")
    assert (await house.now(request)).open
    await house.side.click("bob", card, "reject")
    await house.side.submit("bob", card, forms.reject_form(request), {"message": "no"})
    assert (await house.now(request)).status == "rejected"


async def test_i11_a_long_call_is_approved_from_its_details(house: Any) -> None:
    """The card that had to shorten a high-risk call does not approve it; the last page of the details does."""
    arguments = {"order": "word " * 1200 + "THE END", "amount": 500}
    request, card = await house.ask(arguments=arguments)
    assert "approve" not in house.side.buttons("ada", card)
    slack = house.side._world
    await house.side.click("ada", card, "details")
    await house.sees("ada", card, "THE END")
    told = await slack.press("ada", "approve")
    assert told["ok"]
    after = await house.now(request)
    assert (after.status, after.decision.arguments) == ("approved", arguments)
    assert "recorded" in house.side.seen("ada", card)


async def test_i11_what_has_to_be_typed_is_asked_above_the_details(house: Any) -> None:
    """Approve… in the details opens the form; what is typed wrongly is said at the field, and then counts."""
    arguments = {"service": "api", "notes": "word " * 1200}
    request, card = await house.ask(tool="deploy", arguments=arguments, schema=None)
    slack = house.side._world
    await house.side.click("ada", card, "details")
    await house.sees("ada", card, "word word")
    assert (await slack.press("ada", "confirm"))["modal"]["depth"] == 2
    form = forms.confirm_form(request)
    await house.side.submit("ada", card, form, {"confirm": "apo"})
    assert slack.modal("ada")["errors"]
    assert (await house.now(request)).open
    await house.side.submit("ada", card, form, {"confirm": "api"})
    assert slack.modal("ada") is None
    assert (await house.now(request)).status == "approved"


async def test_a_mention_in_a_command_is_the_policys_person(house: Any) -> None:
    """`@bob` in the message box is Bob by his id, not somebody of that name."""
    told = await house.side.say("ada", "delegate @bob until tomorrow")
    assert "Bob Lindqvist" in told
    assert "Ada Okafor" in await house.side.say("bob", "delegations")


async def test_more_gives_a_request_more_time(house: Any) -> None:
    """The form behind More… starts with choices that Slack takes, and one submission of it counts."""
    request, card = await house.ask()
    await house.side.click("ada", card, "more")
    slack = house.side._world
    inputs = [block for block in slack.modal("ada")["blocks"] if block["type"] == "input"]
    assert [block["element"]["type"] for block in inputs][:2] == ["static_select", "static_select"]
    assert (await slack.submit("ada", {}))["modal"] is None
    assert (await house.now(request)).expires_at > request.expires_at
