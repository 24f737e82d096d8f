"""`signoff mcp` and `signoff hook`: doors for agents that nobody writes code for.

They belong to the agent's side: they run in the base install, before anything of the server is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

NOT_STARTED = 20
"""Exit code when nothing could be served; that of `signoff ask` when nobody could be asked."""
BLOCK = 2
"""The exit code by which Claude Code's hooks stop a tool. After any other failure a tool that is allowed runs."""
HOOKS = "claude-code"


def taken(words: Sequence[str]) -> bool:
    """Whether these words of the command line are for here."""
    return words[:1] == ["mcp"] or words[:1] == ["hook"]


def run(words: Sequence[str]) -> int:
    """Run a command. The exit code."""
    return mcp(words[1:]) if words[0] == "mcp" else hook(words[1:])


def mcp(words: Sequence[str]) -> int:
    """Serve; without a verb that is the server with `request_approval`, `ask_human` and `decide`."""
    from signoff_agents._mcp_words import main

    try:
        return main(words)
    except ImportError as error:
        print(f"signoff: {error}", file=sys.stderr)
        return NOT_STARTED


def hook(words: Sequence[str]) -> int:
    """One call of a hook. Whatever goes wrong on the way stops the tool."""
    try:
        if words[:1] in (["-h"], ["--help"]):
            print(f"usage: signoff hook {HOOKS} [--within SECONDS] …\n\nHooks of agents; {HOOKS} --help says more.")
            return 0
        if words[:1] == [HOOKS]:
            from signoff_agents.claude.hook import main

            return main(words[1:])
        said = f"which one? There is {HOOKS}."
    except BaseException as error:  # noqa: BLE001  # exit codes other than 2 let tools run
        said = f"it could not be loaded ({type(error).__name__}); nothing was run."
    with suppress(Exception):  # whoever does not hear why has the exit code
        sys.stderr.write(f"signoff hook: {said}\n")
        sys.stderr.flush()
    return BLOCK
