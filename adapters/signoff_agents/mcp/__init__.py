"""MCP: a gateway in front of any server, a server of our own, and elicitation answered by people.

`python -m signoff_agents.mcp gateway -- <command>` or `… gateway --url <address>` stands between a host and a server;
`python -m signoff_agents.mcp serve` offers `request_approval`, `ask_human` and Claude Code's permission prompt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from signoff_agents.gating import missing

try:
    import mcp.types as _types  # noqa: F401  # pyright: ignore[reportUnusedImport]  # only whether it is there
except ImportError as error:
    raise missing(__name__, "mcp", error) from error

if TYPE_CHECKING:
    from signoff_agents.mcp.elicitation import elicitation_callback
    from signoff_agents.mcp.gateway import gateway
    from signoff_agents.mcp.server import server

__all__ = ["elicitation_callback", "gateway", "server"]

_WHERE = {"elicitation_callback": "elicitation", "gateway": "gateway", "server": "server"}


def __getattr__(name: str) -> object:
    # Each loads another part of the SDK; whoever wants one does not wait for the others.
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"signoff_agents.mcp.{_WHERE[name]}"), name)
    globals()[name] = found
    return found
