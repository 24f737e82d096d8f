"""The command line. The base install holds the agent's side only, so everything heavy is loaded when it is used."""

from __future__ import annotations

import sys


def main() -> None:
    """The `signoff` command."""
    try:
        from signoff.cli.main import run
    except ModuleNotFoundError as error:
        print(
            f"signoff: the command line needs the server's packages ({error.name} is missing); "
            'install them with: pip install "signoff[server]"',
            file=sys.stderr,
        )
        sys.exit(2)
    run()
