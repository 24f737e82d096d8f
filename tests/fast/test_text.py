"""Text from agents is shown as text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.model import one_line, shorten, unwritten, visible

IGNORABLE = [
    *range(0x09),
    *range(0x0B, 0x20),
    *range(0x7F, 0xA1),
    0xAD,
    0x34F,
    0x61C,
    0x115F,
    0x1160,
    0x1680,
    0x17B4,
    0x17B5,
    *range(0x180B, 0x1810),
    *range(0x2000, 0x2010),
    *range(0x2028, 0x2030),
    *range(0x205F, 0x2070),
    0x2800,
    0x3000,
    0x3164,
    *range(0xFE00, 0xFE10),
    0xFEFF,
    0xFFA0,
    *range(0xFFF0, 0xFFFC),
    0x1D159,
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE0200),
]
"""Unicode's Default_Ignorable_Code_Point, controls, and characters that are drawn as blank."""


def test_i12_invisible_characters_are_written_out() -> None:
    """Every control, zero-width, direction-changing or blank character but newline, tab and space becomes ‹U+…›."""
    for code in IGNORABLE:
        assert visible("a" + chr(code) + "b") == f"a‹U+{code:04X}›b", hex(code)


@pytest.mark.parametrize("text", ["Refund A-1001", "Größe 5 €", "日本語", "عربي", "one\n\ttwo", "❤️ 🎉", "naïve"])
def test_readable_text_stays_as_it_is(text: str) -> None:
    """Letters of any script, line breaks and emoji are left alone."""
    assert visible(text) == text


def test_an_emoji_selector_hides_nothing() -> None:
    """The emoji selector stays behind a sign only, and only once."""
    assert visible("a\ufe0f❤\ufe0f\ufe0f") == "a‹U+FE0F›❤️‹U+FE0F›"


@given(st.text())
def test_i12_what_is_visible_stays_so(text: str) -> None:
    """Nothing in the result would have to be written out, and the result is a fixed point."""
    shown = visible(text)
    assert visible(shown) == shown
    allowed = {"\n", "\t", "\ufe0f"}
    assert all(c in allowed or c == " " or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zs"} for c in shown)


@given(st.text())
def test_written_out_characters_come_back(text: str) -> None:
    """`unwritten` undoes `visible`, but for line ends and texts that look like it already."""
    if "‹" not in text and "\r\n" not in text:
        assert unwritten(visible(text), text) == text


def test_titles_are_one_line() -> None:
    """A line break in a title cannot fake further lines of a card."""
    assert one_line("Refund\nStatus:\tapproved\r\n") == "Refund‹U+000A›Status:‹U+0009›approved‹U+000A›"


def test_shorten_counts_what_is_hidden() -> None:
    """The rest is counted in characters."""
    assert shorten("abcdef", 4) == ("abcd", 2)
    assert shorten("abcd", 4) == ("abcd", 0)
