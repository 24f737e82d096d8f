"""Claude Code's PreToolUse hook as a command: a call on standard input, a verdict on standard output.

Claude Code takes exit code 2 as a no, and every other failure as no opinion: then a tool that is allowed in advance
runs (seen by running it). So whatever happens here ends with a verdict and 0, or with 2.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, cast

if TYPE_CHECKING:
    from signoff_agents.claude.permission import Allowed, Denied

BLOCK = 2
"""The exit code that stops a tool, whatever allows it."""
WITHIN = 50.0
"""Seconds that people have where nothing else is said: less than the 60 that Claude Code gives a hook. One that it ends
itself has no say."""
BLOCKED = "Not run: it needs a person's approval, and the approval service could not be used."
WAITING = (
    "Not run: nobody has decided about it yet. The request stays open; once people have decided, "
    "the same call made again goes by it."
)

ENDINGS = {"SIGTERM", "SIGHUP"}

log = logging.getLogger("signoff")


def main(words: Sequence[str]) -> int:
    """Run the command. The exit code."""
    try:
        said = _parser().parse_args(words)
        # Told to end while people are asked: that is no yes.
        for name in ENDINGS & set(signal.Signals.__members__):  # Windows has not all of them
            signal.signal(signal.Signals[name], _ended)
        logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="signoff: %(message)s")
        return asyncio.run(_hook(said))
    except BaseException as error:  # noqa: BLE001  # exit codes other than 2 let tools run
        if isinstance(error, SystemExit) and error.code == 0:
            return 0  # --help
        # Not the error's text: the model reads what stands here.
        return _blocked(BLOCKED)
    finally:
        _let_go()


def _blocked(said: str) -> int:
    with suppress(Exception):  # whoever does not hear why has the exit code
        _write(sys.stderr, said)
    return BLOCK


def _write(stream: TextIO, said: str) -> None:
    """A line, in the encoding that Claude Code reads, whatever this machine's own is. Raises OSError, ValueError."""
    line = memoryview(f"{said}\n".encode())
    while line:
        line = line[os.write(stream.fileno(), line) :]


def _let_go() -> None:
    """What a closed pipe leaves in Python's own streams would end the process with another exit code."""
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, None)


def _ended(number: int, frame: object) -> NoReturn:
    os._exit(_blocked(BLOCKED))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="signoff hook claude-code",
        description="A PreToolUse hook for Claude Code. SIGNOFF_URL and SIGNOFF_API_KEY say whom it asks.",
    )
    parser.add_argument(
        "--within",
        type=float,
        default=WITHIN,
        metavar="SECONDS",
        help="how long people have; a little less than the hook's timeout in Claude Code's settings",
    )
    parser.add_argument("--agent", default="claude-code", help="the name people read")
    parser.add_argument("--risk", choices=("low", "medium", "high", "critical"), help="of every call")
    parser.add_argument("--channel", help="where people are asked, like slack:#deploys")
    return parser


async def _hook(options: argparse.Namespace) -> int:
    from signoff.client import Gate
    from signoff.model import dumps
    from signoff_agents.claude.permission import permission

    given = cast("dict[str, Any]", json.loads(sys.stdin.buffer.read()))
    if given["hook_event_name"] != "PreToolUse":
        raise ValueError("this hook is for PreToolUse alone")
    fields = {"risk": options.risk, "channel": options.channel}
    asked = permission(
        Gate(agent=options.agent, patience=min(options.within / 2, 60.0)),
        given["tool_name"],
        given["tool_input"],
        run_id=given["session_id"],
        call_id=given.get("tool_use_id"),
        fields=cast("Any", {name: value for name, value in fields.items() if value is not None}),
    )
    try:
        async with asyncio.timeout(options.within):
            made = await asked
    except TimeoutError:
        return _blocked(WAITING)
    _write(sys.stdout, dumps(said(made)))
    return 0


def said(made: Allowed | Denied | object) -> dict[str, object]:
    """A verdict as hooks give it."""
    from signoff_agents.claude.permission import Allowed, Denied

    output: dict[str, object] = {"hookEventName": "PreToolUse", "permissionDecision": "deny"}
    if isinstance(made, Allowed):
        output["permissionDecision"] = "allow"
        if made.changed:
            output["updatedInput"] = made.arguments
        if made.verdict.note is not None:
            output["additionalContext"] = made.verdict.note
    elif isinstance(made, Denied):
        output["permissionDecisionReason"] = made.message
    return {"hookSpecificOutput": output}
