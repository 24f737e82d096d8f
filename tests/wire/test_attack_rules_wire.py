"""Attacks on rules through the real wires: crafted forms and commands, late and stale answers, names that lie."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

REMIND = timedelta(minutes=16)


@pytest.mark.parametrize("chat", ["slack"])
async def test_i20_a_choice_that_is_gone_when_it_is_sent_becomes_no_other_choice(house: Any) -> None:
    """Somebody chose to snooze while the last reminder went out: nothing is done, no neighbouring option instead."""
    request, card = await house.ask_to_deploy()
    form = await house.form(request, "more", "bob")
    assert [option.value for option in form.fields[0].options] == ["extend", "snooze"]
    await house.side.click("bob", card, "more")
    await house.later(request, REMIND)
    before = await house.now(request)
    await house.side.submit("bob", card, form, {"what": "snooze", "time": "3600"})
    await house.sees("bob", card, "Choose one of what is offered.")
    assert (await house.now(request)).rev == before.rev
