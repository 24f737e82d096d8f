"""The examples, with a scripted model in the place of a real one."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from agents_harness import Desk, approve, edit, eventually, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import agno_agentos
import agno_content
from agno_agent import Scripted, sqlite

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its client's next version
    from fastapi.testclient import TestClient


def test_content_is_written_anew_until_it_is_approved(desk: Desk, tmp_path: Path) -> None:
    """Rejected with changes, the writer reads what should change; the approved text is published, as edited."""
    writer = Scripted("A dull text.", "A lively text.")
    publisher = Scripted([("publish", {"text": "A lively text."})], "sent", prefix="p")
    desk.people(reject("more life, please", "with_changes"), approve, edit(when="on Monday"))
    words = (desk.run, "Write.", writer, publisher, desk.gate(), str(tmp_path / "runs.db"))
    assert agno_content.main(*words) == "sent"
    assert desk.refused == []
    assert any("more life, please" in str(message.content) for message in writer.seen[1])
    assert any("published on Monday: A lively text." in str(message.content) for message in publisher.seen[1])
    drafts = [one["arguments"]["output"] for one in desk.requests() if one["tool"] == "draft"]
    assert drafts == ["A dull text.", "A lively text."]
    assert agno_content.main(*words) == "sent"  # the run has ended: nothing is written or asked again
    assert len(desk.requests()) == 3


def test_refund_is_decided_for_agentos(desk: Desk, tmp_path: Path) -> None:
    """Corrected here, and gone on with there; the gated tool asks by itself."""
    model = Scripted([("issue_refund", {"order": "A-1", "amount": 500})], [("close_account", {"customer": "lena"})])
    made = agno_agentos.build(model, desk.gate(), str(tmp_path / "agno.db"))
    desk.people(by={"issue_refund": edit(amount=400), "close_account": reject("no")})
    with TestClient(made.get_app()) as client:
        said = {"message": "refund it", "session_id": "s", "stream": "false"}
        run = client.post("/agents/support/runs", data=said).json()
        assert run["status"] == "PAUSED"
        eventually(lambda: sqlite(tmp_path).get_approvals(status="pending")[1] == 0)
        went = client.post(
            f"/agents/support/runs/{run['run_id']}/continue", data={"tools": "", "session_id": "s", "stream": "false"}
        ).json()
    texts = [tool["result"] for tool in went["tools"]]
    assert texts == [
        "refunded 400 for A-1",
        "Ada Okafor rejected this call of close_account: no. Do not try this again.",
    ]
