"""Where Node and the pinned npm packages are. What is missing fails a test; it never skips one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
MEND = "npm ci --prefix tests/npm"
PATIENCE = 20.0
"""Seconds until something that was waited for counts as not happening."""


def node() -> str:
    """The path of Node; the packages are there too."""
    found = shutil.which("node")
    if found is None:
        pytest.fail("Node 20 or newer is missing here; install it, then run: " + MEND)
    if not MODULES.is_dir():
        pytest.fail(f"The npm packages are not installed; run: {MEND}")
    return found


def tool(name: str) -> str:
    """The path of a program that came with the packages."""
    node()
    found = MODULES / ".bin" / name
    if not found.exists():
        pytest.fail(f"{name} is missing in {MODULES.name}; run: {MEND}")
    return str(found)


async def run(*command: str, cwd: Path = HERE) -> tuple[int, str]:
    """The exit code and everything that was printed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


class Script:
    """A running Node script that tells, one JSON object a line, what reached it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: list[tuple[str, Any]] = []

    async def next(self, what: str) -> Any:
        """The next thing of this name that is told; what comes before it stays in `told`."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self._process.stdout.readline():
                one = json.loads(line)
                self.told.append((one["what"], one["body"]))
                if one["what"] == what:
                    return one["body"]
        pytest.fail(f"The script ended without telling {what!r}; it told {[name for name, _ in self.told]}.")

    async def end(self) -> int:
        """Close its input, which ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()


@asynccontextmanager
async def script(name: str, *arguments: str, environ: Mapping[str, str]) -> AsyncIterator[Script]:
    """Run a script of this folder until the block ends."""
    process = await asyncio.create_subprocess_exec(
        node(),
        name,
        *arguments,
        cwd=HERE,
        env={"PATH": os.environ.get("PATH", ""), **environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,  # bytes of one line: a payload repeats its whole view
    )
    running = Script(process)
    try:
        yield running
    finally:
        await running.end()
