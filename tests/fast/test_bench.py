"""The benchmark: every goal has rows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

BENCH = Path(__file__).parents[1] / "bench"


def goals() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_goals", BENCH / "goals.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_goal_is_measured_by_one_module() -> None:
    """P1, P2 and so on each have exactly one family of rows, and that family's module names them in its rows."""
    found = goals()
    assert list(found.GOALS) == [f"P{number}" for number in range(1, len(found.GOALS) + 1)]
    measured = [goal for goals_ in found.FAMILIES.values() for goal in goals_]
    assert sorted(measured) == sorted(found.GOALS)
    for family, goals_ in found.FAMILIES.items():
        source = (BENCH / f"{family}.py").read_text("utf-8")
        assert "async def rows(ground: Ground) -> list[Row]:" in source
        assert all(f'"{goal}"' in source for goal in goals_)
