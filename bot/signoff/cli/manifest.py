"""`signoff manifest`: the app manifests that Slack and Teams ask for, written for this installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signoff import config as configuration
from signoff.errors import BadConfig


def add(app: typer.Typer) -> None:
    @app.command()
    def manifest(
        chat: Annotated[str, typer.Argument(help="Which chat: slack or teams.")],
        url: Annotated[
            str, typer.Option(help="Public https address of this server; leave out for Slack's Socket Mode.")
        ] = "",
        out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.", file_okay=False)] = Path(),
    ) -> None:
        """Write the app manifest (Slack) or the app package (Teams) with this installation's address and id.

        Example: signoff manifest slack --url https://signoff.example.com
        """
        found = configuration.plugins()
        if chat not in found:
            raise BadConfig(key="chat", fault=f'there is no chat "{chat}".', mend=f"Use one of: {', '.join(found)}.")
        plugin = found[chat]
        out.mkdir(parents=True, exist_ok=True)
        for file in plugin.manifest(url.rstrip("/"), plugin.settings(configuration.environment()), out):
            typer.echo(str(file))
