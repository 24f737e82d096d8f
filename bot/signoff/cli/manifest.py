"""`signoff manifest`: the app manifests that Slack and Teams ask for, written for this installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from signoff import config as configuration
from signoff.cli.remote import fail

REFUSED = 2


def add(app: typer.Typer) -> None:
    @app.command(short_help="Write the app manifest for Slack or Teams.")
    def manifest(
        chat: Annotated[str, typer.Argument(metavar="CHAT", help="slack or teams.")],
        url: Annotated[
            str,
            typer.Option(
                metavar="URL", help="Public https address of this server; not needed for Slack's Socket Mode."
            ),
        ] = "",
        out: Annotated[
            Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder to write to.", file_okay=False)
        ] = Path(),
    ) -> None:
        """Write the app manifest (Slack) or the app package (Teams) with this installation's address and id.

        Slack: paste it at api.slack.com/apps → Create New App → From a manifest. Teams: set TEAMS_APP_ID first, then
        upload the package under Apps → Manage your apps. Prints the names of the files.

        \b
        Examples:
          signoff manifest slack
          signoff manifest teams --url https://signoff.example.com
        """
        found = configuration.plugins()
        if chat not in found:
            fail(f"{chat}: there is no such chat; use {' or '.join(found)}.", REFUSED)
        if url and not _is_public(url):
            fail(f"--url {url}: write the public address of this server, like https://signoff.example.com.", REFUSED)
        plugin = found[chat]
        try:
            files = plugin.manifest(url.rstrip("/"), plugin.settings(configuration.environment()), out)
        except OSError as error:
            fail(f"--out {out}: it cannot be written to ({error.strerror}).", REFUSED)
        for file in files:
            typer.echo(str(file))


def _is_public(url: str) -> bool:
    return configuration.is_http(url) and urlsplit(url).scheme == "https"
