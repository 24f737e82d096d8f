"""Keys as a terminal sends them, by name."""

from __future__ import annotations

import click

from signoff.cli.review.state import BACKSPACE, DOWN, ENTER, ESCAPE, UP, Key

NAMES = {
    "\x1b[A": UP,
    "\x1bOA": UP,
    "\x1b[B": DOWN,
    "\x1bOB": DOWN,
    "\xe0H": UP,
    "\xe0P": DOWN,
    "\r": ENTER,
    "\n": ENTER,
    "\x1b": ESCAPE,
    "\x7f": BACKSPACE,
    "\b": BACKSPACE,
}
"""What terminals send for keys without a character of their own (ECMA-48, xterm; Windows' console)."""


def read() -> Key:
    """The next key. Raises KeyboardInterrupt, EOFError."""
    return named(click.getchar())


def named(sent: str) -> Key:
    """Its name, or the character; nothing for a key that is not known."""
    return NAMES.get(sent, sent if len(sent) == 1 else "")
