"""The story: scripted people play it through the simulator's control API, and every step is checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from signoff_sim.demo import review, rules
from signoff_sim.demo.hands import APPROVALS, REFUNDS, Broken, Slack, Teams, expect, shows
from signoff_sim.demo.stage import Stage


async def approve_in_slack(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2001", "500", "Broken on arrival")
    ada = Slack(stage, "ada")
    card = await ada.sees(REFUNDS, "A-2001", "500", "Broken on arrival")
    await ada.click(card, REFUNDS, "Approve")
    said = await agent.said("✓")
    expect("refunded $500 for A-2001" in said, f"the agent said: {said}")
    await ada.sees(REFUNDS, "A-2001", "Approved")
    await Teams(stage, "bob").sees("A-2001", "Approved")
    return "Ada approved; the agent ran it with 500; both chats show who decided"


async def edit_in_slack(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2002", "500", "Customer returned one of two")
    ada = Slack(stage, "ada")
    await ada.click(await ada.sees(REFUNDS, "A-2002"), REFUNDS, "Edit")
    await ada.modal()
    still = await ada.submit(Amount="5000", Note="One item only")
    if still is None or not still["errors"]:
        raise Broken("5000 is above the maximum, and the form said nothing")
    error = str(next(iter(still["errors"].values())))
    expect("1000" in error, f"the error at the field was: {error}")
    expect(shows(still["values"], "One item only"), "what was typed beside the error is gone")
    expect(await ada.submit(Amount="400") is None, "the form did not close")
    said = await agent.said("✓")
    expect("refunded $400 for A-2002 (note: One item only)" in said, f"the agent said: {said}")
    await ada.sees(REFUNDS, "A-2002", "500", "400", "Approved")
    return f"5000 was refused at its field ({error}); with 400 the agent ran 400, and the card shows 500 → 400"


async def reject_in_teams(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2003", "700", "Customer asks nicely")
    bob = Teams(stage, "bob")
    form = await bob.click(await bob.sees("A-2003", "700"), "Reject")
    await bob.click(form, "Reject", **{"In your own words": "We never shipped this order"})
    said = await agent.said("✗")
    expect("We never shipped this order" in said, f"the agent said: {said}")
    await Slack(stage, "ada").sees(REFUNDS, "A-2003", "We never shipped this order")
    return f"the model reads: {said.removeprefix('✗ ')}"


async def edit_in_teams(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2004", "300", "Late by a week")
    bob = Teams(stage, "bob")
    form = await bob.click(await bob.sees("A-2004", "300"), "Edit")
    await bob.click(form, "Approve with changes", Amount="250")
    said = await agent.said("✓")
    expect("refunded $250 for A-2004" in said, f"the agent said: {said}")
    await bob.sees("A-2004", "300", "250", "Approved")
    return "Bob changed 300 to 250 inside the card; the agent ran 250"


async def answer_a_question(stage: Stage) -> str:
    agent = await stage.agent("question", "Which warehouse?", "Berlin", "Porto")
    ada = Slack(stage, "ada")
    await ada.click(await ada.sees(APPROVALS, "Which warehouse?"), APPROVALS, "Answer")
    await ada.modal()
    expect(await ada.submit(Answer="Porto") is None, "the form did not close")
    said = await agent.said("✓")
    expect("the answer is: Porto" in said, f"the agent said: {said}")
    return "Ada chose Porto; the agent got Porto"


async def expire(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2006", "90", "Nobody is looking", "--expires-in", "2")
    ada = Slack(stage, "ada")
    await ada.sees(REFUNDS, "A-2006")
    said = await agent.said("∅")
    expect("expired" in said, f"the agent said: {said}")
    await ada.sees(REFUNDS, "A-2006", "Expired")
    return "nobody decided; the agent did not run it, and the card says that it expired, not that somebody refused"


async def click_without_the_right(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2007", "150", "Mia would like to help")
    mia = Slack(stage, "mia")
    await mia.click(await mia.sees(REFUNDS, "A-2007"), REFUNDS, "Approve")
    await mia.reads("You cannot decide this")
    teams = Teams(stage, "mia")
    refused = await teams.click(await teams.sees("A-2007", "150"), "Approve")
    expect(shows([refused["card"], refused["notice"]], "You cannot decide this"), "Teams did not say so")
    expect(not any("✓" in line for line in agent.lines), "the agent ran it")
    ada = Slack(stage, "ada")
    await ada.click(await ada.sees(REFUNDS, "A-2007"), REFUNDS, "Approve")
    await agent.said("✓")
    return "Mia was told privately, in both chats, who can decide; nothing ran until Ada approved"


async def double_click(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2008", "60", "Ada's thumb is nervous")
    ada = Slack(stage, "ada")
    await ada.click(await ada.sees(REFUNDS, "A-2008"), REFUNDS, "Approve", repeat=2)
    await agent.said("✓")
    await ada.reads("already approved this")
    ran = sum("✓" in line for line in agent.lines)
    expect(ran == 1, f"the agent ran it {ran} times")
    return "the second click was told that the first one stands; the agent ran it once"


async def crash(stage: Stage) -> str:
    agent = await stage.agent("refund", "A-2009", "220", "Courage")
    bob = Teams(stage, "bob")
    card = await bob.sees("A-2009", "220")
    await stage.kill_bot()
    gone = await bob.click(card, "Approve")
    expect(shows(gone["notice"], "Unable to reach app"), "Teams did not say that the app is away")
    await stage.start_bot()
    await bob.click(await bob.sees("A-2009", "220"), "Approve")
    said = await agent.said("✓")
    expect("refunded $220 for A-2009" in said, f"the agent said: {said}")
    return "kill -9, started again: the card still works, and the agent that waited has its decision"


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    play: Callable[[Stage], Awaitable[str]]
    """What was seen, in one line. Raises Broken."""


STEPS = (
    Step("Approve in Slack", approve_in_slack),
    Step("Edit 500 to 400 in Slack's form, after one error at the field", edit_in_slack),
    Step("Reject with a reason in Teams", reject_in_teams),
    Step("Edit inside the card in Teams", edit_in_teams),
    Step("Answer a question", answer_a_question),
    Step("Nobody decides: it expires", expire),
    Step("A click by somebody who may not", click_without_the_right),
    Step("A double click", double_click),
    Step(
        "A large refund: the order's number is typed, finance and then two managers agree, one of them in Teams",
        rules.stages,
    ),
    Step("A reminder below the card", rules.reminder),
    Step("Freeze by command in Slack, thaw in Teams", rules.freeze),
    Step("Delegate by command", rules.delegate),
    Step("Allow similar calls", rules.similar),
    Step("An agent's batch on one card, in both chats", review.one_card),
    Step("Clear a queue with /pending in Slack", review.clear_in_slack),
    Step("The same in Teams", review.clear_in_teams),
    Step("The bot is killed while a call waits, and started again", crash),
)


async def play(stage: Stage, tell: Callable[[str], None]) -> bool:
    """Every step in order; goes on after one that does not hold. True if all held."""
    held = 0
    for number, step in enumerate(STEPS, 1):
        tell(f"{number}. {step.title}")
        try:
            seen = await step.play(stage)
        except (Broken, TimeoutError, RuntimeError) as error:
            tell(f"   ✗ {error or 'took too long'}")
        else:
            held += 1
            tell(f"   ✓ {seen}")
    tell(f"{held} of {len(STEPS)} steps held.")
    return held == len(STEPS)
