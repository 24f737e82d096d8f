"""Claude: the agent SDK's permission callback and hooks, and a hook for Claude Code that needs no program.

`python -m signoff_agents.claude hook` is that hook; it needs no SDK.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signoff_agents.claude.sdk import can_use_tool, hooks, pre_tool_use

__all__ = ["can_use_tool", "hooks", "pre_tool_use"]


def __getattr__(name: str) -> object:
    # The hook's process is started for every call, and neither needs the SDK nor has the time to load it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module("signoff_agents.claude.sdk"), name)
    globals()[name] = found
    return found
