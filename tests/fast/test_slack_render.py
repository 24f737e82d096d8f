"""Cards and forms as Block Kit: always within the limits, always text, and back again without loss."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.cards import Button, Card, Details, Fact, Row
from signoff.errors import Invalid
from signoff.forms import Field, Form, Option
from signoff.model import MessageRef
from signoff_slack import check, ids, parse, render
from signoff_slack.render import inputs

ORIGIN = MessageRef(chat="slack", tenant="T0DEMO", conversation="C0REFUNDS", message="1700000000.000100")
CHARS = st.characters(exclude_categories=["Cs"])
SHORT = st.text(CHARS, max_size=40)
LONG = st.one_of(
    SHORT, st.builds(lambda text, times: text * times, st.text(CHARS, min_size=1, max_size=9), st.integers(1, 900))
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
FACTS = st.builds(
    Fact,
    label=st.text(CHARS, min_size=1, max_size=30),
    text=LONG,
    moment=st.none() | MOMENTS,
    url=st.none() | LONG.map("https://example.com/".__add__),
    hidden=st.integers(0, 10**7),
)
ROWS = st.builds(
    Row,
    name=st.text(CHARS, max_size=200),
    kind=st.sampled_from(["text", "number", "boolean", "null", "list", "object", "secret"]),
    text=LONG,
    hidden=st.integers(0, 10**6),
    before=st.none() | LONG,
)
BUTTONS = st.lists(
    st.builds(
        Button,
        action=st.sampled_from(["approve", "confirm", "edit", "reject", "respond", "details", "more"]),
        label=st.text(CHARS, min_size=1, max_size=100),
        style=st.sampled_from(["primary", "danger", "plain"]),
    ),
    max_size=7,
    unique_by=lambda button: button.action,
).map(tuple)
CARDS = st.builds(
    Card,
    purpose=st.sampled_from(["ask", "settled", "notice", "pointer"]),
    request_id=st.just("req_019a2b3c4d5e6f7a8b9c0d1e2f"),
    version=st.integers(1, 1000),
    rev=st.integers(1, 1000),
    title=st.text(CHARS, max_size=300),
    status=LONG,
    tone=st.sampled_from(["neutral", "good", "bad", "warning"]),
    risk=st.sampled_from([None, "low", "medium", "high", "critical"]),
    summary=LONG,
    facts=st.lists(FACTS, max_size=25).map(tuple),
    arguments=st.lists(ROWS, max_size=60).map(tuple),
    arguments_hidden=st.integers(0, 1000),
    footer=st.lists(FACTS, max_size=25).map(tuple),
    buttons=BUTTONS,
)


def texts(value: object) -> list[str]:
    """Every text in a payload."""
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return []


def card(**changes: Any) -> Card:
    """A plain card with changes."""
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
    }
    return Card(**{**base, **changes})


def state(view: dict[str, Any]) -> dict[str, Any]:
    """What Slack submits when nobody touches the modal: `view.state.values` (Block Kit interaction payloads)."""
    values: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        kind = element["type"]
        entry: dict[str, Any] = {"type": kind}
        if kind in {"radio_buttons", "static_select"}:
            entry["selected_option"] = element.get("initial_option")
        elif kind in {"datepicker", "timepicker"}:
            entry["selected_" + kind.removesuffix("picker")] = element.get("initial_" + kind.removesuffix("picker"))
        elif kind == "datetimepicker":
            entry["selected_date_time"] = element.get("initial_date_time")
        else:
            entry["value"] = element.get("initial_value")
        values[block["block_id"]] = {element["action_id"]: entry}
    return values


def submitted(view: dict[str, Any]) -> parse.Submission:
    """The modal as Slack submits it."""
    payload = {
        "type": "view_submission",
        "team": {"id": "T0DEMO"},
        "user": {"id": "U0ADA", "team_id": "T0DEMO"},
        "view": {"id": "V1", "private_metadata": view["private_metadata"], "state": {"values": state(view)}},
    }
    found = parse.submission(json.loads(json.dumps(payload)))
    assert found is not None
    return found


@settings(deadline=None, max_examples=150)
@given(CARDS)
def test_every_card_is_within_slacks_limits(card: Card) -> None:
    """Whatever the card holds, the message drawn from it breaks none of Slack's limits."""
    assert check.message(render.message(card)) == []


@settings(deadline=None, max_examples=60)
@given(
    st.builds(
        Details,
        request_id=st.just("req_1"),
        version=st.just(1),
        title=LONG,
        facts=st.lists(FACTS, max_size=9).map(tuple),
        json=LONG,
        footer=st.lists(FACTS, max_size=9).map(tuple),
    )
)
def test_every_page_of_the_details_is_within_slacks_limits(details: Details) -> None:
    """The details view breaks no limit, and its pages together hold the whole text."""
    shown, page = "", 0
    while True:
        view: Any = render.details(details, ORIGIN, page)
        assert check.view(view) == []
        for block in view["blocks"]:
            if block["type"] == "rich_text":
                shown += block["elements"][0]["elements"][0]["text"]
        buttons = [element for block in view["blocks"] if block["type"] == "actions" for element in block["elements"]]
        forward = [button for button in buttons if button["action_id"].endswith(".next")]
        if not forward:
            break
        carried = ids.read_value(forward[0]["value"])
        assert carried is not None
        page = carried[2]
    assert shown.strip() == (details.json or "{}").strip()


def test_the_details_show_the_footer_below_the_arguments() -> None:
    """What has to be known first stands first."""
    shown = Details("req_1", 1, "Refund", (Fact("Why", "broken"),), '{"order": 7}', (), (Fact("Digest", "sha256:1"),))
    seen = json.dumps(render.details(shown, ORIGIN))
    assert seen.index("broken") < seen.index("order") < seen.index("sha256:1")


def test_long_details_turn_pages() -> None:
    """A text beyond one view is paged, and no character of it is missing."""
    text = json.dumps({f"key {index}": "ä" * 500 for index in range(400)}, indent=2, ensure_ascii=False)
    details = Details("req_1", 1, "Import", (), text)
    first: Any = render.details(details, ORIGIN)
    assert [e["text"]["text"] for e in first["blocks"][-1]["elements"]] == ["Next ▶"]
    assert check.view(first) == []


def test_an_address_that_grows_when_escaped_is_shown_as_text() -> None:
    """A link of 900 `&` would break the limit of a field: the text stands alone instead, on card and details."""
    fact = Fact("Run", "run-7 (example.com)", url="https://example.com/?" + 900 * "&")
    shown: Any = render.message(card(facts=(fact,), footer=(fact,)))
    assert check.message(shown) == []
    assert texts(shown["blocks"]).count("run-7 (example.com)") == 1
    assert "Run: run-7 (example.com)" in texts(shown["blocks"])
    assert check.view(render.details(Details("req_1", 1, "Title", (fact,), "{}"), ORIGIN)) == []


def test_a_run_names_the_host_it_leads_to() -> None:
    """Beside the link stands where it leads, as plain text."""
    fact = Fact("Run", "*run-7* (ci.example.com)", url="https://ci.example.com/7")
    shown: Any = render.message(card(footer=(fact,)))
    [footer] = [block for block in shown["blocks"] if block["type"] == "context"]
    assert [(element["type"], element["text"]) for element in footer["elements"]] == [
        ("mrkdwn", "<https://ci.example.com/7|Run>"),
        ("plain_text", "*run-7* (ci.example.com)"),
    ]


# ── forms ──

NUMBERS = st.one_of(
    st.integers(-(10**25), 10**25).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1.50", "1e400", "-0", "0", "0.1", "123456789012345678", ""]),
)
DATES = st.one_of(st.dates().map(str), st.sampled_from(["", "tomorrow", "2026-02-30"]))
TIMES = st.one_of(st.times().map(str), st.sampled_from(["", "14:30", "24:00", "noon"]))
STAMPS = st.one_of(
    st.datetimes(datetime(1990, 1, 1), datetime(2300, 1, 1)).map(lambda at: at.isoformat(timespec="seconds") + "Z"),
    st.sampled_from(
        [
            "",
            "2026-11-20T08:00:00Z",
            "2026-11-20T08:00:00-03:30",
            "2026-11-20T08:00:00+00:00",
            "2026-11-20T08:00:07Z",
            "soon",
        ]
    ),
)


NO_OPTIONS: st.SearchStrategy[tuple[Option, ...]] = st.just(())


def _field(
    kind: str, initial: st.SearchStrategy[str], options: st.SearchStrategy[tuple[Option, ...]] = NO_OPTIONS
) -> st.SearchStrategy[Field]:
    return st.builds(
        Field,
        key=st.uuids().map(lambda unique: f"/{unique}"),
        label=st.text(CHARS, max_size=300),
        kind=st.just(kind),
        required=st.booleans(),
        hint=LONG,
        initial=initial,
        options=options,
        placeholder=SHORT,
    )


def _choices(draw: Any) -> Field:
    labels = draw(st.lists(st.text(CHARS, max_size=120), min_size=1, max_size=5)) * draw(
        st.sampled_from([1, 1, 30, 300])
    )
    options = tuple(Option(f"v{index}", label) for index, label in enumerate(labels))
    initial = draw(st.sampled_from(["", options[0].value, options[-1].value, "gone"]))
    return draw(_field("choice", st.just(initial), st.just(options)))


FIELD = st.one_of(
    *[_field(kind, LONG) for kind in ("text", "paragraph", "list", "json")],
    _field("integer", NUMBERS),
    _field("number", NUMBERS),
    _field("boolean", st.sampled_from(["true", "false", "", "yes"])),
    _field("date", DATES),
    _field("time", TIMES),
    _field("datetime", STAMPS),
    _field("email", st.emails() | SHORT),
    _field("url", SHORT.map("https://example.com/".__add__) | SHORT),
    st.composite(_choices)(),
)


def _form(fields: list[Field], purpose: str) -> Form:
    return Form(
        "req_1",
        3,
        purpose,
        "Edit the arguments of issue_refund",
        "Approve with changes",
        tuple(fields),
        ("order: “A-1001”",),
    )  # type: ignore[arg-type]


@settings(deadline=None, max_examples=200)
@given(st.lists(FIELD, max_size=45), st.sampled_from(["edit", "respond"]))
def test_a_form_submitted_unchanged_gives_back_every_entry(fields: list[Field], purpose: str) -> None:
    """Form → modal pages → submission → entries: identical strings, whatever the kinds and values; no limit broken."""
    form = _form(fields, purpose)
    entries: dict[str, str] = {}
    start = 0
    while True:
        view: Any = render.form(form, ORIGIN, {}, start)
        assert check.view(view) == []
        submission = submitted(view)
        assert submission.origin == ORIGIN
        entries |= parse.entries(form, submission.values)
        _, start = parse.covered(form, submission.values)
        if start >= len(fields):
            break
    assert entries == {field.key: field.initial for field in fields}


@settings(deadline=None, max_examples=60)
@given(st.lists(FIELD, min_size=1, max_size=8), st.data())
def test_a_draft_comes_back_as_it_was_typed(fields: list[Field], data: st.DataObject) -> None:
    """What was kept from an earlier page stands in the inputs again and is submitted as it was typed."""
    form = _form(fields, "edit")
    drafts = {}
    for field in fields:
        if field.kind in {
            "text",
            "paragraph",
            "list",
            "json",
            "integer",
            "number",
            "date",
            "time",
            "datetime",
            "email",
            "url",
        }:
            drafts[field.key] = data.draw(LONG | NUMBERS | DATES | STAMPS)
    view: Any = render.form(form, ORIGIN, drafts)
    assert check.view(view) == []
    entries = parse.entries(form, submitted(view).values)
    expected = {field.key: drafts.get(field.key, field.initial) for field in fields}
    for field in fields:  # \r cannot be typed; a draft that differs from the start only in it is the start
        if expected[field.key] == field.initial.replace("\r\n", "\n").replace("\r", "\n"):
            expected[field.key] = field.initial
    assert entries == {key: expected[key] for key in entries}


def test_a_long_text_is_split_and_joined() -> None:
    """7 000 characters stand in three numbered inputs and come back as one text, an edit in the middle included."""
    text = "word " * 1400
    form = _form([Field("/body", "Body", "paragraph", initial=text)], "edit")
    view: Any = render.form(form, ORIGIN, {})
    blocks = [block for block in view["blocks"] if block["type"] == "input"]
    assert [block["label"]["text"] for block in blocks] == ["Body (1 of 3)", "Body (2 of 3)", "Body (3 of 3)"]
    submission = submitted(view)
    submission.values["edit/0/1"]["value"] = "CHANGED"  # type: ignore[index]
    joined = parse.entries(form, submission.values)["/body"]
    assert joined == blocks[0]["element"]["initial_value"] + "CHANGED" + blocks[2]["element"]["initial_value"]


def test_line_ends_that_nobody_can_type_survive() -> None:
    """A client turns CR LF into LF; a text that differs in nothing else is unchanged."""
    form = _form([Field("/body", "Body", "paragraph", initial="a\r\nb")], "edit")
    values = {"edit/0/0": {"type": "plain_text_input", "value": "a\nb"}}
    assert parse.entries(form, values) == {"/body": "a\r\nb"}


def test_forty_inputs_make_a_page() -> None:
    """A form of 100 fields has three pages; only the last one submits."""
    form = _form([Field(f"/f{index}", f"Field {index}", "text") for index in range(100)], "edit")
    submits = []
    for start in (0, 40, 80):
        view: Any = render.form(form, ORIGIN, {}, start)
        submits.append(view["submit"]["text"])
        end = parse.covered(form, submitted(view).values)[1]
        assert end == min(start + 40, 100)
    assert submits == ["Next", "Next", "Approve with changes"]
    assert render.page_of(form, {}, 85) == 80


def test_a_field_beyond_a_whole_view_is_refused_in_a_sentence() -> None:
    """A text that no Slack view can hold is named, with what to do."""
    form = _form([Field("/dump", "Dump", "paragraph", initial="x" * 400_000)], "edit")
    with pytest.raises(Invalid, match="too long for a form in Slack"):
        render.form(form, ORIGIN, {})


def test_numbers_that_a_client_might_rewrite_are_typed_as_text() -> None:
    """Only canonical numbers that a double holds use Slack's number input; no bound is left to the client."""
    for text, kind in (
        ("500", "number_input"),
        ("0.25", "number_input"),
        ("1.50", "plain_text_input"),
        ("1e3", "plain_text_input"),
        ("12345678901234567890", "plain_text_input"),
    ):
        block: Any = inputs.blocks("edit", 0, Field("/n", "n", "number", initial=text), text)[0]
        assert block["element"]["type"] == kind
        assert not {"min_value", "max_value"} & set(block["element"])


def test_json_is_one_click_away_from_every_edit_form() -> None:
    """The edit form offers “Edit as JSON”; the other forms do not."""
    for purpose, there in (("edit", True), ("edit_json", False), ("reject", False)):
        view: Any = render.form(_form([Field("", "JSON", "json", initial="{}")], purpose), ORIGIN, {})
        assert ("Edit as JSON" in texts(view["blocks"])) is there


# ── text is text ──

HOSTILE = "<!channel> <@U0ADA> *bold* _it_ `code` ```x``` ~s~ :fire: <https://evil.example|click> & &lt; @here #general"


def test_i12_agent_text_is_plain_text() -> None:
    """No text of the agent's reaches a place where Slack would read markup, mentions, links or emoji codes in it."""
    drawn: Any = render.message(
        card(
            title=HOSTILE,
            status=HOSTILE,
            facts=(Fact("Why", HOSTILE), Fact("Link", HOSTILE, url="https://x.example/|<!here>")),
            arguments=(Row(HOSTILE, "text", HOSTILE, before=HOSTILE),),
            footer=(Fact("Who", HOSTILE), Fact("Run", HOSTILE, url="https://x.example/a b>c|d")),
            summary=HOSTILE,
        )
    )
    details: Any = render.details(Details("req_1", 1, HOSTILE, (Fact("Why", HOSTILE),), HOSTILE), ORIGIN)
    field = Field(
        "/a", HOSTILE, "choice", hint=HOSTILE, initial="v", options=(Option("v", HOSTILE),), placeholder=HOSTILE
    )
    form: Any = render.form(_form([field], "edit"), ORIGIN, {}, fault=HOSTILE)

    def marked(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [str(value["text"])] if value.get("type") == "mrkdwn" else []
            assert value.get("type") != "plain_text" or value["emoji"] is False
            return own + [text for item in value.values() for text in marked(item)]
        return [text for item in value for text in marked(item)] if isinstance(value, list) else []

    for text in marked([drawn["blocks"], details["blocks"], form["blocks"]]):
        assert "bold" not in text
        assert "U0ADA" not in text
        assert "<!here>" not in text
        assert "<!channel>" not in text
    assert "<" not in drawn["text"]
    assert ":fire:" not in drawn["text"]


def test_links_lead_only_to_web_addresses() -> None:
    """A link is drawn for http and https; anything else is shown as text."""
    drawn: Any = render.message(
        card(footer=(Fact("Run", "x", url="javascript:alert(1)"), Fact("Run", "y", url="https://a.example/")))
    )
    assert "javascript" not in json.dumps(drawn)
    assert "<https://a.example/|Run>" in texts(drawn["blocks"])


def test_strings_and_numbers_look_different() -> None:
    """The string "500" and the number 500 stay apart."""
    drawn: Any = render.message(card(arguments=(Row("a", "text", '"500"'), Row("b", "number", "500"))))
    assert {'"500"', "500"} <= set(texts(drawn["blocks"]))


def test_an_edit_shows_before_and_after() -> None:
    """A changed argument shows both values."""
    drawn: Any = render.message(card(arguments=(Row("amount", "number", "400", before="500"),)))
    assert "500 → 400" in texts(drawn["blocks"])


def test_risk_is_a_word_and_a_colour() -> None:
    """Risk does not rest on colour alone."""
    assert "🔴 High risk" in texts(render.message(card(risk="high")))


def test_expiry_is_in_the_readers_time_zone() -> None:
    """A moment is written as Slack's date, with UTC for clients that cannot."""
    at = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    drawn: Any = render.message(card(footer=(Fact("Expires", moment=at),)))
    assert "*Expires* <!date^1795161600^{date_short_pretty} {time}|2026-11-20 08:00 UTC>" in texts(drawn)


def test_what_is_hidden_is_counted() -> None:
    """A shortened value says how many characters are missing, the core's and ours together."""
    drawn: Any = render.message(card(facts=(Fact("Why", "z" * 5000, hidden=1000),)))
    shown = next(text for text in texts(drawn["blocks"]) if text.startswith("zzz"))
    assert shown.endswith(f"({6000 - shown.count('z'):,} more characters)")


def test_buttons_carry_request_and_version() -> None:
    """I07: a button names the version its card shows, and one pattern covers every action."""
    drawn: Any = render.message(
        card(version=7, buttons=(Button("approve", "Approve", "primary"), Button("edit", "Edit…")))
    )
    approve, edit = drawn["blocks"][-1]["elements"]
    assert (approve["action_id"], approve["style"], ids.read_value(approve["value"])) == (
        "signoff.approve",
        "primary",
        ("req_1", 7, 0),
    )
    assert "style" not in edit


def test_i11_the_details_approve_on_their_last_page() -> None:
    """What decides stands after everything that is to be read, and nowhere before."""
    buttons = (Button("confirm", "Approve…", "primary"),)
    text = json.dumps({f"key {index}": "ä" * 500 for index in range(400)}, indent=2, ensure_ascii=False)
    details = Details("req_1", 2, "Import", (), text, buttons)
    first: Any = render.details(details, ORIGIN)
    assert "signoff.confirm" not in json.dumps(first)
    page = 1
    while "page.next" in json.dumps(view := render.details(details, ORIGIN, page)):
        page += 1
    assert check.view(view) == []
    [button] = view["blocks"][-1]["elements"]  # type: ignore[index]
    assert (button["action_id"], ids.read_value(button["value"])) == ("signoff.confirm", ("req_1", 2, 0))


@pytest.mark.parametrize("action", ["approve", "confirm"])
def test_i11_a_card_that_slack_has_no_room_for_does_not_approve(action: Any) -> None:
    """When our drawing leaves out an argument of a high-risk call, the approval waits in the details."""
    rows = tuple(Row(f"row {index}", "text", f'"{"z" * 700}"') for index in range(20))
    offered = (Button(action, "Approve", "primary"), Button("details", "Details"))
    shown = render.message(card(arguments=rows[:2], buttons=offered))
    assert f"signoff.{action}" in json.dumps(shown)
    withheld = render.message(card(arguments=rows, buttons=offered))
    assert f"signoff.{action}" not in json.dumps(withheld)
    assert any("open Details" in text for text in texts(withheld["blocks"]))
    assert f"signoff.{action}" in json.dumps(render.message(card(arguments=rows, buttons=offered, risk="low")))


def test_a_choice_starts_where_the_form_says() -> None:
    """A choice with a first value is submitted as that value when nobody touches it."""
    options = (Option("extend", "Give it more time"), Option("snooze", "Remind me later"))
    form = Form("req_1", 1, "more", "More", "Do it", (Field("what", "What", "choice", True, "", "snooze", options),))
    view: Any = render.form(form, ORIGIN, {})
    assert check.view(view) == []
    assert view["blocks"][0]["element"]["initial_option"]["text"]["text"] == "Remind me later"
    submission = submitted(view)
    assert (submission.purpose, parse.entries(form, submission.values)) == ("more", {"what": "snooze"})


def test_lines_of_a_fact_stay_lines() -> None:
    """A stage a line: the fact stands over the full width, with its line ends, as plain text."""
    plan = "1. finance: 1 of 2 (Ada)\n2. managers: waiting"
    drawn: Any = render.message(card(facts=(Fact("Stages", plan),), footer=(Fact("Votes", plan),)))
    whole = [block["text"] for block in drawn["blocks"] if block["type"] == "section" and "text" in block]
    assert {"type": "plain_text", "text": plan, "emoji": False} in whole
    alone = [block["elements"] for block in drawn["blocks"] if block["type"] == "context"]
    assert alone == [[{"type": "plain_text", "text": f"Votes:\n{plan}", "emoji": False}]]


def test_a_form_that_offers_nothing_cannot_be_sent() -> None:
    """When there is nothing to choose, the modal says so and has only a way out; an empty answer still can be sent."""
    note = "There is nothing here that you may do now."
    view: Any = render.form(Form("req_1", 1, "more", "More", "Done", (), (note,)), ORIGIN, {})
    assert check.view(view) == []
    assert "submit" not in view
    assert note in texts(view["blocks"])
    assert "submit" in render.form(Form("req_1", 1, "respond", "Answer", "Send", ()), ORIGIN, {})
