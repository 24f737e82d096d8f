"""A client of any AG-UI agent that has people in Slack or Teams answer whatever the agent stops for.

pip install "signoff[ag-ui]"
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name travel
python ag_ui_client.py http://127.0.0.1:8000/agent trip-7 "Book me a flight to Porto."
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator

import aiohttp
from ag_ui.core import ResumeEntry, RunAgentInput, RunFinishedEvent, UserMessage

from signoff import Gate
from signoff_agents.ag_ui import interrupts, resume


async def run(address: str, sent: RunAgentInput) -> AsyncIterator[str]:
    """The events of one run, as JSON."""
    headers = {"Accept": "text/event-stream", "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(address, data=sent.model_dump_json(by_alias=True), headers=headers) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.content:
            if line.startswith(b"data:"):
                yield line.removeprefix(b"data:").decode()


async def main(address: str, thread: str, task: str, gate: Gate) -> str:
    """How the thread ended, as the agent says it."""
    messages = [UserMessage(id=str(uuid.uuid4()), content=task)]
    entries: list[ResumeEntry] | None = None
    while True:
        sent = RunAgentInput(thread_id=thread, run_id=str(uuid.uuid4()), messages=messages, resume=entries)
        finished: RunFinishedEvent | None = None
        async for event in run(address, sent):
            if '"RUN_FINISHED"' in event:
                finished = RunFinishedEvent.model_validate_json(event)
        if finished is None:
            return "the agent stopped without an end"
        waiting = interrupts(finished)
        if not waiting:
            return str(finished.result)
        entries, messages = await resume(gate, waiting, thread_id=thread), []


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], Gate(agent="travel"))))
