"""`signoff pending`, `show`: what an approver looks at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, cast
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from signoff.cli import stages
from signoff.cli.remote import fetch
from signoff.client.wire import Document
from signoff.model import dumps, shorten, visible

CELL = 60
"""Characters of one value in a table."""
WIDE = 120
"""Columns of a terminal in which every column of the list has its place."""


def add(app: typer.Typer) -> None:
    @app.command(short_help="List what waits for a decision.")
    def pending(
        channel: Annotated[str | None, typer.Option(metavar="PLACE", help="Only those shown in this place.")] = None,
        agent: Annotated[str | None, typer.Option(metavar="NAME", help="Only this agent's.")] = None,
        risk: Annotated[str | None, typer.Option(metavar="RISK", help="Only this risk.")] = None,
        limit: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many.")] = 20,
        cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Where the page before ended.")] = None,
        json: Annotated[bool, typer.Option("--json", help="Print the page as JSON.")] = False,
    ) -> None:
        """What waits for a decision: with an approver key, what you may decide; with an agent key, what it asked.

        \b
        Example:
          signoff pending --risk high
        """
        wanted = {"channel": channel, "agent": agent, "risk": risk, "cursor": cursor, "limit": str(limit)}
        query = {name: value for name, value in wanted.items() if value is not None}
        page = fetch("/v1/requests", {"status": "pending", **query})
        if json:
            print(dumps(page))
            return
        requests = cast("list[Document]", page["requests"])
        if not requests:
            print("Nothing waits for a decision.")
            return
        now = datetime.now(UTC)
        rows = [_row(one, now) for one in requests]
        console, table = Console(), Table(box=None, header_style="bold")
        table.add_column("id", no_wrap=True, min_width=max(len(row["id"]) for row in rows))
        # Columns without a word in them would only make the others narrow; `show` has what a narrow screen has not.
        left_out = {"id"} if console.width >= WIDE else {"id", "editable", "decided by"}
        headings = [name for name in rows[0] if name not in left_out and any(row[name] for row in rows)]
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(Text(row[name]) for name in ("id", *headings)))
        console.print(table)
        if page.get("cursor"):
            print(f"More: signoff pending --cursor {page['cursor']}")

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
        Console().print(table)


_APART = frozenset({"arguments", "schema", "response_schema", "decision", "stages"})
"""Fields of a request that `show` does not put on a line of their own."""


def _row(request: Document, now: datetime) -> dict[str, str]:
    left = datetime.fromisoformat(str(request["expires_at"])) - now
    cells = {
        "id": request["id"],
        "what": request.get("title") or request["tool"],
        "arguments": _short(dumps(request["arguments"])),
        "agent": request.get("agent"),
        "risk": request.get("risk"),
        "editable": ", ".join(cast("list[str]", request.get("editable") or [])),
        "decided by": ", ".join(cast("list[str]", request.get("approvers") or [])),
        "votes": stages.progress(request),
        "mode": request.get("mode") if request.get("mode") != "enforce" else None,
        "expires": _in(left.total_seconds()),
    }
    return {name: visible(str(value)) if value else "" for name, value in cells.items()}


def _in(seconds: float) -> str:
    """How far away a moment is, in the largest unit that fits."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"in {seconds / length:.0f} {unit}"
    return f"in {max(seconds, 0):.0f} s"


def path_of(request_id: str) -> str:
    return f"/v1/requests/{quote(request_id, safe='')}"


def _short(text: str) -> str:
    kept, hidden = shorten(text, CELL)
    return f"{kept}… (+{hidden})" if hidden else kept


def _text(value: object) -> Text:
    """Text from agents as text: no markup, nothing invisible (I12)."""
    if value is None:
        return Text("–")
    return Text(visible(value if isinstance(value, str) else dumps(cast("Mapping[str, object]", value))))
