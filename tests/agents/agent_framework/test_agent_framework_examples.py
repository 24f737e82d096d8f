"""The examples, with a scripted model in the place of a real one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from agents_harness import Desk, approve, edit, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import agent_framework_content
import agent_framework_trade
from agent_framework_agent import Scripted

DRAFTS = [
    [("publish", {"headline": headline, "text": "It is fast."})] for headline in ("Our best search ever", "New search")
]


async def test_rejected_draft_is_written_again(desk: Desk, tmp_path: Path) -> None:
    """Rejected with what should change, in a run that has been started again; the next draft is published."""
    file = tmp_path / "monday.json"
    desk.people(None)
    first = asyncio.create_task(agent_framework_content.main(file, "Announce it.", Scripted(DRAFTS), desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    first.cancel()
    await asyncio.wait([first])
    desk.decide(asked, reject("No superlatives.", "with_changes"))
    desk.people(approve)
    client = Scripted(DRAFTS)
    assert await agent_framework_content.main(file, None, client, desk.gate()) == "done"
    texts = [content.text or content.result for message in client.seen[-1] for content in message.contents]
    told = "Ada Okafor rejected this call of publish. You may try again with changes: No superlatives."
    assert told in texts
    assert "published: New search" in texts
    assert [one["decision"]["kind"] for one in desk.requests()] == ["reject", "approve"]
    assert await agent_framework_content.main(file, None, client, desk.gate()) == "nothing waits"


async def test_trade_is_made_smaller(desk: Desk) -> None:
    """The quote asks nobody; of the order a person changes the quantity, and nothing else."""
    desk.people(None)
    order: dict[str, Any] = {"side": "buy", "symbol": "ACME", "quantity": 200}
    client = Scripted([[("quote", {"symbol": "ACME"})], [("trade", order)]])
    task = asyncio.create_task(agent_framework_trade.main("Buy.", client, desk.gate()))
    [asked] = await asyncio.to_thread(desk.waiting)
    assert asked["tool"] == "trade"
    assert desk.decide(asked, edit(symbol="OTHER"))[0] == 422
    assert desk.decide(asked, edit(quantity=0))[0] == 422
    assert desk.decide(asked, edit(quantity=100))[0] == 200
    assert await task == "done"
    results = [content.result for content in client.seen[-1][-1].contents]
    assert str(results[0]).startswith("buy 100 ACME: filled\nAda Okafor changed the arguments of trade")
