"""The steps of the story in which many calls are decided together: a cleared queue in each chat, an agent's batch."""

from __future__ import annotations

from signoff_sim.demo.hands import APPROVALS, Slack, Teams, expect, shows, until
from signoff_sim.demo.queue import Seeded, seed
from signoff_sim.demo.stage import Agent, Stage

PLAIN = 20
BACKLOG = 6
WAITS = 600
"""Seconds: nothing ends by itself while the story is told."""
TOGETHER = PLAIN + 2
"""The one that could be edited meanwhile and the one that could expire go along: nothing happens to them."""
TITLE = "Left from the weekend"
LEFT_OUT = ("high risk", "your own", "invisible characters")


async def clear_in_slack(stage: Stage) -> str:
    queue = await seed(stage, 11, plain=PLAIN, chat="slack", expires_in=WAITS)
    ada = Slack(stage, "ada")
    await ada.pending()
    await ada.press("Select all")
    await ada.reads_in_window("Select none")
    await ada.submit()
    page = await ada.reads_in_window(f"Approve {TOGETHER} requests?")
    expect(shows(page, *LEFT_OUT), "the page did not say what is left out, and why")
    await ada.submit()
    await ada.sees_it_through()
    await ada.reads_in_window(f"{TOGETHER} approved")
    await ada.close()
    return await _cleared(queue)


async def clear_in_teams(stage: Stage) -> str:
    queue = await seed(stage, 12, plain=PLAIN, chat="teams", expires_in=WAITS)
    ada = Teams(stage, "ada")
    card = await ada.click(await ada.pending(), "Select all")
    card = await ada.click(card, "Approve selected…")
    expect(shows(card, f"Approve {TOGETHER} requests?", *LEFT_OUT), "the page did not say what is left out, and why")
    card = await ada.click(card, f"Approve {TOGETHER}")
    while shows(card, "Look again"):
        card = await ada.click(card, "Look again")
    expect(shows(card, f"{TOGETHER} approved"), "the results did not come")
    return await _cleared(queue)


async def _cleared(queue: Seeded) -> str:
    ran = await _runs(queue.agent, TOGETHER)
    expect(ran == TOGETHER, f"the agent ran {ran} calls")
    return f"{TOGETHER} calls ran after one page was confirmed, which named three that have to be opened by themselves"


async def one_card(stage: Stage) -> str:
    agent = await stage.agent("backlog", "--number", "13", "--size", str(BACKLOG))
    bob, ada = Teams(stage, "bob"), Slack(stage, "ada")
    await bob.click(await bob.sees(TITLE, f"{BACKLOG} wait"), "Open")
    form = await bob.click(await bob.in_chat(), "Reject…")  # where only Bob looks
    await bob.click(form, "Reject", **{"In your own words": "Not on a Monday"})
    await ada.click(await ada.sees(APPROVALS, TITLE, f"{BACKLOG - 1} of {BACKLOG} wait"), APPROVALS, "Approve all…")
    await ada.reads_in_window(f"Approve {BACKLOG - 1} requests?")
    await ada.submit()
    await ada.sees_it_through()
    await ada.reads_in_window(f"{BACKLOG - 1} approved")
    await ada.close()
    ran = await _runs(agent, BACKLOG - 1)
    expect(ran == BACKLOG - 1, f"the agent ran {ran} calls")
    await bob.sees(TITLE, f"{BACKLOG - 1} approved", "Rejected by Bob Lindqvist")
    return f"Bob rejected one row in Teams, Ada approved the other {BACKLOG - 1} together in Slack; both cards say so"


async def _runs(agent: Agent, wanted: int) -> int:
    """How many calls it has run, as soon as there are so many."""

    async def look() -> int | None:
        ran = sum(line.startswith("✓") for line in agent.lines)
        return ran if ran >= wanted else None

    return await until(look, f"at the agent, {wanted} lines of calls that ran")
