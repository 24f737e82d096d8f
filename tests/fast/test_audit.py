"""The audit chain: whatever is done to a line afterwards is found."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from signoff.audit import GENESIS, Entry, Line, link, verify


def written(bodies: list[str], previous: str = GENESIS, start: int = 1) -> list[Line]:
    """Lines as the store appends them."""
    lines: list[Line] = []
    for seq, body in enumerate(bodies, start):
        entry = Entry.of({"type": body})
        previous = link(previous, seq, 1000 + seq, entry.body_hash)
        lines.append(Line(seq, 1000 + seq, entry.body, previous))
    return lines


BODIES = st.lists(st.text(max_size=5), min_size=2, max_size=8)


@given(BODIES)
def test_i25_an_untouched_chain_verifies(bodies: list[str]) -> None:
    """Whole, and from any line on with the link before it."""
    lines = written(bodies)
    assert not verify(lines)
    assert not verify([])
    for index, line in enumerate(lines[:-1], 1):
        assert not verify(lines[index:], previous=line.link, start=index + 1)


@given(BODIES, st.data())
def test_i25_a_changed_line_is_detected(bodies: list[str], data: st.DataObject) -> None:
    """Body, time, number or link of any line: the chain names the line."""
    lines = written(bodies)
    index = data.draw(st.integers(0, len(lines) - 1))
    line = lines[index]
    changed = data.draw(
        st.sampled_from(
            [
                replace(line, body=line.body + " "),
                replace(line, at=line.at + 1),
                replace(line, seq=line.seq + 1),
                replace(line, link=link(line.link, line.seq, line.at, "")),
            ]
        )
    )
    faults = verify([*lines[:index], changed, *lines[index + 1 :]])
    assert faults
    assert faults[0].seq == changed.seq


@given(BODIES, st.data())
def test_i25_a_removed_line_is_detected(bodies: list[str], data: st.DataObject) -> None:
    """Except at the end, where the count of lines that an export signs tells."""
    lines = written(bodies)
    index = data.draw(st.integers(0, len(lines) - 2))
    assert verify([*lines[:index], *lines[index + 1 :]])


@given(BODIES, st.data())
def test_i25_reordered_lines_are_detected(bodies: list[str], data: st.DataObject) -> None:
    """Two lines that change places break the chain, even with their numbers put right."""
    lines = written(bodies)
    one, other = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True))
    turned = list(lines)
    turned[one], turned[other] = lines[other], lines[one]
    assert verify(turned)
    assert verify([replace(line, seq=seq) for seq, line in enumerate(turned, 1)])


@given(BODIES, st.data())
def test_i25_an_inserted_line_is_detected(bodies: list[str], data: st.DataObject) -> None:
    """A line that was not written by the store has no place in the chain."""
    lines = written(bodies)
    index = data.draw(st.integers(0, len(lines) - 1))
    extra = replace(lines[index], body='{"type":"forged"}')
    assert verify([*lines[:index], extra, *lines[index:]])


def test_i25_a_rewritten_beginning_does_not_fit_the_rest() -> None:
    """Recomputing the links up to a point is found at the next line that was kept."""
    lines = written(["a", "b", "c"])
    assert [fault.seq for fault in verify([*written(["x", "b"]), lines[2]])] == [3]


def test_i25_a_gap_is_detected_where_the_links_were_computed_anew() -> None:
    """Lines count 1, 2, 3 without gaps, also in a chain that somebody has rewritten from end to end."""
    first, second = written(["a"])[0], written(["a", "b", "c"])[2]
    body_hash = Entry.of({"type": "c"}).body_hash
    rewritten = replace(second, link=link(first.link, second.seq, second.at, body_hash))
    assert [fault.sentence for fault in verify([first, rewritten])] == ["line 3 stands where line 2 should be"]
