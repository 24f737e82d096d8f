"""`python tests/bench`: every goal of the waiting path and of the rules, measured in one run."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

from figures import Row
from goals import FAMILIES, GOALS
from ground import Ground, program
from rich.console import Console
from rich.table import Table

GATES = frozenset({"P11", "P14", "P18"})
"""Not a matter of speed: when they fail, so does the run."""


async def measure(wanted: set[str], ground: Ground, console: Console) -> list[Row]:
    found: list[Row] = []
    for family, goals in FAMILIES.items():
        if wanted.isdisjoint(goals):
            continue
        began = time.monotonic()
        rows = cast("list[Row]", await importlib.import_module(family).rows(ground))
        console.print(f"[dim]{', '.join(goals)}: {time.monotonic() - began:.0f} s[/dim]")
        found += [row for row in rows if row.goal in wanted]
    return sorted(found, key=lambda row: int(row.goal[1:]))


def table(rows: list[Row]) -> Table:
    drawn = Table(title="Against the reference of the same run: medians of interleaved rounds")
    for heading in ("", "What", "Goal", "Measured", "Reference", ""):
        drawn.add_column(heading, no_wrap=heading not in {"What", "Measured"})
    verdicts = {True: "[green]holds[/green]", False: "[red]falls short[/red]", None: ""}
    for row in rows:
        drawn.add_row(row.goal, row.what, row.wants, row.measured, row.reference, verdicts[row.holds])
    return drawn


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    parser.add_argument("--only", metavar="P1,P3", help="measure these goals alone")
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds: to see that it runs")
    given = parser.parse_args()
    wanted = set(given.only.split(",")) if given.only else set(GOALS)
    if unknown := sorted(wanted - set(GOALS)):
        parser.error(f"there is no goal {unknown[0]}; there are {', '.join(GOALS)}")
    console = Console(width=max(Console().width, 150))
    rows = asyncio.run(measure(wanted, Ground(quick=given.quick), console))
    console.print(table(rows))
    if given.json:
        machine = {"python": platform.python_version(), "cores": os.cpu_count(), "redis": program()}
        whole = {"machine": machine, "quick": given.quick, "rows": [asdict(row) for row in rows]}
        given.json.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    failed = [row for row in rows if row.goal in GATES and row.holds is False]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
