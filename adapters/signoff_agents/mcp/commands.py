"""The commands: `gateway` and `serve`, once their words have been read."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from typing import TYPE_CHECKING, cast

from signoff.errors import SignoffError

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

NOT_STARTED = 20
"""Exit code when nothing could be served; that of `signoff ask` when nobody could be asked."""


def run(parser: argparse.ArgumentParser, said: argparse.Namespace, command: list[str]) -> int:
    """Run what was said. `command`: what stands behind `--`. The exit code."""
    # Standard output is the protocol's.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="signoff: %(message)s")
    try:
        return asyncio.run(_gateway(parser, said, command) if said.verb == "gateway" else _serve(said))
    except KeyboardInterrupt:
        return 130
    except SignoffError as error:  # no key, or no address: better no server than one that can only say no
        sys.stderr.write(f"signoff: {error}\n")
        return NOT_STARTED


async def _gateway(parser: argparse.ArgumentParser, said: argparse.Namespace, command: list[str]) -> int:
    from signoff_agents.mcp.child import NotStarted
    from signoff_agents.mcp.gateway import Gateway
    from signoff_agents.mcp.preflight import preflight

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
        async with preflight():
            if address is None:
                return await made.stdio()
            return await made.http(*address, hosts=said.allow_host)
    except (NotStarted, OSError) as error:
        sys.stderr.write(f"signoff: {error}\n")
        return NOT_STARTED


async def _serve(said: argparse.Namespace) -> int:
    from signoff_agents.mcp.preflight import preflight
    from signoff_agents.mcp.server import server

    gate = _gate(said)
    async with preflight(), gate:
        await server(gate, run_id=said.run).run_stdio_async()
    return 0


def _gate(said: argparse.Namespace) -> Gate:
    from signoff.client import Gate

    return Gate(agent=said.agent, patience=said.patience)


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
