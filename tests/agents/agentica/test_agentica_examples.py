"""The example, with a scripted model in the place of a real one."""

from __future__ import annotations

import sys
from pathlib import Path

from agentica import OpenAIChat
from agents_harness import Desk, edit

sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import agentica_refund
from test_agentica_tools import scripted


async def test_a_refund_waits_and_a_look_does_not(desk: Desk) -> None:
    """Looking up asks nobody; the refund is paid as a person has changed it, and the model is told."""
    desk.people(edit(amount=40))
    with scripted(("look_up", {"order": "A-1"}), ("issue_refund", {"order": "A-1", "amount": 60})) as model:
        chat = OpenAIChat(id="scripted", api_key="x", base_url=model.address)
        await agentica_refund.build(chat, desk.gate()).run("It arrived broken.")
    looked, refunded = model.read
    assert looked == "A-1: a lamp, 60.00"
    assert refunded.startswith("refunded 40.00 for A-1\n\nAda Okafor changed the arguments")
    assert len(desk.requests()) == 1
