"""The example, with a scripted model in the place of a real one."""

from __future__ import annotations

import sys
from pathlib import Path

from agents_harness import Desk, edit, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import pydantic_ai_invoices
from pydantic_ai_agent import model, said, turn


async def test_invoices(desk: Desk) -> None:
    """Reading asks nobody, a question is answered, and the invoices of a turn are one card."""
    desk.people(by={"ask_billing": respond("20 each"), "send_invoice": edit(amount=25)})
    script = model(
        turn(("open_orders", {"month": "October"}), ("ask_billing", {"question": "How much?"}), prefix="a"),
        turn(*(("send_invoice", {"order": order, "amount": 20}) for order in ("A-1", "A-2")), prefix="b"),
    )
    result = await pydantic_ai_invoices.build(script, desk.gate()).run("Send them.")
    orders, answer, *sent = said(result)
    assert (orders, answer) == (["A-1", "A-2"], "20 each")
    assert [text.partition("\n")[0] for text in sent] == [f"invoice of 25 sent for {one}" for one in ("A-1", "A-2")]
    assert {one["batch"]["title"] for one in desk.requests() if one["tool"] == "send_invoice"} == {"Invoices"}
