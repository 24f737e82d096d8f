"""The SDK's callbacks, and the hook as a command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from agents_harness import Desk, approve, closed_port, edit, reject, respond
from claude_agent_sdk import PermissionResultAllow, PermissionResultDeny, ToolPermissionContext

from signoff_agents.claude import can_use_tool, hooks

HOOK = [sys.executable, "-m", "signoff_agents.claude", "hook"]
BASH = {"command": "rm -r build"}
AWAY = "Bash was not run: it needs a person's approval, and the approval service could not be used."
OTHERWISE = "It ran with other arguments than those that were approved."


def call(desk: Desk, **given: Any) -> dict[str, Any]:
    return {
        "session_id": desk.run, "transcript_path": "/t", "cwd": "/", "permission_mode": "default",
        "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": BASH, "tool_use_id": "toolu_1", **given,
    }  # fmt: skip


def hook(desk: Desk, given: object, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    sent = given if isinstance(given, str) else json.dumps(given)
    command = [*HOOK, "--agent", desk.agent, *words]
    return subprocess.run(command, input=sent, env={**desk.environ, **env}, capture_output=True, text=True, timeout=40)


def output(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["hookSpecificOutput"]  # type: ignore[no-any-return]


# ── can_use_tool ─────────────────────────────────────────────────────────────────────────────────


async def test_can_use_tool_allows_what_was_approved_and_hands_on_edits(desk: Desk) -> None:
    """Approved as asked: Claude's own input stays; edited: the new one in its place. Both approvals are burnt."""
    desk.people(approve, edit(command="ls"))
    decide = can_use_tool(desk.gate())
    assert await decide("Bash", BASH, ToolPermissionContext(tool_use_id="t1")) == PermissionResultAllow()
    edited = await decide("Bash", BASH, ToolPermissionContext(tool_use_id="t2"))
    assert edited == PermissionResultAllow(updated_input={"command": "ls"})
    assert all(one["consumed_at"] for one in desk.requests())


async def test_can_use_tool_denies_in_the_persons_words(desk: Desk) -> None:
    """Rejected: the message is what the model reads, with what it may do next."""
    desk.people(reject("use make clean", "with_changes"))
    denied = await can_use_tool(desk.gate())("Bash", BASH, ToolPermissionContext(tool_use_id="t1"))
    assert isinstance(denied, PermissionResultDeny)
    assert "You may try again with changes: use make clean" in denied.message


async def test_can_use_tool_denies_without_the_service(desk: Desk) -> None:
    """Nobody can be asked: a fixed sentence."""
    denied = await can_use_tool(desk.away())("Bash", BASH, ToolPermissionContext(tool_use_id="t1"))
    assert denied == PermissionResultDeny(message=AWAY)


async def test_the_same_call_of_a_run_that_began_anew_is_not_run_twice(desk: Desk) -> None:
    """Resumed with the same ids: people are asked once, and what was started already is denied."""
    desk.people(approve)
    context = ToolPermissionContext(tool_use_id="t1")
    first = await can_use_tool(desk.gate(), run_id=desk.run)("Bash", BASH, context)
    again = await can_use_tool(desk.gate(), run_id=desk.run)("Bash", BASH, context)
    assert isinstance(first, PermissionResultAllow)
    assert isinstance(again, PermissionResultDeny)
    assert "earlier attempt" in again.message
    assert len(desk.requests()) == 1


async def test_calls_of_one_turn_are_decided_one_by_one(desk: Desk) -> None:
    """Two calls at the same time: one approved, one rejected."""
    desk.people(by={"Bash": approve, "Write": reject("no")})
    decide = can_use_tool(desk.gate())
    ran, stopped = await asyncio.gather(
        decide("Bash", BASH, ToolPermissionContext(tool_use_id="t1")),
        decide("Write", {"path": "a"}, ToolPermissionContext(tool_use_id="t2")),
    )
    assert isinstance(ran, PermissionResultAllow)
    assert isinstance(stopped, PermissionResultDeny)


async def test_people_answer_claudes_own_questions(desk: Desk) -> None:
    """AskUserQuestion goes on with people's answers in its input, in the form that Claude reads."""
    options = [{"label": "eu", "description": ""}, {"label": "us", "description": ""}]
    given = {"questions": [
        {"question": "Where?", "header": "Region", "options": options, "multiSelect": False},
        {"question": "Which?", "header": "Both", "options": options, "multiSelect": True},
    ]}  # fmt: skip
    desk.people(respond({"answer_1": "us", "answer_2": ["eu", "us"]}))
    made = await can_use_tool(desk.gate())("AskUserQuestion", given, ToolPermissionContext(tool_use_id="t1"))
    assert made == PermissionResultAllow(updated_input={**given, "answers": {"Where?": "us", "Which?": "eu, us"}})


async def test_only_the_named_tools_are_asked_about(desk: Desk) -> None:
    """What is not among `tools` is allowed without anybody being asked."""
    decide = can_use_tool(desk.gate(), ["Bash"])
    assert await decide("Read", {"path": "a"}, ToolPermissionContext(tool_use_id="t1")) == PermissionResultAllow()
    assert desk.requests() == []


async def test_can_use_tools_hooks_tell_of_a_call_once_and_of_no_other(desk: Desk) -> None:
    """The note goes with the call that it is about; what nobody edited or asked about has none."""
    desk.people(edit(command="ls"), approve)
    decide = can_use_tool(desk.gate(), ["Bash"])
    for used, name in (("t1", "Bash"), ("t2", "Bash"), ("t3", "Read")):
        await decide(name, BASH, ToolPermissionContext(tool_use_id=used))
    (after,) = decide.hooks["PostToolUse"][0].hooks
    told: list[Any] = []
    for used in ("t3", "t2", "t1", "t1"):
        ran = {"command": "ls"} if used == "t1" else BASH
        ended: Any = call(desk, hook_event_name="PostToolUse", tool_use_id=used, tool_input=ran)
        told.append(await after(ended, used, {"signal": None}))
    assert [bool(one) for one in told] == [False, False, True, False]
    assert told[2]["hookSpecificOutput"]["hookEventName"] == "PostToolUse"
    assert 'command is now "ls"' in told[2]["hookSpecificOutput"]["additionalContext"]


async def test_another_tools_call_under_the_same_id_is_told_and_reported_as_nothing(desk: Desk) -> None:
    """An allowed call that has not run, and a tool that nobody was asked about: its end is not the end of the first."""
    desk.people(edit(command="ls"))
    decide = can_use_tool(desk.gate(), ["Bash"])
    await decide("Bash", BASH, ToolPermissionContext(tool_use_id="t1"))
    (after,) = decide.hooks["PostToolUse"][0].hooks
    told: list[Any] = []
    for name in ("Read", "Bash"):
        ran = {"command": "ls"}
        ended: Any = call(desk, hook_event_name="PostToolUse", tool_name=name, tool_use_id="t1", tool_input=ran)
        told.append((await after(ended, "t1", {"signal": None}), desk.requests()[0]["outcome"]))
    assert told[0] == ({}, None)
    assert all(told[1])


# ── hooks ────────────────────────────────────────────────────────────────────────────────────────


async def test_hooks_block_on_failure_and_wait_for_a_day(desk: Desk) -> None:
    """The SDK lets a tool run whose hook failed, unless told to block; and it gives hooks 60 s, unless told."""
    (matcher,) = hooks(desk.gate(), matcher="Bash")["PreToolUse"]
    assert (matcher.matcher, matcher.on_failure, matcher.timeout) == ("Bash", "block", 86_400)


async def test_hooks_tell_the_model_of_an_edit_and_report_how_it_went(desk: Desk) -> None:
    """Edited: the new input and a note for the model; when the tool has run, people see how."""
    desk.people(edit("only build", command="rm -r build/x"))
    made = hooks(desk.gate())
    before, after = made["PreToolUse"][0].hooks[0], made["PostToolUse"][0].hooks[0]
    told: Any = await before(call(desk), "toolu_1", {"signal": None})  # type: ignore[arg-type]
    said = told["hookSpecificOutput"]
    assert (said["permissionDecision"], said["updatedInput"]) == ("allow", {"command": "rm -r build/x"})
    assert "only build" in said["additionalContext"]
    ended: Any = call(desk, hook_event_name="PostToolUse", tool_input=said["updatedInput"], tool_response="")
    await after(ended, "toolu_1", {"signal": None})
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


PAY, PLAN = "mcp__bank__pay", {"plan": "b", "planFilePath": "/p"}
PATH = {"file_path": "/w/a.txt", "content": "a"}
RAN: list[tuple[str, Any, Any, Any, bool]] = [
    ("Bash", BASH, None, BASH, True),
    ("Bash", BASH, None, {"command": "ls"}, False),
    ("Bash", BASH, None, {**BASH, "dangerouslyDisableSandbox": True}, False),
    ("Bash", BASH, {"command": "ls"}, {"command": "ls"}, True),
    ("Bash", BASH, {"command": "ls"}, BASH, False),
    ("Write", PATH, {"file_path": "b/../b.txt"}, {"file_path": "/w/b.txt", "content": "a"}, True),
    ("Write", PATH, {"file_path": "b.txt"}, {"file_path": "/v/b.txt", "content": "a"}, False),
    ("ExitPlanMode", PLAN, None, {}, True),
    (PAY, {"amount": 5, "to": [1e23, 0.1]}, None, {"to": [1e23, 0.1], "amount": 5.0}, True),
    (PAY, {"amount": 5, "dry_run": True}, None, {"amount": 5}, False),
    (PAY, {"amount": 5, "path": "/w/a"}, None, {"amount": 5, "path": "a"}, False),
    (PAY, {"amount": 5}, {"amount": 12345678901234567890}, {"amount": 12345678901234567000}, False),
]
"""Tool, what was asked about, what people changed, what Claude says it ran with, and whether that was approved."""


@pytest.mark.parametrize(("tool", "asked", "change", "ran", "approved"), RAN)
async def test_what_ran_with_other_arguments_has_failed_and_what_claude_only_spells_anew_has_not(
    tool: str, asked: Any, change: Any, ran: Any, approved: bool, desk: Desk
) -> None:
    """What Claude says ran is held against what was approved: people and the model read of a difference."""
    desk.people(edit(**change) if change else approve)
    made = hooks(desk.gate())
    before, after = made["PreToolUse"][0].hooks[0], made["PostToolUse"][0].hooks[0]
    about: Any = call(desk, cwd="/w", tool_name=tool, tool_input=asked)
    await before(about, "toolu_1", {"signal": None})
    told = await after({**about, "hook_event_name": "PostToolUse", "tool_input": ran}, "toolu_1", {"signal": None})
    outcome = desk.requests()[0]["outcome"]
    assert (outcome["status"], outcome["detail"]) == (("succeeded", None) if approved else ("failed", OTHERWISE))
    said = {"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": OTHERWISE}}
    assert told == ({} if approved else said)


async def test_can_use_tools_hooks_tell_what_ran_instead_of_an_edit(desk: Desk) -> None:
    """The note about the edit would be wrong then; the tool fails beside that, which changes nothing."""
    desk.people(edit(command="ls"))
    decide = can_use_tool(desk.gate())
    await decide("Bash", BASH, ToolPermissionContext(tool_use_id="t1"))
    (after,) = decide.hooks["PostToolUseFailure"][0].hooks
    ended: Any = call(desk, hook_event_name="PostToolUseFailure", tool_use_id="t1", error="Exit code 1")
    told: Any = await after(ended, "t1", {"signal": None})
    assert told["hookSpecificOutput"]["additionalContext"] == OTHERWISE
    assert desk.requests()[0]["outcome"]["detail"] == OTHERWISE


async def test_hooks_deny_without_the_service(desk: Desk) -> None:
    """The hook itself says no; it does not leave that to its failing."""
    before = hooks(desk.away())["PreToolUse"][0].hooks[0]
    told: Any = await before(call(desk), "toolu_1", {"signal": None})  # type: ignore[arg-type]
    assert told["hookSpecificOutput"]["permissionDecision"] == "deny"
    assert told["hookSpecificOutput"]["permissionDecisionReason"] == AWAY


# ── the command ──────────────────────────────────────────────────────────────────────────────────


def test_the_command_allows_with_the_edited_input(desk: Desk) -> None:
    """Exit code 0 and a verdict as Claude Code reads it."""
    desk.people(edit(command="ls"))
    said = output(hook(desk, call(desk)))
    assert (said["hookEventName"], said["permissionDecision"]) == ("PreToolUse", "allow")
    assert said["updatedInput"] == {"command": "ls"}
    assert "changed the arguments" in said["additionalContext"]


def test_the_command_denies_in_the_persons_words(desk: Desk) -> None:
    """Exit code 0 and a no that the model reads."""
    desk.people(reject("not on a Friday", "ask"))
    said = output(hook(desk, call(desk)))
    assert said["permissionDecision"] == "deny"
    assert "not on a Friday. You may ask again later." in said["permissionDecisionReason"]


def test_the_command_run_again_for_the_same_call_asks_nobody_and_allows_nothing(desk: Desk) -> None:
    """A session that is resumed fires the hook again: the approval was burnt, so the tool does not run twice."""
    desk.people(approve)
    assert output(hook(desk, call(desk)))["permissionDecision"] == "allow"
    assert output(hook(desk, call(desk)))["permissionDecision"] == "deny"
    assert len(desk.requests()) == 1


def test_the_command_denies_without_the_service(desk: Desk) -> None:
    """Nobody can be asked: no."""
    done = hook(desk, call(desk), "--within", "1", SIGNOFF_URL=f"http://127.0.0.1:{closed_port()}")
    assert done.returncode == 2 or output(done)["permissionDecision"] == "deny"
    assert "Traceback" not in done.stderr


def test_the_command_blocks_when_nobody_decides_in_time_and_the_next_one_finds_the_request(desk: Desk) -> None:
    """Late is no; people are not asked twice, and their decision counts for the call made again."""
    late = hook(desk, call(desk), "--within", "2")
    assert late.returncode == 2
    assert "The request stays open" in late.stderr
    (asked,) = desk.waiting()
    desk.decide(asked, approve)
    assert output(hook(desk, call(desk)))["permissionDecision"] == "allow"
    assert len(desk.requests()) == 1


@pytest.mark.parametrize(
    "given", ["", "no json", "[]", "{}", '{"hook_event_name": "PostToolUse"}', '{"hook_event_name": "PreToolUse"}']
)
def test_the_command_blocks_what_it_cannot_read(desk: Desk, given: str) -> None:
    """Exit code 2, the only one that stops a tool, and no exception's text for the model."""
    done = hook(desk, given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Not run: it needs a person's approval, and the approval service could not be used.\n"


@pytest.mark.parametrize("words", [["--no-such-option"], ["--within", "soon"]])
def test_the_command_blocks_when_it_is_called_wrongly(desk: Desk, words: list[str]) -> None:
    """A mistake in the settings must not open the door."""
    assert hook(desk, call(desk), *words).returncode == 2


def test_the_command_blocks_when_it_is_ended_while_people_are_asked(desk: Desk) -> None:
    """Claude Code ends a hook that takes too long: not with an exit code that lets the tool run."""
    process = subprocess.Popen(
        [*HOOK, "--agent", desk.agent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=desk.environ, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps(call(desk)))
    process.stdin.close()
    process.stdin = None
    desk.waiting()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")


@pytest.mark.parametrize("module", [("signoff_agents.claude", "hook"), ("signoff", "hook", "claude-code")])
@pytest.mark.parametrize("broken", ["stderr is closed", "stderr is a closed pipe", "stdout is a closed pipe"])
def test_the_command_blocks_whoever_listens(desk: Desk, module: tuple[str, ...], broken: str) -> None:
    """What cannot be said is no reason for another exit code."""
    given = call(desk) if "stdout" in broken else {}
    desk.people(approve)
    read, write = os.pipe()
    os.close(read)
    ends: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    ends |= {"stderr": write} if broken == "stderr is a closed pipe" else {}
    ends |= {"stdout": write} if "stdout" in broken else {}
    words = [sys.executable, "-m", *module, "--agent", desk.agent]
    if broken == "stderr is closed":
        words = ["sh", "-c", 'exec "$0" "$@" 2>&-', *words]
    done = subprocess.run(words, input=json.dumps(given).encode(), env=desk.environ, timeout=40, **ends)
    os.close(write)
    assert done.returncode == 2


def test_the_command_speaks_utf_8_on_every_machine(desk: Desk) -> None:
    """Claude Code reads nothing else; in another encoding other arguments would run than were approved."""
    desk.people(edit(command="echo ü 東"))
    sent = json.dumps(call(desk)).encode()
    env = {**desk.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([*HOOK, "--agent", desk.agent], input=sent, env=env, capture_output=True, timeout=40)
    assert json.loads(done.stdout.decode())["hookSpecificOutput"]["updatedInput"] == {"command": "echo ü 東"}


def test_the_command_without_a_key_blocks(desk: Desk) -> None:
    """Not set up is no."""
    done = hook(desk, call(desk), SIGNOFF_API_KEY="")
    assert done.returncode == 2 or output(done)["permissionDecision"] == "deny"


def test_the_command_needs_no_sdk() -> None:
    """It is started for every call: it loads nothing of the SDK."""
    code = "import sys, signoff_agents.claude.hook; print('claude_agent_sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout == "False\n"
