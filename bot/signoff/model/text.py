"""Text from agents is shown as text (I12)."""

from __future__ import annotations

import re
import unicodedata

_KEPT = {"\n", "\t"}
_BLANK = re.compile(
    # Characters that render as nothing or as plain space without being in a control or format category:
    # Hangul fillers, Braille blank, Khmer inherent vowels, variation selectors, combining grapheme joiner.
    "[\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800\u034f\ufe00-\ufe0e\U000e0100-\U000e01ef]"
)


def visible(text: str) -> str:
    """The same text with every invisible or direction-changing character written out, e.g. `‹U+202E›`.

    Control, format, private-use, unassigned and surrogate characters (Unicode categories Cc, Cf, Co, Cn, Cs), line and
    paragraph separators, and blanks other than the space. Newline and tab stay; `\\r\\n` becomes `\\n`.
    """
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    for char in text.replace("\r\n", "\n"):
        category = unicodedata.category(char)
        if char in _KEPT or char == " " or char == "\ufe0f":
            out.append(char)
        elif category in {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"} or _BLANK.match(char):
            out.append(f"‹U+{ord(char):04X}›")
        else:
            out.append(char)
    return "".join(out)


def shorten(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters and how many were left out."""
    return (text, 0) if len(text) <= limit else (text[:limit], len(text) - limit)
