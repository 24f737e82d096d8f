"""The steps of the story that show rules: stages, typing, reminders, freezes, delegations, similar calls."""

from __future__ import annotations

import re

from signoff_sim.demo.hands import REFUNDS, Slack, Teams, expect, texts
from signoff_sim.demo.stage import Stage


async def stages(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2010", "900", "The whole order came back unopened")
    ada, bob, rita = Slack(stage, "ada"), Teams(stage, "bob"), Slack(stage, "rita")
    typed = {"Type “A-2010” to approve": "A-2010"}
    await ada.click(await ada.sees(REFUNDS, "A-2010", "finance: asked now, 0 of 1"), REFUNDS, "Approve…")
    await ada.modal()
    still = await ada.submit(**dict.fromkeys(typed, "A-2001"))
    expect(still is not None and still["errors"], "another order's number was taken for this one's")
    expect(await ada.submit(**typed) is None, "the form did not close")
    form = await bob.click(await bob.sees("A-2010", "managers: asked now, 0 of 2", "Ada Okafor"), "Approve…")
    await bob.click(form, "Approve", **typed)
    await rita.click(await rita.sees(REFUNDS, "A-2010", "managers: asked now, 1 of 2"), REFUNDS, "Approve…")
    await rita.modal()
    expect(not any("✓" in line for line in agent.lines), "the agent ran it before everybody had agreed")
    expect(await rita.submit(**typed) is None, "the form did not close")
    said = await agent.said("✓")
    expect("refunded $900 for A-2010" in said, f"the agent said: {said}")
    await ada.sees(REFUNDS, "A-2010", "Approved by Ada Okafor, Bob Lindqvist and Rita Moreau")
    return "Ada typed the order's number for finance (a wrong one was refused), then Bob in Teams and Rita agreed"


async def reminder(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2011", "800", "Nobody looks at first")
    ada, bob = Slack(stage, "ada"), Teams(stage, "bob")
    card = await ada.sees(REFUNDS, "A-2011")
    await ada.sees_below(card, REFUNDS, "Still waiting", "<@U0ADA>", "<@U0BOB>")
    await bob.sees_below(await bob.sees("A-2011"), "Still waiting", "Bob Lindqvist")
    await ada.click(card, REFUNDS, "Reject")
    await ada.modal()
    expect(await ada.submit(Reason="needs a ticket") is None, "the form did not close")
    said = await agent.said("✗")
    expect("needs a ticket" in said, f"the agent said: {said}")
    return "after three seconds both threads called those who are asked; Ada rejected it with one of the rule's reasons"


async def freeze(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2012", "180", "Parcel lost by the carrier")
    rita, bob = Slack(stage, "rita"), Teams(stage, "bob")
    await bob.sees("A-2012", "180")
    await rita.command("freeze tool issue_refund because the till is being counted", "It covers ")
    frozen = await bob.sees("A-2012", "Frozen by Rita Moreau: the till is being counted")
    expect("Approve" not in texts(frozen["card"]), "the frozen card can still be approved")
    expect(not any("✓" in line for line in agent.lines), "the agent ran it")
    await Teams(stage, "rita").say("thaw tool issue_refund", "Thawed")
    await bob.click(await bob.sees("A-2012", "Waiting for a decision"), "Approve")
    await agent.said("✓")
    return "Rita froze refunds in Slack; Bob's card in Teams said so and had no Approve until she thawed them there"


async def delegate(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2013", "130", "Bob is on holiday")
    bob, rita = Slack(stage, "bob"), Slack(stage, "rita")
    await Teams(stage, "bob").say(
        "delegate @rita until friday for refunds", "Rita Moreau decides in Bob Lindqvist's place"
    )
    await rita.click(await rita.sees(REFUNDS, "A-2013"), REFUNDS, "Approve")
    await agent.said("✓")
    await rita.sees(REFUNDS, "A-2013", "Approved by Rita Moreau for Bob Lindqvist")
    mine = await bob.command("delegations", "Rita Moreau decides")
    found = re.search(r"\S+(?=: Rita)", mine)
    expect(found, f"no id in: {mine}")
    assert found is not None
    await bob.command(f"end {found.group()}", "Ended")
    return "Bob lent Rita his say in Teams; she approved in Slack, under both names, and he ended it there"


async def similar(stage: Stage) -> str:
    ada = Slack(stage, "ada")
    first = await stage.agent("refund", "A-2014", "300", "Two of five glasses broken")
    await ada.click(await ada.sees(REFUNDS, "A-2014", "300"), REFUNDS, "More…")
    await ada.modal()
    chosen = {"What to do": "Approve, and allow similar calls", "For how many calls": "2 calls"}
    expect(await ada.submit(**chosen) is None, "the form did not close")
    await first.said("✓")
    second = await stage.agent("refund", "A-2014", "100", "A third glass broken")
    said = await second.said("✓")
    expect("refunded $100 for A-2014" in said, f"the agent said: {said}")
    expect(not any("waiting" in line for line in second.lines), "somebody was asked")
    await ada.sees(REFUNDS, "A-2014", "100", "Approved under a grant by Ada Okafor", "use 1 of 2")
    return "Ada allowed two more of this order; the next one ran at once, and the channel was told under her name"
