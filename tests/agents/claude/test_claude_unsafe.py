"""Where Claude Code lets a tool run although its hook failed, and what happens with ours; the real program."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, closed_port, edit, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from claude_agent_sdk import HookMatcher
from claude_model import run, scripted

from signoff_agents.claude import can_use_tool, hooks

AWAY = "Bash was not run: it needs a person's approval, and the approval service could not be used."
ALLOWED: dict[str, Any] = {"allowed_tools": ["Bash"]}


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return tmp_path / "ran"


async def failing(*_: Any) -> Any:
    raise ConnectionError("the approval service is away")


def test_claude_alone_runs_what_a_hook_could_not_refuse(tmp_path: Path, ran: Path) -> None:
    """The framework's own behaviour: a hook that raises lets a tool run that is allowed in advance."""
    with scripted(f"touch {ran}") as model:
        run(model, tmp_path, **ALLOWED, hooks={"PreToolUse": [HookMatcher(matcher="Bash", hooks=[failing])]})
    assert ran.exists()


def test_claude_alone_never_asks_about_what_is_allowed_in_advance(desk: Desk, tmp_path: Path, ran: Path) -> None:
    """The framework's own behaviour: `can_use_tool` is not called for it. That is what the hooks are for."""
    with scripted(f"touch {ran}") as model:
        run(model, tmp_path, **ALLOWED, can_use_tool=can_use_tool(desk.gate()))
    assert ran.exists()
    assert not desk.requests()


def test_our_hook_asks_about_what_is_allowed_in_advance(desk: Desk, tmp_path: Path, ran: Path) -> None:
    """A person says no; Claude reads it."""
    desk.people(reject("not on a Friday"))
    with scripted(f"touch {ran}") as model:
        run(model, tmp_path, **ALLOWED, hooks=hooks(desk.gate()))
    assert not ran.exists()
    assert "not on a Friday" in model.read[0]


def test_our_hook_hands_on_an_edit(desk: Desk, tmp_path: Path, ran: Path) -> None:
    """What a person made of the command is what runs."""
    desk.people(edit(command=f"touch {ran}-edited"))
    with scripted(f"touch {ran}") as model:
        run(model, tmp_path, **ALLOWED, hooks=hooks(desk.gate()))
    assert not ran.exists()
    assert Path(f"{ran}-edited").exists()
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


def test_our_hook_without_the_service(desk: Desk, tmp_path: Path, ran: Path) -> None:
    """Nothing runs, and Claude reads one fixed sentence."""
    with scripted(f"touch {ran}") as model:
        run(model, tmp_path, **ALLOWED, hooks=hooks(desk.away()))
    assert not ran.exists()
    assert AWAY in json.loads(model.read[0])


def test_our_hook_that_fails_itself(desk: Desk, tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised in it blocks the tool."""
    monkeypatch.setattr("signoff_agents.claude.sdk.permission", failing)
    with scripted(f"touch {ran}") as model:
        run(model, tmp_path, **ALLOWED, hooks=hooks(desk.gate()))
    assert not ran.exists()


def test_our_hook_that_is_too_slow(desk: Desk, tmp_path: Path, ran: Path) -> None:
    """Whoever has not answered within its time has not allowed it; what is decided later starts nothing."""
    desk.people(None)
    with scripted(f"touch {ran}") as model:
        run(model, tmp_path, **ALLOWED, hooks=hooks(desk.gate(), timeout=1))
    assert not ran.exists()
    [asked] = desk.waiting()
    assert asked["consumed_at"] is None


@pytest.mark.parametrize(("code", "runs"), [(1, True), (2, False)])
def test_claude_alone_runs_what_a_command_failed_to_refuse(tmp_path: Path, ran: Path, code: int, runs: bool) -> None:
    """The framework's own behaviour: of a hook's exit codes only 2 blocks."""
    with scripted(f"touch {ran}") as model:
        run(model, tmp_path, **ALLOWED, settings=settings(f"exit {code}"))
    assert ran.exists() == runs


def test_our_command_without_the_service(tmp_path: Path, ran: Path) -> None:
    """Nothing runs."""
    where = f"SIGNOFF_URL=http://127.0.0.1:{closed_port()} SIGNOFF_API_KEY=x"
    with scripted(f"touch {ran}") as model:
        ours = f"{where} {sys.executable} -m signoff_agents.claude hook --within 1"
        run(model, tmp_path, **ALLOWED, settings=settings(ours))
    assert not ran.exists()


def settings(command: str) -> str:
    hook = {"matcher": "Bash", "hooks": [{"type": "command", "command": command}]}
    return json.dumps({"hooks": {"PreToolUse": [hook]}})
