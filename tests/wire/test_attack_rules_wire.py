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


@pytest.mark.parametrize("chat", ["teams"])
@pytest.mark.parametrize("name", ["mia", "Mia", "mia until friday for finance", "\"mia\" until friday for finance"])
async def test_i14_a_mention_is_never_taken_for_somebody_of_the_same_name(house: Any, name: str) -> None:
    """An outsider whose display name is that of a person in the policy, or a piece of a command, is nobody."""
    sim = house.side._world.sim
    ada = sim.directory.person("ada")
    thread = sim.threads.all[sim.directory.chat_id(ada)]
    mention = {"type": "mention", "text": "<at>outsider</at>", "mentioned": {"id": "29:outsider", "name": name}}
    fields = {"text": "delegate <at>outsider</at> until tomorrow", "entities": [mention]}
    sender = sim._sender
    assert (await sender.deliver(sender.message(ada, thread, "1", fields))).status == 200
    assert "is nobody whom the policy lists" in thread.messages[-1].text
    assert not await house.desk.orders.delegations()


@pytest.mark.parametrize("text", ["delegate @mia until tomorrow for", 'delegate @mia until tomorrow for ""'])
async def test_a_delegation_that_was_cut_short_hands_over_nothing(house: Any, text: str) -> None:
    """`for` without a rule or group is not everything."""
    assert "is missing" in await house.side.say("ada", text)
    assert not await house.desk.orders.delegations()


@pytest.mark.parametrize("text", ["freeze tool a tool b", "freeze agent a --agent b because c"])
async def test_a_freeze_of_two_things_does_not_stop_one_of_them_in_silence(house: Any, text: str) -> None:
    """One command stops one tool or agent; who names two is told so."""
    assert "at a time" in await house.side.say("rita", text)
    assert not await house.desk.orders.freezes()
