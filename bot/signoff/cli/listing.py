"""What waits, as a table: counts first, what is alike, then the most urgent first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from rich.console import Console
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from signoff.cli import stages, waiting
from signoff.client.wire import Document
from signoff.model import dumps, one_line, shorten, steps, visible

CELL = 60
"""Characters of one value in a table."""
VALUE = 200
"""Characters of one value in a line about a change."""
WIDE = 120
"""Columns of a terminal in which every column of the list has its place; on others arguments stand below each row."""
INDENT = 2
"""Columns before the arguments below a row."""
REST = 12
"""Columns that saying how much is hidden may take."""


def show(page: Document, *, narrowed: bool) -> None:
    """`page`: of the queue, or of an agent's own requests. `narrowed`: only a part was asked for."""
    requests = waiting.requests(page)
    if not requests:
        print("Nothing like this waits for a decision." if narrowed else "Nothing waits for a decision.")
        return
    console = Console()
    if "total" in page:
        _summary(page, console)
    now = datetime.now(UTC)
    wide = console.width >= WIDE
    # Below its row they may take two lines, and at the end of them what says how much is hidden.
    rows = [_row(one, now, CELL if wide else max(2 * (console.width - INDENT) - REST, CELL)) for one in requests]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=max(len(row["id"]) for row in rows))
    # Columns without a word in them would only make the others narrow; `show` has what a narrow screen has not.
    left_out = {"id"} if wide else {"id", "arguments", "editable", "decided by", "note"}
    headings = [name for name in rows[0] if name not in left_out and any(row[name] for row in rows)]
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[name]) for name in ("id", *headings)))
    if wide:
        console.print(table)
    else:
        _print(table, [row["arguments"] for row in rows], console)
    if page.get("cursor"):
        print(f"More: the same with --cursor {page['cursor']}")


def _print(table: Table, below: Sequence[str], console: Console) -> None:
    """The table with a line below each of its rows."""
    rows: list[list[Segment]] = [[]]
    headed = False
    for line in console.render_lines(table):
        # In the column of ids something stands on the last line of the heading and on the first one of each row.
        if not "".join(part.text for part in line).startswith(" "):
            if headed:
                rows.append([])
            headed = True
        rows[-1] += [*line, Segment.line()]
    for row, text in zip(rows, (None, *below), strict=True):
        console.print(Segments(row), end="")
        if text is not None:
            console.print(Padding(Text(text, overflow="fold"), (0, 0, 0, INDENT), expand=False))


def _summary(page: Document, console: Console) -> None:
    console.print(Text(waiting.counted(page), style="bold"))
    if (tools := waiting.spread(page)) is not None:
        console.print(Text(visible(tools)))
    for alike in waiting.groups(page):
        console.print(Text(visible(f"  {alike['title']}: {alike['detail']}")))
    console.print()


def _row(request: Document, now: datetime, room: int) -> dict[str, str]:
    left = datetime.fromisoformat(str(request["expires_at"])) - now
    cells = {
        "id": request["id"],
        "what": request.get("title") or request["tool"],
        "arguments": _short(dumps(request["arguments"]), room),
        "agent": request.get("agent"),
        "risk": request.get("risk"),
        "note": waiting.mark(request),
        "editable": ", ".join(cast("list[str]", request.get("editable") or [])),
        "decided by": ", ".join(cast("list[str]", request.get("approvers") or [])),
        "votes": stages.progress(request),
        "mode": request.get("mode") if request.get("mode") != "enforce" else None,
        "expires": ends_in(left.total_seconds()),
    }
    return {name: visible(str(value)) if value else "" for name, value in cells.items()}


def ends_in(seconds: float) -> str:
    """How far away a moment is, in the largest unit that fits."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"in {seconds / length:.0f} {unit}"
    return f"in {max(seconds, 0):.0f} s"


def _short(text: str, room: int) -> str:
    kept, hidden = shorten(text, room)
    return f"{kept}… (+{hidden})" if hidden else kept


def changed(path: str, before: object, after: object) -> str:
    """What an edit did to one value, in a line. `path`: a JSON Pointer."""
    was, now = (_short(one_line(dumps(value)), VALUE) for value in (before, after))
    return f"Changed {one_line('/'.join(steps(path)))}: {was} → {now}"
