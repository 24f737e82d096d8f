"""What a card has room for, and which addresses it may link to."""

from __future__ import annotations

from urllib.parse import urlsplit

SIGN = "↵"
"""Shown at the end of a line that goes on, so that one value cannot look like several."""

MAX_URL = 1000
"""Characters; a longer address is shown as text, shortened."""


_WIDENED = str.maketrans(dict.fromkeys("&<>", " " * 5) | dict.fromkeys('"\\\n\t*_~`|[]()#', "  ") | {"\x7f": " " * 6})
"""ASCII → as much room as `_weight` says."""


def weight(text: str) -> int:
    """Bytes that the text takes at most in a chat's message, escaped: what shares a card is counted in these."""
    if text.isascii():
        return len(text.translate(_WIDENED))  # fifty times faster, and cards are drawn while people wait
    return sum(_weight(char) for char in text)


def _weight(char: str) -> int:
    if char in "&<>":
        return 5  # &amp; &lt; &gt;
    if char > "\uffff":
        return 12  # two \uXXXX
    if char > "~":
        return 6
    return 2 if char in '"\\\n\t*_~`|[]()#' else 1


def fit(text: str, characters: int, room: int) -> tuple[str, int]:
    """As much of the beginning as fits into both limits, and how many characters were left out."""
    if len(text) <= characters and (len(text) * 12 <= room or weight(text) <= room):
        return text, 0
    taken = 0
    for index, char in enumerate(text[:characters]):
        taken += _weight(char)
        if taken > room:
            return text[:index], len(text) - index
    return text[:characters], max(0, len(text) - characters)


def link(url: str) -> tuple[str, str] | None:
    """A web address that may be followed, and its host; None for any other."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or any(char in " \"'<>|\\`" for char in url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return (url, host) if parts.scheme in {"http", "https"} and host and not parts.username else None
