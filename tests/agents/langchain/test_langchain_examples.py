"""The examples, with a scripted model in the place of a real one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from agents_harness import Desk, approve, edit, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import langchain_email
import langchain_paused
from langchain_agent import SAY, Scripted, said, turn
from langchain_core.messages import AIMessage

DRAFT = {"to": "lena@example.com", "subject": "Your order", "body": "it comes"}


def model(*turns: AIMessage) -> Any:
    return Scripted(messages=iter([*turns, AIMessage("done")]))


def test_email_is_rewritten_before_it_is_sent(desk: Desk) -> None:
    """Reading asks nobody; the edited draft is what is sent."""
    desk.people(edit(subject="Your order ships on Monday"))
    script = model(turn(("read_mailbox", {"sender": "lena"}), prefix="a"), turn(("send_email", DRAFT), prefix="b"))
    texts = said(langchain_email.build(script, desk.gate()).invoke(SAY))
    assert texts[0] == "lena: where is my order?"
    assert texts[1].startswith("sent to lena@example.com: Your order ships on Monday\n\nAda Okafor changed")
    [asked] = desk.requests()
    assert asked["editable"] == ["subject", "body"]


def test_only_destructive_sql_waits(desk: Desk, tmp_path: Path) -> None:
    """A query that reads runs at once; one that deletes runs when it is approved, and not when it is rejected."""

    def judge(asked: Any) -> Any:
        return approve if "test_orders" in asked["arguments"]["query"] else reject("not that table")

    desk.people(judge)
    file = str(tmp_path / "runs.db")
    queries = ("select 1", "delete from test_orders", "select 1; drop table orders")
    script = model(turn(*(("run_sql", {"query": one}) for one in queries)))
    assert langchain_paused.main(desk.run, "Clean up.", script, desk.gate(), file) == "done"
    asked = desk.requests()
    assert {one["arguments"]["query"] for one in asked} == set(queries[1:])
    assert sorted(one["decision"]["kind"] for one in asked) == ["approve", "reject"]
    assert langchain_paused.main(desk.run, None, model(), desk.gate(), file) == "nothing waits"
