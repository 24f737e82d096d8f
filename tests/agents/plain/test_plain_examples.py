"""The examples as a user runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from agents_harness import Desk, edit, reject

REFUND = Path(__file__).parents[3] / "deploy" / "examples" / "plain_refund.py"


def refund(desk: Desk, order: str, amount: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(REFUND), order, amount]
    return subprocess.run(words, env=desk.environ, capture_output=True, text=True, timeout=50)


def test_refund_below_the_limit_asks_nobody(desk: Desk) -> None:
    """It runs at once."""
    desk.agent = "refunds"
    before = len(desk.requests())
    assert refund(desk, "A-1", "20").stdout == "refunded 20.00 for A-1\n"
    assert len(desk.requests()) == before


def test_refund_above_the_limit_waits(desk: Desk) -> None:
    """The lowered amount is refunded, and the same program started again refunds nothing."""
    desk.agent = "refunds"
    desk.people(edit(amount=40))
    order = desk.run
    assert refund(desk, order, "500").stdout == f"refunded 40.00 for {order}\n"
    again = refund(desk, order, "500")
    assert again.returncode == 1
    assert "was started at" in again.stdout


def test_rejected_refund(desk: Desk) -> None:
    """The program ends with 10 and says what the person said."""
    desk.agent = "refunds"
    desk.people(reject("call them first", "ask"))
    done = refund(desk, f"{desk.run}-2", "500")
    assert (done.returncode, done.stdout) == (
        10,
        "Ada Okafor rejected this call of issue_refund: call them first. You may ask again later.\n",
    )
