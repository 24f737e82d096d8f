"""Screens of a review, the App Home and the card of several requests as Block Kit: within the limits, and only text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.cards import (
    Card,
    Choice,
    Details,
    Entry,
    Fact,
    Group,
    Home,
    Item,
    Line,
    Listing,
    MoveButton,
    Preflight,
    Results,
    Section,
    Single,
    Working,
)
from signoff.forms import Field, Form
from signoff.model import Sieve
from signoff_slack import check, ids, render
from signoff_slack.render import screen as screens

REVIEW = "r" * 32
CHARS = st.characters(exclude_categories=["Cs"])
RISKS = st.sampled_from([None, "low", "medium", "high", "critical"])
WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
NASTY = ["<!channel> *x* <@U0BOB> :tada: `y`", "a\nb\u2028c", "", " ", "😀" * 500, "é" * 300, "\u202e"]


def text(most: int) -> st.SearchStrategy[str]:
    return st.one_of(
        st.text(CHARS, max_size=most),
        st.sampled_from(NASTY).map(lambda found: found[:most]),
        st.builds(lambda char: char * most, CHARS),
    )


BUTTONS = st.lists(
    st.builds(
        MoveButton,
        move=st.sampled_from(["approve", "reject", "select", "page", "walk", "list", "turn", "confirm", "look"]),
        key=st.text("abc:0123", max_size=20),
        label=st.text(CHARS, min_size=1, max_size=24),
        style=st.sampled_from(["primary", "danger", "plain"]),
    ),
    max_size=12,
).map(tuple)
POOL = st.lists(text(80), min_size=1, max_size=5)


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """Few texts, used again and again: lists are long, and what agents write in them is as odd as can be."""
    pool, risk = draw(POOL), draw(RISKS)
    mark, on, notice = draw(st.none() | text(60)), draw(st.booleans()), draw(st.none() | text(300))

    def pick(n: int, most: int) -> str:
        return pool[n % len(pool)][:most]

    def entry(n: int) -> Entry:
        marked = mark if n % 3 == 0 else None
        return Entry(f"r{n}", "req_secret", pick(n, 80), "", 0, pick(n + 1, 70), "4f2c9a1b", risk, WHEN, marked, on)

    held = draw(st.lists(st.sampled_from([0, 0, 0, 1, 9, 40, 200]), max_size=20))
    groups = tuple(
        Group(
            f"g{n}",
            pick(n, 70),
            pick(n + 2, 70),
            risk,
            max(1, count),
            draw(st.integers(0, 2)),
            draw(st.integers(0, 2)),
            WHEN,
            tuple(entry(n * 1000 + m) for m in range(count)),
            draw(st.sampled_from(["", "g1:40"])),
        )
        for n, count in enumerate(held)
    )
    names: Any = ("risk", "tool", "agent", "channel")
    sizes = draw(st.lists(st.sampled_from([0, 1, 99]), min_size=4, max_size=4))
    choices = tuple(
        Choice(name, name.title(), draw(st.sampled_from(["", "v0", "gone"])), _options(pick(size, 70), size))
        for name, size in zip(names, sizes, strict=True)
    )
    sieve = Sieve(text=draw(st.none() | text(200)))
    return Listing(REVIEW, pick(0, 80), pick(1, 80), sieve, choices, groups, 7, notice, pick(2, 40), draw(BUTTONS))


def _options(label: str, count: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"v{n}", label) for n in range(count))


LINES = st.lists(
    st.builds(
        Line,
        title=text(80),
        text=text(300),
        digest=st.sampled_from(["", "4f2c9a1b"]),
        risk=RISKS,
        said=text(100),
        tone=st.sampled_from(["neutral", "good", "bad", "warning"]),
    ),
    max_size=12,
).map(lambda found: tuple(found) * 4)


def texts(value: object) -> list[dict[str, Any]]:
    """Every text object in a view."""
    if isinstance(value, list):
        return [one for item in value for one in texts(item)]
    if not isinstance(value, dict):
        return []
    own = [value] if value.get("type") in {"plain_text", "mrkdwn"} else []
    return own + [one for item in value.values() for one in texts(item)]


def sound(view: dict[str, Any]) -> None:
    """Nothing that Slack would refuse; no markup; nothing but the review's id to identify anything by."""
    assert check.view(view) == []
    assert {one["type"] for one in texts(view)} == {"plain_text"}
    assert all(one["emoji"] is False for one in texts(view))
    kept = ids.read_stay(view["private_metadata"])
    assert kept is not None
    assert kept.review == REVIEW
    assert "req_secret" not in json.dumps(view)


@settings(deadline=None, max_examples=40)
@given(listings())
def test_any_list_is_within_slacks_limits(shown: Listing) -> None:
    """Whatever agents have named, however many groups are open: one view that Slack takes, and only text (I12)."""
    sound(screens.screen(shown, "s1"))


@settings(deadline=None, max_examples=30)
@given(LINES, LINES, BUTTONS, st.integers(0, 3), st.booleans(), text(300))
def test_any_preflight_and_result_is_within_slacks_limits(
    lines: tuple[Line, ...],
    excluded: tuple[Line, ...],
    buttons: tuple[MoveButton, ...],
    page: int,
    reason: bool,
    fault: str,
) -> None:
    """Whatever is to be decided, and whatever came of it."""
    sound(
        screens.screen(
            Preflight(REVIEW, "k", "reject", "Reject?", lines, excluded, page, 4, reason, fault, buttons), "s1"
        )
    )
    sound(screens.screen(Results(REVIEW, "Done", "bat_1", lines, page, 4, buttons), "s1"))
    sound(screens.screen(Working(REVIEW, "Approving: 120 of 200", buttons), "s1"))


@settings(deadline=None, max_examples=30)
@given(text(300), st.lists(st.builds(Fact, label=text(30).map("L".__add__), text=text(5000)), max_size=15), BUTTONS)
def test_any_single_request_is_within_slacks_limits(
    title: str, facts: list[Fact], buttons: tuple[MoveButton, ...]
) -> None:
    """On every page of its details."""
    details = Details("req_1", 3, title, tuple(facts), json.dumps({"a": title * 400}))
    shown = Single(REVIEW, "r12", "12 of 87", details, "Approved: one", buttons)
    for leaf in range(5):
        assert check.view(screens.screen(shown, "s1", leaf)) == []


def test_the_hardest_list_is_cut_and_says_so() -> None:
    """Twenty open groups of two hundred requests in a wide script: what does not fit is counted, not lost silently."""
    entries = tuple(
        Entry(f"r{n}", "req", "漢" * 80, "", 0, "字" * 70, "4f2c9a1b", "low", WHEN, None, True) for n in range(200)
    )
    groups = tuple(
        Group(f"g{g}", "漢" * 70, "字" * 70, "low", 200, 200, 200, WHEN, _renumbered(entries, g), "") for g in range(20)
    )
    names: Any = ("risk", "tool", "agent", "channel")
    choices = tuple(Choice(name, name, "", tuple((f"v{n}", "漢" * 70) for n in range(99))) for name in names)
    shown = Listing(REVIEW, "4,000 requests", "", Sieve(), choices, groups, 4000, None, "", ())
    view: Any = screens.screen(shown, "s1")
    assert check.view(view) == []
    assert "do not fit here" in json.dumps(view)
    ticks = [one for block in view["blocks"] for one in block.get("elements", ()) if one["type"] == "checkboxes"]
    assert sum(option["value"].startswith("g") for one in ticks for option in one["options"]) == 20


def _renumbered(entries: tuple[Entry, ...], group: int) -> tuple[Entry, ...]:
    from dataclasses import replace

    return tuple(replace(one, key=f"{one.key}{group:02}") for one in entries)


def test_what_will_be_decided_is_never_cut() -> None:
    """A full page of the widest lines is drawn whole, however much had to be left out beside it."""
    line = Line("漢" * 80, "字" * 140, "4f2c9a1b", "low")
    left_out = tuple(Line(f"out {n}", "外" * 300, "4f2c9a1b", "high", "high risk") for n in range(500))
    confirm = MoveButton("confirm", "k", "Approve 50", "primary")
    shown = Preflight(REVIEW, "k", "approve", "Approve 50?", (line,) * 50, left_out, 0, 1, False, "", (confirm,))
    view = screens.screen(shown, "s1")
    assert check.view(view) == []
    drawn = "\n".join(one["text"] for one in texts(view))
    assert drawn.count("漢" * 80) == 50
    assert drawn.count("字" * 140 + " · 4f2c9a1b") == 50
    assert "more are not included" in drawn


def test_an_agents_words_cannot_look_like_another_request() -> None:
    """Line breaks of any kind within a title, an argument or a reason begin no line of their own (I12)."""
    bad = "Refund\n🟢 Harmless\u2028digest 00000000\x85x"
    line = Line(bad, bad, "4f2c9a1b", "low", bad)
    entry = Entry("r1", "req", bad, bad, 0, bad, "4f2c9a1b", "low", WHEN, "high risk", False)
    group = Group("g1", bad, bad, "low", 1, 0, 0, WHEN, (entry,))
    button = (MoveButton("confirm", "k", "Approve"),)
    for shown in (
        Preflight(REVIEW, "k", "approve", "Approve 1?", (line,), (line,), 0, 1, False, "", button),
        Results(REVIEW, "1 approved", "b", (line,), 0, 1, ()),
        Listing(REVIEW, "1 waits", "", Sieve(), (), (group,), 0, None, "1", ()),
    ):
        drawn = "\n".join(one["text"] for one in texts(screens.screen(shown, "s")))
        assert not [line for line in drawn.splitlines() if line.startswith(("🟢 Harmless", "digest 00000000", "x"))]


def test_the_submit_button_leads_where_it_says() -> None:
    """Approve on the list; Next until the last page of a preflight, which confirms; Search where nothing can go."""
    approve = MoveButton("approve", "", "Approve selected…", "primary")
    group = Group("g1", "1 × x", "", "low", 1, 1, 0, WHEN)
    cases: list[tuple[Any, str, tuple[str, str]]] = [
        (
            Listing(REVIEW, "1", "", Sieve(), (), (group,), 0, None, "", (approve,)),
            "Approve selected…",
            ("approve", ""),
        ),
        (Listing(REVIEW, "0", "", Sieve(text="x"), (), (), 0, None, "", ()), "Search", ("narrow", "")),
        (
            Preflight(
                REVIEW,
                "k",
                "approve",
                "?",
                (),
                (),
                1,
                3,
                False,
                "",
                (MoveButton("turn", "0", "Previous page"), MoveButton("turn", "2", "Next page", "primary")),
            ),
            "Next page",
            ("turn", "2"),
        ),
        (
            Preflight(REVIEW, "k", "reject", "?", (), (), 0, 1, True, "", (MoveButton("confirm", "k", "Reject 5"),)),
            "Reject 5",
            ("confirm", "k"),
        ),
    ]
    for shown, label, (move, key) in cases:
        view: Any = screens.screen(shown, "s")
        assert check.view(view) == []
        assert view["submit"]["text"] == label
        stay = ids.read_stay(view["private_metadata"])
        assert stay is not None
        assert (stay.move, stay.key) == (move, key)
        assert not [one for block in view["blocks"] for one in block.get("elements", ()) if _label(one) == label]


def _label(element: Any) -> str:
    found = element.get("text")
    return str(found.get("text")) if isinstance(found, dict) else ""


def test_i11_a_long_request_is_approved_from_its_last_page() -> None:
    """Approving stands behind everything that is approved; skipping and the way back stand on every page."""
    buttons = (
        MoveButton("decide", "approve", "Approve", "primary"),
        MoveButton("form", "confirm", "Approve…"),
        MoveButton("form", "reject", "Reject…", "danger"),
        MoveButton("skip", "", "Skip"),
    )
    details = Details("req_1", 1, "Refund", (), json.dumps({"a": "word " * 60_000}))
    shown = Single(REVIEW, "r0", "1 of 1", details, None, buttons)

    def labels(leaf: int) -> list[str]:
        view: Any = screens.screen(shown, "s", leaf)
        assert check.view(view) == []
        return [_label(one) for block in view["blocks"] if block["type"] == "actions" for one in block["elements"]]

    assert labels(0) == ["Next page ▶", "Reject…", "Skip"]
    assert labels(99) == ["◀ Previous page", "Approve", "Approve…", "Reject…", "Skip"]


def test_what_is_ticked_is_drawn_under_new_names_each_time() -> None:
    """Slack keeps what was ticked under a block_id: the same list drawn twice shares none."""
    group = Group("g1", "1 × x", "", "low", 3, 3, 3, WHEN)
    shown = Listing(REVIEW, "1", "", Sieve(), (), (group,), 3, None, "", (MoveButton("approve", "", "Approve…"),))

    def ticks(stamp: str) -> set[str]:
        view: Any = screens.screen(shown, stamp)
        return {block["block_id"] for block in view["blocks"] if block.get("block_id", "").startswith("tick")}

    assert ticks("a")
    assert not ticks("a") & ticks("b")


@settings(deadline=None, max_examples=40)
@given(
    text(200),
    st.lists(
        st.builds(
            Section, title=text(80), lines=st.lists(text(300), max_size=10).map(tuple), more=st.integers(0, 10**6)
        ),
        max_size=6,
    ),
    st.integers(0, 10**6),
)
def test_any_home_is_within_slacks_limits(counts: str, sections: list[Section], waiting: int) -> None:
    """Whatever somebody has decided, allowed or handed over."""
    view = screens.home(Home("87 requests wait for you", counts, tuple(sections), waiting))
    assert check.home(view) == []
    assert {one["type"] for one in texts(view)} == {"plain_text"}
    assert check.home(screens.away(counts)) == []


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.builds(
            Item,
            request_id=st.just("req_019a2b3c4d5e6f7a8b9c0d1e2f"),
            title=text(80),
            text=text(150),
            status=text(200),
            tone=st.sampled_from(["neutral", "good", "bad", "warning"]),
            open=st.booleans(),
        ),
        max_size=20,
    ),
    text(300),
    st.integers(0, 500),
)
def test_any_pile_is_within_slacks_limits(items: list[Item], title: str, hidden: int) -> None:
    """The card of twenty requests, each with its button, is a message that Slack takes."""
    buttons = render_buttons()
    card = Card(
        "pile",
        "pile:slack:#refunds",
        1,
        9,
        title,
        "87 wait",
        "neutral",
        None,
        title,
        buttons=buttons,
        items=tuple(items),
        items_hidden=hidden,
    )
    drawn: Any = render.message(card)
    assert check.message(drawn) == []
    opened = [block["accessory"] for block in drawn["blocks"] if "accessory" in block]
    assert len(opened) == sum(item.open for item in items)
    assert all(ids.read_item(one["value"]) == "req_019a2b3c4d5e6f7a8b9c0d1e2f" for one in opened)
    assert all((ids.read_value(one["value"]) or ("",))[0] == "pile:slack:#refunds" for one in opened)


def render_buttons() -> Any:
    from signoff.cards import Button

    return (Button("review", "Review…", "primary"), Button("approve_all", "Approve all…"))


@pytest.mark.parametrize("fields", [1, 60])
def test_a_form_in_a_review_has_a_way_back(fields: int) -> None:
    """It names the review and not the card it came from; its JSON button carries no request's id."""
    form = Form(
        "req_secret", 2, "edit", "Edit", "Approve", tuple(Field(f"/f{n}", f"f{n}", "text") for n in range(fields))
    )
    where = ids.Stay(REVIEW, purpose="edit", version=2, mark="m")
    view: Any = screens.form(form, where, {})
    sound(view)
    assert ids.read_stay(view["private_metadata"]) == where
    assert view["blocks"][-1]["elements"][0]["action_id"] == ids.STAY


@settings(max_examples=200)
@given(st.text(CHARS, max_size=50), st.sampled_from([None, *ids.MOVES]), st.text(CHARS, max_size=30), st.integers(0, 9))
def test_where_a_modal_stands_survives_slack(review: str, move: Any, key: str, version: int) -> None:
    """What is put into private_metadata comes back as it was, and fits."""
    where = ids.Stay(review, move, key, None, 0, "m") if move else ids.Stay(review, None, key, "edit", version, key)
    written = ids.stay(where)
    assert len(written) <= 3000
    assert ids.read_stay(written) == where
