"""A newsletter that an agent drafts and people review: rejected with what should change, it is written anew; edited or
approved, it is published. The run outlives the program: started again under the same name, it goes on where it waits.

pip install "signoff[agno]" "sqlalchemy[asyncio]" anthropic
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name editor
python agno_content.py may-issue "Our May newsletter: the new opening hours."
"""

from __future__ import annotations

import os
import sys
from typing import Any

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.tools import tool
from agno.workflow import HumanReview, OnReject, Step, Workflow

from signoff import Gate
from signoff_agents.agno import run_with_approvals_blocking

TOOLS: Any = {
    "draft": {"risk": "low", "reason": "Readers see this text"},
    "publish": {"risk": "high", "impact": "Goes to all subscribers", "rollback": "irreversible", "editable": ["when"]},
}


@tool(requires_confirmation=True)
def publish(text: str, when: str = "now") -> str:
    """Send a newsletter to all subscribers."""
    return f"published {when}: {text}"  # the mailing service is called here


def build(writer: Any, publisher: Any, file: str) -> Workflow:
    """`writer`, `publisher`: models."""
    review = HumanReview(requires_output_review=True, on_reject=OnReject.retry, max_retries=5)
    drafting = Agent(name="writer", model=writer, instructions="Write the newsletter.", telemetry=False)
    sending = Agent(name="publisher", model=publisher, tools=[publish], telemetry=False)
    return Workflow(
        name="newsletter",
        steps=[
            Step(name="draft", agent=drafting, human_review=review),
            Step(name="send", agent=sending),
        ],
        db=SqliteDb(db_file=file),
        telemetry=False,
    )


def main(issue: str, task: str, writer: Any, publisher: Any, gate: Gate, file: str = "newsletter.db") -> str:
    """`issue`: the name that the run is found by again."""
    workflow = build(writer, publisher, file)
    run = run_with_approvals_blocking(workflow, task, gate=gate, session_id=issue, run_id=issue, tools=TOOLS)
    return str(run.content)


if __name__ == "__main__":
    model = os.environ.get("MODEL", "anthropic:claude-sonnet-4-5")
    print(main(sys.argv[1], sys.argv[2], model, model, Gate(agent="editor")))
