"""The example, with a scripted model in the place of a real one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, edit, reject, respond

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import strands_deploy
from strands_agent import Scripted, said

from signoff import Unavailable

SCRIPT: Any = (
    [("run_tests", {"service": "api"})],
    [("handoff_to_user", {"message": "Also to the eu region?"})],
    [("deploy", {"service": "api", "version": "2.4"})],
)


def test_deployment_waits_for_people(desk: Desk, tmp_path: Path) -> None:
    """Tests ask nobody, the question is answered, and what is deployed is what a person made of it."""
    desk.people(by={"ask_human": respond("yes"), "deploy": edit("carefully", percent=10)})
    made = strands_deploy.main(desk.run, "Deploy api 2.4.", desk.gate(), Scripted(*SCRIPT), str(tmp_path))
    assert made == "done"
    texts = said(strands_deploy.build(desk.run, Scripted(), desk.gate(), str(tmp_path)))
    assert texts[:2] == ["all tests of api pass", "User response received: yes"]
    assert texts[2].startswith("api 2.4 gets 10 % of the traffic\n\nAda Okafor changed the arguments of deploy")
    assert [one["tool"] for one in desk.requests()] == ["ask_human", "deploy"]
    assert strands_deploy.main(desk.run, None, desk.gate(), Scripted(), str(tmp_path)) == "nothing waits"


def test_deployment_goes_on_later(desk: Desk, tmp_path: Path) -> None:
    """While nobody can be asked the run stays paused; the next program takes it up."""
    with pytest.raises(Unavailable):
        strands_deploy.main(desk.run, "Deploy api 2.4.", desk.away(), Scripted(SCRIPT[2]), str(tmp_path))
    desk.people(reject("freeze"))
    assert strands_deploy.main(desk.run, None, desk.gate(), Scripted(), str(tmp_path)) == "done"
    texts = said(strands_deploy.build(desk.run, Scripted(), desk.gate(), str(tmp_path)))
    assert texts == ["Ada Okafor rejected this call of deploy: freeze. Do not try this again."]
