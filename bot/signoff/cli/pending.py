"""`signoff pending`, `show`: what an approver looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, cast
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from signoff.cli import listing, stages, waiting
from signoff.cli.remote import fail, fetch
from signoff.client.wire import Document
from signoff.model import dumps, visible


def add(app: typer.Typer) -> None:
    @app.command(short_help="List what waits for a decision.")
    def pending(
        words: Annotated[
            list[str] | None,
            typer.Argument(metavar="WORD", help="Only these: refunds, high, @agent, '#channel', or any text."),
        ] = None,
        risk: Annotated[str | None, typer.Option(metavar="RISK", help="Only this risk.")] = None,
        tool: Annotated[str | None, typer.Option(metavar="NAME", help="Only calls of this tool.")] = None,
        agent: Annotated[str | None, typer.Option(metavar="NAME", help="Only this agent's.")] = None,
        channel: Annotated[str | None, typer.Option(metavar="PLACE", help="Only those shown in this place.")] = None,
        text: Annotated[str | None, typer.Option(metavar="TEXT", help="Only those in which this is read.")] = None,
        review: Annotated[
            bool, typer.Option("--review", help="Look through them and decide, at the keyboard.")
        ] = False,
        limit: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many.")] = 20,
        cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Where the page before ended.")] = None,
        json: Annotated[bool, typer.Option("--json", help="Print the page as JSON.")] = False,
    ) -> None:
        """What waits for a decision, the most urgent first: with an approver key what you may decide, with an agent key
        what it asked.

        With --review: arrows or j k move, space selects, g selects what is alike, a approves and r rejects what is
        selected, or else the row you are on, enter opens one, n goes on, q quits. Nothing is decided before you have
        seen a list of it and said y.

        \b
        Examples:
          signoff pending
          signoff pending high
          signoff pending issue_refund @support-agent '#refunds'
          signoff pending --risk low --json | jq -r '.requests[].id'
          signoff pending --tool issue_refund --review
        """
        options = {"risk": risk, "tool": tool, "agent": agent, "channel": channel, "text": text}
        query = waiting.narrowed(words or [], options)
        if review:
            if json or query is None:
                fail("--review needs an approver key, and goes without --json.", 2)
            from signoff.cli.review import run

            run(query)
            return
        there = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        page = None if query is None else waiting.page({**query, **there})
        if page is None:
            if words or tool or text:
                fail("Only an approver key has a queue to look through by word, --tool or --text.", 2)
            kept = {name: value for name, value in options.items() if value is not None}
            page = fetch("/v1/requests", {"status": "pending", **kept, **there})
        if json:
            print(dumps(page))
            return
        listing.show(page, narrowed=bool(query))

    @app.command(short_help="Show everything about one request.")
    def show(
        request_id: Annotated[str, typer.Argument(metavar="ID", help="The request.")],
        json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    ) -> None:
        """Everything about one request.

        \b
        Example:
          signoff show req_0192… --json | jq .arguments
        """
        request = fetch(path_of(request_id))
        if json:
            print(dumps(request))
            return
        Console().print(whole(request))


def whole(request: Document) -> Table:
    """Everything about one request."""
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in request.items():
        if value in (None, [], {}) or name in _APART or (name, value) == ("mode", "enforce"):
            continue
        table.add_row(Text(name, style="bold"), _text(value))
    for number, stage in enumerate(stages.stages(request), 1):
        name = str(stage["name"]) or str(number)
        table.add_row(Text.assemble("stage.", (visible(name), "bold")), Text(visible(stages.line(stage))))
    for name, value in cast("Document", request["arguments"]).items():
        table.add_row(Text.assemble("arguments.", (visible(name), "bold")), Text(visible(dumps(value))))
    decision = request.get("decision")
    if isinstance(decision, dict):
        for name, value in cast("Document", decision).items():
            if value not in (None, False, [], {}):
                table.add_row(Text.assemble("decision.", (name, "bold")), _text(value))
    return table


_APART = frozenset({"arguments", "schema", "response_schema", "decision", "stages"})
"""Fields of a request that `show` does not put on a line of their own."""


def path_of(request_id: str) -> str:
    return f"/v1/requests/{quote(request_id, safe='')}"


def _text(value: object) -> Text:
    """Text from agents as text: no markup, nothing invisible (I12)."""
    if value is None:
        return Text("–")
    return Text(visible(value if isinstance(value, str) else dumps(cast("Mapping[str, object]", value))))
