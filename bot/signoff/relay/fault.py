"""What a log may say about a fault of ours."""

from __future__ import annotations

import traceback
from pathlib import Path

FRAMES = 6
"""Innermost calls that are named."""


def where(error: BaseException) -> str:
    """The kind of fault and where it arose. Not its text: that may quote what was asked, secrets too (I13)."""
    calls = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return f"{type(error).__name__} at " + " > ".join(f"{Path(call.filename).name}:{call.lineno}" for call in calls)
