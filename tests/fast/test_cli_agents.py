"""`signoff mcp` and `signoff hook`: the agent's side of the command line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from signoff.cli import agents

CALL = '{"hook_event_name": "PreToolUse", "session_id": "s", "tool_name": "Bash", "tool_input": {"command": "ls"}}'


def signoff(*words: str, without: tuple[str, ...] = (), given: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, on a machine that lacks some modules."""
    code = f"import sys; sys.modules.update(dict.fromkeys({without!r})); import signoff.cli; signoff.cli.main()"
    around = {name: value for name, value in os.environ.items() if not name.startswith("SIGNOFF_")}
    return subprocess.run(
        [sys.executable, "-c", code, *words], input=given, capture_output=True, text=True, env=around, timeout=60
    )


def test_hook_runs_in_the_base_install() -> None:
    """Without typer the hook's help is there, and says what it takes."""
    ran = signoff("hook", "claude-code", "--help", without=("typer", "rich", "redis"))
    assert ran.returncode == 0
    assert "--within" in ran.stdout


def test_hook_without_a_key_stops_the_tool() -> None:
    """With nobody to ask, the exit code is the one that stops a tool, or the verdict is no."""
    ran = signoff("hook", "claude-code", "--within", "2", given=CALL)
    assert ran.returncode == agents.BLOCK or '"deny"' in ran.stdout
    assert '"allow"' not in ran.stdout


@pytest.mark.parametrize("words", [["hook"], ["hook", "cursor"], ["hook", "claude-code", "--no-such"]])
def test_hook_that_is_called_wrongly_stops_the_tool(words: list[str]) -> None:
    """A misspelt hook lets nothing run."""
    assert signoff(*words, given=CALL).returncode == agents.BLOCK


def test_hook_that_cannot_be_loaded_stops_the_tool() -> None:
    """A broken installation lets nothing run, and its text is no exception's."""
    ran = signoff("hook", "claude-code", without=("signoff_agents.claude.hook",), given=CALL)
    assert ran.returncode == agents.BLOCK
    assert "Traceback" not in ran.stderr


def test_mcp_without_a_verb_serves() -> None:
    """`signoff mcp` is the server: without its package it says which extra to install, and does not begin."""
    ran = signoff("mcp", without=("mcp",))
    assert ran.returncode == agents.NOT_STARTED
    assert 'pip install "signoff[mcp]"' in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], "gateway"),
        (["-h"], "request_approval, ask_human, decide"),
        (["gateway", "--help"], "--prefix"),
        (["serve", "--help"], "--patience"),
    ],
)
def test_mcp_help_needs_nothing_installed(words: list[str], said: str) -> None:
    """What a command is for can be read before its extra, or the server's packages, are there."""
    ran = signoff("mcp", *words, without=("mcp", "typer", "redis"))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert said in ran.stdout


@pytest.mark.parametrize(
    "words", [["serve"], ["gateway", "--", "true"], ["gateway", "--url", "http://127.0.0.1:9/mcp"]]
)
def test_mcp_says_which_extra_runs_it(words: list[str]) -> None:
    """One sentence, and nothing was begun."""
    ran = signoff("mcp", *words, without=("mcp",))
    assert ran.returncode == agents.NOT_STARTED
    assert ran.stderr.strip().endswith('pip install "signoff[mcp]"')
    assert "Traceback" not in ran.stderr


def test_help_lists_them() -> None:
    """`signoff --help` names both, though they are run before it."""
    ran = signoff("--help")
    assert "mcp" in ran.stdout
    assert "hook" in ran.stdout
