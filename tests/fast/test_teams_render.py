"""Adaptive Cards: within the limits, valid, and text as text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.cards import Action, Button, Card, Details, Fact, Row
from signoff.forms import Field, Form, Option
from signoff_teams import render
from signoff_teams.parse import START
from signoff_teams.render import pages
from signoff_teams.render.inputs import element, exact
from signoff_teams.render.text import fit, size

SCHEMA = json.loads((Path(__file__).parent / "data" / "adaptive-card-1.5.0.json").read_text())
VALID = jsonschema_rs.validator_for(SCHEMA, validate_formats=False)

NASTY = st.sampled_from(
    [
        "**bold** [link](https://evil.example) # h\n- a",
        "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
        "{{{{TIME(2026-01-01T00:00:00Z)}}}}",
        "<at>Ada</at> @everyone &lt;b&gt;",
        "a\nb\r\nc\rd\te  f ",
        "\n \n",
        "{{a" * 100,
        "{" * 300,
        "‹U+202E›\u00e9\U0001f600" * 20,
        "",
    ]
)
TEXT = st.one_of(NASTY, st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
LONG = st.one_of(TEXT, st.builds(lambda t, n: t * n, TEXT, st.integers(1, 300)))
MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))
FACT = st.builds(
    Fact,
    label=st.sampled_from(["Why", "Impact", "Expires"]),
    text=LONG,
    moment=st.none() | MOMENT,
    url=st.none() | st.sampled_from(["https://run.example/1", "javascript:alert(1)", "http://[bad"]),
    hidden=st.integers(0, 99),
)
ROW = st.builds(
    Row,
    name=TEXT,
    kind=st.sampled_from(["text", "number", "boolean", "null", "list", "object", "secret"]),
    text=LONG,
    hidden=st.integers(0, 99),
    before=st.none() | LONG,
)
BUTTONS = (
    Button("approve", "Approve", "primary"),
    Button("edit", "Edit…"),
    Button("reject", "Reject…", "danger"),
    Button("respond", "Answer…"),
    Button("details", "Details"),
)
CARD = st.builds(
    Card,
    purpose=st.sampled_from(["ask", "settled", "notice", "pointer"]),
    request_id=st.just("req_0123456789abcdef0123456789ab"),
    version=st.integers(1, 99),
    rev=st.integers(1, 99),
    title=TEXT,
    status=TEXT,
    tone=st.sampled_from(["neutral", "good", "bad", "warning"]),
    risk=st.none() | st.sampled_from(["low", "medium", "high", "critical"]),
    summary=TEXT,
    facts=st.lists(FACT, max_size=12).map(tuple),
    arguments=st.lists(ROW, max_size=60).map(tuple),
    arguments_hidden=st.integers(0, 9),
    footer=st.lists(FACT, max_size=8).map(tuple),
    buttons=st.just(BUTTONS) | st.just(()),
)
CUTTABLE = ("text", "paragraph", "list", "json", "email", "url")
KINDS = ("integer", "number", "boolean", "choice", "date", "time", "datetime", *CUTTABLE)


def nodes(value: object) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(node for item in value.values() for node in nodes(item))]
    return [node for item in value for node in nodes(item)] if isinstance(value, list) else []


def texts(card: object) -> str:
    return "\n".join(node["text"] for node in nodes(card) if node.get("type") == "TextRun")


def check(card: dict[str, Any]) -> None:
    error = next(VALID.iter_errors(card), None)
    assert error is None, error
    assert len(json.dumps(card, ensure_ascii=False).encode()) <= render.LIMIT
    assert size(card) <= render.LIMIT
    assert len(card["actions"]) <= 6
    inputs = [node["id"] for node in nodes(card) if str(node.get("type")).startswith("Input.") and "id" in node]
    assert len(inputs) == len(set(inputs))
    for node in nodes(card):
        if node.get("type") == "TextRun":
            assert not re.search(r"\{\{[^{]", node["text"])
            assert "\n" not in node["text"]
        if node.get("type") == "TextBlock":
            assert node["text"].startswith("{{DATE(")
        for key in ("label", "placeholder", "title"):
            assert not re.search(r"\{\{\s*\w", str(node.get(key, "")))


def a_card(**changes: Any) -> Card:
    base: dict[str, Any] = {
        "purpose": "ask",
        "request_id": "req_1",
        "version": 1,
        "rev": 1,
        "title": "Refund order A-1001",
        "status": "Waiting for a decision",
        "tone": "neutral",
        "risk": "high",
        "summary": "Refund order A-1001",
        "buttons": BUTTONS,
    }
    return Card(**(base | changes))


@settings(max_examples=60, deadline=None)
@given(CARD, TEXT)
def test_any_card_is_a_valid_adaptive_card_of_at_most_25_kb(card: Card, notice: str) -> None:
    """Whatever a card holds, its Adaptive Card keeps to schema, size and number of actions, with text only in runs."""
    check(render.card(card, notice))


def test_i12_agent_text_stands_in_runs_that_know_no_markup() -> None:
    """Markdown, mentions and date functions of an agent appear as the characters they are, never in a TextBlock."""
    text = "**x** [y](https://evil.example) {{DATE(2026-01-01T00:00:00Z)}} <at>all</at>"
    card = render.card(a_card(title=text, facts=(Fact("Why", text),), arguments=(Row("a", "text", text),)))
    assert [node for node in nodes(card) if node.get("type") == "TextBlock"] == []
    shown = "".join(node["text"] for node in nodes(card["body"][0]) if node.get("type") == "TextRun")
    assert shown == text
    assert not [node for node in nodes(card) if node.get("type") == "Action.OpenUrl"]


def test_moments_are_shown_in_the_readers_zone() -> None:
    """An expiry is written with the client's date functions, so that everybody reads their own time."""
    at = datetime(2026, 11, 20, 8, 9, 10, tzinfo=UTC)
    card = render.card(a_card(footer=(Fact("Expires", moment=at),)))
    blocks = [node["text"] for node in nodes(card) if node.get("type") == "TextBlock"]
    assert blocks == ["{{DATE(2026-11-20T08:09:10Z, SHORT)}} {{TIME(2026-11-20T08:09:10Z)}}"]


def test_types_are_told_apart_and_edits_show_before_and_after() -> None:
    """The string "500" and the number 500 look different, and a changed argument shows what it was."""
    card = render.card(a_card(arguments=(Row("a", "text", '"500"'), Row("b", "number", "400", before="500"))))
    shown = texts(card)
    assert '"500"' in shown
    assert "number" in shown
    struck = [node["text"] for node in nodes(card) if node.get("strikethrough")]
    assert struck == ["500"]
    assert "→" in shown


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("amount", "316", 2),
        ("note", '"several words that wrap at their spaces, one after the other"', 2),
        ("customer_notification_language", '"de"', 0),
        ("iban", '"DE8937040044053201300012345678901234567890"', 0),
    ],
)
def test_a_word_longer_than_a_column_gets_the_full_width(name: str, text: str, columns: int) -> None:
    """Where neither a name nor a value can break, the value stands below its name, not over it."""
    card = render.card(a_card(arguments=(Row(name, "text", text),)))
    assert len([node for node in nodes(card) if node.get("type") == "Column"]) == columns
    assert name in texts(card)
    assert text in texts(card)
    check(card)


def test_one_sign_stands_for_the_end_of_a_line() -> None:
    """Before and after an edit on one line: the core's sign is not followed by another."""
    row = Row("note", "text", '"c\u21b5\nd"', before='"a\u21b5\nb"')
    shown = texts(render.card(a_card(arguments=(row,))))
    assert '"a ↵ b"' in shown
    assert "⏎" not in shown


def test_only_web_links_become_links() -> None:
    """A link to the run is a link if it is http(s), plain text otherwise."""
    card = render.card(
        a_card(facts=(Fact("Run", "run-7", url="https://r.example"), Fact("Run", "x", url="javascript:1")))
    )
    assert [node["url"] for node in nodes(card) if node.get("type") == "Action.OpenUrl"] == ["https://r.example"]


def test_a_choice_keeps_its_order_and_its_initial_value_even_when_not_all_fit() -> None:
    """What a choice starts with is set and offered; only where some have to be left out does it come first."""
    few = Field("retry", "Then", "choice", initial="ask", options=tuple(Option(one, one) for one in ("never", "ask")))
    made = element("retry", few, few.initial)
    assert (made["value"], [choice["value"] for choice in made["choices"]]) == ("ask", ["never", "ask"])
    many = Field("what", "What", "choice", initial="999", options=tuple(Option(str(n), "x" * 50) for n in range(1000)))
    made = element("what", many, many.initial)
    assert made["value"] == "999"
    assert made["choices"][0]["value"] == "999"
    assert len(made["choices"]) < 1000


def test_i11_a_card_that_had_to_shrink_withholds_confirming_too() -> None:
    """A form in place of Approve is no way around the details."""
    rows = tuple(Row(f"a{index}", "text", '"' + "x" * 3000 + '"') for index in range(20))
    shown = a_card(
        arguments=rows, risk="critical", buttons=(Button("confirm", "Approve…"), Button("details", "Details"))
    )
    assert [action["verb"] for action in render.card(shown)["actions"]] == ["details"]


def test_a_card_with_all_its_buttons_stages_and_votes_is_a_card_teams_takes() -> None:
    """Six buttons, and as many votes as there are approvers, within the size that Teams takes."""
    votes = tuple(
        Fact("Stage", f"finance {index}: approved by Ada Okafor (Teams) " + "x" * 200) for index in range(200)
    )
    actions: tuple[Action, ...] = ("confirm", "edit", "reject", "respond", "details", "more")
    shown = a_card(footer=votes, buttons=tuple(Button(action, action) for action in actions))
    card = render.card(shown)
    check(card)
    assert [action["verb"] for action in card["actions"]] == list(actions)


def test_i11_a_card_that_had_to_shrink_withholds_approve_at_high_risk() -> None:
    """When Teams' size limit hides arguments, a high-risk call cannot be approved from the card, a low-risk one can."""
    rows = tuple(Row(f"a{n}", "text", "x" * 3000) for n in range(20))
    for risk, offered in (("high", False), ("critical", False), ("low", True)):
        card = render.card(a_card(risk=risk, arguments=rows))
        assert ("approve" in [action["verb"] for action in card["actions"]]) is offered
        assert "details" in [action["verb"] for action in card["actions"]]
        assert "characters)" in texts(card)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(FACT, max_size=4).map(tuple),
    st.builds(lambda t, n: t * n, TEXT, st.integers(1, 100)),
    st.lists(FACT, max_size=4).map(tuple),
)
def test_i11_the_details_show_every_character_over_their_pages(
    facts: tuple[Fact, ...], text: str, footer: tuple[Fact, ...]
) -> None:
    """All pages of the full view are valid cards, and together hold the whole JSON."""
    buttons = (Button("approve", "Approve", "primary"), Button("confirm", "Approve…", "primary"))
    shown = Details("req_1", 1, "Refund", facts, text.replace("\r", "")[:8000], buttons, footer)
    seen, number = "", 0
    while True:
        card = render.details(shown, number)
        check(card)
        runs = [n for n in nodes(card["body"]) if n.get("type") == "TextRun" and n.get("fontType") == "Monospace"]
        seen += "".join(run["text"] for run in runs)
        verbs = [action["verb"] for action in card["actions"]]
        if "approve" in verbs:
            assert "confirm" in verbs
            break
        number += 1
        assert {"request": "req_1", "version": 1, "page": number} in [action["data"] for action in card["actions"]]

    def bare(value: str) -> str:
        return "".join(value.replace("\u00a0", " ").replace("\t", "    ").split())

    assert bare(seen) == bare(shown.json)


def test_the_details_show_the_footer_below_the_arguments() -> None:
    """What has to be known first stands first."""
    shown = Details("req_1", 1, "Refund", (Fact("Why", "broken"),), '{"order": 7}', (), (Fact("Digest", "sha256:1"),))
    seen = texts(render.details(shown))
    assert seen.index("broken") < seen.index("order") < seen.index("sha256:1")


# ── forms ────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def forms(draw: st.DrawFn) -> Form:
    fields: list[Field] = []
    for index in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(KINDS))
        options = tuple(Option(f"o{n}", draw(NASTY) or "x") for n in range(draw(st.integers(1, 4))))
        options = options if kind == "choice" else ()
        initial = {
            "boolean": st.sampled_from(["true", "false", ""]),
            "choice": st.sampled_from(["", *(option.value for option in options)]),
            "integer": st.integers().map(str) | st.just(""),
            "number": st.decimals(allow_nan=False, allow_infinity=False).map(str)
            | st.sampled_from(["500", "1.10", "0.1"]),
            "date": st.dates().map(str) | st.sampled_from(["2026-02-30", ""]),
            "time": st.sampled_from(["14:30", "14:30:15", "24:00", "14:30Z", ""]),
        }.get(kind, LONG if kind in CUTTABLE else TEXT)
        fields.append(
            Field(f"/{index}", draw(TEXT), kind, draw(st.booleans()), draw(TEXT), draw(initial), options, draw(TEXT))
        )
    return Form(
        "req_1",
        1,
        draw(st.sampled_from(["edit", "respond"])),
        "Edit",
        "Save",
        tuple(fields),
        tuple(draw(st.lists(TEXT, max_size=5))),
    )


def person(card: dict[str, Any], changes: dict[str, str] | None = None, *, browser: bool = True) -> dict[str, str]:
    """What a client submits: every input's value as a string; browsers rewrite line ends, empty inputs are left out."""
    out: dict[str, str] = {}
    for node in nodes(card["body"]):
        if not str(node.get("type")).startswith("Input.") or "id" not in node:
            continue
        value = node.get("value", "")
        text = value if isinstance(value, str) else json.dumps(value)
        if browser:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        text = (changes or {}).get(node["id"], text)
        if text:
            out[node["id"]] = text
    return out


@settings(max_examples=40, deadline=None)
@given(forms(), st.booleans())
def test_a_form_submitted_unchanged_gives_back_exactly_its_entries(form: Form, browser: bool) -> None:
    """Page by page, every input is valid and within the limits, and every digit and character comes back as it was."""
    base = pages.initial(form)
    entries, at, trail = base, START, ()
    for _ in range(2000):
        page = pages.page(form, entries, at, trail)
        for mode in ("inline", "dialog"):
            card = render.form(form, page, mode=mode)
            check(card)
        entries_after = pages.submitted(form, entries, page.sheet, person(card, browser=browser))
        assert entries_after == entries
        if page.sheet.next is None:
            break
        at, trail = pages.after(form, entries, page.sheet, entries_after), (*trail, at)
        assert at > trail[-1]
    assert page.sheet.next is None
    errors = {field.key: "This is wrong. " * 30 for field in form.fields}
    check(render.form(form, pages.page(form, entries, errors=errors), errors | {"/elsewhere": "x " * 3000}))


def test_a_long_text_is_split_over_pages_and_joined_again() -> None:
    """Changing the first part of a 60 KB text leaves every other character as it was."""
    text = "".join(f"line {n}: é\n" for n in range(5000))
    form = Form("req_1", 1, "edit", "Edit", "Save", (Field("/t", "T", "paragraph", True, initial=text),))
    entries, at, trail, count = pages.initial(form), START, (), 0
    while True:
        page = pages.page(form, entries, at, trail)
        card = render.form(form, page)
        check(card)
        change = {"/t": "NEW\n" + page.pieces[0].text} if count == 0 else {}
        after = pages.submitted(form, entries, page.sheet, person(card, change))
        onward = pages.after(form, entries, page.sheet, after)
        entries, count = after, count + 1
        if page.sheet.next is None:
            break
        at, trail = onward, (*trail, at)
    assert entries["/t"] == "NEW\n" + text
    assert count > 3


@pytest.mark.parametrize("text", ["500", "0", "-3", "0.5", "1234.25", "9007199254740992"])
def test_numbers_that_doubles_hold_are_asked_as_numbers(text: str) -> None:
    """A number input is used where a client that computes in doubles writes the same digits back."""
    assert str(exact(text)) == text


ROUNDED = ["9007199254740993", "500.0", "1.10", "0.1234567890123456789", "1e5", "-0", "", "abc", "00", "0.0000001"]


@pytest.mark.parametrize("text", ROUNDED)
def test_numbers_that_doubles_round_are_asked_as_text(text: str) -> None:
    """A number that would come back with other digits is asked as text."""
    assert exact(text) is None
    field = Field("/n", "N", "number", True, initial=text)
    form = Form("r", 1, "edit", "Edit", "Save", (field,))
    page = pages.page(form, pages.initial(form))
    assert pages.submitted(form, pages.initial(form), page.sheet, person(render.form(form, page))) == {"/n": text}


def test_i09_errors_stand_at_their_fields_and_typed_text_stays() -> None:
    """The sentence follows the input it is about, and the input starts with what was typed."""
    fields = (Field("/amount", "amount", "number", True, "At most 1000."), Field("/note", "note", "text"))
    form = Form("r", 1, "edit", "Edit", "Save", fields)
    page = pages.page(form, {"/amount": "5000", "/note": "hello"})
    card = render.form(form, page, {"/amount": "Must be at most 1000.", "": "In general."})
    kinds = [node.get("id") or texts(node) for node in card["body"]]
    at = kinds.index("/amount")
    assert card["body"][at]["value"] == 5000
    assert "Must be at most 1000." in "".join(kinds[at + 1 : at + 3])
    assert "In general." in kinds[0]
    assert next(node for node in card["body"] if node.get("id") == "/note")["value"] == "hello"


def test_fit_counts_bytes_of_json() -> None:
    """`fit` takes as many characters as their JSON has room for, and no more."""
    assert fit("abc", 5) == 3
    assert fit("abcd", 5) == 3
    assert fit("éé", 8) == 1
