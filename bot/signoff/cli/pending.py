"""`signoff pending`, `show`, `decide`: the approver's terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, cast, get_args
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from signoff.cli.remote import call, fail, faults, fetch, pairs
from signoff.client.wire import Document
from signoff.model import Kind, dumps, loads, shorten, visible

NOT_DECIDED = 1
"""Exit code of `decide` when the decision did not count."""
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
        request = fetch(_path(request_id))
        if json:
            print(dumps(request))
            return
        table = Table(box=None, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in request.items():
            if value in (None, [], {}) or name in {"arguments", "schema", "response_schema", "decision"}:
                continue
            table.add_row(Text(name, style="bold"), _text(value))
        for name, value in cast("Document", request["arguments"]).items():
            table.add_row(Text.assemble("arguments.", (visible(name), "bold")), Text(visible(dumps(value))))
        decision = request.get("decision")
        if isinstance(decision, dict):
            for name, value in cast("Document", decision).items():
                if value not in (None, [], {}):
                    table.add_row(Text.assemble("decision.", (name, "bold")), _text(value))
        Console().print(table)

    @app.command(short_help="Decide, as the person of your approver key.")
    def decide(
        request_id: Annotated[str, typer.Argument(metavar="ID", help="The request.")],
        kind: Annotated[str, typer.Argument(metavar="KIND", help="approve, edit, reject or respond.")],
        arg: Annotated[
            list[str] | None, typer.Option(metavar="NAME=VALUE", help="With edit: the new value of an argument.")
        ] = None,
        json_arg: Annotated[
            list[str] | None, typer.Option(metavar="NAME=JSON", help="With edit: the same as JSON.")
        ] = None,
        message: Annotated[
            str | None, typer.Option("--message", "-m", metavar="TEXT", help="Why; the agent reads it.")
        ] = None,
        response: Annotated[str | None, typer.Option(metavar="TEXT", help="With respond: the answer, as text.")] = None,
        json_response: Annotated[
            str | None, typer.Option(metavar="JSON", help="With respond: the answer, as JSON.")
        ] = None,
        version: Annotated[
            int | None,
            typer.Option(min=1, metavar="N", help="The version you looked at; left out: the one that stands now."),
        ] = None,
        json: Annotated[bool, typer.Option("--json", help="Print the request as JSON.")] = False,
    ) -> None:
        """Decide as the person of your approver key; the same rules as a click in chat.

        \b
        Examples:
          signoff decide req_0192… approve
          signoff decide req_0192… edit --arg amount=400 -m "cap is 400"
          signoff decide req_0192… reject -m "wrong customer"
          signoff decide req_0192… respond --response "eu"
        """
        if kind not in get_args(Kind):
            fail(f"{kind}: use one of {', '.join(get_args(Kind))}.", 2)
        before = fetch(_path(request_id))
        body: Document = {"kind": kind, "version": version or before["version"], "message": message}
        if kind == "edit":
            texts, data = pairs(arg or [], json_arg or [])
            if not texts and not data:
                fail("edit changes something: name it with --arg or --json-arg, or decide with approve.", 2)
            current = cast("Document", before["arguments"])
            body["arguments"] = {
                **current,
                **{name: like(current.get(name), text) for name, text in texts.items()},
                **data,
            }
        elif arg or json_arg:
            fail("--arg and --json-arg go with edit.", 2)
        if kind == "respond":
            body["response"] = _response(response, json_response)
        reply = call("POST", f"{_path(request_id)}/decisions", body)
        if reply.status != 200:
            fail(faults(reply), NOT_DECIDED)
        if json:
            print(dumps(reply.body))
        elif reply.body["status"] == "pending":
            print(f"{request_id} is changed to version {reply.body['version']} and waits for somebody else's approval.")
        else:
            print(f"{request_id} is {reply.body['status']}.")


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
        "expires": _in(left.total_seconds()),
    }
    return {name: visible(str(value)) if value else "" for name, value in cells.items()}


def _in(seconds: float) -> str:
    """How far away a moment is, in the largest unit that fits."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"in {seconds / length:.0f} {unit}"
    return f"in {max(seconds, 0):.0f} s"


def like(current: object, text: str) -> object:
    """Typed text as the kind of value that stands there now; anything else stays text."""
    if isinstance(current, int | float | Decimal):  # booleans are ints
        try:
            value = loads(text)
        except ValueError:
            return text
        wanted: tuple[type, ...] = (bool,) if isinstance(current, bool) else (int, float, Decimal)
        fits = isinstance(value, wanted) and isinstance(value, bool) == isinstance(current, bool)
        return value if fits else text
    return text


def _response(text: str | None, json: str | None) -> object:
    if (text is None) == (json is None):
        fail("respond needs --response TEXT or --json-response JSON.", 2)
    if json is None:
        return text
    try:
        return loads(json)
    except ValueError as error:
        fail(f"--json-response: {error}.", 2)


def _path(request_id: str) -> str:
    return f"/v1/requests/{quote(request_id, safe='')}"


def _short(text: str) -> str:
    kept, hidden = shorten(text, CELL)
    return f"{kept}… (+{hidden})" if hidden else kept


def _text(value: object) -> Text:
    """Text from agents as text: no markup, nothing invisible (I12)."""
    if value is None:
        return Text("–")
    return Text(visible(value if isinstance(value, str) else dumps(cast("Mapping[str, object]", value))))
