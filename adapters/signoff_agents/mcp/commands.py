"""The commands: `gateway` and `serve`. `main(words)` is all that another command line needs."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from signoff.errors import SignoffError

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

RISKS = ("low", "medium", "high", "critical")
KINDS = ("approve", "edit", "reject", "respond")
PATIENCE = 20.0
"""Seconds: hosts give up on a silent server after 30 to 60."""
NOT_STARTED = 20
"""Exit code when nothing could be served; that of `signoff ask` when nobody could be asked."""

GATEWAY = """\
Stands between an MCP host and an MCP server. Every tool call waits until it is approved (the service's policy may
approve by itself), runs with the approved arguments, once, or does not run. Everything else passes unchanged.
The service and the key come from SIGNOFF_URL and SIGNOFF_API_KEY.
"""


def main(words: Sequence[str]) -> int:
    """Run a command. The exit code."""
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help"}):
        words = ["serve", *words]
    cut = words.index("--") if "--" in words else len(words)
    command = list(words[cut + 1 :])
    parser = _parser()
    said = parser.parse_args(words[:cut])
    # Standard output is the protocol's.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="signoff: %(message)s")
    try:
        return asyncio.run(_gateway(parser, said, command) if said.verb == "gateway" else _serve(said))
    except KeyboardInterrupt:
        return 130
    except SignoffError as error:  # no key, or no address: better no server than one that can only say no
        sys.stderr.write(f"signoff: {error}\n")
        return NOT_STARTED


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


async def _gateway(parser: argparse.ArgumentParser, said: argparse.Namespace, command: list[str]) -> int:
    from signoff_agents.mcp.child import NotStarted
    from signoff_agents.mcp.gateway import Gateway

    fields = {
        "agent": said.agent, "risk": said.risk, "channel": said.channel, "expires_in": said.expires_in,
        "allowed_decisions": said.decisions,
    }  # fmt: skip
    given = cast("Fields", {name: value for name, value in fields.items() if value is not None})
    try:
        made = Gateway(
            _gate(said),
            command=command,
            url=said.url,
            headers=dict(_header(text) for text in said.header),
            prefix=said.prefix,
            fields=given,
            run_id=said.run,
        )
        address = None if said.http is None else _address(said.http)
    except ValueError as error:
        parser.error(str(error))
    try:
        if address is None:
            return await made.stdio()
        return await made.http(*address, hosts=said.allow_host)
    except (NotStarted, OSError) as error:
        sys.stderr.write(f"signoff: {error}\n")
        return NOT_STARTED


async def _serve(said: argparse.Namespace) -> int:
    from signoff_agents.mcp.server import server

    gate = _gate(said)
    async with gate:
        await server(gate, run_id=said.run).run_stdio_async()
    return 0


def _gate(said: argparse.Namespace) -> Gate:
    from signoff.client import Gate

    return Gate(agent=said.agent, patience=said.patience)


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(KINDS)}")
    return kinds


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(f'--header is "Name: value", not "{name}"')
    return name.strip(), value.strip()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit():
        raise ValueError(f"--http is HOST:PORT, like 127.0.0.1:8090, not {text}")
    return host.strip("[]") or "127.0.0.1", int(port)
