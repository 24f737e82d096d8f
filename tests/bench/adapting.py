"""P19, P20: what each adapter adds to a tool call of its framework, and to importing it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, cast

from figures import Round, Row, bounded, compared, duration, p50
from ground import ANSWER, HERE, Ground, child, redis_up
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
    async with redis_up() as server, served(server.unix, POLICY) as environ, _least(server.unix) as least:
        for name in names:
            framework = frameworks["plain" if name == FIRST else name]
            await asyncio.to_thread(framework.make)
            around = {**os.environ, **framework.env, **environ, "SIGNOFF_BENCH_LEAST": least}
            found.append(await _overhead(name, framework.program, around, ground.some(15)))
            if name != FIRST:
                found.append(await _import(name, framework.program, around, ground.some(15)))
    return sorted(found, key=lambda row: row.goal)


@asynccontextmanager
async def _least(redis_url: str) -> AsyncIterator[str]:
    """The address of what a gated call is compared with."""
    async with child("handwritten_gate.py", redis_url) as process:
        yield f"http://127.0.0.1:{(await process.hear())['port']}"


async def _overhead(name: str, python: Path, around: dict[str, str], rounds: int) -> Row:
    """The bound is one of time; the ratio to the least that two calls over HTTP take tells how fast the machine is."""
    added: list[Round] = []
    without: list[float] = []
    async with _running(python, "calls.py", name, around=around) as process:
        await _told(process)
        for _ in range(rounds):
            assert process.stdin is not None
            process.stdin.write(b"\n")
            least, free, gated = await _told(process)
            added.append((gated - free, least))
            without.append(free)
    row = compared("P19", f"{name}: what the gate adds to a tool call, p50", added)
    row.figures.update(best=min(gated for gated, _ in added), free=p50(without))
    return replace(
        row,
        wants=f"≤ {duration(OVERHEAD)}",
        reference=f"{row.reference}; {duration(p50(without))} without the gate",
        holds=row.figures["ours"] <= OVERHEAD,
    )


async def _import(name: str, python: Path, around: dict[str, str], rounds: int) -> Row:
    with TemporaryDirectory(prefix="signoff-bench-") as compiled:
        # Compiled once, as an installed package is, whatever this machine's Python has been told.
        kept = {**around, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        await _child(python, "imports.py", name, around=kept)
        took = [(await _child(python, "imports.py", name, around=kept))[0] for _ in range(rounds)]
    return bounded(
        "P20", f"{name}: importing the adapter over its framework", statistics.median(took), IMPORT, duration
    )


async def _child(python: Path, file: str, *words: str, around: dict[str, str]) -> list[float]:
    async with _running(python, file, *words, around=around) as process:
        return await _told(process)


@asynccontextmanager
async def _running(python: Path, file: str, *words: str, around: dict[str, str]) -> AsyncIterator[Process]:
    """A program of `agents`, until the end of the block."""
    with TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            python, HERE / "agents" / file, *words, env=around, stdin=PIPE, stdout=PIPE, stderr=errors
        )
        assert process.stdin is not None
        try:
            yield process
        except EOFError:
            errors.seek(0)
            said = errors.read().decode().strip().splitlines()[-1:]
            raise RuntimeError(f"{file} {' '.join(words)}: {said}") from None
        finally:
            process.stdin.close()  # which ends it
            await process.wait()


async def _told(process: Process) -> list[float]:
    """The next list that it prints; a framework may print what it likes beside them. Raises EOFError."""
    assert process.stdout is not None
    async with asyncio.timeout(ANSWER):
        while line := await process.stdout.readline():
            if line.startswith(b"["):
                return cast("list[float]", json.loads(line))
    raise EOFError


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
