"""What every chat does, tried on each of them: the real desk, relay and SDKs in front of the simulated platform."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from signoff import forms
from signoff.errors import CallFrozen, ChatBusy, ChatError, Undeliverable
from signoff.model import Actor, Answer


async def test_a_card_shows_what_is_asked(house: Any) -> None:
    """Title, tool, risk as a word, why, arguments with their types, who may decide, and what is offered."""
    _, card = await house.ask(arguments={"order": "500", "amount": 500})
    shown = house.side.seen("ada", card)
    for word in ("Refund order A-1001", "issue_refund", "High", "a broken item", '"500"', "Ada Okafor"):
        assert word in shown
    assert house.side.buttons("ada", card)[:3] == ["approve", "edit", "reject"]


async def test_approve(house: Any) -> None:
    """One click approves; the card says who, everywhere, and its buttons are gone."""
    request, card = await house.ask()
    assert await house.side.click("ada", card, "approve")
    after = await house.now(request)
    assert (after.status, after.decision.kind, after.decision.decided_by[0].person) == ("approved", "approve", "ada")
    assert after.decision.decided_by[0].via == house.side.name
    await house.sees("mia", card, "Ada Okafor")
    assert "approve" not in house.side.buttons("mia", card)


async def test_edit_with_one_error_first(house: Any) -> None:
    """A wrong value is answered at its field, nothing is decided; the right one approves the edited arguments."""
    request, card = await house.ask()
    form = forms.edit_form(request)
    await house.side.click("ada", card, "edit")
    await house.sees("ada", card, "500")
    await house.side.submit("ada", card, form, {"/amount": "4000"})
    await house.sees("ada", card, "1000")
    await house.sees("ada", card, "4000")
    assert (await house.now(request)).open
    await house.side.submit("ada", card, form, {"/amount": "400"})
    after = await house.now(request)
    assert (after.status, after.decision.kind) == ("approved", "edit")
    assert after.decision.arguments == {"order": "A-1001", "amount": 400}
    await house.sees("bob", card, "500", "400")


async def test_i09_numbers_keep_every_digit(house: Any) -> None:
    """A decimal and an integer that no double holds go through an edit of another field unchanged."""
    big, fine = 12345678901234567890123, Decimal("0.12345678901234567890123")
    arguments = {"big": big, "fine": fine, "note": "x"}
    request, card = await house.ask(arguments=arguments, schema=None)
    await house.side.click("ada", card, "edit")
    await house.side.submit("ada", card, forms.edit_form(request), {"/note": "y"})
    after = await house.now(request)
    assert after.decision.arguments == {"big": big, "fine": fine, "note": "y"}


async def test_reject_with_a_reason(house: Any) -> None:
    """The reason that was typed is what the agent reads."""
    request, card = await house.ask()
    await house.side.click("bob", card, "reject")
    await house.side.submit("bob", card, forms.reject_form(request), {"message": "This is not our customer."})
    after = await house.now(request)
    assert after.status == "rejected"
    assert "This is not our customer." in after.decision.message
    await house.sees("ada", card, "Bob Lindqvist", "This is not our customer.")


async def test_answer_a_question(house: Any) -> None:
    """A question is answered by its form; the answer has the schema's type."""
    schema = {"type": "object", "properties": {"days": {"type": "integer"}, "why": {"type": "string"}}}
    request, card = await house.ask(allowed_decisions=["respond"], response_schema=schema)
    await house.side.click("ada", card, "respond")
    await house.side.submit("ada", card, forms.response_form(request), {"/days": "30", "/why": "as agreed"})
    after = await house.now(request)
    assert (after.status, after.decision.response) == ("responded", {"days": 30, "why": "as agreed"})


async def test_everything_can_be_edited_as_json(house: Any) -> None:
    """The raw view holds all arguments; what is not JSON is answered there; the rest decides like the form."""
    request, card = await house.ask()
    await house.side.click("ada", card, "edit")
    await house.side.click("ada", card, "json")
    await house.sees("ada", card, "A-1001")
    form = forms.json_form(request)
    await house.side.submit("ada", card, form, {"": "{"})
    assert (await house.now(request)).open
    await house.side.submit("ada", card, form, {"": '{"order": "A-1002", "amount": 1.10}'})
    after = await house.now(request)
    assert after.decision.arguments == {"order": "A-1002", "amount": 1.1}


async def test_i09_the_json_view_goes_on_from_what_was_typed(house: Any) -> None:
    """An amount typed into the form is in its JSON view, and is what submitting that approves."""
    request, card = await house.ask()
    await house.side.click("ada", card, "edit")
    await house.side.as_json("ada", card, forms.edit_form(request), {"/amount": "300"})
    await house.sees("ada", card, '"amount": 300')
    await house.side.submit("ada", card, forms.json_form(request), {})
    assert (await house.now(request)).decision.arguments == {"order": "A-1001", "amount": 300}


async def test_i09_the_json_view_says_what_is_not_in_it(house: Any) -> None:
    """What was typed and cannot be read is named above the JSON; the rest of it is there."""
    request, card = await house.ask(arguments={"order": "A-1001", "amount": 500, "more": {"a": 1}}, schema=None)
    await house.side.click("ada", card, "edit")
    typed = {"/more": "{", "/order": "A-1002"}
    await house.side.as_json("ada", card, forms.edit_form(request), typed)
    await house.sees("ada", card, "is not in the JSON", "more (This is not valid JSON", '"order": "A-1002"')
    await house.side.submit("ada", card, forms.json_form(request), {})
    assert (await house.now(request)).decision.arguments == {"order": "A-1002", "amount": 500, "more": {"a": 1}}


async def test_i07_a_card_of_an_older_version_decides_nothing(house: Any) -> None:
    """A click that names another version than the record's is refused."""
    request, card = await house.ask()
    newer = request.model_copy(update={"version": 2, "rev": request.rev + 1})
    assert await house.store.move(request, newer, "request.revised", house.entry(newer))
    await house.side.click("ada", card, "approve")
    await house.sees("ada", card, "version 1")
    assert (await house.now(request)).open


async def test_a_form_of_many_fields_has_pages(house: Any) -> None:
    """A hundred fields are filled page by page; all of them arrive."""
    arguments = {f"field {index:03}": f"value {index}" for index in range(100)}
    request, card = await house.ask(arguments=arguments, schema=None, risk="medium")
    form = forms.edit_form(request)
    await house.side.click("ada", card, "edit")
    await house.side.submit("ada", card, form, {"/field 001": "first"})
    for _ in range(9):
        if not (await house.now(request)).open:
            break
        await house.side.submit("ada", card, form, {})
    after = await house.now(request)
    assert after.decision.arguments == arguments | {"field 001": "first"}


async def test_details_show_everything_to_one_person(house: Any) -> None:
    """What the card had to shorten is one click away, for the person who clicked."""
    text = "word " * 1200 + "THE END"
    _, card = await house.ask(arguments={"order": text, "amount": 500})
    assert "THE END" not in house.side.seen("ada", card)
    await house.side.click("ada", card, "details")
    await house.sees("ada", card, "THE END")
    assert "THE END" not in house.side.seen("bob", card)


async def test_i04_closing_a_form_decides_nothing(house: Any) -> None:
    """A form that is opened and closed leaves the request as it was."""
    request, card = await house.ask()
    await house.side.click("ada", card, "edit")
    await house.side.abandon("ada", card)
    assert (await house.now(request)).open
    assert "approve" in house.side.buttons("ada", card)


@pytest.mark.parametrize("action", ["approve", "edit", "reject"])
async def test_i15_somebody_who_may_not_is_told_privately(house: Any, action: str) -> None:
    """The click of somebody else decides nothing, and only that person reads why."""
    request, card = await house.ask()
    await house.side.click("mia", card, action)
    await house.sees("mia", card, "You cannot decide this")
    assert "You cannot decide this" not in house.side.seen("ada", card)
    assert (await house.now(request)).open


async def test_i01_a_later_click_is_told_who_decided(house: Any) -> None:
    """Before the card has been repainted, a second click learns what stands."""
    request, card = await house.ask()
    await house.side.click("ada", card, "approve")
    await house.side.click("bob", card, "approve")
    await house.sees("bob", card, "Ada Okafor")
    after = await house.now(request)
    assert [who.person for who in after.decision.decided_by] == ["ada"]


async def test_i01_a_form_that_comes_too_late(house: Any) -> None:
    """A form filled while somebody else decided says so and changes nothing."""
    request, card = await house.ask()
    await house.side.click("ada", card, "edit")
    await house.side.click("bob", card, "approve")
    await house.side.submit("ada", card, forms.edit_form(request), {"/amount": "1"})
    await house.sees("ada", card, "Bob Lindqvist")
    assert (await house.now(request)).decision.arguments == {"order": "A-1001", "amount": 500}


async def test_i02_without_the_store_a_click_does_not_count(house: Any) -> None:
    """The person is told that nothing was recorded; when the store is back the click works."""
    request, card = await house.ask()
    house.store.away = True
    await house.side.click("ada", card, "approve")
    await house.sees("ada", card, "nothing was recorded")
    house.store.away = False
    assert (await house.now(request)).open
    await house.side.click("ada", card, "approve")
    assert not (await house.now(request)).open


async def test_i16_a_card_in_another_conversation_decides_nothing(house: Any) -> None:
    """A card of the same request that stands where it was not posted to is refused."""
    request, _ = await house.ask()
    copy = await house.side.chat.post(house.side.elsewhere, house.neutral(request))
    await house.side.click("ada", copy, "approve")
    await house.sees("ada", copy, "does not belong to this conversation")
    assert (await house.now(request)).open


async def test_i21_a_second_copy_becomes_a_pointer(house: Any) -> None:
    """A card that was posted twice decides nothing and is repainted as a pointer to the live one."""
    request, _ = await house.ask()
    copy = await house.side.chat.post(house.side.place, house.neutral(request))
    await house.side.click("ada", copy, "approve")
    await house.sees("ada", copy, "live card")
    assert "approve" not in house.side.buttons("ada", copy)
    assert (await house.now(request)).open


async def test_i08_a_person_can_be_asked_directly(house: Any) -> None:
    """A direct message is a place like any other."""
    request, card = await house.ask(channel=house.side.direct)
    assert await house.side.click("ada", card, "approve")
    assert (await house.now(request)).status == "approved"


async def test_i12_agent_text_is_shown_as_text(house: Any) -> None:
    """Markup, mentions and invisible characters of the agent's stand there as characters."""
    text = "*bold* <!channel> [x](https://evil.example) \u202edrowssap"
    _, card = await house.ask(reason=text)
    shown = house.side.seen("ada", card)
    assert "‹U+202E›" in shown
    assert "\u202e" not in shown
    assert "bold" in shown


async def test_i23_delivery_problems_have_their_kinds(house: Any) -> None:
    """Busy says how long, down is tried again, gone is undeliverable."""
    request, _ = await house.ask()
    card = house.neutral(request)
    house.side.fault("busy")
    with pytest.raises(ChatBusy) as busy:
        await house.side.chat.post(house.side.place, card)
    assert busy.value.retry_after == 7
    house.side.fault("down")
    with pytest.raises(ChatError) as down:
        await house.side.chat.post(house.side.place, card)
    assert not isinstance(down.value, Undeliverable)
    house.side.fault("gone")
    with pytest.raises(Undeliverable):
        await house.side.chat.post(house.side.place, card)


async def test_i24_cards_follow_after_an_outage(house: Any) -> None:
    """A decision that the platform could not be told is shown when it is back."""
    request, card = await house.ask()
    await house.desk.answer(request.id, Answer(kind="approve", version=1, message=None), Actor(via="api", person="bob"))
    assert "approve" in house.side.buttons("ada", card)
    await house.now(request)
    await house.sees("ada", card, "Bob Lindqvist")
    assert "approve" not in house.side.buttons("ada", card)


# ── below the card ───────────────────────────────────────────────────────────────────────────────


async def test_i12_what_is_said_below_a_card_is_text(house: Any) -> None:
    """It stands in the card's thread, calls people by real mentions, and whatever it holds is read as it is written."""
    request, card = await house.ask()
    text = "Look: *bold* <!channel> <at>Bob</at> [x](https://evil.example) & more"
    bob = house.desk.identity("bob", house.side.name)
    await house.side.chat.tell(card, text, [bob])
    (said,) = house.side.below("mia", card)
    assert "Look: *bold* <!channel> <at>Bob</at> [x](https://evil.example) & more" in said
    assert house.side.mention("bob") in said
    assert (await house.now(request)).open


async def test_a_reminder_stands_below_the_card_and_calls_those_who_are_asked(house: Any) -> None:
    """When its time has come those who still may decide are called, once, below every card."""
    request, card = await house.ask_to_deploy()
    await house.later(request, timedelta(minutes=16))
    (said,) = house.side.below("mia", card)
    assert "Still waiting" in said
    assert all(house.side.mention(person) in said for person in ("ada", "bob", "rita"))
    await house.later(request, timedelta(minutes=16))
    assert len(house.side.below("mia", card)) == 1


# ── commands ─────────────────────────────────────────────────────────────────────────────────────


async def test_freeze_and_thaw(house: Any) -> None:
    """An operator stops what is asked from chat, a click is told why it does not count, and a thaw lets it go on."""
    request, card = await house.ask()
    assert "Frozen" in await house.side.say("rita", "freeze tool issue_refund because the till is broken")
    await house.side.click("ada", card, "approve")
    await house.sees("ada", card, "is frozen", "the till is broken")
    assert (await house.now(request)).open
    assert "issue_refund" in await house.side.say("ada", "freezes")
    assert "Thawed" in await house.side.say("rita", "thaw tool issue_refund")
    await house.converge()
    await house.side.click("ada", card, "approve")
    assert not (await house.now(request)).open


async def test_a_freeze_is_seen_on_the_card(house: Any) -> None:
    """A freeze by command repaints the cards of what it stops, with who and why and nothing to decide; a thaw brings
    the buttons back.
    """
    request, card = await house.ask()
    before = house.side.buttons("ada", card)
    told = await house.side.say("rita", "freeze tool issue_refund because the till is broken")
    assert "It covers 1 waiting call." in told
    await house.converge()
    await house.sees(
        "ada", card, "Frozen by Rita Moreau: the till is broken. Nothing can be decided until it is thawed"
    )
    assert house.side.buttons("ada", card) == ["details"]
    with pytest.raises(CallFrozen, match="the till is broken"):
        await house.form(request, "reject", "ada")
    await house.side.say("rita", "thaw tool issue_refund")
    await house.converge()
    assert house.side.buttons("ada", card) == before
    assert "Frozen by" not in house.side.seen("mia", card)


async def test_only_operators_freeze(house: Any) -> None:
    """Somebody else is told who can, and nothing is frozen."""
    assert "Rita Moreau" in await house.side.say("ada", "freeze")
    assert not await house.desk.orders.freezes()


@pytest.mark.parametrize("kind", ["guest", "deactivated"])
async def test_i18_an_operator_who_became_somebody_else_freezes_nothing(house: Any, kind: str) -> None:
    """What holds for decisions holds for the kill switch."""
    await house.becomes("rita", kind)
    assert "You may not do this, because you" in await house.side.say("rita", "freeze")
    assert not await house.desk.orders.freezes()


async def test_delegate(house: Any) -> None:
    """A mentioned person decides in the giver's place, under both names, until the delegation is ended."""
    said = await house.side.say("bob", "delegate @mia until 2099-01-01 for refunds")
    assert "days" in said
    assert "Mia Tanaka" in await house.side.say("bob", "delegate @mia until tomorrow for refunds")
    (made,) = await house.desk.orders.delegations()
    assert (made.giver, made.to, made.scope) == ("bob", "mia", "refunds")
    request, card = await house.ask()
    await house.side.click("mia", card, "approve")
    (by,) = (await house.now(request)).decision.decided_by
    assert (by.person, by.acting_for) == ("mia", "bob")
    assert made.id in await house.side.say("mia", "delegations")
    assert "Ended" in await house.side.say("bob", f"end {made.id}")
    request, card = await house.ask()
    await house.side.click("mia", card, "approve")
    assert (await house.now(request)).open


async def test_every_chat_has_every_command(house: Any) -> None:
    """What one chat's help and manifests name, the desk knows, with the same words in both."""
    help_ = await house.side.say("ada", "help")
    assert len(forms_of_help(help_)) == 11
    for line in forms_of_help(help_):
        assert "There is no command" not in await house.side.say("ada", line)
    assert "Ada Okafor" in await house.side.say("ada", "whoami")
    assert "There is no command" in await house.side.say("ada", "sudo")
    assert help_ == await house.side.say("ada", "")


async def test_i02_without_the_store_a_command_does_not_count(house: Any) -> None:
    """The person is told that nothing was recorded."""
    house.store.away = True
    assert "nothing was recorded" in await house.side.say("rita", "freeze")
    house.store.away = False
    assert not await house.desk.orders.freezes()


# ── forms of rules ───────────────────────────────────────────────────────────────────────────────


async def test_confirm_by_typing(house: Any) -> None:
    """Instead of Approve there is a form; the wrong word is answered at its field, the right one approves."""
    request, card = await house.ask_to_deploy()
    assert "approve" not in house.side.buttons("ada", card)
    form = await house.form(request, "confirm", "ada")
    await house.side.click("ada", card, "confirm")
    await house.side.submit("ada", card, form, {"confirm": "db"})
    await house.sees("ada", card, "not what has to be typed")
    assert (await house.now(request)).open
    await house.side.submit("ada", card, form, {"confirm": "api"})
    assert (await house.now(request)).decision.kind == "approve"


async def test_more_extends_the_deadline(house: Any) -> None:
    """What is chosen there is done, and said below the card."""
    request, card = await house.ask_to_deploy()
    form = await house.form(request, "more", "ada")
    await house.side.click("ada", card, "more")
    await house.side.submit("ada", card, form, {"what": "extend", "time": "14400"})
    after = await house.now(request)
    assert (after.expires_at - request.expires_at).total_seconds() == 14400
    (said,) = house.side.below("bob", card)
    assert "Ada Okafor extended the deadline" in said


async def test_more_allows_similar_calls(house: Any) -> None:
    """A grant is given with the approval; the next similar call needs nobody, and `revoke` ends that."""
    what = {"tool": "restart", "arguments": {"service": "api"}, "schema": None}
    request, card = await house.ask(**what)
    form = await house.form(request, "more", "ada")
    await house.side.click("ada", card, "more")
    await house.side.submit("ada", card, form, {"what": "grant", "time": "3600", "uses": "5"})
    assert (await house.now(request)).status == "approved"
    (grant,) = await house.desk.orders.grants()
    next_, _ = await house.ask(**what)
    assert (next_.status, next_.decision.grant) == ("approved", grant.id)
    assert grant.id in await house.side.say("ada", "grants")
    assert "Revoked" in await house.side.say("ada", f"revoke {grant.id}")
    after, _ = await house.ask(**what)
    assert after.open


async def test_more_breaks_the_glass_with_a_reason(house: Any) -> None:
    """Only with a reason, which stands on the card and below it."""
    request, card = await house.ask_to_deploy()
    form = await house.form(request, "more", "rita")
    await house.side.click("rita", card, "more")
    await house.side.submit("rita", card, form, {"what": "force_reject"})
    await house.sees("rita", card, "Say why")
    assert (await house.now(request)).open
    await house.side.submit("rita", card, form, {"what": "force_reject", "reason": "The region is on fire."})
    after = await house.now(request)
    assert (after.status, after.decision.forced) == ("rejected", True)
    await house.sees("mia", card, "Rita Moreau", "The region is on fire.")
    (said,) = house.side.below("mia", card)
    assert "The region is on fire." in said


async def test_i11_a_shortened_card_is_approved_from_its_details(house: Any) -> None:
    """A high-risk call that the card cannot show whole has no Approve there; it stands in the full view."""
    request, card = await house.ask(arguments={"order": "word " * 1200 + "THE END", "amount": 500})
    assert "approve" not in house.side.buttons("ada", card)
    await house.side.click("ada", card, "details")
    await house.sees("ada", card, "THE END")
    await house.side.approve_in_details("ada", card)
    assert (await house.now(request)).status == "approved"


# ── who may ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["guest", "external", "bot", "deactivated", "gone"])
async def test_i18_who_is_no_full_member_decides_nothing(house: Any, kind: str) -> None:
    """An approver who became a guest, belongs elsewhere, is an app or has no account reads why, privately."""
    request, card = await house.ask()
    await house.becomes("bob", kind)
    for action in ("approve", "reject"):
        await house.side.click("bob", card, action)
        assert (await house.now(request)).open
    await house.refuses("bob", card)
    assert not house.side.refused("ada", card)
    await house.side.click("ada", card, "approve")
    assert not (await house.now(request)).open


async def test_i19_membership_is_that_of_the_click(house: Any) -> None:
    """Who left the group after the card was posted decides nothing; who joined since does."""
    request, card = await house.ask_to_deploy()
    await house.group("ada")
    await house.side.click("rita", card, "confirm")
    await house.refuses("rita", card)
    await house.group("rita")
    form = await house.form(request, "confirm", "rita")
    await house.side.click("rita", card, "confirm")
    await house.side.submit("rita", card, form, {"confirm": "api"})
    assert (await house.now(request)).decision.decided_by[0].person == "rita"


async def test_i19_a_directory_that_is_away_approves_nothing(house: Any) -> None:
    """A member of a live group reads that nobody can be looked up; a reject by a static member still works."""
    request, card = await house.ask_to_deploy()
    house.away()
    await house.side.click("ada", card, "confirm")
    await house.sees("ada", card, "cannot be looked up right now")
    await house.side.click("bob", card, "confirm")
    await house.sees("bob", card, "cannot be looked up right now")
    await house.side.click("bob", card, "reject")
    await house.side.submit("bob", card, forms.reject_form(request), {"message": "Not today."})
    assert (await house.now(request)).status == "rejected"


async def test_i17_one_human_counts_once_in_both_chats(house: Any) -> None:
    """Who has spoken in the first stage cannot speak in the second, from the other chat neither; somebody else can."""
    request, card = await house.ask(tool="pay_out", arguments={"to": "Ada"}, schema=None, channel=None)
    copy = await house.copy(request)
    assert await house.side.click("ada", card, "approve")
    after = await house.now(request)
    assert (after.open, after.stage, [vote.person for vote in after.votes]) == (True, 1, ["ada"])
    assert "Ada Okafor" in house.other.seen("bob", copy)
    await house.other.click("ada", copy, "approve")
    await house.refuses("ada", copy)
    assert (await house.now(request)).open
    assert await house.other.click("bob", copy, "approve")
    after = await house.now(request)
    assert [(by.person, by.via) for by in after.decision.decided_by] == [
        ("ada", house.side.name),
        ("bob", house.other.name),
    ]
    for side, shown in ((house.side, card), (house.other, copy)):
        assert "approve" not in side.buttons("mia", shown)
        assert "Bob Lindqvist" in side.seen("mia", shown)


def forms_of_help(text: str) -> list[str]:
    """The commands that the help names: first in a line, or after a semicolon, before an id."""
    return sorted(set(re.findall(r"(?m)(?:^|; )([a-z]+)(?= [·\[@I])", text)))
