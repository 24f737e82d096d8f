"""Keys as a terminal sends them, by name."""

from __future__ import annotations

import codecs
import os
import select
import termios
import tty
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from signoff.cli.review.state import BACKSPACE, DOWN, ENTER, ESCAPE, UP, Key

REST = 0.05
"""Seconds within which the rest of a key's sequence follows its first byte; the escape key has none."""
NAMES = {
    "\x1b[A": UP,
    "\x1bOA": UP,
    "\x1b[B": DOWN,
    "\x1bOB": DOWN,
    "\r": ENTER,
    "\n": ENTER,
    "\x1b": ESCAPE,
    "\x7f": BACKSPACE,
    "\b": BACKSPACE,
}
"""What terminals send for keys without a character of their own (ECMA-48, xterm's ctlseqs)."""


class Keyboard(Protocol):
    def read(self) -> Key:
        """The next key. Raises KeyboardInterrupt, EOFError."""
        ...

    def forget(self) -> None:
        """What was pressed so far does not count: it was meant for something else."""
        ...


class Terminal:
    """The keyboard of a terminal that passes every key on at once."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self) -> Key:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        sent = ""
        while not sent:
            byte = os.read(self._fd, 1)
            if byte in {b"", b"\x04"}:
                raise EOFError
            sent = decoder.decode(byte)
        while sent[0] == "\x1b" and not _ended(sent) and select.select([self._fd], [], [], REST)[0]:
            sent += os.read(self._fd, 1).decode("ascii", errors="replace")
        return named(sent)

    def forget(self) -> None:
        termios.tcflush(self._fd, termios.TCIFLUSH)


def _ended(sent: str) -> bool:
    """Whether this is the whole of an escape sequence: a letter or ~ ends one, behind `[` or `O`."""
    return len(sent) > 2 and (sent[-1].isalpha() or sent[-1] == "~")


@contextmanager
def terminal(fd: int) -> Generator[Terminal]:
    """The terminal as it was comes back at the end. Ctrl-C ends the command as ever."""
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd, termios.TCSADRAIN)
    try:
        yield Terminal(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def named(sent: str) -> Key:
    """Its name, or the character; nothing for a key that is not known."""
    return NAMES.get(sent, sent if len(sent) == 1 else "")
