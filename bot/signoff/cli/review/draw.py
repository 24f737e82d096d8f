"""A review on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from signoff.cli import bulk
from signoff.cli.listing import ends_in
from signoff.cli.review.state import Review, asks
from signoff.client.wire import Document
from signoff.model import one_line

AROUND = 8
"""Lines of the terminal that are not the list's."""
KEYS = {
    "list": "↑↓ j k move · space select · g alike · a approve · r reject · enter open · n next · q quit",
    "refused": "enter opens this one · escape goes back to the list · no other key counts",
    "open": "a approve · r reject · n next · k back · enter list",
    "reason": "enter goes on · escape goes back",
    "sure": "y decides · any other key goes back",
    "results": "any key goes back to the list",
    "over": "",
}


def draw(review: Review, console: Console, whole: Document | None) -> None:
    """`whole`: everything about the open one."""
    console.clear()
    match review.mode:
        case "list" | "refused":
            _list(review, console)
        case "open":
            _open(review, console, whole)
        case "reason":
            console.print(Text(f"Why {_what(review)} rejected? The agent reads it. "), end="")
            console.print(Text(review.reason + "▏"))
        case "sure" if review.single:
            _open(review, console, whole)
            if review.reason:
                console.print(Text(f"Reason: {one_line(review.reason)}"))
            console.print(Text(asks(review), style="bold"))
        case "sure":
            bulk.show(review.kind, review.checked, to=console)
            if review.reason:
                console.print(Text(f"Reason: {one_line(review.reason)}"))
            console.print(Text(bulk.question(review.kind, len(review.ready)), style="bold"))
        case "results":
            bulk.tell(review.results, to=console)
            bulk.tell_review(review.decided_as, to=console)
        case "over":
            return
    if review.notice:
        console.print(Text(one_line(review.notice), style="yellow"))
    console.print(Text(KEYS[review.mode], style="dim"))


def _what(review: Review) -> str:
    """`is “deploy: Ship it”`, `are these 3 requests`."""
    titles = [one.title for one in review.chosen]
    if review.single:
        return "is this request"
    return f"is “{titles[0]}”" if len(titles) == 1 else f"are these {len(titles)} requests"


def _list(review: Review, console: Console) -> None:
    console.print(Text(review.heading or "Nothing waits for a decision.", style="bold"))
    room = max(console.height - AROUND, 3)
    first = min(max(review.at - room // 2, 0), max(len(review.items) - room, 0))
    table = Table(box=None, header_style="bold")
    for heading in ("", "", "request", "arguments", "risk", "expires", "note"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True)
    now = datetime.now(UTC)
    for index, item in enumerate(review.items[first : first + room], first):
        left = datetime.fromisoformat(item.expires) - now
        cells = (
            "›" if index == review.at else "",
            "✓" if item.pinned.id in review.selected else "",
            item.pinned.title,
            item.pinned.text,
            item.pinned.risk or "",
            ends_in(left.total_seconds()),
            item.mark or "",
        )
        table.add_row(*(Text(cell) for cell in cells), style="reverse" if index == review.at else "")
    console.print(table)
    if (here := review.here) is not None:
        selected = f" · {len(review.selected)} selected" if review.selected else ""
        console.print(Text(f"{review.at + 1} of {len(review.items)} · {one_line(here.group)}{selected}"))


def _open(review: Review, console: Console, whole: Document | None) -> None:
    from signoff.cli.pending import whole as everything

    console.print(Text(f"{review.at + 1} of {len(review.items)}", style="bold"))
    if whole is not None:
        console.print(everything(whole))
