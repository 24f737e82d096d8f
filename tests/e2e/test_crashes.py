"""Processes killed with -9, and what people and agents notice of it: a pause, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from crew import Crew, comes_true, one_card_each, slack_cards, teams_cards

from signoff_sim.demo.hands import REFUNDS, Slack, shows
from signoff_sim.demo.stage import Agent, Stage

LAPSE = 100.0
"""Seconds: longer than the lease of a worker that was killed with work in hand."""
ENDS = ("✓", "✗", "∅", "!")
UNREACHABLE = "Unable to reach app"


async def refund(stage: Stage, order: str, amount: int = 500) -> Agent:
    return await stage.agent("refund", order, str(amount), "Broken on arrival")


async def approve_in_slack(stage: Stage, order: str, person: str = "ada") -> bool:
    """Click Approve; was the click acknowledged?"""
    message = slack_cards(stage, order)[0]
    told = await stage.act("slack", "click", **{"as": person}, channel=REFUNDS, ts=message["ts"], text="Approve")
    return bool(told["ok"])


async def approve_in_teams(stage: Stage, order: str, person: str = "bob") -> bool:
    """The same in Teams. A card that the bot does not know is answered too, and no test means such a one."""
    message = teams_cards(stage, order)[0]
    where = {"as": person, "conversation": message["conversation"], "activity": message["id"]}
    told = await stage.act("teams", "click", **where, text="Approve")
    assert not shows(told["notice"], "did not count"), told["notice"]
    return not shows(told["notice"], UNREACHABLE)


async def ended(agent: Agent) -> str:
    """The line with which a call has ended, whatever it was."""
    await comes_true(lambda: any(line[:1] in ENDS for line in agent.lines), f"the agent ends: {agent.lines}")
    return next(line for line in agent.lines if line[:1] in ENDS)


async def ran(agent: Agent, what: str) -> None:
    """The agent ran it, once, and with these arguments."""
    said = await ended(agent)
    assert what in said, agent.lines
    assert sum("✓" in line for line in agent.lines) == 1


async def ran_or_doubts(agent: Agent, what: str) -> None:
    """The agent has its decision. If the crash swallowed the answer to its `consume`, nobody can know whether that
    counted, and it says so instead of running it (I10).
    """
    said = await ended(agent)
    assert (said.startswith("✓") and what in said) or "earlier attempt" in said, agent.lines
    assert sum(line[:1] in ENDS for line in agent.lines) == 1


# ── the bot ──────────────────────────────────────────────────────────────────────────────────────


async def test_i22_an_agent_waits_through_the_death_of_the_bot(stage: Stage) -> None:
    """Killed while calls wait, started again: old cards still work in both chats, and each agent has its decision."""
    first, second = await refund(stage, "A-4001", 400), await refund(stage, "A-4002", 220)
    await one_card_each(stage, "A-4001")
    await one_card_each(stage, "A-4002")
    await stage.kill_bot()
    await stage.start_bot()
    assert await approve_in_slack(stage, "A-4001")
    assert await approve_in_teams(stage, "A-4002")
    await ran(first, "refunded $400 for A-4001")
    await ran(second, "refunded $220 for A-4002")


@pytest.mark.timeout(300)
async def test_i02_what_was_acked_stands_when_the_bot_dies_at_once(stage: Stage) -> None:
    """A click is acked and the bot killed in that moment: the decision is there, and all cards come to show it."""
    first, second = await refund(stage, "A-4003"), await refund(stage, "A-4004")
    await one_card_each(stage, "A-4003")
    await one_card_each(stage, "A-4004")
    acked = await asyncio.gather(approve_in_slack(stage, "A-4003"), approve_in_teams(stage, "A-4004"))
    await stage.kill_bot()
    assert acked == [True, True]
    await stage.start_bot()
    await ran_or_doubts(first, "refunded $500 for A-4003")
    await ran_or_doubts(second, "refunded $500 for A-4004")
    await one_card_each(stage, "A-4003", "Approved by Ada Okafor", within=LAPSE)
    await one_card_each(stage, "A-4004", "Approved by Bob Lindqvist", within=LAPSE)


@pytest.mark.timeout(300)
async def test_i02_a_click_counts_if_and_only_if_it_was_acked(stage: Stage) -> None:
    """Killed between click and answer, at three moments: what was acked has counted, the rest can be clicked again."""
    orders = [f"A-40{number}" for number in range(20, 28)]
    agents = {order: await refund(stage, order) for order in orders}
    for order in orders:
        await one_card_each(stage, order)
    rest = list(orders)
    for moment in (0.0, 0.005, 0.02):
        pair = rest.pop(), rest.pop()
        kill = asyncio.create_task(kill_after(stage, moment))
        acked = await asyncio.gather(approve_in_slack(stage, pair[0]), approve_in_teams(stage, pair[1]))
        await kill
        await stage.start_bot()
        rest += [order for order, counted in zip(pair, acked, strict=True) if not counted]
        rest = [order for order in rest if slack_cards(stage, order, "Waiting for a decision")]
        rest.sort()
    for order in rest:
        assert await approve_in_slack(stage, order)
    for order, agent in agents.items():
        await ran_or_doubts(agent, f"for {order}")
        await one_card_each(stage, order, "Approved by", within=LAPSE)


async def kill_after(stage: Stage, seconds: float) -> None:
    await asyncio.sleep(seconds)  # the moment of the crash is what the test is about
    await stage.kill_bot()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("chat", ["slack", "teams"])
async def test_i21_killed_between_posting_a_card_and_noting_it(stage: Stage, chat: str) -> None:
    """The card is there and nobody knows: Slack's is found again; in Teams the first of two becomes a pointer."""
    sim = stage.slack if chat == "slack" else stage.teams
    look = slack_cards if chat == "slack" else teams_cards
    tell, killed = sim.on_change, asyncio.Event()

    def kill_when_posted() -> None:
        tell()
        if look(stage, "A-4009") and not killed.is_set():
            # Before the simulated platform has answered: on_change is called inside the call.
            assert stage.bot is not None
            assert stage.bot.process is not None
            stage.bot.process.kill()
            killed.set()

    sim.on_change = kill_when_posted
    agent = await refund(stage, "A-4009")
    await asyncio.wait_for(killed.wait(), 30)
    await stage.kill_bot()
    first = look(stage, "A-4009")[0]
    await stage.start_bot()
    if chat == "slack":
        await until_it_counts(stage, agent, "A-4009")
    else:
        await comes_true(lambda: len(teams_cards(stage, "A-4009")) == 2, "the card is posted anew", within=LAPSE)
        where = {"as": "bob", "conversation": first["conversation"], "activity": first["id"]}
        told = await stage.act("teams", "click", **where, text="Approve")
        assert shows([told["message"], told["notice"]], "the click did not count")
        assert not any("✓" in line for line in agent.lines)
        await comes_true(
            lambda: shows(teams_cards(stage, "A-4009")[0], "old copy"), "the old copy says so to everybody"
        )
        live = teams_cards(stage, "A-4009")[1]
        where = {"as": "bob", "conversation": live["conversation"], "activity": live["id"]}
        await stage.act("teams", "click", **where, text="Approve")
    await ran(agent, "refunded $500 for A-4009")
    await comes_true(lambda: slack_cards(stage, "A-4009", "Approved by"), "Slack shows the decision", within=LAPSE)
    await comes_true(lambda: teams_cards(stage, "A-4009", "Approved by"), "Teams shows the decision", within=LAPSE)
    assert len(slack_cards(stage, "A-4009")) == 1


async def until_it_counts(stage: Stage, agent: Agent, order: str) -> None:
    """Click until the bot knows the card again: until then it cannot tell it from a forged one."""
    async with asyncio.timeout(LAPSE):
        while not any("✓" in line for line in agent.lines):
            await approve_in_slack(stage, order)
            with contextlib.suppress(TimeoutError):
                await agent.said("✓", timeout=1)


async def test_sigterm_ends_the_bot_soon_with_waits_open(stage: Stage) -> None:
    """Thirty long-polls are open: SIGTERM ends the process within five seconds, and the polls end as they should."""
    await refund(stage, "A-4010")
    await one_card_each(stage, "A-4010")
    headers = {"Authorization": f"Bearer {stage.key}"}
    async with aiohttp.ClientSession(stage.bot_address, headers=headers) as http:
        async with http.get("/v1/requests") as answer:
            (request,) = (await answer.json())["requests"]

        async def poll() -> object:
            try:
                async with http.get(f"/v1/requests/{request['id']}", params={"wait": "60"}) as answer:
                    return (await answer.json())["status"]
            except aiohttp.ClientError as error:
                return error

        polls = [asyncio.create_task(poll()) for _ in range(30)]
        async with http.get("/v1/events") as events:
            assert events.status == 200
            began = time.monotonic()
            assert stage.bot is not None
            await stage.bot.end()
            assert time.monotonic() - began < 5
        ended = await asyncio.wait_for(asyncio.gather(*polls), 5)
    assert all(end == "pending" or isinstance(end, aiohttp.ClientError) for end in ended)
    assert stage.bot.process is not None
    assert stage.bot.process.returncode == 0
    await stage.start_bot()


# ── the agent ────────────────────────────────────────────────────────────────────────────────────


class Steady:
    """Runs of one and the same tool call, in one process after the other."""

    def __init__(self, stage: Stage, order: str) -> None:
        self._stage = stage
        self._order = order
        self.agents: list[Agent] = []
        self.ledger = stage.folder / f"{order}.ledger"

    async def start(self) -> Agent:
        script = Path(__file__).with_name("steady_agent.py")
        environment = self._stage.environment() | {
            "SIGNOFF_URL": self._stage.bot_address,
            "SIGNOFF_API_KEY": self._stage.key,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), str(self.ledger), "run-1", f"call-{self._order}", self._order, "500",
            cwd=self._stage.folder, env=environment, stdout=PIPE, stderr=STDOUT,
        )  # fmt: skip
        self.agents.append(Agent(process, lambda line: None))
        return self.agents[-1]

    def ran(self) -> list[str]:
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []


@pytest.fixture
async def steady(stage: Stage) -> AsyncIterator[Steady]:
    steady = Steady(stage, "A-4011")
    yield steady
    for agent in steady.agents:
        await agent.end()


async def test_i22_a_restarted_agent_finds_its_request_and_runs_once(stage: Stage, steady: Steady) -> None:
    """Killed while it waits, decided meanwhile, started again with the same ids: one card, and one run ever."""
    first = await steady.start()
    await one_card_each(stage, "A-4011")
    first.process.kill()
    await first.end()
    assert await approve_in_slack(stage, "A-4011")
    second = await steady.start()
    await ran(second, "refunded $500 for A-4011")
    await second.end()
    third = await steady.start()
    assert "earlier attempt" in await third.said("✗")
    await third.end()
    assert steady.ran() == ["A-4011 500"]
    await one_card_each(stage, "A-4011", "Approved by Ada Okafor")


async def test_i10_two_agents_with_one_name_run_it_once(stage: Stage, steady: Steady) -> None:
    """The old process was only thought dead: both wait for the same decision, and one of them runs it."""
    both = [await steady.start(), await steady.start()]
    await one_card_each(stage, "A-4011")
    assert await approve_in_teams(stage, "A-4011")
    for agent in both:
        await asyncio.wait_for(agent.process.wait(), 30)
        await agent.end()
    said = sorted(line[0] for agent in both for line in agent.lines if line[0] in "✓✗")
    assert said == ["✓", "✗"]
    assert steady.ran() == ["A-4011 500"]
    assert len(slack_cards(stage, "A-4011")) == 1


# ── Redis ────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def redis_killed(stage: Stage) -> AsyncIterator[None]:
    """The bot's own Redis is gone, and stays away until the end: the lock that starting it needs is taken."""
    folder = stage.folder / "data" / "redis"
    with (folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(int((folder / "redis.pid").read_text()), signal.SIGKILL)
        yield


async def test_i02_a_click_while_redis_is_gone_does_not_count_and_says_so(stage: Stage) -> None:
    """Redis is killed below a running bot: clicks are told that nothing was recorded, and no call runs. The bot brings
    Redis back with all its data, and the same cards work.
    """
    first, second = await refund(stage, "A-4012"), await refund(stage, "A-4013")
    await one_card_each(stage, "A-4012")
    await one_card_each(stage, "A-4013")
    async with redis_killed(stage):
        assert not await approve_in_slack(stage, "A-4012")
        await Slack(stage, "ada").reads("nothing was recorded")
        message = teams_cards(stage, "A-4013")[0]
        where = {"as": "bob", "conversation": message["conversation"], "activity": message["id"]}
        told = await stage.act("teams", "click", **where, text="Approve")
        assert shows(told["notice"], "nothing was recorded")
    assert stage.bot is not None
    await stage.bot.ready()
    assert not any("✓" in line for agent in (first, second) for line in agent.lines)
    assert slack_cards(stage, "A-4012", "Waiting for a decision")
    assert await approve_in_slack(stage, "A-4012")
    assert await approve_in_teams(stage, "A-4013")
    await ran(first, "refunded $500 for A-4012")
    await ran(second, "refunded $500 for A-4013")
    await one_card_each(stage, "A-4012", "Approved by Ada Okafor")
    await one_card_each(stage, "A-4013", "Approved by Bob Lindqvist")


@pytest.mark.timeout(300)
async def test_i21_redis_and_the_bot_are_killed(stage: Stage) -> None:
    """Both gone at once: the next start finds decisions and open requests in Redis' file, and the agents go on."""
    decided, waiting = await refund(stage, "A-4014"), await refund(stage, "A-4015")
    await one_card_each(stage, "A-4014")
    await one_card_each(stage, "A-4015")
    assert await approve_in_slack(stage, "A-4014")
    async with redis_killed(stage):
        await stage.kill_bot()
    await stage.start_bot()
    await ran_or_doubts(decided, "refunded $500 for A-4014")
    assert await approve_in_teams(stage, "A-4015")
    await ran(waiting, "refunded $500 for A-4015")
    await one_card_each(stage, "A-4014", "Approved by Ada Okafor", within=LAPSE)
    await one_card_each(stage, "A-4015", "Approved by Bob Lindqvist", within=LAPSE)


# ── several bots on one Redis ────────────────────────────────────────────────────────────────────


@pytest.fixture
async def crew() -> AsyncIterator[Crew]:
    async with Crew() as crew:
        yield crew


async def test_i01_any_replica_takes_any_click_and_the_first_decision_stands(crew: Crew) -> None:
    """Three bots post one card in each place; clicks at all of them at once make one decision; all cards show it."""
    orders = [f"A-41{number:02}" for number in range(6)]
    agents = {order: await refund(crew, order) for order in orders}
    for order in orders:
        await one_card_each(crew, order)
    clicks = [
        click(crew, order) for order in orders for click in (approve_in_slack, approve_in_teams) for _ in range(3)
    ]
    assert all(await asyncio.gather(*clicks))
    assert min(crew.balancer.taken[port] for port in crew.balancer.behind) > 0
    for order, agent in agents.items():
        await ran(agent, f"refunded $500 for {order}")
        await one_card_each(crew, order, "Approved by", "Succeeded")
        assert by(slack_cards(crew, order)) == by(teams_cards(crew, order))


def by(cards: list[dict[str, object]]) -> list[str]:
    return [name for name in ("Approved by Ada Okafor", "Approved by Bob Lindqvist") if shows(cards, name)]


@pytest.mark.timeout(300)
async def test_i22_a_rolling_restart_loses_no_wait(crew: Crew) -> None:
    """Each of three bots is ended and started in turn, one of them by kill -9, while agents wait and people click."""
    agents = {order: await refund(crew, order) for order in (f"A-42{number:02}" for number in range(6))}
    for order in agents:
        await one_card_each(crew, order)
    waiting = list(agents)
    for number, bot in enumerate(crew.bots):
        crew.clicks_go_to(crew.bots[(number + 1) % 3])
        end = bot.kill() if number == 1 else bot.end()
        clicked = waiting.pop(), waiting.pop()
        acked = await asyncio.gather(approve_in_slack(crew, clicked[0]), approve_in_teams(crew, clicked[1]), end)
        assert acked[:2] == [True, True]
        await bot.start()
    for order, agent in agents.items():
        await ran(agent, f"refunded $500 for {order}")
        await one_card_each(crew, order, "Approved by", "Succeeded", within=LAPSE)


@pytest.mark.timeout(300)
async def test_i24_after_an_outage_of_redis_all_cards_converge(crew: Crew) -> None:
    """The shared Redis is killed and started again below three bots: none of them needs a restart."""
    before, after = await refund(crew, "A-4301"), await refund(crew, "A-4302")
    await one_card_each(crew, "A-4301")
    await one_card_each(crew, "A-4302")
    acked = await approve_in_slack(crew, "A-4301")
    await crew.redis.kill()
    assert acked
    crew.clicks_go_to(crew.bots[1])
    assert not await approve_in_slack(crew, "A-4302")
    await crew.redis.start()
    await crew.all_ready()
    crew.clicks_go_to(crew.bots[2])
    assert await approve_in_teams(crew, "A-4302")
    await ran_or_doubts(before, "refunded $500 for A-4301")
    await ran(after, "refunded $500 for A-4302")
    await one_card_each(crew, "A-4301", "Approved by Ada Okafor", within=LAPSE)
    await one_card_each(crew, "A-4302", "Approved by Bob Lindqvist", within=LAPSE)
