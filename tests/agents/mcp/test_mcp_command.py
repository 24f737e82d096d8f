"""`signoff mcp` on the command line."""

from __future__ import annotations

import subprocess
import sys


def test_help_teaches_both_verbs() -> None:
    """The help of `signoff mcp` names gateway and serve, and what they are for; no server's package is needed."""
    ran = subprocess.run(
        [sys.executable, "-m", "signoff", "mcp", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "gateway" in ran.stdout
    assert "request_approval, ask_human, decide" in ran.stdout


def test_wrong_words_are_one_sentence() -> None:
    """A gateway before nothing says what is missing."""
    ran = subprocess.run(
        [sys.executable, "-m", "signoff", "mcp", "gateway"], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
