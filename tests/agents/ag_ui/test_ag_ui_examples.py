"""The example, with a scripted agent behind AG-UI's own events."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ag_ui.core import Interrupt, RunFinishedEvent, RunFinishedInterruptOutcome, RunFinishedSuccessOutcome
from agents_harness import Desk, respond
from aiohttp import web
from aiohttp.test_utils import TestServer

sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import ag_ui_client

SEATS: dict[str, Any] = {"type": "object", "properties": {"seats": {"type": "integer"}}, "required": ["seats"]}


async def test_people_answer_what_the_agent_stops_for(desk: Desk) -> None:
    """The agent asks in a form, people fill it in, and the next run goes on with what they said."""
    desk.people(respond({"seats": 2}))
    seen: list[dict[str, Any]] = []

    async def agent(request: web.Request) -> web.StreamResponse:
        sent = await request.json()
        seen.append(sent)
        waiting = Interrupt(id="i1", reason="book_flight", message="How many seats?", response_schema=SEATS)
        outcome: Any = RunFinishedInterruptOutcome(interrupts=[waiting])
        result = None
        if sent.get("resume"):
            outcome, result = RunFinishedSuccessOutcome(), f"booked {sent['resume'][0]['payload']['seats']} seats"
        event = RunFinishedEvent(thread_id=sent["threadId"], run_id=sent["runId"], outcome=outcome, result=result)
        text = f"data: {json.dumps(event.model_dump(by_alias=True, mode='json', exclude_none=True))}\n\n"
        return web.Response(text=text, content_type="text/event-stream")

    app = web.Application()
    app.router.add_post("/agent", agent)
    async with TestServer(app) as server:
        said = await ag_ui_client.main(str(server.make_url("/agent")), desk.run, "Book a flight.", desk.gate())
    assert said == "booked 2 seats"
    assert len(seen) == 2
