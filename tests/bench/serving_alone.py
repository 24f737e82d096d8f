"""`signoff serve` without a chat, in a process of its own, and an agent's key to it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

START = 60.0
"""Seconds for it to listen."""


@asynccontextmanager
async def served(redis_url: str, policy: str) -> AsyncIterator[dict[str, str]]:
    """What an agent's environment holds."""
    with TemporaryDirectory(prefix="signoff-bench-") as folder:
        (Path(folder) / "policy.yaml").write_text(policy, "utf-8")
        own = {
            "SIGNOFF_REDIS_URL": redis_url,
            "SIGNOFF_SIGNING_KEY": b64encode(b"k" * 32).decode(),
            "SIGNOFF_POLICY": str(Path(folder) / "policy.yaml"),
            "SIGNOFF_PORT": "0",
            "SIGNOFF_RATE": "1000000",
            "PYTHONUNBUFFERED": "1",
        }
        words = ("keys", "create", "--role", "agent", "--name", "bench")
        made = await _signoff(own, *words, stdout=PIPE, stderr=DEVNULL)
        key, _ = await made.communicate()
        process = await _signoff(own, "serve", stdout=DEVNULL, stderr=PIPE)
        try:
            yield {"SIGNOFF_URL": await _address(process), "SIGNOFF_API_KEY": key.decode().strip()}
        finally:
            process.terminate()
            await process.communicate()


async def _signoff(own: dict[str, str], *words: str, stdout: int, stderr: int) -> asyncio.subprocess.Process:
    around = {
        name: value for name, value in os.environ.items() if not name.startswith(("SIGNOFF_", "SLACK_", "TEAMS_"))
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "signoff", *words, env=around | own, stdin=DEVNULL, stdout=stdout, stderr=stderr
    )


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(START):
        while line := (await process.stderr.readline()).decode():
            said += line
            if found := re.search(r"listens on (http://\S+)", line):
                return found[1]
    raise RuntimeError(f"signoff serve did not start: {said}")
