"""The example, with a scripted model in the place of a real one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agents_harness import Desk, edit

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import google_adk_deploy
from google_adk_agent import Scripted


async def test_deployment_waits_and_outlives_the_program(desk: Desk, tmp_path: Path) -> None:
    """Looking asks nobody; the deployment is asked about once, by the first program, and run by the second one."""
    file = str(tmp_path / "sessions.db")
    turns = [[("status", {"service": "api"})], [("deploy", {"service": "api", "version": "4f2c"})]]
    desk.people(None)
    model = Scripted(turns=turns)
    first = asyncio.create_task(google_adk_deploy.main(desk.run, "Bring it out.", model, desk.gate(), file))
    [asked] = await asyncio.to_thread(desk.waiting)
    first.cancel()
    await asyncio.wait([first])
    assert desk.decide(asked, edit(version="5a3d"))[0] == 200
    again = Scripted(turns=turns)
    assert await google_adk_deploy.main(desk.run, None, again, desk.gate(), file) == "done"
    [asked] = desk.requests()
    assert (asked["editable"], asked["outcome"]["status"]) == (["version"], "succeeded")
    [result] = [part.function_response.response for part in again.seen[-1][-1].parts]
    assert result["result"] == "api runs 5a3d now"
    assert await google_adk_deploy.main("another", None, again, desk.gate(), file) == "nothing waits"
