"""What every chat does, tried on each of them: the real desk, relay and SDKs in front of the simulated platform."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from signoff import forms
from signoff.errors import ChatBusy, ChatError, Undeliverable
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
