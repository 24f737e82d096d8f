"""Every tool of an agent, and of those it hands off to, waits for a person; looking something up does not.

pip install "signoff[openai-agents]"
export OPENAI_API_KEY=…
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name operator
python openai_agents_all.py "Roll service api back to the last version that worked."
"""

from __future__ import annotations

import sys
from typing import Any

from agents import Agent, Runner, function_tool

from signoff import Gate
from signoff_agents.openai_agents import gate_agent


@function_tool
def versions(service: str) -> str:
    """The versions of a service that ran lately."""
    return f"{service}: 41 worked, 42 does not"


@function_tool
def deploy(service: str, version: int) -> str:
    """Deploy a version of a service to production."""
    return f"{service} runs {version}"  # the cluster is called here


def build(gate: Gate, model: Any = None, operator_model: Any = None) -> Agent[Any]:
    operator: Agent[Any] = Agent(name="Operator", model=operator_model or model, tools=[deploy])
    triage: Agent[Any] = Agent(name="Triage", model=model, tools=[versions], handoffs=[operator])
    return gate_agent(triage, gate, {"versions": None, "deploy": {"risk": "critical"}, "*": {}})


if __name__ == "__main__":
    print(Runner.run_sync(build(Gate(agent="operator")), sys.argv[1]).final_output)
