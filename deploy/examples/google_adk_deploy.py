"""A production deployment that waits for people, and outlives the program that waits; reading the status asks nobody.

pip install "signoff[google-adk]"
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name releases
export GOOGLE_API_KEY=…
python google_adk_deploy.py monday "Bring api 4f2c to production."
python google_adk_deploy.py monday                                 # after a restart: goes on where it was

Two people, one after the other, are a matter of the server's policy:

    rules:
      - name: production
        when: tool == "deploy"
        stages:
          - {name: Owner, approvers: [api-team]}
          - {name: Release, approvers: [release-managers]}
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.apps import App, ResumabilityConfig
from google.adk.runners import Runner
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.genai import types

from signoff import Gate
from signoff_agents.google_adk import ApprovalPlugin

USER = "releases"


def status(service: str) -> str:
    """Which version of a service runs in production."""
    return f"{service} runs 1a90"


def deploy(service: str, version: str) -> str:
    """Deploy a version of a service to production.

    Args:
        version: The commit's short hash.
    """
    return f"{service} runs {version} now"  # the deployment is started here


def build(model: Any, gate: Gate) -> App:
    asking = ApprovalPlugin(
        gate,
        {
            "status": None,  # asks nobody
            "deploy": {"risk": "high", "impact": "Customers get the new version", "editable": ["version"]},
            "*": {},  # whatever tool is added later waits for a person
        },
    )
    agent = LlmAgent(name="releases", model=model, instruction="You release services.", tools=[status, deploy])
    resumable = ResumabilityConfig(is_resumable=True)
    return App(name="releases", root_agent=agent, plugins=[asking], resumability_config=resumable)


async def main(session_id: str, task: str | None, model: Any, gate: Gate, file: str = "sessions.db") -> str:
    """`task`: None to go on with what the session waits for."""
    app = build(model, gate)
    sessions = SqliteSessionService(file)
    runner = Runner(app=app, session_service=sessions, auto_create_session=True)
    message, begun = None, None
    if task is None:
        session = await sessions.get_session(app_name=app.name, user_id=USER, session_id=session_id)
        if session is None or not session.events:
            return "nothing waits"
        begun = session.events[-1].invocation_id
    else:
        message = types.Content(role="user", parts=[types.Part(text=task)])
    said = ""
    async for event in runner.run_async(user_id=USER, session_id=session_id, new_message=message, invocation_id=begun):
        texts = [part.text for part in (event.content.parts or []) if part.text] if event.content else []
        said = "".join(texts) or said
    return said


if __name__ == "__main__":
    task = sys.argv[2] if len(sys.argv) > 2 else None
    print(asyncio.run(main(sys.argv[1], task, os.environ.get("MODEL", "gemini-2.5-flash"), Gate(agent="releases"))))
