"""A production deployment that waits for people, for a night if need be, and outlives the program.

pip install "signoff[strands]"
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name deployer
python strands_deploy.py monday "Deploy api 2.4 if its tests pass."
python strands_deploy.py monday                                    # after a restart: goes on where it was

Two stages, one person of the team and then one on call, are a rule of the policy:

    rules:
      - name: production
        when: tool == "deploy"
        risk: high
        stages:
          - {name: team, approvers: [team]}
          - {name: on call, approvers: [oncall]}
"""

from __future__ import annotations

import sys
from typing import Any

from strands import Agent, tool
from strands.session.file_session_manager import FileSessionManager

from signoff import Gate
from signoff_agents.strands import (
    ApprovalHooks,
    handoff_to_user,
    resume_interrupts_blocking,
    run_with_approvals_blocking,
)


@tool
def run_tests(service: str) -> str:
    """Run the tests of a service."""
    return f"all tests of {service} pass"  # the tests are run here


@tool
def deploy(service: str, version: str, percent: int = 100) -> str:
    """Deploy a version to production.

    Args:
        service: Its name
        version: What to deploy
        percent: Of the traffic that gets it
    """
    return f"{service} {version} gets {percent} % of the traffic"  # the deployment is started here


def build(thread: str, model: Any, gate: Gate, folder: str) -> Agent:
    asking = ApprovalHooks(
        gate,
        {
            "run_tests": None,  # asks nobody
            "deploy": {"risk": "high", "editable": ["percent"], "rollback": "Deploy the version before it"},
            "*": {},  # whatever tool is added later waits for a person
        },
        mode="interrupt",
    )
    return Agent(
        model=model,
        tools=[run_tests, deploy, handoff_to_user(gate)],
        hooks=[asking],
        session_manager=FileSessionManager(thread, storage_dir=folder),
        callback_handler=None,
    )


def main(thread: str, task: str | None, gate: Gate, model: Any = None, folder: str = "runs") -> str:
    """`task`: None to go on with what the thread waits for. `model`: None for the one of Strands' own choice."""
    agent = build(thread, model, gate, folder)
    result = resume_interrupts_blocking(agent, gate) if task is None else run_with_approvals_blocking(agent, task, gate)
    return "nothing waits" if result is None else str(result).strip()


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None, Gate(agent="deployer")))
