"""Whether what people see of a request holds characters that had to be made visible (I12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import cast

from signoff.model import Clean, Request, escape, visible

EMOJI = "\ufe0f"
"""The selector that turns a sign into its emoji: nothing odd behind a sign."""
LINE_BREAKS = frozenset("\n\t")


def is_odd(request: Request) -> bool:
    """Whether any text of it hides something: invisible characters, or such that change the direction."""
    return marked(request) is not None


def marked(request: Request) -> str | None:
    """Where the first invisible character stands: `title`, `arguments`…; None: there is none."""
    clean = Clean(request)
    lines = {
        "tool": request.tool,
        "agent": request.agent,
        "on_behalf_of": request.on_behalf_of,
        "title": request.title and clean.told(request.title),
        "run_id": request.run_id,
        "thread_url": request.thread_url,
    }
    for name, text in lines.items():
        if text and (not LINE_BREAKS.isdisjoint(text) or odd(text)):
            return name
    for name in ("description", "reason", "impact", "rollback"):
        text = cast("str | None", getattr(request, name))
        if text and odd(clean.told(text)):
            return name
    arguments = request.arguments
    if any(not LINE_BREAKS.isdisjoint(name) for name in arguments):
        return "arguments"
    return "arguments" if any(map(odd, _texts(arguments, "", clean.hidden(arguments)))) else None


def odd(text: str) -> bool:
    """Whether `visible` would write something out. It looks at every kind of character once: texts may be long."""
    if text.isascii() and text.isprintable():
        return False
    text = text.replace("\r\n", "\n")
    chars = set(text) - LINE_BREAKS
    if EMOJI in chars:
        chars.discard(EMOJI)
        before = {one for one, other in zip(" " + text, text, strict=False) if other == EMOJI}
        if any(visible(char + EMOJI) != char + EMOJI for char in before):
            return True
    return any(map(_written, chars))


@lru_cache(maxsize=65536)
def _written(char: str) -> bool:
    return visible(char) != char


def _texts(value: object, pointer: str, secret: frozenset[str]) -> Iterator[str]:
    """All names and texts in it that are not secret."""
    if pointer in secret:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[str, object]", value).items():
            yield name
            yield from _texts(item, f"{pointer}/{escape(name)}", secret)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _texts(item, f"{pointer}/{index}", secret)
