"""All commands on one typer application; every error of ours is one sentence and exit code 2."""

from __future__ import annotations

import sys

import typer

from signoff.cli import ask, audit, demo, doctor, keys, manifest, pending, policy, serve
from signoff.errors import SignoffError

USAGE_ERROR = 2

app = typer.Typer(
    name="signoff",
    help="A person approves what an AI agent is about to do, in Slack or Microsoft Teams.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (demo, serve, ask, pending, policy, audit, keys, doctor, manifest):
    room.add(app)


def run() -> None:
    try:
        app()
    except SignoffError as error:
        print(f"signoff: {error}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
