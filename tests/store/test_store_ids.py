"""Ids as Redis' sorted sets hold them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signoff.store import ids

MADE = st.binary(min_size=14, max_size=14).map(lambda made: ids.HEAD + made.hex())


@given(MADE | st.text(max_size=40))
def test_a_short_id_is_read_as_it_was_written(one: str) -> None:
    """Whatever it is."""
    assert ids.whole(ids.short(one)) == one


@given(MADE, MADE)
def test_short_ids_stand_in_the_order_of_whole_ones(one: str, other: str) -> None:
    """Which is that of time; they are little more than half as long."""
    assert (ids.short(one) < ids.short(other)) == (one < other)
    assert len(ids.short(one)) == ids.LENGTH


@given(st.text(max_size=40), MADE)
def test_no_other_text_is_taken_for_a_short_id(text: str, made: str) -> None:
    """Not even one that looks like it."""
    assert ids.short(text) == ids.short(made) if text == made else ids.short(text) != ids.short(made)
    assert ids.short(ids.short(made)) != ids.short(made)
