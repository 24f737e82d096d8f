"""Text from agents is shown as text (I12)."""

from __future__ import annotations

import re
import unicodedata

_KEPT = {"\n", "\t"}
_BLANK = re.compile(
    # Characters that render as nothing or as plain space without being in a control or format category:
    # Hangul fillers, Braille blank, Khmer inherent vowels, Mongolian and other variation selectors, combining grapheme
    # joiner, Khitan filler, musical null notehead.
    "[\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\uffa0\u2800\u034f\ufe00-\ufe0f\U000e0100-\U000e01ef"
    "\U00016fe4\U0001d159]"
)


def visible(text: str) -> str:
    """The same text with every invisible or direction-changing character written out, e.g. `‹U+202E›`.

    Control, format, private-use, unassigned and surrogate characters (Unicode categories Cc, Cf, Co, Cn, Cs), line and
    paragraph separators, and blanks other than the space. Newline and tab stay; `\\r\\n` becomes `\\n`. The selector
    that turns a sign into its emoji stays behind a sign.
    """
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    for char in text.replace("\r\n", "\n"):
        category = unicodedata.category(char)
        if char in _KEPT or char == " " or (char == "\ufe0f" and out and _sign(out[-1])):
            out.append(char)
        elif category in {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"} or _BLANK.match(char):
            out.append(written(char))
        else:
            out.append(char)
    return "".join(out)


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in it that can be seen."""
    return any(char.isalnum() and visible(char) == char for char in text)


def _sign(char: str) -> bool:
    return len(char) == 1 and char > "~" and unicodedata.category(char) in {"So", "Sm", "Po"}


def written(char: str) -> str:
    """How `visible` writes a character out."""
    return f"‹U+{ord(char):04X}›"


def one_line(text: str) -> str:
    """`visible`, with newlines and tabs written out too: titles and names must not look like several lines."""
    return visible(text).replace("\n", written("\n")).replace("\t", written("\t"))


def unwritten(text: str, original: str) -> str:
    """Undo `visible` on an edited text: characters written out that `original` really held become themselves again."""
    for char in {char for char in set(original) if visible(char) != char}:
        token = written(char)
        if token in text and token not in original:
            text = text.replace(token, char)
    return text


def shorten(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters and how many were left out."""
    return (text, 0) if len(text) <= limit else (text[:limit], len(text) - limit)
