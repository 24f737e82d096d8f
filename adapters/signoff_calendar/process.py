"""Reading a calendar in a process of its own.

The libraries make out any text, whatever it takes: a rule that says every second since 1970, or a day that never
comes, keeps them busy for hours. A thread cannot be ended, a process can.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from signoff_calendar.limits import CPU, MEMORY, READING

PROGRAM = Path(__file__).with_name("shifts.py")


@dataclass(frozen=True, slots=True)
class Shifts:
    """Who is on call within a window."""

    shifts: tuple[tuple[float, float, tuple[str, ...]], ...]
    """Start and end (half open) in seconds since 1970; ids or addresses of people."""
    unreadable: int
    """Events that make no sense; they are nobody's shift."""


@dataclass(frozen=True, slots=True)
class _Fault:
    fault: str


_ANSWER: TypeAdapter[Shifts | _Fault] = TypeAdapter(Shifts | _Fault)


async def read(text: bytes, start: float, stop: float) -> Shifts | str:
    """A text: why there are none, as half a sentence. Takes READING seconds at most."""
    try:
        answer = _ANSWER.validate_json(await _run(text, str(start), str(stop), str(CPU), str(MEMORY)))
    except TimeoutError:
        return f"it cannot be made out within {READING:g} s"
    except ValidationError:
        return "it cannot be made out with the time and memory that a calendar may take"
    return answer.fault if isinstance(answer, _Fault) else answer


async def _run(text: bytes, *words: str) -> bytes:
    """What the program says; nothing, or half of it, when the system ended it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        str(PROGRAM),
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # Where Python finds its packages, and nothing of our own environment, which holds secrets.
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        async with asyncio.timeout(READING):
            return (await process.communicate(text))[0]
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
