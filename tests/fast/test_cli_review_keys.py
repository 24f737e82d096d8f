"""A review at the keyboard: what each key leads to, and that nothing is decided that was not shown and confirmed."""

from __future__ import annotations

import os
import pty

import pytest

from signoff.cli.bulk import Decided, Pinned, Result
from signoff.cli.review.keys import named, terminal
from signoff.cli.review.state import Item, Review, Work, checked, decided, followed, loaded, one_decided, press

FAR = "2027-01-01T00:00:00.000Z"


def item(number: int, group: str = "refunds", mark: str | None = None, version: int = 1, **more: bool) -> Item:
    pinned = Pinned(f"req_{number}", version, f"sha256:{number}{version}", f"Refund {number}", "{}", "low")
    return Item(pinned, group, mark, FAR, **more)


REVIEW = Review((item(1), item(2), item(3, "deploys"), item(4, "mine", mark="your own")), "4 requests wait for you")


def typed(review: Review, *keys: str) -> tuple[Review, Work]:
    work: Work = ""
    for key in keys:
        assert work == "", "a key was pressed before the work was done"
        review, work = press(review, key)
    return review, work


def test_arrows_and_letters_move_within_the_list() -> None:
    """Neither end is passed."""
    assert [typed(REVIEW, *keys)[0].at for keys in (["down", "j"], ["j", "k", "up"], ["n"] * 9)] == [2, 0, 3]


def test_space_selects_and_selects_no_more() -> None:
    """One at a time, in the order of the list whatever the order of the keys."""
    both = typed(REVIEW, "j", " ", "k", " ")[0]
    assert [one.id for one in both.chosen] == ["req_1", "req_2"]
    assert [one.id for one in typed(both, " ")[0].chosen] == ["req_2"]


def test_g_selects_what_is_alike_and_can_go_together() -> None:
    """Pressed again it takes all of it back."""
    group = typed(REVIEW, "g")[0]
    assert group.selected == {"req_1", "req_2"}
    assert typed(group, "g")[0].selected == frozenset()


@pytest.mark.parametrize("key", [" ", "g"])
def test_what_cannot_go_together_is_not_selected(key: str) -> None:
    """It is said why, and how to get at it."""
    review, work = typed(REVIEW, "j", "j", "j", key)
    assert (review.selected, work) == (frozenset(), "")
    assert "your own" in review.notice


def test_with_nothing_selected_the_row_under_the_cursor_is_meant() -> None:
    """That one alone, for a and for r; it is not selected by it, and what is selected goes before it."""
    review, work = typed(REVIEW, "j", "a")
    assert (work, [one.id for one in review.chosen], review.selected) == ("preflight", ["req_2"], frozenset())
    review, work = typed(REVIEW, "j", "r", "n", "o", "enter")
    assert (work, [one.id for one in review.chosen], review.reason) == ("preflight", ["req_2"], "no")
    assert [one.id for one in typed(REVIEW, " ", "j", "a")[0].chosen] == ["req_1"]


@pytest.mark.parametrize("start", [(), ("g",), ("j", "j", "j"), ("enter",)])
def test_the_letters_of_a_reason_are_no_commands(start: tuple[str, ...]) -> None:
    """Typed at once behind r they move, select and approve nothing, whether or not r could be followed."""
    before = typed(REVIEW, *start)[0]
    review, work = typed(before, "r", *"no way, any q")
    assert (review.at, review.selected, review.kind == "approve", work) == (
        before.at,
        before.selected,
        review.mode == "refused",
        "",
    )
    assert review.mode in {"reason", "refused"}


def test_r_on_what_cannot_go_together_says_why_until_enter_or_escape() -> None:
    """So does a, behind which no reason is typed: the next key counts."""
    rejecting = typed(REVIEW, "j", "j", "j", "r", "n", "a", "y", "down")[0]
    assert (rejecting.mode, rejecting.at, "your own" in rejecting.notice) == ("refused", 3, True)
    assert [typed(rejecting, key)[0].mode for key in ("enter", "escape")] == ["open", "list"]
    approving, work = typed(REVIEW, "j", "j", "j", "a")
    assert (approving.mode, "your own" in approving.notice, work) == ("list", True, "")


def test_approve_goes_through_the_preflight_and_y() -> None:
    """Exactly what it let through is decided; the rest is told beside it."""
    review, work = typed(REVIEW, "g", "a")
    assert work == "preflight"
    judged = [Result(one, code, "It was edited.") for one, code in zip(review.chosen, ("ok", "changed"), strict=True)]
    review = checked(review, judged)
    assert (review.mode, [one.id for one in review.ready]) == ("sure", ["req_1"])
    review, work = typed(review, "y")
    assert work == "decide"
    made = tuple(Result(one, "approved", "Approved.") for one in review.ready)
    review = decided(review, Decided("review_1", made))
    assert review.decided_as == "review_1"
    assert [(one.pinned.id, one.code) for one in review.results] == [("req_1", "approved"), ("req_2", "changed")]
    assert typed(review, "x") == (typed(review, "x")[0], "load")


@pytest.mark.parametrize("key", ["n", "enter", " ", "escape", "a", "q", "Y", ""])
def test_any_key_but_y_decides_nothing(key: str) -> None:
    """Not even the one under the same finger: a held enter or space goes back."""
    review = checked(typed(REVIEW, "g", "a")[0], [Result(item(1).pinned, "ok", "")])
    review, work = typed(review, key)
    assert (review.mode, work, review.notice) == ("list", "", "Nothing was decided.")


def test_reject_asks_for_one_reason() -> None:
    """Its letters are no commands; escape goes back without a word of it."""
    review, work = typed(REVIEW, "g", "r", *"a y q", "backspace", "enter")
    assert (review.reason, review.kind, work) == ("a y ", "reject", "preflight")
    back, work = typed(REVIEW, "g", "r", "y", "escape")
    assert (back.mode, back.reason, work) == ("list", "", "")


def test_when_nothing_can_be_decided_it_says_why() -> None:
    """There is no question to say y to."""
    review = checked(typed(REVIEW, "g", "a")[0], [Result(item(1).pinned, "expired", "Its time has passed.")])
    assert (review.mode, review.ready) == ("list", ())
    assert "Its time has passed." in review.notice


def test_one_by_one_lands_on_the_next() -> None:
    """The place in the list is kept; the last one leads back to it."""
    review, work = typed(REVIEW, "j", "enter", "a", "y")
    assert (work, review.here) == ("single", item(2))
    review = one_decided(review, "Refund 2: approved", counted=True)
    assert (review.mode, review.here, review.notice) == ("open", item(3, "deploys"), "Refund 2: approved")
    assert typed(review, "n", "n")[0].mode == "list"


def test_one_that_was_not_decided_stays() -> None:
    """With what the service said."""
    review = one_decided(typed(REVIEW, "enter", "r", "x", "enter", "y")[0], "Somebody was faster.", counted=False)
    assert (review.mode, review.here, review.notice) == ("open", item(1), "Somebody was faster.")


def test_what_has_to_be_typed_is_not_approved_by_a_key() -> None:
    """It says which command does it."""
    review, work = typed(Review((item(1, confirm=True),)), "enter", "a")
    assert (review.mode, work) == ("open", "")
    assert "--confirm" in review.notice


def test_a_selection_outlives_the_list_only_as_it_was_seen() -> None:
    """An edit takes it back, and so does whatever keeps a request from going together now."""
    review = typed(REVIEW, "g", "j", "j", " ")[0]
    again = loaded(review, [item(1), item(2, version=2), item(3, "deploys", mark="frozen")], "3", more=False)
    assert (again.selected, again.at) == (frozenset({"req_1"}), 2)


def test_behind_the_last_one_come_the_next() -> None:
    """Those known already are not listed twice."""
    review, work = typed(loaded(REVIEW, REVIEW.items, "9", more=True), *"jjjj")
    assert work == "more"
    review = followed(review, [item(4, mark="your own"), item(5)], more=False)
    assert ([one.pinned.id for one in review.items][-2:], review.at) == (["req_4", "req_5"], 4)


def test_more_than_the_service_takes_is_not_sent() -> None:
    """It says how many are selected."""
    many = Review(tuple(item(number) for number in range(201)))
    review, work = typed(many, "g", "a")
    assert (work, review.notice) == ("", "201 are selected; at most 200 are decided at once.")


def test_an_empty_list_takes_every_key() -> None:
    """None of them fails, and q ends."""
    for key in ("j", "k", " ", "g", "a", "r", "enter", "n", "x", ""):
        assert typed(Review(()), key)[0].mode == "list"
    assert typed(Review(()), "q")[0].mode == "over"


@pytest.mark.parametrize(
    ("sent", "name"),
    [("\x1b[A", "up"), ("\x1bOB", "down"), ("\r", "enter"), ("\x7f", "backspace"), ("\x1b[15~", ""), ("ä", "ä")],
)
def test_terminals_names_of_keys(sent: str, name: str) -> None:
    """Arrows in both modes of a terminal; a key that is not known means nothing."""
    assert named(sent) == name


def test_keys_are_read_one_by_one_and_typed_ahead_ones_can_be_forgotten() -> None:
    """Arrows and letters that arrive together are several keys; the escape key alone is one; Ctrl-D ends."""
    ours, theirs = pty.openpty()
    with terminal(theirs) as keyboard:
        os.write(ours, "\x1b[Bj\x1b[15~äy".encode())
        assert [keyboard.read() for _ in range(4)] == ["down", "j", "", "ä"]
        keyboard.forget()
        os.write(ours, b"\x1b")
        assert keyboard.read() == "escape"
        os.write(ours, b"\x04")
        with pytest.raises(EOFError):
            keyboard.read()
    os.close(ours)
    os.close(theirs)
