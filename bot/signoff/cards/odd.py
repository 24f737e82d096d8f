"""Whether what people see of a request holds characters that had to be made visible (I12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import cast

from signoff.cards.line import NO_SECRET, by_argument, secrets_of
from signoff.model import Clean, Request, escape, visible

EMOJI = "\ufe0f"
"""The selector that turns a sign into its emoji: nothing odd behind a sign."""
LINE_BREAKS = frozenset("\n\t")


def is_odd(request: Request) -> bool:
    """Whether any text of it hides something: invisible characters, or such that change the direction."""
    return marked(request) is not None


def marked(request: Request) -> str | None:
    """Where the first invisible character stands: `title`, `arguments`…; None: there is none."""
    lines = {
        "tool": request.tool,
        "agent": request.agent,
        "on_behalf_of": request.on_behalf_of,
        "run_id": request.run_id,
        "thread_url": request.thread_url,
    }
    found = next((name for name, text in lines.items() if text and _odd_line(text)), None)
    return found or _marked_text(request) or ("arguments" if _odd_arguments(request) else None)


def _marked_text(request: Request) -> str | None:
    """In running text, of which secrets are no part."""
    title = request.title
    if title and _odd_line(title) and _odd_line(Clean(request).told(title)):
        return "title"
    texts = {
        "description": request.description,
        "reason": request.reason,
        "impact": request.impact,
        "rollback": request.rollback,
    }
    return next(
        (name for name, text in texts.items() if text and odd(text) and odd(Clean(request).told(text))),
        None,
    )


def _odd_arguments(request: Request) -> bool:
    if _odd_line(" ".join(request.arguments)):
        return True
    secret = by_argument(secrets_of(request))
    # Between two texts there is a blank, so that nothing of the one belongs to the other.
    texts = (
        _texts(value, f"/{escape(name)}", secret.get(escape(name), NO_SECRET))
        for name, value in request.arguments.items()
    )
    return odd(" ".join(chain.from_iterable(texts)))


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


def _odd_line(text: str) -> bool:
    return odd(text) or not LINE_BREAKS.isdisjoint(text)


@lru_cache(maxsize=65536)
def _written(char: str) -> bool:
    return visible(char) != char


def _texts(value: object, pointer: str, secret: frozenset[str]) -> Iterator[str]:
    """All names and texts in it that are not secret."""
    if not secret:
        yield from _all_texts(value)
    elif pointer in secret:
        return
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[str, object]", value).items():
            yield name
            yield from _texts(item, f"{pointer}/{escape(name)}", secret)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _texts(item, f"{pointer}/{index}", secret)


def _all_texts(value: object) -> Iterator[str]:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            members = cast("dict[str, object]", item)
            yield from members
            left += members.values()
        elif isinstance(item, list | tuple):
            left += cast("list[object]", item)
