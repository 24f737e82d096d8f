"""The card of several requests: what waits first, counts of all of them, never too big for a message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queuekit import HOSTILE, NAMES, REQUESTS, SECRET, decided, waiting

from signoff.cards import Card, pile
from signoff.cards.pile import ITEMS, ROOM
from signoff.cards.plain import weight
from signoff.model import Request, one_line


def drawn(requests: Sequence[Request], **more: Any) -> Card:
    counts = Counter(one.status for one in requests)
    values = {"title": None, "total": len(requests), "counts": counts, "rev": 3, **more}
    return pile(requests, card_id="bat_1", names=NAMES, who="Ada Okafor", **values)


def test_a_pile_says_what_it_is_and_how_much_of_it_waits() -> None:
    """Its own id, how many calls of whom, counts by what became of them."""
    requests = [waiting(n) for n in range(20)]
    found = drawn(requests, total=500, counts={"pending": 37, "approved": 400, "rejected": 63})
    assert (found.purpose, found.request_id, found.rev, found.title) == ("pile", "bat_1", 3, "500 calls")
    assert found.status == "37 of 500 wait · 400 approved · 63 rejected"
    assert found.summary == f"Approvals needed: 500 calls ({found.status})"
    assert (found.tone, found.items_hidden) == ("neutral", 480)
    assert [button.action for button in found.buttons] == ["review", "approve_all", "reject_all"]
    assert [button.label for button in found.buttons] == ["Review…", "Approve all…", "Reject all…"]


@pytest.mark.parametrize(
    ("requests", "more", "title"),
    [
        ([waiting(n) for n in range(12)], {}, "12 calls of support-agent"),
        ([waiting(1)], {}, "1 call of support-agent"),
        ([waiting(1), waiting(2, agent="other")], {}, "2 calls"),
        ([waiting(1, agent=None)], {}, "1 call"),
        ([waiting(1)], {"title": "Nightly refunds\u202e\n"}, "Nightly refunds‹U+202E›‹U+000A›"),
        ([waiting(1)], {"title": " "}, "1 call of support-agent"),
        ([], {}, "0 calls"),
    ],
)
def test_a_pile_has_its_own_title_or_says_what_it_is(requests: list[Request], more: dict[str, Any], title: str) -> None:
    """A batch's title is cleaned; an agent is named where all of them are its."""
    assert drawn(requests, **more).title == title


@pytest.mark.parametrize(
    ("counts", "status", "tone"),
    [
        ({"pending": 1}, "1 waits", "neutral"),
        ({"pending": 3}, "3 wait", "neutral"),
        ({"pending": 1, "approved": 2}, "1 of 3 waits · 2 approved", "neutral"),
        ({"approved": 3}, "3 approved", "good"),
        ({"approved": 1, "responded": 2}, "1 approved · 2 answered", "good"),
        ({"rejected": 3}, "3 rejected", "bad"),
        ({"approved": 2, "rejected": 1}, "2 approved · 1 rejected", "neutral"),
        ({"expired": 1, "cancelled": 2}, "1 expired · 2 withdrawn", "neutral"),
        ({}, "Nothing waits", "neutral"),
    ],
)
def test_a_pile_counts_in_plain_words(counts: dict[Any, int], status: str, tone: str) -> None:
    """What waits, and what became of the rest; buttons only while something waits."""
    found = drawn([], counts=counts, total=sum(counts.values()))
    assert (found.status, found.tone) == (status, tone)
    assert bool(found.buttons) == ("pending" in counts)


def test_what_waits_comes_first_in_its_order() -> None:
    """Twenty of them; what is over says how it ended and cannot be opened."""
    requests = [decided(waiting(n), "approve" if n % 4 else "reject") if n % 2 else waiting(n) for n in range(30)]
    found = drawn(requests)
    assert [item.request_id for item in found.items] == [f"req_{n}" for n in (*range(0, 30, 2), 1, 3, 5, 7, 9)]
    assert [item.open for item in found.items] == [True] * 15 + [False] * 5
    assert found.items_hidden == 10
    first, last = found.items[0], found.items[-1]
    assert (first.title, first.text, first.status) == (
        "issue_refund",
        'order "A-1000" · amount 20 · currency "eur"',
        "",
    )
    assert (last.status, last.tone) == ("Approved by Bob", "good")


def test_a_risky_one_that_waits_makes_a_pile_loud() -> None:
    """It says so itself, too."""
    found = drawn([waiting(1), waiting(2, risk="critical")])
    assert found.tone == "warning"
    assert found.items[1].status == "Critical risk."
    assert drawn([decided(waiting(2, risk="critical"), "approve")]).tone == "good"


def test_a_pile_can_show_fewer_than_twenty() -> None:
    """The rest is counted."""
    found = drawn([waiting(n) for n in range(10)], most=3)
    assert (len(found.items), found.items_hidden) == (3, 7)


def test_what_waits_for_more_than_a_decision_says_so() -> None:
    """Frozen, or waiting for more people: what the card does not say of all."""
    found = drawn([waiting(1, frozen="Mia: an incident"), waiting(2)])
    assert found.items[0].status == "Frozen by Mia: an incident. Nothing can be decided until it is thawed"
    assert found.items[1].status == ""


def test_i13_a_pile_tells_no_secret() -> None:
    """Neither in its arguments, nor where a title quotes it."""
    found = drawn([waiting(1, {"card_token": SECRET}, title=f"Use {SECRET}")])
    assert SECRET not in repr(found)
    assert found.items[0].text == "card_token ••••••"


@pytest.mark.parametrize("letter", ["x", "&", "😀", '"', "€", "\u202e", "\n"])
def test_a_pile_of_the_worst_texts_is_still_a_message(letter: str) -> None:
    """Twenty requests of long titles and arguments: everything it says weighs a third of a message at most."""
    long = letter * 10_000
    requests = [
        waiting(n, {"body": long, long[:50]: 1}, title=letter * 300, agent=letter * 200, tool=letter * 200)
        for n in range(20)
    ]
    found = drawn(requests, title=letter * 300)
    assert _weight(found) <= ROOM
    assert len(found.items) + found.items_hidden == ITEMS
    assert len(found.items) >= 10
    assert weight(found.title) + weight(found.status) + weight(found.summary) <= 3000
    assert all(len(item.title) <= 80 and len(item.text) <= 150 for item in found.items)


def test_ordinary_requests_are_shown_in_full() -> None:
    """Nothing is shortened where there is room."""
    found = drawn([waiting(n, {"order": f"A-{n}", "note": "Broken on arrival, photo is attached"}) for n in range(20)])
    assert all("…" not in item.text for item in found.items)
    assert len(found.items) == ITEMS


@settings(max_examples=50)
@given(st.lists(REQUESTS, max_size=25), st.none() | st.just(HOSTILE * 3))
def test_any_requests_make_a_pile(requests: list[Request], title: str | None) -> None:
    """Nothing that an agent sends makes it raise; it counts all of them and every text is one safe line."""
    found = drawn(requests, title=title)
    assert len(found.items) + found.items_hidden == len(requests)
    assert _weight(found) <= ROOM
    for text in (
        found.title,
        found.status,
        found.summary,
        *(t for i in found.items for t in (i.title, i.text, i.status)),
    ):
        assert one_line(text) == text


def _weight(found: Card) -> int:
    return sum(weight(item.title) + weight(item.text) + weight(item.status) for item in found.items)
