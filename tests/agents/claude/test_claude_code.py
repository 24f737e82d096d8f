"""Claude Code itself, with a scripted model: what really runs, and what the model really reads."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Answer, Desk, approve, closed_port, edit, reject, respond
from claude_agent_sdk import ClaudeAgentOptions, HookMatcher, PermissionResultAllow, query
from claude_harness import CLI, Json, Model, scripted, use

from signoff_agents import gating
from signoff_agents.claude import can_use_tool, hooks

AWAY = "Bash was not run: it needs a person's approval, and the approval service could not be used."


def bash(identifier: str, command: str) -> Json:
    return use("Bash", identifier, command=command, description="a command")


async def run(model: Model, folder: Path, **options: Any) -> None:
    async def prompt() -> AsyncIterator[Json]:
        yield {"type": "user", "message": {"role": "user", "content": "go on"}}

    given = ClaudeAgentOptions(cwd=str(folder), env=model.environ(folder), model="claude-sonnet-4-5", **options)
    async with asyncio.timeout(60):
        async for _ in query(prompt=prompt(), options=given):
            pass


def claude(model: Model, folder: Path, desk: Desk, *words: str, **env: str) -> None:
    """The command line, with nobody at it."""
    around = {**desk.environ, **model.environ(folder), **env}
    command = [str(CLI), "-p", "go on", "--model", "claude-sonnet-4-5", *words]
    done = subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def settings(folder: Path, command: str) -> str:
    """Every tool is allowed beforehand, and a hook stands before it."""
    made = folder / "settings.json"
    hook = {"matcher": "Bash", "hooks": [{"type": "command", "command": command, "timeout": 30}]}
    made.write_text(json.dumps({"permissions": {"allow": ["Bash"]}, "hooks": {"PreToolUse": [hook]}}))
    return str(made)


def made(folder: Path, *names: str) -> set[str]:
    return {one for one in names if (folder / one).exists()}


# ── can_use_tool ─────────────────────────────────────────────────────────────────────────────────


async def test_people_decide_about_the_calls_of_a_turn(tmp_path: Path, desk: Desk) -> None:
    """Approved runs, edited runs as edited, rejected does not run and the model reads why, all in one turn."""

    def judge(asked: Json) -> Answer:
        if asked["arguments"]["command"] == "touch b":
            return edit(command="touch changed")(asked)
        return approve if asked["arguments"]["command"] == "touch a" else reject("keep it", "never")

    desk.people(judge)
    turn = [bash("t1", "touch a"), bash("t2", "touch b"), bash("t3", "touch c")]
    with scripted(turn) as model:
        await run(model, tmp_path, can_use_tool=can_use_tool(desk.gate()))
    assert made(tmp_path, "a", "b", "c", "changed") == {"a", "changed"}
    assert "keep it. Do not try this again." in model.results()["t3"]


async def test_the_permissions_hooks_tell_of_an_edit_and_how_it_went(tmp_path: Path, desk: Desk) -> None:
    """The model's next turn has the note, whether the edited command works or fails; people see which it was."""
    desk.people(edit("not that name", command="touch better"), edit(command="rm missing"), approve)
    turns = [[bash("t1", "touch a")], [bash("t2", "touch c")], [bash("t3", "touch b")]]
    decide = can_use_tool(desk.gate())
    with scripted(*turns) as model:
        await run(model, tmp_path, can_use_tool=decide, hooks=decide.hooks)
    assert made(tmp_path, "a", "b", "better", "c") == {"b", "better"}
    told = [json.dumps(asked).count("changed the arguments of Bash") for asked in model.asked]
    assert told == [0, 1, 2, 2]
    assert "They said: not that name" in json.dumps(model.asked[1])
    assert [one["outcome"]["status"] for one in desk.requests()] == ["succeeded", "failed", "succeeded"]


async def test_a_permission_by_itself_tells_nothing_of_an_edit(tmp_path: Path, desk: Desk) -> None:
    """Claude's own: without the hooks the edited command runs, and the model never hears that it is another one."""
    desk.people(edit(command="touch better"))
    with scripted([bash("t1", "touch a")]) as model:
        await run(model, tmp_path, can_use_tool=can_use_tool(desk.gate()))
    assert made(tmp_path, "a", "better") == {"better"}
    assert "changed the arguments" not in json.dumps(model.asked)


async def test_without_the_service_nothing_runs(tmp_path: Path, desk: Desk) -> None:
    """The model reads the fixed sentence."""
    with scripted([bash("t1", "touch a")]) as model:
        await run(model, tmp_path, can_use_tool=can_use_tool(desk.away()))
    assert not (tmp_path / "a").exists()
    assert AWAY in model.results()["t1"]


async def test_people_answer_claudes_own_questions(tmp_path: Path, desk: Desk) -> None:
    """AskUserQuestion: the chosen label is what the model reads."""
    options = [{"label": "eu", "description": "Europe"}, {"label": "us", "description": "America"}]
    question = {"question": "Which region?", "header": "Region", "options": options, "multiSelect": False}
    desk.people(respond({"answer_1": "eu"}))
    with scripted([use("AskUserQuestion", "t1", questions=[question])]) as model:
        await run(model, tmp_path, can_use_tool=can_use_tool(desk.gate()))
    assert "eu" in model.results()["t1"]


# ── hooks ────────────────────────────────────────────────────────────────────────────────────────


async def test_claude_never_asks_about_what_is_allowed_and_hooks_do(tmp_path: Path, desk: Desk) -> None:
    """Claude's own: `can_use_tool` is not called for `allowed_tools`. Ours: `hooks` stand before them as well."""
    called: list[str] = []

    async def permit(name: str, given: Json, context: object) -> PermissionResultAllow:
        called.append(name)
        return PermissionResultAllow()

    with scripted([bash("t1", "touch unasked")]) as model:
        await run(model, tmp_path, can_use_tool=permit, allowed_tools=["Bash"])
    assert not called
    assert (tmp_path / "unasked").exists()

    desk.people(reject("no"))
    with scripted([bash("t1", "touch asked")]) as model:
        await run(model, tmp_path, hooks=hooks(desk.gate()), allowed_tools=["Bash"])
    assert not (tmp_path / "asked").exists()
    assert "no" in model.results()["t1"]


async def test_a_hook_that_fails_lets_run_and_ours_does_not(
    tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claude's own: a PreToolUse hook that raises lets an allowed tool run. Ours is registered to block."""

    async def broken(*given: object) -> Any:
        raise RuntimeError("broken")

    with scripted([bash("t1", "touch open")]) as model:
        own = {"PreToolUse": [HookMatcher(matcher="Bash", hooks=[broken])]}
        await run(model, tmp_path, hooks=own, allowed_tools=["Bash"])
    assert (tmp_path / "open").exists()

    monkeypatch.setattr(gating, "decide", broken)
    with scripted([bash("t1", "touch closed")]) as model:
        await run(model, tmp_path, hooks=hooks(desk.gate()), allowed_tools=["Bash"])
    assert not (tmp_path / "closed").exists()
    assert desk.requests() == []


async def test_an_edit_is_told_and_the_outcome_reported(tmp_path: Path, desk: Desk) -> None:
    """The edited command runs; the model reads that a person changed it; the card learns how it went."""
    desk.people(edit("not that name", command="touch better"), approve)
    with scripted([bash("t1", "touch a")], [bash("t2", "false")]) as model:
        await run(model, tmp_path, hooks=hooks(desk.gate()), allowed_tools=["Bash"])
    assert (tmp_path / "better").exists()
    assert not (tmp_path / "a").exists()
    assert json.dumps(model.asked[-1]).count("changed the arguments of Bash") == 1
    assert [one["outcome"]["status"] for one in desk.requests()] == ["succeeded", "failed"]


async def test_another_hook_that_changes_an_approved_call_does_not_go_unnoticed(
    tmp_path: Path, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Claude's own: the tool runs with that hook's input. Ours: the card, the log and the model say that it did."""

    async def other(given: Any, *_: object) -> Any:
        changed = {**given["tool_input"], "command": "touch other"}
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", "updatedInput": changed}}

    desk.people(approve)
    both = hooks(desk.gate())
    both["PreToolUse"].append(HookMatcher(hooks=[other]))
    with scripted([bash("t1", "touch a")]) as model:
        await run(model, tmp_path, hooks=both, allowed_tools=["Bash"])
    assert made(tmp_path, "a", "other") == {"other"}
    (asked,) = desk.requests()
    said = "ran with other arguments than those that were approved"
    assert (asked["outcome"]["status"], asked["outcome"]["detail"]) == ("failed", f"It {said}.")
    assert f"It {said}." in json.dumps(model.asked[-1])
    logged = [one.getMessage() for one in caplog.records if one.name == "signoff"]
    assert logged == [f"Bash {said} in {asked['id']}"]


async def test_a_path_that_people_wrote_is_the_one_that_claude_makes_of_it(tmp_path: Path, desk: Desk) -> None:
    """Claude makes it absolute before it writes there: no other argument than the approved one."""
    desk.people(edit(file_path="./b.txt"))
    with scripted([use("Write", "t1", file_path="a.txt", content="a")]) as model:
        await run(model, tmp_path, hooks=hooks(desk.gate()))
    assert made(tmp_path, "a.txt", "b.txt") == {"b.txt"}
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


# ── the command line, with no program at all ─────────────────────────────────────────────────────


def test_a_command_hook_that_crashes_lets_run_and_ours_does_not(tmp_path: Path, desk: Desk) -> None:
    """Claude's own: a hook that ends with 1 lets an allowed tool run. Ours stops it when nobody can be asked."""
    with scripted([bash("t1", "touch open")]) as model:
        claude(model, tmp_path, desk, "--settings", settings(tmp_path, "exit 1"))
    assert (tmp_path / "open").exists()

    hook = f"{sys.executable} -m signoff hook claude-code --within 4"
    with scripted([bash("t1", "touch closed")]) as model:
        away = f"http://127.0.0.1:{closed_port()}"
        claude(model, tmp_path, desk, "--settings", settings(tmp_path, hook), SIGNOFF_URL=away)
    assert not (tmp_path / "closed").exists()


@pytest.mark.parametrize("kind", ["approve", "edit", "reject"])
def test_the_command_hook_does_as_people_say(kind: str, tmp_path: Path, desk: Desk) -> None:
    """Approved: it runs; edited: what people wrote runs and the model is told; rejected: the model reads why."""
    desk.people({"approve": approve, "edit": edit(command="touch better"), "reject": reject("no", "never")}[kind])
    hook = f"{sys.executable} -m signoff hook claude-code --within 25 --agent {desk.agent}"
    with scripted([bash("t1", "touch a")]) as model:
        claude(model, tmp_path, desk, "--settings", settings(tmp_path, hook))
    assert made(tmp_path, "a", "better") == {"approve": {"a"}, "edit": {"better"}, "reject": set()}[kind]
    if kind == "edit":
        assert "changed the arguments of Bash" in json.dumps(model.asked)
    if kind == "reject":
        assert "Do not try this again." in model.results()["t1"]


@pytest.mark.parametrize("kind", ["approve", "edit", "reject"])
def test_the_permission_prompt_does_as_people_say(kind: str, tmp_path: Path, desk: Desk) -> None:
    """`--permission-prompt-tool mcp__signoff__decide` with `signoff mcp`: the same, for what nothing allows."""
    desk.people({"approve": approve, "edit": edit(command="touch better"), "reject": reject("no", "never")}[kind])
    names = ("SIGNOFF_URL", "SIGNOFF_API_KEY")
    server = {
        "command": sys.executable,
        "args": ["-m", "signoff", "mcp", "--agent", desk.agent],
        "env": {name: desk.environ[name] for name in names},
    }
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"signoff": server}}))
    with scripted([bash("t1", "touch a")]) as model:
        words = ["--mcp-config", str(config), "--permission-prompt-tool", "mcp__signoff__decide"]
        claude(model, tmp_path, desk, *words)
    assert made(tmp_path, "a", "better") == {"approve": {"a"}, "edit": {"better"}, "reject": set()}[kind]
    if kind == "reject":
        assert "Do not try this again." in model.results()["t1"]
