"""The demo's queue: a hundred calls asked about by a real agent, the same ones for the same number."""

from __future__ import annotations

from collections import Counter
from typing import Any

import aiohttp

from signoff_sim.demo.queue import PLAIN, cases, seed
from signoff_sim.demo.stage import Stage

Json = dict[str, Any]


def test_a_queue_is_the_same_for_the_same_number() -> None:
    """Number by number: the same calls in the same order, no two of them alike, and five traps among them."""
    first = cases(3)
    assert first == cases(3)
    assert first != cases(4)
    assert len(first) == PLAIN + 5
    assert len({(case.tool, str(case.arguments)) for case in first}) == len(first)
    assert {case.trap for case in first} == {None, "own", "high", "edited", "hostile", "expiring"}
    harmless = [case for case in first if case.trap is None]
    assert {case.risk for case in harmless} == {"low", "medium"}
    assert len({case.channel for case in harmless}) == 5
    assert len({case.agent for case in harmless}) == 3
    assert len({case.tool for case in harmless}) == 5


async def test_a_seeded_queue_waits_with_its_traps_in_both_chats(stage: Stage) -> None:
    """Every request is recorded and known by what it is; those not risky are Ada's to decide, from either chat."""
    queue = await seed(stage, 3, plain=20, expires_in=600)
    assert len(queue.plain) == 20
    headers = {"Authorization": f"Bearer {stage.key}"}
    async with aiohttp.ClientSession(stage.bot_address, headers=headers) as http:

        async def get(request_id: str) -> Json:
            async with http.get(f"/v1/requests/{request_id}") as answer:
                found: Json = await answer.json()
                return found

        found = {one: await get(one) for one in queue.cases}
    assert Counter(one["status"] for one in found.values()) == {"pending": 25}
    assert {found[one]["risk"] for one in queue.plain} <= {"low", "medium"}
    traps = {name: found[one] for name, one in queue.traps.items()}
    assert traps["own"]["on_behalf_of"] == "ada@example.com"
    assert traps["high"]["risk"] == "high"
    assert "\u202e" in traps["hostile"]["title"]
    assert all(case.arguments == found[one]["arguments"] for one, case in queue.cases.items())
    assert traps["expiring"]["expires_at"] < min(found[one]["expires_at"] for one in queue.plain)
    # Waiting is all the agent does: nothing has run.
    assert not any("✓" in line for line in queue.agent.lines)
