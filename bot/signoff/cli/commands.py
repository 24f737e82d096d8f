"""All commands on one typer application; every error of ours is one sentence and exit code 2."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from signoff.cli import (
    agents,
    ask,
    audit,
    cancel,
    decide,
    delegations,
    demo,
    doctor,
    freeze,
    keys,
    manifest,
    pending,
    policy,
    serve,
    webhooks,
)
from signoff.errors import SignoffError

USAGE_ERROR = 2

app = typer.Typer(
    name="signoff",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: it fits any terminal, and examples stay as they are written
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    demo,
    serve,
    ask,
    cancel,
    pending,
    decide,
    freeze,
    delegations,
    policy,
    audit,
    webhooks,
    keys,
    doctor,
    manifest,
):
    room.add(app)

# Their words are read where they are run, `--help` included.
PASSED: dict[str, object] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=PASSED, short_help="An MCP server, or a gateway before one: agents ask through it.")
def mcp(context: typer.Context) -> None:
    raise typer.Exit(agents.mcp(context.args))


@app.command(context_settings=PASSED, short_help="Hooks of coding agents: people are asked before a tool runs.")
def hook(context: typer.Context) -> None:
    raise typer.Exit(agents.hook(context.args))


@app.callback(invoke_without_command=True)
def signoff(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """A person approves what an AI agent is about to do, in Slack or Microsoft Teams.

    \b
    Try it, with nothing to sign up for:
      signoff demo
    Run the bot, and see whether its set-up is right:
      signoff doctor
      signoff serve
    """
    if show_version:
        typer.echo(f"signoff {version('signoff')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run() -> None:
    try:
        app()
    except SignoffError as error:
        print(f"signoff: {error}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
