"""The examples, with a scripted model in the place of a real one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from agents import RunConfig, Runner
from agents_harness import Desk, approve, edit, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import openai_agents_all
import openai_agents_refund
import pytest
from openai_agents_agent import model, said, turn

from signoff import Unavailable


async def test_refunds_above_the_limit_wait(desk: Desk, tmp_path: Path) -> None:
    """The small one is not asked about; of the large ones one is lowered and one done by hand."""

    def judge(asked: Any) -> Any:
        return edit(amount=400)(asked) if asked["arguments"]["amount"] == 500 else respond("refunded in the shop")

    desk.people(judge)
    calls = turn(*(("issue_refund", {"order": f"A-{amount}", "amount": amount}) for amount in (50.0, 500.0, 900.0)))
    ended = await openai_agents_refund.main("Refund.", desk.gate(), model(calls), tmp_path / "refund.json")
    assert ended == "done"
    assert desk.refused == []
    assert sorted(one["arguments"]["amount"] for one in desk.requests()) == [400, 900]
    assert not (tmp_path / "refund.json").exists()


async def test_refund_goes_on_after_a_restart(desk: Desk, tmp_path: Path) -> None:
    """What was kept while nobody could be asked is gone on with."""
    kept = tmp_path / "refund.json"
    calls = turn(("issue_refund", {"order": "A-1", "amount": 500.0}))
    with pytest.raises(Unavailable):
        await openai_agents_refund.main("Refund.", desk.away(), model(calls), kept)
    desk.people(approve)
    assert await openai_agents_refund.main(None, desk.gate(), model(), kept) == "done"
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


async def test_tools_of_the_next_agent_wait(desk: Desk) -> None:
    """Looking up asks nobody, handing off neither; deploying does, whoever does it."""
    desk.people(edit(version=41))
    first = model(turn(("versions", {"service": "api"}), prefix="v"), turn(("transfer_to_operator", {}), prefix="h"))
    made = openai_agents_all.build(desk.gate(), first, model(turn(("deploy", {"service": "api", "version": 40}))))
    result = await Runner.run(made, "Roll back.", run_config=RunConfig(tracing_disabled=True))
    assert said(result)[-1].startswith("api runs 41\n\nAda Okafor changed")
    assert [(one["tool"], one["risk"]) for one in desk.requests()] == [("deploy", "critical")]
