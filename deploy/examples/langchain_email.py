"""An e-mail that a person reads, and may rewrite, before it is sent; reading the mailbox asks nobody.

pip install "signoff[langchain]" langchain-anthropic
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name mail
python langchain_email.py "Answer Lena: the order ships on Monday."
"""

from __future__ import annotations

import os
import sys
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool

from signoff import Gate
from signoff_agents.langchain import ApprovalMiddleware


@tool
def read_mailbox(sender: str) -> str:
    """The latest e-mail of a sender."""
    return f"{sender}: where is my order?"


@tool
def send_email(to: str, subject: str, body: str) -> str:
    """Send an e-mail."""
    return f"sent to {to}: {subject}"  # the mail server is called here


def build(model: Any, gate: Gate) -> Any:
    asking = ApprovalMiddleware(
        gate,
        {
            "read_mailbox": None,  # asks nobody
            "send_email": {"risk": "medium", "editable": ["subject", "body"], "impact": "A customer reads it"},
            "*": {},  # whatever tool is added later waits for a person
        },
    )
    return create_agent(model, [read_mailbox, send_email], middleware=[asking])


if __name__ == "__main__":
    agent = build(os.environ.get("MODEL", "anthropic:claude-sonnet-4-5"), Gate(agent="mail"))
    result = agent.invoke({"messages": [("user", sys.argv[1])]})
    print(result["messages"][-1].text)
