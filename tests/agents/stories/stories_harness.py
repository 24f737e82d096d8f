"""The examples as their users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from agents_harness import Desk

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"
SERVER = os.environ.get("SIGNOFF_TEST_SERVER", sys.executable)


def begin(desk: Desk, example: str, *words: str, **environ: str) -> subprocess.Popen[str]:
    """Start it. Scripts find the command `signoff` of the server's Python."""
    program = "sh" if example.endswith(".sh") else sys.executable
    around = {**desk.environ, **environ}
    around["PATH"] = f"{Path(SERVER).parent}{os.pathsep}{around['PATH']}"
    command = [program, str(EXAMPLES / example), *words]
    return subprocess.Popen(command, env=around, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it printed."""
    said, errors = process.communicate(timeout=50)
    print(errors, file=sys.stderr)
    return process.returncode, said.strip()


def run(desk: Desk, example: str, *words: str, **environ: str) -> tuple[int, str]:
    return ended(begin(desk, example, *words, **environ))
