"""What goes together in the list: the same tool with similar arguments, said in one line."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queuekit import HOSTILE, REQUESTS, SECRET, waiting

from signoff.cards.queue import Alike, group
from signoff.cards.queue.groups import DETAIL, SHORT, TITLE
from signoff.model import Request, one_line


def alone(*arguments: dict[str, object]) -> Alike:
    """The one group that these arguments make."""
    (found,) = group([waiting(n, one) for n, one in enumerate(arguments)])
    return found


def test_a_group_says_how_many_what_and_in_which_range() -> None:
    """Count and tool; then what is the same and ranges, what differs, and the agent."""
    found = group([waiting(n) for n in range(12)])
    assert found == (
        Alike(
            key="g0",
            members=tuple(range(12)),
            title="12 × issue_refund",
            detail='amount 20–31 · currency "eur" · order 12 different · support-agent',
            shorts=tuple(f'order "A-{1000 + n}" · amount {20 + n}' for n in range(12)),
        ),
    )


@pytest.mark.parametrize(
    "other",
    [
        {"tool": "deploy"},
        {"agent": "other-agent"},
        {"agent": None},
        {"risk": "medium"},
        {"terms": {"risk": "high"}},
        {"arguments": {"order": "A-1", "amount": 21}},
        {"arguments": {"order": "A-1", "amount": 21, "currency": "eur", "note": ""}},
        {"arguments": {"order": "A-1", "amount": "21", "currency": "eur"}},
        {"arguments": {"order": "A-1", "amount": None, "currency": "eur"}},
        {"arguments": {"order": "A-1", "amount": 210, "currency": "eur"}},
        {"arguments": {"order": "A-1", "amount": 2, "currency": "eur"}},
        {"arguments": {"order": "A-1", "amount": -21, "currency": "eur"}},
        {"arguments": {"order": "A-1", "amount": Decimal("21E+30"), "currency": "eur"}},
    ],
    ids=str,
)
def test_what_is_not_similar_is_apart(other: dict[str, object]) -> None:
    """Another tool, agent, risk, other names or kinds of arguments, numbers of another size."""
    assert [found.members for found in group([waiting(1), waiting(2, **other), waiting(3)])] == [(0, 2), (1,)]


def test_the_order_of_arguments_is_no_matter() -> None:
    """Agents write their arguments in any order; the first one's is shown."""
    found = alone({"order": "A-1", "amount": 20}, {"amount": 30, "order": "A-2"})
    assert found.detail == "amount 20–30 · order 2 different · support-agent"
    assert found.shorts == ('order "A-1" · amount 20', 'order "A-2" · amount 30')


def test_groups_stand_in_the_order_of_their_most_urgent_member() -> None:
    """The queue's order is kept, whatever comes later into a group; its key is the place of its first member."""
    window = [waiting(1), waiting(2, tool="deploy"), None, waiting(3), waiting(4, tool="restart")]
    assert [(one.key, one.members) for one in group(window)] == [("g0", (0, 3)), ("g1", (1,)), ("g4", (4,))]


def test_a_group_keeps_its_key_when_others_have_gone() -> None:
    """Keys name places in the window, so what somebody ticked is still what they meant."""
    before = [waiting(n, tool=f"tool_{n // 3}") for n in range(9)]
    after = [None if n in {1, 4, 6} else one for n, one in enumerate(before)]
    assert [one.key for one in group(before)] == ["g0", "g3", "g6"]
    assert [(one.key, one.members) for one in group(after)] == [("g0", (0, 2)), ("g3", (3, 5)), ("g7", (7, 8))]


def test_nothing_makes_no_group() -> None:
    """An empty window, and one of which everything has gone."""
    assert group([]) == ()
    assert group([None, None]) == ()


def test_a_single_request_says_its_title_behind_its_tool() -> None:
    """The tool stands first: a title cannot pass for a group of another tool."""
    (found,) = group([waiting(1, tool="deploy", title="12 × issue_refund")])
    assert found.title == "1 × deploy: 12 × issue_refund"
    assert found.shorts == ('order "A-1001" · amount 21 · currency "eur"',)


def test_equal_requests_show_their_arguments() -> None:
    """Where nothing differs there is nothing to tell apart, so all of it is shown."""
    found = alone({"order": "A-1", "amount": 5}, {"order": "A-1", "amount": 5})
    assert found.detail == 'order "A-1" · amount 5 · support-agent'
    assert found.shorts == ('order "A-1" · amount 5',) * 2


def test_ranges_go_by_the_size_of_numbers() -> None:
    """Not by their text; below zero the range is written out; numbers stay as they were sent."""
    assert alone({"n": 9.5}, {"n": Decimal("1.10000000000000000001")}).detail.startswith("n 1.100000000000…–9.5 ·")
    assert alone({"n": -20}, {"n": -45}).detail == "n -45 to -20 · support-agent"
    assert alone({"n": 0}, {"n": 7}).detail == "n 0–7 · support-agent"


def test_i13_secrets_are_neither_shown_nor_compared() -> None:
    """Two groups cannot be told apart by a secret, nor one of its members."""
    found = alone({"order": "A-1", "card_token": SECRET}, {"order": "A-2", "card_token": "other"})
    assert found == alone({"order": "A-1", "card_token": "same"}, {"order": "A-2", "card_token": "same"})
    assert found.detail == "order 2 different · support-agent"
    assert found.shorts == ('order "A-1"', 'order "A-2"')


def test_i13_a_secret_with_a_long_name_is_not_compared_either() -> None:
    """Though its name has to be cut."""
    name = f"{'n' * 80}_token"
    assert alone({name: "one"}, {name: "two"}).detail == alone({name: "one"}, {name: "one"}).detail


def test_i13_of_requests_with_nothing_but_secrets_the_mask_is_shown() -> None:
    """Nested secrets differ in nothing either."""
    assert alone({"a_token": 1}, {"a_token": 2}).detail == "a_token •••••• · support-agent"
    nested = alone({"login": {"x_token": "1" * 500}}, {"login": {"x_token": "2" * 9}})
    assert nested.detail == 'login {"x_token": "••••••"} · support-agent'


def test_long_values_are_shown_from_where_they_differ() -> None:
    """Two long texts that begin alike do not look the same."""
    path = "https://shop.example/customers/europe/orders/"
    found = alone({"url": f"{path}1001"}, {"url": f"{path}1002"})
    assert found.shorts == ('url …ders/1001"', 'url …ders/1002"')


def test_long_values_count_as_different_only_when_they_are() -> None:
    """What is too long for a line is compared all the same."""
    long = "x" * 10_000
    assert "body 2 different" in alone({"body": long + "a"}, {"body": long + "b"}).detail
    assert "different" not in alone({"body": long, "n": 1}, {"body": long, "n": 2}).detail
    nested = alone({"body": [long, "a"]}, {"body": [long, "b"]}, {"body": [long, "b"]})
    assert "body 2 different" in nested.detail


def test_what_does_not_fit_is_marked() -> None:
    """A detail with more arguments than it has room for ends in an ellipsis before the agent."""
    found = alone({f"argument_{n}": n for n in range(30)})
    assert found.detail.endswith(" · … · support-agent")
    assert len(found.detail) <= DETAIL


def test_i12_hostile_names_and_texts_are_made_visible_and_cut() -> None:
    """Tool, agent, title, names of arguments and values: one line each, nothing invisible."""
    request = waiting(1, {HOSTILE: HOSTILE, "amount": 1}, tool=HOSTILE[:100], agent=HOSTILE, title=HOSTILE * 3)
    (found,) = group([request])
    for text in (found.title, found.detail, *found.shorts):
        assert one_line(text) == text
        assert "\u202e" not in text
    assert found.title.startswith("1 × safe‹U+202E›")


def test_two_hundred_different_requests_make_two_hundred_groups() -> None:
    """Nothing is put together that does not belong together."""
    assert len(group([waiting(n, tool=f"tool_{n}") for n in range(200)])) == 200


@given(st.lists(st.none() | REQUESTS, max_size=8))
def test_every_request_is_in_exactly_one_group(window: list[Request | None]) -> None:
    """Whatever was sent: nothing is lost or listed twice, and every text has its room."""
    found = group(window)
    members = sorted(place for one in found for place in one.members)
    assert members == [place for place, one in enumerate(window) if one is not None]
    for one in found:
        assert one.key == f"g{one.members[0]}"
        assert len(one.shorts) == len(one.members)
        assert (len(one.title) <= TITLE, len(one.detail) <= DETAIL) == (True, True)
        assert all(len(text) <= SHORT and one_line(text) == text for text in (*one.shorts, one.title, one.detail))
