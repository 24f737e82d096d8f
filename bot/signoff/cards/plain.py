"""Text that may stand on a card: free of secrets, nothing invisible in it, and no longer than there is room for."""

from __future__ import annotations

from urllib.parse import urlsplit

from signoff.model import Request, one_line, scrub, secret_pointers, secret_texts, visible
from signoff.model.schema import Node

SIGN = "↵"
"""Shown at the end of a line that goes on, so that one value cannot look like several."""


MAX_URL = 1000
"""Characters; a longer address is shown as text, shortened."""


def weight(text: str) -> int:
    """Bytes that the text takes at most in a chat's message, escaped: what shares a card is counted in these."""
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
    if len(text) <= characters and len(text) * 12 <= room:
        return text, 0
    taken = 0
    for index, char in enumerate(text[:characters]):
        taken += _weight(char)
        if taken > room:
            return text[:index], len(text) - index
    return text[:characters], max(0, len(text) - characters)


class Clean:
    """What makes the texts of one request fit to be shown.

    Secret values are also taken out of running text that quotes them. Arguments are never searched for them: an agent
    could hide what an argument says by repeating it in a secret one.
    """

    def __init__(self, request: Request) -> None:
        patterns = request.terms.secret
        self._request = request
        found: set[str] = set()
        held = [version.arguments for version in request.versions] + [request.arguments]
        decision = request.decision
        if decision is not None and decision.arguments is not None:
            held.append(decision.arguments)
        for arguments in held:
            found |= secret_texts(arguments, self.hidden(arguments))
        if decision is not None and decision.response is not None:
            pointers = secret_pointers(decision.response, request.response_schema, patterns)
            found |= secret_texts(decision.response, pointers)
        self._secrets = frozenset(found)

    def hidden(self, arguments: Node) -> frozenset[str]:
        """The secret places of a version of the arguments."""
        return secret_pointers(arguments, self._request.schema_, self._request.terms.secret)

    def text(self, text: str) -> str:
        """Several lines of running text."""
        return visible(scrub(text, self._secrets)).strip()

    def line(self, text: str) -> str:
        """One line of running text."""
        return one_line(scrub(text, self._secrets)).strip()


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
