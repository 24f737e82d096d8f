"""CrewAI's agents with gated tools."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, edit, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from crewai_agent import Bank, crew, kickoff, pays, scripted

AWAY = "pay was not run: it needs a person's approval, and the approval service could not be used."

ways = pytest.mark.parametrize("way", ["kickoff", "akickoff", "kickoff_async"])
kinds = pytest.mark.parametrize("native", [True, False], ids=["native", "react"])


@ways
@kinds
def test_approved_and_edited(desk: Desk, way: str, native: bool) -> None:
    """What was approved runs, whichever way the crew is started and the model calls; it reads of the edit."""
    bank = Bank()
    desk.people(edit("cap is 5", amount=5))
    model = scripted(pays(20), native=native)
    kickoff(crew(model, bank.gated(desk.gate(), "pay", outcome=str)), way)
    assert bank.paid == ["p0 5"]
    note = "paid p0 5\n\nAda Okafor changed the arguments of pay before it ran: amount is now 5"
    assert sum(note in text for text in model.read) == 1
    [asked] = desk.requests()
    assert (asked["tool"], asked["description"]) == ("pay", "Pay somebody.")
    assert asked["schema"]["properties"]["amount"]["type"] == "number"
    assert asked["outcome"] | {"at": None} == {"status": "succeeded", "detail": "paid p0 5", "at": None}
