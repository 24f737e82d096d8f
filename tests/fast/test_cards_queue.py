"""The screens of a review, from plain data: what they say, what they offer, and that they hold their limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queuekit import HOSTILE, NAMES, NOW, REQUESTS, SECRET, Counted, decided, waiting

from signoff.cards import Home, Line, Listing, MoveButton, Preflight, Results, Single
from signoff.cards.plain import weight
from signoff.cards.queue import (
    Code,
    Counts,
    Told,
    came,
    entry_place,
    excluded_lines,
    group,
    group_pages,
    home,
    listing,
    opened_key,
    preflight,
    preflight_pages,
    results,
    sieve_value,
    single,
    told_line,
    words,
    working,
)
from signoff.cards.queue.marks import WORDS
from signoff.cards.queue.pages import EXCLUDED, LINES, ROOM
from signoff.model import Delegation, Grant, Request, Sieve, Vote, one_line


def listed(
    window: Sequence[Request | None],
    *,
    marks: Mapping[int, Code] | None = None,
    chosen: Collection[int] = (),
    counts: Counts | None = None,
    offered: Counts | None = None,
    **more: Any,
) -> Listing:
    values: dict[str, Any] = {"page": 0, "opened": "", "first": 0, "more": False, "sieve": Sieve(), **more}
    waits = sum(one is not None for one in window)
    counts = counts or Counted(waits, {"low": waits})
    return listing(
        review="rev",
        window=window,
        marks=marks or {},
        chosen=chosen,
        groups=group(window),
        counts=counts,
        offered=offered or counts,
        names=NAMES,
        **values,
    )


def moves(buttons: Sequence[MoveButton]) -> list[tuple[str, str]]:
    return [(one.move, one.key) for one in buttons]


# ── the list ─────────────────────────────────────────────────────────────────────────────────────


def test_a_list_says_how_much_waits_and_of_which_risk() -> None:
    """The heading counts all of it, the line below by risk and what only another chat shows."""
    counts = Counted(87, {"critical": 1, "high": 4, "low": 80, "": 2}, elsewhere=3)
    found = listed([waiting(n) for n in range(87)], counts=counts)
    assert found.heading == "87 requests wait for you"
    assert found.counts == "1 critical · 4 high · 80 low · 2 with no risk stated · 3 more are shown in another chat"
    assert found.pages == "1–87 of 87"


@pytest.mark.parametrize(
    ("counts", "sieve", "heading", "said"),
    [
        (Counted(1, {"low": 1}), Sieve(), "1 request waits for you", "1 low"),
        (Counted(1200, {"": 1200}), Sieve(), "1,200 requests wait for you", "1,200 with no risk stated"),
        (Counted(), Sieve(), "Nothing waits for you", ""),
        (Counted(), Sieve(risk="high"), "Nothing that waits for you fits", ""),
        (Counted(elsewhere=1), Sieve(), "Nothing waits for you", "1 is shown in another chat"),
        (Counted(1, {"low": 1}, elsewhere=1), Sieve(), "1 request waits for you", "1 low · 1 more is shown in another"),
    ],
)
def test_counts_are_said_in_plain_words(counts: Counted, sieve: Sieve, heading: str, said: str) -> None:
    """One is not said like several, and nothing is said to be nothing."""
    found = listed([waiting()] if counts.total else [], counts=counts, sieve=sieve)
    assert found.heading == heading
    assert found.counts.startswith(said)
    assert bool(found.counts) == bool(said)


def test_an_empty_list_offers_nothing_to_decide() -> None:
    """Only what leads back, where there is a way back."""
    assert listed([]).buttons == ()
    assert listed([]).pages == "0 of 0"
    assert moves(listed([None], first=200).buttons) == [("page", "first")]


def test_a_list_offers_what_can_be_done_with_it() -> None:
    """Deciding what is selected, selecting, one at a time, further and back."""
    found = listed([waiting(1), waiting(2)], chosen=[1], first=200, more=True)
    assert moves(found.buttons) == [
        ("approve", ""),
        ("reject", ""),
        ("select", "all"),
        ("select", "none"),
        ("walk", ""),
        ("page", "next"),
        ("page", "first"),
    ]
    assert found.pages == "201–202 of 202"


def test_where_nothing_goes_together_there_is_one_at_a_time() -> None:
    """No button that could lead nowhere."""
    found = listed([waiting(1, risk="high")], marks={0: "high_risk"})
    assert moves(found.buttons) == [("walk", "")]
    assert (found.groups[0].count, found.groups[0].selectable) == (1, 0)


def test_a_group_counts_what_can_be_selected_and_what_is() -> None:
    """What is marked is never selected, though somebody asked for it; nor is what has gone."""
    window = [waiting(0), waiting(1), None, waiting(3)]
    found = listed(window, marks={1: "own"}, chosen=[0, 1, 2, 99, -1])
    (shown,) = found.groups
    assert (shown.count, shown.selectable, shown.selected, found.selected) == (3, 2, 1, 1)
    assert shown.soonest == NOW + timedelta(hours=1)
    assert shown.entries == ()
    assert shown.more == ""


def test_an_open_group_shows_its_requests_with_their_marks() -> None:
    """Keys by place in the window, arguments in full and in short, the reason for what cannot be selected."""
    found = listed([waiting(1), waiting(2), waiting(3)], marks={1: "hidden_text"}, chosen=[2], opened="g0")
    first, second, third = found.groups[0].entries
    assert (first.key, first.request_id, first.digest, first.risk) == ("r0", "req_1", "00000000", "low")
    assert first.text == 'order "A-1001" · amount 21 · currency "eur"'
    assert first.short == 'order "A-1001" · amount 21'
    assert first.hidden == 0
    assert (first.mark, first.selected) == (None, False)
    assert (second.mark, second.selected) == ("contains invisible characters", False)
    assert (third.mark, third.selected) == (None, True)


def test_a_big_group_is_shown_forty_at_a_time() -> None:
    """Its `more` leads to the next of them, and at the end nowhere; a place behind the end shows the first."""
    window = [waiting(n, {"order": f"A-{n}"}) for n in range(100)]
    keys = {opened: listed(window, opened=opened).groups[0] for opened in ("g0", "g0:40", "g0:80", "g0:400")}
    assert [(len(one.entries), one.entries[0].key, one.more) for one in keys.values()] == [
        (40, "r0", "g0:40"),
        (40, "r40", "g0:80"),
        (20, "r80", ""),
        (40, "r0", "g0:40"),
    ]


def test_twenty_groups_make_a_page() -> None:
    """The rest is a page away, before the next window; a page that does not exist is the last one."""
    window = [waiting(n, {"n": n % 9}, tool=f"tool_{n % 45}") for n in range(90)]
    assert group_pages(group(window)) == 3
    first, last = listed(window), listed(window, page=2)
    assert (len(first.groups), first.pages, moves(first.buttons)[-1]) == (20, "1–40 of 90", ("page", "next"))
    assert (len(last.groups), last.pages, moves(last.buttons)[-1]) == (5, "81–90 of 90", ("page", "first"))
    assert listed(window, page=9) == last
    assert ("page", "next") not in moves(last.buttons)


def test_choices_come_with_their_counts_most_frequent_first() -> None:
    """By risk from the most urgent, by everything else from the most frequent."""
    counts = Counted(
        9, {"low": 5, "critical": 1, "": 3}, {"restart": 2, "deploy": 4, "backup": 2}, {}, {"chat:#ops": 9}
    )
    risk, tool, agent, channel = listed([waiting()], counts=counts, sieve=Sieve(tool="deploy")).choices
    assert risk.options == (("critical", "critical (1)"), ("low", "low (5)"))
    assert (tool.value, tool.options) == (
        "deploy",
        (("deploy", "deploy (4)"), ("backup", "backup (2)"), ("restart", "restart (2)")),
    )
    assert (agent.value, agent.options) == ("", ())
    assert channel.options == (("chat:#ops", "chat:#ops (9)"),)


def test_a_choice_holds_at_most_99_and_always_what_is_chosen() -> None:
    """Of a thousand tools the most frequent ones, and the one that is chosen, also when nothing of it waits."""
    tools = {f"tool_{n}": 1000 - n for n in range(1000)}
    chosen = listed([waiting()], counts=Counted(1, tool=tools), sieve=Sieve(tool="tool_999")).choices[1]
    assert len(chosen.options) == 99
    assert chosen.options[-1] == ("tool_999", "tool_999 (1)")
    gone = listed([waiting()], counts=Counted(1, tool={"deploy": 1}), sieve=Sieve(tool="gone")).choices[1]
    assert gone.options == (("deploy", "deploy (1)"), ("gone", "gone (0)"))


def test_choices_are_what_is_offered_not_what_is_shown() -> None:
    """Whoever has narrowed the list down can choose something else."""
    found = listed([waiting()], counts=Counted(1, {"low": 1}), offered=Counted(9, {"low": 1, "high": 8}))
    assert found.choices[0].options == (("high", "high (8)"), ("low", "low (1)"))
    assert found.counts == "1 low"


def test_what_is_selected_elsewhere_counts_too() -> None:
    """In other windows: it is decided along with what is selected here."""
    found = listed([waiting(1), waiting(2)], chosen=[1], elsewhere=5)
    assert found.selected == 6
    assert ("select", "none") in moves(listed([waiting(1)], elsewhere=5).buttons)


@pytest.mark.parametrize("name", ["x" * 76, "a\u202eb", "two\nlines", "#1", " space ", "", "\ud800"])
def test_names_that_no_chat_sends_back_as_they_are_go_by_a_short_value(name: str) -> None:
    """The value finds the name again, as long as anything of it waits."""
    counts = {name: 3, "deploy": 9}
    shown = listed([waiting()], counts=Counted(1, tool=counts), sieve=Sieve(tool=name)).choices[1]
    value, label = shown.options[1]
    assert value.startswith("#")
    assert len(value) <= 75
    assert shown.value == value
    assert sieve_value(value, counts) == name
    assert sieve_value(value, {"deploy": 9}) is None
    assert (one_line(label), label[-4:]) == (label, " (3)")
    assert len(label) <= 75


def test_keys_that_mean_nothing_mean_nothing() -> None:
    """What a crafted submission holds is not taken for a place."""
    assert [entry_place(key) for key in ("r0", "r12", "g1", "r", "r-1", "r1.5", "r²", "r9999999", "")] == [
        0, 12, None, None, None, None, None, None, None,
    ]  # fmt: skip
    assert [opened_key(key) for key in ("g3", "g3:40", "g3:x", "", "g3:-1")] == [
        ("g3", 0), ("g3", 40), ("g3", 0), ("", 0), ("g3", 0),
    ]  # fmt: skip


@given(st.lists(st.none() | REQUESTS, max_size=6), st.data())
def test_any_queue_can_be_listed(window: list[Request | None], data: st.DataObject) -> None:
    """Nothing that an agent sends makes it raise, and all texts are safe to read and within their room."""
    groups = group(window)
    opened = data.draw(st.sampled_from(["", *(one.key for one in groups)]))
    found = listed(window, opened=opened, chosen=range(len(window)))
    assert sum(one.count for one in found.groups) == sum(one is not None for one in window)
    for shown in found.groups:
        assert bool(shown.entries) == (shown.key == opened)
        for entry in shown.entries:
            assert len(entry.title) <= 80
            assert len(entry.text) <= 300
            assert all(one_line(text) == text for text in (entry.title, entry.text, entry.short))


# ── words ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", WORDS)
def test_every_code_has_its_words(code: Code) -> None:
    """A few of them, with and without a request; none for what can be decided."""
    assert bool(words(code, None, NAMES)) == (code != "ok")
    assert bool(words(code, waiting(), NAMES)) == (code != "ok")


def test_what_was_decided_meanwhile_is_told_with_by_whom() -> None:
    """The person's own name, or none where nobody did it."""
    said = [words("already_decided", decided(waiting(), kind), NAMES) for kind in ("approve", "reject", "cancel")]
    assert said == ["already approved by Bob", "already rejected by Bob", "already withdrawn"]
    assert words("high_risk", waiting(risk="critical"), NAMES) == "critical risk: open it by itself"


# ── the page before deciding ─────────────────────────────────────────────────────────────────────


def ahead(
    requests: Sequence[Request], excluded: Sequence[Told] = (), *, kind: str = "approve", page: int = 0
) -> Preflight:
    lines = [told_line(Told(one, "ok"), NAMES) for one in requests]
    left_out = excluded_lines(excluded, NAMES)
    return preflight(review="rev", key="k", kind=kind, lines=lines, excluded=left_out, page=page)  # type: ignore[arg-type]


def test_a_preflight_lists_what_will_be_decided_and_what_will_not() -> None:
    """Tool, title, arguments and digest of each; what is left out has its reason."""
    left_out = [Told(waiting(3, risk="high"), "high_risk"), Told(None, "not_found")]
    found = ahead([waiting(1, title="Refund A-1001"), waiting(2)], left_out)
    assert found.heading == "Approve 2 requests?"
    told = 'order "A-1001" · amount 21 · currency "eur"'
    assert found.lines[0] == Line("issue_refund: Refund A-1001", told, "00000000", "low")
    assert [(one.title, one.said) for one in found.excluded] == [
        ("issue_refund", "high risk: open it by itself"),
        ("A request that is no longer there", "no longer there"),
    ]
    assert moves(found.buttons) == [("confirm", "k"), ("list", "")]
    assert found.buttons[0].label == "Approve 2"
    assert not found.reason


def test_a_rejection_asks_for_one_reason() -> None:
    """Where it is confirmed, and nowhere else."""
    found = ahead([waiting(1)], kind="reject")
    assert (found.heading, found.reason, found.buttons[0].label) == ("Reject 1 request?", True, "Reject 1")
    assert found.buttons[0].style == "danger"
    many = [waiting(n, {"body": "x" * 250}) for n in range(120)]
    assert not ahead(many, kind="reject").reason
    assert ahead(many, kind="reject", page=99).reason


def test_with_nothing_to_decide_there_is_nothing_to_confirm() -> None:
    """What is left out is listed all the same."""
    found = ahead([], [Told(waiting(1), "own")])
    assert (found.heading, moves(found.buttons)) == ("Nothing here can be approved", [("list", "")])
    assert (found.page, found.pages, found.lines, len(found.excluded)) == (0, 1, (), 1)


def test_all_that_is_confirmed_was_shown() -> None:
    """Every line is on exactly one page, in order; only the last page confirms."""
    requests = [waiting(n, {"order": f"A-{n}", "body": "é" * (n % 250)}) for n in range(200)]
    pages = [ahead(requests, page=n) for n in range(ahead(requests).pages)]
    assert len(pages) > 2
    assert [line.text for page in pages for line in page.lines] == [
        told_line(Told(one, "ok"), NAMES).text for one in requests
    ]
    assert [("confirm", "k") in moves(page.buttons) for page in pages] == [False] * (len(pages) - 1) + [True]
    assert moves(pages[0].buttons) == [("turn", "1"), ("list", "")]
    assert moves(pages[1].buttons) == [("turn", "2"), ("turn", "0"), ("list", "")]
    assert pages[-1].buttons[0].label == "Approve 200"
    assert preflight_pages([line for page in pages for line in page.lines], ()) == len(pages)


def test_pages_hold_their_lines_and_their_weight() -> None:
    """At most 100 lines and 14 000 of weight, also of the heaviest text, and with what is left out."""
    for requests in ([waiting(n, {"n": 1}) for n in range(200)], [waiting(n, {"t": "😀" * 290}) for n in range(60)]):
        left_out = [Told(waiting(n, {"t": "&😀" * 200}, title="€" * 300), "own") for n in range(60)]
        first = ahead(requests, left_out)
        for page in range(first.pages):
            found = ahead(requests, left_out, page=page)
            lines = (*found.lines, *found.excluded)
            assert len(found.lines) <= LINES
            assert sum(weight(text) for one in lines for text in (one.title, one.text, one.digest, one.said)) <= ROOM
            assert found.lines
            assert bool(found.excluded) == (page == 0)


def test_of_many_left_out_some_are_listed_and_all_counted() -> None:
    """At most forty, fewer where they are heavy, then how many more."""
    light = excluded_lines([Told(waiting(n, {"n": n}, title="x"), "own") for n in range(100)], NAMES)
    assert (len(light), light[-1].title) == (EXCLUDED + 1, "and 60 more")
    heavy = excluded_lines([Told(waiting(n, {"n": "😀" * 99}), "own") for n in range(30)], NAMES)
    assert heavy[-1].title == f"and {30 - len(heavy) + 1} more"
    assert 1 < len(heavy) < 30


def test_the_buttons_of_the_biggest_page_are_short() -> None:
    """A label has at most 24 characters."""
    found = ahead([waiting(n) for n in range(1000)], page=10**6)
    assert all(len(one.label) <= 24 for one in (*found.buttons, *listed([waiting()], more=True, first=1).buttons))


# ── what came of it ──────────────────────────────────────────────────────────────────────────────


def after(told: Sequence[Told], *, kind: str = "approve", page: int = 0) -> Results:
    lines = [told_line(one, NAMES, came=True) for one in told]
    codes = [one.code for one in told]
    return results(review="rev", kind=kind, batch="bat", codes=codes, lines=lines, page=page)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("codes", "heading"),
    [
        (["approved"] * 86 + ["changed"], "86 approved, 1 not"),
        (["approved"], "1 approved"),
        (["voted"], "1 vote counted"),
        (["approved", "voted", "voted", "expired"], "1 approved, 2 votes counted, 1 not"),
        (["changed", "expired"], "Nothing was approved"),
        ([], "Nothing was approved"),
    ],
)
def test_results_are_counted(codes: list[Code], heading: str) -> None:
    """Decided, voted and not are three things."""
    assert after([Told(waiting(n), code) for n, code in enumerate(codes)]).heading == heading


def test_every_result_has_its_line() -> None:
    """What it was and what came of it, in the tone that it deserves."""
    told = [
        Told(waiting(1), "approved"),
        Told(decided(waiting(2), "reject"), "already_decided"),
        Told(waiting(3), "changed"),
        Told(None, "not_found"),
    ]
    found = after(told)
    assert [(one.said, one.tone) for one in found.lines] == [
        ("approved", "good"),
        ("already rejected by Bob", "warning"),
        ("was edited since you saw it", "warning"),
        ("no longer there", "warning"),
    ]
    assert (found.batch, found.page, found.pages, moves(found.buttons)) == ("bat", 0, 1, [("list", "")])


def test_many_results_have_pages() -> None:
    """None is lost."""
    told = [Told(waiting(n), "approved") for n in range(250)]
    pages = [after(told, page=n) for n in range(after(told).pages)]
    assert sum(len(page.lines) for page in pages) == 250
    assert moves(pages[-1].buttons)[0] == ("turn", str(len(pages) - 2))


def test_while_it_is_written_it_says_how_far_it_is() -> None:
    """And lets somebody look again."""
    found = working(review="rev", kind="reject", done=120, total=1200)
    assert (found.heading, moves(found.buttons)) == ("Rejecting: 120 of 1,200", [("look", "")])


# ── one at a time ────────────────────────────────────────────────────────────────────────────────


def one(request: Request, code: Code = "ok", place: int = 2) -> Single:
    return single(
        review="rev", key="r1", request=request, code=code, who="Ada", names=NAMES, place=place, of=87, notice="before"
    )


def test_a_single_request_is_shown_whole_with_every_way_to_decide() -> None:
    """Its approval, forms as they are offered, and the ways on."""
    found = one(waiting())
    assert (found.place, found.notice, found.details.request_id) == ("2 of 87", "before", "req_1")
    assert moves(found.buttons) == [
        ("decide", "approve"),
        ("form", "edit"),
        ("form", "reject"),
        ("skip", ""),
        ("back", ""),
        ("list", ""),
    ]
    assert [button.action for button in found.details.buttons] == ["approve"]


def test_the_first_one_has_nothing_before_it() -> None:
    """No button that leads nowhere."""
    assert ("back", "") not in moves(one(waiting(), place=1).buttons)


def test_what_is_typed_to_confirm_opens_a_form() -> None:
    """As on the card; risk withholds nothing where all of it is shown."""
    found = one(waiting(terms={"confirm": "DELETE"}, risk="critical"), "high_risk")
    assert moves(found.buttons)[0] == ("form", "confirm")


def test_only_what_is_offered_is_offered() -> None:
    """A question is answered; what cannot be edited is not."""
    question = waiting(allowed_decisions=("respond", "reject"))
    assert moves(one(question, "needs_answer").buttons)[:2] == [("form", "respond"), ("form", "reject")]
    assert moves(one(waiting(editable=())).buttons)[:2] == [("decide", "approve"), ("form", "reject")]


@pytest.mark.parametrize("code", ["own", "not_allowed", "already_voted", "away", "expired"])
def test_who_may_not_decide_it_is_told_why_and_offered_nothing(code: Code) -> None:
    """Only the ways on."""
    found = one(waiting(), code)
    assert moves(found.buttons) == [("skip", ""), ("back", ""), ("list", "")]
    assert found.details.buttons == ()
    assert (found.details.facts[0].label, found.details.facts[0].text) == ("You cannot decide this", WORDS[code])


def test_what_is_over_or_frozen_offers_no_decision() -> None:
    """Its state says why."""
    for request in (decided(waiting(), "approve"), waiting(frozen="Mia: an incident")):
        assert moves(one(request, "already_decided").buttons) == [("skip", ""), ("back", ""), ("list", "")]
        assert moves(one(request).buttons) == [("skip", ""), ("back", ""), ("list", "")]


@pytest.mark.parametrize(
    ("code", "request_", "said"),
    [
        ("approved", decided(waiting(title="Refund A-1"), "approve"), "Approved: Refund A-1"),
        ("approved", decided(waiting(), "edit"), "Approved with changes: issue_refund"),
        ("approved", decided(waiting(), "respond"), "Answered: issue_refund"),
        ("rejected", decided(waiting(), "reject"), "Rejected: issue_refund"),
        ("voted", waiting(), "Your vote counts, others are still asked: issue_refund"),
        ("changed", waiting(), "Not decided: issue_refund (was edited since you saw it)"),
    ],
)
def test_the_next_one_says_what_came_of_the_one_before(code: Code, request_: Request, said: str) -> None:
    """In one line."""
    assert came(code, request_, NAMES) == said


@given(REQUESTS, st.sampled_from(list(WORDS)))
def test_any_request_can_be_looked_at_by_itself(request: Request, code: Code) -> None:
    """Nothing that an agent sends makes it raise; what has to be read on one line is on one line."""
    assert one_line(came(code, request, NAMES)) == came(code, request, NAMES)
    assert all(len(button.label) <= 24 for button in one(request, code).buttons)
    line = told_line(Told(request, code), NAMES)
    assert all(one_line(text) == text for text in (line.title, line.text, line.said))


# ── somebody's own page ──────────────────────────────────────────────────────────────────────────


def own(**more: Any) -> Home:
    values: dict[str, Any] = {"counts": Counted(), "waiting": (), "decided": (), "grants": (), "delegations": ()}
    return home(**(values | more), person="ada", names=NAMES)


GRANT = Grant(
    id="gr_1",
    request="req_1",
    rule="refunds",
    fingerprint="-",
    tool="issue_refund",
    asked_by="key",
    match={},
    giver="ada",
    at=NOW,
    expires_at=NOW,
    max_uses=5,
    uses=2,
)


def test_a_page_of_ones_own_shows_the_queue_and_what_one_did_and_laid_down() -> None:
    """What waits, what was decided today, grants and delegations, each in a line."""
    found = own(
        counts=Counted(1, {"high": 1}),
        waiting=[waiting(1, risk="high", title="Refund A-1001")],
        decided=[decided(waiting(2), "reject", "ada")],
        grants=[GRANT],
        delegations=[
            Delegation(id="d1", giver="ada", to="bob", at=NOW, until=NOW),
            Delegation(id="d2", giver="bob", to="ada", scope="finance", at=NOW, until=NOW),
        ],
    )
    assert (found.heading, found.counts, found.waiting) == ("1 request waits for you", "1 high", 1)
    assert {section.title: section.lines for section in found.sections} == {
        "Waiting for you": (
            'high risk · Refund A-1001 · issue_refund · order "A-1001" · amount 21 · currency "eur" '
            "· until 20 Nov, 09:00 UTC",
        ),
        "Decided today": ('Rejected: issue_refund · order "A-1002" · amount 22 · currency "eur" · 20 Nov, 08:00 UTC',),
        "Similar calls you allow": ("issue_refund · 3 of 5 uses left · until 20 November 2026, 08:00 UTC",),
        "Delegations": (
            "Bob decides in your place until 20 November 2026, 08:00 UTC",
            "You decide in Bob's place for finance until 20 November 2026, 08:00 UTC",
        ),
    }


def test_an_empty_page_of_ones_own_says_so() -> None:
    """Without sections that hold nothing."""
    assert own() == Home("Nothing waits for you", "", (), 0)


def test_sections_hold_ten_lines_and_count_the_rest() -> None:
    """Of the queue by its own count, of the rest by what was handed in and what was not."""
    window = [waiting(n) for n in range(30)]
    found = own(counts=Counted(87), waiting=window, decided=[decided(one, "approve") for one in window], more_decided=5)
    assert [(len(section.lines), section.more) for section in found.sections] == [(10, 77), (10, 25)]


def test_a_vote_on_what_is_still_open_is_told_as_a_vote() -> None:
    """It was not decided."""
    request = waiting(votes=(Vote(person="ada", at=NOW),))
    assert own(decided=[request]).sections[0].lines[0].startswith("Voted: issue_refund")


@given(st.lists(REQUESTS, max_size=3))
def test_any_request_can_stand_on_a_page_of_ones_own(requests: list[Request]) -> None:
    """Nothing that an agent sends makes it raise; a line is a line of at most 300 characters."""
    found = own(counts=Counted(len(requests)), waiting=requests, decided=[decided(one, "approve") for one in requests])
    for line in (line for section in found.sections for line in section.lines):
        assert len(line) <= 300
        assert one_line(line) == line


# ── all of them ──────────────────────────────────────────────────────────────────────────────────


def test_i13_no_screen_tells_a_secret() -> None:
    """Neither where it stands, nor where an agent quotes it in its texts."""
    arguments: dict[str, object] = {"order": "A-1", "card_token": SECRET, "deep": {"x_token": [SECRET]}}
    request = waiting(1, arguments, title=f"Refund {SECRET}", reason=SECRET)
    shown = (
        listed([request], opened="g0"),
        ahead([request], [Told(request, "own")]),
        after([Told(request, "approved")]),
        one(request),
        came("approved", request, NAMES),
        own(counts=Counted(1), waiting=[request], decided=[decided(request, "approve")]),
    )
    assert SECRET not in repr(shown)


def test_i12_no_screen_shows_what_is_invisible() -> None:
    """Hostile text in every field of the request is written out."""
    request = waiting(
        1,
        {HOSTILE: HOSTILE, "nested": {HOSTILE: [HOSTILE]}},
        tool=HOSTILE,
        agent=HOSTILE,
        title=HOSTILE,
        reason=HOSTILE,
    )
    counts = Counted(1, {"low": 1}, {HOSTILE: 1}, {HOSTILE: 1})
    shown = (
        listed([request], opened="g0", counts=counts).groups,
        listed([request], opened="g0", counts=counts).choices,
        ahead([request], [Told(request, "own")]),
        after([Told(request, "approved")]),
        one(request),
        came("approved", request, NAMES),
        own(counts=counts, waiting=[request], decided=[decided(request, "approve")]),
    )
    # Nested names and texts are JSON, where such a character is written as an escape: a backslash of its own.
    said = repr(shown).replace(r"\\u", "")
    assert r"\u202e" not in said
    assert r"\u200b" not in said
    assert "‹U+202E›" in said
