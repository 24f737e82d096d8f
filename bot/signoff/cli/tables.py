"""Lists on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from signoff.model import visible


def show(headings: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
    """A table whose first column is never broken; columns without a word are left out, texts stay texts (I12)."""
    table = Table(box=None, header_style="bold")
    used = [index for index in range(len(headings)) if index == 0 or any(row[index] for row in rows)]
    for index in used:
        table.add_column(headings[index], overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(Text(visible(row[index] or "")) for index in used))
    Console().print(table)
