"""The command line. The base install holds the agent's side only, so everything heavy is loaded when it is used."""

from __future__ import annotations

import sys


def main() -> None:
    """The `signoff` command."""
    from signoff.cli import agents

    if agents.taken(sys.argv[1:]):
        sys.exit(agents.run(sys.argv[1:]))
    try:
        from signoff.cli.commands import run

        run()
    except ModuleNotFoundError as error:
        name = error.name or "a module"
        if name.startswith("signoff"):
            raise  # ours: a broken installation, not a small one
        print(
            f"signoff: the command line needs the server's packages ({name} is missing); "
            'install them with: pip install "signoff[server]"',
            file=sys.stderr,
        )
        sys.exit(2)
