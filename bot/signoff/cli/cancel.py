"""`signoff cancel`: an agent takes back what it asked."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, cast

import typer

from signoff.cli.pending import path_of
from signoff.cli.remote import COULD_NOT, replies
from signoff.client.wire import Document, Reply
from signoff.model import dumps, one_line

NOT_CANCELLED = 1
"""Exit code when something had ended otherwise, or is not there."""


def add(app: typer.Typer) -> None:
    @app.command(short_help="Take back what was asked.")
    def cancel(
        ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The request, or several.")],
        json: Annotated[bool, typer.Option("--json", help="Print what became of each as JSON.")] = False,
    ) -> None:
        """Take requests back, with the agent key that asked: nobody decides them any more, and who waits for one is
        told.

        Exit code 0 if all are taken back, also when they were before; 1 if one had ended otherwise or is not there; 20
        if the service could not be reached or said no.

        \b
        Examples:
          signoff cancel req_0192…
          signoff pending --json | jq -r '.requests[].id' | xargs signoff cancel
        """
        wanted = list(dict.fromkeys(ids))
        answers = asyncio.run(replies([f"{path_of(one)}/cancel" for one in wanted], "POST"))
        results = [_became(reply) for reply in answers]
        if json:
            told = zip(wanted, results, strict=True)
            print(dumps({"results": [{"id": one, "result": word, "sentence": said} for one, (word, said, _) in told]}))
        else:
            for one, (_, said, code) in zip(wanted, results, strict=True):
                line = f"{one_line(one)}: {one_line(said)}"
                print(f"signoff: {line}" if code else line, file=sys.stderr if code else sys.stdout)
        raise typer.Exit(max(code for _, _, code in results))


def _became(reply: Reply) -> tuple[str, str, int]:
    """A word for programs, a sentence for people, and the exit code."""
    if reply.status == 200:
        return "cancelled", "It is taken back.", 0
    if reply.code == "already_decided":
        stands = cast("Document", reply.body["request"])["status"]
        return str(stands), reply.detail, 0 if stands == "cancelled" else NOT_CANCELLED
    return reply.code, reply.detail, NOT_CANCELLED if reply.status == 404 else COULD_NOT
