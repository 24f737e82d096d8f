"""The words of `signoff mcp`. Beside the adapter and not in it: they can be read before its SDK is installed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

RISKS = ("low", "medium", "high", "critical")
KINDS = ("approve", "edit", "reject", "respond")
PATIENCE = 20.0
"""Seconds: hosts give up on a silent server after 30 to 60."""

GATEWAY = """\
Stands between an MCP host and an MCP server. Every tool call waits until it is approved (the service's policy may
approve by itself), runs with the approved arguments, once, or does not run. Everything else passes unchanged.
The service and the key come from SIGNOFF_URL and SIGNOFF_API_KEY.
"""


def main(words: Sequence[str]) -> int:
    """Run a command. The exit code. Raises ImportError where the SDK is missing, but for help."""
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help"}):
        words = ["serve", *words]
    cut = words.index("--") if "--" in words else len(words)
    parser = _parser()
    said = parser.parse_args(words[:cut])
    from signoff_agents.mcp.commands import run

    return run(parser, said, list(words[cut + 1 :]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signoff mcp", description="Model Context Protocol. Without a verb: serve.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="gateway | serve")
    gateway = verbs.add_parser(
        "gateway",
        help="hold the tool calls of any MCP server until they are approved",
        description=GATEWAY,
        usage="%(prog)s [options] (--url ADDRESS | -- COMMAND …)",
    )
    gateway.add_argument("--url", help="the server's address, for one that is reached over HTTP")
    gateway.add_argument("--header", action="append", default=[], metavar="NAME: VALUE", help="sent to that address")
    gateway.add_argument("--http", metavar="HOST:PORT", help="serve hosts over HTTP here instead of standard input")
    gateway.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="hosts may use this name for us"
    )
    gateway.add_argument("--agent", help="the name people read; without it the host's own")
    gateway.add_argument("--prefix", default="", help="before the tools' names, as the policy sees them: github.")
    gateway.add_argument("--risk", choices=RISKS, help="of every call; without it the policy's")
    gateway.add_argument("--channel", help="where people are asked, like slack:#deploys")
    gateway.add_argument(
        "--decisions", type=_kinds, metavar="KIND,…", help="what people may do: approve,edit,reject,respond"
    )
    gateway.add_argument("--expires-in", type=int, metavar="SECONDS", help="how long a call waits")
    gateway.add_argument("--run", help="one run for everything, also after a restart")
    _patience(gateway)
    serve = verbs.add_parser(
        "serve",
        help="a server with request_approval, ask_human, decide",
        description="An MCP server: request_approval, ask_human, decide; on standard input.",
    )
    serve.add_argument("--agent", help="the name people read; without it the host's own")
    serve.add_argument("--run", help="one run for everything, also after a restart")
    _patience(serve)
    return parser


def _patience(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, metavar="SECONDS", help="for a service that cannot be reached"
    )


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(KINDS)}")
    return kinds
