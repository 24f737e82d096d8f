"""P19, P20: what each adapter adds to a tool call of its framework, and to importing it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import statistics
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any, cast

from figures import Row, bounded, duration
from ground import HERE, Ground, redis_up
from serving_alone import served

TESTS = HERE.parent / "agents"
OVERHEAD = 0.003
"""Seconds."""
IMPORT = 0.020
"""Seconds."""
POLICY = """
version: 1
people: {ada: {name: Ada Okafor}}
defaults: {approvers: [ada]}
rules: [{name: small, when: 'tool in ["pay", "transfer"]', decide: approve}]
"""
FIRST = "gate.tool"
"""No framework: what the others stand on. It runs in the environment of `plain`."""


async def rows(ground: Ground) -> list[Row]:
    """One of each for every adapter; SIGNOFF_BENCH_AGENTS=plain,mcp names some of them."""
    frameworks = _frameworks()
    some = os.environ.get("SIGNOFF_BENCH_AGENTS")
    names = some.split(",") if some else [FIRST, *(name for name in frameworks if _is_adapter(name))]
    found: list[Row] = []
    async with redis_up() as server, served(server.unix, POLICY) as environ:
        for name in names:
            framework = frameworks["plain" if name == FIRST else name]
            await asyncio.to_thread(framework.make)
            around = {**os.environ, **framework.env, **environ}
            found.append(await _overhead(name, framework.program, around, ground.some(15)))
            if name != FIRST:
                found.append(await _import(name, framework.program, around, ground.some(15)))
    return sorted(found, key=lambda row: row.goal)


async def _overhead(name: str, python: Path, around: dict[str, str], rounds: int) -> Row:
    pairs = await _child(python, "calls.py", name, str(rounds), around=around)
    added = statistics.median(gated - free for free, gated in pairs)
    free = statistics.median(free for free, _ in pairs)
    row = bounded("P19", f"{name}: what the gate adds to a tool call, p50", added, OVERHEAD, duration)
    figures = {**row.figures, "least": min(gated - free for free, gated in pairs), "free": free}
    return Row(row.goal, row.what, row.wants, row.measured, f"{duration(free)} without", row.holds, figures)


async def _import(name: str, python: Path, around: dict[str, str], rounds: int) -> Row:
    took = [(await _child(python, "imports.py", name, around=around))[0][0] for _ in range(rounds)]
    return bounded(
        "P20", f"{name}: importing the adapter over its framework", statistics.median(took), IMPORT, duration
    )


async def _child(python: Path, file: str, *words: str, around: dict[str, str]) -> list[list[float]]:
    """The lists that it prints; a framework may print what it likes beside them."""
    process = await asyncio.create_subprocess_exec(
        python, HERE / "agents" / file, *words, env=around, stdout=PIPE, stderr=PIPE
    )
    out, said = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{file} {' '.join(words)}: {said.decode().strip().splitlines()[-1:]}")
    return [cast("list[float]", json.loads(line)) for line in out.decode().splitlines() if line.startswith("[")]


def _is_adapter(name: str) -> bool:
    folder = HERE.parents[1] / "adapters" / "signoff_agents"
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


def _frameworks() -> dict[str, Any]:
    """As their tests know them, with the environments that these run in."""
    spec = importlib.util.spec_from_file_location("signoff_agents_tests", TESTS / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("dict[str, Any]", module.frameworks())
