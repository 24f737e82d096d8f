"""Texts that are published when a person likes them: rejected with what should change, the model writes another draft.

The run pauses for every draft and outlives the program; a file keeps where it stands.

pip install "signoff[agent-framework]" agent-framework-openai
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name content
export OPENAI_API_KEY=… OPENAI_CHAT_MODEL=…
python agent_framework_content.py monday.json "Announce the new search."
python agent_framework_content.py monday.json                      # after a restart: goes on where it was
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from agent_framework import Agent, tool

from signoff import Gate
from signoff_agents.agent_framework import Pause, resume_with_approvals, run_with_approvals


@tool(approval_mode="always_require")
def publish(headline: str, text: str) -> str:
    """Publish a text on the company's site."""
    return f"published: {headline}"  # the site is called here


def build(client: Any) -> Agent[Any]:
    instructions = "You write for the company's site. Publish your draft; if it is rejected, write another one."
    return Agent(client=client, name="content", instructions=instructions, tools=[publish])


def keep(file: Path, pause: Pause) -> None:
    file.write_text(json.dumps(pause.to_dict()))


def kept(file: Path) -> Pause | None:
    return Pause.from_dict(json.loads(file.read_text())) if file.exists() else None


async def main(file: Path, task: str | None, client: Any, gate: Gate) -> str:
    """`task`: None to go on with what the file keeps."""
    agent, pause = build(client), kept(file)
    tools = {"publish": {"risk": "medium", "impact": "Everybody reads it"}}
    said: Any = {"gate": gate, "tools": tools, "save": lambda pause: keep(file, pause)}
    if task is not None:
        response = await run_with_approvals(agent, task, session=agent.create_session(), **said)
    elif pause is not None:
        response = await resume_with_approvals(agent, pause, **said)
    else:
        return "nothing waits"
    await asyncio.to_thread(file.unlink, missing_ok=True)
    return response.text


if __name__ == "__main__":
    from agent_framework.openai import OpenAIChatClient

    task = sys.argv[2] if len(sys.argv) > 2 else None
    print(asyncio.run(main(Path(sys.argv[1]), task, OpenAIChatClient(), Gate(agent="content"))))
