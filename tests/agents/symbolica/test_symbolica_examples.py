"""The example's scope, called from the other side of the wire."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agents_harness import Desk, approve

sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import symbolica_scope
from test_symbolica_scope import there


async def test_payments_wait_and_the_balance_does_not(desk: Desk) -> None:
    """Two payments gathered by the model's code are asked about; the balance is not."""
    desk.people(approve)
    async with there(symbolica_scope.build(desk.gate())) as found:
        assert await found["balance"]("main") == 100
        assert await asyncio.gather(found["pay"]("ada", 20), found["pay"]("bob", 30)) == [20, 30]
    assert sorted(one["arguments"]["to"] for one in desk.requests()) == ["ada", "bob"]
